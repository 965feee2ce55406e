//! The generations of a run's plugins: components that were saved while it lasts are made ready beside it, take their place between two macrosteps or not
//! at all, and are taken out again where they crash.
//!
//! What is under way ends with the generation it began with. Nothing here watches files or knows how a component is made ready; that is the front end's
//! and the sandbox's.

use crate::by_hand::CALLS_TO_SHADOW;
use crate::live::RunEvent;
use crate::loading::{may_be, plugins_of};
use crate::record::Kind;
use crate::run::Run;
use crate::shadow::{ShadowError, ShadowReport, beside};
use crate::standing::{Standing, standings};
use crate::terms::terms;
use change::Where;
use definitions::Promote;
use futures_util::future::join_all;
use sandbox::{Exchange, Plugin, Quarantine, Slot, SwapError, TRAPS_UNTIL_QUARANTINE};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use types::{ContentHash, PluginName};

/// Longest note on a plugin that a model reads, in characters.
const LONGEST_NOTE: usize = 400;

/// How an exchange of generations came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The component's file was saved.
    Saved,
    /// A person had it exchanged with `charthouse plugin swap`.
    Hand,
    /// A person had it taken back with `charthouse plugin rollback`.
    Rollback,
    /// The house names another component.
    Definitions,
    /// The component that the house names crashed too often in an earlier run, or in another one that is under way.
    Quarantine,
}

/// Components that are being made ready.
type Preparing = Pin<Box<dyn Future<Output = Vec<Ready>>>>;

/// What a run knows of the generations of its plugins beside what the sandbox does.
#[derive(Default)]
pub(crate) struct Generations {
    /// Components that were saved and are being made ready.
    preparing: Option<Preparing>,
    /// Their files.
    saved: BTreeSet<PathBuf>,
    /// What was refused last, by plugin: a component that is looked at twice is refused once.
    refused: BTreeMap<PluginName, (Option<ContentHash>, String)>,
    /// What the model is told of a plugin with its next answer.
    notes: BTreeMap<PluginName, String>,
}

/// A component that was looked at.
pub(crate) struct Ready {
    slot: Arc<Slot>,
    hash: Option<ContentHash>,
    outcome: Result<Option<Arc<Plugin>>, String>,
    /// The shadow run that it was tried in.
    shadowed: Option<ShadowReport>,
}

impl Generations {
    /// Whether anything is being made ready.
    pub(crate) fn are_preparing(&self) -> bool {
        self.preparing.is_some()
    }

    /// What was made ready, once it is; asked only where there is something.
    pub(crate) async fn ready(&mut self) -> Vec<Ready> {
        match &mut self.preparing {
            Some(preparing) => {
                let ready = preparing.await;
                self.preparing = None;
                self.saved.clear();
                ready
            }
            None => std::future::pending().await,
        }
    }
}

/// What to say where a component in the place of the plugin `name` comes to something else than `report` finds of the one that has it.
fn differences(report: &ShadowReport, name: &PluginName, file: &Path) -> Result<(), String> {
    if report.different() == 0 {
        return Ok(());
    }
    let first = report.calls.iter().find(|call| !call.same);
    let first = match first {
        Some(call) => format!(
            "{} answers `{}` and not `{}`",
            call.tool, call.new.answer, call.old.answer
        ),
        None => format!("{} files are left otherwise", report.files.len()),
    };
    Err(format!(
        "the house says `promote: shadow`, and {} of the last {} calls come to something else ({first}); `charthouse plugin swap {name} {} --at-once` takes it all the same",
        report.different(),
        report.calls.len(),
        file.display()
    ))
}

impl Run {
    /// The places of the plugins that this run has, in whatever capacity, as far as they have been loaded.
    fn slots(&self) -> Vec<Arc<Slot>> {
        let slot = |name: PluginName| self.services.sandbox.slot_of(&name);
        plugins_of(&self.agent).filter_map(slot).collect()
    }

    /// Take over what earlier runs and people have learnt: which components crashed too often, and which to bring back in their place. The components that
    /// were taken last, by plugin.
    pub(crate) fn remember_generations(&mut self) -> BTreeMap<String, ContentHash> {
        // Whatever is wrong with the journal stops the run at its next commit.
        let standings = standings(&self.journal.borrow()).unwrap_or_default();
        for slot in self.slots() {
            let Standing {
                quarantined,
                before,
                current,
            } = standings
                .get(slot.name().as_str())
                .cloned()
                .unwrap_or_default();
            let before: Vec<ContentHash> = before.into_iter().chain(current).collect();
            let quarantined: Vec<ContentHash> = quarantined.into_iter().collect();
            let exchange = self.services.sandbox.remember(&slot, &before, &quarantined);
            if let Some(exchange) = exchange {
                self.exchanged(&exchange, By::Quarantine);
            }
        }
        self.take_current();
        let taken = standings.into_iter();
        taken
            .filter_map(|(name, standing)| Some((name, standing.current?)))
            .collect()
    }

