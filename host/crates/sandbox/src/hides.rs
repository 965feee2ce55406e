//! Matchers of hidden names, compiled once: compiling a few globs takes longer than a small call, and the same few come with every call.

use policy::{Hide, HideError, HideGlob};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// A house has a handful of different sets of globs; whoever makes more than this makes them anew.
const KEPT: usize = 64;

/// Compiled matchers by the globs they match.
#[derive(Default)]
pub(crate) struct Hides(Mutex<HashMap<Vec<HideGlob>, Arc<Hide>>>);

impl Hides {
    /// The matcher of what `mount` hides; `None` when it hides nothing.
    pub(crate) fn of(&self, mount: &policy::Mount) -> Result<Option<Arc<Hide>>, HideError> {
        if mount.hide.is_empty() {
            return Ok(None);
        }
        let mut kept = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        if let Some(hide) = kept.get(&mount.hide) {
            return Ok(Some(hide.clone()));
        }
        let hide = Arc::new(mount.hidden()?);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(mount.hide.clone(), hide.clone());
        Ok(Some(hide))
    }
}
