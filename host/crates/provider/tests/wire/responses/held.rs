//! Conversations that the server is to hold: what is sent then, and what happens where it holds nothing.

use super::{NEW, WHOLE, ask, fine, input, next, open, refused, response, say, stream};
use crate::server::{Server, answer};
use crate::{Heard, payload, whole};
use serde_json::{Value, json};
use types::{ModelErrorKind, Role};

#[tokio::test]
async fn a_server_that_holds_the_conversation_gets_what_is_new() {
    let server = Server::start(vec![
        fine("r1", None, "Let me see", &["a", "b"]),
        fine("r2", Some("r1"), "Done", &[]),
        fine("r3", Some("r2"), "Yes", &[]),
    ])
    .await;
    let model = open(&server, true, None);
    let first = payload();
    let reply = ask(&model, &first).await;
    let second = next(&first, &reply);
    let reply = ask(&model, &second).await;
    let mut third = next(&second, &reply);
    // These are sent with every request, so they may change.
    third.tools.clear();
    third.parameters.max_output = 7;
    third.items.insert(0, say(Role::System, "Be brief."));
    ask(&model, &third).await;
    assert_eq!(server.body(0)["store"], true);
    assert_eq!(server.body(1)["previous_response_id"], "r1");
    assert_eq!(input(&server, 1), NEW);
    let last = server.body(2);
    assert_eq!(
        (&last["previous_response_id"], &last["store"]),
        (&json!("r2"), &json!(true))
    );
    assert_eq!(input(&server, 2), ["message And now?"]);
    assert_eq!(
        (&last["instructions"], &last["max_output_tokens"]),
        (&json!("Be brief."), &json!(7))
    );
}

#[tokio::test]
async fn a_beginning_that_is_another_is_sent_whole_and_held_from_then_on() {
    let server = Server::start(vec![
        fine("r1", None, "Let me see", &["a", "b"]),
        fine("r2", None, "Done", &[]),
        fine("r3", Some("r2"), "Yes", &[]),
    ])
    .await;
    let model = open(&server, true, None);
    let first = payload();
    let reply = ask(&model, &first).await;
    let mut second = next(&first, &reply);
    second.items[0] = say(Role::User, "Hi");
    let reply = ask(&model, &second).await;
    let body = server.body(1);
    assert_eq!(
        (&body["store"], body.get("previous_response_id")),
        (&json!(true), None)
    );
    assert_eq!(
        (input(&server, 1).len(), input(&server, 1)[0].as_str()),
        (WHOLE.len(), "message Hi")
    );
    ask(&model, &next(&second, &reply)).await;
    assert_eq!(server.body(2)["previous_response_id"], "r2");
    assert_eq!(input(&server, 2), ["message And now?"]);
}

#[tokio::test]
async fn a_conversation_that_the_server_has_dropped_is_sent_whole_in_the_same_call() {
    for dropped in [
        refused(
            "400 Bad Request",
            json!({"message": "Previous response with id 'r1' not found.", "type": "invalid_request_error", "param": "previous_response_id", "code": "previous_response_not_found"}),
        ),
        refused(
            "404 Not Found",
            json!({"message": "Response with id 'r1' not found.", "code": 404}),
        ),
        refused(
            "500 Internal Server Error",
            json!({"message": "KeyError: 'r1'"}),
        ),
        // In a stream that began well.
        whole(answer(
            "200 OK",
            &[],
            &stream(&[
                json!({"type": "error", "code": "previous_response_not_found", "message": "gone", "param": "previous_response_id"}),
            ]),
        )),
    ] {
        let server = Server::start(vec![
            fine("r1", None, "Let me see", &["a", "b"]),
            dropped,
            fine("r2", None, "Done", &[]),
            fine("r3", Some("r2"), "Yes", &[]),
        ])
        .await;
        let model = open(&server, true, None);
        let first = payload();
        let second = next(&first, &ask(&model, &first).await);
        let reply = ask(&model, &second).await;
        assert_eq!(&*reply.text, "Done");
        assert_eq!(
            (input(&server, 1), input(&server, 2)),
            (
                NEW.map(String::from).to_vec(),
                WHOLE.map(String::from).to_vec()
            )
        );
        assert_eq!(server.body(2).get("previous_response_id"), None);
        // What was dropped is not asked for again, and what came after is held.
        ask(&model, &next(&second, &reply)).await;
        assert_eq!(server.body(3)["previous_response_id"], "r2");
        assert_eq!(server.requests().len(), 4);
    }
}

