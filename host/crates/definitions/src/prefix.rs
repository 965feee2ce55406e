//! What makes a provider read a payload anew: providers cache what a payload begins with, up to the first byte that is not as it was the last time.
//!
//! Only warnings: a map that changes early is dear and slow, not wrong. What a chart, a policy or a template does is not known here, only how often what they
//! say can change.

use crate::agent::AgentDef;
use crate::chart;
use crate::source::read_text;
use crate::walk::Walk;
use ::chart::{StateDef, StateKind};
use context::{ChunkDef, Slot, Source, Template, ToolsMode};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use types::{CacheClass, Dialect, ProviderConfig, ProviderKind};

/// What a template can name that changes from turn to turn.
const CHANGING: [&str; 5] = ["now", "states", "data", "prompt", "tools"];

/// Warn of what `agent`, whose chart changes as `chart` says, throws away. Templates lie below `root`.
pub(crate) fn look(walk: &mut Walk, agent: &AgentDef, chart: Option<&Changes<'_>>, root: &Path) {
    let chunks = &agent.context.chunks;
    let stable = chunks.iter().rposition(|c| c.cache == CacheClass::Stable);
    let history = chunks.iter().rposition(|c| c.source == Source::History);
    let mut templates = HashMap::new();
    for (index, chunk) in chunks.iter().enumerate() {
        let later = |position: Option<usize>| {
            let position = position.filter(|position| *position > index)?;
            chunks.get(position)
        };
        let (stable, history) = (later(stable), later(history));
        if !slot(walk, chunk, history.or(stable), chart) {
            stable_first(walk, chunk, stable);
        }
        if let (Source::Tools(ToolsMode::Allowed), Some(chart)) = (&chunk.source, chart) {
            allowed_tools(walk, chunk, chart);
        }
        claimed_stable(walk, chunk, root, &mut templates);
    }
}

/// Warn of a chunk behind the history where `provider` is to hold the conversation: what it holds then ends with that chunk, and no later request begins so.
pub(crate) fn held(walk: &mut Walk, agent: &AgentDef, provider: &ProviderConfig) {
    let ProviderKind::Http {
        dialect: Dialect::Responses { held: true },
        ..
    } = provider.kind
    else {
        return;
    };
    let chunks = agent.context.chunks.iter();
    let mut behind = chunks.skip_while(|chunk| chunk.source != Source::History);
    let first = behind.find(|chunk| !matches!(chunk.source, Source::History | Source::Tools(_)));
    if let Some(chunk) = first {
        walk.warning(
            &chunk.place,
            format!(
                "`{}` stands behind the history, so the conversation that `{}` holds never is the beginning of the next request, and all of it is sent each time",
                *chunk.id, provider.name
            ),
            "take `held: true` from the provider (what it caches by itself is cached anyway), or let nothing stand behind the history",
        );
    }
}

/// How often what the states of a chart say can change.
pub(crate) struct Changes<'a> {
    name: &'a str,
    /// States that an agent can be in for a while.
    states: usize,
    /// Of these, those that add to the slot, and whether the slot's text can change.
    adding: (usize, bool),
    /// Of these, those that name tools in their policy, and whether the tools can change.
    opening: (usize, bool),
}

impl<'a> Changes<'a> {
    pub fn of(draft: &'a chart::Draft) -> Self {
        let extras: HashMap<&str, &chart::Extra> = draft
            .extras
            .iter()
            .map(|extra| (extra.state.as_str(), extra))
            .collect();
        let extra = |state: &StateDef| extras.get(state.id.as_str()).copied();
        let context = |state: &StateDef| {
            let chunks = &extra(state)?.context;
            (!chunks.is_empty()).then(|| state.id.value.clone())
        };
        let tools = |state: &StateDef| {
            let rules = &extra(state)?.policy.as_ref()?.tools;
            (!rules.is_empty()).then(|| format!("{rules:?}"))
        };
        let root = &draft.def.root;
        Changes {
            name: &draft.name,
            states: count(root, &|_| true),
            adding: (
                count(root, &|state| context(state).is_some()),
                variants(root, &context).len() > 1,
            ),
            opening: (
                count(root, &|state| tools(state).is_some()),
                variants(root, &tools).len() > 1,
            ),
        }
    }

    /// "2 of the 4 states of `deliberate` add".
    fn share(&self, count: usize, does: &str, do_: &str) -> String {
        let verb = if count == 1 { does } else { do_ };
        format!(
            "{count} of the {} states of `{}` {verb}",
            self.states, self.name
        )
    }
}

/// Whether an agent can be in `state` for a while.
fn lasts(state: &StateDef) -> bool {
    !matches!(state.kind, StateKind::Final | StateKind::History { .. })
}

/// The states below `state` that last and that `counts`.
fn count(state: &StateDef, counts: &impl Fn(&StateDef) -> bool) -> usize {
    let below = state.states.iter().filter(|state| lasts(state));
    below
        .map(|state| usize::from(counts(state)) + count(state, counts))
        .sum()
}

/// What the active states can say together, as far as two of its forms: more than one is all that matters.
fn variants(state: &StateDef, says: &impl Fn(&StateDef) -> Option<String>) -> BTreeSet<String> {
    let own = says(state).unwrap_or_default();
    let below: Vec<BTreeSet<String>> = state
        .states
        .iter()
        .filter(|state| lasts(state))
        .map(|state| variants(state, says))
        .collect();
    let said: BTreeSet<String> = if state.kind == StateKind::Parallel {
        // Regions change by themselves: one that says two things makes two of the whole.
        let pick = |last: bool| -> String {
            let of_region = |said: &BTreeSet<String>| {
                let one = if last { said.last() } else { said.first() };
                one.cloned().unwrap_or_default()
            };
            below.iter().map(of_region).collect()
        };
        BTreeSet::from([pick(false), pick(true)])
    } else {
        below.into_iter().flatten().collect()
    };
    if said.is_empty() {
        return BTreeSet::from([own]);
    }
    said.into_iter()
        .take(2)
        .map(|said| format!("{own}\n{said}"))
        .collect()
}

