//! The definitions of a house by name: each name defined once, every name that is used defined somewhere.

mod children;
mod money;
mod priced;
mod roles;
mod seats;

use crate::agent;
use crate::chart;
use crate::context::{file_of, resolve_files};
use crate::files::Found;
use crate::house::{Controlled, HouseFile, check_records};
use crate::kind::{Kind, kind, parse};
use crate::load::{ANSWERS, House};
use crate::paths::Paths;
use crate::policy as policy_rules;
use crate::prefix::{self, Changes};
use crate::recorded::Kept;
use crate::serve::{Others, check_names};
use crate::source::Sources;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use crate::window;
use ::chart::ChartKind;
use indexmap::IndexMap;
use policy::Overlay;
use std::collections::HashMap;
use std::sync::Arc;
use types::{ContentHash, Marked, Place};

/// A policy as its file has it.
pub(crate) struct PolicyDraft {
    name: Marked<String>,
    pub overlay: Overlay,
}

/// What the files hold, before names are resolved.
#[derive(Default)]
pub(crate) struct Definitions {
    /// The files that were read, with their hashes.
    pub files: Vec<(Arc<str>, ContentHash)>,
    agents: Vec<agent::Draft>,
    charts: Vec<chart::Draft>,
    policies: Vec<PolicyDraft>,
    /// Every name that a file claims, whether the rest of it is in order or not, with the place.
    claimed: IndexMap<(&'static str, String), Place>,
    /// Whether some file could not even be parsed: then a name that is missing may stand in it.
    unread: bool,
}

impl Definitions {
    /// Read one file below the folders.
    pub fn read(&mut self, walk: &mut Walk, found: &Found) {
        let before = self.unread;
        self.unread = true;
        let Some((node, hash)) = parse(walk, &found.path, &found.shown) else {
            return;
        };
        self.files.push((found.shown.clone(), hash));
        let Some(kind) = kind(walk, &node) else {
            return;
        };
        self.unread = before;
        let first = self.claim(walk, kind, &node);
        match kind {
            Kind::House => walk.error(
                &node.place,
                "a house is defined only by house.yaml in its own directory",
                "remove this file, or move it to be the house.yaml of another directory",
            ),
            Kind::Agent => {
                let draft = agent::read(walk, &node, hash);
                self.agents.extend(draft.filter(|_| first));
            }
            Kind::Chart => {
                let draft = chart::read(walk, &node, hash);
                self.charts.extend(draft.filter(|_| first));
            }
            Kind::Policy => {
                let draft = policy_file(walk, &node);
                self.policies.extend(draft.filter(|_| first));
            }
        }
    }

    /// Note the name of a definition; false, and a complaint, when another file has it already.
    fn claim(&mut self, walk: &mut Walk, kind: Kind, node: &Node) -> bool {
        let Some(value) = node.get(kind.key()) else {
            return true;
        };
        let Some(name) = value.text() else {
            return true;
        };
        let key = (kind.key(), name.to_owned());
        if let Some(other) = self.claimed.get(&key) {
            walk.error(
                &value.place,
                format!(
                    "the {} `{}` is defined twice; the other is at {other}",
                    kind.key(),
                    shown(name)
                ),
                "rename or remove one of the two",
            );
            return false;
        }
        self.claimed.insert(key, value.place.clone());
        true
    }

    fn names(&self, kind: Kind) -> Vec<&str> {
        self.claimed
            .keys()
            .filter(|(k, _)| *k == kind.key())
            .map(|(_, name)| name.as_str())
            .collect()
    }

    /// Complain of a name that no file claims.
    fn known(&self, walk: &mut Walk, kind: Kind, name: &str, place: &Place) -> bool {
        let names = self.names(kind);
        if names.contains(&name) {
            return true;
        }
        if self.unread {
            return false;
        }
        let otherwise = format!(
            "add it: a file below {}/ that begins with `{}: {}`",
            kind.folder(),
            kind.key(),
            shown(name)
        );
        let what = match kind {
            Kind::Policy => "the house has the policies",
            Kind::Agent => "the house has the agents",
            Kind::House | Kind::Chart => "the house has the charts",
        };
        walk.error(
            place,
            format!("there is no {} `{}`", kind.key(), shown(name)),
            walk.suggestion(name, names.iter().copied(), what, &otherwise),
        );
        false
    }

