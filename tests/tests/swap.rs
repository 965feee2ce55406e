//! Generations of plugins in the whole system: components that are saved while an agent runs, or exchanged by hand, take their place without a call that
//! fails, or are refused with the reason.

use charthouse_tests::{Held, House, Plan, UnderWay, guests};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const PLUGIN: &str = "plugins/g.wasm";

/// The component of a generation of the plugin `g`: the guest's bytes with its mark overwritten.
fn generation(number: u32, manner: &str) -> Vec<u8> {
    let mut bytes = fs::read(guests().join("generation.wasm")).unwrap();
    let mark = b"@generation:0001:good@";
    let at = bytes
        .windows(mark.len())
        .position(|window| window == mark)
        .expect("the guest has its mark");
    let new = format!("@generation:{number:04}:{manner}@");
    assert_eq!(new.len(), mark.len());
    bytes[at..at + mark.len()].copy_from_slice(new.as_bytes());
    bytes
}

/// A house whose agent has the plugin `g` in generation 1; `more` of its entry in `house.yaml`.
fn house_with(model: &Held, more: &str) -> House {
    let provider = model.provider();
    let house = House::of(Plan {
        provider: &provider,
        policy: "{ tools: [{ allow: \"*\" }], limits: { fuel: 1000G, deadline: 5m } }",
        house: &format!("  g: {{ component: {PLUGIN}, trusted: true{more} }}\n"),
        ..Plan::default()
    });
    fs::write(house.root.join(PLUGIN), generation(1, "good")).unwrap();
    house.edit("agents/tester.yaml", "search, hostile]", "g]");
    house
}

fn house(model: &Held) -> House {
    house_with(model, "")
}

