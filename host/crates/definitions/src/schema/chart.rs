//! Charts.

use super::context::state_chunk;
use super::policy::overlay;
use super::{
    DURATION, Definitions, as_written, doc, duration, either, list, money, name, named, object,
    one_or_more, purpose, reference, text, truth, version, words,
};
use crate::budget::Of;
use crate::chart::OUTCOME_BYTES_MAX;
use serde_json::{Value, json};

pub(super) fn chart() -> (Value, Definitions) {
    let chart = object(
        "a chart",
        "A statechart: how an agent thinks, or what is worked on.",
        &["chart", "states"],
        [
            ("chart", name("The chart's name.")),
            ("version", version()),
            ("doc", doc()),
            (
                "kind",
                words(
                    "How an agent thinks, or what is worked on.",
                    &["cognition", "workflow"],
                ),
            ),
            (
                "data",
                named(
                    "What the chart remembers, each with its first value.",
                    json!(true),
                ),
            ),
            ("tags", tags()),
            ("roles", named("The roles of a workflow.", role())),
            (
                "budget",
                super::budget::budget(Of::Workflow, "What a workflow may spend."),
            ),
            ("purpose", purpose()),
            (
                "signed",
                truth(
                    "Whether whoever hands in, says or binds anything in an instance of this workflow signs it.",
                ),
            ),
            ("migrate", migrate()),
            ("initial", initial()),
            ("states", states()),
            ("on", on()),
        ],
    );
    let definitions = [
        ("state", state()),
        ("transition", transition()),
        (
            "actions",
            one_or_more("What is done, in this order.", reference("action")),
        ),
        ("action", action()),
        ("expression", expression()),
    ];
    let definitions = definitions.map(|(name, schema)| (name.to_owned(), schema));
    (chart, definitions.into_iter().collect())
}

fn outcomes() -> Value {
    let mut word = text("A word.");
    word["maxLength"] = json!(OUTCOME_BYTES_MAX);
    let mut outcomes = one_or_more(
        "The words with which it hands in; any other is refused.",
        word,
    );
    outcomes["anyOf"][1]["minItems"] = json!(1);
    outcomes["anyOf"][1]["uniqueItems"] = json!(true);
    outcomes
}

fn tags() -> Value {
    one_or_more(
        "Words for people and programs, such as `needs-human`.",
        text("A tag."),
    )
}

fn states() -> Value {
    named(
        "States by id; ids are unique in the chart.",
        reference("state"),
    )
}

fn on() -> Value {
    named(
        "What events lead to. Names match by dot-separated prefix, and `*` matches all.",
        reference("transition"),
    )
}

fn state() -> Value {
    let mut after = named(
        "What happens when the state has been active for so long.",
        reference("transition"),
    );
    after["propertyNames"] = json!({ "pattern": DURATION });
    let state = object(
        "a state",
        "A state.",
        &[],
        [
            ("doc", doc()),
            ("tags", tags()),
            (
                "type",
                words(
                    "What else it may be than a plain state.",
                    &["parallel", "final", "history"],
                ),
            ),
            (
                "history",
                words("How much a history state remembers.", &["shallow", "deep"]),
            ),
            (
                "target",
                targets("Where a history state leads the first time."),
            ),
            ("initial", initial()),
            ("states", states()),
            ("entry", reference("actions")),
            ("exit", reference("actions")),
            ("on", on()),
            ("always", reference("transition")),
            ("after", after),
            (
                "invoke",
                one_or_more("What runs while the state is active.", invoke()),
            ),
            (
                "output",
                data("What a final state hands to what waits for it."),
            ),
            (
                "context",
                list(
                    "What the model reads while the state is active.",
                    state_chunk(),
                ),
            ),
            (
                "policy",
                overlay("What may be done while the state is active."),
            ),
            ("role", text("The role that a workflow's state offers.")),
        ],
    );
    either(
        "A state; nothing at all is one that only waits.",
        [state, json!({ "type": "null" })],
    )
}

