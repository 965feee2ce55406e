//! Runs that stand still at a known place, because the model answers only when the test says so.

use crate::house::House;
use crate::server::{Answer, ModelServer, Said};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A model that answers only when the test says so, so that a run stands still at a known place.
pub struct Held {
    /// Who is asked.
    pub server: ModelServer,
    /// Its answers, in order.
    pub answers: Sender<Answer>,
}

impl Default for Held {
    fn default() -> Self {
        Held::new()
    }
}

impl Held {
    /// A model that has not been told anything yet.
    pub fn new() -> Self {
        let (answers, next) = channel();
        let server = ModelServer::start(move |_| next.recv().unwrap_or(Answer::Hang));
        Held { server, answers }
    }

    /// The entry of `providers` that asks it.
    pub fn provider(&self) -> String {
        self.server.provider()
    }

    /// Let it answer `text`.
    pub fn say(&self, text: &str) {
        self.answer(Said::text(text));
    }

    /// Let it call one tool.
    pub fn call(&self, tool: &str, arguments: Value) {
        self.answer(Said::text("").call(tool, arguments));
    }

    fn answer(&self, said: Said) {
        self.answers
            .send(Answer::Say(said))
            .expect("the model is listening");
    }
}

/// A run of the agent `tester` under way.
pub struct UnderWay {
    /// Its process.
    pub child: Child,
    lines: Receiver<Value>,
    /// What it has printed so far.
    pub seen: Vec<Value>,
}

impl UnderWay {
    /// Begin one in `house`.
    pub fn begin(house: &House) -> Self {
        let mut child = house
            .command()
            .args(["run", "tester", "Go", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("it has been asked for"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).expect("every line is JSON"));
            }
        });
        UnderWay {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// The next line of this type; how long it takes is not what is tested.
    #[track_caller]
    pub fn until(&mut self, kind: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60));
            let line = line.unwrap_or_else(|_| panic!("no `{kind}` after {:#?}", self.seen));
            self.seen.push(line.clone());
            if line["type"] == kind {
                return line;
            }
        }
    }

    /// Assert that it ends so.
    #[track_caller]
    pub fn ended(mut self, status: &str) {
        let done = self.until("done");
        assert_eq!(done["status"], status, "{:#?}", self.seen);
        self.child.wait().expect("it has ended");
    }
}
