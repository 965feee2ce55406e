//! The literal interpreter against the suites: what proves the engine is itself proven. And the runner's refusals.

use conformance::case;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

fn cases_below(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            cases_below(&path, files);
        } else if path.extension().is_some_and(|e| e == "json") {
            files.push(path);
        }
    }
}

/// Our own cases, those beside the repository where they are there, and any that the environment names.
#[test]
fn the_book_passes_every_case_that_the_engine_passes() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    cases_below(&here.join("cases"), &mut files);
    assert!(!files.is_empty());
    cases_below(&here.join("../../../shared/conformance"), &mut files);
    if let Some(more) = std::env::var_os("CHARTHOUSE_CONFORMANCE") {
        std::env::split_paths(&more).for_each(|folder| cases_below(&folder, &mut files));
    }
    files.sort();
    let mut failures = Vec::new();
    for file in files {
        let case = case::read(&file).expect("a case");
        if let (Ok(()), Err(error)) = (case::play(&case), case::play_by_the_book(&case)) {
            failures.push(format!("{}: {error:#}", file.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A case that passes, with `value` put at `pointer`.
fn changed(pointer: &str, value: Json) -> Json {
    let mut case = json!({
        "id": "x", "suite": "own", "name": null, "binding": "early", "initial": ["a"],
        "data": [{"id": "n", "expr": "1"}], "root": ["a", "b"],
        "states": {
            "a": {"parent": null, "type": "atomic", "onentry": [[{"raise": "E"}]],
                  "transitions": [{"event": ["E"], "target": ["b"], "actions": [{"send": {"event": "F", "delay": "1s"}}]}]},
            "b": {"parent": null, "type": "final", "donedata": {"params": [{"name": "p", "expr": "n"}]}}
        },
        "document_order": ["a", "b"],
        "script": [{"event": null, "expect": ["b"]}]
    });
    if let Some((folder, key)) = pointer.rsplit_once('/')
        && let Some(map) = case.pointer_mut(folder).and_then(Json::as_object_mut)
    {
        map.insert(key.to_owned(), value);
    } else if let Some(place) = case.pointer_mut(pointer) {
        *place = value;
    }
    case
}

#[test]
fn what_is_not_of_the_format_is_refused_by_name() {
    let fine = case::parse(&changed("/suite", json!("own"))).expect("a case");
    case::play(&fine).expect("it passes");
    for (pointer, value, complaint) in [
        ("/states/a/onenter", json!([]), "the field `onenter`"),
        (
            "/states/a/transitions",
            json!([{"events": ["E"]}]),
            "the field `events`",
        ),
        ("/states/a/transitions", json!({}), "must be a list"),
        (
            "/states/a/transitions",
            json!([{"type": "sideways"}]),
            "`sideways`",
        ),
        ("/states/a/type", json!("basic"), "`basic` is no type"),
        ("/states/a/parent", json!("b"), "says otherwise"),
        (
            "/states/a/onentry",
            json!([[{"shout": "E"}]]),
            "`shout` is no action",
        ),
        (
            "/states/a/onentry",
            json!([[{"raise": "E", "log": {}}]]),
            "one key",
        ),
        (
            "/states/a/onentry",
            json!([[{"send": {"evnt": "E"}}]]),
            "the field `evnt`",
        ),
        (
            "/states/a/onentry",
            json!([[{"send": {"delay": "1s"}}]]),
            "names no event",
        ),
        ("/states/a/onentry", json!([[{"log": "x"}]]), "is no map"),
        (
            "/states/a/invoke",
            json!([{"autoforward": true}]),
            "says not what",
        ),
        (
            "/states/c",
            json!({"type": "atomic"}),
            "`c` lies in no other state",
        ),
        ("/root", json!(["a", "b", "d"]), "no state `d`"),
        ("/root", json!(["a", "b", "a"]), "two places"),
        ("/states/a/states", json!(["b"]), "says otherwise"),
        ("/root", json!(["a", "b", 3]), "which is no text"),
        ("/binding", json!("tight"), "no binding"),
        ("/data", json!([{"expr": "1"}]), "no `id`"),
        ("/script", json!([]), "the script is empty"),
        ("/script", json!([{"event": null}]), "expects nothing"),
        (
            "/script",
            json!([{"event": null, "expect": "fail"}]),
            "a line expects",
        ),
        (
            "/script",
            json!([{"event": null, "expect": ["b"], "after": 3}]),
            "the field `after`",
        ),
        (
            "/script",
            json!([{"event": null, "expect": ["b"], "after_ms": -3}]),
            "number of milliseconds",
        ),
        ("/resources", json!({"x": {}}), "the resource x"),
    ] {
        let error = match case::parse(&changed(pointer, value)) {
            Err(error) => format!("{error:#}"),
            Ok(_) => "none".into(),
        };
        assert!(
            error.contains(complaint),
            "{pointer}: {error}, not {complaint}"
        );
    }
}

#[test]
fn remarks_at_the_case_itself_are_named_and_do_not_fail_it() {
    let case = case::parse(&changed("/author", json!("someone"))).expect("a case");
    assert_eq!(case.remarks, ["author"]);
}
