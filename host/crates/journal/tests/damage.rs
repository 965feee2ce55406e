//! Disks that are full, read-only or torn, and pages that are not what was written: each ends in an error with something to do, or in the first bad record.
//! Never in a panic, and never in fewer records that are called whole.

use charthouse_journal::{Journal, JournalError, NewRecord, RecordId, Which};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use types::Timestamp;

const RECORDS: u64 = 240;

fn record<'a>(run: &'a str, body: &'a str) -> NewRecord<'a> {
    NewRecord {
        run,
        time: Timestamp(7),
        kind: if body.len().is_multiple_of(2) {
            "item"
        } else {
            "cost"
        },
        body,
    }
}

fn body(n: u64) -> String {
    format!(
        "\"{n} {}\"",
        "text ".repeat(usize::try_from(n % 90).unwrap())
    )
}

fn side(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// A journal of some runs; with `open` the last commits are in the write-ahead file only, as after a kill.
fn journal(killed: bool) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("first/journal.db");
    let mut journal = Journal::open(&path).unwrap();
    for n in 1..=RECORDS {
        journal
            .append(&[record(["a", "b", "house"][n as usize % 3], &body(n))])
            .unwrap();
        if n == RECORDS / 2 {
            Connection::open(&path)
                .unwrap()
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .unwrap();
        }
    }
    let copy = folder.path().join("journal.db");
    if !killed {
        drop(journal);
    }
    copy_all(&path, &copy);
    (folder, copy)
}

fn copy_all(from: &Path, to: &Path) {
    for suffix in ["", "-wal", "-head"] {
        let _ = std::fs::remove_file(side(to, suffix));
        if side(from, suffix).exists() {
            std::fs::copy(side(from, suffix), side(to, suffix)).unwrap();
        }
    }
    let _ = std::fs::remove_file(side(to, "-shm"));
}

/// A small generator of chance that a seed decides.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What the journal gives of its records when it says that it is whole must be all of them, by every way.
fn whole_or_said(path: &Path, good: &[(u64, String)], what: &str) -> bool {
    let said = |error: JournalError| {
        let text = error.to_string();
        // That there is no journal would be taken for a house in which nobody has run.
        let is_clear = !matches!(
            error,
            JournalError::Database { .. } | JournalError::Missing { .. }
        );
        assert!(is_clear && text.contains("journal.db"), "{what}: {text}");
        false
    };
    let verification = match Journal::open_read_only(path).and_then(|journal| journal.verify()) {
        Ok(verification) => verification,
        Err(error) => return said(error),
    };
    if !verification.ok {
        let bad = verification.first_bad.unwrap();
        assert!((1..=RECORDS + 1).contains(&bad), "{what}: {bad}");
        // What is not found at once must not be taken for whole by who writes: he may go on, and the place is still found.
        let _ = Journal::open(path).map(drop);
        return false;
    }
    let journal = match Journal::open(path) {
        Ok(journal) => journal,
        Err(error) => return said(error),
    };
    let mut found = Vec::new();
    journal
        .each(Which::All, |record| {
            found.push((record.seq.0, record.body));
            Ok::<_, JournalError>(())
        })
        .unwrap();
    assert_eq!(found, good, "{what}");
    let by_run: usize = ["a", "b", "house"]
        .map(|run| journal.after(run, RecordId(0)).unwrap().len())
        .iter()
        .sum();
    let by_kind: usize = ["item", "cost"]
        .map(|kind| journal.of_kind(kind).unwrap().len())
        .iter()
        .sum();
    assert_eq!((by_run, by_kind), (good.len(), good.len()), "{what}");
    true
}

fn good() -> Vec<(u64, String)> {
    (1..=RECORDS).map(|n| (n, body(n))).collect()
}

#[test]
fn bytes_that_changed_in_the_file_are_found_or_did_no_harm() {
    let (folder, path) = journal(false);
    let bytes = std::fs::read(&path).unwrap();
    let broken = folder.path().join("broken.journal.db");
    let (mut chance, good, mut found) = (Chance(7), good(), 0);
    for case in 0..400 {
        copy_all(&path, &broken);
        let mut bytes = bytes.clone();
        let length = 1 << chance.below(8);
        let at = chance.below(bytes.len() as u64);
        for offset in at..(at + length).min(bytes.len() as u64) {
            bytes[offset as usize] ^= 1 + chance.below(255) as u8;
        }
        std::fs::write(&broken, bytes).unwrap();
        let whole = whole_or_said(&broken, &good, &format!("case {case}: {length} at {at}"));
        found += usize::from(!whole);
    }
    assert!(found > 200, "{found} of 400 were found");
}

