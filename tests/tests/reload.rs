//! Definitions saved while an agent runs: used between two macrosteps, all files of one save together, or refused with the reason.

use charthouse_tests::{Answer, Asked, Held, House, ModelServer, Plan, Said, UnderWay};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

const CHART: &str = "chart: think\nversion: 1.0.0\nkind: cognition\ninitial: work\nstates:\n  work: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n";
const LONGER: &str = "chart: think\nversion: 1.1.0\nkind: cognition\ninitial: work\nstates:\n  work: { invoke: turn, on: { turn.done: check } }\n  check:\n    context: [{ text: Look at it again. }]\n    invoke: turn\n    on: { turn.done: done }\n  done: { type: final }\n";

fn house(model: &Held) -> House {
    let provider = model.provider();
    let house = House::of(Plan {
        provider: &provider,
        ..Plan::default()
    });
    house.write("charts/think.yaml", CHART);
    house.edit(
        "agents/tester.yaml",
        "  - { id: history",
        "  - { id: state, role: system, slot: cognition, budget: 2% }\n  - { id: history",
    );
    house
}

fn asked_with(asked: &Asked, text: &str) -> bool {
    asked.body.contains(text)
}

#[test]
fn a_chart_that_is_saved_goes_on_in_its_new_version() {
    let model = Held::new();
    let house = house(&model);
    let mut run = UnderWay::begin(&house);
    run.until("think");
    house.replace("charts/think.yaml", LONGER);
    let reloaded = run.until("reloaded");
    assert_eq!(reloaded["files"][0]["file"], "charts/think.yaml");
    assert_eq!(
        reloaded["changes"],
        json!(["the chart `think` moves from 1.0.0 to 1.1.0"])
    );
    model.say("First.");
    run.until("think");
    model.say("Second.");
    run.ended("done");
    let asked = model.server.asked();
    assert_eq!(asked.len(), 2, "the turn under way went on");
    assert!(asked_with(&asked[1], "Look at it again."));
    let record = &house.journal("reloaded")[0]["body"];
    assert_eq!(record["affected"], json!(["tester"]));
    assert_ne!(record["files"][0]["old"], record["files"][0]["new"]);
    let migrated = &house.journal("migrated")[0]["body"]["migration"];
    let started = &house.journal("started")[0]["body"];
    assert_eq!(record["plugins"], started["plugins"]);
    assert_ne!(record["plugins"], json!([]));
    assert_eq!(migrated["from"], started["chart"]["hash"]);
    assert_eq!(migrated["to"], record["chart"]["hash"]);
    house.verify();
}

#[test]
fn a_broken_file_leaves_the_run_as_it_was_and_is_explained() {
    let model = Held::new();
    let house = house(&model);
    let mut run = UnderWay::begin(&house);
    run.until("think");
    house.write(
        "charts/think.yaml",
        &CHART.replace("turn.done: done", "turn.done: dome"),
    );
    let refused = run.until("not_reloaded");
    let why = refused["why"].as_str().unwrap();
    for word in ["charts/think.yaml:6:", "`dome`", "did you mean `done`?"] {
        assert!(why.contains(word), "{why}");
    }
    house.replace("charts/think.yaml", LONGER);
    run.until("reloaded");
    model.say("First.");
    run.until("think");
    model.say("Second.");
    run.ended("done");
    assert_eq!(house.journal("not_reloaded").len(), 1);
    house.verify();
}

#[test]
fn a_change_that_the_running_chart_cannot_take_is_refused_whole() {
    let model = Held::new();
    let house = house(&model);
    house.write(
        "charts/think.yaml",
        &CHART.replace("initial: work", "data: { n: 1 }\ninitial: work"),
    );
    let mut run = UnderWay::begin(&house);
    run.until("think");
    house.replace(
        "charts/think.yaml",
        LONGER.replace("initial: work", "data: { n: one }\ninitial: work"),
    );
    let refused = run.until("not_reloaded");
    let why = refused["why"].as_str().unwrap();
    assert!(
        why.contains("data entry `n`") && why.contains("migrate: { data:"),
        "{why}"
    );
    model.say("First.");
    run.ended("done");
    assert_eq!(model.server.asked().len(), 1, "the old chart went on");
}

