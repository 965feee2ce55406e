//! What may be spent, as definitions say it: so much of something, in so long, for whom.
//!
//! Here are the nouns only. Who may still spend is worked out in `ledger`, out of what was spent.

use crate::{Percent, Place, Purpose};
use rust_decimal::Decimal;
use std::fmt;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// US dollars.
    Usd,
    /// Tokens, sent and received.
    Tokens,
    /// Energy, in joules.
    Joules,
    /// Model calls and tool calls.
    Calls,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Measure; 4] = [
        Measure::Usd,
        Measure::Tokens,
        Measure::Joules,
        Measure::Calls,
    ];

    /// How the keys of its limits begin.
    pub fn as_str(self) -> &'static str {
        match self {
            Measure::Usd => "usd",
            Measure::Tokens => "tokens",
            Measure::Joules => "joules",
            Measure::Calls => "calls",
        }
    }

    /// `amount` as people read it: `$1.5`, `200k tokens`, `500kJ`, `3 calls`.
    pub fn shown(self, amount: Decimal) -> String {
        let amount = amount.normalize();
        match self {
            Measure::Usd => format!("${amount}"),
            Measure::Tokens => format!("{} tokens", in_thousands(amount)),
            Measure::Joules => format!("{}J", in_thousands(amount)),
            Measure::Calls => format!("{} calls", in_thousands(amount)),
        }
    }
}

/// `500000` as `500k`; whatever is no whole number of thousands as it is.
fn in_thousands(amount: Decimal) -> String {
    for (unit, size) in [("G", 1_000_000_000_u64), ("M", 1_000_000), ("k", 1_000)] {
        let size = Decimal::from(size);
        if amount >= size && (amount % size).is_zero() {
            return format!("{}{unit}", (amount / size).normalize());
        }
    }
    amount.to_string()
}

/// For how long a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// The whole life of a run, with all runs that it began.
    Run,
    /// The whole life of a workflow's instance.
    Instance,
    /// A day, UTC.
    Day,
    /// A month of the calendar, UTC.
    Month,
}

impl Window {
    /// How the keys of its limits end.
    pub fn as_str(self) -> &'static str {
        match self {
            Window::Run => "run",
            Window::Instance => "instance",
            Window::Day => "day",
            Window::Month => "month",
        }
    }
}

/// How much of a limit may be spent before it is said that it runs low, where nobody says otherwise.
pub const LOW: Percent = Percent(80_00);

/// One limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// What it counts.
    pub measure: Measure,
    /// For how long.
    pub window: Window,
    /// Only what was spent on this; everything where there is none.
    pub purpose: Option<Purpose>,
    /// The most that may be spent: dollars, tokens, joules or calls.
    pub most: Decimal,
    /// From which share of it on it runs low.
    pub low: Percent,
    /// Where it is written.
    pub place: Place,
}

impl Limit {
    /// As its file has it, without the amount: `usd_per_day`, `summary.usd_per_day`.
    pub fn key(&self) -> String {
        let purpose = self.purpose.map_or("", Purpose::as_str);
        let dot = if purpose.is_empty() { "" } else { "." };
        let (measure, window) = (self.measure.as_str(), self.window.as_str());
        format!("{purpose}{dot}{measure}_per_{window}")
    }

    /// The amount at which it runs low.
    pub fn low_at(&self) -> Decimal {
        let share = Decimal::from(self.low.0)
            .checked_div(Decimal::from(10_000))
            .unwrap_or(Decimal::ONE);
        self.most.checked_mul(share).unwrap_or(self.most)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key(), self.measure.shown(self.most))
    }
}

/// What somebody may spend: all of these limits at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// In file order.
    pub limits: Vec<Limit>,
}

impl Limits {
    /// Whether it limits nothing.
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_as_they_are_written() {
        for (measure, amount, text) in [
            (Measure::Usd, "2.00", "$2"),
            (Measure::Usd, "0.000001", "$0.000001"),
            (Measure::Tokens, "200000", "200k tokens"),
            (Measure::Tokens, "200001", "200001 tokens"),
            (Measure::Joules, "500000", "500kJ"),
            (Measure::Joules, "1.5", "1.5J"),
            (Measure::Calls, "2000000", "2M calls"),
            (Measure::Calls, "0", "0 calls"),
        ] {
            assert_eq!(measure.shown(amount.parse().unwrap()), text);
        }
    }

    #[test]
    fn a_limit_is_called_as_its_file_calls_it() {
        let mut limit = Limit {
            measure: Measure::Usd,
            window: Window::Day,
            purpose: None,
            most: Decimal::from(2),
            low: LOW,
            place: Place::built_in("test"),
        };
        assert_eq!(limit.to_string(), "usd_per_day $2");
        assert_eq!(limit.low_at(), "1.6".parse().unwrap());
        limit.purpose = Some(Purpose::Summary);
        limit.most = Decimal::MAX;
        assert_eq!(limit.key(), "summary.usd_per_day");
        assert!(limit.low_at() <= Decimal::MAX);
    }
}
