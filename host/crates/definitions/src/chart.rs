//! Charts: YAML to the tree that `chart` compiles, and what a state adds for agents and workflows (context, policy, role).
//!
//! What a chart means is `chart`'s business: whether targets exist, whether guards have the right type. Here its shape is checked, and the
//! short forms are written out.

mod action;
mod bundle;
mod child;
mod expression;
mod invoke;
mod migrate;
mod roles;
mod silent;
mod state;
mod transition;
mod unraised;

use crate::agent::{doc, purpose, version};
use crate::budget::{self, Of};
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use ::chart::{ChartDef, ChartKind, DataDef, DataValue, MigrateDef, StateDef, StateKind};
use context::ChunkDef;
use indexmap::{IndexMap, IndexSet};
use policy::Overlay;
use std::sync::Arc;
use types::{ContentHash, Limits, Marked, Purpose, ToolName};

pub(crate) use bundle::compile;
pub use bundle::{ChartBundle, RoleDef};
pub use child::ChildDef;
pub(crate) use expression::expression;
pub use roles::OUTCOME_BYTES_MAX;

/// What a state says beside its chart.
pub(crate) struct Extra {
    pub state: String,
    pub context: Vec<ChunkDef>,
    pub policy: Option<Overlay>,
    pub role: Option<Marked<String>>,
}

