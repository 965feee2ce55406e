//! Activities whose end nothing hears: `on: { turn_done: act }` is a valid event of somebody's, and a run that waits for it stands still without a word.

use super::unraised::{means, plain};
use crate::suggest;
use crate::walk::Walk;
use ::chart::{InvokeWhat, StateDef, StateKind};
use types::{Marked, Place};

/// Activities that end by themselves, each with `<name>.done`. A question ends when a person answers, which is an event of its own.
pub(super) const ENDING: [&str; 5] = ["turn", "think", "act", "plugin", "agent"];

/// Warn of every activity in the chart `root` whose end no state around it listens to. What is returned are the places of events that were said to be
/// slips.
pub(super) fn look(walk: &mut Walk, root: &StateDef) -> Vec<Place> {
    let mut slips = Vec::new();
    let heard = ENDING.map(|activity| anywhere(root, &format!("{activity}.done")));
    visit(walk, root, &mut Vec::new(), heard, &mut slips);
    slips
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
    // Another region may be the one that listens.
    let beside = around.iter().any(|above| above.kind == StateKind::Parallel);
    // A timer leads out as well, later.
    let timed = |state: &StateDef| state.transitions.iter().any(|t| t.after.is_some());
    let heard = timed(state)
        || around
            .iter()
            .any(|above| listens(above, &done) || timed(above))
        || anywhere(state, &done)
        || (beside && heard_anywhere);
    if heard {
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
