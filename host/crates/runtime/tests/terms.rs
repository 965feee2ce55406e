//! What a component must keep and may need to become a plugin, worked out of a whole house.

use charthouse_runtime::terms;
use definitions::House;
use sandbox::{Kind, Need, PluginInfo, Terms};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use types::{ContentHash, PluginName};

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A house whose agent has a plugin in every capacity; `net` is a policy of one of its states, `ceiling` more of `house.yaml`.
fn house(net: &str, ceiling: &str) -> (TempDir, House) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    for name in ["tool", "guard", "outline", "sums", "spare"] {
        write(root, &format!("plugins/{name}.wasm"), "");
    }
    write(
        root,
        "house.yaml",
        &format!(
            "house: h\nproviders: {{ p: {{ kind: openai, base_url: \"http://127.0.0.1:9/v1\" }} }}\nplugins:\n  \
             tool: plugins/tool.wasm\n  guard: plugins/guard.wasm\n  outline: plugins/outline.wasm\n  \
             sums: plugins/sums.wasm\n  spare: plugins/spare.wasm\n{ceiling}"
        ),
    );
    write(
        root,
        "charts/t.yaml",
        &format!(
            "chart: t\nversion: 1.0.0\nkind: cognition\ninitial: a\nstates:\n  \
             a: {{ invoke: {{ activity: plugin, params: {{ tool: tool.fetch }} }}, on: {{ plugin.done: b }}, context: [{{ plugin: outline }}] }}\n  \
             b: {{ invoke: turn, policy: {{ tools: [{{ allow: \"*\" }}]{net} }}, on: {{ turn.done: c }} }}\n  c: {{ type: final }}\n"
        ),
    );
    write(
        root,
        "agents/a.yaml",
        "agent: a\nversion: 1.0.0\nmodel: { provider: p, name: m, context_length: 10000, max_output: 100 }\ncognition: t\n\
         plugins: [tool, outline]\nguards: [guard]\nmemory: { summary: { plugin: sums, at: 70%, budget: 4% } }\n\
         context: [{ id: state, role: system, slot: cognition, budget: 5% }, { id: history, history: true, flexible: true, trim: oldest }]\n",
    );
    let house = definitions::load(root).unwrap_or_else(|report| panic!("{}", report.render(false)));
    (directory, house)
}

fn of(house: &House, name: &str, before: Option<&PluginInfo>) -> Terms {
    terms(house, &PluginName::parse(name).unwrap(), before)
}

fn importing(imports: &[&str]) -> PluginInfo {
    PluginInfo {
        hash: ContentHash::of(b""),
        size: 0,
        kinds: Vec::new(),
        tools: Vec::new(),
        imports: imports.iter().map(|import| (*import).to_owned()).collect(),
        sha256: types::Sha256::of(b""),
        exports: std::collections::BTreeMap::new(),
        left_out: Vec::new(),
    }
}

#[test]
fn a_plugin_stays_what_the_definitions_use_it_as() {
    let (_directory, house) = house("", "");
    let kinds = |name: &str| of(&house, name, None).kinds.into_iter().collect::<Vec<_>>();
    assert_eq!(kinds("guard"), [Kind::Guard]);
    assert_eq!(kinds("outline"), [Kind::Context], "a state's chunk counts");
    assert_eq!(kinds("sums"), [Kind::Memory]);
    assert_eq!(kinds("tool"), []);
    let tools: Vec<String> = of(&house, "tool", None).tools.into_iter().collect();
    assert_eq!(tools, ["fetch"]);
    assert!(of(&house, "outline", None).tools.is_empty());
    assert_eq!(of(&house, "spare", None).kinds.len(), 0);
}

#[test]
fn what_is_closed_by_itself_may_be_imported_and_the_rest_must_be_granted() {
    let (_directory, plain) = house("", "");
    let may =
        |house: &House, name: &str, need: Need| of(house, name, None).may_need.contains(&need);
    for need in [
        Need::Files,
        Need::Environment,
        Need::Clock,
        Need::Random,
        Need::State,
    ] {
        assert!(may(&plain, "spare", need));
    }
    assert!(!may(&plain, "tool", Need::Network) && !may(&plain, "tool", Need::Model));
    assert!(
        may(&plain, "sums", Need::Model),
        "who sums up is given a model"
    );

    let rule = ", net: [{ allow: \"https://example.org/**\" }]";
    let (_directory, open) = house(rule, "");
    assert!(may(&open, "tool", Need::Network), "one state is enough");
    assert!(!may(&open, "spare", Need::Network), "nobody uses it");
    let (_directory, held) = house(rule, "ceiling: { net: [{ deny: \"*\" }] }\n");
    assert!(!may(&held, "tool", Need::Network), "the ceiling holds");
}

#[test]
fn what_the_one_before_needed_was_accepted_with_it() {
    let (_directory, house) = house("", "");
    let before = importing(&["wasi:http/types@0.2.6", "charthouse:plugin/model@0.1.0"]);
    let may = of(&house, "tool", Some(&before)).may_need;
    assert!(may.contains(&Need::Network) && may.contains(&Need::Model));
}