#[test]
fn a_file_that_was_cut_is_never_called_whole() {
    let (folder, path) = journal(false);
    let size = std::fs::metadata(&path).unwrap().len();
    let broken = folder.path().join("broken.journal.db");
    let (mut chance, good) = (Chance(11), good());
    for case in 0..100 {
        copy_all(&path, &broken);
        let cut = if case == 0 { 0 } else { chance.below(size) };
        truncate(&broken, cut);
        assert!(
            !whole_or_said(
                &broken,
                &good,
                &format!("case {case}: cut at {cut} of {size}")
            ),
            "case {case}: cut at {cut} of {size}"
        );
    }
}

#[test]
fn a_write_ahead_file_that_was_cut_spoilt_or_lost_is_never_called_whole() {
    let (folder, path) = journal(true);
    let wal = std::fs::read(side(&path, "-wal")).unwrap();
    let broken = folder.path().join("broken.journal.db");
    let (mut chance, good) = (Chance(13), good());
    copy_all(&path, &broken);
    assert!(whole_or_said(&broken, &good, "as a kill leaves it"));
    let mut lost = 0;
    for case in 0..150 {
        copy_all(&path, &broken);
        let at = chance.below(wal.len() as u64);
        match case % 3 {
            0 => truncate(&side(&broken, "-wal"), at),
            1 => std::fs::remove_file(side(&broken, "-wal")).unwrap(),
            _ => {
                let mut wal = wal.clone();
                wal[at as usize] ^= 0x41;
                std::fs::write(side(&broken, "-wal"), wal).unwrap();
            }
        }
        if case % 3 == 1 {
            let error = Journal::open(&broken).err().unwrap();
            assert!(
                matches!(
                    error,
                    JournalError::Shorter {
                        found: 120,
                        recorded: RECORDS,
                        ..
                    }
                ),
                "{error}"
            );
            assert!(error.to_string().contains("journal.db-wal"), "{error}");
            let found = Journal::open_read_only(&broken).unwrap().verify().unwrap();
            assert_eq!((found.records, found.first_bad), (120, Some(121)));
            // Who accepts the loss says so by taking the witness away.
            std::fs::remove_file(side(&broken, "-head")).unwrap();
            assert!(Journal::open(&broken).unwrap().verify().unwrap().ok);
            continue;
        }
        lost += usize::from(!whole_or_said(
            &broken,
            &good,
            &format!("case {case} at {at}"),
        ));
    }
    assert!(lost > 90, "{lost} of 100");
}

fn truncate(path: &Path, length: u64) {
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(length)
        .unwrap();
}

/// The records that are left by number, and those that are said to be lost.
fn looked_at(path: &Path) -> (Vec<u64>, Vec<(u64, u64)>) {
    let journal = Journal::open_to_look(path).unwrap();
    let mut left = Vec::new();
    let read = journal.each(Which::All, |record| {
        left.push(record.seq.0);
        Ok::<_, JournalError>(())
    });
    read.unwrap();
    (left, journal.damage().unwrap().lost)
}

fn all_but(lost: &[(u64, u64)]) -> Vec<u64> {
    let is_lost = |seq: &u64| lost.iter().any(|(from, to)| (from..=to).contains(&seq));
    (1..=RECORDS).filter(|seq| !is_lost(seq)).collect()
}

#[test]
fn what_is_not_there_is_as_lost_as_what_cannot_be_read() {
    let (_folder, path) = journal(false);
    let tampered = Connection::open(&path).unwrap();
    tampered
        .execute_batch("UPDATE record SET hash = X'00' WHERE seq = 50; DELETE FROM record WHERE seq IN (100, 101, 240)")
        .unwrap();
    let lost = vec![(50, 50), (100, 101), (240, 240)];
    assert_eq!(looked_at(&path), (all_but(&lost), lost));
}

