//! Our dialects against servers that others have written. `cargo xtask wire` starts them and says where they are; without them nothing here runs.
//!
//! Three of them: the judge (tests/wire/judge.py) holds every request against the types of the official SDKs and answers in their events; aimock plays
//! the providers with what it knows of them; LiteLLM's proxy reads each dialect, makes another one of it and turns the answer back.

use charthouse_provider as provider;
use std::sync::Arc;
use types::{
    Dialect, Effort, Item, Model, ModelError, ModelErrorKind, ModelParameters, ModelSink, Payload,
    Provenance, ProviderConfig, ProviderKind, Reply, Role, StopReason, ToolResult, ToolSchema,
};

const DIALECTS: [Dialect; 4] = [
    Dialect::ChatCompletions,
    Dialect::Responses { held: false },
    Dialect::Responses { held: true },
    Dialect::Messages,
];

const SAID: &str = "There are 2 files: Grüße 🦀";

/// Where a server of `cargo xtask wire` is.
fn server(name: &str) -> String {
    let variable = format!("CHARTHOUSE_WIRE_{name}");
    std::env::var(&variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run `cargo xtask wire`"))
}

fn open(dialect: Dialect, server: &str) -> Arc<dyn Model> {
    let kind = ProviderKind::Http {
        dialect,
        base_url: format!("{server}/v1"),
        key: None,
    };
    let settings = provider::Settings {
        retries: 0,
        ..provider::Settings::default()
    };
    provider::open(&ProviderConfig::new("other", kind), &settings).unwrap()
}

fn say(role: Role, text: &str) -> Arc<Item> {
    Arc::new(Item::Text {
        role,
        text: text.into(),
        provenance: Provenance::House,
        labels: vec![],
    })
}

fn question(model: &str, text: &str) -> Payload {
    Payload {
        items: vec![
            say(Role::System, "You \"count\" files.\n"),
            say(Role::System, "Be brief."),
            say(Role::User, text),
            say(Role::User, "Thank you."),
        ],
        tools: vec![ToolSchema {
            name: "fs.read".into(),
            description: "Reads a file.".into(),
            parameters: Arc::new(serde_json::json!({
                "type": "object", "properties": {"path": {"type": "string"}, "lines": {"type": ["integer", "null"]}}, "required": ["path"],
            })),
        }],
        parameters: ModelParameters {
            provider: "other".into(),
            name: model.into(),
            context_length: 100_000,
            max_output: 8000,
            temperature: None,
            reasoning: None,
        },
        breakpoints: vec![2, 4],
    }
}

/// `payload` with `reply` and the results of its calls.
fn answered(payload: &Payload, reply: &Reply) -> Payload {
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
            text: "one\n\"two\"".into(),
            failed: false,
            provenance: Provenance::House,
            labels: vec![],
        }))
    }));
    next
}

#[derive(Default)]
struct Heard(String);

impl ModelSink for Heard {
    fn text(&mut self, delta: &str) {
        self.0 += delta;
    }
    fn reasoning(&mut self, _: &str) {}
}

async fn ask(model: &Arc<dyn Model>, payload: &Payload) -> Result<Reply, ModelError> {
    let mut heard = Heard::default();
    let reply = model.complete(payload, &mut heard).await?;
    assert_eq!(heard.0, &*reply.text, "what was streamed is what was said");
    Ok(reply)
}

/// Two turns: parallel calls, then what is said once their results are there.
async fn converse(model: &Arc<dyn Model>, first: &Payload, about: &str) -> (Reply, Reply) {
    let one = ask(model, first)
        .await
        .unwrap_or_else(|error| panic!("{about}, first turn: {error}"));
    assert_eq!(one.stop, StopReason::ToolCalls, "{about}: {one:?}");
    let calls: Vec<(&str, serde_json::Value)> = one
        .calls
        .iter()
        .map(|call| {
            let arguments = serde_json::from_str(&call.arguments.plain()).unwrap();
            (&*call.name, arguments)
        })
        .collect();
    let path = |path: &str| serde_json::json!({ "path": path });
    assert_eq!(
        calls,
        [("fs.read", path("/a")), ("fs.read", path("/b"))],
        "{about}"
    );
    let two = ask(model, &answered(first, &one))
        .await
        .unwrap_or_else(|error| panic!("{about}, second turn: {error}"));
    assert_eq!((&*two.text, &two.stop), (SAID, &StopReason::End), "{about}");
    (one, two)
}

