//! What a record of change control brings or puts in force, in short: how many items, by whom, and the digest that tells this set of revisions from any other.
//! The items stand behind it as far as there is room; with their revisions and files where nothing is to be cut short.

use super::line::Words;
use super::words::value;
use crate::print::CYAN;
use crate::verbs::journal::told::Told;
use change::{ItemId, Revision, candidate_hash_of};
use serde_json::Value;

/// Characters of a digest that is not shown in full.
const SHORT: usize = 12;

/// `told` in words, where it is of this sort.
pub fn words(told: &Told, full: bool) -> Option<Words> {
    let change = match told.kind() {
        // There is one only.
        "change.baseline" => String::new(),
        "change.emergency" | "change.implemented" | "change.released" => {
            format!("{}: ", told.text("/change"))
        }
        _ => return None,
    };
    let revisions = told.list("/revisions");
    if revisions.is_empty() {
        return None;
    }
    let digest = digest(told)?;
    let shown = match full {
        true => digest.as_str(),
        false => digest.get(..SHORT).unwrap_or(&digest),
    };
    let items = match revisions.len() {
        1 => "1 item".to_owned(),
        items => format!("{items} items"),
    };
    let head = format!("{change}{items}, digest {shown}");
    let words = Words::new(0, head).style(CYAN);
    let item = |revision: &Value| value(&revision["item"]);
    let (lines, between): (Vec<String>, _) = match full {
        true => (revisions.iter().map(in_full).collect(), "\n"),
        false => (revisions.iter().map(item).collect(), ", "),
    };
    let tail = format!("by {}{between}{}", told.text("/by"), lines.join(between));
    Some(words.tail(tail))
}

/// What names the set of revisions, as a candidate is named.
fn digest(told: &Told) -> Option<String> {
    for named in ["/candidate", "/on"] {
        let named = told.text(named);
        if !named.is_empty() {
            return Some(named.to_owned());
        }
    }
    let read = |revision: &Value| -> Option<(ItemId, Revision)> {
        let item = serde_json::from_value(revision["item"].clone()).ok()?;
        Some((item, serde_json::from_value(revision["to"].clone()).ok()?))
    };
    let revisions: Vec<(ItemId, Revision)> = told
        .list("/revisions")
        .iter()
        .map(read)
        .collect::<Option<_>>()?;
    let named = revisions.iter().map(|(item, to)| (item, *to));
    Some(candidate_hash_of(named).to_string())
}

/// An item with its revision and its files.
fn in_full(revision: &Value) -> String {
    let to = match &revision["to"] {
        Value::Null => "gone".to_owned(),
        to => value(to),
    };
    let mut line = format!("{} {to}", value(&revision["item"]));
    let files = revision["files"].as_array().into_iter().flatten();
    for file in files {
        line.push_str(&format!(
            "\n  {} {}",
            value(&file["file"]),
            value(&file["hash"])
        ));
    }
    line
}
