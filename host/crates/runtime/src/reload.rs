//! Definitions that change while a run is under way: all files that were saved together are one transaction, and it happens between two macrosteps.
//!
//! A front end notices the change and checks the whole house ([`Reload`]); here it is made ready (plugins that were added), and then exchanged at once
//! or not at all. What is under way goes on with what it began with. Nothing here watches files.

use crate::Admitted;
use crate::generations::By;
use crate::guards::Guards;
use crate::live::{FileChange, RunEvent};
use crate::loading::{Waiting, load_guards, make_ready, plugins_to_be};
use crate::record::Kind;
use crate::request::Asked;
use crate::run::Run;
use chart::{Effect, Migration, ReloadPolicy, Snapshot};
use definitions::{AgentDef, ChartBundle, House};
use futures_util::Stream;
use sandbox::Plugin;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

/// What a front end found when it read the definitions again.
pub enum Reload {
    /// All of them are in order.
    Ready(Box<House>),
    /// Something is wrong with them, in words for a person.
    Broken(String),
    /// The definitions are as they were, and the components of plugins at these paths (as the house names them) were saved; where none is named, any may
    /// have been.
    Components(Vec<PathBuf>),
}

/// Definitions as they are saved. One that never ends and never yields is a house that does not change.
pub type Reloads = Pin<Box<dyn Stream<Item = Reload>>>;

/// Definitions with everything loaded that they need.
pub(crate) struct Prepared {
    services: Admitted,
    /// `None` where they are the same as before.
    plugins: Result<Option<Vec<Arc<Plugin>>>, String>,
    /// `None` where there is no such agent any more.
    guards: Result<Option<Guards>, String>,
    /// Components that take their places with the definitions.
    waiting: Waiting,
}

/// What a run will run with, worked out completely before anything is exchanged.
struct Generation {
    services: Admitted,
    agent: Arc<AgentDef>,
    bundle: Arc<ChartBundle>,
    plugins: Option<Vec<Arc<Plugin>>>,
    asked: Option<Vec<Asked>>,
    guards: Option<Guards>,
    waiting: Waiting,
    moved: Option<Moved>,
    files: Vec<FileChange>,
    affected: Vec<Arc<str>>,
    changes: Vec<String>,
    later: Vec<String>,
}

/// A chart on its way into another version.
pub(crate) struct Moved {
    pub(crate) snapshot: Snapshot,
    pub(crate) migration: Migration,
    pub(crate) effects: Vec<Effect>,
}

impl Run {
    /// Something was saved: make it ready. What was being made ready before is out of date.
    pub(crate) fn prepare(&mut self, reload: Reload) {
        let services = match reload {
            Reload::Ready(house) => match self.pass_gate(*house) {
                Some(services) => services,
                None => return,
            },
            Reload::Broken(why) => {
                self.preparing = None;
                self.refuse(why);
                return;
            }
            Reload::Components(saved) => return self.prepare_components(saved),
        };
        let before = self.services.house.clone();
        let house = services.house.clone();
        let agent = house.agents.get(&self.agent.name).cloned();
        // Guards are posted anew with every save: what they are granted may be another thing.
        let guarded = agent.clone().map(|agent| (agent, self.bundle.clone()));
        let old = self.agent.clone();
        self.preparing = Some(Box::pin(async move {
            let mut waiting = Waiting::new();
            let made = match &agent {
                Some(agent) => make_ready(&services, agent, &mut waiting).await,
                None => Ok(()),
            };
            let plugins = match (agent, made) {
                (_, Err(error)) => Err(error.to_string()),
                (Some(agent), Ok(())) if !same_plugins(&before, &old, &house, &agent) => {
                    let loaded = plugins_to_be(&services, &agent, &waiting).await;
                    loaded.map(Some).map_err(|error| error.to_string())
                }
                _ => Ok(None),
            };
            let guards = match (&guarded, plugins.is_ok()) {
                (Some((agent, bundle)), true) => {
                    let loaded = load_guards(&services, agent, bundle, &waiting).await;
                    loaded.map(Some).map_err(|error| error.to_string())
                }
                _ => Ok(None),
            };
            Prepared {
                services,
                plugins,
                guards,
                waiting,
            }
        }));
    }

    /// Exchange the definitions, or say why not.
    pub(crate) fn exchange(&mut self, prepared: Prepared) {
        match self.work_out(prepared) {
            Ok(Some(generation)) => self.publish(generation),
            Ok(None) => {}
            Err(why) => self.refuse(why),
        }
    }

    /// The definitions go on as they were.
    pub(crate) fn refuse(&mut self, why: String) {
        self.record(Kind::NotReloaded, &json!({ "why": why }));
        self.show(RunEvent::NotReloaded { why });
    }

