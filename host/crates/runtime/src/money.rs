//! What an agent has spent in a day, out of the journal.

use crate::record::Kind;
use journal::{Journal, JournalError, RecordId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::ControlFlow;
use types::{Purpose, Timestamp};

const DAY_MS: i64 = 86_400_000;
/// From so many records on, what they come to is worth keeping.
const WORTH_KEEPING: usize = 50;

/// The day of `time`, counted from 1970 (UTC).
pub(crate) fn day_of(time: Timestamp) -> i64 {
    time.0.div_euclid(DAY_MS)
}

/// What an agent had spent on one day when it was counted last: everything up to the record `upto` is in it. It can be counted again at any time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Counted {
    day: i64,
    upto: u64,
    usd: Decimal,
}

/// What has been spent, and what to keep of it, under which name, so that the next who asks need not begin with the day.
#[derive(Default)]
pub(crate) struct SpentToday {
    pub(crate) usd: Decimal,
    pub(crate) keep: Option<(String, Vec<u8>)>,
}

/// What `agent` has spent since the day of `now` began (UTC).
pub(crate) fn spent_today(
    journal: &Journal,
    agent: &str,
    now: Timestamp,
) -> Result<SpentToday, JournalError> {
    let name = format!("spent/{agent}");
    let day = day_of(now);
    let none = Counted {
        day,
        upto: 0,
        usd: Decimal::ZERO,
    };
    let kept = journal.kept(&name)?;
    let before = kept
        .and_then(|bytes| serde_json::from_slice::<Counted>(&bytes).ok())
        .filter(|counted| counted.day == day)
        .unwrap_or(none);
    let (counted, looked) = count(journal, agent, before, |_| true)?;
    let keep = (looked >= WORTH_KEEPING)
        .then(|| serde_json::to_vec(&counted).ok())
        .flatten();
    Ok(SpentToday {
        usd: counted.usd,
        keep: keep.map(|bytes| (name, bytes)),
    })
}

/// What `agent` has spent on `purpose` since the day of `now` began (UTC).
pub(crate) fn spent_on(
    journal: &Journal,
    agent: &str,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Decimal, JournalError> {
    let none = Counted {
        day: day_of(now),
        upto: 0,
        usd: Decimal::ZERO,
    };
    let (counted, _) = count(journal, agent, none, |cost| cost.purpose == purpose)?;
    Ok(counted.usd)
}

/// Add to `before` what came after it; and how many records were looked at for that.
fn count(
    journal: &Journal,
    agent: &str,
    before: Counted,
    counts: impl Fn(&Spent<'_>) -> bool,
) -> Result<(Counted, usize), JournalError> {
    let mut counted = before;
    let mut looked = 0;
    journal.latest_first(Kind::Cost.name(), |RecordId(seq), time, body| {
        // A day more, because a clock may have been set back meanwhile.
        if seq <= before.upto || day_of(time) < before.day - 1 {
            return ControlFlow::Break(());
        }
        looked += 1;
        counted.upto = counted.upto.max(seq);
        if day_of(time) == before.day
            && let Ok(cost) = serde_json::from_str::<Spent<'_>>(body)
            && cost.agent == agent
            && counts(&cost)
        {
            counted.usd += cost.usd.unwrap_or_default();
        }
        ControlFlow::Continue(())
    })?;
    Ok((counted, looked))
}

/// What of a [`Cost`](types::Cost) says who spent how much on what.
#[derive(Deserialize)]
struct Spent<'a> {
    #[serde(borrow)]
    agent: Cow<'a, str>,
    purpose: Purpose,
    usd: Option<Decimal>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal::NewRecord;

    /// A journal with costs of one dollar each, on these days, of these agents.
    fn journal(costs: &[(i64, &str)]) -> (tempfile::TempDir, Journal) {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&directory.path().join("journal.db")).unwrap();
        spend(&mut journal, costs);
        (directory, journal)
    }

    fn spend(journal: &mut Journal, costs: &[(i64, &str)]) {
        for (day, agent) in costs {
            let body = format!(
                r#"{{"agent":"{agent}","state":"s","model":"m","purpose":"work","usd":"1","wall_us":1}}"#
            );
            let record = NewRecord {
                run: "run",
                time: Timestamp(day * DAY_MS + 1),
                kind: Kind::Cost.name(),
                body: &body,
            };
            journal.append(&[record]).unwrap();
        }
    }

    fn spent(journal: &Journal, day: i64) -> SpentToday {
        spent_today(journal, "a", Timestamp(day * DAY_MS + 5)).unwrap()
    }

    #[test]
    fn a_day_is_counted_for_one_agent_also_after_a_clock_was_set_back() {
        let costs = [(5, "a"), (7, "a"), (7, "b"), (6, "a"), (7, "a")];
        let (_kept, journal) = journal(&costs);
        assert_eq!(spent(&journal, 7).usd, 2.into());
        assert_eq!(spent(&journal, 6).usd, 1.into());
        assert_eq!(spent(&journal, 8).usd, 0.into());
    }

    #[test]
    fn what_was_counted_once_is_not_counted_again_and_nothing_is_lost() {
        let many = [(7, "a"); WORTH_KEEPING];
        let (_kept, mut journal) = journal(&many);
        let first = spent(&journal, 7);
        assert_eq!(first.usd, (WORTH_KEEPING as u64).into());
        journal
            .append_keeping(&[], &first.keep.into_iter().collect::<Vec<_>>())
            .unwrap();
        spend(&mut journal, &[(7, "a"), (7, "b")]);
        let second = spent(&journal, 7);
        assert_eq!(second.usd, (WORTH_KEEPING as u64 + 1).into());
        assert!(second.keep.is_none(), "two records are not worth it");
        assert_eq!(spent(&journal, 8).usd, 0.into());
    }
}
