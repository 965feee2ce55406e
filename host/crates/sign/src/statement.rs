//! What is signed: one line of canonical JSON that says who does what to which change, having seen which record.
//!
//! It holds everything that the signer answers for, by hash where it is long, so that a signature cannot be taken from one vote, one change, one house or one history
//! into another.

use crate::canonical::{canonical, canonical_hash};
use crate::error::SignatureError;
use serde::{Deserialize, Serialize};
use types::ContentHash;

/// Who does what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// What is done: the kind of the record that it makes (`change.voted`), or `hand_in`, `bind`, `detach`, the name of a `human.*` event.
    pub act: String,
    /// The hash of the canonical JSON of what is handed in besides outcome and notes (its artefacts; the data of an event), where there is any.
    pub artefacts: Option<ContentHash>,
    /// Who: `human:ada`, `agent:coder`, `house`.
    pub by: String,
    /// Which change: `CR-0001`; empty where it is about none.
    pub change: String,
    /// The name of the house.
    pub house: String,
    /// The instance of the workflow.
    pub instance: String,
    /// The hash of the notes, as UTF-8.
    pub notes: ContentHash,
    /// The candidate or the revision that it is about, where there is one.
    pub on: Option<ContentHash>,
    /// What comes of it: `approve`, `reject`, `passed`, `failed`, `accepted`, …; empty where nothing does.
    pub outcome: String,
    /// In which role; empty where there is none.
    pub role: String,
    /// A record that the signer has seen.
    pub seen: Seen,
    /// When, in RFC 3339.
    pub time: String,
}

/// A record of the journal, by number and hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Its hash.
    pub hash: ContentHash,
    /// Its number.
    pub seq: u64,
}

/// A field in which two statements differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which.
    pub field: &'static str,
    /// In the first.
    pub this: String,
    /// In the second.
    pub other: String,
}

impl Statement {
    /// The text that is signed, to the byte: canonical JSON, no newline.
    pub fn text(&self) -> String {
        canonical(&serde_json::json!(self))
    }

