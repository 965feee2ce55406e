//! What an agent has spent in a day, out of the journal.

use crate::record::Kind;
use journal::{Journal, JournalError, RecordId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use types::{Purpose, Timestamp};

const DAY_MS: i64 = 86_400_000;
/// From so many records on, what they come to is worth keeping.
const WORTH_KEEPING: usize = 50;

/// The day of `time`, counted from 1970 (UTC).
pub(crate) fn day_of(time: Timestamp) -> i64 {
    time.0.div_euclid(DAY_MS)
}

/// What was spent on each day, up to the record `upto`. By number and not by time, because clocks are set back and begin in 1970. It can be counted again at any
/// time.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Counted {
    upto: u64,
    days: BTreeMap<i64, Decimal>,
}

/// What has been spent today, and what to keep of it, under which name, so that the next who asks need not read the whole journal.
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
    spent(journal, agent, None, now)
}

/// What `agent` has spent on `purpose` since the day of `now` began (UTC).
pub(crate) fn spent_on(
    journal: &Journal,
    agent: &str,
    purpose: Purpose,
    now: Timestamp,
) -> Result<SpentToday, JournalError> {
    spent(journal, agent, Some(purpose), now)
}

fn spent(
    journal: &Journal,
    agent: &str,
    purpose: Option<Purpose>,
    now: Timestamp,
) -> Result<SpentToday, JournalError> {
    let name = match purpose {
        None => format!("spent/{agent}"),
        Some(purpose) => format!("spent/{agent}/{purpose:?}"),
    };
    let kept = journal.kept(&name)?;
    // What cannot be read is counted anew.
    let mut counted: Counted = kept
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let (before, mut looked) = (counted.upto, 0);
    journal.latest_first(Kind::Cost.name(), |RecordId(seq), time, body| {
        if seq <= before {
            return ControlFlow::Break(());
        }
        looked += 1;
        counted.upto = counted.upto.max(seq);
        if let Ok(cost) = serde_json::from_str::<Spent<'_>>(body)
            && cost.agent == agent
            && purpose.is_none_or(|purpose| cost.purpose == purpose)
            && let Some(usd) = cost.usd
        {
            *counted.days.entry(day_of(time)).or_default() += usd;
        }
        ControlFlow::Continue(())
    })?;
    let keep = (looked >= WORTH_KEEPING)
        .then(|| serde_json::to_vec(&counted).ok())
        .flatten();
    Ok(SpentToday {
        usd: counted.days.get(&day_of(now)).copied().unwrap_or_default(),
        keep: keep.map(|bytes| (name, bytes)),
    })
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
        // A small machine's clock begins in 1970 until somebody tells it the time.
        let costs = [(7, "a"), (7, "b"), (0, "a"), (6, "a"), (7, "a")];
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
        let now = Timestamp(7 * DAY_MS);
        let on = |purpose| spent_on(&journal, "a", purpose, now).unwrap().usd;
        assert_eq!(on(Purpose::Work), second.usd);
        assert_eq!(on(Purpose::Summary), 0.into());
    }
}
