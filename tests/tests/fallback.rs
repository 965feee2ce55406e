//! Providers that cannot answer: the next one is asked, a request that is too long is made again with less, and what was learnt stays.

use charthouse_tests::{Answer, Asked, House, ModelServer, Plan, Said, dead_address};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

fn house(first: &str, second: &str) -> House {
    let house = House::of(Plan {
        provider: &format!(
            "{{ kind: openai, base_url: \"{first}\", retries: 0 }}\n  other: {{ kind: openai, base_url: \"{second}\" }}"
        ),
        policy: "{ tools: [{ allow: \"*\" }], mounts: { /workspace: { from: files, access: read-only } } }",
        ..Plan::default()
    });
    house.edit(
        "agents/tester.yaml",
        "max_output: 1000 }",
        "max_output: 1000, fallback: [{ provider: other, name: second-model }] }",
    );
    house.write("files/a.txt", "a");
    house
}

#[test]
fn the_next_one_is_asked_and_stays_asked_for_the_turn() {
    let refusals = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = refusals.clone();
    let first = ModelServer::start(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Answer::Refuse(500, r#"{"error":{"message":"on fire"}}"#.into())
    });
    let second = ModelServer::start(|asked: &Asked| {
        Answer::Say(match asked.results().len() {
            0 => Said::text("").call("fs__read", json!({ "path": "/workspace/a.txt" })),
            _ => Said::text("Here."),
        })
    });
    let house = house(&first.url, &second.url);
    let ran = house.run(["run", "tester", "Go", "--json"]).expect(0);
    assert!(
        ran.stdout.contains("asking second-model at other instead"),
        "{}",
        ran.stdout
    );
    assert_eq!(
        refusals.load(Ordering::SeqCst),
        1,
        "who is down is not asked again in the same turn"
    );
    assert_eq!(second.asked().len(), 2);
    assert_eq!(second.asked()[0].json["model"], "second-model");
    let ledger = house
        .run(["ledger", "--by", "model", "--json"])
        .expect(0)
        .json();
    assert!(
        ledger["rows"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["model"] == "second-model"),
        "{ledger}"
    );
}

#[test]
fn when_nobody_answers_the_chart_hears_of_the_last() {
    let house = house(&dead_address(), &dead_address());
    let ran = house.run(["run", "tester", "Go", "--json"]).expect(5);
    let last = ran.lines().pop().unwrap();
    assert_eq!(last["status"], "failed", "{last}");
    assert!(
        last["cause"]["message"]
            .as_str()
            .unwrap()
            .contains("provider `other`"),
        "{last}"
    );
}

#[test]
fn a_request_that_is_too_long_is_made_once_more_with_less() {
    let overflow = r#"{"error":{"code":"context_length_exceeded","message":"maximum context length is 8000 tokens"}}"#;
    let refused = AtomicUsize::new(0);
    let first = ModelServer::start(move |asked: &Asked| {
        let read = asked.results().len();
        if read == 8 && refused.fetch_add(1, Ordering::SeqCst) == 0 {
            return Answer::Refuse(400, overflow.into());
        }
        match read {
            0..8 if asked.body.contains("file 0") || read == 0 => Answer::Say(Said::text("").call(
                "fs__read",
                json!({ "path": format!("/workspace/{read}.txt") }),
            )),
            _ => Answer::Say(Said::text("Here.")),
        }
    });
    let house = house(&first.url, &dead_address());
    for n in 0..8 {
        house.write(
            &format!("files/{n}.txt"),
            &format!("file {n} has this line\n").repeat(150),
        );
    }
    let ran = house.run(["run", "tester", "Go", "--json"]).expect(0);
    assert!(
        ran.stdout.contains("were too many for the server"),
        "{}",
        ran.stdout
    );
    let asked = first.asked();
    assert_eq!(
        asked.len(),
        10,
        "one request for each call, one that was refused, one with less"
    );
    let (refused, again) = (&asked[8], &asked[9]);
    assert!(again.body.len() < refused.body.len());
    assert!(
        !again.body.contains("file 0 has") && again.body.contains("file 7 has"),
        "the oldest went"
    );
    house.verify();
}

#[test]
fn an_attempt_that_came_to_nothing_is_on_the_ledger_too() {
    let attempts = AtomicUsize::new(0);
    let usage = json!({ "id": "x", "object": "chat.completion.chunk", "model": "m", "choices": [],
        "usage": { "prompt_tokens": 1234, "completion_tokens": 0, "total_tokens": 1234 } });
    let overloaded = json!({ "error": { "message": "Overloaded", "code": 503 } });
    let begun = format!("data: {usage}\n\ndata: {overloaded}\n\n");
    let server = ModelServer::start(move |_| match attempts.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::Refuse(200, begun.clone()),
        _ => Answer::Say(Said::text("Here.")),
    });
    let house = House::of(Plan {
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        ..Plan::default()
    });
    house.run(["run", "tester", "Go", "--json"]).expect(0);
    let asked = server.asked().len() as u64;
    assert!(asked >= 2, "it is asked again");
    let answered = house.journal("reply");
    let counted: u64 = answered
        .iter()
        .map(|reply| reply["body"]["reply"]["usage"]["input"].as_u64().unwrap())
        .sum();
    assert_eq!(
        answered[0]["body"]["reply"]["abandoned"]["input"], 1234,
        "{}",
        answered[0]
    );
    let ledger = house.run(["ledger", "--json"]).expect(0).json();
    assert_eq!(
        ledger["total"]["tokens"]["input"],
        counted + 1234,
        "{ledger}"
    );
}
