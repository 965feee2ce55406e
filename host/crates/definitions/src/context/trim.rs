//! Which ways of trimming make sense for which source: a conversation loses turns, a text an end or its middle, a collection its least important pieces,
//! and the list of tools nothing.

use crate::tree::Node;
use crate::walk::Walk;
use context::{Source, Trim};
use types::Place;

const WORDS: [(&str, Trim); 6] = [
    ("never", Trim::Never),
    ("oldest", Trim::Oldest),
    ("tail", Trim::Tail),
    ("middle", Trim::Middle),
    ("lowest", Trim::Lowest),
    ("summary", Trim::Summary),
];

/// The way of trimming that `node` names, and where.
pub(super) fn read<'n>(walk: &mut Walk, node: &'n Node) -> (Option<Trim>, &'n Place) {
    (walk.word(node, "a way to trim", &WORDS), &node.place)
}

/// How the chunk of `source` is trimmed, given what its author wrote; `summary` says whether the agent names a plugin that sums up.
pub(super) fn of(
    walk: &mut Walk,
    source: &Source,
    written: Option<(Option<Trim>, &Place)>,
    summary: bool,
) -> Trim {
    let (what, ways) = ways(source);
    let default = ways[0];
    let Some((Some(trim), place)) = written else {
        return default;
    };
    if !ways.contains(&trim) {
        let mut help = format!("use {}", list(ways));
        if matches!(source, Source::Tools(_)) {
            help += "; to send fewer tools, narrow the policy";
        }
        let message = format!(
            "{what} cannot be trimmed by `{}`, which {}",
            word(trim),
            does(trim)
        );
        walk.error(place, message, help);
        return default;
    }
    if trim == Trim::Summary && !summary {
        walk.error(
            place,
            "`summary` needs a plugin that sums up, and this agent names none",
            "add `memory: { summary: { plugin: digest } }` to the agent, or use `oldest`",
        );
        return default;
    }
    trim
}

/// What a source is called, and how it can be trimmed; the first way is the default.
fn ways(source: &Source) -> (&'static str, &'static [Trim]) {
    match source {
        Source::History => ("the history", &[Trim::Oldest, Trim::Summary, Trim::Never]),
        Source::Tools(_) => ("the list of tools", &[Trim::Never]),
        Source::Slot(_) => (
            "a slot",
            &[Trim::Tail, Trim::Middle, Trim::Lowest, Trim::Never],
        ),
        Source::Memory(_) => (
            "a layer of memory",
            &[Trim::Lowest, Trim::Tail, Trim::Middle, Trim::Never],
        ),
        Source::Plugin { .. } => (
            "what a plugin provides",
            &[Trim::Tail, Trim::Middle, Trim::Lowest, Trim::Never],
        ),
        Source::Text(_) | Source::File(_) | Source::Template(_) => {
            ("a text", &[Trim::Tail, Trim::Middle, Trim::Never])
        }
    }
}

fn does(trim: Trim) -> &'static str {
    match trim {
        Trim::Never => "drops nothing",
        Trim::Oldest => "drops the oldest turns of a conversation",
        Trim::Tail => "cuts off the end of a text",
        Trim::Middle => "cuts out the middle of a text",
        Trim::Lowest => "drops whole pieces of a collection, the least important first",
        Trim::Summary => "sums up the oldest turns of a conversation",
    }
}

fn word(trim: Trim) -> &'static str {
    WORDS
        .iter()
        .find(|(_, other)| *other == trim)
        .map_or("", |(word, _)| word)
}

/// "`tail`, `middle` or `never`".
fn list(ways: &[Trim]) -> String {
    let quoted: Vec<String> = ways.iter().map(|way| format!("`{}`", word(*way))).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
