//! Properties of requests, for random conversations: they are JSON, they hold every text, the same payload gives the same bytes, and what two payloads
//! share is a prefix of both, which is what a provider's cache lives on.

use charthouse_provider::body_of;
use proptest::prelude::*;
use serde_json::Value;
use std::sync::Arc;
use types::{
    Dialect, Effort, Item, Kept, ModelParameters, Payload, Provenance, ProviderConfig,
    ProviderKind, Reasoning, Role, ToolCall, ToolResult, ToolSchema,
};

const DIALECTS: [Dialect; 2] = [Dialect::ChatCompletions, Dialect::Messages];

/// The mark that Messages puts after a prefix. The API does not count it as a part of the prompt.
const MARK: &str = r#","cache_control":{"type":"ephemeral"}"#;

/// What Messages adds where nobody has spoken last.
const GO_ON: &str = r#"{"role":"user","content":[{"type":"text","text":"Go on."}]}"#;

fn body(dialect: Dialect, payload: &Payload) -> String {
    let kind = ProviderKind::Http {
        dialect,
        base_url: "http://127.0.0.1".into(),
        key: None,
    };
    let rope = body_of(&ProviderConfig::new("p", kind), payload).unwrap();
    let bytes = rope.to_vec();
    assert_eq!(bytes.len(), rope.len());
    assert_eq!(
        rope.segments().iter().map(|s| s.len()).sum::<usize>(),
        rope.len()
    );
    assert!(rope.segments().iter().all(|segment| !segment.is_empty()));
    String::from_utf8(bytes).unwrap()
}

/// Texts of all sorts: short and long, with everything that must be escaped, and blank ones.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,20}",
        "[\u{0}-\u{7f}\\\\\"\u{80}-\u{10ffff}]{0,40}",
        "[ \n\t\u{a0}]{0,3}",
        ("[a-z\"\n]{1,10}", 30..80usize).prop_map(|(piece, times)| piece.repeat(times)),
    ]
}

fn item_text(role: Role) -> impl Strategy<Value = Arc<Item>> {
    text().prop_map(move |text| {
        Arc::new(Item::Text {
            role,
            text: text.into(),
            provenance: Provenance::House,
            labels: vec![],
        })
    })
}

fn arguments() -> impl Strategy<Value = String> {
    prop_oneof![
        text().prop_map(|text| serde_json::json!({ "text": text }).to_string()),
        text(),
        Just(String::new()),
    ]
}

fn reasoning() -> impl Strategy<Value = Option<Reasoning>> {
    let kept = |dialect: &str, json: String| Kept {
        dialect: dialect.into(),
        json: json.into(),
    };
    prop::option::of(
        (text(), text(), 0..3usize).prop_map(move |(text, thought, which)| {
            let blocks =
                serde_json::json!([{"type": "thinking", "thinking": thought, "signature": "c2ln"}]);
            Reasoning {
                text: text.into(),
                kept: match which {
                    0 => None,
                    1 => Some(kept("anthropic", blocks.to_string())),
                    _ => Some(kept("another", thought)),
                },
            }
        }),
    )
}

/// An answer and what its calls came to.
fn round() -> impl Strategy<Value = Vec<Arc<Item>>> {
    let calls = prop::collection::vec((arguments(), text(), any::<bool>()), 0..4);
    (text(), reasoning(), calls, any::<u32>()).prop_map(|(said, reasoning, calls, number)| {
        let id = |index: usize| -> Arc<str> { format!("call {number} {index}").into() };
        let made = calls
            .iter()
            .enumerate()
            .map(|(index, (arguments, ..))| ToolCall {
                id: id(index),
                name: "fs.read".into(),
                arguments: arguments.as_str().into(),
            });
        let answer = Item::Assistant {
            text: said.into(),
            reasoning,
            calls: made.collect(),
            provenance: Provenance::Model("m".into()),
        };
        let results = calls.iter().enumerate().map(|(index, (_, text, failed))| {
            Arc::new(Item::Result(ToolResult {
                call: id(index),
                name: "fs.read".into(),
                text: text.into(),
                failed: *failed,
                provenance: Provenance::House,
                labels: vec![],
            }))
        });
        std::iter::once(Arc::new(answer)).chain(results).collect()
    })
}

