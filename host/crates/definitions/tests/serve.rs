//! What loading makes of `serve`, of an agent's roles and children, and of charts that start agents.

mod common;

use charthouse_definitions::{
    FilesOn, House, Missed, On, Overlap, Schedule, ServeDef, Starts, Trigger, load,
};
use common::{copy, fixtures};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use types::{SecretRef, Timestamp};

/// The base house with the files of a valid case, and what `more` puts at the end of its house.yaml.
fn house(case: &str, more: &str) -> (TempDir, House) {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixtures().join("base"), directory.path());
    copy(&fixtures().join("valid").join(case), directory.path());
    let file = directory.path().join("house.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text + more).unwrap();
    let house = load(directory.path()).unwrap_or_else(|report| panic!("{report}"));
    (directory, house)
}

fn trigger<'h>(house: &'h House, name: &str) -> &'h Trigger {
    &house.serve.triggers[name]
}

fn files<'h>(house: &'h House, name: &str) -> &'h FilesOn {
    match &trigger(house, name).on {
        On::Files(files) => files,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_house_that_says_nothing_serves_nothing_by_itself() {
    let (_directory, house) = house("agent-children", "");
    assert_eq!(house.serve, ServeDef::default());
    assert_eq!(house.serve.most_running, 64);
    let restart = house.serve.restart;
    let times = (restart.first, restart.most, restart.within);
    assert_eq!(times.0, Duration::from_secs(1));
    assert_eq!(times.1, Duration::from_secs(300));
    assert_eq!((times.2, restart.crashes), (Duration::from_secs(600), 5));
}

#[test]
fn serve_is_as_written() {
    let (_directory, house) = house("house-serve", "");
    let serve = &house.serve;
    assert_eq!(serve.http.as_ref().unwrap().to_string(), "127.0.0.1:7070");
    let kept: Vec<_> = serve
        .keep
        .iter()
        .map(|keep| (&**keep.agent, keep.prompt.as_deref()))
        .collect();
    assert_eq!(kept, [("coder", None), ("helper", Some("Look around."))]);
    let names: Vec<&str> = serve.triggers.keys().map(|name| &**name).collect();
    let expected = [
        "nightly", "first", "often", "inbox", "drop", "hook", "review",
    ];
    assert_eq!(names, expected);
    let often = trigger(&house, "often");
    assert_eq!((often.overlap, often.missed), (Overlap::Queue, Missed::All));
    let quarter = Schedule::Every(Duration::from_secs(900));
    assert_eq!((often.on.kind(), &often.on), ("every", &On::Time(quarter)));
    let nightly = trigger(&house, "nightly");
    assert_eq!(
        (nightly.overlap, nightly.missed),
        (Overlap::Skip, Missed::Once)
    );
    let On::Time(schedule) = &nightly.on else {
        panic!("{nightly:?}");
    };
    let three = Timestamp(3 * 3_600_000);
    assert_eq!(schedule.next_after(Timestamp(0)), Some(three));
    let On::Time(monthly) = &trigger(&house, "first").on else {
        panic!("no time");
    };
    // Midnight of 1 February at +01:00.
    let expected = Timestamp((31 * 24 - 1) * 3_600_000);
    assert_eq!(monthly.next_after(Timestamp(0)), Some(expected));
    let On::Http(hook) = &trigger(&house, "hook").on else {
        panic!("no request");
    };
    assert_eq!(
        (&**hook.path, &*hook.methods),
        ("/hooks/build", &["POST".to_owned(), "PUT".to_owned()][..])
    );
    assert_eq!(hook.secret, Some(SecretRef::Env("HOOK_SECRET".into())));
    let On::Http(review) = &trigger(&house, "review").on else {
        panic!("no request");
    };
    let secret = SecretRef::File(house.root.join("secrets/hook"));
    assert_eq!(
        (&review.secret, &*review.methods),
        (&Some(secret), &["POST".to_owned()][..])
    );
}

#[test]
fn a_prompt_is_filled_from_what_happened_and_from_nothing_else() {
    let (_directory, house) = house("house-serve", "");
    let prompt = |name: &str, happened| {
        let Starts::Agent { prompt, .. } = &trigger(&house, name).starts else {
            panic!("{name} starts no agent");
        };
        prompt.as_ref().unwrap().fill(&happened)
    };
    let said = prompt("inbox", json!({ "path": "inbox/{{ trigger.name }}.md" }));
    assert_eq!(said.unwrap(), "inbox/{{ trigger.name }}.md has come");
    let request =
        json!({ "method": "PUT", "path": "/hooks/build", "query": "", "body": { "ref": "main" } });
    assert_eq!(prompt("hook", request).unwrap(), "PUT /hooks/build \nmain");
    let text = json!({ "method": "PUT", "path": "/hooks/build", "query": "", "body": "main" });
    assert_eq!(prompt("hook", text).unwrap(), "PUT /hooks/build \n");
    let error = prompt("often", json!({})).unwrap_err().to_string();
    assert!(error.starts_with("house.yaml:16:"), "{error}");
    assert!(error.contains("`trigger.due` is not there"), "{error}");
}

#[test]
fn an_input_keeps_its_shape_and_a_name_alone_keeps_its_value() {
    let (_directory, house) = house("house-serve", "");
    let Starts::Workflow { chart, input } = &trigger(&house, "review").starts else {
        panic!("no workflow");
    };
    assert_eq!(&*chart.value, "flow");
    let happened = json!({ "kind": "http", "name": "review", "body": { "task": ["a", 1] } });
    assert_eq!(
        input.fill(&happened).unwrap(),
        json!({ "task": ["a", 1], "from": ["hook", 1, true], "about": { "kind": "http of review" } })
    );
    let error = input.fill(&json!({ "kind": "http", "name": "review", "body": {} }));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("`trigger.body.task` is not there"),
        "{error}"
    );
}

