//! What taking a run up again costs, against its length. `cargo xtask bench` makes a table of the lines this prints.
//!
//! A real run of a hundred and fifty signals is made first. What it recorded between two snapshots is then appended again and again, so that longer runs hold
//! nothing but records of the real shapes. Each ends just before a snapshot would come: that is where the most has to be read. The conversation is made by the
//! runtime turn for turn.

mod life;
#[allow(dead_code, reason = "other benchmarks use the rest")]
#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;

use charthouse_runtime::{Inbox, Message, RunEvent, RunRequest, SharedJournal, run};
use futures_util::future::{Either, select};
use futures_util::stream;
use journal::{Journal, NewRecord, Record};
use life::{LISTENER, Place, TALKER, begin, quiet, text, tick, whom};
use measure::{Figure, Floor, Goal, median};
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::mpsc::unbounded_channel;

const ROUNDS: usize = 21;
const SIGNALS: usize = 150;
const LENGTHS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
const TURNS: usize = 10_000;
/// Stretches between two snapshots that are appended in one commit.
const AT_ONCE: usize = 16;
const SNAPSHOT: &str = "snapshot";
const ITEM: &str = "item";
/// Bytes of the conversation that a window of 131,072 tokens has room for.
const WINDOW: usize = 512 << 10;

/// A run in a journal of its own.
struct Lived {
    place: Place,
    run: String,
    agent: &'static str,
    records: u64,
}

fn main() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for figure in lengths(directory) {
        println!("{figure}");
    }
    for figure in conversation(directory) {
        println!("{figure}");
    }
}

fn lengths(directory: &Path) -> Vec<Figure> {
    let (run, records) = real(directory);
    let lives = LENGTHS.map(|length| Lived::of(directory, &run, &records, length));
    let mut times = vec![Vec::new(); lives.len()];
    let mut floors = Vec::new();
    for round in 0..=ROUNDS {
        for (life, times) in lives.iter().zip(&mut times) {
            let time = life.resumed();
            if round > 0 {
                times.push(time);
            }
        }
        let floor = lives[0].read(|record, _| record.kind == SNAPSHOT);
        if round > 0 {
            floors.push(floor);
        }
    }
    let ratio = |own: &[f64], floor: &[f64]| median(own.iter().zip(floor).map(|(a, b)| a / b));
    lives
        .iter()
        .zip(&times)
        .map(|(life, own)| {
            let first = life.records < 2_000;
            let (what, floor, goal) = match first {
                true => (
                    "the store opened and the same records read",
                    &floors,
                    None,
                ),
                false => (
                    "the same after 1,000 records",
                    &times[0],
                    Some(Goal::Times(1.3)),
                ),
            };
            Figure {
                what: format!("a run of {} records is taken up", thousands(life.records)),
                value: median(own.iter().copied()),
                unit: "ms".into(),
                floor: Some(Floor {
                    what: what.into(),
                    value: median(floor.iter().copied()),
                    ratio: ratio(own, floor),
                }),
                goal,
                note: format!(
                    "Open the store, read back to the newest snapshot, fold what follows it, step the chart where it stood. The store has {} MiB.",
                    life.place.stored() >> 20
                ),
            }
        })
        .collect()
}

fn conversation(directory: &Path) -> [Figure; 1] {
    let life = Lived::talk(directory, TURNS);
    let mut times = Vec::new();
    let mut floors = Vec::new();
    for round in 0..=ROUNDS {
        let mut bytes = 0;
        let (own, floor) = (
            life.resumed(),
            life.read(|record, _| {
                if record.kind == ITEM {
                    bytes += record.body.len();
                }
                bytes > WINDOW
            }),
        );
        if round > 0 {
            times.push(own);
            floors.push(floor);
        }
    }
    let ratio = median(times.iter().zip(&floors).map(|(a, b)| a / b));
    [Figure {
        what: format!(
            "a run of {} turns of conversation is taken up",
            thousands(TURNS as u64)
        ),
        value: median(times),
        unit: "ms".into(),
        floor: Some(Floor {
            what: "the store opened and the records read that hold 512 KiB of the conversation"
                .into(),
            value: median(floors),
            ratio,
        }),
        goal: Some(Goal::AtMost(100.0)),
        note: format!(
            "{} records, {} MiB in the store; of the conversation as much is read as a window of 131,072 tokens has room for.",
            thousands(life.records),
            life.place.stored() >> 20
        ),
    }]
}

/// A run as a host has it, and its records.
fn real(directory: &Path) -> (String, Vec<Record>) {
    let place = Place::within(directory);
    let journal = SharedJournal::new(place.journal());
    let run = place.hosting(&journal, async |host| {
        let run = begin(host, LISTENER).await;
        for _ in 0..SIGNALS {
            tick(host, &run).await;
            quiet(host).await;
        }
        run
    });
    let records = journal.borrow().records(&run);
    (run, records.expect("the journal can be read"))
}