    /// Resolve all names and put the house together.
    pub fn check(
        mut self,
        walk: &mut Walk,
        mut house: Option<(HouseFile, ContentHash)>,
        paths: &Paths,
    ) -> Option<House> {
        let agents = std::mem::take(&mut self.agents);
        let charts = std::mem::take(&mut self.charts);
        let policies = std::mem::take(&mut self.policies);
        if let Some((house, _)) = &house {
            self.check_plugins(walk, house, &agents, &charts);
            self.check_patterns(walk, house, &agents, &charts, &policies);
            for draft in &agents {
                known_providers(walk, house, draft);
            }
            if let Some(name) = &house.default_policy {
                self.known(walk, Kind::Policy, name, &name.place);
            }
            for name in &house.budgets_of {
                self.known(walk, Kind::Agent, name, &name.place);
            }
        }
        for draft in &agents {
            self.check_cognition(walk, draft, &charts, house.as_ref().map(|(house, _)| house));
        }
        if let Some((house, _)) = &mut house {
            self.check_serve(walk, house, &agents, &charts, &policies, paths);
        }
        // Prices that could not be read may be there all the same.
        if let Some((house, _)) = &house
            && walk.in_order("house.yaml")
        {
            money::look(walk, house, &agents, &charts);
        }
        if let Some((house, _)) = &house
            && let Some(controlled) = &house.controlled
        {
            self.check_controlled(walk, controlled, &charts);
            if !self.unread {
                seats::look(walk, house, &agents, &charts);
            }
        }
        if let Some((house, _)) = &house
            && !self.unread
        {
            priced::look(walk, house, &agents);
        }
        let of_house = house.as_ref().map(|(house, _)| house);
        children::look(walk, &self, of_house, &agents, &charts);
        // What is missing may stand in a file that could not be read.
        if !self.unread {
            roles::look(walk, &agents, &charts);
        }
        let changes: HashMap<&str, Changes<'_>> = charts
            .iter()
            .map(|chart| (chart.name.as_str(), Changes::of(chart)))
            .collect();
        let agents: IndexMap<_, _> = agents
            .into_iter()
            .map(|mut draft| {
                resolve_files(walk, &mut draft.agent.context.chunks, paths);
                advise(
                    walk,
                    &draft,
                    &changes,
                    house.as_ref().map(|(house, _)| house),
                    paths,
                );
                (draft.agent.name.clone(), Arc::new(draft.agent))
            })
            .collect();
        let charts: IndexMap<_, _> = charts
            .into_iter()
            .filter_map(|draft| {
                let name: Arc<str> = draft.name.as_str().into();
                Some((name, Arc::new(chart::compile(walk, draft, paths)?)))
            })
            .collect();
        if let Some((house, _)) = &house
            && !walk.is_recorded()
        {
            let of_agents = agents.values().map(|agent| &agent.context.chunks);
            let of_states = charts.values().flat_map(|chart| &chart.context);
            let texts = of_agents.chain(of_states).flatten().filter_map(file_of);
            check_records(walk, house, texts, paths);
        }
        let policy_files = policies
            .iter()
            .map(|draft| (draft.name.as_str().into(), draft.name.place.file.clone()))
            .collect();
        let policies: IndexMap<Arc<str>, Arc<Overlay>> = policies
            .into_iter()
            .map(|draft| (draft.name.as_str().into(), Arc::new(draft.overlay)))
            .collect();
        let (house, hash) = house?;
        let default_policy_name = house
            .default_policy
            .as_ref()
            .map(|name| name.as_str().into());
        let default_policy = house.default_policy.and_then(|name| {
            let mut overlay = policies.get(name.as_str())?.as_ref().clone();
            overlay.label = format!("house default ({})", *name);
            Some(Arc::new(overlay))
        });
        Some(House {
            warnings: Vec::new(),
            root: paths.root().to_owned(),
            name: house.name,
            hash,
            store: house.store,
            providers: house.providers,
            prices: house.prices,
            priced: house.priced,
            budgets: house.budgets,
            exchange: house.exchange,
            power: house.power,
            plugins: house.plugins,
            lock: house.lock,
            ceiling: house.ceiling,
            default_policy,
            agents,
            charts,
            default_policy_name,
            policy_files,
            policies,
            serve: house.serve,
            people: house.people,
            retention: house.retention,
            controlled: house.controlled,
            files: self.files,
            sources: Sources::default(),
            kept: Kept::default(),
            lenient: false,
            held: None,
        })
    }