fn targets(description: &str) -> Value {
    one_or_more(description, as_written("A state's id."))
}

fn initial() -> Value {
    let whole = object(
        "`initial`",
        "Where it begins, and what is done then.",
        &["target"],
        [
            ("target", targets("Where it begins.")),
            ("actions", reference("actions")),
            ("doc", doc()),
        ],
    );
    either("Where it begins.", [targets("Where it begins."), whole])
}

fn transition() -> Value {
    let whole = object(
        "a transition",
        "A transition; without a target it does its actions and stays.",
        &[],
        [
            ("target", targets("Where it leads.")),
            ("guard", reference("expression")),
            ("actions", reference("actions")),
            (
                "reenter",
                truth("Whether the source is left and entered again when the target lies in it."),
            ),
            ("doc", doc()),
        ],
    );
    let one = either(
        "A target, or a transition.",
        [as_written("A state's id."), whole],
    );
    let several = json!({ "type": "array", "minItems": 1, "items": &one });
    either(
        "Where it leads; of a list the first that is enabled.",
        [one, several],
    )
}

fn expression() -> Value {
    either(
        "An expression over `data` and `event`.",
        [
            json!({ "type": ["string", "number", "boolean", "null"] }),
            json!({ "type": "array", "maxItems": 0 }),
            json!({ "type": "object", "maxProperties": 0 }),
        ],
    )
}

/// An expression, or names with expressions.
fn data(description: &str) -> Value {
    let each = named("Names with expressions.", reference("expression"));
    either(description, [reference("expression"), each])
}

/// Text, or `{ expr: … }`.
fn text_or_expression(title: &str, description: &str) -> Value {
    let computed = object(
        title,
        "Computed.",
        &["expr"],
        [("expr", reference("expression"))],
    );
    either(description, [text(description), computed])
}

fn action() -> Value {
    let mut action = object(
        "an action",
        "One action.",
        &[],
        [
            (
                "assign",
                named("Sets entries of `data`.", reference("expression")),
            ),
            ("raise", raise()),
            ("send", send()),
            (
                "cancel",
                text_or_expression(
                    "the id of a delayed send",
                    "Takes back a delayed send, by its id.",
                ),
            ),
            ("log", log()),
            ("if", reference("expression")),
            ("then", reference("actions")),
            ("else", reference("actions")),
            ("foreach", foreach()),
            ("doc", doc()),
        ],
    );
    let kinds = ["assign", "raise", "send", "cancel", "log", "if", "foreach"];
    action["oneOf"] = kinds
        .map(|kind| json!({ "required": [kind] }))
        .to_vec()
        .into();
    action["dependentRequired"] = json!({ "if": ["then"], "then": ["if"], "else": ["if"] });
    action
}

fn raise() -> Value {
    let whole = object(
        "`raise`",
        "An event with data.",
        &["event"],
        [
            ("event", text("Its name.")),
            ("data", data("What it carries.")),
        ],
    );
    either(
        "Raises an event in this chart, at once.",
        [text("Its name."), whole],
    )
}

fn send() -> Value {
    let computed = object(
        "`delay`",
        "Computed.",
        &["expr"],
        [("expr", reference("expression"))],
    );
    let whole = object(
        "`send`",
        "An event for somebody, or for later.",
        &["event"],
        [
            ("event", text_or_expression("an event's name", "Its name.")),
            (
                "target",
                text_or_expression(
                    "a target",
                    "`workflow` or `agent:NAME`; this chart itself when absent.",
                ),
            ),
            (
                "delay",
                either("When.", [duration("From now.", "10s"), computed]),
            ),
            ("id", text("By which `cancel` knows it.")),
            ("data", data("What it carries.")),
        ],
    );
    either("Sends an event.", [text("Its name."), whole])
}

