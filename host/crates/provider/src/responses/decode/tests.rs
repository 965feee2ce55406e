//! What the Responses API streams, whole, cut off and garbled.

use super::*;
use crate::responses::held::Memory;
use proptest::prelude::*;
use std::sync::Arc;
use types::{Item, Payload, Provenance, ToolCall};

fn take(response: &mut Response<'_>, data: &Value) -> Result<(), DecodeError> {
    let data = data.to_string();
    response.take(
        Event {
            name: "",
            data: &data,
        },
        &mut (),
    )
}

fn reply(events: &[Value]) -> Reply {
    let mut response = Box::new(Response::new(None));
    for event in events {
        take(&mut response, event).unwrap();
    }
    assert!(response.is_finished());
    response.into_reply(&Asked {
        turn: 3,
        sent: 400,
        model: "asked",
    })
}

fn completed(output: Value) -> Value {
    json!({"type": "response.completed", "response": {"id": "resp_1", "model": "m-1", "status": "completed", "output": output, "usage": {
        "input_tokens": 10, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 99}, "output_tokens_details": {"reasoning_tokens": 3},
    }}})
}

fn calls(reply: &Reply) -> Vec<(&str, &str, String)> {
    let parts = |call: &'_ ToolCall| call.arguments.to_string();
    reply
        .calls
        .iter()
        .map(|call| (&*call.id, &*call.name, parts(call)))
        .collect()
}