    fn check_cognition(
        &self,
        walk: &mut Walk,
        draft: &agent::Draft,
        charts: &[chart::Draft],
        house: Option<&HouseFile>,
    ) {
        let name = &*draft.agent.cognition;
        if name.ends_with(".yaml") || name.ends_with(".yml") {
            let message = format!(
                "`{}` is a file, and a chart is named by its name",
                shown(name)
            );
            let stem = std::path::Path::new(name).file_stem();
            let stem = stem.unwrap_or_default().to_string_lossy();
            let help = match self.names(Kind::Chart).contains(&&*stem) {
                true => format!("write `cognition: {stem}`"),
                false => "write what stands behind `chart:` in that file".to_owned(),
            };
            walk.error(&draft.cognition, message, help);
            return;
        }
        if !self.known(walk, Kind::Chart, name, &draft.cognition) {
            return;
        }
        let Some(chart) = charts.iter().find(|chart| chart.name.as_str() == name) else {
            return;
        };
        if chart.def.kind != ChartKind::Cognition {
            walk.error(
                &draft.cognition,
                format!("`{name}` is a workflow, and an agent thinks by a cognition"),
                format!(
                    "name a chart with `kind: cognition`, or change the kind of {}",
                    chart.name.place
                ),
            );
        }
        for (plugin, purpose) in &chart.uses {
            // What the whole house does not have is said where the chart names it.
            let house_has_it = house
                .and_then(|house| house.declared_plugins.as_ref())
                .is_none_or(|names| names.contains(&plugin.value));
            if house_has_it && !draft.plugins.contains(plugin) {
                walk.error(
                    &draft.cognition,
                    format!("`{name}` needs the plugin `{}` for {purpose} ({}), and this agent does not have it", shown(plugin), plugin.place),
                    format!("add `{}` to the agent's `plugins`", shown(plugin)),
                );
            }
        }
    }

    /// Whether there is the workflow that changes go through.
    fn check_controlled(&self, walk: &mut Walk, controlled: &Controlled, charts: &[chart::Draft]) {
        let name = &controlled.workflow;
        let found = charts.iter().find(|chart| *chart.name.value == *name.value);
        match found {
            Some(chart) if chart.def.kind == ChartKind::Workflow => {}
            Some(chart) => walk.error(
                &name.place,
                format!("`{}` is a cognition, and changes go through a workflow", shown(name)),
                format!("name a chart with `kind: workflow`, or change the kind of {}", chart.name.place),
            ),
            // One that cannot be read is complained of by itself.
            None if self.names(Kind::Chart).contains(&&*name.value) || self.unread => {}
            None => walk.warning(
                &name.place,
                format!("this house has no workflow `{}`: nobody can ask for a change", shown(name)),
                "`charthouse init` writes it into charts/workflows; it must be there before the baseline",
            ),
        }
    }

    /// Check the names under `serve`, and find where its files lie.
    fn check_serve(
        &self,
        walk: &mut Walk,
        house: &mut HouseFile,
        agents: &[agent::Draft],
        charts: &[chart::Draft],
        policies: &[PolicyDraft],
        paths: &Paths,
    ) {
        let mut serve = std::mem::take(&mut house.serve);
        let default = house.default_policy.as_ref().and_then(|name| {
            let named = policies.iter().find(|draft| draft.name.value == name.value);
            named.map(|draft| &draft.overlay)
        });
        let others = Others {
            known: &|walk, kind, name, place| self.known(walk, kind, name, place),
            chart: &|name| {
                let found = charts.iter().find(|chart| chart.name.as_str() == name);
                found.map(|chart| chart.def.kind)
            },
            mounts: &|name| {
                let agent = agents
                    .iter()
                    .find(|draft| name.is_some_and(|name| *draft.agent.name == *name));
                let own = agent.map(|draft| &draft.agent.policy);
                own.into_iter()
                    .chain(default)
                    .chain(&house.ceiling)
                    .collect()
            },
        };
        check_names(walk, &mut serve, &others, paths);
        house.serve = serve;
    }

