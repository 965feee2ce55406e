//! Public keys, as people write them down: one line of OpenSSH's.

use crate::error::KeyError;
use ed25519_dalek::VerifyingKey;
use ssh_key::HashAlg;
use std::fmt;

/// An Ed25519 public key: `ssh-ed25519 AAAA… comment`.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    comment: String,
}

impl PublicKey {
    /// Read one line of OpenSSH's.
    ///
    /// # Errors
    /// What is wrong with it: no key, a private one, one of another type, one that proves nothing.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        if text.lines().count() > 1 {
            return Err(KeyError::Unreadable {
                why: "it has several lines".into(),
            });
        }
        let key = ssh_key::PublicKey::from_openssh(text).map_err(|why| match why {
            ssh_key::Error::AlgorithmUnknown | ssh_key::Error::AlgorithmUnsupported { .. } => {
                KeyError::Type {
                    found: text
                        .split_whitespace()
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                }
            }
            why => KeyError::Unreadable {
                why: why.to_string(),
            },
        })?;
        let comment = key.comment().to_owned();
        Self::of(key.key_data(), comment)
    }

    /// The key that these parts of OpenSSH's are.
    pub(crate) fn of(data: &ssh_key::public::KeyData, comment: String) -> Result<Self, KeyError> {
        let Some(bytes) = data.ed25519() else {
            return Err(KeyError::Type {
                found: data.algorithm().to_string(),
            });
        };
        let key = VerifyingKey::from_bytes(&bytes.0).map_err(|_| KeyError::Weak)?;
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(PublicKey { key, comment })
    }

    /// `SHA256:` and 43 characters, as `ssh-keygen -l` shows it.
    pub fn fingerprint(&self) -> String {
        self.data().fingerprint(HashAlg::Sha256).to_string()
    }

    /// What its owner calls it; may be empty.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// The same key with another comment.
    #[must_use]
    pub fn called(mut self, comment: &str) -> Self {
        self.comment = comment.to_owned();
        self
    }

    /// Whether it is the same key, whatever it is called.
    pub fn is(&self, other: &PublicKey) -> bool {
        self.key == other.key
    }

    pub(crate) fn verifying(&self) -> &VerifyingKey {
        &self.key
    }

    fn data(&self) -> ssh_key::public::KeyData {
        ssh_key::public::Ed25519PublicKey(self.key.to_bytes()).into()
    }
}

/// The line that [`PublicKey::parse`] reads.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = ssh_key::PublicKey::new(self.data(), self.comment.clone());
        f.write_str(key.to_openssh().map_err(|_| fmt::Error)?.trim_end())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti ada@example.com";

    #[test]
    fn a_key_is_read_and_written_back() {
        let key = PublicKey::parse(&format!("  {ADA}\n")).unwrap();
        assert_eq!(key.to_string(), ADA);
        assert_eq!(key.comment(), "ada@example.com");
        // What `ssh-keygen -l` says of it.
        assert_eq!(
            key.fingerprint(),
            "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ"
        );
        assert!(key.is(&key.clone().called("x")));
        assert_ne!(key, key.clone().called("x"));
    }

    #[test]
    fn what_is_no_key_says_what_it_is() {
        let zeroes =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for (text, expected) in [
            ("", "no public key"),
            ("ssh-ed25519", "no public key"),
            ("ssh-ed25519 AAAA", "no public key"),
            (&*ADA.replace("AAAAC3", "AAAAC4"), "no public key"),
            (
                &*ADA.replace("ssh-ed25519 ", "ssh-rsa "),
                "the type ssh-rsa",
            ),
            (&*format!("{ADA}\n{ADA}"), "several lines"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
            (
                "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=",
                "Ed25519",
            ),
            (zeroes, "worthless"),
        ] {
            let error = PublicKey::parse(text).unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
            assert!(!error.help().is_empty());
        }
    }
}
