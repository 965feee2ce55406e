//! Records come out: by number, run or kind, in either order. Each way has an index, so that it costs what is read.

use crate::record::{Record, RecordId, Which, marker, signed, unsigned};
use crate::store::{Head, Scan, Stored, Visit, before};
use rusqlite::{Connection, Row, params};
use types::{ContentHash, Timestamp};

/// What is read of a record; the last two are the versions' before the present one.
const COLUMNS: &str = "r.seq, r.run, r.time, r.kind, r.body, r.hash, r.compacted, r.nth";
const OLD_COLUMNS: &str = "r.seq, r.run, r.time, r.kind, r.body, r.hash, NULL, NULL";

fn columns(current: bool) -> &'static str {
    if current { COLUMNS } else { OLD_COLUMNS }
}

/// The query of `scan`, whose first parameter is the run or kind and whose second is where to begin.
pub fn query(current: bool, scan: &Scan<'_>) -> String {
    let (previous, join) = match scan.proof {
        true => ("p.hash", "LEFT JOIN record AS p ON p.seq = r.seq - 1"),
        false => ("NULL", ""),
    };
    let condition = match scan.which {
        Which::All => "?1 = ''",
        Which::Run(_) => "r.run = ?1",
        Which::Kind(_) => "r.kind = ?1",
    };
    let (side, order) = match scan.newest_first {
        true => ("<", "DESC"),
        false => (">", "ASC"),
    };
    format!(
        "SELECT {}, {previous} FROM record AS r {join} WHERE {condition} AND r.seq {side} ?2 ORDER BY r.seq {order}",
        columns(current)
    )
}

pub fn read(
    connection: &Connection,
    current: bool,
    scan: Scan<'_>,
    visit: Visit<'_>,
) -> rusqlite::Result<()> {
    let value = match scan.which {
        Which::All => "",
        Which::Run(value) | Which::Kind(value) => value,
    };
    let from = match (scan.from, scan.newest_first) {
        (Some(from), _) => signed(from.0),
        (None, false) => i64::MIN,
        (None, true) => i64::MAX,
    };
    let mut statement = connection.prepare_cached(&query(current, &scan))?;
    let mut rows = statement.query(params![value, from])?;
    while let Some(row) = rows.next()? {
        if visit(stored(row)?).is_break() {
            break;
        }
    }
    Ok(())
}

/// The query of one record by its number, with its proof.
pub fn by_number(current: bool) -> String {
    format!(
        "SELECT {}, p.hash FROM record AS r LEFT JOIN record AS p ON p.seq = r.seq - 1 WHERE r.seq = ?1",
        columns(current)
    )
}

/// The query of one record by its number, which looks at no other.
pub fn alone(current: bool) -> String {
    format!(
        "SELECT {}, NULL FROM record AS r WHERE r.seq = ?1",
        columns(current)
    )
}

/// The number of the newest record of `run` that is of `kind`. Two ways lead there, back along the run and back along the kind, and which is the shorter is not
/// known before: so both are gone, step by step in turn, until one is at its end.
pub fn newest(connection: &Connection, run: &str, kind: &str) -> rusqlite::Result<Option<i64>> {
    let mut of_run = connection.prepare_cached(NEWEST_OF_RUN)?;
    let mut of_kind = connection.prepare_cached(NEWEST_OF_KIND)?;
    let mut ways = [(of_run.query([run])?, kind), (of_kind.query([kind])?, run)];
    loop {
        for (rows, wanted) in &mut ways {
            match rows.next()? {
                None => return Ok(None),
                Some(row) if row.get_ref(1)?.as_str()? == *wanted => return row.get(0).map(Some),
                Some(_) => {}
            }
        }
    }
}

pub const NEWEST_OF_RUN: &str = "SELECT seq, kind FROM record WHERE run = ?1 ORDER BY seq DESC";
pub const NEWEST_OF_KIND: &str = "SELECT seq, run FROM record WHERE kind = ?1 ORDER BY seq DESC";

/// The record in a row of [`columns`] and the hash of the one before.
pub(crate) fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let seq = unsigned(row.get(0)?);
    let compacted = row
        .get::<_, Option<[u8; 32]>>(6)?
        .map(ContentHash::from_bytes);
    let record = Record {
        seq: RecordId(seq),
        run: row.get(1)?,
        time: Timestamp(row.get(2)?),
        kind: row.get(3)?,
        body: match &compacted {
            Some(hash) => marker(hash),
            None => row.get(4)?,
        },
        hash: ContentHash::from_bytes(row.get(5)?),
        compacted,
    };
    let previous = row
        .get::<_, Option<[u8; 32]>>(8)?
        .map(ContentHash::from_bytes);
    Ok(Stored {
        previous: before(seq, previous),
        nth: row.get::<_, Option<i64>>(7)?.map(unsigned),
        record,
    })
}

/// Number and hash of the last record, as the head has them.
pub(crate) fn read_head(connection: &Connection) -> rusqlite::Result<(u64, ContentHash)> {
    connection
        .prepare_cached("SELECT seq, hash FROM head")?
        .query_row([], |row| {
            Ok((unsigned(row.get(0)?), ContentHash::from_bytes(row.get(1)?)))
        })
}

pub fn head(connection: &Connection, current: bool) -> rusqlite::Result<Head> {
    let (seq, hash) = read_head(connection)?;
    // What an older version wrote has link 1 all through.
    let link_2_from = match current {
        true => connection
            .prepare_cached("SELECT link_2_from FROM head")?
            .query_row([], |row| row.get(0).map(unsigned))?,
        false => u64::MAX,
    };
    Ok(Head {
        seq,
        hash,
        link_2_from,
    })
}
