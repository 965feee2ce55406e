//! Two processes on one house, and everything that may have happened to the file between them.

use super::*;
use crate::{Journal, NewRecord};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

fn store() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    drop(Journal::open(&path).unwrap());
    (folder, path)
}

fn lock_of(path: &Path) -> PathBuf {
    side_file(path, "-host")
}

fn take(path: &Path) -> Result<HouseLock, JournalError> {
    Journal::open(path).unwrap().take_house("charthouse chat")
}

const CHILD: &str = "CHARTHOUSE_HOLD";

/// Not a test of its own: the other process, which holds the house until it is killed or its input ends.
#[test]
fn a_process_that_holds_the_house() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let journal = Journal::open(Path::new(&path)).unwrap();
    let taken = journal.take_house("charthouse serve");
    println!("{}", if taken.is_ok() { "held" } else { "refused" });
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Another process, and whether it got the house.
fn other(path: &Path) -> (Child, bool) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "house::tests::a_process_that_holds_the_house",
            "--nocapture",
        ])
        .env(CHILD, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines
        .map(|line| line.unwrap())
        .find(|line| line.contains("held") || line.contains("refused"))
        .unwrap();
    (child, said.contains("held"))
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_refusal_says_who_has_the_house_and_since_when() {
    let (_folder, path) = store();
    let (child, held) = other(&path);
    assert!(held);
    let error = take(&path).unwrap_err();
    let JournalError::HouseTaken { holder, since, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(
        holder,
        &format!("`charthouse serve` (process {})", child.id())
    );
    assert!(since.unwrap().0 > 1_700_000_000_000);
    let text = error.to_string();
    assert!(
        text.contains("UTC") && text.contains("end that first"),
        "{text}"
    );
    // Something administrative may be appended beside it.
    Journal::open(&path)
        .unwrap()
        .append(&[NewRecord {
            run: "house",
            time: Timestamp(1),
            kind: "memory",
            body: "{}",
        }])
        .unwrap();
    kill(child);
    let taken = take(&path).unwrap();
    assert!(read(&lock_of(&path)).unwrap().0.by == "charthouse chat");
    assert!(take(&path).is_err(), "not twice in one process either");
    drop(taken);
    assert_eq!(std::fs::read(lock_of(&path)).unwrap(), b"");
    assert!(other(&path).1);
}

#[test]
fn what_the_file_says_decides_nothing() {
    let (_folder, path) = store();
    let lock = lock_of(&path);
    let long = "x".repeat(100_000);
    let left_behind = [
        "",
        "garbage",
        "{\"by\":\"charthouse serve\",\"pid\":1}",
        "{\"by\":7}",
        &long,
    ];
    for text in left_behind {
        std::fs::write(&lock, text).unwrap();
        drop(take(&path).unwrap());
    }
    std::fs::write(&lock, [0xff, 0xfe, 0]).unwrap();
    let taken = take(&path).unwrap();
    // And while it is held, whatever it is made to say, it is refused in words.
    for text in left_behind
        .into_iter()
        .chain(["{\"by\":\"\\u001b[31mx\",\"pid\":4194999}"])
    {
        std::fs::write(&lock, text).unwrap();
        let error = take(&path).unwrap_err();
        assert!(matches!(error, JournalError::HouseTaken { .. }), "{error}");
        assert!(!error.to_string().contains('\u{1b}'));
    }
    drop(taken);
    assert!(take(&path).is_ok());
}

#[test]
fn a_deleted_lock_lets_nobody_in_beside_a_living_host() {
    let (_folder, path) = store();
    let (child, held) = other(&path);
    assert!(held);
    std::fs::remove_file(lock_of(&path)).unwrap();
    for _ in 0..2 {
        let error = take(&path).unwrap_err().to_string();
        assert!(error.contains("whose lock was deleted"), "{error}");
    }
    let (second, held) = other(&path);
    assert!(!held);
    kill(second);
    kill(child);
    assert!(take(&path).is_ok(), "a killed process holds nothing");
}

#[test]
fn of_many_that_race_one_gets_it() {
    let (_folder, path) = store();
    for _ in 0..3 {
        let children: Vec<_> = (0..4)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || other(&path))
            })
            .collect();
        let children: Vec<_> = children.into_iter().map(|c| c.join().unwrap()).collect();
        assert_eq!(children.iter().filter(|(_, held)| *held).count(), 1);
        children.into_iter().for_each(|(child, _)| kill(child));
    }
}

#[cfg(unix)]
#[test]
fn a_house_has_one_lock_whatever_it_is_called() {
    let (folder, path) = store();
    let other_name = folder.path().join("other.db");
    std::os::unix::fs::symlink(&path, &other_name).unwrap();
    let _taken = take(&path).unwrap();
    assert!(matches!(
        take(&other_name),
        Err(JournalError::HouseTaken { .. })
    ));
}

#[test]
fn what_is_in_the_way_is_named() {
    let (_folder, path) = store();
    std::fs::create_dir(lock_of(&path)).unwrap();
    let error = take(&path).unwrap_err();
    assert!(
        matches!(
            error,
            JournalError::CannotTake { .. } | JournalError::CannotLock { .. }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("journal.db-host"), "{error}");
}

#[test]
fn a_journal_that_may_only_be_read_cannot_be_hosted() {
    let (_folder, path) = store();
    let journal = Journal::open_read_only(&path).unwrap();
    let error = journal.take_house("charthouse serve").unwrap_err();
    assert!(matches!(error, JournalError::ReadOnly { .. }), "{error}");
}
