//! Servers that misbehave: each gets a clear error or is understood all the same, and none takes the host with it.

use crate::chat::STREAM;
use crate::server::{Answer, Server, answer, events};
use crate::{KEY, ask, ask_for, key_file, open, payload, settings, whole};
use charthouse_provider as provider;
use std::time::Duration;
use types::{ModelError, ModelErrorKind, Reply, StopReason, Usage};

/// What is made of a stream with these data after a word of text.
async fn after_a_word(data: &[&str]) -> Result<Reply, ModelError> {
    let mut all = vec![r#"{"choices":[{"delta":{"content":"word"}}]}"#];
    all.extend(data);
    ask_for(vec![whole(answer("200 OK", &[], &events("\n", &all)))]).await
}

const STOP: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;

#[tokio::test]
async fn garbage_is_no_answer() {
    let mut seed = 7u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    })
    .take(1 << 16)
    .collect();
    let with = |body: &[u8]| [&answer("200 OK", &[], "")[..], body].concat();
    for body in [
        &noise[..],
        b"data: \xff\xfe\n\n",
        b"data: {\"choices\":[{\"delta\":{\"content\":\"\xc3\"}}]}\n\n",
        b"data: {]\n\n",
        b"data: [1,2]\n\n",
        b"\0\0\0\0",
        b"{\"choices\":",
    ] {
        let server = Server::start(vec![whole(with(body))]).await;
        let error = ask(&server).await.unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Protocol, "{error}");
        assert!(error.message.len() < 1000, "{error}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_stall_anywhere_is_given_up() {
    let settings = provider::Settings {
        idle_timeout: Duration::from_millis(50),
        connect_timeout: Duration::from_millis(50),
        ..settings()
    };
    let stream = answer(
        "200 OK",
        &["x-request-id: req-3"],
        &events("\n", &STREAM[..3]),
    );
    // Before the head, in the head, after the head, after an event, in an event.
    for length in [0, 20, 60, stream.len(), stream.len() - 30] {
        let server = Server::start(vec![Answer::Hang(stream[..length].to_vec())]).await;
        let error = open(&server.base_url, None, &settings)
            .complete(&payload(), &mut ())
            .await
            .unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Timeout, "{length}: {error}");
        server.client_hung_up().await;
        assert_eq!(
            server.requests().len(),
            1,
            "a server at work is not asked again"
        );
        let knows = length >= 60;
        assert_eq!(error.request.as_deref(), knows.then_some("req-3"));
    }
}

