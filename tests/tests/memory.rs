//! What agents remember, as a person sees it and has a hand in it.

use charthouse_tests::{House, Plan, Ran, keys};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::process::Stdio;

fn house() -> House {
    House::of(Plan::default())
}

fn add(house: &House, agent: &str, layer: &str, text: &str) -> u64 {
    let answer = house
        .run(["memory", "add", agent, "--layer", layer, text, "--json"])
        .expect(0)
        .json();
    assert_eq!(keys(&answer), ["id"]);
    answer["id"].as_u64().unwrap()
}

/// Run the program with `text` on its standard input.
fn piped(house: &House, arguments: &[&str], text: &[u8]) -> Ran {
    let mut program = house
        .command()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // What is too long is not read to its end.
    let _ = program.stdin.take().unwrap().write_all(text);
    Ran::from(program.wait_with_output().unwrap())
}

fn list(house: &House, arguments: &[&str]) -> Vec<Value> {
    let arguments = ["memory", "list", "--json"].iter().chain(arguments);
    let answer = house.run(arguments).expect(0).json();
    assert_eq!(keys(&answer), ["memories"]);
    answer["memories"].as_array().unwrap().clone()
}

fn texts(memories: &[Value]) -> Vec<&str> {
    memories
        .iter()
        .map(|memory| memory["text"].as_str().unwrap())
        .collect()
}

