//! What agents may do otherwise: for each agent and state, worked out by the one resolver, so that what is told here is what would be enforced.

use chart::StateId;
use definitions::{AgentDef, ChartBundle, House, OWN};
use policy::{Access, EXEC_TOOL, Grant, Overlay, Request, Verdict, resolve, shown_command};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use types::{PluginName, ToolName, write_duration};

/// Which way something moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// More is possible than before, or it cannot be told that it is not.
    Widens,
    /// Less is possible.
    Narrows,
    /// It has nothing to do with what is possible.
    Plain,
}

/// What an agent may do otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct GrantChange {
    /// Whether it may do more.
    pub weight: Weight,
    /// Who.
    pub agent: Arc<str>,
    /// In which states; empty is all of them.
    pub states: Vec<String>,
    /// What, in words that continue "the agent ".
    pub what: String,
}

impl fmt::Display for GrantChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "agent {} ", self.agent)?;
        match self.states.as_slice() {
            [] => f.write_str("in every state ")?,
            [one] => write!(f, "in state {one} ")?,
            states => write!(f, "in states {} ", states.join(", "))?,
        }
        f.write_str(&self.what)
    }
}

/// The tools that plugins have, where that is known: their full names. Of a plugin that is not among them, the rules' own words are tried.
pub type Tools = BTreeMap<PluginName, Vec<String>>;

/// Combinations of states that are looked at for one agent; one with more is told of as a whole.
const MOST_STACKS: usize = 400;

/// What every agent may do otherwise in `after`.
pub fn grant_changes(before: &House, after: &House, tools: &Tools) -> Vec<GrantChange> {
    let mut changes = Vec::new();
    let names: BTreeSet<&Arc<str>> = before.agents.keys().chain(after.agents.keys()).collect();
    for name in names {
        let probes = probes(name, [before, after], tools);
        let was = facts_of(before, name, &probes);
        let is = facts_of(after, name, &probes);
        changes.extend(compare(name, &was, &is));
    }
    changes.sort();
    changes
}

/// One line of what a grant comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fact {
    /// More is wider. In words that continue "may".
    Rank(u64, String),
    /// A rule that gives.
    Gives,
    /// A rule that takes.
    Takes,
    /// Neither more nor less.
    Is(String),
}

type Facts = BTreeMap<String, Fact>;

fn compare(
    agent: &Arc<str>,
    was: &BTreeMap<String, Facts>,
    is: &BTreeMap<String, Facts>,
) -> Vec<GrantChange> {
    let mut found: BTreeMap<(Weight, String), Vec<String>> = BTreeMap::new();
    let nothing = Facts::new();
    // A state that is new is compared with what held wherever nothing is said: the agent's own layers.
    let ground = was.get("").unwrap_or(&nothing);
    for (state, now) in is {
        let then = was.get(state).unwrap_or(ground);
        let keys: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        for key in keys {
            if let Some((weight, what)) = moved(key, then.get(key), now.get(key)) {
                found.entry((weight, what)).or_default().push(state.clone());
            }
        }
    }
    let lines = found.into_iter().filter_map(|((weight, what), states)| {
        let all = states.len() == is.len();
        let named: Vec<String> = states
            .into_iter()
            .filter(|state| !state.is_empty())
            .collect();
        // What no state is in says nothing of any state.
        (all || !named.is_empty()).then(|| GrantChange {
            weight,
            agent: agent.clone(),
            states: if all { Vec::new() } else { named },
            what,
        })
    });
    lines.collect()
}

