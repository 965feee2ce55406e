//! What a model's tokens cost: money as the decimal that was written, because floats do not add up.

use crate::{Currency, Exchange, Paid, Timestamp, Tokens};
use rust_decimal::Decimal;

/// Money is kept to a millionth of a millionth of a dollar (or of another currency's unit): finer than any price, and coarse enough that sums stay exact.
pub const MONEY_DECIMALS: u32 = 12;

/// What a model costs from some day on.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// The beginning of the day, UTC.
    pub from: Timestamp,
    /// For `per` tokens of input that were not cached.
    pub input: Decimal,
    /// For `per` tokens of output.
    pub output: Decimal,
    /// For `per` tokens of cached input; the price of other input where there is none.
    pub cached: Option<Decimal>,
    /// For `per` tokens of input put into the cache; the price of other input where there is none.
    pub cache_write: Option<Decimal>,
    /// The number of tokens that the prices are for.
    pub per: u64,
    /// The money that all of these are in.
    pub currency: Currency,
}

/// What tokens cost: in dollars where that is known, and what was paid where that was in another currency.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Money {
    /// US dollars.
    pub usd: Option<Decimal>,
    /// In another currency.
    pub paid: Option<Paid>,
}

impl Price {
    /// The price in force at `time`, out of `prices` in the order in which they came into force.
    pub fn at(prices: &[Price], time: Timestamp) -> Option<&Price> {
        prices.iter().rev().find(|price| price.from <= time)
    }

    /// What `tokens` cost, to [`MONEY_DECIMALS`]; `None` only for amounts that no decimal holds, or for a price per no tokens at all.
    pub fn amount(&self, tokens: &Tokens) -> Option<Decimal> {
        let cached = tokens.cached.min(tokens.input);
        let written = tokens.cache_write.min(tokens.input - cached);
        let fresh = tokens.input - cached - written;
        [
            (fresh, self.input),
            (written, self.cache_write.unwrap_or(self.input)),
            (cached, self.cached.unwrap_or(self.input)),
            (tokens.output, self.output),
        ]
        .into_iter()
        .try_fold(Decimal::ZERO, |sum, (count, price)| {
            sum.checked_add(Decimal::from(count).checked_mul(price)?)
        })?
        .checked_div(Decimal::from(self.per))
        .map(exact)
    }

    /// Whether it says at `time` what something costs in dollars.
    pub fn is_known(&self, exchange: &Exchange, time: Timestamp) -> bool {
        self.currency == Currency::USD || exchange.rate(self.currency, time).is_some()
    }

    /// What `tokens` cost at `time`: in dollars by the rate in force then where the price is in another currency, and in that alone where there is none.
    pub fn money(&self, tokens: &Tokens, exchange: &Exchange, time: Timestamp) -> Money {
        let Some(amount) = self.amount(tokens) else {
            return Money::default();
        };
        if self.currency == Currency::USD {
            return Money {
                usd: Some(amount),
                paid: None,
            };
        }
        let rate = exchange.rate(self.currency, time);
        Money {
            usd: rate.and_then(|rate| amount.checked_mul(rate)).map(exact),
            paid: Some(Paid {
                amount,
                currency: self.currency,
                rate,
            }),
        }
    }
}

fn exact(amount: Decimal) -> Decimal {
    amount.round_dp(MONEY_DECIMALS).normalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn price(day: i64) -> Price {
        Price {
            from: Timestamp(day * 86_400_000),
            input: decimal("0.20"),
            output: decimal("0.80"),
            cached: None,
            cache_write: None,
            per: 1_000_000,
            currency: Currency::USD,
        }
    }

    #[test]
    fn cached_input_has_a_price_of_its_own_or_that_of_other_input() {
        let tokens = Tokens {
            input: 1_000,
            cached: 400,
            cache_write: 0,
            output: 10,
            reasoning: 10,
        };
        assert_eq!(price(0).amount(&tokens), Some(decimal("0.000208")));
        let cheaper = Price {
            cached: Some(decimal("0.05")),
            ..price(0)
        };
        assert_eq!(cheaper.amount(&tokens), Some(decimal("0.000148")));
        let writing = Price {
            cache_write: Some(decimal("0.25")),
            ..cheaper
        };
        let written = Tokens {
            cache_write: 100,
            ..tokens
        };
        assert_eq!(writing.amount(&written), Some(decimal("0.000153")));
        assert_eq!(price(0).amount(&Tokens::default()), Some(Decimal::ZERO));
    }

    #[test]
    fn no_number_makes_it_panic() {
        let most = Tokens {
            input: u64::MAX,
            cached: u64::MAX,
            cache_write: u64::MAX,
            output: u64::MAX,
            reasoning: 0,
        };
        assert!(price(0).amount(&most).is_some());
        let dear = Price {
            input: Decimal::MAX,
            ..price(0)
        };
        assert_eq!(dear.amount(&most), None);
        assert_eq!(Price { per: 0, ..price(0) }.amount(&most), None);
        let thirds = Price { per: 3, ..price(0) };
        let one = Tokens {
            output: 1,
            ..Tokens::default()
        };
        assert_eq!(thirds.amount(&one), Some(decimal("0.266666666667")));
    }

    #[test]
    fn another_currency_is_converted_by_the_rate_of_the_day_or_stands_alone() {
        let euro = Currency::parse("EUR").unwrap();
        let price = Price {
            currency: euro,
            ..price(0)
        };
        let tokens = Tokens {
            output: 1_000_000,
            ..Tokens::default()
        };
        let rate = crate::Rate {
            from: Timestamp(100),
            usd: decimal("1.10"),
        };
        let exchange = Exchange([(euro, vec![rate])].into());
        let at = |time| price.money(&tokens, &exchange, Timestamp(time));
        let paid = |rate| {
            Some(Paid {
                amount: decimal("0.8"),
                currency: euro,
                rate,
            })
        };
        assert_eq!(at(99).usd, None);
        assert_eq!(at(99).paid, paid(None));
        assert_eq!(at(100).usd, Some(decimal("0.88")));
        assert_eq!(at(100).paid, paid(Some(decimal("1.10"))));
    }

    #[test]
    fn the_price_of_a_day_is_the_last_one_that_began() {
        let prices = [price(10), price(20)];
        let from = |day: i64| {
            Price::at(&prices, Timestamp(day * 86_400_000)).map(|p| p.from.0 / 86_400_000)
        };
        assert_eq!(
            [from(9), from(10), from(19), from(20), from(999)],
            [None, Some(10), Some(10), Some(20), Some(20)]
        );
    }
}
