//! The tools that a payload may offer: those of the agent's plugins that some state could allow, and the host's own `exec.run` and `signal`.

use crate::Binding;
use crate::act::SIGNAL;
use crate::grants;
use crate::payloads::Basis;
use chart::Snapshot;
use context::{Estimator, ToolOffer};
use definitions::{AgentDef, ChartBundle, House};
use policy::Verdict;
use sandbox::{Plugin, PluginInfo};
use serde_json::json;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use types::{ContentHash, PluginName, ToolName, ToolSchema, ToolSpec};

/// A plugin as far as offering its tools goes: what it says of itself, whether or not it is loaded.
#[derive(Clone, Copy)]
pub(crate) struct Described<'a> {
    /// Its name in the house.
    pub(crate) name: &'a PluginName,
    /// What is known of it.
    pub(crate) info: &'a PluginInfo,
}

/// What `plugins` say of themselves, in their order.
pub(crate) fn described(plugins: &[Arc<Plugin>]) -> Vec<Described<'_>> {
    let plugins = plugins.iter();
    let described = plugins.map(|plugin| Described {
        name: plugin.name(),
        info: plugin.info(),
    });
    described.collect()
}

/// Schemas that were measured before: they stay the same as long as their plugin does.
#[derive(Default)]
pub(crate) struct Schemas(RefCell<BTreeMap<(ContentHash, ToolName), ToolOffer>>);

impl Schemas {
    fn measured(
        &self,
        plugin: Described<'_>,
        spec: &ToolSpec,
        name: &ToolName,
        open: bool,
        estimator: &dyn Estimator,
    ) -> ToolOffer {
        let mut known = self.0.borrow_mut();
        let offer = known
            .entry((plugin.info.hash, name.clone()))
            .or_insert_with(|| {
                let schema = ToolSchema {
                    name: name.as_str().into(),
                    description: spec.description.as_str().into(),
                    parameters: Arc::new(spec.parameters.clone()),
                };
                ToolOffer::measured(schema, open, estimator)
            });
        ToolOffer {
            open,
            ..offer.clone()
        }
    }
}

/// How tools are judged, and their schemas measured.
#[derive(Clone, Copy)]
pub(crate) struct Measure<'a> {
    /// Whether a tool that somebody must allow each time is open.
    pub(crate) somebody_answers: bool,
    pub(crate) schemas: &'a Schemas,
    pub(crate) estimator: &'a dyn Estimator,
}

/// Every tool that could be offered, in the plugins' order, each marked open or closed as of now.
pub(crate) fn offers(
    basis: &Basis,
    plugins: &[Described<'_>],
    signals: &BTreeSet<String>,
    measure: Measure<'_>,
) -> Vec<ToolOffer> {
    let (house, agent, bundle) = (&*basis.house, &*basis.agent, &*basis.bundle);
    let (states, work) = (&basis.states, basis.bound.as_ref());
    let layers = grants::layers(house, agent, bundle, states.iter().copied(), work);
    let least = match measure.somebody_answers {
        true => Verdict::Ask,
        false => Verdict::Allow,
    };
    let stacks = grants::stacks(house, agent, bundle, work);
    let mut offers = Vec::new();
    for plugin in plugins {
        for spec in &plugin.info.tools {
            // The probe has checked the name.
            let Ok(name) = ToolName::new(plugin.name, &spec.name) else {
                continue;
            };
            if !policy::could_open(&stacks, house.ceiling.as_ref(), &name) {
                continue;
            }
            let verdict = policy::tools_open(
                &layers,
                house.ceiling.as_ref(),
                house.answers(&agent.name),
                [&name],
            );
            let open = verdict.iter().all(|(_, verdict)| *verdict >= least);
            offers.push(
                measure
                    .schemas
                    .measured(*plugin, spec, &name, open, measure.estimator),
            );
        }
    }
    offers.extend(commands(house, agent, bundle, work).map(|allowed| {
        let open = policy::commands_declared([&layers], house.ceiling.as_ref());
        let name = ToolName::parse(policy::EXEC_TOOL).ok();
        let answers = house.answers(&agent.name);
        let verdict = policy::tools_open(&layers, house.ceiling.as_ref(), answers, &name);
        let allows = verdict.iter().all(|(_, verdict)| *verdict >= least);
        exec(&allowed, allows && !open.is_empty(), measure.estimator)
    }));
    offers.extend(signal(signals, measure.estimator));
    offers
}

/// The patterns of the native commands that some state could allow; `None` where there are none, and then there is no tool that runs any.
pub(crate) fn commands(
    house: &House,
    agent: &AgentDef,
    bundle: &ChartBundle,
    work: Option<&Binding>,
) -> Option<Vec<Vec<String>>> {
    let stacks = grants::stacks(house, agent, bundle, work);
    let patterns = policy::commands_declared(&stacks, house.ceiling.as_ref());
    let name = ToolName::parse(policy::EXEC_TOOL).ok()?;
    let open = policy::could_open(&stacks, house.ceiling.as_ref(), &name);
    (open && !patterns.is_empty()).then_some(patterns)
}

/// The host's own tool for native commands. What it says of them is the same in every state, so that the cached prefix lasts.
fn exec(allowed: &[Vec<String>], open: bool, estimator: &dyn Estimator) -> ToolOffer {
    let spec = sandbox::exec_tool(allowed);
    let schema = ToolSchema {
        name: policy::EXEC_TOOL.into(),
        description: spec.description.into(),
        parameters: Arc::new(spec.parameters),
    };
    ToolOffer::measured(schema, open, estimator)
}

/// The tool by which the model raises the events that open states accept, and no others.
fn signal(open: &BTreeSet<String>, estimator: &dyn Estimator) -> Option<ToolOffer> {
    if open.is_empty() {
        return None;
    }
    let schema = ToolSchema {
        name: SIGNAL.into(),
        description: "Raise an event of your own statechart. It takes effect after the other calls of this round.".into(),
        parameters: Arc::new(json!({
            "type": "object",
            "required": ["event"],
            "additionalProperties": false,
            "properties": {
                "event": { "type": "string", "enum": open },
                "note": { "type": "string", "description": "Why, in a sentence." }
            }
        })),
    };
    Some(ToolOffer::measured(schema, true, estimator))
}

/// The signals that the active states accept.
pub(crate) fn signals(bundle: &ChartBundle, snapshot: &Snapshot) -> BTreeSet<String> {
    let open = snapshot.open_signals(&bundle.chart);
    open.into_iter().map(str::to_owned).collect()
}

/// Full names of all tools of `plugins`, in their order.
pub(crate) fn tool_names(plugins: &[Arc<Plugin>]) -> Vec<ToolName> {
    plugins
        .iter()
        .flat_map(|plugin| {
            let specs = plugin.info().tools.iter();
            // The probe has checked the names.
            specs.filter_map(|spec| ToolName::new(plugin.name(), &spec.name).ok())
        })
        .collect()
}
