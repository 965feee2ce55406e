//! Reports as tables for people.

use crate::compare::Comparison;
use crate::report::Report;
use crate::totals::Totals;
use rust_decimal::Decimal;
use types::{How, Joules};

/// The width of a table, where there is not too much in it.
const WIDEST: usize = 100;
/// The widest name that is shown whole, and what is left of a name at the least.
const WIDEST_NAME: usize = 32;
const NARROWEST_NAME: usize = 12;

/// Decimals of a dollar that are shown. What is less is shown as less, and not as nothing.
const DECIMALS_SHOWN: u32 = 4;

/// The table of `report`.
pub fn render(report: &Report) -> String {
    if report.rows.is_empty() {
        let mut text = "Nothing has been spent yet.\n".to_owned();
        text.push_str(&unreadable(report.unreadable));
        return text;
    }
    let energy = report.total.joules.is_some();
    let mut headings = vec!["calls", "input", "cached", "output", "USD", "time"];
    if energy {
        headings.push("energy");
    }
    let names = report
        .by
        .iter()
        .map(|dimension| dimension.as_str().to_owned());
    let mut lines = vec![Line {
        names: names.collect(),
        cells: headings.into_iter().map(str::to_owned).collect(),
    }];
    lines.extend(report.rows.iter().map(|row| Line {
        names: row.names.clone(),
        cells: cells(&row.totals, energy),
    }));
    let mut total = vec![String::new(); report.by.len()];
    match total.first_mut() {
        Some(first) => *first = "total".to_owned(),
        None => total.push("total".to_owned()),
    }
    lines.push(Line {
        names: total,
        cells: cells(&report.total, energy),
    });
    let mut table = laid_out(lines, true);
    if report.total.expected_cached > 0 {
        table.push_str(&format!(
            "cached input: {} tokens expected by what requests had in common, {} reported\n",
            count(report.total.expected_cached),
            count(report.total.tokens.cached),
        ));
    }
    table.push_str(&money_notes(&report.total));
    if let Some(joules) = report.total.joules {
        let share = match report.total.unmeasured {
            0 => String::new(),
            calls => format!("; {} without a figure", plural(calls, "call")),
        };
        table.push_str(&format!("energy: {}{share}\n", joules.how.as_str()));
    }
    table.push_str(&unreadable(report.unreadable));
    table
}

/// What a sum of money does not say by itself: the marks beside it in words, and what of it is estimated.
pub fn money_notes(totals: &Totals) -> String {
    let mut notes = String::new();
    if totals.unpriced > 0 {
        notes.push_str(&format!(
            "* without {} of unknown price: add the model under `prices` in house.yaml\n",
            plural(totals.unpriced, "model call")
        ));
    }
    if !totals.other.is_empty() {
        notes.push_str(&format!(
            "+ and {}, which no rate turns into dollars: add it under `exchange` in house.yaml\n",
            totals.other_money()
        ));
    }
    if totals.estimated > 0 {
        notes.push_str(&format!(
            "tokens of {} are estimated, because nobody reported them: USD {} of the sum\n",
            plural(totals.estimated, "model call"),
            money(totals.estimated_usd)
        ));
    }
    notes
}

/// That so many cost records are in no sum; nothing where there are none.
pub fn unreadable(records: u64) -> String {
    match records {
        0 => String::new(),
        records => format!(
            "! {} in no sum: this version cannot read them (`charthouse journal verify`)\n",
            match records {
                1 => "1 cost record is".to_owned(),
                records => format!("{} cost records are", count(records)),
            }
        ),
    }
}

