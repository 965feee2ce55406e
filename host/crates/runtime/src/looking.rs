//! What an agent would be sent if it thought now: the payload and its account, without sending anything. Behind `context show`.

use crate::gather::{self, Asker, Served};
use crate::loading::{Waiting, find_agent, load_guards, load_plugins};
use crate::payloads::Basis;
use crate::record::Kind;
use crate::tokens::Counting;
use crate::{RuntimeError, Services, grants, memories, offers, values};
use chart::{Effects, Snapshot, StateId};
use context::{Assembled, HistoryItem, MapReport, Said, Shape, Tools, Vocabulary};
use journal::Journal;
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

/// Assemble what the agent would be sent. `journal` has what was learnt of the model's counting and what is remembered; without one neither is known.
pub async fn look(
    services: &Services,
    journal: Option<&Journal>,
    looking: &Looking,
) -> Result<Assembled, RuntimeError> {
    let (agent, bundle) = find_agent(services, &looking.agent)?;
    let plugins = load_plugins(services, &agent).await?;
    let guards = load_guards(services, &agent, &bundle, &Waiting::new()).await?;
    let counting = Counting::new(journal, &agent, [&agent.model])?;
    let snapshot = begin(services, &bundle)?;
    let states = states(&bundle, &snapshot, looking)?;
    let prompt = looking.prompt.clone().unwrap_or_default();
    let basis = Basis {
        agent: agent.clone(),
        bundle: bundle.clone(),
        states: states.clone(),
        room: None,
        house: services.house.clone(),
        bound: None,
        handed_in: false,
    };
    let plan = basis.plan(&agent.model);
    let now = services.clock.now();
    let schemas = offers::Schemas::default();
    let find_offers = || {
        let measure = offers::Measure {
            somebody_answers: false,
            schemas: &schemas,
            estimator: counting.estimator(),
        };
        let plugins = offers::described(&plugins);
        basis.offers(&plugins, &snapshot, measure)
    };
    let offers = find_offers();
    let asker = Asker {
        services,
        agent: &agent,
        bundle: &bundle,
        plugins: &plugins,
        states: states.clone(),
        work: None,
        query: &prompt,
        served: &Served::default(),
        values: values::for_templates(&values::Seen {
            agent: &agent,
            bundle: &bundle,
            snapshot: &snapshot,
            states: &states,
            parameters: &agent.model,
            now,
            prompt: &prompt,
            plan: &plan,
            offers: &find_offers,
        }),
        memories: &memories::Kept {
            journal,
            agent: &agent.name,
            now,
        },
    };
    let call = CallContext {
        time: now,
        seed: "context show".into(),
        model: None,
        // Looking changes nothing.
        dry_run: true,
    };
    let errands = asker.errands(&plan).map_err(RuntimeError::Context)?;
    let deadline = agent.context.deadline;
    let found = gather::run(services, errands, &guards, deadline, &call).await;
    let texts = found.texts.map_err(RuntimeError::Context)?;
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
            counting.measured(item)
        })
        .collect();
    let said = Said::new(&history);
    let tools = Tools { offers: &offers };
    plan.assemble(&texts, &said, &tools, &counting.calibrated(&agent.model))
        .map_err(|error| RuntimeError::Context(error.to_string()))
}

/// One request that a run has sent: its account, and what it consisted of.
pub struct Turn {
    /// Its number in the run, from 1.
    pub number: usize,
    /// The state whose activity asked.
    pub state: String,
    /// Its account.
    pub report: MapReport,
    /// What it consisted of.
    pub shape: Shape,
}

/// What a run has sent, and the conversation it was made of.
pub struct Turns {
    /// Every request, in order.
    pub turns: Vec<Turn>,
    /// The conversation with its tokens, counted as the run counted them.
    pub items: Vec<HistoryItem>,
}

/// Read what the run `run` has sent. Behind `context show --run` and `context diff`.
pub fn turns(journal: &Journal, run: &str) -> Result<Turns, RuntimeError> {
    let mut turns: Vec<Turn> = Vec::new();
    let mut items = Vec::new();
    journal.each(journal::Which::Run(run), |record| {
        let damaged = |why: serde_json::Error| RuntimeError::Damaged {
            run: run.to_owned(),
            record: record.seq.0,
            why: why.to_string(),
        };
        if record.kind == Kind::Item.name() {
            let mut body: serde_json::Value =
                serde_json::from_str(&record.body).map_err(damaged)?;
            let item: Item = serde_json::from_value(body["item"].take()).map_err(damaged)?;
            items.push(Arc::new(item));
        } else if record.kind == Kind::Think.name() {
            let mut body: serde_json::Value =
                serde_json::from_str(&record.body).map_err(damaged)?;
            // Records of earlier versions say less; they cannot be compared.
            if body["shape"].is_null() {
                return Ok(());
            }
            turns.push(Turn {
                number: turns.len() + 1,
                state: body["state"].as_str().unwrap_or_default().to_owned(),
                report: serde_json::from_value(body["context"].take()).map_err(damaged)?,
                shape: serde_json::from_value(body["shape"].take()).map_err(damaged)?,
            });
        }
        Ok::<_, RuntimeError>(())
    })?;
    let estimator = turns.first().map_or("", |turn| &turn.report.estimator);
    // What was learnt of the model's own counting stands behind the name.
    let vocabulary = estimator.split(' ').next().and_then(Vocabulary::parse);
    let counter =
        context::counter(vocabulary.map_or(context::Counting::Estimate, context::Counting::Exact));
    let measured = |item| HistoryItem::measured(item, counter);
    Ok(Turns {
        turns,
        items: items.into_iter().map(measured).collect(),
    })
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
    let layers = grants::layers(&services.house, &agent, &bundle, states, None);
    let tools = match tool {
        Some(tool) => vec![tool.clone()],
        None => {
            let mut names = offers::tool_names(&load_plugins(services, &agent).await?);
            if offers::commands(&services.house, &agent, &bundle, None).is_some() {
                names.extend(ToolName::parse(policy::EXEC_TOOL).ok());
            }
            names
        }
    };
    Ok(tools
        .iter()
        .map(|tool| grants::grant(&services.house, &agent, &layers, tool))
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
