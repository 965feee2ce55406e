//! What an event costs. `cargo xtask bench` makes a table of the lines this prints.
//!
//! *flat* is two states that an event changes between. *par* has four levels (a compound state, in it a parallel one, in that two regions of eight states
//! each); every event moves both regions to their next state, and each of the two counts once in its transition and once in the entry of the state it
//! comes to, so that an event performs four actions.

#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;

use charthouse_chart::*;
use measure::{Figure, Floor, Goal, compare};
use std::hint::black_box;
use std::sync::Arc;
use types::{Event, Marked, Place, Value};

const ROUNDS: usize = 201;
const EVENTS: u32 = 2_000;
const REGION: usize = 8;

fn main() {
    print(
        "an event, flat",
        &flat(),
        "toggle",
        100.0,
        flat_by_hand(),
        "Selection, one exit, one entry; no allocation.",
    );
    print(
        "an event, par",
        &par(),
        "tick",
        400.0,
        par_by_hand(),
        "Selection in two regions, two exits, two entries, four assignments of checked expressions.",
    );
}

fn print(
    what: &str,
    chart: &Chart,
    event: &str,
    goal: f64,
    mut by_hand: impl FnMut(&Event),
    note: &str,
) {
    let event = Event::new(event, Value::Null, 0);
    let mut effects = Effects::new();
    let mut snapshot = start(chart, 0, &mut effects).expect("the chart starts");
    let compared = compare(
        ROUNDS,
        EVENTS,
        |events| {
            for _ in 0..events {
                let info = step(chart, &mut snapshot, black_box(&event), &mut effects)
                    .expect("the chart takes the event");
                assert!(info.taken);
            }
        },
        |events| {
            for _ in 0..events {
                by_hand(black_box(&event));
            }
        },
    );
    let figure = Figure {
        what: what.into(),
        value: compared.subject,
        unit: "ns".into(),
        floor: Some(Floor {
            what: "the same machine written by hand".into(),
            value: compared.floor,
            ratio: compared.ratio,
        }),
        goal: Some(Goal::AtMost(goal)),
        note: note.into(),
    };
    println!("{figure}");
    let saved = serde_json::to_vec(&snapshot.save(chart)).expect("a snapshot is JSON");
    let figure = Figure {
        what: format!("{}, its snapshot saved", what.replace("an event, ", "")),
        value: saved.len() as f64,
        unit: "bytes".into(),
        floor: None,
        goal: Some(Goal::AtMost(1_024.0)),
        note: "As JSON, the way the journal would keep it.".into(),
    };
    println!("{figure}");
}

fn flat() -> Chart {
    let toggle = |id: &str, to: &str| StateDef {
        transitions: vec![transition("toggle", to, vec![])],
        ..state(id)
    };
    chart(StateDef {
        initial: initial("off"),
        states: vec![toggle("off", "on"), toggle("on", "off")],
        ..state("")
    })
}

fn par() -> Chart {
    let region = |side: &str| {
        let name = |index: usize| format!("{side}{}", index % REGION);
        let states = (0..REGION).map(|index| StateDef {
            entry: vec![vec![count(&format!("{side}_entered"))]],
            transitions: vec![transition(
                "tick",
                &name(index + 1),
                vec![count(&format!("{side}_moved"))],
            )],
            ..state(&name(index))
        });
        StateDef {
            initial: initial(&name(0)),
            states: states.collect(),
            ..state(side)
        }
    };
    let both = StateDef {
        kind: StateKind::Parallel,
        states: vec![region("left"), region("right")],
        ..state("both")
    };
    let outer = StateDef {
        initial: initial("both"),
        states: vec![both],
        ..state("outer")
    };
    chart(StateDef {
        initial: initial("outer"),
        states: vec![outer],
        ..state("")
    })
}

fn chart(root: StateDef) -> Chart {
    let counters = ["left_moved", "left_entered", "right_moved", "right_entered"];
    let def = ChartDef {
        name: marked("bench"),
        version: "1.0.0".into(),
        kind: ChartKind::Cognition,
        data: counters
            .map(|name| DataDef {
                name: marked(name),
                value: DataValue::Literal(Value::Int(0)),
            })
            .into(),
        root,
    };
    let compiled = compile(&def, Mode::Strict);
    compiled.expect("the chart is right").chart
}

fn state(id: &str) -> StateDef {
    StateDef {
        id: marked(id),
        doc: None,
        tags: vec![],
        kind: StateKind::Normal,
        initial: None,
        states: vec![],
        entry: vec![],
        exit: vec![],
        transitions: vec![],
        invoke: vec![],
        output: None,
        data: vec![],
    }
}

fn initial(target: &str) -> Option<InitialDef> {
    Some(InitialDef {
        targets: vec![marked(target)],
        actions: vec![],
    })
}

fn transition(event: &str, target: &str, actions: Vec<ActionDef>) -> TransitionDef {
    TransitionDef {
        events: vec![marked(event)],
        after: None,
        guard: None,
        targets: vec![marked(target)],
        actions,
        reenter: false,
        place: place(),
    }
}

fn count(name: &str) -> ActionDef {
    ActionDef::Assign {
        location: marked(name),
        expr: marked(&format!("data.{name} + 1")),
    }
}

fn marked(text: &str) -> Marked<String> {
    Marked::new(text.to_owned(), place())
}

fn place() -> Place {
    Place::new("bench.yaml", 1, 1)
}

fn flat_by_hand() -> impl FnMut(&Event) {
    let mut on = false;
    move |event| {
        match (&*event.name, on) {
            ("toggle", now) => on = !now,
            _ => unreachable!("no other event comes"),
        }
        black_box(on);
    }
}

fn par_by_hand() -> impl FnMut(&Event) {
    let mut active: [usize; 2] = [0, 0];
    // Counters are values, as a chart's data are: a whole number that overflows is an error and not a wrap.
    let mut counters = [const { Value::Int(0) }; 4];
    let name: Arc<str> = "tick".into();
    move |event| {
        if event.name == name {
            for side in 0..active.len() {
                active[side] = (active[side] + 1) % REGION;
                for counter in &mut counters[2 * side..2 * side + 2] {
                    if let Value::Int(number) = counter {
                        *counter = number.checked_add(1).map_or(Value::Null, Value::Int);
                    }
                }
            }
        }
        black_box((&active, &counters));
    }
}
