//! Which limits bear on what a run does: the house's, its agent's, those of the runs above it, of the workflow and the role that it works for, and what whoever began it gave it.

use crate::run::Run;
use crate::spending::Asker;
use definitions::House;
use ledger::budget::{Line, Whose};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::{Cost, LOW, Limit, Limits, Measure, Place, Purpose, Window};

/// The work that something is spent for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) workflow: Arc<str>,
    pub(crate) instance: Arc<str>,
    pub(crate) role: Arc<str>,
}

/// A run above another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Above {
    pub(crate) run: Arc<str>,
    pub(crate) agent: Arc<str>,
}

/// Every limit of `house` that holds for all stretches alike: those of days and months, and what one run or instance may cost, each with nobody's name in it.
pub(crate) fn all_lines(house: &House) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut put = |whose: Whose, budget: &Limits| {
        lines.extend(budget.limits.iter().map(|limit| Line {
            whose: whose.clone(),
            limit: limit.clone(),
            within: None,
        }));
    };
    put(Whose::House, &house.budgets.whole);
    for (name, budget) in &house.budgets.agents {
        put(Whose::Agent(name.clone()), budget);
    }
    for (name, agent) in &house.agents {
        put(Whose::Agent(name.clone()), &agent.budget);
    }
    for (name, bundle) in &house.charts {
        put(Whose::Workflow(name.clone()), &bundle.budget);
        for (role, def) in &bundle.roles {
            let (workflow, role) = (name.clone(), role.clone());
            put(Whose::Role { workflow, role }, &def.budget);
        }
    }
    lines
}

/// The limits that bear on what the house spends on `account`, which is no run's.
pub(crate) fn lines_of(house: &House, account: &Cost) -> Vec<Line> {
    let mut lines = Lines {
        purpose: Some(account.purpose),
        lines: Vec::new(),
    };
    let within = |window| match window {
        Window::Day | Window::Month => Some(Arc::from("")),
        Window::Run => None,
        Window::Instance => account.instance.clone(),
    };
    lines.put(&Whose::House, &house.budgets.whole, within);
    if let Some(workflow) = &account.workflow
        && let Some(bundle) = house.charts.get(workflow)
    {
        lines.put(&Whose::Workflow(workflow.clone()), &bundle.budget, within);
    }
    lines.lines
}

impl Run {
    /// The limits that bear on what is spent on `purpose`; on anything where there is none.
    pub(super) fn lines(&self, purpose: Option<Purpose>) -> Vec<Line> {
        let house = &self.services.house;
        let root = self.kin.above.first().map_or(&self.id, |above| &above.run);
        let mut lines = Lines {
            purpose,
            lines: Vec::new(),
        };
        lines.put(&Whose::House, &house.budgets.whole, |window| {
            (window != Window::Instance).then(|| root.clone())
        });
        let own = Whose::Agent(self.agent.name.clone());
        let of_house = |agent: &Arc<str>| house.budgets.agents.get(agent);
        for budget in of_house(&self.agent.name)
            .into_iter()
            .chain([&self.agent.budget])
        {
            lines.put(&own, budget, |_| Some(self.id.clone()));
        }
        for above in &self.kin.above {
            let agent = house.agents.get(&above.agent).map(|agent| &agent.budget);
            for budget in of_house(&above.agent).into_iter().chain(agent) {
                lines.put(&Whose::Agent(above.agent.clone()), budget, |window| {
                    (window == Window::Run).then(|| above.run.clone())
                });
            }
        }
        if let Some(work) = self.work_for()
            && let Some(bundle) = house.charts.get(&work.workflow)
        {
            let instance = |_| Some(work.instance.clone());
            let workflow = work.workflow.clone();
            lines.put(&Whose::Workflow(workflow.clone()), &bundle.budget, instance);
            if let Some(def) = bundle.roles.get(&work.role) {
                let role = work.role.clone();
                lines.put(&Whose::Role { workflow, role }, &def.budget, instance);
            }
        }
        if let Some(most) = self.kin.usd {
            let limit = Limit {
                measure: Measure::Usd,
                window: Window::Run,
                purpose: None,
                most,
                low: LOW,
                place: Place::built_in("whoever began the run"),
            };
            let given = Limits {
                limits: vec![limit],
            };
            lines.put(&Whose::Given, &given, |_| Some(self.id.clone()));
        }
        lines.lines
    }

    /// What it works for: a workflow it is bound to, or that whoever began it is.
    pub(crate) fn work_for(&self) -> Option<Work> {
        let own = self.bound.as_ref().map(|bound| Work {
            workflow: bound.workflow.clone(),
            instance: bound.instance.clone(),
            role: bound.role.clone(),
        });
        own.or_else(|| self.kin.work.clone())
    }

    /// Those above a child of this run, from the first down.
    pub(crate) fn above_a_child(&self) -> Vec<Above> {
        let own = Above {
            run: self.id.clone(),
            agent: self.agent.name.clone(),
        };
        self.kin.above.iter().cloned().chain([own]).collect()
    }

    /// The limits that bear on `purpose`, with all that they ask for known; why not, where it cannot be read.
    pub(super) fn known_lines(&mut self, purpose: Option<Purpose>) -> Result<Vec<Line>, String> {
        let lines = self.lines(purpose);
        if !lines.is_empty() {
            let now = self.services.clock.now();
            let asker = Asker {
                run: &self.id,
                is_new: self.purse.new,
            };
            let known = self
                .purse
                .spending
                .know(&self.journal.borrow(), &lines, now, Some(asker));
            known.map_err(|error| format!("what was spent cannot be read: {error}"))?;
        }
        Ok(lines)
    }
}

/// Limits being collected.
struct Lines {
    purpose: Option<Purpose>,
    lines: Vec<Line>,
}

impl Lines {
    /// Those of `budget`. `within` says in which run or instance a limit counts, and `None` where it does not bear on this.
    fn put(&mut self, whose: &Whose, budget: &Limits, within: impl Fn(Window) -> Option<Arc<str>>) {
        for limit in &budget.limits {
            let bears = match (self.purpose, limit.purpose) {
                (Some(purpose), Some(own)) => purpose == own,
                _ => true,
            };
            if let Some(within) = within(limit.window).filter(|_| bears) {
                let whole = matches!(limit.window, Window::Day | Window::Month);
                self.lines.push(Line {
                    whose: whose.clone(),
                    limit: limit.clone(),
                    within: (!whole).then_some(within),
                });
            }
        }
    }
}
