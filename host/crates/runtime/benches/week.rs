//! What a week leaves behind: a hundred agents that do something every hour. `cargo xtask bench` makes a table of the lines this prints.
//!
//! The clock is moved on by an hour at a time, and the host finds a hundred runs whose time has come. What it holds in memory is read after the first day and
//! at the end of the week; what the week left in the store is divided by what happened.

mod life;
#[allow(dead_code, reason = "other benchmarks use the rest")]
#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;
#[allow(dead_code, reason = "other benchmarks use the rest")]
#[path = "../../../../xtask/src/bench/memory.rs"]
mod memory;

use charthouse_runtime::SharedJournal;
use charthouse_runtime::host::{Command, Host};
use life::{HOURLY, LISTENER, Place, ask, begin, quiet, tick};
use measure::{Figure, Goal};
use serde_json::Value as Json;
use std::path::Path;
use std::time::Instant;
use types::{Clock, Timestamp};

const AGENTS: usize = 100;
const HOURS: u64 = 7 * 24;
const HOUR: i64 = 3_600_000;
/// What a week may add to what a process holds, in MiB: what an allocator keeps of it, and nothing that would go on growing.
const GROWTH: f64 = 1.0;

fn main() {
    let place = Place::within(Path::new(env!("CARGO_TARGET_TMPDIR")));
    let journal = SharedJournal::new(place.journal());
    let week = place.hosting(&journal, async |host| week(&place, &journal, host).await);
    for figure in week {
        println!("{figure}");
    }
}

async fn week(place: &Place, journal: &SharedJournal, host: &Host) -> [Figure; 4] {
    for _ in 0..AGENTS {
        begin(host, HOURLY).await;
    }
    // The host wakes for whatever happens, and sees then what time it is.
    let waker = begin(host, LISTENER).await;
    quiet(host).await;
    let started = Instant::now();
    let (mut day, mut woken) = ((0.0, 0, 0), 0);
    for hour in 0..HOURS {
        if hour == 24 {
            day = (resident(), seq(journal), place.stored());
            woken = taken(journal, &waker);
        }
        place.clock.on(HOUR);
        tick(host, &waker).await;
        taken_by_all(host, place.clock.now()).await;
    }
    let took = started.elapsed().as_secs_f64();
    let week = (resident(), seq(journal), place.stored());
    let events = (AGENTS as u64 * (HOURS - 24)) as f64;
    let own = (taken(journal, &waker) - woken) as f64;
    let hours: usize = steps(journal);
    assert_eq!(hours, AGENTS * HOURS as usize, "a timer was missed");
    [
        figure(
            "growth of the process from the first day to the end of the week",
            week.0 - day.0,
            "MiB",
            Some(Goal::AtMost(GROWTH)),
            &format!(
                "VmRSS: {:.1} MiB after a day, {:.1} after seven. Runs that stand still are in the journal and not in memory.",
                day.0, week.0
            ),
        ),
        figure(
            "records for each event",
            ((week.1 - day.1) as f64 - own) / events,
            "records",
            None,
            "An event finds its run parked: it is taken up, takes its step, stands still and is parked again.",
        ),
        figure(
            "store for each event",
            (week.2 - day.2) as f64 / events,
            "bytes",
            None,
            "Records with their indexes and hashes.",
        ),
        figure(
            "an event, a hundred at once",
            took * 1e6 / (AGENTS as f64 * HOURS as f64),
            "µs",
            None,
            "From the time that is due to the run being parked again, everything on the disk.",
        ),
    ]
}

/// Wait until every agent has taken what was due by `now` and is parked until the next.
async fn taken_by_all(host: &Host, now: Timestamp) {
    loop {
        quiet(host).await;
        let list = ask(host, Command::List {}).await;
        let runs = list["runs"].as_array().expect("there are runs");
        let waits = |run: &Json| run["next_due"].as_i64().is_some_and(|due| due > now.0);
        if runs.iter().filter(|run| waits(run)).count() == AGENTS {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn figure(what: &str, value: f64, unit: &str, goal: Option<Goal>, note: &str) -> Figure {
    Figure {
        what: what.into(),
        value,
        unit: unit.into(),
        floor: None,
        goal,
        note: note.into(),
    }
}

fn resident() -> f64 {
    let resident = memory::resident(std::process::id());
    resident.map_or(0.0, |resident| resident.total)
}

fn seq(journal: &SharedJournal) -> u64 {
    journal
        .borrow()
        .head()
        .expect("the journal can be read")
        .seq
}

/// Records that are only there because the host had to be woken: those of the run that was signalled, and the signals.
fn taken(journal: &SharedJournal, waker: &str) -> usize {
    let own = journal.borrow().records(waker);
    let sent = journal.borrow().of_kind("sent");
    own.expect("the journal can be read").len() + sent.expect("the journal can be read").len()
}

/// Timers that a chart has taken.
fn steps(journal: &SharedJournal) -> usize {
    let steps = journal.borrow().of_kind("step");
    let steps = steps.expect("the journal can be read");
    steps
        .iter()
        .filter(|step| step.body.contains("\"due\":{"))
        .count()
}
