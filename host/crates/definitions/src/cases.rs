//! Files of cases: what scenarios of charts and tests of plugins have in common.

use crate::kind::parse_as;
use crate::load::has_errors;
use crate::report::Report;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::Walk;
use std::path::Path;
use std::sync::Arc;
use types::{Marked, Place};

/// Load the file at `path`, which begins as `begin` says, with `read`. The report that comes with it holds warnings only.
pub(crate) fn load<T>(
    path: &Path,
    shown: &Arc<str>,
    begin: &str,
    read: impl FnOnce(&mut Walk, &Node, &Path) -> Option<T>,
) -> Result<(T, Report), Report> {
    let mut walk = Walk::default();
    let file =
        parse_as(&mut walk, path, shown, begin).and_then(|(node, _)| read(&mut walk, &node, path));
    let failed = has_errors(&walk);
    let report = Report::new(walk.findings, walk.sources);
    match file {
        Some(file) if !failed => Ok((file, report)),
        _ => Err(report),
    }
}

/// Whether a file begins with the key `first`, as `what` it should be does; `help` says how.
pub(crate) fn begins(walk: &mut Walk, node: &Node, first: &str, what: &str, help: &str) -> bool {
    let found = node.map().and_then(<[_]>::first);
    let (place, found) = match found {
        Some(entry) if &*entry.key.text == first => return true,
        Some(entry) => (
            &entry.key.place,
            format!("begins with `{}`", shown(&entry.key.text)),
        ),
        None => (&node.place, format!("is {}", node.describe())),
    };
    walk.error(place, format!("this is no {what}: it {found}"), help);
    false
}

/// The cases that `node` lists, each as `read` reads it and named as `name` says.
pub(crate) fn read<T>(
    walk: &mut Walk,
    node: &Node,
    example: &str,
    mut read: impl FnMut(&mut Walk, &Node) -> Option<T>,
    name: impl Fn(&T) -> &Marked<String>,
) -> Vec<T> {
    let Some(items) = walk.list(node, "`cases`", example) else {
        return Vec::new();
    };
    if items.is_empty() {
        walk.error(
            &node.place,
            "there are no cases",
            format!("write `{example}`"),
        );
    }
    let mut names: Vec<(String, Place)> = Vec::new();
    let mut cases = Vec::new();
    for item in items {
        let Some(case) = read(walk, item) else {
            continue;
        };
        let called = name(&case);
        match names.iter().find(|(name, _)| *name == called.value) {
            Some((_, other)) => walk.error(
                &called.place,
                format!(
                    "two cases are called `{}`; the other is at {other}",
                    shown(called)
                ),
                "say what is different about this one",
            ),
            None => names.push((called.value.clone(), called.place.clone())),
        }
        cases.push(case);
    }
    cases
}
