//! Controlled definitions as a person meets them: nothing that is not released is loaded on any path, and what is released holds from its instant on.

use charthouse_tests::{Held, House, Plan, UnderWay, guests, plugins, repository};
use serde_json::{Value, json};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Who there is, each with the roles that they have.
const PEOPLE: [(&str, &str); 4] = [
    ("ada", "requester, implementer, releaser"),
    ("bob", "assessor, engineering, emergency"),
    ("cyd", "quality, verifier"),
    ("dan", "operations, releaser"),
];

/// A house in which everybody has a key, which says that it is controlled, and of which nothing is released yet.
struct Controlled(House);

impl std::ops::Deref for Controlled {
    type Target = House;

    fn deref(&self) -> &House {
        &self.0
    }
}

impl Controlled {
    fn new(plan: Plan<'_>) -> Self {
        let house = Controlled(House::of(plan));
        let mut people = String::from("people:\n");
        for (name, roles) in PEOPLE {
            let key = house.key(name);
            fs::create_dir_all(key.parent().unwrap()).unwrap();
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
                .arg(&key)
                .status()
                .unwrap();
            assert!(made.success());
            let public = fs::read_to_string(key.with_extension("pub")).unwrap();
            people.push_str(&format!("  {name}: {{ key: \"{}\", roles: [{roles}] }}\n", public.trim()));
        }
        let chart = repository().join("charts/workflows/change-control.yaml");
        let text = fs::read_to_string(chart).unwrap();
        house.write("charts/workflows/change-control.yaml", &text);
        let own = house.read("house.yaml");
        house.write("house.yaml", &format!("{own}{people}controlled: true\n"));
        house
    }

    fn released(plan: Plan<'_>) -> Self {
        let house = Controlled::new(plan);
        house.change(&["baseline"], "ada");
        house
    }

    fn key(&self, name: &str) -> std::path::PathBuf {
        self.beside(format!("keys/{name}"))
    }

    /// A verb of `change`, signed by `who`; its answer.
    #[track_caller]
    fn change(&self, words: &[&str], who: &str) -> Value {
        let mut command = self.command();
        command
            .arg("change")
            .args(words)
            .args(["--as", who, "--json"]);
        let ran = charthouse_tests::Ran::of(command.arg("--key").arg(self.key(who)));
        ran.expect(0).json()
    }

    /// The change of `item` in which `file` becomes `text`, from its request to its release.
    #[track_caller]
    fn release(&self, item: &str, file: &str, text: &str, effectivity: &[&str]) -> String {
        let asked = [
            "request",
            "--item",
            item,
            "--title",
            "Change it",
            "--reason",
            "It has to be otherwise",
        ];
        let number = self.change(&asked, "ada")["change"]
            .as_str()
            .unwrap()
            .to_owned();
        let number = number.as_str();
        self.change(&["assess", number, "--notes", "Fine"], "bob");
        self.change(&["approve", number], "bob");
        self.change(&["approve", number], "cyd");
        let draft = self.beside("draft");
        fs::write(&draft, text).unwrap();
        let brought = format!("{file}={}", draft.display());
        self.change(&["implement", number, "--file", &brought], "ada");
        self.change(&["verify", number, "--notes", "Read and tried"], "cyd");
        let mut words = vec!["release", number, "--effectivity"];
        words.extend(effectivity);
        self.change(&words, "dan");
        number.to_owned()
    }

    /// The bodies of all records of `kind` in the house.
    #[track_caller]
    fn records(&self, kind: &str) -> Vec<Value> {
        let shown = self
            .run(["journal", "show", "--kind", kind, "--json"])
            .expect(0);
        shown
            .lines()
            .into_iter()
            .map(|record| record["body"].clone())
            .collect()
    }
}

/// A daemon, gone with the test.
struct Daemon(Child);

