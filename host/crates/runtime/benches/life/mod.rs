//! A small house whose agents think for nothing, and a host over it: what the benches of whole lives share.
//!
//! Time stands still unless a bench moves it on, the model answers at once, and nothing is sandboxed: what is left is charts, records and the store.

#![allow(dead_code, reason = "each bench uses a part of it")]

use charthouse_runtime::control::uncontrolled;
use charthouse_runtime::host::{Command, Host, Hosting, Mode, Refused};
use charthouse_runtime::{Admitted, Ask, Asked, RuntimeError, Services, SharedJournal};
use definitions::House;
use futures_util::stream;
use journal::Journal;
use sandbox::{Compiler, Sandbox, Settings};
use serde_json::Value as Json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::LocalSet;
use types::{
    Clock, ContentHash, Model, ModelFuture, ModelSink, Payload, Reply, Rng, StopReason, Timestamp,
    Usage,
};

/// An agent that changes its state with every `signal.tick`, and counts.
pub const LISTENER: &str = "listener";
/// One that does so every hour.
pub const HOURLY: &str = "hourly";
/// One that answers whoever speaks to it.
pub const TALKER: &str = "talker";

const HOUSE: &str = "\
house: bench
store: sqlite:.charthouse/journal.db
providers: { p: { kind: openai, base_url: \"http://127.0.0.1:9/v1\" } }
";

const CHARTS: [(&str, &str); 3] = [
    (
        LISTENER,
        "data: { n: 0 }\ninitial: a\nstates:\n  a: { entry: [{ assign: { n: data.n + 1 } }], on: { signal.tick: b } }\n  b: { on: { signal.tick: a } }\n",
    ),
    (
        HOURLY,
        "data: { n: 0 }\ninitial: a\nstates:\n  a: { entry: [{ assign: { n: data.n + 1 } }], after: { 1h: b } }\n  b: { after: { 1h: a } }\n",
    ),
    (
        TALKER,
        "initial: listen\nstates:\n  listen: { on: { human.said: answer } }\n  answer: { invoke: turn, on: { turn.done: listen } }\n",
    ),
];

/// A house on the disk that goes away with it.
pub struct Place {
    directory: TempDir,
    pub clock: Arc<Hand>,
    pub services: Services,
}

/// A clock whose hands are moved.
pub struct Hand(AtomicI64);

impl Hand {
    /// Move it on by so many milliseconds.
    pub fn on(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.now().0.unsigned_abs())
    }
}

/// Never the same twice.
struct Counting(AtomicU64);

impl Rng for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        let hash = ContentHash::of(&n.to_le_bytes()).to_string();
        for (to, from) in bytes.iter_mut().zip(hash.bytes().rev().cycle()) {
            *to = from.wrapping_mul(167);
        }
    }
}

/// Answers at once.
struct Free(String);

impl Model for Free {
    fn complete<'a>(&'a self, _: &'a Payload, _: &'a mut dyn ModelSink) -> ModelFuture<'a> {
        let text = self.0.clone();
        Box::pin(async {
            Ok(Reply {
                text: text.into(),
                stop: StopReason::End,
                usage: Usage::default(),
                reasoning: None,
                calls: Vec::new(),
                model: "m".into(),
                abandoned: None,
                request: None,
            })
        })
    }
}

/// A text of so many bytes that reads like one.
pub fn text(bytes: usize) -> String {
    let mut text = "The tide table of the outer harbour was compared with the log of the pilot boat, entry by entry. ".repeat(bytes / 90 + 1);
    text.truncate(bytes);
    text
}

impl Place {
    /// Its services, let in by the gate.
    pub fn admitted(&self, journal: &SharedJournal) -> Admitted {
        uncontrolled(self.services.clone(), &journal.borrow()).expect("it is not controlled")
    }

