//! Turns a chart as written into a chart that runs, or says everything that is wrong with it at once.
//!
//! The order: lay the states out in document order and check their shape ([`tree`]), resolve names and compile actions and expressions
//! ([`targets`], [`content`], [`transitions`]), and only if nothing is wrong work out domains and entry sets and look for what is probably not meant
//! ([`lint`]). The interpreter relies on what is checked here: no table it reads can be out of step with another.

mod content;
mod lint;
mod reports;
mod targets;
mod transitions;
mod tree;

use crate::chart::{Chart, Library};
use crate::def::{ChartDef, DataValue, ExprText};
use crate::entry::plan;
use crate::expr::{DataName, DataNames, Expr, Names, Type};
use crate::hash::{chart_hash, content_hash};
use crate::program::{Beginning, EntryPlan, Program, Tables};
use crate::state::StateId;
use content::Contents;
use reports::Reports;
use std::sync::Arc;
use tree::Tree;
use types::{Finding, Severity, Value};

/// How many states a chart may have, children of children included. Ten times what anyone has drawn.
pub const STATES_MAX: usize = 10_000;
/// How many data entries a chart may have.
const DATA_MAX: usize = 10_000;
/// How deep child charts may contain child charts.
const CHARTS_DEPTH_MAX: usize = 16;

/// When wrong names and types are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// When the chart loads, with their places: charts that people write. Data is `data.x`.
    Strict,
    /// When they are evaluated, as `error.execution`: conformance suites, whose charts contain errors on purpose. Data is a bare `x`, system
    /// variables are SCXML's (`_event`, `_sessionid`, `_name`), and `type="internal"` is taken as SCXML means it.
    Deferred,
}

/// A chart that can run, and what its author may want to know.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The chart.
    pub chart: Chart,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Finding>,
}

/// Compile `def`. On failure the list holds every error and every warning, in the order of their places.
pub fn compile(def: &ChartDef, mode: Mode) -> Result<Compiled, Vec<Finding>> {
    compile_with(def, mode, &[])
}

/// [`compile`], with child charts that `invoke` can name by a computed key.
pub fn compile_with(
    def: &ChartDef,
    mode: Mode,
    resources: &[(String, ChartDef)],
) -> Result<Compiled, Vec<Finding>> {
    let mut compiler = Compiler {
        reports: Reports::new(mode),
        library: Library::new(),
        failed: false,
    };
    let program = compiler.program(def, "", 0);
    for (key, resource) in resources {
        let program = compiler.program(resource, key, 1);
        compiler.keep(key, program);
    }
    let findings = compiler.reports.sorted();
    let errors = findings.iter().any(|f| f.severity == Severity::Error);
    match program {
        Some(program) if !errors && !compiler.failed => Ok(Compiled {
            chart: Chart {
                program: Arc::new(program),
                library: Arc::new(compiler.library),
                hash: content_hash(def, mode, resources),
            },
            warnings: findings,
        }),
        _ => Err(findings),
    }
}

/// What is wrong with an expression whatever names it is read with.
pub(crate) fn misspelt(text: &ExprText) -> Option<Finding> {
    let problem = crate::expr::misspelt(text)?;
    let mut reports = Reports::new(Mode::Strict);
    reports.problem(text, problem);
    reports.sorted().pop()
}

/// Compile an expression over the data and the states of a compiled chart.
pub(crate) fn expression(text: &ExprText, program: &Program) -> Result<Expr, Vec<Finding>> {
    later(program, |reports, names| reports.expression(text, names).0)
}

/// The same for one that must be able to be true or false.
pub(crate) fn condition(text: &ExprText, program: &Program) -> Result<Expr, Vec<Finding>> {
    later(program, |reports, names| {
        reports.condition(text, names, "a condition")
    })
}

