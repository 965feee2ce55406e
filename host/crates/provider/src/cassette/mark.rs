//! By what a payload is known again: hashes of what is said in it, and of nothing that differs from one machine or run to the next.
//!
//! Left out are provenance (paths, plugin generations), labels, breakpoints, the ids of calls and the model's parameters. What is hashed has
//! had its secrets hidden before, because the answers on a cassette have, and a replayed answer stands in the next payload.

use super::hide::Hide;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value, json};
use std::fmt;
use types::{ContentHash, Item, Payload, ToolCall, ToolSchema};

/// How many characters of an item's beginning and of its end an excerpt shows.
const BEGINNING: usize = 72;
const END: usize = 24;

/// Names a conversation up to one of its items, or a list of tools: half a content hash, which is more than enough to tell apart what one
/// cassette holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark(u128);

impl Mark {
    /// Before the first item.
    pub const START: Mark = Mark(0);

    fn of(bytes: &[u8]) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&ContentHash::of(bytes).as_bytes()[..16]);
        Mark(u128::from_be_bytes(half))
    }

    /// The conversation that this one becomes by `item`.
    fn then(self, item: &Item, hide: &Hide<'_>) -> Self {
        let mut said = essence(item);
        hide.value(&mut said);
        let mut bytes = self.0.to_be_bytes().to_vec();
        bytes.extend_from_slice(said.to_string().as_bytes());
        Mark::of(&bytes)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        (text.len() == 32)
            .then(|| u128::from_str_radix(&text, 16).ok().map(Mark))
            .flatten()
            .ok_or_else(|| de::Error::custom("a mark is 32 hexadecimal digits"))
    }
}

/// A payload as a cassette knows it.
pub struct Marks {
    /// For each item, the mark of the conversation up to and with it.
    pub items: Vec<Mark>,
    /// The mark of the tools.
    pub tools: Mark,
}

impl Marks {
    /// The marks of `payload`.
    pub fn of(payload: &Payload, hide: &Hide<'_>) -> Self {
        let mut mark = Mark::START;
        let items = payload.items.iter().map(|item| {
            mark = mark.then(item, hide);
            mark
        });
        Marks {
            items: items.collect(),
            tools: tools_mark(&payload.tools, hide),
        }
    }

    /// The mark of the whole conversation.
    pub fn conversation(&self) -> Mark {
        self.items.last().copied().unwrap_or(Mark::START)
    }
}

fn tools_mark(tools: &[ToolSchema], hide: &Hide<'_>) -> Mark {
    let mut offered: Value = tools
        .iter()
        .map(|tool| json!([&*tool.name, &*tool.description, &*tool.parameters]))
        .collect();
    hide.value(&mut offered);
    Mark::of(offered.to_string().as_bytes())
}

/// What of an item makes it what it is.
fn essence(item: &Item) -> Value {
    match item {
        Item::Text { role, text, .. } => json!(["text", role, text]),
        Item::Assistant {
            text,
            reasoning,
            calls,
            ..
        } => {
            let calls: Vec<_> = calls
                .iter()
                .map(|call| json!([&*call.name, call.arguments]))
                .collect();
            json!(["assistant", text, reasoning, calls])
        }
        Item::Result(result) => json!(["result", &*result.name, result.text, result.failed]),
    }
}

/// An item in one short line for a person.
pub fn excerpt(item: &Item, hide: &Hide<'_>) -> String {
    let whole = match item {
        Item::Text { role, text, .. } => format!("{}: {text}", role_word(*role)),
        Item::Assistant { text, calls, .. } => {
            let calls: Vec<_> = calls.iter().map(|call| call_in_words(call, hide)).collect();
            let said = [&[text.to_string()], &calls[..]].concat();
            format!("assistant: {}", said.join(" "))
        }
        Item::Result(result) => {
            let how = if result.failed { "failure" } else { "result" };
            format!("{how} of {}: {}", result.name, result.text)
        }
    };
    shorten(&hide.text(&whole))
}

fn role_word(role: types::Role) -> &'static str {
    match role {
        types::Role::System => "system",
        types::Role::User => "user",
    }
}

