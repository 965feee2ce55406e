//! The first minutes of a new user: making a house, checking it, and the mistakes on the way.

use charthouse_tests::{House, Ran, charthouse, keys, run, share_cache};
use serde_json::json;
use std::fs;
use std::path::Path;

/// Every verb that a user can type.
const VERBS: [&[&str]; 13] = [
    &["init"],
    &["check"],
    &["run"],
    &["plugin", "list"],
    &["plugin", "inspect"],
    &["plugin", "call"],
    &["chart", "run"],
    &["context", "show"],
    &["policy", "explain"],
    &["journal", "show"],
    &["journal", "verify"],
    &["ledger"],
    &["help"],
];

#[test]
fn a_new_house_checks_and_runs_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let made = run(directory.path(), ["init", "my house"]).expect(0);
    for line in ["cd my house", "charthouse check", "charthouse run surveyor"] {
        let shown = made.stdout.contains(line)
            || made
                .stdout
                .contains(&line.replace("my house", "'my house'"));
        assert!(shown, "{line}: {}", made.stdout);
    }
    let house = directory.path().join("my house");
    for path in [
        "house.yaml",
        "agents",
        "charts",
        "policies",
        "plugins",
        "scenarios",
        "scripts",
        ".charthouse",
    ] {
        assert!(house.join(path).exists(), "{path}");
    }
    let checked = run(&house, ["check"]).expect(0);
    assert!(checked.stdout.contains("no errors"), "{}", checked.stdout);
    assert_eq!(checked.stderr, "", "a shipped definition has a warning");
    let ran = run(&house, ["run", "surveyor"]).expect(0);
    assert!(
        ran.stdout.contains("The survey is in /out/survey.md"),
        "{}",
        ran.stdout
    );
    assert!(house.join("out/survey.md").is_file());
}

#[test]
fn every_shipped_agent_and_plugin_can_be_looked_at() {
    let house = House::init::<&str>(&[]);
    for agent in [
        "assistant",
        "coder",
        "editor",
        "inspector",
        "planner",
        "reviewer",
        "surveyor",
    ] {
        house.run(["context", "show", agent]).expect(0);
        house.run(["policy", "explain", agent]).expect(0);
    }
    for plugin in ["fs", "search", "patch", "redact", "digest", "repo-map"] {
        house.run(["plugin", "inspect", plugin]).expect(0);
    }
}

#[test]
fn a_house_is_not_made_over_another() {
    let house = House::init::<&str>(&[]);
    house.write("house.yaml", "house: mine\n");
    let again = house.run(["init"]).expect(1);
    again.complains(&["is a house already", "help: "]);
    assert_eq!(house.read("house.yaml"), "house: mine\n");
}

#[test]
fn a_file_in_the_way_is_named_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let agents = directory.path().join("agents");
    fs::create_dir(&agents).unwrap();
    fs::write(agents.join("coder.md"), "mine").unwrap();
    run(directory.path(), ["init"]).expect(1).complains(&[
        "agents/coder.md",
        "exists and is left as it is",
        "help: ",
    ]);
    assert_eq!(fs::read_to_string(agents.join("coder.md")).unwrap(), "mine");
    // Where the directory itself cannot be made, that is said too.
    fs::write(directory.path().join("taken"), "").unwrap();
    run(directory.path(), ["init", "taken"])
        .expect(1)
        .complains(&["taken"]);
}

#[test]
fn an_init_that_failed_can_be_done_again_once_the_file_is_away() {
    let directory = tempfile::tempdir().unwrap();
    share_cache(directory.path());
    let script = directory.path().join("scripts/survey.yaml");
    fs::create_dir(script.parent().unwrap()).unwrap();
    fs::write(&script, "mine").unwrap();
    run(directory.path(), ["init"]).expect(1);
    fs::remove_file(&script).unwrap();
    run(directory.path(), ["init", "--quiet"]).expect(0);
    run(directory.path(), ["check"]).expect(0);
}

#[test]
fn a_workspace_may_be_called_anything() {
    for name in [
        "with spaces",
        "qu'o\"tes",
        "ünï🦀",
        "co: lon # hash",
        "{b}[r], %&*!|>@`",
        "back\\slash",
        "new\nline",
    ] {
        let beside = tempfile::tempdir().unwrap();
        let workspace = beside.path().join(name);
        fs::create_dir(&workspace).unwrap();
        fs::write(workspace.join("only.rs"), "fn main() {}\n").unwrap();
        let house = House::init(&[Path::new("--workspace"), &workspace]);
        house.run(["check"]).expect(0);
        house.run(["run", "surveyor", "--json"]).expect(0);
        let report = house.read("out/survey.md");
        assert!(report.contains("| Files | 1 |"), "{name}: {report}");
        assert!(report.contains("`only.rs`"), "{name}: {report}");
    }
}

#[test]
fn a_workspace_that_is_none_is_refused_before_anything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    for (workspace, words) in [("nowhere", "cannot be used"), ("file", "not a directory")] {
        let ran = run(directory.path(), ["init", "h", "--workspace", workspace]).expect(2);
        ran.complains(&[workspace, words]);
        assert!(!directory.path().join("h").exists());
    }
}

