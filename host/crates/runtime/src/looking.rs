//! What an agent would be sent if it thought now: the payload and its account, without sending anything. Behind `context show`.

use crate::gather::{self, Asker};
use crate::run::{find_agent, load_plugins};
use crate::think::ESTIMATOR;
use crate::{RuntimeError, Services, grants, offers};
use chart::{Effects, Snapshot, StateId};
use context::{Assembled, HistoryItem, Said, SlotChunks, Tools};
use policy::Grant;
use sandbox::CallContext;
use std::sync::Arc;
use types::{Item, Provenance, Role, ToolName};

/// Whom to look at, and in which state.
pub struct Looking {
    /// The agent.
    pub agent: String,
    /// A state of its chart; where the chart begins when absent.
    pub state: Option<String>,
    /// What a person says first.
    pub prompt: Option<String>,
}

/// Assemble what the agent would be sent.
pub async fn look(services: &Services, looking: &Looking) -> Result<Assembled, RuntimeError> {
    let (agent, bundle) = find_agent(services, &looking.agent)?;
    let plugins = load_plugins(services, &agent).await?;
    let snapshot = begin(services, &bundle)?;
    let states = states(&bundle, &snapshot, looking)?;
    let prompt = looking.prompt.clone().unwrap_or_default();
    let cognition: Vec<&context::ChunkDef> = states
        .iter()
        .flat_map(|state| &bundle.context[state.index()])
        .collect();
    let slots = SlotChunks {
        cognition: &cognition,
        workflow: &[],
    };
    let plan = context::plan(&agent.context, &slots, &agent.model);
    let asker = Asker {
        services,
        agent: &agent,
        bundle: &bundle,
        plugins: &plugins,
        states: states.clone(),
        query: &prompt,
    };
    let call = CallContext {
        time: services.clock.now(),
        seed: "context show".into(),
        model: None,
    };
    let errands = asker.errands(&plan).map_err(RuntimeError::Context)?;
    let (texts, _) = gather::run(services, errands, &call).await;
    let texts = texts.map_err(RuntimeError::Context)?;
    let history: Vec<HistoryItem> = looking
        .prompt
        .iter()
        .map(|prompt| {
            let item = Item::Text {
                role: Role::User,
                text: prompt.as_str().into(),
                provenance: Provenance::Human,
                labels: Vec::new(),
            };
            HistoryItem::measured(Arc::new(item), &ESTIMATOR)
        })
        .collect();
    let offers = offers::offers(
        &services.house,
        &agent,
        &bundle,
        &plugins,
        &states,
        &offers::signals(&bundle, &snapshot),
        &ESTIMATOR,
    );
    plan.assemble(
        &texts,
        &Said::new(&history),
        &Tools { offers: &offers },
        &ESTIMATOR,
    )
    .map_err(|error| RuntimeError::Context(error.to_string()))
}

/// What the agent is granted for `tool`, or for each tool of its plugins. Behind `policy explain`.
pub async fn explain(
    services: &Services,
    looking: &Looking,
    tool: Option<&ToolName>,
) -> Result<Vec<Grant>, RuntimeError> {
    let (agent, bundle) = find_agent(services, &looking.agent)?;
    let snapshot = begin(services, &bundle)?;
    let states = states(&bundle, &snapshot, looking)?;
    let layers = grants::layers(&services.house, &agent, &bundle, states);
    let tools = match tool {
        Some(tool) => vec![tool.clone()],
        None => offers::tool_names(&load_plugins(services, &agent).await?),
    };
    Ok(tools
        .iter()
        .map(|tool| grants::grant(&services.house, &layers, tool))
        .collect())
}

fn begin(services: &Services, bundle: &definitions::ChartBundle) -> Result<Snapshot, RuntimeError> {
    chart::start(&bundle.chart, services.clock.now().0, &mut Effects::new())
        .map_err(|error| RuntimeError::Chart(error.to_string()))
}

/// The states to look at: a named one with those around it, or those in which the chart begins.
fn states(
    bundle: &definitions::ChartBundle,
    snapshot: &Snapshot,
    looking: &Looking,
) -> Result<Vec<StateId>, RuntimeError> {
    let Some(name) = &looking.state else {
        return Ok(snapshot.configuration().collect());
    };
    match bundle.chart.find(name) {
        Some(state) => Ok(grants::path(bundle, state)),
        None => Err(RuntimeError::UnknownState {
            name: name.clone(),
            chart: bundle.chart.name().to_owned(),
            known: bundle
                .chart
                .states()
                .map(|(_, state)| &*state.id)
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}
