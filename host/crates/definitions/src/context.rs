//! Context maps and the chunks that states add. What becomes of them is `context`'s business.

use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use context::{Budget, ChunkDef, ContextMap, Slot, Source, ToolsMode, Trim};
use std::collections::HashMap;
use types::{CacheClass, Count, Marked, Percent, Place, Role, UnitError};

const MAP_EXAMPLE: &str = "[{ id: history, history: true, flexible: true }]";
const CHUNK_EXAMPLE: &str = "{ id: charter, role: system, file: charter.md }";
const STATE_CHUNK_EXAMPLE: &str = "{ text: Check your own work. }";
/// Kept as long as most others.
const DEFAULT_PRIORITY: u8 = 5;

/// An agent's map.
pub(crate) fn map(walk: &mut Walk, node: &Node) -> ContextMap {
    let items = walk
        .list(node, "`context`", MAP_EXAMPLE)
        .unwrap_or_default();
    let chunks: Vec<ChunkDef> = items
        .iter()
        .filter_map(|item| chunk(walk, item, None))
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
    stable_first(walk, &map);
    map
}

/// What a state adds to its slot; `state` names the chunks that have no id.
pub(crate) fn state_chunks(walk: &mut Walk, node: &Node, state: &str) -> Vec<ChunkDef> {
    walk.list(node, "`context`", &format!("[{STATE_CHUNK_EXAMPLE}]"))
        .unwrap_or_default()
        .iter()
        .enumerate()
        .filter_map(|(n, item)| chunk(walk, item, Some(format!("{state}.{}", n + 1))))
        .collect()
}

/// One chunk: of a map when it has no `default_id`, of a state when it has.
fn chunk(walk: &mut Walk, node: &Node, default_id: Option<String>) -> Option<ChunkDef> {
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
    let source = source(walk, &mut fields, of_state);
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
    let trim = fields
        .take("trim")
        .map(|node| (trim(walk, node), &node.place));
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
        trim: trim_of(walk, &source, trim),
        source,
        budget,
        priority,
        flexible: flexible.is_some(),
        cache: cache?,
        place: node.place.clone(),
    })
}

/// The one source that a chunk has.
fn source(walk: &mut Walk, fields: &mut Fields<'_>, of_state: bool) -> Option<Source> {
    let place = fields.place().clone();
    let text = fields.take("text");
    let file = fields.take("file");
    let plugin = fields.take("plugin");
    let params = fields.take_entry("params");
    let (mut tools, mut history, mut slot, mut memory) = (None, None, None, None);
    if !of_state || fields.node.get("memory").is_some() {
        memory = fields.take("memory");
    }
    if !of_state {
        tools = fields.take("tools");
        history = fields.take("history");
        slot = fields.take("slot");
    }
    let given = [text, file, plugin, tools, history, slot, memory];
    let list = if of_state {
        "`text`, `file` or `plugin`"
    } else {
        "`text`, `file`, `tools`, `history`, `slot` or `plugin`"
    };
    match given.iter().flatten().count() {
        1 => {}
        0 => {
            let elsewhere = ["tools", "history", "slot"]
                .iter()
                .any(|key| fields.node.get(key).is_some());
            let (message, help) = if elsewhere {
                (
                    "this source belongs into an agent's map, not into a state",
                    format!("a state can add {list}"),
                )
            } else {
                ("this chunk has no source", format!("give it one of {list}"))
            };
            ["tools", "history", "slot"].iter().for_each(|key| {
                fields.take(key);
            });
            walk.error(&place, message, help);
            return None;
        }
        _ => {
            walk.error(
                &place,
                "this chunk has more than one source",
                format!("give it exactly one of {list}, and make the rest chunks of their own"),
            );
            return None;
        }
    }
    if let (Some((key, _)), None) = (params, plugin) {
        walk.error(
            &key.place,
            "`params` belongs to chunks of a plugin",
            "remove it, or name the `plugin` that takes them",
        );
    }
    if let Some(node) = text {
        return walk
            .text(node, "`text`")
            .map(|text| Source::Text(text.into()));
    }
    if let Some(node) = file {
        return walk.marked(node, "`file`").map(Source::File);
    }
    if let Some(node) = tools {
        let words = [
            ("allowed", ToolsMode::Allowed),
            ("declared", ToolsMode::Declared),
        ];
        return walk
            .word(node, "a way to offer tools", &words)
            .map(Source::Tools);
    }
    if let Some(node) = history {
        return match walk.bool(node, "`history`") {
            Some(true) => Some(Source::History),
            Some(false) => {
                walk.error(
                    &node.place,
                    "`history: false` is no source",
                    "write `history: true`, or remove the chunk",
                );
                None
            }
            None => None,
        };
    }
    if let Some(node) = slot {
        let words = [("cognition", Slot::Cognition), ("workflow", Slot::Workflow)];
        return walk.word(node, "a slot", &words).map(Source::Slot);
    }
    if let Some(node) = plugin {
        let params = match params {
            Some((_, node)) if node.map().is_some() => node.to_value(),
            Some((_, node)) => {
                walk.expected(node, "`params`", "a map", "write it as `{ depth: 3 }`");
                return None;
            }
            None => types::Value::map::<&str>([]),
        };
        return walk.marked(node, "`plugin`").map(|name| Source::Plugin {
            name,
            params,
            expires: None,
            depends: context::Depends::default(),
        });
    }
    let node = memory?;
    walk.error(
        &node.place,
        "chunks of `memory` are not available in this version",
        "remove the chunk, or let a context plugin provide the text: `plugin: NAME`",
    );
    None
}

