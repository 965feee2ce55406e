//! What `house.yaml` says of control, and what is asked of the world outside of this crate.

use crate::governs;
use crate::item::ItemId;
use crate::person::Person;
use crate::record::{Identity, Signed};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Files by their paths in the house.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Who and how many decide about changes, as a revision of `house.yaml` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether definitions count only at a released revision.
    pub controlled: bool,
    /// How many of the board must approve; at least 1.
    pub quorum: usize,
    /// The roles that vote.
    pub board: BTreeSet<Arc<str>>,
    /// The role that an emergency takes.
    pub emergency: Arc<str>,
    /// Who there is.
    pub people: BTreeMap<Arc<str>, PersonSettings>,
}

/// The board where the house names none.
pub const BOARD: [&str; 3] = ["engineering", "quality", "operations"];

impl Default for Settings {
    fn default() -> Self {
        Settings {
            controlled: false,
            quorum: 2,
            board: BOARD.into_iter().map(Arc::from).collect(),
            emergency: "emergency".into(),
            people: BTreeMap::new(),
        }
    }
}

/// A person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonSettings {
    /// Their public keys as OpenSSH writes them.
    pub keys: Vec<String>,
    /// The roles that they may hold; `None` is any.
    pub roles: Option<BTreeSet<Arc<str>>>,
}

impl Settings {
    /// Whether the person `name` may act as `role`.
    pub fn may_hold(&self, name: &str, role: &str) -> bool {
        self.people.get(name).is_some_and(|person| {
            let roles = person.roles.as_ref();
            roles.is_none_or(|roles| roles.contains(role))
        })
    }
}

/// Who signed, once that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Who it is.
    pub who: Person,
    /// The fingerprint of the key: two names with one key are one person.
    pub key: Arc<str>,
}

/// What cannot be told from the records alone.
pub trait Outside: Send + Sync {
    /// Who made `signed`: that the signature is over its statement, that its key is one of that person's in `settings` or the one that by `identities` the house has
    /// signed to be that agent's, and that what it has seen is in this journal.
    ///
    /// # Errors
    /// Why it does not count, in words that continue "the signature does not count: ".
    fn signer(
        &self,
        signed: &Signed,
        settings: &Settings,
        identities: &[Identity],
    ) -> Result<Signer, String>;

    /// What the files of a revision of `house` say of control.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn settings(&self, files: &Files) -> Result<Settings, String>;

    /// The items that say what `agent` may do, in a house of these files.
    ///
    /// # Errors
    /// Why that cannot be told; the agent then decides about nothing.
    fn governing(&self, agent: &str, files: &Files) -> Result<BTreeSet<ItemId>, String> {
        governs::governing(agent, files)
    }

    /// The roles that `agent` takes by its definition, in a house of these files; none where there is no such agent.
    ///
    /// # Errors
    /// Why that cannot be told; the agent then takes none.
    fn roles(&self, agent: &str, files: &Files) -> Result<BTreeSet<Arc<str>>, String> {
        governs::roles(agent, files)
    }
}
