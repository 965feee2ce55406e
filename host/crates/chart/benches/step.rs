//! What an event costs. `cargo xtask bench` makes a table of the lines this prints.
//!
//! The charts stand in `step/charts.rs`: *flat*, *par* and *mix* are measured against the same machines written by hand; *timer* and *history* show what
//! steps cost that change more than configuration and data; guards are measured as the difference that asking them makes.

#[path = "step/charts.rs"]
mod charts;
#[path = "../tests/allocations/counting.rs"]
mod counting;
#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;
#[path = "../tests/chart/support.rs"]
mod support;

use charthouse_chart::*;
use charts::{Course, GUARDS, REGION};
use counting::counted;
use measure::{Compared, Figure, Floor, Goal, compare};
use std::hint::black_box;
use types::{Event, Value};

const ROUNDS: usize = 201;
/// A multiple of the length of every course.
const EVENTS: u32 = 2_400;

fn main() {
    against_hand(
        &charts::flat(),
        100.0,
        flat_by_hand(),
        "Selection, one exit, one entry; no allocation.",
    );
    against_hand(
        &charts::par(),
        400.0,
        par_by_hand(),
        "Selection in two regions, two exits, two entries, four assignments of checked expressions.",
    );
    against_hand(
        &charts::mix(),
        450.0,
        par_by_hand(),
        "*par*; every eighth event leaves the parallel state and enters it again.",
    );
    alone(
        &charts::timer(),
        "A timer is set and another withdrawn; listing the new one is an effect.",
    );
    alone(
        &charts::history(),
        "Of three events one moves on inside, one leaves (the history remembers), one returns through the history.",
    );
    for (guard, note) in [
        (
            "data.rounds < 3 && event.data.changed",
            "A comparison of a counter, and an entry of the event's data.",
        ),
        ("data.phase == 'done'", "A comparison of texts."),
        ("In('elsewhere')", "Whether a state is active."),
        (
            "size(data.files) > 3 || data.files[0] == 'main.rs'",
            "A function, an index, and a comparison of texts.",
        ),
    ] {
        print_guard(guard, note);
    }
    for course in [charts::flat(), charts::par(), charts::mix()] {
        print_saved(&course);
        print_memory(&course);
    }
    print_allocations(&[
        charts::flat(),
        charts::par(),
        charts::mix(),
        charts::timer(),
        charts::history(),
    ]);
}

/// A chart on its way.
struct Run<'c> {
    course: &'c Course,
    snapshot: Snapshot,
    effects: Effects,
}

impl<'c> Run<'c> {
    fn new(course: &'c Course) -> Self {
        let mut effects = Effects::new();
        let snapshot = start(&course.chart, 0, &mut effects).expect("the chart starts");
        Run {
            course,
            snapshot,
            effects,
        }
    }

    /// Take this many events.
    fn go(&mut self, events: u32) {
        let Run {
            course,
            snapshot,
            effects,
        } = self;
        for _ in 0..events / course.events.len() as u32 {
            for event in &course.events {
                let info = step(&course.chart, snapshot, black_box(event), effects)
                    .expect("the chart takes the event");
                assert!(info.taken);
                effects.clear();
            }
        }
    }
}

fn against_hand(course: &Course, goal: f64, mut by_hand: impl FnMut(&Event), note: &str) {
    let mut run = Run::new(course);
    let compared = compare(
        ROUNDS,
        EVENTS,
        |events| run.go(events),
        |events| {
            for _ in 0..events / course.events.len() as u32 {
                for event in &course.events {
                    by_hand(black_box(event));
                }
            }
        },
    );
    print(Figure {
        what: format!("an event, {}", course.name),
        value: compared.subject,
        unit: "ns".into(),
        floor: Some(Floor {
            what: "the same machine written by hand".into(),
            value: compared.floor,
            ratio: compared.ratio,
        }),
        goal: Some(Goal::AtMost(goal)),
        note: note.into(),
    });
}

fn alone(course: &Course, note: &str) {
    let mut run = Run::new(course);
    let compared = compare(ROUNDS, EVENTS, |events| run.go(events), |_| {});
    print(Figure {
        what: format!("an event, {}", course.name),
        value: compared.subject,
        unit: "ns".into(),
        floor: None,
        goal: None,
        note: note.into(),
    });
}

