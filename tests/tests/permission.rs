//! Where a policy says `ask`: the question at the terminal, each of its answers, and what they leave behind.

use charthouse_tests::{Answer, House, ModelServer, Plan, Said, Terminal};
use serde_json::json;
use std::time::Duration;

const POLICY: &str = "{ tools: [{ allow: \"fs.*\" }, { ask: \"fs.write\" }], mounts: { /workspace: { from: ., access: read-write } } }";

/// A model that writes the files `a`, `b`, … of one letter each, one in a reply, and then says what it was told.
fn writer(files: &'static [&'static str]) -> ModelServer {
    ModelServer::start(move |asked| {
        let results = asked.results();
        match files.get(results.len()) {
            Some(file) => Answer::Say(Said::default().call(
                "fs__write",
                json!({ "path": format!("/workspace/{file}.txt"), "text": file }),
            )),
            None => Answer::Say(Said::text(format!("told {}", results.last().unwrap().2))),
        }
    })
}

fn house(server: &ModelServer) -> House {
    House::of(Plan {
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        policy: POLICY,
        ..Plan::default()
    })
}

const QUESTION: &str = "allow it? y once, r in this run, a always, n no > ";

fn is_asked(screen: &str) -> bool {
    // The screen is 50 columns wide, so the prompt may be broken over two rows.
    screen.replace('\n', "").ends_with(QUESTION.trim_end())
        || screen.replace('\n', "").ends_with(QUESTION)
}

fn answers(house: &House) -> Vec<String> {
    let said = |record: &serde_json::Value| record["body"]["answer"].as_str().unwrap().to_owned();
    house.journal("permission").iter().map(said).collect()
}

#[test]
fn nobody_there_to_answer_is_a_denial_that_says_so() {
    let server = writer(&["a"]);
    let house = house(&server);
    house.run(["run", "tester"]).expect(0);
    let told = server.asked().last().unwrap().results()[0].2.clone();
    assert!(told.contains("agents/tester.yaml:"), "{told}");
    assert!(told.contains("nobody is here to answer"), "{told}");
    assert!(!house.root.join("a.txt").exists());
    assert!(answers(&house).is_empty());
}

#[test]
fn once_is_once_and_no_is_read_by_the_model() {
    let server = writer(&["a", "b"]);
    let house = house(&server);
    let Some(mut terminal) = Terminal::open(&house, "$charthouse run tester; echo \"code $?\"")
    else {
        return;
    };
    terminal.until("asked", is_asked);
    let screen = terminal.screen();
    assert!(
        screen.contains("? tester wants to call fs.write, which"),
        "{screen}"
    );
    assert!(
        screen.contains("\"path\": \"/workspace/a.txt\""),
        "{screen}"
    );
    assert!(
        screen.replace('\n', "").contains("agents/tester.yaml:"),
        "{screen}"
    );
    assert!(!house.root.join("a.txt").exists());
    terminal.press(b"maybe\r");
    terminal.until("asked again", |screen| {
        screen.contains("answer with y, r, a or n\n") && is_asked(screen)
    });
    terminal.press(b"y\r");
    terminal.until("asked about the second", |screen| {
        screen.contains("allowed once: fs") && screen.contains("b.txt") && is_asked(screen)
    });
    assert_eq!(house.read("a.txt"), "a");
    terminal.press(b"n\r");
    terminal.until("it goes on without", |screen| screen.contains("code 0"));
    assert!(!house.root.join("b.txt").exists());
    assert_eq!(answers(&house), ["once", "no"]);
    let told = server.asked().last().unwrap().results()[1].2.clone();
    assert!(
        told.contains("a person was asked, because of agents/tester.yaml:"),
        "{told}"
    );
    assert!(
        told.contains("did not allow this call of `fs.write`"),
        "{told}"
    );
}

