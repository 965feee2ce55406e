//! A clock that is set back: what waits for a time is not to wait longer for that. How far the house's timers are ahead of the calendar since is kept, and said.

use super::Host;
use crate::RuntimeError;
use crate::record::Kind;
use journal::{HOUSE_RUN, Journal, RecordId};
use serde_json::json;
use std::time::Duration;
use types::Clock;

/// By how much the clock was set back, in milliseconds.
const SET_BACK: &str = "clock.set_back";
/// What is too little to be told.
const LITTLE: i64 = 1_000;

/// Tell `clock` by how much it was set back before this process began, and since the last record: no timer waits longer from now on than it had to wait then. What is on record of it.
pub(super) fn remember(journal: &Journal, clock: &dyn Clock) -> Result<i64, RuntimeError> {
    let kept = journal.kept(SET_BACK)?;
    let kept = kept.and_then(|bytes| serde_json::from_slice::<i64>(&bytes).ok());
    let kept = kept.unwrap_or(0);
    if let Some(last) = journal.record(RecordId(journal.head()?.seq))? {
        let counted = last.time.0.saturating_add(kept);
        let back = counted.saturating_sub(clock.now().0);
        if back > LITTLE {
            clock.was_set_back(back);
        }
    }
    Ok(kept)
}

impl Host {
    /// Record that the clock was set back, or is right again.
    pub(super) async fn look_at_clock(&self) {
        let back = self.0.services.borrow().clock.set_back();
        let by = back.saturating_sub(self.0.set_back.replace(back));
        if by == 0 {
            return;
        }
        let mut records = Vec::new();
        if by > LITTLE {
            let time = Duration::from_millis(by.unsigned_abs());
            let message = format!(
                "the clock was set back by {}: timers go by the time that passes until it has caught up",
                types::write_duration(time)
            );
            self.log(&HOUSE_RUN.into(), "clock", &message);
            records.push((Kind::Clock, json!({ "set_back_ms": by, "ahead_ms": back })));
        }
        let line = (SET_BACK.to_owned(), back.to_string().into_bytes());
        if let Err(refused) = self.record(records, vec![line], None).await {
            self.log(&HOUSE_RUN.into(), "journal", &refused.message);
        }
    }
}
