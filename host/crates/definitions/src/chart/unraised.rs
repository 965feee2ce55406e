//! Events that a chart waits for and that nobody raises.
//!
//! Events come from outside: a person types them, another chart sends them, a later version of the host has more of them. So a name is complained of
//! only where it is certain or as good as certain that nothing will ever raise it: in a namespace that the host keeps for itself (`done.invoke.*`,
//! `<activity>.*`, the other kind of chart's `role.done` and `work.*`), and where it is a slip of the pen in a name that the host or this very chart
//! raises. What a chart makes of itself, `done.state.*` and `timer.*`, is judged where charts are compiled.

use super::silent::ENDING;
use crate::suggest::shown;
use crate::walk::Walk;
use ::chart::{ActionDef, ChartDef, ChartKind, InvokeWhat, StateDef, TextOrExpr, event_matches};
use std::collections::BTreeSet;
use types::{Marked, Place};

/// What the host raises in a chart of either kind.
const HOST: [&str; 10] = [
    "error",
    "error.execution",
    "error.communication",
    "error.provider",
    "error.plugin",
    "error.context",
    "error.length",
    "error.limit",
    "human.said",
    "budget.exhausted",
];
/// What it raises in an agent's chart only.
const COGNITION: [&str; 2] = ["work.assigned", "work.withdrawn"];
/// What it raises in a workflow only.
const WORKFLOW: [&str; 1] = ["role.done"];

/// Warn of every event that `def` listens to and nobody raises, except at the places `said`, where that has been said already.
pub(super) fn look(walk: &mut Walk, def: &ChartDef, said: &[Place]) {
    let mut names = Names::default();
    names.state(&def.root);
    let (own, other) = match def.kind {
        ChartKind::Cognition => (&COGNITION[..], &WORKFLOW[..]),
        ChartKind::Workflow => (&WORKFLOW[..], &COGNITION[..]),
    };
    let ends: Vec<String> = names
        .activities
        .iter()
        .map(|name| format!("{name}.done"))
        .collect();
    let unheard: Vec<&str> = names
        .raised
        .iter()
        .copied()
        .filter(|name| {
            !names.computed && !names.heard.iter().any(|event| event_matches(event, name))
        })
        .collect();
    let known: Vec<&str> = HOST
        .iter()
        .chain(own)
        .copied()
        .chain(ends.iter().map(String::as_str))
        .chain(unheard)
        .collect();
    for event in &names.heard {
        if said.contains(&event.place) || names.raises(event) {
            continue;
        }
        let plain = event.strip_suffix(".*").unwrap_or(event);
        if let Some((message, help)) = names
            .reserved(plain)
            .or_else(|| other_kind(plain, def.kind, other))
            .or_else(|| slip(plain, &known))
        {
            walk.warning(&event.place, message, help);
        }
    }
}

type Complaint = (String, String);

/// An event that only charts of the other kind get.
fn other_kind(plain: &str, kind: ChartKind, other: &[&str]) -> Option<Complaint> {
    if !other.contains(&plain) {
        return None;
    }
    Some(match kind {
        ChartKind::Cognition => (
            format!(
                "`{plain}` never happens here: it comes to workflows, and this chart is a cognition"
            ),
            "write `kind: workflow` at the top, if it is one".to_owned(),
        ),
        ChartKind::Workflow => (
            format!("`{plain}` never happens here: it comes to the agent that is given the work"),
            "a workflow hears `role.done` when the work is handed in".to_owned(),
        ),
    })
}

/// A name that looks like a known one with a slip in it.
fn slip(plain: &str, known: &[&str]) -> Option<Complaint> {
    // Whatever means a known event as well is no slip.
    if known.iter().any(|name| event_matches(plain, name)) {
        return None;
    }
    let meant = known.iter().find(|name| is_slip(plain, name))?;
    Some((
        format!("nothing raises `{}`", shown(plain)),
        format!("did you mean `{}`?", shown(meant)),
    ))
}

/// Whether `name` is `meant` with other signs between the words, other capitals, one letter too many, one too few or two in the wrong order. A
/// letter in the place of another is not taken for a slip (`step.a` and `step.b` are two names), nor is a wrong first letter.
fn is_slip(name: &str, meant: &str) -> bool {
    const SHORTEST: usize = 5;
    let fold = |text: &str| -> Vec<char> {
        let joined = text.chars().map(|c| match c {
            '_' | '-' => '.',
            c => c,
        });
        joined.flat_map(char::to_lowercase).collect()
    };
    let (name, meant) = (fold(name), fold(meant));
    if name == meant {
        return true;
    }
    // Nobody misses the first letter.
    if name.first() != meant.first() {
        return false;
    }
    let (short, long) = match name.len() < meant.len() {
        true => (&name, &meant),
        false => (&meant, &name),
    };
    if short.len() + 1 < SHORTEST || long.len() - short.len() > 1 {
        return false;
    }
    let same = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    if short.len() < long.len() {
        short[same..] == long[same + 1..]
    } else {
        same + 1 < long.len()
            && short[same] == long[same + 1]
            && short[same + 1] == long[same]
            && short[same + 2..] == long[same + 2..]
    }
}

