//! A second interpreter, for proof only: Appendix D of the W3C Recommendation (1 September 2015) transcribed procedure by procedure over the
//! tree as written, with its sets, lists and queues. It is slow and obvious, shares nothing with the engine but the `def` types, and every
//! disagreement with the engine is a fault of one of the two. What the Recommendation leaves to the platform (when child charts run, how ids
//! are made, timers of `after`) follows the engine's documentation.

mod content;
mod document;
mod entry;
mod interpreter;
mod language;
mod ordered;
mod outermost;
mod seen;
mod sessions;

pub use document::Document;
pub use interpreter::Session;
pub use outermost::Oracle;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use types::Value;

/// How many microsteps, and how many events, one step may take. Far fewer than the engine allows, because this is slow; no case of the suites
/// needs more.
const STEPS_MAX: u32 = 1_000;

/// The chart does not come to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endless;

/// An event with all that SCXML wants to know of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// Its name.
    pub name: Arc<str>,
    /// What it carries.
    pub data: Value,
    /// `internal`, `external` or `platform`.
    pub kind: &'static str,
    /// Milliseconds.
    pub time: i64,
    /// The send it came from.
    pub send_id: Option<String>,
    /// The session it came from.
    pub origin: Option<String>,
    /// The invocation it came from.
    pub invoke_id: Option<String>,
}

impl Happening {
    fn new(name: &str, data: Value, kind: &'static str, time: i64) -> Self {
        Happening {
            name: name.into(),
            data,
            kind,
            time,
            send_id: None,
            origin: None,
            invoke_id: None,
        }
    }
}

/// What all sessions of one family share.
#[derive(Clone, Debug)]
pub struct Family {
    /// The virtual clock.
    pub now: i64,
    /// Names and types as in YAML charts; otherwise as in the suites.
    pub strict: bool,
    /// Charts that can be invoked by name.
    pub resources: HashMap<String, Rc<Document>>,
    /// What happened, a line each.
    pub trace: Vec<String>,
    /// Microsteps of this step.
    pub microsteps: u32,
    /// Events of this step.
    pub events: u32,
    /// Counts what is scheduled.
    pub order: u64,
}

impl Family {
    fn say(&mut self, line: String) {
        self.trace.push(line);
    }

    fn count_microstep(&mut self) -> Result<(), Endless> {
        self.microsteps += 1;
        if self.microsteps > STEPS_MAX {
            return Err(Endless);
        }
        Ok(())
    }

    fn count_event(&mut self) -> Result<(), Endless> {
        self.events += 1;
        if self.events > STEPS_MAX {
            return Err(Endless);
        }
        Ok(())
    }
}
