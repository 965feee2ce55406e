//! Guards in a whole run: what they take away reaches neither the model nor the record, and what goes wrong with one lets nothing through.

use charthouse_tests::{Answer, Asked, House, ModelServer, Plan, Said, copy, guests, plugins};
use serde_json::{Value, json};

const SECRET: &str = "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8";

/// A house whose agent is guarded by `guard`, and a model that reads `secret.env` and then says what it says.
fn guarded(server: &ModelServer, guard: &str) -> House {
    let house = House::of(Plan {
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        policy: "{ tools: [{ allow: \"*\" }], mounts: { /workspace: { from: files, access: read-only } } }",
        agent: &format!("guards: [{guard}]\n"),
        house: "  redact: { component: plugins/redact.wasm, trusted: true }\n  grd: plugins/grd.wasm\n",
        ..Plan::default()
    });
    for (name, from) in [("redact", plugins()), ("grd", guests())] {
        let file = format!("{name}.wasm");
        copy(&from.join(&file), &house.root.join("plugins").join(&file));
    }
    house
}

fn reads_then_says(text: &'static str) -> impl Fn(&Asked) -> Answer + Send + 'static {
    move |asked: &Asked| {
        Answer::Say(match asked.results().len() {
            0 => Said::text("I look.").call("fs__read", json!({ "path": "/workspace/secret.env" })),
            _ => Said::text(text),
        })
    }
}

fn everything(house: &House) -> String {
    house
        .journal("")
        .iter()
        .map(Value::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_secret_in_a_file_reaches_neither_the_model_nor_the_record() {
    let server = ModelServer::start(reads_then_says("Read."));
    let house = guarded(&server, "redact");
    house.write(
        "files/secret.env",
        &format!("NAME=x\nGITHUB_TOKEN={SECRET}\n"),
    );
    house.run(["run", "tester", "Read it", "--json"]).expect(0);
    let asked = server.asked();
    let (_, _, result) = &asked[1].results()[0];
    assert!(
        result.contains("NAME=x") && result.contains("redacted"),
        "{result}"
    );
    assert!(asked.iter().all(|asked| !asked.body.contains(SECRET)));
    let all = everything(&house);
    assert!(!all.contains(SECRET), "the record holds the secret");
    let verdicts: Vec<String> = house
        .journal("guard")
        .iter()
        .map(|record| {
            let body = &record["body"];
            format!(
                "{} {}",
                body["subject"].as_str().unwrap(),
                body["opinions"][0]["verdict"]
            )
        })
        .collect();
    assert!(
        verdicts.contains(&"said \"pass\"".to_owned()),
        "{verdicts:?}"
    );
    assert!(
        verdicts.contains(&"result \"redact\"".to_owned()),
        "{verdicts:?}"
    );
    let ledger = house
        .run(["ledger", "--by", "tool", "--json"])
        .expect(0)
        .json();
    let rows = ledger["rows"].as_array().unwrap();
    assert!(
        rows.iter().any(|row| row["tool"] == "redact.inspect"),
        "{ledger}"
    );
    house.verify();
}

#[test]
fn what_a_person_says_and_what_the_model_writes_pass_the_guards_too() {
    let server = ModelServer::start(|asked: &Asked| {
        Answer::Say(match asked.results().len() {
            0 => Said::text("The word is hunter2, so I look.").call(
                "fs__list",
                json!({ "path": "/workspace", "depth": 1, "note": "hunter2" }),
            ),
            _ => Said::text("Done with hunter2."),
        })
    });
    let house = guarded(&server, "grd");
    house.write("files/a.txt", "a");
    let ran = house
        .run(["run", "tester", "The word is hunter2", "--json"])
        .expect(0);
    assert!(!ran.stdout.contains("hunter2"), "{}", ran.stdout);
    assert!(ran.stdout.contains("Done with *******."), "{}", ran.stdout);
    assert!(
        server
            .asked()
            .iter()
            .all(|asked| !asked.body.contains("hunter2"))
    );
    assert!(!everything(&house).contains("hunter2"));
}

#[test]
fn what_is_blocked_is_held_back_and_the_run_goes_on() {
    let server = ModelServer::start(reads_then_says("Understood."));
    let house = guarded(&server, "grd");
    house.write("files/secret.env", "BLOCK this\n");
    house.run(["run", "tester", "Read it", "--json"]).expect(0);
    let asked = server.asked();
    let (_, _, result) = &asked[1].results()[0];
    assert!(
        result.starts_with("denied: [held back by the guard grd: text before the model from fs"),
        "{result}"
    );
    assert!(!everything(&house).contains("BLOCK this"));
}

#[test]
fn a_call_whose_arguments_are_blocked_is_not_made() {
    let server = ModelServer::start(|asked: &Asked| {
        Answer::Say(match asked.results().len() {
            0 => Said::text("").call("fs__read", json!({ "path": "/workspace/BLOCK" })),
            _ => Said::text("So be it."),
        })
    });
    let house = guarded(&server, "grd");
    house.write("files/BLOCK", "was read");
    house.run(["run", "tester", "Read it", "--json"]).expect(0);
    let asked = server.asked();
    let (name, arguments, result) = &asked[1].results()[0];
    assert_eq!((name.as_str(), arguments), ("fs__read", &json!({})));
    assert!(
        result.contains("held back by the guard grd") && !result.contains("was read"),
        "{result}"
    );
}

#[test]
fn a_guard_that_traps_lets_nothing_through() {
    let server = ModelServer::start(reads_then_says("Understood."));
    let house = guarded(&server, "grd");
    house.write("files/secret.env", "TRAP and tell\n");
    house.run(["run", "tester", "Read it", "--json"]).expect(0);
    let (_, _, result) = &server.asked()[1].results()[0];
    assert!(
        result.contains("the guard could not look at it") && !result.contains("and tell"),
        "{result}"
    );
}

#[test]
fn a_plugin_that_is_no_guard_cannot_be_posted() {
    let server = ModelServer::start(reads_then_says("Never asked."));
    let house = guarded(&server, "fs");
    house
        .run(["run", "tester", "Read it"])
        .expect(3)
        .complains(&["the plugin `fs` is no guard"]);
    assert!(server.asked().is_empty());
}

#[test]
fn what_is_held_back_stays_so_where_thinking_and_acting_are_two_states() {
    let server = ModelServer::start(|asked: &Asked| {
        Answer::Say(match asked.results().len() {
            0 => Said::text("").call("fs__read", json!({ "path": "/workspace/BLOCK" })),
            _ => Said::text("So be it."),
        })
    });
    let house = guarded(&server, "grd");
    house.write("charts/think.yaml", "chart: think\nversion: 1.0.0\nkind: cognition\ninitial: think\nstates:\n  think:\n    invoke: think\n    on: { think.done: [{ guard: \"event.data.calls == 0\", target: done }, act] }\n  act: { invoke: act, on: { act.done: think } }\n  done: { type: final }\n");
    house.write("files/BLOCK", "was read");
    house.run(["run", "tester", "Read it", "--json"]).expect(0);
    let (_, _, result) = &server.asked()[1].results()[0];
    assert!(
        result.contains("held back by the guard grd") && !result.contains("was read"),
        "{result}"
    );
}

#[test]
fn what_the_chart_itself_asks_for_passes_the_guards_too() {
    let server = ModelServer::start(|_: &Asked| Answer::Say(Said::text("Seen.")));
    let house = guarded(&server, "redact");
    house.write("files/secret.env", &format!("GITHUB_TOKEN={SECRET}\n"));
    house.write("charts/think.yaml", "chart: think\nversion: 1.0.0\nkind: cognition\ndata: { got: null }\ninitial: look\nstates:\n  look:\n    invoke: { activity: plugin, params: { tool: fs.read, arguments: { path: /workspace/secret.env } } }\n    on: { plugin.done: { target: say, actions: { assign: { got: event.data.text } } } }\n  say: { context: [{ template: \"Read: {{ data.got }}\" }], invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n");
    house.edit(
        "agents/tester.yaml",
        "trim: oldest }\n",
        "trim: oldest }\n  - { id: now, slot: cognition, budget: 2000 }\n",
    );
    house.run(["run", "tester", "Read it", "--json"]).expect(0);
    let asked = server.asked();
    assert!(asked[0].body.contains("Read: "), "{}", asked[0].body);
    assert!(!asked[0].body.contains(SECRET));
    assert!(!everything(&house).contains(SECRET));
}
