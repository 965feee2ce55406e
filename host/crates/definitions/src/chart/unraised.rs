//! Events that a chart waits for and that nobody raises.
//!
//! Events come from outside: a person types them, another chart sends them, a later version of the host has more of them. So a name is complained of
//! only where it is certain or as good as certain that nothing will ever raise it: in a namespace that the host keeps for itself (`done.invoke.*`,
//! `<activity>.*`, the other kind of chart's `role.done` and `work.*`), and where it is a slip of the pen in a name that the host or this very chart
//! raises. What a chart makes of itself, `done.state.*` and `timer.*`, is judged where charts are compiled.

use super::silent::ENDING;
use crate::suggest::shown;
use crate::walk::Walk;
use ::chart::{ActionDef, ChartDef, ChartKind, InvokeWhat, StateDef, TextOrExpr};
use std::collections::{BTreeSet, HashMap, HashSet};
use types::{Marked, Place};

/// What the host raises in a chart of either kind.
const HOST: [&str; 11] = [
    "error",
    "error.execution",
    "error.communication",
    "error.provider",
    "error.plugin",
    "error.context",
    "error.length",
    "error.limit",
    "human.said",
    "budget.low",
    "budget.exhausted",
];
/// What it raises in an agent's chart only.
const COGNITION: [&str; 6] = [
    "work.assigned",
    "work.withdrawn",
    "work.ended",
    "work.refused",
    "tool.uncertain",
    "error.agent",
];
/// What it raises in a workflow only.
const WORKFLOW: [&str; 3] = ["role.done", "role.detached", "work.started"];

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
    let host = HOST.iter().chain(own).copied();
    let ends = ends.iter().map(String::as_str);
    let known: Vec<Known<'_>> = host
        .chain(ends)
        .chain(names.unheard())
        .map(Known::of)
        .collect();
    // The same name is judged once, wherever it stands.
    let mut judged: HashMap<&str, Option<Complaint>> = HashMap::new();
    for event in &names.heard {
        let plain = plain(event);
        let complaint = judged.entry(plain).or_insert_with(|| {
            if names.raises(plain) {
                return None;
            }
            names
                .reserved(plain)
                .or_else(|| other_kind(plain, def.kind, other))
                .or_else(|| slip(plain, &known))
        });
        if let Some((message, help)) = complaint
            && !said.contains(&event.place)
        {
            walk.warning(&event.place, message.as_str(), help.as_str());
        }
    }
}

/// A descriptor without the `.*` at its end, which says nothing more.
pub(super) fn plain(event: &str) -> &str {
    event.strip_suffix(".*").unwrap_or(event)
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
fn slip(plain: &str, known: &[Known<'_>]) -> Option<Complaint> {
    // Whatever means a known event as well is no slip.
    if known.iter().any(|known| means(plain, known.name)) {
        return None;
    }
    let folded = fold(plain);
    let meant = known.iter().find(|known| is_slip(&folded, &known.folded))?;
    Some((
        format!("nothing raises `{}`", shown(plain)),
        format!("did you mean `{}`?", shown(meant.name)),
    ))
}

/// Whether the descriptor `plain` means the event `name`.
pub(super) fn means(plain: &str, name: &str) -> bool {
    name.strip_prefix(plain)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A name that something raises, ready to be compared.
struct Known<'n> {
    name: &'n str,
    folded: Vec<char>,
}

impl<'n> Known<'n> {
    fn of(name: &'n str) -> Self {
        Known {
            name,
            folded: fold(name),
        }
    }
}

/// A name without what tells apart only how it is written: capitals, and the signs between its words.
fn fold(name: &str) -> Vec<char> {
    let joined = name.chars().map(|c| match c {
        '_' | '-' => '.',
        c => c,
    });
    joined.flat_map(char::to_lowercase).collect()
}

/// Whether `name` is `meant` with one letter too many, one too few or two in the wrong order, both folded. A letter in the place of another is not
/// taken for a slip (`step.a` and `step.b` are two names), nor is a wrong first letter.
fn is_slip(name: &[char], meant: &[char]) -> bool {
    const SHORTEST: usize = 5;
    if name == meant {
        return true;
    }
    // Nobody misses the first letter.
    if name.first() != meant.first() {
        return false;
    }
    let (short, long) = match name.len() < meant.len() {
        true => (name, meant),
        false => (meant, name),
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

    /// Whether this chart itself raises what `plain` means.
    fn raises(&self, plain: &str) -> bool {
        let inner = format!("{plain}.");
        let next = self.raised.range(inner.as_str()..).next();
        self.raised.contains(plain) || next.is_some_and(|name| name.starts_with(&inner))
    }

    /// What the chart raises and no transition listens to: whoever misspelt it meant that. A name that is computed could be any of them.
    fn unheard(&self) -> Vec<&'d str> {
        /// A chart that raises more for nobody is not read by its author either.
        const MOST: usize = 64;
        if self.computed {
            return Vec::new();
        }
        let heard: HashSet<&str> = self.heard.iter().map(|event| plain(event)).collect();
        let is_heard = |name: &str| {
            let dots = name.match_indices('.').map(|(dot, _)| dot);
            dots.chain([name.len()])
                .any(|end| heard.contains(&name[..end]))
        };
        let raised = self.raised.iter().copied();
        raised.filter(|name| !is_heard(name)).take(MOST).collect()
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
    use super::{fold, is_slip};

    fn slipped(name: &str, meant: &str) -> bool {
        is_slip(&fold(name), &fold(meant))
    }

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
            assert!(slipped(name, "turn.done"), "{name}");
        }
        assert!(slipped("eror", "error") && slipped("errors", "error"));
        assert!(slipped("role.doen", "role.done"));
        for (name, other) in [
            ("step.a", "step.b"),
            ("human.paid", "human.said"),
            ("go", "got"),
            ("up", "pu"),
            ("turn.left", "turn.done"),
            ("terror", "error"),
        ] {
            assert!(!slipped(name, other), "{name} {other}");
        }
    }
}
