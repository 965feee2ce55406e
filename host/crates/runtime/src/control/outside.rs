//! What a register asks of the world: whether a signature holds, and what a revision of `house.yaml` says of control.
//!
//! A person's key is one that the released `house.yaml` lists, an agent's is the one that the house was first to sign as its own: with its first key, or with the one that
//! it has now because that was lost. What a signer has seen must be in this very journal, so that no signature comes over from another history.

use change::{Files, Identity, Outside, Person, PersonSettings, Settings, Signed, Signer};
use sign::{Keyring, People, PublicKey, Statement};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use types::ContentHash;

/// The world of one house.
#[derive(Default)]
pub(super) struct World {
    /// Its directory; nothing in it is read but the house's key.
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
                let keys = keys_of(&self.root, &by.to_string(), identities)?;
                let theirs = keys.iter().find(|key| key.fingerprint() == given.key);
                let key = theirs.unwrap_or(&keys[0]);
                given.verify(key).map_err(said)?
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

/// The keys of the agent `who`, at least one: the first that the house in the directory `root` has signed to be that one's, and the first that it has signed so with
/// another key that was begun since. What is on record without that could be anybody's.
pub(super) fn keys_of(
    root: &Path,
    who: &str,
    identities: &[Identity],
) -> Result<Vec<PublicKey>, String> {
    let own = || Keyring::of_house(root).house_if_any().ok().flatten();
    keys_signed(who, identities, || own().map(|own| own.public().clone()))
}

/// The same, where the house has the key `own`.
fn keys_signed(
    who: &str,
    identities: &[Identity],
    own: impl FnOnce() -> Option<PublicKey>,
) -> Result<Vec<PublicKey>, String> {
    let known = identities.iter().filter(|one| one.who == "house");
    let known = known.filter_map(|house| PublicKey::parse(&house.key).ok());
    let known: Vec<PublicKey> = known.collect();
    // Whoever could put another in the place of the first could be anybody, but for who has it.
    let own = (known.len() > 1).then(own).flatten();
    let is_own = |key: &PublicKey| own.as_ref().is_some_and(|own| own.is(key));
    let later = known.iter().skip(1).find(|key| is_own(key));
    let house = known.first().into_iter().chain(later);
    let is_signed = |one: &Identity, house: &PublicKey| {
        let signed = one.signed.clone().unwrap_or_default();
        let signed = serde_json::from_value::<sign::Signed>(signed).ok();
        let said = signed.and_then(|signed| signed.verify(house).ok());
        said.is_some_and(|said| said.is_identity_of(&one.who, &one.key))
    };
    let theirs: Vec<&Identity> = identities.iter().filter(|one| one.who == who).collect();
    if theirs.is_empty() {
        return Err(format!("no key of {who} is on record in this house"));
    }
    let first = |house: &PublicKey| theirs.iter().find(|one| is_signed(one, house));
    let keys = house.filter_map(first);
    let keys: Result<Vec<PublicKey>, String> = keys
        .map(|one| PublicKey::parse(&one.key).map_err(|error| error.to_string()))
        .collect();
    match keys? {
        keys if keys.is_empty() => Err(format!(
            "the house has not signed which key is that of {who}; `charthouse audit anchor` has it sign those that it has made itself"
        )),
        keys => Ok(keys),
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
        let keys_of = |who: &str, all: &[Identity]| keys_signed(who, all, || None);
        assert!(keys_of("agent:b", &all).unwrap_err().contains("no key of"));
        // Nobody's word, that of another house, and that for somebody else.
        all.extend([of("house", &thief, None), of(who, &thief, Some(&thief))]);
        all.push(Identity {
            signed: of("agent:b", &thief, Some(&house)).signed,
            ..of(who, &thief, None)
        });
        let why = keys_of(who, &all).unwrap_err();
        assert!(why.contains("charthouse audit anchor"), "{why}");
        all.push(of(who, &own, Some(&house)));
        all.push(of(who, &thief, Some(&house)));
        let keys = keys_of(who, &all).unwrap();
        assert!(keys.len() == 1 && keys[0].is(own.public()));
        // The first key was lost: what the house says with the one that it has counts from then on too, and with no other.
        let (new, later) = (key(4), key(5));
        let has_new = || Some(new.public().clone());
        all.push(of(who, &later, Some(&new)));
        assert_eq!(keys_signed(who, &all, has_new).unwrap().len(), 1);
        all.push(of("house", &new, None));
        let keys = keys_signed(who, &all, has_new).unwrap();
        assert!(keys.len() == 2 && keys[1].is(later.public()));
        assert_eq!(keys_of(who, &all).unwrap().len(), 1);
    }
}
