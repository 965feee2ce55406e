//! A component is verified beside the one in use, on the calls that agents have made: what the house finds is the evidence, and it decides.

use charthouse_tests::{Controlled, Plan, Ran};
use serde_json::{Value, json};

const COMPONENT: &str = "plugins/oracle.wasm";

/// A component whose one tool answers `number`; `mark` makes its bytes others.
fn oracle(number: i32, mark: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
          (core module $m (func (export "answer") (result i32) i32.const {number}) (func (export "{mark}")))
          (core instance $i (instantiate $m))
          (func (export "answer") (result s32) (canon lift (core func $i "answer"))))"#
    );
    wat::parse_str(text).unwrap()
}

/// A house in which the agent asks its oracle twice a run.
fn house() -> Controlled {
    let house = Controlled::new(Plan {
        replies: "  - when: \"called('oracle.answer') < 2\"\n    calls: [{ tool: oracle.answer, arguments: {} }]\n  - text: Done.\n",
        house: "  oracle: plugins/oracle.wasm\n",
        ..Plan::default()
    });
    house.edit("agents/tester.yaml", "[fs, search, hostile]", "[oracle]");
    house.replace(COMPONENT, oracle(42, "first"));
    house.does("ada", &["baseline"]);
    house
}

fn verify(house: &Controlled, number: &str) -> Ran {
    house.by(
        "cyd",
        &["verify", number, "--shadow", "--notes", "Tried beside it"],
    )
}

/// What was found beside the component in use, by the record of the last verification.
fn found(house: &Controlled) -> Value {
    let verified = house.bodies("change.verified").pop().unwrap();
    let evidence = verified["evidence"].as_array().unwrap();
    let mut shadow = evidence.iter().filter(|one| one["kind"] == "shadow");
    let found = shadow.next().unwrap().clone();
    assert!(shadow.next().is_none());
    found
}

#[test]
fn a_component_that_answers_the_same_passes_by_what_was_compared() {
    let house = house();
    let new = oracle(42, "second");
    // Before anybody has called it there is nothing to compare, and that is said.
    let early = house.implemented(&["plugin:oracle"], &[(COMPONENT, &new)]);
    verify(&house, &early).expect(0);
    assert!(
        found(&house)["result"]
            .as_str()
            .unwrap()
            .contains("nothing was compared")
    );
    house.does("ada", &["withdraw", &early, "--why", "It shows nothing"]);

    house.run(["run", "tester", "Go"]).expect(0);
    let number = house.implemented(&["plugin:oracle"], &[(COMPONENT, &new)]);
    let told = verify(&house, &number).expect(0).stdout;
    assert!(
        told.contains("0 of 2 calls come to something else"),
        "{told}"
    );
    let shadow = found(&house);
    assert_eq!(shadow["result"], "0 of 2 calls come to something else");
    assert!(shadow["hash"].is_string(), "{shadow}");
    // What the house finds stands as it has found it; what somebody else says of the same is their statement.
    house.does("ada", &["withdraw", &number, "--why", "Once more"]);
    let number = house.implemented(&["plugin:oracle"], &[(COMPONENT, &new)]);
    let check = "the definitions of the house as they would be";
    let said = [
        json!({ "kind": "check", "what": check, "result": "splendid" }),
        json!({ "kind": "scenarios", "what": "all of them", "result": "as expected" }),
        json!({ "kind": "shadow", "what": shadow["what"], "result": "0 of 9000 calls come to something else" }),
    ];
    let instance = house.change(&number)["instance"]
        .as_str()
        .unwrap()
        .to_owned();
    let hand_in = |who: &str, role: &str, outcome: &str, artefacts: Value| {
        let at = ["workflow", "hand-in", &instance, "--role", role];
        let said = ["--outcome", outcome, "--artefacts", &artefacts.to_string()];
        house.signed(who, &[&at[..], &said].concat())
    };
    let bind = |who: &str, role: &str| {
        let words = [
            "workflow", "bind", &instance, "--human", who, "--role", role,
        ];
        house.signed(who, &words).expect(0);
    };
    bind("cyd", "verifier");
    // What says nothing is nobody's word.
    let blank = json!([{ "kind": "statement", "what": "", "result": " " }]);
    hand_in("cyd", "verifier", "passed", json!({ "evidence": blank }))
        .expect(2)
        .complains(&["nobody but the house", "--evidence"]);
    hand_in("cyd", "verifier", "passed", json!({ "evidence": said })).expect(0);
    let verified = house.bodies("change.verified").pop().unwrap();
    let told = |one: &Value| (one["kind"].clone(), one["result"].clone());
    let told: Vec<_> = verified["evidence"]
        .as_array()
        .unwrap()
        .iter()
        .map(told)
        .collect();
    assert_eq!(told.len(), 4, "{verified}");
    assert_eq!(told[0].0, "check");
    assert_ne!(told[0].1, "splendid");
    assert_eq!(told[1].0, "scenarios");
    assert!(
        told[2..].iter().all(|(kind, _)| kind == "statement"),
        "{verified}"
    );
    // A release says from when it counts; what else is said is not lost without a word.
    bind("dan", "releaser");
    let more = json!({ "effectivity": "now", "summary": "it is newer" });
    hand_in("dan", "releaser", "released", more)
        .expect(2)
        .complains(&["`summary`", "in the notes"]);
    let when = json!({ "effectivity": "now" });
    hand_in("dan", "releaser", "released", when).expect(0);
    assert_eq!(std::fs::read(house.root.join(COMPONENT)).unwrap(), new);
    house.run(["run", "tester", "Go"]).expect(0);
    house.verify();
}

