//! Killing the program and going on: how a run is driven to its end however often it is killed, and what must be true of its record afterwards.

use charthouse_tests::{House, Ran};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// Every point of a run at which a debug build can be killed by name.
pub const POINTS: [&str; 8] = [
    "commit",
    "committed",
    "begin",
    "back",
    "snapshot",
    "deliver",
    "resume",
    "end",
];

/// Whoever takes longer than this hangs.
const HANGS: Duration = Duration::from_secs(30);

/// How a process is to die.
#[derive(Clone, Debug)]
pub enum Kill {
    /// When it gets to a named point for the nth time.
    At(&'static str, u32),
    /// After so many microseconds.
    After(u64),
}

/// Start `command`; `None` when it was killed as wanted, else what it came to.
pub fn start(mut command: Command, kill: Option<&Kill>) -> Option<Ran> {
    if let Some(Kill::At(point, n)) = kill {
        command.env("CHARTHOUSE_KILL_AT", format!("{point}:{n}"));
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    if let Some(Kill::After(micros)) = kill {
        std::thread::sleep(Duration::from_micros(*micros));
        // It may be over.
        let _ = child.kill();
    }
    // Whoever hangs is not waited for: that is a failure, and how long it takes is not what is tested.
    let pid = rustix::process::Pid::from_child(&child);
    let (over, waited) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let hangs = waited.recv_timeout(HANGS) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if hangs {
            // It may have ended just now.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::ABORT);
        }
    });
    let output = child.wait_with_output().expect("it ends");
    drop(over);
    watch.join().expect("it only waits");
    match output.status.signal() {
        Some(9) => None,
        Some(other) => panic!(
            "signal {other} after {kill:?}: {}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        None => Some(Ran::from(output)),
    }
}

/// A run of an agent that is killed and taken up again.
pub struct Driven<'a> {
    pub house: &'a House,
    /// The command line of its beginning.
    pub begin: Vec<String>,
    /// What may follow `run AGENT --resume` to go on.
    pub again: Vec<String>,
}

impl<'a> Driven<'a> {
    pub fn new(house: &'a House) -> Self {
        Driven {
            house,
            begin: words(&["run", "tester", "Go", "--json"]),
            again: words(&["run", "--resume", "--json"]),
        }
    }

    fn command(&self, arguments: &[String]) -> Command {
        let mut command = self.house.command();
        command
            .args(arguments)
            // Every point of a resumption from a snapshot and what follows it is to be reached too.
            .env("CHARTHOUSE_SNAPSHOT_EVERY", "3");
        command
    }

    /// Begin, be killed as `kills` say one after another, go on until it ends. How many kills there were, and how the last process ended.
    #[track_caller]
    pub fn drive(&self, kills: &[Kill]) -> (usize, Ran) {
        let mut killed = 0;
        let mut kills = kills.iter();
        loop {
            let began = self.has_begun();
            let arguments = match began {
                true => &self.again,
                false => &self.begin,
            };
            let kill = kills.next();
            match start(self.command(arguments), kill) {
                Some(ran) => return (killed, ran),
                None => {
                    killed += 1;
                    self.verify();
                }
            }
        }
    }

    fn has_begun(&self) -> bool {
        let runs = self.house.run(["journal", "show", "--json", "--full"]);
        let runs = runs.expect(0).lines();
        runs.iter().any(|run| run["agent"] == "tester")
    }

    #[track_caller]
    pub fn verify(&self) {
        let answer = self.house.run(["journal", "verify", "--json"]);
        assert_eq!(answer.code, Some(0), "{}{}", answer.stdout, answer.stderr);
    }
}

pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A run's records, and what must be true of them however often its process was killed.
#[derive(Debug)]
pub struct Story {
    pub records: Vec<Value>,
}

impl Story {
    /// The records of the first run of `agent`.
    #[track_caller]
    pub fn of(house: &House, run: &str) -> Self {
        let ran = house.run(["journal", "show", run, "--json"]).expect(0);
        Story {
            records: ran.lines(),
        }
    }

    pub fn kind(&self, kind: &str) -> Vec<&Value> {
        let of = |record: &&Value| record["kind"] == kind;
        self.records.iter().filter(of).map(|r| &r["body"]).collect()
    }

    /// How it ended. One whose process was killed after that has ended again, in the same way.
    #[track_caller]
    pub fn ended(&self) -> &Value {
        let ended = self.kind("ended");
        let first = *ended.first().expect("it has ended");
        assert_eq!(first["status"], "done", "{first}");
        assert!(ended.iter().all(|other| **other == *first), "{ended:?}");
        first
    }

    /// Where its chart stood last.
    pub fn configuration(&self) -> Value {
        let steps = self.kind("step");
        steps
            .last()
            .map_or(Value::Null, |step| step["configuration"].clone())
    }

    /// Its conversation: who said what.
    pub fn items(&self) -> Vec<&Value> {
        self.kind("item")
            .into_iter()
            .map(|body| &body["item"])
            .collect()
    }

    /// What is said in it, without the names of calls and with no answers: that is the same whatever happened.
    pub fn outline(&self) -> Vec<Value> {
        let line = |item: &&Value| {
            let item: &Value = item;
            let calls: Vec<&Value> = item["calls"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|call| &call["name"])
                .collect();
            match item.get("call") {
                Some(_) => json!({ "answer": item["name"] }),
                None => json!({ "type": item["type"], "text": item["text"], "calls": calls }),
            }
        };
        self.items().iter().map(line).collect()
    }

    /// The text of an item.
    pub fn text(item: &Value) -> &str {
        item["text"].as_str().unwrap_or_default()
    }

