//! Runs executed again from their journals: identical to the byte, whatever became of the house since, and where they stood at any record.

use charthouse_tests::{
    Answer, Asked, Held, House, ModelServer, Plan, Ran, Said, UnderWay, copy, guests, plugins,
};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The latest run, executed again.
#[track_caller]
fn replayed(house: &House) -> Value {
    house.run(["replay", "latest", "--json"]).expect(0).json()
}

/// That it is identical, and that so much at least was made again.
#[track_caller]
fn identical(house: &House, least: Value) -> Value {
    let report = replayed(house);
    assert_eq!(report["verdict"], "identical", "{report:#}");
    for (what, count) in least.as_object().unwrap() {
        let made = report["compared"][what].as_u64().unwrap();
        assert!(made >= count.as_u64().unwrap(), "{what}: {report:#}");
    }
    report
}

#[test]
fn a_run_is_the_same_again_after_the_house_has_changed_and_moved() {
    let house = House::init::<&str>(&[]);
    house.run(["run", "surveyor", "--json"]).expect(0);
    let before = identical(
        &house,
        json!({ "steps": 4, "payloads": 4, "grants": 4, "items": 8, "texts": 8, "snapshots": 1 }),
    );
    // Nothing of what it was made of is as it was: definitions, texts, components, what plays the model.
    for file in ["agents/surveyor.yaml", "charts/deliberate.yaml"] {
        house.write(file, "this: is no definition at all\n");
    }
    for folder in ["scripts", "plugins", "policies"] {
        std::fs::remove_dir_all(house.root.join(folder)).unwrap();
    }
    let cache = house.root.join(".charthouse/cache");
    std::fs::remove_file(cache).unwrap();
    assert_eq!(replayed(&house), before);
    let all = house.run(["replay", "--all"]).expect(0);
    assert!(all.stdout.contains("identical"), "{}", all.stdout);
    let text = house.run(["replay", "latest"]).expect(0).stdout;
    assert!(text.contains("made again: 4 steps"), "{text}");
}

#[test]
fn a_person_can_go_back_to_any_record() {
    let house = House::init::<&str>(&[]);
    house.run(["run", "surveyor", "--json"]).expect(0);
    let records = house.journal("");
    let thinks = records.iter().filter(|record| record["kind"] == "think");
    let third = thinks
        .map(|think| think["seq"].as_u64().unwrap())
        .nth(2)
        .unwrap();
    let at = |record: u64, more: &[&str]| {
        let record = record.to_string();
        let mut line = vec!["replay", "latest", "--until", &record];
        line.extend(more);
        house.run(line).expect(0)
    };
    let stand = at(third, &["--json", "--payload"]).json();
    assert_eq!(stand["record"], third);
    assert_eq!(stand["agent"], "surveyor");
    assert_eq!(stand["configuration"], json!(["act"]));
    assert_eq!(stand["activities"][0]["activity"], "turn");
    assert!(
        stand["under_way"].as_object().unwrap().len() == 1,
        "{stand:#}"
    );
    assert!(stand["payload"]["items"].as_array().unwrap().len() > 3);
    assert_eq!(stand["verdict"], "identical");
    let later = at(
        records.last().unwrap()["seq"].as_u64().unwrap(),
        &["--json"],
    )
    .json();
    assert_eq!(later["configuration"], json!(["done"]));
    assert_eq!(later["activities"], json!([]));
    assert_eq!(later["under_way"], json!({}));
    let text = at(third, &["--payload"]).stdout;
    assert!(text.contains("states        act\n"), "{text}");
    assert!(text.contains("--- system\n"), "{text}");
}

/// Say `lines` to the agent, one after the other.
fn talk(house: &House, more: &[&str], lines: &str) -> Ran {
    let mut child = house
        .command()
        .args(["chat", "tester"])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = child.stdin.take().unwrap();
    typed.write_all(lines.as_bytes()).unwrap();
    drop(typed);
    Ran::from(child.wait_with_output().unwrap())
}

