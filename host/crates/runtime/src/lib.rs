//! The event loop: the one room where charts, payloads, grants, sandbox, provider and journal meet.
//!
//! Data flows one way (DESIGN §2). An event goes into the agent's chart; the effects that come out are journalled in one durable commit and only then
//! performed; what they come to is journalled with whatever it causes, and goes back in as an event. One file per effect: [`think`] asks the model,
//! [`act`] runs tool calls, [`turn`] does both until the model stops calling, [`invoke`] starts and stops activities, [`send`] carries events elsewhere.
//!
//! Nothing here parses a file, names a database or speaks HTTP: those come in as [`Services`].

mod account;
mod act;
mod admission;
mod alive;
mod answer;
mod booking;
mod bound;
mod budgets;
mod by_hand;
pub mod control;
mod copies;
mod due;
mod effects;
mod error;
mod gather;
mod generations;
mod grants;
mod guards;
pub mod host;
mod inbox;
mod invoke;
mod kin;
mod live;
mod loading;
mod looking;
mod materials;
mod memories;
mod offers;
mod past;
mod payload_hash;
mod payloads;
mod permission;
mod point;
pub mod record;
mod recorded;
mod reload;
pub mod replay;
mod request;
mod resume;
mod round;
mod run;
mod run_id;
mod send;
mod services;
mod shadow;
mod shared;
mod spending;
mod standing;
mod summarise;
mod terms;
mod think;
mod tokens;
mod turn;
mod used;
mod values;
mod window;
pub mod workflow;

pub use bound::Binding;
pub use budgets::{BudgetRow, budgets};
pub use by_hand::{ByHandError, CALLS_TO_SHADOW, Exchanged, Repin, rollback, swap};
pub use control::Admitted;
pub use due::sleep_for;
pub use error::RuntimeError;
pub use generations::By;
pub use inbox::{Inbox, Message, Told};
pub use kin::Kin;
pub use live::{Cause, CauseKind, FileChange, RunEvent, Status};
pub use looking::{Looking, Turn, Turns, explain, look, turns};
pub use permission::{Answer, Permit, Question};
pub use reload::{Reload, Reloads};
pub use request::{Ask, Asked, Hosted, Left, RunEnd, RunRequest};
pub use run::run;
pub use services::{Observer, Services};
pub use shadow::{
    Came, Compared, FileDifference, ShadowError, ShadowReport, Spent, book_shadow, shadow,
};
pub use shared::SharedJournal;
pub use standing::{Standing, standings};
pub use terms::terms;
pub use types::rfc3339;
