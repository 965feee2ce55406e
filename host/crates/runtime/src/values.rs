//! What templates of a context map see: the agent, its model, its chart, the time, what was last said. Names are those of `context::TEMPLATE_NAMES`.

use chart::{Snapshot, StateId};
use context::{NeedKind, Plan, ToolOffer};
use definitions::{AgentDef, ChartBundle};
use serde_json::{Value, json};
use std::sync::Arc;
use types::{ModelParameters, Timestamp};

/// Where the values come from.
pub(crate) struct Seen<'a> {
    pub(crate) agent: &'a AgentDef,
    pub(crate) bundle: &'a ChartBundle,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) states: &'a [StateId],
    pub(crate) parameters: &'a ModelParameters,
    pub(crate) now: Timestamp,
    pub(crate) prompt: &'a str,
    pub(crate) plan: &'a Plan,
    pub(crate) offers: &'a dyn Fn() -> Vec<ToolOffer>,
}

/// The values, where `plan` has a template at all.
pub(crate) fn for_templates(seen: &Seen<'_>) -> Arc<Value> {
    let templates = |need: &context::Need| matches!(need.kind, NeedKind::Template(_));
    if !seen.plan.needs().iter().any(templates) {
        return Arc::new(Value::Null);
    }
    let chart = &seen.bundle.chart;
    let states: Vec<&str> = seen
        .states
        .iter()
        .map(|state| chart.state(*state))
        .filter(|state| state.is_leaf())
        .map(|state| &*state.id)
        .collect();
    let tools: Vec<String> = (seen.offers)()
        .into_iter()
        .filter(|offer| offer.open)
        .map(|offer| offer.schema.name.to_string())
        .collect();
    let now = types::rfc3339(seen.now);
    Arc::new(json!({
        "agent": { "name": seen.agent.name, "version": seen.agent.version, "doc": seen.agent.doc },
        "model": {
            "name": seen.parameters.name, "provider": seen.parameters.provider,
            "context_length": seen.parameters.context_length,
        },
        "states": states,
        "data": seen.snapshot.data_json(chart),
        "date": now.get(..10),
        "now": now,
        "tools": tools,
        "prompt": seen.prompt,
    }))
}
