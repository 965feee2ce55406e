//! What is recorded is what is played, nothing secret is on the tape, and a tape that does not fit says where.

mod files;

use crate::KEY;
use crate::server::{Answer, Server, answer, events};
use charthouse_provider as provider;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{
    Dialect, Item, Model, ModelError, ModelErrorKind, ModelParameters, ModelSink, Payload,
    Provenance, ProviderConfig, ProviderKind, Reasoning, Reply, Role, SecretRef, ToolCall,
    ToolResult, ToolSchema,
};

const SCRIPT: &str = r#"
script: counting
replies:
  - when: "called('fs.read') == 0"
    text: "Let me read.\nThen I tell."
    calls: [ { tool: fs.read, arguments: { path: /a } } ]
  - when: "called('fs.read') == 1"
    text: "It says {{ last.text }}"
"#;

#[derive(Default, Debug, PartialEq)]
struct Sink {
    text: String,
    reasoning: String,
    pieces: usize,
    notes: Vec<String>,
}

impl ModelSink for Sink {
    fn text(&mut self, delta: &str) {
        self.text += delta;
        self.pieces += 1;
    }
    fn reasoning(&mut self, delta: &str) {
        self.reasoning += delta;
    }
    fn note(&mut self, line: &str) {
        self.notes.push(line.to_owned());
    }
}

struct Studio {
    folder: tempfile::TempDir,
}

impl Studio {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("script.yaml"), SCRIPT).unwrap();
        Studio { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The script, recorded.
    fn record(&self) -> Arc<dyn Model> {
        let file = self.path("script.yaml");
        self.recording(ProviderKind::Scripted { file })
    }

    fn recording(&self, kind: ProviderKind) -> Arc<dyn Model> {
        let mut config = ProviderConfig::new("studio", kind);
        config.record = Some(self.path("tapes/one.jsonl"));
        provider::open(&config, &provider::Settings::default()).unwrap()
    }

    fn replay(&self) -> Arc<dyn Model> {
        replay(&self.path("tapes/one.jsonl"))
    }

    fn tape(&self) -> String {
        std::fs::read_to_string(self.path("tapes/one.jsonl")).unwrap()
    }
}

fn replay(file: &Path) -> Arc<dyn Model> {
    let file = file.to_owned();
    let config = ProviderConfig::new("played", ProviderKind::Replay { file });
    provider::open(&config, &provider::Settings::default()).unwrap()
}

fn say(text: &str) -> Item {
    Item::Text {
        role: Role::User,
        text: text.into(),
        provenance: Provenance::Human,
        labels: vec![],
    }
}

fn payload(items: Vec<Item>) -> Payload {
    Payload {
        items: items.into_iter().map(Arc::new).collect(),
        tools: vec![ToolSchema {
            name: "fs.read".into(),
            description: "Reads.".into(),
            parameters: Arc::new(serde_json::json!({"type": "object"})),
        }],
        parameters: ModelParameters {
            provider: "studio".into(),
            name: "m".into(),
            context_length: 1000,
            max_output: 100,
            temperature: None,
            reasoning: None,
        },
        breakpoints: vec![],
    }
}

/// `payload` after it got `reply` and its calls got `result`.
fn next(payload: &Payload, reply: &Reply, result: &str) -> Payload {
    let mut next = payload.clone();
    next.items.push(Arc::new(Item::Assistant {
        text: (&*reply.text).into(),
        reasoning: reply.reasoning.clone(),
        calls: reply.calls.clone(),
        provenance: Provenance::Model(reply.model.clone()),
    }));
    for ToolCall { id, name, .. } in &reply.calls {
        next.items.push(Arc::new(Item::Result(ToolResult {
            call: id.clone(),
            name: name.clone(),
            text: result.into(),
            failed: false,
            provenance: Provenance::House,
            labels: vec![],
        })));
    }
    next
}

async fn ask(model: &Arc<dyn Model>, payload: &Payload) -> (Result<Reply, ModelError>, Sink) {
    let mut sink = Sink::default();
    let answer = model.complete(payload, &mut sink).await;
    (answer, sink)
}

/// A run of two turns and its end, at which the script has nothing more to say.
async fn run(model: &Arc<dyn Model>) -> Vec<(Result<Reply, ModelError>, Sink)> {
    let first = payload(vec![say("Go")]);
    let one = ask(model, &first).await;
    let second = next(&first, one.0.as_ref().unwrap(), "hello");
    let two = ask(model, &second).await;
    let mut third = next(&second, two.0.as_ref().unwrap(), "");
    third
        .items
        .extend(next(&payload(vec![]), one.0.as_ref().unwrap(), "again").items);
    let three = ask(model, &third).await;
    vec![one, two, three]
}

