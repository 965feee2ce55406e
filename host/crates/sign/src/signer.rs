//! Private keys. What is in here is wiped when it is let go of, is never printed, and leaves this room as signatures only.

use crate::error::KeyError;
use crate::file;
use crate::key::PublicKey;
use crate::signed::{NAMESPACE, Signed};
use crate::statement::Statement;
use ssh_key::private::Ed25519Keypair;
use ssh_key::{HashAlg, LineEnding, PrivateKey};
use std::fmt;
use std::path::Path;
use types::{ContentHash, Rng};

/// Somebody who can sign.
pub struct Signer {
    key: PrivateKey,
    public: PublicKey,
}

impl Signer {
    /// Read the text of an OpenSSH private key. Where it is encrypted, `passphrase` is asked, once; `None` is nobody there.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(
        text: &str,
        passphrase: &mut dyn FnMut() -> Option<String>,
    ) -> Result<Self, KeyError> {
        let no_private = |why: ssh_key::Error| KeyError::NoPrivate {
            why: why.to_string(),
        };
        let key = PrivateKey::from_openssh(text.trim_start()).map_err(no_private)?;
        // Of an encrypted key the public half is known, so that nobody is asked for the passphrase of one that is of no use.
        let public = PublicKey::of(key.public_key().key_data(), key.comment().to_owned())?;
        if !key.is_encrypted() {
            return Ok(Signer { key, public });
        }
        let word = passphrase().ok_or(KeyError::NoPassphrase)?;
        let key = key
            .decrypt(word.as_bytes())
            .map_err(|_| KeyError::Passphrase)?;
        let public = public.called(key.comment());
        Ok(Signer { key, public })
    }

    /// Read the private key in the file `path`.
    ///
    /// # Errors
    /// [`KeyError::Open`] where others than the owner may read it, and as [`Signer::parse`].
    pub fn read(
        path: &Path,
        passphrase: &mut dyn FnMut() -> Option<String>,
    ) -> Result<Self, KeyError> {
        Self::parse(&file::read(path)?, passphrase)
    }

    /// A new key, called `comment`.
    pub fn make(rng: &dyn Rng, comment: &str) -> Self {
        let mut seed = [0; 32];
        rng.fill(&mut seed);
        let pair = Ed25519Keypair::from_seed(&seed);
        seed.fill(0);
        std::hint::black_box(&seed);
        let mut key = PrivateKey::from(pair);
        key.set_comment(comment);
        let public = PublicKey::of(key.public_key().key_data(), comment.to_owned())
            .expect("a key made of a seed is an Ed25519 key");
        Signer { key, public }
    }

    /// Write it to `path`, for its owner only, and its public half to `path.pub`. What is there already is never overwritten.
    ///
    /// # Errors
    /// [`KeyError::Exists`] and [`KeyError::File`].
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        let text = self
            .key
            .to_openssh(LineEnding::LF)
            .map_err(|why| KeyError::File {
                path: path.to_owned(),
                why: why.to_string(),
            })?;
        file::write_new(path, text.as_bytes(), 0o600)?;
        file::write_beside(path, &self.public)
    }

    /// Its public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Sign `statement`.
    pub fn sign(&self, statement: &Statement) -> Signed {
        let text = statement.text();
        Signed {
            by: statement.by.clone(),
            key: self.public.fingerprint(),
            signature: self.sign_bytes(text.as_bytes()),
            statement: text,
        }
    }

    /// A seal on `bytes` that nobody can make or check without this key: for what its owner writes down for itself alone.
    pub fn seal(&self, bytes: &[u8]) -> ContentHash {
        let secret = self.key.key_data().ed25519();
        let secret = secret.map_or(&[][..], |pair| pair.private.as_ref());
        let key = blake3::derive_key("charthouse seal 1", secret);
        ContentHash::from_bytes(*blake3::keyed_hash(&key, bytes).as_bytes())
    }

    /// Sign `bytes` as `ssh-keygen -Y sign -n charthouse` does: the text of the signature.
    pub fn sign_bytes(&self, bytes: &[u8]) -> String {
        // It fails for an empty namespace and for keys that are no Ed25519 keys or encrypted, which this one is not.
        self.key
            .sign(NAMESPACE, HashAlg::Sha512, bytes)
            .and_then(|signature| signature.to_pem(LineEnding::LF))
            .expect("an Ed25519 key signs whatever it is given")
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the private half of {}", self.public.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Seed(u8);

    impl Rng for Seed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn a_seal_is_of_one_key_and_one_text() {
        let [one, other] = [1, 2].map(|seed| Signer::make(&Seed(seed), ""));
        assert_eq!(one.seal(b"text"), Signer::make(&Seed(1), "x").seal(b"text"));
        assert_ne!(one.seal(b"text"), one.seal(b"texts"));
        assert_ne!(one.seal(b"text"), other.seal(b"text"));
    }
}