#[tokio::test]
#[ignore = "needs the servers of `cargo xtask wire`"]
async fn requests_are_what_the_official_types_say_and_their_events_are_understood() {
    for dialect in DIALECTS {
        for effort in [None, Some(Effort::Low), Some(Effort::High)] {
            for temperature in [None, Some(0.5)] {
                // Anthropic's thinking excludes a temperature of one's own.
                if effort.is_some() && temperature.is_some() && dialect == Dialect::Messages {
                    continue;
                }
                let mut first = question("judge", "What is in the two files?");
                first.parameters.reasoning = effort;
                first.parameters.temperature = temperature;
                let about = format!("{dialect:?}, {effort:?}, {temperature:?}");
                let model = open(dialect, &server("JUDGE"));
                let (one, two) = converse(&model, &first, &about).await;
                assert_eq!((two.usage.input, two.usage.cached), (50, 30), "{about}");
                let written = if dialect == Dialect::Messages { 5 } else { 0 };
                assert_eq!(
                    (two.usage.output, two.usage.cache_write),
                    (9, written),
                    "{about}"
                );
                let thinks = match dialect {
                    Dialect::ChatCompletions => false,
                    Dialect::Responses { .. } => true,
                    Dialect::Messages => effort.is_some(),
                };
                let thought = one.reasoning.map(|thought| thought.text.to_string());
                let expected = thinks.then(|| "Two files: I read both.".to_owned());
                assert_eq!(thought, expected, "{about}");
            }
        }
    }
}

/// Where in a request of any dialect a field that nobody knows can be put.
const PLACES: [&str; 8] = [
    "",
    "/tools/0",
    "/tools/0/function",
    "/messages/0",
    "/messages/0/content/0",
    "/system/0",
    "/input/0",
    "/reasoning",
];

#[tokio::test]
#[ignore = "needs the servers of `cargo xtask wire`"]
async fn the_judge_does_judge() {
    // Without this the test above could pass because nothing is looked at.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut judged = 0;
    for dialect in DIALECTS {
        let kind = ProviderKind::Http {
            dialect,
            base_url: format!("{}/v1", server("JUDGE")),
            key: None,
        };
        let mut payload = question("judge", "What?");
        payload.parameters.reasoning = Some(Effort::Low);
        let body = provider::body_of(&ProviderConfig::new("judge", kind), &payload).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body.to_vec()).unwrap();
        let path = match dialect {
            Dialect::ChatCompletions => "chat/completions",
            Dialect::Responses { .. } => "responses",
            Dialect::Messages => "messages",
        };
        for place in PLACES {
            let mut wrong = body.clone();
            let Some(fields) = wrong.pointer_mut(place).and_then(|at| at.as_object_mut()) else {
                continue;
            };
            fields.insert("surprise".into(), 1.into());
            let asked = client
                .post(format!("{}/v1/{path}", server("JUDGE")))
                .body(wrong.to_string());
            let answer = asked.send().await.unwrap();
            assert_eq!(answer.status(), 400, "{dialect:?} {place}");
            let said = answer.text().await.unwrap();
            assert!(said.contains("surprise"), "{dialect:?} {place}: {said}");
            judged += 1;
        }
    }
    assert!(
        judged >= 16,
        "only {judged} places were there to put a field in"
    );
}

#[tokio::test]
#[ignore = "needs the servers of `cargo xtask wire`"]
async fn aimock_understands_us_and_we_it() {
    for dialect in DIALECTS {
        // It holds no conversations: its fixtures find nothing in the rest of one.
        if dialect == (Dialect::Responses { held: true }) {
            continue;
        }
        let model = open(dialect, &server("AIMOCK"));
        let first = question("gpt-5", "What is in the two files?");
        converse(&model, &first, &format!("{dialect:?}")).await;
        let refused = ask(&model, &question("gpt-5", "Please slow down.")).await;
        let error = refused.unwrap_err();
        assert_eq!(
            (error.kind, error.status),
            (ModelErrorKind::RateLimited, Some(429)),
            "{dialect:?}: {error}"
        );
    }
}

#[tokio::test]
#[ignore = "needs the servers of `cargo xtask wire`"]
async fn litellm_translates_us_and_we_understand_what_comes_back() {
    for dialect in DIALECTS {
        let model = open(dialect, &server("LITELLM"));
        let first = question("judge", "What is in the two files?");
        converse(&model, &first, &format!("{dialect:?}")).await;
        // Its own replies it cannot stream as a response.
        if !matches!(dialect, Dialect::Responses { .. }) {
            let reply = ask(&model, &question("mocked", "How many?")).await.unwrap();
            assert_eq!(&*reply.text, SAID, "{dialect:?}");
        }
        let error = ask(&model, &question("unheard-of", "Who?"))
            .await
            .unwrap_err();
        assert!(
            matches!(error.status, Some(400..=499)) && error.message.contains("unheard-of"),
            "{dialect:?}: {error}"
        );
    }
}
