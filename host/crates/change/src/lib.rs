//! Change control: what is controlled, who may change it, and what is released.
//!
//! An *item* is a definition with the files that belong to it; a *revision* is its content by hash. A *change* takes an item from one revision to the next, and
//! leaves records. The *register* is the fold of those records, and decides two things: whether an act is allowed ([`Register::may`]) and whether something may be
//! loaded ([`Register::admit`]). The chart of the workflow says what comes after what; that a release has its quorum, its separation of duties, its verification and
//! the very revision that was verified is held here, whatever any chart says.
//!
//! All of it is pure: no file is read or written, no clock asked, no key touched. Signatures are checked by whoever is handed in as [`Outside`].
//!
//! Rooms: `item`, `items` what is controlled · `record` the bodies of records · `statement` that what was signed is what is recorded · `register` the fold, its rules and
//! the gate · `candidate` a change judged whole · `governs` who must not judge it · `grants`, `impact`, `diff` what a change comes to · `review` what all
//! of it came to in a period.

mod candidate;
mod diff;
mod governs;
mod grants;
mod impact;
mod item;
mod items;
mod moment;
mod names;
mod person;
mod record;
mod register;
mod review;
mod settings;
mod statement;
mod text;

pub use candidate::{
    Candidate, CandidateError, Edits, Proposal, candidate_hash, candidate_hash_of,
};
pub use diff::{Comparison, Diff, Line, Mark, PluginFacts, Side, Tone, compare, diff};
pub use governs::{governing, governing_in};
pub use grants::{GrantChange, Tools, Weight, grant_changes};
pub use impact::{Impact, InstanceFact, RunFact, impact};
pub use item::{ItemError, ItemId, Revision};
pub use items::{Items, Parts, items_of};
pub use moment::{Moment, day, iso};
pub use names::{NameError, check_name};
pub use person::Person;
pub use record::*;
pub use register::*;
pub use review::{
    Action, ChangeFigures, Cycle, EmergencyLine, Finding, Gap, Inputs, Period, ProcessFact, Review,
    Spent, StageCount, Supplier, review,
};
pub use settings::{BOARD, Files, Outside, PersonSettings, Settings, Signer};