#[test]
fn an_end_that_is_gone_is_said_to_be_and_which_records_were_in_it() {
    let (_folder, path) = journal(false);
    let tampered = Connection::open(&path).unwrap();
    tampered
        .execute_batch("DELETE FROM record WHERE seq > 200")
        .unwrap();
    let journal = Journal::open_to_look(&path).unwrap();
    let error = journal.check_end().unwrap_err().to_string();
    assert!(
        error.contains("records 201 to 240 cannot be read"),
        "{error}"
    );
    assert_eq!(journal.damage(), None, "the rest is sound");
}

/// More records than there is room for in the file are not asked for one by one, and not passed over in silence.
#[test]
fn of_a_file_that_was_cut_to_its_beginning_the_rest_is_lost() {
    for (says, said) in [
        ("UPDATE head SET seq = 1000000000", 1_000_000_000),
        ("SELECT 1", RECORDS),
    ] {
        let (_folder, path) = journal(false);
        Connection::open(&path)
            .unwrap()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        let tampered = Connection::open(&path).unwrap();
        tampered.execute_batch(says).unwrap();
        drop(tampered);
        std::fs::remove_file(side(&path, "-head")).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in (4096..whole.len()).step_by(4096) {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (left, lost) = looked_at(&path);
            let found = left.len() as u64;
            assert!(left.into_iter().eq(1..=found));
            let [(first, last)] = lost[..] else {
                panic!("{length}: {lost:?}");
            };
            assert_eq!(first, found + 1, "{length}");
            // Where not even the head is left, all that there may have been is.
            let room = length as u64 / 40;
            assert!(last == said || last == room, "{length}: {last}");
        }
    }
}

#[test]
fn a_journal_that_is_gone_is_not_begun_anew() {
    let (_folder, path) = journal(true);
    for empty in [false, true] {
        std::fs::remove_file(&path).unwrap();
        if empty {
            std::fs::write(&path, "").unwrap();
        }
        let wal = std::fs::read(side(&path, "-wal")).unwrap();
        for opened in [Journal::open(&path), Journal::open_read_only(&path)] {
            let error = opened.err().unwrap();
            assert!(
                matches!(
                    error,
                    JournalError::Shorter {
                        found: 0,
                        recorded: RECORDS,
                        ..
                    }
                ),
                "{error}"
            );
        }
        assert_eq!(path.exists(), empty, "nothing is made");
        assert_eq!(
            std::fs::read(side(&path, "-wal")).unwrap(),
            wal,
            "nothing is thrown away"
        );
        std::fs::write(&path, "").unwrap();
    }
}

#[test]
fn what_is_written_ahead_is_read_where_nothing_can_be_made_beside_it() {
    let (_folder, path) = journal(true);
    let wal = std::fs::read(side(&path, "-wal")).unwrap();
    // As on a disk that may only be read: what SQLite wants beside such a file cannot be there.
    std::fs::create_dir(side(&path, "-shm")).unwrap();
    let reader = Journal::open_read_only(&path).unwrap();
    let found = reader.verify().unwrap();
    assert_eq!((found.ok, found.records), (true, RECORDS));
    drop(reader);
    assert!(std::fs::read(side(&path, "-wal")).unwrap() == wal);
}

#[test]
fn an_older_copy_of_the_journal_under_a_newer_witness_is_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let copy = folder.path().join("copy.db");
    let append = |body: &str| {
        let mut journal = Journal::open(&path).unwrap();
        journal.append(&[record("a", body)]).unwrap();
    };
    append("1");
    std::fs::copy(&path, &copy).unwrap();
    append("2");
    std::fs::copy(&copy, &path).unwrap();
    assert!(matches!(
        Journal::open(&path).err().unwrap(),
        JournalError::Shorter {
            found: 1,
            recorded: 2,
            ..
        }
    ));
    std::fs::remove_file(side(&path, "-head")).unwrap();
    append("another 2");
    // And one whose records were all made anew.
    let other = folder.path().join("other.db");
    let mut journal = Journal::open(&other).unwrap();
    journal
        .append(&[record("a", "1"), record("a", "2"), record("a", "3")])
        .unwrap();
    drop(journal);
    std::fs::copy(&other, &path).unwrap();
    let error = Journal::open(&path).err().unwrap();
    assert!(
        matches!(error, JournalError::Replaced { seq: 2, .. }),
        "{error}"
    );
    let found = Journal::open_read_only(&path).unwrap().verify().unwrap();
    assert_eq!(found.first_bad, Some(2));
}