#[test]
fn what_a_person_adds_is_listed_to_the_byte() {
    let house = house();
    let text = " -- Tea\r\n\tat four\u{1b}[31m — 🫖 \n";
    let id = add(&house, "tester", "facts", text);
    let found = list(&house, &["tester"]);
    assert_eq!(found.len(), 1);
    let memory = &found[0];
    assert_eq!(
        keys(memory),
        [
            "id",
            "agent",
            "layer",
            "text",
            "time",
            "weight",
            "provenance",
            "labels"
        ]
    );
    assert!(memory["time"].as_i64().unwrap() > 1_700_000_000_000);
    assert_eq!(
        (
            &memory["id"],
            &memory["agent"],
            &memory["layer"],
            &memory["text"]
        ),
        (&json!(id), &json!("tester"), &json!("facts"), &json!(text))
    );
    assert_eq!(
        (&memory["weight"], &memory["provenance"]),
        (&json!(1.0), &json!("human"))
    );
    let shown = house.run(["memory", "list"]).expect(0).stdout;
    for words in ["id", "tester", "facts", "Tea", "at four", "🫖"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(
        !shown.contains('\x1b'),
        "nothing speaks to the terminal: {shown:?}"
    );
}

#[test]
fn a_text_can_come_from_standard_input() {
    let house = house();
    let arguments = ["memory", "add", "tester", "--layer", "skills", "-"];
    let answer = piped(
        &house,
        &arguments,
        "Tag, then push.\nThen wait.\n".as_bytes(),
    )
    .expect(0);
    assert_eq!(answer.stdout, "Remembered as 1.\n");
    assert_eq!(texts(&list(&house, &[])), ["Tag, then push.\nThen wait.\n"]);
    let shown = house.run(["memory", "list"]).expect(0).stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert_eq!(lines[1].find("Tag"), lines[2].find("Then"), "{shown}");

    piped(&house, &arguments, b"caf\xe9")
        .expect(2)
        .complains(&["not UTF-8 from byte 4 on", "iconv"]);
    piped(&house, &arguments, &vec![b'x'; 10_000_000])
        .expect(2)
        .complains(&["longer than the 65536 bytes", "several"]);
    piped(&house, &arguments, b"")
        .expect(2)
        .complains(&["no text to remember"]);
    assert_eq!(list(&house, &[]).len(), 1);
}

#[test]
fn a_query_shows_what_the_agent_would_be_shown_first() {
    let house = house();
    add(&house, "tester", "facts", "The release is on Friday");
    add(
        &house,
        "tester",
        "facts",
        "The tests run with cargo nextest",
    );
    add(&house, "*", "facts", "The ÖFFNUNGSZEITEN hang on the door");
    add(&house, "tester", "episodes", "Ran the tests, all green");
    let first = |query| {
        let found = list(
            &house,
            &[
                "tester", "--layer", "facts", "--query", query, "--most", "1",
            ],
        );
        texts(&found)[0].to_owned()
    };
    assert_eq!(
        first("How do I run the TESTS?"),
        "The tests run with cargo nextest"
    );
    assert_eq!(first("release"), "The release is on Friday");
    assert_eq!(
        first("öffnungszeiten"),
        "The ÖFFNUNGSZEITEN hang on the door"
    );
    let all = list(&house, &["tester", "--query", "tests"]);
    assert_eq!(all.len(), 4, "each layer in turn");
    assert_eq!(
        texts(&all)[..2],
        [
            "Ran the tests, all green",
            "The tests run with cargo nextest"
        ]
    );
}

#[test]
fn an_agent_sees_its_own_and_what_the_house_shares() {
    let house = house();
    let second = house
        .read("agents/tester.yaml")
        .replace("agent: tester", "agent: other");
    house.write("agents/other.yaml", &second);
    add(&house, "tester", "facts", "of tester");
    add(&house, "other", "facts", "of other");
    add(&house, "*", "facts", "of all");
    assert_eq!(texts(&list(&house, &["tester"])), ["of tester", "of all"]);
    assert_eq!(texts(&list(&house, &["other"])), ["of other", "of all"]);
    assert_eq!(texts(&list(&house, &["*"])), ["of all"]);
    assert_eq!(list(&house, &[]).len(), 3);
    assert_eq!(list(&house, &["--layer", "episodes"]).len(), 0);
    // What an agent remembers outlives its definition, and a house that does not check can still be looked into.
    fs::remove_file(house.root.join("agents/other.yaml")).unwrap();
    house.write("charts/broken.yaml", "chart: [");
    assert_eq!(texts(&list(&house, &["other"])), ["of other", "of all"]);
}

#[test]
fn what_is_forgotten_is_gone_from_the_list_and_stays_in_the_journal() {
    let house = house();
    let id = add(&house, "tester", "facts", "Tea at four");
    let kept = add(&house, "tester", "facts", "Coffee at ten");
    let answer = house.run(["memory", "forget", "1"]).expect(0);
    assert_eq!((id, answer.stdout.as_str()), (1, "Forgotten: 1.\n"));
    assert_eq!(texts(&list(&house, &["--query", "tea"])), ["Coffee at ten"]);
    house
        .run(["memory", "forget", "1"])
        .expect(1)
        .complains(&["there is no memory 1", "charthouse memory list"]);
    let records = house
        .run(["journal", "show", "house", "--json"])
        .expect(0)
        .lines();
    // The house signs its record as it goes.
    let signed = |record: &&serde_json::Value| {
        record["kind"] == "identity" || record["kind"] == "checkpoint"
    };
    let told: Vec<_> = records
        .iter()
        .filter(|record| !signed(record))
        .map(|record| {
            (
                &record["kind"],
                &record["body"]["action"],
                &record["body"]["text"],
            )
        })
        .collect();
    let memory = json!("memory");
    assert_eq!(
        told,
        [
            (&memory, &json!("add"), &json!("Tea at four")),
            (&memory, &json!("add"), &json!("Coffee at ten")),
            (&memory, &json!("forget"), &Value::Null),
        ]
    );
    let story = house.run(["journal", "show", "house"]).expect(0).stdout;
    assert!(
        story.contains("add facts 1 of tester: Tea at four"),
        "{story}"
    );
    assert!(story.contains("forget facts 1 of tester"), "{story}");
    house.verify();

    let answer = house.run(["memory", "rebuild"]).expect(0).stdout;
    assert_eq!(answer, "The index is made anew: 1 memories.\n");
    assert_eq!(list(&house, &[])[0]["id"], kept);
}

#[test]
fn memories_of_the_house_are_no_run_of_an_agent() {
    let house = house();
    add(&house, "tester", "facts", "before");
    let nothing = house.run(["journal", "show"]).expect(0).stdout;
    assert_eq!(nothing, "No agent has run in this house yet.\n");
    house.run(["run", "tester", "--json"]).expect(0);
    add(&house, "tester", "facts", "after");
    assert_eq!(
        house
            .run(["journal", "show", "--json"])
            .expect(0)
            .lines()
            .len(),
        1
    );
    assert_eq!(house.journal("")[0]["kind"], "started");
    assert_eq!(texts(&list(&house, &["tester"])), ["before", "after"]);
    house.verify();
}

#[test]
fn a_mistake_on_the_command_line_is_explained_and_changes_nothing() {
    let house = house();
    let add = ["memory", "add", "tester", "--layer", "facts"];
    let run = |more: &[&str]| house.run(add.iter().chain(more));
    run(&[" \n"]).expect(2).complains(&["no text to remember"]);
    run(&[&"é".repeat(40_000)])
        .expect(2)
        .complains(&["longer than the 65536 bytes"]);
    run(&["x", "--weight", "-1"])
        .expect(2)
        .complains(&["cannot weigh -1"]);
    run(&["x", "--weight", "NaN"])
        .expect(2)
        .complains(&["cannot weigh NaN"]);
    run(&["x", "--weight", "1e308"])
        .expect(2)
        .complains(&["cannot weigh 1e308", "from 0 to 1000"]);
    house
        .run(["memory", "add", "testre", "--layer", "facts", "x"])
        .expect(2)
        .complains(&["no agent `testre`", "tester"]);
    house
        .run(["memory", "add", "tester", "--layer", "fact", "x"])
        .expect(2)
        .complains(&["episodes, facts, skills"]);
    house
        .run(["memory", "list", "testre"])
        .expect(2)
        .complains(&["no agent `testre`"]);
    house
        .run(["memory", "forget", "tea"])
        .expect(2)
        .complains(&["whole number"]);
    house
        .run(["memory", "forget", "7"])
        .expect(1)
        .complains(&["no memory 7"]);
    assert!(
        !house.root.join(".charthouse/journal.db").exists(),
        "no journal is begun to find that nothing is in it"
    );
    assert_eq!(
        house.run(["memory", "list"]).expect(0).stdout,
        "Nothing is remembered.\n"
    );
    assert_eq!(list(&house, &["tester", "--query", "x"]), [] as [Value; 0]);
    assert_eq!(
        house.run(["memory", "rebuild"]).expect(0).stdout,
        "The index is made anew: 0 memories.\n"
    );
}

#[cfg(unix)]
#[test]
fn a_text_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let house = house();
    let mut command = house.command();
    command
        .args(["memory", "add", "tester", "--layer", "facts"])
        .arg(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    Ran::of(&mut command).expect(2).complains(&["UTF-8"]);
}

#[test]
fn a_house_or_a_store_in_disorder_is_reported_as_such() {
    let house = house();
    add(&house, "tester", "facts", "kept");
    house.write("charts/broken.yaml", "chart: [");
    house
        .run(["memory", "add", "tester", "--layer", "facts", "x"])
        .expect(3)
        .complains(&["charts/broken.yaml:1"]);
    assert_eq!(
        texts(&list(&house, &[])),
        ["kept"],
        "reading needs house.yaml alone"
    );

    fs::write(
        house.root.join(".charthouse/journal.db"),
        "no database at all ".repeat(99),
    )
    .unwrap();
    for arguments in [&["memory", "list"][..], &["memory", "forget", "1"]] {
        house
            .run(arguments)
            .expect(6)
            .complains(&["is not a journal"]);
    }
}
