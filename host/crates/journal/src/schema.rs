//! How a store is opened: which version it has, how a connection is set up, and what is relied upon.
//!
//! A commit is durable because SQLite writes ahead (WAL) with `synchronous = FULL`: before it returns, the write-ahead file is synchronised with `fsync`
//! (`F_FULLFSYNC` is not used; Linux has no need of it). What is relied upon is that the disk keeps what it said it has. Each page in that file has a checksum
//! and each commit a mark, so that one which reached the disk in part is as if it never was. The pages of the database itself have none: that they were not
//! altered is what the chain of records is for.

use crate::JournalError;
use crate::tables::{self, VERSION};
use crate::witness;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Marks a database file as one of ours, in the place that SQLite has for it: `Chrt` in ASCII.
const APPLICATION_ID: i64 = 0x4368_7274;

/// How long a writer waits for another process. Commits take milliseconds; whoever holds the lock for longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// The page cache, in KiB. The journal is written at its end and read in order, so a large cache would only cost memory.
const CACHE_KIB: i64 = 256;

/// How large the write-ahead file stays after it was emptied, in bytes: one large commit does not keep the room for ever.
const LARGEST_WAL: i64 = 16 << 20;

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
    witness::refuse_where_all_is_gone(path)?;
    make_private_file(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let error = |source| JournalError::of(path, source);
    let mut connection = Connection::open_with_flags(path, flags).map_err(error)?;
    // SQLite opens what it may not write for reading, and says so only when it is too late.
    if connection.is_readonly("main").map_err(error)? {
        return Err(JournalError::ReadOnly {
            path: path.to_owned(),
        });
    }
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
        migrate(&mut connection, path, APPLICATION_ID)?;
    }
    Ok(connection)
}

/// Open the store at `path` for reading; it must be there. One of an older version is read as it is.
pub fn open_read_only(path: &Path) -> Result<Connection, JournalError> {
    open_to_read(path, configure)
}

/// The same with one that is damaged, as far as it opens: a file that is shorter than it says of itself, indexes that cannot be read.
pub fn open_damaged(path: &Path) -> Result<Connection, JournalError> {
    open_to_read(path, |connection| {
        // Before anything is read: with it SQLite takes the file as it finds it. Nothing is written through this connection.
        connection.pragma_update(None, "writable_schema", true)?;
        configure(connection)
    })
}

/// Sets a connection up.
type Configure = fn(&Connection) -> rusqlite::Result<()>;

fn open_to_read(path: &Path, configure: Configure) -> Result<Connection, JournalError> {
    witness::refuse_where_all_is_gone(path)?;
    if !path.exists() {
        return Err(JournalError::Missing {
            path: path.to_owned(),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    match read_only(path, path, flags, configure) {
        // A write-ahead store needs a file beside it even for reading, which a read-only disk does not allow.
        Err(JournalError::CannotOpen { .. } | JournalError::ReadOnly { .. }) => {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            let wal = std::fs::metadata(side_file(path, "-wal"));
            match wal.is_ok_and(|wal| wal.len() > 0) {
                true => read_only(path, &named(path, "vfs=unix-none"), flags, |connection| {
                    // What is written ahead is read by this process alone, which then needs no such file; nobody can write there who would have to be kept out.
                    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
                    configure(connection)
                }),
                // Where nothing is left to be taken over the store is whole by itself.
                false => read_only(path, &named(path, "immutable=1"), flags, configure),
            }
        }
        done => done,
    }
}

fn read_only(
    path: &Path,
    name: &Path,
    flags: OpenFlags,
    configure: impl Fn(&Connection) -> rusqlite::Result<()>,
) -> Result<Connection, JournalError> {
    let error = |source| JournalError::of(path, source);
    // The witness before the store: what it tells of was committed by then, and another process may make the store just now.
    let said = witness::read(path);
    let connection = Connection::open_with_flags(name, flags).map_err(error)?;
    configure(&connection).map_err(error)?;
    match check_version(&connection, path)? {
        Found::Ours(_) => Ok(connection),
        Found::Empty => {
            // A byte or two of a file read as nothing, too.
            witness::confront(path, said, 0, |_| Ok(None))?;
            Err(JournalError::Missing {
                path: path.to_owned(),
            })
        }
    }
}

/// The name under which SQLite reads `path` in the way that `how` says.
fn named(path: &Path, how: &str) -> PathBuf {
    let mut name = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                name.push(char::from(*byte));
            }
            other => name.push_str(&format!("%{other:02x}")),
        }
    }
    PathBuf::from(format!("{name}?{how}"))
}

/// The file beside the store at `path` whose name has `suffix` after the store's.
pub fn side_file(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
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
    connection.pragma_update(None, "journal_size_limit", LARGEST_WAL)?;
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
    // Looked at first: another process may make the store just now, in one commit, and what has tables then has our number too.
    let is_bare = number("schema_version")? == 0;
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION_ID, found @ 1..=VERSION) => Ok(Found::Ours(found)),
        (APPLICATION_ID, found) if found > VERSION => Err(JournalError::TooNew {
            path: path.to_owned(),
            found,
            known: VERSION,
        }),
        (0, 0) if is_bare => Ok(Found::Empty),
        _ => Err(JournalError::NotAJournal {
            path: path.to_owned(),
        }),
    }
}

fn create(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    let error = |source| JournalError::of(path, source);
    // Before anything is written: with it the file can give room back without being written anew.
    connection
        .pragma_update(None, "auto_vacuum", "INCREMENTAL")
        .map_err(error)?;
    use_wal(connection).map_err(error)?;
    migrate(connection, path, APPLICATION_ID)
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

/// Bring a store, empty or of an older version, to this version. Its records stay as they are, and so does their chain. It is one transaction: a process that
/// dies in the midst of it leaves the old store.
fn migrate(connection: &mut Connection, path: &Path, id: i64) -> Result<(), JournalError> {
    let error = |source| JournalError::of(path, source);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(error)?;
    // Another process may have done it while this one waited for the lock.
    let found = match check_version(&transaction, path)? {
        Found::Ours(version) => version,
        Found::Empty => 0,
    };
    for version in found + 1..=VERSION {
        tables::step(&transaction, version).map_err(error)?;
        transaction
            .pragma_update(None, "user_version", version)
            .map_err(error)?;
    }
    transaction
        .pragma_update(None, "application_id", id)
        .map_err(error)?;
    transaction.commit().map_err(error)
}

#[cfg(test)]
mod tests;
