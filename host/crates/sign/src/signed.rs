//! A signature, and how it is checked.

use crate::error::{KeyError, SignatureError};
use crate::key::PublicKey;
use crate::statement::Statement;
use ed25519_dalek::Signature;
use serde::{Deserialize, Serialize};
use ssh_key::{Algorithm, SshSig};

/// What signatures are made for, so that none that was made for mail or code counts here.
pub const NAMESPACE: &str = "charthouse";

/// A statement that somebody signed, as it stands in records under `signed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// Who: what the statement says too.
    pub by: String,
    /// The fingerprint of the key.
    pub key: String,
    /// The text that was signed, to the byte.
    pub statement: String,
    /// `-----BEGIN SSH SIGNATURE----- …`.
    pub signature: String,
}

impl Signed {
    /// Put together what `ssh-keygen -Y sign` made of `statement`. Whether it holds, [`Signed::verify`] says.
    ///
    /// # Errors
    /// Where either cannot be read.
    pub fn of(statement: &str, signature: &str) -> Result<Self, SignatureError> {
        let (_, key) = parse(signature)?;
        Ok(Signed {
            by: Statement::parse(statement)?.by,
            key: key.fingerprint(),
            statement: statement.to_owned(),
            signature: signature.to_owned(),
        })
    }

    /// The key that made it, as the signature itself says. It proves nothing before [`Signed::verify`].
    ///
    /// # Errors
    /// Where the signature cannot be read.
    pub fn signer(&self) -> Result<PublicKey, SignatureError> {
        parse(&self.signature).map(|(_, key)| key)
    }

    /// Whether `key` made it, over exactly this statement: what it says.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, key: &PublicKey) -> Result<Statement, SignatureError> {
        verify_bytes(self.statement.as_bytes(), &self.signature, key)?;
        if self.key != key.fingerprint() {
            return Err(SignatureError::OtherKey {
                found: key.fingerprint(),
                said: self.key.clone(),
            });
        }
        let statement = Statement::parse(&self.statement)?;
        match statement.by == self.by {
            true => Ok(statement),
            false => Err(SignatureError::OtherBy {
                found: statement.by,
                said: self.by.clone(),
            }),
        }
    }
}

/// Whether `key` made `signature` over `bytes`, for [`NAMESPACE`].
///
/// # Errors
/// Why not.
pub fn verify_bytes(bytes: &[u8], signature: &str, key: &PublicKey) -> Result<(), SignatureError> {
    let (found, by) = parse(signature)?;
    if !by.is(key) {
        return Err(SignatureError::OtherKey {
            found: by.fingerprint(),
            said: key.fingerprint(),
        });
    }
    if !found.reserved().is_empty() {
        return Err(SignatureError::Unreadable {
            why: "it has fields that are not known".into(),
        });
    }
    let covered = SshSig::signed_data(NAMESPACE, found.hash_alg(), bytes)
        .map_err(|_| SignatureError::Altered)?;
    let raw =
        Signature::from_slice(found.signature_bytes()).map_err(|_| SignatureError::Altered)?;
    // Strictly: for each message and key there is one signature, and nothing holds that was not made with the private half.
    key.verifying()
        .verify_strict(&covered, &raw)
        .map_err(|_| SignatureError::Altered)
}

/// A signature's parts and the key that it says made it, if it is one for [`NAMESPACE`] by an Ed25519 key.
fn parse(signature: &str) -> Result<(SshSig, PublicKey), SignatureError> {
    let unreadable = |why: String| SignatureError::Unreadable { why };
    let found = SshSig::from_pem(signature.trim()).map_err(|why| unreadable(why.to_string()))?;
    let key = PublicKey::of(found.public_key(), String::new())?;
    if found.algorithm() != Algorithm::Ed25519 {
        return Err(KeyError::Type {
            found: found.algorithm().to_string(),
        }
        .into());
    }
    if found.namespace() != NAMESPACE {
        return Err(SignatureError::Namespace {
            found: found.namespace().chars().take(60).collect(),
        });
    }
    Ok((found, key))
}
