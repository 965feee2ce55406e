//! One trigger: what it waits for, and what it starts.

use super::read::{name, time};
use super::schedule::Zone;
use super::{
    Cron, FilesOn, Input, Missed, On, Overlap, Prompt, Schedule, Starts, Trigger, files, http,
    prompt,
};
use crate::context::first_character;
use crate::paths::Paths;
use crate::suggest::shown;
use crate::tree::{Entry, Key, Node};
use crate::walk::{Fields, Walk, check_name};
use std::sync::Arc;
use std::time::Duration;
use types::SecretRef;

const EXAMPLE: &str = "{ agent: coder, every: 15m, prompt: \"…\" }";
/// Nothing is started more often by a schedule: a run takes longer.
const SHORTEST: Duration = Duration::from_secs(1);

/// What a trigger may wait for, by key.
const WAITS: [&str; 4] = ["cron", "every", "files", "http"];

/// Keys that belong to one of [`WAITS`].
const BESIDE: [(&str, &[&str]); 5] = [
    ("zone", &["cron"]),
    ("missed", &["cron", "every"]),
    ("settle", &["files"]),
    ("secret", &["http"]),
    ("methods", &["http"]),
];

type Taken<'n> = Option<(&'n Key, &'n Node)>;

/// Read one entry of `triggers`.
pub(super) fn read(walk: &mut Walk, entry: &Entry, paths: &Paths) -> Option<Trigger> {
    let key = &entry.key;
    let named = check_name(&key.text);
    if let Err(why) = &named {
        walk.error(
            &key.place,
            format!("`{}` cannot be a trigger's name: {why}", shown(&key.text)),
            "use letters, digits, `-` and `_`, beginning with a letter or a digit",
        );
    }
    hide_secrets(walk, &entry.value);
    let mut fields = Fields::of(walk, &entry.value, "a trigger", EXAMPLE)?;
    // For readers of the file.
    crate::agent::doc(walk, &mut fields);
    let waits = WAITS.map(|key| (key, fields.take_entry(key)));
    let beside = BESIDE.map(|(key, of)| (key, of, fields.take_entry(key)));
    let agent = fields.take_entry("agent");
    let workflow = fields.take_entry("workflow");
    let prompt = fields.take_entry("prompt");
    let input = fields.take_entry("input");
    let overlap = fields.take("overlap").and_then(|n| overlap(walk, n));
    fields.finish_with(walk, "a trigger", hint);
    let kind = waiting(walk, &entry.value, &waits);
    if let Some((kind, _)) = kind {
        belongs(walk, &beside, kind);
    }
    let [zone, missed, settle, secret, methods] =
        beside.map(|(_, _, taken)| taken.map(|(_, node)| node));
    let missed = missed.and_then(|n| self::missed(walk, n));
    let on = match kind {
        Some(("cron", node)) => cron(walk, node, zone).map(On::Time),
        Some(("every", node)) => every(walk, node).map(On::Time),
        Some(("files", node)) => files(walk, node, settle).map(On::Files),
        Some((_, node)) => http::read(walk, node, secret, methods, paths).map(On::Http),
        None => None,
    };
    let names = prompt::names(kind.map(|(kind, _)| kind));
    let starts = starts(walk, &entry.value, [agent, workflow, prompt, input], names);
    named.ok()?;
    Some(Trigger {
        name: Arc::from(&*key.text),
        on: on?,
        starts: starts?,
        overlap: overlap.unwrap_or_default(),
        missed: missed.unwrap_or_default(),
        place: key.place.clone(),
    })
}

/// Keep what may be a secret out of every report, whatever key somebody wrote it under.
fn hide_secrets(walk: &mut Walk, node: &Node) {
    for entry in node.map().unwrap_or_default() {
        if let ("secret" | "token" | "key" | "auth" | "password", Some(scalar)) =
            (&*entry.key.text, entry.value.scalar())
            && SecretRef::parse(&scalar.text).is_none()
        {
            walk.sources.mask(&entry.value.place, scalar.lines);
        }
    }
}

/// What somebody means who writes `key` in a trigger.
fn hint(key: &str) -> Option<String> {
    Some(match key {
        "schedule" | "at" => "did you mean `cron`?".into(),
        "interval" | "period" => "did you mean `every`?".into(),
        "timezone" | "tz" => "did you mean `zone`?".into(),
        "watch" | "glob" | "path" | "file" | "paths" => "did you mean `files`?".into(),
        "webhook" | "url" | "hook" => "did you mean `http: /hooks/NAME`?".into(),
        "method" => "did you mean `methods: [POST]`?".into(),
        "token" | "key" | "auth" | "password" => "did you mean `secret: env:NAME`?".into(),
        "chart" => "did you mean `workflow`?".into(),
        "task" | "say" | "text" | "message" => "did you mean `prompt`?".into(),
        "data" | "params" => "did you mean `input`?".into(),
        "debounce" | "delay" => "did you mean `settle`?".into(),
        "catch_up" | "catchup" | "misfire" => "did you mean `missed`?".into(),
        "concurrency" => "did you mean `overlap`?".into(),
        _ => return None,
    })
}

