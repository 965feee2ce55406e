//! `serve` of a house.

use super::{
    as_written, doc, duration, either, list, name, named, object, pattern, secret, text, truth,
    whole, words,
};
use serde_json::{Value, json};

pub(super) fn serve() -> Value {
    let kept = object(
        "a kept agent",
        "An agent with what it is told first.",
        &["agent"],
        [
            ("agent", text("An agent of the house.")),
            ("prompt", text("What it is told first.")),
        ],
    );
    object(
        "`serve`",
        "What `charthouse serve` starts and when.",
        &[],
        [
            (
                "http",
                pattern(
                    "The address and port where it listens for triggers and for whoever asks after its health; nowhere when absent. A loopback address, unless \
                     `public` says otherwise.",
                    "^(localhost|[0-9.]+|\\[[0-9A-Fa-f:.%]+\\]):[0-9]+$",
                    "127.0.0.1:7070",
                ),
            ),
            (
                "public",
                truth(
                    "Whether it may listen where other machines can reach it; then each HTTP trigger needs a `secret`.",
                ),
            ),
            (
                "keep",
                list(
                    "Agents that are always up: started at once, and restarted when they fail.",
                    either("An agent.", [text("An agent of the house."), kept]),
                ),
            ),
            (
                "triggers",
                named("What starts runs and workflows, by name.", trigger()),
            ),
            ("restart", restart()),
            (
                "most_running",
                whole(
                    "How many runs may be active at the same time; 64 by default. Those that wait for something are not active.",
                    1,
                ),
            ),
        ],
    )
}

fn trigger() -> Value {
    let mut trigger = object(
        "a trigger",
        "What starts a run of an agent, or an instance of a workflow.",
        &[],
        [
            ("agent", text("The agent to start.")),
            (
                "prompt",
                text(
                    "What the agent is told: a template with the name `trigger`, which has `name`, `kind`, `due`, and, by kind, `path`, `method`, `query` and `body`.",
                ),
            ),
            ("workflow", text("The workflow to start an instance of.")),
            (
                "input",
                named(
                    "What the workflow begins with; texts in it are templates as `prompt` is.",
                    json!(true),
                ),
            ),
            (
                "cron",
                pattern(
                    "Times by the calendar: minute, hour, day of the month, month, day of the week; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.",
                    "^\\s*(\\S+\\s+\\S+\\s+\\S+\\s+\\S+\\s+\\S+|@[A-Za-z]+)\\s*$",
                    "0 3 * * *",
                ),
            ),
            (
                "zone",
                as_written(
                    "The zone of `cron`: `UTC`, the default, or an offset such as `+01:00`.",
                ),
            ),
            (
                "every",
                duration(
                    "Again and again, at the multiples of this time since 1970.",
                    "15m",
                ),
            ),
            (
                "files",
                text(
                    "Files that come or change: a glob relative to the house, or below a mount of the agent.",
                ),
            ),
            (
                "settle",
                duration(
                    "How long a file must have been left alone; 2s by default.",
                    "2s",
                ),
            ),
            (
                "http",
                pattern(
                    "The path of requests.",
                    "^/[A-Za-z0-9._~/-]+$",
                    "/hooks/build",
                ),
            ),
            (
                "secret",
                secret(
                    "What requests must know; needed wherever other machines can reach the host.",
                ),
            ),
            (
                "methods",
                list(
                    "The methods that are taken; POST by default.",
                    words("A method.", &["GET", "POST", "PUT", "PATCH", "DELETE"]),
                ),
            ),
            (
                "overlap",
                words(
                    "While what it started the time before is still going on: start nothing (the default), start when that has ended, or start beside it.",
                    &["skip", "queue", "parallel"],
                ),
            ),
            (
                "missed",
                words(
                    "When times passed while the host was down: start once (the default), not at all, or once for each.",
                    &["once", "skip", "all"],
                ),
            ),
            ("doc", doc()),
        ],
    );
    let one_of = |keys: &[&str]| {
        let ways: Vec<Value> = keys
            .iter()
            .map(|key| json!({ "required": [key] }))
            .collect();
        json!({ "oneOf": ways })
    };
    trigger["allOf"] = json!([
        one_of(&["agent", "workflow"]),
        one_of(&["cron", "every", "files", "http"])
    ]);
    trigger["dependentRequired"] = json!({
        "prompt": ["agent"], "input": ["workflow"], "zone": ["cron"], "settle": ["files"], "secret": ["http"], "methods": ["http"],
    });
    trigger
}

fn restart() -> Value {
    object(
        "`restart`",
        "What becomes of agents that fail.",
        &[],
        [
            (
                "first",
                duration(
                    "The pause before the first restart, which doubles each time; 1s by default.",
                    "1s",
                ),
            ),
            ("most", duration("The longest pause; 5m by default.", "5m")),
            (
                "crashes",
                whole(
                    "After so many failures within `within` the agent is given up; 5 by default.",
                    1,
                ),
            ),
            (
                "within",
                duration(
                    "The time in which failures are counted; 10m by default.",
                    "10m",
                ),
            ),
        ],
    )
}

/// The agents that an agent may start.
pub(super) fn children(money: Value) -> Value {
    object(
        "`children`",
        "The agents that it may start by the activity `agent`; without this, none.",
        &[],
        [
            (
                "depth",
                json!({ "description": "Generations below it; 1, the default, is children that start none themselves.", "type": "integer", "minimum": 1, "maximum": 8 }),
            ),
            (
                "at_once",
                whole("How many may run at the same time; 4 by default.", 1),
            ),
            (
                "total",
                whole(
                    "How many it may start in the whole life of a run; 100 by default.",
                    1,
                ),
            ),
            ("usd", money),
        ],
    )
}

/// The roles that an agent takes by itself.
pub(super) fn roles() -> Value {
    list(
        "The roles of workflows whose offers it takes by itself when it is free; without this it is bound by command only.",
        name("A role."),
    )
}
