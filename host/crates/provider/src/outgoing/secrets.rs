//! The secrets of one request: looked up when it is made, gone when its answer is.

use super::mask::{Mask, Patterns};
use reqwest::header::HeaderValue;
use std::sync::Arc;
use types::{HttpError, HttpErrorKind, HttpSecret, SecretRef};

/// Shortest secret that is sent. A shorter one stands in any text by chance, so it could not be kept out of answers.
const SHORTEST: usize = 8;

/// Values by their references. Neither can be printed.
pub(super) struct Secrets {
    values: Vec<(SecretRef, String)>,
    patterns: Option<Arc<Patterns>>,
}

impl Secrets {
    /// Look up what is to be hidden, and what is to be sent.
    ///
    /// # Errors
    /// When `sent` cannot be had. What is only to be hidden and does not exist cannot come back.
    pub(super) fn look_up(
        hidden: &[SecretRef],
        sent: Option<&HttpSecret>,
    ) -> Result<Self, HttpError> {
        let mut values = Vec::new();
        if let Some(secret) = sent {
            values.push((secret.from.clone(), value_of(&secret.from)?));
        }
        for reference in hidden {
            let known = values.iter().any(|(known, _)| known == reference);
            if !known && let Ok(value) = value_of(reference) {
                values.push((reference.clone(), value));
            }
        }
        let patterns =
            Patterns::of(values.iter().map(|(_, value)| value.as_str())).map_err(|_| {
                HttpError::new(
                    HttpErrorKind::Secret,
                    "the secrets are too long to be hidden",
                )
            })?;
        Ok(Secrets {
            values,
            patterns: patterns.map(Arc::new),
        })
    }

    /// Whether there are any.
    pub(super) fn any(&self) -> bool {
        self.patterns.is_some()
    }

    /// The value of the header `secret`.
    pub(super) fn header(&self, secret: &HttpSecret) -> Result<HeaderValue, HttpError> {
        let missing = || HttpError::new(HttpErrorKind::Secret, "the secret cannot be a header");
        let mut found = self.values.iter();
        let (_, value) = found
            .find(|(reference, _)| *reference == secret.from)
            .ok_or_else(missing)?;
        let mut header =
            HeaderValue::try_from(format!("{}{value}", secret.prefix)).map_err(|_| missing())?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// What hides them in a body.
    pub(super) fn mask(&self) -> Option<Mask> {
        self.patterns.clone().map(Mask::new)
    }

    /// `bytes` without them.
    pub(super) fn masked_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let Some(mut mask) = self.mask() else {
            return bytes.to_owned();
        };
        let mut masked = mask.push(bytes);
        masked.extend(mask.end());
        masked
    }

    /// `text` without them.
    pub(super) fn masked(&self, text: String) -> String {
        match self.any() {
            false => text,
            true => String::from_utf8_lossy(&self.masked_bytes(text.as_bytes())).into_owned(),
        }
    }
}

/// The value behind `reference`, checked so that no other error could come to quote it.
fn value_of(reference: &SecretRef) -> Result<String, HttpError> {
    let unusable = |what: String| HttpError::new(HttpErrorKind::Secret, what);
    let value = match reference {
        SecretRef::Env(name) => std::env::var(name).map_err(|_| {
            unusable(format!(
                "the rule adds the secret env:{name}, and that variable is not set: the operator sets it, or changes the rule"
            ))
        })?,
        SecretRef::File(path) => std::fs::read_to_string(path).map_err(|error| {
            unusable(format!(
                "the rule adds the secret file:{}, which cannot be read ({}): the operator writes it there, or changes the rule",
                path.display(),
                error.kind()
            ))
        })?,
    };
    let value = value.trim();
    if value.len() < SHORTEST {
        return Err(unusable(format!(
            "the secret {reference} has fewer than {SHORTEST} characters, too few to be kept out of answers"
        )));
    }
    if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(unusable(format!(
            "the secret {reference} holds a line break or another character that no header can carry"
        )));
    }
    Ok(value.to_owned())
}
