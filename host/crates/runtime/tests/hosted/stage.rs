//! A house of a few agents whose model answers at once and hands nothing in, with a clock that stands still while nothing waits for it.

use crate::common::{load, reply, sandbox, write};
use charthouse_runtime::control::uncontrolled;
use charthouse_runtime::host::{Host, Mode, Refused, RefusedCode};
use charthouse_runtime::{Ask, Asked, Reload, Services, SharedJournal};
use definitions::House;
use futures_util::stream;
use journal::faults::{Chances, Faults};
use journal::{Journal, SqliteStore};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering::SeqCst};
use std::task::{Poll, Waker};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::LocalSet;
use tokio::time::Instant;
use types::{
    Clock, ContentHash, Model, ModelError, ModelErrorKind, ModelFuture, ModelSink, Payload, Rng,
    Timestamp,
};

pub const DAY: i64 = 86_400_000;

const HOUSE: &str = "\
house: h
store: sqlite:journal.db
providers: { p: { kind: openai, base_url: \"http://127.0.0.1:9/v1\" } }
";
const ONCE: &str = "\
chart: once
version: 1.0.0
initial: work
states:
  work: { invoke: turn, on: { turn.done: done } }
  done: { type: final }
";
const WAIT: &str = "\
chart: wait
version: 1.0.0
initial: idle
states:
  idle: { on: { human.enough: done } }
  done: { type: final }
";
const BRITTLE: &str = "\
chart: brittle
version: 1.0.0
initial: idle
states:
  idle: { on: { signal.fall: falling, signal.poke: poked } }
  falling: { invoke: turn }
  poked: {}
";
const SPINNER: &str = "\
chart: spinner
version: 1.0.0
data: { n: 0 }
initial: idle
states:
  idle: { after: { 1s: left } }
  left: { always: { guard: data.n == 0, target: right } }
  right: { always: { guard: data.n == 0, target: left } }
";
/// It asks and is not answered, and has enough of that after a day.
const BUSY: &str = "\
chart: busy
version: 1.0.0
initial: asking
states:
  asking: { invoke: turn, after: { 1d: done } }
  done: { type: final }
";
const TIMED: &str = "\
chart: timed
version: 1.0.0
initial: idle
states:
  idle: { after: { 1d: done } }
  done: { type: final }
";
const PARENT: &str = "\
chart: parent
version: 1.0.0
initial: idle
states:
  idle: { on: { signal.homeless: homeless, signal.patient: patient } }
  homeless:
    invoke: { activity: agent, params: { agent: homeless, prompt: Go. } }
    on: { agent.done: done, error: done }
  patient:
    invoke: { activity: agent, params: { agent: patient, prompt: Go. } }
    on: { agent.done: done, error: done }
  done: { type: final }
";
/// It waits for others until it has had enough of that.
const DATED: &str = "\
chart: dated
version: 1.0.0
initial: first
states:
  first:
    invoke: { activity: agent, params: { agent: silent, prompt: Go., deadline: 2h } }
    on: { agent.done: done, error: second }
  second:
    invoke: { activity: agent, params: { agent: patient, prompt: Go., deadline: 2h } }
    on: { agent.done: done, error: done }
  done: { type: final }
";
const PIECE: &str = "\
chart: piece
version: 1.0.0
kind: workflow
roles: { writer: {} }
initial: writing
states:
  writing: { role: writer, on: { role.done: over, human.enough: over }, after: { 60d: over } }
  over: { type: final }
";

/// What outlives a host.
pub struct Stage {
    directory: TempDir,
    saved: Saved,
    /// What goes wrong with the disk while a host lives.
    pub faults: Faults,
    services: Services,
    clock: Arc<Virtual>,
}

/// What was saved and not read, and who waits for it.
type Saved = Rc<RefCell<(VecDeque<Reload>, Option<Waker>)>>;

/// Time that passes only while nothing happens, shown by a clock that can be set.
struct Virtual {
    began: Instant,
    /// By how many milliseconds it was set forward.
    ahead: AtomicI64,
    /// By how many it is known to have been set back.
    back: AtomicI64,
}

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap();
        Timestamp(Stage::BEGINNING + self.ahead.load(SeqCst) + passed)
    }
    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }
    fn set_back(&self) -> i64 {
        self.back.load(SeqCst)
    }
    fn was_set_back(&self, by: i64) {
        self.back.store(by, SeqCst);
    }
}

