//! The first-party plugin `repo-map` in a house: what the map shows of a tree, what reaches the model, and what the cache is worth.

use charthouse_tests::{Answer, House, ModelServer, Ran, Said};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    // Long ago: what has just changed is looked at twice.
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600))
        .unwrap();
}

fn workspace() -> TempDir {
    let workspace = tempfile::tempdir().unwrap();
    let root = workspace.path();
    put(root, "src/order.rs", "pub fn place_order(n: u8) {}\n");
    put(root, "src/main.rs", "fn main() { place_order(1) }\n");
    put(root, ".gitignore", "secret.rs\n");
    put(root, "secret.rs", "pub fn secret_thing() {}\n");
    for n in 0..300 {
        let text = format!("pub fn helper_number_{n}(a: usize) -> usize {{ place_order(a) }}\n");
        put(root, &format!("many/deep/er/still/file{n}.rs"), &text);
    }
    workspace
}

fn house(workspace: &Path, url: &str) -> House {
    let house = House::init(&[Path::new("--workspace"), workspace]);
    house.edit("house.yaml", "http://127.0.0.1:11434/v1", url);
    house.write(
        "agents/mapper.yaml",
        &format!(
            "agent: mapper\nversion: 1.0.0\n\
             model: {{ provider: local, name: test-model, context_length: 20000, max_output: 1000 }}\n\
             cognition: react\nplugins: [repo-map]\ncontext:\n  \
             - {{ id: repo, role: system, plugin: repo-map, params: {{ depth: 3 }}, budget: 8%, trim: tail }}\n  \
             - {{ id: history, history: true, flexible: true, trim: oldest }}\n\
             policy: {{ mounts: {{ /workspace: {{ from: {:?}, access: read-only }} }} }}\n",
            workspace.display().to_string()
        ),
    );
    house
}

/// The system message of each request.
fn maps(server: &ModelServer) -> Vec<String> {
    let asked = server.asked();
    let system = |messages: &[Value]| {
        let found = messages.iter().find(|message| message["role"] == "system");
        found.expect("there is a system message")["content"]
            .as_str()
            .expect("it is text")
            .to_owned()
    };
    asked.iter().map(|asked| system(asked.messages())).collect()
}

/// The outcomes of the plugin in the latest run.
fn outcomes(house: &House) -> Vec<Value> {
    let mut outcomes = house.journal("outcome");
    outcomes.retain(|record| record["body"]["chunk"] == "repo");
    assert!(!outcomes.is_empty());
    outcomes
}

fn run(house: &House, prompt: &str) -> Ran {
    house.run(["run", "mapper", prompt]).expect(0)
}

#[test]
fn the_model_sees_what_the_tree_uses_most_within_the_budget() {
    let server = ModelServer::start(|_| Answer::Say(Said::text("I see.")));
    let workspace = workspace();
    let house = house(workspace.path(), &server.url);

    let shown = house
        .run(["context", "show", "mapper", "--json"])
        .expect(0)
        .json();
    let chunk = &shown["chunks"][0];
    assert_eq!(chunk["id"], "repo", "{shown}");
    let (tokens, budget) = (
        chunk["tokens"].as_u64().unwrap(),
        chunk["budget"].as_u64().unwrap(),
    );
    assert!(tokens <= budget && tokens > budget / 2, "{chunk}");
    assert_eq!(chunk["trimmed"], 0, "it fits by itself: {chunk}");

    run(&house, "What about helper_number_299?");
    run(&house, "And what about secret_thing?");
    let maps = maps(&server);
    let map = &maps[0];
    assert!(
        map.starts_with("Source tree of /workspace: 302 files"),
        "{map}"
    );
    assert!(
        map.contains("src/order.rs\n  1 pub fn place_order(n: u8)\n"),
        "{map}"
    );
    assert!(map.contains("many/deep/er/still/ 300"), "{map}");
    assert!(!map.contains("secret_thing"), "{map}");
    // What was said does not move it, so what a provider has cached stays good.
    assert!(
        maps.len() >= 2 && maps.iter().all(|other| other == map),
        "{maps:#?}"
    );
}

#[test]
fn what_did_not_change_costs_little_and_what_did_is_seen() {
    let server = ModelServer::start(|_| Answer::Say(Said::text("I see.")));
    let workspace = workspace();
    let house = house(workspace.path(), &server.url);
    let fuel = |record: &Value| record["body"]["outcome"]["fuel"].as_u64().unwrap();

    run(&house, "One");
    let cold = fuel(&outcomes(&house)[0]);
    run(&house, "Two");
    let warm = fuel(&outcomes(&house)[0]);
    assert!(warm * 2 < cold, "cold {cold}, warm {warm}");

    put(
        workspace.path(),
        "src/order.rs",
        "pub fn place_order(n: u8) {}\npub fn brand_new() {}\n",
    );
    run(&house, "Three");
    let maps = maps(&server);
    assert!(!maps[0].contains("brand_new"));
    assert!(
        maps.last().unwrap().contains("2 pub fn brand_new()"),
        "{}",
        maps.last().unwrap()
    );
    house.verify();
}
