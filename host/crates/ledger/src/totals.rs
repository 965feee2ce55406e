//! Sums that neither overflow nor depend on the order in which they were made.

use rust_decimal::Decimal;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;
use types::{Cost, MONEY_DECIMALS, Tokens};

/// What some calls cost together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Model calls and tool calls.
    pub calls: u64,
    /// Tokens of the model calls.
    pub tokens: Tokens,
    /// Input tokens that were expected to be cached, to compare with those that were.
    pub expected_cached: u64,
    /// Money, in US dollars; calls of unknown price count nothing.
    pub usd: Decimal,
    /// Model calls whose price is not known. While there are any, `usd` is too low.
    pub unpriced: u64,
    /// Wall-clock time in microseconds.
    pub wall_us: u64,
}

impl Totals {
    /// What one expense comes to.
    pub fn of(cost: &Cost) -> Self {
        Totals {
            calls: 1,
            tokens: cost.tokens,
            expected_cached: cost.expected_cached,
            // Rounded here, because only sums of bounded fractions are exact.
            usd: cost.usd.unwrap_or_default().round_dp(MONEY_DECIMALS),
            unpriced: u64::from(cost.model.is_some() && cost.usd.is_none()),
            wall_us: cost.wall_us,
        }
    }

    /// Add `other`. What would overflow stays at the largest number there is: a damaged record must not end a report.
    pub fn add(&mut self, other: &Totals) {
        let sum = |a: &mut u64, b: u64| *a = a.saturating_add(b);
        sum(&mut self.calls, other.calls);
        sum(&mut self.tokens.input, other.tokens.input);
        sum(&mut self.tokens.cached, other.tokens.cached);
        sum(&mut self.tokens.cache_write, other.tokens.cache_write);
        sum(&mut self.tokens.output, other.tokens.output);
        sum(&mut self.tokens.reasoning, other.tokens.reasoning);
        sum(&mut self.expected_cached, other.expected_cached);
        sum(&mut self.unpriced, other.unpriced);
        sum(&mut self.wall_us, other.wall_us);
        self.usd = self.usd.checked_add(other.usd).unwrap_or(Decimal::MAX);
    }

    /// All tokens.
    pub fn all_tokens(&self) -> u64 {
        self.tokens.input.saturating_add(self.tokens.output)
    }

    /// Write the entries that rows and the total share.
    pub(crate) fn write_entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("calls", &self.calls)?;
        map.serialize_entry("tokens", &self.tokens)?;
        map.serialize_entry("usd", &self.usd.normalize().to_string())?;
        if self.unpriced > 0 {
            map.serialize_entry("unpriced", &self.unpriced)?;
        }
        // A sandboxed call takes some ten microseconds: whole milliseconds would make it free.
        if self.wall_us.is_multiple_of(1_000) {
            map.serialize_entry("wall_ms", &(self.wall_us / 1_000))?;
        } else {
            map.serialize_entry("wall_ms", &(self.wall_us as f64 / 1_000.0))?;
        }
        map.serialize_entry("joules", &json!({ "value": null, "how": "not measured" }))?;
        if self.expected_cached > 0 {
            map.serialize_entry("expected_cached", &self.expected_cached)?;
        }
        Ok(())
    }
}

impl Serialize for Totals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write_entries(&mut map)?;
        map.end()
    }
}
