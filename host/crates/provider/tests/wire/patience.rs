//! What is asked again, what is not, how long that may take, and what the operator hears of it.

use crate::chat::STREAM;
use crate::server::{Answer, Server, answer, events};
use crate::{Heard, ask, chat_completions, open, payload, settings, whole};
use charthouse_provider as provider;
use std::time::Duration;
use tokio::net::TcpListener;
use types::{ModelErrorKind, Patience, ProviderConfig};

fn fine() -> Answer {
    whole(answer("200 OK", &[], &events("\n", &STREAM)))
}

fn busy() -> Answer {
    whole(answer(
        "503 Service Unavailable",
        &["retry-after: 0", "x-request-id: req-7"],
        r#"{"error":{"message":"loading model","code":"not_ready"}}"#,
    ))
}

#[tokio::test]
async fn patience_is_shown_where_it_is_asked_for_and_no_further() {
    let server = Server::start(vec![busy(), busy(), fine()]).await;
    let mut heard = Heard::default();
    open(&server.base_url, None, &settings())
        .complete(&payload(), &mut heard)
        .await
        .unwrap();
    assert_eq!(server.requests().len(), 3);
    assert_eq!(
        heard.notes,
        ["provider `local` asks for patience (503): again at once"; 2]
    );
    assert_eq!(server.body(0), server.body(2), "the same request again");

    let server = Server::start(vec![busy()]).await;
    let error = ask(&server).await.unwrap_err();
    assert!(error.message.contains("loading model"), "{error}");
    assert_eq!(server.requests().len(), 3);
    assert_eq!(
        (
            error.status,
            error.code.as_deref(),
            error.request.as_deref()
        ),
        (Some(503), Some("not_ready"), Some("req-7"))
    );
}

#[tokio::test]
async fn only_what_may_pass_is_asked_again() {
    for (status, headers, requests) in [
        ("408 Request Timeout", &[][..], 2),
        ("409 Conflict", &[], 2),
        ("429 Too Many Requests", &["retry-after-ms: 5"], 2),
        ("500 Oops", &[], 2),
        ("529 Overloaded", &[], 2),
        (
            "503 Busy",
            &[
                "date: Fri, 20 Nov 2026 10:00:00 GMT",
                "retry-after: Fri, 20 Nov 2026 10:00:00 GMT",
            ],
            2,
        ),
        ("400 Odd", &["x-should-retry: true"], 2),
        ("500 Oops", &["x-should-retry: false"], 1),
        ("429 Too Many Requests", &["retry-after: 3600"], 1),
        (
            "503 Busy",
            &[
                "date: Fri, 20 Nov 2026 10:00:00 GMT",
                "retry-after: Fri, 20 Nov 2026 11:00:00 GMT",
            ],
            1,
        ),
        ("400 Bad", &["retry-after: 0"], 1),
        ("413 Too Large", &["retry-after: 0"], 1),
    ] {
        let server = Server::start(vec![whole(answer(status, headers, "")), fine()]).await;
        let outcome = ask(&server).await;
        assert_eq!(
            server.requests().len(),
            requests,
            "{status} {headers:?}: {outcome:?}"
        );
        assert_eq!(outcome.is_ok(), requests == 2);
    }
}

#[tokio::test]
async fn a_connection_that_fails_before_the_first_word_is_made_again() {
    // The first one closes without an answer, the second one after the head.
    let head = answer("200 OK", &["transfer-encoding: chunked"], "");
    let server = Server::start(vec![whole(Vec::new()), whole(head), fine()]).await;
    let mut heard = Heard::default();
    let reply = open(&server.base_url, None, &settings())
        .complete(&payload(), &mut heard)
        .await
        .unwrap();
    assert_eq!(&*reply.text, "Grüße 🦀");
    assert_eq!(server.requests().len(), 3);
    assert_eq!(
        heard.notes,
        ["provider `local` cannot be reached: again at once"; 2]
    );
}

#[tokio::test]
async fn a_server_that_comes_up_late_is_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    struct StartAtTheFirstNote(std::net::SocketAddr);
    impl types::ModelSink for StartAtTheFirstNote {
        fn text(&mut self, _: &str) {}
        fn reasoning(&mut self, _: &str) {}
        fn note(&mut self, _: &str) {
            let listener = std::net::TcpListener::bind(self.0).unwrap();
            std::thread::spawn(move || {
                use std::io::{Read, Write};
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"]}") {
                    let mut piece = [0; 1024];
                    let length = stream.read(&mut piece).unwrap();
                    request.extend_from_slice(&piece[..length]);
                }
                let body = events("\n", &STREAM);
                stream.write_all(&answer("200 OK", &[], &body)).unwrap();
            });
        }
    }
    let reply = open(&format!("http://{address}/v1"), None, &settings())
        .complete(&payload(), &mut StartAtTheFirstNote(address))
        .await
        .unwrap();
    assert_eq!(&*reply.text, "Grüße 🦀");
}

