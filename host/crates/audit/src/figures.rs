//! What a bundle's report says in numbers, computed from the records that are in the bundle and from nothing else: whoever has the records can compute it again.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// Counts records as they come.
#[derive(Default)]
pub struct Figures {
    records: u64,
    without_body: u64,
    kinds: BTreeMap<String, u64>,
    signatures: u64,
    changes: BTreeMap<String, Vec<Value>>,
    total: Sum,
    by: BTreeMap<&'static str, BTreeMap<String, Sum>>,
}

/// What something cost.
#[derive(Default)]
struct Sum {
    records: u64,
    usd: Decimal,
    input: u64,
    output: u64,
    wall_us: u64,
    /// Model calls of which nobody knows what they cost.
    unpriced: u64,
    /// What was paid in other money than dollars.
    currencies: BTreeMap<String, Paid>,
}

/// What was paid in a currency.
#[derive(Default)]
struct Paid {
    amount: Decimal,
    /// What that is in dollars by the rates that stand in the records; it is in the sum of dollars.
    usd: Decimal,
    /// The part of it for which there was no rate: it is in no sum of dollars.
    without_rate: Decimal,
    rates: BTreeSet<Decimal>,
}

/// What costs are summed by. What has no such field is summed under the empty name, so that each of them comes to the total.
const DIMENSIONS: [&str; 5] = ["agent", "model", "purpose", "tool", "workflow"];

impl Figures {
    /// Count a record; `body` is nothing where it was left out.
    pub fn add(&mut self, seq: u64, kind: &str, body: Option<&Value>) {
        self.records += 1;
        *self.kinds.entry(kind.to_owned()).or_default() += 1;
        let Some(body) = body else {
            self.without_body += 1;
            return;
        };
        let is_signed = body["signed"]["statement"].is_string();
        self.signatures += u64::from(is_signed);
        if kind.starts_with("change.")
            && let Some(change) = body["change"].as_str()
        {
            let step = json!({ "by": body["by"], "kind": kind, "record": seq, "signed_with": body["signed"]["key"] });
            self.changes
                .entry(change.to_owned())
                .or_default()
                .push(step);
        }
        if kind == "cost" {
            self.total.add(body);
            for dimension in DIMENSIONS {
                let name = body[dimension].as_str().unwrap_or_default().to_owned();
                let sums = self.by.entry(dimension).or_default();
                sums.entry(name).or_default().add(body);
            }
        }
    }

    /// The names of the changes.
    pub fn changes(&self) -> impl Iterator<Item = &str> {
        self.changes.keys().map(String::as_str)
    }

    /// All of it as one value.
    pub fn value(&self) -> Value {
        let by: Map<String, Value> = DIMENSIONS
            .iter()
            .map(|dimension| {
                let sums = self.by.get(dimension).into_iter().flatten();
                let sums: Map<String, Value> = sums
                    .map(|(name, sum)| (name.clone(), sum.value()))
                    .collect();
                ((*dimension).to_owned(), sums.into())
            })
            .collect();
        json!({
            "records": self.records, "without_body": self.without_body, "kinds": self.kinds, "signatures": self.signatures,
            "changes": self.changes, "costs": { "total": self.total.value(), "by": by },
        })
    }
}

impl Sum {
    fn add(&mut self, body: &Value) {
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        self.records += 1;
        let decimal = |value: &Value| value.as_str().and_then(|text| Decimal::from_str(text).ok());
        let usd = decimal(&body["usd"]);
        self.usd = self.usd.saturating_add(usd.unwrap_or_default());
        let paid = &body["paid"];
        match (decimal(&paid["amount"]), paid["currency"].as_str()) {
            (Some(amount), Some(currency)) => {
                let sum = self.currencies.entry(currency.to_owned()).or_default();
                sum.amount = sum.amount.saturating_add(amount);
                sum.usd = sum.usd.saturating_add(usd.unwrap_or_default());
                if usd.is_none() {
                    sum.without_rate = sum.without_rate.saturating_add(amount);
                }
                sum.rates
                    .extend(decimal(&paid["rate"]).map(|rate| rate.normalize()));
            }
            _ => self.unpriced += u64::from(usd.is_none() && body["model"].is_string()),
        }
        self.input = self.input.saturating_add(number(&body["tokens"]["input"]));
        self.output = self
            .output
            .saturating_add(number(&body["tokens"]["output"]));
        self.wall_us = self.wall_us.saturating_add(number(&body["wall_us"]));
    }

    fn value(&self) -> Value {
        let text = |amount: Decimal| amount.normalize().to_string();
        let currencies = self.currencies.iter().map(|(name, paid)| {
            let rates: Vec<String> = paid.rates.iter().map(|rate| text(*rate)).collect();
            let paid = json!({ "paid": text(paid.amount), "usd": text(paid.usd), "without_rate": text(paid.without_rate), "rates": rates });
            (name.clone(), paid)
        });
        json!({
            "records": self.records, "usd": text(self.usd), "currencies": currencies.collect::<Map<_, _>>(), "unpriced": self.unpriced,
            "input": self.input, "output": self.output, "wall_us": self.wall_us,
        })
    }
}
