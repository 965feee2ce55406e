//! `ledger`: the fold of the house's cost records, and of what came of its workflows. What is counted and how is the ledger's own business.

mod asked;
mod records;

use crate::cli::Ledger as Options;
use crate::exit::Failure;
use crate::{open, print};
use ::journal::{Journal, JournalError, Record, Which};
use ::ledger::{Accepted, Cases, Comparison, Entry, Filter, Ledger};
use runtime::record::Kind;
use types::Cost;

pub fn run(options: &Options) -> Result<u8, Failure> {
    // Before the first run nothing has been spent.
    let journal = open::journal_to_read(&options.house.house)?;
    let filter = asked::filter(options, journal.as_ref())?;
    if options.records {
        return records::run(options, journal.as_ref(), &filter);
    }
    if let Some(by) = options.compare {
        let comparison = compare(options, journal.as_ref(), asked::compared(by), filter)?;
        match options.json {
            true => print::json(&comparison)?,
            false => print::out(&comparison.render())?,
        }
        return Ok(0);
    }
    let mut ledger = Ledger::by(&asked::dimensions(&options.by), filter);
    if let Some(journal) = &journal {
        each_cost(journal, |cost| match cost {
            Some(entry) => {
                ledger.add(&entry);
                Ok(())
            }
            None => {
                ledger.add_unreadable();
                Ok(())
            }
        })?;
    }
    let report = ledger.report();
    match (options.json, options.csv) {
        (true, _) => print::json(&report)?,
        (false, true) => print::out(&report.csv())?,
        (false, false) => print::out(&report.render())?,
    }
    Ok(0)
}

/// Every cost record in order; `None` for one that this version cannot read, which it must not count wrongly.
fn each_cost(
    journal: &Journal,
    mut visit: impl FnMut(Option<Entry<'_>>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    journal.each(
        Which::Kind(Kind::Cost.name()),
        |record| match serde_json::from_str::<Cost>(&record.body) {
            Ok(cost) => visit(Some(entry(&record, &cost))),
            Err(error) => {
                tracing::warn!(record = record.seq.0, %error, "a cost record cannot be read");
                visit(None)
            }
        },
    )
}

fn entry<'r>(record: &'r Record, cost: &'r Cost) -> Entry<'r> {
    Entry {
        seq: record.seq.0,
        run: &record.run,
        time: record.time,
        cost,
    }
}

fn compare(
    options: &Options,
    journal: Option<&Journal>,
    by: ::ledger::Dimension,
    filter: Filter,
) -> Result<Comparison, Failure> {
    let (workflow, filter) = asked::workflow(options, filter);
    let mut comparison = Comparison::by(by, workflow, filter);
    let mut cases = Cases::default();
    if let Some(journal) = journal {
        cases = self::cases(journal)?;
        each_cost(journal, |cost| {
            match cost {
                Some(entry) => comparison.add(&entry, &cases),
                None => comparison.unreadable += 1,
            }
            Ok(())
        })?;
    }
    let accepted = match options.accepted.is_empty() {
        true => Accepted::Usual,
        false => Accepted::States(options.accepted.iter().cloned().collect()),
    };
    for (state, meant) in cases.never_ended_in(options.accepted.iter().map(String::as_str)) {
        let meant = meant.map_or_else(String::new, |name| {
            format!(": did you mean `{}`?", print::plain(&name))
        });
        let state = print::plain(state);
        print::err(&format!(
            "note: no instance has ended in `{state}`{meant}\n"
        ));
    }
    Ok(comparison.rate(&cases, &accepted))
}

/// The instances of all workflows. Only their own records are read, not those of the runs that worked in them.
fn cases(journal: &Journal) -> Result<Cases, JournalError> {
    let mut cases = Cases::default();
    let mut begun = Vec::new();
    let mut take = |record: &Record| {
        // A body that was taken out says nothing; the rest of its instance still does.
        let body = serde_json::from_str(&record.body).unwrap_or_default();
        cases.take(&record.run, record.time, &record.kind, &body);
        body["workflow"].is_object()
    };
    journal.each(Which::Kind(Kind::Started.name()), |record| {
        if take(&record) {
            begun.push(record.run);
        }
        Ok::<_, JournalError>(())
    })?;
    for instance in begun {
        journal.each(Which::Run(&instance), |record| {
            if record.kind != Kind::Started.name() && Cases::KINDS.contains(&&*record.kind) {
                take(&record);
            }
            Ok::<_, JournalError>(())
        })?;
    }
    Ok(cases)
}
