//! Differences: said in words where there are some, and never passed over.

use crate::story::*;
use change::{Comparison, Files, Mark, Side, Tone, Weight, compare};
use definitions::{House, load_recorded};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use types::{ContentHash, PluginName};

fn house(files: &Files) -> House {
    load_recorded(Path::new("/house"), files)
        .unwrap_or_else(|report| panic!("{}", report.render(false)))
}

fn compared(before: &Files, after: &Files) -> Comparison {
    let (one, other) = (house(before), house(after));
    let (plugins, facts) = (BTreeMap::new(), BTreeMap::new());
    let side = |house| Side {
        house,
        plugins: &plugins,
        facts: &facts,
    };
    compare(&side(&one), &side(&other), None)
}

fn with(edits: &[(&str, Option<&str>)]) -> Files {
    let mut files = files();
    for (name, text) in edits {
        match text {
            Some(text) => files.insert((*name).to_owned(), text.as_bytes().to_vec()),
            None => files.remove(*name),
        };
    }
    files
}

fn edited(name: &str, from: &str, to: &str) -> Files {
    let text = String::from_utf8(files()[name].clone()).unwrap();
    assert!(text.contains(from), "{text}");
    with(&[(name, Some(&text.replace(from, to)))])
}

/// The differences as lines, `~ what: before → after`.
fn lines(comparison: &Comparison) -> Vec<String> {
    let all = comparison.items.iter().flat_map(|diff| {
        diff.lines.iter().map(move |line| {
            let side = |side: &Option<String>| side.clone().unwrap_or("–".into());
            format!(
                "{} {:?} {}: {} → {}",
                diff.item,
                line.mark,
                line.what,
                side(&line.before),
                side(&line.after)
            )
        })
    });
    all.collect()
}