/// Compile something with the names of a compiled chart.
fn later(
    program: &Program,
    compile: impl FnOnce(&mut Reports, &Names<'_>) -> Expr,
) -> Result<Expr, Vec<Finding>> {
    let mut reports = Reports::new(program.mode);
    let names = Names {
        mode: program.mode,
        data: &program.data,
        states: &program.ids,
    };
    let expr = compile(&mut reports, &names);
    let findings = reports.sorted();
    if findings.is_empty() {
        Ok(expr)
    } else {
        Err(findings)
    }
}

/// Compiles a chart and the charts inside it.
struct Compiler {
    reports: Reports,
    library: Library,
    failed: bool,
}

impl Compiler {
    /// Put a child chart under `key`.
    pub fn keep(&mut self, key: &str, program: Option<Program>) {
        match program {
            Some(program) => {
                self.library.insert(key.into(), program);
            }
            None => self.failed = true,
        }
    }

    /// Compile one chart; `None` where something is wrong with it. `key` names it among child charts.
    pub fn program(&mut self, def: &ChartDef, key: &str, depth: usize) -> Option<Program> {
        let errors_before = self.reports.errors();
        if depth > CHARTS_DEPTH_MAX {
            let message = format!("child charts are nested deeper than {CHARTS_DEPTH_MAX}");
            self.reports.error(&def.name.place, message, "");
            return None;
        }
        let tree = Tree::of(def, &mut self.reports)?;
        let mut data = DataNames::new();
        self.declare(def, &tree, &mut data);
        let names = Names {
            mode: self.reports.mode,
            data: &data,
            states: &tree.ids,
        };
        let beginnings = self.beginnings(def, &names);
        let mut contents = Contents {
            compiler: self,
            tree: &tree,
            names: &names,
            key,
            depth,
            activities: Vec::new(),
            signals: Default::default(),
        };
        let (mut all_contents, histories) = contents.states();
        let (nodes, transitions) = contents.transitions(&mut all_contents);
        let activities = std::mem::take(&mut contents.activities);
        let signals = std::mem::take(&mut contents.signals);
        if self.reports.errors() > errors_before {
            return None;
        }
        let missing = (0..data.len())
            .filter(|slot| data[*slot].maybe)
            .map(|slot| slot as u16)
            .collect();
        let mut program = Program {
            name: def.name.value.as_str().into(),
            session: "session".into(),
            address: "#_scxml_session".into(),
            version: def.version.clone(),
            kind: def.kind,
            mode: self.reports.mode,
            infos: tree.infos(),
            tables: Tables::default(),
            nodes,
            contents: all_contents,
            ids: tree.ids.clone(),
            transitions,
            histories,
            beginnings,
            missing,
            start: EntryPlan::Dynamic,
            activities,
            content_hash: (depth > 0).then(|| chart_hash(def)),
            signals: signals.into_iter().collect(),
            data,
            shown: Vec::new(),
        };
        program.shown = tree.shown(&program);
        transitions::precompute(&mut program);
        program.start = plan(
            &program,
            &program.content(StateId::ROOT).initial,
            StateId::ROOT,
        );
        if self.reports.mode == Mode::Strict {
            lint::look(&program, &tree, &mut self.reports);
        }
        (self.reports.errors() == errors_before).then_some(program)
    }

    /// Find all data entries: the chart's, those of its states, and those that a `foreach` makes when it first runs.
    fn declare(&mut self, def: &ChartDef, tree: &Tree<'_>, data: &mut DataNames) {
        let deferred = self.reports.mode == Mode::Deferred;
        let of_states = tree.states.iter().flat_map(|s| &s.def.data);
        for entry in def.data.iter().chain(of_states) {
            let kind = match &entry.value {
                DataValue::Literal(value) if !deferred && *value != Value::Null => Type::of(value),
                _ => Type::Dynamic,
            };
            let name = &entry.name;
            if !is_name(name) && !deferred {
                let message = format!("`{name}` is no name that an expression could use");
                let help = "use letters, digits and `_`, a letter first";
                self.reports.error(&name.place, message, help);
            } else if data.contains_key(name.as_str()) && !deferred {
                let message = format!("the data entry `{name}` stands twice");
                self.reports
                    .error(&name.place, message, "remove one of them");
            }
            let known = DataName { kind, maybe: false };
            data.entry(name.as_str().into()).or_insert(known);
        }
        for name in tree.foreach_names() {
            let made = DataName {
                kind: Type::Dynamic,
                maybe: true,
            };
            data.entry(name.into()).or_insert(made);
        }
        if data.len() > DATA_MAX {
            let message = format!("the chart has more than {DATA_MAX} data entries");
            self.reports
                .error(&def.name.place, message, "put them into lists or maps");
            data.truncate(DATA_MAX);
        }
    }

    fn beginnings(&mut self, def: &ChartDef, names: &Names<'_>) -> Vec<Beginning> {
        let mut beginnings = vec![Beginning::Value(Value::Null); names.data.len()];
        for entry in &def.data {
            if let Some(slot) = names.data.get_index_of(entry.name.as_str()) {
                beginnings[slot] = self.beginning(&entry.value, names);
            }
        }
        beginnings
    }

    /// Where a data entry begins.
    pub fn beginning(&mut self, value: &DataValue, names: &Names<'_>) -> Beginning {
        match value {
            DataValue::Literal(value) => Beginning::Value(value.clone()),
            DataValue::Expr(expr) => Beginning::Expr(self.reports.expression(expr, names).0),
        }
    }
}

/// Whether an expression can use `name`.
pub(super) fn is_name(name: &str) -> bool {
    const WORDS: [&str; 10] = [
        "in", "true", "false", "null", "as", "break", "continue", "for", "function", "return",
    ];
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
        && !WORDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_name_is_what_an_expression_can_say() {
        assert!(is_name("rounds") && !is_name("'x'") && !is_name("") && !is_name("1x"));
    }
}
