//! What a durable commit costs beside the plainest one that SQLite can make of the same bytes. `cargo xtask bench` makes a table of the lines this prints.

#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;

use charthouse_journal::{Journal, NewRecord};
use measure::{Compared, Figure, Floor, Goal, compare};
use rusqlite::{Connection, params};
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;
use types::Timestamp;

const ROUNDS: usize = 501;
/// Commits in a row: few, because what the disk does changes from one to the next.
const COMMITS: u32 = 2;
/// Records that are read: as many as lie between two snapshots.
const TAIL: usize = 256;

fn main() {
    let on_disk = env!("CARGO_TARGET_TMPDIR");
    print(
        "append, durable",
        &measured(Path::new(on_disk), 1),
        Some(Goal::Times(1.2)),
        "Nearly all of it is the disk's: the same bytes are synchronised once. The rest is two indexes, the head and the hash chain.",
    );
    print(
        "append of 100 macrosteps of as many runs in one commit, durable",
        &measured(Path::new(on_disk), 100),
        None,
        "What many runs have ready at the same time: the disk is asked once, and what is left is the processor's share.",
    );
    print_read(&read(Path::new(on_disk)));
    // What the journal itself costs shows where synchronising costs nothing.
    let in_memory = Path::new("/dev/shm");
    if in_memory.is_dir() {
        print(
            "append, to memory (tmpfs), for the processor's share",
            &measured(in_memory, 1),
            None,
            "The same where synchronising costs nothing: three hashes, two indexes, reading and writing the head.",
        );
    }
}

fn print(what: &str, compared: &Compared, goal: Option<Goal>, note: &str) {
    let figure = Figure {
        what: what.into(),
        value: compared.subject / 1e3,
        unit: "µs".into(),
        floor: Some(Floor {
            what: "a commit of the same rows to a table without an index".into(),
            value: compared.floor / 1e3,
            ratio: compared.ratio,
        }),
        goal,
        note: note.into(),
    };
    println!("{figure}");
}

fn print_read(compared: &Compared) {
    let figure = Figure {
        what: format!("the last {TAIL} records of a run, read and proven"),
        value: compared.subject / 1e3,
        unit: "µs".into(),
        floor: Some(Floor {
            what: "the same rows selected by SQLite".into(),
            value: compared.floor / 1e3,
            ratio: compared.ratio,
        }),
        goal: None,
        note: "What a run that is taken up again begins with: each record is hashed and held against the chain.".into(),
    };
    println!("{figure}");
}

/// The end of a run among a hundred others, through the journal and without it.
fn read(directory: &Path) -> Compared {
    let directory = tempfile::tempdir_in(directory).expect("a directory can be made");
    let path = directory.path().join("journal.db");
    let mut journal = Journal::open(&path).expect("a journal can be begun");
    let bodies = bodies();
    let runs = runs(100);
    for _ in 0..TAIL {
        journal
            .append(&records(&runs, &bodies))
            .expect("it is appended");
    }
    let plain = Connection::open(&path).expect("a database can be opened");
    let mut select = plain
        .prepare("SELECT seq, run, time, kind, body, hash FROM record WHERE run = ?1 ORDER BY seq DESC LIMIT ?2")
        .expect("it can be asked");
    compare(
        ROUNDS / 5,
        5,
        |times| {
            for _ in 0..times {
                let mut left = TAIL;
                let read = journal.tail(&runs[50], |record| {
                    black_box(record);
                    left -= 1;
                    match left {
                        0 => ControlFlow::Break(()),
                        _ => ControlFlow::Continue(()),
                    }
                });
                read.expect("it can be read");
            }
        },
        |times| {
            for _ in 0..times {
                let mut rows = select
                    .query(params![runs[50], TAIL as i64])
                    .expect("it can be read");
                while let Some(row) = rows.next().expect("it can be read") {
                    let row: rusqlite::Result<(i64, String, i64, String, String, [u8; 32])> =
                        row.try_into();
                    black_box(row.expect("it can be read"));
                }
            }
        },
    )
}

fn measured(directory: &Path, macrosteps: usize) -> Compared {
    let directory = tempfile::tempdir_in(directory).expect("a directory can be made");
    let mut journal =
        Journal::open(&directory.path().join("journal.db")).expect("a journal can be begun");
    let mut plain = plain(&directory.path().join("plain.db")).expect("a database can be made");
    let bodies = bodies();
    let runs = runs(macrosteps);
    let mut sequence = 0;
    compare(
        ROUNDS / macrosteps.min(5),
        COMMITS,
        |commits| {
            for _ in 0..commits {
                let ids = journal.append(&records(&runs, &bodies));
                let ids = ids.expect("it is appended");
                assert_eq!(ids.len(), bodies.len() * macrosteps);
            }
        },
        |commits| {
            for _ in 0..commits {
                commit(&mut plain, &mut sequence, &runs, &bodies).expect("it is committed");
            }
        },
    )
}

/// A table and nothing else, with the journal's settings.
fn plain(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -256)?;
    connection.execute_batch(
        "CREATE TABLE record (seq INTEGER PRIMARY KEY, run TEXT, time INTEGER, kind TEXT, body TEXT, hash BLOB) STRICT",
    )?;
    Ok(connection)
}

fn commit(
    connection: &mut Connection,
    sequence: &mut i64,
    runs: &[String],
    bodies: &[(&str, String)],
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO record (seq, run, time, kind, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for run in runs {
            for (kind, body) in bodies {
                *sequence += 1;
                insert.execute(params![*sequence, run, 0, kind, body, [7u8; 32]])?;
            }
        }
    }
    transaction.commit()
}

/// A macrostep as the runtime records it: an event taken, a call that begins, what it cost.
fn bodies() -> Vec<(&'static str, String)> {
    let long = "x".repeat(400);
    vec![
        (
            "step",
            format!(
                r#"{{"event":{{"name":"turn.done","data":{{"text":"{long}"}}}},"configuration":["act"],"effects":[]}}"#
            ),
        ),
        (
            "call",
            format!(
                r#"{{"effect":3,"invocation":"act.1","tool":"fs.read","arguments":{{"path":"/workspace/{long}"}}}}"#
            ),
        ),
        (
            "cost",
            r#"{"agent":"coder","state":"act","model":"qwen3-coder","purpose":"work","tokens":{"input":1000,"cached":0,"output":20,"reasoning":0},"wall_us":1200}"#.to_owned(),
        ),
    ]
}

fn runs(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("20261120-101112-{n:08x}")).collect()
}

fn records<'a>(runs: &'a [String], bodies: &'a [(&'static str, String)]) -> Vec<NewRecord<'a>> {
    let of = |run: &'a String| {
        bodies.iter().map(move |(kind, body)| NewRecord {
            run,
            time: Timestamp(1_795_000_000_000),
            kind,
            body,
        })
    };
    runs.iter().flat_map(of).collect()
}
