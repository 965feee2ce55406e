//! `run --json` in small houses: every status, every activity, and what happens when something goes wrong. The model is played by a script.

use charthouse_tests::{Answer, House, ModelServer, Plan, Ran, Said};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

/// The status and everything before it.
struct Told {
    events: Vec<Value>,
    done: Value,
}

impl Told {
    /// Run the agent `tester` of `house`; the exit code must be `code`, every line JSON, and the last and only the last `done`.
    #[track_caller]
    fn of(house: &House, code: i32) -> Self {
        Told::read(&house.run(["run", "tester", "--json"]).expect(code))
    }

    #[track_caller]
    fn read(ran: &Ran) -> Self {
        let mut events = ran.lines();
        let done = events.pop().expect("there is a last line");
        assert_eq!(done["type"], "done");
        assert!(events.iter().all(|event| event["type"] != "done"));
        assert_eq!(events[0]["type"], "started");
        assert_eq!(
            events[0]["run"], done["run"],
            "the first and the last line name the run"
        );
        let known = [
            "started",
            "state",
            "think",
            "text",
            "reasoning",
            "reply",
            "call",
            "outcome",
            "log",
            "ask",
        ];
        for event in &events {
            assert!(known.contains(&event["type"].as_str().unwrap()), "{event}");
        }
        Told { events, done }
    }

    #[track_caller]
    fn ended(self, status: &str) -> Self {
        assert_eq!(self.done["status"], status, "{:#?}", self.events);
        self
    }

    fn of_type(&self, kind: &str) -> Vec<&Value> {
        self.events
            .iter()
            .filter(|event| event["type"] == kind)
            .collect()
    }

    /// The configurations that the chart went through.
    fn states(&self) -> Vec<String> {
        let leaves = |event: &&Value| {
            let leaves = event["configuration"].as_array().unwrap();
            leaves
                .iter()
                .map(|leaf| leaf.as_str().unwrap())
                .collect::<Vec<_>>()
                .join("+")
        };
        self.of_type("state").iter().map(leaves).collect()
    }

