//! `ledger`: the fold of every cost record of the house.

use crate::cli::{By, Ledger as Options};
use crate::exit::Failure;
use crate::{open, print};
use ::journal::{Journal, JournalError, Which};
use ::ledger::{Dimension, Ledger};
use runtime::record::Kind;
use types::Cost;

pub fn run(options: &Options) -> Result<u8, Failure> {
    let mut ledger = Ledger::default();
    // Before the first run nothing has been spent.
    if let Some(journal) = open::journal_to_read(&options.house.house)? {
        fold(&journal, &mut ledger)?;
    }
    let report = ledger.report(dimension(options.by));
    if options.json {
        print::json(&report)?;
    } else {
        print::out(&report.render())?;
    }
    Ok(0)
}

/// Add up every cost record.
fn fold(journal: &Journal, ledger: &mut Ledger) -> Result<(), JournalError> {
    journal.each(Which::Kind(Kind::Cost.name()), |record| {
        // Records of a later version may say more; what this version cannot read it must not count wrongly.
        match serde_json::from_str::<Cost>(&record.body) {
            Ok(cost) => ledger.add(&cost),
            Err(error) => {
                tracing::warn!(record = record.seq.0, %error, "a cost record cannot be read")
            }
        }
        Ok(())
    })
}

fn dimension(by: By) -> Dimension {
    match by {
        By::Agent => Dimension::Agent,
        By::Workflow => Dimension::Workflow,
        By::State => Dimension::State,
        By::Tool => Dimension::Tool,
        By::Purpose => Dimension::Purpose,
        By::Model => Dimension::Model,
    }
}
