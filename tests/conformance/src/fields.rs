//! Reading neutral JSON strictly: whatever is not of the format is an error that names it.

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

/// Refuse whatever is not of the format.
pub fn fields(json: &Json, what: &str, known: &[&str]) -> Result<()> {
    let Some(map) = json.as_object() else {
        bail!("{what} is no map");
    };
    for field in map.keys() {
        if !known.contains(&field.as_str()) {
            bail!(
                "{what} has the field `{field}`, which is not of the format; known are {}",
                known.join(", ")
            );
        }
    }
    Ok(())
}

/// A list of names; one alone needs no list.
pub fn strings(json: &Json, what: &str) -> Result<Vec<String>> {
    let name = |item: &Json| {
        let name = item.as_str().map(str::to_owned);
        name.with_context(|| format!("`{what}` holds {item}, which is no text"))
    };
    match json {
        Json::String(text) => Ok(vec![text.clone()]),
        json => items(json, what)?.iter().map(name).collect(),
    }
}

/// A list; nothing is an empty one.
pub fn items<'j>(json: &'j Json, what: &str) -> Result<&'j [Json]> {
    match json {
        Json::Null => Ok(&[]),
        Json::Array(items) => Ok(items),
        other => bail!("`{what}` is {other}, and must be a list"),
    }
}

/// The text under `key`; absent and `null` are the same.
pub fn text<'j>(json: &'j Json, key: &str) -> Result<Option<&'j str>> {
    match &json[key] {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(text)),
        other => bail!("`{key}` is {other}, and must be a text"),
    }
}

/// Every item of a list, read.
pub fn each<T>(json: &Json, what: &str, read: fn(&Json) -> Result<T>) -> Result<Vec<T>> {
    items(json, what)?.iter().map(read).collect()
}

/// What a state may have.
pub const STATE_FIELDS: [&str; 14] = [
    "type",
    "parent",
    "states",
    "initial",
    "initial_actions",
    "history",
    "default",
    "default_actions",
    "onentry",
    "onexit",
    "transitions",
    "data",
    "donedata",
    "invoke",
];

/// What a `send` may have.
pub const SEND_FIELDS: [&str; 12] = [
    "event",
    "event_expr",
    "target",
    "target_expr",
    "delay",
    "delay_expr",
    "id",
    "id_location",
    "params",
    "content_expr",
    "type",
    "type_expr",
];

/// What an `invoke` may have.
pub const INVOKE_FIELDS: [&str; 11] = [
    "id",
    "id_location",
    "chart",
    "src",
    "src_expr",
    "type",
    "type_expr",
    "params",
    "content_expr",
    "autoforward",
    "finalize",
];