/// A component beside the house.
fn beside(house: &House, name: &str, bytes: &[u8]) -> PathBuf {
    let path = house.beside(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// What the plugin answers in a run: what the model read of the call.
#[track_caller]
fn asked_version(model: &Held, run: &mut UnderWay) -> Value {
    model.call("g__version", json!({}));
    run.until("outcome")
}

/// The results that the model has read, once there are so many.
#[track_caller]
fn results(model: &Held, count: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let asked = model.server.asked();
        let results = asked.last().map(|last| last.results()).unwrap_or_default();
        if results.len() >= count {
            return results.into_iter().map(|(_, _, text)| text).collect();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{results:#?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The last of so many results that the model has read.
#[track_caller]
fn last(model: &Held, count: usize) -> String {
    results(model, count).pop().expect("there is one")
}

#[test]
fn a_component_that_is_saved_takes_its_place_while_calls_go_on() {
    let model = Held::new();
    let house = house(&model);
    // Compiled beforehand, so that the exchange takes no longer than the call.
    for number in [2, 1] {
        fs::write(house.root.join(PLUGIN), generation(number, "good")).unwrap();
        house.run(["plugin", "inspect", "g"]).expect(0);
    }
    let mut run = UnderWay::begin(&house);
    run.until("think");
    // Long enough to be under way while the place changes hands.
    model.call("g__nap", json!({ "rounds": 2_000_000 }));
    run.until("call");
    house.replace(PLUGIN, generation(2, "good"));
    let swapped = run.until("plugin.swapped");
    assert!(
        !run.seen.iter().any(|line| line["type"] == "outcome"),
        "the call was over before the place changed hands: {:#?}",
        run.seen
    );
    assert_eq!(swapped["plugin"], "g");
    assert_eq!(
        (&swapped["from"]["number"], &swapped["to"]["number"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(swapped["by"], "saved");
    let nap = run.until("outcome");
    assert_eq!(nap["ok"], true, "{nap}");
    run.until("think");
    let version = asked_version(&model, &mut run);
    assert_eq!(version["ok"], true);
    run.until("think");
    model.say("Done.");
    run.ended("done");
    let results = results(&model, 2);
    assert!(results[0].starts_with("generation 0001"), "{results:#?}");
    assert!(results[1].starts_with("generation 0002"), "{results:#?}");
    assert!(
        results[0].contains("[plugin g: ") && results[0].contains("in the place of"),
        "the model does not know: {results:#?}"
    );
    let record = &house.journal("plugin.swapped")[0]["body"];
    assert_eq!(record["to"], swapped["to"]);
    assert_ne!(record["from"]["hash"], record["to"]["hash"]);
    let calls = house.journal("call");
    assert_eq!(calls[0]["body"]["generation"], record["from"]["hash"]);
    assert_eq!(calls[1]["body"]["generation"], record["to"]["hash"]);
    let story = house.run(["journal", "show", "latest"]).expect(0).stdout;
    assert!(story.contains("plugin.swapped g: "), "{story}");
    house.verify();
}

#[test]
fn a_bad_component_is_refused_while_the_one_before_goes_on() {
    let model = Held::new();
    let house = house(&model);
    // The chart calls this one by itself.
    house.edit(
        "charts/think.yaml",
        "done: { type: final }",
        "done: { type: final }\n  never: { invoke: { activity: plugin, params: { tool: g.echo, arguments: { text: x } } } }",
    );
    let mut run = UnderWay::begin(&house);
    run.until("think");
    let whole = generation(2, "good");
    let bad = [
        (&b"not a component"[..], "not WebAssembly"),
        (&whole[..whole.len() / 2], "cannot"),
        (&generation(2, "deaf"), "not a usable plugin"),
        (&generation(2, "less"), "no tool `echo`"),
        (
            &fs::read(guests().join("ctx.wasm")).unwrap(),
            "no tool `echo`",
        ),
    ];
    for (n, (bytes, why)) in bad.into_iter().enumerate() {
        house.replace(PLUGIN, bytes);
        let refused = run.until("plugin.refused");
        assert_eq!(refused["plugin"], "g");
        assert_eq!(refused["current"]["number"], 1);
        let said = refused["why"].as_str().unwrap();
        assert!(said.contains(why), "{why}: {said}");
        let version = asked_version(&model, &mut run);
        assert_eq!(version["ok"], true, "{version}");
        run.until("think");
        let last = last(&model, n + 1);
        assert!(last.starts_with("generation 0001"), "{last}");
        assert!(last.contains("what was saved in its place is not used"));
    }
    fs::remove_file(house.root.join(PLUGIN)).unwrap();
    let gone = run.until("plugin.refused");
    assert!(gone["why"].as_str().unwrap().contains("cannot read"));
    house.replace(PLUGIN, &whole);
    run.until("plugin.swapped");
    asked_version(&model, &mut run);
    run.until("think");
    assert!(last(&model, 6).starts_with("generation 0002"));
    model.say("Done.");
    run.ended("done");
    assert_eq!(house.journal("plugin.refused").len(), 6);
    house.verify();
}

#[test]
fn crashes_bring_the_last_good_one_back_and_the_next_run_remembers() {
    let model = Held::new();
    let house = house_with(&model, ", quarantine: 2");
    let mut run = UnderWay::begin(&house);
    run.until("think");
    asked_version(&model, &mut run);
    run.until("think");
    house.replace(PLUGIN, generation(2, "trap"));
    run.until("plugin.swapped");
    for _ in 0..2 {
        let crash = asked_version(&model, &mut run);
        assert_eq!(crash["ok"], false, "{crash}");
        run.until("think");
    }
    let quarantined = &seen_of(&run, "plugin.quarantined");
    assert_eq!(quarantined["generation"]["number"], 2);
    assert_eq!(quarantined["back"]["number"], 1);
    assert_eq!(quarantined["traps"], 2);
    let read = last(&model, 3);
    assert!(
        read.contains("crashed 2 times and answered nothing in between"),
        "the model does not know: {read}"
    );
    asked_version(&model, &mut run);
    run.until("think");
    assert!(last(&model, 4).starts_with("generation 0001"));
    // Saved again, it is not taken again.
    house.replace(PLUGIN, generation(2, "trap"));
    let refused = run.until("plugin.refused");
    assert!(refused["why"].as_str().unwrap().contains("quarantined"));
    model.say("Done.");
    run.ended("done");
    assert_eq!(house.journal("plugin.quarantined").len(), 1);

    // The file still holds the bad one.
    let mut run = UnderWay::begin(&house);
    let remembered = run.until("plugin.swapped");
    assert_eq!(remembered["by"], "quarantine");
    run.until("think");
    asked_version(&model, &mut run);
    run.until("think");
    let read = results(&model, 1);
    assert!(read[0].starts_with("generation 0001"), "{read:#?}");
    model.say("Done.");
    run.ended("done");
    house.verify();
}

/// The first line of this type that a run has printed.
#[track_caller]
fn seen_of(run: &UnderWay, kind: &str) -> Value {
    let found = run.seen.iter().find(|line| line["type"] == kind);
    found
        .unwrap_or_else(|| panic!("no `{kind}` in {:#?}", run.seen))
        .clone()
}

/// Calls that the script makes: one of each sort.
const CALLS: &str = "  - when: \"turn == 0\"\n    calls: [{ tool: g.echo, arguments: { text: hello } }]\n  \
    - when: \"turn == 1\"\n    calls: [{ tool: g.count, arguments: {} }]\n  \
    - when: \"turn == 2\"\n    calls: [{ tool: g.write, arguments: { path: /workspace/note, text: first } }]\n  \
    - when: \"turn == 3\"\n    calls: [{ tool: g.read, arguments: { text: /workspace/note } }]\n  \
    - text: Done.\n";

/// A house whose agent has made one call of each sort with generation 1.
fn used_house(more: &str) -> House {
    let house = House::of(Plan {
        replies: CALLS,
        policy: "{ tools: [{ allow: \"*\" }], mounts: { /workspace: { from: work, access: read-write } } }",
        house: &format!("  g: {{ component: {PLUGIN}, trusted: true{more} }}\n"),
        ..Plan::default()
    });
    fs::write(house.root.join(PLUGIN), generation(1, "good")).unwrap();
    house.write("work/other", "kept");
    house.edit("agents/tester.yaml", "search, hostile]", "g]");
    house.run(["run", "tester", "Go", "--json"]).expect(0);
    house
}

/// Run a verb of `plugin` with `--json`.
fn plugin(house: &House, code: i32, words: &[&str]) -> Value {
    let mut all = vec!["plugin"];
    all.extend(words);
    all.push("--json");
    house.run(all).expect(code).json()
}

/// The records that people left.
fn by_people(house: &House, kind: &str) -> Vec<Value> {
    let shown = house
        .run(["journal", "show", "house", "--json"])
        .expect(0)
        .lines();
    let of_kind = shown.into_iter().filter(|record| record["kind"] == kind);
    of_kind.map(|record| record["body"].clone()).collect()
}

#[test]
fn a_person_swaps_and_takes_back_from_process_to_process() {
    let house = used_house("");
    let file = |number, manner| {
        let name = format!("g{number}.wasm");
        let path = beside(&house, &name, &generation(number, manner));
        path.to_str().unwrap().to_owned()
    };
    let bytes = || fs::read(house.root.join(PLUGIN)).unwrap();
    let (second, third) = (file(2, "good"), file(3, "good"));
    let nothing = house.run(["plugin", "rollback", "g"]).expect(1).stderr;
    assert!(nothing.contains("nothing is on record"), "{nothing}");

    let swapped = plugin(&house, 0, &["swap", "g", &second]);
    assert_eq!(swapped["swapped"], true);
    assert_eq!(bytes(), generation(2, "good"));
    let again = plugin(&house, 0, &["swap", "g", &second]);
    assert_eq!(again["swapped"], false, "{again}");
    let told = house.run(["plugin", "swap", "g", &third]).expect(0).stdout;
    assert!(told.contains("charthouse plugin rollback g"), "{told}");
    assert_eq!(bytes(), generation(3, "good"));

    let back = plugin(&house, 0, &["rollback", "g"]);
    assert_eq!(back["to"], swapped["to"]);
    assert_eq!(bytes(), generation(2, "good"));
    let back = plugin(&house, 0, &["rollback", "g"]);
    assert_eq!(back["to"], swapped["from"]);
    assert_eq!(bytes(), generation(1, "good"));
    house.run(["plugin", "rollback", "g"]).expect(1);

    let records = by_people(&house, "plugin.swapped");
    let by: Vec<&str> = records.iter().map(|r| r["by"].as_str().unwrap()).collect();
    assert_eq!(by, ["hand", "hand", "rollback", "rollback"]);
    assert_eq!(records[0]["from"]["hash"], swapped["from"]);
    house.verify();
}

#[test]
fn a_component_that_does_not_fit_is_not_taken_by_hand_either() {
    let house = used_house("");
    house.edit(
        "charts/think.yaml",
        "done: { type: final }",
        "done: { type: final }\n  never: { invoke: { activity: plugin, params: { tool: g.echo, arguments: { text: x } } } }",
    );
    let whole = generation(1, "good");
    let net = fs::read(guests().join("net.wasm")).unwrap();
    let bad = [
        (&b"#!/bin/sh\n"[..], "not WebAssembly"),
        (&generation(2, "deaf"), "not a usable plugin"),
        (&generation(2, "less"), "no tool `echo`"),
        (&net, "wasi:sockets"),
    ];
    for (bytes, why) in bad {
        let file = beside(&house, "bad.wasm", bytes);
        let refused = plugin(&house, 1, &["swap", "g", file.to_str().unwrap()]);
        assert_eq!(refused["swapped"], false);
        let said = refused["why"].as_str().unwrap();
        assert!(said.contains(why), "{why}: {said}");
        assert_eq!(fs::read(house.root.join(PLUGIN)).unwrap(), whole);
    }
    assert_eq!(by_people(&house, "plugin.refused").len(), 4);
    let missing = house.run(["plugin", "swap", "g", "no-such.wasm"]).expect(1);
    assert!(
        missing.stderr.contains("no-such.wasm"),
        "{}",
        missing.stderr
    );
    let unknown = house.run(["plugin", "swap", "h", "x.wasm"]).expect(2);
    assert!(unknown.stderr.contains("it has fs, search, hostile, g"));
    house.run(["plugin", "rollback", "h"]).expect(2);
    house.run(["plugin", "shadow", "h", "x.wasm"]).expect(2);
}

#[test]
fn a_run_under_way_follows_a_swap_and_a_rollback_by_hand() {
    let model = Held::new();
    let house = house_with(&model, ", quarantine: 1");
    let mut run = UnderWay::begin(&house);
    run.until("think");
    asked_version(&model, &mut run);
    run.until("think");
    let bad = beside(&house, "bad.wasm", &generation(2, "trap"));
    let bad = bad.to_str().unwrap();
    plugin(&house, 0, &["swap", "g", bad]);
    run.until("plugin.swapped");
    asked_version(&model, &mut run);
    run.until("think");
    seen_of(&run, "plugin.quarantined");
    // What the model has read is on record.
    assert!(last(&model, 2).contains("crashed once"));
    // A person wants it tried again: the file is the same.
    let again = plugin(&house, 0, &["swap", "g", bad]);
    assert_eq!(again["swapped"], true);
    run.until("plugin.swapped");
    let back = plugin(&house, 0, &["rollback", "g"]);
    let followed = run.until("plugin.swapped");
    assert_eq!(followed["to"]["hash"], back["to"]);
    asked_version(&model, &mut run);
    run.until("think");
    assert!(last(&model, 3).starts_with("generation 0001"));
    model.say("Done.");
    run.ended("done");
    assert_eq!(
        fs::read(house.root.join(PLUGIN)).unwrap(),
        generation(1, "good")
    );
    house.verify();
}

/// What shadow runs cost for `purpose`, as the ledger has it.
fn shadowed(house: &House, purpose: &str) -> Value {
    let ledger = house.run(["ledger", "--by", "tool,purpose,agent", "--json"]);
    let rows = ledger.expect(0).json()["rows"].clone();
    let mut rows = rows.as_array().unwrap().iter();
    let row = rows.find(|row| row["tool"] == "g.shadow" && row["purpose"] == purpose);
    row.unwrap_or_else(|| panic!("{rows:?}")).clone()
}

#[test]
fn a_shadow_run_shows_what_differs_and_leaves_no_trace() {
    let house = used_house("");
    let shadow = |code, number, manner| {
        let file = beside(&house, "new.wasm", &generation(number, manner));
        plugin(&house, code, &["shadow", "g", file.to_str().unwrap()])
    };
    let same = shadow(0, 2, "burn");
    let calls = same["calls"].as_array().unwrap();
    let tools: Vec<&str> = calls.iter().map(|c| c["tool"].as_str().unwrap()).collect();
    assert_eq!(tools, ["g.echo", "g.count", "g.write", "g.read"]);
    assert!(calls.iter().all(|call| call["same"] == true), "{same:#}");
    assert!(
        calls
            .iter()
            .all(|c| c["new"]["fuel"].as_u64() > c["old"]["fuel"].as_u64()),
        "{same:#}"
    );
    // It went on from the state and the files of today.
    assert_eq!(calls[1]["old"]["answer"], "2");
    assert_eq!(calls[3]["old"]["answer"], "first");

    let lies = shadow(1, 2, "lies");
    assert_eq!(lies["different"], 1, "{lies:#}");
    assert_eq!(lies["calls"][0]["same"], false);
    assert_eq!(lies["calls"][0]["old"]["answer"], "hello");
    assert_eq!(lies["calls"][0]["new"]["answer"], "not hello");
    assert_eq!(lies["calls"][1]["same"], true);
    let nosy = shadow(1, 2, "nosy");
    assert_eq!(nosy["different"], 4, "{nosy:#}");
    assert!(
        !nosy["calls"][0]["new"]["refused"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let traps = shadow(1, 2, "trap");
    assert_eq!(traps["different"], 4);

    let one = house
        .run(["plugin", "shadow", "g", PLUGIN, "--last", "1"])
        .expect(0)
        .stdout;
    assert!(one.contains("on the last 1 call"), "{one}");
    assert!(one.contains("Both come to the same."), "{one}");
    let file = beside(&house, "new.wasm", &generation(2, "lies"));
    let text = house
        .run(["plugin", "shadow", "g", file.to_str().unwrap()])
        .expect(1)
        .stdout;
    for line in ["≠ g.echo", "- hello", "+ not hello", "1 of 4 calls come"] {
        assert!(text.contains(line), "no `{line}` in {text}");
    }

    // It is on the ledger, as what the house spends on looking after itself.
    let row = shadowed(&house, "overhead");
    assert_eq!(row["calls"], 6, "{row}");
    assert!(row["fuel"].as_u64() > Some(0), "{row}");
    // Nothing else of all this remains: neither files nor state.
    let call = house.run(["run", "tester", "Go", "--json"]).expect(0);
    assert!(call.stdout.contains("\"ok\":true"));
    let outcomes = house.journal("outcome");
    assert_eq!(
        outcomes[1]["body"]["outcome"]["result"]["Ok"][0]["text"],
        "2"
    );
    assert_eq!(house.read("work/note"), "first");
    let left: Vec<_> = fs::read_dir(house.root.join(".charthouse"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.starts_with("shadow"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    house.verify();

    // It asks the budgets as every call does.
    let limited = house.read("house.yaml") + "budgets: { calls_per_day: 1 }\n";
    fs::write(house.root.join("house.yaml"), limited).unwrap();
    let refused = house
        .run(["plugin", "shadow", "g", PLUGIN])
        .expect(1)
        .stderr;
    assert!(
        refused.contains("`calls_per_day` (house.yaml:"),
        "{refused}"
    );
    assert_eq!(shadowed(&house, "overhead")["calls"], 6);
}

#[test]
fn writing_otherwise_is_a_difference_though_nothing_is_written() {
    let house = used_house("");
    let file = beside(&house, "new.wasm", &generation(2, "more"));
    let report = plugin(
        &house,
        1,
        &["shadow", "g", file.to_str().unwrap(), "--last", "2"],
    );
    let files = report["files"].as_array().unwrap();
    assert_eq!(files.len(), 1, "{report:#}");
    assert_eq!(files[0]["what"], "different");
    assert!(files[0]["path"].as_str().unwrap().ends_with("work/note"));
    assert_eq!(house.read("work/note"), "first");
}

#[test]
fn without_a_record_nothing_is_compared_and_nothing_is_in_the_way() {
    let model = Held::new();
    let house = house_with(&model, ", promote: shadow");
    let file = beside(&house, "new.wasm", &generation(2, "lies"));
    let file = file.to_str().unwrap();
    let report = plugin(&house, 0, &["shadow", "g", file]);
    assert_eq!(report["calls"], json!([]));
    assert_eq!(plugin(&house, 0, &["swap", "g", file])["swapped"], true);
}

#[test]
fn promotion_can_be_made_conditional_on_a_shadow_run() {
    let house = used_house(", promote: shadow");
    let lies = beside(&house, "lies.wasm", &generation(2, "lies"));
    let lies = lies.to_str().unwrap();
    let refused = plugin(&house, 1, &["swap", "g", lies]);
    let why = refused["why"].as_str().unwrap();
    assert!(
        why.contains("promote: shadow") && why.contains("--at-once"),
        "{why}"
    );
    let told = house.run(["plugin", "swap", "g", lies]).expect(1);
    assert!(told.stdout.contains("+ not hello"), "{}", told.stdout);
    assert_eq!(
        fs::read(house.root.join(PLUGIN)).unwrap(),
        generation(1, "good")
    );

    // The same in a run that is under way, for what is saved.
    let model = Held::new();
    house.edit(
        "house.yaml",
        "model: { kind: scripted, file: script.yaml }",
        &format!("model: {}", model.provider()),
    );
    let mut run = UnderWay::begin(&house);
    run.until("think");
    house.replace(PLUGIN, generation(2, "lies"));
    let refused = run.until("plugin.refused");
    let why = refused["why"].as_str().unwrap();
    assert!(why.contains("`not hello` and not `hello`"), "{why}");
    house.replace(PLUGIN, generation(1, "good"));
    house.replace(PLUGIN, generation(3, "burn"));
    let swapped = run.until("plugin.swapped");
    // What a person wants all the same is not held up by the run.
    assert_eq!(
        plugin(&house, 0, &["swap", "g", lies, "--at-once"])["swapped"],
        true
    );
    let followed = run.until("plugin.swapped");
    assert_eq!(followed["from"]["hash"], swapped["to"]["hash"]);
    model.call("g__echo", json!({ "text": "hello" }));
    run.until("outcome");
    run.until("think");
    assert!(last(&model, 1).starts_with("not hello"));
    model.say("Done.");
    run.ended("done");
    // Whoever would use it pays for trying it; what a person tried is on nobody's account but the house's.
    assert_eq!(shadowed(&house, "improvement")["agent"], "tester");
    assert_eq!(shadowed(&house, "overhead")["agent"], "(none)");
    house.verify();
}
