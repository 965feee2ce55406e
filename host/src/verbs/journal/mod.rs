//! `journal`: the record of what happened, as a story or as it stands, why it did, for other programs, and whether it is whole.
//!
//! | room | what it knows |
//! |---|---|
//! | `show` | which records to read, and how they reach the reader |
//! | `filter`, `when`, `kinds` | what was asked for: times, agents, tools, states, texts |
//! | `told`, `known` | a record with its body; what is known of a run at a point |
//! | `story/` | a record in words, a line for each |
//! | `moment` | how things stood at a time |
//! | `why` | the chain from a record back to the beginning |
//! | `runs` | the list of runs |
//! | `export/` | records as JSON lines, runs as OpenTelemetry spans |
//! | `damaged` | what is left where the file is damaged |
//! | `compact` | what is large and old, taken out |
//! | `verify` | whether all is as it was written, and what to do if not |
//!
//! All but `compact` read only. What a record holds is the runtime's business; a field that is not there is not told.

mod compact;
mod damaged;
mod export;
mod filter;
mod kinds;
mod known;
mod moment;
mod paper;
mod runs;
mod show;
mod story;
mod told;
mod verify;
pub(in crate::verbs) mod when;
mod why;

use crate::cli::JournalVerb;
use crate::exit::Failure;
use crate::print;
use crate::world::SystemClock;
use serde_json::Value;
use types::{Clock, Timestamp};
use when::Zone;

pub fn run(verb: &JournalVerb) -> Result<u8, Failure> {
    match verb {
        JournalVerb::Show(asked) => show::run(asked),
        JournalVerb::Why(asked) => why::run(asked),
        JournalVerb::Export(asked) => export::run(asked),
        JournalVerb::Verify {
            house,
            archive,
            utc,
            json,
        } => verify::run(&house.house, archive.as_deref(), *utc, *json),
        JournalVerb::Compact(asked) => compact::run(asked),
    }
}

/// The first instant that `--since TEXT` means.
pub fn since(text: &str, utc: bool, now: Timestamp) -> Result<Timestamp, Failure> {
    filter::since_until(Some(text), None, &Zone::new(utc), now).map(|span| Timestamp(span.from))
}

/// A house in which no agent has run: there is no record, so none is wrong.
fn nothing_yet(answer: Option<Value>) -> Result<u8, Failure> {
    match answer {
        Some(answer) => print::json(&answer)?,
        None => print::out("No agent has run in this house yet.\n")?,
    }
    Ok(0)
}

/// What the clock says.
fn now() -> Timestamp {
    SystemClock::new().now()
}
