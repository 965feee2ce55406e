//! Agents.

use super::context::{budget, map_chunk};
use super::policy::overlay;
use super::{
    Definitions, count, doc, duration, list, money, name, object, percent, purpose, text, version,
    whole, words,
};
use crate::budget::Of;
use serde_json::{Value, json};

pub(super) fn agent() -> (Value, Definitions) {
    let agent = object(
        "an agent",
        "An agent: which model it asks, how it thinks, what it sees, what it may do and what it may cost.",
        &["agent", "model", "cognition", "context"],
        [
            ("agent", name("The agent's name.")),
            ("version", version()),
            ("doc", doc()),
            ("model", model()),
            ("cognition", text("The chart of how it thinks.")),
            (
                "plugins",
                list(
                    "The plugins whose tools and chunks it may use.",
                    text("A plugin of the house."),
                ),
            ),
            (
                "guards",
                list(
                    "The plugins that inspect every item on its way in or out, in this order.",
                    text("A plugin of the house."),
                ),
            ),
            (
                "context",
                list(
                    "What the model sees, in the order it is sent: stable first, volatile last.",
                    map_chunk(),
                ),
            ),
            ("roles", super::serve::roles()),
            (
                "children",
                super::serve::children(money(
                    "US dollars that they and all below them may cost together, in the whole life of a run.",
                )),
            ),
            ("payload", payload()),
            (
                "policy",
                overlay("What it may do, over the house's default."),
            ),
            (
                "budget",
                super::budget::budget(Of::Agent, "What it may spend."),
            ),
            ("purpose", purpose()),
            ("memory", memory()),
        ],
    );
    (agent, Definitions::new())
}

fn provider() -> Value {
    text("A provider of the house.")
}

fn model_name() -> Value {
    text("The model's name at that provider.")
}

fn temperature() -> Value {
    json!({ "description": "Sampling temperature; the provider's default when absent.", "type": "number", "minimum": 0, "maximum": 2 })
}

fn reasoning() -> Value {
    words(
        "How long it may think before it answers.",
        &["low", "medium", "high"],
    )
}

fn model() -> Value {
    let fallback = object(
        "a fallback",
        "A model that is asked when the one before it cannot answer. Numbers that it does not give are the first model's.",
        &["provider", "name"],
        [
            ("provider", provider()),
            ("name", model_name()),
            (
                "context_length",
                count("Tokens that input and output share.", "128k"),
            ),
            (
                "max_output",
                count("Tokens kept free for the answer.", "8192"),
            ),
            ("temperature", temperature()),
            ("reasoning", reasoning()),
        ],
    );
    object(
        "`model`",
        "The model it asks.",
        &["provider", "name", "context_length", "max_output"],
        [
            ("provider", provider()),
            ("name", model_name()),
            (
                "context_length",
                count("Tokens that input and output share.", "131072"),
            ),
            (
                "max_output",
                count("Tokens kept free for the answer.", "8192"),
            ),
            ("temperature", temperature()),
            ("reasoning", reasoning()),
            (
                "tokens",
                words(
                    "How tokens are counted before a payload is sent.",
                    &["estimate", "exact", "o200k_base", "cl100k_base"],
                ),
            ),
            (
                "fallback",
                list("Models that are asked instead, in this order.", fallback),
            ),
        ],
    )
}

fn payload() -> Value {
    object(
        "`payload`",
        "How the map is gathered and written as a whole.",
        &[],
        [
            (
                "deadline",
                duration(
                    "How long gathering all chunks may take together; 5s by default.",
                    "5s",
                ),
            ),
            (
                "sections",
                words(
                    "How chunks are marked off: as the model's family likes it, by XML tags, or not at all.",
                    &["auto", "xml", "plain"],
                ),
            ),
        ],
    )
}

fn memory() -> Value {
    let summary = object(
        "`summary`",
        "The rolling summary of what leaves the window, for a history with `trim: summary`.",
        &["plugin"],
        [
            ("plugin", text("The plugin of the house that writes it.")),
            (
                "at",
                percent(
                    "How full the history's room may become; 70% by default.",
                    "70%",
                ),
            ),
            ("every", whole("Also after so many inferences.", 1)),
            ("budget", budget("How long it may be; 5% by default.")),
            ("usd_per_day", money("What summing up may cost in a day.")),
        ],
    );
    let consolidate = object(
        "`consolidate`",
        "When memories are put in order.",
        &["plugin", "every"],
        [
            ("plugin", text("The plugin that does it.")),
            ("every", duration("How often.", "6h")),
            ("usd", money("What one time may cost.")),
        ],
    );
    object(
        "`memory`",
        "What becomes of its past.",
        &[],
        [("summary", summary), ("consolidate", consolidate)],
    )
}