/// A conversation in pieces that are never torn apart.
fn conversation(rounds: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<Arc<Item>>>> {
    let piece = prop_oneof![
        3 => round(),
        1 => item_text(Role::User).prop_map(|item| vec![item]),
        1 => item_text(Role::System).prop_map(|item| vec![item]),
    ];
    prop::collection::vec(piece, rounds)
}

fn payload(items: Vec<Arc<Item>>, effort: Option<Effort>) -> Payload {
    Payload {
        items,
        tools: vec![ToolSchema {
            name: "fs.read".into(),
            description: "Reads \"files\".".into(),
            parameters: Arc::new(serde_json::json!({"type": "object"})),
        }],
        parameters: ModelParameters {
            provider: "p".into(),
            name: "m".into(),
            context_length: 1 << 20,
            max_output: 8000,
            temperature: Some(0.5),
            reasoning: effort,
        },
        breakpoints: vec![],
    }
}

/// All strings in `value`.
fn strings<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

fn effort() -> impl Strategy<Value = Option<Effort>> {
    prop_oneof![
        Just(None),
        Just(Some(Effort::Low)),
        Just(Some(Effort::High))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_body_is_json_and_holds_every_text(pieces in conversation(0..8), effort in effort(), breakpoints in prop::collection::vec(0..20usize, 0..6)) {
        let mut payload = payload(pieces.concat(), effort);
        payload.breakpoints = breakpoints;
        payload.breakpoints.sort_unstable();
        for dialect in DIALECTS {
            let body = body(dialect, &payload);
            prop_assert_eq!(&body, &self::body(dialect, &payload), "the same payload, other bytes");
            prop_assert!(body.matches(MARK).count() <= 4);
            let json: Value = serde_json::from_str(&body).unwrap();
            let mut found = Vec::new();
            strings(&json["messages"], &mut found);
            strings(&json["system"], &mut found);
            let holds = |text: &str| text.trim().is_empty() || found.iter().any(|found| found.contains(text));
            for item in &payload.items {
                match &**item {
                    Item::Text { text, .. } => prop_assert!(holds(&text.plain()), "{text:?} is not in {body}"),
                    Item::Assistant { text, calls, .. } => {
                        prop_assert!(holds(&text.plain()), "{text:?} is not in {body}");
                        for call in calls {
                            let given: Option<Value> = serde_json::from_str(&call.arguments.plain()).ok().filter(Value::is_object);
                            match (dialect, given) {
                                (Dialect::ChatCompletions, Some(_)) => prop_assert!(holds(&call.arguments.plain())),
                                (_, None) => {
                                    let mended = serde_json::json!({ "not_json": call.arguments }).to_string();
                                    prop_assert!(call.arguments.plain().trim().is_empty() || body.contains(&mended) || holds(&mended), "{mended} is not in {body}");
                                }
                                (_, Some(given)) => prop_assert!(body.contains(&*call.arguments.plain()), "{given} is not in {body}"),
                            }
                        }
                    }
                    Item::Result(result) => prop_assert!(holds(&result.text.plain())),
                }
            }
        }
    }

    /// Whatever a turn adds stands behind everything that was there before.
    #[test]
    fn what_was_sent_before_is_a_prefix_of_what_is_sent_next(
        history in conversation(1..6),
        next in round(),
        person in item_text(Role::User),
    ) {
        let history = history.concat();
        let before = payload(history.clone(), None);
        let mut after = history;
        after.extend(next);
        after.push(person);
        let after = payload(after, None);
        for dialect in DIALECTS {
            let (before, after) = (body(dialect, &before), body(dialect, &after));
            // The end of the JSON is no part of the history, nor are the words that Messages insists on where nobody has spoken last.
            let history = before.strip_suffix("]}").unwrap();
            let history = history.strip_suffix(GO_ON).unwrap_or(history);
            let history = history.trim_end_matches(['"', '}', ']', ',']);
            prop_assert!(after.starts_with(history), "{before}\n{after}");
        }
    }

    /// The bytes up to a turn's last mark come again in the next turn, which marks the same place and a later one.
    #[test]
    fn the_marked_prefix_comes_again_to_the_byte(
        stable in prop::collection::vec(item_text(Role::System), 1..3),
        history in conversation(1..6),
        next in round(),
        nudge in item_text(Role::User),
    ) {
        let first = stable.len();
        let mut items: Vec<_> = stable.into_iter().chain(history.concat()).collect();
        let second = items.len();
        let with = |items: &[Arc<Item>], breakpoints: Vec<usize>| {
            let mut items = items.to_vec();
            items.push(nudge.clone());
            body(Dialect::Messages, &Payload { breakpoints, ..payload(items, None) })
        };
        let before = with(&items, vec![first, second]);
        items.extend(next);
        let after = with(&items, vec![first, second, items.len()]);
        if let Some(last) = before.rfind(MARK) {
            prop_assert!(after.starts_with(&before[..last + MARK.len()]), "{before}\n{after}");
        }
        // Where the mark has moved on, the prompt is the same all the same.
        let moved = with(&items, vec![first, items.len()]).replace(MARK, "");
        if let Some(last) = before.rfind(MARK) {
            prop_assert!(moved.starts_with(&before[..last].replace(MARK, "")));
        }
    }
}
