//! `ledger --records`: each expense with the number of its record, so that every cent of a sum can be looked up.

use super::each_cost;
use crate::cli::Ledger as Options;
use crate::exit::Failure;
use crate::print;
use crate::verbs::journal::when::Zone;
use ::journal::Journal;
use ::ledger::{Entry, Filter, Totals, csv_heading, csv_of_entry, money_notes, unreadable_note};
use types::Cost;

/// What is printed at once: a pipe with a line in each write would take longer than the journal.
const CHUNK: usize = 64 << 10;

pub fn run(options: &Options, journal: Option<&Journal>, filter: &Filter) -> Result<u8, Failure> {
    let mut text = match options.csv {
        true => csv_heading(),
        false => String::new(),
    };
    let for_a_person = !options.csv && !options.json;
    let (zone, mut total, mut unreadable) = (Zone::new(true), Totals::default(), 0);
    if let Some(journal) = journal {
        each_cost(journal, |cost| {
            let Some(entry) = cost else {
                unreadable += 1;
                return Ok(());
            };
            if !filter.admits(&entry) {
                return Ok(());
            }
            total.count(entry.cost);
            match (options.json, options.csv) {
                (true, _) => {
                    text.push_str(&serde_json::to_string(&entry).unwrap_or_default());
                    text.push('\n');
                }
                (false, true) => text.push_str(&csv_of_entry(&entry)),
                (false, false) => text.push_str(&line(&entry, &zone)),
            }
            if text.len() >= CHUNK {
                print::out(&std::mem::take(&mut text))?;
            }
            Ok(())
        })?;
    }
    if for_a_person && total.calls == 0 {
        text.push_str("Nothing has been spent there.\n");
    } else if for_a_person {
        text.push_str(&format!(
            "{} records, USD {}; `charthouse journal why NUMBER` tells how one came about\n",
            total.calls,
            total.usd.normalize()
        ));
    }
    print::out(&text)?;
    let notes = money_notes(&total) + &unreadable_note(unreadable);
    match for_a_person {
        true => print::out(&notes)?,
        // The lines are for a program, and what they leave out is for whoever started it.
        false => print::err(&notes),
    }
    Ok(0)
}

/// `    42  2026-11-21 08:00:01  surveyor  orient  fs.read  work  USD 0  41 µs`
fn line(entry: &Entry<'_>, zone: &Zone) -> String {
    let cost = entry.cost;
    let what = cost.tool.as_ref().or(cost.model.as_ref());
    let what = print::plain(what.map_or("", |what| what)).into_owned();
    let text = format!(
        "{:>7}  {}  {}  {}  {what}  {}  {}",
        entry.seq,
        zone.full(entry.time),
        print::plain(&cost.agent),
        print::plain(&cost.state),
        cost.purpose.as_str(),
        money(cost),
    );
    let tokens = match cost.model {
        Some(_) => format!("  {}+{} tokens", cost.tokens.input, cost.tokens.output),
        None => String::new(),
    };
    format!("{}{tokens}\n", text.replace('\n', " "))
}

fn money(cost: &Cost) -> String {
    match (&cost.usd, &cost.paid) {
        (Some(usd), Some(paid)) => format!(
            "USD {} ({} {})",
            usd.normalize(),
            paid.currency,
            paid.amount.normalize()
        ),
        (Some(usd), None) => format!("USD {}", usd.normalize()),
        (None, Some(paid)) => format!("{} {}", paid.currency, paid.amount.normalize()),
        (None, None) => "price unknown".to_owned(),
    }
}
