//! Conversations: what is typed becomes messages, what is under way can be stopped, and a conversation can be taken up again to the byte.

use charthouse_tests::{Answer, Asked, House, ModelServer, Plan, Ran, Said};
use serde_json::json;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn house(server: &ModelServer) -> House {
    let house = House::of(Plan {
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        policy: "{ tools: [{ allow: \"*\" }], mounts: { /workspace: { from: files, access: read-only } } }",
        ..Plan::default()
    });
    house.write("files/a.txt", "an a\n");
    house
}

fn talk(house: &House, more: &[&str], typed: &str) -> Ran {
    let mut child = begin(house, more);
    child
        .stdin
        .take()
        .unwrap()
        .write_all(typed.as_bytes())
        .unwrap();
    Ran::from(child.wait_with_output().unwrap())
}

fn begin(house: &House, more: &[&str]) -> Child {
    house
        .command()
        .args(["chat", "tester"])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The conversation's part of a request's bytes.
fn messages(asked: &Asked) -> &str {
    let at = asked.body.find("\"messages\":[").unwrap();
    asked.body[at..].trim_end_matches("]}")
}

/// Answers with the number of what people have said so far; reads a file when told to.
fn counts(asked: &Asked) -> Answer {
    let people = asked
        .messages()
        .iter()
        .filter(|message| {
            message["role"] == "user" && message["content"].as_str().unwrap().contains("say")
        })
        .count();
    let last = asked.messages().last().unwrap();
    let read = last["role"] == "user" && last["content"].as_str().unwrap().contains("read");
    Answer::Say(match read {
        true => Said::text("I read.").call("fs__read", json!({ "path": "/workspace/a.txt" })),
        false => Said::text(format!("That was {people}.")),
    })
}

#[test]
fn each_line_is_a_message_and_the_chart_begins_anew() {
    let server = ModelServer::start(counts);
    let house = house(&server);
    let ran = talk(&house, &[], "say one\n\nsay two and read\n/help\n").expect(0);
    assert!(
        ran.stdout.contains("That was 1.") && ran.stdout.contains("That was 2."),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("fs.read"),
        "calls are shown: {}",
        ran.stderr
    );
    assert!(ran.stderr.contains("--resume "), "{}", ran.stderr);
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    for pair in asked.windows(2) {
        let (earlier, later) = (messages(&pair[0]), messages(&pair[1]));
        assert!(
            later.starts_with(earlier),
            "the prefix is sent again to the byte:\n{earlier}\n{later}"
        );
    }
    let rested = house.journal("rested");
    assert_eq!(rested.len(), 2, "{rested:?}");
    house.verify();
}

#[test]
fn a_conversation_is_taken_up_again_to_the_byte() {
    let server = ModelServer::start(counts);
    let house = house(&server);
    talk(&house, &[], "say one and read\n").expect(0);
    let before = server.asked();
    let ran = talk(&house, &["--resume", "latest"], "say two\n").expect(0);
    assert!(ran.stdout.contains("That was 2."), "{}", ran.stdout);
    let after = server.asked();
    let (earlier, later) = (
        messages(before.last().unwrap()),
        messages(after.last().unwrap()),
    );
    assert!(
        later.starts_with(earlier),
        "tool calls and results are sent as they were:\n{earlier}\n{later}"
    );
    let runs = house.run(["journal", "show", "--json"]).expect(0).lines();
    assert_eq!(runs.len(), 1, "it is the same run: {runs:?}");
    house.verify();
}

#[test]
fn nothing_is_begun_before_somebody_has_spoken() {
    let server = ModelServer::start(counts);
    let house = house(&server);
    let ran = talk(&house, &[], "\n").expect(0);
    assert!(ran.stderr.contains("Nothing was said"), "{}", ran.stderr);
    assert!(server.asked().is_empty());
}

#[test]
fn a_run_that_is_not_there_or_is_somebody_elses_is_refused() {
    let server = ModelServer::start(counts);
    let house = house(&server);
    talk(&house, &["--resume", "2020"], "say\n")
        .expect(1)
        .complains(&["2020"]);
    talk(&house, &[], "say one\n").expect(0);
    let text = house
        .read("agents/tester.yaml")
        .replace("agent: tester", "agent: other");
    house.write("agents/other.yaml", &text);
    let run = house.journal("started")[0]["run"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = |wanted: &str, typed: &str| {
        let mut command = house.command();
        command
            .args(["chat", "other", "--resume", wanted])
            .stdin(Stdio::piped());
        let mut child = command
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that asks nobody may be over by now.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        Ran::from(child.wait_with_output().unwrap())
    };
    // Nothing is typed: it is refused before anybody is asked.
    other(&run, "")
        .expect(2)
        .complains(&["one of the agent `tester`, not of `other`"]);
    other("latest", "")
        .expect(1)
        .complains(&["there is no run of the agent `other`"]);
    // The latest of this agent, whoever ran since.
    let begun = house
        .command()
        .args(["run", "other", "say two"])
        .output()
        .unwrap();
    Ran::from(begun).expect(0);
    let ran = talk(&house, &["--resume", "latest"], "say three\n").expect(0);
    assert!(ran.stderr.contains(&run), "{}", ran.stderr);
    assert!(ran.stdout.contains("That was 2."), "{}", ran.stdout);
}

#[test]
fn an_interrupt_stops_what_is_under_way_and_the_conversation_goes_on() {
    let answered = std::sync::Arc::new(AtomicUsize::new(0));
    let count = answered.clone();
    let server = ModelServer::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::Hang,
        _ => Answer::Say(Said::text("Here again.")),
    });
    let house = house(&server);
    let mut child = begin(&house, &[]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"say something\n").unwrap();
    let started = Instant::now();
    while server.asked().is_empty() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the model is asked"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let signalled = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(signalled.success());
    stdin.write_all(b"say it again\n").unwrap();
    drop(stdin);
    let ran = Ran::from(child.wait_with_output().unwrap()).expect(0);
    assert!(
        ran.stdout.contains("Here again."),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert!(ran.stderr.contains("stopped"), "{}", ran.stderr);
    assert_eq!(house.journal("interrupted").len(), 1);
    house.verify();
}

#[test]
fn a_conversation_that_ends_in_trouble_says_so_in_its_exit_code() {
    let server = ModelServer::start(|_| Answer::Refuse(401, "{}".to_owned()));
    let house = house(&server);
    talk(&house, &[], "say one\n").expect(5);
    let ran = house.run(["run", "tester", "say one"]);
    assert_eq!(ran.code, Some(5), "as in a run: {}", ran.stderr);
}

#[test]
fn a_request_to_end_is_not_taken_for_an_end_that_is_fine() {
    let server = ModelServer::start(counts);
    let house = house(&server);
    let mut child = begin(&house, &[]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"say one\n").unwrap();
    let started = Instant::now();
    while house.run(["journal", "show", "latest", "--json"]).code != Some(0)
        || house.journal("rested").is_empty()
    {
        assert!(started.elapsed() < Duration::from_secs(60), "it rests");
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    Ran::from(child.wait_with_output().unwrap()).expect(1);
    drop(stdin);
    house.verify();
}

#[test]
fn commands_are_explained_and_paths_are_messages() {
    let server = ModelServer::start(counts);
    let house = house(&server);
    let typed =
        "/quit now\n/nothing of it\n/etc/passwd say what it is\n /quit say\n/quit\nsay more\n";
    let ran = talk(&house, &[], typed).expect(0);
    assert!(
        ran.stderr.contains("`/quit` stands alone"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("there is no `/nothing`"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("That was 2."), "{}", ran.stdout);
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_line_that_no_model_could_read_is_refused_as_a_whole() {
    let server = ModelServer::start(counts);
    let house = house(&server);
    let typed = format!("say {}\nsay one\n", "a".repeat(17 << 20));
    let ran = talk(&house, &[], &typed).expect(0);
    assert!(ran.stderr.contains("was not sent"), "{}", ran.stderr);
    assert_eq!(server.asked().len(), 1);
    assert!(ran.stdout.contains("That was 1."), "{}", ran.stdout);
}

#[test]
fn a_round_that_a_kill_cut_off_is_told_and_not_run_again() {
    let server = ModelServer::start(|asked: &Asked| match asked.results().len() {
        0 => Answer::Say(
            Said::text("Both.")
                .call(
                    "fs__write",
                    json!({ "path": "/workspace/once.txt", "text": "x" }),
                )
                .call("hostile__spin", json!({})),
        ),
        _ => Answer::Say(Said::text("I see.")),
    });
    let house = House::of(Plan {
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        policy: "{ tools: [{ allow: \"*\" }], mounts: { /workspace: { from: files, access: read-write } }, limits: { fuel: 100000G, deadline: 60s } }",
        ..Plan::default()
    });
    house.write("files/a.txt", "an a\n");
    let mut child = begin(&house, &[]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"do both\n").unwrap();
    let started = Instant::now();
    let calls = |house: &House| -> usize {
        let shown = house.run(["journal", "show", "latest", "--json"]);
        shown.stdout.matches("\"kind\":\"call\"").count()
    };
    while calls(&house) < 2 {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "both calls begin"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    talk(&house, &["--resume", "latest"], "and?\n").expect(0);
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "the calls are not asked for again");
    let results = asked[1].results();
    let told: Vec<(&str, &str)> = results
        .iter()
        .map(|(name, _, text)| (name.as_str(), text.as_str()))
        .collect();
    assert!(
        told[0].0 == "fs__write" && !told[0].1.contains("stopped"),
        "{told:?}"
    );
    assert!(
        told[1].0 == "hostile__spin" && told[1].1.contains("may have taken effect"),
        "{told:?}"
    );
    assert_eq!(calls(&house), 2, "nothing is run twice");
    house.verify();
}

#[test]
fn one_process_at_a_time_goes_on_with_a_run() {
    let server = ModelServer::start(counts);
    let house = house(&server);
    let mut first = begin(&house, &[]);
    let mut stdin = first.stdin.take().unwrap();
    stdin.write_all(b"say one\n").unwrap();
    let started = Instant::now();
    while house
        .run(["journal", "show", "latest"])
        .stdout
        .lines()
        .filter(|line| line.contains("rested"))
        .count()
        == 0
    {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the first comes to rest"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    talk(&house, &["--resume", "latest"], "say two\n")
        .expect(1)
        .complains(&["this house is hosted by `charthouse chat tester`"]);
    drop(stdin);
    Ran::from(first.wait_with_output().unwrap()).expect(0);
    talk(&house, &["--resume", "latest"], "say two\n").expect(0);
    house.verify();
}

#[test]
fn an_answer_that_breaks_off_is_booked_and_kept() {
    let first = AtomicUsize::new(0);
    let server =
        ModelServer::start(
            move |asked: &Asked| match first.fetch_add(1, Ordering::SeqCst) {
                0 => Answer::Cut(Said::text(
                    "The first half of what I wanted to say, and then the second.",
                )),
                _ => counts(asked),
            },
        );
    let house = house(&server);
    let text = house.read("house.yaml")
        + "prices: { test-model: { from: 2026-01-01, input: 1, output: 10, per: 1M } }\n";
    house.write("house.yaml", &text);
    talk(&house, &[], "say one\nsay two\n");
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert!(
        asked[1].body.contains("The first half"),
        "what was seen is in the conversation: {}",
        asked[1].body
    );
    let costs = house.journal("cost");
    assert_eq!(costs.len(), 2, "{costs:?}");
    assert!(
        costs[0]["body"]["usd"]
            .as_str()
            .is_some_and(|usd| usd != "0"),
        "{}",
        costs[0]
    );
}

#[test]
fn a_person_answers_what_the_chart_asks() {
    let server = ModelServer::start(counts);
    let house = House::of(Plan {
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        chart: "data: { got: null }\ninitial: ask\nstates:\n  ask:\n    invoke: { activity: ask, params: { question: Which colour? } }\n    on: { ask.done: { target: work, actions: { assign: { got: event.data.text } } } }\n  work: { context: [{ template: \"The colour is {{ data.got }}.\" }], invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n",
        ..Plan::default()
    });
    house.edit(
        "agents/tester.yaml",
        "trim: oldest }\n",
        "trim: oldest }\n  - { id: now, slot: cognition, budget: 500 }\n",
    );
    talk(&house, &[], "say red\n").expect(0);
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0].body.contains("The colour is say red."),
        "{}",
        asked[0].body
    );
}
