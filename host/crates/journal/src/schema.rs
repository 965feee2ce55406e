//! Tables, versions, and how a connection is set up.

use crate::JournalError;
use crate::chain::GENESIS;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};
use std::path::Path;
use std::time::{Duration, Instant};

/// Marks a database file as one of ours, in the place that SQLite has for it: `Chrt` in ASCII.
const APPLICATION_ID: i64 = 0x4368_7274;

/// The version of the tables below: [`VERSION_1`] and what every later version adds.
pub const VERSION: i64 = 2;

/// How long a writer waits for another process. Commits take milliseconds; whoever holds the lock for longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// The page cache, in KiB. The journal is written at its end and read in order, so a large cache would only cost memory.
const CACHE_KIB: i64 = 256;

/// The first version that has [`MEMORIES`].
pub const WITH_MEMORIES: i64 = 2;

/// `head` repeats the last record, so that records cut off the end are missed.
const VERSION_1: &str = "
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

/// When a commit reaches the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Before the commit returns.
    EveryCommit,
    /// With the next commit of [`Durability::EveryCommit`] in the same file. A killed process loses nothing either way.
    NextSync,
}

/// Open the store at `path` for writing, and make it where there is none.
pub fn open(path: &Path, durability: Durability) -> Result<Connection, JournalError> {
    make_private_file(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let error = |source| JournalError::of(path, source);
    let mut connection = Connection::open_with_flags(path, flags).map_err(error)?;
    configure(&connection).map_err(error)?;
    let synchronous = match durability {
        Durability::EveryCommit => "FULL",
        Durability::NextSync => "NORMAL",
    };
    connection
        .pragma_update(None, "synchronous", synchronous)
        .map_err(error)?;
    if check_version(&connection, path)? == Found::Empty {
        create(&mut connection, path)?;
    }
    // After the making too: a program of an older version may have been quicker.
    if check_version(&connection, path)? != Found::Ours(VERSION) {
        migrate(&mut connection, path)?;
    }
    Ok(connection)
}

/// Open the store at `path` for reading; it must be there. One of an older version is read as it is.
pub fn open_read_only(path: &Path) -> Result<Connection, JournalError> {
    if !path.exists() {
        return Err(JournalError::Missing {
            path: path.to_owned(),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let error = |source| JournalError::of(path, source);
    let connection = Connection::open_with_flags(path, flags).map_err(error)?;
    configure(&connection).map_err(error)?;
    match check_version(&connection, path)? {
        Found::Ours(_) => Ok(connection),
        Found::Empty => Err(JournalError::Missing {
            path: path.to_owned(),
        }),
    }
}

/// What a run said and read is nobody else's business: the file is its owner's alone, and SQLite gives its side files the same mode.
fn make_private_file(path: &Path) -> Result<(), JournalError> {
    if path.exists() {
        return Ok(());
    }
    let error = |error: std::io::Error| JournalError::CannotOpen {
        path: path.to_owned(),
        why: error.to_string(),
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(error)?;
    }
    let mut options = std::fs::OpenOptions::new();
    // Not `create_new`: two processes may start at the same time.
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(error)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // A file from elsewhere must not be able to run functions through its schema.
    connection.pragma_update(None, "trusted_schema", false)
}

#[derive(PartialEq, Eq)]
enum Found {
    /// Ours, and its version.
    Ours(i64),
    Empty,
}

fn check_version(connection: &Connection, path: &Path) -> Result<Found, JournalError> {
    let number = |pragma| {
        connection
            .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
            .map_err(|source| JournalError::of(path, source))
    };
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION_ID, found @ 1..=VERSION) => Ok(Found::Ours(found)),
        (APPLICATION_ID, found) if found > VERSION => Err(JournalError::TooNew {
            path: path.to_owned(),
            found,
            known: VERSION,
        }),
        (0, 0) if number("schema_version")? == 0 => Ok(Found::Empty),
        _ => Err(JournalError::NotAJournal {
            path: path.to_owned(),
        }),
    }
}

fn create(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    let error = |source| JournalError::of(path, source);
    use_wal(connection).map_err(error)?;
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(error)?;
    // Another process may have made the tables while this one waited for the lock.
    if check_version(&transaction, path)? != Found::Empty {
        return Ok(());
    }
    transaction.execute_batch(VERSION_1).map_err(error)?;
    transaction.execute_batch(MEMORIES).map_err(error)?;
    transaction
        .execute(
            "INSERT INTO head VALUES (1, 0, ?1)",
            params![GENESIS.as_bytes()],
        )
        .map_err(error)?;
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(error)?;
    transaction
        .pragma_update(None, "user_version", VERSION)
        .map_err(error)?;
    transaction.commit().map_err(error)
}

/// Have the store write ahead. SQLite does not wait for other processes with this one change, so two that make the same store at the same time must.
fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    let started = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(rusqlite::Error::SqliteFailure(failure, _))
                if failure.code == ErrorCode::DatabaseBusy && started.elapsed() < PATIENCE =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

/// Bring an older store to this version. Its records stay as they are, and so does their chain.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    let error = |source| JournalError::of(path, source);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(error)?;
    // Another process may have done it while this one waited for the lock.
    if check_version(&transaction, path)? == Found::Ours(VERSION) {
        return Ok(());
    }
    transaction.execute_batch(MEMORIES).map_err(error)?;
    transaction
        .pragma_update(None, "user_version", VERSION)
        .map_err(error)?;
    transaction.commit().map_err(error)
}

#[cfg(test)]
mod tests;
