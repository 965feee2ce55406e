//! kill -9, at any instant, many times: what a process said was committed is there, and what is there is whole.

use charthouse_journal::{Bulk, Compaction, Journal, NewRecord, RecordId};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use types::Timestamp;

const CHILD: &str = "CHARTHOUSE_APPEND_FOR_EVER";
const KILLS: u64 = 60;

/// Not a test of its own: appends groups of records until it is killed, and says after each commit how many records there are.
#[test]
fn a_process_that_appends_for_ever() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let mut journal = Journal::open(Path::new(&path)).unwrap();
    let body = format!("\"{}\"", "x".repeat(700));
    for n in 0_usize.. {
        let one = NewRecord {
            run: ["a", "b", "c"][n % 3],
            time: Timestamp(1),
            kind: "item",
            body: &body,
        };
        let ids = journal.append(&vec![one; n % 7 + 1]).unwrap();
        println!("there {}", ids.last().unwrap().0);
    }
}

#[test]
fn what_was_committed_survives_every_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut before = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_that_appends_for_ever", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Between none and some commits are awaited, and chance does the rest: the process is anywhere in the next ones.
        let awaited = (kill * 7) % 23;
        let mut said = before;
        for line in lines.by_ref().take(usize::try_from(awaited).unwrap() + 3) {
            said = committed(&line.unwrap()).unwrap_or(said);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said before it died counts as well.
        for line in lines.map_while(Result::ok) {
            said = committed(&line).unwrap_or(said);
        }
        let found = Journal::open_read_only(&path).unwrap().verify().unwrap();
        assert!(found.ok, "kill {kill}: {found:?}");
        assert!(
            found.records >= said && found.records <= said + 7,
            "kill {kill}: {said} {found:?}"
        );
        let journal = Journal::open(&path).unwrap();
        let all: usize = ["a", "b", "c"]
            .map(|run| journal.after(run, RecordId(0)).unwrap().len())
            .iter()
            .sum();
        assert_eq!(all as u64, found.records);
        before = found.records;
    }
    assert!(before > KILLS);
}

fn committed(line: &str) -> Option<u64> {
    line.split_once("there ").and_then(|(_, n)| n.parse().ok())
}

const COMPACTING: &str = "CHARTHOUSE_COMPACT";
/// More than one archive holds.
const BODIES: u64 = 6_000;

fn compaction(archive: &Path) -> Compaction<'_> {
    Compaction {
        from: Bulk::Runs(&["a"]),
        kinds: &["item"],
        at_least: 100,
        archive: Some(archive),
        anew: false,
        now: Timestamp(2),
    }
}

/// Not a test of its own: compacts, and is killed meanwhile.
#[test]
fn a_process_that_compacts() {
    if let Some(path) = std::env::var_os(COMPACTING) {
        let path = Path::new(&path);
        let mut journal = Journal::open(path).unwrap();
        println!("compacting");
        journal
            .compact(&compaction(&path.with_extension("archive")))
            .unwrap();
    }
}

#[test]
fn a_compaction_that_is_killed_loses_no_body() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.db");
    let body = format!("\"{}\"", "x".repeat(600));
    let one = NewRecord {
        run: "a",
        time: Timestamp(1),
        kind: "item",
        body: &body,
    };
    let mut journal = Journal::open(&whole).unwrap();
    for _ in 0..BODIES / 1000 {
        journal.append(&vec![one; 1000]).unwrap();
    }
    drop(journal);
    for kill in 0..8_u64 {
        let path = folder.path().join(format!("{kill}.db"));
        let archive = path.with_extension("archive");
        std::fs::copy(&whole, &path).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_that_compacts", "--nocapture"])
            .env(COMPACTING, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("compacting")));
        // Chance decides how far it is: no instant is waited for.
        std::thread::sleep(std::time::Duration::from_millis(kill * 25));
        child.kill().unwrap();
        child.wait().unwrap();
        std::fs::create_dir_all(&archive).unwrap();
        let mut journal = Journal::open(&path).unwrap();
        let found = journal.verify_with(&archive).unwrap();
        let bodies = found.archive.unwrap();
        assert!(found.ok, "kill {kill}");
        assert_eq!(
            (bodies.bodies, bodies.missing, bodies.first_bad),
            (found.compacted, 0, None)
        );
        // Another attempt does the rest.
        journal.compact(&compaction(&archive)).unwrap();
        let found = journal.verify_with(&archive).unwrap();
        assert_eq!((found.ok, found.compacted), (true, BODIES));
        assert_eq!(found.archive.unwrap().bodies, BODIES);
        let parts = std::fs::read_dir(&archive).unwrap();
        assert!(
            parts
                .map(|part| part.unwrap().file_name())
                .all(|name| !name.to_string_lossy().ends_with(".part"))
        );
    }
}
