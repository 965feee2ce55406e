//! Where the budgets of a house stand, out of its definitions and its journal: for who looks, and for nobody who spends.

use crate::RuntimeError;
use crate::admission::all_lines;
use crate::alive;
use crate::spending::Spending;
use definitions::House;
use journal::Journal;
use ledger::budget::{Line, Period, Sum, Whose};
use std::sync::Arc;
use types::{Timestamp, Window};

/// Runs and instances that are shown of one limit, the newest.
const MOST_SHOWN: usize = 20;

/// One limit where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetRow {
    /// The limit.
    pub line: Line,
    /// The stretch it counts now; `None` for a limit of runs or instances of which none is up.
    pub period: Option<Period>,
    /// What is spent of it.
    pub spent: Sum,
}

/// Every limit of `house` where it stands at `now`: those of days and months once, those of runs and instances once for each that is not over.
///
/// # Errors
/// When the journal cannot be read. Where there is none, nothing is spent.
pub fn budgets(
    journal: Option<&Journal>,
    house: &House,
    now: Timestamp,
) -> Result<Vec<BudgetRow>, RuntimeError> {
    let mut lines = Vec::new();
    for line in all_lines(house) {
        let within = match (journal, line.limit.window) {
            (_, Window::Day | Window::Month) => None,
            (None, _) => Some(Vec::new()),
            (Some(journal), Window::Run) => Some(runs(journal, &line.whose)?),
            (Some(journal), Window::Instance) => Some(instances(journal, &line.whose)?),
        };
        match within {
            None => lines.push((line, true)),
            Some(within) if within.is_empty() => lines.push((line, false)),
            Some(within) => lines.extend(within.into_iter().map(|id| {
                let within = Some(id);
                let line = line.clone();
                (Line { within, ..line }, true)
            })),
        }
    }
    let spending = Spending::default();
    if let Some(journal) = journal {
        let asked: Vec<Line> = lines
            .iter()
            .filter(|(_, counts)| *counts)
            .map(|(line, _)| line.clone())
            .collect();
        spending.know(journal, &asked, now, None)?;
    }
    let row = |(line, counts): (Line, bool)| BudgetRow {
        period: counts.then(|| line.period(now)),
        spent: match counts {
            true => spending.spent(&line, now).0,
            false => Sum::default(),
        },
        line,
    };
    Ok(lines.into_iter().map(row).collect())
}

/// The runs that are up and that a limit of `whose` holds for.
fn runs(journal: &Journal, whose: &Whose) -> Result<Vec<Arc<str>>, RuntimeError> {
    let alive = alive::runs(journal)?;
    let its = alive.into_iter().filter(|(run, alive)| match whose {
        Whose::Agent(agent) => *alive.of == **agent,
        // Of a tree of runs the first: what those below spend is in it.
        _ => !run.contains('.'),
    });
    Ok(newest(its.map(|(run, _)| run)))
}

fn instances(journal: &Journal, whose: &Whose) -> Result<Vec<Arc<str>>, RuntimeError> {
    let alive = alive::instances(journal)?;
    let its = alive.into_iter().filter(|(_, alive)| match whose {
        Whose::Workflow(workflow) | Whose::Role { workflow, .. } => *alive.of == **workflow,
        _ => false,
    });
    Ok(newest(its.map(|(id, _)| id)))
}

fn newest(ids: impl DoubleEndedIterator<Item = Arc<str>>) -> Vec<Arc<str>> {
    ids.rev().take(MOST_SHOWN).collect()
}
