//! A signature, and how it is checked.

use crate::error::{KeyError, SignatureError};
use crate::key::PublicKey;
use crate::statement::Statement;
use ed25519_dalek::Signature;
use serde::{Deserialize, Serialize};
use ssh_key::{Algorithm, LineEnding, SshSig};

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
        let (_, key, text) = read(signature)?;
        Ok(Signed {
            by: Statement::parse(statement)?.by,
            key: key.fingerprint(),
            statement: statement.to_owned(),
            signature: text,
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

/// A signature's parts and the key that it says made it, where it is written in the one way in which it is kept.
fn parse(signature: &str) -> Result<(SshSig, PublicKey), SignatureError> {
    let (found, key, text) = read(signature)?;
    match text == signature {
        true => Ok((found, key)),
        false => Err(SignatureError::Unreadable {
            why: "it is not written as OpenSSH writes it".into(),
        }),
    }
}

/// The same however its lines end, if it is one for [`NAMESPACE`] by an Ed25519 key; and how it is kept.
fn read(signature: &str) -> Result<(SshSig, PublicKey, String), SignatureError> {
    let unreadable = |why: ssh_key::Error| match why {
        ssh_key::Error::AlgorithmUnknown => KeyError::Type {
            found: "that is not known here".into(),
        }
        .into(),
        ssh_key::Error::AlgorithmUnsupported { algorithm } => KeyError::Type {
            found: algorithm.to_string(),
        }
        .into(),
        why => SignatureError::Unreadable {
            why: why.to_string(),
        },
    };
    let found = SshSig::from_pem(signature.trim()).map_err(unreadable)?;
    if found.version() != SshSig::VERSION {
        return Err(SignatureError::Unreadable {
            why: format!("version {} is not known", found.version()),
        });
    }
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
    let text = found.to_pem(LineEnding::LF).map_err(unreadable)?;
    Ok((found, key, text))
}
