//! Agents: which model, how it thinks, what it sees, what it may do and what it may cost.

mod children;
mod memory;
mod model;
mod roles;

pub use children::Children;
pub use model::Counting;

use crate::budget::{self, Of};
use crate::suggest::shown;
use crate::tree::{Node, Typed};
use crate::walk::{Fields, Walk};
use crate::{context as context_map, policy as policy_rules};
use context::ContextMap;
use policy::Overlay;
use rust_decimal::Decimal;
use std::sync::Arc;
use types::{ContentHash, Limits, Marked, ModelParameters, Place, PluginName, Purpose};

/// An agent as its file describes it, checked.
#[derive(Clone, Debug)]
pub struct AgentDef {
    /// Its name.
    pub name: Arc<str>,
    /// Its version, as written.
    pub version: String,
    /// What it is for.
    pub doc: Option<String>,
    /// The model it asks and how.
    pub model: ModelParameters,
    /// The models that are asked instead, in this order, when the one before cannot answer.
    pub fallback: Vec<ModelParameters>,
    /// How the tokens of a payload are counted before it is sent.
    pub counting: Counting,
    /// The chart of how it thinks: a key of `House::charts`.
    pub cognition: Arc<str>,
    /// What the model sees.
    pub context: ContextMap,
    /// The plugins whose tools and chunks it may use: keys of `House::plugins`, in file order.
    pub plugins: Vec<PluginName>,
    /// The plugins that inspect every item on its way in or out, in this order, each once: keys of `House::plugins`.
    pub guards: Vec<PluginName>,
    /// The roles of workflows whose offers it takes by itself when it is free, in file order, each once.
    pub roles: Vec<Marked<Arc<str>>>,
    /// The agents that it may start; `None` where it may start none.
    pub children: Option<Children>,
    /// Its layer of policy.
    pub policy: Overlay,
    /// What it may spend. What `memory.summary` says of that is a limit here too.
    pub budget: Limits,
    /// What its work is for, unless the workflow it is bound to says otherwise.
    pub purpose: Purpose,
    /// Where its file names it.
    pub place: Place,
    /// The hash of its file.
    pub hash: ContentHash,
}

