//! What a payload needs from outside: files of the house, and fragments of context plugins, which run in the sandbox like any other component.

use crate::Services;
use crate::grants;
use crate::think::Whom;
use chart::StateId;
use context::{Gathered as Texts, GatheredText, Need, NeedKind};
use definitions::{AgentDef, ChartBundle};
use futures_util::future::join_all;
use policy::Grant;
use sandbox::{CallContext, ContextRequest, Plugin};
use std::path::PathBuf;
use std::sync::Arc;
use types::{Outcome, Provenance, ToolName};

/// What was gathered for the payload of an invocation.
pub(crate) struct Gathered {
    pub(crate) effect: u64,
    pub(crate) invocation: Arc<str>,
    pub(crate) whom: Whom,
    pub(crate) plan: context::Plan,
    pub(crate) texts: Result<Texts, String>,
    /// What each context plugin that ran came to.
    pub(crate) provided: Vec<Provided>,
}

/// A context plugin that has run.
pub(crate) struct Provided {
    pub(crate) chunk: String,
    pub(crate) plugin: Arc<str>,
    /// Its outcome; the fragments themselves go into the payload.
    pub(crate) run: Outcome,
}

/// One thing to fetch, with all that fetching it takes.
pub(crate) struct Errand {
    need: Need,
    how: How,
}

enum How {
    Read(PathBuf),
    Ask {
        plugin: Arc<Plugin>,
        grant: Box<Grant>,
        request: ContextRequest,
    },
}

/// For whom errands are run.
pub(crate) struct Asker<'a> {
    pub(crate) services: &'a Services,
    pub(crate) agent: &'a AgentDef,
    pub(crate) bundle: &'a ChartBundle,
    pub(crate) plugins: &'a [Arc<Plugin>],
    pub(crate) states: Vec<StateId>,
    pub(crate) query: &'a str,
}

impl Asker<'_> {
    /// The errands that `plan` makes necessary.
    pub(crate) fn errands(&self, plan: &context::Plan) -> Result<Vec<Errand>, String> {
        plan.needs()
            .iter()
            .map(|need| {
                Ok(Errand {
                    need: need.clone(),
                    how: self.how(need)?,
                })
            })
            .collect()
    }

    fn how(&self, need: &Need) -> Result<How, String> {
        let house = &self.services.house;
        let (name, params, budget) = match &need.kind {
            NeedKind::File(path) => return Ok(How::Read(house.root.join(&path.value))),
            NeedKind::Plugin {
                name,
                params,
                budget,
                ..
            } => (name, params, budget),
            NeedKind::Template(_) | NeedKind::Memory { .. } => {
                return Err("templates and memories cannot be gathered yet".to_owned());
            }
        };
        let plugin = self
            .plugins
            .iter()
            .find(|plugin| plugin.name().as_str() == name.value)
            .ok_or_else(|| format!("the agent has no plugin `{name}`"))?;
        // Context is asked for by the map, not by a model: tool rules do not apply, mounts and limits do.
        let tool = ToolName::new(plugin.name(), "provide").map_err(|error| error.to_string())?;
        let layers = grants::layers(house, self.agent, self.bundle, self.states.iter().copied());
        let mut grant = grants::grant(house, &layers, &tool);
        grant.verdict = policy::Verdict::Allow;
        Ok(How::Ask {
            plugin: plugin.clone(),
            grant: Box::new(grant),
            request: ContextRequest {
                params: params.clone(),
                budget: u32::try_from(*budget).unwrap_or(u32::MAX),
                cognition: self
                    .states
                    .iter()
                    .map(|state| self.bundle.chart.state(*state).id.to_string())
                    .filter(|id| !id.is_empty())
                    .collect(),
                workflow: Vec::new(),
                query: self.query.to_owned(),
            },
        })
    }
}

/// Whether all `errands` are quick: files only, nothing in the sandbox.
pub(crate) fn are_quick(errands: &[Errand]) -> bool {
    errands
        .iter()
        .all(|errand| matches!(errand.how, How::Read(_)))
}

/// The plugins that `errands` ask, each with its chunk.
pub(crate) fn asked(errands: &[Errand]) -> impl Iterator<Item = (&str, &str)> {
    errands.iter().filter_map(|errand| match &errand.how {
        How::Ask { plugin, .. } => Some((errand.need.chunk.as_str(), plugin.name().as_str())),
        How::Read(_) => None,
    })
}

/// Run all errands, those in the sandbox beside each other.
pub(crate) async fn run(
    services: &Services,
    errands: Vec<Errand>,
    context: &CallContext,
) -> (Result<Texts, String>, Vec<Provided>) {
    let fetched = join_all(
        errands
            .iter()
            .map(|errand| fetch(services, errand, context)),
    )
    .await;
    let mut provided = Vec::new();
    let mut texts = Ok(Texts::new());
    for (errand, (fetched, ran)) in errands.iter().zip(fetched) {
        provided.extend(ran);
        match (fetched, &mut texts) {
            (Ok(fetched), Ok(texts)) => texts.put(errand.need.id, fetched),
            (Err(why), Ok(_)) => texts = Err(format!("chunk `{}`: {why}", errand.need.chunk)),
            (_, Err(_)) => {}
        }
    }
    (texts, provided)
}

async fn fetch(
    services: &Services,
    errand: &Errand,
    context: &CallContext,
) -> (Result<Vec<GatheredText>, String>, Option<Provided>) {
    let (plugin, grant, request) = match &errand.how {
        How::Read(path) => return (read(path), None),
        How::Ask {
            plugin,
            grant,
            request,
        } => (plugin, grant, request),
    };
    let (fragments, run) = services
        .sandbox
        .provide(plugin, request, grant, context)
        .await;
    let ran = Provided {
        chunk: errand.need.chunk.clone(),
        plugin: plugin.shared_name().clone(),
        run,
    };
    let labels = if plugin.trusted() {
        Vec::new()
    } else {
        vec![crate::act::UNTRUSTED.into()]
    };
    let texts = fragments
        .map_err(|error| error.to_string())
        .map(|fragments| {
            let text = |fragment: sandbox::Fragment| GatheredText {
                text: fragment.text.into(),
                provenance: Provenance::Plugin {
                    name: plugin.shared_name().clone(),
                    generation: plugin.info().hash.short().into(),
                },
                labels: labels.clone(),
            };
            fragments.into_iter().map(text).collect()
        });
    (texts, Some(ran))
}

/// Read the files among `errands`, which [`are_quick`].
pub(crate) fn read_all(errands: &[Errand]) -> Result<Texts, String> {
    let mut texts = Texts::new();
    for errand in errands {
        if let How::Read(path) = &errand.how {
            let text = read(path).map_err(|why| format!("chunk `{}`: {why}", errand.need.chunk))?;
            texts.put(errand.need.id, text);
        }
    }
    Ok(texts)
}

fn read(path: &PathBuf) -> Result<Vec<GatheredText>, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(vec![GatheredText {
        text: text.into(),
        provenance: Provenance::File(path.to_string_lossy().into()),
        labels: Vec::new(),
    }])
}
