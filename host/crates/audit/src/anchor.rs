//! A checkpoint that is kept outside the house, so that whoever has all of the house, its key too, cannot put another history in the place of this one.

use crate::checkpoint::Checkpoint;
use crate::error::AuditError;
use serde::{Deserialize, Serialize};
use sign::PublicKey;

/// A checkpoint and the key that signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// What it is, for whoever finds the file.
    pub anchor: String,
    /// The house's public key.
    pub public_key: String,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

/// What an anchor calls itself.
const NAME: &str = "charthouse journal anchor 1";

impl Anchor {
    /// `checkpoint`, which `key` signed.
    pub fn of(checkpoint: Checkpoint, key: &PublicKey) -> Self {
        Anchor {
            anchor: NAME.to_owned(),
            public_key: key.to_string(),
            checkpoint,
        }
    }

    /// Read one, and check its own signature.
    ///
    /// # Errors
    /// [`AuditError::NoAnchor`] and [`AuditError::Anchor`].
    pub fn parse(text: &str) -> Result<Self, AuditError> {
        let none = |why: String| AuditError::NoAnchor { why };
        let anchor: Anchor = serde_json::from_str(text).map_err(|why| none(why.to_string()))?;
        if anchor.anchor != NAME {
            return Err(none(format!("it does not say `{NAME}`")));
        }
        let key = anchor.key()?;
        anchor.checkpoint.verify(&key).map_err(AuditError::Anchor)?;
        Ok(anchor)
    }

    /// The key that signed it.
    ///
    /// # Errors
    /// [`AuditError::NoAnchor`] where it is none.
    pub fn key(&self) -> Result<PublicKey, AuditError> {
        PublicKey::parse(&self.public_key).map_err(|why| AuditError::NoAnchor {
            why: why.to_string(),
        })
    }
}
