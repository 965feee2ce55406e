//! The same work, done by others: agents, their versions, or models, by what came of the instances of a workflow in which they took part, and what that cost.

use crate::dimension::Dimension;
use crate::entry::{Entry, Filter};
use crate::quality::{Accepted, Case, Cases};
use crate::totals::Totals;
use crate::{day, table};
use rust_decimal::Decimal;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use types::MONEY_DECIMALS;

/// One of those that are compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rated {
    /// Its name: that of an agent, a version, a model.
    pub name: String,
    /// Instances in which it took part.
    pub instances: u64,
    /// Those of them that have ended.
    pub ended: u64,
    /// Those that ended accepted.
    pub accepted: u64,
    /// Those that did so without rework.
    pub first_pass: u64,
    /// How they ended, each how often.
    pub outcomes: BTreeMap<String, u64>,
    /// How often work was sent back.
    pub rework: u64,
    /// What reviews found.
    pub defects: u64,
    /// How long those that were accepted took, in milliseconds, the shortest first.
    pub cycles_ms: Vec<u64>,
    /// What its own part in all of these instances cost, the open ones and the rejected ones too: that is what the accepted ones have to pay for.
    pub totals: Totals,
}

impl Rated {
    /// Of those that have ended, the share that was accepted without rework.
    pub fn first_pass_yield(&self) -> Option<f64> {
        (self.ended > 0).then(|| self.first_pass as f64 / self.ended as f64)
    }

    /// The cycle time in the middle: half took as long or longer.
    pub fn median_cycle_ms(&self) -> Option<u64> {
        let middle = self.cycles_ms.len().checked_sub(1)? / 2;
        self.cycles_ms.get(middle).copied()
    }

    /// All that was spent, for each that was accepted.
    pub fn usd_per_accepted(&self) -> Option<Decimal> {
        let share = self.totals.usd.checked_div(Decimal::from(self.accepted))?;
        Some(share.round_dp(MONEY_DECIMALS).normalize())
    }

    fn take(&mut self, case: &Case, accepted: &Accepted) {
        self.instances += 1;
        self.rework = self.rework.saturating_add(case.rework);
        self.defects = self.defects.saturating_add(case.defects(accepted));
        if let Some(outcome) = &case.outcome {
            self.ended += 1;
            *self.outcomes.entry(outcome.clone()).or_default() += 1;
        }
        if case.is_accepted(accepted) {
            self.accepted += 1;
            self.first_pass += u64::from(case.is_first_pass(accepted));
            self.cycles_ms.extend(case.cycle_ms());
        }
    }
}

/// Those that are compared, on one workflow or on all.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What is compared.
    pub by: Dimension,
    /// The workflow; all where none is named.
    pub workflow: Option<String>,
    /// By the share that was accepted at once, the best first, then by cost.
    pub rows: Vec<Rated>,
    /// Cost records that are in no sum, because nobody can read what they say.
    pub unreadable: u64,
    filter: Filter,
    shares: BTreeMap<String, (BTreeSet<String>, Totals)>,
}

impl Comparison {
    /// Nothing yet. An instance counts by when it began, with all that was spent on it.
    pub fn by(by: Dimension, workflow: Option<String>, filter: Filter) -> Self {
        Comparison {
            by,
            workflow,
            rows: Vec::new(),
            unreadable: 0,
            filter,
            shares: BTreeMap::new(),
        }
    }

    /// Take an expense of the instances in `cases`.
    pub fn add(&mut self, entry: &Entry<'_>, cases: &Cases) {
        let Some((instance, case)) = entry
            .cost
            .instance
            .as_deref()
            .and_then(|id| Some((id, cases.get(id)?)))
        else {
            return;
        };
        // The time is the instance's, what else is asked for is the expense's.
        let of_its_time = Entry {
            time: case.began,
            ..*entry
        };
        if !self.is_on(case) || !self.filter.admits(&of_its_time) {
            return;
        }
        let name = match self.by {
            // The same work in another version of the workflow is other work.
            Dimension::Workflow => in_version(case),
            Dimension::Day => day::name(case.began),
            by => by.of(entry).into_owned(),
        };
        let (instances, totals) = self.shares.entry(name).or_default();
        if !instances.contains(instance) {
            instances.insert(instance.to_owned());
        }
        totals.count(entry.cost);
    }

    fn is_on(&self, case: &Case) -> bool {
        let workflow = self.workflow.as_ref();
        workflow.is_none_or(|name| *name == case.workflow)
    }

    /// Work out the rows.
    pub fn rate(mut self, cases: &Cases, accepted: &Accepted) -> Self {
        if self.by == Dimension::Workflow && self.filter.only.is_empty() {
            // People cost nothing that is booked, and what they did counts all the same.
            for (id, case) in cases.iter() {
                if self.is_on(case) && self.filter.covers(case.began) {
                    let (instances, _) = self.shares.entry(in_version(case)).or_default();
                    instances.insert(id.to_owned());
                }
            }
        }
        for (name, (instances, totals)) in std::mem::take(&mut self.shares) {
            let mut rated = Rated {
                name,
                totals,
                ..Rated::default()
            };
            for case in instances.iter().filter_map(|id| cases.get(id)) {
                rated.take(case, accepted);
            }
            rated.cycles_ms.sort_unstable();
            self.rows.push(rated);
        }
        self.rows.sort_by(|one, other| {
            let share = |rated: &Rated| rated.first_pass_yield().unwrap_or(-1.0);
            let dear = |rated: &Rated| rated.usd_per_accepted().unwrap_or(Decimal::MAX);
            share(other)
                .total_cmp(&share(one))
                .then_with(|| dear(one).cmp(&dear(other)))
        });
        self
    }

    /// A table for people.
    pub fn render(&self) -> String {
        table::render_comparison(self)
    }
}

fn in_version(case: &Case) -> String {
    format!("{} {}", case.workflow, case.version)
}

impl Serialize for Comparison {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows: Vec<RatedJson<'_>> = self
            .rows
            .iter()
            .map(|row| RatedJson(self.by, row))
            .collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("workflow", &self.workflow)?;
        map.serialize_entry("rows", &rows)?;
        if self.unreadable > 0 {
            map.serialize_entry("unreadable", &self.unreadable)?;
        }
        map.end()
    }
}

struct RatedJson<'a>(Dimension, &'a Rated);

impl Serialize for RatedJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let RatedJson(by, rated) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(by.as_str(), &rated.name)?;
        map.serialize_entry("instances", &rated.instances)?;
        map.serialize_entry("ended", &rated.ended)?;
        map.serialize_entry("accepted", &rated.accepted)?;
        map.serialize_entry("outcomes", &rated.outcomes)?;
        map.serialize_entry("first_pass", &rated.first_pass)?;
        map.serialize_entry("first_pass_yield", &rated.first_pass_yield())?;
        map.serialize_entry("rework", &rated.rework)?;
        map.serialize_entry("defects", &rated.defects)?;
        let cycle = rated.median_cycle_ms();
        map.serialize_entry("median_cycle_ms", &cycle)?;
        let share = rated.usd_per_accepted().map(|usd| usd.to_string());
        map.serialize_entry("usd_per_accepted", &share)?;
        rated.totals.write_entries(&mut map)?;
        map.end()
    }
}