#[test]
fn a_conversation_with_everything_in_its_map_is_the_same_again() {
    // Each prompt has one file read; what is read soon outgrows the window.
    let server = ModelServer::start(|asked: &Asked| {
        let last = asked.messages().last().unwrap();
        let said = last["content"].as_str().unwrap_or_default();
        Answer::Say(match last["role"] == "user" && said.contains("look") {
            true => Said::text("").call("fs__read", json!({ "path": "/workspace/note.txt" })),
            false => Said::text("I see."),
        })
    });
    let house = House::of(Plan {
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        policy: "{ tools: [{ allow: \"*\" }, { deny: fs.write }], mounts: { /workspace: { from: files, access: read-only } }, limits: { fuel: 1000G } }",
        house: "  ctx: plugins/ctx.wasm\n",
        ..Plan::default()
    });
    copy(
        &guests().join("ctx.wasm"),
        &house.root.join("plugins/ctx.wasm"),
    );
    house.write("files/note.txt", &"a note of some length\n".repeat(150));
    house.write("rules.md", "Be brief.");
    house.edit("agents/tester.yaml", "hostile]", "hostile, ctx]");
    house.edit(
        "agents/tester.yaml",
        "context_length: 200000",
        "context_length: 12000",
    );
    house.edit("agents/tester.yaml", "budget: 40000", "budget: 6000");
    house.edit(
        "agents/tester.yaml",
        "  - { id: history",
        "  - { id: rules, role: system, file: rules.md, budget: 500 }\n  - { id: who, role: system, template: \"{{ agent.name }} in {{ states | join(',') }} at {{ now }}: {{ prompt }}\", budget: 500 }\n  - { id: facts, role: user, memory: facts, budget: 500, trim: lowest }\n  - { id: kept, role: system, plugin: ctx, expires: 1h, budget: 500 }\n  - { id: asked, role: user, plugin: ctx, budget: 500 }\n  - { id: history",
    );
    for n in 0..6 {
        let fact = format!("The harbour number {n} is called Sund {n}.");
        house
            .run(["memory", "add", "tester", "--layer", "facts", &fact])
            .expect(0);
    }
    talk(&house, &[], "look one\nlook two\nlook three\nlook four\n").expect(0);
    identical(
        &house,
        json!({ "payloads": 8, "grants": 4, "snapshots": 4 }),
    );
    // Another process takes it up, with other texts.
    house.write("rules.md", "Be long.");
    talk(&house, &["--resume", "latest"], "look five\nlook six\n").expect(0);
    house.write("rules.md", "gone");
    let report = identical(&house, json!({ "payloads": 12, "grants": 6, "items": 24 }));
    assert_eq!(report["records"], house.journal("").len());
    let cut = house.journal("think");
    let trimmed = |think: &Value| {
        let chunks = think["body"]["context"]["chunks"].as_array().unwrap();
        chunks
            .iter()
            .any(|chunk| chunk["trimmed"].as_u64() > Some(0))
    };
    assert!(cut.iter().any(trimmed), "the conversation outgrew its room");
}

#[test]
fn definitions_that_change_in_the_middle_are_replayed_as_they_were() {
    const LONGER: &str = "chart: think\nversion: 1.1.0\nkind: cognition\ninitial: work\nstates:\n  work: { invoke: turn, on: { turn.done: check } }\n  check:\n    context: [{ text: Look at it again. }]\n    policy: { tools: [{ deny: \"*\" }] }\n    invoke: turn\n    on: { turn.done: done }\n  done: { type: final }\n";
    let model = Held::new();
    let house = House::of(Plan {
        provider: &model.provider(),
        ..Plan::default()
    });
    house.edit(
        "agents/tester.yaml",
        "  - { id: history",
        "  - { id: state, role: system, slot: cognition, budget: 2% }\n  - { id: history",
    );
    let mut run = UnderWay::begin(&house);
    run.until("think");
    house.replace("charts/think.yaml", LONGER);
    run.until("reloaded");
    model.say("First.");
    run.until("think");
    model.call("fs__read", json!({ "path": "/workspace/a" }));
    run.until("outcome");
    model.say("Second.");
    run.ended("done");
    house.write("charts/think.yaml", "chart: other\n");
    identical(
        &house,
        json!({ "migrations": 1, "payloads": 3, "grants": 1, "steps": 3 }),
    );
}

