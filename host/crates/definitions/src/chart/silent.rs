//! Activities and work whose end nothing hears: `on: { turn_done: act }` is a valid event of somebody's, and a run that waits for it stands still without a word.

use super::unraised::{means, plain};
use crate::suggest;
use crate::walk::Walk;
use ::chart::{InvokeWhat, StateDef, StateKind};
use std::collections::HashMap;
use types::{Marked, Place};

/// Activities that end by themselves, each with `<name>.done`. A question ends when a person answers, which is an event of its own.
pub(super) const ENDING: [&str; 5] = ["turn", "think", "act", "plugin", "agent"];

/// The states of a workflow that offer a role, each with where it says so.
pub(super) type Offers = HashMap<String, Place>;

/// Warn of every activity in the chart `root` whose end no state around it listens to, and of every one of `offers` whose work can be handed in to nobody. What is
/// returned are the places of events that were said to be slips.
pub(super) fn look(walk: &mut Walk, root: &StateDef, offers: &Offers) -> Vec<Place> {
    let mut slips = Vec::new();
    let heard = ENDING.map(|activity| anywhere(root, &format!("{activity}.done")));
    visit(walk, root, &mut Vec::new(), heard, &mut slips);
    unheard_work(
        walk,
        root,
        &mut Vec::new(),
        offers,
        anywhere(root, HANDED_IN),
    );
    slips
}

/// With what the work of a role ends.
const HANDED_IN: &str = "role.done";

fn unheard_work<'d>(
    walk: &mut Walk,
    state: &'d StateDef,
    around: &mut Vec<&'d StateDef>,
    offers: &Offers,
    heard_anywhere: bool,
) {
    if let Some(place) = offers.get(state.id.as_str())
        && !is_heard(state, around, HANDED_IN, heard_anywhere)
    {
        walk.warning(
            place,
            format!(
                "nothing listens to `{HANDED_IN}`, with which work is handed in: the workflow will stand still in `{}`",
                suggest::shown(&state.id)
            ),
            format!("say what comes next: `on: {{ {HANDED_IN}: NEXT }}`"),
        );
    }
    around.push(state);
    for child in &state.states {
        unheard_work(walk, child, around, offers, heard_anywhere);
    }
    around.pop();
}

/// Whether `event` leads on from `state`, or a timer does, later.
fn is_heard(state: &StateDef, around: &[&StateDef], event: &str, heard_anywhere: bool) -> bool {
    // Another region may be the one that listens.
    let beside = around.iter().any(|above| above.kind == StateKind::Parallel);
    let timed = |state: &StateDef| state.transitions.iter().any(|t| t.after.is_some());
    timed(state)
        || around
            .iter()
            .any(|above| listens(above, event) || timed(above))
        || anywhere(state, event)
        || (beside && heard_anywhere)
}

fn visit<'d>(
    walk: &mut Walk,
    state: &'d StateDef,
    around: &mut Vec<&'d StateDef>,
    heard: [bool; ENDING.len()],
    slips: &mut Vec<Place>,
) {
    for invoke in &state.invoke {
        if let InvokeWhat::Activity(name) = &invoke.what
            && let Some(known) = ENDING.iter().position(|ending| *ending == name.as_str())
        {
            slips.extend(judge(walk, name, state, around, heard[known]));
        }
    }
    around.push(state);
    for child in &state.states {
        visit(walk, child, around, heard, slips);
    }
    around.pop();
}

fn judge(
    walk: &mut Walk,
    activity: &Marked<String>,
    state: &StateDef,
    around: &[&StateDef],
    heard_anywhere: bool,
) -> Option<Place> {
    let done = format!("{}.done", activity.value);
    if is_heard(state, around, &done, heard_anywhere) {
        return None;
    }
    let said = || {
        let near = std::iter::once(state).chain(around.iter().copied());
        near.flat_map(|state| &state.transitions)
            .flat_map(|transition| &transition.events)
    };
    let slip = suggest::nearest(&done, said().map(|event| event.as_str()))
        .or_else(|| said().map(|e| e.as_str()).find(|event| *event == "done"))
        .and_then(|near| said().find(|event| event.as_str() == near));
    match slip {
        Some(event) => walk.warning(
            &event.place,
            format!(
                "nothing raises `{}`, and nothing listens to `{done}`, with which the `{}` of `{}` ends",
                suggest::shown(event),
                activity.value,
                suggest::shown(&state.id)
            ),
            format!("did you mean `{done}`?"),
        ),
        None => walk.warning(
            &activity.place,
            format!(
                "nothing listens to `{done}`, with which this activity ends: the chart will stand still in `{}`",
                suggest::shown(&state.id)
            ),
            format!("say what comes next: `on: {{ {done}: NEXT }}`"),
        ),
    }
    slip.map(|event| event.place.clone())
}

fn listens(state: &StateDef, event: &str) -> bool {
    state
        .transitions
        .iter()
        .flat_map(|transition| &transition.events)
        .any(|descriptor| descriptor.as_str() == "*" || means(plain(descriptor), event))
}

fn anywhere(state: &StateDef, event: &str) -> bool {
    listens(state, event) || state.states.iter().any(|child| anywhere(child, event))
}