fn call_in_words(call: &ToolCall, hide: &Hide<'_>) -> String {
    let arguments = call.arguments.plain();
    format!("calls {} {}", call.name, hide.text_or_json(&arguments))
}

/// The beginning and the end of `text`, in one line.
fn shorten(text: &str) -> String {
    let line = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let count = line.chars().count();
    if count <= BEGINNING + END + 3 {
        return line;
    }
    let beginning: String = line.chars().take(BEGINNING).collect();
    let end: String = line.chars().skip(count - END).collect();
    format!("{beginning} … {end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;
    use types::{ModelParameters, Provenance, Role, ToolResult};

    const NONE: Hide<'static> = Hide::only_headers();

    fn payload(items: Vec<Item>) -> Payload {
        Payload {
            items: items.into_iter().map(Arc::new).collect(),
            tools: vec![],
            parameters: ModelParameters {
                provider: "p".into(),
                name: "m".into(),
                context_length: 1000,
                max_output: 100,
                temperature: None,
                reasoning: None,
            },
            breakpoints: vec![],
        }
    }

    fn user(text: &str) -> Item {
        Item::Text {
            role: Role::User,
            text: text.into(),
            provenance: Provenance::Human,
            labels: vec![],
        }
    }

    fn calls(id: &str, arguments: &str) -> Item {
        Item::Assistant {
            text: "".into(),
            reasoning: None,
            calls: vec![ToolCall {
                id: id.into(),
                name: "fs.read".into(),
                arguments: arguments.into(),
            }],
            provenance: Provenance::Model(id.into()),
        }
    }

    fn result(id: &str, failed: bool) -> Item {
        Item::Result(ToolResult {
            call: id.into(),
            name: "fs.read".into(),
            text: "a".into(),
            failed,
            provenance: Provenance::House,
            labels: vec!["untrusted".into()],
        })
    }

    fn whole(items: Vec<Item>) -> Mark {
        Marks::of(&payload(items), &NONE).conversation()
    }

    #[test]
    fn what_differs_between_machines_does_not_count_and_everything_else_does() {
        let one = whole(vec![user("a"), calls("x", "{}"), result("x", false)]);
        assert_eq!(
            one,
            whole(vec![user("a"), calls("y", "{}"), result("y", false)])
        );
        for other in [
            vec![user("b"), calls("x", "{}"), result("x", false)],
            vec![user("a"), calls("x", "{ }"), result("x", false)],
            vec![user("a"), calls("x", "{}"), result("x", true)],
            vec![calls("x", "{}"), user("a"), result("x", false)],
            vec![user("a"), calls("x", "{}")],
            vec![],
        ] {
            assert_ne!(one, whole(other));
        }
    }

    #[test]
    fn tools_count_in_their_order() {
        let tool = |name: &str| ToolSchema {
            name: name.into(),
            description: "".into(),
            parameters: Arc::new(json!({})),
        };
        let [a, b] = [tool("a"), tool("b")];
        assert_ne!(
            tools_mark(&[a.clone(), b.clone()], &NONE),
            tools_mark(&[b, a], &NONE)
        );
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(
            excerpt(&calls("x", "{\"path\":\n\"/a\"}"), &NONE),
            "assistant: calls fs.read {\"path\": \"/a\"}"
        );
        let long = excerpt(
            &user(&format!("{}\u{1b}[31m end", "é\n".repeat(900))),
            &NONE,
        );
        assert_eq!(long.chars().count(), BEGINNING + END + 3);
        assert!(
            long.starts_with("user: é é") && long.ends_with("[31m end"),
            "{long}"
        );
        assert_eq!(excerpt(&result("x", true), &NONE), "failure of fs.read: a");
    }

    proptest! {
        #[test]
        fn conversations_share_marks_exactly_as_far_as_they_share_items(
            one in proptest::collection::vec("[ab]", 0..6), other in proptest::collection::vec("[ab]", 0..6),
        ) {
            let marks = |texts: &[String]| Marks::of(&payload(texts.iter().map(|t| user(t)).collect()), &NONE).items;
            let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
            let (one, other) = (marks(&one), marks(&other));
            for (n, (a, b)) in one.iter().zip(&other).enumerate() {
                prop_assert_eq!(a == b, n < same);
            }
        }
    }
}