fn moved(key: &str, then: Option<&Fact>, now: Option<&Fact>) -> Option<(Weight, String)> {
    if then == now {
        return None;
    }
    // What belongs to a directory comes and goes with it; what holds wherever nothing is said is nothing that a new agent was given.
    let is_detail = DETAILS.iter().any(|detail| key.starts_with(detail));
    if is_detail && (then.is_none() || now.is_none()) {
        return None;
    }
    let rank = |fact: Option<&Fact>| match fact {
        Some(Fact::Rank(rank, words)) => (*rank, words.clone()),
        _ => (0, "nothing".to_owned()),
    };
    Some(match (then, now) {
        (Some(Fact::Rank(..)), _) | (_, Some(Fact::Rank(..))) => {
            let ((before, was), (after, is)) = (rank(then), rank(now));
            let words = format!("{}: {is} (was {was})", in_words(key, before, after));
            match before.cmp(&after) {
                std::cmp::Ordering::Less => (Weight::Widens, words),
                std::cmp::Ordering::Greater => (Weight::Narrows, words),
                // The same rank in other words, such as another directory: who can tell that it is not more.
                std::cmp::Ordering::Equal => (Weight::Widens, words),
            }
        }
        (Some(Fact::Gives), _) => (Weight::Narrows, format!("no longer has {key}")),
        (_, Some(Fact::Gives)) => (Weight::Widens, format!("now has {key}")),
        (Some(Fact::Takes), _) => (Weight::Widens, format!("is no longer held by {key}")),
        (_, Some(Fact::Takes)) => (Weight::Narrows, format!("is now held by {key}")),
        (was, is) => {
            let words = |fact: Option<&Fact>| match fact {
                Some(Fact::Is(words)) => words.clone(),
                _ => "nothing".to_owned(),
            };
            (
                Weight::Widens,
                format!("{key}: now {} (was {})", words(is), words(was)),
            )
        }
    })
}

/// How the keys of such facts begin.
const DETAILS: [&str; 6] = [
    "the limit of ",
    "the clock",
    "randomness",
    "hard links in ",
    "bytes that one call may change in ",
    "files that one call may change in ",
];

/// `may now write /workspace`, as far as the rank says so.
fn in_words(key: &str, before: u64, after: u64) -> String {
    let wider = after > before;
    if let Some(tool) = key.strip_prefix("calling ") {
        return match (wider, after) {
            (true, _) => format!("may now call {tool}"),
            (false, 0) => format!("may no longer call {tool}"),
            (false, _) => format!("may call {tool} otherwise"),
        };
    }
    if let Some(mount) = key.strip_prefix("files in ") {
        let writes = |rank: u64| rank >= Access::Staged as u64;
        return match (writes(before), writes(after)) {
            (false, true) => format!("may now write {mount}"),
            (true, false) => format!("may no longer write {mount}"),
            _ if before == 0 => format!("may now read {mount}"),
            _ if after == 0 => format!("no longer sees {mount}"),
            _ => format!("sees {mount} otherwise"),
        };
    }
    format!("has {key} changed")
}

/// What is tried: every tool that is known, every tool that a rule names, and one that nobody names.
fn probes(agent: &str, houses: [&House; 2], tools: &Tools) -> Vec<(ToolName, String)> {
    let mut probes: BTreeMap<String, String> = BTreeMap::new();
    let plugins: BTreeSet<&PluginName> = houses
        .iter()
        .filter_map(|house| house.agents.get(agent))
        .flat_map(|agent| &agent.plugins)
        .collect();
    for plugin in plugins {
        match tools.get(plugin) {
            Some(names) => probes.extend(names.iter().map(|name| (name.clone(), name.clone()))),
            None => {
                for house in houses {
                    let named = overlays(house).flat_map(|overlay| &overlay.tools);
                    for rule in named {
                        let of_it = rule
                            .pattern
                            .split_once('.')
                            .is_some_and(|(of, _)| of == plugin.as_str());
                        if of_it && !rule.pattern.contains('*') {
                            probes.insert(rule.pattern.clone(), rule.pattern.clone());
                        }
                    }
                }
                let other = format!("{plugin}.any-other-tool");
                probes.insert(other, format!("any other tool of {plugin}"));
            }
        }
    }
    let probes = probes.into_iter();
    let mut probes: Vec<_> = probes
        .filter_map(|(name, words)| Some((ToolName::parse(&name).ok()?, words)))
        .collect();
    probes.extend(
        ToolName::parse(EXEC_TOOL)
            .ok()
            .map(|tool| (tool, String::new())),
    );
    probes
}