#[test]
fn a_pattern_takes_what_it_says_and_nothing_of_the_house_itself() {
    let more = "    all: { agent: coder, files: \"**\" }\n    dot: { agent: coder, files: \"in/.seen/*\" }\n    here: { agent: coder, files: \"/workspace/**/*.md\" }\n";
    let more = format!("serve:\n  triggers:\n{more}");
    let (_directory, house) = house("context-nothing-changes", &more);
    let root = &house.root;
    let name = |trigger: &str, path: &str| files(&house, trigger).name_of(&root.join(path));
    assert_eq!(name("all", "a.md").as_deref(), Some("a.md"));
    assert_eq!(name("all", "in/a b/c.md").as_deref(), Some("in/a b/c.md"));
    for own in [
        "house.yaml",
        "agents/charter.md",
        "charts/x.yaml",
        ".charthouse/journal.db",
        ".git/HEAD",
        "in/.hidden",
        "scripts/x",
        "",
    ] {
        assert_eq!(name("all", own), None, "{own}");
        assert_eq!(name("here", own), None, "{own}");
    }
    assert_eq!(name("dot", "in/.seen/a").as_deref(), Some("in/.seen/a"));
    assert_eq!(name("dot", "in/.other/a"), None);
    assert_eq!(
        name("here", "in/a.md").as_deref(),
        Some("/workspace/in/a.md")
    );
    assert_eq!(name("here", "in/a.txt"), None);
    assert_eq!(files(&house, "all").name_of(Path::new("/etc/passwd")), None);
    assert_eq!(files(&house, "all").below, *root);
    assert_eq!(files(&house, "dot").below, root.join("in/.seen"));
    assert_eq!(files(&house, "all").settle, Duration::from_secs(2));
}

#[test]
fn a_mount_leads_to_its_directory() {
    let (_directory, house) = house("house-serve", "");
    let drop = files(&house, "drop");
    assert_eq!(drop.below, house.root.join("work"));
    let name = |path: &str| drop.name_of(&house.root.join(path));
    assert_eq!(name("work/in/a.txt").as_deref(), Some("/work/in/a.txt"));
    assert_eq!(name("work/new/a.txt").as_deref(), Some("/work/new/a.txt"));
    assert_eq!(name("work/old/a.txt"), None);
    assert_eq!(name("work/in/b/a.txt"), None);
    assert_eq!(name("in/a.txt"), None);
    let inbox = files(&house, "inbox");
    assert_eq!(inbox.below, house.root.join("inbox"));
    let name = |path: &str| inbox.name_of(&house.root.join(path));
    assert_eq!(name("inbox/a.md").as_deref(), Some("inbox/a.md"));
    assert_eq!(name("inbox/b/c/a.md").as_deref(), Some("inbox/b/c/a.md"));
    assert_eq!(name("inbox/a.txt"), None);
}

