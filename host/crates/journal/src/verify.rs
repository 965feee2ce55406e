//! How tampering is found: by walking the chain once, from the first record to the last, and comparing its end with the stored head.
//!
//! A chain proves that records were not changed *without making the rest anew*. Whoever can write the file can compute a whole new chain;
//! against that the head's hash must be kept somewhere else, which is what [`Verification::head`] is for.

use crate::chain::{GENESIS, Link};
use crate::journal::{read_head, read_record};
use rusqlite::Connection;
use serde::Serialize;
use types::ContentHash;

/// What became of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Whether every record is as it was written.
    pub ok: bool,
    /// How many records there are.
    pub records: u64,
    /// The number of the first record that is altered, missing, moved, or too many. Where records are missing from the end, it is the
    /// first missing one.
    pub first_bad: Option<u64>,
    /// The hash of the last good record: written down elsewhere, it proves this journal against whoever rewrites all of it.
    pub head: ContentHash,
}

/// Walk the chain.
pub fn verify(connection: &Connection) -> rusqlite::Result<Verification> {
    // One snapshot for the records and for the head, whatever other processes append meanwhile.
    let snapshot = connection.unchecked_transaction()?;
    let (good, end) = longest_good_beginning(&snapshot)?;
    // A damaged page can make counting fail where reading in order went well, and the other way round.
    let records = snapshot
        .query_row("SELECT count(*) FROM record NOT INDEXED", [], |row| {
            row.get::<_, i64>(0)
        })
        .map_or(good, crate::journal::unsigned);
    let first_bad = match read_head(&snapshot) {
        _ if records > good => Some(good + 1),
        Ok((seq, hash)) if seq == good && hash == end => None,
        // The head says that there was more, less, or something else at the end.
        Ok((seq, _)) if seq != good => Some(seq.min(good) + 1),
        Ok(_) => Some(good.max(1)),
        Err(_) => Some(good + 1),
    };
    Ok(Verification {
        ok: first_bad.is_none(),
        records,
        first_bad,
        head: end,
    })
}

/// How many records from the first on are as they were written, and the hash of the last of them.
fn longest_good_beginning(connection: &Connection) -> rusqlite::Result<(u64, ContentHash)> {
    let mut statement =
        connection.prepare("SELECT seq, run, time, kind, body, hash FROM record ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let (mut good, mut previous) = (0, GENESIS);
    // A row that cannot be read is as bad as one that was altered: it ends the good beginning.
    while let Ok(Some(row)) = rows.next() {
        let Ok(record) = read_record(row) else {
            break;
        };
        let link = Link {
            seq: good + 1,
            run: &record.run,
            time: record.time.0,
            kind: &record.kind,
            body: &record.body,
        };
        if record.seq.0 != link.seq || record.hash != link.hash(&previous) {
            break;
        }
        good = link.seq;
        previous = record.hash;
    }
    Ok((good, previous))
}
