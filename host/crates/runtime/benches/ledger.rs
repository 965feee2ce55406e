//! What the ledger takes for a long journal. `cargo xtask bench` makes a table of the lines this prints.
//!
//! The journal holds cost records of the real shape among others of their runs; the floor reads the same rows through the same interface and looks at none of
//! them. It knows nothing of runs: they are made up.

#[allow(dead_code, reason = "other benchmarks use the rest")]
#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;

use journal::{Journal, JournalError, NewRecord, Which};
use ledger::{Dimension, Entry, Filter, Ledger};
use measure::{Figure, Floor, Goal, median};
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;
use types::{Cost, How, Joules, Purpose, Timestamp, Tokens};

const COSTS: u64 = 100_000;
/// Records of other kinds for each cost.
const OTHERS: u64 = 4;
const AT_ONCE: usize = 5_000;
const ROUNDS: usize = 11;

fn main() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ledger");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).expect("the target directory can be written");
    let store = directory.join("journal.db");
    make(&store);
    let one = [Dimension::Agent];
    let three = [Dimension::Day, Dimension::Purpose, Dimension::Tool];
    for (what, by) in [
        ("one dimension", &one[..]),
        ("three dimensions", &three[..]),
    ] {
        println!("{}", folded(&store, what, by));
    }
}

fn folded(store: &Path, what: &str, by: &[Dimension]) -> Figure {
    let journal = Journal::open_read_only(store).expect("it was just written");
    let (mut times, mut floors) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let time = timed(|| {
            let mut ledger = Ledger::by(by, Filter::default());
            each(&journal, |seq, run, time, body| {
                let cost: Cost = serde_json::from_str(body).expect("it is a cost");
                ledger.add(&Entry {
                    seq,
                    run,
                    time,
                    cost: &cost,
                });
            });
            let report = ledger.report();
            assert_eq!(report.total.calls, COSTS);
            black_box(report.render());
        });
        let floor = timed(|| {
            let mut bytes = 0;
            each(&journal, |_, _, _, body| bytes += body.len());
            black_box(bytes);
        });
        if round > 0 {
            times.push(time);
            floors.push(floor);
        }
    }
    Figure {
        what: format!("the ledger of 100,000 cost records by {what}"),
        value: median(times.iter().copied()),
        unit: "ms".into(),
        floor: Some(Floor {
            what: "the same rows read and not looked at".into(),
            value: median(floors.iter().copied()),
            ratio: median(times.iter().zip(&floors).map(|(own, floor)| own / floor)),
        }),
        goal: Some(Goal::Times(3.0)),
        note: format!(
            "{} records in the store. Each cost is read, its row found, its figures added; then the table is made.",
            COSTS * (1 + OTHERS)
        ),
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64() * 1e3
}

fn each(journal: &Journal, mut visit: impl FnMut(u64, &str, Timestamp, &str)) {
    journal
        .each(Which::Kind("cost"), |record| {
            visit(record.seq.0, &record.run, record.time, &record.body);
            Ok::<_, JournalError>(())
        })
        .expect("it can be read");
}

/// Costs of ten agents in a thousand runs over thirty days, every second one of a model.
fn make(store: &Path) {
    let mut journal = Journal::open(store).expect("the directory is new");
    let mut waiting: Vec<(String, i64, &str, String)> = Vec::new();
    for n in 0..COSTS {
        let (run, time) = (format!("run-{}", n / 100), (n * 26_000) as i64);
        let cost = serde_json::to_string(&cost(n)).expect("a cost is a map");
        waiting.push((run.clone(), time, "cost", cost));
        for _ in 0..OTHERS {
            let body = format!(r#"{{"item":{{"text":"{}"}}}}"#, "words ".repeat(20));
            waiting.push((run.clone(), time, "item", body));
        }
        if waiting.len() >= AT_ONCE {
            append(&mut journal, &waiting);
            waiting.clear();
        }
    }
    append(&mut journal, &waiting);
}

fn append(journal: &mut Journal, waiting: &[(String, i64, &str, String)]) {
    let records: Vec<NewRecord<'_>> = waiting
        .iter()
        .map(|(run, time, kind, body)| NewRecord {
            run,
            time: Timestamp(*time),
            kind,
            body,
        })
        .collect();
    journal.append(&records).expect("there is room");
}

fn cost(n: u64) -> Cost {
    let is_model = n.is_multiple_of(2);
    let tools = ["fs.read", "fs.write", "search.grep", "patch.apply"];
    let tool = tools[(n / 2 % 4) as usize];
    Cost {
        agent: format!("agent-{}", n % 10).into(),
        version: Some("1.4.2".into()),
        revision: Some("0123456789ab".into()),
        workflow: Some("implement-review".into()),
        instance: Some(format!("20261121-{}", n / 500).into()),
        role: Some("implementer".into()),
        state: "act".into(),
        tool: (!is_model).then(|| tool.into()),
        plugin: (!is_model).then(|| "fs".into()),
        generation: (!is_model).then(|| "ba9876543210".into()),
        model: is_model.then(|| "qwen3-coder".into()),
        provider: is_model.then(|| "local".into()),
        purpose: Purpose::ALL[(n % 5) as usize],
        tokens: Tokens {
            input: n % 90_000,
            cached: n % 40_000,
            output: n % 900,
            ..Tokens::default()
        },
        usd: Some(rust_decimal::Decimal::new((n % 1_000_000) as i64, 8)),
        wall_us: n % 9_000_000,
        cpu_us: n % 9_000,
        fuel: n % 900_000,
        bytes_in: n % 5_000,
        bytes_out: n % 50_000,
        joules: Some(Joules::of(n as f64 / 1e5, How::Estimated)),
        ..Cost::default()
    }
}
