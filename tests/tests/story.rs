//! What a person can ask of the record: what happened, when, by whom, and why.

use charthouse_tests::{Daemon, Held, House, Plan, UnderWay, keys, rows, sql, until};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// A run with an answer, two calls of which one is denied, a timer, and an end.
fn house_with_a_run() -> House {
    let house = House::of(Plan {
        chart: "initial: wait\nstates:\n  wait: { after: { 20ms: work } }\n  work: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n",
        replies: "  - when: \"turn == 0\"\n    text: \"Let me see \\u001b[31mred\\u001b[0m.\"\n    calls:\n      - { tool: hostile.echo, arguments: { text: hello } }\n      - { tool: fs.write, arguments: { path: /workspace/a.txt, text: x } }\n  - text: Seen.\n",
        policy: "{ tools: [{ allow: \"*\" }, { deny: fs.write }] }",
        ..Plan::default()
    });
    house.run(["run", "tester", "--json"]).expect(0);
    house
}

fn story(house: &House, arguments: &[&str]) -> String {
    let mut all = vec!["journal", "show"];
    all.extend(arguments);
    house.run(all).expect(0).stdout
}

fn number(record: &Value) -> u64 {
    record["seq"].as_u64().unwrap()
}

/// The numbers at the beginnings of a story's lines.
fn numbers(story: &str) -> Vec<u64> {
    let first = |line: &str| line.split_whitespace().next()?.parse().ok();
    story.lines().filter_map(first).collect()
}

#[test]
fn a_story_says_who_caused_what_and_which_rule_refused_it() {
    let house = house_with_a_run();
    let story = story(&house, &["latest"]);
    for words in [
        "tester 1.0.0 thinks by think 1.0.0, asks test-model at model",
        "(start) → wait; timer.wait.20ms due",
        "→ work (by a timer); begins turn work.1",
        "in work asks test-model, about",
        "2 calls, ",
        ", 0 USD: Let me see",
        "hostile.echo {\"text\":\"hello\"}",
        "hostile.echo ok, ",
        "fs.write denied by agents/tester.yaml:",
        "turn.done → done (by work.1)",
        "ended    done",
    ] {
        assert!(story.contains(words), "{words}:\n{story}");
    }
    assert!(!story.contains('\u{1b}'), "{story}");
    let first = story.lines().next().unwrap();
    assert!(
        first.contains("(times are "),
        "which clock is said: {first}"
    );
    // Costs stand with their answers, or on their own where they are asked for.
    assert!(!story.contains("cost  "), "{story}");
    let costs = self::story(&house, &["latest", "--costs"]);
    assert!(costs.contains("USD so far"), "{costs}");
    let costs = self::story(&house, &["latest", "--kind", "cost"]);
    assert_eq!(numbers(&costs).len(), house.journal("cost").len());
}

#[test]
fn filters_combine_and_choose_the_same_records_for_people_and_programs() {
    let house = house_with_a_run();
    let all = house.journal("");
    let of = |kinds: &[&str]| -> Vec<u64> {
        let kind = |record: &&Value| kinds.contains(&record["kind"].as_str().unwrap());
        all.iter().filter(kind).map(number).collect()
    };
    let is_write = |record: &&Value| record["body"]["tool"] == "fs.write";
    let about_write: Vec<u64> = all.iter().filter(is_write).map(number).collect();
    let calls_and_outcomes = of(&["call", "outcome"]);
    let (last_two, echo) = (
        calls_and_outcomes[calls_and_outcomes.len() - 2..].to_vec(),
        vec![calls_and_outcomes[0]],
    );
    for (arguments, expected) in [
        (
            &["latest", "--kind", "call,outcome"][..],
            calls_and_outcomes,
        ),
        (&["--kind", "call,outcome", "--last", "2"], last_two),
        (
            &["latest", "--kind", "call,outcome", "--tool", "fs.*"],
            about_write.clone(),
        ),
        (
            &[
                "--agent",
                "tester",
                "--tool",
                "fs.write",
                "--kind",
                "call,outcome",
            ],
            about_write.clone(),
        ),
        (&["latest", "--kind", "call", "--grep", "HELLO"], echo),
        (
            &["latest", "--kind", "outcome", "--grep", "denied"],
            about_write[1..].to_vec(),
        ),
        (
            &["latest", "--kind", "think,call,started", "--state", "work"],
            of(&["think", "call"]),
        ),
        (&["--since", "1h", "--kind", "ended"], of(&["ended"])),
        (&["--until", "1h", "--kind", "ended"], vec![]),
        (&["latest", "--state", "nowhere", "--kind", "call"], vec![]),
    ] {
        assert_eq!(
            numbers(&story(&house, arguments)),
            expected,
            "{arguments:?}"
        );
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let lines = story(&house, &arguments);
        let lines: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            lines.iter().map(number).collect::<Vec<_>>(),
            expected,
            "{arguments:?}"
        );
        for line in lines {
            assert_eq!(keys(&line), ["seq", "run", "time", "kind", "body", "hash"]);
        }
    }
    let nothing = story(&house, &["latest", "--grep", "nothing of the kind"]);
    assert!(nothing.contains("No record is as asked"), "{nothing}");
}

