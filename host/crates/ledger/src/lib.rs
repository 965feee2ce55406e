//! The ledger: what everything cost, on whose account.
//!
//! A pure fold of cost records into totals, and reports of them by any one dimension; and whether there is enough left of what may be spent ([`budget`]). It reads no file, asks no clock and knows neither the
//! journal that the records come from nor the models that caused them. Money is decimal, never a float.

pub mod budget;
mod dimension;
mod report;
mod table;
mod totals;

pub use dimension::{Dimension, UnknownDimension};
pub use report::{Report, Row};
pub use totals::Totals;

use std::collections::BTreeMap;
use std::sync::Arc;
use types::{Cost, Purpose};

/// Everything that a cost can be counted by. Ordered, so that a ledger's contents do not depend on the order of the records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Account {
    agent: Arc<str>,
    workflow: Option<Arc<str>>,
    state: Arc<str>,
    tool: Option<Arc<str>>,
    model: Option<Arc<str>>,
    purpose: Purpose,
}

/// The sums of all costs so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    accounts: BTreeMap<Account, Totals>,
}

impl Ledger {
    /// Add one expense. Sums that would overflow stay at the largest number there is.
    pub fn add(&mut self, cost: &Cost) {
        let account = Account {
            agent: cost.agent.clone(),
            workflow: cost.workflow.clone(),
            state: cost.state.clone(),
            tool: cost.tool.clone(),
            model: cost.model.clone(),
            purpose: cost.purpose,
        };
        self.accounts
            .entry(account)
            .or_default()
            .add(&Totals::of(cost));
    }

    /// The sum of everything.
    pub fn total(&self) -> Totals {
        let mut total = Totals::default();
        self.accounts.values().for_each(|totals| total.add(totals));
        total
    }

    /// The sums by `dimension`, the dearest first.
    ///
    /// What has no value for the dimension (a tool call has no model) is one row of its own, so that the rows of every dimension add up to
    /// the same total.
    pub fn report(&self, dimension: Dimension) -> Report {
        let mut sums: BTreeMap<&str, Totals> = BTreeMap::new();
        for (account, totals) in &self.accounts {
            sums.entry(dimension.of(account)).or_default().add(totals);
        }
        Report::new(dimension, sums, self.total())
    }
}

impl<'a> Extend<&'a Cost> for Ledger {
    fn extend<T: IntoIterator<Item = &'a Cost>>(&mut self, costs: T) {
        costs.into_iter().for_each(|cost| self.add(cost));
    }
}

#[cfg(test)]
mod tests;
