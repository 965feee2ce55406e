//! Separation of duties, on every way to a role.

use super::charts::{chart, implement_review};
use super::stage::{Stage, coder, reviewer};
use charthouse_runtime::workflow::{Happened, Person, Via, Who, WorkflowError};
use std::path::Path;
use std::sync::Arc;

/// The same agent in another run.
fn coder_again() -> Who {
    Who::agent("coder", "r99")
}

fn separated(result: Result<(), WorkflowError>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, WorkflowError::Separated { .. }), "{error}");
    assert_eq!(error.code(), "refused");
    error.to_string()
}

#[test]
fn whoever_implements_never_reviews() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    stage.hand_in("implementer", &coder(), "done").unwrap();
    for who in [coder(), coder_again()] {
        let said = separated(stage.bind("reviewer", &who));
        assert!(
            said.contains(
                "implement-review.yaml:6:27 says that `reviewer` is never whoever is `implementer`"
            ),
            "{said}"
        );
        separated(stage.take(Happened::Bind {
            role: "reviewer".into(),
            who: who.clone(),
            via: Via::Offer,
        }));
        separated(stage.take_over("reviewer", &who));
    }
    // Whoever has a holder to be taken over from, too.
    stage.bind("reviewer", &reviewer()).unwrap();
    separated(stage.take_over("reviewer", &coder_again()));
    // A person of the same name is another.
    stage.take_over("reviewer", &Who::human("coder")).unwrap();
}

#[test]
fn having_been_the_implementer_once_is_enough() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    stage.detach("implementer", Via::Command, "").unwrap();
    let editor = Who::agent("editor", "r3");
    stage.bind("implementer", &editor).unwrap();
    stage.hand_in("implementer", &editor, "done").unwrap();
    separated(stage.bind("reviewer", &coder_again()));
    separated(stage.bind("reviewer", &editor));
    stage.bind("reviewer", &reviewer()).unwrap();
}

#[test]
fn whoever_reviewed_never_implements() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    stage.bind("reviewer", &reviewer()).unwrap();
    stage.hand_in("implementer", &coder(), "done").unwrap();
    stage.hand_in("reviewer", &reviewer(), "rejected").unwrap();
    let said = separated(stage.take_over("implementer", &reviewer()));
    assert!(said.contains("beside or after `reviewer`"), "{said}");
    stage.detach("reviewer", Via::Command, "").unwrap();
    separated(stage.take_over("implementer", &reviewer()));
    stage.detach("implementer", Via::Command, "").unwrap();
    separated(stage.bind("implementer", &reviewer()));
}

#[test]
fn it_holds_after_the_instance_was_folded_from_a_snapshot() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    stage.detach("implementer", Via::Failure, "").unwrap();
    let snapshot = stage.instance.snapshot().to_string();
    let folded = stage.fold(stage.records.len(), Some(&snapshot)).unwrap();
    let person = Person::Agent("coder".into());
    assert!(folded.has_held("implementer", &person));
    assert!(folded.may_hold("reviewer", &person).is_err());
    assert!(folded.may_hold("implementer", &person).is_ok());
}

#[test]
fn only_whoever_had_not_handed_in_is_said_not_to_have() {
    for hands_in in [false, true] {
        let mut stage = Stage::begin(&implement_review());
        stage.bind("implementer", &coder()).unwrap();
        if hands_in {
            stage.hand_in("implementer", &coder(), "done").unwrap();
        }
        stage.detach("implementer", Via::Failure, "").unwrap();
        let why = stage.last("unbound")["why"].clone();
        let expected = match hands_in {
            true => "because",
            false => "because; its work as `implementer` was not handed in",
        };
        assert_eq!(why, expected);
    }
}

#[test]
fn without_a_rule_one_agent_holds_several_roles() {
    let bundle = chart(
        "chart: w\nkind: workflow\nroles: { a: {}, b: {} }\ninitial: one\nstates:\n  one: { role: a, on: { role.done: two } }\n  two: { role: b, on: { role.done: over } }\n  over: { type: final }\n",
    );
    let mut stage = Stage::begin(&bundle);
    stage.bind("a", &coder()).unwrap();
    stage.bind("b", &coder()).unwrap();
    assert_eq!(
        stage.instance.roles_of(&coder()),
        [Arc::from("a"), Arc::from("b")]
    );
    stage.hand_in("a", &coder(), "done").unwrap();
    assert_eq!(stage.sent(), ["work.assigned b/two -> r1"]);
    assert_eq!(&*stage.instance.binding("r1").unwrap().role, "b");
    stage.hand_in("b", &coder(), "done").unwrap();
    assert_eq!(stage.sent(), ["work.ended  -> r1"], "once, for both roles");
}

#[test]
fn it_is_offered_to_those_who_fit_and_may_the_one_who_waited_longest_first() {
    let directory = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = directory.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../charts");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    write("charts/w.yaml", &read("workflows/implement-review.yaml"));
    write(
        "charts/t.yaml",
        "chart: t\ninitial: on\nstates: { on: { invoke: turn, on: { turn.done: over } }, over: { type: final } }\n",
    );
    write(
        "house.yaml",
        "house: h\nproviders: { p: { kind: openai, base_url: \"http://127.0.0.1:9/v1\" } }\n",
    );
    for (name, roles) in [
        ("a", "[reviewer]"),
        ("b", "[reviewer, implementer]"),
        ("c", "[implementer]"),
        ("d", "[reviewer]"),
    ] {
        write(
            &format!("agents/{name}.yaml"),
            &format!(
                "agent: {name}\nmodel: {{ provider: p, name: m, context_length: 10000, max_output: 100 }}\ncognition: t\nroles: {roles}\ncontext: [{{ id: history, history: true, flexible: true, trim: oldest }}]\n"
            ),
        );
    }
    let house = match definitions::load(directory.path()) {
        Ok(house) => house,
        Err(report) => panic!("{}", report.render(false)),
    };
    let mut stage = Stage::begin(&house.charts["implement-review"]);
    let takers = |stage: &Stage, role: &str, given: &dyn Fn(&str) -> Option<i64>| -> Vec<String> {
        let takers = stage.instance.takers(&house, role, given).into_iter();
        takers.map(|agent| agent.name.to_string()).collect()
    };
    assert_eq!(takers(&stage, "reviewer", &|_| None), ["a", "b", "d"]);
    let given = |agent: &str| match agent {
        "a" => Some(5),
        "b" => Some(3),
        _ => None,
    };
    assert_eq!(takers(&stage, "reviewer", &given), ["d", "b", "a"]);
    assert_eq!(takers(&stage, "nobody", &given), [] as [&str; 0]);
    stage.bind("implementer", &Who::agent("b", "r5")).unwrap();
    assert_eq!(takers(&stage, "reviewer", &given), ["d", "a"]);
}
