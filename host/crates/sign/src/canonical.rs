//! One text for each JSON value: keys sorted, no spaces. Two who hash or sign the same value must come to the same bytes, whoever wrote it down first.

use serde_json::Value;
use types::ContentHash;

/// `value` with the keys of every object sorted (by their UTF-8) and without spaces.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// The hash of [`canonical`].
pub fn canonical_hash(value: &Value) -> ContentHash {
    ContentHash::of(canonical(value).as_bytes())
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
            text.push('{');
            for (n, (key, value)) in entries.into_iter().enumerate() {
                if n > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_at_every_depth_and_lists_are_not() {
        let value = json!({ "b": [{ "z": 1, "a": "ü\"\n" }, null], "a": { "y": 1.5, "B": true } });
        let text = r#"{"a":{"B":true,"y":1.5},"b":[{"a":"ü\"\n","z":1},null]}"#;
        assert_eq!(canonical(&value), text);
        let again: Value = serde_json::from_str(text).unwrap();
        assert_eq!(canonical(&again), text);
        assert_ne!(
            canonical_hash(&json!([1, 2])),
            canonical_hash(&json!([2, 1]))
        );
    }
}