const CHART: &str = "chart: think
data: { rounds: 0 }
initial: look
states:
  look:
    policy: { tools: [{ deny: \"*\" }], mounts: { /workspace: { from: ., access: read-only } } }
    invoke: turn
    on: { turn.done: act, error: stuck }
  act:
    policy: { mounts: { /workspace: { from: ., access: read-only } } }
    invoke: turn
    on:
      turn.done:
        - { guard: \"data.rounds < 3\", target: look, actions: [{ assign: { rounds: data.rounds + 1 } }] }
        - done
    after: { 10m: stuck }
  stuck: { tags: [needs-human], on: { human.said: look } }
  done: { type: final }
";

fn chart(from: &str, to: &str) -> Comparison {
    assert!(CHART.contains(from));
    let before = with(&[("charts/think.yaml", Some(CHART))]);
    let after = with(&[("charts/think.yaml", Some(&CHART.replace(from, to)))]);
    compared(&before, &after)
}

#[test]
fn a_chart_is_told_in_states_and_transitions() {
    for (from, to, told) in [
        (
            "data.rounds < 3",
            "data.rounds < 5",
            "chart:think Changed state act: on turn.done: #1: guard: \"data.rounds < 3\" → \"data.rounds < 5\"",
        ),
        (
            "target: look",
            "target: stuck",
            "chart:think Changed state act: on turn.done: #1: target: look → stuck",
        ),
        (
            "rounds: 0",
            "rounds: 1",
            "chart:think Changed data rounds: 0 → 1",
        ),
        (
            "10m: stuck",
            "10m: done",
            "chart:think Changed state act: after 10m: stuck → done",
        ),
        (
            ", error: stuck",
            "",
            "chart:think Removed state look: on error: stuck → –",
        ),
        (
            "  done: {",
            "  late: {}\n  done: {",
            "chart:think Added state late: – → {  }",
        ),
        (
            "turn.done: act, error: stuck",
            "error: stuck, turn.done: act",
            "chart:think Moved state look: on: turn.done, error → error, turn.done",
        ),
        (
            "tags: [needs-human]",
            "tags: [needs-human, slow]",
            "chart:think Added state stuck: tags: #2: – → slow",
        ),
    ] {
        let lines = lines(&chart(from, to));
        let told = told.replace("{  }", "null");
        assert!(
            lines
                .iter()
                .any(|line| *line == told || *line == told.replace("null", "{  }")),
            "{told}\n{lines:#?}"
        );
    }
}

#[test]
fn a_state_that_has_another_name_is_the_same_state() {
    let renamed = CHART.replace("stuck", "waits");
    let before = with(&[("charts/think.yaml", Some(CHART))]);
    let after = with(&[("charts/think.yaml", Some(&renamed))]);
    let told = lines(&compared(&before, &after));
    assert!(
        told.contains(&"chart:think Renamed state stuck: stuck → waits".to_owned()),
        "{told:#?}"
    );
    // Because the chart says so, although something else differs too.
    let said = format!("{renamed}migrate: {{ renamed: {{ stuck: waits }} }}\n")
        .replace("tags: [needs-human], ", "");
    let after = with(&[("charts/think.yaml", Some(&said))]);
    let told = lines(&compared(&before, &after));
    assert!(
        told.contains(&"chart:think Renamed state stuck: stuck → waits".to_owned()),
        "{told:#?}"
    );
    assert!(
        told.contains(&"chart:think Removed state waits: tags: [needs-human] → –".to_owned()),
        "{told:#?}"
    );
}

#[test]
fn what_an_agent_may_do_otherwise_is_told_for_each_state() {
    let comparison = chart(
        "  act:\n    policy: { mounts: { /workspace: { from: ., access: read-only } } }",
        "  act:\n    policy: { mounts: { /workspace: { from: ., access: read-write } } }",
    );
    let told: Vec<String> = comparison.grants.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "agent checker in state act may now write /workspace: read-write of ./ (was read-only of ./)",
            "agent coder in state act may now write /workspace: read-write of ./ (was read-only of ./)",
        ]
    );
    assert!(
        comparison
            .grants
            .iter()
            .all(|change| change.weight == Weight::Widens)
    );
    let back = compared(
        &with(&[(
            "policies/default.yaml",
            Some("policy: default\nlimits: { memory: 64MiB }\n"),
        )]),
        &with(&[(
            "policies/default.yaml",
            Some("policy: default\nlimits: { memory: 32MiB }\nclock: real\n"),
        )]),
    );
    let told: Vec<String> = back.grants.iter().map(ToString::to_string).collect();
    assert!(
        told.iter().any(|line| line
            == "agent coder in every state has the limit of memory changed: 32MiB (was 64MiB)"),
        "{told:#?}"
    );
    assert!(
        back.grants
            .iter()
            .any(|change| change.weight == Weight::Narrows)
    );
    assert!(
        back.grants
            .iter()
            .any(|change| change.weight == Weight::Widens && change.what.contains("clock"))
    );
}

#[test]
fn an_agent_is_told_in_chunks_models_and_texts() {
    let temperature = edited(
        "agents/coder.yaml",
        "max_output: 100",
        "max_output: 100, temperature: 0.5",
    );
    assert_eq!(
        lines(&compared(&files(), &temperature)),
        ["agent:coder Added model: temperature: – → 0.5"]
    );
    let chunk = edited("agents/coder.yaml", "role: system", "role: user");
    assert_eq!(
        lines(&compared(&files(), &chunk)),
        ["agent:coder Changed context: chunk charter: role: system → user"]
    );
    let charter = with(&[("texts/coder.md", Some("You write code.\nAnd tests. \n"))]);
    assert_eq!(
        lines(&compared(&files(), &charter)),
        ["agent:coder Added texts/coder.md, line 2: – → And tests.\u{b7}\n"]
    );
    let gone = with(&[("policies/spare.yaml", None)]);
    let told = lines(&compared(&files(), &gone));
    assert!(
        told.contains(&"policy:spare Removed tools: [{ allow: fs.read }] → –".to_owned()),
        "{told:#?}"
    );
}

#[test]
fn comments_and_layout_are_said_to_be_that() {
    let commented = with(&[(
        "policies/default.yaml",
        Some("# why\npolicy: default\ntools:\n  - deny: \"*\"\n"),
    )]);
    let comparison = compared(&files(), &commented);
    assert_eq!(comparison.items[0].lines[0].mark, Mark::Layout);
    assert_eq!(comparison.to_json()["layout_only"], true);
    assert!(compared(&files(), &files()).is_empty());
    // What YAML types otherwise is another value although it looks alike.
    let versions = ["1.10", "1.1", "\"1.1\""].map(|version| {
        with(&[(
            "policies/default.yaml",
            Some(&format!("policy: default\nversion: {version}\n")),
        )])
    });
    for (one, other) in [(0, 1), (1, 2)] {
        let told = lines(&compared(&versions[one], &versions[other]));
        assert!(
            told[0].starts_with("policy:default Changed version"),
            "{told:?}"
        );
    }
}

#[test]
fn what_makes_more_possible_is_marked() {
    let told = |comparison: &Comparison| {
        let lines = comparison.items.iter().flat_map(|diff| &diff.lines);
        lines.map(|line| line.weight).collect::<Vec<_>>()
    };
    let capped = edited(
        "house.yaml",
        "defaults:",
        "ceiling: { tools: [{ deny: \"*\" }] }\ndefaults:",
    );
    assert_eq!(told(&compared(&files(), &capped)), [Weight::Narrows]);
    assert_eq!(told(&compared(&capped, &files())), [Weight::Widens]);
    let budget = |usd: &str| {
        let text = String::from_utf8(files()["agents/coder.yaml"].clone()).unwrap();
        with(&[(
            "agents/coder.yaml",
            Some(&format!("{text}budget: {{ usd_per_day: {usd} }}\n")),
        )])
    };
    assert_eq!(
        told(&compared(&budget("1.00"), &budget("2.00"))),
        [Weight::Widens]
    );
    assert_eq!(
        told(&compared(&budget("2.00"), &budget("1.00"))),
        [Weight::Narrows]
    );
    let words = |outcomes: &str| {
        let text = format!(
            "chart: review\nkind: workflow\nroles: {{ reviewer: {{ {outcomes} }} }}\ninitial: look\n\
             states:\n  look: {{ role: reviewer, on: {{ role.done: done }} }}\n  done: {{ type: final }}\n"
        );
        with(&[("charts/review.yaml", Some(&text))])
    };
    let some = words("outcomes: [good, bad]");
    for (before, after) in [
        (&some, &words("")),
        (&words(""), &some),
        (&some, &words("outcomes: [good, bad, so-so]")),
        (&words("outcomes: [good, bad, so-so]"), &some),
    ] {
        assert_eq!(told(&compared(before, after)), [Weight::Widens]);
    }
    let rules = with(&[(
        "policies/default.yaml",
        Some("policy: default\ntools: [{ deny: \"*\" }, { allow: \"fs.*\" }]\n"),
    )]);
    assert_eq!(told(&compared(&files(), &rules)), [Weight::Widens]);
    assert_eq!(told(&compared(&rules, &files())), [Weight::Narrows]);
}

#[test]
fn it_is_set_side_by_side_in_any_width() {
    let comparison = chart(
        "data.rounds < 3",
        "data.rounds < 5 && event.data.changed && data.rounds != 4 && data.rounds != 17",
    );
    for width in [20, 40, 80, 100, 200] {
        let text = comparison.text(width, &|_, text| text.to_owned());
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width.max(42), "{width}: {widest}\n{text}");
        let whole: String = text
            .split(['│', '\n'])
            .map(str::trim)
            .collect::<Vec<_>>()
            .join("");
        assert!(whole.replace(' ', "").contains("data.rounds<3"), "{text}");
    }
    let red = |comparison: &Comparison| {
        comparison.text(80, &|tone, text| match tone {
            Tone::Widens => format!("<red>{text}</red>"),
            _ => text.to_owned(),
        })
    };
    assert!(!red(&comparison).contains("<red>"));
    let wider = with(&[(
        "policies/default.yaml",
        Some("policy: default\nclock: real\n"),
    )]);
    let told = red(&compared(&files(), &wider));
    assert!(told.contains("<red>! WIDER  agent coder in every state has the clock changed: real (was frozen)</red>"), "{told}");
}

#[test]
fn components_are_told_by_what_they_offer_and_need() {
    let mut before = edited(
        "house.yaml",
        "defaults:",
        "plugins: { fs: plugins/fs.wasm }\ndefaults:",
    );
    before.insert("house.lock".into(), b"lock: 1\nplugins: {}\n".to_vec());
    let house = house(&before);
    let name = PluginName::parse("fs").unwrap();
    let (old, new) = (ContentHash::of(b"old"), ContentHash::of(b"new"));
    let facts = BTreeMap::from([
        (
            old,
            change::PluginFacts {
                size: Some(10),
                tools: [("fs.read".into(), "effect none".into())].into(),
                imports: Default::default(),
            },
        ),
        (
            new,
            change::PluginFacts {
                size: Some(12),
                tools: [
                    ("fs.read".into(), "effect once".into()),
                    ("fs.write".into(), "effect once".into()),
                ]
                .into(),
                imports: ["wasi:http/outgoing-handler".into()].into(),
            },
        ),
    ]);
    let plugins = [
        BTreeMap::from([(name.clone(), old)]),
        BTreeMap::from([(name, new)]),
    ];
    let side = |at: usize| Side {
        house: &house,
        plugins: &plugins[at],
        facts: &facts,
    };
    let told = lines(&compare(&side(0), &side(1), None));
    assert!(
        told.iter()
            .any(|line| line.starts_with("plugin:fs Added it needs wasi:http/outgoing-handler")),
        "{told:#?}"
    );
    assert!(
        told.iter()
            .any(|line| line.starts_with("plugin:fs Added the tool fs.write")),
        "{told:#?}"
    );
    assert!(
        told.iter().any(|line| line
            .starts_with("plugin:fs Changed the tool fs.read: effect none → effect once")),
        "{told:#?}"
    );
}

/// The files of the house that are shipped.
fn shipped() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../charts");
    let mut files = files();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let inside = path
                .strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let folder = ["cognition", "workflows"]
                .iter()
                .any(|folder| inside.starts_with(folder));
            if path.is_dir() {
                folders.push(path);
            } else if folder && inside.ends_with(".yaml") {
                files.insert(format!("charts/{inside}"), std::fs::read(path).unwrap());
            }
        }
    }
    files
}

