//! The dialect of OpenAI's Responses over the wire, with and without a server that holds the conversation.

mod held;

use crate::server::{Answer, Server, answer};
use crate::{Heard, KEY, key_file, payload, settings, whole};
use charthouse_provider as provider;
use serde_json::{Value, json};
use std::sync::Arc;
use types::{
    Dialect, Effort, Item, Model, ModelErrorKind, Payload, Provenance, ProviderConfig,
    ProviderKind, Reply, Role, SecretRef, StopReason, ToolResult,
};

fn open(server: &Server, held: bool, key: Option<SecretRef>) -> Arc<dyn Model> {
    let kind = ProviderKind::Http {
        dialect: Dialect::Responses { held },
        base_url: server.base_url.clone(),
        key,
    };
    provider::open(&ProviderConfig::new("local", kind), &settings()).unwrap()
}

fn stream(events: &[Value]) -> String {
    let line = |event: &Value| {
        format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap()
        )
    };
    events.iter().map(line).collect()
}

/// A response called `id` with some reasoning, `text` and a call for each of `calls`; `previous` is what it goes on from.
fn response(id: &str, previous: Option<&str>, text: &str, calls: &[&str]) -> Vec<Value> {
    let mut output = vec![
        json!({"type": "reasoning", "id": format!("rs_{id}"), "summary": [], "encrypted_content": format!("secret of {id}")}),
        json!({"type": "message", "id": format!("msg_{id}"), "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}]}),
    ];
    output.extend(calls.iter().map(|call| {
        json!({"type": "function_call", "id": format!("fc_{call}"), "call_id": call, "name": "fs__read", "arguments": "{\"path\":\"/a\"}", "status": "completed"})
    }));
    let head = |status: &str, output: &[Value]| {
        json!({"object": "response", "id": id, "model": "m-1", "status": status, "previous_response_id": previous, "error": null,
            "incomplete_details": null, "output": output, "usage": {"input_tokens": 20, "input_tokens_details": {"cached_tokens": 5},
            "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 4}}})
    };
    let mut events = vec![
        json!({"type": "response.created", "response": head("in_progress", &[])}),
        json!({"type": "response.in_progress", "response": head("in_progress", &[])}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "item_id": format!("rs_{id}"), "summary_index": 0, "delta": "Hm é"}),
    ];
    for piece in text.split_inclusive(' ') {
        events.push(json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "item_id": format!("msg_{id}"), "delta": piece}));
    }
    for (index, item) in output.iter().enumerate() {
        events.push(
            json!({"type": "response.output_item.done", "output_index": index, "item": item}),
        );
    }
    events.push(json!({"type": "response.completed", "response": head("completed", &output)}));
    events
}

fn fine(id: &str, previous: Option<&str>, text: &str, calls: &[&str]) -> Answer {
    let headers = ["content-type: text/event-stream", "x-request-id: req-9"];
    whole(answer(
        "200 OK",
        &headers,
        &stream(&response(id, previous, text, calls)),
    ))
}

fn refused(status: &str, error: Value) -> Answer {
    whole(answer(status, &[], &json!({ "error": error }).to_string()))
}

async fn ask(model: &Arc<dyn Model>, payload: &Payload) -> Reply {
    model.complete(payload, &mut ()).await.unwrap()
}

fn say(role: Role, text: &str) -> Arc<Item> {
    Arc::new(Item::Text {
        role,
        text: text.into(),
        provenance: Provenance::Human,
        labels: vec![],
    })
}

/// `payload` with `reply`, the results of its calls and a word more.
fn next(payload: &Payload, reply: &Reply) -> Payload {
    let mut next = payload.clone();
    next.items.push(Arc::new(Item::Assistant {
        text: (&*reply.text).into(),
        reasoning: reply.reasoning.clone(),
        calls: reply.calls.clone(),
        provenance: Provenance::Model(reply.model.clone()),
    }));
    next.items.extend(reply.calls.iter().map(|call| {
        Arc::new(Item::Result(ToolResult {
            call: call.id.clone(),
            name: call.name.clone(),
            text: format!("result of {}", call.id).into(),
            failed: false,
            provenance: Provenance::House,
            labels: vec![],
        }))
    }));
    next.items.push(say(Role::User, "And now?"));
    next
}

/// What of a request's input is what, in short.
fn input(server: &Server, n: usize) -> Vec<String> {
    let body = server.body(n);
    let short = |item: &Value| {
        let field = match item["type"].as_str().unwrap() {
            "message" => "content",
            "reasoning" => "id",
            _ => "call_id",
        };
        format!(
            "{} {}",
            item["type"].as_str().unwrap(),
            item[field].as_str().unwrap()
        )
    };
    body["input"]
        .as_array()
        .unwrap()
        .iter()
        .map(short)
        .collect()
}

const WHOLE: [&str; 8] = [
    "message Hello",
    "reasoning rs_r1",
    "message Let me see",
    "function_call a",
    "function_call b",
    "function_call_output a",
    "function_call_output b",
    "message And now?",
];
const NEW: [&str; 3] = [
    "function_call_output a",
    "function_call_output b",
    "message And now?",
];

#[tokio::test]
async fn a_response_is_understood_wherever_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let body = stream(&response("r1", None, "Grüße an 🦀", &["a", "b"]));
    for size in [1, 2, 3, 7, 64, 100_000] {
        let bytes = answer("200 OK", &["x-request-id: req-9"], &body);
        let server = Server::start(vec![Answer::Pieces(bytes, size)]).await;
        let model = open(&server, false, Some(key_file(folder.path())));
        let mut asked = payload();
        asked.items.insert(0, say(Role::System, "Be brief."));
        asked.parameters.reasoning = Some(Effort::Low);
        let mut heard = Heard::default();
        let reply = model.complete(&asked, &mut heard).await.unwrap();
        assert_eq!(
            (&*reply.text, &*heard.text),
            ("Grüße an 🦀", "Grüße an 🦀"),
            "pieces of {size}"
        );
        assert_eq!(heard.reasoning, "Hm é");
        let calls: Vec<_> = reply
            .calls
            .iter()
            .map(|c| (&*c.id, &*c.name, c.arguments.to_string()))
            .collect();
        let arguments = "{\"path\":\"/a\"}".to_owned();
        assert_eq!(
            calls,
            [
                ("a", "fs.read", arguments.clone()),
                ("b", "fs.read", arguments)
            ]
        );
        assert_eq!(
            (reply.stop, reply.request.as_deref()),
            (StopReason::ToolCalls, Some("req-9"))
        );
        assert_eq!(
            (
                reply.usage.input,
                reply.usage.cached,
                reply.usage.output,
                reply.usage.reasoning
            ),
            (20, 5, 9, 4)
        );
        let head = server.requests()[0].to_ascii_lowercase();
        assert!(
            head.starts_with("post /v1/responses http/1.1\r\n"),
            "{head}"
        );
        assert!(
            head.contains(&format!("authorization: bearer {KEY}\r\n")),
            "{head}"
        );
        assert_eq!(
            server.body(0),
            json!({
                "model": "qwen3", "stream": true, "store": false, "include": ["reasoning.encrypted_content"], "max_output_tokens": 100,
                "reasoning": {"effort": "low", "summary": "auto"},
                "tools": [{"type": "function", "name": "fs__read", "description": "Reads.", "parameters": {"type": "object"}, "strict": false}],
                "instructions": "Be brief.",
                "input": [{"type": "message", "role": "user", "content": "Hello"}],
            })
        );
    }
}

#[tokio::test]
async fn without_a_server_that_holds_it_the_whole_conversation_goes_with_its_reasoning() {
    let server = Server::start(vec![fine("r1", None, "Let me see", &["a", "b"])]).await;
    let model = open(&server, false, None);
    let first = payload();
    let reply = ask(&model, &first).await;
    ask(&model, &next(&first, &reply)).await;
    assert_eq!(input(&server, 1), WHOLE);
    let body = server.body(1);
    assert_eq!(body["input"][1]["encrypted_content"], "secret of r1");
    assert_eq!(
        (&body["store"], body.get("previous_response_id")),
        (&json!(false), None)
    );
}

#[tokio::test]
async fn what_a_model_does_not_take_is_left_out_and_that_is_remembered() {
    let server = Server::start(vec![
        refused("400 Bad Request", json!({"message": "Encrypted content is not supported with this model.", "param": "include"})),
        refused("400 Bad Request", json!({"message": "Your organization must be verified to generate reasoning summaries.", "param": "reasoning.summary"})),
        refused("400 Bad Request", json!({"message": "Unsupported parameter: 'temperature' is not supported with this model."})),
        fine("r1", None, "Hi", &[]),
    ])
    .await;
    let model = open(&server, false, None);
    let mut asked = payload();
    asked.parameters.reasoning = Some(Effort::High);
    asked.parameters.temperature = Some(0.3);
    ask(&model, &asked).await;
    ask(&model, &asked).await;
    for n in [3, 4] {
        let body = server.body(n);
        assert_eq!(body["reasoning"], json!({"effort": "high"}));
        assert_eq!((body.get("include"), body.get("temperature")), (None, None));
    }
    // Another model may take it.
    asked.parameters.name = "other".into();
    ask(&model, &asked).await;
    assert_eq!(
        server.body(5)["include"],
        json!(["reasoning.encrypted_content"])
    );
    // A refusal that repeats itself is an error and no endless loop.
    let server = Server::start(vec![refused(
        "400 Bad Request",
        json!({"message": "bad 'include'"}),
    )])
    .await;
    let error = open(&server, true, None)
        .complete(&asked, &mut ())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, server.requests().len()),
        (ModelErrorKind::Rejected, 2)
    );
}

