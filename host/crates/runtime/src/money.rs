//! What a call costs, and whether the agent may still spend.

use crate::record::Kind;
use definitions::{AgentDef, Price};
use journal::{Journal, JournalError, Which};
use rust_decimal::Decimal;
use types::{Cost, Timestamp, Usage};

const DAY_MS: i64 = 86_400_000;

/// What `agent` has spent since the day of `now` began (UTC).
pub(crate) fn spent_today(
    journal: &Journal,
    agent: &AgentDef,
    now: Timestamp,
) -> Result<Decimal, JournalError> {
    let day = now.0.div_euclid(DAY_MS);
    let mut spent = Decimal::ZERO;
    journal.each(Which::Kind(Kind::Cost.name()), |record| {
        if record.time.0.div_euclid(DAY_MS) == day
            && let Ok(cost) = serde_json::from_str::<Cost>(&record.body)
            && cost.agent == agent.name
        {
            spent += cost.usd.unwrap_or_default();
        }
        Ok::<_, JournalError>(())
    })?;
    Ok(spent)
}

/// What `usage` costs at `price`, exactly.
pub(crate) fn usd(price: &Price, usage: &Usage) -> Decimal {
    let cached = usage.cached.min(usage.input);
    let fresh = usage.input - cached;
    let total = Decimal::from(fresh) * price.input
        + Decimal::from(cached) * price.cached.unwrap_or(price.input)
        + Decimal::from(usage.output) * price.output;
    (total / Decimal::from(price.per.max(1))).normalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_input_has_its_own_price() {
        let mut price = Price {
            from: Timestamp(0),
            input: Decimal::new(20, 2),
            output: Decimal::new(80, 2),
            cached: Some(Decimal::new(2, 2)),
            per: 1_000_000,
        };
        let usage = Usage {
            input: 1_000_000,
            cached: 500_000,
            output: 250_000,
            reasoning: 0,
            reported: true,
        };
        assert_eq!(usd(&price, &usage).to_string(), "0.31");
        price.cached = None;
        assert_eq!(usd(&price, &usage).to_string(), "0.4");
    }
}
