//! `house.yaml`.

use super::policy::overlay;
use super::{
    Definitions, as_written, count, doc, duration, either, list, money, name, named, object,
    one_or_more, pattern, secret, text, truth, version, whole, words,
};
use serde_json::{Map, Value, json};

pub(super) fn house() -> (Value, Definitions) {
    let house = object(
        "a house",
        "A house: where it keeps its records, whom it asks, which plugins it has and what it will never allow.",
        &["house"],
        [
            ("house", as_written("The house's name.")),
            ("version", version()),
            ("doc", doc()),
            (
                "store",
                pattern(
                    "Where the journal is; the path is relative to the house.",
                    "^sqlite:.+$",
                    "sqlite:.charthouse/journal.db",
                ),
            ),
            (
                "providers",
                named("Whom agents can ask, by name.", provider()),
            ),
            (
                "prices",
                named(
                    "What models cost, by name.",
                    one_or_more(
                        "A price, or a list of them by the days they hold from.",
                        price(),
                    ),
                ),
            ),
            (
                "plugins",
                named(
                    "Plugins by name, which is the prefix of their tools.",
                    plugin(),
                ),
            ),
            (
                "ceiling",
                overlay(
                    "What is never allowed, whatever other rules say. What it does not name it does not limit.",
                ),
            ),
            (
                "defaults",
                object(
                    "`defaults`",
                    "What holds where agents say nothing.",
                    &[],
                    [("policy", name("The policy beneath every agent's."))],
                ),
            ),
            ("serve", super::serve::serve()),
            ("people", named("Who may sign, by name.", person())),
            ("retention", retention()),
            ("controlled", controlled()),
        ],
    );
    (house, Definitions::new())
}

fn controlled() -> Value {
    let role = |description| name(description);
    let emergency = object(
        "`emergency`",
        "Changes that are in force before anybody else has looked at them.",
        &[],
        [
            (
                "role",
                role("The role that a person must have for it; usually `emergency`."),
            ),
            (
                "within",
                duration("How soon others must have approved it.", "24h"),
            ),
        ],
    );
    let whole_map = object(
        "`controlled`",
        "That definitions count only once they are released, and who decides that.",
        &[],
        [
            (
                "quorum",
                whole(
                    "How many of the board must approve a change, each somebody else.",
                    1,
                ),
            ),
            ("board", list("The roles that are asked.", role("A role."))),
            (
                "workflow",
                name("The workflow that a change goes through; usually `change-control`."),
            ),
            ("emergency", emergency),
        ],
    );
    either(
        "Whether charts, agents, policies and plugins count only at a released revision.",
        [truth("Whether they do."), whole_map],
    )
}

fn provider() -> Value {
    let record = || {
        text(
            "The cassette that answers are recorded on: a file inside the house, made when it is needed.",
        )
    };
    let server = |kind: &str, description: &str, required: &[&str]| {
        object(
            "a provider of this kind",
            description,
            required,
            [
                ("kind", json!({ "const": kind })),
                (
                    "base_url",
                    json!({ "description": "Its address.", "type": "string", "pattern": "^https?://[^@\\s]+$" }),
                ),
                ("key", secret("Where its key is; never the key itself.")),
                (
                    "model",
                    text("The model to ask it for, whatever the agent's definition says."),
                ),
                ("limits", limits()),
                ("timeout", timeout()),
                (
                    "retries",
                    json!({ "description": "How often a request is repeated.", "type": "integer", "minimum": 0, "maximum": 20 }),
                ),
                ("record", record()),
            ],
        )
    };
    let held =
        truth("Whether the server holds the conversation, so that a turn sends only what is new.");
    let mut responses = server(
        "openai-responses",
        "A server that speaks OpenAI's Responses.",
        &["kind", "base_url"],
    );
    if let Some(properties) = responses["properties"].as_object_mut() {
        let properties: &mut Map<String, Value> = properties;
        properties.insert("held".into(), held);
    }
    let scripted = object(
        "a provider of this kind",
        "Replies out of a script: no network, no cost.",
        &["kind", "file"],
        [
            ("kind", json!({ "const": "scripted" })),
            ("file", text("The script.")),
            ("record", record()),
        ],
    );
    let replay = object(
        "a provider of this kind",
        "Replies off a cassette: no network, no cost.",
        &["kind", "file"],
        [
            ("kind", json!({ "const": "replay" })),
            ("file", text("The cassette.")),
        ],
    );
    json!({ "description": "A model's server, or what stands in for one.", "oneOf": [
        server("openai", "A server that speaks OpenAI's chat completions.", &["kind", "base_url"]),
        responses,
        server("anthropic", "A server that speaks Anthropic's Messages; Anthropic's own by default.", &["kind"]),
        scripted,
        replay,
    ] })
}

