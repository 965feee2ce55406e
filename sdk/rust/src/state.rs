//! The plugin's own key-value store: the only thing that outlives a call. No other plugin can see it.
//!
//! Keys hold at most 256 bytes and values 1 MiB. Natively (in unit tests) the store is a map of the thread that starts empty.

use crate::Failure;
use serde::{Serialize, de::DeserializeOwned};

#[cfg(target_os = "wasi")]
use crate::bindings::imports::charthouse::plugin::state as store;
#[cfg(not(target_os = "wasi"))]
use native as store;

/// The value under `key`, if there is one.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Failure> {
    store::get(key)
}

/// Put `value` under `key`.
pub fn set(key: &str, value: &[u8]) -> Result<(), Failure> {
    store::set(key, value)
}

/// Remove `key`; removing what is not there is no failure.
pub fn delete(key: &str) -> Result<(), Failure> {
    store::delete(key)
}

/// All keys that start with `prefix`, sorted.
pub fn keys(prefix: &str) -> Result<Vec<String>, Failure> {
    store::keys(prefix)
}

/// The value under `key`, read as JSON into a type of serde's. A value that does not fit is a failure, not an absence.
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Failure> {
    get(key)?
        .map(|bytes| serde_json::from_slice(&bytes))
        .transpose()
        .map_err(|error| {
            Failure::failed(format!(
                "what the state holds under `{key}` cannot be read: {error}"
            ))
        })
}

/// Put `value` under `key` as JSON.
pub fn set_json(key: &str, value: &impl Serialize) -> Result<(), Failure> {
    let bytes = serde_json::to_vec(value)
        .map_err(|error| Failure::failed(format!("`{key}` cannot be written as JSON: {error}")))?;
    set(key, &bytes)
}

#[cfg(not(target_os = "wasi"))]
mod native {
    use crate::Failure;
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    thread_local! {
        static STORE: RefCell<BTreeMap<String, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
    }

    pub fn get(key: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(STORE.with_borrow(|store| store.get(key).cloned()))
    }

    pub fn set(key: &str, value: &[u8]) -> Result<(), Failure> {
        if key.len() > 256 || value.len() > 1 << 20 {
            return Err(Failure::invalid(
                "a key holds at most 256 bytes and a value 1 MiB",
            ));
        }
        STORE.with_borrow_mut(|store| store.insert(key.to_owned(), value.to_vec()));
        Ok(())
    }

    pub fn delete(key: &str) -> Result<(), Failure> {
        STORE.with_borrow_mut(|store| store.remove(key));
        Ok(())
    }

    pub fn keys(prefix: &str) -> Result<Vec<String>, Failure> {
        Ok(STORE.with_borrow(|store| {
            store
                .keys()
                .filter(|key| key.starts_with(prefix))
                .cloned()
                .collect()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_can_be_got_listed_and_deleted() {
        set_json("count/a", &3).unwrap();
        set("other", b"x").unwrap();
        assert_eq!(get_json::<u32>("count/a"), Ok(Some(3)));
        assert_eq!(keys("count/"), Ok(vec!["count/a".to_owned()]));
        delete("count/a").unwrap();
        delete("count/a").unwrap();
        assert_eq!(get("count/a"), Ok(None));
    }

    #[test]
    fn a_value_that_does_not_fit_is_a_failure() {
        set("broken", b"{").unwrap();
        assert!(matches!(get_json::<u32>("broken"), Err(Failure::Failed(_))));
        assert!(matches!(
            set(&"k".repeat(257), b""),
            Err(Failure::Invalid(_))
        ));
    }
}
