//! What models cost: money kept as the decimal that was written, because floats do not add up.

use crate::agent::amount;
use crate::exchange;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use indexmap::IndexMap;
use std::sync::Arc;
use types::{Count, Currency, Date, Price, Timestamp};

/// Prices by model, each model's in the order in which they came into force.
pub type Prices = IndexMap<Arc<str>, Vec<Price>>;

const EXAMPLE: &str = "{ from: 2026-01-01, input: 0.20, output: 0.80, per: 1M, currency: USD }";

const IN_WHAT: &str = "what is not US dollars says so: `currency: EUR`";

/// Read `prices`.
pub(crate) fn read(walk: &mut Walk, node: &Node) -> Prices {
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`prices`",
            "a map from models to prices",
            &format!("write it as `{{ qwen3-coder: {EXAMPLE} }}`"),
        );
        return Prices::new();
    };
    let mut all = Prices::new();
    for entry in entries {
        let one = std::slice::from_ref(&entry.value);
        let mut prices: Vec<Price> = Vec::new();
        for item in entry.value.list().unwrap_or(one) {
            let Some(price) = price(walk, item) else {
                continue;
            };
            if prices.iter().any(|other| other.from == price.from) {
                walk.error(
                    &item.place,
                    format!(
                        "`{}` has two prices from the same day",
                        shown(&entry.key.text)
                    ),
                    "keep one of the two, or give the later one its own `from`",
                );
            }
            prices.push(price);
        }
        prices.sort_by_key(|price| price.from);
        all.insert(entry.key.text.as_ref().into(), prices);
    }
    all
}

fn price(walk: &mut Walk, node: &Node) -> Option<Price> {
    let mut fields = Fields::of(walk, node, "a price", EXAMPLE)?;
    let what = "this price";
    let from = fields
        .need(walk, "from", what, "from: 2026-01-01")
        .and_then(|n| date(walk, n));
    let input = fields
        .need(walk, "input", what, "input: 0.20")
        .and_then(|n| amount(walk, n, "`input`", IN_WHAT));
    let output = fields
        .need(walk, "output", what, "output: 0.80")
        .and_then(|n| amount(walk, n, "`output`", IN_WHAT));
    let cached = fields
        .take("cached")
        .and_then(|n| amount(walk, n, "`cached`", IN_WHAT));
    let cache_write = fields
        .take("cache_write")
        .and_then(|n| amount(walk, n, "`cache_write`", IN_WHAT));
    let per = fields.take("per").map_or(Some(1_000_000), |n| {
        let per = walk.unit(n, "`per`", Count::parse)?;
        if per.0 == 0 {
            walk.error(&n.place, "a price per 0 tokens", "write `per: 1M`");
        }
        Some(per.0.max(1))
    });
    let currency = match fields.take("currency") {
        Some(n) => exchange::currency(walk, n, &n.place, n.text()),
        None => Some(Currency::USD),
    };
    fields.finish(walk, "a price");
    Some(Price {
        from: from?,
        input: input?,
        output: output?,
        cached,
        cache_write,
        per: per?,
        currency: currency?,
    })
}

pub(crate) fn date(walk: &mut Walk, node: &Node) -> Option<Timestamp> {
    let parsed = node.text().and_then(Date::parse);
    if parsed.is_none() {
        walk.expected(
            node,
            "`from`",
            "a day",
            "write it as year-month-day: `2026-01-31`",
        );
    }
    parsed.map(Date::begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_of_a_day_is_the_last_one_that_began() {
        let price = |day: i64, input: i64| Price {
            from: Timestamp(day),
            input: input.into(),
            output: 0.into(),
            cached: None,
            cache_write: None,
            per: 1,
            currency: Currency::USD,
        };
        let prices = [price(10, 1), price(20, 2)];
        assert_eq!(Price::at(&prices, Timestamp(9)), None);
        assert_eq!(
            Price::at(&prices, Timestamp(10)).map(|p| p.input),
            Some(1.into())
        );
        assert_eq!(
            Price::at(&prices, Timestamp(25)).map(|p| p.input),
            Some(2.into())
        );
    }
}
