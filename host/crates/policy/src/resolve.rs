//! The one resolver: layers in, grant out, with the rule that decided each line of it.

use crate::grant::{Because, Grant, Limits, Subject};
use crate::{Overlay, defaults, mounts, net, tools};
use std::path::Path;
use std::time::Duration;
use types::{Marked, Place, ToolName};

/// Everything that a grant depends on. The same request always resolves to the same grant.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The house's directory, absolute and canonical; what mounts are written relative to.
    pub root: &'a Path,
    /// House default, agent, cognition states from the outermost in, workflow states likewise: later ones win.
    pub layers: &'a [&'a Overlay],
    /// The operator's own limits, which no layer can widen.
    pub ceiling: Option<&'a Overlay>,
    /// Names below `root` that hold the house's own definitions and records: no mount that can be written shows them, or an agent could give itself
    /// what the operator did not. Empty where `root` is no house.
    pub own: &'a [&'a str],
    /// What the operator has answered for good where a rule says `ask`. It answers questions and nothing else: what is denied stays denied.
    pub answers: Option<&'a Overlay>,
    /// The tool that is to be called.
    pub tool: &'a ToolName,
}

/// Resolve one call. Never fails: what cannot be granted is left out, and [`Grant::because`] says why.
pub fn resolve(request: &Request<'_>) -> Grant {
    let mut ledger = Reasons::new();
    let verdict = tools::decide(request, &mut ledger);
    let mounts = mounts::merge(request, &mut ledger);
    let (net, net_ceiling) = net::merge(request, &mut ledger);
    let env = environment(request, &mut ledger);
    let limits = limits(request, &mut ledger);
    let clock = least(
        request,
        &mut ledger,
        Subject::Clock,
        "clock",
        |layer| layer.clock.as_ref(),
        defaults::CLOCK,
        |mode| mode.to_string(),
    );
    let random = least(
        request,
        &mut ledger,
        Subject::Random,
        "random",
        |layer| layer.random.as_ref(),
        defaults::RANDOM,
        |mode| mode.to_string(),
    );
    Grant {
        tool: request.tool.clone(),
        verdict,
        mounts,
        env,
        net,
        net_ceiling,
        limits,
        clock,
        random,
        because: ledger.lines,
    }
}

/// The lines of `because` while they are gathered. One place stands for every built-in decision, so that a grant of defaults allocates it once.
pub(crate) struct Reasons {
    lines: Vec<Because>,
    built_in: Place,
}

/// The label of what no layer decided.
const BUILT_IN: &str = "built-in default";

impl Reasons {
    fn new() -> Self {
        Reasons {
            lines: Vec::with_capacity(24),
            built_in: Place::built_in(BUILT_IN),
        }
    }

    /// `layer` decided this, at `place`.
    pub(crate) fn decided(
        &mut self,
        subject: Subject,
        what: String,
        place: &Place,
        layer: &Overlay,
    ) {
        self.lines.push(Because {
            subject,
            what,
            place: place.clone(),
            layer: layer.label.clone(),
        });
    }

    /// No layer said anything.
    pub(crate) fn by_default(&mut self, subject: Subject, what: String) {
        self.lines.push(Because {
            subject,
            what,
            place: self.built_in.clone(),
            layer: BUILT_IN.to_owned(),
        });
    }
}

/// The last layer that says something, with what it says.
pub(crate) fn last<'a, T>(
    layers: &[&'a Overlay],
    said: impl Fn(&'a Overlay) -> Option<&'a Marked<T>>,
) -> Option<(&'a Marked<T>, &'a Overlay)> {
    let layers = layers.iter().rev();
    layers
        .copied()
        .find_map(|layer| said(layer).map(|value| (value, layer)))
}

/// What the last layer says, or the default, but never more than the ceiling says.
fn least<'a, T: Copy + Ord + 'a>(
    request: &Request<'a>,
    ledger: &mut Reasons,
    subject: Subject,
    name: &str,
    said: impl Fn(&'a Overlay) -> Option<&'a Marked<T>>,
    default: T,
    shown: impl Fn(T) -> String,
) -> T {
    let wanted = last(request.layers, &said);
    let value = wanted.map_or(default, |(marked, _)| marked.value);
    if let Some(ceiling) = request.ceiling
        && let Some(cap) = said(ceiling)
        && cap.value < value
    {
        let what = format!(
            "{name}: {} (the ceiling; otherwise {})",
            shown(cap.value),
            shown(value)
        );
        ledger.decided(subject, what, &cap.place, ceiling);
        return cap.value;
    }
    let what = format!("{name}: {}", shown(value));
    match wanted {
        Some((marked, layer)) => ledger.decided(subject, what, &marked.place, layer),
        None => ledger.by_default(subject, what),
    }
    value
}

fn limits(request: &Request<'_>, ledger: &mut Reasons) -> Limits {
    let Limits {
        memory,
        fuel,
        deadline,
        output,
        calls,
    } = Limits::default();
    let limit = Subject::Limit;
    Limits {
        memory: least(
            request,
            ledger,
            limit,
            "limit memory",
            |layer| layer.limits.memory.as_ref(),
            memory,
            |size| size.to_string(),
        ),
        fuel: least(
            request,
            ledger,
            limit,
            "limit fuel",
            |layer| layer.limits.fuel.as_ref(),
            fuel,
            |count| count.to_string(),
        ),
        deadline: least(
            request,
            ledger,
            limit,
            "limit deadline",
            |layer| layer.limits.deadline.as_ref(),
            deadline,
            span,
        ),
        output: least(
            request,
            ledger,
            limit,
            "limit output",
            |layer| layer.limits.output.as_ref(),
            output,
            |size| size.to_string(),
        ),
        calls: least(
            request,
            ledger,
            limit,
            "limit calls",
            |layer| layer.limits.calls.as_ref(),
            calls,
            |calls| format!("{calls}/turn"),
        ),
    }
}

/// A duration as YAML spells it.
fn span(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    match milliseconds % 1_000 {
        0 => format!("{}s", milliseconds / 1_000),
        _ => format!("{milliseconds}ms"),
    }
}

/// Variables by name, in the order of their names, the last layer's value each. A variable that the ceiling names has the ceiling's value where a layer
/// sets it at all: intersecting never adds one, and what the ceiling does not name it does not limit.
fn environment(request: &Request<'_>, ledger: &mut Reasons) -> Vec<(String, String)> {
    let mut merged: Vec<(&Marked<String>, &str, &Overlay)> = Vec::new();
    for layer in request.layers {
        for (name, value) in &layer.env {
            match merged
                .iter_mut()
                .find(|(known, ..)| known.value == name.value)
            {
                Some(entry) => *entry = (name, value, layer),
                None => merged.push((name, value, layer)),
            }
        }
    }
    merged.sort_by(|a, b| a.0.value.cmp(&b.0.value));
    let capped = |name: &str| {
        let ceiling = request.ceiling?;
        let entry = ceiling
            .env
            .iter()
            .rev()
            .find(|(known, _)| known.value == name)?;
        Some((entry, ceiling))
    };
    let decide = |(name, value, layer): (&Marked<String>, &str, &Overlay)| {
        let (place, value, layer) = match capped(&name.value) {
            Some(((place, cap), ceiling)) if cap != value => (&place.place, cap.as_str(), ceiling),
            _ => (&name.place, value, layer),
        };
        ledger.decided(
            Subject::Environment,
            format!("env {name}: {value}"),
            place,
            layer,
        );
        (name.value.clone(), value.to_owned())
    };
    merged.into_iter().map(decide).collect()
}
