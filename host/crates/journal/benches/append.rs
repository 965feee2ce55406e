//! What a durable commit costs beside the plainest one that SQLite can make of the same bytes. `cargo xtask bench` makes a table of the lines this prints.

#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;

use charthouse_journal::{Journal, NewRecord};
use measure::{Compared, Figure, Floor, Goal, compare};
use rusqlite::{Connection, params};
use std::path::Path;
use types::Timestamp;

const ROUNDS: usize = 501;
/// Commits in a row: few, because what the disk does changes from one to the next.
const COMMITS: u32 = 2;
const RUN: &str = "20261120-101112-0a1b2c3d";

fn main() {
    let on_disk = env!("CARGO_TARGET_TMPDIR");
    print(
        "append, durable",
        &measured(Path::new(on_disk)),
        Some(Goal::Times(1.2)),
        "Nearly all of it is the disk's: the same bytes are synchronised once. The rest is two indexes, the head and the hash chain.",
    );
    // What the journal itself costs shows where synchronising costs nothing.
    let in_memory = Path::new("/dev/shm");
    if in_memory.is_dir() {
        print(
            "append, to memory (tmpfs), for the processor's share",
            &measured(in_memory),
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

fn measured(directory: &Path) -> Compared {
    let directory = tempfile::tempdir_in(directory).expect("a directory can be made");
    let mut journal =
        Journal::open(&directory.path().join("journal.db")).expect("a journal can be begun");
    let mut plain = plain(&directory.path().join("plain.db")).expect("a database can be made");
    let bodies = bodies();
    let mut sequence = 0;
    compare(
        ROUNDS,
        COMMITS,
        |commits| {
            for _ in 0..commits {
                let ids = journal.append(&records(&bodies)).expect("it is appended");
                assert_eq!(ids.len(), bodies.len());
            }
        },
        |commits| {
            for _ in 0..commits {
                commit(&mut plain, &mut sequence, &bodies).expect("it is committed");
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

fn records<'a>(bodies: &'a [(&'static str, String)]) -> Vec<NewRecord<'a>> {
    let record = |(kind, body): &'a (&'static str, String)| NewRecord {
        run: RUN,
        time: Timestamp(1_795_000_000_000),
        kind,
        body,
    };
    bodies.iter().map(record).collect()
}
