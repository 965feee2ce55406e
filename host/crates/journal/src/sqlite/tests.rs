//! Reading costs what is read: the database's own plan of each query says so.

use super::*;
use crate::Journal;
use types::Timestamp;

fn record<'a>(run: &'a str, kind: &'a str) -> NewRecord<'a> {
    NewRecord {
        run,
        time: Timestamp(1),
        kind,
        body: "{}",
    }
}

fn store() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&folder.path().join("journal.db")).unwrap();
    for n in 0..50 {
        let run = format!("run-{:02}", n % 10);
        let kind = if n % 7 == 0 { "snapshot" } else { "item" };
        store.append(&[record(&run, kind)], &[]).unwrap();
    }
    (folder, store)
}

fn plan(store: &SqliteStore, query: &str) -> Vec<String> {
    let mut statement = store
        .connection
        .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
        .unwrap();
    let count = statement.parameter_count();
    let values = vec!["x"; count];
    statement
        .query_map(rusqlite::params_from_iter(values), |row| row.get(3))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn every_way_of_reading_has_its_index_and_sorts_nothing() {
    let (_folder, store) = store();
    for (which, index) in [
        (Which::Run("x"), "USING INDEX record_run (run=? AND rowid"),
        (
            Which::Kind("x"),
            "USING INDEX record_kind (kind=? AND rowid",
        ),
        (Which::All, "USING INTEGER PRIMARY KEY (rowid"),
    ] {
        for (newest_first, proof) in [(false, false), (false, true), (true, false), (true, true)] {
            let scan = Scan {
                newest_first,
                proof,
                ..Scan::all(which)
            };
            for current in [true, false] {
                let plan = plan(&store, &read::query(current, &scan));
                assert!(
                    plan[0].starts_with("SEARCH r") && plan[0].contains(index),
                    "{plan:?}"
                );
                assert_eq!(plan.len(), 1 + usize::from(proof), "{plan:?}");
                if proof {
                    assert!(plan[1].contains("SEARCH p USING INTEGER PRIMARY KEY (rowid=?)"));
                }
            }
        }
    }
    for query in [read::NEWEST_OF_RUN, read::NEWEST_OF_KIND] {
        let plan = plan(&store, query);
        assert!(
            plan.len() == 1 && plan[0].contains("USING INDEX record_"),
            "{plan:?}"
        );
    }
    let one = plan(&store, &read::by_number(true));
    assert!(
        one.iter()
            .all(|step| step.contains("USING INTEGER PRIMARY KEY (rowid=?)")),
        "{one:?}"
    );
}

#[test]
fn runs_are_found_by_leaps_and_never_by_going_through_all_records() {
    let (_folder, store) = store();
    for query in [runs::query(true), runs::query(false), runs::latest_query()] {
        for step in plan(&store, &query) {
            let goes_through_records = step.starts_with("SCAN record")
                || step.starts_with("SCAN first")
                || step.starts_with("SCAN last");
            // The one that may be called a scan is the first step of the leaps, which the smallest entry of the index ends.
            assert!(
                !goes_through_records || step.contains("SEARCH"),
                "{step} of {query}"
            );
        }
    }
}

/// The same answers as by the plain way, which goes through everything.
#[test]
fn the_quick_ways_say_what_the_plain_ones_say() {
    struct Plain(SqliteStore);
    impl Store for Plain {
        fn path(&self) -> &Path {
            self.0.path()
        }
        fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, JournalError> {
            self.0.kept(name)
        }
        fn kept_from(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, JournalError> {
            self.0.kept_from(prefix)
        }
        fn read(&self, scan: Scan<'_>, visit: Visit<'_>) -> Result<(), JournalError> {
            self.0.read(scan, visit)
        }
        fn head(&self) -> Result<Head, JournalError> {
            self.0.head()
        }
    }
    let (_folder, mut store) = store();
    store.append(&[record("house", "memory")], &[]).unwrap();
    let plain = Plain(SqliteStore::open_read_only(&store.path).unwrap());
    assert_eq!(plain.runs().unwrap(), store.runs().unwrap());
    assert_eq!(plain.latest_run().unwrap(), store.latest_run().unwrap());
    assert_eq!(plain.verify(None).unwrap(), store.verify(None).unwrap());
    for prefix in ["", "run", "run-03", "house", "h", "x"] {
        assert_eq!(
            plain.runs_that_begin_with(prefix, 5).unwrap(),
            store.runs_that_begin_with(prefix, 5).unwrap(),
            "{prefix}"
        );
    }
    for run in ["run-00", "run-07", "house", "nobody"] {
        for kind in ["snapshot", "item", "memory", "none"] {
            assert_eq!(
                plain.newest(run, kind).unwrap(),
                store.newest(run, kind).unwrap()
            );
        }
    }
    for seq in [0, 1, 7, 51, 52] {
        let id = RecordId(seq);
        assert_eq!(plain.record(id).unwrap(), store.record(id).unwrap());
    }
}

#[test]
fn the_latest_run_is_found_behind_much_that_is_the_houses() {
    let (_folder, mut store) = store();
    for _ in 0..5 {
        store
            .append(&vec![record("house", "memory"); 100], &[])
            .unwrap();
    }
    assert_eq!(store.latest_run().unwrap().as_deref(), Some("run-09"));
    let journal = Journal::over(store);
    assert_eq!(journal.find_run("latest").unwrap(), "run-09");
}

#[test]
fn commits_are_durable_again_after_something_was_kept_and_after_it_could_not_be() {
    let (_folder, store) = store();
    let level = |store: &SqliteStore| -> i64 {
        let level = store
            .connection
            .pragma_query_value(None, SYNCHRONOUS, |row| row.get(0));
        level.unwrap()
    };
    let full = 2;
    assert_eq!(level(&store), full);
    store.keep("who", b"has it").unwrap();
    assert_eq!(level(&store), full);
    assert_eq!(store.kept("who").unwrap().unwrap(), b"has it");
    store.connection.execute_batch("DROP TABLE state").unwrap();
    assert!(store.keep("who", b"has it now").is_err());
    assert_eq!(level(&store), full);
}