    /// All text that the model said.
    fn text(&self) -> String {
        self.of_type("reply")
            .iter()
            .map(|event| event["text"].as_str().unwrap())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

const ECHO: &str = "  - when: \"turn == 0\"\n    calls: [{ tool: hostile.echo, arguments: { text: hello } }]\n  - text: \"It said {{ last.text }}.\"\n";

#[test]
fn a_turn_thinks_and_acts_until_no_call_is_left() {
    let house = House::of(Plan {
        replies: ECHO,
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("done");
    assert_eq!(told.states(), ["work", "done"]);
    let kinds: Vec<&str> = told
        .events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "started", "state", "think", "reply", "call", "outcome", "think", "text", "reply",
            "state"
        ]
    );
    let (call, outcome) = (told.of_type("call")[0], told.of_type("outcome")[0]);
    assert_eq!(call["tool"], "hostile.echo");
    assert_eq!(call["arguments"], "{\"text\":\"hello\"}");
    assert_eq!(call["id"], outcome["id"]);
    assert_eq!(outcome["ok"], true);
    assert!(told.text().ends_with("It said hello."));
    assert_eq!(
        told.done,
        json!({"type": "done", "status": "done", "run": told.events[0]["run"]})
    );
    let keys: Vec<&str> = told
        .done
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(keys, ["type", "status", "run"], "in this order");
    house.verify();
}

#[test]
fn think_and_act_by_themselves_make_a_turn() {
    let house = House::of(Plan {
        chart: "initial: think_once\nstates:\n  \
                think_once:\n    invoke: think\n    on:\n      think.done:\n        - { guard: \"event.data.calls > 0\", target: act_once }\n        - done\n  \
                act_once: { invoke: act, on: { act.done: think_once } }\n  \
                done: { type: final }\n",
        replies: ECHO,
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("done");
    assert_eq!(
        told.states(),
        ["think_once", "act_once", "think_once", "done"]
    );
    assert_eq!(told.of_type("outcome").len(), 1);
    assert!(told.text().ends_with("It said hello."));
}

#[test]
fn a_plugin_is_called_without_a_model() {
    let house = House::of(Plan {
        chart: "initial: call\ndata: { text: null }\nstates:\n  \
                call:\n    invoke: { activity: plugin, params: { tool: hostile.echo, arguments: { text: fixed } } }\n    \
                on:\n      plugin.done:\n        - { guard: \"event.data.text == 'fixed'\", target: done, actions: [{ log: { label: heard, expr: event.data.text } }] }\n        - wrong\n  \
                wrong: {}\n  done: { type: final }\n",
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("done");
    assert_eq!(told.states(), ["call", "done"]);
    assert!(told.of_type("think").is_empty(), "no model is asked");
    assert_eq!(told.of_type("log")[0]["message"], "fixed");
    let call = &house.journal("call")[0]["body"];
    assert_eq!(
        (&call["tool"], &call["arguments"]),
        (&json!("hostile.echo"), &json!("{\"text\":\"fixed\"}"))
    );
}

#[test]
fn a_question_waits_for_a_person() {
    let house = House::of(Plan {
        chart: "initial: ask\nstates:\n  ask: { invoke: { activity: ask, params: { question: Which one? } }, on: { ask.done: done } }\n  done: { type: final }\n",
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("waiting");
    assert_eq!(told.of_type("ask")[0]["question"]["question"], "Which one?");
    assert_eq!(told.states(), ["ask"]);
}

#[test]
fn a_model_raises_the_signals_that_its_states_accept_and_no_others() {
    let house = House::of(Plan {
        chart: "initial: first\nstates:\n  \
                first: { invoke: turn, on: { signal.go: second, human.said: wrong, turn.done: wrong } }\n  \
                second: { invoke: turn, on: { turn.done: done } }\n  \
                wrong: {}\n  done: { type: final }\n",
        replies: "  - when: \"turn == 0\"\n    calls:\n      - { tool: signal, arguments: { event: human.said } }\n      \
                  - { tool: signal, arguments: { event: signal.gone } }\n      - { tool: hostile.echo, arguments: { text: before } }\n  \
                  - when: \"turn == 1\"\n    text: \"{{ results | map(attribute='text') | join('; ') }} / {{ signals | join(',') }}\"\n    \
                  calls: [{ tool: signal, arguments: { event: signal.go, note: ready } }]\n  \
                  - text: \"{{ signals | length }} signals now\"\n",
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("done");
    assert_eq!(told.states(), ["first", "second", "done"]);
    let text = told.text();
    for words in [
        "denied: `human.said` is not raised",
        "denied: `signal.gone` is not raised",
        "signal.go;",
        "before",
        "/ signal.go",
        "0 signals now",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let raised: Vec<_> = house
        .journal("outcome")
        .iter()
        .filter(|record| record["body"]["tool"] == "signal")
        .map(|record| record["body"]["raised"].clone())
        .collect();
    assert_eq!(raised, [false, false, true]);
}

#[test]
fn a_timer_ends_a_call_that_takes_too_long() {
    let house = House::of(Plan {
        chart: "initial: work\nstates:\n  work: { invoke: turn, on: { turn.done: wrong }, after: { 100ms: late } }\n  \
                late: { invoke: turn, on: { turn.done: done } }\n  wrong: {}\n  done: { type: final }\n",
        replies: "  - when: \"turn == 0\"\n    calls: [{ tool: hostile.sleep, arguments: { ms: 600000 } }]\n  - text: \"{{ last.text }}\"\n",
        policy: "{ tools: [{ allow: \"*\" }], limits: { deadline: 10m } }",
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("done");
    assert_eq!(told.states(), ["work", "late", "done"]);
    assert!(
        told.text()
            .contains("stopped while it ran: its state was left"),
        "the model hears of it: {}",
        told.text()
    );
    let stopped = &house.journal("stopped")[0]["body"];
    assert_eq!(
        (&stopped["activity"], &stopped["state"]),
        (&json!("turn"), &json!("work"))
    );
    house.verify();
}

#[test]
fn timers_alone_carry_a_run_to_its_end() {
    let house = House::of(Plan {
        chart: "initial: one\nstates:\n  one: { after: { 10ms: two } }\n  two: { entry: [{ send: { event: tick, delay: 10ms } }], on: { tick: done } }\n  done: { type: final }\n",
        ..Plan::default()
    });
    assert_eq!(
        Told::of(&house, 0).ended("done").states(),
        ["one", "two", "done"]
    );
}

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
fn a_chart_without_an_end_waits() {
    let house = House::of(Plan {
        chart: "initial: idle\nstates:\n  idle: { on: { human.said: done } }\n  done: { type: final }\n",
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("waiting");
    assert!(told.done["cause"].is_null());
}

#[test]
fn a_loop_without_events_ends_in_an_error() {
    let house = House::of(Plan {
        chart: "initial: a\ndata: { n: 0 }\nstates:\n  a: { on: { turn.done: b }, invoke: turn }\n  b: { always: { target: c, actions: [{ assign: { n: data.n + 1 } }] } }\n  \
                c: { always: { guard: data.n > 0, target: b } }\n",
        ..Plan::default()
    });
    let ran = house.run(["run", "tester", "--json"]).expect(1);
    ran.complains(&["error: ", "chart"]);
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
fn what_a_person_sees_tells_the_same() {
    let house = House::of(Plan {
        replies: ECHO,
        ..Plan::default()
    });
    let ran = house.run(["run", "tester", "Say hello"]).expect(0);
    assert_eq!(
        ran.stdout.trim_end(),
        "It said hello.",
        "what the model says and nothing else"
    );
    ran.complains(&[
        "state work",
        "state done  (turn.done)",
        "✓ hostile.echo",
        "done in",
        "1 calls",
        "journal: ",
    ]);
    assert_eq!(house.journal("said")[0]["body"]["text"], "Say hello");
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
fn parallel_regions_work_beside_each_other() {
    let house = House::of(Plan {
        chart: "initial: both\nstates:\n  both:\n    type: parallel\n    on: { done.state.both: done }\n    states:\n      \
                left: { initial: l, states: { l: { invoke: { activity: plugin, params: { tool: hostile.echo, arguments: { text: l } } }, on: { plugin.done: { guard: \"event.data.text == 'l'\", target: l_end } } }, l_end: { type: final } } }\n      \
                right: { initial: r, states: { r: { invoke: { activity: plugin, params: { tool: hostile.echo, arguments: { text: r } } }, on: { plugin.done: { guard: \"event.data.text == 'r'\", target: r_end } } }, r_end: { type: final } } }\n  \
                done: { type: final }\n",
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("done");
    assert_eq!(told.states()[0], "l+r");
    assert_eq!(told.of_type("outcome").len(), 2);
}

#[test]
fn a_run_leaves_nothing_in_the_house_but_its_journal() {
    let house = House::of(Plan {
        replies: ECHO,
        ..Plan::default()
    });
    house.run(["run", "tester"]).expect(0);
    let mut names: Vec<_> = std::fs::read_dir(house.root.join(".charthouse"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| !name.starts_with("journal.db"));
    assert_eq!(names, ["cache"]);
}

#[test]
fn a_log_line_reads_as_it_was_written() {
    let house = House::of(Plan {
        chart: "initial: work\nstates:\n  work: { entry: [{ log: Setting out. }, { log: { label: sum, expr: 1 + 2 } }], always: done }\n  done: { type: final }\n",
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("done");
    let logs = told.of_type("log");
    let said = |log: &Value| {
        format!(
            "{}: {}",
            log["source"].as_str().unwrap(),
            log["message"].as_str().unwrap()
        )
    };
    assert!(
        said(logs[0]).contains("Setting out.") && !said(logs[0]).contains("null"),
        "{}",
        said(logs[0])
    );
    assert_eq!(said(logs[1]), "sum: 3");
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
        ["started", "step", "think", "stopped", "ended"],
        "what was asked is recorded, an answer is not"
    );
    house.verify();
}

/// In one round: what only reads may run beside each other, what writes runs alone and in the model's order.
#[test]
fn calls_that_write_run_in_the_order_of_the_model() {
    let write = |text: &str| {
        format!("{{ tool: fs.write, arguments: {{ path: /workspace/note.txt, text: {text} }} }}")
    };
    let read = "{ tool: fs.read, arguments: { path: /workspace/note.txt } }";
    let house = House::of(Plan {
        replies: &format!(
            "  - when: \"turn == 0\"\n    calls: [{}, {read}, {read}, {}, {read}]\n  - text: \"{{{{ result('fs.read', 0).text }}}} {{{{ result('fs.read', 2).text }}}}\"\n",
            write("first"),
            write("second")
        ),
        policy: "{ tools: [{ allow: \"*\" }], mounts: { /workspace: { from: notes, access: read-write } } }",
        ..Plan::default()
    });
    house.write("notes/other.txt", "");
    let text = Told::of(&house, 0).ended("done").text();
    let (first, second) = (
        text.find("first").expect("the first text was read"),
        text.find("second").expect("then the second"),
    );
    assert!(first < second, "{text}");
    assert_eq!(house.read("notes/note.txt"), "second");
}
