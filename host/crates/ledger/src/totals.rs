//! Sums that neither overflow nor depend on the order in which they were made.

use rust_decimal::Decimal;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;
use std::collections::BTreeMap;
use types::{Cost, Currency, Joules, MONEY_DECIMALS, Tokens};

/// What some calls cost together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Model calls and tool calls.
    pub calls: u64,
    /// Tokens of the model calls.
    pub tokens: Tokens,
    /// Input tokens that were expected to be cached, to compare with those that were.
    pub expected_cached: u64,
    /// Money, in US dollars; calls of unknown price count nothing.
    pub usd: Decimal,
    /// Money in other currencies, where no rate says what it is in dollars. It is in no other figure.
    pub other: BTreeMap<Currency, Decimal>,
    /// Model calls whose price is not known. While there are any, `usd` is too low.
    pub unpriced: u64,
    /// Model calls whose tokens nobody reported.
    pub estimated: u64,
    /// What those cost, of `usd`.
    pub estimated_usd: Decimal,
    /// Wall-clock time in microseconds.
    pub wall_us: u64,
    /// CPU time of the host in microseconds.
    pub cpu_us: u64,
    /// Fuel burnt in the sandbox.
    pub fuel: u64,
    /// Bytes given to calls and sent with requests.
    pub bytes_in: u64,
    /// Bytes that came back.
    pub bytes_out: u64,
    /// Energy, marked by its weakest figure; `None` where no call has one.
    pub joules: Option<Joules>,
    /// Calls without a figure of energy. While there are any, `joules` is too low.
    pub unmeasured: u64,
}

impl Totals {
    /// What one expense comes to.
    pub fn of(cost: &Cost) -> Self {
        let mut totals = Totals::default();
        totals.count(cost);
        totals
    }

    /// Add one expense.
    pub fn count(&mut self, cost: &Cost) {
        sum(&mut self.calls, 1);
        self.tokens_of(&cost.tokens);
        sum(&mut self.expected_cached, cost.expected_cached);
        // Rounded here, because only sums of bounded fractions are exact.
        if let Some(usd) = cost.usd {
            add(&mut self.usd, usd.round_dp(MONEY_DECIMALS));
        }
        if cost.estimated {
            sum(&mut self.estimated, 1);
            let usd = cost.usd.unwrap_or_default();
            add(&mut self.estimated_usd, usd.round_dp(MONEY_DECIMALS));
        }
        match (&cost.paid, cost.usd) {
            (Some(paid), None) => add(
                self.other.entry(paid.currency).or_default(),
                paid.amount.round_dp(MONEY_DECIMALS),
            ),
            (None, None) if cost.model.is_some() => sum(&mut self.unpriced, 1),
            _ => {}
        }
        sum(&mut self.wall_us, cost.wall_us);
        sum(&mut self.cpu_us, cost.cpu_us);
        sum(&mut self.fuel, cost.fuel);
        sum(&mut self.bytes_in, cost.bytes_in);
        sum(&mut self.bytes_out, cost.bytes_out);
        self.joules = Joules::sum(self.joules, cost.joules);
        sum(&mut self.unmeasured, u64::from(cost.joules.is_none()));
    }

    /// Add `other`. What would overflow stays at the largest number there is: a damaged record must not end a report.
    pub fn add(&mut self, other: &Totals) {
        sum(&mut self.calls, other.calls);
        self.tokens_of(&other.tokens);
        sum(&mut self.expected_cached, other.expected_cached);
        add(&mut self.usd, other.usd);
        for (currency, amount) in &other.other {
            add(self.other.entry(*currency).or_default(), *amount);
        }
        sum(&mut self.unpriced, other.unpriced);
        sum(&mut self.estimated, other.estimated);
        add(&mut self.estimated_usd, other.estimated_usd);
        sum(&mut self.wall_us, other.wall_us);
        sum(&mut self.cpu_us, other.cpu_us);
        sum(&mut self.fuel, other.fuel);
        sum(&mut self.bytes_in, other.bytes_in);
        sum(&mut self.bytes_out, other.bytes_out);
        self.joules = Joules::sum(self.joules, other.joules);
        sum(&mut self.unmeasured, other.unmeasured);
    }

    fn tokens_of(&mut self, tokens: &Tokens) {
        sum(&mut self.tokens.input, tokens.input);
        sum(&mut self.tokens.cached, tokens.cached);
        sum(&mut self.tokens.cache_write, tokens.cache_write);
        sum(&mut self.tokens.output, tokens.output);
        sum(&mut self.tokens.reasoning, tokens.reasoning);
    }

    /// All tokens.
    pub fn all_tokens(&self) -> u64 {
        self.tokens.input.saturating_add(self.tokens.output)
    }

    /// Money in other currencies, in words: `EUR 1.25, JPY 300`.
    pub fn other_money(&self) -> String {
        let amounts = self.other.iter();
        let amounts =
            amounts.map(|(currency, amount)| format!("{currency} {}", amount.normalize()));
        amounts.collect::<Vec<_>>().join(", ")
    }

    /// Write the entries that rows and the total share.
    pub(crate) fn write_entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("calls", &self.calls)?;
        map.serialize_entry("tokens", &self.tokens)?;
        map.serialize_entry("usd", &self.usd.normalize().to_string())?;
        if !self.other.is_empty() {
            let amounts: BTreeMap<String, String> = self
                .other
                .iter()
                .map(|(currency, amount)| (currency.to_string(), amount.normalize().to_string()))
                .collect();
            map.serialize_entry("other_currencies", &amounts)?;
        }
        if self.unpriced > 0 {
            map.serialize_entry("unpriced", &self.unpriced)?;
        }
        if self.estimated > 0 {
            let usd = self.estimated_usd.normalize().to_string();
            let estimated = json!({ "calls": self.estimated, "usd": usd });
            map.serialize_entry("estimated", &estimated)?;
        }
        map.serialize_entry("wall_ms", &milliseconds(self.wall_us))?;
        match self.joules {
            Some(joules) => map.serialize_entry("joules", &joules)?,
            None => {
                map.serialize_entry("joules", &json!({ "value": null, "how": "not measured" }))?
            }
        }
        if self.expected_cached > 0 {
            map.serialize_entry("expected_cached", &self.expected_cached)?;
        }
        if self.cpu_us > 0 {
            map.serialize_entry("cpu_ms", &milliseconds(self.cpu_us))?;
        }
        if self.fuel > 0 {
            map.serialize_entry("fuel", &self.fuel)?;
        }
        if self.bytes_in > 0 || self.bytes_out > 0 {
            let bytes = json!({ "in": self.bytes_in, "out": self.bytes_out });
            map.serialize_entry("bytes", &bytes)?;
        }
        if self.joules.is_some() && self.unmeasured > 0 {
            map.serialize_entry("unmeasured", &self.unmeasured)?;
        }
        Ok(())
    }
}

/// A sandboxed call takes some ten microseconds: whole milliseconds would make it free.
pub(crate) fn milliseconds(us: u64) -> serde_json::Value {
    match us.is_multiple_of(1_000) {
        true => (us / 1_000).into(),
        false => (us as f64 / 1_000.0).into(),
    }
}

fn sum(one: &mut u64, other: u64) {
    *one = one.saturating_add(other);
}

fn add(one: &mut Decimal, other: Decimal) {
    *one = one.checked_add(other).unwrap_or(Decimal::MAX);
}

impl Serialize for Totals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write_entries(&mut map)?;
        map.end()
    }
}
