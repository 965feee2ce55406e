//! Policies: in a file of their own, in an agent, in a state, as the ceiling.

use super::{
    Definitions, as_written, bytes, count, doc, duration, either, list, name, named, object,
    one_or_more, pattern, secret, text, version, words,
};
use serde_json::{Value, json};

/// A policy's file.
pub(super) fn policy() -> (Value, Definitions) {
    let mut policy = overlay("Rules that a house names as its default.");
    policy["required"] = json!(["policy"]);
    for (key, value) in [
        ("policy", name("The policy's name.")),
        ("version", version()),
        ("doc", doc()),
    ] {
        policy["properties"][key] = value;
    }
    (policy, Definitions::new())
}

/// Rules that stand in something else.
pub(super) fn overlay(description: &str) -> Value {
    object(
        "a policy",
        description,
        &[],
        [
            (
                "tools",
                list(
                    "Which tools may be called. The last rule that matches wins; no match denies.",
                    tool_rule(),
                ),
            ),
            ("mounts", mounts()),
            (
                "net",
                list(
                    "Which addresses may be asked. The last rule that matches wins.",
                    net_rule(),
                ),
            ),
            (
                "exec",
                list(
                    "Which native commands may be run. The last rule that matches wins; no match denies.",
                    exec_rule(),
                ),
            ),
            (
                "env",
                named(
                    "Variables that the plugin sees.",
                    as_written("The value; never a secret."),
                ),
            ),
            ("limits", limits()),
            (
                "clock",
                words("What time it is for a plugin.", &["real", "frozen"]),
            ),
            (
                "random",
                words(
                    "Where a plugin's randomness comes from.",
                    &["real", "seeded"],
                ),
            ),
        ],
    )
}

fn tool_rule() -> Value {
    let tools = |description| {
        let tool = pattern(
            "A tool's name `plugin.tool`; `*` stands for anything.",
            "^[A-Za-z0-9.*_-]+$",
            "fs.*",
        );
        one_or_more(description, tool)
    };
    let mut rule = object(
        "a tool rule",
        "One verdict, and the tools it is about.",
        &[],
        [
            ("deny", tools("A call is refused, and the model reads why.")),
            ("ask", tools("A person is asked.")),
            ("allow", tools("A call is made.")),
        ],
    );
    one_key(&mut rule);
    rule
}

/// Exactly one key: a rule says one thing.
fn one_key(rule: &mut Value) {
    rule["minProperties"] = json!(1);
    rule["maxProperties"] = json!(1);
}

fn mounts() -> Value {
    let access = || {
        words(
            "What a plugin may do below it.",
            &["none", "read-only", "staged", "read-write"],
        )
    };
    let stage = object(
        "stage",
        "What one call may change where the access is staged.",
        &[],
        [
            (
                "bytes",
                bytes("Bytes of all files that it writes.", "64MiB"),
            ),
            (
                "files",
                count("Names that it makes, changes, moves or removes.", "1000"),
            ),
        ],
    );
    let mount = object(
        "a mount",
        "A directory that plugins see.",
        &[],
        [
            (
                "from",
                text("The directory, relative to the house or absolute."),
            ),
            ("access", access()),
            (
                "hide",
                list(
                    "Names below it that plugins do not see.",
                    text("A glob such as `**/.env`."),
                ),
            ),
            (
                "hard_links",
                words(
                    "What becomes of files that have several names.",
                    &["refuse", "allow"],
                ),
            ),
            ("stage", stage),
        ],
    );
    let mut mounts = named(
        "Directories by the paths that plugins see.",
        either("An access, or a directory with one.", [access(), mount]),
    );
    mounts["propertyNames"] = json!({ "pattern": "^/" });
    mounts
}

fn net_rule() -> Value {
    let url = |description| {
        let pattern = json!({ "description": "A pattern of URLs.", "type": "string", "pattern": "^(\\*\\*?|https?://[^\\s?#@\\\\]+)$" });
        one_or_more(description, pattern)
    };
    let secret = object(
        "a secret",
        "What the host adds to a request after it was checked.",
        &["header", "from"],
        [
            ("header", text("The header.")),
            ("from", secret("Where the value is.")),
            (
                "prefix",
                pattern("What stands before the value.", "^[ -~]{1,64}$", "Bearer "),
            ),
        ],
    );
    let methods = words(
        "A method.",
        &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    );
    let mut rule = object(
        "a network rule",
        "One verdict, and the addresses it is about.",
        &[],
        [
            ("deny", url("Addresses that are refused.")),
            (
                "allow",
                url("Addresses that may be asked, such as `https://api.github.com/repos/**`."),
            ),
            (
                "methods",
                list("The methods it is about; all when there are none.", methods),
            ),
            (
                "addresses",
                list(
                    "Addresses that the host's name may lead to although they are not on the internet.",
                    text("An address or a range such as `10.0.0.0/8`."),
                ),
            ),
            ("secret", secret),
        ],
    );
    rule["oneOf"] = json!([{ "required": ["deny"] }, { "required": ["allow"] }]);
    rule
}

fn exec_rule() -> Value {
    let argv = |description: &str| {
        let element = text("A pattern of one argument; `*` stands for anything.");
        let mut argv = list(description, element);
        argv["minItems"] = json!(1);
        argv["examples"] = json!([["cargo", "test", "**"]]);
        argv
    };
    let mut rule = object(
        "a command rule",
        "One verdict, and the commands it is about: a pattern for each argument, `**` at the end for any further ones.",
        &[],
        [
            ("deny", argv("It is refused, and the model reads why.")),
            ("ask", argv("A person is asked.")),
            (
                "allow",
                argv("It is run, confined to the mounts, without network."),
            ),
            (
                "env",
                named(
                    "Variables that it has. A value with `*` is a pattern of what the call may set.",
                    as_written("The value; never a secret."),
                ),
            ),
            (
                "deadline",
                duration("Time, in place of the limit for tools.", "10m"),
            ),
            (
                "memory",
                bytes("Memory, in place of the limit for tools.", "2GiB"),
            ),
            (
                "output",
                bytes(
                    "What it may write, in place of the limit for tools.",
                    "1MiB",
                ),
            ),
            (
                "processes",
                json!({ "type": "integer", "minimum": 1, "description": "Processes and threads at the same time; 256 unless this says otherwise." }),
            ),
            (
                "cpu",
                duration("Processor time of all its processes together.", "5m"),
            ),
        ],
    );
    rule["oneOf"] =
        json!([{ "required": ["deny"] }, { "required": ["ask"] }, { "required": ["allow"] }]);
    rule
}

fn limits() -> Value {
    object(
        "limits",
        "What a call may use.",
        &[],
        [
            ("memory", bytes("Memory, all of it together.", "64MiB")),
            ("fuel", count("Instructions, about.", "2G")),
            (
                "deadline",
                duration("Time, calls of the host included.", "5s"),
            ),
            ("output", bytes("What it may answer.", "256KiB")),
            (
                "calls",
                pattern("Calls in a turn.", "^\\s*[0-9]+\\s*/turn$", "20/turn"),
            ),
            (
                "requests",
                pattern(
                    "Requests that a call may make.",
                    "^\\s*[0-9]+\\s*/call$",
                    "50/call",
                ),
            ),
            (
                "sent",
                bytes("What a call may send over the network.", "1MiB"),
            ),
            (
                "received",
                bytes("What a call may receive from the network.", "16MiB"),
            ),
        ],
    )
}