fn message(text: &str) -> Value {
    json!({"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

fn function(id: &str, arguments: Value) -> Value {
    json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": "fs__read", "arguments": arguments})
}

fn reasoning(id: &str) -> Value {
    json!({"type": "reasoning", "id": id, "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}], "encrypted_content": "x"})
}

#[test]
fn outputs_that_come_mixed_are_told_apart() {
    let reply = reply(&[
        json!({"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call", "id": "fc_a", "call_id": "a", "name": "fs__read", "arguments": ""}}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "function_call", "id": "fc_b", "call_id": "b", "name": "signal", "arguments": ""}}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 1, "item_id": "fc_b", "delta": "{"}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc_a", "delta": "{\"p\":"}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 1, "item_id": "fc_b", "delta": "}"}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc_a", "delta": "1"}),
        json!({"type": "response.function_call_arguments.done", "output_index": 0, "item_id": "fc_a", "arguments": "{\"p\":1}"}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": {"type": "function_call", "id": "fc_b", "call_id": "b", "name": "signal", "arguments": ""}}),
        json!({"type": "response.web_search_call.searching", "output_index": 9, "new": [1]}),
        completed(json!([])),
    ]);
    assert_eq!(
        calls(&reply),
        [
            ("a", "fs.read", "{\"p\":1}".to_owned()),
            ("b", "signal", "{}".to_owned())
        ]
    );
    assert_eq!(reply.stop, StopReason::ToolCalls);
    assert_eq!(
        (&*reply.model, reply.request.as_deref()),
        ("m-1", Some("resp_1"))
    );
    assert_eq!(
        reply.usage,
        Usage {
            input: 10,
            cached: 10,
            cache_write: 0,
            output: 7,
            reasoning: 3,
            reported: true
        }
    );
}

#[test]
fn whole_outputs_and_whole_responses_are_understood_without_deltas() {
    let outputs = [
        reasoning("rs_1"),
        message("Hi"),
        function("a", json!("{}")),
        function("b", json!({"p": 1})),
    ];
    let one_by_one = outputs.iter().enumerate().map(|(index, item)| {
        json!({"type": "response.output_item.done", "output_index": index, "item": item})
    });
    let one_by_one: Vec<Value> = one_by_one.chain([completed(json!(outputs))]).collect();
    let at_the_end = vec![completed(json!(outputs))];
    let in_one_piece = vec![
        json!({"object": "response", "id": "resp_1", "status": "completed", "error": null, "output": outputs, "model": "m-1"}),
    ];
    for events in [one_by_one, at_the_end, in_one_piece] {
        let reply = reply(&events);
        assert_eq!(&*reply.text, "Hi");
        assert_eq!(
            calls(&reply),
            [
                ("a", "fs.read", "{}".to_owned()),
                ("b", "fs.read", "{\"p\":1}".to_owned())
            ]
        );
        let thought = reply.reasoning.unwrap();
        assert_eq!(thought.text, "one\n\ntwo");
        let expected = format!(
            "[\n{},\n\"message\",\n\"call\",\n\"call\"\n]",
            reasoning("rs_1")
        );
        assert_eq!(&*thought.kept.unwrap().json, expected);
    }
}

#[test]
fn what_was_streamed_is_not_said_twice() {
    let reply = reply(&[
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "on"}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "e"}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "two"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": reasoning("rs_1")}),
        json!({"type": "response.output_text.delta", "output_index": 1, "item_id": "x", "delta": "He"}),
        json!({"type": "response.output_text.delta", "output_index": 1, "item_id": "other each time", "delta": "llo"}),
        json!({"type": "response.output_text.done", "output_index": 1, "text": "Hello"}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": message("Hello")}),
        json!({"type": "response.refusal.delta", "output_index": 2, "delta": "No."}),
        completed(json!([reasoning("rs_1"), message("Hello")])),
    ]);
    assert_eq!(&*reply.text, "Hello\n\nNo.");
    assert_eq!(reply.reasoning.unwrap().text, "one\n\ntwo");
}

#[test]
fn reasoning_that_is_only_an_id_is_not_kept_and_nothing_that_is_null() {
    let text = json!([{"type": "reasoning_text", "text": null}]);
    for (item, expected) in [
        (json!({"type": "reasoning", "id": "r", "summary": []}), None),
        (
            json!({"type": "reasoning", "id": "r", "summary": [], "encrypted_content": null, "content": []}),
            None,
        ),
        (
            json!({"type": "reasoning", "id": "r", "status": null, "content": text}),
            Some(json!({"type": "reasoning", "id": "r", "content": text})),
        ),
    ] {
        let reply = reply(&[completed(json!([item, message("x")]))]);
        let kept = reply.reasoning.and_then(|thought| thought.kept);
        let kept: Option<Value> = kept.map(|kept| serde_json::from_str(&kept.json).unwrap());
        assert_eq!(
            kept,
            expected.map(|item| json!([item, "message"])),
            "{item}"
        );
    }
}

#[test]
fn reasons_to_stop() {
    let incomplete = |reason: Value| json!({"type": "response.incomplete", "response": {"status": "incomplete", "incomplete_details": reason}});
    for (event, stop) in [
        (completed(json!([message("x")])), StopReason::End),
        (
            incomplete(json!({"reason": "max_output_tokens"})),
            StopReason::Length,
        ),
        (
            incomplete(json!({"reason": "content_filter"})),
            StopReason::Filter,
        ),
        (
            incomplete(json!({"reason": "tired"})),
            StopReason::Other("tired".into()),
        ),
        (
            incomplete(Value::Null),
            StopReason::Other("incomplete".into()),
        ),
        (
            json!({"type": "response.cancelled", "response": {}}),
            StopReason::Other("cancelled".into()),
        ),
    ] {
        let reply = reply(std::slice::from_ref(&event));
        assert_eq!(reply.stop, stop, "{event}");
    }
}

#[test]
fn failures_inside_the_stream_and_garbage_are_told_apart() {
    let error = json!({"code": "server_error", "message": "full"});
    for reported in [
        json!({"type": "response.failed", "response": {"status": "failed", "error": error}}),
        json!({"type": "error", "error": error}),
        json!({"error": error}),
    ] {
        let mut response = Response::new(None);
        assert_eq!(
            take(&mut response, &reported),
            Err(DecodeError::Reported(error.clone()))
        );
        assert!(response.is_empty() && !response.is_finished());
    }
    let mut response = Response::new(None);
    let flat = json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": null, "sequence_number": 1});
    assert_eq!(
        take(&mut response, &flat),
        Err(DecodeError::Reported(flat.clone()))
    );
    for garbage in [
        json!({"choices": []}),
        json!([]),
        json!(null),
        json!(7),
        json!({"object": "response", "status": "queued"}),
    ] {
        let taken = take(&mut response, &garbage);
        assert!(
            matches!(taken, Err(DecodeError::NotProtocol(_))),
            "{garbage}: {taken:?}"
        );
    }
    let many =
        |n: usize| json!({"type": "response.output_item.added", "output_index": n, "item": {}});
    let refused = (0..=MOST_OUTPUTS).find_map(|n| take(&mut response, &many(n)).err());
    assert!(refused.is_some(), "an endless list of outputs is refused");
}

#[test]
fn odd_shapes_do_no_harm() {
    for odd in [
        json!({"type": "response.output_item.done", "item": 7}),
        json!({"type": "response.output_item.done", "output_index": -1, "item": {"type": "message", "content": {"a": 1}}}),
        json!({"type": "response.output_text.delta", "delta": {"a": 1}}),
        json!({"type": "response.created"}),
        json!({"type": 7, "object": "response", "output": {}, "usage": []}),
    ] {
        let mut response = Response::new(None);
        let _ = take(&mut response, &odd);
        assert!(response.draft.is_empty(), "{odd}");
    }
    // Without indices and ids, what comes belongs to what came last.
    let reply = reply(&[
        json!({"type": "response.output_item.added", "item": {"type": "function_call", "call_id": "a", "name": "x"}}),
        json!({"type": "response.function_call_arguments.delta", "delta": "{}"}),
        json!({"type": "response.completed", "response": {}}),
    ]);
    assert_eq!(calls(&reply), [("a", "x", "{}".to_owned())]);
}

#[test]
fn only_a_whole_answer_is_remembered() {
    let payload: Payload = serde_json::from_value(json!({
        "items": [{"type": "text", "role": "user", "text": "a", "provenance": "human"}], "tools": [],
        "parameters": {"provider": "p", "name": "m", "context_length": 1, "max_output": 1},
    }))
    .unwrap();
    let asked = Asked {
        turn: 0,
        sent: 0,
        model: "m",
    };
    let cut = json!({"type": "response.incomplete", "response": {"id": "resp_1", "status": "incomplete", "output": [message("x")]}});
    for (event, is_remembered) in [(completed(json!([message("x")])), true), (cut, false)] {
        let memory = Memory::default();
        let mut response = Box::new(Response::new(Some(Holding {
            memory: &memory,
            conversation: &payload.items,
            continuation: None,
        })));
        take(&mut response, &event).unwrap();
        let reply = response.into_reply(&asked);
        let answer = Arc::new(Item::Assistant {
            text: (&*reply.text).into(),
            reasoning: reply.reasoning,
            calls: reply.calls,
            provenance: Provenance::House,
        });
        let next = [payload.items[0].clone(), answer, payload.items[0].clone()];
        assert_eq!(memory.continuation(&next).is_some(), is_remembered);
    }
}

fn any_field() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i8>().prop_map(|n| json!(n)),
        "[a{\"]{0,3}".prop_map(|text| json!(text)),
        Just(function("a", json!("{}"))),
        Just(message("x")),
        Just(reasoning("rs_1")),
        Just(
            json!({"id": "r", "status": "completed", "output": [reasoning("rs_1"), 7, function("b", json!([]))], "usage": {"input_tokens": -1}})
        ),
    ]
}

