//! The shipped surveyor, unchanged, against a server that speaks the wire format: what it is sent, what it may answer, and everything that can
//! go wrong with it.

use charthouse_tests::{Answer, Asked, House, ModelServer, Ran, Said, dead_address};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

const KEY: &str = "sk-test-0123456789abcdefghijklmnop";

/// A workspace with three files, three lines of which are marks.
fn workspace() -> TempDir {
    let workspace = tempfile::tempdir().unwrap();
    fs::write(workspace.path().join("a.rs"), "fn a() {}\n// TODO: one\n").unwrap();
    fs::write(
        workspace.path().join("b.py"),
        "# FIXME two\nx = 1\n# TODO three\n",
    )
    .unwrap();
    fs::write(workspace.path().join("c.md"), "# Title\n").unwrap();
    workspace
}

/// The shipped house, with the provider `local` at `url`.
fn house(workspace: &Path, url: &str) -> House {
    let house = House::init(&[Path::new("--workspace"), workspace]);
    house.edit(
        "house.yaml",
        "base_url: \"http://127.0.0.1:11434/v1\"",
        &format!("base_url: \"{url}\", key: \"env:CHARTHOUSE_TEST_KEY\""),
    );
    house
}

fn run(house: &House, more: &[&str]) -> Ran {
    let mut command = house.command();
    command
        .args(["run", "surveyor", "--provider", "local"])
        .args(more)
        .env("CHARTHOUSE_TEST_KEY", KEY);
    Ran::of(&mut command)
}

/// A model that surveys: whatever it says it derives from what the tools told it.
fn surveyor(asked: &Asked) -> Answer {
    let results = asked.results();
    let result = |name: &str| {
        results
            .iter()
            .filter(|(called, ..)| called == name)
            .map(|(_, arguments, text)| (arguments, text))
            .collect::<Vec<_>>()
    };
    let json = |text: &str| -> Value { serde_json::from_str(text).expect("the tool answers JSON") };
    let last = asked
        .messages()
        .iter()
        .rfind(|message| message["role"] != "user")
        .expect("there is a system message");
    let called = |name: &str| !result(name).is_empty();
    let mut said = if !called("search__count") {
        Said::text("Let me look around first. ")
            .call(
                "search__count",
                json!({"path": "/workspace", "by": "language"}),
            )
            .call(
                "search__grep",
                json!({"path": "/workspace", "pattern": "TODO|FIXME"}),
            )
    } else if !called("fs__write") && last["role"] == "tool" {
        let total = json(result("search__count")[0].1)["total"]["files"].clone();
        Said::text(format!("I have counted {total} files."))
    } else if !called("fs__write") {
        let count = json(result("search__count")[0].1);
        let marks = json(result("search__grep")[0].1);
        let mut report = format!(
            "# Survey\n\n{} files, {} lines\n\n",
            count["total"]["files"], count["total"]["lines"]
        );
        for mark in marks["matches"].as_array().expect("matches are a list") {
            report.push_str(&format!(
                "- {}:{} {}\n",
                mark["path"].as_str().unwrap(),
                mark["line"],
                mark["text"].as_str().unwrap()
            ));
        }
        Said::default().call(
            "fs__write",
            json!({"path": "/out/survey.md", "text": report}),
        )
    } else if last["role"] == "tool" && !called("fs__read") {
        Said::text("It is written.")
    } else if !called("fs__read") {
        Said::default().call("fs__read", json!({"path": "/out/survey.md"}))
    } else {
        Said::text(format!(
            "I read back: {}",
            result("fs__read")[0].1.lines().nth(2).unwrap_or_default()
        ))
    };
    said.usage = (asked.body.len() as u64 / 4, 0, 50);
    Answer::Say(said)
}