static SHIPPED: LazyLock<(Files, House)> = LazyLock::new(|| {
    let files = shipped();
    let house = house(&files);
    (files, house)
});

#[derive(Clone, Debug)]
enum Edit {
    DropLine(usize),
    DoubleLine(usize),
    SwapLines(usize, usize),
    Replace(usize, &'static str, &'static str),
    Insert(usize, char),
    Delete(usize),
}

fn edits() -> impl Strategy<Value = Edit> {
    let words = prop::sample::select(vec![
        ("read-only", "read-write"),
        ("deny", "allow"),
        ("allow", "deny"),
        ("< 3", "<= 3"),
        ("turn.done", "turn"),
        ("done", "act"),
        ("10m", "11m"),
        ("1.0.0", "1.0.1"),
        ("false", "true"),
        ("  ", "    "),
        (": ", ":   "),
        ("\n", "\n# why\n"),
        ("0", "1"),
        ("'", "\""),
        ("{ ", "{  "),
        ("&&", "||"),
        ("never", "tail"),
        ("1.0", "1.00"),
    ]);
    prop_oneof![
        any::<usize>().prop_map(Edit::DropLine),
        any::<usize>().prop_map(Edit::DoubleLine),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Edit::SwapLines(a, b)),
        (any::<usize>(), words).prop_map(|(at, (from, to))| Edit::Replace(at, from, to)),
        (
            any::<usize>(),
            prop::sample::select(vec!['x', '1', ' ', '#', '-', '"', '\u{200b}', '\t', 'é'])
        )
            .prop_map(|(at, c)| Edit::Insert(at, c)),
        any::<usize>().prop_map(Edit::Delete),
    ]
}