impl Daemon {
    fn begin(house: &House) -> Self {
        let mut command = house.command();
        command
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let daemon = Daemon(command.spawn().unwrap());
        until("the daemon is up", || {
            house.run(["agents", "list", "--json"]).code == Some(0)
        });
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn without_a_baseline_nothing_runs_and_with_one_everything_does() {
    let house = Controlled::new(Plan::default());
    let refused = house.run(["run", "tester", "Go"]).expect(4);
    refused.complains(&["no baseline", "charthouse change baseline --as NAME"]);
    house.run(["check"]).expect(0).complains(&["no baseline"]);
    let answer = house.change(&["baseline"], "ada");
    assert_eq!(answer["change"], "CR-0000");
    house.run(["run", "tester", "Go"]).expect(0);
    let history = house
        .run(["change", "history", "agent:tester", "--json"])
        .expect(0)
        .json();
    assert_eq!(history["revisions"][0]["change"], "CR-0000");
    assert_eq!(history["revisions"][0]["in_force"], true);
    house.verify();
}

#[test]
fn every_way_to_start_refuses_every_kind_of_item_that_is_edited() {
    let house = Controlled::released(Plan::default());
    house.run(["run", "tester", "Go"]).expect(0);
    let edits = [
        (
            "agents/tester.yaml",
            "max_output: 1000",
            "max_output: 1001",
            "agent:tester",
        ),
        ("charts/think.yaml", "1.0.0", "1.0.1", "chart:think"),
        (
            "house.yaml",
            "controlled: true",
            "controlled: false",
            "house",
        ),
        ("script.yaml", "Nothing", "Anything", "house"),
    ];
    let ways: [&[&str]; 7] = [
        &["run", "tester", "Go"],
        &["run", "tester", "Go", "--dev"],
        &["run", "tester", "Go", "--provider", "model"],
        &["run", "--resume", "latest"],
        &["chat", "tester"],
        &["serve"],
        &["workflow", "start", "change-control"],
    ];
    for (file, old, new, item) in edits {
        house.edit(file, old, new);
        for way in ways {
            let ran = house.run(way).expect(4);
            ran.complains(&[item, "Open CR-0001", "charthouse change request --item"]);
        }
        house.edit(file, new, old);
    }
    let refused = house.records("change.refused");
    assert_eq!(refused.len(), edits.len() * ways.len());
    assert!(
        refused
            .iter()
            .all(|body| body["where"] == "start" && body["open"] == "CR-0001")
    );
    house.run(["run", "tester", "Go"]).expect(0);
    house.verify();
}

#[test]
fn components_pass_the_same_gate() {
    let house = Controlled::new(Plan::default());
    house.edit("house.yaml", "plugins:\n", "plugins:\n  spare: plugins/spare.wasm\n");
    house.replace("plugins/spare.wasm", fs::read(guests().join("rawfs.wasm")).unwrap());
    house.change(&["baseline"], "ada");
    house.run(["run", "tester", "Go"]).expect(0);
    let other = guests().join("hostile.wasm");
    let other = other.to_str().unwrap().to_owned();
    // By hand.
    for verb in [
        vec!["plugin", "swap", "spare", other.as_str(), "--at-once"],
        vec!["plugin", "add", other.as_str(), "--name", "more"],
        vec!["plugin", "remove", "spare"],
    ] {
        let ran = house.run(&verb).expect(4);
        ran.complains(&["charthouse change request --item"]);
    }
    house.run(["run", "tester", "Go"]).expect(0);
    // As a file.
    let own = fs::read(plugins().join("search.wasm")).unwrap();
    house.replace("plugins/hostile.wasm", &own);
    house
        .run(["run", "tester", "Go", "--dev"])
        .expect(4)
        .complains(&["plugin:hostile"]);
    let places: Vec<String> = house
        .records("change.refused")
        .iter()
        .map(|body| body["where"].as_str().unwrap().to_owned())
        .collect();
    for place in ["swap", "add", "start"] {
        assert!(places.iter().any(|one| one == place), "{places:?}");
    }
}

#[test]
fn a_running_agent_goes_on_with_what_is_released() {
    let model = Held::new();
    let provider = model.provider();
    let house = Controlled::released(Plan {
        provider: &provider,
        ..Plan::default()
    });
    let mut run = UnderWay::begin(&house);
    run.until("think");
    house.edit("agents/tester.yaml", "{ allow: \"*\" }", "{ deny: \"*\" }");
    let refused = run.until("not_reloaded");
    let why = refused["why"].as_str().unwrap();
    assert!(
        why.contains("agent:tester") && why.contains("CR-0001"),
        "{why}"
    );
    let own = fs::read(plugins().join("search.wasm")).unwrap();
    house.replace("plugins/hostile.wasm", &own);
    let refused = run.until("plugin.refused");
    assert!(
        refused["why"].as_str().unwrap().contains("plugin:hostile"),
        "{refused}"
    );
    model.call("hostile__echo", json!({ "text": "hello" }));
    run.until("think");
    model.say("Done.");
    run.ended("done");
    let outcome = &house.journal("outcome")[0]["body"];
    assert!(
        outcome.to_string().contains("hello"),
        "the old policy and the old component went on: {outcome}"
    );
    assert!(house.journal("reloaded").is_empty() && house.journal("plugin.swapped").is_empty());
}

#[test]
fn what_is_released_holds_for_a_running_agent_from_that_instant() {
    let model = Held::new();
    let provider = model.provider();
    let house = Controlled::released(Plan {
        provider: &provider,
        ..Plan::default()
    });
    let _daemon = Daemon::begin(&house);
    house.run(["agents", "start", "tester", "Go"]).expect(0);
    until("the model is asked", || model.server.asked().len() == 1);
    model.call("hostile__echo", json!({ "text": "allowed" }));
    until("it is asked again", || model.server.asked().len() == 2);
    let denied = house
        .read("agents/tester.yaml")
        .replace("{ allow: \"*\" }", "{ deny: \"hostile.*\" }");
    house.release("agent:tester", "agents/tester.yaml", &denied, &["now"]);
    assert_eq!(
        house.read("agents/tester.yaml"),
        denied,
        "it lies in its place"
    );
    until("the run goes by it", || {
        !house.records("reloaded").is_empty()
    });
    model.call("hostile__echo", json!({ "text": "denied" }));
    until("it is asked again", || model.server.asked().len() == 3);
    model.say("Done.");
    let outcomes = house.records("outcome");
    assert!(outcomes[0].to_string().contains("allowed"), "{outcomes:?}");
    assert!(
        outcomes[1].to_string().contains("denied by")
            || outcomes[1].to_string().contains("refused"),
        "{outcomes:?}"
    );
    assert_eq!(house.records("change.effective").len(), 1);
    let all = house.run(["journal", "export"]).expect(0).stdout;
    assert!(!all.contains("\"change.refused\""), "nothing was refused");
    house.verify();
}

#[test]
fn an_agent_that_can_write_the_house_cannot_change_what_it_is_made_of() {
    let house = Controlled::released(Plan {
        replies: "  - when: \"called('fs.write') == 0\"\n    calls:\n      \
                  - { tool: fs.write, arguments: { path: /workspace/agents/tester.yaml, text: mine } }\n      \
                  - { tool: fs.write, arguments: { path: /workspace/house.yaml, text: mine } }\n      \
                  - { tool: fs.write, arguments: { path: /workspace/.charthouse/changes/x, text: mine } }\n      \
                  - { tool: fs.write, arguments: { path: /workspace/script.yaml, text: \"script: mine\" } }\n  - text: Done.\n",
        policy: "{ tools: [{ allow: \"*\" }], mounts: { /workspace: { from: ., access: read-write } } }",
        ..Plan::default()
    });
    let before = (house.read("agents/tester.yaml"), house.read("house.yaml"));
    house.run(["run", "tester", "Go"]).expect(0);
    assert_eq!(
        (house.read("agents/tester.yaml"), house.read("house.yaml")),
        before
    );
    assert!(!house.root.join(".charthouse/changes/x").exists());
    // What it could write, because it lies beside the folders of the house, is not loaded.
    let writes = house.journal("outcome");
    assert_eq!(writes.len(), 4);
    if house.read("script.yaml").starts_with("script: mine") {
        house
            .run(["run", "tester", "Go"])
            .expect(4)
            .complains(&["house"]);
    }
}
