//! Events that the chart itself would have to make and never does: the end of states that have none, timers that no `after` sets, delayed sends that
//! are cancelled and never sent.

use super::subtree;
use crate::compile::reports::Reports;
use crate::compile::tree::Tree;
use crate::def::{ActionDef, TextOrExpr};
use crate::descriptor::Descriptor;
use crate::nearest::did_you_mean;
use crate::program::{Program, Shape};
use crate::state::StateId;
use std::collections::HashSet;
use types::Marked;

pub(super) fn look(program: &Program, tree: &Tree<'_>, reports: &mut Reports) {
    cancelled(tree, reports);
    for state in subtree(program, StateId::ROOT) {
        for transition in &tree.def(state).transitions {
            for event in &transition.events {
                let plain = event.strip_suffix(".*").unwrap_or(event);
                if let Some(ended) = plain.strip_prefix("done.state.") {
                    done(program, event, plain, ended, reports);
                } else if plain == "timer" || plain.starts_with("timer.") {
                    timer(program, event, plain, reports);
                }
            }
        }
    }
}

/// Ids that a `cancel` names and no `send` has.
fn cancelled(tree: &Tree<'_>, reports: &mut Reports) {
    let (mut sent, mut cancelled) = (Vec::new(), Vec::new());
    tree.each_action(&mut |action| match action {
        ActionDef::Send(send) => sent.extend(send.id.as_deref()),
        ActionDef::Cancel {
            id: TextOrExpr::Text(id),
        } => cancelled.push(id),
        _ => {}
    });
    let known: HashSet<&str> = sent.iter().copied().collect();
    for id in cancelled
        .into_iter()
        .filter(|id| !known.contains(id.as_str()))
    {
        let help = did_you_mean(id, sent.iter().copied(), "").unwrap_or_else(|| {
            format!("give the `send` that it should stop this id: `send: {{ event: …, delay: …, id: {id} }}`")
        });
        reports.warning(&id.place, format!("no `send` has the id `{id}`"), help);
    }
}

fn done(
    program: &Program,
    event: &Marked<String>,
    plain: &str,
    ended: &str,
    reports: &mut Reports,
) {
    let Some(state) = program.ids.get(ended).copied() else {
        let can_end = program
            .infos
            .iter()
            .enumerate()
            .filter(|(index, _)| *index > 0 && ends(program, StateId::new(*index)))
            .map(|(_, info)| &*info.id);
        let any = program.infos.iter().map(|info| &*info.id);
        let help = did_you_mean(ended, can_end, "done.state.")
            .or_else(|| did_you_mean(ended, any, "done.state."))
            .unwrap_or_else(|| "name a state that has a final state inside".into());
        let message = format!("`{plain}` never happens: there is no state `{ended}`");
        return reports.warning(&event.place, message, help);
    };
    if ends(program, state) {
        return;
    }
    let parent = program.node(state).parent;
    let (why, help) = match program.node(state).shape {
        Shape::Final if parent != StateId::ROOT && ends(program, parent) => (
            format!("`{ended}` is a final state, and what ends is the state around it"),
            format!("did you mean `done.state.{}`?", program.name_of(parent)),
        ),
        Shape::Parallel => (
            format!("a region of `{ended}` has no final state"),
            "a parallel state ends when each of its regions has reached a final state: add `NAME: { type: final }` to each".to_owned(),
        ),
        _ => (
            format!("`{ended}` has no final state inside"),
            format!("add `NAME: {{ type: final }}` to the states of `{ended}`"),
        ),
    };
    reports.warning(
        &event.place,
        format!("`{plain}` never happens: {why}"),
        help,
    );
}

/// Whether `state` can end, so that `done.state.<id>` happens.
fn ends(program: &Program, state: StateId) -> bool {
    let is_final = |child: &StateId| program.node(*child).shape == Shape::Final;
    let children = &program.content(state).children;
    match program.node(state).shape {
        Shape::Compound => children.iter().any(is_final),
        Shape::Parallel => children.iter().all(|region| ends(program, *region)),
        _ => false,
    }
}

fn timer(program: &Program, event: &Marked<String>, plain: &str, reports: &mut Reports) {
    let heard = Descriptor::new(plain);
    let set = || {
        program
            .contents
            .iter()
            .flat_map(|content| &content.timers)
            .map(|timer| &*timer.event)
    };
    if set().any(|name| heard.matches(name)) {
        return;
    }
    let help = did_you_mean(plain, set(), "").unwrap_or_else(|| {
        "write what happens after a while as `after: { 10m: TARGET }`, in the state that waits"
            .into()
    });
    let message = format!("`{plain}` never happens: no `after` sets such a timer");
    reports.warning(&event.place, message, help);
}