/// What asking a guard adds to an event that nothing else happens at.
fn print_guard(guard: &str, note: &str) {
    let course = charts::guarded(guard);
    let turn = |event: &Event, events: u32| {
        let mut run = Run::new(&course);
        for _ in 0..events {
            let Run {
                snapshot, effects, ..
            } = &mut run;
            let info = step(&course.chart, snapshot, black_box(event), effects)
                .expect("the chart takes the event");
            assert!(!info.taken);
        }
    };
    let Compared { subject, floor, .. } = compare(
        ROUNDS,
        EVENTS,
        |events| turn(&course.events[0], events),
        |events| turn(&course.events[1], events),
    );
    print(Figure {
        what: format!("a guard, `{guard}`"),
        value: (subject - floor) / GUARDS as f64,
        unit: "ns".into(),
        floor: None,
        goal: Some(Goal::AtMost(100.0)),
        note: format!(
            "{note} The difference between an event at which {GUARDS} transitions ask it and one at which none does."
        ),
    });
}

fn print_saved(course: &Course) {
    let run = Run::new(course);
    let saved = serde_json::to_vec(&run.snapshot.save(&course.chart)).expect("JSON");
    print(Figure {
        what: format!("{}, its snapshot saved", course.name),
        value: saved.len() as f64,
        unit: "bytes".into(),
        floor: None,
        goal: Some(Goal::AtMost(1_024.0)),
        note: "As JSON, the way the journal would keep it.".into(),
    });
}

fn print_memory(course: &Course) {
    let mut effects = Effects::new();
    let mut run = |snapshot: &mut Snapshot| {
        for event in course.events.iter().cycle().take(EVENTS as usize) {
            step(&course.chart, snapshot, event, &mut effects).expect("a step");
            effects.clear();
        }
    };
    // The working memory grows with the first one.
    let begin = || start(&course.chart, 0, &mut Effects::new()).expect("the chart starts");
    run(&mut begin());
    let (snapshot, asked) = counted(|| {
        let mut snapshot = begin();
        run(&mut snapshot);
        snapshot
    });
    print(Figure {
        what: format!("{}, its snapshot in memory", course.name),
        value: size_of_val(&snapshot) as f64 + asked.bytes as f64,
        unit: "bytes".into(),
        floor: None,
        goal: Some(Goal::AtMost(1_024.0)),
        note: format!(
            "After {EVENTS} events: the snapshot itself and everything it holds on the heap. Working memory is the caller's and shared."
        ),
    });
}

fn print_allocations(courses: &[Course]) {
    let mut allocations = 0;
    for course in courses {
        let mut run = Run::new(course);
        run.go(EVENTS);
        allocations += counted(|| run.go(EVENTS)).1.allocations;
    }
    let names: Vec<&str> = courses.iter().map(|course| course.name).collect();
    print(Figure {
        what: format!("an event, {}: allocations", names.join(", ")),
        value: allocations as f64 / (courses.len() as f64 * f64::from(EVENTS)),
        unit: "times".into(),
        floor: None,
        goal: Some(Goal::AtMost(0.0)),
        note: "Counted by the allocator, once the working memory has grown.".into(),
    });
}

fn print(figure: Figure) {
    println!("{figure}");
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

/// *par* and *mix*.
fn par_by_hand() -> impl FnMut(&Event) {
    let mut active: [usize; 2] = [0, 0];
    // Counters are values, as a chart's data are: a whole number that overflows is an error and not a wrap.
    let mut counters = [const { Value::Int(0) }; 4];
    let count = |counter: &mut Value| {
        if let Value::Int(number) = counter {
            *counter = number.checked_add(1).map_or(Value::Null, Value::Int);
        }
    };
    move |event| {
        match &*event.name {
            "tick" => {
                for side in 0..active.len() {
                    active[side] = (active[side] + 1) % REGION;
                    counters[2 * side..2 * side + 2].iter_mut().for_each(count);
                }
            }
            "again" => {
                active = [0, 0];
                counters.iter_mut().step_by(2).for_each(count);
            }
            _ => unreachable!("no other event comes"),
        }
        black_box((&active, &counters));
    }
}
