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
