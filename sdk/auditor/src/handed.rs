//! What was handed in or said, beside its signature: the statement names it by a hash over its JSON with sorted keys and no spaces.

use serde_json::Value;
use std::fmt::Write;

/// What stands in the record of `kind` beside the signature: the words, where a statement names them, and the artefacts.
pub fn of<'b>(kind: &str, said: &Value, body: &'b Value) -> Option<(Option<&'b str>, &'b Value)> {
    match kind {
        "hand_in" => Some((
            Some(body["notes"].as_str().unwrap_or_default()),
            &body["artefacts"],
        )),
        "step" if said["act"] == body["event"]["name"] => Some((None, &body["event"]["data"])),
        _ => None,
    }
}

/// Whether that is what was signed.
pub fn agrees(said: &Value, notes: Option<&str>, artefacts: &Value) -> Result<(), String> {
    if let Some(notes) = notes
        && said["notes"] != blake3::hash(notes.as_bytes()).to_string()
    {
        return Err("its words are not those that were signed".into());
    }
    let found = match artefacts {
        Value::Null => Value::Null,
        artefacts => hash(artefacts).into(),
    };
    match said["artefacts"] == found {
        true => Ok(()),
        false => Err("what was handed in is not what was signed".into()),
    }
}

/// The hash of a value, however it was written down.
pub fn hash(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    blake3::hash(text.as_bytes()).to_string()
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            list(text, '{', '}', entries, |text, (key, value)| {
                // To a string nothing fails to be written.
                let _ = write!(text, "{}:", Value::from(key.as_str()));
                write(value, text);
            });
        }
        Value::Array(items) => list(text, '[', ']', items, |text, item| write(item, text)),
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

fn list<T>(
    text: &mut String,
    open: char,
    close: char,
    items: impl IntoIterator<Item = T>,
    one: impl Fn(&mut String, T),
) {
    text.push(open);
    for (n, item) in items.into_iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        one(text, item);
    }
    text.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_has_one_hash_however_it_is_written() {
        let one = json!({ "b": [1, null, { "y": "\n", "x": true }], "a": 1.5 });
        let text = r#"{"a":1.5,"b":[1,null,{"x":true,"y":"\n"}]}"#;
        assert_eq!(hash(&one), blake3::hash(text.as_bytes()).to_string());
    }
}
