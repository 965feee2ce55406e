//! What a durable commit costs beside the plainest one that SQLite can make of the same bytes, and what it costs to find the end of a run in a long journal beside
//! reading the same rows out of a short one. `cargo xtask bench` makes a table of the lines this prints.

#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;

use charthouse_journal::{Journal, NewRecord, RecordId};
use measure::{Compared, Figure, Floor, Goal, compare};
use rusqlite::{Connection, params};
use std::hint::black_box;
use std::path::Path;
use types::Timestamp;

const ROUNDS: usize = 501;
/// Commits in a row: with two or three of them a disk that is quick at one and slow at the next decides what the ratio is.
const COMMITS: u32 = 8;
const RUN: &str = "20261120-101112-0a1b2c3d";
/// How long the long journal is, how many of its records are of the one run, and how many of these stand behind its newest snapshot.
const LENGTH: usize = 1_000_000;
const OTHERS: usize = 10;
const TAIL: usize = 200;

fn main() {
    let on_disk = Path::new(env!("CARGO_TARGET_TMPDIR"));
    print(
        "append, durable",
        &measured(on_disk, &bodies(3)),
        Some(Goal::Times(1.2)),
        COMMIT,
        "It is synchronised once, as the floor is, but more pages are: those of two indexes and the head. The rest is hashes and the witness.",
    );
    // What the journal itself costs shows where synchronising costs nothing.
    let in_memory = Path::new("/dev/shm");
    if in_memory.is_dir() {
        print(
            "append, to memory (tmpfs), for the processor's share",
            &measured(in_memory, &bodies(3)),
            None,
            COMMIT,
            "The same where synchronising costs nothing: six hashes, two indexes, reading and writing the head, the witness.",
        );
    }
    for count in [1, 10, 100] {
        print(
            &format!("append, durable, {count} in one commit"),
            &measured(on_disk, &bodies(count)),
            Some(Goal::Times(1.2)),
            COMMIT,
            "Runs that are ready at the same time share one commit.",
        );
    }
    print_reading(if in_memory.is_dir() {
        in_memory
    } else {
        on_disk
    });
}

const COMMIT: &str = "a commit of the same rows to a table without an index";

fn print(what: &str, compared: &Compared, goal: Option<Goal>, floor: &str, note: &str) {
    let figure = Figure {
        what: what.into(),
        value: compared.subject / 1e3,
        unit: "µs".into(),
        floor: Some(Floor {
            what: floor.into(),
            value: compared.floor / 1e3,
            ratio: compared.ratio,
        }),
        goal,
        note: note.into(),
    };
    println!("{figure}");
}

/// The newest snapshot of a run and what stands behind it, out of a million records.
fn print_reading(directory: &Path) {
    let directory = tempfile::tempdir_in(directory).expect("a directory can be made");
    let long = long_journal(&directory.path().join("long.db"), LENGTH);
    let short = long_journal(&directory.path().join("short.db"), 2 * TAIL * OTHERS);
    let resume = |journal: &Journal| {
        let snapshot = journal
            .newest(RUN, "snapshot")
            .expect("it can be read")
            .expect("there is one");
        let behind = journal.after(RUN, snapshot.seq).expect("it can be read");
        assert_eq!(black_box(behind).len(), TAIL);
    };
    let repeated = |journal: &Journal, times: u32| (0..times).for_each(|_| resume(journal));
    print(
        "read what a run resumes from, out of 1,000,000 records",
        &compare(
            101,
            5,
            |times| repeated(&long, times),
            |times| repeated(&short, times),
        ),
        Some(Goal::Times(1.5)),
        "the same out of 4,000 records",
        "The newest snapshot and the 200 records behind it, each proven against the chain: it does not grow with what lies before.",
    );
    let plain = plain_rows(&directory.path().join("plain.db")).expect("a database can be made");
    print(
        "read what a run resumes from, beside plain rows",
        &compare(
            101,
            5,
            |times| repeated(&long, times),
            |times| (0..times).for_each(|_| read_plain(&plain)),
        ),
        None,
        "reading as many rows from a table that has no others",
        "What proof costs: the record before each, two hashes, and finding the snapshot.",
    );
    let runs = |journal: &Journal| {
        assert_eq!(
            black_box(journal.runs().expect("it can be read")).len(),
            OTHERS + 1
        )
    };
    print(
        "list 11 runs of 1,000,000 records",
        &compare(
            101,
            5,
            |times| (0..times).for_each(|_| runs(&long)),
            |times| (0..times).for_each(|_| runs(&short)),
        ),
        Some(Goal::Times(1.5)),
        "the same out of 4,000 records",
        "One leap in the index from each run to the next; how many records each has stands in its last.",
    );
}

