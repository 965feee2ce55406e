//! Definitions that are exchanged at every instant of a run, and the journal of each such run executed once more.

mod common;

use chart::{Effects, Incoming};
use charthouse_runtime::control::uncontrolled;
use charthouse_runtime::{Reload, Reloads, RunEvent, Services, SharedJournal, Status};
use common::{load, reply, request, sandbox, write};
use definitions::House;
use futures_util::stream;
use journal::Journal;
use serde_json::Value as Json;
use std::fs;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;
use tempfile::TempDir;
use types::{Clock, Event, Model, ModelFuture, ModelSink, Payload, Rng, Timestamp, Value};

const BEFORE: &str = "\
chart: t
version: 1.0.0
data: { entered: 0 }
initial: one
states:
  one:
    invoke: think
    on: { think.done: two }
    after: { 1h: late }
  two:
    initial: a
    states:
      a: { entry: [{ assign: { entered: data.entered + 1 } }], invoke: turn, on: { turn.done: b } }
      b: { type: final }
    on: { done.state.two: three }
  three: { invoke: turn, on: { turn.done: done } }
  done: { type: final }
  late: { type: final }
";

/// Every state has another name, one is gone, a region is new and data is counted otherwise.
const AFTER: &str = "\
chart: t
version: 2.0.0
data: { visits: 0 }
migrate:
  renamed: { one: first, two: second, two/a: inner }
  removed: { three: last }
  data: { visits: data.entered + 100 }
initial: first
states:
  first:
    invoke: think
    on: { think.done: second }
    after: { 1h: late }
  second:
    type: parallel
    states:
      inner: { initial: x, states: { x: { invoke: turn, on: { turn.done: y } }, y: { type: final } } }
      added: { initial: p, states: { p: { invoke: think, on: { think.done: q } }, q: { type: final } } }
    on: { done.state.second: last }
  last: { invoke: turn, on: { turn.done: done } }
  done: { type: final }
  late: { type: final }
";

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_000_000)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

impl Rng for Still {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// Answers after it has been asked a few times, so that a run has instants in between.
struct Slow;

impl Model for Slow {
    fn complete<'a>(&'a self, _: &'a Payload, _: &'a mut dyn ModelSink) -> ModelFuture<'a> {
        Box::pin(async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            Ok(reply("yes"))
        })
    }
}

fn house(chart: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    write(root, "charts/t.yaml", chart);
    write(
        root,
        "house.yaml",
        "house: h\nstore: sqlite:.charthouse/journal.db\nproviders: { p: { kind: openai, base_url: \"http://127.0.0.1:9/v1\" } }\n",
    );
    write(
        root,
        "agents/a.yaml",
        "agent: a\nversion: 1.0.0\nmodel: { provider: p, name: m, context_length: 10000, max_output: 100 }\ncognition: t\ncontext: [{ id: history, history: true, flexible: true, trim: oldest }]\n",
    );
    fs::create_dir_all(root.join(".charthouse")).unwrap();
    directory
}

/// What one run came to.
struct Ended {
    status: Status,
    /// Whether the run lasted until the instant of the reload.
    reloaded: bool,
    states: Vec<String>,
    records: Vec<(String, Json)>,
    whole: bool,
}

/// Run the agent of `old`, and hand in `reload` when the run looks for one for the time number `instant`.
fn play(
    directory: &TempDir,
    instant: usize,
    reload: impl Fn() -> Option<Reload> + 'static,
) -> Ended {
    let house = load(directory.path());
    let journal = SharedJournal::new(Journal::open(&house.store).unwrap());
    let clock: Arc<dyn Clock> = Arc::new(Still);
    let services = Services {
        sandbox: sandbox(directory.path(), clock.clone()),
        house: Arc::new(house),
        clock,
        rng: Arc::new(Still),
        meter: Arc::new(()),
    };
    let request = request(&services.house, "a", Some("go"), Arc::new(Slow));
    let mut looked = 0;
    let reloads: Reloads = Box::pin(stream::poll_fn(move |_| {
        looked += 1;
        match (looked == instant).then(&reload).flatten() {
            Some(reload) => Poll::Ready(Some(reload)),
            None => Poll::Pending,
        }
    }));
    let told = Arc::new(Mutex::new((Vec::new(), false)));
    let hears = told.clone();
    let services = uncontrolled(services, &journal.borrow()).unwrap();
    let end = common::play(
        &services,
        &journal,
        request,
        Arc::new(move |event: &RunEvent| {
            let mut told = hears.lock().unwrap();
            match event {
                RunEvent::State { configuration, .. } => told.0.push(configuration.join(" ")),
                RunEvent::Reloaded { .. } => told.1 = true,
                RunEvent::NotReloaded { why } => assert!(why.ends_with(": no"), "{why}"),
                _ => {}
            }
        }),
        reloads,
    );
    let records = journal.borrow().records(&end.run).unwrap();
    let told = told.lock().unwrap().clone();
    Ended {
        status: end.status,
        reloaded: told.1,
        states: told.0,
        records: records
            .into_iter()
            .map(|record| (record.kind, serde_json::from_str(&record.body).unwrap()))
            .collect(),
        whole: journal.borrow().verify().unwrap().first_bad.is_none(),
    }
}