#[test]
fn the_shipped_agent_surveys_with_any_server_that_speaks_the_format() {
    let workspace = workspace();
    let server = ModelServer::start(surveyor);
    let house = house(workspace.path(), &server.url);
    let ran = run(&house, &["Survey this.", "--json"]).expect(0);
    let events = ran.lines();
    assert_eq!(events.last().unwrap()["status"], "done");
    assert_eq!(events[0]["provider"], "local");
    let report = house.read("out/survey.md");
    assert_eq!(
        report,
        "# Survey\n\n3 files, 6 lines\n\n- a.rs:2 // TODO: one\n- b.py:1 # FIXME two\n- b.py:3 # TODO three\n"
    );
    let said: String = events
        .iter()
        .filter(|event| event["type"] == "text")
        .map(|event| event["text"].as_str().unwrap())
        .collect();
    assert!(
        said.contains("I have counted 3 files.") && said.ends_with("I read back: 3 files, 6 lines"),
        "{said}"
    );

    let asked = server.asked();
    assert_eq!(asked.len(), 6);
    for request in &asked {
        assert_eq!(request.line, "POST /v1/chat/completions HTTP/1.1");
        assert_eq!(
            request.header("authorization"),
            Some(format!("Bearer {KEY}").as_str())
        );
        assert!(
            request
                .header("content-type")
                .unwrap()
                .starts_with("application/json")
        );
        assert_eq!(request.json["stream"], true);
        assert_eq!(request.json["stream_options"]["include_usage"], true);
        assert_eq!(
            request.json["model"], "scripted",
            "the name in the agent's definition"
        );
        assert_eq!(request.json["max_tokens"], 32_768);
    }
    check_tools(&asked);
    check_conversation(&asked);

    // What the server reported is on the ledger; no price is known, so no money is made up.
    let ledger = house
        .run(["ledger", "--by", "model", "--json"])
        .expect(0)
        .json();
    let row = ledger["rows"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["model"] == "scripted")
        .unwrap();
    assert_eq!(row["calls"], 6);
    assert_eq!(row["tokens"]["output"], 300);
    let sent: u64 = asked
        .iter()
        .map(|request| request.body.len() as u64 / 4)
        .sum();
    assert_eq!(row["tokens"]["input"], sent);
    assert_eq!((&row["usd"], &row["unpriced"]), (&json!("0"), &json!(6)));
    house.verify();
}

/// Tools are offered with names that providers accept and schemas that are objects; which are offered does not change with the state.
fn check_tools(asked: &[Asked]) {
    let tools =
        |request: &Asked| -> Vec<Value> { request.json["tools"].as_array().unwrap().clone() };
    let names = |request: &Asked| -> Vec<String> {
        tools(request)
            .iter()
            .map(|tool| tool["function"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    for name in [
        "fs__read",
        "fs__list",
        "fs__write",
        "fs__edit",
        "search__grep",
        "search__find",
        "search__count",
    ] {
        assert!(
            names(&asked[0]).contains(&name.to_owned()),
            "{name} is not offered"
        );
    }
    for tool in tools(&asked[0]) {
        assert_eq!(tool["type"], "function");
        assert_eq!(tool["function"]["parameters"]["type"], "object");
        assert!(!tool["function"]["description"].as_str().unwrap().is_empty());
    }
    let without_signal = |request: &Asked| {
        names(request)
            .into_iter()
            .filter(|name| name != "signal")
            .collect::<Vec<_>>()
    };
    for request in asked {
        assert_eq!(without_signal(request), without_signal(&asked[0]));
    }
    // `check` accepts a signal, so the tool for it is offered there and nowhere else.
    let offered: Vec<bool> = asked
        .iter()
        .map(|request| names(request).contains(&"signal".to_owned()))
        .collect();
    assert_eq!(offered, [false, false, false, false, true, true]);
    let signal = tools(&asked[5])
        .into_iter()
        .find(|tool| tool["function"]["name"] == "signal")
        .unwrap();
    assert_eq!(
        signal["function"]["parameters"]["properties"]["event"]["enum"],
        json!(["signal.flawed"])
    );
}

/// Each request repeats the conversation before it byte for byte, and every call has its result.
fn check_conversation(asked: &[Asked]) {
    for request in asked {
        let messages = request.messages();
        assert_eq!(messages[0]["role"], "system");
        assert_eq!(
            messages
                .iter()
                .filter(|message| message["role"] == "system")
                .count(),
            1,
            "templates refuse a second one"
        );
        assert!(
            messages[0]["content"]
                .as_str()
                .unwrap()
                .contains("You are a surveyor.")
        );
        for (index, message) in messages.iter().enumerate() {
            let calls: Vec<&Value> = message["tool_calls"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|call| &call["id"])
                .collect();
            let answers: Vec<&Value> = messages[index + 1..]
                .iter()
                .take(calls.len())
                .map(|answer| &answer["tool_call_id"])
                .collect();
            assert_eq!(calls, answers, "results follow their calls, in their order");
        }
    }
    // The prompt is there from the first request on.
    assert!(asked[0].body.contains("Survey this."));
    for pair in asked.windows(2) {
        let (before, after) = (conversation(&pair[0]), conversation(&pair[1]));
        assert!(
            after.starts_with(before),
            "the prefix moved:\n{before}\n---\n{after}"
        );
    }
    // Within a state the tools are the same bytes too, so the whole beginning of the body is.
    let beginning =
        |request: &Asked| request.body[..request.body.find("\"messages\":").unwrap()].to_owned();
    assert_eq!(beginning(&asked[0]), beginning(&asked[3]));
}

/// The bytes of a request's messages without what is volatile by the map: the state's own text at the end.
fn conversation(request: &Asked) -> &str {
    let start = request.body.find("\"messages\":").unwrap();
    let volatile = [
        "Read what is there before you change anything.",
        "Now do what was asked",
        "Check your own work as a stranger would.",
    ];
    let end = volatile
        .iter()
        .filter_map(|text| request.body.rfind(text))
        .max()
        .expect("the state's text is there");
    let before = &request.body[start..end];
    // The state's text is a message of its own, or the end of the person's.
    before
        .strip_suffix(",{\"role\":\"user\",\"content\":\"")
        .or_else(|| before.strip_suffix("\\n\\n"))
        .unwrap_or(before)
}

#[test]
fn the_key_goes_to_the_server_and_nowhere_else() {
    let workspace = workspace();
    // A rude server says the key back in arguments and errors.
    let server = ModelServer::start(|asked| match asked.results().len() {
        0 => Answer::Say(
            Said::text("Let me look.").call("fs__list", json!({"path": "/workspace", "note": KEY})),
        ),
        _ => Answer::Refuse(
            401,
            json!({"error": {"message": format!("Incorrect API key provided: {KEY}")}}).to_string(),
        ),
    });
    let house = house(workspace.path(), &server.url);
    for more in [&["--json"][..], &[]] {
        let ran = run(&house, more).expect(5);
        assert_eq!(
            server.asked()[0].header("authorization"),
            Some(format!("Bearer {KEY}").as_str())
        );
        for (place, text) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
            assert!(!text.contains(KEY), "{place}: {text}");
        }
    }
    for file in ["journal.db", "journal.db-wal"] {
        let bytes = fs::read(house.root.join(".charthouse").join(file)).unwrap_or_default();
        assert!(
            !bytes
                .windows(KEY.len())
                .any(|window| window == KEY.as_bytes()),
            "{file}"
        );
    }
    let journal = house
        .run(["journal", "show", "latest", "--json"])
        .expect(0)
        .stdout;
    assert!(!journal.contains(KEY), "{journal}");
}

/// The cause that ends a run with 5, from the last line of JSON; a person reads the same.
#[track_caller]
fn cause(house: &House) -> String {
    let ran = run(house, &["--json"]).expect(5);
    let done = ran.lines().pop().unwrap();
    assert_eq!(
        (&done["type"], &done["status"]),
        (&json!("done"), &json!("waiting")),
        "the surveyor is stuck and waits for a person"
    );
    assert_eq!(done["cause"]["kind"], "provider");
    let message = done["cause"]["message"].as_str().unwrap().to_owned();
    let person = run(house, &[]).expect(5);
    person.complains(&["because: ", &message]);
    house.verify();
    message
}

#[track_caller]
fn says(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "`{word}` is missing in: {message}");
    }
}

