//! Which bytes may be loaded at all: those that were pinned, and those that bear the signature that the house demands.
//!
//! It is decided before a byte is compiled, and about the same bytes: what is hashed here is known by its content hash from then on, and the cache compiles
//! only what has that content. Where the pins and the keys come from is not known here.

use crate::SandboxError;
use crate::cache::both_hashes_of;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use std::path::Path;
use types::{ComponentFile, ContentHash, PublicKey, Sha256, Signer};

/// Whether the bytes that lie in the file of `component` now are those it must have. Nothing is compiled and nothing is run.
///
/// # Errors
/// [`SandboxError::NotPinned`] and [`SandboxError::NotSigned`]; [`SandboxError::Read`] where the file cannot be read.
pub fn admit(component: &ComponentFile) -> Result<Sha256, SandboxError> {
    let (content, sha256) =
        both_hashes_of(&component.path).map_err(|source| SandboxError::Read {
            path: component.path.clone(),
            source,
        })?;
    check(component, content, sha256)?;
    Ok(sha256)
}

/// The same about bytes whose hashes are known.
pub(crate) fn check(
    component: &ComponentFile,
    content: ContentHash,
    sha256: Sha256,
) -> Result<(), SandboxError> {
    if let Some(released) = &component.released
        && released.content != Some(content)
    {
        return Err(SandboxError::NotReleased {
            path: component.path.clone(),
            found: content,
            why: released.why.clone(),
        });
    }
    if let Some(pin) = component.pin.as_ref().filter(|pin| pin.sha256 != sha256) {
        let refused = SandboxError::NotPinned {
            path: component.path.clone(),
            name: pin.name.clone(),
            expected: pin.sha256,
            found: sha256,
        };
        if !pin.lenient {
            return Err(refused);
        }
        tracing::warn!("{refused}; it is used all the same because of --dev");
    }
    match &component.signer {
        Some(signer) => signed(&component.path, signer, content),
        None => Ok(()),
    }
}

