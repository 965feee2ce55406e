//! Whether what was signed is what is recorded: a signature under one act must not stand under another.

use crate::checkpoint::IDENTITY;
use serde_json::Value;
use sign::Statement;

/// Kinds of records that nobody may leave unsigned.
pub fn must_be_signed(kind: &str) -> bool {
    kind.starts_with("change.")
        && !matches!(
            kind,
            "change.effective" | "change.rejected" | "change.refused"
        )
}

/// Compare `said`, which is signed, with the record `seq` of `kind` that it stands in.
///
/// # Errors
/// What the statement says otherwise.
pub fn check(
    said: &Statement,
    seq: u64,
    run: &str,
    kind: &str,
    body: &Value,
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
    if matches!(act, "voted" | "reviewed") && !said.role.is_empty() && said.role != text("role") {
        return Err(format!("it was signed as {}", said.role));
    }
    Ok(())
}