fn limits() -> Value {
    let in_a_minute =
        |description, example| pattern(description, "^\\s*[0-9_.]+[kMGT]?\\s*/min$", example);
    object(
        "`limits`",
        "How much it may be asked, by all agents together. What would go beyond waits.",
        &[],
        [
            ("requests", in_a_minute("Requests in a minute.", "60/min")),
            (
                "tokens",
                in_a_minute("Tokens in a minute, sent and received.", "200k/min"),
            ),
            ("concurrent", whole("Requests at the same time.", 1)),
        ],
    )
}

fn timeout() -> Value {
    object(
        "`timeout`",
        "How long it may take.",
        &[],
        [
            ("connect", duration("Longest wait for a connection.", "10s")),
            ("idle", duration("Longest wait for the next byte.", "5m")),
            ("total", duration("Longest time for one answer.", "30m")),
        ],
    )
}

fn price() -> Value {
    object(
        "a price",
        "What a model costs from some day on.",
        &["from", "input", "output"],
        [
            (
                "from",
                pattern(
                    "The day, UTC.",
                    "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
                    "2026-01-31",
                ),
            ),
            ("input", money("For input.")),
            ("output", money("For output.")),
            (
                "cached",
                money(
                    "For input that the provider had cached; the price of other input when absent.",
                ),
            ),
            (
                "cache_write",
                money(
                    "For input that it puts into its cache; the price of other input when absent.",
                ),
            ),
            (
                "per",
                count("The number of tokens that the prices are for.", "1M"),
            ),
            ("currency", words("The currency.", &["USD"])),
        ],
    )
}

fn plugin() -> Value {
    let component = || text("The component's file.");
    let whole = object(
        "a plugin",
        "A component, and whether it is trusted.",
        &["component"],
        [
            ("component", component()),
            (
                "trusted",
                truth("Whether what it says of its tools counts; other tools are never repeated."),
            ),
            (
                "promote",
                words(
                    "When a component that is saved while an agent runs takes its place: as soon as it has been probed, or when it has answered the last calls as the one before does.",
                    &["at-once", "shadow"],
                ),
            ),
            (
                "quarantine",
                whole(
                    "Crashes in a row after which the last generation that worked is brought back; 0 is never, and 5 is usual.",
                    0,
                ),
            ),
            (
                "signed_by",
                text("The public key that must have signed its bytes: a PEM file below keys/."),
            ),
        ],
    );
    either("A plugin's component.", [component(), whole])
}

fn person() -> Value {
    let key = || {
        pattern(
            "A public key, as the .pub file of `ssh-keygen -t ed25519` has it.",
            "^\\s*ssh-ed25519 \\S+",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti ada@example.com",
        )
    };
    let mut person = object(
        "a person",
        "Somebody who signs: with which keys, and in which roles (absent: any).",
        &[],
        [
            ("key", key()),
            (
                "keys",
                json!({ "description": "Their keys, where they have several.", "type": "array", "minItems": 1, "items": key() }),
            ),
            (
                "roles",
                super::list("The roles that they may act in.", name("A role.")),
            ),
        ],
    );
    person["oneOf"] = json!([{ "required": ["key"] }, { "required": ["keys"] }]);
    person
}

fn retention() -> Value {
    let kinds = crate::house::BULKY.iter().map(|(kind, _)| *kind);
    let kept = || {
        json!({ "description": "How long the bodies of these records are kept after the end of their run.", "anyOf": [
            { "const": "forever" },
            duration("A time.", "400d"),
        ] })
    };
    let mut properties: Map<String, Value> = kinds.map(|kind| (kind.to_owned(), kept())).collect();
    let mut patterns = Map::new();
    for known in crate::house::KEPT_FOR_EVER {
        let for_ever = json!({ "description": "Kept for ever.", "const": "forever" });
        match known.strip_suffix('*') {
            Some(beginning) => {
                patterns.insert(format!("^{}", beginning.replace('.', "\\.")), for_ever);
            }
            None => {
                properties.insert((*known).to_owned(), for_ever);
            }
        }
    }
    json!({ "description": "How long the bodies of records are kept, by kind; `journal compact` takes out what is older.", "type": "object",
        "properties": properties, "patternProperties": patterns, "additionalProperties": false })
}