fn apply(text: &str, edit: &Edit) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let count = lines.len();
    let chars: Vec<char> = text.chars().collect();
    match edit {
        Edit::DropLine(at) => drop(lines.remove(at % count)),
        Edit::DoubleLine(at) => lines.insert(at % count, lines[at % count]),
        Edit::SwapLines(one, other) => lines.swap(one % count, other % count),
        Edit::Replace(at, from, to) => {
            let places: Vec<_> = text.match_indices(from).collect();
            let Some((at, _)) = places.get(at % places.len().max(1)) else {
                return text.to_owned();
            };
            return format!("{}{to}{}", &text[..*at], &text[at + from.len()..]);
        }
        Edit::Insert(at, c) => {
            let mut chars = chars;
            chars.insert(at % chars.len(), *c);
            return chars.into_iter().collect();
        }
        Edit::Delete(at) => {
            let mut chars = chars;
            chars.remove(at % chars.len());
            return chars.into_iter().collect();
        }
    }
    lines.join("\n") + "\n"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn no_change_is_invisible(at in any::<usize>(), edits in prop::collection::vec(edits(), 1..3)) {
        let (before, one) = &*SHIPPED;
        let names: Vec<&String> = before.keys().collect();
        let name = names[at % names.len()].clone();
        let text = String::from_utf8(before[&name].clone()).unwrap();
        let changed = edits.iter().fold(text.clone(), |text, edit| apply(&text, edit));
        let mut after = before.clone();
        after.insert(name.clone(), changed.clone().into_bytes());
        // What is not in order cannot be released; what is, differs or is said not to.
        let Ok(other) = load_recorded(Path::new("/house"), &after) else {
            return Ok(());
        };
        let (plugins, facts) = (BTreeMap::new(), BTreeMap::new());
        let side = |house| Side { house, plugins: &plugins, facts: &facts };
        let comparison = compare(&side(one), &side(&other), None);
        prop_assert_eq!(comparison.is_empty(), text == changed, "{}", name);
        for diff in &comparison.items {
            prop_assert!(!diff.lines.is_empty(), "{}: {}", name, changed);
        }
        if text != changed {
            // Where only layout is said to differ, what was read is the same, but for places and hashes.
            let json = comparison.to_json();
            if json["layout_only"] == true {
                let same = |house: &House| house.charts.values().map(|chart| chart.chart.hash()).collect::<Vec<_>>();
                prop_assert_eq!(same(one), same(&other));
                let policies = |house: &House| format!("{:?}", house.policies.values().map(|policy| (&policy.tools, &policy.limits)).collect::<Vec<_>>());
                prop_assert_eq!(policies(one), policies(&other));
                prop_assert!(comparison.grants.is_empty());
            }
        }
    }
}