/// An agent and the places where it names other definitions, which are checked when all of them are known.
pub(crate) struct Draft {
    pub agent: AgentDef,
    /// The providers that it asks, the model's own first.
    pub providers: Vec<Marked<String>>,
    /// Where each of `AgentDef::fallback` stands.
    pub fallback: Vec<Place>,
    pub cognition: Place,
    pub plugins: Vec<Marked<String>>,
    /// Plugins that only the house must have.
    pub of_house: Vec<Marked<String>>,
    /// Names that stand elsewhere than in `plugins`, with what they are used for.
    pub uses: Vec<(Marked<String>, &'static str)>,
}

/// Read the agent that `node` is. `None` when too much is wrong to go on; what is wrong has been reported.
pub(crate) fn read(walk: &mut Walk, node: &Node, hash: ContentHash) -> Option<Draft> {
    let mut fields = Fields::of(walk, node, "an agent", "agent: NAME")?;
    let name = fields
        .take("agent")
        .and_then(|n| walk.name(n, "an agent's name"));
    let label = name
        .as_ref()
        .map_or_else(String::new, |n| format!("agent {}", **n));
    let version = version(walk, &mut fields);
    let doc = doc(walk, &mut fields);
    let model = fields
        .need(
            walk,
            "model",
            "this agent",
            "model: { provider: local, name: qwen3-coder, context_length: 131072, max_output: 8192 }",
        )
        .and_then(|n| model::read(walk, n));
    let cognition = fields
        .need(walk, "cognition", "this agent", "cognition: deliberate")
        .and_then(|n| walk.marked(n, "`cognition`"));
    let plugins = fields
        .take("plugins")
        .map_or_else(Vec::new, |n| plugins(walk, n));
    let guards = fields
        .take("guards")
        .map_or_else(Vec::new, |n| guards(walk, n));
    let roles = fields
        .take("roles")
        .map_or_else(Vec::new, |n| roles::read(walk, n));
    let children = fields
        .take_entry("children")
        .and_then(|(key, n)| children::read(walk, key, n));
    let memory = fields
        .take("memory")
        .map(|n| memory::read(walk, n))
        .unwrap_or_default();
    let mut context = fields
        .need(
            walk,
            "context",
            "this agent",
            "context: [{ id: history, history: true, flexible: true, trim: oldest }]",
        )
        .map(|n| context_map::map(walk, n, memory.summary_place.is_some()))
        .unwrap_or_default();
    if let Some(n) = fields.take("payload") {
        context_map::payload(walk, n, &mut context);
    }
    let window = model.as_ref().map(|model| {
        let parameters = &model.parameters;
        parameters
            .context_length
            .saturating_sub(parameters.max_output)
    });
    let window = window.filter(|tokens| *tokens > 0);
    context_map::check_budgets(walk, &context, window);
    memory.check_summary(walk, &context, window);
    let overlay = match fields.take("policy") {
        Some(n) => policy_rules::overlay(walk, n, label),
        None => Overlay::named(label),
    };
    let mut budget = fields
        .take("budget")
        .map(|n| budget::read(walk, n, Of::Agent))
        .unwrap_or_default();
    budget.limits.extend(memory.summary_limit.clone());
    let purpose = purpose(walk, &mut fields);
    fields.finish_with(walk, "an agent", |key| match key {
        "tools" => Some("tools are opened under `policy`: `policy: { tools: [{ allow: \"fs.*\" }] }`".into()),
        "prompt" | "system" | "system_prompt" | "instructions" => {
            Some("what the model is told stands in `context`, for instance `{ id: charter, role: system, file: charter.md }`".into())
        }
        "sections" | "deadline" => Some(format!("put it below `payload`: `payload: {{ {key}: … }}`")),
        "fallback" | "reasoning" | "tokens" | "temperature" => {
            Some(format!("put it below `model`: `model: {{ …, {key}: … }}`"))
        }
        "summary" | "consolidate" => Some(format!("put it below `memory`: `memory: {{ {key}: … }}`")),
        "guard" => Some("did you mean `guards`?".into()),
        "role" => Some("did you mean `roles`?".into()),
        "agents" | "subagents" | "sub_agents" => Some("did you mean `children`?".into()),
        "depth" | "at_once" | "total" => Some(format!("put it below `children`: `children: {{ {key}: … }}`")),
        _ => None,
    });
    let (name, model, cognition) = (name?, model?, cognition?);
    let mut uses: Vec<_> = context_plugins(&context.chunks)
        .map(|name| (name, "its context"))
        .collect();
    uses.extend(
        memory
            .consolidate
            .map(|plugin| (plugin, "`memory.consolidate`")),
    );
    let mut of_house = guards.clone();
    of_house.extend(memory.summary.iter().map(|summary| summary.plugin.clone()));
    context.summary = memory.summary;
    Some(Draft {
        providers: model.providers,
        fallback: model.fallback.iter().map(|one| one.place.clone()).collect(),
        uses,
        of_house,
        cognition: cognition.place.clone(),
        agent: AgentDef {
            name: name.as_str().into(),
            version,
            doc,
            model: model.parameters,
            fallback: model.fallback.into_iter().map(|one| one.value).collect(),
            counting: model.counting,
            cognition: cognition.as_str().into(),
            context,
            plugins: parsed(&plugins),
            guards: parsed(&guards),
            roles,
            children,
            policy: overlay,
            budget,
            purpose: purpose.unwrap_or_default(),
            place: name.place,
            hash,
        },
        plugins,
    })
}

/// The plugins that provide chunks.
pub(crate) fn context_plugins(
    chunks: &[context::ChunkDef],
) -> impl Iterator<Item = Marked<String>> + '_ {
    chunks.iter().filter_map(|chunk| match &chunk.source {
        context::Source::Plugin { name, .. } => Some(name.clone()),
        _ => None,
    })
}