/// A chart as its file has it, before it is compiled.
pub(crate) struct Draft {
    pub name: Marked<String>,
    pub def: ChartDef,
    pub doc: Option<String>,
    pub roles: IndexMap<Arc<str>, RoleDef>,
    /// The names of all roles that are declared, the faulty ones' too.
    pub declared: IndexSet<String>,
    pub budget: Limits,
    pub signed: bool,
    pub migrate: MigrateDef,
    pub extras: Vec<Extra>,
    /// Plugins that it names, with what for.
    pub uses: Vec<(Marked<String>, &'static str)>,
    /// Tools that its `invoke`s call.
    pub calls: Vec<ToolName>,
    /// Agents that its `invoke`s start.
    pub children: Vec<ChildDef>,
    pub purpose: Option<Purpose>,
    pub hash: ContentHash,
}

/// What is true of the whole chart and concerns each of its states.
pub(crate) struct Scope {
    pub kind: ChartKind,
    /// The names of the roles, the faulty ones' too.
    pub roles: IndexSet<String>,
    pub extras: Vec<Extra>,
    pub uses: Vec<(Marked<String>, &'static str)>,
    pub calls: Vec<ToolName>,
    pub children: Vec<ChildDef>,
}

/// Read the chart that `node` is. `None` when it has no usable name or no states; what is wrong has been reported.
pub(crate) fn read(walk: &mut Walk, node: &Node, hash: ContentHash) -> Option<Draft> {
    let mut fields = Fields::of(walk, node, "a chart", "chart: NAME")?;
    let name = fields
        .take("chart")
        .and_then(|n| walk.name(n, "a chart's name"));
    let version = version(walk, &mut fields);
    let doc = doc(walk, &mut fields);
    let kinds = [
        ("cognition", ChartKind::Cognition),
        ("workflow", ChartKind::Workflow),
    ];
    let kind = fields
        .take("kind")
        .and_then(|n| walk.word(n, "a kind of chart", &kinds))
        .unwrap_or_default();
    let purpose = purpose(walk, &mut fields);
    if let (Some(n), ChartKind::Cognition) = (node.get("purpose"), kind) {
        walk.error(
            &n.place,
            "`purpose` belongs to a workflow or an agent: how an agent thinks is the same whatever it is for",
            "put it into the agent's file, or into the workflow's",
        );
    }
    let data = fields.take("data").map_or_else(Vec::new, |n| data(walk, n));
    let (roles, declared) = roles::read(walk, &mut fields, kind);
    let budget = budget(walk, &mut fields, kind);
    let signed = signed(walk, &mut fields, kind);
    let migrate = fields
        .take("migrate")
        .map(|n| migrate::read(walk, n))
        .unwrap_or_default();
    let mut scope = Scope {
        kind,
        roles: declared,
        extras: Vec::new(),
        uses: Vec::new(),
        calls: Vec::new(),
        children: Vec::new(),
    };
    let states = match fields.need(walk, "states", "this chart", "states: { start: {} }") {
        Some(n) => state::children(walk, &mut scope, n),
        None => Vec::new(),
    };
    let mut root = StateDef {
        id: Marked::new(String::new(), node.place.clone()),
        doc: doc.clone(),
        tags: state::tags(walk, &mut fields),
        kind: StateKind::Normal,
        initial: state::initial(walk, &mut fields, &states),
        entry: Vec::new(),
        exit: Vec::new(),
        transitions: transition::all(walk, &mut fields, &["on"]),
        invoke: Vec::new(),
        output: None,
        data: Vec::new(),
        states,
    };
    if node.get("type").is_some() {
        // Nobody gives a parallel chart an `initial`.
        root.initial = root.initial.take().or_else(|| state::first(&root.states));
    }
    fields.finish_with(walk, "a chart", |key| match key {
        "context" if node.get("data").is_none() => Some("what the model is told is the `context` of a state, and what the chart remembers is `data`".into()),
        "context" | "policy" | "role" | "entry" | "exit" | "invoke" | "always" | "after" | "output" => Some(format!(
            "`{key}` belongs to a state: put it into one below `states`"
        )),
        "type" => Some("the chart itself has no type; for regions write `states: { all: { type: parallel, states: { … } } }`".into()),
        "id" | "name" | "title" => Some("the chart's name stands after `chart:`".into()),
        "description" | "comment" => Some("did you mean `doc`?".into()),
        "variables" | "vars" | "datamodel" => Some("did you mean `data`?".into()),
        "transitions" | "events" => Some("did you mean `on`?".into()),
        "start" => Some("did you mean `initial`?".into()),
        _ => None,
    });
    roles::check_use(walk, &roles, &scope);
    let name = name?;
    if root.states.is_empty() {
        return None;
    }
    Some(Draft {
        def: ChartDef {
            name: name.clone(),
            version,
            kind,
            data,
            root,
        },
        name,
        doc,
        roles,
        declared: scope.roles,
        budget,
        signed,
        migrate,
        extras: scope.extras,
        uses: scope.uses,
        calls: scope.calls,
        children: scope.children,
        purpose,
        hash,
    })
}

/// What a workflow may spend.
fn budget(walk: &mut Walk, fields: &mut Fields<'_>, kind: ChartKind) -> Limits {
    let Some((key, node)) = fields.take_entry("budget") else {
        return Limits::default();
    };
    if kind == ChartKind::Cognition {
        walk.error(
            &key.place,
            "`budget` belongs to workflows and agents, and this chart is a cognition",
            "write it into the agent that thinks by this chart, or write `kind: workflow`",
        );
        return Limits::default();
    }
    budget::read(walk, node, Of::Workflow)
}

/// Whether what people and agents do in an instance has to be signed.
fn signed(walk: &mut Walk, fields: &mut Fields<'_>, kind: ChartKind) -> bool {
    let Some((key, node)) = fields.take_entry("signed") else {
        return false;
    };
    if kind == ChartKind::Cognition {
        walk.error(
            &key.place,
            "`signed` belongs to workflows, and this chart is a cognition",
            "write `kind: workflow`, or remove it",
        );
        return false;
    }
    walk.bool(node, "`signed`").unwrap_or(false)
}

fn data(walk: &mut Walk, node: &Node) -> Vec<DataDef> {
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`data`",
            "a map from names to first values",
            "write it as `{ rounds: 0 }`",
        );
        return Vec::new();
    };
    entries
        .iter()
        .map(|entry| DataDef {
            name: Marked::new(entry.key.text.to_string(), entry.key.place.clone()),
            value: DataValue::Literal(entry.value.to_value()),
        })
        .collect()
}