#[test]
fn a_time_is_taken_by_the_clock_that_the_person_has() {
    let house = house_with_a_run();
    let show = |zone: &str, arguments: &[&str]| {
        let mut command = house.command();
        command
            .env("TZ", zone)
            .args(["journal", "show"])
            .args(arguments);
        charthouse_tests::Ran::of(&mut command).expect(0).stdout
    };
    let when = |story: &str| {
        let mut lines = story.lines();
        let day = lines.next().unwrap().split(' ').next().unwrap().to_owned();
        let clock = lines
            .next()
            .unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .to_owned();
        (day, clock[..5].to_owned(), clock[..8].to_owned())
    };
    let ended = number(&house.journal("ended")[0]);
    let utc = show("", &["latest", "--utc"]);
    assert!(
        utc.lines().next().unwrap().ends_with("(times are UTC)"),
        "{utc}"
    );
    // A zone of half an hour's distance, which no machine of a developer has by accident.
    let local = show("XYZ-5:30", &["latest"]);
    let ((day, minute, _), (local_day, local_minute, second)) = (when(&utc), when(&local));
    assert_ne!(minute, local_minute);
    for (zone, arguments) in [
        (
            "",
            &[
                "--utc",
                "--since",
                &*format!("{day}T{minute}"),
                "--kind",
                "ended",
            ][..],
        ),
        (
            "XYZ-5:30",
            &[
                "--utc",
                "--since",
                &*format!("{day}T{minute}"),
                "--kind",
                "ended",
            ],
        ),
        (
            "XYZ-5:30",
            &[
                "--since",
                &*format!("{local_day} {second}"),
                "--kind",
                "ended",
            ],
        ),
        (
            "XYZ-5:30",
            &[
                "--since",
                &*format!("{local_day}T{local_minute}+05:30"),
                "--kind",
                "ended",
            ],
        ),
        (
            "",
            &["--around", &*format!("{day}T{minute}Z"), "--kind", "ended"],
        ),
        (
            "XYZ-5:30",
            &[
                "latest",
                "--around",
                &*local_minute,
                "--for",
                "2m",
                "--kind",
                "ended",
            ],
        ),
        (
            "",
            &["--utc", "--since", &*day, "--until", &*day, "--for", "2d"],
        ),
    ] {
        if arguments.contains(&"--for") && arguments.contains(&"--until") {
            let mut all = vec!["journal", "show"];
            all.extend(arguments);
            house.run(all).expect(2);
            continue;
        }
        assert_eq!(
            numbers(&show(zone, arguments)),
            [ended],
            "{zone} {arguments:?}"
        );
    }
    let before = show("", &["--utc", "--at", "1999-12-31T23:59"]);
    assert!(
        before.contains("no run was open") && before.contains("The first one after is record 1, "),
        "{before}"
    );
}

#[test]
fn at_a_time_it_says_what_stood_and_what_was_under_way() {
    let model = Held::new();
    let house = House::of(Plan {
        provider: &model.provider(),
        ..Plan::default()
    });
    let mut run = UnderWay::begin(&house);
    model.call("hostile.echo", json!({ "text": "one" }));
    run.until("outcome");
    // The second request is on record before it is sent.
    while house
        .run(["journal", "show", "latest", "--kind", "think", "--json"])
        .lines()
        .len()
        < 2
    {
        std::thread::yield_now();
    }
    let story = story(&house, &["--at", "now"]);
    for words in [
        "At 20",
        "in work, since",
        "by its start",
        "under way: turn work.1 of work since",
        "asked test-model since",
        "spent so far: ",
    ] {
        assert!(story.contains(words), "{words}:\n{story}");
    }
    model.say("Done.");
    run.ended("done");
}

