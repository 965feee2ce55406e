//! Who may sign, with which keys, in which roles: what `people` in `house.yaml` says.

use crate::error::SignatureError;
use crate::key::PublicKey;
use crate::signed::Signed;
use crate::statement::Statement;
use indexmap::IndexMap;
use std::sync::Arc;

/// How the one who signs is named where it is a person.
const HUMAN: &str = "human:";

/// Everybody who is listed, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People(pub IndexMap<Arc<str>, Person>);

/// Somebody who is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// Their keys; at least one.
    pub keys: Vec<PublicKey>,
    /// The roles that they may act in; `None` is any.
    pub roles: Option<Vec<Arc<str>>>,
}

impl People {
    /// The person of that name.
    pub fn get(&self, name: &str) -> Option<&Person> {
        self.0.get(name)
    }

    /// Whose key it is.
    pub fn owner(&self, key: &PublicKey) -> Option<&str> {
        let mut all = self.0.iter();
        all.find(|(_, person)| person.has(key))
            .map(|(name, _)| &**name)
    }

    /// Whether `signed` is by a listed person, with a key of theirs, in a role that they may act in: what it says.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, signed: &Signed) -> Result<Statement, SignatureError> {
        let name = signed.by.strip_prefix(HUMAN);
        let Some(person) = name.and_then(|name| self.get(name)) else {
            return Err(SignatureError::NotListed {
                by: signed.by.clone(),
                known: self.0.keys().map(|name| name.to_string()).collect(),
            });
        };
        let key = signed.signer()?;
        if !person.has(&key) {
            return Err(SignatureError::NotTheirs {
                by: signed.by.clone(),
                key: key.fingerprint(),
                owner: self.owner(&key).map(str::to_owned),
            });
        }
        let statement = signed.verify(&key)?;
        match person.may_act_as(&statement.role) {
            true => Ok(statement),
            false => Err(SignatureError::Role {
                by: signed.by.clone(),
                role: statement.role,
                may: person
                    .roles
                    .iter()
                    .flatten()
                    .map(|role| role.to_string())
                    .collect(),
            }),
        }
    }
}

impl Person {
    /// Whether it is a key of theirs.
    pub fn has(&self, key: &PublicKey) -> bool {
        self.keys.iter().any(|theirs| theirs.is(key))
    }

    /// Whether they may act as `role`; no role at all is open to everybody who is listed.
    pub fn may_act_as(&self, role: &str) -> bool {
        role.is_empty()
            || self
                .roles
                .as_ref()
                .is_none_or(|roles| roles.iter().any(|may| &**may == role))
    }
}