#[test]
fn what_was_typed_before_the_question_does_not_answer_it_and_the_end_of_typing_is_no() {
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let server = ModelServer::start(move |asked| match asked.results().len() {
        0 => {
            gone.recv_timeout(Duration::from_secs(60)).unwrap();
            Answer::Say(Said::default().call(
                "fs__write",
                json!({ "path": "/workspace/a.txt", "text": "a" }),
            ))
        }
        _ => Answer::Say(Said::text("well then")),
    });
    let house = house(&server);
    let Some(mut terminal) = Terminal::open(&house, "$charthouse run tester; echo \"code $?\"")
    else {
        return;
    };
    terminal.until("the model is asked", |_| server.asked().len() == 1);
    terminal.press(b"y\ry\r");
    go.send(()).unwrap();
    terminal.until("asked", is_asked);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!house.root.join("a.txt").exists());
    terminal.press(b"\x04");
    terminal.until("it goes on without", |screen| screen.contains("code 0"));
    assert_eq!(answers(&house), ["no"]);
}

#[test]
fn for_the_run_holds_when_the_conversation_is_taken_up_again() {
    let server = ModelServer::start(|asked| {
        let last = asked.messages().last().unwrap();
        match last["role"].as_str() {
            Some("user") => {
                let file = last["content"].as_str().unwrap();
                Answer::Say(Said::default().call(
                    "fs__write",
                    json!({ "path": format!("/workspace/{file}.txt"), "text": file }),
                ))
            }
            _ => Answer::Say(Said::text("written")),
        }
    });
    let house = house(&server);
    let Some(mut terminal) = Terminal::open(
        &house,
        "$charthouse chat tester; echo \"code $?\"; $charthouse chat tester --resume latest; echo \"again $?\"",
    ) else {
        return;
    };
    terminal.until("a prompt", |screen| screen.ends_with("tester> "));
    terminal.press(b"a\r");
    terminal.until("asked", is_asked);
    terminal.press(b"r\r");
    terminal.until("written", |screen| {
        screen.contains("allowed in this run") && screen.ends_with("tester> ")
    });
    terminal.press(b"b\r");
    terminal.until("no second question", |screen| {
        screen.matches("written\n").count() == 2 && screen.ends_with("tester> ")
    });
    terminal.press(b"\x04");
    terminal.until("resumed", |screen| {
        screen.contains("code 0") && screen.ends_with("tester> ")
    });
    terminal.press(b"c\r");
    terminal.until("still no question", |screen| {
        screen.matches("written\n").count() == 3 && screen.ends_with("tester> ")
    });
    terminal.press(b"\x04");
    terminal.until("it ends", |screen| screen.contains("again 0"));
    assert_eq!(house.read("c.txt"), "c");
    let asked: Vec<bool> = house
        .journal("permission")
        .iter()
        .map(|record| record["body"]["asked"].as_bool().unwrap())
        .collect();
    assert_eq!(asked, [true, false, false]);
}

#[test]
fn always_is_a_rule_that_can_be_read_and_taken_out() {
    let server = writer(&["a", "b"]);
    let house = house(&server);
    let Some(mut terminal) = Terminal::open(&house, "$charthouse run tester; echo \"code $?\"")
    else {
        return;
    };
    terminal.until("asked", is_asked);
    terminal.press(b"a\r");
    terminal.until("both are written", |screen| screen.contains("code 0"));
    assert_eq!(house.read("b.txt"), "b");
    let rules = house.read("policies/answers-tester.yaml");
    assert!(
        rules.contains("\n  - allow: \"fs.write\" # asked because of agents/tester.yaml:"),
        "{rules}"
    );
    // It is what decides from now on, for whoever asks, and no question is left.
    let explained = house
        .run(["policy", "explain", "tester", "--tool", "fs.write"])
        .expect(0);
    assert!(
        explained.stdout.contains("policies/answers-tester.yaml:5"),
        "{}",
        explained.stdout
    );
    house.run(["check"]).expect(0);
    assert_eq!(answers(&house)[0], "always");
    house.run(["run", "tester"]).expect(0);
    assert!(answers(&house).is_empty());
    // It answers questions and nothing else.
    house.edit(
        "agents/tester.yaml",
        "{ ask: \"fs.write\" }",
        "{ deny: \"fs.write\" }",
    );
    let denied = house
        .run(["policy", "explain", "tester", "--tool", "fs.write"])
        .expect(0);
    assert!(denied.stdout.contains("deny"), "{}", denied.stdout);
    assert!(
        !denied.stdout.contains("answers-tester"),
        "{}",
        denied.stdout
    );
}