    fn check_plugins(
        &self,
        walk: &mut Walk,
        house: &HouseFile,
        agents: &[agent::Draft],
        charts: &[chart::Draft],
    ) {
        let Some(declared) = &house.declared_plugins else {
            return;
        };
        let known = |walk: &mut Walk, name: &Marked<String>| {
            if declared.contains(&name.value) {
                return true;
            }
            walk.error(
                &name.place,
                format!("the house has no plugin `{}`", shown(name)),
                walk.suggestion(
                    name,
                    declared.iter().map(String::as_str),
                    "it has",
                    &format!(
                        "add it to house.yaml: `plugins: {{ {0}: plugins/{0}.wasm }}`",
                        shown(name)
                    ),
                ),
            );
            false
        };
        for draft in agents {
            for name in draft.plugins.iter().chain(&draft.of_house) {
                known(walk, name);
            }
            for (name, purpose) in &draft.uses {
                if !draft.plugins.contains(name) && known(walk, name) {
                    walk.error(
                        &name.place,
                        format!(
                            "this agent uses the plugin `{}` for {purpose} and does not have it",
                            shown(name)
                        ),
                        format!("add `{}` to its `plugins`", shown(name)),
                    );
                }
            }
        }
        for (name, _) in charts.iter().flat_map(|chart| &chart.uses) {
            known(walk, name);
        }
    }

    fn check_patterns(
        &self,
        walk: &mut Walk,
        house: &HouseFile,
        agents: &[agent::Draft],
        charts: &[chart::Draft],
        policies: &[PolicyDraft],
    ) {
        let Some(declared) = &house.declared_plugins else {
            return;
        };
        let plugins: Vec<&str> = declared.iter().map(String::as_str).collect();
        let overlays = house
            .ceiling
            .iter()
            .chain(agents.iter().map(|draft| &draft.agent.policy))
            .chain(
                charts
                    .iter()
                    .flat_map(|chart| &chart.extras)
                    .filter_map(|extra| extra.policy.as_ref()),
            )
            .chain(policies.iter().map(|draft| &draft.overlay));
        for overlay in overlays {
            policy_rules::check_patterns(walk, overlay, &plugins);
        }
    }
}

/// Warn of what an agent that is in order probably does not mean. Where its file is wrong, that follows from what was left out.
fn advise(
    walk: &mut Walk,
    draft: &agent::Draft,
    charts: &HashMap<&str, Changes<'_>>,
    house: Option<&HouseFile>,
    paths: &Paths,
) {
    // Advice is for whoever can follow it, and needs what is on the disk.
    if walk.in_order(&draft.agent.place.file) && !walk.is_recorded() {
        let chart = charts.get(&*draft.agent.cognition);
        prefix::look(walk, &draft.agent, chart, paths.root());
        let provider = draft.providers.first();
        let provider = provider.and_then(|name| house?.providers.get(name.value.as_str()));
        if let Some(provider) = provider {
            prefix::held(walk, &draft.agent, provider);
        }
        window::look(walk, draft, paths.root());
    }
}

fn known_providers(walk: &mut Walk, house: &HouseFile, draft: &agent::Draft) {
    let Some(declared) = &house.declared_providers else {
        return;
    };
    for name in &draft.providers {
        if !declared.contains(&name.value) {
            walk.error(
                &name.place,
                format!("the house has no provider `{}`", shown(name)),
                walk.suggestion(
                    name,
                    declared.iter().map(String::as_str),
                    "it has",
                    &format!("add it to house.yaml: `providers: {{ {}: {{ kind: openai, base_url: \"http://127.0.0.1:11434/v1\" }} }}`", shown(name)),
                ),
            );
        }
    }
}

/// The policy that a file of its own holds.
pub(crate) fn policy_file(walk: &mut Walk, node: &Node) -> Option<PolicyDraft> {
    let mut fields = Fields::of(walk, node, "a policy", "policy: NAME")?;
    let name = fields
        .take("policy")
        .and_then(|n| walk.name(n, "a policy's name"));
    agent::version(walk, &mut fields);
    agent::doc(walk, &mut fields);
    let label = name
        .as_ref()
        .map_or_else(String::new, |n| format!("policy {}", **n));
    let overlay = policy_rules::rules(walk, &mut fields, label);
    fields.finish(walk, "a policy");
    if let Some(agent) = name.as_ref().and_then(|name| name.strip_prefix(ANSWERS))
        && overlay.says_more_than_tools()
    {
        walk.warning(
            &node.place,
            "only `tools` of this policy count: it answers questions and grants nothing else",
            format!("write the other rules into the `policy` of the agent `{agent}`"),
        );
    }
    Some(PolicyDraft {
        name: name?,
        overlay,
    })
}
