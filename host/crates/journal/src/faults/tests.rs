//! The faults are those that were ordered, and the journal over them says what it must.

use super::*;
use crate::{Journal, SqliteStore, Which};
use tempfile::TempDir;
use types::Timestamp;

fn journal(faults: &Faults) -> (TempDir, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("journal.db")).unwrap();
    (folder, Journal::over(faults.around(store)))
}

const ONE: NewRecord<'static> = NewRecord {
    run: "a",
    time: Timestamp(1),
    kind: "item",
    body: r#"{"n":10}"#,
};

#[test]
fn what_was_ordered_happens_once_and_in_order() {
    let faults = Faults::new(1, Chances::default());
    let (_folder, mut journal) = journal(&faults);
    journal.append(&[ONE]).unwrap();
    for (fault, there) in [
        (Fault::Full, 1),
        (Fault::Device, 1),
        (Fault::Unwritten, 1),
        (Fault::Written, 2),
    ] {
        faults.order(fault);
        let error = journal.append(&[ONE]).unwrap_err();
        let is_uncertain = matches!(fault, Fault::Written | Fault::Unwritten);
        assert_eq!(
            matches!(error, JournalError::Uncertain { .. }),
            is_uncertain
        );
        assert_eq!(journal.verify().unwrap().records, there);
    }
    for fault in [Fault::Torn, Fault::Altered, Fault::Lost] {
        journal.append(&[ONE]).unwrap();
        faults.order(fault);
        // The middle one is lost, so that it can be missed.
        let read = journal.after("a", RecordId(1)).map(|records| records.len());
        match fault {
            Fault::Lost => assert_eq!(
                read.unwrap(),
                3,
                "the first that is read is missed by nobody"
            ),
            _ => assert!(
                matches!(read, Err(JournalError::Corrupt { .. })),
                "{fault:?}"
            ),
        }
    }
    faults.order(Fault::Unreadable);
    assert!(matches!(journal.head(), Err(JournalError::Device { .. })));
    assert_eq!(faults.happened().len(), 8);
    assert_eq!(journal.records("a").unwrap().len(), 5);
}

#[test]
fn the_same_seed_gives_the_same_faults_and_whatever_they_are_the_chain_is_whole() {
    let chances = Chances {
        writing: 2000,
        reading: 500,
        record: 200,
    };
    let life = |seed| {
        let faults = Faults::new(seed, chances);
        let (_folder, mut journal) = journal(&faults);
        let mut sure = 0_u64;
        let mut maybe = 0_u64;
        for _ in 0..60 {
            match journal.append(&[ONE, ONE]) {
                Ok(_) => sure += 2,
                Err(JournalError::Uncertain { .. }) => maybe += 2,
                Err(_) => {}
            }
            if let Ok(records) = journal.after("a", RecordId(0)) {
                assert!(records.iter().all(|record| record.body == ONE.body));
            }
        }
        faults.set(Chances::default());
        let found = journal.verify().unwrap();
        assert!(found.ok && found.records >= sure && found.records <= sure + maybe);
        let mut all = 0;
        journal
            .each(Which::All, |_| {
                all += 1;
                Ok::<_, JournalError>(())
            })
            .unwrap();
        assert_eq!(all, found.records);
        faults.happened()
    };
    assert_eq!(life(3), life(3));
    assert_ne!(life(3), life(4));
    assert!(!life(3).is_empty());
}
