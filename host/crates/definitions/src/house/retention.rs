//! `retention`: how long the bodies of records are kept.
//!
//! What a record of a kind in [`KEPT_FOR_EVER`] says is evidence: it is never taken out, and no rule of a house may say otherwise. Costs and the other kinds that others
//! count with have a shortest time that cannot be undercut.

use super::entries;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::Walk;
use indexmap::IndexMap;
use std::sync::Arc;
use std::time::Duration;
use types::parse_duration;

/// Kinds of records whose bodies stay for ever; one that ends with `*` stands for all that begin so.
pub const KEPT_FOR_EVER: &[&str] = &[
    "change.*",
    "checkpoint",
    "compacted",
    "cost",
    "definitions",
    "identity",
    "plugin.*",
    "memory",
    "hand_in",
    "permission",
    "started",
    "ended",
    "bound",
    "unbound",
];

/// Kinds whose bodies may be taken out, and after how long at the earliest: a shadow run, a comparison and whoever looks into what an agent did need the newest.
pub const BULKY: &[(&str, Duration)] = &[
    ("item", WEEK),
    ("reply", WEEK),
    ("outcome", WEEK),
    ("texts", DAY),
    ("think", DAY),
    ("snapshot", DAY),
];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whether bodies of `kind` are never taken out.
pub fn is_kept_for_ever(kind: &str) -> bool {
    KEPT_FOR_EVER
        .iter()
        .any(|known| match known.strip_suffix('*') {
            Some(beginning) => kind.starts_with(beginning),
            None => kind == *known,
        })
}

/// How long bodies are kept after the end of their run, by kind. Kinds that are not named are the program's to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// By kind; `None` is for ever.
    pub kinds: IndexMap<Arc<str>, Option<Duration>>,
}

impl Retention {
    /// How long the house says that bodies of `kind` are kept: `Some(None)` is for ever.
    pub fn of(&self, kind: &str) -> Option<Option<Duration>> {
        match is_kept_for_ever(kind) {
            true => Some(None),
            false => self.kinds.get(kind).copied(),
        }
    }
}

pub(super) fn read(walk: &mut Walk, node: &Node) -> Retention {
    let mut kinds = IndexMap::new();
    for entry in entries(
        walk,
        node,
        "`retention`",
        "{ reply: 400d, outcome: 400d, snapshot: 30d }",
    ) {
        let kind: Arc<str> = entry.key.text.as_ref().into();
        let least = BULKY.iter().find(|(known, _)| *known == &*kind);
        let kept = match entry.value.scalar().map(|scalar| &*scalar.text) {
            Some("forever") => Some(None),
            Some("never" | "always" | "for ever" | "infinite" | "unlimited") => {
                walk.error(
                    &entry.value.place,
                    format!("`{}`: this says not how long", shown(&kind)),
                    "for ever is `forever`; otherwise write a time, for instance `400d`",
                );
                None
            }
            _ => walk
                .unit(&entry.value, &format!("`{}`", shown(&kind)), parse_duration)
                .map(|time| Some(time.value)),
        };
        let Some(kept) = kept else {
            continue;
        };
        match (least, kept) {
            (Some((_, least)), Some(time)) if time < *least => walk.error(
                &entry.value.place,
                format!(
                    "bodies of `{kind}` are kept for {} at least",
                    types::write_duration(*least)
                ),
                "write a longer time, or `forever`",
            ),
            (Some(_), kept) => drop(kinds.insert(kind, kept)),
            (None, None) if is_kept_for_ever(&kind) => drop(kinds.insert(kind, None)),
            (None, _) if is_kept_for_ever(&kind) => walk.error(
                &entry.key.place,
                format!(
                    "records of the kind `{}` are evidence: their bodies are kept for ever",
                    shown(&kind)
                ),
                "remove the line, or write `forever`",
            ),
            (None, _) => {
                let known = BULKY.iter().map(|(kind, _)| *kind);
                let help = walk.suggestion(&kind, known, "bodies can be taken out of", "remove it");
                walk.error(
                    &entry.key.place,
                    format!("bodies of `{}` are never taken out", shown(&kind)),
                    help,
                );
            }
        }
    }
    Retention { kinds }
}