    /// The components at `saved` were saved, or any of them where it is empty: make ready those that are plugins of this run.
    pub(crate) fn prepare_components(&mut self, saved: Vec<PathBuf>) {
        match saved.is_empty() {
            true => {
                let all = self.services.house.plugins.values();
                let all = all.map(|definition| definition.component.path.clone());
                self.generations.saved.extend(all);
            }
            false => self.generations.saved.extend(saved),
        }
        // A person may have put back what had crashed too often.
        let taken = self.remember_generations();
        let mut looked_at: Vec<Pin<Box<dyn Future<Output = Ready>>>> = Vec::new();
        for slot in self.slots() {
            let Some(definition) = self.services.house.plugins.get(slot.name()) else {
                continue;
            };
            let component = definition.component.clone();
            let path = component.path.clone();
            if !self.generations.saved.contains(&path) {
                continue;
            }
            let trusted = definition.trusted;
            let before = slot.current();
            let terms = terms(
                &self.services.house,
                slot.name(),
                Some(before.plugin.info()),
            );
            let services = self.services.clone();
            let taken = taken.get(slot.name().as_str()).copied();
            let shadowed = definition.promote == Promote::Shadow;
            let room = match shadowed {
                true => self.room_for_shadow(),
                false => Ok(()),
            };
            looked_at.push(Box::pin(async move {
                let sandbox = &services.sandbox;
                let prepared = sandbox.prepare(&slot, component, trusted, &terms).await;
                let hash = match &prepared {
                    Ok(ready) => ready.as_ref().map(|plugin| plugin.info().hash),
                    Err(SwapError::Quarantined { hash, .. }) => Some(*hash),
                    Err(_) => sandbox.content_of(&path),
                };
                let (outcome, shadowed) = match prepared {
                    // What a person put there has been looked at already.
                    Ok(Some(plugin)) if shadowed && taken != hash => {
                        let report = match room {
                            Ok(()) => beside(&services, slot.name(), &path, CALLS_TO_SHADOW).await,
                            Err(why) => Err(ShadowError::Budget(why)),
                        };
                        match report {
                            Ok(report) => {
                                let found = differences(&report, slot.name(), &path);
                                (found.map(|()| Some(plugin)), Some(report))
                            }
                            Err(error) => (Err(error.to_string()), None),
                        }
                    }
                    prepared => (prepared.map_err(|error| error.to_string()), None),
                };
                Ready {
                    slot,
                    hash,
                    outcome,
                    shadowed,
                }
            }));
        }
        if looked_at.is_empty() {
            self.generations.saved.clear();
            self.generations.preparing = None;
        } else {
            self.generations.preparing = Some(Box::pin(join_all(looked_at)));
        }
    }

    /// Definitions were exchanged: what was being made ready goes by those before.
    pub(crate) fn prepare_components_again(&mut self) {
        if self.generations.are_preparing() {
            let saved = std::mem::take(&mut self.generations.saved);
            self.prepare_components(saved.into_iter().collect());
        }
    }

    /// Components are ready: give each its place, or say why not.
    pub(crate) fn exchange_components(&mut self, ready: Vec<Ready>) {
        for Ready {
            slot,
            hash,
            outcome,
            shadowed,
        } in ready
        {
            if let Some(report) = shadowed {
                self.book_shadow(&report);
            }
            match outcome {
                Ok(Some(plugin)) => self.give_place(&slot, plugin, By::Saved),
                Ok(None) => {}
                Err(why) => {
                    let unreleased = self.unreleased(slot.name(), hash, Where::Swap);
                    self.refuse_component(&slot, hash, unreleased.unwrap_or(why));
                }
            }
        }
        self.take_current();
    }

    /// `plugin` has its place from now on.
    pub(crate) fn give_place(&mut self, slot: &Slot, plugin: Arc<Plugin>, by: By) {
        self.generations.refused.remove(slot.name());
        let exchange = slot.publish(plugin);
        self.exchanged(&exchange, by);
    }

