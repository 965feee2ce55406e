//! Reading what `run --json` tells.

use crate::house::House;
use crate::program::Ran;
use serde_json::Value;

/// What `run --json` told: the last line, and everything before it.
#[derive(Debug)]
pub struct Told {
    /// Every line but the last.
    pub events: Vec<Value>,
    /// The last line.
    pub done: Value,
}

impl Told {
    /// Run the agent `tester` of `house`; the exit code must be `code`, every line JSON, and the last and only the last `done`.
    #[track_caller]
    pub fn of(house: &House, code: i32) -> Self {
        Told::read(&house.run(["run", "tester", "--json"]).expect(code))
    }

    /// Read what a run told.
    #[track_caller]
    pub fn read(ran: &Ran) -> Self {
        let mut events = ran.lines();
        let done = events.pop().expect("there is a last line");
        assert_eq!(done["type"], "done");
        assert!(events.iter().all(|event| event["type"] != "done"));
        assert_eq!(events[0]["type"], "started");
        assert_eq!(
            events[0]["run"], done["run"],
            "the first and the last line name the run"
        );
        let known = [
            "started",
            "state",
            "think",
            "text",
            "reasoning",
            "reply",
            "call",
            "outcome",
            "log",
            "ask",
            "reloaded",
            "not_reloaded",
        ];
        for event in &events {
            assert!(
                known.contains(&event["type"].as_str().expect("it is text")),
                "{event}"
            );
        }
        Told { events, done }
    }

    /// The same, after asserting the status.
    #[track_caller]
    pub fn ended(self, status: &str) -> Self {
        assert_eq!(self.done["status"], status, "{:#?}", self.events);
        self
    }

    /// The events of one type.
    pub fn of_type(&self, kind: &str) -> Vec<&Value> {
        self.events
            .iter()
            .filter(|event| event["type"] == kind)
            .collect()
    }

    /// The configurations that the chart went through.
    pub fn states(&self) -> Vec<String> {
        let leaves = |event: &&Value| {
            let leaves = event["configuration"].as_array().expect("it is a list");
            leaves
                .iter()
                .map(|leaf| leaf.as_str().expect("it is text"))
                .collect::<Vec<_>>()
                .join("+")
        };
        self.of_type("state").iter().map(leaves).collect()
    }

    /// All text that the model said.
    pub fn text(&self) -> String {
        self.of_type("reply")
            .iter()
            .map(|event| event["text"].as_str().expect("it is text"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}