    /// Everything that follows from new definitions, with nothing changed yet; `None` where nothing does.
    fn work_out(&mut self, prepared: Prepared) -> Result<Option<Generation>, String> {
        let Prepared {
            services,
            plugins,
            guards,
            waiting,
        } = prepared;
        let house = services.house.clone();
        let files = changed_files(&self.services.house, &house);
        let asked = (self.ask)(&house, &self.asked)?;
        // A text that a chunk sends is no definition, and is released like one.
        let released = services.revisions() != self.services.revisions();
        if files.is_empty() && asked.is_none() && !released {
            return Ok(None);
        }
        let name = &self.agent.name;
        let agent = house.agents.get(name).cloned().ok_or_else(|| {
            format!("the house has no agent `{name}` any more, and this run is its: it goes on with the definitions before")
        })?;
        let mut generation = Generation {
            affected: affected(&self.services.house, &house),
            plugins: plugins?,
            guards: guards?,
            waiting,
            moved: None,
            bundle: self.bundle.clone(),
            changes: Vec::new(),
            later: Vec::new(),
            services,
            agent,
            asked,
            files,
        };
        self.plan_chart(&mut generation)?;
        self.plan_rest(&mut generation)?;
        Ok(Some(generation))
    }

    fn plan_chart(&self, generation: &mut Generation) -> Result<(), String> {
        let running = self.bundle.chart.name();
        if generation.agent.cognition != self.agent.cognition {
            generation.later.push(format!(
                "the cognition `{}`: this run goes on with `{running}`",
                generation.agent.cognition
            ));
        }
        let Some(bundle) = generation.services.house.charts.get(running).cloned() else {
            let what = format!("the chart `{running}` is gone: this run goes on with it");
            generation.later.push(what);
            return Ok(());
        };
        if bundle.hash == self.bundle.hash {
            generation.bundle = bundle;
            return Ok(());
        }
        let (old, new) = (self.bundle.chart.version(), bundle.chart.version());
        match bundle.migrate.policy {
            ReloadPolicy::Pin => {
                generation.later.push(format!(
                    "the chart `{running}` {new} says `migrate: pin`: this run goes on with {old}"
                ));
                return Ok(());
            }
            ReloadPolicy::Refuse => {
                return Err(format!(
                    "the chart `{running}` says `migrate: refuse`, and this run is in it: end the run first, or write `migrate: migrate` or `migrate: pin`"
                ));
            }
            ReloadPolicy::Migrate => {}
        }
        if bundle.chart.hash() == self.bundle.chart.hash() {
            let what = format!("what the states of `{running}` say of context, policy and roles");
            generation.changes.push(what);
        } else {
            let mut effects = chart::Effects::new();
            let now = self.services.clock.steady().0;
            let (from, to) = (&self.bundle.chart, &bundle.chart);
            let moved =
                chart::migrate(from, to, &bundle.migrate, &self.snapshot, now, &mut effects);
            let (snapshot, migration) = moved.map_err(|error| {
                format!("the chart `{running}` cannot move from {old} to {new}: {error}")
            })?;
            let version = match old == new {
                true => format!("the chart `{running}` is another one"),
                false => format!("the chart `{running}` moves from {old} to {new}"),
            };
            generation.changes.push(version);
            let steps = migration.changes.iter().map(ToString::to_string);
            generation.changes.extend(steps);
            generation.moved = Some(Moved {
                snapshot,
                migration,
                effects: effects.drain().collect(),
            });
        }
        generation.bundle = bundle;
        Ok(())
    }

    fn plan_rest(&mut self, generation: &mut Generation) -> Result<(), String> {
        let (old, new) = (&self.services.house, &generation.services.house);
        if old.store != new.store {
            let what = format!(
                "the store {}: it is opened at the start",
                new.store.display()
            );
            generation.later.push(what);
        }
        if generation.agent.hash != self.agent.hash {
            let what = format!("the agent `{}`", generation.agent.name);
            generation.changes.push(what);
        }
        if generation.agent.counting != self.agent.counting {
            let what = "how tokens are counted: this run goes on as it began";
            generation.later.push(what.into());
        }
        if let Some(asked) = &generation.asked {
            let parameters = asked.iter().map(|asked| &asked.parameters);
            let known = self.counting.know(Some(&self.journal.borrow()), parameters);
            known.map_err(|error| error.to_string())?;
        }
        if generation.plugins.is_some() {
            generation.changes.push("its plugins".into());
        }
        let same = |asked: &[Asked]| {
            asked.len() == self.asked.len()
                && asked
                    .iter()
                    .zip(&self.asked)
                    .all(|(new, old)| new.identity == old.identity)
        };
        if let Some(asked) = generation.asked.as_ref().filter(|asked| !same(asked)) {
            let whom: Vec<String> = asked
                .iter()
                .map(|asked| format!("`{}`", asked.parameters.provider))
                .collect();
            generation
                .changes
                .push(format!("it asks {}", whom.join(", then ")));
        }
        if old.hash != new.hash {
            generation
                .changes
                .push("house.yaml: ceiling, prices and defaults".into());
        }
        Ok(())
    }

