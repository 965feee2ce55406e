//! Whether a request knows a trigger's secret. Compared so that how long it takes says nothing of how much was right.

use hyper::HeaderMap;
use ring::hmac;
use types::SecretRef;

/// GitHub's and others': an HMAC of the body.
const SIGNATURE: &str = "x-hub-signature-256";

/// A secret, looked up.
pub struct Secret(Vec<u8>);

impl Secret {
    /// Look it up, at the moment of use.
    ///
    /// # Errors
    /// In words for the operator; nothing of the secret is in them.
    pub fn look_up(secret: &SecretRef) -> Result<Self, String> {
        let text = match secret {
            SecretRef::Env(name) => std::env::var(name).map_err(|_| {
                format!("the environment variable {name} is not set, or is no text")
            })?,
            SecretRef::File(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("{} cannot be read: {error}", path.display()))?,
        };
        match text.trim() {
            "" => Err(format!("{secret} is empty")),
            text => Ok(Secret(text.as_bytes().to_vec())),
        }
    }

    /// Whether whoever sent this knows it: by a signature over the body, or by sending it as `Authorization: Bearer`. Where both are sent, the signature counts,
    /// because it says more.
    pub fn is_known(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        if let Some(signature) = headers.get(SIGNATURE) {
            let signature = signature.as_bytes().strip_prefix(b"sha256=");
            let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
            return signature
                .and_then(from_hex)
                .is_some_and(|tag| hmac::verify(&key, body, &tag).is_ok());
        }
        let given = headers.get(hyper::header::AUTHORIZATION);
        let Some((scheme, given)) = given.and_then(|given| given.to_str().ok()?.split_once(' '))
        else {
            return false;
        };
        scheme.eq_ignore_ascii_case("bearer") && self.is(given.trim().as_bytes())
    }

    /// Whether `given` is the secret: both are hashed with a key of this moment, so that they are compared as two hashes.
    fn is(&self, given: &[u8]) -> bool {
        let mut key = [0; 32];
        if getrandom::fill(&mut key).is_err() {
            return false;
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let tag = hmac::sign(&key, given);
        hmac::verify(&key, &self.0, tag.as_ref()).is_ok()
    }
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.chunks(2)
        .map(|pair| u8::try_from(digit(pair.first()?)? * 16 + digit(pair.get(1)?)?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        [(
            hyper::header::HeaderName::from_static(name),
            value.parse().unwrap(),
        )]
        .into_iter()
        .collect()
    }

    #[test]
    fn a_signature_is_that_of_github() {
        // The example of GitHub's own documentation.
        let secret = Secret(b"It's a Secret to Everybody".to_vec());
        let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let body = b"Hello, World!";
        assert!(secret.is_known(&headers(SIGNATURE, good), body));
        assert!(!secret.is_known(&headers(SIGNATURE, good), b"Hello, World?"));
        for bad in [
            "",
            "sha256=",
            "sha256=7",
            "sha256=zz",
            "sha1=757107",
            &good[7..],
        ] {
            assert!(!secret.is_known(&headers(SIGNATURE, bad), body), "{bad}");
        }
    }

    #[test]
    fn a_token_is_the_secret_itself() {
        let secret = Secret(b"open sesame".to_vec());
        let given = |text: &str| secret.is_known(&headers("authorization", text), b"");
        assert!(given("Bearer open sesame"));
        assert!(given("bearer open sesame"));
        for bad in [
            "open sesame",
            "Basic open sesame",
            "Bearer",
            "Bearer open",
            "Bearer open sesame!",
        ] {
            assert!(!given(bad), "{bad}");
        }
        assert!(!secret.is_known(&HeaderMap::new(), b""));
    }

    #[test]
    fn a_signature_that_is_wrong_is_not_made_good_by_a_token() {
        let secret = Secret(b"s".to_vec());
        let mut both = headers("authorization", "Bearer s");
        both.extend(headers(SIGNATURE, "sha256=00"));
        assert!(!secret.is_known(&both, b""));
    }

    #[test]
    fn a_secret_in_a_file_is_read_without_its_line_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "s3cret\n").unwrap();
        let secret = Secret::look_up(&SecretRef::File(path.clone())).unwrap();
        assert!(secret.is(b"s3cret"));
        std::fs::write(&path, " \n").unwrap();
        assert!(Secret::look_up(&SecretRef::File(path)).is_err());
    }
}