#[test]
fn a_pattern_that_is_too_large_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixtures().join("base"), directory.path());
    let file = directory.path().join("house.yaml");
    let mut text = fs::read_to_string(&file).unwrap();
    let pattern = "[a-z]*".repeat(60_000);
    text +=
        &format!("serve: {{ triggers: {{ a: {{ agent: coder, files: \"in/{pattern}\" }} }} }}\n");
    fs::write(&file, text).unwrap();
    let report = load(directory.path()).unwrap_err().render(false);
    assert!(report.contains("cannot be watched"), "{report}");
}

#[test]
fn roles_and_children_arrive_where_they_are_looked_for() {
    let (_directory, house) = self::house("agent-children", "");
    let coder = &house.agents["coder"];
    let children = coder.children.as_ref().unwrap();
    assert_eq!(
        (children.depth, children.at_once, children.total),
        (2, 4, 20)
    );
    assert_eq!(children.usd.as_ref().unwrap().to_string(), "1.00");
    assert_eq!(house.agents["helper"].children, None);
    let names: Vec<Option<&str>> = house.charts["delegate"]
        .children
        .iter()
        .map(|child| child.agent.as_deref())
        .collect();
    assert_eq!(names, [Some("helper"), None, Some("helper")]);
    assert!(house.charts["think"].children.is_empty());
    let (_directory, house) = self::house("agent-roles", "");
    let roles = &house.agents["coder"].roles;
    assert_eq!(roles.len(), 1);
    assert_eq!(&*roles[0].value, "implementer");
}

#[test]
fn children_without_numbers_are_few_and_have_none_themselves() {
    let (directory, _) = house("agent-children", "");
    let file = directory.path().join("agents/coder.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let (before, _) = text.split_once("children:").unwrap();
    fs::write(&file, format!("{before}children: {{}}\n")).unwrap();
    let house = load(directory.path()).unwrap_or_else(|report| panic!("{report}"));
    let children = house.agents["coder"].children.as_ref().unwrap();
    assert_eq!(
        (children.depth, children.at_once, children.total),
        (1, 4, 100)
    );
    assert_eq!(children.usd, None);
}

#[test]
fn what_a_child_is_given_has_the_keys_of_the_file() {
    let (_directory, house) = house("agent-children", "");
    let mut effects = chart::Effects::new();
    chart::start(&house.charts["delegate"].chart, 0, &mut effects).unwrap();
    let invoked = effects.iter().find_map(|effect| match effect {
        chart::Effect::Invoke {
            activity, params, ..
        } => Some((&**activity, params.to_json())),
        _ => None,
    });
    let params = json!({
        "agent": "helper", "prompt": "Look around.", "budget": { "usd": "0.50" }, "deadline": 600_000,
    });
    assert_eq!(invoked, Some(("agent", params)));
}

#[test]
fn the_examples_of_the_documentation_are_right() {
    let root = fixtures().join("../..");
    let read = |file: &str| fs::read_to_string(root.join("docs").join(file));
    let text = read("serve-yaml.md").or_else(|_| read("serve.md")).unwrap();
    let mut count = 0;
    for block in text.split("```yaml\n").skip(1) {
        let (example, _) = block.split_once("```").expect("an example ends");
        if !example.starts_with("serve:") {
            continue;
        }
        count += 1;
        // In a house as `charthouse init` makes it, but for the components.
        let directory = tempfile::tempdir().unwrap();
        for folder in ["agents", "cognition", "workflows", "policies", "scripts"] {
            let to = match folder {
                "cognition" | "workflows" => directory.path().join("charts").join(folder),
                folder => directory.path().join(folder),
            };
            copy(&root.join("charts").join(folder), &to);
        }
        let house = fs::read_to_string(root.join("charts/house.yaml")).unwrap();
        fs::create_dir(directory.path().join("plugins")).unwrap();
        for plugin in ["fs", "search", "patch", "repo-map", "redact", "digest"] {
            let file = directory.path().join(format!("plugins/{plugin}.wasm"));
            fs::write(file, "").unwrap();
        }
        fs::write(directory.path().join("house.yaml"), house + example).unwrap();
        let house = load(directory.path()).unwrap_or_else(|report| panic!("{report}"));
        assert!(house.warnings.is_empty(), "{}", house.report());
    }
    assert!(count >= 1, "no example");
}
