//! What a change does to the definitions, and what depends on them: the houses before and after are loaded out of the record, and `change` compares them.

use super::candidate::{Parts, before_change, released, with_change};
use change::{
    ChangeNumber, ImpactRecord, InstanceFact, ItemId, Register, RunFact, Side, Tools, compare,
};
use definitions::House;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The width of a line for people.
const WIDTH: usize = 100;

/// What differs by what the change `number` has made: for programs, and as `text` for people. Null where nothing is made.
pub(super) fn of(register: &Register, number: ChangeNumber, root: &Path) -> Json {
    let made = register
        .change(number)
        .and_then(|change| change.implementation());
    let Some(made) = made else {
        return Json::Null;
    };
    let items: BTreeSet<ItemId> = made.steps.iter().map(|step| step.item.clone()).collect();
    let (before, after) = (
        before_change(register, number),
        with_change(register, number),
    );
    let (Ok(was), Ok(will)) = (load(root, &before), load(root, &after)) else {
        return json!({ "text": "what was made cannot be compared: one of the two houses is not in order" });
    };
    let none = BTreeMap::new();
    let side = |house, parts: &'_ Parts| (house, parts.plugins.clone());
    let (was, will) = (side(&was, &before), side(&will, &after));
    let comparison = compare(
        &Side {
            house: was.0,
            plugins: &was.1,
            facts: &none,
        },
        &Side {
            house: will.0,
            plugins: &will.1,
            facts: &none,
        },
        Some(&items),
    );
    let mut shown = comparison.to_json();
    shown["text"] = comparison.text(WIDTH, &|_, text| text.to_owned()).into();
    shown
}

/// What depends on `items`, by the definitions that are released, by those that the change `number` has made where it has, and by what is under way.
///
/// # Errors
/// In words, where the released house cannot be loaded.
pub(super) fn impact(
    register: &Register,
    number: ChangeNumber,
    root: &Path,
    runs: &[RunFact],
    instances: &[InstanceFact],
) -> Result<ImpactRecord, String> {
    let change = register.change(number).ok_or("there is no such change")?;
    let house = load(root, &released(register))?;
    let after = change
        .implementation()
        .map(|_| load(root, &with_change(register, number)));
    let after = after.and_then(Result::ok);
    let found = change::impact(
        &house,
        after.as_ref(),
        &change.items,
        runs,
        instances,
        &Tools::default(),
    );
    Ok(found.record)
}

fn load(root: &Path, parts: &Parts) -> Result<House, String> {
    definitions::load_recorded(root, &parts.files).map_err(|report| report.render(false))
}
