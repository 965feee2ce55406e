//! What inferences that a component asks for are held to: they are made beside the run, and so they ask the books themselves.

use crate::run::Run;
use crate::spending::Spending;
use ledger::budget::{Admission, Entry, Exhausted, Expected, Line, Sum};
use types::{Purpose, Timestamp};

impl Run {
    /// What a component that sums up needs to keep within the limits.
    pub(crate) fn allowance(&mut self, purpose: Purpose) -> Result<Allowance, String> {
        let lines = self.known_lines(Some(purpose))?;
        Ok(Allowance {
            spending: self.purse.spending.clone(),
            lines,
            entry: self.entry(purpose, Sum::default()),
        })
    }
}

/// What an inference that a component asks for is held to.
pub(crate) struct Allowance {
    spending: Spending,
    lines: Vec<Line>,
    entry: Entry,
}

impl Allowance {
    /// Wait until there is room for one inference more; its ticket, or why there will be none.
    pub(crate) async fn room(
        &self,
        expected: &Expected,
        now: Timestamp,
    ) -> Result<u64, Box<Exhausted>> {
        let mut room = self.spending.room();
        loop {
            room.borrow_and_update();
            match self.spending.admit(&self.lines, expected, now) {
                Admission::Granted { .. } => {
                    let mut entry = self.entry.clone();
                    entry.expense.sum = expected.at_most;
                    return Ok(self.spending.begin(entry));
                }
                Admission::Exhausted(exhausted) => return Err(exhausted),
                Admission::Busy => {
                    if room.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            }
        }
    }

    /// The inference came to this; it is booked later.
    pub(crate) fn came_to(&self, ticket: u64, sum: Sum) {
        self.spending.came_to(ticket, sum);
    }

    /// It is booked now.
    pub(crate) fn over(&self, ticket: u64) {
        self.spending.over(ticket);
    }
}
