//! What a change does to the definitions, and what depends on them, as `change` finds it.

use super::candidate::{Parts, released, with_change};
use change::{ChangeNumber, ImpactRecord, ItemId, Register, Step};
use definitions::House;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::path::Path;

/// What differs, one entry for each item.
pub(super) fn of(register: &Register, number: ChangeNumber, steps: &[Step], _root: &Path) -> Vec<Json> {
    let (before, after) = (released(register), with_change(register, number));
    let of = |step: &Step| {
        json!({ "item": step.item, "from": step.from, "to": step.to, "files": files(&before, &after) })
    };
    steps.iter().map(of).collect()
}

fn files(before: &Parts, after: &Parts) -> Vec<String> {
    let names: BTreeSet<&String> = before.files.keys().chain(after.files.keys()).collect();
    let other = names.into_iter().filter(|name| before.files.get(*name) != after.files.get(*name));
    other.cloned().collect()
}

/// What depends on `items` in `house`.
pub(super) fn impact(_house: &House, _items: &BTreeSet<ItemId>, _parts: &Parts) -> ImpactRecord {
    ImpactRecord::default()
}