fn parse_budget(text: &str) -> Result<Budget, UnitError> {
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

fn trim(walk: &mut Walk, node: &Node) -> Option<Trim> {
    if let Some(later @ ("middle" | "lowest" | "summary")) = node.text() {
        walk.error(
            &node.place,
            format!("the trim `{later}` is not available in this version"),
            "use `oldest` for the history, `tail` for other text, or `never`",
        );
        return None;
    }
    let words = [
        ("never", Trim::Never),
        ("oldest", Trim::Oldest),
        ("tail", Trim::Tail),
    ];
    walk.word(node, "a way to trim", &words)
}

/// How a chunk is trimmed, given what its author wrote: a conversation loses its oldest items, a text its end, the tools nothing.
fn trim_of(walk: &mut Walk, source: &Source, written: Option<(Option<Trim>, &Place)>) -> Trim {
    let (default, what, help) = match source {
        Source::History => (Trim::Oldest, "the history", "use `oldest` or `never`"),
        Source::Tools(_) => (
            Trim::Never,
            "the list of tools",
            "use `never`; to send fewer tools, narrow the policy",
        ),
        _ => (Trim::Tail, "a text", "use `tail` or `never`"),
    };
    match written {
        Some((Some(trim), place)) => {
            if trim != Trim::Never && trim != default {
                let word = if trim == Trim::Oldest {
                    "oldest"
                } else {
                    "tail"
                };
                walk.error(place, format!("{what} cannot be trimmed by `{word}`"), help);
            }
            trim
        }
        _ => default,
    }
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

fn stable_first(walk: &mut Walk, map: &ContextMap) {
    let Some(last) = map
        .chunks
        .iter()
        .rposition(|c| c.cache == CacheClass::Stable)
    else {
        return;
    };
    for chunk in &map.chunks[..last] {
        if chunk.cache == CacheClass::Volatile {
            walk.warning(
                &chunk.place,
                format!(
                    "`{}` may change from turn to turn and stands before `{}`, which is stable: whatever follows a change is not cached",
                    *chunk.id, *map.chunks[last].id
                ),
                "move the stable chunks to the front, or mark this one `cache: stable` if its text never changes",
            );
        }
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
