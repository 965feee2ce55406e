//! What was signed must be what is recorded: a signature under one act cannot be put under another.
//!
//! The statement itself is made and its signature checked elsewhere (`sign`); what is compared here is what it says.

use crate::candidate::candidate_hash;
use crate::record::{Body, ChangeNumber, Class, Effectivity, Verdict, Vote};
use serde::Deserialize;
use types::ContentHash;

/// A statement, as far as it is compared with its record.
#[derive(Clone, Debug, Deserialize)]
struct Said {
    act: String,
    by: String,
    change: Option<String>,
    #[serde(default)]
    artefacts: Option<ContentHash>,
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

    /// What a statement must name as `on`: the candidate where there is one, and else what is asked for or ordered; `None` where it may name nothing or [`Body::digest`].
    pub fn on(&self) -> Option<ContentHash> {
        match self {
            Body::Implemented(body) => Some(body.candidate),
            Body::Verified(body) => Some(body.on),
            Body::Released(body) => Some(body.on),
            Body::Emergency(body) => Some(candidate_hash(&body.revisions)),
            Body::Requested(_) | Body::Ordered(_) | Body::Baseline(_) => Some(self.digest()),
            _ => None,
        }
    }

    /// Whether older versions had it signed without saying on what.
    fn was_signed_without(&self) -> bool {
        matches!(
            self,
            Body::Requested(_) | Body::Ordered(_) | Body::Emergency(_) | Body::Baseline(_)
        )
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

/// Whether the statement of `body` says on what it is where older versions did not have that said. After such a one nothing is taken any more that does not.
pub(crate) fn binds(body: &Body) -> bool {
    let said = body
        .signed()
        .and_then(|(_, signed)| serde_json::from_str::<Said>(&signed.statement).ok());
    // Of a baseline it was always said.
    body.was_signed_without()
        && !matches!(body, Body::Baseline(_))
        && said.is_some_and(|said| said.on.is_some() && said.on == body.on())
}

/// Whether the statement of `body` says from when and for whom it releases, as older versions did not have that said. After such a one nothing is taken any more that
/// does not.
pub(crate) fn times(body: &Body) -> bool {
    let Body::Released(body) = body else {
        return false;
    };
    let said = serde_json::from_str::<Said>(&body.signed.statement).ok();
    let signed = said.and_then(|said| said.artefacts);
    signed.is_some_and(|signed| body.effectivity.is_in(body.on, signed))
}

/// What statements have to say that those of older versions did not: from the first that does on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bound {
    /// What is asked for, ordered or put in force.
    pub(crate) on: bool,
    /// From when and for whom something is released.
    pub(crate) times: bool,
}

/// Compare the statement of the record `seq` with `body`.
///
/// # Errors
/// What the statement says otherwise.
pub(crate) fn agrees(body: &Body, statement: &str, seq: u64, bound: Bound) -> Result<(), String> {
    let said: Said = serde_json::from_str(statement)
        .map_err(|error| format!("the statement cannot be read: {error}"))?;
    let (by, _) = body
        .signed()
        .ok_or("this record is not signed by anybody")?;
    if said.by != by.to_string() {
        return Err(format!(
            "the statement is by {}",
            crate::text::shown(&said.by)
        ));
    }
    let change = said.change.as_deref().and_then(ChangeNumber::parse);
    if change != body.change() {
        let other = said.change.as_deref().unwrap_or("no change");
        return Err(format!(
            "the statement is about {}",
            crate::text::shown(other)
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
        return Err(format!("the statement says `{}`", crate::text::shown(word)));
    }
    // Whoever releases a candidate says in the same breath from when, and whoever puts one in force what they want: that it is on this candidate is seen where that is.
    let in_one_breath = match body {
        Body::Ordered(_) => word.starts_with("release"),
        Body::Requested(_) => word == "emergency",
        _ => false,
    };
    match (body.on(), said.on) {
        (Some(this), Some(on)) if this == on || in_one_breath => {}
        (Some(_), None) if body.was_signed_without() && !bound.on => {}
        (Some(_), None) => return Err("the statement does not say on what it is".into()),
        (Some(_), Some(_)) if !body.was_signed_without() => {
            return Err("the statement is not on this candidate".into());
        }
        (None, Some(on)) if on == body.digest() => {}
        (_, Some(_)) => return Err("the statement is on something else than this record".into()),
        (None, None) => {}
    }
    // What is released is signed with from when and for whom.
    let is_in = |effectivity: &Effectivity| match (said.on, said.artefacts) {
        (Some(on), Some(signed)) => effectivity.is_in(on, signed),
        _ => false,
    };
    let says_when = match body {
        Body::Ordered(body) if in_one_breath => is_in(&body.effectivity),
        Body::Released(body) => is_in(&body.effectivity),
        _ => true,
    };
    if bound.times && !says_when {
        return Err("the statement says another effectivity than this record".into());
    }
    if let Some(role) = body.role()
        && said.role.as_deref().is_some_and(|said| said != role)
    {
        return Err(format!(
            "the statement was made as {}",
            crate::text::shown(said.role.as_deref().unwrap_or_default())
        ));
    }
    if said.seen.is_some_and(|seen| seen.seq >= seq) {
        return Err("the statement has seen records that come after it".into());
    }
    Ok(())
}
