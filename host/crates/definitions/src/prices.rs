//! What models cost: money kept as the decimal that was written, because floats do not add up.

use crate::agent::money;
use crate::exchange;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use indexmap::IndexMap;
use std::sync::Arc;
use types::{Count, Currency, Price, Timestamp};

/// Prices by model, each model's in the order in which they came into force.
pub type Prices = IndexMap<Arc<str>, Vec<Price>>;

const EXAMPLE: &str = "{ from: 2026-01-01, input: 0.20, output: 0.80, per: 1M, currency: USD }";

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
        .and_then(|n| money(walk, n, "`input`"));
    let output = fields
        .need(walk, "output", what, "output: 0.80")
        .and_then(|n| money(walk, n, "`output`"));
    let cached = fields
        .take("cached")
        .and_then(|n| money(walk, n, "`cached`"));
    let cache_write = fields
        .take("cache_write")
        .and_then(|n| money(walk, n, "`cache_write`"));
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
    let parsed = node.text().and_then(parse_date);
    if parsed.is_none() {
        walk.expected(
            node,
            "`from`",
            "a day",
            "write it as year-month-day: `2026-01-31`",
        );
    }
    parsed
}

/// `2026-01-31` as the first instant of that day, UTC.
fn parse_date(text: &str) -> Option<Timestamp> {
    let mut parts = text.splitn(3, '-');
    let mut number = |digits: usize| -> Option<i64> {
        let part = parts.next()?;
        let fits = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| part.parse().ok())?
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    Some(Timestamp(days_from_epoch(year, month, day) * 86_400_000))
}

/// Days since 1970-01-01 in the Gregorian calendar, by Howard Hinnant's `days_from_civil`
/// (<https://howardhinnant.github.io/date_algorithms.html>), for years from 0.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_counts_them() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1970-03-01", 59),
            ("2000-02-29", 11_016),
            ("2026-01-01", 20_454),
            ("1969-12-31", -1),
        ] {
            assert_eq!(
                parse_date(text),
                Some(Timestamp(days * 86_400_000)),
                "{text}"
            );
        }
        for text in [
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-1-1",
            "26-01-01",
            "",
            "2026-01",
            "2026-01-01-01",
            "2026-01-+1",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

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