/// The table of `comparison`.
pub fn render_comparison(comparison: &Comparison) -> String {
    if comparison.rows.is_empty() {
        return "No instance of a workflow has anything to compare yet.\n".to_owned();
    }
    let headings = [
        "instances",
        "accepted",
        "first pass",
        "rework",
        "defects",
        "cycle",
        "USD",
        "USD/accepted",
    ];
    let mut lines = vec![Line {
        names: vec![comparison.by.as_str().to_owned()],
        cells: headings.map(str::to_owned).to_vec(),
    }];
    lines.extend(comparison.rows.iter().map(|row| Line {
        names: vec![row.name.clone()],
        cells: vec![
            count(row.instances),
            format!("{}/{}", row.accepted, row.ended),
            row.first_pass_yield()
                .map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0)),
            count(row.rework),
            count(row.defects),
            row.median_cycle_ms()
                .map_or_else(|| "-".to_owned(), |ms| time(ms.saturating_mul(1_000))),
            dollars(&row.totals),
            row.usd_per_accepted()
                .map_or_else(|| "-".to_owned(), |usd| money(usd) + marks(&row.totals)),
        ],
    }));
    let mut table = laid_out(lines, false);
    for row in &comparison.rows {
        let outcomes = row.outcomes.iter();
        let outcomes = outcomes.map(|(outcome, times)| format!("{} {times}×", plain(outcome)));
        let outcomes: Vec<String> = outcomes.collect();
        if !outcomes.is_empty() {
            table.push_str(&format!(
                "{}: {}\n",
                shorten(&row.name, WIDEST_NAME),
                outcomes.join(", ")
            ));
        }
    }
    let mut total = Totals::default();
    comparison
        .rows
        .iter()
        .for_each(|row| total.add(&row.totals));
    table.push_str(&money_notes(&total));
    table.push_str(&unreadable(comparison.unreadable));
    table
}

/// A line of a table: names to the left, figures to the right.
struct Line {
    names: Vec<String>,
    cells: Vec<String>,
}

/// Lines below each other, the first and (where it is the total) the last set off by a rule.
fn laid_out(mut lines: Vec<Line>, total: bool) -> String {
    let columns = |of: fn(&Line) -> &Vec<String>, lines: &[Line]| -> Vec<usize> {
        let most = lines.iter().map(|line| of(line).len()).max().unwrap_or(0);
        let widest = |at: usize| lines.iter().filter_map(move |line| of(line).get(at));
        (0..most)
            .map(|at| widest(at).map(|cell| width(cell)).max().unwrap_or(0))
            .collect()
    };
    let figures = columns(|line| &line.cells, &lines);
    let taken: usize = figures.iter().map(|width| width + 2).sum();
    let many = lines.first().map_or(1, |line| line.names.len().max(1));
    let room =
        (WIDEST.saturating_sub(taken + 2 * (many - 1)) / many).clamp(NARROWEST_NAME, WIDEST_NAME);
    for name in lines.iter_mut().flat_map(|line| &mut line.names) {
        *name = shorten(name, room);
    }
    let names = columns(|line| &line.names, &lines);
    let between = 2 * names.len().saturating_sub(1);
    let rule = "─".repeat(names.iter().sum::<usize>() + between + taken);
    let mut table = String::new();
    let last = lines.len() - 1;
    for (index, line) in lines.iter().enumerate() {
        if index == 1 || (index == last && total) {
            table.push_str(&rule);
            table.push('\n');
        }
        for (at, (name, column)) in line.names.iter().zip(&names).enumerate() {
            if at > 0 {
                table.push_str("  ");
            }
            table.push_str(name);
            table.push_str(&" ".repeat(column - width(name)));
        }
        for (cell, column) in line.cells.iter().zip(&figures) {
            table.push_str(&" ".repeat(2 + column - width(cell)));
            table.push_str(cell);
        }
        table.push('\n');
    }
    table
}

fn cells(totals: &Totals, energy: bool) -> Vec<String> {
    let mut cells = vec![
        count(totals.calls),
        count(totals.tokens.input),
        count(totals.tokens.cached),
        count(totals.tokens.output),
        dollars(totals),
        time(totals.wall_us),
    ];
    if energy {
        cells.push(totals.joules.map_or_else(|| "-".to_owned(), joules));
    }
    cells
}

fn dollars(totals: &Totals) -> String {
    money(totals.usd) + marks(totals)
}