    fn exchanged(&mut self, exchange: &Exchange, by: By) {
        let plugin = exchange.to.plugin.name().clone();
        let (from, to) = (exchange.from.name(), exchange.to.name());
        let (old, new) = (from.hash.short(), to.hash.short());
        let why = match by {
            By::Quarantine => format!(
                "{old} crashed too often before, so {new}, the last that worked, is used in its place"
            ),
            By::Definitions => format!("the house names {new} in the place of {old}"),
            By::Saved | By::Hand | By::Rollback => format!("{new} was saved in the place of {old}"),
        };
        self.tell_the_model(&plugin, &why);
        let body = json!({ "plugin": plugin, "from": from, "to": to, "by": by, "why": why });
        self.record(Kind::PluginSwapped, &body);
        self.show(RunEvent::PluginSwapped {
            plugin,
            from,
            to,
            by,
            why,
        });
    }

    fn refuse_component(&mut self, slot: &Slot, hash: Option<ContentHash>, why: String) {
        let plugin = slot.name().clone();
        let refused = (hash, why.clone());
        if self.generations.refused.get(&plugin) == Some(&refused) {
            return;
        }
        self.generations.refused.insert(plugin.clone(), refused);
        let current = slot.current().name();
        self.tell_the_model(
            &plugin,
            &format!(
                "what was saved in its place is not used, {} goes on: {why}",
                current.hash.short()
            ),
        );
        let body = json!({ "plugin": plugin, "hash": hash, "current": current, "why": why });
        self.record(Kind::PluginRefused, &body);
        self.show(RunEvent::PluginRefused {
            plugin,
            hash,
            current,
            why,
        });
    }

    /// A call has come back: take out a generation that has crashed too often, and see who has which place now.
    pub(crate) fn look_after_generations(&mut self) {
        for slot in self.slots() {
            let definition = self.services.house.plugins.get(slot.name());
            let limit = definition.and_then(|definition| definition.quarantine);
            let limit = limit.unwrap_or(TRAPS_UNTIL_QUARANTINE);
            if let Some(quarantine) = self.services.sandbox.examine(&slot, limit) {
                self.quarantined(&quarantine);
            }
        }
        self.take_current();
    }

    fn quarantined(&mut self, quarantine: &Quarantine) {
        let generation = quarantine.generation.name();
        let plugin = quarantine.generation.plugin.name().clone();
        let back = quarantine.back.as_ref().map(|back| back.name());
        let (bad, traps) = (generation.hash.short(), quarantine.traps);
        let often = match traps {
            1 => "once".to_owned(),
            n => format!("{n} times"),
        };
        let crashed = format!("{bad} crashed {often} and answered nothing in between");
        let why = match back {
            Some(back) => format!(
                "{crashed}; it is out of use, and {}, which answered before, is back",
                back.hash.short()
            ),
            None => format!("{crashed}; it goes on, because nothing that answered was before it"),
        };
        self.tell_the_model(&plugin, &why);
        let body = json!({
            "plugin": plugin, "generation": generation, "traps": traps, "back": back, "why": why,
        });
        self.record(Kind::PluginQuarantined, &body);
        self.show(RunEvent::PluginQuarantined {
            plugin,
            generation,
            traps,
            back,
            why,
        });
    }

    /// Use the generations that have their places now, in whatever way they came there.
    pub(crate) fn take_current(&mut self) {
        let sandbox = self.services.sandbox.clone();
        let house = self.services.house.clone();
        let current = |plugin: &Arc<Plugin>| {
            let slot = sandbox.slot_of(plugin.name())?;
            let current = slot.current().plugin.clone();
            // What others in this process have in its place may be released for them alone.
            let definition = house.plugins.get(plugin.name())?;
            let may = may_be(&definition.component, &current);
            (!Arc::ptr_eq(&current, plugin) && may).then_some(current)
        };
        for plugin in &mut self.plugins {
            if let Some(current) = current(plugin) {
                *plugin = current;
            }
        }
        if let Some(guards) = self.guards.with(current) {
            self.guards = guards;
        }
    }

    /// Have the model read `what` with the next answer of `plugin`.
    fn tell_the_model(&mut self, plugin: &PluginName, what: &str) {
        let line: String = what
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(LONGEST_NOTE)
            .collect();
        let note = format!("\n[plugin {plugin}: {line}]");
        self.generations
            .notes
            .entry(plugin.clone())
            .or_default()
            .push_str(&note);
    }

    /// What the model is to read of `plugin` now.
    pub(crate) fn take_notes(&mut self, plugin: &str) -> String {
        let name = PluginName::parse(plugin).ok();
        let notes = name.and_then(|name| self.generations.notes.remove(&name));
        notes.unwrap_or_default()
    }
}
