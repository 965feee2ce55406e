//! What is allowed and probably not meant: states that nothing leads to, transitions that can never be taken, events that never happen, circles
//! without an end.
//!
//! Everything said here is certain: whatever the guards, the data and the events are, it never happens (or never ends). A lint that could be
//! wrong would teach people to look away. Names are not judged here beyond what the chart itself makes; what a host raises, `definitions` knows.

mod circles;
mod events;
mod reach;
mod shadow;

use super::reports::Reports;
use super::tree::Tree;
use crate::program::{Program, Transition};
use crate::state::StateId;
use std::ops::Range;

/// Look at a chart without errors.
pub(super) fn look(program: &Program, tree: &Tree<'_>, reports: &mut Reports) {
    reach::look(program, reports);
    shadow::look(program, tree, reports);
    events::look(program, tree, reports);
    circles::look(program, tree, reports);
}

fn transitions<'p>(program: &'p Program, range: &Range<u32>) -> &'p [Transition] {
    &program.transitions[range.start as usize..range.end as usize]
}

/// The transitions of `state`, those with events first.
fn all(program: &Program, state: StateId) -> &[Transition] {
    let node = program.node(state);
    transitions(program, &(node.events.start..node.always.end))
}

fn guard(transition: &Transition) -> Option<&str> {
    transition.guard.as_ref().map(|guard| guard.text.trim())
}

/// Whether nothing can keep `transition` from being taken when its turn comes.
fn is_certain(transition: &Transition) -> bool {
    matches!(guard(transition), None | Some("true"))
}

/// Whether its guard is written as never true.
fn is_never(transition: &Transition) -> bool {
    guard(transition) == Some("false")
}

fn subtree(program: &Program, state: StateId) -> impl Iterator<Item = StateId> {
    (state.index()..program.end(state)).map(StateId::new)
}

/// At most a handful of names, as a message lists them.
fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    const SHOWN: usize = 3;
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.len() {
        0..=SHOWN => names.join(", "),
        more => format!("{} and {} more", names[..SHOWN].join(", "), more - SHOWN),
    }
}
