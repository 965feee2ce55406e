//! The charts that are measured, and the events that they are measured with. The test of allocations goes through the same ones.

use charthouse_chart::Chart;
use serde_json::{Map, Value as Json, json};
use types::{Event, Value};

/// How many states each region of *par* has.
pub const REGION: usize = 8;
/// How many transitions ask the guard of [`guarded`].
pub const GUARDS: usize = 16;

/// A chart and what happens to it, over and over.
pub struct Course {
    pub name: &'static str,
    pub chart: Chart,
    pub events: Vec<Event>,
}

impl Course {
    fn new(name: &'static str, chart: Json, events: &[&str]) -> Self {
        let event = |name: &&str| Event::new(*name, Value::Null, 0);
        Course {
            name,
            chart: crate::support::chart(chart),
            events: events.iter().map(event).collect(),
        }
    }
}

/// Two states that an event changes between.
pub fn flat() -> Course {
    let chart = json!({
        "initial": "off",
        "states": {"off": {"on": {"toggle": "on"}}, "on": {"on": {"toggle": "off"}}},
    });
    Course::new("flat", chart, &["toggle"])
}

/// Four levels: a compound state, in it a parallel one, in that two regions of eight states each. Every event moves both regions to their next
/// state, and each of the two counts once in its transition and once in the entry of the state it comes to: four actions an event.
pub fn par() -> Course {
    Course::new("par", par_chart(), &["tick"])
}

/// *par*, where every eighth event leaves the parallel state and enters it again.
pub fn mix() -> Course {
    let mut events = ["tick"; 8];
    events[7] = "again";
    Course::new("mix", par_chart(), &events)
}

fn par_chart() -> Json {
    let region = |side: &str| {
        let name = |index: usize| format!("{side}{}", index % REGION);
        let count = |what: &str| {
            let counter = format!("{side}_{what}");
            let plus = format!("data.{counter} + 1");
            json!([{"assign": {(counter): plus}}])
        };
        let states: Map<String, Json> = (0..REGION)
            .map(|index| {
                let tick = json!({"target": name(index + 1), "actions": count("moved")});
                let state = json!({"entry": count("entered"), "on": {"tick": tick}});
                (name(index), state)
            })
            .collect();
        json!({"initial": name(0), "states": states})
    };
    json!({
        "data": {"left_moved": 0, "left_entered": 0, "right_moved": 0, "right_entered": 0},
        "initial": "outer",
        "states": {"outer": {
            "initial": "both",
            "states": {"both": {
                "type": "parallel",
                "states": {"left": region("left"), "right": region("right")},
                "on": {"again": {"target": "both", "reenter": true}},
            }},
        }},
    })
}

/// A state with a timer is left for another one at every event.
pub fn timer() -> Course {
    let state = |other: &str| json!({"on": {"go": other}, "after": {"1s": other}});
    let chart =
        json!({"initial": "here", "states": {"here": state("there"), "there": state("here")}});
    Course::new("timer", chart, &["go"])
}

/// A state moves on inside, is left, and is entered again through its history.
pub fn history() -> Course {
    let chart = json!({
        "initial": "work",
        "states": {
            "work": {
                "initial": "draft",
                "states": {
                    "draft": {"on": {"next": "check"}},
                    "check": {"on": {"next": "draft"}},
                    "last": {"type": "history", "target": "draft"},
                },
                "on": {"pause": "paused"},
            },
            "paused": {"on": {"resume": "last"}},
        },
    });
    Course::new("history", chart, &["next", "pause", "resume"])
}

/// A state whose transitions all ask `guard`, which is false, at `ask`, and nothing at the second event.
pub fn guarded(guard: &str) -> Course {
    let ask: Vec<Json> = (0..GUARDS)
        .map(|_| json!({"guard": guard, "target": "elsewhere"}))
        .collect();
    let chart = json!({
        "data": {"rounds": 1, "phase": "planning", "files": ["a.rs", "b.rs"]},
        "initial": "here",
        "states": {"here": {"on": {"ask": ask, "other": "elsewhere"}}, "elsewhere": {}},
    });
    let mut course = Course::new("guard", chart, &["ask", "ignored"]);
    for event in &mut course.events {
        event.data = Value::map([("changed", Value::Bool(false))]);
    }
    course
}
