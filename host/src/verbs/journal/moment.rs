//! How things stood at a moment: for each run that was open, its state, what was under way, and what it had spent.

use super::known::{Known, Since, Standing};
use super::story::one_line;
use super::when::Zone;
use crate::print::{BOLD, Paint};
use std::collections::BTreeMap;
use types::Timestamp;

/// Runs at rest that are told of one by one.
const MOST_RESTING: usize = 20;
/// A run that goes on and writes nothing for so long may have lost its host, in milliseconds.
const SILENCE: i64 = 60 * 60 * 1_000;

/// How the runs in `known` stood at `at`, in lines. Runs that were over are not told of, unless `one` run is what is asked about.
pub fn situation(
    known: &BTreeMap<String, Known>,
    at: Timestamp,
    wanted: impl Fn(&Known) -> bool,
    one: bool,
    zone: &Zone,
    paint: Paint,
) -> Vec<String> {
    let mut lines = vec![format!(
        "{}",
        paint.with(BOLD, &format!("At {} ({}):", zone.full(at), zone.name()))
    )];
    let mut resting = 0;
    let open = known.iter().filter(|(run, known)| {
        let over = known.standing.is_over();
        run.as_str() != ::journal::HOUSE_RUN && wanted(known) && (one || !over)
    });
    for (run, known) in open {
        let rests = matches!(known.standing, Standing::Rested(_) | Standing::Ended(_));
        if rests && !one {
            resting += 1;
            if resting > MOST_RESTING {
                continue;
            }
        }
        one_run(run, known, at, zone, &mut lines);
    }
    if resting > MOST_RESTING {
        let more = resting - MOST_RESTING;
        lines.push(format!("  and {more} more at rest"));
    }
    if lines.len() == 1 {
        lines.push(match one {
            true => "  the run had not begun".into(),
            false => "  no run was open".into(),
        });
    }
    lines
}

fn one_run(run: &str, known: &Known, at: Timestamp, zone: &Zone, lines: &mut Vec<String>) {
    let since = |since: &Since| {
        let time = match zone.day(since.time) == zone.day(at) {
            true => zone.clock(since.time),
            false => zone.full(since.time),
        };
        format!("since {time} (record {})", since.seq)
    };
    let standing = match &known.standing {
        Standing::Ended(status) if known.standing.is_over() => format!("over: {status}"),
        Standing::Rested(status) | Standing::Ended(status) => {
            format!("at rest, {status}, in {}", known.states.join(" + "))
        }
        Standing::Paused => format!("paused in {}", known.states.join(" + ")),
        Standing::GaveUp => "given up by the daemon".into(),
        Standing::Open if known.states.is_empty() => "in a state that is not on record".into(),
        Standing::Open => format!("in {}", known.states.join(" + ")),
    };
    let silent = known
        .last
        .filter(|last| at.0.saturating_sub(last.0) > SILENCE);
    let silent = silent.filter(|_| known.standing == Standing::Open);
    let silent = silent.map_or_else(String::new, |last| {
        format!("; nothing on record since {}", zone.full(last))
    });
    let entered = known.since.as_ref().map(|entered| {
        let by = match known.by.as_str() {
            "" => "its start".to_owned(),
            by => by.to_owned(),
        };
        format!(", {} by {by}", since(entered))
    });
    let entered = entered
        .filter(|_| !known.standing.is_over())
        .unwrap_or_default();
    let mut tell = |text: String| lines.push(one_line(&text));
    tell(format!(
        "  {} {run}  {standing}{entered}{silent}",
        known.agent
    ));
    for (id, activity) in &known.activities {
        tell(format!(
            "    under way: {} {id} of {} {}",
            activity.activity,
            activity.state,
            since(&activity.since)
        ));
        for doing in known
            .doings
            .values()
            .filter(|doing| doing.invocation == *id)
        {
            tell(format!("      {} {}", doing.what, since(&doing.since)));
        }
    }
    let others = known.doings.values();
    for doing in others.filter(|doing| !known.activities.contains_key(&doing.invocation)) {
        tell(format!(
            "    under way: {} {}",
            doing.what,
            since(&doing.since)
        ));
    }
    // One that was due before its run went on was that of a state that has been left.
    let passed = |due: Timestamp| known.last.is_some_and(|last| due < last);
    let ahead = known.timers.iter().filter(|(_, due)| !passed(**due));
    for ((event, _), due) in ahead {
        let due = match zone.day(*due) == zone.day(at) {
            true => zone.second(*due),
            false => zone.full(*due),
        };
        tell(format!("    waits for {event}, due {due}"));
    }
    let least = if known.unpriced { "at least " } else { "" };
    tell(format!(
        "    spent so far: {least}{} USD",
        known.spent.normalize()
    ));
}
