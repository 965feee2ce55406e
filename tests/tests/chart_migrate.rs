//! `chart migrate --dry-run`: the plan as a person and as a program read it.

use charthouse_tests::{Ran, run};
use serde_json::json;
use std::fs;
use tempfile::TempDir;

const OLD: &str = "chart: job\nversion: 1.0.0\ndata: { rounds: 2 }\ninitial: work\nstates:\n  work:\n    initial: draft\n    states:\n      draft: { invoke: turn, exit: { log: gone }, after: { 10m: stuck }, on: { turn.done: polish } }\n      polish: { invoke: turn, on: { turn.done: done } }\n  stuck: { on: { human.said: work } }\n  done: { type: final }\n";
const NEW: &str = "chart: job\nversion: 2.0.0\nmigrate:\n  renamed: { work: job }\n  removed: { draft: review }\n  data: { tries: data.rounds * 10 }\ndata: { tries: 0 }\ninitial: job\nstates:\n  job:\n    initial: review\n    states:\n      review: { invoke: think, on: { think.done: polish } }\n      polish: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n";

fn plan(old: &str, new: &str, more: &[&str]) -> Ran {
    let directory: TempDir = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("old.yaml"), old).unwrap();
    fs::write(directory.path().join("new.yaml"), new).unwrap();
    let arguments = ["chart", "migrate", "--dry-run", "old.yaml", "new.yaml"];
    run(directory.path(), arguments.iter().chain(more))
}

#[test]
fn the_plan_says_everything_that_is_not_as_it_was() {
    let text = plan(OLD, NEW, &["--at", "draft"]).expect(0).stdout;
    let steps: Vec<&str> = text.lines().skip(4).collect();
    assert_eq!(
        steps,
        [
            "  1. `work` is `job` now",
            "  2. leave `work/draft`, with its old exit actions: it is gone, and `migrate` sends it to `job/review`",
            "  3. data `tries` is new: 20",
            "  4. data `rounds` is gone; it was 2",
            "  5. enter `job/review`, with its entry actions",
            r#"  →  {"type":"log","label":"gone","value":null}"#,
            r#"  →  {"type":"cancel_invoke","id":"draft.1","state":"draft","activity":"turn"}"#,
            r#"  →  {"type":"invoke","id":"review.2","state":"review","activity":"think","params":null}"#,
        ],
        "{text}"
    );
}

#[test]
fn the_plan_is_data_too() {
    let answer = plan(OLD, NEW, &["--at", "polish", "--json"])
        .expect(0)
        .json();
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["policy"], "migrate");
    assert_eq!(
        (&answer["before"], &answer["after"]),
        (&json!(["polish"]), &json!(["polish"]))
    );
    assert_eq!(answer["data"], json!({ "tries": 20 }));
    assert_eq!(answer["effects"], json!([]), "the turn goes on");
}

#[test]
fn what_cannot_be_moved_is_explained() {
    let typed = NEW
        .replace("  data: { tries: data.rounds * 10 }\n", "")
        .replace("tries: 0", "rounds: none");
    let refused = plan(OLD, &typed, &[]).expect(1);
    refused.complains(&["new.yaml:1:1", "data entry `rounds`", "migrate: { data:"]);
    let refused = plan(OLD, &typed, &["--json"]).expect(1).json();
    assert_eq!(refused["ok"], false);
    assert_eq!(refused["errors"][0]["file"], "new.yaml");
    plan(OLD, NEW, &["--at", "drafd"])
        .expect(2)
        .complains(&["no state `drafd`", "did you mean `draft`?"]);
    plan(OLD, NEW, &["--at", "draft,polish"])
        .expect(2)
        .complains(&["`polish` cannot be active together"]);
    plan(OLD, "chart: [", &[])
        .expect(3)
        .complains(&["new.yaml:1"]);
}

#[test]
fn a_pinned_version_says_so() {
    let pinned = OLD.replace("1.0.0", "1.0.1\nmigrate: pin");
    let text = plan(OLD, &pinned, &[]).expect(0).stdout;
    assert!(
        text.contains("policy pin: running instances stay")
            && text.contains("Everything goes on as it is."),
        "{text}"
    );
}
