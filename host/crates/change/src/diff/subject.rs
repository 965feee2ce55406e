//! What a place in a definition is called, and how a value is written on one line.

use super::text::is_invisible;
use crate::item::ItemId;
use definitions::Outline;

/// One step into a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a map.
    Key(String),
    /// Into a list, counted from 1.
    Number(usize),
    /// Into a list whose entries have ids.
    Id(String),
}

/// What stands at `path` of `item`, in words: `state act: on turn.done: guard`.
pub(super) fn subject(item: &ItemId, path: &[Step]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rest = path;
    if matches!(item, ItemId::Chart(_)) {
        let mut states: Vec<&str> = Vec::new();
        while let [Step::Key(key), Step::Key(state), more @ ..] = rest
            && key == "states"
        {
            states.push(state);
            rest = more;
        }
        if !states.is_empty() {
            words.push(format!("state {}", states.join("/")));
        }
    }
    let mut last = "";
    for step in rest {
        match step {
            Step::Key(key) => {
                words.push(match last {
                    "on" => format!("on {key}"),
                    "after" => format!("after {key}"),
                    "mounts" => format!("mount {key}"),
                    "people" => format!("person {key}"),
                    "plugins" if matches!(item, ItemId::House) => format!("plugin {key}"),
                    "providers" => format!("provider {key}"),
                    "triggers" => format!("trigger {key}"),
                    "prices" => format!("price of {key}"),
                    "env" => format!("variable {key}"),
                    "roles" => format!("role {key}"),
                    "data" => format!("data {key}"),
                    _ => key.clone(),
                });
                // `on` is said together with the event.
                if let [.., before, _] = words.as_slice()
                    && before == last
                    && matches!(
                        last,
                        "on" | "after"
                            | "mounts"
                            | "people"
                            | "providers"
                            | "triggers"
                            | "prices"
                            | "env"
                            | "roles"
                            | "data"
                    )
                {
                    let at = words.len() - 2;
                    words.remove(at);
                }
                last = key;
            }
            Step::Number(number) => {
                let of = match last {
                    "tools" | "net" | "exec" => "rule ",
                    "context" => "chunk ",
                    _ => "#",
                };
                words.push(format!("{of}{number}"));
                last = "";
            }
            Step::Id(id) => {
                words.push(match last {
                    "context" => format!("chunk {id}"),
                    _ => id.clone(),
                });
                last = "";
            }
        }
    }
    match words.is_empty() {
        true => "all of it".into(),
        false => words.join(": "),
    }
}

/// A value on one line, so that two different ones are never written alike.
pub(super) fn written(value: &Outline) -> String {
    match value {
        Outline::Scalar(scalar) if !scalar.is_text => match scalar.text.is_empty() {
            true => "null".into(),
            false => scalar.text.to_string(),
        },
        Outline::Scalar(scalar) => text(&scalar.text),
        Outline::List(items) => {
            let items: Vec<String> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        Outline::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", text(key), written(value)));
            let entries: Vec<String> = entries.collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// Text as it is where nothing else could be meant, else in quotes.
fn text(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '*' | '%');
    // `1` in quotes is no number, `64MiB` could be none.
    let number = text.parse::<f64>().is_ok() || text.starts_with("0x") || text.starts_with("0o");
    let begins = text.starts_with(|c: char| c.is_alphanumeric() || c == '/') && !number;
    let word = matches!(
        text,
        "true" | "false" | "null" | "True" | "False" | "Null" | "TRUE" | "FALSE" | "NULL"
    );
    if begins && !word && text.chars().all(plain) {
        return text.to_owned();
    }
    let quoted = serde_json::Value::from(text).to_string();
    let shown = quoted.chars().map(|c| match c {
        c if is_invisible(c) || (c.is_control() && c != '\n') => format!("\\u{{{:x}}}", c as u32),
        c => c.to_string(),
    });
    shown.collect()
}