    /// A house within `directory`.
    pub fn within(directory: &Path) -> Self {
        let directory = tempfile::tempdir_in(directory).expect("a directory can be made");
        let root = directory.path();
        write(root, "house.yaml", HOUSE);
        for (name, chart) in CHARTS {
            let chart = format!("chart: {name}\nversion: 1.0.0\nkind: cognition\n{chart}");
            write(root, &format!("charts/{name}.yaml"), &chart);
            let agent = format!(
                "agent: {name}\nversion: 1.0.0\nmodel: {{ provider: p, name: m, context_length: 131072, max_output: 1000 }}\ncognition: {name}\ncontext: [{{ id: history, history: true, flexible: true, trim: oldest }}]\n"
            );
            write(root, &format!("agents/{name}.yaml"), &agent);
        }
        std::fs::create_dir_all(root.join(".charthouse")).expect("a directory can be made");
        let house =
            definitions::load(root).unwrap_or_else(|report| panic!("{}", report.render(false)));
        let clock = Arc::new(Hand(AtomicI64::new(1_795_000_000_000)));
        let services = Services {
            sandbox: Arc::new(Sandbox::new(Settings {
                cache: root.join("cache"),
                compiler: Compiler::Here,
                concurrency: 1,
                clock: clock.clone(),
                state: None,
                http: None,
            })),
            house: Arc::new(house),
            clock: clock.clone(),
            rng: Arc::new(Counting(AtomicU64::new(1))),
            meter: Arc::new(()),
        };
        Place {
            directory,
            clock,
            services,
        }
    }

    /// Its journal.
    pub fn journal(&self) -> Journal {
        Journal::open(&self.services.house.store).expect("a journal can be opened")
    }

    /// Bytes that its store takes on the disk.
    pub fn stored(&self) -> u64 {
        let files = std::fs::read_dir(self.directory.path().join(".charthouse"));
        let files = files.expect("the store's directory is there");
        files
            .flatten()
            .filter_map(|file| file.metadata().ok())
            .map(|data| data.len())
            .sum()
    }

    /// Do `work` with a host of this house over `journal`, on this thread.
    pub fn hosting<T>(&self, journal: &SharedJournal, work: impl AsyncFnOnce(&Host) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        LocalSet::new().block_on(&runtime, async {
            let host = Host::new(
                self.admitted(journal),
                journal.clone(),
                Box::new(whom),
                Mode::Live,
            )
            .expect("the journal can be read");
            let turning = tokio::task::spawn_local({
                let host = host.clone();
                async move { host.turn(Box::pin(stream::pending())).await }
            });
            let result = work(&host).await;
            ask(&host, Command::Shutdown { within_ms: Some(0) }).await;
            let ended: Result<(), RuntimeError> = turning.await.expect("the host turns");
            ended.expect("the host ends in order");
            result
        })
    }
}

/// Whom all agents ask.
pub fn whom(house: &House, agent: &str) -> Result<(Vec<Asked>, Ask), Refused> {
    let asked = Asked {
        model: Arc::new(Free(text(750))),
        parameters: house.agents[agent].model.clone(),
        free: true,
        here: true,
        identity: ContentHash::of(b""),
    };
    Ok((vec![asked], Box::new(|_, _| Ok(None))))
}

/// Ask the host, which does it.
pub async fn ask(host: &Host, command: Command) -> Json {
    let answer = host.ask(command).await;
    answer.unwrap_or_else(|refused| panic!("{refused}"))
}

/// Begin a run of `agent`.
pub async fn begin(host: &Host, agent: &str) -> String {
    let command = Command::Start {
        agent: agent.into(),
        prompt: None,
        instance: None,
        role: None,
        resume: None,
    };
    let answer = ask(host, command).await;
    answer["run"].as_str().expect("it has an id").to_owned()
}

/// Signal a run.
pub async fn tick(host: &Host, run: &str) {
    let command = Command::Signal {
        run: run.into(),
        event: "signal.tick".into(),
        data: None,
    };
    ask(host, command).await;
}

/// Wait until every run is parked.
pub async fn quiet(host: &Host) {
    loop {
        let health = ask(host, Command::Health {}).await;
        if health["running"] == 0 {
            assert_eq!(health["status"], "ok", "{health}");
            return;
        }
        match health["runs"].as_u64() {
            // To look at one costs nothing.
            Some(0..=1) => tokio::task::yield_now().await,
            _ => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    let directory = path.parent().expect("it lies in a directory");
    std::fs::create_dir_all(directory).expect("a directory can be made");
    std::fs::write(path, text).expect("it can be written");
}