#[tokio::test]
async fn a_run_is_played_as_it_was_recorded() {
    let studio = Studio::new();
    let recorded = run(&studio.record()).await;
    assert_eq!(
        recorded[2].0.as_ref().unwrap_err().kind,
        ModelErrorKind::NoReply
    );
    assert_eq!(recorded[0].1.pieces, 2);
    // Twice: a tape is not used up by playing it.
    for _ in 0..2 {
        assert_eq!(run(&studio.replay()).await, recorded);
    }
    assert_eq!(
        provider::check_cassette(&studio.path("tapes/one.jsonl"), "one"),
        []
    );
}

#[tokio::test]
async fn a_tape_grows_by_what_is_new_also_when_it_is_opened_again() {
    let studio = Studio::new();
    run(&studio.record()).await;
    let first = studio.tape();
    run(&studio.record()).await;
    let both = studio.tape();
    assert!(both.starts_with(&first));
    assert_eq!((first.lines().count(), both.lines().count()), (4, 7));
    assert_eq!(both.matches("\"says\":\"user: Go\"").count(), 1);
    assert_eq!(both.matches("\"offered\"").count(), 1);
    let header = first.lines().next().unwrap();
    assert!(
        header.starts_with(r#"{"cassette":1,"by":"charthouse "#),
        "{header}"
    );
    // What was recorded twice is played twice, and then no more.
    let model = studio.replay();
    assert_eq!(run(&model).await, run(&model).await);
    let error = ask(&model, &payload(vec![say("Go")])).await.0.unwrap_err();
    assert!(
        error
            .message
            .contains("exchange 1 (line 2) was recorded for it and has been played already")
            || error
                .message
                .contains("exchange 4 (line 5) was recorded for it and has been played already"),
        "{error}"
    );
}

#[tokio::test]
async fn two_providers_may_record_on_one_tape() {
    let studio = Studio::new();
    let (one, other) = (studio.record(), studio.record());
    let first = payload(vec![say("Go")]);
    let reply = ask(&one, &first).await.0.unwrap();
    let second = next(&first, &reply, "hello");
    ask(&other, &second).await.0.unwrap();
    ask(&one, &second).await.0.unwrap();
    ask(&other, &first).await.0.unwrap();
    let file = studio.path("tapes/one.jsonl");
    assert_eq!(provider::check_cassette(&file, "one"), []);
    let played = studio.replay();
    for payload in [&second, &first, &first, &second] {
        ask(&played, payload).await.0.unwrap();
    }
}

#[tokio::test]
async fn the_same_payload_gets_its_answers_in_order_and_rather_those_of_the_same_model() {
    let studio = Studio::new();
    let bodies = ["one", "two", "three"].map(|text| {
        let chunk =
            format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}},"finish_reason":"stop"}}]}}"#);
        let bytes = answer("200 OK", &[], &events("\n", &[&chunk, "[DONE]"]));
        Answer::Pieces(bytes, 1 << 20)
    });
    let server = Server::start(bodies.to_vec()).await;
    let live = studio.recording(http(&server, None));
    let plain = payload(vec![say("Go")]);
    let mut other = plain.clone();
    other.parameters.name = "other".into();
    for asked in [&plain, &other, &plain] {
        ask(&live, asked).await.0.unwrap();
    }
    let played = studio.replay();
    let mut texts = Vec::new();
    for asked in [&plain, &plain, &plain] {
        texts.push(ask(&played, asked).await.0.unwrap().text.to_string());
    }
    assert_eq!(texts, ["one", "three", "two"]);
}

fn http(server: &Server, key: Option<SecretRef>) -> ProviderKind {
    ProviderKind::Http {
        dialect: Dialect::ChatCompletions,
        base_url: server.base_url.clone(),
        key,
    }
}