/// Execute the charts of a journal again and compare every record of a step with what comes out.
fn replay(ended: &Ended, old: &House, new: &House) {
    let (mut bundle, after) = (&old.charts["t"], &new.charts["t"]);
    let mut effects = Effects::new();
    let mut snapshot = None;
    for (kind, body) in &ended.records {
        let time = body["time"].as_i64();
        match (kind.as_str(), &mut snapshot) {
            ("step", None) => {
                let started = chart::start(&bundle.chart, time.unwrap(), &mut effects);
                snapshot = Some(started.unwrap());
            }
            ("step", Some(snapshot)) => {
                let event = Event::new(
                    body["event"]["name"].as_str().unwrap(),
                    Value::from(&body["event"]["data"]),
                    time.unwrap(),
                );
                let incoming = match body["invocation"].as_str() {
                    Some(id) => Incoming::from_invocation(&event, id),
                    None => Incoming::from(&event),
                };
                chart::step(&bundle.chart, snapshot, incoming, &mut effects).unwrap();
            }
            ("migrated", Some(snapshot)) => {
                let moved = chart::migrate(
                    &bundle.chart,
                    &after.chart,
                    &after.migrate,
                    snapshot,
                    time.unwrap(),
                    &mut effects,
                );
                let (moved, migration) = moved.unwrap();
                assert_eq!(serde_json::to_value(&migration).unwrap(), body["migration"]);
                *snapshot = moved;
                bundle = after;
            }
            _ => continue,
        }
        let leaves = snapshot.as_ref().unwrap().leaves(&bundle.chart);
        assert_eq!(serde_json::to_value(leaves).unwrap(), body["configuration"]);
        assert_eq!(serde_json::to_value(&effects).unwrap(), body["effects"]);
        effects.clear();
    }
}

#[test]
fn a_version_that_does_the_same_can_come_at_every_instant() {
    let mut untouched = None;
    for instant in 0.. {
        let old = house(BEFORE);
        let new = house(&BEFORE.replace("1.0.0", "1.1.0"));
        let path = new.path().to_owned();
        let ended = play(&old, instant, move || {
            Some(Reload::Ready(Box::new(load(&path))))
        });
        assert_eq!(ended.status, Status::Done);
        assert!(ended.whole);
        let states = untouched.get_or_insert_with(|| ended.states.clone());
        assert_eq!(&ended.states, states, "at instant {instant}");
        replay(&ended, &load(old.path()), &load(new.path()));
        assert_eq!(
            ended.reloaded,
            ended.records.iter().any(|(kind, _)| kind == "migrated")
        );
        if instant > 0 && !ended.reloaded {
            assert!(instant > 10, "a run has more instants than {instant}");
            break;
        }
    }
}

#[test]
fn another_version_can_come_at_every_instant() {
    let mut ways = std::collections::BTreeSet::new();
    for instant in 1.. {
        let (old, new) = (house(BEFORE), house(AFTER));
        let path = new.path().to_owned();
        let ended = play(&old, instant, move || {
            Some(Reload::Ready(Box::new(load(&path))))
        });
        assert_eq!(
            ended.status,
            Status::Done,
            "at instant {instant}: {:?}",
            ended.states
        );
        assert!(ended.whole);
        replay(&ended, &load(old.path()), &load(new.path()));
        if !ended.reloaded {
            break;
        }
        let reloaded = &ended
            .records
            .iter()
            .find(|(kind, _)| kind == "reloaded")
            .unwrap()
            .1;
        assert_eq!(reloaded["affected"], serde_json::json!(["a"]));
        assert_eq!(reloaded["files"][0]["file"], "charts/t.yaml");
        assert_ne!(reloaded["files"][0]["old"], reloaded["files"][0]["new"]);
        ways.insert(ended.states);
    }
    assert!(ways.len() >= 3, "{ways:?}");
}

#[test]
fn a_broken_version_can_come_at_every_instant() {
    let mut seen = 0;
    for instant in 1..30 {
        let old = house(BEFORE);
        let told = Arc::new(Mutex::new(0));
        let ended = {
            let told = told.clone();
            play_broken(&old, instant, move || *told.lock().unwrap() += 1)
        };
        assert_eq!(ended.status, Status::Done);
        let refused = ended
            .records
            .iter()
            .filter(|(kind, _)| kind == "not_reloaded")
            .count();
        assert_eq!(refused, *told.lock().unwrap());
        seen += refused;
        replay(&ended, &load(old.path()), &load(old.path()));
    }
    assert!(seen > 10);
}

fn play_broken(directory: &TempDir, instant: usize, handed: impl Fn() + 'static) -> Ended {
    play(directory, instant, move || {
        handed();
        Some(Reload::Broken("charts/t.yaml:3:1: no".into()))
    })
}
