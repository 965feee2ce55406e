//! What a register asks of the world: whether a signature holds, and what a revision of `house.yaml` says of control.
//!
//! A person's key is one that the released `house.yaml` lists, an agent's is the one that the house was first to sign as its own. What a signer has seen must be in this
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
                let key = key_of(&by.to_string(), identities)?;
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

/// The key of the agent `who`: the first that the house has signed to be that one's. What is on record without that could be anybody's.
pub(super) fn key_of(who: &str, identities: &[Identity]) -> Result<PublicKey, String> {
    // Whoever could put another in the place of the first could be anybody.
    let house = identities.iter().find(|one| one.who == "house");
    let house = house.and_then(|house| PublicKey::parse(&house.key).ok());
    let is_signed = |one: &&Identity| {
        let signed = one.signed.clone().unwrap_or_default();
        let signed = serde_json::from_value::<sign::Signed>(signed).ok();
        let said = signed.zip(house.as_ref());
        let said = said.and_then(|(signed, house)| signed.verify(house).ok());
        said.is_some_and(|said| said.is_identity_of(&one.who, &one.key))
    };
    let mut theirs = identities.iter().filter(|one| one.who == who).peekable();
    if theirs.peek().is_none() {
        return Err(format!("no key of {who} is on record in this house"));
    }
    let key = theirs.find(is_signed).ok_or_else(|| {
        format!(
            "the house has not signed which key is that of {who}; `charthouse audit anchor` has it sign those that it has made itself"
        )
    })?;
    PublicKey::parse(&key.key).map_err(|error| error.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;
    use sign::{Seen, Signer as Key};

    struct Seed(u8);

    impl types::Rng for Seed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    #[test]
    fn an_agents_key_is_the_one_that_the_house_signed() {
        let key = |seed: u8| Key::make(&Seed(seed), "");
        let (house, own, thief) = (key(1), key(2), key(3));
        let of = |who: &str, key: &Key, by: Option<&Key>| {
            let public = key.public().to_string();
            let seen = Seen {
                hash: ContentHash::of(&[]),
                seq: 1,
            };
            let said = Statement::of_identity(who, &public, "h", seen, "now".into());
            Identity {
                who: who.into(),
                key: public,
                signed: by.map(|by| serde_json::json!(by.sign(&said))),
            }
        };
        let who = "agent:a";
        let mut all = vec![of("house", &house, None), of(who, &thief, None)];
        assert!(key_of("agent:b", &all).unwrap_err().contains("no key of"));
        // Nobody's word, that of another house, and that for somebody else.
        all.extend([of("house", &thief, None), of(who, &thief, Some(&thief))]);
        all.push(Identity {
            signed: of("agent:b", &thief, Some(&house)).signed,
            ..of(who, &thief, None)
        });
        let why = key_of(who, &all).unwrap_err();
        assert!(why.contains("charthouse audit anchor"), "{why}");
        all.push(of(who, &own, Some(&house)));
        all.push(of(who, &thief, Some(&house)));
        assert!(key_of(who, &all).unwrap().is(own.public()));
    }
}