#[test]
fn a_server_that_is_down_is_named_with_what_to_do() {
    let workspace = workspace();
    let url = dead_address();
    let house = house(workspace.path(), &url);
    says(
        &cause(&house),
        &["provider `local`", &url, "start the server", "base_url"],
    );
}

#[test]
fn a_key_that_is_missing_is_named_and_nothing_is_sent() {
    let workspace = workspace();
    let server = ModelServer::start(surveyor);
    let house = house(workspace.path(), &server.url);
    let ran = house
        .run(["run", "surveyor", "--provider", "local"])
        .expect(5);
    ran.complains(&["CHARTHOUSE_TEST_KEY", "export"]);
    assert!(server.asked().is_empty());
}

#[test]
fn a_key_out_of_a_file_serves_as_well() {
    let workspace = workspace();
    let server = ModelServer::start(surveyor);
    let house = house(workspace.path(), &server.url);
    house.edit("house.yaml", "env:CHARTHOUSE_TEST_KEY", "file:key.txt");
    house.write("key.txt", &format!("{KEY}\n"));
    house
        .run(["run", "surveyor", "--provider", "local"])
        .expect(0);
    assert_eq!(
        server.asked()[0].header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
}

#[test]
fn refusals_are_told_in_words() {
    let workspace = workspace();
    for (status, body, words) in [
        (
            401,
            json!({"error": {"message": "Incorrect API key provided"}}),
            &["401", "Incorrect API key", "env:CHARTHOUSE_TEST_KEY"][..],
        ),
        (
            404,
            json!({"error": {"message": "model 'scripted' not found"}}),
            &["scripted", "not found"],
        ),
        (
            400,
            json!({"error": {"message": "maximum context length is 4096 tokens", "code": "context_length_exceeded"}}),
            &["4096 tokens"],
        ),
    ] {
        let server = ModelServer::start(move |_| Answer::Refuse(status, body.to_string()));
        let house = house(workspace.path(), &server.url);
        says(&cause(&house), words);
        assert_eq!(
            server.asked().len(),
            2,
            "{status}: repeating it would not help"
        );
    }
}

#[test]
fn a_server_that_asks_for_patience_is_asked_again() {
    let workspace = workspace();
    static REQUESTS: AtomicUsize = AtomicUsize::new(0);
    let server = ModelServer::start(|asked| match REQUESTS.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::Refuse(
            503,
            json!({"error": {"message": "loading the model"}}).to_string(),
        ),
        _ => surveyor(asked),
    });
    let house = house(workspace.path(), &server.url);
    run(&house, &[]).expect(0);
    assert_eq!(server.asked().len(), 7);
    assert_eq!(server.asked()[0].body, server.asked()[1].body);
}

