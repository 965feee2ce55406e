//! What is understood: streams, whole answers, failures, lies.

use super::Message;
use crate::dialect::{Asked, Assembly, DecodeError, Event};
use serde_json::{Value, json};
use types::{Reply, StopReason, Usage};

fn take(assembly: &mut Message, event: &Value) -> Result<(), DecodeError> {
    let name = event["type"].as_str().unwrap_or_default();
    let data = event.to_string();
    assembly.take(Event { name, data: &data }, &mut ())
}

fn reply(events: &[Value]) -> Reply {
    let mut assembly = Box::<Message>::default();
    for event in events {
        take(&mut assembly, event).unwrap();
    }
    assembly.into_reply(&Asked {
        turn: 3,
        sent: 400,
        model: "asked",
    })
}

fn start(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn ended(reason: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}})
}

#[test]
fn blocks_are_put_together() {
    let reply = reply(&[
        json!({"type": "message_start", "message": {"id": "msg_1", "model": "claude-x", "content": [], "usage":
            {"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20, "output_tokens": 1}}}),
        start(
            0,
            json!({"type": "thinking", "thinking": "", "signature": ""}),
        ),
        json!({"type": "ping"}),
        delta(0, json!({"type": "thinking_delta", "thinking": "Let me "})),
        delta(0, json!({"type": "thinking_delta", "thinking": "see."})),
        delta(0, json!({"type": "signature_delta", "signature": "c2ln"})),
        stop(0),
        start(1, json!({"type": "redacted_thinking", "data": "eA=="})),
        stop(1),
        start(2, json!({"type": "text", "text": ""})),
        delta(2, json!({"type": "text_delta", "text": "I look"})),
        delta(2, json!({"type": "text_delta", "text": " now."})),
        stop(2),
        start(
            3,
            json!({"type": "tool_use", "id": "toolu_1", "name": "fs__read", "input": {}}),
        ),
        delta(3, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(
            3,
            json!({"type": "input_json_delta", "partial_json": "{\"path\":"}),
        ),
        delta(
            3,
            json!({"type": "input_json_delta", "partial_json": " \"/a\"}"}),
        ),
        stop(3),
        start(
            4,
            json!({"type": "tool_use", "id": "toolu_2", "name": "signal", "input": {}}),
        ),
        stop(4),
        start(5, json!({"type": "something_new", "x": [1]})),
        delta(5, json!({"type": "new_delta", "x": 1})),
        json!({"type": "weather"}),
        ended("tool_use"),
        json!({"type": "message_stop"}),
    ]);
    assert_eq!(&*reply.text, "I look now.");
    let calls: Vec<_> = reply
        .calls
        .iter()
        .map(|call| (&*call.id, &*call.name, call.arguments.to_string()))
        .collect();
    assert_eq!(
        calls,
        [
            ("toolu_1", "fs.read", r#"{"path": "/a"}"#.to_owned()),
            ("toolu_2", "signal", "{}".to_owned())
        ]
    );
    assert_eq!(
        (reply.stop, &*reply.model),
        (StopReason::ToolCalls, "claude-x")
    );
    assert_eq!(reply.request.as_deref(), Some("msg_1"));
    assert_eq!(
        reply.usage,
        Usage {
            input: 125,
            cached: 100,
            cache_write: 20,
            output: 9,
            reasoning: 0,
            reported: true
        }
    );
    let reasoning = reply.reasoning.unwrap();
    assert_eq!(reasoning.text, "Let me see.");
    assert_eq!(
        serde_json::from_str::<Value>(&reasoning.kept.unwrap().json).unwrap(),
        json!([
            {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "eA=="},
        ])
    );
}

#[test]
fn thinking_between_words_comes_back_between_them() {
    let answer = reply(&[
        start(
            0,
            json!({"type": "thinking", "thinking": "one", "signature": "MQ=="}),
        ),
        stop(0),
        start(1, json!({"type": "text", "text": "first é"})),
        stop(1),
        start(
            2,
            json!({"type": "thinking", "thinking": "two", "signature": "Mg=="}),
        ),
        stop(2),
        start(3, json!({"type": "text", "text": "second"})),
        stop(3),
        start(
            4,
            json!({"type": "tool_use", "id": "c", "name": "x", "input": {"given": "at once"}}),
        ),
        ended("tool_use"),
    ]);
    assert_eq!(&*answer.text, "first é\n\nsecond");
    assert_eq!(answer.calls[0].arguments, r#"{"given":"at once"}"#);
    assert_eq!(
        serde_json::from_str::<Value>(&answer.reasoning.unwrap().kept.unwrap().json).unwrap(),
        json!({"parts": [
            {"type": "thinking", "thinking": "one", "signature": "MQ=="},
            {"type": "text", "from": 0, "to": 8},
            {"type": "thinking", "thinking": "two", "signature": "Mg=="},
            {"type": "text", "from": 10, "to": 16},
            {"type": "tool_use"},
        ]})
    );
}

#[test]
fn thinking_that_is_not_shown_is_kept_all_the_same() {
    let reply = reply(&[
        start(0, json!({"type": "thinking", "thinking": ""})),
        delta(0, json!({"type": "signature_delta", "signature": "c2ln"})),
        stop(0),
        start(1, json!({"type": "text", "text": "done"})),
        ended("end_turn"),
    ]);
    let reasoning = reply.reasoning.unwrap();
    assert!(reasoning.text.is_empty());
    assert!(reasoning.kept.unwrap().json.contains("c2ln"));
}

#[test]
fn reasons_to_stop() {
    for (reason, stop) in [
        ("end_turn", StopReason::End),
        ("stop_sequence", StopReason::End),
        ("max_tokens", StopReason::Length),
        ("model_context_window_exceeded", StopReason::Length),
        ("refusal", StopReason::Filter),
        ("pause_turn", StopReason::Other("pause_turn".into())),
        ("tired", StopReason::Other("tired".into())),
    ] {
        assert_eq!(reply(&[ended(reason)]).stop, stop);
    }
}

#[test]
fn a_whole_answer_is_understood() {
    let reply = reply(&[json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m-2", "stop_reason": "end_turn",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "text", "text": "Hi"},
        ],
        "usage": {"input_tokens": 7, "output_tokens": 8, "output_tokens_details": {"thinking_tokens": 5}},
    })]);
    assert_eq!((&*reply.text, reply.stop), ("Hi", StopReason::End));
    assert_eq!(reply.reasoning.unwrap().text, "hm");
    assert_eq!(
        (reply.usage.input, reply.usage.output, reply.usage.reasoning),
        (7, 8, 5)
    );
}

#[test]
fn what_was_counted_at_the_beginning_is_not_wiped_by_zeros_at_the_end() {
    let zeros = json!({"input_tokens": 0, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 8});
    let counts = json!({"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20, "output_tokens": 0});
    let told = |first: &Value, last: &Value| {
        reply(&[
            json!({"type": "message_start", "message": {"usage": first}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last}),
        ])
        .usage
    };
    let expected = Usage {
        input: 125,
        cached: 100,
        cache_write: 20,
        output: 8,
        reasoning: 0,
        reported: true,
    };
    // Some count at the beginning, some at the end.
    assert_eq!(told(&counts, &zeros), expected);
    assert_eq!(told(&zeros, &counts), expected);
}

#[test]
fn names_that_are_numbers_spoil_no_answer() {
    let reply = reply(&[
        json!({"type": "message_start", "message": {"id": 5, "model": 4}}),
        ended("end_turn"),
    ]);
    assert_eq!((&*reply.model, reply.request.as_deref()), ("4", Some("5")));
}

#[test]
fn lies_about_tokens_are_not_believed() {
    for (usage, expected) in [
        (
            json!({"input_tokens": "many", "output_tokens": -3}),
            (100, 0, 0, false),
        ),
        (
            json!({"input_tokens": u64::MAX, "output_tokens": u64::MAX}),
            (100, 0, 0, false),
        ),
        (
            json!({"input_tokens": 2, "cache_read_input_tokens": 1e300, "output_tokens": 1}),
            (2, 0, 1, true),
        ),
        (json!([]), (100, 0, 0, false)),
    ] {
        let told = json!({"type": "message_start", "message": {"usage": usage}});
        let stop = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}});
        let usage = reply(&[told, stop]).usage;
        assert_eq!(
            (usage.input, usage.cached, usage.output, usage.reported),
            expected
        );
    }
}

#[test]
fn failures_and_garbage_are_told_apart() {
    let mut assembly = Message::default();
    let overloaded = json!({"type": "overloaded_error", "message": "Overloaded"});
    assert_eq!(
        take(
            &mut assembly,
            &json!({"type": "error", "error": overloaded})
        ),
        Err(DecodeError::Reported(overloaded))
    );
    for garbage in ["<html>", "{", "[7]", "7", r#"{"index":"x"}"#] {
        let event = Event {
            name: "content_block_delta",
            data: garbage,
        };
        assert!(
            matches!(
                assembly.take(event, &mut ()),
                Err(DecodeError::NotProtocol(_))
            ),
            "{garbage}"
        );
    }
    // Pieces of nothing are passed over.
    for event in [
        delta(3, json!({"type": "text_delta", "text": "x"})),
        delta(0, json!(7)),
        stop(9),
        start(0, json!(null)),
        json!({"type": "message_start"}),
        json!({"type": "message_delta", "delta": 7, "usage": 7}),
    ] {
        take(&mut assembly, &event).unwrap();
    }
    assert!(assembly.is_empty());
}
