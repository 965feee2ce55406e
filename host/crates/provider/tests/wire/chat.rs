//! The OpenAI dialect against a server on this machine: what is sent, what is understood, and what is said when it goes wrong.

use crate::server::{Answer, Server, answer, events};
use crate::{Heard, KEY, ask, ask_for, chat_completions, key_file, open, payload, settings, whole};
use charthouse_provider as provider;
use std::time::Duration;
use tokio::net::TcpListener;
use types::{Effort, ModelErrorKind, ModelSink, ProviderConfig, SecretRef, StopReason, Usage};

pub const STREAM: [&str; 9] = [
    r#"{"id":"r1","model":"qwen3-8b","choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"Hm é"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"Grüße "}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"🦀"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"fs__read","arguments":"{\"path\":"}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"made up","arguments":"{}"}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"/a\\\"ü\"}"}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":null}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
    "[DONE]",
];

#[tokio::test]
async fn a_stream_is_understood_wherever_it_is_cut() {
    for end in ["\n", "\r\n"] {
        let body = format!(": waiting{end}{end}{}", events(end, &STREAM));
        for size in [1, 2, 3, 7, 64, 100_000] {
            let bytes = answer(
                "200 OK",
                &["content-type: text/event-stream", "x-request-id: req-9"],
                &body,
            );
            let server = Server::start(vec![Answer::Pieces(bytes, size)]).await;
            let mut heard = Heard::default();
            let reply = open(&server.base_url, None, &settings())
                .complete(&payload(), &mut heard)
                .await
                .unwrap();
            assert_eq!(
                (
                    &*reply.text,
                    reply
                        .reasoning
                        .as_ref()
                        .map(|thought| thought.text.to_string())
                ),
                ("Grüße 🦀", Some("Hm é".to_owned())),
                "pieces of {size}"
            );
            assert_eq!(
                (heard.text, heard.reasoning),
                ("Grüße 🦀".to_owned(), "Hm é".to_owned())
            );
            let calls: Vec<_> = reply
                .calls
                .iter()
                .map(|c| (&*c.id, &*c.name, c.arguments.to_string()))
                .collect();
            assert_eq!(
                calls,
                [
                    ("a", "fs.read", "{\"path\":\"/a\\\"ü\"}".to_owned()),
                    ("b", "made up", "{}".to_owned())
                ]
            );
            assert_eq!(reply.stop, StopReason::ToolCalls);
            assert_eq!(
                reply.usage,
                Usage {
                    input: 11,
                    cached: 5,
                    cache_write: 0,
                    output: 7,
                    reasoning: 2,
                    reported: true
                }
            );
            assert_eq!(
                (&*reply.model, reply.request.as_deref()),
                ("qwen3-8b", Some("req-9"))
            );
        }
    }
}

