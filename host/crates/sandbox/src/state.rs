//! The host's side of `state`: a plugin's own keys, each of a bounded size, all of them together within a quota.
//!
//! What a plugin keeps outlives its calls and lies in the house's journal, so a flood of it would fill the disk of a house long after the guest is
//! gone.

use crate::bindings::charthouse::plugin::{state, types as wit};
use crate::guest::Guest;
use std::sync::Arc;
use types::{Bytes, State, StateSize};

/// Longest key of a plugin's own store; a key is a name, not data.
const KEY_MAX: usize = 256;
/// Longest value: state is for bookmarks and small caches, files are for data.
const VALUE_MAX: usize = 1 << 20;
/// What one plugin may keep: `keys` lists all of them at once, and a journal is copied and looked through whole.
const QUOTA: StateSize = StateSize {
    keys: 10_000,
    bytes: 64 << 20,
};

/// One plugin's keys in the house's store.
pub(crate) struct Store {
    state: Arc<dyn State>,
    plugin: Arc<str>,
    /// No less than what the plugin keeps now, once it has been counted: what is replaced is not subtracted, because that would mean reading it.
    at_most: Option<StateSize>,
}

impl Store {
    pub(crate) fn new(state: Arc<dyn State>, plugin: Arc<str>) -> Self {
        Store {
            state,
            plugin,
            at_most: None,
        }
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), wit::Failure> {
        if value.len() > VALUE_MAX {
            return Err(wit::Failure::Invalid(format!(
                "the value is longer than {VALUE_MAX} bytes"
            )));
        }
        let more = StateSize {
            keys: 1,
            bytes: (key.len() + value.len()) as u64,
        };
        let after = match self.at_most.map(|held| sum(held, more)) {
            Some(after) if fits(after) => after,
            _ => self.counted(key, more)?,
        };
        self.state
            .set(&self.plugin, key, Some(value))
            .map_err(wit::Failure::Unavailable)?;
        self.at_most = Some(after);
        Ok(())
    }

    /// What the plugin would keep with `more` under `key`, counted anew.
    fn counted(&self, key: &str, more: StateSize) -> Result<StateSize, wit::Failure> {
        let unavailable = wit::Failure::Unavailable;
        let held = self.state.held(&self.plugin).map_err(unavailable)?;
        let after = sum(held, more);
        if fits(after) {
            return Ok(after);
        }
        let replaced = self.state.get(&self.plugin, key).map_err(unavailable)?;
        let gone = match replaced {
            Some(value) => StateSize {
                keys: 1,
                bytes: (key.len() + value.len()) as u64,
            },
            None => StateSize::default(),
        };
        let after = StateSize {
            keys: after.keys.saturating_sub(gone.keys),
            bytes: after.bytes.saturating_sub(gone.bytes),
        };
        if fits(after) {
            return Ok(after);
        }
        Err(wit::Failure::Denied(format!(
            "the state of `{}` is full: it keeps {} keys and {}, and may keep {} keys and {}; delete some first",
            self.plugin,
            held.keys,
            Bytes(held.bytes),
            QUOTA.keys,
            Bytes(QUOTA.bytes)
        )))
    }
}

fn sum(a: StateSize, b: StateSize) -> StateSize {
    StateSize {
        keys: a.keys.saturating_add(b.keys),
        bytes: a.bytes.saturating_add(b.bytes),
    }
}

fn fits(held: StateSize) -> bool {
    held.keys <= QUOTA.keys && held.bytes <= QUOTA.bytes
}

impl Guest {
    /// The store, for `key`. Others are let run first: what is asked of a store may take milliseconds and burns hardly any fuel.
    async fn store(&mut self, key: &str) -> Result<&mut Store, wit::Failure> {
        tokio::task::yield_now().await;
        if key.len() > KEY_MAX {
            return Err(wit::Failure::Invalid(format!(
                "the key is longer than {KEY_MAX} bytes"
            )));
        }
        self.state.as_mut().ok_or_else(|| {
            wit::Failure::Unavailable("this call has no state: there is no house to keep it".into())
        })
    }
}

impl state::Host for Guest {
    async fn get(
        &mut self,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, wit::Failure>> {
        Ok(self.store(&key).await.and_then(|store| {
            let value = store.state.get(&store.plugin, &key);
            value.map_err(wit::Failure::Unavailable)
        }))
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), wit::Failure>> {
        Ok(self
            .store(&key)
            .await
            .and_then(|store| store.set(&key, &value)))
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), wit::Failure>> {
        Ok(self.store(&key).await.and_then(|store| {
            let done = store.state.set(&store.plugin, &key, None);
            done.map_err(wit::Failure::Unavailable)
        }))
    }

    async fn keys(
        &mut self,
        prefix: String,
    ) -> wasmtime::Result<Result<Vec<String>, wit::Failure>> {
        Ok(self.store(&prefix).await.and_then(|store| {
            let keys = store.state.keys(&store.plugin, &prefix);
            keys.map_err(wit::Failure::Unavailable)
        }))
    }
}
