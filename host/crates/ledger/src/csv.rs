//! Comma-separated values as RFC 4180 has them: quoted where they must be, lines ended by CR LF.
//!
//! Names come from models and from strangers' plugins, and a spreadsheet runs a cell that begins like a formula; such a cell gets an apostrophe before it.

use crate::day;
use crate::entry::Entry;
use crate::report::Report;
use crate::totals::Totals;
use std::sync::Arc;

const MEASURES: [&str; 20] = [
    "calls",
    "tokens_input",
    "tokens_cached",
    "tokens_cache_write",
    "tokens_output",
    "tokens_reasoning",
    "usd",
    "other_currencies",
    "unpriced",
    "wall_us",
    "cpu_us",
    "fuel",
    "bytes_in",
    "bytes_out",
    "joules",
    "joules_how",
    "unmeasured",
    "expected_cached",
    "estimated",
    "estimated_usd",
];

/// The rows of `report`. No line for the total: whoever adds the column up would count everything twice.
pub(crate) fn report(report: &Report) -> String {
    let names = report.by.iter().map(|dimension| dimension.as_str());
    let mut text = line(names.chain(MEASURES).map(str::to_owned));
    for row in &report.rows {
        let names = row.names.iter().cloned();
        text.push_str(&line(names.chain(measures(&row.totals))));
    }
    text
}

/// The header of what [`entry`] writes.
pub fn heading() -> String {
    let accounts = [
        "record",
        "run",
        "time_ms",
        "day",
        "agent",
        "version",
        "revision",
        "workflow",
        "instance",
        "role",
        "state",
        "tool",
        "plugin",
        "generation",
        "model",
        "provider",
        "purpose",
    ];
    line(accounts.into_iter().chain(MEASURES).map(str::to_owned))
}

/// One expense by itself, with the number of its record.
pub fn entry(entry: &Entry<'_>) -> String {
    let cost = entry.cost;
    let word = |word: &Option<Arc<str>>| word.as_deref().unwrap_or("").to_owned();
    let accounts = [
        entry.seq.to_string(),
        entry.run.to_owned(),
        entry.time.0.to_string(),
        day::name(entry.time),
        cost.agent.to_string(),
        word(&cost.version),
        word(&cost.revision),
        word(&cost.workflow),
        word(&cost.instance),
        word(&cost.role),
        cost.state.to_string(),
        word(&cost.tool),
        word(&cost.plugin),
        word(&cost.generation),
        word(&cost.model),
        word(&cost.provider),
        cost.purpose.as_str().to_owned(),
    ];
    line(accounts.into_iter().chain(measures(&Totals::of(cost))))
}

fn measures(totals: &Totals) -> [String; 20] {
    let joules = totals.joules.map(|joules| joules.value().to_string());
    let how = totals
        .joules
        .map_or("not measured", |joules| joules.how.as_str());
    [
        totals.calls.to_string(),
        totals.tokens.input.to_string(),
        totals.tokens.cached.to_string(),
        totals.tokens.cache_write.to_string(),
        totals.tokens.output.to_string(),
        totals.tokens.reasoning.to_string(),
        totals.usd.normalize().to_string(),
        totals.other_money(),
        totals.unpriced.to_string(),
        totals.wall_us.to_string(),
        totals.cpu_us.to_string(),
        totals.fuel.to_string(),
        totals.bytes_in.to_string(),
        totals.bytes_out.to_string(),
        joules.unwrap_or_default(),
        how.to_owned(),
        totals.unmeasured.to_string(),
        totals.expected_cached.to_string(),
        totals.estimated.to_string(),
        totals.estimated_usd.normalize().to_string(),
    ]
}

fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|cell| quoted(&cell)).collect();
    cells.join(",") + "\r\n"
}

fn quoted(cell: &str) -> String {
    // What the first character of a formula can be, in the spreadsheets of today (OWASP, "CSV injection"). Our own negative numbers are numbers.
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
        && cell.parse::<f64>().is_err();
    let plain = match formula {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    };
    match plain.contains([',', '"', '\r', '\n', ';', '\t']) {
        true => format!("\"{}\"", plain.replace('"', "\"\"")),
        false => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_no_formula_is_left() {
        for (cell, written) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("-2.5", "-2.5"),
            ("\t=1", "\"'\t=1\""),
            ("=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""),
        ] {
            assert_eq!(quoted(cell), written);
        }
    }
}
