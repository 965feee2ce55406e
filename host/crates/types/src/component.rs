//! A component's file and what its bytes must be: which ones were pinned, and whose signature they must bear.
//!
//! `definitions` reads this out of `house.yaml` and `house.lock`, `sandbox` compares it with the bytes it compiles. Keys and signatures are read here,
//! because both the one who checks a house and the one who runs it must understand the same; verifying is the sandbox's.

use crate::{ContentHash, Sha256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A component in a file. Made from a path alone, its bytes may be any.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentFile {
    /// Where it lies.
    pub path: PathBuf,
    /// The bytes it must have.
    pub pin: Option<Pin>,
    /// Who must have signed its bytes.
    pub signer: Option<Signer>,
    /// The content that is released, where the house is controlled: nothing waives it.
    pub released: Option<Released>,
}

/// What a controlled house has released of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The content that it must have; `None` where nothing of the name is released.
    pub content: Option<ContentHash>,
    /// For whoever reads why it is refused: by which change, and what to do.
    pub why: Arc<str>,
}

/// The bytes that a component must have.
#[derive(Clone, Debug, PartialEq)]
pub struct Pin {
    /// Their hash.
    pub sha256: Sha256,
    /// What to call it by when it is not so: the name of the plugin.
    pub name: Arc<str>,
    /// Other bytes are used all the same, with a warning: somebody is working on the component.
    pub lenient: bool,
}

/// Who must have signed a component.
#[derive(Clone, Debug, PartialEq)]
pub struct Signer {
    /// The key's file as the house names it, for people.
    pub file: Arc<str>,
    /// The key.
    pub key: PublicKey,
    /// The signature that is on record; without one the component is refused.
    pub signature: Option<Signature>,
}

impl From<PathBuf> for ComponentFile {
    fn from(path: PathBuf) -> Self {
        ComponentFile {
            path,
            pin: None,
            signer: None,
            released: None,
        }
    }
}

impl From<&PathBuf> for ComponentFile {
    fn from(path: &PathBuf) -> Self {
        path.clone().into()
    }
}

impl From<&Path> for ComponentFile {
    fn from(path: &Path) -> Self {
        path.to_owned().into()
    }
}

impl From<&ComponentFile> for ComponentFile {
    fn from(component: &ComponentFile) -> Self {
        component.clone()
    }
}

/// A key that verifies signatures. Written as `-----BEGIN PUBLIC KEY-----` (PEM of a SubjectPublicKeyInfo, RFC 7468 and RFC 5280).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Ed25519 (RFC 8032): 32 bytes. The signature is over the bytes themselves.
    Ed25519(Vec<u8>),
    /// ECDSA on P-256 with SHA-256, as cosign makes it: 65 bytes, an uncompressed point. The signature is in ASN.1 (DER).
    P256(Vec<u8>),
}

/// What comes before the key in the SubjectPublicKeyInfo of an Ed25519 key: RFC 8410, section 10.1.
const ED25519_HEAD: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// The same of a P-256 key: RFC 5480, section 2.
const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

impl PublicKey {
    /// Read a key's file.
    ///
    /// # Errors
    /// What is wrong with it, in words that continue "the key …".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
        const END: &str = "-----END PUBLIC KEY-----";
        if text.contains("PRIVATE KEY") {
            return Err(
                "is a private key: take it out of the house at once, and name the public one",
            );
        }
        let body = text
            .trim()
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.strip_suffix(END))
            .ok_or("is no PEM public key: its file begins with `-----BEGIN PUBLIC KEY-----`")?;
        let digits: String = body.split_whitespace().collect();
        let der = STANDARD.decode(digits).map_err(
            |_| "is damaged: what stands between its first and its last line is no base64",
        )?;
        if let Some(key) = der.strip_prefix(&ED25519_HEAD)
            && key.len() == 32
        {
            return Ok(PublicKey::Ed25519(key.to_owned()));
        }
        // 4 is an uncompressed point, the only form that cosign and openssl write.
        if let Some(key) = der.strip_prefix(&P256_HEAD)
            && key.len() == 65
            && key[0] == 4
        {
            return Ok(PublicKey::P256(key.to_owned()));
        }
        Err("is of a kind that is not known here: it must be Ed25519, or ECDSA on P-256")
    }
}

/// A detached signature over the bytes of a component and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(Vec<u8>);

/// No signature is longer: an Ed25519 one has 64 bytes, one of ECDSA on P-256 at most 72.
const LONGEST: usize = 128;

impl Signature {
    /// Read a signature's file: base64 on one line, as cosign writes it, or the bare bytes, as openssl does.
    ///
    /// # Errors
    /// What is wrong with it, in words that continue "the signature …".
    pub fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let decoded = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| Self::parse(text.trim()));
        if let Some(signature) = decoded {
            return Ok(signature);
        }
        match bytes.len() {
            0 => Err("is empty"),
            length if length > LONGEST => Err("is too long to be one"),
            _ => Ok(Signature(bytes.to_owned())),
        }
    }

    /// Read base64.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        (!bytes.is_empty() && bytes.len() <= LONGEST).then_some(Signature(bytes))
    }

    /// The signature's own bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, section 10.1.
    const ED25519: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn a_key_is_read_from_pem() {
        let Ok(PublicKey::Ed25519(key)) = PublicKey::parse(ED25519) else {
            panic!("it is an Ed25519 key");
        };
        assert_eq!(key.len(), 32);
        assert_eq!(key[..2], [0x19, 0xbf]);
        assert_eq!(
            PublicKey::parse(&ED25519.replace('\n', "\r\n")),
            Ok(PublicKey::Ed25519(key))
        );
    }

    #[test]
    fn what_is_no_key_says_what_it_is() {
        for (text, word) in [
            ("", "no PEM"),
            ("ssh-ed25519 AAAA", "no PEM"),
            (&*ED25519.replace("PUBLIC", "PRIVATE"), "private"),
            (&*ED25519.replace("MCow", "M?ow"), "base64"),
            (&*ED25519.replace("MCow", "MCox"), "kind"),
            (
                "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
                "kind",
            ),
        ] {
            let error = PublicKey::parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_signature_is_read_from_base64_or_bytes() {
        let bytes: Vec<u8> = (128..192).collect();
        let written = Signature::read(&bytes).unwrap().to_string();
        let again = Signature::read(format!("{written}\n").as_bytes()).unwrap();
        assert_eq!(again.as_bytes(), bytes);
        assert!(Signature::read(b"").is_err());
        assert!(Signature::read(&[200; 1000]).is_err());
    }
}
