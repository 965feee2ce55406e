//! Scenario files: what an author expects of one chart. `scenarios: NAME` is the first key, and the files lie in a folder of their own
//! (`scenarios/`), because they are no definitions: no agent needs them, and a house starts without reading them.
//!
//! What a scenario means, and how it is played, is `chart`'s business.

mod expect;
mod step;
mod write;

pub use write::scenarios_text;

use crate::agent::doc;
use crate::cases;
use crate::chart::{self, ChartBundle};
use crate::files::shown_path;
use crate::kind::{Kind, kind, parse};
use crate::paths::Paths;
use crate::report::Report;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use ::chart::{Chart, Scenario};
use std::path::{Component, Path, PathBuf};
use types::Marked;

/// The scenarios of one file, and the chart that they are of.
#[derive(Clone, Debug)]
pub struct ScenarioFile {
    /// Its name.
    pub name: Marked<String>,
    /// What it shows.
    pub doc: Option<String>,
    /// The chart.
    pub chart: ChartBundle,
    /// The chart's file, as the scenarios name it.
    pub chart_path: PathBuf,
    /// The cases, in file order.
    pub cases: Vec<Scenario>,
}

/// Load the scenario file at `path` with its chart. The report that comes with it holds warnings only.
///
/// # Errors
/// Everything that is wrong with it or with its chart.
pub fn load_scenarios(path: &Path) -> Result<(ScenarioFile, Report), Report> {
    cases::load(path, read)
}

fn read(walk: &mut Walk, node: &Node, path: &Path) -> Option<ScenarioFile> {
    let help = "begin it with `scenarios: NAME`, then `chart: PATH` and `cases: […]`";
    if !cases::begins(walk, node, "scenarios", "scenario file", help) {
        return None;
    }
    let mut fields = Fields::of(walk, node, "a scenario file", "scenarios: NAME")?;
    let name = fields
        .take("scenarios")
        .and_then(|n| walk.name(n, "the scenarios' name"));
    let doc = doc(walk, &mut fields);
    let named = fields
        .need(
            walk,
            "chart",
            "this scenario file",
            "chart: ../charts/cognition/deliberate.yaml",
        )
        .and_then(|n| walk.marked(n, "`chart`"));
    let example = "cases: [{ name: it ends, steps: [turn.done] }]";
    let cases = fields.need(walk, "cases", "this scenario file", example);
    fields.finish(walk, "a scenario file");
    let named = named?;
    let chart_path = beside(path, &named);
    let chart = chart_at(walk, &chart_path, &named)?;
    let read = |walk: &mut Walk, node: &Node| read_case(walk, node, &chart.chart);
    let cases = cases::read(walk, cases?, example, read, |case| &case.name);
    Some(ScenarioFile {
        name: name?,
        doc,
        chart,
        chart_path,
        cases,
    })
}

/// The chart that the scenarios name, compiled.
fn chart_at(walk: &mut Walk, path: &Path, named: &Marked<String>) -> Option<ChartBundle> {
    if !path.is_file() {
        walk.error(
            &named.place,
            format!(
                "there is no chart file `{}`",
                shown(&path.to_string_lossy())
            ),
            "name a chart's file, relative to this one",
        );
        return None;
    }
    let (node, hash) = parse(walk, path, &shown_path(path))?;
    if kind(walk, &node)? != Kind::Chart {
        walk.error(
            &named.place,
            format!("`{}` defines no chart", shown(named)),
            "name a file that begins with `chart: NAME`",
        );
        return None;
    }
    let draft = chart::read(walk, &node, hash)?;
    chart::compile(walk, draft, &Paths::around(path))
}

fn read_case(walk: &mut Walk, node: &Node, chart: &Chart) -> Option<Scenario> {
    let example = "{ name: it ends, steps: [turn.done] }";
    let mut fields = Fields::of(walk, node, "a case", example)?;
    let name = fields
        .need(walk, "name", "this case", "name: it asks when it is stuck")
        .and_then(|n| walk.marked(n, "a case's name"));
    let doc = doc(walk, &mut fields);
    let steps = fields
        .need(
            walk,
            "steps",
            "this case",
            "steps: [turn.done, { in: act }]",
        )
        .and_then(|n| walk.list(n, "`steps`", "[turn.done, { in: act }]"))
        .unwrap_or_default();
    fields.finish(walk, "a case");
    let steps = step::all(walk, steps, chart);
    Some(Scenario {
        name: name?,
        doc,
        steps,
    })
}

/// `named`, relative to the directory of `file`, without detours where the path alone tells: `scenarios/../charts` is `charts`.
fn beside(file: &Path, named: &str) -> PathBuf {
    let mut path = PathBuf::new();
    let joined = file.parent().unwrap_or(Path::new("")).join(named);
    for component in joined.components() {
        let known = matches!(path.components().next_back(), Some(Component::Normal(_)));
        match component {
            // A link would lead `..` elsewhere than back.
            Component::ParentDir if known && !path.is_symlink() => {
                path.pop();
            }
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}
