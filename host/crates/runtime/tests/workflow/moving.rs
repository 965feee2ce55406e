//! Another version of a workflow while an instance is under way.

use super::charts::chart;
use super::stage::{Stage, coder, reviewer};
use charthouse_runtime::workflow::{By, Happened, Out, Version, WorkflowError};
use std::sync::Arc;

const BEFORE: &str = "\
chart: w
version: 1.0.0
kind: workflow
roles: { maker: {}, checker: {}, helper: {} }
data: { rounds: 0 }
initial: making
states:
  making:
    type: parallel
    states:
      make: { role: maker, on: { role.done: checking } }
      help: { role: helper }
    after: { 1d: checking }
  checking: { role: checker, on: { role.done: over, human.back: making } }
  over: { type: final }
";

fn played() -> Stage {
    let mut stage = Stage::begin(&chart(BEFORE));
    stage.bind("maker", &coder()).unwrap();
    stage.bind("helper", &reviewer()).unwrap();
    stage
}

fn moved(stage: &mut Stage, text: &str) -> Result<(), WorkflowError> {
    let to = chart(text);
    stage.take(Happened::Moved { to })
}

#[test]
fn holders_and_work_survive_when_their_role_and_state_do() {
    let mut stage = played();
    let due = stage.instance.next_due();
    let after = BEFORE
        .replace("1.0.0", "1.1.0")
        .replace("make: {", "build: {")
        .replace(
            "states:\n  making",
            "migrate: { renamed: { making/make: build } }\nstates:\n  making",
        );
    moved(&mut stage, &after).unwrap();
    assert_eq!(stage.sent(), [] as [&str; 0], "nobody has to hear of it");
    assert_eq!(stage.leaves(), "build help");
    assert_eq!(stage.instance.version().version, Arc::from("1.1.0"));
    assert_eq!(stage.instance.next_due(), due);
    assert_eq!(&*stage.instance.work_of(&coder())[0].1, "build");
    stage.hand_in("maker", &coder(), "done").unwrap();
    assert_eq!(stage.offered(), ["checker: checking"]);
    // The same once more is no news.
    let records = stage.records.len();
    moved(&mut stage, &after).unwrap();
    assert_eq!(stage.records.len(), records);
}

/// What a file says of moving may be edited afterwards: it moved by what the file said then.
#[test]
fn an_instance_that_moved_is_read_by_the_file_by_which_it_moved() {
    let mut stage = played();
    let rules = "migrate: { renamed: { making/make: build } }\n";
    let after = BEFORE
        .replace("make: {", "build: {")
        .replace("states:\n  making", &format!("{rules}states:\n  making"));
    moved(&mut stage, &after).unwrap();
    let edited = chart(&after.replace(rules, ""));
    let versions = |version: &Version, by: By| {
        let does = edited.chart.hash() == version.hash && by == By::Chart;
        does.then(|| edited.clone())
            .or_else(|| stage.recorded(version))
    };
    let folded = stage.fold_by(0, None, versions).unwrap();
    assert_eq!(folded.position(), stage.instance.position());
    assert_eq!(folded.bundle().hash, edited.hash, "the house's own counts");
}

#[test]
fn a_role_that_is_gone_loses_its_holder() {
    let mut stage = played();
    let after = BEFORE
        .replace(", helper: {}", "")
        .replace("role: helper", "doc: alone")
        .replace("1.0.0", "2.0.0");
    moved(&mut stage, &after).unwrap();
    assert_eq!(stage.sent(), ["work.withdrawn helper/help -> r2"]);
    assert_eq!(stage.last("unbound")["by"], "reload");
    assert_eq!(stage.last("migrated")["workflow"]["version"], "2.0.0");
    assert_eq!(stage.instance.holder("maker"), Some(&coder()));
    assert_eq!(stage.instance.holder("helper"), None);
}

#[test]
fn states_with_another_role_are_work_anew() {
    let mut stage = played();
    let after = BEFORE
        .replace("help: { role: helper }", "help: { role: checker }")
        .replace("helper: {}", "helper: { never: maker }");
    moved(&mut stage, &after).unwrap();
    assert_eq!(stage.sent(), ["work.withdrawn helper/help -> r2"]);
    assert_eq!(stage.offered(), ["checker: help"]);
}

#[test]
fn a_rule_that_is_new_holds_for_those_who_are_there() {
    let mut stage = Stage::begin(&chart(BEFORE));
    stage.bind("maker", &coder()).unwrap();
    stage.bind("helper", &coder()).unwrap();
    let after = BEFORE.replace("helper: {}", "helper: { never: maker }");
    moved(&mut stage, &after).unwrap();
    assert_eq!(stage.instance.holder("maker"), Some(&coder()));
    assert_eq!(stage.instance.holder("helper"), None);
    assert_eq!(stage.sent(), ["work.withdrawn helper/help -> r1"]);
    assert_eq!(stage.offered(), ["helper: help"]);
}

#[test]
fn a_version_can_be_pinned_refused_or_impossible() {
    let mut stage = played();
    let records = stage.records.len();
    let with = |policy: &str| {
        BEFORE
            .replace("1.0.0", "2.0.0")
            .replace("data:", &format!("migrate: {policy}\ndata:"))
    };
    moved(&mut stage, &with("pin")).unwrap();
    assert!(matches!(&stage.out[..], [Out::Log { .. }]));
    assert_eq!(stage.records.len(), records);
    assert_eq!(&*stage.instance.version().version, "1.0.0");
    let error = moved(&mut stage, &with("refuse")).unwrap_err();
    assert!(matches!(error, WorkflowError::Refused { .. }), "{error}");
    let other = BEFORE.replace("chart: w", "chart: v");
    let error = moved(&mut stage, &other).unwrap_err();
    assert!(matches!(error, WorkflowError::CannotMove { .. }), "{error}");
    let data = BEFORE.replace("rounds: 0", "rounds: none");
    let error = moved(&mut stage, &data).unwrap_err().to_string();
    assert!(error.contains("say what becomes of it"), "{error}");
}

#[test]
fn a_move_can_bring_the_end() {
    let mut stage = played();
    let after = BEFORE
        .replace("data:", "migrate: { removed: { making: over } }\ndata:")
        .replace("initial: making", "initial: checking")
        .replace(", human.back: making", "");
    let start = after.find("  making:").unwrap();
    let end = after.find("  checking:").unwrap();
    let after = format!("{}{}", &after[..start], &after[end..]).replace(
        "{ maker: {}, checker: {}, helper: {} }",
        "{ checker: {}, maker: {} }",
    );
    moved(&mut stage, &after).unwrap();
    assert_eq!(stage.leaves(), "over");
    assert!(stage.instance.ended().is_some());
    assert_eq!(
        stage.sent(),
        [
            "work.withdrawn helper/help -> r2",
            "work.withdrawn maker/make -> r1",
            "work.ended  -> r1"
        ]
    );
}
