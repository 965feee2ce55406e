//! Context maps and the chunks that states add. What becomes of them is `context`'s business.

mod files;
mod source;
mod trim;

pub(crate) use files::{check_text, file_of, resolve_files};
pub(crate) use source::first_character;

use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use context::{Budget, ChunkDef, ContextMap, Sections, Source};
use std::collections::HashMap;
use types::{CacheClass, Count, Marked, Percent, Place, Role, UnitError, parse_duration};

const MAP_EXAMPLE: &str = "[{ id: history, history: true, flexible: true }]";
const CHUNK_EXAMPLE: &str = "{ id: charter, role: system, file: charter.md }";
const STATE_CHUNK_EXAMPLE: &str = "{ text: Check your own work. }";
/// Kept as long as most others.
const DEFAULT_PRIORITY: u8 = 5;

/// An agent's map; `summary` says whether the agent names a plugin that sums up its history.
pub(crate) fn map(walk: &mut Walk, node: &Node, summary: bool) -> ContextMap {
    let items = walk
        .list(node, "`context`", MAP_EXAMPLE)
        .unwrap_or_default();
    let chunks: Vec<ChunkDef> = items
        .iter()
        .filter_map(|item| chunk(walk, item, None, summary))
        .collect();
    let map = ContextMap {
        chunks,
        ..ContextMap::default()
    };
    unique_ids(walk, &map);
    one_flexible(walk, &map);
    // A chunk that could not be read may have been the history.
    if map.chunks.len() == items.len() && node.list().is_some() {
        has_history(walk, &map, &node.place);
    }
    map
}

/// An agent's `payload`: how `map` is gathered and written as a whole.
pub(crate) fn payload(walk: &mut Walk, node: &Node, map: &mut ContextMap) {
    let example = "{ deadline: 5s, sections: auto }";
    let Some(mut fields) = Fields::of(walk, node, "`payload`", example) else {
        return;
    };
    if let Some(node) = fields.take("deadline")
        && let Some(deadline) = walk.unit(node, "`deadline`", parse_duration)
    {
        if deadline.is_zero() {
            walk.error(
                &node.place,
                "in no time at all nothing can be gathered",
                "write how long files and plugins may take together, for instance `5s`, the default",
            );
        }
        map.deadline = deadline.value;
    }
    if let Some(node) = fields.take("sections") {
        let words = [
            ("auto", Sections::ByModel),
            ("xml", Sections::Xml),
            ("plain", Sections::Plain),
        ];
        let sections = walk.word(node, "a way to mark off chunks", &words);
        map.sections = sections.unwrap_or_default();
    }
    fields.finish(walk, "`payload`");
}

/// What a state adds to its slot; `state` names the chunks that have no id.
pub(crate) fn state_chunks(walk: &mut Walk, node: &Node, state: &str) -> Vec<ChunkDef> {
    walk.list(node, "`context`", &format!("[{STATE_CHUNK_EXAMPLE}]"))
        .unwrap_or_default()
        .iter()
        .enumerate()
        .filter_map(|(n, item)| chunk(walk, item, Some(format!("{state}.{}", n + 1)), false))
        .collect()
}

/// One chunk: of a map when it has no `default_id`, of a state when it has.
fn chunk(
    walk: &mut Walk,
    node: &Node,
    default_id: Option<String>,
    summary: bool,
) -> Option<ChunkDef> {
    let example = match default_id {
        None => CHUNK_EXAMPLE,
        Some(_) => STATE_CHUNK_EXAMPLE,
    };
    let mut fields = Fields::of(walk, node, "a chunk", example)?;
    let of_state = default_id.is_some();
    let id = match default_id {
        None => fields
            .need(walk, "id", "this chunk", "id: charter")
            .and_then(|node| walk.name(node, "a chunk's id")),
        Some(default) => match fields.take("id") {
            Some(node) => walk.name(node, "a chunk's id"),
            None => Some(Marked::new(default, node.place.clone())),
        },
    };
    let source = source::source(walk, &mut fields, of_state);
    let role = fields.take("role").map_or(Some(Role::User), |node| {
        walk.word(
            node,
            "a role",
            &[("system", Role::System), ("user", Role::User)],
        )
    });
    let budget = fields
        .take("budget")
        .and_then(|node| walk.unit(node, "`budget`", parse_budget));
    let trim = fields.take("trim").map(|node| trim::read(walk, node));
    let priority = fields
        .take("priority")
        .map_or(DEFAULT_PRIORITY, |node| priority(walk, node));
    let flexible = if of_state {
        None
    } else {
        fields
            .take_entry("flexible")
            .filter(|(_, node)| walk.bool(node, "`flexible`") == Some(true))
    };
    let cache = fields
        .take("cache")
        .map_or(Some(CacheClass::default()), |node| {
            let words = [
                ("stable", CacheClass::Stable),
                ("volatile", CacheClass::Volatile),
            ];
            walk.word(node, "a cache class", &words)
        });
    if let (Some((key, _)), Some(_)) = (flexible, &budget) {
        walk.error(
            &key.place,
            "a flexible chunk takes what the others leave, so it cannot have a `budget` as well",
            "remove one of the two",
        );
    }
    fields.finish_with(walk, "a chunk", |name| {
        (of_state && name == "flexible")
            .then(|| "only a chunk of an agent's own map can be flexible".to_owned())
    });
    let source = source?;
    Some(ChunkDef {
        id: id?,
        role: role?,
        trim: trim::of(walk, &source, trim, summary),
        source,
        budget,
        priority,
        flexible: flexible.is_some(),
        cache: cache?,
        place: node.place.clone(),
    })
}

