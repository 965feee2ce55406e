//! What `serve` names of the house's other definitions, judged when all of them are known.

use super::{On, ServeDef, Starts, files};
use crate::kind::Kind;
use crate::paths::Paths;
use crate::suggest::shown;
use crate::walk::Walk;
use ::chart::ChartKind;
use policy::Overlay;
use std::path::PathBuf;
use std::sync::Arc;
use types::{Marked, Place};

/// What is known of the house's other definitions.
pub(crate) struct Others<'a> {
    /// Complains of a name that no definition of that kind has; whether there is one.
    pub known: &'a dyn Fn(&mut Walk, Kind, &str, &Place) -> bool,
    /// The kind of the chart of a name.
    pub chart: &'a dyn Fn(&str) -> Option<ChartKind>,
    /// The layers that mount directories for an agent (for what no agent does, without a name), the nearest first.
    pub mounts: &'a dyn Fn(Option<&str>) -> Vec<&'a Overlay>,
}

/// Check the names in `serve`, and find where its files lie.
pub(crate) fn check(walk: &mut Walk, serve: &mut ServeDef, others: &Others<'_>, paths: &Paths) {
    for keep in &serve.keep {
        agent(walk, &keep.agent, others);
    }
    for trigger in serve.triggers.values_mut() {
        let starts = match &trigger.starts {
            Starts::Agent { agent: name, .. } => {
                agent(walk, name, others);
                Some(&**name)
            }
            Starts::Workflow { chart, .. } => {
                workflow(walk, chart, others);
                None
            }
        };
        if let On::Files(on) = &mut trigger.on {
            let mounts = mounts(walk, &(others.mounts)(starts.map(|name| &**name)), paths);
            files::place(walk, on, paths.root(), &mounts);
        }
    }
}

fn agent(walk: &mut Walk, name: &Marked<Arc<str>>, others: &Others<'_>) {
    (others.known)(walk, Kind::Agent, name, &name.place);
}

fn workflow(walk: &mut Walk, name: &Marked<Arc<str>>, others: &Others<'_>) {
    if !(others.known)(walk, Kind::Chart, name, &name.place) {
        return;
    }
    if (others.chart)(name) == Some(ChartKind::Cognition) {
        walk.error(
            &name.place,
            format!(
                "`{}` is a cognition: an agent thinks by it, and nobody works on it",
                shown(name)
            ),
            "name a chart with `kind: workflow`, or write `agent: NAME`",
        );
    }
}

/// The mounts of `layers`, the nearest first, each with its directory.
fn mounts(walk: &Walk, layers: &[&Overlay], paths: &Paths) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for (guest, patch) in layers.iter().flat_map(|layer| &layer.mounts) {
        if let Some(from) = &patch.from
            && !found.iter().any(|(known, _)| *known == guest.value)
        {
            found.push((guest.value.clone(), paths.directory(walk, from)));
        }
    }
    found
}
