//! How many events a host takes a second, and what commits that many runs share cost each. `cargo xtask bench` makes a table of the lines this prints.
//!
//! The file that gathers commits is included by its path, because nothing outside of the runtime may write its records.

mod life;
#[allow(dead_code, reason = "other benchmarks use the rest")]
#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;
#[allow(dead_code, reason = "other benchmarks use the rest")]
#[path = "../src/point.rs"]
mod point;
#[allow(dead_code, reason = "other benchmarks use the rest")]
#[path = "../src/record.rs"]
mod record;
#[allow(
    dead_code,
    unused_imports,
    reason = "its tests are the runtime's, and do not run here"
)]
#[path = "../src/shared.rs"]
mod shared;
#[allow(
    dead_code,
    unused_imports,
    reason = "its tests are the runtime's, and do not run here"
)]
#[path = "../src/spending.rs"]
mod spending;

use charthouse_runtime::RuntimeError;
use charthouse_runtime::host::Host;
use futures_util::future::join_all;
use journal::{Journal, NewRecord};
use life::{LISTENER, Place, begin, quiet, text, tick};
use measure::{Compared, Figure, Floor, Goal, compare, median};
use record::{Kind, Pending};
use serde_json::json;
use shared::SharedJournal;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use types::Timestamp;

/// Runs that have something to record at the same time.
const TOGETHER: [usize; 3] = [1, 10, 100];
const AGENTS: usize = 1_000;
const ROUNDS: usize = 7;
/// Events in a row for one agent.
const ALONE: usize = 200;

fn main() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for runs in TOGETHER {
        println!("{}", together(directory, runs));
    }
    for figure in events(directory) {
        println!("{figure}");
    }
}

/// A macrostep of each of so many runs, handed in at the same time.
fn together(directory: &Path, runs: usize) -> Figure {
    let directory = tempfile::tempdir_in(directory).expect("a directory can be made");
    let open = |name| Journal::open(&directory.path().join(name)).expect("a journal can be begun");
    let (shared, mut plain) = (SharedJournal::new(open("shared.db")), open("plain.db"));
    let ids: Vec<Arc<str>> = (0..runs)
        .map(|n| format!("20261120-101112-{n:08x}").into())
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime can be made");
    let rounds = 400 / runs.max(4) + 1;
    let compared = compare(
        rounds,
        2,
        |times| {
            for _ in 0..times {
                let commits = ids
                    .iter()
                    .map(|run| shared.commit(run, pending(), Vec::new(), None));
                for ids in runtime.block_on(join_all(commits)) {
                    assert_eq!(ids.expect("it is recorded").len(), 3);
                }
            }
        },
        |times| {
            for _ in 0..times {
                for run in &ids {
                    append(&mut plain, run);
                }
            }
        },
    );
    let Compared {
        subject,
        floor,
        ratio,
    } = compared;
    let what = match runs {
        1 => "a macrostep recorded, one run alone".to_owned(),
        _ => format!("a macrostep recorded, {runs} runs at the same time"),
    };
    Figure {
        what,
        value: subject / 1e3 / runs as f64,
        unit: "µs".into(),
        floor: Some(Floor {
            what: "each in a durable commit of its own".into(),
            value: floor / 1e3 / runs as f64,
            ratio,
        }),
        goal: (runs == 1).then_some(Goal::Times(1.2)),
        note: "Three records, about 1 KiB, on the disk when the run goes on.".into(),
    }
}

fn pending() -> Vec<Pending> {
    let now = Timestamp(1_795_000_000_000);
    let body = json!({ "text": text(300) });
    [Kind::Told, Kind::Step, Kind::Rested]
        .map(|kind| Pending::new(now, kind, &body))
        .into()
}

fn append(journal: &mut Journal, run: &str) {
    let pending = pending();
    let records: Vec<NewRecord<'_>> = pending
        .iter()
        .map(|pending| NewRecord {
            run,
            time: pending.time,
            kind: pending.kind.name(),
            body: &pending.body,
        })
        .collect();
    journal.append(&records).expect("it is appended");
}

/// Signals to runs that stand still: each is recorded for the house, takes its run up, is taken, and the run is parked again.
fn events(directory: &Path) -> Vec<Figure> {
    let place = Place::within(directory);
    let journal = charthouse_runtime::SharedJournal::new(place.journal());
    let floor_at = tempfile::tempdir_in(directory).expect("a directory can be made");
    let floor_at = Journal::open(&floor_at.path().join("plain.db"));
    let mut plain = floor_at.expect("a journal can be begun");
    place.hosting(&journal, async |host| {
        let one = begin(host, LISTENER).await;
        quiet(host).await;
        let (mut alone, mut floors) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            alone.push(in_a_row(host, &one, ALONE).await);
            floors.push(commits(&mut plain, ALONE));
        }
        let mut runs = Vec::with_capacity(AGENTS);
        for _ in 0..AGENTS {
            runs.push(begin(host, LISTENER).await);
        }
        quiet(host).await;
        let mut all = Vec::new();
        let mut others = Vec::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            join_all(runs.iter().map(|run| tick(host, run))).await;
            quiet(host).await;
            all.push(microseconds(started, AGENTS));
            others.push(commits(&mut plain, AGENTS));
        }
        vec![
            figure("an event, one agent alone", &alone, &floors),
            figure("an event, 1,000 agents at once", &all, &others),
        ]
    })
}

/// Microseconds for an event of one run, each once the one before it is done.
async fn in_a_row(host: &Host, run: &str, events: usize) -> f64 {
    let started = Instant::now();
    for _ in 0..events {
        tick(host, run).await;
        quiet(host).await;
    }
    microseconds(started, events)
}

/// Microseconds for one durable commit of a macrostep.
fn commits(journal: &mut Journal, commits: usize) -> f64 {
    let started = Instant::now();
    for _ in 0..commits {
        append(journal, "20261120-101112-0a1b2c3d");
    }
    microseconds(started, commits)
}

fn microseconds(since: Instant, events: usize) -> f64 {
    since.elapsed().as_secs_f64() * 1e6 / events as f64
}

fn figure(what: &str, times: &[f64], floors: &[f64]) -> Figure {
    let value = median(times.iter().copied());
    Figure {
        what: what.into(),
        value,
        unit: "µs".into(),
        floor: Some(Floor {
            what: "one durable commit of the journal for each event".into(),
            value: median(floors.iter().copied()),
            ratio: median(times.iter().zip(floors).map(|(time, floor)| time / floor)),
        }),
        goal: None,
        note: format!(
            "{:.0} events a second. The signal is on the record before it is delivered; its run is read from the journal, takes it, and is parked again.",
            1e6 / value
        ),
    }
}
