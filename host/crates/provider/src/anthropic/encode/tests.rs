//! What is sent: the order of blocks, thinking, marks.

use crate::anthropic::kept::{DIALECT, Part, keep};
use crate::anthropic::{Manner, encode};
use serde_json::{Value, json};
use std::sync::Arc;
use types::{
    Effort, Item, Kept, ModelParameters, Payload, Provenance, Reasoning, Role, ToolCall,
    ToolResult, ToolSchema,
};

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

fn assistant(text: &str, kept: Option<Kept>, calls: Vec<ToolCall>) -> Item {
    Item::Assistant {
        text: text.into(),
        reasoning: kept.map(|kept| Reasoning {
            text: "hm".into(),
            kept: Some(kept),
        }),
        calls,
        provenance: Provenance::Model("m".into()),
    }
}

fn result(id: &str, text: &str, failed: bool) -> Item {
    Item::Result(ToolResult {
        call: id.into(),
        name: "fs.read".into(),
        text: text.into(),
        failed,
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
            context_length: 100_000,
            max_output: 8000,
            temperature: None,
            reasoning: None,
        },
        breakpoints: vec![],
    }
}

fn sent(payload: &Payload) -> Value {
    sent_in(payload, Manner::default())
}

fn sent_in(payload: &Payload, manner: Manner) -> Value {
    let body = encode::body(payload, "m", manner).to_vec();
    serde_json::from_slice(&body).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&body));
    })
}

fn thought(text: &str) -> Part {
    Part::Thought(json!({"type": "thinking", "thinking": text, "signature": "c2ln"}))
}

#[test]
fn a_round_of_calls_in_the_order_that_the_api_wants() {
    let mut payload = payload(vec![
        text(Role::System, "one"),
        text(Role::System, " \n\t\u{a0}"),
        text(Role::System, "two"),
        text(Role::User, "go"),
        text(Role::User, ""),
        assistant(
            "I look.",
            None,
            vec![
                call("c 1", "fs.read", r#"{"path":"/a \"b\""}"#),
                call("c2", "signal", ""),
            ],
        ),
        result("c 1", "a\n\"b\"", false),
        text(Role::User, "hurry"),
        result("c2", "", true),
        text(Role::System, "Check <it>."),
        assistant("", None, vec![]),
        text(Role::User, "and?"),
    ]);
    payload.tools = vec![
        ToolSchema {
            name: "fs.read".into(),
            description: "Reads.".into(),
            parameters: Arc::new(json!({"type": "object", "properties": {}})),
        },
        ToolSchema {
            name: "signal".into(),
            description: "Says.".into(),
            parameters: Arc::new(json!({"properties": {"name": {}}})),
        },
    ];
    payload.parameters.temperature = Some(1.5);
    assert_eq!(
        sent(&payload),
        json!({
            "model": "m", "max_tokens": 8000, "stream": true, "temperature": 1.0,
            "tools": [
                {"name": "fs__read", "description": "Reads.", "input_schema": {"type": "object", "properties": {}}},
                {"name": "signal", "description": "Says.", "input_schema": {"properties": {"name": {}}, "type": "object"}},
            ],
            "system": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "go"}]},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "c_1", "name": "fs__read", "input": {"path": "/a \"b\""}},
                    {"type": "tool_use", "id": "c2", "name": "signal", "input": {}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "c_1", "content": "a\n\"b\""},
                    {"type": "tool_result", "tool_use_id": "c2", "is_error": true},
                    {"type": "text", "text": "hurry"},
                    {"type": "text", "text": "<system>\nCheck <it>.\n</system>"},
                    {"type": "text", "text": "and?"},
                ]},
            ],
        })
    );
}

