//! The report's numbers, computed once more from the records.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What costs are summed by.
const DIMENSIONS: [&str; 5] = ["agent", "model", "purpose", "tool", "workflow"];
/// Decimals that are kept of money: more than any amount has.
const DECIMALS: usize = 18;

/// Counts.
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

#[derive(Default)]
struct Sum {
    records: u64,
    usd: i128,
    input: u64,
    output: u64,
    wall_us: u64,
    unpriced: u64,
    currencies: BTreeMap<String, Paid>,
}

/// What was paid in other money than dollars: in all, in dollars by the rates that stand in the records, and without one.
#[derive(Default)]
struct Paid {
    amount: i128,
    usd: i128,
    without_rate: i128,
    rates: BTreeSet<i128>,
}

impl Figures {
    /// Count one record.
    pub fn add(&mut self, seq: u64, kind: &str, body: Option<&Value>) -> Result<(), String> {
        self.records += 1;
        *self.kinds.entry(kind.to_owned()).or_default() += 1;
        let Some(body) = body else {
            self.without_body += 1;
            return Ok(());
        };
        if body["signed"]["statement"].is_string() {
            self.signatures += 1;
        }
        if let (true, Some(change)) = (kind.starts_with("change."), body["change"].as_str()) {
            self.changes.entry(change.to_owned()).or_default().push(json!({
                "by": body["by"], "kind": kind, "record": seq, "signed_with": body["signed"]["key"],
            }));
        }
        if kind != "cost" {
            return Ok(());
        }
        self.total.add(body)?;
        for dimension in DIMENSIONS {
            let name = body[dimension].as_str().unwrap_or_default().to_owned();
            self.by
                .entry(dimension)
                .or_default()
                .entry(name)
                .or_default()
                .add(body)?;
        }
        Ok(())
    }

    /// As figures.json has it; of bundles of the first form, in dollars alone.
    pub fn value(&self, in_dollars: bool) -> Value {
        let mut by = Map::new();
        for dimension in DIMENSIONS {
            let sums = self.by.get(dimension).into_iter().flatten();
            by.insert(
                dimension.into(),
                sums.map(|(name, sum)| (name.clone(), sum.value(in_dollars)))
                    .collect::<Map<_, _>>()
                    .into(),
            );
        }
        json!({
            "records": self.records, "without_body": self.without_body, "kinds": self.kinds, "signatures": self.signatures,
            "changes": self.changes, "costs": { "total": self.total.value(in_dollars), "by": by },
        })
    }
}

impl Sum {
    fn add(&mut self, body: &Value) -> Result<(), String> {
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        self.records += 1;
        let usd = amount(&body["usd"])?;
        self.usd = plus(self.usd, usd.unwrap_or(0))?;
        let paid = &body["paid"];
        match (amount(&paid["amount"])?, paid["currency"].as_str()) {
            (Some(amount_paid), Some(currency)) => {
                let sum = self.currencies.entry(currency.to_owned()).or_default();
                sum.amount = plus(sum.amount, amount_paid)?;
                sum.usd = plus(sum.usd, usd.unwrap_or(0))?;
                if usd.is_none() {
                    sum.without_rate = plus(sum.without_rate, amount_paid)?;
                }
                sum.rates.extend(amount(&paid["rate"])?);
            }
            _ => self.unpriced += u64::from(usd.is_none() && body["model"].is_string()),
        }
        for (sum, more) in [
            (&mut self.input, &body["tokens"]["input"]),
            (&mut self.output, &body["tokens"]["output"]),
            (&mut self.wall_us, &body["wall_us"]),
        ] {
            *sum = sum.saturating_add(number(more));
        }
        Ok(())
    }

    fn value(&self, in_dollars: bool) -> Value {
        let mut value = json!({ "records": self.records, "usd": written(self.usd), "input": self.input, "output": self.output, "wall_us": self.wall_us });
        if !in_dollars {
            let currencies = self.currencies.iter().map(|(name, paid)| {
                let rates: Vec<String> = paid.rates.iter().map(|rate| written(*rate)).collect();
                let paid = json!({ "paid": written(paid.amount), "usd": written(paid.usd), "without_rate": written(paid.without_rate), "rates": rates });
                (name.clone(), paid)
            });
            value["currencies"] = currencies.collect::<Map<_, _>>().into();
            value["unpriced"] = self.unpriced.into();
        }
        value
    }
}

/// An amount that a record has, if it has one.
fn amount(said: &Value) -> Result<Option<i128>, String> {
    let Some(text) = said.as_str() else {
        return Ok(None);
    };
    let amount = money(text).ok_or(format!("`{text}` is no amount of money"))?;
    Ok(Some(amount))
}

fn plus(one: i128, other: i128) -> Result<i128, String> {
    let sum = one.checked_add(other);
    sum.ok_or("its costs are too large to be added".into())
}

/// Decimal text in units of 10^-18.
fn money(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    let part_is_short = part.trim_end_matches('0').len() <= DECIMALS;
    if whole.is_empty() || !is_number(whole) || !is_number(part) || !part_is_short {
        return None;
    }
    let part: String = part
        .chars()
        .chain(std::iter::repeat('0'))
        .take(DECIMALS)
        .collect();
    let all: i128 = format!("{whole}{part}").parse().ok()?;
    Some(sign * all)
}

fn written(units: i128) -> String {
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = DECIMALS + 1);
    let (whole, part) = digits.split_at(digits.len() - DECIMALS);
    let part = part.trim_end_matches('0');
    let sign = if units < 0 { "-" } else { "" };
    match part {
        "" => format!("{sign}{whole}"),
        part => format!("{sign}{whole}.{part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_too_large_to_be_meant_do_not_end_it() {
        let body = json!({ "tokens": { "input": u64::MAX }, "wall_us": u64::MAX });
        let mut figures = Figures::default();
        figures.add(1, "cost", Some(&body)).unwrap();
        figures.add(2, "cost", Some(&body)).unwrap();
        assert_eq!(figures.value(false)["costs"]["total"]["wall_us"], u64::MAX);
    }

    #[test]
    fn money_is_added_to_the_last_decimal() {
        for (text, again) in [
            ("0", "0"),
            ("1.50", "1.5"),
            ("0.000000000000000001", "0.000000000000000001"),
            ("-3.25", "-3.25"),
            ("120", "120"),
        ] {
            assert_eq!(written(money(text).unwrap()), again);
        }
        assert_eq!(
            written(money("0.1").unwrap() + money("0.2").unwrap()),
            "0.3"
        );
        for bad in ["", ".", "1e5", "1.2.3", "x", "0.0000000000000000001"] {
            assert_eq!(money(bad), None, "{bad}");
        }
    }
}
