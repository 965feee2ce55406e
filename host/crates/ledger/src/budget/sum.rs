//! What an expense adds to which account, and sums of such, which neither overflow nor depend on their order.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::{MONEY_DECIMALS, Measure, Purpose, Tokens};

/// An amount of each measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// US dollars.
    pub usd: Decimal,
    /// Tokens, sent and received.
    pub tokens: u64,
    /// Joules.
    pub joules: Decimal,
    /// Model calls and tool calls.
    pub calls: u64,
    /// Model calls of which the price is not known. While there are any, `usd` is too low.
    pub unpriced: u64,
}

impl Sum {
    /// The amount of `measure`.
    pub fn of(&self, measure: Measure) -> Decimal {
        match measure {
            Measure::Usd => self.usd,
            Measure::Tokens => Decimal::from(self.tokens),
            Measure::Joules => self.joules,
            Measure::Calls => Decimal::from(self.calls),
        }
    }

    /// Add `other`. What would overflow stays at the largest number there is.
    pub fn add(&mut self, other: &Sum) {
        let sum = |a: Decimal, b| a.checked_add(b).unwrap_or(Decimal::MAX);
        self.usd = sum(self.usd, other.usd);
        self.joules = sum(self.joules, other.joules);
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.calls = self.calls.saturating_add(other.calls);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
    }
}

/// On whose account something is spent, as far as a budget tells them apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Account {
    /// The agent.
    pub agent: Arc<str>,
    /// The workflow it works for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Arc<str>>,
    /// Its role there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Arc<str>>,
    /// What for.
    pub purpose: Purpose,
}

/// What of a [`Cost`](types::Cost) bears on a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expense {
    /// On whose account.
    pub account: Account,
    /// The workflow's instance.
    pub instance: Option<Arc<str>>,
    /// How much.
    pub sum: Sum,
}

/// A cost record as far as it is read here. Records of a later version may say more.
#[derive(Deserialize)]
struct Said {
    agent: Arc<str>,
    #[serde(default)]
    workflow: Option<Arc<str>>,
    #[serde(default)]
    instance: Option<Arc<str>>,
    #[serde(default)]
    role: Option<Arc<str>>,
    #[serde(default)]
    model: Option<Arc<str>>,
    purpose: Purpose,
    #[serde(default)]
    tokens: Tokens,
    #[serde(default)]
    usd: Option<Decimal>,
    #[serde(default)]
    joules: Option<serde_json::Value>,
}

impl Expense {
    /// The expense that the body of a cost record tells of; `None` where it cannot be read.
    pub fn read(body: &str) -> Option<Self> {
        let said: Said = serde_json::from_str(body).ok()?;
        let joules = said.joules.as_ref().and_then(joules).unwrap_or_default();
        Some(Expense {
            account: Account {
                agent: said.agent,
                workflow: said.workflow,
                role: said.role,
                purpose: said.purpose,
            },
            instance: said.instance,
            sum: Sum {
                // Rounded here, because only sums of bounded fractions are exact.
                usd: said.usd.unwrap_or_default().round_dp(MONEY_DECIMALS),
                tokens: said.tokens.input.saturating_add(said.tokens.output),
                joules,
                calls: 1,
                unpriced: u64::from(said.model.is_some() && said.usd.is_none()),
            },
        })
    }
}

/// Joules as a record has them: a number, or a text, by itself or as `value` beside how they were found.
fn joules(said: &serde_json::Value) -> Option<Decimal> {
    let value = said.get("value").unwrap_or(said);
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    let parsed = text.parse::<Decimal>();
    let joules = parsed.or_else(|_| Decimal::from_scientific(&text)).ok()?;
    (!joules.is_sign_negative()).then(|| joules.round_dp(MONEY_DECIMALS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_whatever_version_wrote_it() {
        let old = Expense::read(
            r#"{"agent":"a","state":"s","model":"m","purpose":"work","tokens":{"input":5,"cached":0,"output":2,"reasoning":0},"wall_us":1}"#,
        )
        .unwrap();
        assert_eq!((old.sum.tokens, old.sum.calls, old.sum.unpriced), (7, 1, 1));
        let new = Expense::read(
            r#"{"agent":"a","workflow":"w","instance":"i","role":"r","state":"s","tool":"t","purpose":"summary","usd":"0.1234567890123","wall_us":1,"joules":{"value":1.5,"how":"measured"},"else":1}"#,
        )
        .unwrap();
        assert_eq!(new.sum.joules, "1.5".parse().unwrap());
        assert_eq!(new.sum.usd, "0.123456789012".parse().unwrap());
        assert_eq!((&*new.instance.unwrap(), new.sum.unpriced), ("i", 0));
        for joules in ["3", "\"3\"", "3e0", "{\"value\":\"3\"}"] {
            let body = format!(r#"{{"agent":"a","purpose":"work","joules":{joules}}}"#);
            let read = Expense::read(&body).unwrap();
            assert_eq!(read.sum.joules, Decimal::from(3), "{joules}");
        }
        assert_eq!(Expense::read("{}"), None);
    }

    #[test]
    fn sums_that_would_overflow_stay_at_the_largest_there_is() {
        let most = Sum {
            usd: Decimal::MAX,
            tokens: u64::MAX,
            joules: Decimal::MAX,
            calls: u64::MAX,
            unpriced: u64::MAX,
        };
        let mut sum = most;
        sum.add(&most);
        assert_eq!(sum, most);
    }
}