#[test]
fn an_answer_that_breaks_off_is_no_answer() {
    let workspace = workspace();
    let server = ModelServer::start(|asked| match surveyor(asked) {
        Answer::Say(said) => Answer::Cut(said),
        other => other,
    });
    let house = house(workspace.path(), &server.url);
    says(&cause(&house), &["broke off", &server.url]);
    assert!(house.journal("call").is_empty(), "half a call is not run");
    let reply = &house.journal("reply")[0]["body"];
    assert_eq!(reply["error"]["kind"], "unreachable");
}

#[test]
fn something_else_that_listens_there_is_recognised() {
    let workspace = workspace();
    let server = ModelServer::start(|_| Answer::Refuse(200, "<html>It works!</html>".into()));
    let house = house(workspace.path(), &server.url);
    says(&cause(&house), &["is not a chat completion", "base_url"]);
}

#[test]
fn another_model_can_be_asked_for() {
    let workspace = workspace();
    let server = ModelServer::start(surveyor);
    let house = house(workspace.path(), &server.url);
    run(&house, &["--model", "qwen3-coder:30b"]).expect(0);
    assert!(
        server
            .asked()
            .iter()
            .all(|request| request.json["model"] == "qwen3-coder:30b")
    );
}

#[test]
fn arguments_that_are_no_json_come_back_to_the_model() {
    let workspace = workspace();
    let server = ModelServer::start(|asked| {
        let results = asked
            .messages()
            .iter()
            .filter(|message| message["role"] == "tool")
            .count();
        match results {
            0 => Answer::Say(Said::default().call("fs__read", json!("{\"path\": oops"))),
            _ => Answer::Say(Said::text("I see.")),
        }
    });
    let house = house(workspace.path(), &server.url);
    run(&house, &[]).expect(0);
    let asked = server.asked();
    let result = asked[1]
        .messages()
        .iter()
        .find(|message| message["role"] == "tool")
        .unwrap();
    says(result["content"].as_str().unwrap(), &["invalid", "JSON"]);
}

/// The journal is kept clean of a key that the server says back; what streams by must be as clean, however it is cut into pieces.
#[test]
fn a_key_that_the_server_says_back_is_not_shown_while_it_streams() {
    let workspace = workspace();
    let server = ModelServer::start(|_| Answer::Say(Said::text(format!("Your key is {KEY}."))));
    let house = house(workspace.path(), &server.url);
    for more in [&["--json"][..], &[]] {
        let ran = run(&house, more).expect(0);
        let text: String = match more {
            [] => ran.stdout,
            _ => ran
                .lines()
                .iter()
                .filter_map(|event| event["text"].as_str())
                .collect(),
        };
        assert!(!text.contains(KEY), "{text}");
    }
}

/// Chat templates of many models (Mistral's and Gemma's, for two) refuse a conversation in which the same side speaks twice in a row.
#[test]
fn user_and_assistant_take_turns() {
    let workspace = workspace();
    let server = ModelServer::start(surveyor);
    let house = house(workspace.path(), &server.url);
    run(&house, &["Survey this."]).expect(0);
    for request in server.asked() {
        let messages = request.messages();
        let roles: Vec<&str> = messages
            .iter()
            .map(|message| message["role"].as_str().unwrap())
            .collect();
        let twice = roles
            .windows(2)
            .any(|pair| pair[0] == pair[1] && pair[0] != "tool");
        assert!(!twice, "one side speaks twice in a row: {roles:?}");
    }
}
