//! Which records are asked for.

use super::kinds;
use super::known::Known;
use super::told::Told;
use super::when::{Span, Written, Zone, read_length};
use crate::cli::Filters;
use crate::exit::{Failure, NOT_SO, USAGE};
use ::journal::Journal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use types::Timestamp;

/// Around a time, on each side.
const AROUND: i64 = 5 * 60 * 1_000;

/// What was asked for, checked.
pub struct Filter {
    /// When.
    pub span: Span,
    /// Whether it is one time that is asked about.
    pub at: bool,
    agent: Option<String>,
    /// Empty for all that a story tells.
    pub kinds: Vec<String>,
    tool: Option<String>,
    state: Option<String>,
    grep: Option<String>,
    /// At most so many, the last of them.
    pub last: Option<usize>,
}

impl Filters {
    /// Whether nothing is asked for in particular.
    pub fn are_empty(&self) -> bool {
        let Filters {
            at,
            around,
            length,
            since,
            until,
            agent,
            kind,
            tool,
            state,
            grep,
            last,
        } = self;
        [at, around, length, since, until, agent, tool, state, grep]
            .into_iter()
            .all(Option::is_none)
            && kind.is_empty()
            && last.is_none()
    }
}

impl Filter {
    /// Check what was asked for; a clock without a day is the last such one before `now`.
    ///
    /// # Errors
    /// For what is no time, kind or agent, and for an end before its beginning.
    pub fn of(
        filters: &Filters,
        journal: &Journal,
        zone: &Zone,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        kinds::check(&filters.kind, journal)?;
        if let Some(agent) = &filters.agent {
            check_agent(agent, journal)?;
        }
        Ok(Filter {
            span: span(filters, zone, now)?,
            at: filters.at.is_some(),
            agent: filters.agent.clone(),
            kinds: filters.kind.clone(),
            tool: filters.tool.clone(),
            state: filters.state.clone(),
            grep: filters.grep.as_ref().map(|text| text.to_lowercase()),
            last: filters.last.map(NonZeroUsize::get),
        })
    }

    /// Whether records of `kind` at `time` can be asked for at all: cheap, before a body is read.
    pub fn may_have(&self, kind: &str, time: Timestamp, for_a_person: bool) -> bool {
        let kind_fits = match self.kinds.as_slice() {
            [] => !for_a_person || kinds::is_told(kind),
            kinds => kinds.iter().any(|wanted| wanted == kind),
        };
        kind_fits && self.span.has(time)
    }

    /// Whether the states of runs have to be known.
    pub fn wants_states(&self) -> bool {
        self.state.is_some()
    }

    /// Whether `told` is asked for: `before` are the states of its run before it, `known` is its run after it.
    pub fn wants(&self, told: &Told, before: &[String], known: &Known) -> bool {
        self.agent
            .as_ref()
            .is_none_or(|agent| *agent == known.agent || told.body["agent"].as_str() == Some(agent))
            && self.state.as_ref().is_none_or(|state| {
                let has = |states: &[String]| states.iter().any(|one| one == state);
                let invoked = known.activities.get(told.text("/invocation"));
                has(before)
                    || has(&known.states)
                    || told.text("/state") == state
                    || invoked.is_some_and(|activity| activity.state == *state)
            })
            && self.tool.as_ref().is_none_or(|tool| is_about(told, tool))
            && self.grep.as_ref().is_none_or(|text| has_text(told, text))
    }
}

fn is_about(told: &Told, wanted: &str) -> bool {
    let fits = |tool: &str| match wanted.strip_suffix('*') {
        Some(beginning) => tool.starts_with(beginning),
        None => tool == wanted,
    };
    let tool = told.text("/tool");
    (!tool.is_empty() && fits(tool))
        || told
            .list("/reply/calls")
            .iter()
            .any(|call| call["name"].as_str().is_some_and(fits))
}

/// Whether some text of the body holds `wanted`, which is in small letters.
fn has_text(told: &Told, wanted: &str) -> bool {
    told.record.body.to_lowercase().contains(wanted)
        || told.record.kind.contains(wanted)
        || in_value(&told.body, wanted)
}

fn in_value(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text.to_lowercase().contains(wanted),
        Value::Array(list) => list.iter().any(|value| in_value(value, wanted)),
        Value::Object(map) => map.values().any(|value| in_value(value, wanted)),
        _ => false,
    }
}

fn check_agent(wanted: &str, journal: &Journal) -> Result<(), Failure> {
    let mut agents = BTreeSet::new();
    journal.each(::journal::Which::Kind("started"), |record| {
        let mut known = Known::default();
        known.see(&Told::from(record));
        agents.insert(known.agent);
        Ok::<_, Failure>(())
    })?;
    if agents.contains(wanted) {
        return Ok(());
    }
    let shown: String = crate::print::plain(wanted).chars().take(60).collect();
    let failure = Failure::new(
        NOT_SO,
        format!("--agent: no run of an agent `{shown}` is on record"),
    );
    let near = types::nearest(wanted, agents.iter().map(String::as_str));
    Err(match near {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure.help(format!(
            "there are runs of {}",
            agents.into_iter().collect::<Vec<_>>().join(", ")
        )),
    })
}