#[tokio::test]
async fn a_server_that_cannot_hold_a_conversation_is_not_asked_to_again() {
    for cannot in [
        refused(
            "400 Bad Request",
            json!({"message": "previous_response_id is not supported"}),
        ),
        // It skips the field, and would answer to the last few words.
        fine("r2", None, "What do you mean?", &[]),
        // The same of servers that say nothing before their answer is whole.
        whole(answer("200 OK", &[], &stream(&last_event("r2")))),
        whole(answer(
            "200 OK",
            &[],
            &last_event("r2")[0]["response"].to_string(),
        )),
    ] {
        let server = Server::start(vec![
            fine("r1", None, "Let me see", &["a", "b"]),
            cannot,
            fine("r3", None, "Done", &[]),
        ])
        .await;
        let model = open(&server, true, None);
        let first = payload();
        let second = next(&first, &ask(&model, &first).await);
        let mut heard = Heard::default();
        let reply = model.complete(&second, &mut heard).await.unwrap();
        assert_eq!((&*reply.text, &*heard.text), ("Done", "Done"));
        assert_eq!(input(&server, 2), WHOLE);
        ask(&model, &next(&second, &reply)).await;
        let last = server.body(3);
        assert_eq!(
            (&last["store"], last.get("previous_response_id")),
            (&json!(false), None)
        );
    }
}

/// The response as a whole, without anything before it.
fn last_event(id: &str) -> Vec<Value> {
    let mut events = response(id, None, "What do you mean?", &[]);
    events.drain(..events.len() - 1);
    events
}

#[tokio::test]
async fn an_answer_without_the_conversation_is_none_also_when_it_was_heard() {
    let mut late = response("r2", None, "What?", &[]);
    late.retain(|event| {
        event["type"] != "response.created" && event["type"] != "response.in_progress"
    });
    let server = Server::start(vec![
        fine("r1", None, "Let me see", &["a", "b"]),
        whole(answer("200 OK", &[], &stream(&late))),
        fine("r3", None, "Done", &[]),
    ])
    .await;
    let model = open(&server, true, None);
    let first = payload();
    let second = next(&first, &ask(&model, &first).await);
    let error = model.complete(&second, &mut ()).await.unwrap_err();
    assert!(
        error.message.contains("without the conversation"),
        "{error}"
    );
    assert_eq!(error.kind, ModelErrorKind::Rejected);
    // Whoever asks again sends all of it.
    assert_eq!(&*ask(&model, &second).await.text, "Done");
    assert_eq!(input(&server, 2), WHOLE);
    assert_eq!(server.body(2)["store"], false);
}

#[tokio::test]
async fn a_server_that_misses_every_time_is_not_asked_for_ever() {
    let missing = || {
        let message = "No tool call found for function call output with call_id a.";
        refused("400 Bad Request", json!({ "message": message }))
    };
    let mut answers = vec![fine("r0", None, "Let me see", &["a"])];
    for n in 1..=8 {
        answers.extend([missing(), fine(&format!("r{n}"), None, "Again", &["a"])]);
    }
    answers.push(fine("last", None, "Done", &[]));
    let server = Server::start(answers).await;
    let model = open(&server, true, None);
    let mut asked = payload();
    for _ in 0..=8 {
        let reply = ask(&model, &asked).await;
        asked = next(&asked, &reply);
    }
    assert_eq!(&*ask(&model, &asked).await.text, "Done");
    let last = server.body(17);
    assert_eq!(
        (&last["store"], last.get("previous_response_id")),
        (&json!(false), None)
    );
    assert_eq!(server.requests().len(), 18);
}
