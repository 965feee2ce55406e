//! Prices of models that no agent asks: where one is nearly called like a model that has no price, its costs would be counted as nothing.

use crate::agent;
use crate::house::HouseFile;
use crate::suggest::shown;
use crate::walk::Walk;
use types::nearest;

/// Warn of prices that were probably meant for a model that an agent names.
pub(super) fn look(walk: &mut Walk, house: &HouseFile, agents: &[agent::Draft]) {
    let models = agents.iter().flat_map(|draft| {
        let all = std::iter::once(&draft.agent.model).chain(&draft.agent.fallback);
        all.map(|model| &*model.name)
    });
    let models = models.chain(
        house
            .providers
            .values()
            .filter_map(|one| one.model.as_deref()),
    );
    let mut models: Vec<&str> = models.collect();
    models.sort_unstable();
    models.dedup();
    let is_priced = |model: &str| house.priced.iter().any(|name| *name.value == *model);
    for name in &house.priced {
        if models.contains(&&*name.value) {
            continue;
        }
        let without = models.iter().copied().filter(|model| !is_priced(model));
        if let Some(best) = nearest(name, without) {
            walk.warning(
                &name.place,
                format!("no agent asks the model `{}`, and `{best}` has no price: what it costs would count as nothing", shown(name)),
                format!("did you mean `{best}`?"),
            );
        }
    }
}