/// A share of the window, or a number of tokens.
pub(crate) fn parse_budget(text: &str) -> Result<Budget, UnitError> {
    if text.trim_end().ends_with('%') {
        return Percent::parse(text).map(Budget::Share);
    }
    Count::parse(text)
        .map(|count| Budget::Tokens(count.0))
        .map_err(|_| UnitError {
            message: format!("`{}` is no budget", shown(text)),
            help: "write a share of the window such as `4%`, or a number of tokens such as `2000` or `2k`",
        })
}

/// The tokens that `budget` is of a window of `window`.
pub(crate) fn tokens_of(budget: Budget, window: u64) -> u64 {
    match budget {
        Budget::Share(share) => share.of(window),
        Budget::Tokens(tokens) => tokens,
    }
}

fn priority(walk: &mut Walk, node: &Node) -> u8 {
    let Some(number) = walk.whole(node, "`priority`") else {
        return DEFAULT_PRIORITY;
    };
    u8::try_from(number)
        .ok()
        .filter(|n| *n <= 100)
        .unwrap_or_else(|| {
            walk.error(
                &node.place,
                format!("the priority {number} is too high"),
                "write a number from 0 to 100; a higher one is kept longer, and the default is 5",
            );
            DEFAULT_PRIORITY
        })
}

fn unique_ids(walk: &mut Walk, map: &ContextMap) {
    let mut first: HashMap<&str, &Place> = HashMap::new();
    for chunk in &map.chunks {
        match first.get(chunk.id.as_str()) {
            None => {
                first.insert(&chunk.id, &chunk.id.place);
            }
            Some(place) => walk.error(
                &chunk.id.place,
                format!(
                    "two chunks have the id `{}`; the first is on line {}",
                    *chunk.id, place.line
                ),
                "give each chunk an id of its own",
            ),
        }
    }
}

fn one_flexible(walk: &mut Walk, map: &ContextMap) {
    let mut flexible = map.chunks.iter().filter(|chunk| chunk.flexible);
    let Some(first) = flexible.next() else {
        return;
    };
    for chunk in flexible {
        walk.error(
            &chunk.place,
            format!("`{}` is flexible, and so is `{}`", *chunk.id, *first.id),
            "only one chunk can take what the others leave: give this one a `budget`",
        );
    }
}

fn has_history(walk: &mut Walk, map: &ContextMap, place: &Place) {
    if !map
        .chunks
        .iter()
        .any(|chunk| chunk.source == Source::History)
    {
        walk.warning(
            place,
            "this map has no `history`, so the model will not see the conversation, not even what its tools answered",
            "add `{ id: history, history: true, flexible: true, trim: oldest }`",
        );
    }
}

/// Complain of budgets that promise more than the window of `window` tokens holds.
pub(crate) fn check_budgets(walk: &mut Walk, map: &ContextMap, window: Option<u64>) {
    let mut hundredths = 0u64;
    let mut tokens = 0u64;
    for budget in map.chunks.iter().filter_map(|chunk| chunk.budget.as_ref()) {
        match budget.value {
            Budget::Share(share) => hundredths += u64::from(share.0),
            Budget::Tokens(n) => tokens = tokens.saturating_add(n),
        }
        if hundredths > 10_000 {
            walk.error(
                &budget.place,
                format!("up to here the budgets add up to {}%", hundredths as f64 / 100.0),
                "lower them to 100% or less in all; history and other flexible chunks take what is left",
            );
            return;
        }
        let Some(window) = window else { continue };
        let shares = u128::from(window) * u128::from(hundredths) / 10_000;
        let taken = shares + u128::from(tokens);
        if taken > u128::from(window) {
            walk.error(
                &budget.place,
                format!(
                    "up to here the budgets add up to {taken} tokens, and the window has {window}"
                ),
                "lower them; the window is `context_length` less `max_output`",
            );
            return;
        }
    }
}
