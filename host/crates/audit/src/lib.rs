//! The record as evidence: signed checkpoints over the journal's chain, whether everything that was signed still holds, and bundles that somebody else can check.
//!
//! A chain of hashes proves order and wording to whoever keeps its end somewhere else; a signature over an end proves it to everybody who has the house's public key.
//! Whoever has the house *and* its key can still make a whole new history; against that an [`Anchor`] is kept outside.
//!
//! This part knows the journal, signatures, and the outside of the records of changes (who, which change, which candidate). It knows no YAML: who may sign in which time
//! it reads out of recorded texts through a function that it is given. It decides nothing about changes: whether an act was allowed is the business of `change`.
//!
//! | room | what it knows |
//! |---|---|
//! | `checkpoint` | the house signs how far the record has come; when it is time for that |
//! | `anchor` | a checkpoint that is kept outside |
//! | `people` | who could sign at which record |
//! | `agrees` | whether what was signed is what is recorded |
//! | `verify` | all of it together: the first bad record, and what is wrong with it |
//! | `bundle`, `report`, `figures` | what is handed to an auditor |

mod agrees;
mod anchor;
mod bundle;
mod checkpoint;
mod error;
mod figures;
mod people;
mod report;
mod verify;

pub use anchor::Anchor;
pub use bundle::{Exported, Selection, export};
pub use checkpoint::{
    CHECKPOINT, Checkpoint, Every, IDENTITY, begin_new_key, is_due, last, make, noted,
};
pub use error::AuditError;
pub use report::{Piece, Tells};
pub use verify::{Bad, Outside, Verified, verify};
