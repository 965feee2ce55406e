//! What a model call costs, or may come to, in everything that limits count.

use crate::request::Asked;
use crate::run::Run;
use definitions::House;
use ledger::budget::{Expected, Sum};
use rust_decimal::Decimal;
use std::sync::Arc;
use types::{Price, Timestamp, Tokens};

/// What a call's cost is worked out by, beside the price of its model.
#[derive(Clone)]
pub(crate) struct Rates {
    house: Arc<House>,
    /// The model; `None` where asking it costs nothing.
    model: Option<Arc<str>>,
    /// Whether it costs nothing only where its price says so.
    billed: bool,
}

/// What a model call of `tokens` costs at `price`, which is `None` where it costs nothing, or nobody knows.
pub(crate) fn of_tokens(
    price: Option<&Price>,
    rates: &Rates,
    tokens: &Tokens,
    now: Timestamp,
) -> Sum {
    let money = price.map(|price| price.money(tokens, &rates.house.exchange, now));
    let model = rates.model.as_ref();
    let joules = model.and_then(|model| rates.house.power.of_tokens(model, tokens));
    Sum {
        usd: money.and_then(|money| money.usd).unwrap_or_default(),
        tokens: tokens.input.saturating_add(tokens.output),
        joules: joules
            .map(|joules| Decimal::new(i64::try_from(joules.micro).unwrap_or(i64::MAX), 6))
            .unwrap_or_default(),
        calls: 1,
        ..Sum::default()
    }
}

/// What a model call may cost that sends `input` tokens, of which so many are expected to be cached, and is answered by at most `most`. What is expected makes it
/// no cheaper at the most: the cache may be gone, and then all of it is written there anew.
pub(crate) fn inference(
    price: Option<&Price>,
    rates: &Rates,
    (input, cached): (u64, u64),
    most: u64,
    now: Timestamp,
) -> Expected {
    let sum = |tokens: Tokens| of_tokens(price, rates, &tokens, now);
    let is_known = price.is_some_and(|price| price.is_known(&rates.house.exchange, now));
    Expected {
        sure: sum(Tokens {
            input,
            cached: cached.min(input),
            ..Tokens::default()
        }),
        at_most: sum(dearest(price, input, most)),
        unpriced: rates.model.clone().filter(|_| rates.billed && !is_known),
    }
}

/// So many tokens as they cost most at `price`.
fn dearest(price: Option<&Price>, input: u64, output: u64) -> Tokens {
    let is_dearer = |price: &Price| price.cache_write.is_some_and(|write| write > price.input);
    Tokens {
        input,
        cache_write: if price.is_some_and(is_dearer) {
            input
        } else {
            0
        },
        output,
        ..Tokens::default()
    }
}

impl Run {
    /// What the cost of asking `asked` is worked out by.
    pub(crate) fn rates(&self, asked: &Asked) -> Rates {
        Rates {
            house: self.services.house.clone(),
            model: (!asked.free).then(|| asked.parameters.name.clone()),
            // Where nobody states a price, a server on this machine costs nothing.
            billed: !asked.here
                || self
                    .services
                    .house
                    .prices
                    .contains_key(&asked.parameters.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Currency;

    #[test]
    fn whatever_was_cached_it_costs_no_more_than_was_expected_at_most() {
        for cache_write in [None, Some(5.into()), Some(1.into())] {
            let price = Price {
                from: Timestamp(0),
                input: 4.into(),
                output: 16.into(),
                cached: Some(Decimal::ONE),
                cache_write,
                per: 1,
                currency: Currency::USD,
            };
            let most = price.amount(&dearest(Some(&price), 100, 10)).unwrap();
            for (cached, cache_write) in [(0, 0), (100, 0), (0, 100), (60, 40), (50, 0)] {
                let came_to = Tokens {
                    input: 100,
                    cached,
                    cache_write,
                    output: 10,
                    ..Tokens::default()
                };
                assert!(price.amount(&came_to).unwrap() <= most, "{came_to:?}");
            }
        }
    }
}
