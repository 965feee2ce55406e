//! What a register asks of the world: whether a signature holds, and what a revision of `house.yaml` says of control.
//!
//! A person's key is one that the released `house.yaml` lists, an agent's is the one that the house put on record first. What a signer has seen must be in this
//! very journal, so that no signature comes over from another history.

use change::{Files, Identity, Outside, Person, PersonSettings, Settings, Signed, Signer};
use sign::{People, PublicKey, Statement};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use types::ContentHash;

/// The world of one house.
#[derive(Default)]
pub(super) struct World {
    /// Its directory; nothing in it is read.
    pub(super) root: PathBuf,
    /// Records of the journal that statements name, by their numbers.
    seen: Mutex<BTreeMap<u64, ContentHash>>,
}

impl World {
    pub(super) fn of(root: PathBuf) -> Self {
        World {
            root,
            seen: Mutex::default(),
        }
    }

    /// The record `seq` of the journal has this hash.
    pub(super) fn has_seen(&self, seq: u64, hash: ContentHash) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(seq, hash);
    }
}

/// The record that a statement has seen, as far as it can be read.
pub(super) fn seen(statement: &str) -> Option<u64> {
    Statement::parse(statement).ok().map(|said| said.seen.seq)
}

impl Outside for World {
    fn signer(
        &self,
        signed: &Signed,
        settings: &Settings,
        identities: &[Identity],
    ) -> Result<Signer, String> {
        let by = &signed.by;
        let given = sign::Signed {
            by: by.to_string(),
            key: signed.key.clone(),
            statement: signed.statement.clone(),
            signature: signed.signature.clone(),
        };
        let said = |error: sign::SignatureError| error.to_string();
        let statement = match by {
            Person::Human(_) => people_of(settings).verify(&given).map_err(said)?,
            Person::Agent(_) => {
                let who = by.to_string();
                let identity = identities.iter().find(|identity| identity.who == who);
                let identity =
                    identity.ok_or_else(|| format!("no key of {by} is on record in this house"))?;
                let key = PublicKey::parse(&identity.key).map_err(|error| error.to_string())?;
                given.verify(&key).map_err(said)?
            }
        };
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(&statement.seen.seq) {
            Some(hash) if *hash == statement.seen.hash => {}
            _ => {
                return Err(format!(
                    "what it has seen, record {}, is another in this journal: it was made for another history",
                    statement.seen.seq
                ));
            }
        }
        Ok(Signer {
            who: by.clone(),
            key: signed.key.as_str().into(),
        })
    }

    fn settings(&self, files: &Files) -> Result<Settings, String> {
        let (controlled, people) =
            definitions::load_control(&self.root, files).map_err(|report| report.render(false))?;
        let mut settings = Settings {
            people: people.0.into_iter().map(of_person).collect(),
            ..Settings::default()
        };
        if let Some(controlled) = controlled {
            settings.controlled = true;
            settings.quorum = usize::try_from(controlled.quorum).unwrap_or(usize::MAX);
            settings.board = controlled.board.into_iter().collect();
            settings.emergency = controlled.emergency.role;
        }
        Ok(settings)
    }
}

fn of_person((name, person): (Arc<str>, sign::Person)) -> (Arc<str>, PersonSettings) {
    let settings = PersonSettings {
        keys: person.keys.iter().map(ToString::to_string).collect(),
        roles: person.roles.map(|roles| roles.into_iter().collect()),
    };
    (name, settings)
}

/// The people of `settings`; a key that cannot be read is nobody's.
pub(super) fn people_of(settings: &Settings) -> People {
    let people = settings.people.iter().map(|(name, person)| {
        let PersonSettings { keys, roles } = person;
        let keys = keys.iter().filter_map(|key| PublicKey::parse(key).ok());
        let person = sign::Person {
            keys: keys.collect(),
            roles: roles.as_ref().map(|roles| roles.iter().cloned().collect()),
        };
        (Arc::clone(name), person)
    });
    People(people.collect())
}