/// Never the same twice.
struct Counting(AtomicU8);

impl Rng for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, SeqCst));
    }
}

struct Answers;

impl Model for Answers {
    fn complete<'a>(&'a self, _: &'a Payload, _: &'a mut dyn ModelSink) -> ModelFuture<'a> {
        Box::pin(async { Ok(reply("yes")) })
    }
}

/// Never answers.
struct Silent;

impl Model for Silent {
    fn complete<'a>(&'a self, _: &'a Payload, _: &'a mut dyn ModelSink) -> ModelFuture<'a> {
        Box::pin(std::future::pending())
    }
}

struct Fails;

impl Model for Fails {
    fn complete<'a>(&'a self, _: &'a Payload, _: &'a mut dyn ModelSink) -> ModelFuture<'a> {
        Box::pin(async { Err(ModelError::new(ModelErrorKind::Rejected, "no")) })
    }
}

impl Stage {
    /// Monday, 5 January 2026, at midnight.
    pub const BEGINNING: i64 = 1_767_571_200_000;

    /// A new house, in which the agent `thrifty` has the budget `limit`. Within a runtime whose time stands still.
    pub fn new(limit: &str) -> Self {
        Stage::of(HOUSE, limit)
    }

    /// One that keeps `agent` up.
    pub fn keeping(agent: &str) -> Self {
        Stage::of(
            &format!("{HOUSE}serve: {{ keep: [{{ agent: {agent} }}] }}\n"),
            "",
        )
    }

    fn of(house: &str, limit: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let put = |file: &str, text: &str| write(directory.path(), file, text);
        put("house.yaml", house);
        put("charts/once.yaml", ONCE);
        put("charts/wait.yaml", WAIT);
        put("charts/brittle.yaml", BRITTLE);
        put("charts/busy.yaml", BUSY);
        put("charts/timed.yaml", TIMED);
        put("charts/dated.yaml", DATED);
        put("charts/piece.yaml", PIECE);
        put("charts/spinner.yaml", SPINNER);
        put("charts/parent.yaml", PARENT);
        write_agents(directory.path(), limit);
        let house = load(directory.path());
        let clock = Arc::new(Virtual {
            began: Instant::now(),
            ahead: AtomicI64::new(0),
            back: AtomicI64::new(0),
        });
        let services = Services {
            sandbox: sandbox(directory.path(), clock.clone()),
            house: Arc::new(house),
            clock: clock.clone(),
            rng: Arc::new(Counting(AtomicU8::new(0))),
            meter: Arc::new(()),
        };
        Stage {
            directory,
            saved: Saved::default(),
            faults: Faults::new(1, Chances::default()),
            services,
            clock,
        }
    }

    /// From now on `thrifty` has the budget `limit`, and the host that lives hears of it.
    pub fn save(&self, limit: &str) {
        write_agents(self.directory.path(), limit);
        let house = load(self.directory.path());
        let mut saved = self.saved.borrow_mut();
        saved.0.push_back(Reload::Ready(Box::new(house)));
        saved.1.take().into_iter().for_each(Waker::wake);
    }

    pub fn now(&self) -> i64 {
        self.clock.now().0
    }

    /// Set the clock forward, as a person does or a machine that has slept: no timer of the process hears of it.
    pub fn set_clock_forward(&self, by: i64) {
        self.clock.ahead.fetch_add(by, SeqCst);
    }

    /// Set the clock back, which it notices; or right again, by less than nothing.
    pub fn set_clock_back(&self, by: i64) {
        self.clock.ahead.fetch_sub(by, SeqCst);
        self.clock.back.fetch_add(by, SeqCst);
    }

