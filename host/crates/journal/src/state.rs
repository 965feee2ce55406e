//! The plugins' own key-value store, in the same file as the journal.
//!
//! A write here is synced together with the next append to the journal, which is the record of the call that wrote it: so state is as
//! durable as what is known of the call, and a call that writes state costs no sync of its own.

use crate::error::JournalError;
use crate::schema::{self, Durability};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use types::{State, StateSize};

/// The store of a house's plugins. The file is opened when the first plugin asks for something.
pub struct PluginState {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
}

impl PluginState {
    /// The store in the journal at `path`. Nothing is opened yet.
    pub fn new(path: &Path) -> Self {
        PluginState {
            path: path.to_owned(),
            connection: Mutex::new(None),
        }
    }

    fn with<T>(&self, run: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, String> {
        // A panic elsewhere leaves the connection as it was: every operation here is one statement.
        let mut slot = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let connection = match &mut *slot {
            Some(connection) => connection,
            empty => {
                let opened = schema::open(&self.path, Durability::NextSync)
                    .map_err(|error| error.to_string())?;
                empty.insert(opened)
            }
        };
        run(connection).map_err(|source| JournalError::of(&self.path, source).to_string())
    }
}

impl State for PluginState {
    fn get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, String> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT value FROM state WHERE plugin = ?1 AND key = ?2")?
                .query_row([plugin, key], |row| row.get(0))
                .optional()
        })
    }

    fn set(&self, plugin: &str, key: &str, value: Option<&[u8]>) -> Result<(), String> {
        self.with(|connection| {
            match value {
                Some(value) => connection
                    .prepare_cached("INSERT INTO state VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value")?
                    .execute(params![plugin, key, value])?,
                None => connection
                    .prepare_cached("DELETE FROM state WHERE plugin = ?1 AND key = ?2")?
                    .execute([plugin, key])?,
            };
            Ok(())
        })
    }

    fn keys(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, String> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT key FROM state WHERE plugin = ?1 AND key >= ?2 ORDER BY key",
            )?;
            let mut rows = statement.query([plugin, prefix])?;
            let mut keys = Vec::new();
            // Keys with the prefix stand together, from the prefix on.
            while let Some(row) = rows.next()? {
                let key: String = row.get(0)?;
                if !key.starts_with(prefix) {
                    break;
                }
                keys.push(key);
            }
            Ok(keys)
        })
    }

    fn held(&self, plugin: &str) -> Result<StateSize, String> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT count(*), coalesce(sum(length(CAST(key AS BLOB)) + length(value)), 0) FROM state WHERE plugin = ?1",
                )?
                .query_row([plugin], |row| {
                    Ok(StateSize {
                        keys: row.get::<_, i64>(0)?.unsigned_abs(),
                        bytes: row.get::<_, i64>(1)?.unsigned_abs(),
                    })
                })
        })
    }
}
