//! What a call costs, and whether the agent may still spend.

use crate::record::Kind;
use definitions::AgentDef;
use journal::{Journal, JournalError, Which};
use rust_decimal::Decimal;
use types::{Cost, Purpose, Timestamp};

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
    counts: impl Fn(&Cost) -> bool,
) -> Result<Decimal, JournalError> {
    let day = day_of(now);
    let mut spent = Decimal::ZERO;
    let since = Timestamp(day * DAY_MS);
    journal.each(Which::KindSince(Kind::Cost.name(), since), |record| {
        if day_of(record.time) == day
            && let Ok(cost) = serde_json::from_str::<Cost>(&record.body)
            && cost.agent == agent.name
            && counts(&cost)
        {
            spent += cost.usd.unwrap_or_default();
        }
        Ok::<_, JournalError>(())
    })?;
    Ok(spent)
}