#[test]
fn a_component_that_answers_something_else_fails_and_is_not_released() {
    let house = house();
    house.run(["run", "tester", "Go"]).expect(0);
    let (old, new) = (oracle(42, "first"), oracle(43, "second"));
    let number = house.implemented(&["plugin:oracle"], &[(COMPONENT, &new)]);
    let told = verify(&house, &number).expect(1).stdout;
    assert!(
        told.contains("2 of 2 calls come to something else"),
        "{told}"
    );
    assert_eq!(
        found(&house)["result"],
        "2 of 2 calls come to something else"
    );
    assert_eq!(house.status(&number), "failed verification");
    let release = house.by("dan", &["release", &number, "--effectivity", "now"]);
    assert_ne!(release.code, Some(0), "{}", release.stdout);
    assert_eq!(std::fs::read(house.root.join(COMPONENT)).unwrap(), old);
    // What was tried beside it has changed nothing: calls of the agent, and nothing else, are on record.
    assert_eq!(house.bodies("call").len(), 2);
    house.run(["run", "tester", "Go"]).expect(0);
    house.verify();
}

const SCENARIOS: &str = "scenarios/think.yaml";

/// What was found of scenarios, or of components, by the record of the last verification: what, the result.
fn evidence(house: &Controlled, kind: &str) -> Vec<(String, String)> {
    let verified = house.bodies("change.verified").pop().unwrap();
    let all = verified["evidence"].as_array().unwrap().iter();
    all.filter(|one| one["kind"] == kind)
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap().to_owned();
            (text("what"), text("result"))
        })
        .collect()
}

#[test]
fn scenarios_are_read_against_the_chart_as_it_would_be_and_one_that_cannot_be_read_fails() {
    let house = Controlled::released(Plan::default());
    let chart = house.read("charts/think.yaml");
    let (file, new) = ("charts/think.yaml", chart.replace("1.0.0", "1.1.0"));
    assert!(chart.contains("work"), "{chart}");
    let verify = |number: &str, code: i32, more: &[&str]| {
        let words = [&["verify", number, "--notes", "Tried"][..], more].concat();
        house.by("cyd", &words).expect(code)
    };
    // That nothing was tried is said.
    let number = house.implemented(&["chart:think"], &[(file, new.as_bytes())]);
    let both = ["--run-scenarios", "--shadow"];
    let told = verify(&number, 0, &both).stdout;
    for words in ["nothing was played", "nothing was compared"] {
        assert!(told.contains(words), "{told}");
    }
    assert_eq!(
        evidence(&house, "scenarios")[0].0,
        "the scenarios of chart:think"
    );
    assert_eq!(evidence(&house, "shadow").len(), 1);
    house.does("ada", &["withdraw", &number, "--why", "Another way"]);

    // A state that only the candidate has.
    let renamed = new.replace("work", "labour");
    let case = |state: &str| {
        format!(
            "scenarios: think\nchart: ../charts/think.yaml\ncases:\n  - {{ name: it begins, steps: [{{ in: {state} }}] }}\n"
        )
    };
    house.write(SCENARIOS, &case("labour"));
    // One of another chart is not looked at, whatever its cases say.
    house.write(
        "scenarios/other.yaml",
        &case("nowhere").replace("think", "workflows/change-control"),
    );
    let number = house.implemented(&["chart:think"], &[(file, renamed.as_bytes())]);
    verify(&number, 0, &["--run-scenarios"]);
    let found = evidence(&house, "scenarios");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].1, "1 cases, all as expected");
    house.does("ada", &["withdraw", &number, "--why", "Another way"]);

    house.write(SCENARIOS, &case("work"));
    let number = house.implemented(&["chart:think"], &[(file, renamed.as_bytes())]);
    verify(&number, 1, &["--run-scenarios"]);
    let found = evidence(&house, "scenarios");
    assert!(
        found[0].1.starts_with("it cannot be read:")
            && found[0].1.contains("scenarios/think.yaml:4"),
        "{found:?}"
    );
    assert_eq!(house.status(&number), "failed verification");
    house.verify();
}
