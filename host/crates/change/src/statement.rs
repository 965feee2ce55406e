//! What was signed must be what is recorded: a signature under one act cannot be put under another.
//!
//! The statement itself is made and its signature checked elsewhere (`sign`); what is compared here is what it says.

use crate::record::{Body, ChangeNumber, Class, Verdict, Vote};
use serde::Deserialize;
use types::ContentHash;

/// A statement, as far as it is compared with its record.
#[derive(Clone, Debug, Deserialize)]
struct Said {
    act: String,
    by: String,
    change: Option<String>,
    #[serde(default)]
    on: Option<ContentHash>,
    #[serde(default)]
    outcome: Option<String>,
    #[serde(default)]
    role: Option<String>,
    seen: Option<Seen>,
}

#[derive(Clone, Debug, Deserialize)]
struct Seen {
    seq: u64,
}

impl Body {
    /// The words by one of which a statement says what this record says: its `outcome`, or its `act` where it has none. The first is the one to write.
    pub fn words(&self) -> &'static [&'static str] {
        match self {
            // What cannot wait is requested and put in force at once.
            Body::Requested(body) if body.class == Class::Emergency => {
                &["requested", "request", "emergency"]
            }
            Body::Requested(_) => &["requested", "request"],
            Body::Assessed(_) => &["assessed", "assess"],
            // A finding, which sends the change back where it is not of the board.
            Body::Reviewed(_) => &["reviewed", "review", "returned", "impossible"],
            Body::Voted(body) => match body.vote {
                Vote::Approve => &["approve", "approved"],
                Vote::Reject => &["reject", "rejected"],
            },
            // Whoever releases says from when.
            Body::Ordered(_) => &["ordered", "order", "released", "release"],
            Body::Implemented(_) => &["implemented", "implement"],
            Body::Verified(body) => match body.result {
                Verdict::Passed => &["passed", "pass"],
                Verdict::Failed => &["failed", "fail"],
            },
            Body::Released(_) => &["released", "release"],
            Body::Withdrawn(_) => &["withdrawn", "withdraw"],
            Body::Baseline(_) => &["baseline"],
            Body::Emergency(_) => &["emergency"],
            Body::Effective(_) | Body::Rejected(_) | Body::Refused(_) => &[],
        }
    }

    /// What a statement must name as `on`; `None` where it may name nothing or [`Body::digest`].
    pub fn on(&self) -> Option<ContentHash> {
        match self {
            Body::Implemented(body) => Some(body.candidate),
            Body::Verified(body) => Some(body.on),
            Body::Released(body) => Some(body.on),
            _ => None,
        }
    }

    fn role(&self) -> Option<&str> {
        match self {
            Body::Voted(body) => Some(&body.role),
            Body::Reviewed(body) => Some(&body.role),
            _ => None,
        }
    }
}

/// The role in which a statement was made, where it names one.
pub(crate) fn role_of(statement: &str) -> Option<String> {
    let said: Said = serde_json::from_str(statement).ok()?;
    said.role.filter(|role| !role.is_empty())
}

/// Compare the statement of the record `seq` with `body`.
///
/// # Errors
/// What the statement says otherwise.
pub(crate) fn agrees(body: &Body, statement: &str, seq: u64) -> Result<(), String> {
    let said: Said = serde_json::from_str(statement)
        .map_err(|error| format!("the statement cannot be read: {error}"))?;
    let (by, _) = body
        .signed()
        .ok_or("this record is not signed by anybody")?;
    if said.by != by.to_string() {
        return Err(format!(
            "the statement is by {}",
            crate::item::shown(&said.by)
        ));
    }
    let change = said.change.as_deref().and_then(ChangeNumber::parse);
    if change != body.change() {
        let other = said.change.as_deref().unwrap_or("no change");
        return Err(format!(
            "the statement is about {}",
            crate::item::shown(other)
        ));
    }
    let outcome = said
        .outcome
        .as_deref()
        .filter(|outcome| !outcome.is_empty());
    let word = outcome.unwrap_or(&said.act);
    let word = word.strip_prefix("human.").unwrap_or(word);
    let word = word.strip_prefix("change.").unwrap_or(word);
    if !body.words().contains(&word) {
        return Err(format!("the statement says `{}`", crate::item::shown(word)));
    }
    match (body.on(), said.on) {
        (Some(candidate), Some(on)) if candidate == on => {}
        (Some(_), _) => return Err("the statement is not on this candidate".into()),
        (None, None) => {}
        (None, Some(on)) if on == body.digest() => {}
        // Whoever releases a candidate says in the same breath from when: that the release is on this candidate is seen where the release is.
        (None, Some(_)) if matches!(body, Body::Ordered(_)) && word.starts_with("release") => {}
        (None, Some(_)) => return Err("the statement is on something else than this record".into()),
    }
    if let Some(role) = body.role()
        && said.role.as_deref().is_some_and(|said| said != role)
    {
        return Err(format!(
            "the statement was made as {}",
            crate::item::shown(said.role.as_deref().unwrap_or_default())
        ));
    }
    if said.seen.is_some_and(|seen| seen.seq >= seq) {
        return Err("the statement has seen records that come after it".into());
    }
    Ok(())
}
