//! Which state of the new chart each state of the old one is.

use super::report::Change;
use crate::chart::Chart;
use crate::compile::misspelt;
use crate::def::ExprText;
use crate::nearest::did_you_mean;
use crate::program::{Program, Shape};
use crate::snapshot::Snapshot;
use crate::state::StateId;
use types::{Finding, Marked};

/// What happens to running instances when a new version of a chart is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReloadPolicy {
    /// They move to the new version.
    #[default]
    Migrate,
    /// They stay with the version they run; new ones take the new one.
    Pin,
    /// The new version is not loaded while one runs.
    Refuse,
}

/// `migrate` of a chart: how running instances of the version before get here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MigrateDef {
    /// What happens to running instances.
    pub policy: ReloadPolicy,
    /// Old state to new state. Names are ids, or paths such as `work/act`.
    pub renamed: Vec<(Marked<String>, Marked<String>)>,
    /// Old state that is gone to the new state where the chart goes on; without one, it goes on at the initial state of what is left around it.
    pub removed: Vec<(Marked<String>, Option<Marked<String>>)>,
    /// Entry of the new chart's data to an expression over the old chart's data.
    pub data: Vec<(Marked<String>, ExprText)>,
}

impl MigrateDef {
    /// What can be said of it without the chart it leads from: whether the names of the new chart exist.
    pub fn check(&self, to: &Chart) -> Vec<Finding> {
        let mut findings = Vec::new();
        let targets = self
            .removed
            .iter()
            .filter_map(|(_, target)| target.as_ref());
        for new in self.renamed.iter().map(|(_, new)| new).chain(targets) {
            if let Err(finding) = find_new(&to.program, new) {
                findings.push(finding);
            }
        }
        for (index, (old, _)) in self.renamed.iter().enumerate() {
            let earlier = &self.renamed[..index];
            let twice = earlier.iter().any(|(o, _)| **o == **old)
                || self.removed.iter().any(|(o, _)| **o == **old);
            if twice {
                let message = format!("`migrate` says twice what becomes of `{old}`");
                findings.push(Finding::error(&old.place, message, "keep one of the two"));
            }
        }
        for (name, _) in &self.data {
            if !to.program.data.contains_key(name.as_str()) {
                let known = to.data_names();
                let help = did_you_mean(name, known, "")
                    .unwrap_or_else(|| "declare it under `data`, or remove it here".into());
                let message = format!("the chart has no data entry `{name}`");
                findings.push(Finding::error(&name.place, message, help));
            }
        }
        let expressions = self.data.iter().map(|(_, text)| text);
        findings.extend(expressions.filter_map(misspelt));
        findings
    }
}

/// The result of reading [`MigrateDef`] against two charts.
pub(super) struct Mapping<'d> {
    pub def: &'d MigrateDef,
    /// New state by old state; `None` where it is gone.
    pub states: Vec<Option<StateId>>,
    /// Where a state that is gone leads, by old state.
    pub targets: Vec<Option<StateId>>,
    /// Whether `migrate` names it as gone, by old state.
    pub removed: Vec<bool>,
}

impl<'d> Mapping<'d> {
    pub fn of(from: &Chart, to: &Chart, def: &'d MigrateDef) -> Result<Self, Vec<Finding>> {
        let mut findings = def.check(to);
        let (old, new) = (&*from.program, &*to.program);
        let mut renamed: Vec<Option<StateId>> = vec![None; old.nodes.len()];
        let mut targets: Vec<Option<StateId>> = vec![None; old.nodes.len()];
        let mut removed = vec![false; old.nodes.len()];
        let mut taken: Vec<Option<&str>> = vec![None; new.nodes.len()];
        for (name, target) in &def.renamed {
            // A name that the old chart does not have is one of an even older version: it concerns nobody any more.
            let (Some(state), Ok(target_state)) = (find(old, name), find_new(new, target)) else {
                continue;
            };
            let slot = &mut taken[target_state.index()];
            if let Some(other) = slot {
                let message = format!("`{other}` and `{name}` both become `{target}`");
                let help = "give one of them another name, or write it under `removed`";
                findings.push(Finding::error(&target.place, message, help));
            }
            *slot = Some(name.as_str());
            renamed[state.index()] = Some(target_state);
        }
        for (name, target) in &def.removed {
            let Some(state) = find(old, name) else {
                continue;
            };
            removed[state.index()] = true;
            targets[state.index()] = target.as_ref().and_then(|t| find_new(new, t).ok());
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let mut states: Vec<Option<StateId>> = Vec::with_capacity(old.nodes.len());
        states.push(Some(StateId::ROOT));
        for index in 1..old.nodes.len() {
            let state = StateId::new(index);
            let by_name = || {
                let parent = states[old.node(state).parent.index()]?;
                let same = *new.ids.get(old.name_of(state))?;
                let free = taken[same.index()].is_none();
                (new.node(same).parent == parent && free).then_some(same)
            };
            let found = match (renamed[index], removed[index]) {
                (Some(state), _) => Some(state),
                (None, true) => None,
                (None, false) => by_name(),
            };
            let alike = |found: &StateId| is_history(new, *found) == is_history(old, state);
            states.push(found.filter(alike));
        }
        Ok(Mapping {
            def,
            states,
            targets,
            removed,
        })
    }

    /// What its author may not have meant, where it concerns the active states.
    pub fn notes(&self, from: &Chart, to: &Chart, snapshot: &Snapshot) -> Vec<Change> {
        let active = snapshot.configuration().filter_map(|state| {
            let name = from.program.name_of(state);
            let moved = *to.program.ids.get(name)?;
            let gone = self.states[state.index()].is_none() && !self.removed[state.index()];
            gone.then(|| Change::Note {
                text: format!(
                    "`{}` stands at `{}` now, which is another path: write `renamed: {{ {name}: {name} }}` if it is the same state",
                    path(&from.program, state),
                    path(&to.program, moved),
                ),
            })
        });
        active.collect()
    }
}

fn is_history(program: &Program, state: StateId) -> bool {
    matches!(program.node(state).shape, Shape::History(_))
}

/// The ids from the outside in.
pub(super) fn path(program: &Program, state: StateId) -> String {
    let mut names: Vec<&str> = program
        .ancestors(state)
        .filter(|s| *s != StateId::ROOT)
        .map(|s| &**program.name_of(s))
        .collect();
    names.reverse();
    names.push(program.name_of(state));
    names.join("/")
}

/// The state that `name` (an id or a path) means.
fn find(program: &Program, name: &str) -> Option<StateId> {
    let id = name.rsplit(['/', '.']).next().unwrap_or(name);
    let state = *program.ids.get(id)?;
    let whole = id == name || path(program, state) == name.replace('.', "/");
    whole.then_some(state)
}

fn find_new(program: &Program, name: &Marked<String>) -> Result<StateId, Finding> {
    let problem = |message: String, help: String| Finding::error(&name.place, message, help);
    let Some(state) = find(program, name) else {
        let id = name.rsplit(['/', '.']).next().unwrap_or(name);
        let help = match program.ids.get(id) {
            Some(state) => format!("it stands at `{}`", path(program, *state)),
            None => did_you_mean(id, program.ids.keys().map(|k| &**k), "")
                .unwrap_or_else(|| "name a state of this version, by its id or its path".into()),
        };
        return Err(problem(format!("this chart has no state `{name}`"), help));
    };
    if is_history(program, state) {
        return Err(problem(
            format!("`{name}` is a history state, which is never active itself"),
            "name a state that can be active".into(),
        ));
    }
    Ok(state)
}