#[tokio::test]
async fn no_secret_is_on_the_tape_and_the_tape_still_fits() {
    let studio = Studio::new();
    std::fs::write(studio.path("key"), KEY).unwrap();
    // The model echoes the key: whole, in part, cut between two deltas, escaped inside of arguments; and somebody else's header.
    let chunk = |delta: &str| format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#);
    let data = [
        chunk(r#"{"reasoning_content":"the key ends in 0123456789"}"#),
        chunk(r#"{"content":"your key: sk-very-sec"}"#),
        chunk(r#"{"content":"ret-0123456789; Authorization: Bearer abcdef-123456"}"#),
        chunk(
            r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"fs__read","arguments":"{\"path\":\"s\\u006b-very-secret-0123456789\"}"}}]}"#,
        ),
    ];
    let data: Vec<&str> = data.iter().map(String::as_str).chain(["[DONE]"]).collect();
    let refusal = format!(r#"{{"error":{{"message":"bad {KEY}"}}}}"#);
    let server = Server::start(vec![
        Answer::Pieces(answer("200 OK", &[], &events("\n", &data)), 7),
        Answer::Pieces(answer("400 Bad", &[], &refusal), 7),
    ])
    .await;
    let live = studio.recording(http(&server, Some(SecretRef::File(studio.path("key")))));
    let first = payload(vec![say(&format!("My key is {KEY}"))]);
    let (reply, _) = ask(&live, &first).await;
    let second = next(&first, &reply.unwrap(), &format!("KEY={KEY}"));
    assert!(ask(&live, &second).await.0.is_err());

    let tape = studio.tape();
    for part in [
        "sk-very-",
        "very-secret",
        "01234567",
        "23456789",
        "abcdef-123456",
        "\\u006b",
    ] {
        assert!(!tape.contains(part), "{part} in {tape}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(studio.path("tapes/one.jsonl"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // Where it is played nobody has the key: the conversation holds what the tape says.
    let played = studio.replay();
    let first = payload(vec![say("My key is [key]")]);
    let (reply, sink) = ask(&played, &first).await;
    let reply = reply.unwrap();
    assert_eq!(sink.text, "your key: [key]; Authorization: Bearer [hidden]");
    assert_eq!(sink.reasoning, "the key ends in [key]");
    assert_eq!(
        reply.reasoning,
        Some(Reasoning::text("the key ends in [key]"))
    );
    let second = next(&first, &reply, "KEY=[key]");
    let error = ask(&played, &second).await.0.unwrap_err();
    assert_eq!(
        (error.kind, error.status),
        (ModelErrorKind::Rejected, Some(400))
    );
    assert!(error.message.contains("400: bad [key]"), "{error}");
}

#[tokio::test]
async fn what_does_not_fit_says_which_exchange_is_nearest_and_where_they_part() {
    let studio = Studio::new();
    run(&studio.record()).await;
    let model = studio.replay();
    let first = payload(vec![say("Go")]);
    let reply = ask(&model, &first).await.0.unwrap();
    let mut shorter = next(&first, &reply, "hello");
    shorter.items.pop();
    let mut tools = next(&first, &reply, "hello");
    tools.tools.clear();
    let mut described = next(&first, &reply, "hello");
    described.tools[0].description = "Reads files.".into();
    for (payload, words) in [
        (
            next(&first, &reply, "bye"),
            "nearest is exchange 2 (line 3), of which the first 2 items are the same; item 3 differs: recorded is `result of fs.read: hello`, \
             asked was `result of fs.read: bye`",
        ),
        (
            shorter,
            "nearest is exchange 2 (line 3), of which the first 2 items are the same; asked was no more, but recorded is item 3 too: \
             `result of fs.read: hello`",
        ),
        (
            payload(vec![say("Go"), say("on")]),
            "of which the first item is the same; item 2 differs: recorded is `assistant: Let me read. Then I tell. calls fs.read \
             {\"path\":\"/a\"}`, asked was `user: on`",
        ),
        (
            tools,
            "the tools differ: recorded are [fs.read], offered were []",
        ),
        (
            described,
            "the tools have the same names (fs.read), but not the same descriptions",
        ),
        (
            payload(vec![say("Stop")]),
            "item 1 differs: recorded is `user: Go`, asked was `user: Stop`",
        ),
    ] {
        let error = ask(&model, &payload).await.0.unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::NoReply);
        assert!(error.message.contains(words), "{error}\n{words}");
    }
    // None of these has played anything.
    assert!(ask(&model, &next(&first, &reply, "hello")).await.0.is_ok());
}

#[tokio::test]
async fn a_long_item_that_differs_in_the_middle_says_that_it_does() {
    let studio = Studio::new();
    let long = |word: &str| {
        payload(vec![say(&format!(
            "{}{word}{}",
            "a".repeat(300),
            "b".repeat(300)
        ))])
    };
    ask(&studio.record(), &long("one")).await.0.unwrap();
    let error = ask(&studio.replay(), &long("two")).await.0.unwrap_err();
    assert!(
        error.message.contains("item 1 differs, further in than"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_conversation_finds_its_answer_and_no_reader_panics(
        talks in proptest::collection::vec(proptest::collection::vec("[ab\"\\\\\n\u{1}é🦀]{0,4}", 0..5), 1..6), at in 0usize..4000, with in any::<u8>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let studio = Studio::new();
            let script = "script: s\nreplies: [ { text: \"{{ last.text | default('none') }}\\nend\" } ]\n";
            std::fs::write(studio.path("script.yaml"), script).unwrap();
            let payloads: Vec<Payload> = talks.iter()
                .map(|talk| payload(talk.iter().map(|text| say(text)).collect()))
                .collect();
            let live = studio.record();
            let mut recorded = Vec::new();
            for payload in &payloads {
                recorded.push(ask(&live, payload).await);
            }
            let played = studio.replay();
            for (payload, expected) in payloads.iter().zip(&recorded) {
                assert_eq!(&ask(&played, payload).await, expected);
            }
            // One byte of it is changed: it is refused or played, and never more than that.
            let file = studio.path("tapes/one.jsonl");
            let mut bytes = std::fs::read(&file).unwrap();
            let at = at % bytes.len();
            bytes[at] = with;
            std::fs::write(&file, &bytes).unwrap();
            let _ = provider::check_cassette(&file, "t");
            let _ = ask(&replay(&file), &payloads[0]).await;
        });
    }
}