#[test]
fn what_resume_reads_is_proven() {
    for sql in [
        "UPDATE record SET body = '\"x\"' WHERE seq = 211",
        "UPDATE record SET time = 8 WHERE seq = 211",
        "DELETE FROM record WHERE seq = 211",
        "UPDATE record SET run = 'a' WHERE seq = 211",
        "UPDATE record SET nth = nth + 1 WHERE seq = 211",
        "DELETE FROM record WHERE seq = 210",
    ] {
        let (_folder, path) = journal(false);
        let reader = Journal::open_read_only(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let error = reader.after("b", RecordId(200)).map(drop);
        let tail = reader.tail("b", |_| std::ops::ControlFlow::Continue(()));
        assert!(
            matches!(error, Err(JournalError::Corrupt { .. })),
            "{sql}: {error:?}"
        );
        assert!(matches!(tail, Err(JournalError::Corrupt { .. })), "{sql}");
    }
    // 211 is of run b.
    let (_folder, path) = journal(false);
    let reader = Journal::open_read_only(&path).unwrap();
    assert_eq!(reader.after("b", RecordId(210)).unwrap()[0].seq.0, 211);
    assert_eq!(reader.newest("b", "none").unwrap(), None);
}

const CHILD: &str = "CHARTHOUSE_APPEND";

/// Not a test of its own: appends until it cannot, and says what became of it.
#[test]
fn a_process_that_appends() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let mut journal = match Journal::open(Path::new(&path)) {
        Ok(journal) => journal,
        Err(error) => return println!("refused: {error}"),
    };
    for n in 1.. {
        match journal.append(&[record("a", &body(n % 90 + 1))]) {
            Ok(ids) => println!("done: {}", ids[0].0),
            Err(error) => return println!("refused: {error}"),
        }
    }
}

fn appends(path: &Path, how: &mut Command) -> (u64, String) {
    let output = how.env(CHILD, path).stderr(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last = |word: &str| {
        let line = text.lines().rev().find_map(|line| line.split_once(word));
        line.map(|(_, rest)| rest.to_owned())
    };
    let done = last("done: ").map_or(0, |n| n.parse().unwrap());
    (done, last("refused: ").unwrap_or_default())
}

fn this_test() -> Vec<String> {
    let program = std::env::current_exe().unwrap();
    vec![
        program.to_str().unwrap().to_owned(),
        "--exact".to_owned(),
        "a_process_that_appends".to_owned(),
        "--nocapture".to_owned(),
    ]
}

#[cfg(unix)]
#[test]
fn a_limit_on_the_size_of_files_is_met_with_words_and_nothing_committed_is_lost() {
    for blocks in [300, 512, 800, 1500] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        // With the signal ignored, as a service manager may set it, writing gives an error.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        let (done, refused) = appends(
            &path,
            Command::new("sh")
                .args(["-c", &script, "sh"])
                .args(this_test()),
        );
        assert!(done > 0, "{refused}");
        assert!(
            refused.contains("nothing was recorded and nothing was done"),
            "{refused}"
        );
        let found = Journal::open(&path).unwrap().verify().unwrap();
        assert!(found.ok && found.records == done, "{done} {found:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_store_that_may_only_be_read_is_read_and_not_written() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let (folder, path) = journal(false);
    let mode = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&path, 0o444);
    mode(folder.path(), 0o555);
    let mut command = Command::new(&this_test()[0]);
    command.args(&this_test()[1..]);
    // Nothing is forbidden to root.
    let is_root = std::fs::metadata("/proc/self")
        .is_ok_and(|about| std::os::unix::fs::MetadataExt::uid(&about) == 0);
    if is_root {
        command.uid(65534).gid(65534);
    }
    let (done, refused) = appends(&path, &mut command);
    mode(folder.path(), 0o755);
    assert_eq!(done, 0);
    assert!(refused.contains("may only be read"), "{refused}");
}