/// The times asked for.
fn span(filters: &Filters, zone: &Zone, now: Timestamp) -> Result<Span, Failure> {
    let length = match &filters.length {
        Some(text) => Some(read_length("--for", text)?),
        None => None,
    };
    if let Some(text) = &filters.around {
        let middle = zone.before(zone.read("--around", text, now)?, now);
        let around = length.unwrap_or(AROUND);
        return Ok(Span {
            from: middle.from.saturating_sub(around),
            until: middle.until.saturating_add(around),
        });
    }
    if let Some(text) = &filters.at {
        let at = zone.before(zone.read("--at", text, now)?, now);
        let until = match length {
            Some(length) => at.from.saturating_add(length),
            // An instant has no records of its own: its minute does.
            None if at.until.saturating_sub(at.from) <= 1 => at.from.saturating_add(60_000),
            None => at.until,
        };
        return Ok(Span { until, ..at });
    }
    if length.is_some() && filters.since.is_none() {
        return Err(
            Failure::new(USAGE, "--for says how long, but not from when on")
                .help("add --at, --around or --since"),
        );
    }
    let (since, until) = (filters.since.as_deref(), filters.until.as_deref());
    let mut span = since_until(since, until, zone, now)?;
    if let Some(length) = length {
        span.until = span.from.saturating_add(length);
    }
    Ok(span)
}

/// From `since` up to and with `until`; either may be open.
///
/// # Errors
/// Where one is no time, or the end comes before the beginning.
pub fn since_until(
    since: Option<&str>,
    until: Option<&str>,
    zone: &Zone,
    now: Timestamp,
) -> Result<Span, Failure> {
    let read = |option, text: Option<&str>| {
        let read = |text| zone.read(option, text, now);
        text.map(read).transpose()
    };
    let (from, to) = (read("--since", since)?, read("--until", until)?);
    let fixed = |written: Written| zone.before(written, now);
    let (from, to) = match (from, to) {
        (None, None) => return Ok(Span::ALL),
        (Some(from), None) => (fixed(from), Span::ALL),
        (None, Some(to)) => (Span::ALL, fixed(to)),
        (Some(from @ Written::Clock(..)), Some(to @ Written::Fixed(_))) => {
            let to = fixed(to);
            (zone.before(from, Timestamp(to.from.min(now.0))), to)
        }
        (Some(from), Some(to)) => {
            let from = fixed(from);
            let to = zone.after(to, Timestamp(from.from));
            let next_day = zone.day(Timestamp(from.from)) != zone.day(Timestamp(to.from));
            match next_day && to.from > now.0 && until.is_some_and(|text| text.contains(':')) {
                // Tomorrow's clock is not meant: today's has passed before the beginning.
                true => (
                    from,
                    Span {
                        from: from.from,
                        until: from.from,
                    },
                ),
                false => (from, to),
            }
        }
    };
    if to.until <= from.from {
        return Err(Failure::new(
            USAGE,
            format!(
                "--until {} comes before --since {}, which is {} ({})",
                until.unwrap_or_default().trim(),
                since.unwrap_or_default().trim(),
                zone.full(Timestamp(from.from)),
                zone.name(),
            ),
        )
        .help("exchange them, or write both with their days, for instance 2026-11-21T03:12"));
    }
    Ok(Span {
        from: from.from,
        until: to.until,
    })
}

/// In words, for when there is nothing to show.
pub fn described(span: Span, zone: &Zone) -> String {
    let time = |at: i64| zone.full(Timestamp(at));
    match (span.from == i64::MIN, span.until == i64::MAX) {
        (true, true) => String::new(),
        (false, true) => format!(" since {}", time(span.from)),
        (true, false) => format!(" until {}", time(span.until)),
        (false, false) => format!(" from {} to {}", time(span.from), time(span.until)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(since: &str, until: &str, now: &str) -> Option<(String, String)> {
        let zone = Zone::new(true);
        let now = match zone.read("now", now, Timestamp(0)) {
            Ok(Written::Fixed(span)) => Timestamp(span.from),
            _ => Timestamp(0),
        };
        let span = since_until(Some(since), Some(until), &zone, now).ok()?;
        let time = |at| zone.full(Timestamp(at));
        Some((time(span.from), time(span.until)))
    }

    #[test]
    fn a_night_can_be_asked_for() {
        let night = |from: &str, until: &str| Some((from.to_owned(), until.to_owned()));
        assert_eq!(
            of("23:00", "01:00", "2026-11-21T10:00"),
            night("2026-11-20 23:00:00", "2026-11-21 01:01:00")
        );
        assert_eq!(
            of("09:00", "17:00", "2026-11-21T10:00"),
            night("2026-11-21 09:00:00", "2026-11-21 17:01:00")
        );
        assert_eq!(
            of("23:00", "2026-11-20", "2026-11-21T10:00"),
            night("2026-11-19 23:00:00", "2026-11-21 00:00:00")
        );
        assert_eq!(
            of("2026-11-20T22:00", "03:00", "2026-11-21T10:00"),
            night("2026-11-20 22:00:00", "2026-11-21 03:01:00")
        );
    }

    #[test]
    fn an_end_before_its_beginning_is_refused() {
        assert_eq!(of("2026-11-21", "2026-11-20", "2026-11-21T10:00"), None);
        assert_eq!(of("04:00", "03:00", "2026-11-21T10:00"), None);
        assert_eq!(of("1h", "2h", "2026-11-21T10:00"), None);
    }
}
