//! `serve` itself: where the host listens, what it keeps up, and how it restarts what fails.

use super::{Keep, On, Restart, ServeDef, trigger};
use crate::paths::Paths;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use indexmap::IndexMap;
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use types::{Marked, Place, parse_duration};

const EXAMPLE: &str =
    "{ triggers: { nightly: { agent: coder, cron: \"0 3 * * *\", prompt: \"…\" } } }";
const TRIGGERS: &str = "{ nightly: { agent: coder, cron: \"0 3 * * *\", prompt: \"…\" } }";
const ADDRESS: &str = "127.0.0.1:7070";

/// Read the value of `serve`. Which agents and charts there are is not known yet.
pub(crate) fn read(walk: &mut Walk, node: &Node, paths: &Paths) -> ServeDef {
    let mut serve = ServeDef::default();
    let Some(mut fields) = Fields::of(walk, node, "`serve`", EXAMPLE) else {
        return serve;
    };
    let http = fields.take("http");
    let public = fields
        .take("public")
        .and_then(|n| walk.bool(n, "`public`"))
        .unwrap_or(false);
    serve.http = http.and_then(|n| address(walk, n, public));
    if let Some(n) = fields.take("keep") {
        serve.keep = keep(walk, n);
    }
    if let Some(n) = fields.take("triggers") {
        serve.triggers = triggers(walk, n, paths);
    }
    if let Some(n) = fields.take("restart") {
        serve.restart = restart(walk, n);
    }
    if let Some(n) = fields.take("most_running")
        && let Some(most) = at_least_one(walk, n, "`most_running`")
    {
        serve.most_running = usize::try_from(most).unwrap_or(usize::MAX);
    }
    fields.finish_with(walk, "`serve`", |key| {
        Some(match key {
            "overlap" | "missed" | "zone" | "secret" | "methods" | "settle" | "prompt" => {
                format!("put it into the trigger that it is for: `triggers: {{ NAME: {{ {key}: … }} }}`")
            }
            "cron" | "every" | "files" | "schedule" | "schedules" => {
                format!("write it as a trigger: `triggers: {TRIGGERS}`")
            }
            "host" | "port" | "listen" | "address" | "bind" => {
                format!("did you mean `http: {ADDRESS}`?")
            }
            "agents" | "run" | "always" => "did you mean `keep`?".into(),
            "socket" => "where the control socket lies is not for the house to say: `charthouse serve --help`".into(),
            _ => return None,
        })
    });
    // A faulty address is not one that is missing.
    judge_http(walk, &serve, http.is_some());
    serve
}

/// Where the host listens. `public` is what lets it be reached from elsewhere.
fn address(walk: &mut Walk, node: &Node, public: bool) -> Option<Marked<SocketAddr>> {
    let text = walk.as_written(node, "`http`")?;
    let local = text
        .strip_prefix("localhost:")
        .and_then(|port| port.parse().ok())
        .map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let Some(address) = local.or_else(|| text.parse().ok()) else {
        let help = match text.parse::<u16>() {
            Ok(port) => format!("write `127.0.0.1:{port}`"),
            Err(_) => format!("write the IP address and the port, for instance `{ADDRESS}`"),
        };
        walk.error(
            &node.place,
            format!("`{}` is no address to listen on", shown(text)),
            help,
        );
        return None;
    };
    if !address.ip().is_loopback() && !public {
        walk.error(
            &node.place,
            format!(
                "at `{address}` whoever can reach this machine could start what the triggers start"
            ),
            format!("write `{ADDRESS}`, or say `public: true` beside it if that is meant"),
        );
        return None;
    }
    Some(Marked::new(address, node.place.clone()))
}

/// What can be said of triggers by HTTP only when the address is known.
fn judge_http(walk: &mut Walk, serve: &ServeDef, has_address: bool) {
    for trigger in serve.triggers.values() {
        let On::Http(http) = &trigger.on else {
            continue;
        };
        let place = &http.path.place;
        match &serve.http {
            None if has_address => {}
            None => walk.error(
                place,
                "the host listens nowhere, so no request will come",
                format!("add `http: {ADDRESS}` to `serve`"),
            ),
            Some(_) if http.secret.is_some() => {}
            Some(address) if address.ip().is_loopback() => walk.warning(
                place,
                "whoever has an account on this machine can start this, and so can a page in a browser on it",
                "add a secret that requests must know: `secret: env:HOOK_SECRET`",
            ),
            Some(address) => walk.error(
                place,
                format!("at `{}` whoever can reach this machine could start this", address.value),
                "add a secret that requests must know: `secret: env:HOOK_SECRET`",
            ),
        }
    }
}