/// Warn of a slot that changes in most states and stands before what does not; whether it did.
fn slot(
    walk: &mut Walk,
    chunk: &ChunkDef,
    before: Option<&ChunkDef>,
    chart: Option<&Changes<'_>>,
) -> bool {
    let (Source::Slot(Slot::Cognition), Some(before), Some(chart)) = (&chunk.source, before, chart)
    else {
        return false;
    };
    let (adding, changes) = chart.adding;
    if !changes || 2 * adding < chart.states {
        return false;
    }
    walk.warning(
        &chunk.place,
        format!(
            "`{}` changes with the state and stands before `{}`: {} to it, and at each change everything after it is sent anew",
            *chunk.id, *before.id, chart.share(adding, "adds", "add")
        ),
        "move it behind the history: what follows a change is not cached",
    );
    true
}

fn stable_first(walk: &mut Walk, chunk: &ChunkDef, stable: Option<&ChunkDef>) {
    if let (CacheClass::Volatile, Some(stable)) = (chunk.cache, stable) {
        walk.warning(
            &chunk.place,
            format!(
                "`{}` may change from turn to turn and stands before `{}`, which is stable: whatever follows a change is not cached",
                *chunk.id, *stable.id
            ),
            "move the stable chunks to the front, or mark this one `cache: stable` if its text never changes",
        );
    }
}

fn allowed_tools(walk: &mut Walk, chunk: &ChunkDef, chart: &Changes<'_>) {
    let (opening, changes) = chart.opening;
    if changes {
        walk.warning(
            &chunk.place,
            format!(
                "the tools change with the state ({} rules for them), and tools stand in front of everything else that is sent: each change throws the whole cache away",
                chart.share(opening, "has", "have")
            ),
            "write `tools: declared`: all of them are sent always, and one line at the end says which are open",
        );
    }
}

/// Warn of a chunk that says it is stable and cannot be. `templates` holds what is known of the files of templates.
fn claimed_stable<'a>(
    walk: &mut Walk,
    chunk: &'a ChunkDef,
    root: &Path,
    templates: &mut HashMap<&'a str, Option<&'static str>>,
) {
    if chunk.cache != CacheClass::Stable {
        return;
    }
    match &chunk.source {
        Source::Plugin {
            name,
            expires: None,
            ..
        } => walk.warning(
            &chunk.place,
            format!(
                "`{}` says `cache: stable`, and `{name}` is asked anew for every payload",
                *chunk.id
            ),
            "say how long its answer stays good, for instance `expires: 1h`, or remove `cache: stable`",
        ),
        Source::Template(template) => {
            let used = match template {
                Template::Inline(text) => changing(text),
                Template::File(file) => *templates.entry(file.as_str()).or_insert_with(|| {
                    read_text(&root.join(file.as_str())).and_then(|text| changing(&text))
                }),
            };
            if let Some(name) = used {
                walk.warning(
                    &chunk.place,
                    format!(
                        "`{}` says `cache: stable`, and its template uses `{name}`, which changes",
                        *chunk.id
                    ),
                    "remove `cache: stable`, and move the chunk behind those that are",
                );
            }
        }
        _ => {}
    }
}

/// The first of [`CHANGING`] that `template` names between its braces, not as a part of something else and not within quotes.
fn changing(template: &str) -> Option<&'static str> {
    let mut rest = template;
    while let Some(start) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let close = if rest[start..].starts_with("{{") {
            "}}"
        } else {
            "%}"
        };
        let inside = &rest[start + 2..];
        let end = inside.find(close).unwrap_or(inside.len());
        if let Some(name) = named(&inside[..end]) {
            return Some(name);
        }
        rest = &inside[end..];
    }
    None
}

fn named(expression: &str) -> Option<&'static str> {
    let mut quote = None;
    let mut before = ' ';
    let mut start = 0;
    let mut word = String::new();
    let end = expression.len();
    for (at, c) in expression.char_indices().chain([(end, ' ')]) {
        if quote.is_some_and(|open| open == c) {
            quote = None;
        } else if quote.is_none() && (c.is_alphanumeric() || c == '_') {
            if word.is_empty() {
                start = at;
            }
            word.push(c);
            continue;
        } else if quote.is_none() && matches!(c, '\'' | '"') {
            quote = Some(c);
        }
        let found = CHANGING.into_iter().find(|name| *name == word);
        if found.is_some() && before != '.' && start < at {
            return found;
        }
        word.clear();
        if !c.is_whitespace() {
            before = c;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_is_used_makes_a_template_change() {
        for (template, name) in [
            ("now, states and data in words", None),
            ("Today is {{ now }}.", Some("now")),
            ("{% if 'act' in states %}Act.{% endif %}", Some("states")),
            ("{{ agent.data }} {{ model.tools }}", None),
            ("{{ agent . data }}", None),
            ("{{ 'now' }} {{ \"tools\" }}", None),
            ("{{ nowhere }}{{ data.rounds }}", Some("data")),
            ("{{ agent", None),
            ("{{ now", Some("now")),
            ("{{ x|default(prompt) }}", Some("prompt")),
        ] {
            assert_eq!(changing(template), name, "{template}");
        }
    }
}
