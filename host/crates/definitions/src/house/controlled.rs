//! `controlled`: that definitions count only once they are released, who decides that, and what holds where it cannot wait.
//!
//! What is said here counts as it was released: whether a file that says otherwise is used is not decided by the file (`runtime/src/control`). This room
//! reads, and knows no release.

use crate::suggest::shown;
use crate::tree::{Kind, Node};
use crate::walk::{Fields, Walk};
use std::sync::Arc;
use std::time::Duration;
use types::{Marked, Place, parse_duration};

/// The workflow that changes of a house go through unless it names another.
pub const CHANGE_CONTROL: &str = "change-control";
/// Two pairs of eyes beside those that made it.
const QUORUM: u32 = 2;
/// Who is asked on the board of a house that names none: those that the shipped workflow has.
const BOARD: [&str; 3] = ["engineering", "quality", "operations"];
/// The role of people who may put something in force at once.
const EMERGENCY: &str = "emergency";
/// A working day and the night after it.
const APPROVED_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);
const EXAMPLE: &str = "{ quorum: 2, board: [engineering, quality, operations] }";

/// How a house's definitions are controlled.
#[derive(Clone, Debug, PartialEq)]
pub struct Controlled {
    /// How many of the board must approve a change, each somebody else.
    pub quorum: u32,
    /// The roles that are asked, by name.
    pub board: Vec<Arc<str>>,
    /// The workflow that a change goes through.
    pub workflow: Marked<Arc<str>>,
    /// What holds where it cannot wait.
    pub emergency: Emergency,
    /// Where the house says so.
    pub place: Place,
}

/// Changes that are in force before anybody else has looked at them.
#[derive(Clone, Debug, PartialEq)]
pub struct Emergency {
    /// The role that a person must have for it.
    pub role: Arc<str>,
    /// How soon others must have approved it.
    pub within: Duration,
}

/// The names in `controlled` that somebody of the house must answer to, each where it stands. What is not written is the program's choice, and no slip.
#[derive(Default)]
pub(crate) struct Seats {
    /// The board's roles.
    pub board: Vec<Marked<Arc<str>>>,
    /// The role of people who may put something in force at once.
    pub emergency: Option<Marked<Arc<str>>>,
    /// How many must approve.
    pub quorum: Option<Marked<u32>>,
}

/// What `node` says; `None` where it says that the house is not controlled, or nothing that can be read.
pub(super) fn read(walk: &mut Walk, node: &Node) -> Option<(Controlled, Seats)> {
    let mut seats = Seats::default();
    let mut controlled = Controlled {
        quorum: QUORUM,
        board: BOARD.map(Arc::from).to_vec(),
        workflow: Marked::new(CHANGE_CONTROL.into(), node.place.clone()),
        emergency: Emergency {
            role: EMERGENCY.into(),
            within: APPROVED_WITHIN,
        },
        place: node.place.clone(),
    };
    if let Kind::Scalar(_) = &node.kind {
        let is_controlled = walk.bool(node, "`controlled`").unwrap_or(false);
        return is_controlled.then_some((controlled, seats));
    }
    let mut fields = Fields::of(walk, node, "`controlled`", EXAMPLE)?;
    let board_at = fields.take("board");
    if let Some(node) = board_at {
        seats.board = board(walk, node);
        controlled.board = seats.board.iter().map(|role| role.value.clone()).collect();
    }
    if let Some(node) = fields.take("quorum")
        && let Some(quorum) = walk.whole(node, "`quorum`")
    {
        controlled.quorum = quorum_of(walk, node, quorum);
        seats.quorum = Some(Marked::new(controlled.quorum, node.place.clone()));
    }
    if let Some(node) = fields.take("workflow")
        && let Some(name) = walk.name(node, "a workflow's name")
    {
        controlled.workflow = Marked::new(name.value.as_str().into(), name.place);
    }
    if let Some(node) = fields.take("emergency") {
        seats.emergency = emergency(walk, node, &mut controlled.emergency);
    }
    fields.finish_with(walk, "`controlled`", |key| match key {
        "people" | "keys" | "approvers" => {
            Some("people and their keys stand under `people`, beside `controlled`".into())
        }
        "roles" => Some("did you mean `board`?".into()),
        _ => None,
    });
    Some((controlled, seats))
}

fn quorum_of(walk: &mut Walk, node: &Node, quorum: u64) -> u32 {
    if quorum == 0 {
        walk.error(
            &node.place,
            "with `quorum: 0` nobody would have to approve a change",
            "write 1 or more; `controlled: false` says that definitions are not controlled",
        );
    }
    u32::try_from(quorum).unwrap_or(u32::MAX)
}

fn board(walk: &mut Walk, node: &Node) -> Vec<Marked<Arc<str>>> {
    let mut roles: Vec<Marked<Arc<str>>> = Vec::new();
    let items = walk.list(node, "`board`", "[engineering, quality]");
    for item in items.unwrap_or_default() {
        let Some(role) = walk.name(item, "a role's name") else {
            continue;
        };
        if roles.iter().any(|known| *known.value == *role.value) {
            walk.error(
                &item.place,
                format!("the role `{}` is on the board twice", shown(&role)),
                "name each role once; how many must approve says `quorum`",
            );
            continue;
        }
        roles.push(Marked::new(role.value.as_str().into(), role.place));
    }
    if items.is_some_and(<[_]>::is_empty) {
        walk.error(
            &node.place,
            "a board without roles can approve nothing",
            "name the roles that decide, for instance `[engineering, quality]`",
        );
    }
    roles
}

/// The role, where it is written.
fn emergency(walk: &mut Walk, node: &Node, emergency: &mut Emergency) -> Option<Marked<Arc<str>>> {
    let example = "{ role: emergency, within: 24h }";
    let mut fields = Fields::of(walk, node, "`emergency`", example)?;
    let mut written = None;
    if let Some(node) = fields.take("role")
        && let Some(role) = walk.name(node, "a role's name")
    {
        emergency.role = role.value.as_str().into();
        written = Some(Marked::new(emergency.role.clone(), role.place));
    }
    if let Some(node) = fields.take("within")
        && let Some(within) = walk.unit(node, "`within`", parse_duration)
    {
        if within.value.is_zero() {
            walk.error(
                &node.place,
                "nobody can approve anything within no time",
                "write how soon others must have looked at it, for instance `24h`",
            );
        }
        emergency.within = within.value;
    }
    fields.finish(walk, "`emergency`");
    written
}