fn overlays(house: &House) -> impl Iterator<Item = &Overlay> {
    let agents = house.agents.values().map(|agent| &agent.policy);
    let states = house
        .charts
        .values()
        .flat_map(|chart| chart.policy.iter().flatten());
    let policies = house.policies.values().map(|policy| &**policy);
    agents.chain(states).chain(policies).chain(&house.ceiling)
}

/// What holds for `agent` in each state: by the state's path, and under "" where no state is active.
fn facts_of(house: &House, agent: &str, probes: &[(ToolName, String)]) -> BTreeMap<String, Facts> {
    let Some(agent) = house.agents.get(agent) else {
        return BTreeMap::new();
    };
    let Some(bundle) = house.charts.get(&agent.cognition) else {
        return BTreeMap::new();
    };
    let mut ground: Vec<&Overlay> = house.default_policy.as_deref().into_iter().collect();
    ground.push(&agent.policy);
    let own = stacks(bundle, |_| true);
    let mut all: Vec<(String, Vec<&Overlay>)> = vec![(String::new(), ground.clone())];
    for (state, layers) in &own {
        all.push((state.clone(), [&ground[..], layers].concat()));
    }
    for (role, workflow, place, layers) in work(house, agent) {
        for (state, own) in &own {
            if all.len() < MOST_STACKS {
                let name = format!("{state} as {role} ({workflow}: {place})");
                all.push((name, [&ground[..], own, &layers].concat()));
            }
        }
    }
    let facts = |layers: &[&Overlay]| facts(house, agent, layers, probes);
    all.into_iter()
        .map(|(state, layers)| (state, facts(&layers)))
        .collect()
}

/// A role, a workflow, the path of a state in which that role works, and the layers of that path.
type Work<'h> = (Arc<str>, Arc<str>, String, Vec<&'h Overlay>);

/// The states of workflows in which `agent` could hold a role, with the layers that they add; those without layers add nothing.
fn work<'h>(house: &'h House, agent: &AgentDef) -> Vec<Work<'h>> {
    let mut found = Vec::new();
    for (name, chart) in &house.charts {
        for role in &agent.roles {
            let offers = |path: &[StateId]| {
                path.iter()
                    .any(|state| chart.role_of(*state) == Some(&role.value))
            };
            for (place, layers) in stacks(chart, offers) {
                if !layers.is_empty() {
                    found.push((role.value.clone(), name.clone(), place, layers));
                }
            }
        }
    }
    found
}

/// Each state in which a chart can rest, by its path, with the layers of that path.
fn stacks(
    bundle: &ChartBundle,
    wanted: impl Fn(&[StateId]) -> bool,
) -> Vec<(String, Vec<&Overlay>)> {
    let leaves = bundle.chart.states().filter(|(_, state)| state.is_leaf());
    leaves
        .filter_map(|(leaf, _)| {
            let mut path = vec![leaf];
            while let Some(parent) = bundle.chart.state(path[path.len() - 1]).parent {
                path.push(parent);
            }
            path.reverse();
            wanted(&path).then(|| {
                let names = path.iter().map(|state| &*bundle.chart.state(*state).id);
                let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
                let layers = path
                    .iter()
                    .filter_map(|state| bundle.policy[state.index()].as_ref());
                (names.join("/"), layers.collect())
            })
        })
        .collect()
}

fn facts(
    house: &House,
    agent: &AgentDef,
    layers: &[&Overlay],
    probes: &[(ToolName, String)],
) -> Facts {
    let mut facts = Facts::new();
    for (tool, words) in probes {
        let grant = resolve(&Request {
            root: &house.root,
            layers,
            ceiling: house.ceiling.as_ref(),
            own: OWN,
            answers: house.answers(&agent.name),
            tool,
        });
        if tool.as_str() == EXEC_TOOL {
            commands(&grant, &mut facts);
            everything_else(house, &grant, &mut facts);
        } else {
            facts.insert(format!("calling {words}"), verdict(grant.verdict));
        }
    }
    facts
}

