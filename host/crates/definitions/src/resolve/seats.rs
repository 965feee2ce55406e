//! Whether there is anybody who can approve a change: roles that nobody of the house has are mostly slips.
//!
//! An agent may be bound to any role by hand, so nothing here is an error.

use crate::agent;
use crate::chart;
use crate::house::{CHANGE_CONTROL, HouseFile};
use crate::suggest::shown;
use crate::walk::Walk;
use std::sync::Arc;
use types::{Marked, nearest};

/// Compare what `controlled` names with the people of the house and what its agents take by themselves.
pub(super) fn look(
    walk: &mut Walk,
    house: &HouseFile,
    agents: &[agent::Draft],
    charts: &[chart::Draft],
) {
    no_seat(walk, house, charts);
    let people = &house.people.0;
    // A house without people has not got so far.
    if people.is_empty() {
        return;
    }
    let may = |role: &str| {
        let has = |roles: &Vec<Arc<str>>| roles.iter().any(|known| **known == *role);
        people
            .values()
            .any(|person| person.roles.as_ref().is_none_or(has))
    };
    let takes = |role: &str| {
        let mut roles = agents.iter().flat_map(|draft| &draft.agent.roles);
        roles.any(|known| *known.value == *role)
    };
    let named = people.values().filter_map(|person| person.roles.as_ref());
    let mut known: Vec<&str> = named.flatten().map(|role| &**role).collect();
    known.sort_unstable();
    known.dedup();
    let missing = |walk: &mut Walk, role: &Marked<Arc<str>>, then: &str| {
        let help = match nearest(role, known.iter().copied()) {
            Some(best) => format!("did you mean `{best}`?"),
            None => format!(
                "write it into somebody's `roles` under `people`: `roles: [{role}]`",
                role = shown(role)
            ),
        };
        let message = format!(
            "nobody under `people` has the role `{}`: {then}",
            shown(role)
        );
        walk.warning(&role.place, message, help);
    };
    for role in &house.seats.board {
        if !may(role) && !takes(role) {
            missing(walk, role, "nobody of them can vote in it");
        }
    }
    if let Some(role) = &house.seats.emergency
        && !may(role)
    {
        missing(walk, role, "nothing can be put in force at once");
    }
    let voters = people.len() + agents.len();
    if let Some(quorum) = &house.seats.quorum
        && quorum.value as usize > voters
        && quorum.value as usize <= house.controlled.as_ref().map_or(0, |c| c.board.len())
    {
        walk.warning(
            &quorum.place,
            format!(
                "{} must approve a change, and there are {voters} people and agents altogether: none can be released",
                quorum.value
            ),
            "lower it, or add people under `people`",
        );
    }
}

/// Warn of a board that cannot come to its quorum: it has too few seats, or the workflow has none for one of its roles.
fn no_seat(walk: &mut Walk, house: &HouseFile, charts: &[chart::Draft]) {
    let Some(controlled) = &house.controlled else {
        return;
    };
    let seats = controlled.board.len();
    if let Some(quorum) = &house.seats.quorum
        && quorum.value as usize > seats
    {
        walk.warning(
            &quorum.place,
            format!(
                "{} must approve a change, and the board has {seats} seats: none can be released",
                quorum.value
            ),
            "lower it, or name more roles in `board`",
        );
    }
    // Another workflow may give its board's seats otherwise.
    let own = charts
        .iter()
        .find(|chart| *chart.name.value == *CHANGE_CONTROL);
    let Some(own) = own.filter(|_| *controlled.workflow.value == *CHANGE_CONTROL) else {
        return;
    };
    for role in &house.seats.board {
        if !own.roles.contains_key(&*role.value) {
            walk.warning(
                &role.place,
                format!(
                    "the workflow `{CHANGE_CONTROL}` has no seat for the role `{}`: nobody is asked to vote in it",
                    shown(role)
                ),
                format!("give it one in {}, or leave the role out", own.name.place),
            );
        }
    }
}
