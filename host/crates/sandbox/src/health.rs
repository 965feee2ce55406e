//! How a generation bears up: whether it has ever answered, and how often it has crashed since.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use types::{CallError, CallErrorKind};

/// Calls of one generation, as far as they say something of its code.
#[derive(Debug, Default)]
pub(crate) struct Health {
    traps: AtomicU32,
    answered: AtomicBool,
}

impl Health {
    /// A call has come back.
    ///
    /// Only a crash speaks against the code, and only an answer speaks for it; a failure in the plugin's own words is an answer. A call that ran into one of
    /// its limits says neither: a search that is too large runs into its deadline in any generation, and a loop without end must not clear the count of
    /// crashes beside it.
    pub(crate) fn heard(&self, error: Option<&CallError>) {
        match error.map(|error| error.kind) {
            Some(CallErrorKind::Trap) => {
                self.traps.fetch_add(1, Ordering::Relaxed);
            }
            Some(CallErrorKind::Limit) => {}
            _ => {
                self.traps.store(0, Ordering::Relaxed);
                self.answered.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Crashes since it last answered.
    pub(crate) fn traps_in_a_row(&self) -> u32 {
        self.traps.load(Ordering::Relaxed)
    }

    /// Whether it has answered at all.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// Begin to count anew.
    pub(crate) fn forget_traps(&self) {
        self.traps.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: CallErrorKind) -> CallError {
        CallError::new(kind, "x")
    }

    #[test]
    fn only_a_crash_counts_and_only_an_answer_clears() {
        let health = Health::default();
        let trap = error(CallErrorKind::Trap);
        health.heard(Some(&trap));
        health.heard(Some(&trap));
        assert!(!health.has_answered());
        health.heard(Some(&error(CallErrorKind::Limit)));
        assert_eq!(health.traps_in_a_row(), 2, "a limit says nothing");
        for answer in [
            CallErrorKind::Invalid,
            CallErrorKind::Denied,
            CallErrorKind::Unavailable,
            CallErrorKind::Failed,
        ] {
            health.heard(Some(&trap));
            health.heard(Some(&error(answer)));
            assert_eq!(health.traps_in_a_row(), 0, "{answer:?} is an answer");
        }
        assert!(health.has_answered());
        health.heard(Some(&trap));
        health.heard(None);
        assert_eq!(health.traps_in_a_row(), 0);
    }
}