fn log() -> Value {
    let whole = object(
        "`log`",
        "A value with a label.",
        &[],
        [
            ("label", as_written("What it is.")),
            ("expr", reference("expression")),
        ],
    );
    either("Writes into the record.", [as_written("The words."), whole])
}

fn foreach() -> Value {
    object(
        "`foreach`",
        "Does actions for each entry of a list.",
        &["array", "item", "actions"],
        [
            ("array", reference("expression")),
            (
                "item",
                text("The entry of `data` that holds the one at hand."),
            ),
            ("index", text("The entry of `data` that holds its number.")),
            ("actions", reference("actions")),
        ],
    )
}

fn invoke() -> Value {
    let call = object(
        "`params` of a plugin",
        "A tool and what it is given.",
        &["tool"],
        [
            ("tool", text("A tool's full name, such as `fs.read`.")),
            (
                "arguments",
                named(
                    "Fixed values; `{ expr: … }` is a computed one.",
                    json!(true),
                ),
            ),
        ],
    );
    let question = object(
        "`params` of a question",
        "What a person is asked.",
        &["question"],
        [(
            "question",
            json!({ "description": "The question; `{ expr: … }` is a computed one.", "type": ["string", "object"] }),
        )],
    );
    let computed = |what: &str| {
        let computed = object(
            "a computed parameter",
            "Computed.",
            &["expr"],
            [("expr", reference("expression"))],
        );
        either(what, [text(what), computed])
    };
    let budget = object(
        "the budget of a child agent",
        "What it may cost.",
        &["usd"],
        [("usd", money("US dollars, in its whole life."))],
    );
    let child = object(
        "`params` of a child agent",
        "An agent to start and what it is told.",
        &["agent"],
        [
            ("agent", computed("The agent's name.")),
            ("prompt", computed("What it is told.")),
            ("budget", budget),
            ("deadline", duration("How long it may take.", "10m")),
        ],
    );
    let activities = || {
        words(
            "What runs.",
            &["think", "act", "turn", "plugin", "ask", "agent"],
        )
    };
    let whole = object(
        "`invoke`",
        "An activity with what it is given.",
        &["activity"],
        [
            ("activity", activities()),
            ("id", name("By which the state knows it.")),
            (
                "params",
                either("What it is given.", [call, question, child]),
            ),
            (
                "autoforward",
                truth("Whether every event of the chart is passed on to it."),
            ),
            ("finalize", reference("actions")),
            ("doc", doc()),
        ],
    );
    either("An activity.", [activities(), whole])
}

fn role() -> Value {
    let role = object(
        "a role",
        "A role.",
        &[],
        [
            (
                "never",
                one_or_more("Roles that the same agent must not hold.", text("A role.")),
            ),
            ("outcomes", outcomes()),
            (
                "budget",
                super::budget::budget(Of::Role, "What whoever holds it may spend."),
            ),
            ("doc", doc()),
        ],
    );
    either(
        "A role; nothing at all is one without conditions.",
        [role, json!({ "type": "null" })],
    )
}

fn migrate() -> Value {
    let policy = || {
        words(
            "What happens to running instances.",
            &["migrate", "pin", "refuse"],
        )
    };
    let gone = either(
        "States that are gone, each with where the chart goes on.",
        [
            named(
                "Where the chart goes on.",
                json!({ "type": ["string", "null"] }),
            ),
            list(
                "Where it goes on at what is left around them.",
                text("A state that is gone."),
            ),
        ],
    );
    let whole = object(
        "`migrate`",
        "How running instances of the version before become instances of this one.",
        &[],
        [
            ("policy", policy()),
            (
                "renamed",
                named("States by their old names.", text("The new name.")),
            ),
            ("removed", gone),
            (
                "data",
                named(
                    "Entries of `data` by what they are computed from.",
                    reference("expression"),
                ),
            ),
        ],
    );
    either(
        "What happens to running instances when the chart changes.",
        [policy(), whole],
    )
}
