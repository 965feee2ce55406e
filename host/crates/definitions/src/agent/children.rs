//! `children`: how many other agents an agent may start, and what they may cost together.
//!
//! An agent without it may start none: an agent that starts agents is the one thing that can cost without end, so it must be asked for.

use super::money;
use crate::serve::at_least_one;
use crate::tree::{Key, Node};
use crate::walk::{Fields, Walk};
use rust_decimal::Decimal;
use types::{Marked, Place};

/// Generations below an agent unless it says otherwise: its children start none.
const DEPTH: u64 = 1;
/// Children that run at the same time.
const AT_ONCE: u64 = 4;
/// Children in the whole life of a run.
const TOTAL: u64 = 100;
/// No tree of agents is deeper than this, whatever is written: what lies below is nobody's work any more.
const DEEPEST: u64 = 8;

/// The agents that an agent may start.
#[derive(Clone, Debug, PartialEq)]
pub struct Children {
    /// Generations below it: 1 is children that start none themselves. What is left of the agent above counts too. From 1 to 8.
    pub depth: u32,
    /// How many of its own children may run at the same time; at least 1.
    pub at_once: u32,
    /// How many it may start in the whole life of a run; at least 1.
    pub total: u32,
    /// US dollars that they and all below them may cost together, in the whole life of a run. `None` is what its own budget leaves.
    pub usd: Option<Marked<Decimal>>,
    /// Where its file says so.
    pub place: Place,
}

/// Read the value of `children`, which may be empty.
pub(super) fn read(walk: &mut Walk, key: &Key, node: &Node) -> Option<Children> {
    let example = "{ depth: 1, at_once: 4, total: 100, usd: 1.00 }";
    let mut fields = Fields::of(walk, node, "`children`", example)?;
    let mut number = |walk: &mut Walk, key: &'static str, otherwise| {
        let node = fields.take(key);
        let number = node.and_then(|n| at_least_one(walk, n, &format!("`{key}`")));
        u32::try_from(number.unwrap_or(otherwise)).unwrap_or(u32::MAX)
    };
    let depth = number(walk, "depth", DEPTH);
    let at_once = number(walk, "at_once", AT_ONCE);
    let total = number(walk, "total", TOTAL);
    let usd = fields
        .take("usd")
        .and_then(|n| Some(Marked::new(money(walk, n, "`usd`")?, n.place.clone())));
    if u64::from(depth) > DEEPEST {
        let place = node.get("depth").map_or(&node.place, |n| &n.place);
        walk.error(
            place,
            format!("a tree of agents is at most {DEEPEST} deep"),
            "lower it: each generation can start as many children again",
        );
    }
    fields.finish_with(walk, "`children`", |key| match key {
        "max" | "count" | "number" => Some("did you mean `total`?".into()),
        "concurrent" | "parallel" => Some("did you mean `at_once`?".into()),
        "budget" | "usd_per_day" => Some("did you mean `usd`?".into()),
        "agents" | "allow" => {
            Some("which agents are started stands in the chart: `invoke: { activity: agent, params: { agent: NAME } }`".into())
        }
        _ => None,
    });
    Some(Children {
        depth,
        at_once,
        total,
        usd,
        place: key.place.clone(),
    })
}
