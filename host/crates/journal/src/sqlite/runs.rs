//! The runs of a house. It costs as many looks into the index as there are runs, not records: one leap from each run to the next.

use crate::record::{HOUSE_RUN, RunSummary, unsigned};
use rusqlite::{Connection, OptionalExtension};
use types::Timestamp;

/// How many records of the house itself are passed over one by one, at the end, before the runs are asked instead.
const PATIENCE: usize = 200;

/// Every run, from one to the next by a leap in the index.
const EACH_RUN: &str = "
    WITH RECURSIVE each(run) AS (
        SELECT min(run) FROM record
        UNION ALL
        SELECT (SELECT min(run) FROM record WHERE run > each.run) FROM each WHERE each.run IS NOT NULL
    )";

const ALL: &str = "
    SELECT each.run, first.time, last.time, coalesce(last.nth, (SELECT records FROM earlier WHERE earlier.run = each.run), 0)
    FROM each
    JOIN record AS first ON first.seq = (SELECT min(seq) FROM record WHERE run = each.run)
    JOIN record AS last ON last.seq = (SELECT max(seq) FROM record WHERE run = each.run)
    WHERE each.run <> ?1 ORDER BY first.seq";

const ALL_OF_OLD: &str = "
    SELECT each.run, first.time, last.time, (SELECT count(*) FROM record WHERE run = each.run)
    FROM each
    JOIN record AS first ON first.seq = (SELECT min(seq) FROM record WHERE run = each.run)
    JOIN record AS last ON last.seq = (SELECT max(seq) FROM record WHERE run = each.run)
    WHERE each.run <> ?1 ORDER BY first.seq";

const LATEST: &str = "
    SELECT run FROM each WHERE run <> ?1 ORDER BY (SELECT max(seq) FROM record WHERE record.run = each.run) DESC LIMIT 1";

/// The query of all runs; its parameter is the run that is none.
pub fn query(current: bool) -> String {
    format!("{EACH_RUN}{}", if current { ALL } else { ALL_OF_OLD })
}

pub fn all(connection: &Connection, current: bool) -> rusqlite::Result<Vec<RunSummary>> {
    let mut statement = connection.prepare_cached(&query(current))?;
    let runs = statement.query_map([HOUSE_RUN], |row| {
        Ok(RunSummary {
            run: row.get(0)?,
            first: Timestamp(row.get(1)?),
            last: Timestamp(row.get(2)?),
            records: unsigned(row.get(3)?),
        })
    })?;
    runs.collect()
}

/// The query of the run with the newest record; its parameter is the run that is none.
pub fn latest_query() -> String {
    format!("{EACH_RUN}{LATEST}")
}

pub fn latest(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let mut newest = connection.prepare_cached("SELECT run FROM record ORDER BY seq DESC")?;
    let mut rows = newest.query([])?;
    for _ in 0..PATIENCE {
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        if row.get_ref(0)?.as_str()? != HOUSE_RUN {
            return row.get(0).map(Some);
        }
    }
    connection
        .prepare_cached(&latest_query())?
        .query_row([HOUSE_RUN], |row| row.get(0))
        .optional()
}

pub fn that_begin_with(
    connection: &Connection,
    prefix: &str,
    most: usize,
) -> rusqlite::Result<Vec<String>> {
    let mut from = connection.prepare_cached("SELECT min(run) FROM record WHERE run >= ?1")?;
    let mut after = connection.prepare_cached("SELECT min(run) FROM record WHERE run > ?1")?;
    let mut found: Vec<String> = Vec::new();
    let mut next: Option<String> = from.query_row([prefix], |row| row.get(0))?;
    while let Some(run) = next.filter(|run| run.starts_with(prefix) && found.len() < most) {
        next = after.query_row([&run], |row| row.get(0))?;
        if run != HOUSE_RUN || prefix == HOUSE_RUN {
            found.push(run);
        }
    }
    Ok(found)
}