/// From wherever one looks: from the beginning, from the end, or back from the very record.
#[test]
fn what_a_trigger_says_is_put_down_to_nobody_else() {
    let house = House::of(Plan {
        chart: "initial: wait\nstates:\n  wait: { on: { human.said: done } }\n  done: { type: final }\n",
        house: "serve: { triggers: { nightly: { every: 1s, agent: tester, prompt: Look after it. } } }\n",
        ..Plan::default()
    });
    let daemon = Daemon::begin(&house);
    until("it has fired", || {
        let said = ["journal", "show", "latest", "--kind", "said", "--json"];
        house.run(said).stdout.contains("Look after it.")
    });
    daemon.kill();
    let said = number(&house.journal("said")[0]);
    let why = || {
        house
            .run(["journal", "why", &said.to_string()])
            .expect(0)
            .stdout
    };
    for told in [
        story(&house, &["latest"]),
        story(&house, &["latest", "--kind", "said", "--last", "1"]),
        why(),
    ] {
        assert!(
            told.contains("the trigger nightly: Look after it."),
            "{told}"
        );
        assert!(!told.contains("a person: "), "{told}");
    }
    let before = format!("DELETE FROM record WHERE seq = {}", said - 1);
    if sql(&house, &before).is_some() {
        assert!(why().contains("somebody: Look after it."), "{}", why());
    }
}

/// A signal is as much a person's as a word is.
#[test]
fn what_people_raise_and_say_is_put_down_to_them() {
    let house = House::of(Plan {
        chart: "initial: wait\nstates:\n  wait: { on: { signal.go: next } }\n  next: { on: { human.said: done } }\n  done: { type: final }\n",
        ..Plan::default()
    });
    let daemon = Daemon::begin(&house);
    for asked in [
        &["start", "tester"][..],
        &["signal", "tester", "signal.go"],
        &["say", "tester", "and again"],
    ] {
        house.run([&["agents"], asked].concat()).expect(0);
    }
    until("it has heard both", || {
        story(&house, &["latest"]).contains("human.said → done")
    });
    let told = story(&house, &["latest"]);
    for words in [
        "signal.go from a person (record",
        "signal.go → next (by a person)",
        "human.said → done (by a person): and again",
    ] {
        assert!(told.contains(words), "{words}:\n{told}");
    }
    let step = number(house.journal("step").last().unwrap());
    let why = house.run(["journal", "why", &step.to_string()]).expect(0);
    assert!(
        why.stdout.contains("human.said → done (by a person)"),
        "{}",
        why.stdout
    );
    drop(daemon);
}

/// What a person waits for at 03:12 is not only what was at work: a run that rests, or waits for its timer, is told as well.
#[test]
fn at_a_time_it_says_which_runs_waited_and_for_what() {
    let house = House::of(Plan {
        chart: "initial: wait\nstates:\n  wait: { on: { human.said: done } }\n  done: { type: final }\n",
        ..Plan::default()
    });
    house.run(["run", "tester"]).expect(0);
    let now = [&["--at", "now"][..], &["latest", "--at", "now"]];
    for arguments in now {
        let stood = story(&house, arguments);
        for words in [
            "at rest, waiting, in wait, since",
            "Nothing that is as asked is on record since then.",
        ] {
            assert!(stood.contains(words), "{words}:\n{stood}");
        }
    }
    let house = House::of(Plan {
        chart: "initial: around\nstates:\n  around: { initial: wait, after: { 3h: done }, states: { wait: { after: { 2h: done } } } }\n  done: { type: final }\n",
        ..Plan::default()
    });
    let mut run = UnderWay::begin(&house);
    run.until("state");
    for arguments in now {
        let stood = story(&house, arguments);
        for words in [
            "in wait, since",
            "waits for timer.wait.2h, due",
            "waits for timer.around.3h, due",
        ] {
            assert!(stood.contains(words), "{words}:\n{stood}");
        }
    }
    run.child.kill().unwrap();
    run.child.wait().unwrap();
}