/// What stands beside a sum that is not all there is; [`money_notes`] says what they mean.
fn marks(totals: &Totals) -> &'static str {
    match (totals.unpriced > 0, !totals.other.is_empty()) {
        (false, false) => "",
        (true, false) => "*",
        (false, true) => "+",
        (true, true) => "*+",
    }
}

/// `1.25 J`, and `~` before what is estimated.
fn joules(joules: Joules) -> String {
    let value = joules.value();
    let mark = match joules.how {
        How::Estimated => "~",
        How::Measured | How::Reported => "",
    };
    let (value, unit) = match value {
        v if v >= 1e9 => (v / 1e9, "GJ"),
        v if v >= 1e6 => (v / 1e6, "MJ"),
        v if v >= 1e3 => (v / 1e3, "kJ"),
        v if v >= 1.0 || v == 0.0 => (v, "J"),
        v if v >= 1e-3 => (v * 1e3, "mJ"),
        v => (v * 1e6, "µJ"),
    };
    // Three figures say more than any of these is known to.
    let decimals = match value {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{mark}{value:.decimals$} {unit}")
}

fn plural(n: u64, what: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{} {what}{ending}", count(n))
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A name that cannot break the table: one line, and not too long. The end is kept, because names differ there.
fn shorten(name: &str, room: usize) -> String {
    let clean: Vec<char> = plain(name).chars().collect();
    if clean.len() <= room {
        return clean.into_iter().collect();
    }
    std::iter::once('…')
        .chain(clean[clean.len() - (room - 1)..].iter().copied())
        .collect()
}

fn plain(name: &str) -> String {
    let clean = name.chars().map(|c| if c.is_control() { '?' } else { c });
    clean.collect()
}

/// Up to 999,999 to the last digit, then `1.23M`.
fn count(n: u64) -> String {
    for (unit, size) in [
        ("E", 10u64.pow(18)),
        ("P", 10u64.pow(15)),
        ("T", 10u64.pow(12)),
        ("G", 10u64.pow(9)),
        ("M", 10u64.pow(6)),
    ] {
        if n >= size {
            // Cut, not rounded: 999,999,999 is not yet a thousand million.
            let hundredths = u128::from(n) * 100 / u128::from(size);
            return format!("{}.{:02}{unit}", hundredths / 100, hundredths % 100);
        }
    }
    match n {
        0..1_000 => n.to_string(),
        _ => format!("{},{:03}", n / 1_000, n % 1_000),
    }
}

fn money(usd: Decimal) -> String {
    let smallest = Decimal::new(1, DECIMALS_SHOWN);
    if usd > Decimal::ZERO && usd < smallest {
        return format!("<{smallest}");
    }
    if usd >= Decimal::from(10u64.pow(9)) {
        return "≥1,000,000,000".to_owned();
    }
    format!(
        "{:.1$}",
        usd.round_dp(DECIMALS_SHOWN),
        DECIMALS_SHOWN as usize
    )
}

fn time(us: u64) -> String {
    let seconds = us / 1_000_000;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..60_000_000 => format!("{seconds}.{} s", us % 1_000_000 / 100_000),
        _ if seconds < 3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", count(seconds / 3_600), seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_as_people_read_them() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (999_999, "999,999"),
            (1_000_000, "1.00M"),
            (999_999_999, "999.99M"),
            (u64::MAX, "18.44E"),
        ] {
            assert_eq!(count(n), text);
        }
        for (us, text) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_999, "1 ms"),
            (59_999_999, "59.9 s"),
            (60_000_000, "1 m 00 s"),
            (3_600_000_000, "1 h 00 m"),
        ] {
            assert_eq!(time(us), text);
        }
        for (usd, text) in [
            ("0", "0.0000"),
            ("0.00009", "<0.0001"),
            ("0.0001", "0.0001"),
            ("12.34567", "12.3457"),
        ] {
            assert_eq!(money(usd.parse().unwrap()), text);
        }
    }
}
