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
