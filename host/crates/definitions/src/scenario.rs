//! Scenario files: what an author expects of one chart. `scenarios: NAME` is the first key, and the files lie in a folder of their own
//! (`scenarios/`), because they are no definitions: no agent needs them, and a house starts without reading them (`charthouse check` reads them all the same).
//!
//! What a scenario means, and how it is played, is `chart`'s business.

mod expect;
mod step;
mod write;

pub use write::scenarios_text;

use crate::agent::doc;
use crate::cases;
use crate::chart::{self, ChartBundle};
use crate::files::{FOLDERS, Found, shown_path};
use crate::kind::{Kind, kind, parse, parse_as};
use crate::load::House;
use crate::paths::Paths;
use crate::report::Report;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use ::chart::{Chart, Scenario};
use std::cell::Cell;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
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
    cases::load(path, &shown_path(path), BEGIN, |walk, node, path| {
        read(walk, node, path, &Where::Alone)
    })
}

/// Load the scenario file at `path` as one of `house`, which may be one that is not there yet: the chart is the one that this house has, whatever lies on the disk. `None`
/// where it is of a chart that is not `wanted` by its name.
///
/// # Errors
/// Everything that is wrong with it; that the house has no such chart.
pub fn load_scenarios_of(
    house: &House,
    path: &Path,
    wanted: &dyn Fn(&str) -> bool,
) -> Option<Result<ScenarioFile, Report>> {
    let is_other = Cell::new(false);
    let place = Where::Of {
        house,
        wanted,
        is_other: &is_other,
    };
    let shown = place.shown(path);
    let read = cases::load(path, &shown, BEGIN, |walk, node, path| {
        read(walk, node, path, &place)
    });
    match is_other.get() {
        true => None,
        false => Some(read.map(|(file, _)| file)),
    }
}

const BEGIN: &str = "begin it with `scenarios: NAME`, then `chart: PATH` and `cases: […]`";

/// Whose scenarios are read.
enum Where<'r> {
    /// Those of a file that somebody named.
    Alone,
    /// Those of the house in this directory.
    House(&'r Path),
    /// Those of a house that is held, of which some charts are wanted.
    Of {
        house: &'r House,
        wanted: &'r dyn Fn(&str) -> bool,
        is_other: &'r Cell<bool>,
    },
}

impl Where<'_> {
    /// `path` as people know it.
    fn shown(&self, path: &Path) -> Arc<str> {
        match self {
            Where::Alone => shown_path(path),
            Where::House(root) => shown_path(path.strip_prefix(root).unwrap_or(path)),
            Where::Of { house, .. } => shown_path(path.strip_prefix(&house.root).unwrap_or(path)),
        }
    }
}

/// Find what is wrong with a scenario file of the house in `root`.
pub(crate) fn check(walk: &mut Walk, found: &Found, root: &Path) {
    if let Some((node, _)) = parse_as(walk, &found.path, &found.shown, BEGIN) {
        read(walk, &node, &found.path, &Where::House(root));
    }
}

fn read(walk: &mut Walk, node: &Node, path: &Path, place: &Where<'_>) -> Option<ScenarioFile> {
    if !cases::begins(walk, node, "scenarios", "scenario file", BEGIN) {
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
    let chart = chart_at(walk, &chart_path, &named, place)?;
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
fn chart_at(
    walk: &mut Walk,
    path: &Path,
    named: &Marked<String>,
    place: &Where<'_>,
) -> Option<ChartBundle> {
    if let Where::Of {
        house,
        wanted,
        is_other,
    } = place
    {
        let inside = place.shown(path);
        let chart = house
            .charts
            .values()
            .find(|chart| chart.place.file == inside);
        let Some(chart) = chart else {
            walk.error(
                &named.place,
                format!("the house has no chart file `{}`", shown(&inside)),
                "name a chart's file, relative to this one",
            );
            return None;
        };
        is_other.set(!wanted(chart.chart.name()));
        return (!is_other.get()).then(|| ChartBundle::clone(chart));
    }
    if !path.is_file() {
        walk.error(
            &named.place,
            format!("there is no chart file `{}`", shown(&place.shown(path))),
            "name a chart's file, relative to this one",
        );
        return None;
    }
    let mut own = Walk::default();
    let chart = match place {
        Where::Alone | Where::Of { .. } => compiled(walk, path, &shown_path(path)),
        Where::House(root) => {
            let real = path.canonicalize().ok()?;
            let Ok(inside) = real.strip_prefix(root) else {
                walk.warning(
                    &named.place,
                    format!(
                        "`{}` lies outside of the house and is not read here",
                        shown(named)
                    ),
                    "`charthouse chart test` reads it",
                );
                return None;
            };
            // What is wrong with a definition is said with the definitions.
            let defined = FOLDERS.iter().any(|folder| inside.starts_with(folder));
            let walk = match defined {
                true => &mut own,
                false => &mut *walk,
            };
            let shown = shown_path(inside);
            let chart = compiled(walk, &real, &shown);
            // Cases that are held against half a chart would be wrong in many ways.
            match walk.in_order(&shown) {
                true => chart,
                false => return None,
            }
        }
    };
    if matches!(chart, Read::Other) {
        walk.error(
            &named.place,
            format!("`{}` defines no chart", shown(named)),
            "name a file that begins with `chart: NAME`",
        );
    }
    match chart {
        Read::Chart(chart) => Some(*chart),
        Read::Other | Read::Broken => None,
    }
}

/// What a file that should define a chart turned out to be.
enum Read {
    Chart(Box<ChartBundle>),
    /// Something else.
    Other,
    /// Nothing that can be used; why was said.
    Broken,
}

fn compiled(walk: &mut Walk, path: &Path, shown: &Arc<str>) -> Read {
    let Some((node, hash)) = parse(walk, path, shown) else {
        return Read::Broken;
    };
    match kind(walk, &node) {
        Some(Kind::Chart) => {}
        Some(_) => return Read::Other,
        None => return Read::Broken,
    }
    let chart = chart::read(walk, &node, hash)
        .and_then(|draft| chart::compile(walk, draft, &Paths::around(path)));
    match chart {
        Some(chart) => Read::Chart(Box::new(chart)),
        None => Read::Broken,
    }
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
