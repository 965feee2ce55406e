//! The dialect of Anthropic's Messages over the wire.

use crate::server::{Answer, Server, answer};
use crate::{Heard, KEY, key_file, payload, settings, whole};
use charthouse_provider as provider;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use types::{
    Dialect, Effort, Model, ModelErrorKind, Patience, ProviderConfig, ProviderKind, SecretRef,
    StopReason, Usage,
};

fn open(base_url: &str, key: Option<SecretRef>) -> Arc<dyn Model> {
    let kind = ProviderKind::Http {
        dialect: Dialect::Messages,
        base_url: base_url.to_owned(),
        key,
    };
    provider::open(&ProviderConfig::new("claude", kind), &settings()).unwrap()
}

fn stream(events: &[Value]) -> String {
    events
        .iter()
        .map(|event| {
            let name = event["type"].as_str().unwrap();
            format!("event: {name}\ndata: {event}\n\n")
        })
        .collect()
}

fn said(text: &str) -> Vec<Value> {
    vec![
        json!({"type": "message_start", "message": {"id": "msg_1", "model": "claude-x", "usage": {"input_tokens": 4, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 6}}),
        json!({"type": "message_stop"}),
    ]
}

fn fine() -> Answer {
    let headers = ["content-type: text/event-stream", "request-id: req_011"];
    whole(answer("200 OK", &headers, &stream(&said("Grüße 🦀"))))
}

fn refused(status: &str, kind: &str, message: &str) -> Answer {
    let body = json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_012"});
    whole(answer(status, &[], &body.to_string()))
}

#[tokio::test]
async fn a_message_goes_there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    for under in ["", "/", "/v1", "/v1/messages"] {
        let bytes = answer(
            "200 OK",
            &["request-id: req_011"],
            &stream(&said("Grüße 🦀")),
        );
        let server = Server::start(vec![Answer::Pieces(bytes, 3)]).await;
        let base = server.base_url.strip_suffix("/v1").unwrap();
        let mut heard = Heard::default();
        let reply = open(&format!("{base}{under}"), Some(key_file(folder.path())))
            .complete(&payload(), &mut heard)
            .await
            .unwrap();
        assert_eq!((&*reply.text, reply.stop), ("Grüße 🦀", StopReason::End));
        assert_eq!(heard.text, "Grüße 🦀");
        assert_eq!(reply.request.as_deref(), Some("req_011"));
        assert_eq!((reply.usage.input, reply.usage.output), (4, 6));
        let head = server.requests()[0].to_ascii_lowercase();
        assert!(head.starts_with("post /v1/messages http/1.1\r\n"), "{head}");
        for line in [
            "anthropic-version: 2023-06-01\r\n",
            &format!("x-api-key: {KEY}\r\n"),
            "content-length: ",
        ] {
            assert!(head.contains(line), "{head}");
        }
        assert!(
            !head.contains("authorization") && !head.contains("transfer-encoding"),
            "{head}"
        );
        assert_eq!(
            server.body(0)["messages"],
            json!([{"role": "user", "content": [{"type": "text", "text": "Hello"}]}])
        );
    }
}

