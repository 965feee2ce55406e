//! Where a house stands: whether it is controlled, what lies there that is not released, and what is in force without having been approved.
//!
//! For whoever looks (`check`, `doctor`) and loads nothing: drafts are worked on, so here they are no mistake.

use super::Whom;
use super::book::Book;
use super::found::{Found, content_now};
use super::gate::{admit_part, emergencies_of};
use super::marker::{begun, may_be_absent};
use crate::RuntimeError;
use change::{ItemId, Refusal, Register, Revision};
use definitions::House;
use journal::Journal;
use types::Timestamp;

/// How a house stands.
#[derive(Debug, Default)]
pub struct Standing {
    /// Whether only what is released is loaded.
    pub controlled: bool,
    /// Whether control has begun.
    pub baseline: bool,
    /// What would be refused.
    pub drafts: Vec<Refusal>,
    /// What is in force without having been approved, in words.
    pub emergencies: Vec<String>,
    /// Whether some of that should have been approved by now.
    pub overdue: bool,
}

/// How `house` stands by `journal`, where it has one.
///
/// # Errors
/// When the journal cannot be read, or is not the one that the house is controlled by.
pub fn standing(
    house: House,
    journal: Option<&Journal>,
    now: Timestamp,
) -> Result<Standing, RuntimeError> {
    let says = house.controlled.is_some();
    let not_begun = Standing {
        controlled: says,
        ..Standing::default()
    };
    let Some(journal) = journal else {
        may_be_absent(&house.root, &house.store)?;
        return Ok(not_begun);
    };
    if begun(journal, &house.root)?.is_none() {
        return Ok(not_begun);
    }
    let Book { register, .. } = Book::read(journal, &house.root)?;
    let controlled = register.is_controlled(now, says);
    if says && !controlled {
        return Ok(not_begun);
    }
    let drafts = match controlled {
        true => differences(&register, house, now),
        false => Vec::new(),
    };
    Ok(Standing {
        controlled,
        baseline: true,
        drafts,
        overdue: register.emergencies(now).iter().any(|one| one.overdue),
        emergencies: emergencies_of(&register, now),
    })
}

fn differences(register: &Register, house: House, now: Timestamp) -> Vec<Refusal> {
    let mut found = Found::of(house, content_now).revisions;
    // A release that is not in its place yet is no draft of anybody's.
    let due: Vec<ItemId> = register
        .due(now)
        .into_iter()
        .flat_map(|due| due.items)
        .collect();
    found.retain(|item, _| !due.contains(item));
    for (item, _) in register.items() {
        if !due.contains(item) {
            found.entry(item.clone()).or_insert(Revision::Absent);
        }
    }
    admit_part(register, &found, &Whom::House, now)
        .err()
        .unwrap_or_default()
}