impl Lived {
    /// A run of about `length` records, made of those of a real one.
    fn of(directory: &Path, run: &str, real: &[Record], length: usize) -> Self {
        let snapshots: Vec<usize> = (0..real.len())
            .filter(|at| real[*at].kind == SNAPSHOT)
            .collect();
        let [.., first, second] = snapshots[..] else {
            panic!("{} records have no two snapshots", real.len());
        };
        let place = Place::within(directory);
        let mut journal = place.journal();
        let (begun, cycle) = (&real[..=first], &real[first + 1..=second]);
        append(&mut journal, begun);
        let mut records = begun.len();
        // The next would end with a snapshot, and that is left out.
        let cycles = length.saturating_sub(records + 1) / cycle.len();
        let many: Vec<Record> = std::iter::repeat_n(cycle, AT_ONCE)
            .flatten()
            .cloned()
            .collect();
        for _ in 0..cycles / AT_ONCE {
            append(&mut journal, &many);
        }
        for _ in 0..cycles % AT_ONCE {
            append(&mut journal, cycle);
        }
        append(&mut journal, &cycle[..cycle.len() - 1]);
        records += (cycles + 1) * cycle.len() - 1;
        Lived {
            place,
            run: run.to_owned(),
            agent: LISTENER,
            records: records as u64,
        }
    }

    /// A run of so many turns.
    fn talk(directory: &Path, turns: usize) -> Self {
        let place = Place::within(directory);
        let journal = SharedJournal::new(place.journal());
        let (rests, mut rested) = unbounded_channel();
        let mut left = turns;
        let said: Inbox = Box::pin(stream::poll_fn(move |context| {
            rested.poll_recv(context).map(|rest| {
                rest?;
                left = left.checked_sub(1)?;
                Some(Message::Said(text(500)))
            })
        }));
        let observer = move |event: &RunEvent| {
            if matches!(event, RunEvent::Rest { .. }) {
                let _ = rests.send(());
            }
        };
        let end = block_on(run(
            &place.admitted(&journal),
            &journal,
            place.request(TALKER, None, said),
            Arc::new(observer),
            Box::pin(stream::pending()),
            std::future::pending(),
        ));
        let run = end.expect("it talks").run.to_string();
        let records = journal.borrow().head().expect("it can be read").seq;
        Lived {
            place,
            run,
            agent: TALKER,
            records,
        }
    }

    /// Take it up until it stands where it stood, in milliseconds.
    fn resumed(&self) -> f64 {
        let started = Instant::now();
        let journal = SharedJournal::new(self.place.journal());
        let stands = Arc::new(AtomicU64::new(0));
        let (rests, mut rested) = unbounded_channel();
        let saw = stands.clone();
        let observer = move |event: &RunEvent| {
            if matches!(event, RunEvent::Rest { .. }) {
                let took = started.elapsed().as_nanos();
                saw.store(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
                let _ = rests.send(());
            }
        };
        let silent: Inbox = Box::pin(stream::pending());
        let request = self
            .place
            .request(self.agent, Some(self.run.clone()), silent);
        block_on(async {
            let services = self.place.admitted(&journal);
            let run = run(
                &services,
                &journal,
                request,
                Arc::new(observer),
                Box::pin(stream::pending()),
                std::future::pending(),
            );
            let run = std::pin::pin!(run);
            let rested = std::pin::pin!(rested.recv());
            match select(run, rested).await {
                Either::Left((Err(error), _)) => panic!("{error}"),
                Either::Left((Ok(end), _)) => panic!("it ended: {:?}", end.status),
                Either::Right(_) => {}
            }
        });
        stands.load(Ordering::Relaxed) as f64 / 1e6
    }

    /// Open the store and read back until `enough`, in milliseconds.
    fn read(&self, mut enough: impl FnMut(&Record, usize) -> bool) -> f64 {
        let started = Instant::now();
        let journal = self.place.journal();
        let mut records = 0;
        let read = journal.tail(&self.run, |record| {
            records += 1;
            let stop = enough(&record, records);
            black_box(record);
            match stop {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        read.expect("it can be read");
        started.elapsed().as_secs_f64() * 1e3
    }
}

impl Place {
    fn request(&self, agent: &str, resume: Option<String>, inbox: Inbox) -> RunRequest {
        let (asked, ask) =
            whom(&self.services.house, agent).unwrap_or_else(|refused| panic!("{refused}"));
        RunRequest {
            agent: agent.to_owned(),
            prompt: None,
            asked,
            ask,
            inbox: Some(inbox),
            permit: None,
            resume,
            hosted: None,
        }
    }
}

fn append(journal: &mut Journal, records: &[Record]) {
    let records: Vec<NewRecord<'_>> = records
        .iter()
        .map(|record| NewRecord {
            run: &record.run,
            time: record.time,
            kind: &record.kind,
            body: &record.body,
        })
        .collect();
    let appended = journal.append(&records);
    assert_eq!(appended.expect("it is appended").len(), records.len());
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime can be made").block_on(future)
}

fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
