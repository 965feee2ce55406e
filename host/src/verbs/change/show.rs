//! A change as a person reads it: what was wanted and why, who did what when, under which record it stands, what differs, by what it was shown, and who is to do what
//! next.

use crate::verbs::asked::cell;
use serde_json::Value;
use std::collections::BTreeSet;

/// The story of a change.
pub fn story(change: &Value) -> String {
    let text = |key: &str| cell(&change[key]);
    let mut out = format!("{}  {}\n", text("change"), text("title"));
    out.push_str(&format!("  status      {}\n", text("status")));
    out.push_str(&format!("  class       {}\n", text("class")));
    out.push_str(&format!("  items       {}\n", text("items")));
    out.push_str(&format!(
        "  requested   {} by {}\n",
        text("requested_at"),
        text("requested_by")
    ));
    out.push_str(&format!("  reason      {}\n", text("reason")));
    if !list(&change["links"]).is_empty() {
        out.push_str(&format!("  links       {}\n", text("links")));
    }
    out.push_str(&format!("  workflow    {}\n", text("instance")));
    if let Some(urgent) = change["emergency"].as_object() {
        let state = match urgent.get("confirmed").is_some_and(|at| !at.is_null()) {
            true => "approved by others afterwards",
            false => "IN FORCE AND NOT APPROVED BY OTHERS",
        };
        out.push_str(&format!(
            "  emergency   {state}; due {}\n",
            time(&urgent["due"])
        ));
    }
    out.push_str(&history(change));
    out.push_str(&signers(change));
    out.push_str(&impact(change));
    out.push_str(&differences(change));
    if let Some(last) = list(&change["verifications"]).last() {
        out.push_str("\nEvidence\n");
        out.push_str(&evidence(&last["evidence"], "  "));
    }
    let linked = list(&change["linked"]);
    if !linked.is_empty() {
        out.push_str("\nLinked\n");
        for one in linked {
            out.push_str(&format!(
                "  {} {} ({})\n",
                cell(&one["workflow"]),
                cell(&one["instance"]),
                cell(&one["status"])
            ));
        }
    }
    let invalid = list(&change["invalid"]);
    if !invalid.is_empty() {
        out.push_str("\nRecords that count for nothing\n");
        for one in invalid {
            out.push_str(&format!(
                "  #{} {}: {}\n",
                one["record"],
                cell(&one["kind"]),
                cell(&one["why"])
            ));
        }
    }
    out.push('\n');
    out.push_str(&next(change));
    out
}

/// Who is to do what next, and how.
pub fn next(change: &Value) -> String {
    let awaits = list(&change["awaits"]);
    if awaits.is_empty() {
        return match change["status"].as_str() {
            Some("released") => "Next: it comes into force as it was ordered.\n".into(),
            Some(status) => format!("Nothing more is to be done: it is {status}.\n"),
            None => String::new(),
        };
    }
    let mut out = String::from("Next\n");
    for one in awaits {
        let who = match &one["holder"] {
            Value::Null => match list(&one["could"]) {
                [] => "nobody of this house could; see `people` in house.yaml".to_owned(),
                could => could.iter().map(cell).collect::<Vec<_>>().join(" or "),
            },
            _ => list(&one["could"]).first().map(cell).unwrap_or_default(),
        };
        let role = match &one["role"] {
            Value::Null => String::new(),
            role => format!("{}: ", cell(role)),
        };
        out.push_str(&format!(
            "  {role}{} ({who})\n      {}\n",
            cell(&one["what"]),
            cell(&one["command"])
        ));
    }
    out
}

/// What is in force and approved by nobody: said before anything else.
pub fn loud(answer: &Value) -> String {
    let open = list(&answer["emergencies"]).iter().map(|one| {
        let overdue = if one["overdue"] == true {
            " OVERDUE"
        } else {
            ""
        };
        format!(
            "EMERGENCY{overdue}: {} is in force and not approved by others, by {}; due {}\n",
            cell(&one["change"]),
            cell(&one["by"]),
            time(&one["due"])
        )
    });
    open.collect()
}

fn history(change: &Value) -> String {
    let mut out = String::from("\nWhat happened\n");
    for event in list(&change["history"]) {
        let by = match &event["by"] {
            Value::Null => String::new(),
            by => format!("  {}", cell(by)),
        };
        out.push_str(&format!(
            "  #{:<5} {}{by}\n         {}\n",
            event["seq"].to_string(),
            time(&event["time"]),
            cell(&event["what"])
        ));
    }
    out
}

/// Who has signed anything of it, with which key.
fn signers(change: &Value) -> String {
    fn find(value: &Value, found: &mut BTreeSet<(String, String)>) {
        if let (Some(who), Some(key)) = (value["who"].as_str(), value["key"].as_str()) {
            found.insert((who.to_owned(), key.to_owned()));
        }
        match value {
            Value::Object(keys) => keys.values().for_each(|value| find(value, found)),
            Value::Array(items) => items.iter().for_each(|value| find(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    find(change, &mut found);
    let lines = found
        .iter()
        .map(|(who, key)| format!("  {who:<14} {key}\n"));
    match found.is_empty() {
        true => String::new(),
        false => format!("\nSigned with\n{}", lines.collect::<String>()),
    }
}

fn impact(change: &Value) -> String {
    let Some(last) = list(&change["assessments"]).last() else {
        return String::new();
    };
    let impact = &last["impact"];
    let mut out = String::from("\nWhat depends on it\n");
    for one in list(&impact["items"]) {
        out.push_str(&format!(
            "  {}  {}\n",
            cell(&one["item"]),
            cell(&one["why"])
        ));
    }
    for (key, what) in [
        ("agents", "agents"),
        ("runs", "runs under way"),
        ("instances", "workflows under way"),
        ("grants", "grants"),
    ] {
        if !list(&impact[key]).is_empty() {
            out.push_str(&format!("  {what}: {}\n", cell(&impact[key])));
        }
    }
    match out.lines().count() {
        2 => out + "  nothing else of this house\n",
        _ => out,
    }
}

fn differences(change: &Value) -> String {
    let Some(text) = change["differences"]["text"].as_str() else {
        return String::new();
    };
    let mut out = String::from("\nWhat differs\n");
    for line in text.trim_end().lines() {
        out.push_str(format!("  {line}").trim_end());
        out.push('\n');
    }
    out
}

/// Pieces of evidence, one a line.
pub fn evidence(all: &Value, indent: &str) -> String {
    let lines = list(all).iter().map(|one| {
        let hash = match one["hash"].as_str() {
            Some(hash) => format!("  [{}]", hash.chars().take(12).collect::<String>()),
            None => String::new(),
        };
        format!(
            "{indent}{:<11} {}: {}{hash}\n",
            cell(&one["kind"]),
            cell(&one["what"]),
            cell(&one["result"])
        )
    });
    lines.collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn time(value: &Value) -> String {
    match value.as_i64() {
        Some(ms) => runtime::rfc3339(types::Timestamp(ms)),
        None => cell(value),
    }
}