/// The names that a chart uses.
#[derive(Default)]
struct Names<'d> {
    /// What transitions listen to, `*` left out, in document order.
    heard: Vec<&'d Marked<String>>,
    /// What the chart raises and sends to itself.
    raised: BTreeSet<&'d str>,
    /// It raises something whose name is computed.
    computed: bool,
    /// Activities that end by themselves and that it invokes.
    activities: BTreeSet<&'d str>,
    /// Activities by the id of their invocation.
    invoked: Vec<(&'d str, &'d str)>,
    states: BTreeSet<&'d str>,
}

impl<'d> Names<'d> {
    fn state(&mut self, state: &'d StateDef) {
        self.states.insert(&state.id);
        let blocks = state.entry.iter().chain(&state.exit).map(Vec::as_slice);
        let on_the_way = state
            .initial
            .iter()
            .map(|initial| initial.actions.as_slice());
        blocks
            .chain(on_the_way)
            .for_each(|actions| self.actions(actions));
        for transition in &state.transitions {
            let events = transition
                .events
                .iter()
                .filter(|event| event.as_str() != "*");
            self.heard.extend(events);
            self.actions(&transition.actions);
        }
        for invoke in &state.invoke {
            self.actions(&invoke.finalize);
            if let InvokeWhat::Activity(name) = &invoke.what {
                if ENDING.contains(&name.as_str()) {
                    self.activities.insert(name);
                }
                let id = invoke.id.iter().map(|id| (id.as_str(), name.as_str()));
                self.invoked.extend(id);
            }
        }
        state.states.iter().for_each(|child| self.state(child));
    }

    fn actions(&mut self, actions: &'d [ActionDef]) {
        for action in actions {
            match action {
                ActionDef::Raise { event, .. } => {
                    self.raised.insert(event);
                }
                ActionDef::Send(send) => match (&send.event, &send.target) {
                    (TextOrExpr::Text(event), None) => {
                        self.raised.insert(event);
                    }
                    (TextOrExpr::Text(event), Some(TextOrExpr::Text(target)))
                        if target.as_str() == "#_internal" =>
                    {
                        self.raised.insert(event);
                    }
                    (TextOrExpr::Text(_), Some(TextOrExpr::Text(_))) => {}
                    _ => self.computed = true,
                },
                ActionDef::If(branches) => {
                    branches
                        .iter()
                        .for_each(|(_, actions)| self.actions(actions));
                }
                ActionDef::Foreach { actions, .. } => self.actions(actions),
                ActionDef::Assign { .. } | ActionDef::Cancel { .. } | ActionDef::Log { .. } => {}
            }
        }
    }

    /// Whether this chart itself may raise what `event` listens to.
    fn raises(&self, event: &str) -> bool {
        self.raised.iter().any(|name| event_matches(event, name))
    }

    /// An event in a namespace of the host's that it never raises.
    fn reserved(&self, plain: &str) -> Option<Complaint> {
        if let Some(id) = plain.strip_prefix("done.invoke") {
            let id = id.trim_start_matches('.');
            let activity = self.invoked.iter().find(|(known, _)| *known == id);
            let help = match activity {
                Some((_, activity)) if ENDING.contains(activity) => {
                    format!("did you mean `{activity}.done`?")
                }
                _ => "listen to the activity's own event, for instance `turn.done`".to_owned(),
            };
            let message = format!(
                "`{}` never happens: an activity ends with its own name",
                shown(plain)
            );
            return Some((message, help));
        }
        let (first, rest) = plain.split_once('.')?;
        if first == "done" {
            let meant = match rest {
                state if self.states.contains(state) => format!("done.state.{state}"),
                activity if self.activities.contains(activity) => format!("{activity}.done"),
                _ => return None,
            };
            let message = format!("nothing raises `{}`", shown(plain));
            return Some((message, format!("did you mean `{}`?", shown(&meant))));
        }
        if self.activities.contains(first) && rest.split('.').next() != Some("done") {
            let message = format!(
                "`{}` never happens: `{first}` ends with `{first}.done`, or with `error` where it fails",
                shown(plain)
            );
            return Some((message, format!("listen to `{first}.done` or to `error`")));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::is_slip;

    #[test]
    fn a_slip_is_told_from_a_name_of_its_own() {
        for name in [
            "turn_done",
            "Turn.Done",
            "turn.dnoe",
            "trun.done",
            "turndone",
            "turn.don",
            "turn.donee",
        ] {
            assert!(is_slip(name, "turn.done"), "{name}");
        }
        assert!(is_slip("eror", "error") && is_slip("errors", "error"));
        assert!(is_slip("role.doen", "role.done"));
        for (name, other) in [
            ("step.a", "step.b"),
            ("human.paid", "human.said"),
            ("go", "got"),
            ("up", "pu"),
            ("turn.left", "turn.done"),
            ("terror", "error"),
        ] {
            assert!(!is_slip(name, other), "{name} {other}");
        }
    }
}