const NO_VERSION: &str = "0.0.0";

/// `version`, as written; `0.0.0` where there is none.
pub(crate) fn version(walk: &mut Walk, fields: &mut Fields<'_>) -> String {
    let node = fields.take("version");
    if let Some(node) = node
        && let Some(Typed::Bool(_)) = node.scalar().map(|scalar| scalar.value)
    {
        let help = "write it as `version: 1.0.0`";
        walk.expected(node, "`version`", "a text or a number", help);
        return NO_VERSION.to_owned();
    }
    node.and_then(|node| walk.as_written(node, "`version`"))
        .unwrap_or(NO_VERSION)
        .to_owned()
}

/// `doc`.
pub(crate) fn doc(walk: &mut Walk, fields: &mut Fields<'_>) -> Option<String> {
    let node = fields.take("doc")?;
    walk.text(node, "`doc`").map(str::to_owned)
}

/// `purpose`: on which line of the ledger the work is booked.
pub(crate) fn purpose(walk: &mut Walk, fields: &mut Fields<'_>) -> Option<Purpose> {
    let node = fields.take("purpose")?;
    let words = Purpose::ALL.map(|purpose| (purpose.as_str(), purpose));
    walk.word(node, "a purpose", &words)
}

fn plugins(walk: &mut Walk, node: &Node) -> Vec<Marked<String>> {
    let mut names: Vec<Marked<String>> = Vec::new();
    for item in walk
        .list(node, "`plugins`", "[fs, search]")
        .unwrap_or_default()
    {
        let Some(name) = walk.marked(item, "a plugin's name") else {
            continue;
        };
        if names.contains(&name) {
            walk.error(
                &name.place,
                format!("the plugin `{}` stands in the list twice", shown(&name)),
                "keep one of the two",
            );
            continue;
        }
        names.push(name);
    }
    names
}

/// The plugins that guard. One that is named twice guards once.
fn guards(walk: &mut Walk, node: &Node) -> Vec<Marked<String>> {
    let mut names: Vec<Marked<String>> = Vec::new();
    for item in walk.list(node, "`guards`", "[redact]").unwrap_or_default() {
        let Some(name) = walk.marked(item, "a plugin's name") else {
            continue;
        };
        if names.contains(&name) {
            walk.warning(
                &name.place,
                format!("the guard `{}` stands in the list twice", shown(&name)),
                "keep one of the two: it inspects every item once, where it is named first",
            );
            continue;
        }
        names.push(name);
    }
    names
}

/// The names that can be a plugin's. Of any other it has been said that the house has no such plugin.
fn parsed(names: &[Marked<String>]) -> Vec<PluginName> {
    names
        .iter()
        .filter_map(|name| PluginName::parse(name).ok())
        .collect()
}

/// An amount of money in US dollars, exactly as written.
pub(crate) fn money(walk: &mut Walk, node: &Node, what: &str) -> Option<Decimal> {
    amount(walk, node, what, "the currency is US dollars")
}

/// An amount of money, exactly as written; `in_what` says in what.
pub(crate) fn amount(walk: &mut Walk, node: &Node, what: &str, in_what: &str) -> Option<Decimal> {
    let amount = node
        .scalar()
        .filter(|_| !node.is_null())
        .and_then(|scalar| scalar.text.parse::<Decimal>().ok())
        .filter(|amount| !amount.is_sign_negative());
    if amount.is_none() {
        let written = node.text().unwrap_or_default();
        let with_point = written.replacen(',', ".", 1);
        let help = match with_point.parse::<Decimal>() {
            Ok(_) if written.contains(',') => {
                format!("write it with a point: `{}`", shown(&with_point))
            }
            _ => format!("write plain digits, 0 or more; {in_what}"),
        };
        walk.expected(node, what, "an amount such as `0.20`", &help);
    }
    amount
}