#[tokio::test]
async fn what_the_model_has_begun_to_say_is_never_asked_for_again() {
    let begun = events("\n", &STREAM[..2]);
    let cut = format!("{:x}\r\n{begun}\r\n", begun.len());
    let failed = format!("{begun}{}", events("\n", &[r#"{"error":{"code":503}}"#]));
    for bytes in [
        answer("200 OK", &["transfer-encoding: chunked"], &cut),
        answer("200 OK", &[], &failed),
    ] {
        let server = Server::start(vec![whole(bytes), fine()]).await;
        let error = ask(&server).await.unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Unreachable, "{error}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_failure_that_a_stream_begins_with_is_asked_again() {
    let overloaded = events("\n", &[r#"{"error":{"type":"overloaded_error"}}"#]);
    let server = Server::start(vec![whole(answer("200 OK", &[], &overloaded)), fine()]).await;
    assert!(ask(&server).await.is_ok());
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn the_house_says_how_patient_it_is() {
    let server = Server::start(vec![busy()]).await;
    let config = |patience| ProviderConfig {
        patience,
        ..ProviderConfig::new("local", chat_completions(&server.base_url, None))
    };
    let once = config(Patience {
        retries: Some(0),
        ..Patience::default()
    });
    let model = provider::open(&once, &settings()).unwrap();
    model.complete(&payload(), &mut ()).await.unwrap_err();
    assert_eq!(server.requests().len(), 1);

    let short = Some(Duration::from_millis(40));
    let server = Server::start(vec![Answer::Hang(Vec::new())]).await;
    for (patience, words) in [
        (
            Patience {
                connect: short,
                idle: short,
                ..Patience::default()
            },
            "sent nothing for 0.04 s",
        ),
        (
            Patience {
                total: short,
                ..Patience::default()
            },
            "after 0.04 s",
        ),
    ] {
        let config = ProviderConfig {
            kind: chat_completions(&server.base_url, None),
            ..config(patience)
        };
        let model = provider::open(&config, &settings()).unwrap();
        let error = model.complete(&payload(), &mut ()).await.unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Timeout);
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_never_ends_is_ended() {
    // Comments come and come: the line is alive, and nothing is said.
    let server = Server::start(vec![Answer::Drip(
        answer("200 OK", &["x-request-id: r"], ""),
        b": wait\n\n".to_vec(),
    )])
    .await;
    let settings = provider::Settings {
        total_timeout: Duration::from_millis(100),
        ..settings()
    };
    let error = open(&server.base_url, None, &settings)
        .complete(&payload(), &mut ())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Timeout);
    assert!(error.message.contains("after 0.1 s"), "{error}");
    server.client_hung_up().await;
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn whoever_stops_waiting_stops_the_server_too_and_is_not_asked_again() {
    // Before the head of the answer, and inside it.
    for begun in [Vec::new(), answer("200 OK", &[], "")[..20].to_vec()] {
        let server = Server::start(vec![Answer::Hang(begun)]).await;
        let model = open(&server.base_url, None, &settings());
        let payload = payload();
        let mut sink = ();
        let asking = model.complete(&payload, &mut sink);
        let is_asked = async {
            while server.requests().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            reply = asking => panic!("it cannot have finished: {reply:?}"),
            () = is_asked => {}
        }
        server.client_hung_up().await;
        assert_eq!(server.requests().len(), 1);
    }
    // In a pause between two attempts.
    let server = Server::start(vec![whole(answer("503 Busy", &["retry-after: 30"], ""))]).await;
    let patient = provider::Settings {
        longest_pause: Duration::from_secs(60),
        ..settings()
    };
    let mut heard = Heard::default();
    let model = open(&server.base_url, None, &patient);
    let payload = payload();
    let asking = model.complete(&payload, &mut heard);
    let given_up = tokio::time::timeout(Duration::from_millis(200), asking).await;
    assert!(given_up.is_err(), "{given_up:?}");
    let [note] = &heard.notes[..] else {
        panic!("{:?}", heard.notes)
    };
    assert!(
        note.starts_with("provider `local` asks for patience (503): again in 3"),
        "{note}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn while_the_model_thinks_the_host_holds_one_copy_of_the_conversation() {
    let server = Server::start(vec![Answer::Hang(Vec::new())]).await;
    let model = open(&server.base_url, None, &settings());
    let mut payload = payload();
    payload.items.push(std::sync::Arc::new(types::Item::Text {
        role: types::Role::System,
        text: "x".repeat(1 << 20).into(),
        provenance: types::Provenance::House,
        labels: vec![],
    }));
    let types::Item::Text { text, .. } = &*payload.items[1] else {
        unreachable!()
    };
    let mut sink = ();
    let mut asking = model.complete(&payload, &mut sink);
    let let_go_of = async {
        while server.requests().is_empty() || !text.wire().is_unique() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        reply = &mut asking => panic!("it cannot have finished: {reply:?}"),
        () = let_go_of => {}
        () = tokio::time::sleep(Duration::from_secs(15)) => panic!("the request is still held"),
    }
    assert!(server.requests()[0].len() > 1 << 20);
    drop(asking);
    server.client_hung_up().await;
}
