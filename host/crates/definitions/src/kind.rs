//! What a definition file defines, and how it is read as far as that.

use crate::suggest::{self, shown};
use crate::tree::{self, Node};
use crate::walk::Walk;
use std::path::Path;
use std::sync::Arc;
use types::ContentHash;

/// Read and parse one definition file; what is wrong has been reported.
pub(crate) fn parse(walk: &mut Walk, path: &Path, shown: &Arc<str>) -> Option<(Node, ContentHash)> {
    parse_beginning(walk, path, shown, None)
}

/// The same of a file of another sort, which begins as `begin` says.
pub(crate) fn parse_as(
    walk: &mut Walk,
    path: &Path,
    shown: &Arc<str>,
    begin: &str,
) -> Option<(Node, ContentHash)> {
    parse_beginning(walk, path, shown, Some(begin))
}

fn parse_beginning(
    walk: &mut Walk,
    path: &Path,
    shown: &Arc<str>,
    begin: Option<&str>,
) -> Option<(Node, ContentHash)> {
    let source = match walk.read(path, shown) {
        Ok(source) => source,
        Err(finding) => {
            walk.push(finding);
            return None;
        }
    };
    walk.sources.add(shown.clone(), source.text.clone());
    if let Some(broken) = source.broken {
        walk.push(broken);
        return None;
    }
    let tree = match begin {
        Some(begin) => tree::parse_as(shown, &source.text, begin),
        None => tree::parse(shown, &source.text),
    };
    match tree {
        Ok(tree) => {
            walk.extend(tree.findings);
            Some((tree.root, ContentHash::of(&source.bytes)))
        }
        Err(findings) => {
            walk.extend(findings);
            None
        }
    }
}

/// What a file defines, by its first key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `house.yaml`.
    House,
    /// An agent.
    Agent,
    /// A chart.
    Chart,
    /// A policy.
    Policy,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::House, Kind::Agent, Kind::Chart, Kind::Policy];

    /// The key that a file of this kind begins with.
    pub fn key(self) -> &'static str {
        match self {
            Kind::House => "house",
            Kind::Agent => "agent",
            Kind::Chart => "chart",
            Kind::Policy => "policy",
        }
    }

    /// The folder where one would put it.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Kind::House => ".",
            Kind::Agent => "agents",
            Kind::Chart => "charts",
            Kind::Policy => "policies",
        }
    }
}

/// The kind of the definition that `node` is; a complaint when its first key says none.
pub(crate) fn kind(walk: &mut Walk, node: &Node) -> Option<Kind> {
    let what = "its first key says what a file defines: `agent: NAME`, `chart: NAME` or `policy: NAME` (and `house: NAME` in house.yaml)";
    let Some(first) = node.map().and_then(<[_]>::first) else {
        walk.error(
            &node.place,
            format!("a definition must be a map, not {}", node.describe()),
            what,
        );
        return None;
    };
    let name = &*first.key.text;
    let found = Kind::ALL.into_iter().find(|kind| kind.key() == name);
    if found.is_none() {
        let later = Kind::ALL.into_iter().find(|kind| {
            // A policy's name is a text; an agent has rules under the same key.
            node.get(kind.key())
                .is_some_and(|value| value.text().is_some())
        });
        let scenarios =
            "scenarios lie in the folder `scenarios`, and `charthouse chart test` runs them";
        let help = match (later, suggest::nearest(name, Kind::ALL.map(Kind::key))) {
            _ if name == "scenarios" => scenarios.to_owned(),
            (Some(kind), _) => format!("move `{}` to the first line", kind.key()),
            (None, Some(best)) => format!("did you mean `{best}`?"),
            (None, None) => what.to_owned(),
        };
        walk.error(
            &first.key.place,
            format!("a definition cannot begin with `{}`", shown(name)),
            help,
        );
    }
    found
}
