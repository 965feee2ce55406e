//! Which money a price is in, and what it comes to in US dollars. Amounts of different currencies are never added: whoever has a rate converts first.

use crate::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// A currency by its three letters (ISO 4217): `USD`, `EUR`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The US dollar, in which the ledger counts.
    pub const USD: Currency = Currency(*b"USD");

    /// Three capital letters.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Currency(letters))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Currency::parse(&text).ok_or_else(|| {
            serde::de::Error::custom("a currency is three capital letters, as in USD")
        })
    }
}

/// What was paid in a currency other than the ledger's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paid {
    /// How much, in `currency`.
    pub amount: Decimal,
    /// Of which money.
    pub currency: Currency,
    /// US dollars for one of it, where a rate was in force; without one there is no `usd` beside this amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Decimal>,
}

/// What a currency is worth from some day on.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// The beginning of the day, UTC.
    pub from: Timestamp,
    /// US dollars for one of it.
    pub usd: Decimal,
}

/// Rates by currency, each one's in the order in which they came into force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exchange(pub BTreeMap<Currency, Vec<Rate>>);

impl Exchange {
    /// US dollars for one `currency` at `time`; `None` where no rate is in force.
    pub fn rate(&self, currency: Currency, time: Timestamp) -> Option<Decimal> {
        let rates = self.0.get(&currency)?;
        let rate = rates.iter().rev().find(|rate| rate.from <= time)?;
        Some(rate.usd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_capital_letters_are_a_currency() {
        assert_eq!(Currency::parse("USD"), Some(Currency::USD));
        assert_eq!(Currency::parse("EUR").unwrap().to_string(), "EUR");
        for text in ["", "US", "usd", "DOLLAR", "€€€", "U$D", "EU\n"] {
            assert_eq!(Currency::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_rate_of_a_day_is_the_last_one_that_began() {
        let euro = Currency::parse("EUR").unwrap();
        let rate = |from, cents| Rate {
            from: Timestamp(from),
            usd: Decimal::new(cents, 2),
        };
        let exchange = Exchange([(euro, vec![rate(10, 108), rate(20, 110)])].into());
        let at = |time| exchange.rate(euro, Timestamp(time));
        assert_eq!(
            [at(9), at(10), at(19), at(20)],
            [
                None,
                Some(Decimal::new(108, 2)),
                Some(Decimal::new(108, 2)),
                Some(Decimal::new(110, 2))
            ]
        );
        assert_eq!(exchange.rate(Currency::USD, Timestamp(30)), None);
    }
}
