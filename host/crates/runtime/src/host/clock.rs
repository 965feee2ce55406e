//! A clock that is set back: what waits for a time is not to wait longer for that. How far the house's timers are ahead of the calendar since is kept, and said.

use super::{Host, Mode};
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

/// What is on record of it.
pub(super) fn kept(journal: &Journal) -> Result<i64, RuntimeError> {
    let kept = journal.kept(SET_BACK)?;
    let kept = kept.and_then(|bytes| serde_json::from_slice::<i64>(&bytes).ok());
    Ok(kept.unwrap_or(0))
}

/// Tell `clock` by how much it was set back before this process began, and since the last record: no timer waits longer from now on than it had to wait then. What is on record of it.
pub(super) fn remember(journal: &Journal, clock: &dyn Clock) -> Result<i64, RuntimeError> {
    let kept = kept(journal)?;
    if let Some(last) = last(journal)? {
        let counted = last.saturating_add(kept);
        let back = counted.saturating_sub(clock.now().0);
        if back > LITTLE {
            clock.was_set_back(back);
        }
    }
    Ok(kept)
}

/// The time of the last record, or a later one before it: what is added by hand, while nobody hosts the house, has the time of a clock that nobody has looked at.
fn last(journal: &Journal) -> Result<Option<i64>, RuntimeError> {
    let (mut latest, mut seq) = (None, journal.head()?.seq);
    while let Some(record) = journal.record(RecordId(seq))? {
        latest = latest.max(Some(record.time.0));
        let by_hand = *record.run == *HOUSE_RUN && record.kind != Kind::Clock.name();
        if !by_hand {
            break;
        }
        seq -= 1;
    }
    Ok(latest)
}

impl Host {
    /// Record that the clock was set back, or is right again.
    pub(super) async fn look_at_clock(&self) {
        let back = self.ahead();
        let by = back.saturating_sub(self.0.set_back.get());
        if by == 0 {
            return;
        }
        let mut records = Vec::new();
        if by > LITTLE {
            records.push((Kind::Clock, json!({ "set_back_ms": by, "ahead_ms": back })));
        }
        let line = (SET_BACK.to_owned(), back.to_string().into_bytes());
        if let Err(refused) = self.record(records, vec![line], None).await {
            // It is looked at again, and then recorded.
            return self.log(&HOUSE_RUN.into(), "journal", &refused.message);
        }
        self.0.set_back.set(back);
        if by > LITTLE {
            let time = Duration::from_millis(by.unsigned_abs());
            let message = format!(
                "the clock was set back by {}: timers go by the time that passes until it has caught up",
                types::write_duration(time)
            );
            self.log(&HOUSE_RUN.into(), "clock", &message);
        }
        if by < 0 && self.0.mode == Mode::Live {
            // Stretches of budgets go by the calendar, and may be over already or earlier than was thought; whoever finds a limit reached still rests on.
            let spent = self.0.agents.borrow().spent();
            spent.iter().for_each(|run| self.take_up(run));
        }
    }
}
