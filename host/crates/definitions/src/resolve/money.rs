//! Money is limited, and a model is asked of which nobody has said what it costs: such a call is refused when it comes, so it is told before.

use super::children;
use crate::agent;
use crate::chart;
use crate::house::HouseFile;
use crate::suggest::shown;
use crate::walk::Walk;
use indexmap::IndexSet;
use std::sync::Arc;
use types::{Limits, Measure, Place, ProviderKind, Window};

/// Warn at each budget of money that bears on models without a price.
pub(super) fn look(
    walk: &mut Walk,
    house: &HouseFile,
    agents: &[agent::Draft],
    charts: &[chart::Draft],
) {
    one(walk, house, &house.budgets.whole, agents.iter());
    for (name, budget) in &house.budgets.agents {
        let of = agents.iter().filter(|draft| draft.agent.name == *name);
        one(walk, house, budget, of);
    }
    for draft in agents {
        one(walk, house, &draft.agent.budget, std::iter::once(draft));
        of_those_below(walk, house, draft, children::below(draft, agents, charts));
    }
    let takes = |draft: &agent::Draft, role: &str| {
        let mut roles = draft.agent.roles.iter();
        roles.any(|takes| *takes.value == *role)
    };
    for chart in charts {
        let of_any = |draft: &&agent::Draft| chart.roles.keys().any(|role| takes(draft, role));
        one(walk, house, &chart.budget, agents.iter().filter(of_any));
        for (role, def) in &chart.roles {
            let of_it = |draft: &&agent::Draft| takes(draft, role);
            one(walk, house, &def.budget, agents.iter().filter(of_it));
        }
    }
}

/// Warn once of `budget`, where its first limit of money stands.
fn one<'a>(
    walk: &mut Walk,
    house: &HouseFile,
    budget: &Limits,
    agents: impl Iterator<Item = &'a agent::Draft>,
) {
    let mut limits = budget.limits.iter();
    let Some(limit) = limits.find(|limit| limit.measure == Measure::Usd) else {
        return;
    };
    let models = agents.flat_map(|draft| unpriced(house, draft)).collect();
    tell(walk, &limit.place, "money is limited here", &models);
}

/// What a run may cost, and what those that it starts may cost together, bears on their models too.
fn of_those_below(
    walk: &mut Walk,
    house: &HouseFile,
    draft: &agent::Draft,
    below: Vec<&agent::Draft>,
) {
    let agent = &draft.agent;
    let part = house.budgets.agents.get(&agent.name);
    let limits = part.into_iter().flat_map(|part| &part.limits);
    let mut limits = agent.budget.limits.iter().chain(limits);
    let of_run = limits.find(|limit| (limit.measure, limit.window) == (Measure::Usd, Window::Run));
    let of_children = agent.children.as_ref().and_then(|all| all.usd.as_ref());
    // The agent's own models were told of where its budget stands.
    let own = match of_run {
        Some(_) => unpriced(house, draft),
        None => Vec::new(),
    };
    let place = of_run.map(|limit| &limit.place);
    let Some(place) = place.or(of_children.map(|usd| &usd.place)) else {
        return;
    };
    let models = below.into_iter().flat_map(|draft| unpriced(house, draft));
    let models = models.filter(|model| !own.contains(model)).collect();
    let what = "money is limited here for the agents that this one starts, too";
    tell(walk, place, what, &models);
}

/// Warn of `models`, which have no price, at a limit of money that bears on them.
fn tell(walk: &mut Walk, place: &Place, what: &str, models: &IndexSet<Arc<str>>) {
    let Some(first) = models.first() else {
        return;
    };
    let named: Vec<String> = models
        .iter()
        .map(|name| format!("`{}`", shown(name)))
        .collect();
    let have = if models.len() == 1 { "has" } else { "have" };
    walk.warning(
        place,
        format!(
            "{what}, and {} {have} no price: what asks for it is refused",
            named.join(", ")
        ),
        format!(
            "write it into house.yaml, also where it costs nothing: `prices: {{ {}: {{ from: 2026-01-01, input: 0.20, output: 0.80, per: 1M }} }}`",
            shown(first)
        ),
    );
}

/// The models that an agent asks for money, and that have no price. Scripts and cassettes cost nothing, and neither does a server on this machine.
fn unpriced(house: &HouseFile, draft: &agent::Draft) -> Vec<Arc<str>> {
    let asked = std::iter::once(&draft.agent.model).chain(&draft.agent.fallback);
    asked
        .filter_map(|model| {
            let provider = house.providers.get(&model.provider)?;
            let is_billed = matches!(provider.kind, ProviderKind::Http { .. });
            if !is_billed || provider.kind.is_here() {
                return None;
            }
            let name = provider.model.clone().unwrap_or_else(|| model.name.clone());
            (!house.prices.contains_key(&name)).then_some(name)
        })
        .collect()
}
