//! Agents: which model, how it thinks, what it sees, what it may do and what it may cost.

use crate::suggest::shown;
use crate::tree::{Node, Typed};
use crate::walk::{Fields, Walk};
use crate::{context as context_map, policy as policy_rules};
use context::ContextMap;
use policy::Overlay;
use rust_decimal::Decimal;
use std::sync::Arc;
use types::{
    ContentHash, Count, Energy, Marked, ModelParameters, Place, PluginName, parse_duration,
};

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
    /// The chart of how it thinks: a key of `House::charts`.
    pub cognition: Arc<str>,
    /// What the model sees.
    pub context: ContextMap,
    /// The plugins whose tools and chunks it may use: keys of `House::plugins`, in file order.
    pub plugins: Vec<PluginName>,
    /// Its layer of policy.
    pub policy: Overlay,
    /// What it may spend.
    pub budget: Budget,
    /// Where its file names it.
    pub place: Place,
    /// The hash of its file.
    pub hash: ContentHash,
}

/// What an agent may spend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    /// US dollars in a day.
    pub usd_per_day: Option<Marked<Decimal>>,
    /// Energy in a day. This version measures none, so nothing acts on it.
    pub joules_per_day: Option<Marked<Energy>>,
}

/// An agent and the places where it names other definitions, which are checked when all of them are known.
pub(crate) struct Draft {
    pub agent: AgentDef,
    pub provider: Place,
    pub cognition: Place,
    pub plugins: Vec<Marked<String>>,
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
        .and_then(|n| model(walk, n));
    let cognition = fields
        .need(walk, "cognition", "this agent", "cognition: deliberate")
        .and_then(|n| walk.marked(n, "`cognition`"));
    let plugins = fields
        .take("plugins")
        .map_or_else(Vec::new, |n| plugins(walk, n));
    let context = fields
        .need(
            walk,
            "context",
            "this agent",
            "context: [{ id: history, history: true, flexible: true, trim: oldest }]",
        )
        .map(|n| context_map::map(walk, n))
        .unwrap_or_default();
    let window = model
        .as_ref()
        .map(|(m, _)| m.context_length.saturating_sub(m.max_output));
    context_map::check_budgets(walk, &context, window.filter(|tokens| *tokens > 0));
    let overlay = match fields.take("policy") {
        Some(n) => policy_rules::overlay(walk, n, label),
        None => Overlay::named(label),
    };
    let budget = fields
        .take("budget")
        .map(|n| budget(walk, n))
        .unwrap_or_default();
    let consolidate = fields
        .take_entry("memory")
        .and_then(|(key, n)| memory(walk, &key.place, n));
    fields.finish_with(walk, "an agent", |key| match key {
        "tools" => Some("tools are opened under `policy`: `policy: { tools: [{ allow: \"fs.*\" }] }`".into()),
        "prompt" | "system" | "system_prompt" | "instructions" => {
            Some("what the model is told stands in `context`, for instance `{ id: charter, role: system, file: charter.md }`".into())
        }
        _ => None,
    });
    let (name, (model, provider), cognition) = (name?, model?, cognition?);
    let mut uses: Vec<_> = context_plugins(&context.chunks)
        .map(|name| (name, "its context"))
        .collect();
    uses.extend(consolidate.map(|plugin| (plugin, "`memory.consolidate`")));
    Some(Draft {
        provider,
        uses,
        cognition: cognition.place.clone(),
        agent: AgentDef {
            name: name.as_str().into(),
            version,
            doc,
            model,
            cognition: cognition.as_str().into(),
            context,
            plugins: plugins
                .iter()
                .filter_map(|p| PluginName::parse(p).ok())
                .collect(),
            policy: overlay,
            budget,
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

/// `version`, as written; `0.0.0` where there is none.
pub(crate) fn version(walk: &mut Walk, fields: &mut Fields<'_>) -> String {
    fields
        .take("version")
        .and_then(|node| walk.as_written(node, "`version`"))
        .unwrap_or("0.0.0")
        .to_owned()
}

/// `doc`.
pub(crate) fn doc(walk: &mut Walk, fields: &mut Fields<'_>) -> Option<String> {
    let node = fields.take("doc")?;
    walk.text(node, "`doc`").map(str::to_owned)
}

fn model(walk: &mut Walk, node: &Node) -> Option<(ModelParameters, Place)> {
    let example =
        "{ provider: local, name: qwen3-coder, context_length: 131072, max_output: 8192 }";
    let mut fields = Fields::of(walk, node, "`model`", example)?;
    let what = "this model";
    let provider = fields
        .need(walk, "provider", what, "provider: local")
        .and_then(|n| walk.marked(n, "`provider`"));
    let name = fields
        .need(walk, "name", what, "name: qwen3-coder")
        .and_then(|n| walk.text(n, "`name`"));
    let context_length = fields
        .need(walk, "context_length", what, "context_length: 131072")
        .and_then(|n| tokens(walk, n, "`context_length`"));
    let max_output = fields
        .need(walk, "max_output", what, "max_output: 8192")
        .and_then(|n| Some((tokens(walk, n, "`max_output`")?, &n.place)));
    let temperature = fields
        .take("temperature")
        .and_then(|n| temperature(walk, n));
    fields.finish(walk, "`model`");
    let (context_length, (max_output, place)) = (context_length?, max_output?);
    if max_output >= context_length {
        walk.error(
            place,
            format!("`max_output` ({max_output}) leaves nothing of `context_length` ({context_length}) for the input"),
            "input and output share the window: lower `max_output`",
        );
    }
    let provider = provider?;
    let parameters = ModelParameters {
        provider: provider.as_str().into(),
        name: name?.into(),
        context_length,
        max_output,
        temperature,
        reasoning: None,
    };
    Some((parameters, provider.place))
}

fn tokens(walk: &mut Walk, node: &Node, what: &str) -> Option<u64> {
    let count = walk.unit(node, what, Count::parse)?;
    if count.0 == 0 {
        walk.error(
            &node.place,
            format!("{what} is 0"),
            "write a number of tokens, for instance `8192`",
        );
        return None;
    }
    Some(count.0)
}

fn temperature(walk: &mut Walk, node: &Node) -> Option<f64> {
    let number = match node.scalar().map(|scalar| scalar.value) {
        Some(Typed::Int(n)) => Some(n as f64),
        Some(Typed::Float(x)) => Some(x),
        _ => None,
    };
    let fits = number.filter(|x| (0.0..=2.0).contains(x));
    if fits.is_none() {
        walk.expected(
            node,
            "`temperature`",
            "a number from 0 to 2",
            "leave it out for the provider's default",
        );
    }
    fits
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

fn budget(walk: &mut Walk, node: &Node) -> Budget {
    let Some(mut fields) = Fields::of(walk, node, "`budget`", "{ usd_per_day: 2.00 }") else {
        return Budget::default();
    };
    let usd_per_day = fields.take("usd_per_day").and_then(|n| {
        Some(Marked::new(
            money(walk, n, "`usd_per_day`")?,
            n.place.clone(),
        ))
    });
    let joules_per_day = fields.take_entry("joules_per_day").and_then(|(key, n)| {
        let energy = walk.unit(n, "`joules_per_day`", Energy::parse)?;
        walk.warning(
            &key.place,
            "`joules_per_day` is not acted on: this version does not measure energy",
            "limit the money by `usd_per_day`, which is acted on",
        );
        Some(energy)
    });
    fields.finish(walk, "`budget`");
    Budget {
        usd_per_day,
        joules_per_day,
    }
}

/// An amount of money, exactly as written.
pub(crate) fn money(walk: &mut Walk, node: &Node, what: &str) -> Option<Decimal> {
    let amount = node
        .scalar()
        .filter(|_| !node.is_null())
        .and_then(|scalar| scalar.text.parse::<Decimal>().ok())
        .filter(|amount| !amount.is_sign_negative());
    if amount.is_none() {
        walk.expected(
            node,
            what,
            "an amount such as `0.20`",
            "write plain digits; the currency is US dollars",
        );
    }
    amount
}

/// `memory`: checked, but this version does nothing with it.
fn memory(walk: &mut Walk, place: &Place, node: &Node) -> Option<Marked<String>> {
    let example = "{ consolidate: { plugin: dream, every: 6h, usd: 0.10 } }";
    let mut fields = Fields::of(walk, node, "`memory`", example)?;
    let consolidate = fields.take("consolidate");
    fields.finish(walk, "`memory`");
    let mut fields = Fields::of(
        walk,
        consolidate?,
        "`consolidate`",
        "{ plugin: dream, every: 6h, usd: 0.10 }",
    )?;
    let plugin = fields
        .need(walk, "plugin", "this consolidation", "plugin: dream")
        .and_then(|n| walk.marked(n, "`plugin`"));
    if let Some(n) = fields.need(walk, "every", "this consolidation", "every: 6h") {
        walk.unit(n, "`every`", parse_duration);
    }
    if let Some(n) = fields.take("usd") {
        money(walk, n, "`usd`");
    }
    fields.finish(walk, "`consolidate`");
    walk.warning(
        place,
        "`memory.consolidate` is not acted on: this version keeps no memories",
        "it is checked and kept for a later version",
    );
    plugin
}
