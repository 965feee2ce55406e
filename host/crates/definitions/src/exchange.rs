//! What other currencies are worth in US dollars, in which the ledger counts.

use crate::agent::money;
use crate::prices::{Prices, date};
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use types::{Currency, Exchange, Place, Rate};

const EXAMPLE: &str = "{ EUR: { from: 2026-01-01, usd: 1.08 } }";

/// Read `exchange`.
pub(crate) fn read(walk: &mut Walk, node: &Node) -> Exchange {
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`exchange`",
            "a map from currencies to rates",
            &format!("write it as `{EXAMPLE}`"),
        );
        return Exchange::default();
    };
    let mut exchange = Exchange::default();
    for entry in entries {
        let known = currency(walk, node, &entry.key.place, Some(&entry.key.text));
        if known == Some(Currency::USD) {
            walk.error(
                &entry.key.place,
                "the US dollar needs no rate: it is what the ledger counts in",
                "leave it out",
            );
        }
        let one = std::slice::from_ref(&entry.value);
        let mut rates: Vec<Rate> = Vec::new();
        for item in entry.value.list().unwrap_or(one) {
            let Some(rate) = rate(walk, item) else {
                continue;
            };
            if rates.iter().any(|other| other.from == rate.from) {
                walk.error(
                    &item.place,
                    format!(
                        "`{}` has two rates from the same day",
                        shown(&entry.key.text)
                    ),
                    "keep one of the two, or give the later one its own `from`",
                );
            }
            rates.push(rate);
        }
        rates.sort_by_key(|rate| rate.from);
        if let Some(currency) = known {
            exchange.0.insert(currency, rates);
        }
    }
    exchange
}

fn rate(walk: &mut Walk, node: &Node) -> Option<Rate> {
    let mut fields = Fields::of(walk, node, "a rate", "{ from: 2026-01-01, usd: 1.08 }")?;
    let what = "this rate";
    let from = fields
        .need(walk, "from", what, "from: 2026-01-01")
        .and_then(|n| date(walk, n));
    let usd = fields.need(walk, "usd", what, "usd: 1.08").and_then(|n| {
        let usd = money(walk, n, "`usd`")?;
        if usd.is_zero() {
            walk.error(
                &n.place,
                "a currency that is worth nothing",
                "write what one of it is worth in US dollars, for instance `1.08`",
            );
        }
        Some(usd)
    });
    fields.finish(walk, "a rate");
    Some(Rate {
        from: from?,
        usd: usd?,
    })
}

/// The currency that `text` names.
pub(crate) fn currency(
    walk: &mut Walk,
    node: &Node,
    place: &Place,
    text: Option<&str>,
) -> Option<Currency> {
    let known = text.and_then(Currency::parse);
    if known.is_none() {
        let help = "write the three letters of ISO 4217: `USD`, `EUR`, `JPY`";
        match text {
            Some(text) => {
                let upper = text.to_uppercase();
                let help = match Currency::parse(&upper) {
                    Some(_) => format!("did you mean `{upper}`?"),
                    None => help.to_owned(),
                };
                walk.error(place, format!("`{}` is no currency", shown(text)), help);
            }
            None => walk.expected(node, "`currency`", "three capital letters", help),
        }
    }
    known
}

/// Prices in a currency that has no rate by the day they hold from: what they come to can be added to no dollars.
pub(crate) fn check(walk: &mut Walk, prices: &Prices, exchange: &Exchange, at: &Node) {
    for (model, prices) in prices {
        for price in prices {
            let currency = price.currency;
            if currency != Currency::USD && exchange.rate(currency, price.from).is_none() {
                let mut named = at.map().unwrap_or_default().iter().map(|entry| &entry.key);
                let own = named.find(|key| *key.text == **model);
                let place = own.map_or(&at.place, |key| &key.place);
                walk.warning(
                    place,
                    format!("`{}` is paid in {currency}, and no rate says what one is worth when that price begins", shown(model)),
                    format!("add `exchange: {{ {currency}: {{ from: 2026-01-01, usd: 1.08 }} }}`; without it the ledger keeps {currency} apart, and budgets in dollars do not see it"),
                );
                break;
            }
        }
    }
}