#[test]
fn access_of_the_workspace_is_what_was_asked_for() {
    let workspace = tempfile::tempdir().unwrap();
    let access = |arguments: &[&str]| {
        let more: Vec<&str> = ["--workspace", workspace.path().to_str().unwrap()]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        let house = House::init(&more);
        let explained = house.run([
            "policy", "explain", "coder", "--in", "act", "--tool", "fs.write", "--json",
        ]);
        explained.expect(0).json()["grant"]["mounts"][0]["access"].clone()
    };
    assert_eq!(access(&[]), "read-only");
    assert_eq!(access(&["--access", "read-write"]), "read-write");
}

#[test]
fn check_says_all_that_is_wrong_at_once() {
    let house = House::init::<&str>(&[]);
    house.edit(
        "agents/coder.yaml",
        "cognition: deliberate",
        "cognition: deliberat",
    );
    house.edit("policies/default.yaml", "tools:", "tolls:");
    house.edit(
        "charts/cognition/deliberate.yaml",
        "turn.done: act",
        "turn.done: akt",
    );
    house.edit("house.yaml", "store: sqlite", "stroe: sqlite");
    let text = house.run(["check"]).expect(3);
    assert_eq!(text.stdout, "");
    text.complains(&[
        "deliberat`",
        "tolls",
        "akt",
        "stroe",
        "did you mean",
        "4 errors",
    ]);

    let report = house.run(["check", "--json"]).expect(3).json();
    assert_eq!(keys(&report), ["ok", "errors", "warnings"]);
    assert_eq!(report["ok"], false);
    let errors = report["errors"].as_array().unwrap();
    for error in errors {
        assert_eq!(keys(error), ["file", "line", "column", "message", "help"]);
        // The place is real: the line exists and reaches to the column.
        let text = house.read(error["file"].as_str().unwrap());
        let line = text
            .lines()
            .nth(error["line"].as_u64().unwrap() as usize - 1)
            .expect("the line exists");
        assert!(
            error["column"].as_u64().unwrap() as usize <= line.chars().count() + 1,
            "{error}"
        );
        assert_ne!(error["message"], "");
    }
    let files: Vec<&str> = errors
        .iter()
        .map(|error| error["file"].as_str().unwrap())
        .collect();
    for file in [
        "agents/coder.yaml",
        "charts/cognition/deliberate.yaml",
        "house.yaml",
        "policies/default.yaml",
    ] {
        assert!(files.contains(&file), "{file} is missing in {files:?}");
    }
    assert!(
        files.is_sorted(),
        "the order is that of the files: {files:?}"
    );
}

#[test]
fn check_of_a_good_house_in_json() {
    let house = House::init::<&str>(&[]);
    let report = house.run(["check", "--json"]).expect(0).json();
    assert_eq!(report, json!({"ok": true, "errors": [], "warnings": []}));
    assert_eq!(keys(&report), ["ok", "errors", "warnings"]);
}

#[test]
fn check_warns_and_still_says_ok() {
    let house = House::init::<&str>(&[]);
    // A volatile chunk before a stable one costs the provider's cache.
    house.edit(
        "agents/surveyor.yaml",
        "  - { id: charter,",
        "  - { id: moody, role: system, text: Good morning., budget: 100 }\n  - { id: charter,",
    );
    let report = house.run(["check", "--json"]).expect(0).json();
    assert_eq!(report["ok"], true);
    let warnings = report["warnings"].as_array().unwrap();
    assert!(!warnings.is_empty(), "{report}");
    for warning in warnings {
        assert_eq!(keys(warning), ["file", "line", "column", "message", "help"]);
        assert_eq!(warning["file"], "agents/surveyor.yaml");
    }
    let text = house.run(["check"]).expect(0);
    text.complains(&["warning:", "agents/surveyor.yaml:"]);
    assert!(text.stdout.contains("no errors"));
}

#[test]
fn check_reads_the_scripts_too() {
    let house = House::init::<&str>(&[]);
    house.edit(
        "scripts/survey.yaml",
        "called('fs.write') == 0",
        "caled('fs.write') == 0",
    );
    let report = house.run(["check", "--json"]).expect(3).json();
    let error = &report["errors"][0];
    assert_eq!(error["file"], "scripts/survey.yaml");
    let line = error["line"].as_u64().unwrap() as usize;
    assert!(
        house
            .read("scripts/survey.yaml")
            .lines()
            .nth(line - 1)
            .unwrap()
            .contains("caled"),
        "{report}"
    );
}

#[test]
fn nothing_runs_in_a_house_that_is_wrong() {
    let house = House::init::<&str>(&[]);
    house.edit(
        "charts/cognition/deliberate.yaml",
        "initial: orient",
        "initial: oreint",
    );
    for arguments in [
        &["run", "surveyor"][..],
        &["context", "show", "surveyor"],
        &["policy", "explain", "surveyor"],
        &["plugin", "list"],
    ] {
        house.run(arguments).expect(3).complains(&[
            "charts/cognition/deliberate.yaml",
            "oreint",
            "did you mean",
        ]);
    }
    assert!(
        !house.root.join(".charthouse/journal.db").exists(),
        "nothing was begun"
    );
}