fn keep(walk: &mut Walk, node: &Node) -> Vec<Keep> {
    let mut kept: Vec<Keep> = Vec::new();
    let mut names: HashSet<Arc<str>> = HashSet::new();
    for item in walk.list(node, "`keep`", "[assistant]").unwrap_or_default() {
        let Some(one) = kept_agent(walk, item) else {
            continue;
        };
        if !names.insert(one.agent.value.clone()) {
            walk.error(
                &one.agent.place,
                format!("the agent `{}` stands in the list twice", shown(&one.agent)),
                "keep one of the two: an agent that is kept up runs once",
            );
            continue;
        }
        kept.push(one);
    }
    kept
}

/// An agent's name, or a map with its prompt.
fn kept_agent(walk: &mut Walk, node: &Node) -> Option<Keep> {
    if node.map().is_none() {
        let agent = name(walk, node, "an agent's name")?;
        return Some(Keep {
            agent,
            prompt: None,
        });
    }
    let mut fields = Fields::of(walk, node, "a kept agent", "assistant")?;
    let agent = fields
        .need(walk, "agent", "this entry", "agent: assistant")
        .and_then(|n| name(walk, n, "`agent`"));
    let prompt = fields
        .take("prompt")
        .and_then(|n| walk.text(n, "`prompt`"))
        .map(Arc::from);
    fields.finish(walk, "a kept agent");
    Some(Keep {
        agent: agent?,
        prompt,
    })
}

/// A definition's name, where it is used.
pub(super) fn name(walk: &mut Walk, node: &Node, what: &str) -> Option<Marked<Arc<str>>> {
    let name = walk.marked(node, what)?;
    Some(Marked::new(name.value.into(), name.place))
}

fn triggers(walk: &mut Walk, node: &Node, paths: &Paths) -> IndexMap<Arc<str>, super::Trigger> {
    let mut found = IndexMap::new();
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`triggers`",
            "a map from names to triggers",
            &format!("write it as `{TRIGGERS}`"),
        );
        return found;
    };
    let mut served: IndexMap<String, Place> = IndexMap::new();
    for entry in entries {
        let Some(trigger) = trigger::read(walk, entry, paths) else {
            continue;
        };
        if let On::Http(http) = &trigger.on {
            let path = http.path.value.to_string();
            if let Some(first) = served.get(&path) {
                walk.error(
                    &http.path.place,
                    format!("`{path}` is taken already, at {first}"),
                    "give each trigger a path of its own",
                );
                continue;
            }
            served.insert(path, http.path.place.clone());
        }
        found.insert(trigger.name.clone(), trigger);
    }
    found
}

fn restart(walk: &mut Walk, node: &Node) -> Restart {
    let mut restart = Restart::default();
    let example = "{ first: 1s, most: 5m, crashes: 5, within: 10m }";
    let Some(mut fields) = Fields::of(walk, node, "`restart`", example) else {
        return restart;
    };
    let first = fields.take("first").and_then(|n| time(walk, n, "`first`"));
    let most = fields.take("most").and_then(|n| time(walk, n, "`most`"));
    if let Some(n) = fields.take("crashes")
        && let Some(crashes) = at_least_one(walk, n, "`crashes`")
    {
        restart.crashes = u32::try_from(crashes).unwrap_or(u32::MAX);
    }
    let within = fields
        .take("within")
        .and_then(|n| time(walk, n, "`within`"));
    fields.finish_with(walk, "`restart`", |key| match key {
        "max" | "longest" | "max_delay" => Some("did you mean `most`?".into()),
        "min" | "delay" | "initial" => Some("did you mean `first`?".into()),
        "times" | "retries" | "limit" | "attempts" => Some("did you mean `crashes`?".into()),
        _ => None,
    });
    restart.first = first.as_ref().map_or(restart.first, |time| time.value);
    restart.within = within.map_or(restart.within, |time| time.value);
    match (most, &first) {
        (Some(most), _) if most.value < restart.first => walk.error(
            &most.place,
            "the longest pause is shorter than the first one",
            "raise `most`, or lower `first`",
        ),
        (Some(most), _) => restart.most = most.value,
        // What is longer from the beginning need not be said twice.
        (None, _) => restart.most = restart.most.max(restart.first),
    }
    restart
}

/// A time that is not 0.
pub(super) fn time(walk: &mut Walk, node: &Node, what: &str) -> Option<Marked<Duration>> {
    let time = walk.unit(node, what, parse_duration)?;
    if time.is_zero() {
        walk.error(
            &node.place,
            format!("{what} is 0"),
            "write a time, for instance `10s`",
        );
        return None;
    }
    Some(time)
}

/// A whole number from 1.
pub(crate) fn at_least_one(walk: &mut Walk, node: &Node, what: &str) -> Option<u64> {
    let number = walk.whole(node, what)?;
    if number == 0 {
        walk.error(
            &node.place,
            format!("{what} is 0"),
            "write a whole number from 1 on",
        );
        return None;
    }
    Some(number)
}
