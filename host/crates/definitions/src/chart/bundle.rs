//! A compiled chart together with what its states say beside it.

use super::{ChildDef, Draft, silent, unraised};
use crate::context::resolve_files;
use crate::paths::Paths;
use crate::walk::Walk;
use ::chart::{Chart, MigrateDef, StateId};
use context::ChunkDef;
use indexmap::IndexMap;
use policy::Overlay;
use std::sync::Arc;
use types::{ContentHash, Finding, Limits, Place, Purpose, Severity, ToolName};

/// A chart that can run, with the context, policies and roles of its states. The lists go by [`StateId::index`]; index 0 is the chart itself.
#[derive(Clone, Debug)]
pub struct ChartBundle {
    /// The chart.
    pub chart: Arc<Chart>,
    /// What each state adds to its slot.
    pub context: Vec<Vec<ChunkDef>>,
    /// Each state's layer of policy.
    pub policy: Vec<Option<Overlay>>,
    /// The role that each state of a workflow offers: a key of `roles`.
    pub role: Vec<Option<Arc<str>>>,
    /// The roles of a workflow, in file order.
    pub roles: IndexMap<Arc<str>, RoleDef>,
    /// What a workflow may spend.
    pub budget: Limits,
    /// Whether whoever hands in, says or binds anything in an instance of this workflow has to sign it.
    pub signed: bool,
    /// Tools that its `invoke`s call, in file order.
    pub calls: Vec<ToolName>,
    /// Agents that its `invoke`s start, in file order.
    pub children: Vec<ChildDef>,
    /// How running instances of the version before become instances of this one.
    pub migrate: MigrateDef,
    /// On which line of the ledger work in it is booked; what the agent's own file says where it says nothing.
    pub purpose: Option<Purpose>,
    /// What the chart is for.
    pub doc: Option<String>,
    /// Where its file names it.
    pub place: Place,
    /// The hash of its file. `Chart::hash` is that of what the chart does.
    pub hash: ContentHash,
}

/// A role of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleDef {
    /// Roles that an agent bound in this one must not hold in the same instance.
    pub never: Vec<Arc<str>>,
    /// The words with which whoever holds it hands in; none where any will do.
    pub outcomes: Vec<Arc<str>>,
    /// What whoever holds it may spend.
    pub budget: Limits,
    /// Where it is declared.
    pub place: Place,
}

impl ChartBundle {
    /// The role that `state` offers.
    pub fn role_of(&self, state: StateId) -> Option<&Arc<str>> {
        self.role.get(state.index())?.as_ref()
    }
}

/// Compile `draft`. `None` when the chart cannot run; why has been reported.
pub(crate) fn compile(walk: &mut Walk, draft: Draft, paths: &Paths) -> Option<ChartBundle> {
    // Where the file is wrong already, what its chart probably does not mean follows from what was left out.
    let clean = walk.in_order(&draft.name.place.file);
    let compiled = match ::chart::compile(&draft.def, ::chart::Mode::Strict) {
        Ok(compiled) => Some(compiled),
        Err(findings) => {
            debug_assert!(findings.iter().any(|f| f.severity == Severity::Error));
            walk.extend(findings.into_iter().map(with_help));
            None
        }
    };
    let offers = draft.extras.iter().filter_map(|extra| {
        let role = extra.role.as_ref()?;
        Some((extra.state.clone(), role.place.clone()))
    });
    let offers: silent::Offers = offers.collect();
    let extras: Vec<_> = draft
        .extras
        .into_iter()
        .map(|mut extra| {
            resolve_files(walk, &mut extra.context, paths);
            extra
        })
        .collect();
    let compiled = compiled?;
    if clean {
        walk.extend(compiled.warnings);
        let said = silent::look(walk, &draft.def.root, &offers);
        unraised::look(walk, &draft.def, &said);
    }
    let chart = compiled.chart;
    walk.extend(draft.migrate.check(&chart).into_iter().map(with_help));
    begins(walk, &chart, &draft.name.place);
    let states = chart.states().count() + 1;
    let mut bundle = ChartBundle {
        context: vec![Vec::new(); states],
        policy: vec![None; states],
        role: vec![None; states],
        roles: draft.roles,
        budget: draft.budget,
        signed: draft.signed,
        calls: draft.calls,
        children: draft.children,
        migrate: draft.migrate,
        purpose: draft.purpose,
        doc: draft.doc,
        place: draft.name.place,
        hash: draft.hash,
        chart: Arc::new(chart),
    };
    for extra in extras {
        let Some(index) = bundle.chart.find(&extra.state).map(StateId::index) else {
            continue;
        };
        bundle.context[index] = extra.context;
        bundle.policy[index] = extra.policy;
        bundle.role[index] = extra.role.map(|role| role.as_str().into());
    }
    Some(bundle)
}

/// A start depends on nothing outside: whether it comes to rest can be tried.
fn begins(walk: &mut Walk, chart: &Chart, place: &Place) {
    if let Err(error) = ::chart::start(chart, 0, &mut ::chart::Effects::new()) {
        let said = error.to_string();
        let (message, help) = said.split_once("; ").unwrap_or((&said, "make it shorter"));
        walk.error(place, format!("this cannot start: {message}"), help);
    }
}

/// Errors inside expressions say what is wrong and not always what would be right.
fn with_help(mut finding: Finding) -> Finding {
    if finding.help.is_empty() {
        finding.help = "an expression is built of `data.NAME`, `event.data.NAME`, numbers, 'text' and operators, for instance \
            `data.rounds < 3 && event.data.outcome == 'accepted'`"
            .into();
    }
    finding
}