#[test]
fn calls_made_together_are_asked_about_one_after_another_and_one_answer_may_do() {
    let server = ModelServer::start(|asked| match asked.results().len() {
        0 => {
            let read = |said: Said, file| said.call("fs__read", json!({ "path": file }));
            let said = read(Said::default(), "/workspace/one.txt");
            Answer::Say(read(said, "/workspace/two.txt"))
        }
        _ => Answer::Say(Said::text("read")),
    });
    let house = House::of(Plan {
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        policy: "{ tools: [{ ask: \"fs.*\" }], mounts: { /workspace: { from: . } } }",
        ..Plan::default()
    });
    house.write("one.txt", "first");
    house.write("two.txt", "second");
    let Some(mut terminal) = Terminal::open(&house, "$charthouse run tester; echo \"code $?\"")
    else {
        return;
    };
    terminal.until("asked about the first", |screen| {
        screen.contains("one.txt") && is_asked(screen)
    });
    assert_eq!(terminal.screen().matches("wants to call").count(), 1);
    terminal.press(b"r\r");
    terminal.until("both are read", |screen| screen.contains("code 0"));
    assert_eq!(terminal.screen().matches("wants to call").count(), 1);
    let results = server.asked().last().unwrap().results();
    assert!(results[0].2.contains("first"), "{results:?}");
    assert!(results[1].2.contains("second"), "{results:?}");
    assert_eq!(answers(&house), ["run", "run"]);
}

#[test]
fn a_question_that_comes_while_somebody_types_waits_for_the_line_and_takes_an_empty_one() {
    let server = ModelServer::start(|asked| {
        let last = asked.messages().last().unwrap();
        match (asked.messages().len(), last["role"].as_str()) {
            (1, _) => Answer::Say(Said::text("Here.")),
            (_, Some("tool")) => Answer::Say(Said::text("Written.")),
            _ => Answer::Say(Said::default().call(
                "fs__write",
                json!({ "path": "/workspace/a.txt", "text": "a" }),
            )),
        }
    });
    let house = House::of(Plan {
        chart: "initial: work\nstates:\n  work: { invoke: turn, on: { turn.done: rest } }\n  \
                rest: { tags: [needs-human], on: { human.said: work }, after: { 500ms: again } }\n  \
                again: { invoke: turn, on: { turn.done: quiet } }\n  \
                quiet: { tags: [needs-human], on: { human.said: done } }\n  done: { type: final }\n",
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        policy: POLICY,
        ..Plan::default()
    });
    let Some(mut terminal) = Terminal::open(&house, "$charthouse chat tester; echo \"code $?\"")
    else {
        return;
    };
    terminal.until("a prompt", |screen| screen.ends_with("tester> "));
    terminal.press(b"hello\r");
    terminal.until("the timer's call waits", |screen| {
        screen.contains("a call waits for your answer") && screen.ends_with("tester> ")
    });
    terminal.press(b"\r");
    terminal.until("asked", is_asked);
    terminal.press(b"y\r");
    terminal.until("written, and a prompt", |screen| {
        screen.contains("Written.") && screen.ends_with("tester> ")
    });
    assert_eq!(house.read("a.txt"), "a");
    terminal.press(b"\x04");
    terminal.until("it ends", |screen| screen.contains("code 0"));
}