#[test]
fn agents_policies_and_the_house_are_exchanged_too_and_together() {
    let model = Held::new();
    let house = house(&model);
    let mut run = UnderWay::begin(&house);
    run.until("think");
    // Neither file is right without the other: the agent asks a provider that the house gets with the same save.
    house.edit(
        "agents/tester.yaml",
        "provider: model, name: test-model",
        "provider: other, name: better",
    );
    house.edit(
        "agents/tester.yaml",
        "  - { id: history",
        "  - { id: new, role: system, text: Be brief., budget: 1% }\n  - { id: history",
    );
    house.edit(
        "agents/tester.yaml",
        "{ allow: \"*\" }",
        "{ allow: \"*\" }, { deny: \"search.*\" }",
    );
    house.edit(
        "house.yaml",
        "providers:\n",
        &format!("providers:\n  other: {}\n", model.provider()),
    );
    let reloaded = run.until("reloaded");
    let files: Vec<&str> = reloaded["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["file"].as_str().unwrap())
        .collect();
    assert_eq!(files, ["agents/tester.yaml", "house.yaml"]);
    model
        .answers
        .send(Answer::Say(
            Said::text("").call("search__grep", json!({"pattern": "x"})),
        ))
        .unwrap();
    run.until("think");
    model.say("Done.");
    run.ended("done");
    let asked = model.server.asked();
    assert_eq!(asked[0].json["model"], "test-model");
    assert_eq!(asked[1].json["model"], "better");
    assert!(asked_with(&asked[1], "Be brief."));
    let costs = house.journal("cost");
    let models: Vec<&Value> = costs
        .iter()
        .map(|record| &record["body"]["model"])
        .filter(|model| !model.is_null())
        .collect();
    assert_eq!(models, ["test-model", "better"], "who was asked is paid");
    let outcome = &house.journal("outcome")[0]["body"];
    assert!(
        outcome.to_string().contains("agents/tester.yaml"),
        "{outcome}"
    );
}

#[test]
fn a_chart_says_whether_running_instances_move() {
    for (policy, kind) in [("pin", "reloaded"), ("refuse", "not_reloaded")] {
        let model = Held::new();
        let house = house(&model);
        let mut run = UnderWay::begin(&house);
        run.until("think");
        let text = LONGER.replace(
            "initial: work",
            &format!("migrate: {policy}\ninitial: work"),
        );
        house.replace("charts/think.yaml", &text);
        let told = run.until(kind).to_string();
        assert!(told.contains(&format!("migrate: {policy}")), "{told}");
        model.say("First.");
        run.ended("done");
        assert_eq!(
            model.server.asked().len(),
            1,
            "{policy}: the old chart went on"
        );
        assert!(house.journal("migrated").is_empty());
    }
}

#[test]
fn what_cannot_change_while_a_run_lasts_is_said() {
    let model = Held::new();
    let house = house(&model);
    house.write(
        "charts/other.yaml",
        &LONGER.replace("chart: think", "chart: other"),
    );
    let mut run = UnderWay::begin(&house);
    run.until("think");
    house.edit("agents/tester.yaml", "cognition: think", "cognition: other");
    house.edit("house.yaml", "journal.db", "elsewhere.db");
    let reloaded = run.until("reloaded");
    let later = reloaded["later"].to_string();
    assert!(
        later.contains("cognition `other`") && later.contains("elsewhere.db"),
        "{later}"
    );
    model.say("First.");
    run.ended("done");
    assert_eq!(model.server.asked().len(), 1);
}

#[test]
fn an_agent_that_is_gone_keeps_its_run() {
    let model = Held::new();
    let house = house(&model);
    let mut run = UnderWay::begin(&house);
    run.until("think");
    fs::remove_file(house.root.join("agents/tester.yaml")).unwrap();
    let why = run.until("not_reloaded");
    assert!(
        why["why"].as_str().unwrap().contains("no agent `tester`"),
        "{why}"
    );
    model.say("First.");
    run.ended("done");
}

#[test]
fn a_folder_that_is_made_again_is_watched_again() {
    let model = Held::new();
    let house = house(&model);
    let mut run = UnderWay::begin(&house);
    run.until("think");
    fs::remove_dir_all(house.root.join("charts")).unwrap();
    run.until("not_reloaded");
    house.write("charts/think.yaml", LONGER);
    run.until("reloaded");
    house.replace("charts/think.yaml", LONGER.replace("1.1.0", "1.2.0"));
    let reloaded = run.until("reloaded");
    assert!(
        reloaded["changes"]
            .to_string()
            .contains("from 1.1.0 to 1.2.0"),
        "{reloaded}"
    );
    model.say("First.");
    run.until("think");
    model.say("Second.");
    run.ended("done");
}

#[test]
fn a_storm_of_saves_harms_nothing() {
    let model = ModelServer::start(|asked| {
        std::thread::sleep(Duration::from_millis(30));
        let turns = asked.results().len();
        match turns < 40 {
            true => Answer::Say(Said::text("").call("fs__list", json!({"path": "/workspace"}))),
            false => Answer::Say(Said::text("Enough.")),
        }
    });
    let provider = model.provider();
    let house = House::of(Plan {
        provider: &provider,
        ..Plan::default()
    });
    house.write("charts/think.yaml", CHART);
    let mut run = UnderWay::begin(&house);
    run.until("think");
    let mut saves = 0;
    // Saved in place, in two halves, by renaming, broken, gone and back, with and without pauses, for as long as the run lasts.
    while run.child.try_wait().unwrap().is_none() && saves < 2_000 {
        let version = LONGER.replace("1.1.0", &format!("1.{saves}.0"));
        match saves % 6 {
            0 => house.replace("charts/think.yaml", &version),
            1 => house.write("charts/think.yaml", &version[..version.len() / 2]),
            2 => house.write("charts/think.yaml", &version),
            3 => drop(fs::remove_file(house.root.join("charts/think.yaml"))),
            4 => house.write(
                "charts/new/deep.yaml",
                "chart: deep\ninitial: a\nstates: { a: {} }\n",
            ),
            _ => {
                house.write("charts/think.yaml", &version);
                drop(fs::remove_dir_all(house.root.join("charts/new")));
                std::thread::sleep(Duration::from_millis(130 * (saves as u64 % 3)));
            }
        }
        std::thread::sleep(Duration::from_millis(saves as u64 % 7));
        saves += 1;
    }
    // What happened can be read whatever is broken now.
    house.write("charts/think.yaml", "chart: [");
    assert!(saves > 20, "the run was too short for a storm: {saves}");
    run.ended("done");
    assert!(!house.journal("reloaded").is_empty());
    house.verify();
}
