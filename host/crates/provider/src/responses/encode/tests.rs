//! What is sent to the Responses API, with and without a conversation that the server holds.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use types::{ModelParameters, Provenance, ToolResult};

fn text(role: Role, text: &str) -> Item {
    Item::Text {
        role,
        text: text.into(),
        provenance: Provenance::House,
        labels: vec![],
    }
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
    }
}

fn assistant(text: &str, reasoning: Option<Reasoning>, calls: Vec<ToolCall>) -> Item {
    Item::Assistant {
        text: text.into(),
        reasoning,
        calls,
        provenance: Provenance::Model("m".into()),
    }
}

fn result(id: &str, text: &str) -> Item {
    Item::Result(ToolResult {
        call: id.into(),
        name: "fs.read".into(),
        text: text.into(),
        failed: false,
        provenance: Provenance::House,
        labels: vec![],
    })
}

fn payload(items: Vec<Item>) -> Payload {
    Payload {
        items: items.into_iter().map(Arc::new).collect(),
        tools: vec![],
        parameters: ModelParameters {
            provider: "p".into(),
            name: "n".into(),
            context_length: 1000,
            max_output: 64,
            temperature: None,
            reasoning: None,
        },
        breakpoints: vec![],
    }
}

const PLAIN: Form<'static> = Form {
    store: false,
    manner: Manner {
        no_encrypted: false,
        no_summary: false,
        no_temperature: false,
    },
    continuation: None,
};

fn bytes(payload: &Payload, form: &Form<'_>) -> String {
    String::from_utf8(body(payload, "m", form).to_vec()).unwrap()
}

fn sent(payload: &Payload, form: &Form<'_>) -> Value {
    serde_json::from_str(&bytes(payload, form)).unwrap()
}

fn kept(lines: &[&str]) -> Option<Reasoning> {
    let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    Some(Reasoning {
        text: "hm".into(),
        kept: Some(keep(&lines)),
    })
}

#[test]
fn the_body_is_the_instructions_the_input_and_the_parameters() {
    let mut payload = payload(vec![
        text(Role::System, "one"),
        text(Role::System, ""),
        text(Role::System, "two\n"),
        text(Role::User, "go"),
        text(Role::User, ""),
        text(Role::User, "on"),
        assistant(
            "ok",
            Some(Reasoning::text("of another dialect")),
            vec![call("c1", "fs.read", "{ }"), call("c2", "rm -rf /", "{")],
        ),
        result("c1", "a\"b"),
        result("c2", ""),
        text(Role::System, "late"),
        assistant("", None, vec![]),
    ]);
    payload.parameters.temperature = Some(0.5);
    payload.parameters.reasoning = Some(Effort::High);
    payload.tools = vec![ToolSchema {
        name: "fs.read".into(),
        description: "Reads.".into(),
        parameters: Arc::new(json!({"type": "object"})),
    }];
    assert_eq!(
        sent(&payload, &PLAIN),
        json!({
            "model": "m", "stream": true, "store": false, "include": ["reasoning.encrypted_content"], "max_output_tokens": 64, "temperature": 0.5,
            "reasoning": {"effort": "high", "summary": "auto"},
            "tools": [{"type": "function", "name": "fs__read", "description": "Reads.", "parameters": {"type": "object"}, "strict": false}],
            "instructions": "one\n\ntwo\n",
            "input": [
                {"type": "message", "role": "user", "content": "go\n\non"},
                {"type": "message", "role": "assistant", "content": "ok"},
                {"type": "function_call", "call_id": "c1", "name": "fs__read", "arguments": "{ }"},
                {"type": "function_call", "call_id": "c2", "name": "rm_-rf__", "arguments": "{\"not_json\":\"{\"}"},
                {"type": "function_call_output", "call_id": "c1", "output": "a\"b"},
                {"type": "function_call_output", "call_id": "c2", "output": ""},
                {"type": "message", "role": "system", "content": "late"},
            ],
        })
    );
    let modest = Form {
        store: true,
        manner: Manner {
            no_encrypted: true,
            no_summary: true,
            no_temperature: true,
        },
        continuation: Some(&Continuation {
            id: "resp_1".into(),
            items: 4,
        }),
    };
    let json = sent(&payload, &modest);
    assert_eq!(json["previous_response_id"], "resp_1");
    assert_eq!(json["store"], true);
    assert_eq!(json["reasoning"], json!({"effort": "high"}));
    assert_eq!(json.get("include").or(json.get("temperature")), None);
    // Instructions are not held: they go along.
    assert_eq!(json["instructions"], "one\n\ntwo\n");
    assert_eq!(json["input"].as_array().unwrap().len(), 3);
}

