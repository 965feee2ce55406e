//! The kinds of record that there are, for whoever asks for one by name.

use crate::exit::{Failure, USAGE};
use ::journal::{Journal, RecordId};
use runtime::record::Kind;
use std::ops::ControlFlow;

/// Kinds that are written by others than runs.
const OTHERS: &[&str] = &["memory", "compacted", "checkpoint"];

/// Every kind that this program writes.
pub fn known() -> impl Iterator<Item = &'static str> {
    let of_runs = Kind::ALL.into_iter().map(Kind::name);
    of_runs.chain(OTHERS.iter().copied())
}

/// What keeps a run going but is told elsewhere, or by nobody: left out of a story unless it is asked for.
const UNTOLD: &[&str] = &[
    "item",
    "snapshot",
    "definitions",
    "texts",
    "plugin.described",
    "checkpoint",
    "identity",
];

/// Whether a story tells of `kind` by itself.
pub fn is_told(kind: &str) -> bool {
    !UNTOLD.contains(&kind)
}

/// Check that each of `wanted` is a kind that is known or stands in `journal`: a newer charthouse may write others.
///
/// # Errors
/// With the kind that was probably meant.
pub fn check(wanted: &[String], journal: &Journal) -> Result<(), Failure> {
    for kind in wanted {
        if known().any(|known| known == kind) || stands_in(kind, journal)? {
            continue;
        }
        let shown: String = crate::print::plain(kind).chars().take(60).collect();
        let help = match types::nearest(kind, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", known().collect::<Vec<_>>().join(", ")),
        };
        return Err(Failure::new(
            USAGE,
            format!("--kind: there is no kind of record `{shown}`"),
        )
        .help(help));
    }
    Ok(())
}

/// The number of the newest record of a known kind; 0 where there is none.
pub fn newest(journal: &Journal) -> Result<u64, Failure> {
    let mut newest = 0;
    for kind in known() {
        journal.latest_first(kind, |RecordId(seq), _, _| {
            newest = newest.max(seq);
            ControlFlow::Break(())
        })?;
    }
    Ok(newest)
}

fn stands_in(kind: &str, journal: &Journal) -> Result<bool, Failure> {
    let mut found = false;
    journal.latest_first(kind, |RecordId(_), _, _| {
        found = true;
        ControlFlow::Break(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        let near = |name| types::nearest(name, known());
        assert_eq!(near("calls"), Some("call"));
        assert_eq!(near("Outcmoe"), Some("outcome"));
        assert_eq!(near("zebra"), None);
        assert_eq!(near(&"x".repeat(10_000)), None);
    }
}