#[tokio::test]
async fn a_success_with_an_error_in_it_is_none() {
    for (body, kind, words) in [
        (
            r#"{"error":{"message":"no such model","type":"not_found_error"}}"#,
            ModelErrorKind::Rejected,
            "no such model",
        ),
        (r#"{"error":"boom"}"#, ModelErrorKind::Unreachable, "boom"),
        (
            r#"{"error":{"code":"context_length_exceeded","message":"too long"}}"#,
            ModelErrorKind::ContextOverflow,
            "too long",
        ),
        (
            "<!DOCTYPE html><html><body>Log in first</body></html>",
            ModelErrorKind::Protocol,
            "Log in first",
        ),
    ] {
        let error = ask_for(vec![whole(answer("200 OK", &[], body))])
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn an_error_event_in_a_stream_is_told() {
    let begun = events("\n", &STREAM[..2]);
    for data in [
        r#"{"error":{"message":"out of memory","code":"oom"}}"#,
        r#"{"message":"out of memory","code":"oom"}"#,
    ] {
        let body = format!("{begun}event: error\ndata: {data}\n\n");
        let error = ask_for(vec![whole(answer("200 OK", &["x-request-id: r5"], &body))])
            .await
            .unwrap_err();
        assert!(error.message.contains("out of memory"), "{error}");
        assert_eq!(error.code.as_deref(), Some("oom"));
        assert_eq!(error.request.as_deref(), Some("r5"));
    }
}

#[tokio::test]
async fn lies_about_tokens_are_not_believed() {
    let usage = |text: &str| format!(r#"{{"choices":[],"usage":{text}}}"#);
    let told = |input, cached, output, reasoning| Usage {
        input,
        cached,
        cache_write: 0,
        output,
        reasoning,
        reported: true,
    };
    for (text, expected) in [
        (
            r#"{"prompt_tokens":10,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4000},"completion_tokens_details":{"reasoning_tokens":99}}"#,
            Some(told(10, 10, 2, 2)),
        ),
        (
            r#"{"prompt_tokens":12.0,"completion_tokens":3}"#,
            Some(told(12, 0, 3, 0)),
        ),
        (r#"{"prompt_tokens":-5,"completion_tokens":-1}"#, None),
        (
            r#"{"prompt_tokens":"many","completion_tokens":"few"}"#,
            None,
        ),
        (
            r#"{"prompt_tokens":1e30,"completion_tokens":99999999999999999999}"#,
            None,
        ),
        (
            r#"{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615}"#,
            None,
        ),
        (r#"[]"#, None),
        (r#""lots""#, None),
        ("{}", None),
    ] {
        let reply = after_a_word(&[STOP, &usage(text)]).await.unwrap();
        match expected {
            Some(expected) => assert_eq!(reply.usage, expected, "{text}"),
            None => assert!(
                !reply.usage.reported
                    && (1..1000).contains(&reply.usage.input)
                    && reply.usage.output == 1,
                "{text}: {:?}",
                reply.usage
            ),
        }
    }
}

#[tokio::test]
async fn an_event_that_would_fill_the_memory_is_refused() {
    let mut body = answer(
        "200 OK",
        &[],
        "data: {\"choices\":[{\"delta\":{\"content\":\"",
    );
    body.resize(50 << 20, b'x');
    let server = Server::start(vec![Answer::Pieces(body, 1 << 20)]).await;
    let error = ask(&server).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Protocol);
    assert!(
        error.message.contains("an event of more than 16 MiB"),
        "{error}"
    );
}

#[tokio::test]
async fn a_wrong_content_length_takes_nothing_that_was_said() {
    let body = events("\n", &STREAM);
    let without_end = events("\n", &STREAM[..6]);
    let with = |length: usize, body: &str| {
        let length = format!("content-length: {length}");
        ask_for(vec![whole(answer("200 OK", &[&length], body))])
    };
    // More is promised than comes: the answer was whole all the same, or it was not.
    assert!(with(body.len() + 100, &body).await.is_ok());
    let error = with(without_end.len() + 100, &without_end)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unreachable, "{error}");
    // Less is promised: the rest is never read.
    let error = with(without_end.len() - 10, &without_end)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn oddities_are_passed_over() {
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
    let reply = after_a_word(&[
        r#"{"object":"chat.completion.keepalive","x":{"y":[1]}}"#,
        r#"{"choices":[{"delta":{"content":null,"audio":{"id":"a"}},"logprobs":{"content":[]}}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"another choice"}}]}"#,
        STOP,
        r#"{"choices":[{"delta":{"content":""},"finish_reason":"stop"}]}"#,
        usage,
        "[DONE]",
        r#"{"choices":[{"delta":{"content":"after the end"}}]}"#,
    ])
    .await
    .unwrap();
    assert_eq!((&*reply.text, reply.stop), ("word", StopReason::End));
    assert_eq!((reply.usage.input, reply.usage.output), (3, 1));

    let body = format!(
        "event: weather\nid: 7\nretry: 10\nodd line\n\nevent: message\ndata: {}\n\n{}",
        r#"{"choices":[{"delta":{"content":"fine"}}]}"#,
        events("\n", &[STOP])
    );
    let reply = ask_for(vec![whole(answer("200 OK", &[], &body))])
        .await
        .unwrap();
    assert_eq!(&*reply.text, "fine");
}

#[tokio::test]
async fn a_key_that_a_header_echoes_goes_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let begun = events("\n", &STREAM[..3]);
    let failed = format!("{begun}event: error\ndata: {{\"message\":\"boom\"}}\n\n");
    for header in ["x-request-id", "request-id"] {
        for body in [&begun, &failed] {
            let header = format!("{header}: id-{KEY}");
            let server = Server::start(vec![whole(answer("200 OK", &[&header], body))]).await;
            let error = open(&server.base_url, Some(key_file(folder.path())), &settings())
                .complete(&payload(), &mut ())
                .await
                .unwrap_err();
            assert_eq!(error.request.as_deref(), Some("id-[key]"), "{error}");
        }
    }
}
