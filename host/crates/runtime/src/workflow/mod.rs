//! Instances of workflows: a chart of what is worked on, where it stands, who holds which role, and what was handed in.
//!
//! An [`Instance`] is pure. What happens comes in as [`Happened`] with its time, what follows goes out as [`Taken`]: the records of one durable commit, and
//! what the host does once they are on the disk ([`Out`]). No journal, no clock, no agent is known here; so the same happenings give the same records, bit for
//! bit, and an instance is rebuilt from its records ([`Instance::fold`]) exactly as it was.
//!
//! Everything but the chart changes through facts alone, which are what the records hold; the chart takes the recorded events once more. A happening that
//! is refused changes nothing and is not recorded. After a commit that failed, the host drops the instance and folds it again.
//!
//! | room | what it knows |
//! |---|---|
//! | `happening` | what can happen, and what follows |
//! | `who` | holders of roles |
//! | `instance` | the instance and what can be asked of it |
//! | `position` | where it stands, and which states count for whom |
//! | `taking` | from what happens to records: the steps of the chart |
//! | `doing`, `telling` | what steps ask for; the work they open and close, and who is told |
//! | `sending` | which events may come in whose name |
//! | `holding` | binding, detaching, taking over, handing in |
//! | `duties` | who may hold a role, and whom it is offered to |
//! | `moving` | another version of the chart |
//! | `fact`, `core`, `fold` | what records hold, what they make, and the way back from them |

mod core;
mod doing;
mod duties;
mod error;
mod fact;
mod fold;
mod happening;
mod holding;
mod instance;
mod moving;
mod position;
mod sending;
mod taking;
mod telling;
mod who;

pub use error::{WorkflowError, Wrong};
pub use fact::Version;
pub use fold::{By, Recorded};
pub use happening::{Addressee, Beside, Happened, Out, Sender, Taken};
pub use holding::{ARTEFACT_BYTES_MAX, ARTEFACTS_MAX, NOTES_BYTES_MAX};
pub use instance::{Ended, EndedHow, Instance};
pub use position::{Activity, Position, RoleAt};
pub use sending::may_send;
pub use who::{Person, Via, Who};
