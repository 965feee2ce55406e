//! A report as a table for people.

use crate::report::Report;
use crate::totals::Totals;
use rust_decimal::Decimal;

/// The widest name that is shown whole; the numbers take the rest of 100 columns.
const WIDEST_NAME: usize = 32;

/// Decimals of a dollar that are shown. What is less is shown as less, and not as nothing.
const DECIMALS_SHOWN: u32 = 4;

const HEADINGS: [&str; 6] = ["calls", "input", "cached", "output", "USD", "time"];

/// The table of `report`.
pub fn render(report: &Report) -> String {
    if report.rows.is_empty() {
        return "Nothing has been spent yet.\n".to_owned();
    }
    let mut lines = vec![(
        report.dimension.as_str().to_owned(),
        HEADINGS.map(str::to_owned),
    )];
    lines.extend(
        report
            .rows
            .iter()
            .map(|row| (shorten(&row.name), cells(&row.totals))),
    );
    lines.push(("total".to_owned(), cells(&report.total)));

    let name_width = lines.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(|at| {
        lines
            .iter()
            .map(|(_, cells)| width(&cells[at]))
            .max()
            .unwrap_or(0)
    });
    let rule = "─".repeat(name_width + widths.iter().map(|width| width + 2).sum::<usize>());

    let mut table = String::new();
    let last = lines.len() - 1;
    for (index, (name, cells)) in lines.iter().enumerate() {
        if index == 1 || index == last {
            table.push_str(&rule);
            table.push('\n');
        }
        table.push_str(name);
        table.push_str(&" ".repeat(name_width - width(name)));
        for (cell, column) in cells.iter().zip(widths) {
            table.push_str(&" ".repeat(2 + column - width(cell)));
            table.push_str(cell);
        }
        table.push('\n');
    }
    if report.total.expected_cached > 0 {
        table.push_str(&format!(
            "cached input: {} tokens expected by what requests had in common, {} reported\n",
            count(report.total.expected_cached),
            count(report.total.tokens.cached),
        ));
    }
    if report.total.unpriced > 0 {
        table.push_str(&format!(
            "* without {} of unknown price: add the model under `prices` in house.yaml\n",
            plural(report.total.unpriced, "model call")
        ));
    }
    table
}

fn cells(totals: &Totals) -> [String; 6] {
    let unknown = if totals.unpriced > 0 { "*" } else { "" };
    [
        count(totals.calls),
        count(totals.tokens.input),
        count(totals.tokens.cached),
        count(totals.tokens.output),
        money(totals.usd) + unknown,
        time(totals.wall_us),
    ]
}

fn plural(n: u64, what: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{} {what}{ending}", count(n))
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A name that cannot break the table: one line, and not too long. The end is kept, because names differ there.
fn shorten(name: &str) -> String {
    let clean: Vec<char> = name
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    if clean.len() <= WIDEST_NAME {
        return clean.into_iter().collect();
    }
    std::iter::once('…')
        .chain(clean[clean.len() - (WIDEST_NAME - 1)..].iter().copied())
        .collect()
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
