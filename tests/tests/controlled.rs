//! Controlled definitions as a person meets them: nothing that is not released is loaded on any path, and what is released holds from its instant on.

use charthouse_tests::{
    Controlled, Daemon, Held, House, Plan, Ran, UnderWay, guests, plugins, sql, until,
};
use serde_json::json;
use std::fs;
use std::process::Command;

#[test]
fn without_a_baseline_nothing_runs_and_with_one_everything_does() {
    let house = Controlled::new(Plan::default());
    let refused = house.run(["run", "tester", "Go"]).expect(4);
    refused.complains(&["no baseline", "charthouse change baseline --as NAME"]);
    house.run(["check"]).expect(0).complains(&["no baseline"]);
    let answer = house.does("ada", &["baseline"]);
    assert_eq!(answer["change"], "CR-0000");
    // In short what was taken as released, and all of it for whoever wants it.
    let story = |more: &[&str]| {
        let all = ["journal", "show", "house", "--kind", "change.baseline"];
        house.run(all.iter().chain(more)).expect(0).stdout
    };
    let short = story(&[]);
    assert!(short.contains(" items, digest "), "{short}");
    assert!(short.contains("by human:ada, "), "{short}");
    assert!(
        short.lines().all(|line| line.chars().count() <= 100),
        "{short}"
    );
    let full = story(&["--full"]);
    for line in ["agents/tester.yaml", "chart:", "house.yaml"] {
        assert!(full.contains(line), "{line}:\n{full}");
    }
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
    let refused = house.bodies("change.refused");
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
fn a_store_that_a_draft_names_is_no_way_round() {
    let house = Controlled::released(Plan::default());
    house.run(["run", "tester", "Go"]).expect(0);
    let released = house.read("house.yaml");
    let draft = released.replace("controlled: true\n", "");
    let draft = draft.replace(".charthouse/journal.db", ".charthouse/other.db");
    house.write("house.yaml", &draft);
    let policy = house.read("agents/tester.yaml");
    house.edit("agents/tester.yaml", "{ allow: \"*\" }", "{ deny: \"*\" }");
    // Where there is no such store, where there is another, and beside a process that has the house.
    let ways: [&[&str]; 12] = [
        &["run", "tester", "Go"],
        &["run", "tester", "Go", "--dev"],
        &["run", "--resume", "latest"],
        &["chat", "tester"],
        &["serve"],
        &["workflow", "start", "change-control"],
        &["plugin", "remove", "search"],
        &["memory", "add", "tester", "--layer", "facts", "it is so"],
        &["journal", "show"],
        &["journal", "verify"],
        &["audit", "export", "bundle"],
        &["context", "show", "tester"],
    ];
    let all_refused = || {
        for way in ways {
            let ran = house.run(way).expect(4);
            ran.complains(&[
                "it is controlled since record 2 of .charthouse/journal.db",
                "store:",
            ]);
        }
        house.run(["check"]).expect(0).complains(&["no run begins"]);
    };
    all_refused();
    assert!(!house.root.join(".charthouse/other.db").exists());
    house.run(["audit", "verify"]).expect(1);
    let other = House::of(Plan::default());
    other.run(["run", "tester", "Go"]).expect(0);
    fs::copy(
        other.root.join(".charthouse/journal.db"),
        house.root.join(".charthouse/other.db"),
    )
    .unwrap();
    all_refused();
    house.run(["audit", "verify"]).expect(4);
    house.write("house.yaml", &released);
    let daemon = {
        house.edit("agents/tester.yaml", "{ deny: \"*\" }", "{ allow: \"*\" }");
        assert_eq!(house.read("agents/tester.yaml"), policy);
        Daemon::begin(&house)
    };
    house.write("house.yaml", &draft);
    house.run(["run", "tester", "Go"]).expect(4);
    house.write("house.yaml", &released);
    drop(daemon);
    house.run(["run", "tester", "Go"]).expect(0);
    house.verify();
}

#[test]
fn a_record_of_a_change_that_is_taken_out_is_missed_by_whoever_reads_them() {
    let house = Controlled::released(Plan::default());
    let policy = "policy: default\nenv: { A: one }\n";
    let number = house.release("policy:default", "policies/default.yaml", policy, &["now"]);
    house.run(["run", "tester", "Go"]).expect(0);
    let (store, kept) = (
        house.root.join(".charthouse/journal.db"),
        house.beside("journal.db"),
    );
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::copy(&store, &kept).unwrap();
    for statement in [
        "DELETE FROM record WHERE seq = (SELECT min(seq) FROM record WHERE kind = 'change.voted')",
        "DELETE FROM record WHERE kind = 'change.assessed'",
        "DELETE FROM record WHERE kind = 'change.effective'",
        "DELETE FROM record WHERE kind = 'change.released'",
        "UPDATE record SET kind = 'said' WHERE kind = 'change.released'",
    ] {
        if sql(&house, statement).is_none() {
            return;
        }
        for words in [
            &["change", "list"][..],
            &["change", "show", &number],
            &["change", "history", "policy:default"],
            &["run", "tester", "Go"],
        ] {
            let told = house.run(words).expect(6);
            told.complains(&["records of changes", "missing", "charthouse journal verify"]);
        }
        fs::copy(&kept, &store).unwrap();
        house.run(["change", "show", &number]).expect(0);
    }
}

#[test]
fn a_baseline_controls_something_or_is_refused() {
    let house = Controlled::new(Plan::default());
    house.edit("house.yaml", "controlled: true\n", "");
    let refused = house.by("ada", &["baseline"]);
    assert_ne!(refused.code, Some(0), "{}", refused.stdout);
    refused.complains(&["does not say `controlled: true`"]);
    house.run(["run", "tester", "Go"]).expect(0);
}

#[test]
fn a_house_that_is_not_in_order_is_mended_and_stands_open_to_nobody() {
    let house = Controlled::released(Plan::default());
    let (whole, plugins) = (house.read("agents/tester.yaml"), house.read("house.yaml"));
    house.write("agents/tester.yaml", "bad: [\n");
    house.run(["run", "tester", "Go"]).expect(3);
    house
        .run(["plugin", "remove", "hostile"])
        .expect(3)
        .complains(&["agents/tester.yaml", "change restore"]);
    assert_eq!(house.read("house.yaml"), plugins);
    house.run(["change", "list"]).expect(0);
    house.run(["change", "restore"]).expect(0);
    assert_eq!(house.read("agents/tester.yaml"), whole);
    house.run(["run", "tester", "Go"]).expect(0);
}

#[test]
fn a_call_by_hand_reaches_nothing_outside_of_a_controlled_house() {
    let house = Controlled::released(Plan::default());
    let policy = |name: &str, text: &str| {
        let path = house.beside("drafts").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("policy: draft\n{text}")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let plain = policy("plain.yaml", "tools: [{ allow: \"*\" }]\n");
    let net = policy(
        "net.yaml",
        "tools: [{ allow: \"*\" }]\nnet: [{ allow: \"https://example.org/**\", methods: [GET] }]\n",
    );
    let files = |access: &str| {
        let text = format!(
            "tools: [{{ allow: \"*\" }}]\nmounts: {{ /w: {{ from: ., access: {access} }} }}\n"
        );
        policy(&format!("{access}.yaml"), &text)
    };
    let exec = policy(
        "exec.yaml",
        "tools: [{ allow: \"*\" }]\nexec: [{ allow: [ls] }]\n",
    );
    let echo = ["plugin", "call", "hostile", "echo", "{\"text\":\"hello\"}"];
    let call =
        |policy: &str, more: &[&str]| house.run([&echo[..], &["--policy", policy], more].concat());
    house.run(echo).expect(0);
    call(&plain, &[]).expect(0);
    call(&files("read-only"), &[]).expect(0);
    call(&files("staged"), &["--dry-run"]).expect(0);
    for (policy, more) in [
        (net, &["--dry-run"][..]),
        (files("read-write"), &["--dry-run"]),
        (files("staged"), &[]),
    ] {
        let ran = call(&policy, more).expect(4);
        ran.complains(&["this house is controlled"]);
    }
    let run = [
        "plugin",
        "call",
        "exec",
        "run",
        "{\"argv\":[\"ls\"]}",
        "--policy",
        &exec,
    ];
    house
        .run(run)
        .expect(4)
        .complains(&["this house is controlled"]);
}

#[test]
fn components_pass_the_same_gate() {
    let house = Controlled::new(Plan::default());
    house.edit(
        "house.yaml",
        "plugins:\n",
        "plugins:\n  spare: plugins/spare.wasm\n",
    );
    house.replace(
        "plugins/spare.wasm",
        fs::read(guests().join("rawfs.wasm")).unwrap(),
    );
    house.does("ada", &["baseline"]);
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
        .bodies("change.refused")
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
        !house.bodies("reloaded").is_empty()
    });
    model.call("hostile__echo", json!({ "text": "denied" }));
    until("it is asked again", || model.server.asked().len() == 3);
    model.say("Done.");
    let outcomes = house.bodies("outcome");
    assert!(outcomes[0].to_string().contains("allowed"), "{outcomes:?}");
    assert!(
        outcomes[1].to_string().contains("denied by")
            || outcomes[1].to_string().contains("refused"),
        "{outcomes:?}"
    );
    assert_eq!(house.bodies("change.effective").len(), 1);
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

#[test]
fn a_new_component_of_a_signed_plugin_brings_its_signature_or_is_refused() {
    let house = House::of(Plan::default());
    let author = house.beside("author");
    fs::create_dir_all(&author).unwrap();
    let openssl = |words: &[&str]| {
        let mut command = Command::new("openssl");
        Ran::of(command.current_dir(&author).args(words)).expect(0);
    };
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", "key"]);
    openssl(&["pkey", "-in", "key", "-pubout", "-out", "ada.pub"]);
    let sign = |name: &str| {
        let signature = format!("{name}.sig");
        openssl(&[
            "pkeyutl", "-sign", "-rawin", "-inkey", "key", "-in", name, "-out", &signature,
        ]);
        fs::read(author.join(signature)).unwrap()
    };
    let component = author.join("spare.wasm");
    fs::copy(guests().join("rawfs.wasm"), &component).unwrap();
    let first = sign("spare.wasm");
    let (shown, key) = (component.to_str().unwrap(), author.join("ada.pub"));
    house
        .run(["plugin", "add", shown, "--signed-by", key.to_str().unwrap()])
        .expect(0);
    let house = Controlled::of(house);
    house.does("ada", &["baseline"]);
    house.run(["run", "tester", "Go"]).expect(0);
    house.approved(&["plugin:spare"]);
    // Without a signature it could not be loaded once it is released: it is not taken.
    fs::copy(guests().join("hostile.wasm"), &component).unwrap();
    fs::remove_file(author.join("spare.wasm.sig")).unwrap();
    let brought = format!("plugins/spare.wasm={shown}");
    let implement = |code: i32| {
        let words = ["implement", "CR-0001", "--file", &brought];
        house.by("ada", &words).expect(code)
    };
    implement(4).complains(&["signed_by: keys/ada.pub", "`.sig` behind it"]);
    fs::write(author.join("spare.wasm.sig"), &first).unwrap();
    implement(4).complains(&["signed_by: keys/ada.pub"]);
    sign("spare.wasm");
    implement(0);
    house.does("cyd", &["verify", "CR-0001", "--notes", "Read and tried"]);
    house.does("dan", &["release", "CR-0001", "--effectivity", "now"]);
    // It is in its place with its signature, and everything goes on.
    let placed = fs::read(house.root.join("plugins/spare.wasm")).unwrap();
    assert_eq!(placed, fs::read(&component).unwrap());
    house.run(["check"]).expect(0);
    house.run(["run", "tester", "Go"]).expect(0);
    house.run(["plugin", "inspect", "spare"]).expect(0);
}

#[test]
fn a_controlled_house_whose_key_is_lost_goes_on_with_a_new_one_where_it_is_told_to() {
    let house = Controlled::released(Plan::default());
    house.run(["run", "tester", "Go"]).expect(0);
    for file in ["house", "house.pub"] {
        std::fs::remove_file(house.root.join(".charthouse/keys").join(file)).unwrap();
    }
    let is_signed = || {
        let ran = house.run(["run", "tester", "Go"]).expect(0);
        !ran.stderr.contains("not signed yet")
    };
    assert!(!is_signed());
    assert!(!house.root.join(".charthouse/keys/house").exists());
    // What is sealed with the house's key is sealed anew: that the house is controlled, and by which journal.
    let mark = house.root.join(".charthouse/controlled");
    let sealed = std::fs::read(&mark).unwrap();
    let anew = ["audit", "anchor", "--new-key", "-o", "../anchor.json"];
    house.run(anew).expect(0);
    assert!(is_signed());
    // It was killed before it had sealed that, and is told to once more.
    std::fs::write(&mark, sealed).unwrap();
    house.run(["run", "tester", "Go"]).expect(4);
    house.run(anew).expect(1).complains(&["is there"]);
    assert!(is_signed());
    // Somebody has put another in its place.
    let keys = house.root.join(".charthouse/keys");
    std::fs::remove_file(keys.join("house.pub")).unwrap();
    std::fs::copy(house.key("ada"), keys.join("house")).unwrap();
    house.run(["run", "tester", "Go"]).expect(4);
    house.run(anew).expect(0);
    assert!(is_signed());
}