    pub async fn sleep_until(&self, time: i64) {
        let left = u64::try_from(time - self.now()).unwrap();
        tokio::time::sleep(Duration::from_millis(left)).await;
    }

    pub fn house(&self) -> House {
        load(self.directory.path())
    }

    pub fn journal(&self) -> Journal {
        Journal::open(&self.directory.path().join("journal.db")).unwrap()
    }

    /// The bodies of the records of one kind in `run`.
    pub fn records(&self, run: &str, kind: &str) -> Vec<Json> {
        let records = self.journal().records(run).unwrap().into_iter();
        let its = records.filter(|record| record.kind == kind);
        its.map(|record| serde_json::from_str(&record.body).unwrap())
            .collect()
    }

    /// A host of the house for as long as `meanwhile` lasts; then it is gone without a word.
    pub async fn live<T>(&self, meanwhile: impl AsyncFnOnce(&Host) -> T) -> T {
        let store = SqliteStore::open(&self.directory.path().join("journal.db")).unwrap();
        let journal = Journal::over(self.faults.around(store));
        let seeded = self.services.clone();
        let whom = Box::new(move |_: &House, agent: &str| {
            if agent == "homeless" {
                let help = "ask somebody else";
                return Err(Refused::new(RefusedCode::Provider, "nobody answers", help));
            }
            let model: Arc<dyn Model> = match agent {
                "brittle" => Arc::new(Fails),
                "silent" => Arc::new(Silent),
                _ => Arc::new(Answers),
            };
            let asked = Asked {
                model,
                parameters: seeded.house.agents[agent].model.clone(),
                free: true,
                here: true,
                identity: ContentHash::of(b""),
            };
            let ask: Ask = Box::new(|_, _| Ok(None));
            Ok((vec![asked], ask))
        });
        let services = uncontrolled(self.services.clone(), &journal).unwrap();
        let host = Host::new(services, SharedJournal::new(journal), whom, Mode::Live).unwrap();
        let local = LocalSet::new();
        let turns = host.clone();
        let saved = self.saved.clone();
        let reloads = stream::poll_fn(move |context| {
            let mut saved = saved.borrow_mut();
            match saved.0.pop_front() {
                Some(reload) => Poll::Ready(Some(reload)),
                None => {
                    saved.1 = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        });
        local
            .run_until(async {
                tokio::select! {
                    biased;
                    ended = turns.turn(Box::pin(reloads)) => panic!("{ended:?}"),
                    result = meanwhile(&host) => result,
                }
            })
            .await
    }
}

/// The agents of `house`, of which `thrifty` has the budget `limit`.
fn write_agents(house: &Path, limit: &str) {
    let budget = format!("budget: {{ {limit} }}");
    for (name, cognition, more) in [
        ("solo", "once", ""),
        ("patient", "wait", ""),
        ("homeless", "once", ""),
        ("brittle", "brittle", ""),
        ("silent", "busy", ""),
        ("timed", "timed", ""),
        ("dated", "dated", "children: { depth: 1 }"),
        ("idler", "once", "roles: [writer]"),
        ("spinner", "spinner", ""),
        (
            "parent",
            "parent",
            "children: { depth: 1, at_once: 4, total: 20 }",
        ),
        (
            "thrifty",
            "once",
            if limit.is_empty() { "" } else { &budget },
        ),
    ] {
        let agent = format!(
            "agent: {name}\nversion: 1.0.0\ncognition: {cognition}\nmodel: {{ provider: p, name: m, context_length: 20000, max_output: 100 }}\ncontext:\n  - {{ id: history, history: true, flexible: true, trim: oldest }}\n  - {{ id: workflow, role: user, slot: workflow, budget: 10%, trim: tail }}\n{more}\n"
        );
        write(house, &format!("agents/{name}.yaml"), &agent);
    }
}

/// A run that a host has begun, which waits for nothing that comes, and is left by that host.
pub async fn left_patient(stage: &Stage) -> String {
    let begun = stage.live(async |host| {
        let run = crate::begin(host, "patient").await;
        tokio::time::sleep(crate::minutes(1)).await;
        run
    });
    begun.await
}