/// A journal of `length` records: nine of ten of [`RUN`], the rest of others, and a snapshot [`TAIL`] records before the end of the run.
fn long_journal(path: &Path, length: usize) -> Journal {
    let mut journal = Journal::open(path).expect("a journal can be begun");
    let others: Vec<String> = (0..OTHERS).map(|n| format!("other-{n}")).collect();
    let body = format!(
        r#"{{"event":{{"name":"turn.done"}},"text":"{}"}}"#,
        "x".repeat(100)
    );
    let record = |n: usize, kind| NewRecord {
        run: if n.is_multiple_of(10) {
            &others[n / 10 % OTHERS]
        } else {
            RUN
        },
        time: Timestamp(1_795_000_000_000),
        kind,
        body: &body,
    };
    let mut written = 0;
    while written < length {
        let group: Vec<NewRecord<'_>> = (written..length.min(written + 1000))
            .map(|n| record(n, "step"))
            .collect();
        journal.append(&group).expect("it is appended");
        written += group.len();
    }
    journal
        .append(&[record(1, "snapshot")])
        .expect("it is appended");
    journal
        .append(&vec![record(1, "step"); TAIL])
        .expect("it is appended");
    assert!(journal.head().expect("it can be read").seq > RecordId(length as u64).0);
    journal
}

/// As many rows as a run resumes from, and none besides.
fn plain_rows(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = plain(path)?;
    let mut sequence = 0;
    commit(&mut connection, &mut sequence, &bodies(TAIL + 1))?;
    Ok(connection)
}

fn read_plain(connection: &Connection) {
    let read = || {
        let mut statement = connection
            .prepare_cached("SELECT seq, run, time, kind, body, hash FROM record ORDER BY seq")?;
        let rows = statement.query_map([], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, String>(3)?,
                row.get::<_, String>(4)?,
                row.get::<_, [u8; 32]>(5)?,
            ))
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    assert_eq!(black_box(read().expect("it can be read")).len(), TAIL + 1);
}

fn measured(directory: &Path, bodies: &[(&'static str, String)]) -> Compared {
    let directory = tempfile::tempdir_in(directory).expect("a directory can be made");
    let mut journal =
        Journal::open(&directory.path().join("journal.db")).expect("a journal can be begun");
    let mut plain = plain(&directory.path().join("plain.db")).expect("a database can be made");
    let mut sequence = 0;
    compare(
        ROUNDS,
        COMMITS,
        |commits| {
            for _ in 0..commits {
                let ids = journal.append(&records(bodies)).expect("it is appended");
                assert_eq!(ids.len(), bodies.len());
            }
        },
        |commits| {
            for _ in 0..commits {
                commit(&mut plain, &mut sequence, bodies).expect("it is committed");
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
    bodies: &[(&str, String)],
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO record (seq, run, time, kind, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for (kind, body) in bodies {
            *sequence += 1;
            insert.execute(params![*sequence, RUN, 0, kind, body, [7u8; 32]])?;
        }
    }
    transaction.commit()
}

/// `count` records, of macrosteps as the runtime records them: an event taken, a call that begins, what it cost.
fn bodies(count: usize) -> Vec<(&'static str, String)> {
    let long = "x".repeat(400);
    let three = [
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
    ];
    three.into_iter().cycle().take(count).collect()
}

fn records<'a>(bodies: &'a [(&'static str, String)]) -> Vec<NewRecord<'a>> {
    let record = |(kind, body): &'a (&'static str, String)| NewRecord {
        run: RUN,
        time: Timestamp(1_795_000_000_000),
        kind,
        body,
    };
    bodies.iter().map(record).collect()
}