fn verdict(verdict: Verdict) -> Fact {
    match verdict {
        Verdict::Deny => Fact::Rank(0, "nothing".into()),
        Verdict::Ask => Fact::Rank(1, "allowed if a person says so".into()),
        Verdict::Allow => Fact::Rank(2, "allowed".into()),
    }
}

fn rule(verdict: Verdict) -> Fact {
    match verdict {
        Verdict::Deny => Fact::Takes,
        Verdict::Ask | Verdict::Allow => Fact::Gives,
    }
}

fn commands(grant: &Grant, facts: &mut Facts) {
    for (number, granted) in grant.exec.iter().enumerate() {
        let more = serde_json::to_string(&granted.rule).unwrap_or_default();
        let words = format!(
            "the rule {} of commands, {} `{}` {more}",
            number + 1,
            granted.rule.verdict,
            shown_command(&granted.rule.argv)
        );
        facts.insert(words, rule(granted.rule.verdict));
    }
    for granted in &grant.exec_ceiling {
        let more = serde_json::to_string(&granted.rule).unwrap_or_default();
        facts.insert(format!("the ceiling of commands {more}"), Fact::Takes);
    }
}

fn everything_else(house: &House, grant: &Grant, facts: &mut Facts) {
    for mount in &grant.mounts {
        let host = mount.host.strip_prefix(&house.root).unwrap_or(&mount.host);
        let words = format!("{} of ./{}", mount.access, host.display());
        facts.insert(
            format!("files in {}", mount.guest),
            Fact::Rank(mount.access as u64, words),
        );
        // What belongs to the house itself is hidden wherever can be written: that comes with the access.
        let own =
            |glob: &policy::HideGlob| glob.below.is_empty() && OWN.contains(&glob.glob.as_str());
        for glob in mount.hide.iter().filter(|glob| !own(glob)) {
            facts.insert(
                format!("the hiding of {glob} in {}", mount.guest),
                Fact::Takes,
            );
        }
        let links = Fact::Rank(mount.hard_links as u64, mount.hard_links.to_string());
        facts.insert(format!("hard links in {}", mount.guest), links);
        let stage = [
            ("bytes", mount.stage.bytes.0),
            ("files", mount.stage.files.0),
        ];
        for (what, most) in stage {
            let key = format!("{what} that one call may change in {}", mount.guest);
            facts.insert(key, Fact::Rank(most, most.to_string()));
        }
    }
    for (number, line) in grant.net.iter().enumerate() {
        let words = serde_json::to_string(&line.rule).unwrap_or_default();
        facts.insert(
            format!("the rule {} of the network {words}", number + 1),
            rule(line.rule.verdict),
        );
    }
    for line in &grant.net_ceiling {
        let words = serde_json::to_string(&line.rule).unwrap_or_default();
        facts.insert(format!("the ceiling of the network {words}"), Fact::Takes);
    }
    for (name, value) in &grant.env {
        facts.insert(
            format!("the variable {name}"),
            Fact::Is(format!("`{value}`")),
        );
    }
    let limits = &grant.limits;
    let deadline = limits.deadline.as_millis().min(u128::from(u64::MAX)) as u64;
    for (what, most, words) in [
        ("memory", limits.memory.0, limits.memory.to_string()),
        ("fuel", limits.fuel.0, limits.fuel.to_string()),
        ("deadline", deadline, write_duration(limits.deadline)),
        ("output", limits.output.0, limits.output.to_string()),
        (
            "calls of one turn",
            limits.calls.into(),
            limits.calls.to_string(),
        ),
        (
            "requests of one call",
            limits.requests.into(),
            limits.requests.to_string(),
        ),
        (
            "bytes that one call sends",
            limits.sent.0,
            limits.sent.to_string(),
        ),
        (
            "bytes that one call receives",
            limits.received.0,
            limits.received.to_string(),
        ),
    ] {
        facts.insert(format!("the limit of {what}"), Fact::Rank(most, words));
    }
    facts.insert(
        "the clock".into(),
        Fact::Rank(grant.clock as u64, grant.clock.to_string()),
    );
    facts.insert(
        "randomness".into(),
        Fact::Rank(grant.random as u64, grant.random.to_string()),
    );
}
