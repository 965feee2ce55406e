//! Chunks: of an agent's map, and of a state.

use super::{count, duration, either, list, name, named, object, percent, text, truth, words};
use serde_json::{Value, json};

/// Keys of a chunk that only an agent's own map can have.
const OF_MAPS: [&str; 4] = ["tools", "history", "slot", "flexible"];
const SOURCES: [&str; 8] = [
    "text", "file", "template", "plugin", "memory", "tools", "history", "slot",
];

/// A chunk of an agent's map.
pub(super) fn map_chunk() -> Value {
    let mut chunk =
        chunk("One entry of the map: where its text comes from, and how much of it there may be.");
    chunk["required"] = json!(["id"]);
    sources(&mut chunk, &SOURCES);
    chunk
}

/// A chunk that a state adds to its slot.
pub(super) fn state_chunk() -> Value {
    let mut chunk = chunk("What the model reads while the state is active.");
    if let Some(properties) = chunk["properties"].as_object_mut() {
        properties.retain(|key, _| !OF_MAPS.contains(&key.as_str()));
    }
    let rest: Vec<&str> = SOURCES
        .into_iter()
        .filter(|source| !OF_MAPS.contains(source))
        .collect();
    sources(&mut chunk, &rest);
    chunk
}

/// Exactly one source, and what belongs to a plugin only with one.
fn sources(chunk: &mut Value, sources: &[&str]) {
    let required = sources.iter().map(|source| json!({ "required": [source] }));
    chunk["oneOf"] = required.collect();
    chunk["dependentRequired"] = json!({
        "params": ["plugin"],
        "expires": ["plugin"],
        "depends": ["plugin"],
    });
}

fn chunk(description: &str) -> Value {
    object(
        "a chunk",
        description,
        &[],
        [
            ("id", name("Its id, unique in the map.")),
            ("text", text("Fixed text.")),
            (
                "file",
                text("A text file of the house, relative to this one or to the house."),
            ),
            ("template", template()),
            ("plugin", text("The context plugin that provides it.")),
            ("params", named("What the plugin is given.", json!(true))),
            (
                "expires",
                duration(
                    "How long the plugin's answer stays good; it is asked for every payload when absent.",
                    "10m",
                ),
            ),
            (
                "depends",
                list(
                    "What the answer depends on beside its parameters.",
                    words(
                        "When it is another, the plugin is asked again.",
                        &["states", "query"],
                    ),
                ),
            ),
            (
                "memory",
                words(
                    "A layer of memory: what happened, what is so, how something is done.",
                    &["episodes", "facts", "skills"],
                ),
            ),
            (
                "tools",
                words(
                    "The tools: those that are open now, or all that some state could open, which keeps the cache.",
                    &["allowed", "declared"],
                ),
            ),
            (
                "history",
                json!({ "description": "The conversation.", "const": true }),
            ),
            (
                "slot",
                words(
                    "What the active states add: of the agent's own chart, or of the workflow it is bound to.",
                    &["cognition", "workflow"],
                ),
            ),
            ("role", words("Who speaks.", &["system", "user"])),
            ("budget", budget("How much it may hold.")),
            (
                "trim",
                words(
                    "How it is cut to its budget.",
                    &["never", "oldest", "tail", "middle", "lowest", "summary"],
                ),
            ),
            (
                "priority",
                json!({ "description": "A higher one is kept longer; 5 by default.", "type": "integer", "minimum": 0, "maximum": 100 }),
            ),
            (
                "flexible",
                truth("Whether it takes what the others leave; one chunk can."),
            ),
            (
                "cache",
                words(
                    "Whether its text stays the same for the whole run.",
                    &["stable", "volatile"],
                ),
            ),
        ],
    )
}

fn template() -> Value {
    let file = object(
        "a template",
        "The file that the template is in.",
        &["file"],
        [(
            "file",
            text("A file of the house, relative to this one or to the house."),
        )],
    );
    let inline = text("The template itself.");
    either(
        "A Jinja template, filled for every payload. It knows `agent`, `model`, `data`, `states`, `tools`, `prompt`, `now` and `date`.",
        [inline, file],
    )
}

/// A share of the window, or tokens.
pub(super) fn budget(description: &str) -> Value {
    let share = percent("A share of `context_length` less `max_output`.", "4%");
    either(description, [share, count("A number of tokens.", "2k")])
}
