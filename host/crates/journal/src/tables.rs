//! The tables, version by version. What a version made never changes; a new one adds a step, and a file that it made goes into `tests/fixtures`.

use rusqlite::{Transaction, params};

use crate::chain::GENESIS;

/// The version of the tables: what [`step`] makes of nothing, one version after the other.
pub const VERSION: i64 = 3;

/// The first version that has an index of memories.
pub const WITH_MEMORIES: i64 = 2;

/// The first version whose records are linked by the hash of their body, and counted in their run.
pub const WITH_LINK_2: i64 = 3;

/// `head` repeats the last record, so that records cut off the end are missed.
const RECORDS: &str = "
    CREATE TABLE record (
        seq  INTEGER PRIMARY KEY,
        run  TEXT NOT NULL,
        time INTEGER NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    CREATE INDEX record_run ON record (run);
    CREATE INDEX record_kind ON record (kind);
    CREATE TABLE head (
        one  INTEGER PRIMARY KEY CHECK (one = 1),
        seq  INTEGER NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    CREATE TABLE state (
        plugin TEXT NOT NULL,
        key    TEXT NOT NULL,
        value  BLOB NOT NULL,
        PRIMARY KEY (plugin, key)
    ) STRICT, WITHOUT ROWID;
";

/// The index of memories. A memory's text stands in its record and nowhere else; `memory.record` says which. A scope is one layer of one agent, and the
/// house's own has the agent ''. Words lie apart by scope, so that no agent's memories bear on how another's are ranked.
const MEMORIES: &str = "
    CREATE TABLE memory_scope (
        scope INTEGER PRIMARY KEY,
        agent TEXT NOT NULL,
        layer TEXT NOT NULL,
        UNIQUE (agent, layer)
    ) STRICT;
    CREATE TABLE memory (
        scope  INTEGER NOT NULL,
        id     INTEGER NOT NULL UNIQUE,
        record INTEGER NOT NULL,
        time   INTEGER NOT NULL,
        weight REAL NOT NULL,
        words  INTEGER NOT NULL,
        PRIMARY KEY (scope, id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE memory_word (
        scope  INTEGER NOT NULL,
        word   TEXT NOT NULL,
        id     INTEGER NOT NULL,
        times  INTEGER NOT NULL,
        PRIMARY KEY (scope, word, id)
    ) STRICT, WITHOUT ROWID;
";

/// Link 2 and what it allows. `compacted` is the hash of a body that was taken out; `nth` counts the records of a run, so that how many it has stands in its
/// last one and a gap shows, without a write more for each. What stands before `link_2_from` has neither; `earlier` says how many records each run had there.
const LINK_2: &str = "
    ALTER TABLE record ADD COLUMN nth INTEGER;
    ALTER TABLE record ADD COLUMN compacted BLOB;
    ALTER TABLE head ADD COLUMN link_2_from INTEGER NOT NULL DEFAULT 1;
    CREATE TABLE earlier (
        run     TEXT PRIMARY KEY,
        records INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO earlier SELECT run, count(*) FROM record GROUP BY run;
    UPDATE head SET link_2_from = seq + 1;
";

/// Make version `version` of the one before.
pub fn step(transaction: &Transaction<'_>, version: i64) -> rusqlite::Result<()> {
    match version {
        1 => {
            transaction.execute_batch(RECORDS)?;
            transaction
                .execute(
                    "INSERT INTO head VALUES (1, 0, ?1)",
                    params![GENESIS.as_bytes()],
                )
                .map(drop)
        }
        2 => transaction.execute_batch(MEMORIES),
        _ => transaction.execute_batch(LINK_2),
    }
}
