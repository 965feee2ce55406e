//! A state that reads through to another one and keeps what is written to itself, for calls that must leave no trace.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::{State, StateSize};

/// What was written, by plugin and key; `None` for what was removed.
type Written = BTreeMap<(String, String), Option<Vec<u8>>>;

/// See the module.
pub(crate) struct Scratch {
    under: Arc<dyn State>,
    written: Mutex<Written>,
}

impl Scratch {
    /// A copy of `under` that is made as far as it is written to.
    pub(crate) fn over(under: Arc<dyn State>) -> Self {
        Scratch {
            under,
            written: Mutex::default(),
        }
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State for Scratch {
    fn get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, String> {
        let entry = (plugin.to_owned(), key.to_owned());
        if let Some(value) = self.written().get(&entry) {
            return Ok(value.clone());
        }
        self.under.get(plugin, key)
    }

    fn set(&self, plugin: &str, key: &str, value: Option<&[u8]>) -> Result<(), String> {
        let entry = (plugin.to_owned(), key.to_owned());
        self.written().insert(entry, value.map(<[u8]>::to_vec));
        Ok(())
    }

    fn keys(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, String> {
        let mut keys: BTreeSet<String> = self.under.keys(plugin, prefix)?.into_iter().collect();
        for ((owner, key), value) in self.written().iter() {
            if owner != plugin || !key.starts_with(prefix) {
                continue;
            }
            match value {
                Some(_) => keys.insert(key.clone()),
                None => keys.remove(key),
            };
        }
        Ok(keys.into_iter().collect())
    }

    fn held(&self, plugin: &str) -> Result<StateSize, String> {
        let mut held = StateSize::default();
        for key in self.keys(plugin, "")? {
            let value = self.get(plugin, &key)?.unwrap_or_default();
            held.keys += 1;
            held.bytes += (key.len() + value.len()) as u64;
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Fixed;

    impl State for Fixed {
        fn get(&self, _: &str, key: &str) -> Result<Option<Vec<u8>>, String> {
            Ok((key == "old").then(|| b"1".to_vec()))
        }
        fn set(&self, _: &str, _: &str, _: Option<&[u8]>) -> Result<(), String> {
            panic!("something was written through")
        }
        fn keys(&self, _: &str, prefix: &str) -> Result<Vec<String>, String> {
            Ok(["old"]
                .iter()
                .filter(|key| key.starts_with(prefix))
                .map(|key| (*key).to_owned())
                .collect())
        }
        fn held(&self, _: &str) -> Result<StateSize, String> {
            Ok(StateSize { keys: 1, bytes: 4 })
        }
    }

    #[test]
    fn what_is_written_is_seen_and_goes_nowhere() {
        let scratch = Scratch::over(Arc::new(Fixed));
        assert_eq!(scratch.get("p", "old").unwrap(), Some(b"1".to_vec()));
        scratch.set("p", "old", Some(b"2")).unwrap();
        scratch.set("p", "new", Some(b"3")).unwrap();
        assert_eq!(scratch.get("p", "old").unwrap(), Some(b"2".to_vec()));
        assert_eq!(
            scratch.get("q", "old").unwrap(),
            Some(b"1".to_vec()),
            "another plugin's"
        );
        assert_eq!(scratch.keys("p", "").unwrap(), ["new", "old"]);
        assert_eq!(scratch.held("p").unwrap(), StateSize { keys: 2, bytes: 8 });
        scratch.set("p", "old", None).unwrap();
        assert_eq!(scratch.get("p", "old").unwrap(), None);
        assert_eq!(scratch.keys("p", "").unwrap(), ["new"]);
        assert_eq!(scratch.keys("q", "").unwrap(), ["old"]);
    }
}