#[test]
fn why_walks_back_to_the_beginning() {
    let house = house_with_a_run();
    let why = |seq: u64, more: &[&str]| {
        let seq = seq.to_string();
        let mut arguments = vec!["journal", "why", &seq];
        arguments.extend(more);
        house.run(arguments).expect(0)
    };
    let denied = house.journal("outcome").pop().unwrap();
    let chain = why(number(&denied), &["--json"]).lines();
    let kinds: Vec<&str> = chain
        .iter()
        .map(|record| record["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "outcome", "call", "reply", "think", "step", "step", "started"
        ]
    );
    assert_eq!(chain[0]["because"], Value::Null);
    for (link, words) in chain[1..].iter().zip([
        "it came of this call",
        "the model asked for it in this answer",
        "it answers this request",
        "part of the turn work.1; this step began it",
        "its timer was set by this step",
        "the run begins",
    ]) {
        assert_eq!(link["because"], words);
    }
    // The very records: the call of this outcome, the answer that holds its id.
    assert_eq!(chain[1]["body"]["effect"], chain[0]["body"]["effect"]);
    let calls = chain[2]["body"]["reply"]["calls"].as_array().unwrap();
    assert!(
        calls
            .iter()
            .any(|call| call["id"] == chain[1]["body"]["call"])
    );
    let text = why(number(&denied), &[]).stdout;
    assert_eq!(numbers(&text), chain.iter().map(number).collect::<Vec<_>>());
    assert!(
        text.contains("charthouse policy explain tester --in work --tool fs.write"),
        "{text}"
    );
    let ended = number(&house.journal("ended")[0]);
    let same = story(&house, &["latest", "--why", &ended.to_string()]);
    assert_eq!(same, why(ended, &[]).stdout);
    // Every record of every kind has some beginning, and none goes round in a circle.
    for record in house.journal("") {
        let chain = why(number(&record), &["--json", "--full"]).lines();
        let numbers: Vec<u64> = chain.iter().map(number).collect();
        assert!(
            numbers.windows(2).all(|pair| pair[1] < pair[0]),
            "{numbers:?}"
        );
        assert_eq!(chain.last().unwrap()["kind"], "started", "{record}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    let house = house_with_a_run();
    for (arguments, code, words) in [
        (
            &["show", "--at", "25:00"][..],
            2,
            &["--at: `25:00` is no time", "write 03:12"][..],
        ),
        (
            &["show", "--since", "yesterday noon"],
            2,
            &["--since", "is no time"],
        ),
        (&["show", "--around", "\u{1b}[2J"], 2, &["is no time"]),
        (
            &["show", "--at", "03:12", "--for", "soon"],
            2,
            &["--for: `soon`", "10m"],
        ),
        (
            &["show", "--for", "10m"],
            2,
            &["add --at, --around or --since"],
        ),
        (
            &["show", "--kind", "cals"],
            2,
            &["no kind of record `cals`", "did you mean `call`?"],
        ),
        (
            &["show", "--kind", "call,zebra"],
            2,
            &["`zebra`", "there are started, said"],
        ),
        (
            &["show", "--agent", "testr"],
            1,
            &["did you mean `tester`?"],
        ),
        (
            &["show", "--agent", "zebra"],
            1,
            &["there are runs of tester"],
        ),
        (&["show", "--last", "0"], 2, &["--last"]),
        (
            &["show", "--since", "2026-11-21", "--until", "2026-11-20"],
            2,
            &["comes before", "exchange them"],
        ),
        (
            &["show", "--since", "1h", "--until", "2h"],
            2,
            &["comes before"],
        ),
        (
            &["export", "--since", "2026-11-21", "--until", "2026-11-20"],
            2,
            &["comes before"],
        ),
        (
            &["show", "--at", "03:12", "--since", "03:00"],
            2,
            &["cannot be used with"],
        ),
        (&["why", "999"], 1, &["there is no record 999", "1 to "]),
        (&["why", "0"], 1, &["there is no record 0"]),
        (&["why", "18446744073709551615"], 1, &["there is no record"]),
        (
            &["show", "latest", "--why", "999"],
            1,
            &["there is no record 999"],
        ),
        (
            &["show", "1999", "--at", "03:12"],
            1,
            &["there is no run `1999`"],
        ),
    ] {
        let mut all = vec!["journal"];
        all.extend(arguments);
        let ran = house.run(&all).expect(code);
        ran.complains(words);
        assert!(
            !ran.stderr.contains('\u{1b}') && !ran.stderr.contains("panicked"),
            "{}",
            ran.stderr
        );
    }
    house.run(["run", "tester", "--json"]).expect(0);
    let first = house.run(["journal", "show", "--json"]).expect(0).lines()[0]["run"].clone();
    let of_first = house
        .run(["journal", "show", first.as_str().unwrap(), "--json"])
        .expect(0);
    let record = of_first.lines()[0]["seq"].to_string();
    let told = format!("record {record} is one of the run");
    house
        .run(["journal", "show", "latest", "--why", &record])
        .expect(1)
        .complains(&[&told, first.as_str().unwrap()]);
}

#[test]
fn the_list_of_runs_says_whose_they_are_and_how_they_stand() {
    let house = house_with_a_run();
    let text = story(&house, &[]);
    assert!(text.lines().next().unwrap().contains("agent"), "{text}");
    let run = text.lines().nth(1).unwrap();
    for words in ["tester", "done", " 0 "] {
        assert!(run.contains(words), "{words}: {run}");
    }
    let line: Value = serde_json::from_str(&story(&house, &["--json", "--full"])).unwrap();
    assert_eq!(
        (
            &line["agent"],
            &line["status"],
            &line["states"],
            &line["usd"]
        ),
        (
            &json!("tester"),
            &json!("done"),
            &json!(["done"]),
            &json!("0")
        )
    );
}

#[test]
fn a_story_can_be_followed() {
    let house = house_with_a_run();
    let mut following = house
        .command()
        .args(["journal", "show", "--follow", "--kind", "ended", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let first = next();
    house.run(["run", "tester", "--json"]).expect(0);
    let second = next();
    assert_ne!(first["run"], second["run"]);
    assert_eq!(second, house.journal("ended")[0]);
    following.kill().unwrap();
    following.wait().unwrap();
}

/// A record that cannot be read is passed over and named, and those that come behind it are told.
#[test]
fn a_story_is_followed_past_what_is_lost() {
    let house = house_with_a_run();
    let last = rows(&house).last().unwrap().seq;
    let spoil = format!("UPDATE record SET hash = x'00' WHERE seq = {last}");
    if sql(&house, &spoil).is_none() {
        return;
    }
    let mut following = house
        .command()
        .args(["journal", "show", "--follow", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let told = BufReader::new(following.stderr.take().unwrap()).lines();
    let lost = format!("record {last} cannot be read");
    assert!(told.map(Result::unwrap).any(|line| line.contains(&lost)));
    let next = last + 1;
    let insert = format!(
        "INSERT INTO record SELECT {next}, run, time, kind, body, hash, nth, compacted FROM record WHERE seq = {}",
        last - 1
    );
    sql(&house, &insert).unwrap();
    let is_next = |line: String| number(&serde_json::from_str(&line).unwrap()) == next;
    assert!(lines.any(|line| is_next(line.unwrap())));
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn bodies_that_are_gone_or_damaged_are_told_as_such() {
    let house = house_with_a_run();
    for statement in [
        "UPDATE record SET body = '{\"compacted\":\"0123456789abcdef\"}' WHERE kind = 'think'",
        "UPDATE record SET body = 'no JSON' WHERE kind = 'call'",
        "UPDATE record SET body = '[1,2]' WHERE kind = 'outcome'",
        "UPDATE record SET body = '{\"event\":7,\"configuration\":{},\"effects\":\"x\",\"due\":1}' WHERE kind = 'step'",
        "UPDATE record SET time = 9223372036854775807 WHERE kind = 'cost'",
        "UPDATE record SET kind = 'from_the_future', body = '{\"a\":1,\"b\":\"two\"}' WHERE kind = 'ended'",
    ] {
        if sql(&house, statement).is_none() {
            return;
        }
    }
    let story = story(&house, &["latest", "--costs"]);
    for words in [
        "what it said was compacted away (hash 0123456789ab…)",
        "what it says cannot be read; `charthouse journal verify` tells",
        "9223372036854775807 ms",
        "from_the_future a: 1, b: two",
    ] {
        assert!(story.contains(words), "{words}:\n{story}");
    }
    for seq in 1..=20 {
        house.run(["journal", "why", &seq.to_string()]).expect(0);
    }
    for more in [&["--format", "otlp"][..], &[]] {
        let mut all = vec!["journal", "export"];
        all.extend(more);
        house.run(all).expect(0);
    }
    self::story(&house, &["--at", "now"]);
    let last = house.journal("").last().unwrap()["seq"].as_u64().unwrap();
    sql(
        &house,
        &format!("DELETE FROM record WHERE seq = {}", last - 3),
    )
    .unwrap();
    // What there is is told, and then that something is missing.
    let arguments = ["latest", "--last", "2", "--kind", "from_the_future,reply"];
    let all = [&["journal", "show"][..], &arguments].concat();
    let shown = house.run(all).expect(6).stdout;
    assert_eq!(numbers(&shown).last(), Some(&last), "{shown}");
    let told = house.run(["journal", "verify"]).expect(1).stdout;
    for words in [
        "is the first that is not as it was written",
        "it says it is `step` of the run",
        "the last good one is record 5, `started`",
        "what to do: ",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}
