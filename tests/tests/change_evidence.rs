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
    let words = [
        "workflow", "bind", &instance, "--human", "cyd", "--role", "verifier",
    ];
    house.signed("cyd", &words).expect(0);
    let artefacts = json!({ "evidence": said }).to_string();
    let words = [
        "workflow",
        "hand-in",
        &instance,
        "--role",
        "verifier",
        "--outcome",
        "passed",
    ];
    let words = [&words[..], &["--artefacts", &artefacts]].concat();
    house.signed("cyd", &words).expect(0);
    let verified = house.bodies("change.verified").pop().unwrap();
    let told = |one: &Value| (one["kind"].clone(), one["result"].clone());
    let told: Vec<_> = verified["evidence"]
        .as_array()
        .unwrap()
        .iter()
        .map(told)
        .collect();
    assert_eq!(told.len(), 3, "{verified}");
    assert_eq!(told[0].0, "check");
    assert_ne!(told[0].1, "splendid");
    assert!(
        told[1..].iter().all(|(kind, _)| kind == "statement"),
        "{verified}"
    );
    house.does("dan", &["release", &number, "--effectivity", "now"]);
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
