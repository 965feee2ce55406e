//! `ledger --budgets`: every limit of the house, what is spent of it, what is left, and where it is written.

use crate::cli::Ledger as Options;
use crate::exit::Failure;
use crate::open;
use crate::print::{self, Paint, RED, YELLOW};
use crate::world::SystemClock;
use ledger::budget::Period;
use runtime::BudgetRow;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use types::{Clock, Measure, Window};

pub fn run(options: &Options) -> Result<u8, Failure> {
    let house = open::house(&options.house.house)?;
    let journal = open::journal_to_read(&options.house.house)?;
    let rows = runtime::budgets(journal.as_ref(), &house, SystemClock::new().now())?;
    if options.json {
        let rows: Vec<Value> = rows.iter().map(as_json).collect();
        print::json(&json!({ "budgets": rows }))?;
    } else {
        print::out(&table(&rows, Paint::new(print::color_on_stdout())))?;
    }
    Ok(0)
}

/// How a limit stands.
fn state(row: &BudgetRow) -> &'static str {
    let limit = &row.line.limit;
    let spent = row.spent.of(limit.measure);
    match row.period {
        None => "none",
        Some(_) if spent >= limit.most => "exhausted",
        Some(_) if spent >= limit.low_at() && !spent.is_zero() => "low",
        Some(_) => "ok",
    }
}

fn left(row: &BudgetRow) -> Decimal {
    let limit = &row.line.limit;
    let left = limit.most.checked_sub(row.spent.of(limit.measure));
    left.unwrap_or_default().max(Decimal::ZERO)
}

fn as_json(row: &BudgetRow) -> Value {
    let limit = &row.line.limit;
    let text = |amount: Decimal| amount.normalize().to_string();
    let mut object = json!({
        "of": row.line.whose.to_string(), "limit": limit.key(), "most": text(limit.most),
        "spent": text(row.spent.of(limit.measure)), "left": text(left(row)), "low": limit.low.to_string(),
        "window": row.period.as_ref().map(Period::to_string), "state": state(row), "at": row.line.at(),
    });
    if limit.measure == Measure::Usd && row.spent.unpriced > 0 {
        object["unpriced"] = row.spent.unpriced.into();
    }
    object
}

fn table(rows: &[BudgetRow], paint: Paint) -> String {
    if rows.is_empty() {
        return "No budgets: nothing limits what may be spent. Write `budgets: { usd_per_day: 10.00 }` into house.yaml, or `budget:` into an agent or a workflow.\n"
            .to_owned();
    }
    let headings = ["", "limit", "spent", "of", "left", "window", "written at"];
    let mut lines = vec![headings.map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    let widths: [usize; 7] = std::array::from_fn(|at| {
        let cells = lines.iter().map(|line| width(&line[at]));
        cells.max().unwrap_or(0)
    });
    let mut table = String::new();
    for (index, line) in lines.iter().enumerate() {
        let mut text = String::new();
        for (at, cell) in line.iter().enumerate() {
            let gap = " ".repeat(widths[at] - width(cell));
            // Amounts stand under each other by their ends.
            match at {
                2..=4 => text.push_str(&format!("{gap}{cell}  ")),
                _ => text.push_str(&format!("{cell}{gap}  ")),
            }
        }
        let style = match index.checked_sub(1).and_then(|row| rows.get(row)) {
            Some(row) if state(row) == "exhausted" => RED,
            Some(row) if state(row) == "low" => YELLOW,
            _ => "",
        };
        let text = text.trim_end();
        match style {
            "" => table.push_str(text),
            style => table.push_str(&paint.with(style, text)),
        }
        table.push('\n');
    }
    let unpriced = rows
        .iter()
        .any(|row| row.line.limit.measure == Measure::Usd && row.spent.unpriced > 0);
    if unpriced {
        table.push_str(
            "* without calls of unknown price: add the model under `prices` in house.yaml\n",
        );
    }
    table
}

fn cells(row: &BudgetRow) -> [String; 7] {
    let limit = &row.line.limit;
    let shown = |amount: Decimal| limit.measure.shown(amount);
    let spent = row.spent.of(limit.measure);
    let star = match limit.measure == Measure::Usd && row.spent.unpriced > 0 {
        true => "*",
        false => "",
    };
    let (spent, left, window) = match &row.period {
        Some(period) => (
            format!("{}{star}", shown(spent)),
            shown(left(row)),
            period.to_string(),
        ),
        None => (
            "–".to_owned(),
            "–".to_owned(),
            match limit.window {
                Window::Instance => "no instance is open",
                _ => "no run is up",
            }
            .to_owned(),
        ),
    };
    [
        row.line.whose.to_string(),
        limit.key(),
        spent,
        shown(limit.most),
        left,
        window,
        row.line.at(),
    ]
}

/// Columns that a text takes.
fn width(text: &str) -> usize {
    text.chars().count()
}