#[tokio::test]
async fn the_request_is_a_chat_completion() {
    let server = Server::start(vec![whole(answer("200 OK", &[], &events("\n", &STREAM)))]).await;
    ask(&server).await.unwrap();
    let head = server.requests()[0].to_ascii_lowercase();
    assert!(
        head.starts_with("post /v1/chat/completions http/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.contains("content-type: application/json\r\n") && !head.contains("authorization"),
        "{head}"
    );
    assert!(
        head.contains("content-length: ") && !head.contains("transfer-encoding"),
        "{head}"
    );
    assert_eq!(
        server.body(0),
        serde_json::json!({
            "model": "qwen3", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 100,
            "tools": [{"type": "function", "function": {"name": "fs__read", "description": "Reads.", "parameters": {"type": "object"}}}],
            "messages": [{"role": "user", "content": "Hello"}],
        })
    );
}

#[tokio::test]
async fn the_houses_model_name_wins_over_the_agents() {
    let server = Server::start(vec![whole(answer("200 OK", &[], &events("\n", &STREAM)))]).await;
    let config = ProviderConfig {
        model: Some("the-only-one".into()),
        ..ProviderConfig::new("local", chat_completions(&server.base_url, None))
    };
    let model = provider::open(&config, &settings()).unwrap();
    model.complete(&payload(), &mut ()).await.unwrap();
    assert_eq!(server.body(0)["model"], "the-only-one");
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let body = r#"
        {"id":"r","choices":[{"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"#;
    let reply = ask_for(vec![Answer::Pieces(
        answer("200 OK", &["content-type: application/json"], body),
        5,
    )])
    .await
    .unwrap();
    assert_eq!(
        (&*reply.text, reply.stop, &*reply.model),
        ("Hi", StopReason::End, "qwen3")
    );
    assert!(
        !reply.usage.reported && reply.usage.input > 20 && reply.usage.output == 1,
        "{:?}",
        reply.usage
    );
}

#[tokio::test]
async fn what_counts_is_there_before_a_server_hangs_up_rudely() {
    // No `[DONE]`, no usage, and the promised chunk never comes.
    let body = format!("{:x}\r\n{}\r\n", STREAM_END.len(), STREAM_END);
    let bytes = answer("200 OK", &["transfer-encoding: chunked"], &body);
    assert_eq!(&*ask_for(vec![whole(bytes)]).await.unwrap().text, "x");
}

const STREAM_END: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n";

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let begun = events("\n", &STREAM[..4]);
    let cut = answer("200 OK", &[], &begun);
    let cut_in_event = answer("200 OK", &[], &begun[..begun.len() - 20]);
    let cut_in_chunk = answer(
        "200 OK",
        &["transfer-encoding: chunked"],
        &format!("{:x}\r\n{}", begun.len() + 50, begun),
    );
    let cut_in_letter = [&answer("200 OK", &[], &begun)[..], b"data: {\"\xc3"].concat();
    for bytes in [cut, cut_in_event, cut_in_chunk, cut_in_letter] {
        let server = Server::start(vec![whole(bytes)]).await;
        let error = ask(&server).await.unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Unreachable, "{error}");
        assert!(error.message.contains("broke off"), "{error}");
        assert_eq!(server.requests().len(), 1);
    }
    // What is cut before it says anything is asked for again.
    let cut_at_once = whole(answer("200 OK", &[], r#"data: {"choi"#));
    let fine = whole(answer("200 OK", &[], STREAM_END));
    assert_eq!(&*ask_for(vec![cut_at_once, fine]).await.unwrap().text, "x");
    // What is whole but for its last line break is no chat completion.
    let other = whole(answer("200 OK", &[], r#"data: {"choices": 7}"#));
    let error = ask_for(vec![other]).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Protocol, "{error}");
}

#[tokio::test]
async fn what_is_no_chat_completion_says_so() {
    for (body, words) in [
        (
            "<html><body>Welcome to nginx</body></html>",
            "Welcome to nginx",
        ),
        ("hello", "it holds no answer"),
        ("", "the body is empty"),
        (r#"{"status":"ok"}"#, "it holds no answer"),
        ("data: {\"choices\": 7}\n\n", "invalid type"),
    ] {
        let error = ask_for(vec![whole(answer("200 OK", &[], body))])
            .await
            .unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Protocol, "{error}");
        assert!(
            error.message.contains("is not a chat completion"),
            "{error}"
        );
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_failure_in_the_middle_of_a_stream_is_the_servers_own() {
    let body = events(
        "\n",
        &[
            STREAM[0],
            r#"{"error":{"message":"the model crashed","code":500}}"#,
        ],
    );
    let error = ask_for(vec![whole(answer("200 OK", &[], &body))])
        .await
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unreachable);
    assert!(error.message.contains("the model crashed"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_says_what_to_start() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let error = open(&base_url, None, &settings())
        .complete(&payload(), &mut ())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unreachable);
    assert_eq!(
        error.message,
        format!(
            "provider `local`: nothing listens at {base_url}/chat/completions (connection refused): start the server, or change `base_url` \
             of provider `local` in house.yaml"
        )
    );
}

#[tokio::test]
async fn a_host_that_is_not_there_says_so() {
    let error = open("http://no-such-host.invalid/v1", None, &settings())
        .complete(&payload(), &mut ())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unreachable);
    assert!(error.message.contains("no-such-host.invalid"), "{error}");
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let settings = provider::Settings {
        idle_timeout: Duration::from_millis(50),
        connect_timeout: Duration::from_millis(50),
        ..settings()
    };
    let begun = answer("200 OK", &[], &events("\n", &STREAM[..2]));
    for bytes in [Vec::new(), begun] {
        let server = Server::start(vec![Answer::Hang(bytes)]).await;
        let error = open(&server.base_url, None, &settings)
            .complete(&payload(), &mut ())
            .await
            .unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Timeout, "{error}");
        server.client_hung_up().await;
    }
}

#[tokio::test]
async fn dropping_the_future_closes_the_connection() {
    let server = Server::start(vec![Answer::Hang(answer(
        "200 OK",
        &[],
        &events("\n", &STREAM[..2]),
    ))])
    .await;
    let model = open(&server.base_url, None, &settings());
    let payload = payload();
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    struct Tell(tokio::sync::mpsc::UnboundedSender<()>);
    impl ModelSink for Tell {
        fn text(&mut self, _: &str) {
            let _ = self.0.send(());
        }
        fn reasoning(&mut self, _: &str) {}
    }
    let mut sink = Tell(begun);
    tokio::select! {
        reply = model.complete(&payload, &mut sink) => panic!("it cannot have finished: {reply:?}"),
        _ = has_begun.recv() => {}
    }
    server.client_hung_up().await;
}

#[tokio::test]
async fn a_server_that_wants_the_other_limit_gets_it_and_is_remembered() {
    let refusal = r#"{"error":{"message":"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}"#;
    let server = Server::start(vec![
        whole(answer("400 Bad Request", &[], refusal)),
        whole(answer("200 OK", &[], &events("\n", &STREAM))),
    ])
    .await;
    let model = open(&server.base_url, None, &settings());
    for _ in 0..2 {
        model.complete(&payload(), &mut ()).await.unwrap();
    }
    assert_eq!(server.requests().len(), 3);
    assert_eq!(server.body(1)["max_completion_tokens"], 100);
    assert_eq!(server.body(2)["max_completion_tokens"], 100);
    assert!(server.body(2).get("max_tokens").is_none());
}

#[tokio::test]
async fn what_a_model_does_not_take_is_left_out_and_remembered() {
    let refuses = |what: &str| {
        let body = format!(
            r#"{{"error":{{"message":"Unsupported parameter: '{what}'","param":"{what}"}}}}"#
        );
        whole(answer("400 Bad Request", &[], &body))
    };
    let fine = whole(answer("200 OK", &[], &events("\n", &STREAM)));
    let server = Server::start(vec![
        refuses("temperature"),
        refuses("reasoning_effort"),
        fine,
    ])
    .await;
    let model = open(&server.base_url, None, &settings());
    let mut payload = payload();
    payload.parameters.temperature = Some(0.2);
    payload.parameters.reasoning = Some(Effort::High);
    for _ in 0..2 {
        model.complete(&payload, &mut ()).await.unwrap();
    }
    let sent: Vec<_> = (0..4)
        .map(|n| {
            let body = server.body(n);
            (
                body.get("temperature").is_some(),
                body.get("reasoning_effort").cloned(),
            )
        })
        .collect();
    let high = Some(serde_json::json!("high"));
    assert_eq!(
        sent,
        [
            (true, high.clone()),
            (false, high),
            (false, None),
            (false, None)
        ]
    );
}

#[tokio::test]
async fn the_key_is_sent_and_never_told() {
    let folder = tempfile::tempdir().unwrap();
    let echo = format!(
        "bad key {KEY}, that is Bearer {KEY}; it begins with {}",
        &KEY[..14]
    );
    let json = format!(r#"{{"error":{{"message":"{echo}"}}}}"#);
    for (status, body) in [
        ("401 Unauthorized", json.as_str()),
        ("403 Forbidden", &json),
        ("404 Not Found", &json),
        ("429 Too Many Requests", &json),
        ("500 Oops", &echo),
        ("400 Bad Request", &echo),
        ("200 OK", &echo),
        ("200 OK", &json),
        ("200 OK", &format!("data: {json}\n\n")),
        ("200 OK", &format!("<html>{echo}")),
    ] {
        let server = Server::start(vec![whole(answer(status, &["retry-after: 9999"], body))]).await;
        let model = open(&server.base_url, Some(key_file(folder.path())), &settings());
        let error = model.complete(&payload(), &mut ()).await.unwrap_err();
        assert!(server.requests()[0].contains(&format!("authorization: Bearer {KEY}")));
        assert!(
            !error.message.contains(&KEY[..8]) && !format!("{error:?}").contains(&KEY[..8]),
            "{status}: {error}"
        );
    }
}

#[tokio::test]
async fn a_refused_key_is_named_by_its_reference() {
    let folder = tempfile::tempdir().unwrap();
    let secret = key_file(folder.path());
    let refusal = vec![whole(answer(
        "401 Unauthorized",
        &[],
        r#"{"error":{"message":"no"}}"#,
    ))];
    let server = Server::start(refusal.clone()).await;
    let error = open(&server.base_url, Some(secret.clone()), &settings())
        .complete(&payload(), &mut ())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unauthorised);
    assert!(error.message.contains(&secret.to_string()), "{error}");
    let error = ask_for(refusal).await.unwrap_err();
    assert!(
        error
            .message
            .contains("add `key: env:NAME` to provider `local`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_missing_key_stops_before_anything_is_sent() {
    let server = Server::start(vec![whole(answer("200 OK", &[], &events("\n", &STREAM)))]).await;
    let secret = SecretRef::File("/nowhere/at/all".into());
    let error = open(&server.base_url, Some(secret), &settings())
        .complete(&payload(), &mut ())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unauthorised);
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_key_that_comes_back_in_an_answer_stays_out_of_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let body = format!(
        r#"{{"choices":[{{"message":{{"content":"your key is {KEY}"}},"finish_reason":"stop"}}]}}"#
    );
    let server = Server::start(vec![whole(answer("200 OK", &[], &body))]).await;
    let model = open(&server.base_url, Some(key_file(folder.path())), &settings());
    assert_eq!(
        &*model.complete(&payload(), &mut ()).await.unwrap().text,
        "your key is [key]"
    );
}

#[tokio::test]
async fn a_key_that_comes_back_escaped_in_a_call_stays_out_of_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let escaped = KEY.replace("k-", "\\u006b-");
    // The second is cut off, and no JSON.
    for (written, clean) in [
        (format!(r#"{{"a":"{escaped}\n"}}"#), r#"{"a":"[key]\n"}"#),
        (format!(r#"{{"a":"{escaped}"#), r#"{"a":"[key]"#),
    ] {
        let body = serde_json::json!({"choices": [{"finish_reason": "tool_calls", "message": {"tool_calls": [
            {"index": 0, "id": "a", "function": {"name": "fs__read", "arguments": written}},
        ]}}]});
        let server = Server::start(vec![whole(answer("200 OK", &[], &body.to_string()))]).await;
        let model = open(&server.base_url, Some(key_file(folder.path())), &settings());
        let reply = model.complete(&payload(), &mut ()).await.unwrap();
        assert_eq!(reply.calls[0].arguments, clean);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let other = Server::start(vec![whole(answer("200 OK", &[], &events("\n", &STREAM)))]).await;
    for status in [
        "301 Moved",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let location = format!("location: {}/chat/completions", other.base_url);
        let server = Server::start(vec![whole(answer(status, &[&location], ""))]).await;
        let model = open(&server.base_url, Some(key_file(folder.path())), &settings());
        let error = model.complete(&payload(), &mut ()).await.unwrap_err();
        assert!(error.message.contains(&other.base_url), "{error}");
    }
    assert_eq!(other.requests().len(), 0);
}
