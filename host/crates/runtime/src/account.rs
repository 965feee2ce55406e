//! On whose account an expense is: who caused it, in which version, for which workflow and role, what for; and the expenses that are no inference.
//!
//! An account is taken when something begins and kept until it is booked: whoever is reloaded or bound to another workflow meanwhile does not pay for it.

use crate::record::Kind;
use crate::round::Expense;
use crate::run::Run;
use crate::shadow::ShadowReport;
use rust_decimal::Decimal;
use std::sync::Arc;
use std::time::Duration;
use types::{Cost, Joules, Outcome, Provenance, Purpose, ToolCall, ToolName};

/// A component that ran, or a native command.
pub(crate) struct Component<'a> {
    /// What it was asked for, as the ledger names it.
    pub(crate) tool: Arc<str>,
    /// The plugin and its generation.
    pub(crate) by: Option<&'a Provenance>,
    /// Bytes that it was given.
    pub(crate) given: u64,
    /// Bytes that came back.
    pub(crate) answered: u64,
}

impl Run {
    /// The run's account now, for what an activity of `state` causes.
    pub(crate) fn account(&self, state: Arc<str>) -> Cost {
        let (workflow, instance, role) = match self.work_for() {
            Some(work) => (Some(work.workflow), Some(work.instance), Some(work.role)),
            None => (None, None, None),
        };
        Cost {
            agent: self.agent.name.clone(),
            version: Some(self.agent.version.as_str().into()),
            revision: Some(self.agent.hash.short().into()),
            workflow,
            instance,
            role,
            state,
            purpose: self.purpose(),
            ..Cost::default()
        }
    }

    /// What its work is for: as the workflow says it is bound to, else as its own definition does.
    pub(crate) fn purpose(&self) -> Purpose {
        let house = &self.services.house;
        let work = self.work_for();
        work.and_then(|work| house.charts.get(&work.workflow)?.purpose)
            .unwrap_or(self.agent.purpose)
    }

    /// Energy of so much CPU time: measured where this machine does, else by what the house states.
    pub(crate) fn energy_of(&self, cpu: Duration) -> Option<Joules> {
        if cpu.is_zero() {
            return None;
        }
        let measured = self.services.meter.of_cpu(cpu);
        measured.or_else(|| self.services.house.power.of_cpu(cpu))
    }

    /// Put on the ledger what it took to try a component beside the one in use: whoever would use it pays for making it better.
    pub(crate) fn book_shadow(&mut self, report: &ShadowReport) {
        let account = Cost {
            purpose: Purpose::Improvement,
            ..self.account(self.leading_state())
        };
        if let Some(cost) = report.cost(&self.services, account) {
            self.record(Kind::Cost, &cost);
        }
    }

    /// Put on the ledger what the call `call` took until it was stopped; its fuel nobody has read.
    pub(crate) fn book_stopped(&mut self, call: &ToolCall, expense: Expense) {
        let now = self.services.clock.monotonic();
        let cpu = expense.cpu.so_far();
        let (plugin, generation) = named(Some(&expense.by));
        let tool = ToolName::from_wire(&call.name);
        let cost = Cost {
            tool: Some(tool.map_or(call.name.clone(), |tool| tool.as_str().into())),
            plugin,
            generation,
            usd: Some(Decimal::ZERO),
            wall_us: now.saturating_sub(expense.started).as_micros() as u64,
            cpu_us: cpu.as_micros() as u64,
            bytes_in: call.arguments.len() as u64,
            joules: self.energy_of(cpu),
            estimated: true,
            ..expense.account
        };
        self.record(Kind::Cost, &cost);
    }

    /// Put on the ledger what a component took that ran for `account`, its own traffic with it. No money: what it asked of a model is booked by itself.
    pub(crate) fn book_component(
        &mut self,
        account: Cost,
        component: Component<'_>,
        outcome: &Outcome,
    ) {
        let (plugin, generation) = named(component.by);
        let cost = Cost {
            tool: Some(component.tool),
            plugin,
            generation,
            usd: Some(Decimal::ZERO),
            wall_us: outcome.wall_us,
            cpu_us: outcome.cpu_us,
            fuel: outcome.fuel,
            bytes_in: component.given.saturating_add(outcome.sent),
            bytes_out: component.answered.saturating_add(outcome.received),
            joules: self.energy_of(Duration::from_micros(outcome.cpu_us)),
            ..account
        };
        self.record(Kind::Cost, &cost);
    }
}

/// The plugin and its generation, of whoever ran.
fn named(by: Option<&Provenance>) -> (Option<Arc<str>>, Option<Arc<str>>) {
    match by {
        Some(Provenance::Plugin { name, generation }) => {
            (Some(name.clone()), Some(generation.clone()))
        }
        _ => (None, None),
    }
}
