//! `roles`: which offers of workflows an agent takes by itself.

use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::Walk;
use std::collections::HashSet;
use std::sync::Arc;
use types::Marked;

/// Read the roles that stand in `node`. Whether any workflow has them is not known yet.
pub(super) fn read(walk: &mut Walk, node: &Node) -> Vec<Marked<Arc<str>>> {
    let mut roles: Vec<Marked<Arc<str>>> = Vec::new();
    let mut names: HashSet<Arc<str>> = HashSet::new();
    for item in walk
        .list(node, "`roles`", "[implementer]")
        .unwrap_or_default()
    {
        let Some(role) = walk.name(item, "a role's name") else {
            continue;
        };
        if !names.insert(role.as_str().into()) {
            walk.error(
                &role.place,
                format!("the role `{}` stands in the list twice", shown(&role)),
                "keep one of the two",
            );
            continue;
        }
        roles.push(Marked::new(role.value.into(), role.place));
    }
    roles
}
