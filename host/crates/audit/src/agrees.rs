//! Whether what was signed is what is recorded: a signature under one act must not stand under another.

use crate::checkpoint::IDENTITY;
use serde_json::Value;
use sign::Statement;
use types::ContentHash;

/// Kinds of records that nobody may leave unsigned.
pub fn must_be_signed(kind: &str) -> bool {
    kind.starts_with("change.")
        && !matches!(
            kind,
            "change.effective" | "change.rejected" | "change.refused"
        )
}

/// Compare `said`, which is signed, with the record `seq` of `kind` that it stands in. With `bound` it has to say what was asked for, ordered or put in force, which
/// older versions did not have signed so.
///
/// # Errors
/// What the statement says otherwise.
pub fn check(
    said: &Statement,
    seq: u64,
    run: &str,
    kind: &str,
    body: &Value,
    bound: bool,
) -> Result<(), String> {
    if said.seen.seq >= seq {
        return Err("its signer has seen records that come after it".into());
    }
    if !said.instance.is_empty() && said.instance != run && run != journal::HOUSE_RUN {
        return Err(format!("it was signed for the instance {}", said.instance));
    }
    let text = |key: &str| body[key].as_str().unwrap_or_default();
    if kind == IDENTITY {
        return match said.is_identity_of(text("who"), text("key")) {
            true => Ok(()),
            false => Err("the house signed for another key, or for somebody else".into()),
        };
    }
    let Some(act) = kind.strip_prefix("change.") else {
        return Ok(());
    };
    if said.by != text("by") {
        return Err(format!("it is by {}, and {} signed", text("by"), said.by));
    }
    if said.change != text("change") {
        let other = match said.change.as_str() {
            "" => "no change",
            other => other,
        };
        return Err(format!("it was signed for {other}"));
    }
    let word = match said.outcome.as_str() {
        "" => said.act.as_str(),
        outcome => outcome,
    };
    let word = word.strip_prefix("human.").unwrap_or(word);
    let word = word.strip_prefix("change.").unwrap_or(word);
    let words: &[&str] = match (act, text("vote"), text("result")) {
        // What cannot wait is requested and put in force at once.
        ("requested", ..) if text("class") == "emergency" => &["requested", "request", "emergency"],
        ("requested", ..) => &["requested", "request"],
        ("assessed", ..) => &["assessed", "assess"],
        ("reviewed", ..) => &["reviewed", "review", "returned", "impossible"],
        ("voted", "approve", _) => &["approve", "approved"],
        ("voted", "reject", _) => &["reject", "rejected"],
        ("ordered", ..) => &["ordered", "order", "released", "release"],
        ("implemented", ..) => &["implemented", "implement"],
        ("verified", _, "passed") => &["passed", "pass"],
        ("verified", _, "failed") => &["failed", "fail"],
        ("released", ..) => &["released", "release"],
        ("withdrawn", ..) => &["withdrawn", "withdraw"],
        ("baseline", ..) => &["baseline"],
        ("emergency", ..) => &["emergency"],
        _ => &[],
    };
    if !words.contains(&word) {
        return Err(format!("what was signed is `{word}`"));
    }
    let candidate = match act {
        "implemented" => text("candidate"),
        "verified" | "released" => text("on"),
        _ => "",
    };
    let on = said.on.map(|on| on.to_string()).unwrap_or_default();
    if !candidate.is_empty() && on != candidate {
        return Err("it was signed for another candidate".into());
    }
    match (said.on, asked(kind, word, body)) {
        (Some(on), Some(asked)) if on != asked => {
            return Err("it was signed for something else than it says".into());
        }
        (None, Some(_)) if bound => {
            return Err("what was signed does not say for what, as it had begun to".into());
        }
        _ => {}
    }
    if matches!(act, "voted" | "reviewed") && !said.role.is_empty() && said.role != text("role") {
        return Err(format!("it was signed as {}", said.role));
    }
    Ok(())
}

/// What a record of `kind` asks for, orders or puts in force, as its statement, which says `word`, names it. None where that is seen in another record: what is ordered
/// with a release, and what is requested with an emergency.
fn asked(kind: &str, word: &str, body: &Value) -> Option<ContentHash> {
    match kind {
        "change.requested" if word != "emergency" => Some(digest(body)),
        "change.ordered" if !word.starts_with("release") => Some(digest(body)),
        "change.emergency" => {
            let revisions = body["revisions"].as_array()?.iter();
            let mut lines: Vec<String> = revisions
                .map(|one| {
                    let to = one["to"].as_str().unwrap_or("absent");
                    format!("{} {to}\n", one["item"].as_str().unwrap_or_default())
                })
                .collect();
            lines.sort();
            lines.dedup();
            Some(ContentHash::of(lines.concat().as_bytes()))
        }
        _ => None,
    }
}

/// Whether a record of `kind` says in what is signed what it asks for, which older versions did not.
pub fn binds(said: &Statement, kind: &str, body: &Value) -> bool {
    said.on.is_some() && said.on == asked(kind, "", body)
}

/// The hash of all that is recorded but the signature, and the instance, which a request has only afterwards.
fn digest(body: &Value) -> ContentHash {
    let mut body = body.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("signed");
        body.remove("instance");
    }
    sign::canonical_hash(&body)
}
