//! Control of definitions: what may be loaded into a run, and how what is released gets into its place.
//!
//! The rules are those of the crate `change`, which is pure; here they meet the journal, the files and the clock. A [`Services`](crate::Services) becomes an [`Admitted`] in
//! `gate` and nowhere else, and `run`, `Host` and every exchange of definitions take nothing but that.
//!
//! | room | what it knows |
//! |---|---|
//! | `gate` | a house comes in; what may be run comes out, or why not |
//! | `admitted` | that it came from there |
//! | `found` | what lies in a house, read once |
//! | `book` | the register, folded from the journal and then by what is new |
//! | `kept` | that the same files were let in before |
//! | `marker` | which journal a house is controlled by, whatever its `house.yaml` says |
//! | `tally` | whether a record of a change is missing |
//! | `outside` | signatures, and what a released `house.yaml` says of control |
//! | `place`, `files` | released files get into the house, drafts are kept aside |
//! | `restore` | the way back from drafts |
//! | `baseline` | what a house is made of when control begins |
//! | `drafts` | where what lies there differs from what is released |
//! | `refused` | what is not let in, in words and on record |
//! | `running` | a run that meets the gate while it lasts |
//!
//! Nothing here decides about a change: that is the workflow's and the register's.

mod admitted;
mod baseline;
mod book;
mod drafts;
mod files;
mod found;
mod gate;
mod kept;
mod marker;
mod outside;
mod place;
mod refused;
mod restore;
mod running;
mod tally;

pub use admitted::Admitted;
pub(crate) use baseline::signature_of;
pub use baseline::{BaselineError, baseline, store};
pub use drafts::{Standing, standing};
pub use files::{PlaceError, Placed};
pub(crate) use gate::{by_hand, count, keys_of_house, mark, refuse_by_hand, register_knowing};
pub use gate::{enter, house_for, made_of, may_become, register, released_house};
pub use marker::{belongs, belongs_unsealed, is_marked, may_be_absent, seal_anew};
pub use place::{is_unfinished, put_in_place};
pub(crate) use place::{place, puts_in_force};
pub use refused::NotReleased;
pub use restore::{Back, Restored, restore};

use crate::RuntimeError;
use change::{Audience, ItemId, Register, Revision};
use definitions::House;
use journal::{Journal, Which};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::Timestamp;

/// Items with their revisions.
pub type Revisions = BTreeMap<ItemId, Revision>;

/// How somebody comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// To run something: whatever lies there must be released.
    Start,
    /// To administer the house: where drafts lie in it, what is released is used all the same, so that they can be released.
    Administer,
}

/// What came of it.
pub struct Entered {
    /// What may be run.
    pub admitted: Admitted,
    /// What was put in place on the way.
    pub placed: Vec<Placed>,
    /// What people must be told: what is in force without having been approved.
    pub notes: Vec<String>,
}

impl Entered {
    fn of(admitted: Admitted) -> Self {
        Entered {
            admitted,
            placed: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Who uses definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// The house itself, and whatever begins now.
    House,
    /// A run of an agent, with the number of its first record if it has one.
    Run { agent: Arc<str>, began: Option<u64> },
    /// An instance of a workflow, the same.
    Instance { began: Option<u64> },
}

impl Whom {
    pub(crate) fn run(agent: &str, began: Option<u64>) -> Self {
        Whom::Run {
            agent: agent.into(),
            began,
        }
    }

    fn audience(&self, now: Timestamp) -> Audience<'_> {
        let (agent, began) = match self {
            Whom::House => (None, None),
            Whom::Run { agent, began } => (Some(&**agent), *began),
            Whom::Instance { began } => (None, *began),
        };
        Audience { agent, began, now }
    }
}

/// The number of the first record of `run`; `None` where it has none.
pub(crate) fn began(journal: &Journal, run: &str) -> Result<Option<u64>, RuntimeError> {
    struct Seen(Option<RuntimeError>);
    impl From<journal::JournalError> for Seen {
        fn from(error: journal::JournalError) -> Self {
            Seen(Some(error.into()))
        }
    }
    let mut first = None;
    let read = journal.each(Which::Run(run), |record| {
        first = Some(record.seq.0);
        Err(Seen(None))
    });
    match read {
        Err(Seen(Some(error))) => Err(error),
        _ => Ok(first),
    }
}

/// Whether control began in the house in the directory `root`, whose journal is `journal`: one look.
pub(crate) fn is_controlled(
    journal: &Journal,
    root: &std::path::Path,
) -> Result<bool, RuntimeError> {
    Ok(marker::begun(journal, root)?.is_some())
}

/// Who there is: in a controlled house those whom the record lists for now, and not whom its file lists, which an emergency may have written; else those of `house`.
///
/// # Errors
/// When the record is of a controlled house and cannot be read.
pub(crate) fn people(
    journal: &Journal,
    house: &House,
    now: Timestamp,
) -> Result<sign::People, RuntimeError> {
    if !is_controlled(journal, &house.root)? {
        return Ok(house.people.clone());
    }
    let settings = register(journal, &house.root)?.settings(now);
    Ok(match settings {
        Ok(settings) if settings.controlled => outside::people_of(&settings),
        Ok(_) | Err(change::Rule::NoBaseline) => house.people.clone(),
        // Who cannot be told from the record is nobody.
        Err(_) => sign::People::default(),
    })
}

/// Whether by `register` the house in the directory `root` has signed that `key` is the one of the agent `who`.
pub(crate) fn is_key_of(
    register: &Register,
    root: &std::path::Path,
    who: &str,
    key: &sign::PublicKey,
) -> bool {
    let known = outside::keys_of(root, who, register.identities());
    known.is_ok_and(|known| known.iter().any(|known| known.is(key)))
}

/// When something is to be looked at again though nobody does anything.
/// With `anew` something may have been recorded since `admitted` was let in.
pub(crate) fn next_due(
    admitted: &Admitted,
    journal: &Journal,
    now: Timestamp,
    anew: bool,
) -> Option<Timestamp> {
    if let Some(plain) = admitted.plain().filter(|_| !anew) {
        return plain.until;
    }
    let due = admitted.with_book(journal, |book| Ok(book.next_due(now)));
    due.ok().flatten()
}

/// Services for a house that is not controlled, for whoever has no journal yet: a test, a bench.
///
/// # Errors
/// When the journal says that it is.
pub fn uncontrolled(
    services: crate::Services,
    journal: &Journal,
) -> Result<Admitted, RuntimeError> {
    let says = |house: &House| house.controlled.is_some();
    match says(&services.house) || is_controlled(journal, &services.house.root)? {
        true => Err(NotReleased::broken("this house is controlled".into()).into()),
        false => Ok(Admitted::new(services, None)),
    }
}