#[test]
fn summaries_stand_where_they_stood() {
    let called = AtomicUsize::new(0);
    let server = ModelServer::start(move |asked: &Asked| {
        if asked.json["tools"].is_null() {
            return Answer::Say(Said::text("THE SUMMARY: files were read."));
        }
        let n = called.fetch_add(1, Ordering::SeqCst);
        Answer::Say(match n < 12 {
            true => {
                Said::text("").call("fs__read", json!({ "path": format!("/workspace/{n}.txt") }))
            }
            false => Said::text("All read."),
        })
    });
    let house = House::of(Plan {
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        policy: "{ tools: [{ allow: \"*\" }], mounts: { /workspace: { from: files, access: read-only } }, limits: { calls: 100/turn } }",
        agent: "memory: { summary: { plugin: digest, at: 50%, budget: 5% } }\n",
        house: "  digest: { component: plugins/digest.wasm, trusted: true }\n",
        ..Plan::default()
    });
    copy(
        &plugins().join("digest.wasm"),
        &house.root.join("plugins/digest.wasm"),
    );
    house.edit(
        "agents/tester.yaml",
        "context_length: 200000",
        "context_length: 16000",
    );
    house.edit("agents/tester.yaml", "budget: 40000", "budget: 8000");
    house.edit("agents/tester.yaml", "trim: oldest", "trim: summary");
    for n in 0..12 {
        let text = format!("file {n} has this line\n").repeat(180);
        house.write(&format!("files/{n}.txt"), &text);
    }
    house
        .run(["run", "tester", "Read all files", "--json"])
        .expect(0);
    assert!(!house.journal("summary").is_empty());
    identical(&house, json!({ "payloads": 12, "grants": 12 }));
}

#[test]
fn nothing_is_claimed_of_what_is_not_there() {
    let house = House::of(Plan::default());
    house
        .run(["replay", "latest"])
        .expect(1)
        .complains(&["nothing to replay"]);
    house.run(["run", "tester", "--json"]).expect(0);
    house
        .run(["replay", "20200101"])
        .expect(1)
        .complains(&["20200101"]);
    house.run(["replay"]).expect(2);
    identical(&house, json!({ "steps": 2, "payloads": 1 }));
}

#[test]
fn components_come_to_the_same_again_for_the_same_fuel() {
    let house = House::init::<&str>(&[]);
    house.write("notes.md", "TODO: nothing\n");
    // What was written in the same millisecond as a call could be from after it.
    std::thread::sleep(std::time::Duration::from_millis(20));
    house.run(["run", "surveyor", "--json"]).expect(0);
    let again = |code: i32| {
        let ran = house.run(["replay", "latest", "--plugins", "--json"]);
        ran.expect(code).json()["components"].clone()
    };
    let report = house
        .run(["replay", "latest", "--plugins", "--json"])
        .json();
    let calls = report["components"]["calls"].as_array().unwrap().clone();
    assert_eq!(calls.len(), 5, "{report:#}");
    // The report that it wrote may lie in what it had looked at before.
    let explained = |call: &&Value| call["same"] == false && call["because"].is_null();
    assert_eq!(calls.iter().find(explained), None, "{report:#}");
    assert!(calls.iter().any(|call| call["same"] == true), "{report:#}");
    house.write("notes.md", "TODO: something\nTODO: else\n");
    let report = again(1);
    let calls = report["calls"].as_array().unwrap();
    let changed = calls.iter().find(|call| call["same"] == false).unwrap();
    let because = changed["because"].as_str().unwrap();
    assert!(because.contains("/workspace"), "{because}");
    std::fs::remove_file(house.root.join(".charthouse/cache")).unwrap();
    let report = again(1);
    let gone = report["not_called"][0]["why"].as_str().unwrap();
    assert!(gone.contains("is not kept any more"), "{gone}");
}