#[test]
fn a_conversation_begins_and_ends_with_the_user() {
    let user = |words: &str| json!({"role": "user", "content": [{"type": "text", "text": words}]});
    let answer = json!({"role": "assistant", "content": [{"type": "text", "text": "hi"}]});
    let before = user("(The conversation began before this.)");
    for (items, messages) in [
        (vec![], json!([user("Go on.")])),
        (vec![text(Role::System, "be good")], json!([user("Go on.")])),
        (
            vec![assistant("hi", None, vec![])],
            json!([before, answer, user("Go on.")]),
        ),
        (
            vec![assistant("hi", None, vec![]), text(Role::User, "so?")],
            json!([before, answer, user("so?")]),
        ),
    ] {
        assert_eq!(sent(&payload(items))["messages"], messages);
    }
}

#[test]
fn what_is_no_object_is_wrapped_into_one() {
    let body = sent(&payload(vec![assistant(
        "",
        None,
        vec![call("c", "rm -rf /", "{\"path\": ")],
    )]));
    assert_eq!(
        body["messages"][1]["content"][0],
        json!({"type": "tool_use", "id": "c", "name": "rm_-rf__", "input": {"not_json": "{\"path\": "}})
    );
}

#[test]
fn thinking_goes_back_as_it_came_and_only_to_this_dialect() {
    let blocks = |kept: Kept| {
        let items = vec![
            text(Role::User, "go"),
            assistant("done", Some(kept), vec![call("c", "x", "{}")]),
            result("c", "r", false),
        ];
        sent(&payload(items))["messages"][1]["content"].clone()
    };
    let written = json!({"type": "text", "text": "done"});
    let called = json!({"type": "tool_use", "id": "c", "name": "x", "input": {}});
    let thinking = |text: &str| json!({"type": "thinking", "thinking": text, "signature": "c2ln"});
    let redacted = json!({"type": "redacted_thinking", "data": "eA=="});

    let first = keep(&[
        thought("a"),
        Part::Thought(redacted.clone()),
        Part::Text(0, 4),
        Part::Call,
    ])
    .unwrap();
    assert_eq!(&*first.dialect, DIALECT);
    assert_eq!(
        blocks(first),
        json!([thinking("a"), redacted, written, called])
    );

    let mixed = [thought("a"), Part::Text(0, 4), thought("b"), Part::Call];
    assert_eq!(
        blocks(keep(&mixed).unwrap()),
        json!([thinking("a"), written, thinking("b"), called])
    );
    // A guard has changed the text: nothing is lost and nothing is said twice.
    let changed = [thought("a"), Part::Text(0, 9), thought("b"), Part::Call];
    assert_eq!(
        blocks(keep(&changed).unwrap()),
        json!([thinking("a"), thinking("b"), written, called])
    );

    for (dialect, json) in [
        ("responses", r#"[{"type":"reasoning"}]"#),
        (DIALECT, "[]"),
        (DIALECT, "{}"),
        (DIALECT, r#"{"parts":[{}]}"#),
        (DIALECT, "no json"),
        (DIALECT, ""),
    ] {
        let kept = Kept {
            dialect: dialect.into(),
            json: json.into(),
        };
        assert_eq!(blocks(kept), json!([written, called]), "{dialect} {json}");
    }
    assert_eq!(keep(&[Part::Text(0, 4), Part::Call]), None);
}

#[test]
fn thinking_is_asked_for_as_the_model_wants_to_be_asked() {
    let adaptive = Manner {
        adaptive: true,
        ..Manner::default()
    };
    let asked = |effort, limit, manner| {
        let mut payload = payload(vec![text(Role::User, "go")]);
        payload.parameters.reasoning = Some(effort);
        payload.parameters.max_output = limit;
        payload.parameters.temperature = Some(0.5);
        sent_in(&payload, manner)
    };
    for (effort, limit, budget) in [
        (Effort::Low, 8000, 2000),
        (Effort::Medium, 8000, 4000),
        (Effort::High, 8000, 6000),
        (Effort::Low, 100_000, 4096),
        (Effort::High, 100_000, 32_768),
        (Effort::Low, 1025, 1024),
    ] {
        let body = asked(effort, limit, Manner::default());
        assert_eq!(
            body["thinking"],
            json!({"type": "enabled", "budget_tokens": budget})
        );
        assert!(budget < limit && body.get("temperature").is_none());
    }
    // No room for thinking: none is asked for.
    let body = asked(Effort::High, 1024, Manner::default());
    assert_eq!(
        (body.get("thinking"), &body["temperature"]),
        (None, &json!(0.5))
    );
    let body = asked(Effort::High, 8000, adaptive);
    assert_eq!(body["thinking"], json!({"type": "adaptive"}));
    assert_eq!(body["output_config"], json!({"effort": "high"}));
    assert!(body.get("temperature").is_none());
}

#[test]
fn a_round_that_another_model_began_goes_on_without_thinking() {
    let body = |kept: Option<Kept>, last: Vec<Item>| {
        let mut items = vec![
            text(Role::User, "go"),
            assistant("", kept, vec![call("c", "x", "{}")]),
            result("c", "r", false),
        ];
        items.extend(last);
        let mut payload = payload(items);
        payload.parameters.reasoning = Some(Effort::Low);
        sent(&payload).get("thinking").is_some()
    };
    assert!(!body(None, vec![]));
    assert!(body(keep(&[thought("a")]), vec![]));
    assert!(body(None, vec![text(Role::User, "next")]));
}

/// Where the marks are: `tools`, `system/0`, `messages/1/0`…
fn marks(body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut look = |at: String, blocks: &Value| {
        for (index, block) in blocks.as_array().into_iter().flatten().enumerate() {
            if block.get("cache_control") == Some(&json!({"type": "ephemeral"})) {
                found.push(format!("{at}/{index}"));
            }
        }
    };
    look("tools".into(), &body["tools"]);
    look("system".into(), &body["system"]);
    for (index, message) in body["messages"].as_array().unwrap().iter().enumerate() {
        look(format!("messages/{index}"), &message["content"]);
    }
    found
}

#[test]
fn prefixes_are_marked_four_at_most_the_longest_lived_one_and_the_longest() {
    let marked = |breakpoints: &[usize], tools: usize| {
        let mut payload = payload(vec![
            text(Role::System, "a"),
            text(Role::System, "b"),
            text(Role::User, "go"),
            assistant(
                "",
                keep(&[thought("t")]),
                vec![call("c", "x", "{}"), call("d", "x", "{}")],
            ),
            result("c", "", false),
            result("d", "r", false),
            assistant("said", None, vec![]),
            text(Role::User, ""),
            text(Role::User, "more"),
        ]);
        let tool = ToolSchema {
            name: "x".into(),
            description: "X.".into(),
            parameters: Arc::new(json!({"type": "object"})),
        };
        payload.tools = vec![tool; tools];
        payload.breakpoints = breakpoints.to_vec();
        marks(&sent(&payload)).join(" ")
    };
    for (breakpoints, tools, expected) in [
        (&[][..], 2, ""),
        (&[0], 2, "tools/1"),
        (&[0], 0, ""),
        (&[2], 2, "system/1"),
        (&[2, 4], 2, "system/1 messages/1/2"),
        (&[2, 6, 7, 8], 2, "system/1 messages/2/1 messages/3/0"),
        (
            &[1, 2, 3, 4, 6, 9],
            2,
            "system/0 messages/1/2 messages/2/1 messages/4/0",
        ),
        (&[99], 2, "messages/4/0"),
    ] {
        assert_eq!(marked(breakpoints, tools), expected, "{breakpoints:?}");
    }
}

#[test]
fn thinking_between_words_goes_back_between_them() {
    let said = "first é\n\nsecond";
    let parts = [
        thought("one"),
        Part::Text(0, 8),
        thought("two"),
        Part::Text(10, 16),
        Part::Call,
    ];
    let body = sent(&payload(vec![
        text(Role::User, "go"),
        assistant(said, keep(&parts), vec![call("c", "x", "{}")]),
        result("c", "r", false),
    ]));
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "one", "signature": "c2ln"},
            {"type": "text", "text": "first é"},
            {"type": "thinking", "thinking": "two", "signature": "c2ln"},
            {"type": "text", "text": "second"},
            {"type": "tool_use", "id": "c", "name": "x", "input": {}},
        ])
    );
}