    /// Use `generation` from now on. Nothing here can fail.
    fn publish(&mut self, generation: Generation) {
        if let Some(plugins) = generation.plugins {
            self.plugins = plugins;
        }
        let definitions = self.record_definitions(&generation.services.house);
        if !Arc::ptr_eq(&generation.bundle, &self.bundle) {
            self.materials.chart = Some(definitions);
        }
        let body = json!({
            "definitions": definitions,
            "chart_definitions": self.materials.chart,
            "files": generation.files,
            "affected": generation.affected,
            "changes": generation.changes,
            "later": generation.later,
            "agent": { "version": generation.agent.version, "hash": generation.agent.hash },
            "chart": { "name": generation.bundle.chart.name(), "version": generation.bundle.chart.version(), "hash": generation.bundle.chart.hash() },
            "plugins": self.told_components(),
        });
        self.record(Kind::Reloaded, &body);
        self.show(RunEvent::Reloaded {
            files: generation.files,
            changes: generation.changes,
            later: generation.later,
        });
        self.services = generation.services;
        self.agent = generation.agent;
        self.bundle = generation.bundle;
        self.grants.forget();
        if let Some(asked) = generation.asked {
            self.asked = asked;
            self.preferred = None;
            for activity in self.activities.values_mut() {
                activity.choice = 0;
            }
        }
        if let Some(guards) = generation.guards {
            self.guards = guards;
        }
        for (slot, plugin) in generation.waiting {
            self.give_place(&slot, plugin, By::Definitions);
        }
        self.take_current();
        self.prepare_components_again();
        self.over_budget = self.over_budget && !self.has_room();
        if let Some(moved) = generation.moved {
            self.arrive(moved);
        }
    }

    /// The chart is in another version now: record it as a step of its own, and begin what it asks for.
    pub(crate) fn arrive(&mut self, moved: Moved) {
        self.snapshot = moved.snapshot;
        // Activities that go on belong to states that may have other names.
        for (id, state, _) in self.snapshot.activities(&self.bundle.chart) {
            if let Some(activity) = self.activities.get_mut(id) {
                activity.state = state.into();
            }
        }
        let configuration = self.configuration();
        let body = json!({
            "time": self.services.clock.steady().0,
            "migration": moved.migration,
            "configuration": configuration,
            "effects": moved.effects,
            "snapshot": self.saved(),
        });
        self.record(Kind::Migrated, &body);
        if moved.migration.before != moved.migration.after {
            self.show(RunEvent::State {
                event: None,
                configuration,
            });
        }
        let effects = moved.effects.into_iter();
        effects.for_each(|effect| self.dispatch(effect));
    }
}

/// Whether the agent's plugins are the same components under the same names.
fn same_plugins(before: &House, old: &AgentDef, after: &House, new: &AgentDef) -> bool {
    old.plugins == new.plugins
        && new.plugins.iter().all(|name| {
            let of = |house: &House| {
                let plugin = house.plugins.get(name)?;
                Some((plugin.component.clone(), plugin.trusted))
            };
            of(before) == of(after)
        })
}

/// The files that are not what they were, by name.
fn changed_files(before: &House, after: &House) -> Vec<FileChange> {
    let old: BTreeMap<_, _> = before.files.iter().cloned().collect();
    let new: BTreeMap<_, _> = after.files.iter().cloned().collect();
    let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    let changes = names.into_iter().map(|file| FileChange {
        old: old.get(&file).copied(),
        new: new.get(&file).copied(),
        file,
    });
    changes.filter(|change| change.old != change.new).collect()
}

/// The agents for which something is different, by name.
fn affected(before: &House, after: &House) -> Vec<Arc<str>> {
    let everyone = before.hash != after.hash || before.default_policy != after.default_policy;
    let chart =
        |house: &House, agent: &AgentDef| house.charts.get(&agent.cognition).map(|c| c.hash);
    let agents = after.agents.iter().filter(|(name, agent)| {
        everyone
            || before.agents.get(*name).is_none_or(|old| {
                old.hash != agent.hash || chart(before, old) != chart(after, agent)
            })
    });
    let gone = before
        .agents
        .keys()
        .filter(|name| !after.agents.contains_key(*name));
    agents.map(|(name, _)| name).chain(gone).cloned().collect()
}