/// The file as it is now, if it has the content that was hashed and the signature of `signer`.
fn signed(path: &Path, signer: &Signer, content: ContentHash) -> Result<(), SandboxError> {
    let refused = |message: &str| SandboxError::NotSigned {
        path: path.to_owned(),
        message: message.to_owned(),
        key: signer.file.clone(),
    };
    let signature = signer
        .signature
        .as_ref()
        .ok_or_else(|| refused("house.lock holds no signature of it"))?;
    let bytes = std::fs::read(path).map_err(|source| SandboxError::Read {
        path: path.to_owned(),
        source,
    })?;
    if ContentHash::of(&bytes) != content {
        return Err(refused("it changed while it was being loaded; try again"));
    }
    let (algorithm, key): (&'static dyn VerificationAlgorithm, _) = match &signer.key {
        PublicKey::Ed25519(key) => (&ED25519, key),
        PublicKey::P256(key) => (&ECDSA_P256_SHA256_ASN1, key),
    };
    UnparsedPublicKey::new(algorithm, key)
        .verify(&bytes, signature.as_bytes())
        .map_err(|_| refused("the signature is not this key's over exactly these bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use types::{Pin, Signature};

    const BYTES: &[u8] = b"the exact bytes\n";
    // Made with `openssl dgst -sha256 -sign` (what cosign's `sign-blob` makes) and `openssl pkeyutl -sign -rawin`.
    const KEYS: [(&str, &str); 2] = [
        (
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEjuLcrz79HdMdCNLfQYRc66LK3/D\nuZW6mHMv42by+ROeqaqo8mbEe/nd8XfugaHJyd/8zWUa48WrfppCuiE9Sw==\n-----END PUBLIC KEY-----",
            "MEUCIDO3Uim/9vyM+n5ObMqXhRMwMZcHJlvu1h99Xx8EYrscAiEA14+SoA5R7Pw5sNb2+DDwRhcNUOhGgIQs/uhdlniIA1o=",
        ),
        (
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAO9tn3z1+MKTrq2xfrd6ONGIGjN1Yqqq/kSgofvFvV+Y=\n-----END PUBLIC KEY-----",
            "ZM0XcpVOaO2DD8So0fDWRFXe9tLm3z7AMlouXzIEY/QByQl+LyTbTIK7C8i9makSO1oAnVRJUh1in7dZfGhOCw==",
        ),
    ];

    fn file(bytes: &[u8]) -> (tempfile::TempDir, ComponentFile) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.wasm");
        std::fs::write(&path, bytes).unwrap();
        (directory, path.into())
    }

    fn signer(key: &str, signature: Option<&[u8]>) -> Option<Signer> {
        Some(Signer {
            file: "keys/ada.pub".into(),
            key: PublicKey::parse(key).unwrap(),
            signature: signature.map(|bytes| Signature::read(bytes).unwrap()),
        })
    }

    #[test]
    fn pinned_bytes_are_admitted_and_no_others() {
        let (_kept, mut component) = file(BYTES);
        let name: Arc<str> = "x".into();
        component.pin = Some(Pin {
            sha256: Sha256::of(BYTES),
            name: name.clone(),
            lenient: false,
        });
        assert_eq!(admit(&component).unwrap(), Sha256::of(BYTES));
        let other = Pin {
            sha256: Sha256::of(b"others"),
            name,
            lenient: false,
        };
        component.pin = Some(other.clone());
        let refused = admit(&component).unwrap_err().to_string();
        for word in [other.sha256.to_string(), Sha256::of(BYTES).to_string()] {
            assert!(refused.contains(&word), "{refused}");
        }
        component.pin = Some(Pin {
            lenient: true,
            ..other
        });
        assert!(admit(&component).is_ok());
    }

    #[test]
    fn signatures_that_openssl_made_are_verified() {
        for (key, signature) in KEYS {
            let (_kept, mut component) = file(BYTES);
            component.signer = signer(key, Some(signature.as_bytes()));
            admit(&component).unwrap();
        }
    }

    #[test]
    fn a_signature_is_over_the_exact_bytes_by_the_very_key() {
        for (number, (key, signature)) in KEYS.into_iter().enumerate() {
            let refused = |bytes: &[u8], key: &str, signature: Option<&[u8]>| {
                let (_kept, mut component) = file(bytes);
                component.signer = signer(key, signature);
                let error = admit(&component).unwrap_err();
                assert!(matches!(error, SandboxError::NotSigned { .. }), "{error}");
            };
            for at in 0..BYTES.len() {
                let mut bytes = BYTES.to_owned();
                bytes[at] ^= 1;
                refused(&bytes, key, Some(signature.as_bytes()));
            }
            refused(&BYTES[..BYTES.len() - 1], key, Some(signature.as_bytes()));
            refused(BYTES, key, None);
            let (other_key, other_signature) = KEYS[1 - number];
            refused(BYTES, other_key, Some(signature.as_bytes()));
            refused(BYTES, key, Some(other_signature.as_bytes()));
            // A signature over the hash of the bytes, or over a manifest that names it, is a signature over something else.
            refused(
                Sha256::of(BYTES).to_string().as_bytes(),
                key,
                Some(signature.as_bytes()),
            );
        }
    }

    #[test]
    fn where_a_content_is_released_no_other_is_admitted_whatever_is_waived() {
        let (_kept, mut component) = file(BYTES);
        let why: Arc<str> = "released by CR-0004".into();
        let released = |content| {
            Some(types::Released {
                content,
                why: why.clone(),
            })
        };
        component.released = released(Some(ContentHash::of(BYTES)));
        assert!(admit(&component).is_ok());
        component.pin = Some(Pin {
            sha256: Sha256::of(BYTES),
            name: "x".into(),
            lenient: true,
        });
        for content in [Some(ContentHash::of(b"others")), None] {
            component.released = released(content);
            let refused = admit(&component).unwrap_err();
            assert!(matches!(refused, SandboxError::NotReleased { .. }));
            assert!(refused.to_string().contains("CR-0004"), "{refused}");
        }
    }

    #[test]
    fn a_pin_that_is_waived_waives_no_signature() {
        let (_kept, mut component) = file(b"changed");
        component.pin = Some(Pin {
            sha256: Sha256::of(BYTES),
            name: "x".into(),
            lenient: true,
        });
        component.signer = signer(KEYS[0].0, Some(KEYS[0].1.as_bytes()));
        assert!(matches!(
            admit(&component),
            Err(SandboxError::NotSigned { .. })
        ));
    }
}