#[tokio::test]
async fn a_stream_that_is_cut_or_fails_is_an_error_and_nothing_is_held_of_it() {
    let events = response("r1", None, "Let me see", &["a", "b"]);
    let cut = |n: usize| whole(answer("200 OK", &[], &stream(&events[..n])));
    let failed = json!({"type": "response.failed", "response": {"id": "r1", "status": "failed", "error": {"code": "rate_limit_exceeded", "message": "too much"}}});
    let fails = whole(answer(
        "200 OK",
        &[],
        &stream(&[&events[..4], &[failed]].concat()),
    ));
    for (answer, kind, words) in [
        (cut(4), ModelErrorKind::Unreachable, "broke off"),
        (
            cut(events.len() - 1),
            ModelErrorKind::Unreachable,
            "broke off",
        ),
        (fails, ModelErrorKind::RateLimited, "too much"),
    ] {
        let server = Server::start(vec![answer, fine("r2", None, "Hi", &[])]).await;
        let model = open(&server, true, None);
        let first = payload();
        let error = model.complete(&first, &mut ()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(words), "{error}");
        let reply = ask(&model, &first).await;
        assert_eq!(server.body(1).get("previous_response_id"), None);
        ask(&model, &next(&first, &reply)).await;
        assert_eq!(server.body(2)["previous_response_id"], "r2");
    }
}

#[tokio::test]
async fn what_is_no_response_is_told() {
    for body in [
        r#"{"object":"chat.completion","choices":[]}"#,
        "data: {\"choices\":[{\"delta\":{}}]}\n\n",
        "<html>",
        "",
    ] {
        let server = Server::start(vec![whole(answer("200 OK", &[], body))]).await;
        let error = open(&server, false, None)
            .complete(&payload(), &mut ())
            .await
            .unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Protocol, "{body}: {error}");
        assert!(error.message.contains("is not a response"), "{error}");
    }
}
