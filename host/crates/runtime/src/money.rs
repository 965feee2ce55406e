//! What a call costs, and whether the agent may still spend.

use crate::record::Kind;
use definitions::AgentDef;
use journal::{Journal, JournalError};
use rust_decimal::Decimal;
use serde::Deserialize;
use std::borrow::Cow;
use std::ops::ControlFlow;
use types::{Purpose, Timestamp};

const DAY_MS: i64 = 86_400_000;

/// The day of `time`, counted from 1970 (UTC).
pub(crate) fn day_of(time: Timestamp) -> i64 {
    time.0.div_euclid(DAY_MS)
}

/// What `agent` has spent since the day of `now` began (UTC).
pub(crate) fn spent_today(
    journal: &Journal,
    agent: &AgentDef,
    now: Timestamp,
) -> Result<Decimal, JournalError> {
    spent(journal, agent, now, |_| true)
}

/// What `agent` has spent on `purpose` since the day of `now` began (UTC).
pub(crate) fn spent_on(
    journal: &Journal,
    agent: &AgentDef,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Decimal, JournalError> {
    spent(journal, agent, now, |cost| cost.purpose == purpose)
}

fn spent(
    journal: &Journal,
    agent: &AgentDef,
    now: Timestamp,
    counts: impl Fn(&Spent<'_>) -> bool,
) -> Result<Decimal, JournalError> {
    let day = day_of(now);
    let mut spent = Decimal::ZERO;
    journal.latest_first(Kind::Cost.name(), |time, body| {
        if day_of(time) == day
            && let Ok(cost) = serde_json::from_str::<Spent<'_>>(body)
            && cost.agent == *agent.name
            && counts(&cost)
        {
            spent += cost.usd.unwrap_or_default();
        }
        // A day more, because a clock may have been set back meanwhile.
        match day_of(time) < day - 1 {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    Ok(spent)
}

/// What of a [`Cost`](types::Cost) says who spent how much on what.
#[derive(Deserialize)]
struct Spent<'a> {
    #[serde(borrow)]
    agent: Cow<'a, str>,
    purpose: Purpose,
    usd: Option<Decimal>,
}
