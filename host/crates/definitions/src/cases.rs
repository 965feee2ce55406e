//! Lists of cases with names that differ: what scenarios of charts and tests of plugins have in common.

use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::Walk;
use types::{Marked, Place};

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