    /// Everything that holds of any run that was killed any number of times.
    #[track_caller]
    pub fn holds(&self) {
        self.conversation_is_whole();
        self.effects_are_made_once();
        self.costs_are_booked();
    }

    /// Each call of a model has one answer, right behind it and in order.
    #[track_caller]
    fn conversation_is_whole(&self) {
        let mut open: Vec<&Value> = Vec::new();
        for item in self.items() {
            if let Some(call) = item.get("call") {
                assert!(!open.is_empty(), "an answer to nothing: {item}");
                assert_eq!(open.remove(0), call, "answers are in order");
                continue;
            }
            assert!(open.is_empty(), "{open:?} have no answer before {item}");
            let calls = item["calls"].as_array().into_iter().flatten();
            open = calls.map(|call| &call["id"]).collect();
        }
        assert!(open.is_empty(), "{open:?} have no answer");
        let numbers: Vec<u64> = self
            .kind("item")
            .iter()
            .filter_map(|body| body["n"].as_u64())
            .collect();
        let counted: Vec<u64> = (0..numbers.len() as u64).collect();
        assert_eq!(numbers, counted, "items are numbered without a gap");
    }

    /// No effect is begun twice, unless that does no harm; then it has the same name, and the record says so.
    #[track_caller]
    fn effects_are_made_once(&self) {
        let mut begun: BTreeMap<u64, &Value> = BTreeMap::new();
        let mut ids: BTreeMap<(String, String), u64> = BTreeMap::new();
        let mut over: BTreeSet<u64> = BTreeSet::new();
        for record in &self.records {
            let body = &record["body"];
            let Some(effect) = body["effect"].as_u64() else {
                continue;
            };
            match record["kind"].as_str() {
                Some("call") if body["call"].is_string() => {
                    assert!(!over.contains(&effect), "{effect} is over: {body}");
                    // The same call has the same name in all its life.
                    let key = (body["invocation"].to_string(), body["call"].to_string());
                    assert_eq!(*ids.entry(key).or_insert(effect), effect, "{body}");
                    match begun.insert(effect, body) {
                        None => assert!(body["again"].is_null(), "{body}"),
                        Some(first) => {
                            assert_eq!(body["again"], true, "{body}");
                            for key in ["call", "tool", "arguments", "invocation"] {
                                assert_eq!(first[key], body[key], "{key}");
                            }
                            let harmless = first["repeat"] != "once" || first["asks"] == true;
                            assert!(harmless, "it was made again: {first}");
                        }
                    }
                }
                Some("outcome") if body["call"].is_string() => {
                    assert!(over.insert(effect), "{effect} came back twice: {body}");
                }
                Some("uncertain") => {
                    assert!(over.insert(effect), "{effect} came back: {body}");
                    assert_eq!(begun[&effect]["repeat"], "once");
                }
                _ => {}
            }
        }
        // Each of which nobody knows was said to the chart and to the model.
        let uncertain = self.kind("uncertain");
        let steps = self.kind("step");
        let heard = steps
            .iter()
            .filter(|s| s["event"]["name"] == "tool.uncertain");
        assert_eq!(heard.count(), uncertain.len());
        for body in uncertain {
            let answer = self
                .items()
                .into_iter()
                .find(|item| item["call"] == body["call"]);
            if let Some(answer) = answer {
                assert!(
                    Story::text(answer).contains("it may have taken effect"),
                    "{answer}"
                );
            }
        }
    }

    /// Each inference that was sent is booked, and none twice.
    #[track_caller]
    fn costs_are_booked(&self) {
        let model = |body: &&&Value| body["model"].is_string();
        let costs = self.kind("cost");
        let booked = costs.iter().filter(model).count();
        assert_eq!(booked, self.kind("think").len(), "{costs:#?}");
    }

    /// How often the lines that the tool `hostile.append` was to write are in `written`: as often as the record says, and once at most.
    #[track_caller]
    pub fn agrees_with(&self, written: &str) {
        let mut uncertain = BTreeSet::new();
        for body in self.kind("uncertain") {
            uncertain.insert(body["effect"].as_u64());
        }
        let calls = self.kind("call");
        let appended = calls.iter().filter(|c| c["tool"] == "hostile.append");
        let mut known = 0;
        for body in appended {
            let arguments = body["arguments"].as_str().unwrap();
            let arguments: Value = serde_json::from_str(arguments).unwrap();
            let line = arguments["text"].as_str().unwrap();
            let times = written.matches(line).count();
            known += times;
            match uncertain.contains(&body["effect"].as_u64()) {
                true => assert!(times <= 1, "{line:?} is there {times} times: {written}"),
                false => assert_eq!(times, 1, "{line:?}: {written}"),
            }
        }
        assert_eq!(
            written.lines().count(),
            known,
            "and nothing else: {written}"
        );
    }
}

/// Numbers that look random and are the same each time.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below.max(1)
    }
}

/// Do `job` with every one of `all`, on as many threads as there are houses.
pub fn on_all<T: Send + Sync, H: Send>(houses: Vec<H>, all: Vec<T>, job: impl Fn(&H, &T) + Sync) {
    let queue = Mutex::new(all.into_iter());
    std::thread::scope(|scope| {
        let (queue, job) = (&queue, &job);
        for house in houses {
            scope.spawn(move || {
                loop {
                    let next = queue.lock().expect("nobody fails with it").next();
                    match next {
                        Some(one) => job(&house, &one),
                        None => return,
                    }
                }
            });
        }
    });
}

/// Forget all that has happened in `house`.
pub fn forget(house: &House) {
    let own = house.root.join(".charthouse");
    for entry in std::fs::read_dir(own).expect("it is there").flatten() {
        if entry.file_name() != "cache" {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