/// The one thing that it waits for.
fn waiting<'n>(
    walk: &mut Walk,
    node: &Node,
    waits: &[(&'static str, Taken<'n>)],
) -> Option<(&'static str, &'n Node)> {
    let mut said = waits
        .iter()
        .filter_map(|(key, taken)| Some((*key, (*taken)?)));
    let Some((kind, (_, value))) = said.next() else {
        walk.error(
            &node.place,
            "this trigger waits for nothing",
            "give it `cron: \"0 3 * * *\"`, `every: 15m`, `files: \"inbox/**\"` or `http: /hooks/NAME`",
        );
        return None;
    };
    for (other, (key, _)) in said {
        walk.error(
            &key.place,
            format!("a trigger cannot wait for both `{kind}` and `{other}`"),
            "write two triggers",
        );
    }
    Some((kind, value))
}

/// Complain of keys that belong to another kind of trigger.
fn belongs(walk: &mut Walk, beside: &[(&str, &[&str], Taken<'_>)], kind: &str) {
    for (key, of, taken) in beside {
        if let Some((at, _)) = taken
            && !of.contains(&kind)
        {
            let of: Vec<String> = of.iter().map(|kind| format!("`{kind}`")).collect();
            walk.error(
                &at.place,
                format!(
                    "`{key}` belongs to {}, and this trigger waits for `{kind}`",
                    of.join(" or ")
                ),
                "remove it",
            );
        }
    }
}

fn overlap(walk: &mut Walk, node: &Node) -> Option<Overlap> {
    let words = [
        ("skip", Overlap::Skip),
        ("queue", Overlap::Queue),
        ("parallel", Overlap::Parallel),
    ];
    walk.word(node, "a value of `overlap`", &words)
}

fn missed(walk: &mut Walk, node: &Node) -> Option<Missed> {
    let words = [
        ("once", Missed::Once),
        ("skip", Missed::Skip),
        ("all", Missed::All),
    ];
    walk.word(node, "a value of `missed`", &words)
}

fn cron(walk: &mut Walk, node: &Node, zone: Option<&Node>) -> Option<Schedule> {
    let zone = match zone {
        Some(node) => self::zone(walk, node),
        None => Some(Zone::default()),
    };
    let text = walk.text(node, "`cron`")?;
    match Cron::parse(text, zone.unwrap_or_default()) {
        Ok(cron) => zone.map(|_| Schedule::Cron(cron)),
        Err(error) => {
            let mut place = first_character(node);
            let at = u32::try_from(error.at).unwrap_or(0);
            place.column = place.column.saturating_add(at);
            walk.error(&place, error.message, error.help);
            None
        }
    }
}

fn zone(walk: &mut Walk, node: &Node) -> Option<Zone> {
    let text = walk.as_written(node, "`zone`")?;
    let zone = Zone::parse(text);
    if zone.is_none() {
        walk.error(
            &node.place,
            format!("`{}` is no zone that is known here", shown(text)),
            "write `UTC`, or an offset such as `+01:00`; no clock is put forward in summer here, because an hour that comes twice would start things twice",
        );
    }
    zone
}

fn every(walk: &mut Walk, node: &Node) -> Option<Schedule> {
    let period = time(walk, node, "`every`")?;
    if period.value < SHORTEST {
        walk.error(
            &node.place,
            "a trigger cannot come more often than once a second",
            "write a longer time, for instance `every: 10s`",
        );
        return None;
    }
    Some(Schedule::Every(period.value))
}

fn files(walk: &mut Walk, node: &Node, settle: Option<&Node>) -> Option<FilesOn> {
    let settle = settle.and_then(|n| walk.unit(n, "`settle`", types::parse_duration));
    files::read(walk, node, settle.map(|time| time.value))
}

/// What it starts: `agent` with its `prompt`, or `workflow` with its `input`.
fn starts(
    walk: &mut Walk,
    node: &Node,
    [agent, workflow, prompt, input]: [Taken<'_>; 4],
    names: &'static [&'static str],
) -> Option<Starts> {
    let misplaced = |walk: &mut Walk, taken: Taken<'_>, of: &str, instead: &str| {
        if let Some((key, _)) = taken {
            walk.error(
                &key.place,
                format!("`{}` is for {of}", key.text),
                instead.to_owned(),
            );
        }
    };
    match (agent, workflow) {
        (Some((_, agent)), None) => {
            misplaced(
                walk,
                input,
                "a workflow",
                "an agent is told something: `prompt: \"…\"`",
            );
            // A prompt that is wrong must not become none.
            let prompt = prompt.map(|(_, node)| Prompt::read(walk, node, names));
            let agent = name(walk, agent, "`agent`")?;
            Some(Starts::Agent {
                agent,
                prompt: match prompt {
                    Some(prompt) => Some(prompt?),
                    None => None,
                },
            })
        }
        (None, Some((_, chart))) => {
            misplaced(
                walk,
                prompt,
                "an agent",
                "a workflow begins with data: `input: { … }`",
            );
            let input = match input {
                Some((_, node)) => Input::read(walk, node, names),
                None => Some(Input::default()),
            };
            let chart = name(walk, chart, "`workflow`")?;
            Some(Starts::Workflow {
                chart,
                input: input?,
            })
        }
        (Some(_), Some((key, _))) => {
            walk.error(
                &key.place,
                "a trigger starts either an agent or a workflow",
                "write two triggers, or let the workflow's roles find their agents",
            );
            None
        }
        (None, None) => {
            walk.error(
                &node.place,
                "this trigger starts nothing",
                "give it `agent: NAME` with a `prompt`, or `workflow: NAME`",
            );
            None
        }
    }
}