#[test]
fn what_happened_can_be_read_in_a_house_that_is_wrong() {
    let house = House::init::<&str>(&[]);
    house.run(["run", "surveyor"]).expect(0);
    house.edit(
        "charts/cognition/deliberate.yaml",
        "initial: orient",
        "initial: oreint",
    );
    house.run(["ledger"]).expect(0);
    house.run(["journal", "show", "latest"]).expect(0);
    house.verify();
    house.edit("house.yaml", "store: sqlite:", "store: sqlit:");
    house
        .run(["ledger"])
        .expect(3)
        .complains(&["house.yaml:", "store"]);
}

#[test]
fn the_mistakes_of_a_new_user_are_told_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [
        &["check"][..],
        &["run", "surveyor"],
        &["ledger"],
        &["plugin", "list"],
    ] {
        run(directory.path(), arguments)
            .expect(3)
            .complains(&["no house.yaml", "charthouse init"]);
    }
    let house = House::init::<&str>(&[]);
    house.run(["run", "nobody"]).expect(2).complains(&[
        "`nobody`",
        "assistant, coder, editor, inspector, planner, reviewer, surveyor",
    ]);
    house
        .run(["run", "surveyor", "--provider", "clade"])
        .expect(2)
        .complains(&["`clade`", "script, local"]);
    house
        .run(["context", "show", "nobody"])
        .expect(2)
        .complains(&[
            "`nobody`",
            "assistant, coder, editor, inspector, planner, reviewer, surveyor",
        ]);
    house
        .run(["context", "show", "coder", "--in", "nowhere"])
        .expect(2)
        .complains(&["`nowhere`", "orient, act, check"]);
    house
        .run(["policy", "explain", "coder", "--tool", "write"])
        .expect(2)
        .complains(&["`write`", "plugin.tool"]);
    house
        .run(["plugin", "inspect", "nothing"])
        .expect(2)
        .complains(&["`nothing`", "fs, search"]);
}

#[test]
fn usage_errors_are_2_and_say_how() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [
        &["frobnicate"][..],
        &["run"],
        &["run", "a", "b", "c"],
        &["check", "--jsno"],
        &["plugin"],
        &["ledger", "--by", "weather"],
        &["init", "--access", "everything"],
        &[],
    ] {
        run(directory.path(), arguments)
            .expect(2)
            .complains(&["--help"]);
    }
    run(directory.path(), ["ledgr"])
        .expect(2)
        .complains(&["ledger"]);
}

#[test]
fn every_verb_has_help_with_an_example() {
    let directory = tempfile::tempdir().unwrap();
    let all = run(directory.path(), ["--help"]).expect(0).stdout;
    for verb in VERBS {
        assert!(
            all.contains(verb[0]),
            "{verb:?} is not in the list of verbs"
        );
        if verb != ["help"] {
            let help = Ran::of(charthouse(directory.path()).args(verb).arg("--help"))
                .expect(0)
                .stdout;
            assert!(help.contains("Example"), "{verb:?}: {help}");
            let example = format!("charthouse {}", verb.join(" "));
            assert!(
                help.contains(&example),
                "{verb:?} has no example of itself: {help}"
            );
        }
    }
    for code in ["0 fine", "3 definitions invalid", "6 store"] {
        assert!(all.contains(code), "{code}: {all}");
    }
    let version = run(directory.path(), ["--version"]).expect(0).stdout;
    assert!(version.starts_with("charthouse 0."), "{version}");
}

#[test]
fn what_goes_into_a_pipe_has_no_escape_codes() {
    let house = House::init::<&str>(&[]);
    let broken = House::init::<&str>(&[]);
    broken.edit("house.yaml", "store:", "stroe:");
    for (house, arguments) in [
        (&house, &["run", "surveyor"][..]),
        (&house, &["ledger"]),
        (&house, &["context", "show", "surveyor"]),
        (&house, &["policy", "explain", "surveyor"]),
        (&house, &["journal", "show", "latest"]),
        (&house, &["--help"]),
        (&house, &["frobnicate"]),
        (&broken, &["check"]),
    ] {
        for no_color in [None, Some("1"), Some("")] {
            let mut command = house.command();
            command.args(arguments);
            if let Some(value) = no_color {
                command.env("NO_COLOR", value);
            }
            let ran = Ran::of(&mut command);
            assert!(
                !ran.stdout.contains('\x1b') && !ran.stderr.contains('\x1b'),
                "{arguments:?}: {ran:?}"
            );
        }
    }
}

#[test]
fn text_for_people_fits_100_columns() {
    let house = House::init::<&str>(&[]);
    house.run(["run", "surveyor"]).expect(0);
    for arguments in [
        &["ledger", "--by", "tool"][..],
        &["context", "show", "surveyor"],
        &["journal", "show"],
        &["--help"],
        &["plugin", "call", "--help"],
    ] {
        let ran = house.run(arguments).expect(0);
        for line in ran.stdout.lines() {
            assert!(line.chars().count() <= 100, "{arguments:?}: {line}");
        }
    }
}
