//! `run --json` in small houses: every activity of a chart, and what a run says while it goes on. The model is played by a script.

use charthouse_tests::{House, Plan, Told};
use serde_json::{Value, json};

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
        chart: "initial: work\nstates:\n  work: { invoke: turn, on: { turn.done: wrong }, after: { 1s: late } }\n  \
                late: { invoke: turn, on: { turn.done: done } }\n  wrong: {}\n  done: { type: final }\n",
        replies: "  - when: \"turn == 0\"\n    calls: [{ tool: hostile.sleep, arguments: { ms: 600000 } }]\n  - text: \"{{ last.text }}\"\n",
        policy: "{ tools: [{ allow: \"*\" }], limits: { deadline: 10m }, clock: real }",
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("done");
    assert_eq!(told.states(), ["work", "late", "done"]);
    assert!(
        told.text()
            .contains("stopped while it ran, and may have taken effect: its state was left"),
        "the model hears of it: {}",
        told.text()
    );
    let costs = house.journal("cost");
    let cost = costs
        .iter()
        .find(|cost| cost["body"]["tool"] == "hostile.sleep");
    let cost = &cost.expect("what was stopped is on the ledger")["body"];
    assert_eq!(cost["estimated"], true, "{cost}");
    assert!(cost["wall_us"].as_u64() > Some(0), "{cost}");
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
fn a_chart_without_an_end_waits() {
    let house = House::of(Plan {
        chart: "initial: idle\nstates:\n  idle: { on: { human.said: done } }\n  done: { type: final }\n",
        ..Plan::default()
    });
    let told = Told::of(&house, 0).ended("waiting");
    assert!(told.done["cause"].is_null());
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
    names.sort();
    // The key is what it signs its journal with.
    assert_eq!(names, ["cache", "keys"]);
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