fn any_event() -> impl Strategy<Value = Value> {
    let kind = proptest::sample::select(vec![
        "created",
        "output_item.added",
        "output_item.done",
        "output_text.delta",
        "refusal.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "reasoning_summary_text.delta",
        "reasoning_text.delta",
        "completed",
        "incomplete",
        "failed",
        "unheard.of",
    ]);
    let names = [
        "output_index",
        "item_id",
        "delta",
        "item",
        "response",
        "arguments",
        "summary_index",
    ];
    let fields = proptest::collection::btree_map(
        proptest::sample::select(names.to_vec()),
        any_field(),
        0..7,
    );
    (kind, fields).prop_map(|(kind, fields)| {
        let mut event = json!(fields);
        event["type"] = json!(format!("response.{kind}"));
        event
    })
}

proptest! {
    #[test]
    fn no_stream_is_too_odd(events in proptest::collection::vec(any_event(), 0..12)) {
        let mut response = Box::new(Response::new(None));
        let mut heard = Heard::default();
        for event in &events {
            let data = event.to_string();
            let _ = response.take(Event { name: "", data: &data }, &mut heard);
        }
        let reply = response.into_reply(&Asked { turn: 0, sent: 0, model: "m" });
        prop_assert_eq!(&*reply.text, heard.text);
        let thought = reply.reasoning.unwrap_or(Reasoning::text(""));
        prop_assert_eq!(&*thought.text.plain(), heard.reasoning);
        // What is kept is JSON, whatever came.
        let kept = thought.kept.map(|kept| serde_json::from_str::<Vec<Value>>(&kept.json));
        prop_assert!(kept.is_none_or(|kept| kept.is_ok()));
    }
}

#[derive(Default)]
struct Heard {
    text: String,
    reasoning: String,
}

impl ModelSink for Heard {
    fn text(&mut self, delta: &str) {
        self.text += delta;
    }
    fn reasoning(&mut self, delta: &str) {
        self.reasoning += delta;
    }
}

#[test]
fn a_response_that_failed_is_paid_for() {
    let mut response = Response::new(None);
    let failed = json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error"},
        "usage": {"input_tokens": 3, "output_tokens": 2}}});
    take(&mut response, &failed).unwrap_err();
    let usage = response.usage().unwrap();
    assert_eq!((usage.input, usage.output), (3, 2));
}