#[test]
fn what_is_not_set_is_not_sent_and_instructions_alone_are_the_conversation() {
    let mut payload = payload(vec![text(Role::System, "a"), text(Role::System, "b")]);
    payload.parameters.max_output = 0;
    assert_eq!(
        bytes(&payload, &PLAIN),
        r#"{"model":"m","stream":true,"store":false,"include":["reasoning.encrypted_content"],"input":[{"type":"message","role":"system","content":"a\n\nb"}]}"#
    );
}

#[test]
fn reasoning_goes_back_to_the_byte_and_where_it_stood() {
    let first = r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"a\"[\nb"}"#
        .replace('\n', "\\n");
    let second =
        r#"{"id":"rs_2","type":"reasoning","content":[{"type":"reasoning_text","text":"{,"}]}"#;
    let calls = || vec![call("c1", "a", "{}"), call("c2", "b", "{}")];
    let reasoning = kept(&[&first, MESSAGE, CALL, second, CALL]);
    let body = bytes(
        &payload(vec![assistant("so", reasoning.clone(), calls())]),
        &PLAIN,
    );
    let message = r#"{"type":"message","role":"assistant","content":"so"}"#;
    let one = r#"{"type":"function_call","call_id":"c1","name":"a","arguments":"{}"}"#;
    let two = r#"{"type":"function_call","call_id":"c2","name":"b","arguments":"{}"}"#;
    let expected = format!("\"input\":[{first},{message},{one},{second},{two}]}}");
    assert!(body.ends_with(&expected), "{body}\n{expected}");
    let json = &reasoning.unwrap().kept.unwrap().json;
    assert_eq!(serde_json::from_str::<Vec<Value>>(json).unwrap().len(), 5);

    // Of an item that has changed since, nothing is lost and nothing invented.
    let fewer = kept(&[&first, CALL, CALL, CALL, MESSAGE, MESSAGE]);
    let body = bytes(&payload(vec![assistant("so", fewer, calls())]), &PLAIN);
    assert!(
        body.ends_with(&format!("[{first},{one},{two},{message}]}}")),
        "{body}"
    );
    let foreign = Some(Reasoning {
        text: "hm".into(),
        kept: Some(Kept {
            dialect: "anthropic-messages".into(),
            json: "[\n{}\n]".into(),
        }),
    });
    let body = bytes(&payload(vec![assistant("so", foreign, calls())]), &PLAIN);
    assert!(
        body.ends_with(&format!("[{message},{one},{two}]}}")),
        "{body}"
    );
}

fn any_item() -> impl Strategy<Value = Item> {
    let words = "[a\"\\\\\n\u{1}é🦀]{0,5}|x{300}";
    prop_oneof![
        words.prop_map(|words| text(Role::User, &words)),
        words.prop_map(|words| text(Role::System, &words)),
        words.prop_map(|words| result("c", &words)),
        (words, 0usize..3, any::<bool>()).prop_map(|(words, calls, thinks)| {
            let json = format!("{{\"e\":{}}}", json!(words));
            let reasoning = thinks
                .then(|| kept(&[&json, CALL, &json, MESSAGE]))
                .flatten();
            let calls = (0..calls).map(|n| call(&n.to_string(), "fs.read", &words));
            assistant(&words, reasoning, calls.collect())
        }),
    ]
}

proptest! {
    #[test]
    fn what_was_sent_is_the_beginning_of_what_is_sent_next(
        before in proptest::collection::vec(any_item(), 0..6), after in proptest::collection::vec(any_item(), 0..4),
    ) {
        let first = [vec![text(Role::System, "s"), text(Role::User, "u")], before].concat();
        let one = bytes(&payload(first.clone()), &PLAIN);
        let next = bytes(&payload([first, after].concat()), &PLAIN);
        // But for what closes the last message, the list and the body.
        let same = one.strip_suffix("\"}]}").or(one.strip_suffix("]}")).unwrap();
        prop_assert!(next.starts_with(same), "{}\n{}", one, next);
        prop_assert!(serde_json::from_str::<Value>(&next).is_ok());
    }

    #[test]
    fn what_is_held_and_what_is_sent_are_all_there_is(items in proptest::collection::vec(any_item(), 1..8), at in any::<proptest::sample::Index>()) {
        let payload = payload([vec![text(Role::User, "u")], items].concat());
        let at = at.index(payload.items.len());
        let held = Continuation { id: "r".into(), items: at };
        let input = |form: &Form<'_>| sent(&payload, form)["input"].as_array().unwrap().clone();
        let all = input(&PLAIN);
        let rest = input(&Form { continuation: Some(&held), ..PLAIN });
        prop_assert!(rest.len() <= all.len());
        // The first of the rest may have been the end of a longer message.
        if let Some((_, rest)) = rest.split_first() {
            prop_assert!(all.ends_with(rest));
        }
    }
}