    /// Read such a text.
    ///
    /// # Errors
    /// [`SignatureError::NoStatement`] where it is none, or is written otherwise than [`Statement::text`] writes it: two texts must not mean the same.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let statement: Statement =
            serde_json::from_str(text).map_err(|why| SignatureError::NoStatement {
                why: why.to_string(),
            })?;
        if statement.text() != text {
            return Err(SignatureError::NoStatement {
                why: "it is not in canonical form: keys sorted, no spaces".into(),
            });
        }
        Ok(statement)
    }

    /// The statement of the house that `key` is `who`'s, as it stands in a record of the kind `identity`. When it is made, and what the house has seen, comes with `seen` and
    /// `time`.
    pub fn of_identity(who: &str, key: &str, house: &str, seen: Seen, time: String) -> Self {
        Statement {
            act: "identity".into(),
            artefacts: Some(canonical_hash(
                &serde_json::json!({ "key": key, "who": who }),
            )),
            by: "house".into(),
            change: String::new(),
            house: house.to_owned(),
            instance: String::new(),
            notes: Self::hash_of_notes(""),
            on: None,
            outcome: who.to_owned(),
            role: String::new(),
            seen,
            time,
        }
    }

    /// Whether it says that `key` is `who`'s.
    pub fn is_identity_of(&self, who: &str, key: &str) -> bool {
        let (house, seen, time) = (&self.house, self.seen.clone(), self.time.clone());
        *self == Self::of_identity(who, key, house, seen, time)
    }

    /// The hash of `notes`.
    pub fn hash_of_notes(notes: &str) -> ContentHash {
        ContentHash::of(notes.as_bytes())
    }

    /// The first field in which it is not `other`. Time and the record that was seen are not compared: they are the signer's own.
    pub fn differs_from(&self, other: &Statement) -> Option<Difference> {
        let hash = |hash: &Option<ContentHash>| {
            hash.map_or_else(|| "nothing".to_owned(), |hash| hash.to_string())
        };
        let fields = [
            ("act", self.act.clone(), other.act.clone()),
            ("artefacts", hash(&self.artefacts), hash(&other.artefacts)),
            ("by", self.by.clone(), other.by.clone()),
            ("change", self.change.clone(), other.change.clone()),
            ("house", self.house.clone(), other.house.clone()),
            ("instance", self.instance.clone(), other.instance.clone()),
            ("notes", self.notes.to_string(), other.notes.to_string()),
            ("on", hash(&self.on), hash(&other.on)),
            ("outcome", self.outcome.clone(), other.outcome.clone()),
            ("role", self.role.clone(), other.role.clone()),
        ];
        let (field, this, other) = fields.into_iter().find(|(_, this, other)| this != other)?;
        Some(Difference { field, this, other })
    }

    /// Refuse it where it is not what was `expected` to be signed.
    ///
    /// # Errors
    /// [`SignatureError::Differs`].
    pub fn must_be(&self, expected: &Statement) -> Result<(), SignatureError> {
        match self.differs_from(expected) {
            None => Ok(()),
            Some(Difference { field, this, other }) => Err(SignatureError::Differs {
                field,
                signed: format!("`{this}`"),
                expected: format!("`{other}`"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement {
            act: "change.voted".into(),
            artefacts: None,
            by: "human:ada".into(),
            change: "CR-0001".into(),
            house: "my-house".into(),
            instance: "i-1".into(),
            notes: Statement::hash_of_notes("fine"),
            on: Some(ContentHash::from_bytes([7; 32])),
            outcome: "approve".into(),
            role: "quality".into(),
            seen: Seen {
                hash: ContentHash::from_bytes([1; 32]),
                seq: 12,
            },
            time: "2026-11-21T07:00:00Z".into(),
        }
    }

    #[test]
    fn the_text_never_changes() {
        let text = statement().text();
        let notes = Statement::hash_of_notes("fine");
        let (sevens, ones) = ("07".repeat(32), "01".repeat(32));
        assert_eq!(
            text,
            format!(
                r#"{{"act":"change.voted","artefacts":null,"by":"human:ada","change":"CR-0001","house":"my-house","instance":"i-1","notes":"{notes}","on":"{sevens}","outcome":"approve","role":"quality","seen":{{"hash":"{ones}","seq":12}},"time":"2026-11-21T07:00:00Z"}}"#
            )
        );
        assert_eq!(Statement::parse(&text), Ok(statement()));
    }

    #[test]
    fn only_one_text_is_a_statement() {
        let text = statement().text();
        for other in [
            text.replace(':', ": "),
            text.replace(r#","role":"quality""#, ""),
            text.replace("{\"act\"", "{\"also\":1,\"act\""),
            format!("{text}\n"),
            text.replace(r#""act":"change.voted","#, "")
                .replace('}', r#","act":"change.voted"}"#),
            String::new(),
        ] {
            assert!(
                matches!(
                    Statement::parse(&other),
                    Err(SignatureError::NoStatement { .. })
                ),
                "{other}"
            );
        }
    }

    #[test]
    fn an_identity_is_of_one_name_and_one_key() {
        let (seen, time) = (statement().seen, statement().time);
        let said = Statement::of_identity("agent:a", "ssh-ed25519 AAAA a", "h", seen, time);
        assert!(said.is_identity_of("agent:a", "ssh-ed25519 AAAA a"));
        assert!(!said.is_identity_of("agent:b", "ssh-ed25519 AAAA a"));
        assert!(!said.is_identity_of("agent:a", "ssh-ed25519 AAAB a"));
        let other = Statement {
            by: "agent:a".into(),
            ..said
        };
        assert!(!other.is_identity_of("agent:a", "ssh-ed25519 AAAA a"));
    }

    #[test]
    fn every_field_but_time_and_seen_is_compared() {
        type Change = fn(&mut Statement);
        let changes: [(&str, Change); 10] = [
            ("act", |s| s.act = "x".into()),
            ("artefacts", |s| s.artefacts = s.on),
            ("by", |s| s.by = "x".into()),
            ("change", |s| s.change = "x".into()),
            ("house", |s| s.house = "x".into()),
            ("instance", |s| s.instance = "x".into()),
            ("notes", |s| s.notes = Statement::hash_of_notes("x")),
            ("on", |s| s.on = None),
            ("outcome", |s| s.outcome = "x".into()),
            ("role", |s| s.role = "x".into()),
        ];
        for (field, change) in changes {
            let mut other = statement();
            change(&mut other);
            let found = other.must_be(&statement()).unwrap_err();
            assert!(matches!(found, SignatureError::Differs { field: f, .. } if f == field));
        }
        let mut later = statement();
        later.time = "2027-01-01T00:00:00Z".into();
        later.seen.seq += 1;
        assert_eq!(later.must_be(&statement()), Ok(()));
    }
}
