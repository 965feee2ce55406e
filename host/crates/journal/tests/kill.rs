//! kill -9, at any instant, many times: what a process said was committed is there, and what is there is whole.

use charthouse_journal::{Journal, NewRecord, RecordId};
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
