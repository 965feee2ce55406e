//! Runs that do not end well: denials, limits, crashes, a provider that fails, an empty purse, Ctrl-C. Each has its status, its exit code and its
//! record, and whoever has to act on it is told what to do.

use charthouse_tests::{Answer, House, ModelServer, Plan, Ran, Said, Told};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

const ECHO: &str = "  - when: \"turn == 0\"\n    calls: [{ tool: hostile.echo, arguments: { text: hello } }]\n  - text: \"It said {{ last.text }}.\"\n";

#[test]
fn a_denial_is_told_with_its_rule_and_recorded() {
    let house = House::of(Plan {
        replies: "  - when: \"turn == 0\"\n    calls: [{ tool: hostile.echo, arguments: { text: x } }, { tool: fs.write, arguments: { path: /workspace/a, text: b } }]\n  \
                  - text: \"{{ results | map(attribute='text') | join('; ') }}\"\n",
        policy: "\n  tools: [{ allow: \"*\" }, { deny: \"hostile.*\" }, { ask: fs.write }]",
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("done");
    let line = house
        .read("agents/tester.yaml")
        .lines()
        .position(|line| line.contains("deny: \"hostile.*\""))
        .unwrap()
        + 1;
    let rule = format!("agents/tester.yaml:{line}");
    for outcome in told.of_type("outcome") {
        assert_eq!(outcome["ok"], false);
    }
    assert!(
        told.text()
            .contains(&format!("`hostile.echo` is refused by {rule}")),
        "the model reads which rule: {}",
        told.text()
    );
    assert!(
        told.text().contains("`fs.write` is refused because"),
        "an `ask` that nobody can answer is a denial: {}",
        told.text()
    );
    for record in house.journal("outcome") {
        let error = &record["body"]["outcome"]["result"]["Err"];
        assert_eq!(error["kind"], "denied");
        assert_eq!(error["rule"], rule);
    }
    assert_eq!(
        house.journal("call").len(),
        2,
        "what was tried is recorded too"
    );
}

#[test]
fn a_tool_is_open_only_in_the_states_that_allow_it() {
    let house = House::of(Plan {
        chart: "initial: closed\nstates:\n  closed: { invoke: turn, on: { turn.done: open } }\n  \
                open: { policy: { tools: [{ allow: hostile.echo }] }, invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n",
        replies: "  - when: \"last is none or last.text == 'again' or turn == 2\"\n    calls: [{ tool: hostile.echo, arguments: { text: heard } }]\n  - text: \"{{ last.text }}\"\n",
        policy: "{ tools: [{ deny: \"*\" }] }",
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("done");
    let ok: Vec<_> = told
        .of_type("outcome")
        .iter()
        .map(|outcome| outcome["ok"].clone())
        .collect();
    assert_eq!(ok, [false, true], "{}", told.text());
}

#[test]
fn a_turn_makes_no_more_calls_than_its_limit() {
    let calls = "{ tool: hostile.echo, arguments: { text: x } }";
    let house = House::of(Plan {
        replies: &format!(
            "  - when: \"turn < 2\"\n    calls: [{calls}, {calls}]\n  - text: \"{{{{ last.text }}}}\"\n"
        ),
        policy: "{ tools: [{ allow: \"*\" }], limits: { calls: 3/turn } }",
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("done");
    let ok: Vec<_> = told
        .of_type("outcome")
        .iter()
        .map(|outcome| outcome["ok"].clone())
        .collect();
    assert_eq!(ok, [true, true, true, false]);
    assert!(
        told.text()
            .contains("limit: this turn has made its 3 calls"),
        "{}",
        told.text()
    );
}

#[test]
fn a_tool_that_does_not_exist_and_arguments_that_are_wrong_are_told_to_the_model() {
    let house = House::of(Plan {
        replies: "  - when: \"turn == 0\"\n    calls:\n      - { tool: fs.delete_everything }\n      - { tool: rm, arguments: { path: / } }\n      - { tool: hostile.echo, arguments: { txet: x } }\n  \
                  - text: \"{{ results | map(attribute='text') | join('; ') }}\"\n",
        ..Plan::default()
    });
    let text = Told::of(&house, 0).ended("done").text();
    for words in [
        "there is no tool `fs.delete_everything`",
        "there is no tool `rm`",
        "fs.read",
        "needs the argument `text`",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_crash_of_a_tool_is_an_outcome_and_not_the_end() {
    let house = House::of(Plan {
        replies: "  - when: \"turn == 0\"\n    calls: [{ tool: hostile.trap }, { tool: hostile.spin }, { tool: hostile.echo, arguments: { text: alive } }]\n  \
                  - text: \"{{ results | map(attribute='text') | join('; ') }}\"\n",
        policy: "{ tools: [{ allow: \"*\" }], limits: { fuel: 10M } }",
        ..Plan::default()
    });
    let text = Told::of(&house, 0).ended("done").text();
    for words in [
        "trap: the plugin crashed",
        "limit: the call burnt all its fuel",
        "alive",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_provider_that_fails_leaves_the_run_waiting_with_5() {
    let house = House::of(Plan {
        chart: "initial: work\nstates:\n  work: { invoke: turn, on: { turn.done: done, error: stuck } }\n  \
                stuck: { tags: [needs-human], on: { human.said: work } }\n  done: { type: final }\n",
        replies: "  - when: \"turn > 0\"\n    text: Never.\n",
        ..Plan::default()
    });
    let told = Told::of(&house, 5).ended("waiting");
    assert_eq!(told.states(), ["work", "stuck"]);
    assert_eq!(told.done["cause"]["kind"], "provider");
    assert!(
        told.done["cause"]["message"]
            .as_str()
            .unwrap()
            .contains("has no reply for this payload"),
        "{}",
        told.done
    );
    let ended = &house.journal("ended")[0]["body"];
    assert_eq!(
        (&ended["status"], &ended["cause"]),
        (&json!("waiting"), &told.done["cause"])
    );
}

#[test]
fn an_error_that_no_state_handles_fails_the_run() {
    let house = House::of(Plan {
        chart: "initial: call\nstates:\n  call:\n    invoke: { activity: plugin, params: { tool: hostile.read, arguments: { path: /nothing } } }\n    on: { plugin.done: done }\n  done: { type: final }\n",
        ..Plan::default()
    });
    let told = Told::of(&house, 1).ended("failed");
    assert_eq!(told.states(), ["call", "call"]);
    let cause = told.done["cause"]["message"].as_str().unwrap();
    assert!(cause.contains("No such file"), "{cause}");
    let person = house.run(["run", "tester"]).expect(1);
    person.complains(&["failed", "because: ", "No such file", "journal: "]);
}

#[test]
fn a_loop_without_events_ends_in_an_error() {
    let house = House::of(Plan {
        chart: "initial: a\ndata: { n: 0 }\nstates:\n  a: { on: { turn.done: b }, invoke: turn }\n  b: { always: { target: c, actions: [{ assign: { n: data.n + 1 } }] } }\n  \
                c: { always: { guard: data.n > 0, target: b } }\n",
        ..Plan::default()
    });
    let told = Told::of(&house, 1).ended("failed");
    let cause = told.done["cause"]["message"].as_str().unwrap();
    assert!(cause.contains("does not come to rest"), "{cause}");
    house.verify();
}

#[test]
fn ctrl_c_cancels_and_the_record_says_so() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let house = House::of(Plan {
            replies: "  - calls: [{ tool: hostile.sleep, arguments: { ms: 600000 } }]\n",
            policy: "{ tools: [{ allow: \"*\" }], limits: { deadline: 10m } }",
            ..Plan::default()
        });
        let mut command = house.command();
        command
            .args(["run", "tester", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        while !text.contains("\"type\":\"call\"") {
            assert!(
                stdout.read_line(&mut text).unwrap() > 0,
                "it ended before its call: {text}"
            );
        }
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, signal).unwrap();
        stdout.read_to_string(&mut text).unwrap();
        let status = child.wait().unwrap();
        let ran = Ran {
            code: status.code(),
            stdout: text,
            stderr: String::new(),
        };
        let told = Told::read(&ran.expect(1)).ended("cancelled");
        assert!(told.of_type("outcome").is_empty());
        assert_eq!(house.journal("stopped")[0]["body"]["why"], "the run ended");
        assert_eq!(house.journal("ended")[0]["body"]["status"], "cancelled");
        house.verify();
    }
}

#[test]
fn a_budget_stops_the_run_before_more_is_spent() {
    let server = ModelServer::start(|_| {
        let mut said = Said::text("Again.").call("hostile__echo", json!({"text": "x"}));
        said.usage = (1_000_000, 400_000, 100_000);
        Answer::Say(said)
    });
    let house = House::of(Plan {
        agent: "budget: { usd_per_day: 1.50 }\n",
        house: "prices: { test-model: { from: 2020-01-01, input: 1.00, output: 2.00, cached: 0.25, per: 1M, currency: USD } }\n",
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        ..Plan::default()
    });
    let told = Told::of(&house, 1).ended("budget");
    // 600,000 fresh at 1.00, 400,000 cached at 0.25 and 100,000 out at 2.00: 0.90 a reply, so the second takes it over 1.50.
    assert_eq!(server.asked().len(), 2);
    let cause = told.done["cause"]["message"].as_str().unwrap();
    for words in ["tester has spent $1.8 of its $1.5", "usd_per_day"] {
        assert!(cause.contains(words), "{words}: {cause}");
    }
    let ledger = house
        .run(["ledger", "--by", "model", "--json"])
        .expect(0)
        .json();
    let row = ledger["rows"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["model"] == "test-model")
        .unwrap();
    assert_eq!(row["usd"], "1.8");
    assert_eq!(
        row["tokens"],
        json!({"input": 2_000_000, "cached": 800_000, "output": 200_000, "reasoning": 0})
    );

    // Another run on the same day asks nobody at all.
    Told::of(&house, 1).ended("budget");
    assert_eq!(server.asked().len(), 2);
    house
        .run(["run", "tester"])
        .expect(1)
        .complains(&["out of budget", "usd_per_day"]);
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_run() {
    let house = House::of(Plan {
        replies: ECHO,
        ..Plan::default()
    });
    let mut command = house.command();
    command
        .args(["run", "tester", "--json"])
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(house.journal("ended")[0]["body"]["status"], "done");
}

#[test]
fn a_denial_that_no_state_handles_ends_the_run_with_4() {
    let house = House::of(Plan {
        chart: "initial: call\nstates:\n  call:\n    invoke: { activity: plugin, params: { tool: hostile.echo, arguments: { text: x } } }\n    on: { plugin.done: done }\n  done: { type: final }\n",
        policy: "{ tools: [{ deny: \"*\" }] }",
        ..Plan::default()
    });
    let told = Told::of(&house, 4).ended("failed");
    assert_eq!(told.done["cause"]["kind"], "denied");
    assert!(
        told.done["cause"]["message"]
            .as_str()
            .unwrap()
            .contains("`hostile.echo` is refused by agents/tester.yaml:"),
        "{}",
        told.done
    );
}

#[test]
fn a_model_that_never_answers_can_be_cancelled() {
    let server = ModelServer::start(|_| Answer::Hang);
    let house = House::of(Plan {
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        ..Plan::default()
    });
    let mut child = house
        .command()
        .args(["run", "tester", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("\"type\":\"think\"") {
        assert!(stdout.read_line(&mut text).unwrap() > 0, "{text}");
    }
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::INT,
    )
    .unwrap();
    stdout.read_to_string(&mut text).unwrap();
    let code = child.wait().unwrap().code();
    Told::read(
        &Ran {
            code,
            stdout: text,
            stderr: String::new(),
        }
        .expect(1),
    )
    .ended("cancelled");
    let kinds: Vec<Value> = house
        .journal("")
        .iter()
        .map(|record| record["kind"].clone())
        .collect();
    assert_eq!(
        kinds,
        [
            "started", "step", "item", "think", "cost", "stopped", "ended"
        ],
        "what was asked is recorded and what it may have cost, an answer is not"
    );
    let cost = &house.journal("cost")[0]["body"];
    assert_eq!(cost["estimated"], true, "{cost}");
    assert!(cost["tokens"]["input"].as_u64() > Some(0), "{cost}");
    house.verify();
}

#[test]
fn a_call_that_is_stopped_with_its_run_is_not_made_again_where_that_could_do_harm() {
    let house = House::of(Plan {
        // Nothing that a plugin does that the house does not trust is made twice.
        chart: "initial: work\nstates:\n  work:\n    invoke: { activity: plugin, params: { tool: hostile.sleep, arguments: { ms: 600000 } } }\n    \
                on: { tool.uncertain: unsure, plugin.done: wrong }\n  wrong: {}\n  unsure: { type: final }\n",
        policy: "{ tools: [{ allow: \"*\" }], limits: { deadline: 20m } }",
        ..Plan::default()
    });
    let mut child = house
        .command()
        .args(["run", "tester", "Go", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("\"type\":\"call\"") {
        assert!(stdout.read_line(&mut text).unwrap() > 0, "{text}");
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    stdout.read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    let ran = house.run(["run", "--resume", "--json"]).expect(0);
    Told::read(&ran).ended("done");
    assert_eq!(house.journal("call").len(), 1, "it was made twice");
    assert_eq!(house.journal("uncertain").len(), 1);
    house.verify();
}

#[test]
fn a_run_that_failed_is_tried_again_when_it_is_resumed_without_a_word() {
    let never = "  - { when: \"false\", text: Never. }\n";
    let house = House::of(Plan {
        replies: never,
        ..Plan::default()
    });
    let failed = house.run(["run", "tester", "Go", "--json"]).lines();
    let last = failed.last().expect("a last line");
    assert_eq!(last["status"], "failed");
    let run = last["run"].as_str().unwrap().to_owned();
    let asked = house.journal("think").len();
    house.edit("script.yaml", never, "  - text: Here I am.\n");
    let ran = house
        .run(["run", "tester", "--resume", &run, "--json"])
        .expect(0);
    assert_eq!(ran.lines().last().unwrap()["status"], "done");
    assert_eq!(house.journal("think").len(), asked + 1);
    house.verify();
    house.run(["replay", &run]).expect(0);
}