#[tokio::test]
async fn what_a_model_refuses_is_said_otherwise_and_remembered() {
    let server = Server::start(vec![
        refused(
            "400 Bad Request",
            "invalid_request_error",
            "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \"output_config.effort\" to control \
             thinking behavior.",
        ),
        fine(),
        fine(),
        refused(
            "400 Bad Request",
            "invalid_request_error",
            "`temperature` is deprecated for this model.",
        ),
        fine(),
    ])
    .await;
    let model = open(&server.base_url, None);
    let mut asked = payload();
    asked.parameters.max_output = 8000;
    asked.parameters.reasoning = Some(Effort::Medium);
    for _ in 0..2 {
        model.complete(&asked, &mut ()).await.unwrap();
    }
    asked.parameters.reasoning = None;
    asked.parameters.temperature = Some(0.5);
    model.complete(&asked, &mut ()).await.unwrap();
    let thinking = |n: usize| server.body(n)["thinking"]["type"].clone();
    assert_eq!(
        [thinking(0), thinking(1), thinking(2), thinking(3)],
        [
            json!("enabled"),
            json!("adaptive"),
            json!("adaptive"),
            Value::Null
        ]
    );
    assert_eq!(server.body(1)["output_config"]["effort"], "medium");
    assert_eq!(server.body(3)["temperature"], 0.5);
    assert!(server.body(4).get("temperature").is_none());
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn a_model_that_is_never_content_is_not_asked_for_ever() {
    let server = Server::start(vec![refused(
        "400 Bad Request",
        "invalid_request_error",
        "thinking.type.adaptive temperature",
    )])
    .await;
    let mut asked = payload();
    asked.parameters.max_output = 8000;
    asked.parameters.reasoning = Some(Effort::Medium);
    asked.parameters.temperature = Some(0.1);
    let error = open(&server.base_url, None)
        .complete(&asked, &mut ())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Rejected);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn failures_have_their_kind_their_word_and_their_id() {
    for (status, word, message, kind) in [
        (
            "401 Unauthorized",
            "authentication_error",
            "invalid x-api-key",
            ModelErrorKind::Unauthorised,
        ),
        (
            "404 Not Found",
            "not_found_error",
            "model: x",
            ModelErrorKind::Rejected,
        ),
        (
            "413 Too Large",
            "request_too_large",
            "Request exceeds the maximum size",
            ModelErrorKind::ContextOverflow,
        ),
        (
            "400 Bad Request",
            "invalid_request_error",
            "prompt is too long: 210000 tokens > 200000 maximum",
            ModelErrorKind::ContextOverflow,
        ),
        (
            "400 Bad Request",
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            ModelErrorKind::ContextOverflow,
        ),
        (
            "429 Too Many",
            "rate_limit_error",
            "slow down",
            ModelErrorKind::RateLimited,
        ),
        (
            "529 Overloaded",
            "overloaded_error",
            "Overloaded",
            ModelErrorKind::Unreachable,
        ),
    ] {
        let server = Server::start(vec![refused(status, word, message)]).await;
        let error = open(&server.base_url, None)
            .complete(&payload(), &mut ())
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert_eq!(error.code.as_deref(), Some(word));
        assert_eq!(error.request.as_deref(), Some("req_012"));
        assert!(error.message.contains(message), "{error}");
        assert!(error.message.contains("provider `claude`"), "{error}");
    }
}

#[tokio::test]
async fn an_overloaded_server_is_asked_again_unless_it_has_begun() {
    let error =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    for (before, requests) in [(1, 2), (4, 1)] {
        let mut events = said("half");
        events.truncate(before);
        events.push(error.clone());
        let first = whole(answer("200 OK", &["request-id: req_013"], &stream(&events)));
        let server = Server::start(vec![first, fine()]).await;
        let outcome = open(&server.base_url, None)
            .complete(&payload(), &mut ())
            .await;
        assert_eq!(server.requests().len(), requests, "{outcome:?}");
        if let Err(error) = outcome {
            assert_eq!(error.status, Some(529));
            assert_eq!(error.code.as_deref(), Some("overloaded_error"));
            assert_eq!(error.request.as_deref(), Some("req_013"));
        }
    }
}

#[tokio::test]
async fn what_is_no_message_says_so() {
    for (body, words) in [
        ("<html>Welcome</html>", "Welcome"),
        (
            r#"{"choices":[{"message":{"content":"hi"}}]}"#,
            "it holds no answer",
        ),
        ("", "the body is empty"),
        ("data: {\"type\":7}\n\n", "invalid type"),
    ] {
        let server = Server::start(vec![whole(answer("200 OK", &[], body))]).await;
        let error = open(&server.base_url, None)
            .complete(&payload(), &mut ())
            .await
            .unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Protocol, "{error}");
        assert!(error.message.contains("is not a message"), "{error}");
        assert!(error.message.contains(words), "{error}");
    }
    let mut cut = said("half");
    cut.truncate(4);
    let server = Server::start(vec![whole(answer("200 OK", &[], &stream(&cut)))]).await;
    let error = open(&server.base_url, None)
        .complete(&payload(), &mut ())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unreachable);
    assert!(error.message.contains("broke off"), "{error}");
}

#[tokio::test]
async fn an_answer_says_what_the_attempts_before_it_cost() {
    let overloaded =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let refused_late = [&said("half")[..1], &[overloaded]].concat();
    let refused = || whole(answer("200 OK", &[], &stream(&refused_late)));
    for (before, told) in [(0, None), (1, Some(4)), (2, Some(8))] {
        let mut answers: Vec<Answer> = (0..before).map(|_| refused()).collect();
        answers.push(fine());
        let server = Server::start(answers).await;
        let reply = open(&server.base_url, None)
            .complete(&payload(), &mut ())
            .await
            .unwrap();
        assert_eq!(reply.abandoned.map(|usage| usage.input), told);
        assert_eq!(reply.usage.input, 4);
    }
}

#[tokio::test]
async fn what_failed_says_what_it_cost() {
    let told = |attempts: u64| {
        Some(Usage {
            input: 4 * attempts,
            cached: 0,
            cache_write: 0,
            output: attempts,
            reasoning: 0,
            reported: true,
        })
    };
    let ok = |events: &[Value]| answer("200 OK", &[], &stream(events));
    let begun = said("half")[..4].to_vec();
    let overloaded =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let failed = [&begun[..], std::slice::from_ref(&overloaded)].concat();
    let refused_late = [&begun[..1], &[overloaded]].concat();
    for (first, usage) in [
        // It breaks off, it fails, it stalls.
        (whole(ok(&begun)), told(1)),
        (whole(ok(&failed)), told(1)),
        (Answer::Hang(ok(&begun)), told(1)),
        // It goes on for ever without saying anything.
        (Answer::Drip(ok(&begun), b": wait\n\n".to_vec()), told(1)),
        // Each attempt is paid for.
        (whole(ok(&refused_late)), told(3)),
        // Nothing was told.
        (whole(answer("200 OK", &[], "")), None),
        (whole(answer("400 No", &[], "{}")), None),
    ] {
        let server = Server::start(vec![first]).await;
        let kind = ProviderKind::Http {
            dialect: Dialect::Messages,
            base_url: server.base_url.clone(),
            key: None,
        };
        let config = ProviderConfig {
            patience: Patience {
                idle: Some(Duration::from_millis(500)),
                total: Some(Duration::from_secs(2)),
                ..Patience::default()
            },
            ..ProviderConfig::new("claude", kind)
        };
        let error = provider::open(&config, &settings())
            .unwrap()
            .complete(&payload(), &mut ())
            .await
            .unwrap_err();
        assert_eq!(error.usage, usage, "{error}");
    }
}
