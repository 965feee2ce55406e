//! Change control as people and agents meet it: two agents and people take a change of what an agent may do from its request to its release; and ways to get round are
//! tried.

use charthouse_tests::{Daemon, House, Ran, auditor, until};
use serde_json::{Value, json};
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Requests and implements: what it hands in depends on what its role is told.
const MAKER: &str = r#"script: maker
replies:
  - when: "'hand_in' in tools and 'You request a change' in system"
    calls: [{ tool: hand_in, arguments: { outcome: requested, notes: "clerk has to keep notes", artefacts: { title: "Let clerk write", items: ["agent:clerk"], class: minor } } }]
  - when: "'hand_in' in tools and 'was sent back' in system"
    calls: [{ tool: hand_in, arguments: { outcome: requested, notes: "reading only, as engineering asked", artefacts: { title: "Let clerk read", items: ["agent:clerk"] } } }]
  - when: "'hand_in' in tools and 'You implement' in system"
    calls: [{ tool: hand_in, arguments: { outcome: implemented, artefacts: { files: { agents/clerk.yaml: "NEWCLERK" } } } }]
  - text: Nothing to do.
"#;

/// Assesses, then votes: the first time against, then for it.
const JUDGE: &str = r#"script: judge
replies:
  - when: "'hand_in' in tools and 'You assess' in system"
    calls: [{ tool: hand_in, arguments: { outcome: assessed, notes: "only clerk is concerned" } }]
  - when: "'hand_in' in tools and 'You sit on the board' in system and called('hand_in') == 0"
    calls: [{ tool: hand_in, arguments: { outcome: reject, notes: "it needs no writing" } }]
  - when: "'hand_in' in tools and 'You sit on the board' in system"
    calls: [{ tool: hand_in, arguments: { outcome: approve, notes: "that is enough" } }]
  - text: Nothing to do.
"#;

const CLERK: &str = r#"agent: clerk
version: 1.0.0
model: { provider: idle, name: scripted, context_length: 100000, max_output: 1000 }
cognition: react
context:
  - { id: history, history: true, flexible: true, trim: oldest }
policy: { tools: [{ deny: "*" }] }
"#;

fn new_clerk() -> String {
    CLERK
        .replace("1.0.0", "1.1.0")
        .replace("{ deny: \"*\" }", "{ allow: [\"fs.read\"] }")
}

/// A house with two people who may do anything, and three agents: who makes changes, who judges them, and whom they are about.
struct Stage(House);

impl Deref for Stage {
    type Target = House;

    fn deref(&self) -> &House {
        &self.0
    }
}

impl Stage {
    /// Wait until judge has voted for the second version of the first change.
    fn until_judged(&self) {
        until("judge has voted for the second version", || {
            let shown = self.run(["change", "show", "CR-0001", "--json"]);
            let votes = |shown: &Ran| shown.json()["votes"].as_array().map_or(0, Vec::len);
            shown.code == Some(0) && votes(&shown) == 2
        });
    }

    fn new() -> Self {
        let house = House::init::<&str>(&[]);
        for name in ["agents", "plugins", "scripts"] {
            std::fs::remove_dir_all(house.root.join(name)).unwrap();
        }
        let quoted = json!(new_clerk()).to_string();
        house.write(
            "scripts/maker.yaml",
            &MAKER.replace("\"NEWCLERK\"", &quoted),
        );
        house.write("scripts/judge.yaml", JUDGE);
        house.write(
            "scripts/idle.yaml",
            "script: idle\nreplies: [{ text: Nothing. }]\n",
        );
        for (name, roles) in [
            ("maker", "[requester, implementer]"),
            ("judge", "[assessor, engineering]"),
        ] {
            house.write(
                &format!("agents/{name}.yaml"),
                &format!(
                    "agent: {name}\nversion: 1.0.0\nmodel: {{ provider: {name}, name: scripted, context_length: 100000, max_output: 2000 }}\n\
                     cognition: react\nroles: {roles}\ncontext:\n  - {{ id: tools, role: system, tools: declared, budget: 8000, trim: never }}\n\
                     \x20 - {{ id: workflow, role: system, slot: workflow, budget: 4000, trim: tail }}\n\
                     \x20 - {{ id: history, history: true, flexible: true, trim: oldest }}\n"
                ),
            );
        }
        house.write("agents/clerk.yaml", CLERK);
        let people = house.people(&[("ada", ""), ("bob", "")]);
        house.write(
            "house.yaml",
            &format!(
                "house: plant\nstore: sqlite:.charthouse/journal.db\nproviders:\n  maker: {{ kind: scripted, file: scripts/maker.yaml }}\n  \
                 judge: {{ kind: scripted, file: scripts/judge.yaml }}\n  idle: {{ kind: scripted, file: scripts/idle.yaml }}\n\
                 defaults: {{ policy: default }}\ncontrolled: {{ quorum: 2, board: [engineering, quality] }}\n{people}"
            ),
        );
        Stage(house)
    }

    /// One of which everything is released as it is.
    fn released() -> Self {
        let stage = Stage::new();
        stage.by("ada", &["baseline"]).expect(0);
        stage
    }

    /// A change of `item` that ada asks for: CR-0001.
    #[track_caller]
    fn requested(&self, item: &str) {
        let words = ["--title", "Otherwise", "--reason", "It has to be"];
        let asked = [&["request", "--item", item][..], &words].concat();
        self.by("ada", &asked).expect(0);
    }

    /// Whose turn it is, by roles.
    fn awaits(&self, change: &str) -> Vec<String> {
        let shown = self.change(change);
        let awaits = shown["awaits"].as_array().unwrap().iter();
        awaits
            .map(|one| one["role"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

#[test]
fn agents_and_people_take_a_change_from_its_request_to_its_release() {
    let stage = Stage::new();
    // Before anybody has vouched for what is there, nothing is run.
    stage
        .run(["run", "clerk"])
        .expect(4)
        .complains(&["change baseline"]);
    stage.by("ada", &["baseline"]).expect(0);
    let daemon = Daemon::begin(&stage);
    stage.run(["workflow", "start", "change-control"]).expect(0);
    // maker requests, judge assesses and votes against it, maker asks for less, judge assesses that and votes for it.
    stage.until_judged();
    let shown = stage.change("CR-0001");
    assert_eq!(shown["title"], "Let clerk read");
    assert_eq!(shown["requested_by"], "agent:maker");
    assert_eq!(shown["votes"][0]["vote"], "reject");
    assert_eq!(shown["votes"][1]["vote"], "approve");
    assert_eq!(stage.awaits("CR-0001"), ["quality"]);
    // Whoever was given work has read what the change is about.
    let instance = shown["instance"].as_str().unwrap();
    let mut assigned = stage.records(instance, "sent");
    assigned.retain(|record| record["body"]["event"] == "work.assigned");
    let told = |role: &str| {
        // The first time as well, when nobody had the role before.
        let mut all = assigned.iter().map(|record| &record["body"]["data"]);
        let first = all.find(|data| data["role"] == role);
        let change = first.map(|data| data["change"].clone());
        change.unwrap_or_else(|| panic!("{role} is told of the change: {assigned:?}"))
    };
    assert_eq!(told("assessor")["items"], json!(["agent:clerk"]));
    assert_eq!(told("engineering")["impact"]["agents"], json!(["clerk"]));
    daemon.kill();

    // Another approves; maker implements when there is a daemon again.
    stage
        .by(
            "ada",
            &[
                "approve",
                "CR-0001",
                "--role",
                "quality",
                "--why",
                "reading does no harm",
            ],
        )
        .expect(0);
    assert_eq!(stage.status("CR-0001"), "approved");
    let daemon = Daemon::begin(&stage);
    until("maker has implemented it", || {
        stage.status("CR-0001") == "implemented"
    });
    assert_eq!(
        stage.read("agents/clerk.yaml"),
        CLERK,
        "nothing is changed by it yet"
    );
    let story = stage.run(["change", "show", "CR-0001"]).expect(0).stdout;
    for words in [
        "agent:maker",
        "agent:judge",
        "human:ada",
        "fs.read",
        "charthouse change verify CR-0001",
    ] {
        assert!(story.contains(words), "{words} in:\n{story}");
    }
    daemon.kill();

    // A verification that fails has it made again.
    stage
        .by(
            "bob",
            &[
                "verify",
                "CR-0001",
                "--failed",
                "--notes",
                "I cannot see why 1.1.0",
            ],
        )
        .expect(0);
    assert_eq!(stage.status("CR-0001"), "failed verification");
    let daemon = Daemon::begin(&stage);
    until("maker has implemented it again", || {
        stage.status("CR-0001") == "implemented"
    });
    // What the house finds by itself is nobody's word for it.
    stage
        .by("bob", &["verify", "CR-0001", "--run-scenarios"])
        .expect(2)
        .complains(&["nobody but the house", "--notes"]);
    stage
        .by(
            "bob",
            &[
                "verify",
                "CR-0001",
                "--run-scenarios",
                "--notes",
                "read and tried",
            ],
        )
        .expect(0);
    assert_eq!(stage.status("CR-0001"), "verified");
    // Nobody has said from when.
    stage
        .by("ada", &["release", "CR-0001"])
        .expect(2)
        .complains(&["--effectivity"]);
    stage
        .by("ada", &["release", "CR-0001", "--effectivity", "now"])
        .expect(0);
    until("it is in its place", || {
        stage.read("agents/clerk.yaml") == new_clerk()
    });
    until("it is on record", || stage.status("CR-0001") == "effective");
    drop(daemon);

    // What everybody signed stands on the record, and whose the agents' keys are.
    let shown = stage.change("CR-0001");
    assert_eq!(shown["invalid"], json!([]));
    assert_eq!(shown["open"], false);
    for kind in [
        "change.requested",
        "change.assessed",
        "change.voted",
        "change.implemented",
        "change.verified",
        "change.ordered",
        "change.released",
    ] {
        let records = stage.records(shown["instance"].as_str().unwrap(), kind);
        assert!(!records.is_empty(), "{kind}");
        for record in records {
            let signature = record["body"]["signed"]["signature"].as_str().unwrap();
            assert!(
                signature.starts_with("-----BEGIN SSH SIGNATURE-----"),
                "{record}"
            );
        }
    }
    let whose: Vec<Value> = stage
        .records("house", "identity")
        .iter()
        .map(|r| r["body"]["who"].clone())
        .collect();
    assert!(
        whose.contains(&json!("agent:maker")) && whose.contains(&json!("agent:judge")),
        "{whose:?}"
    );
    // The house has signed whose keys they are, and a stranger finds all of it allowed: agents by the roles of their definitions.
    for record in stage.records("house", "identity") {
        let is_house = record["body"]["who"] == "house";
        let by = if is_house {
            Value::Null
        } else {
            json!("house")
        };
        assert_eq!(record["body"]["signed"]["by"], by, "{record}");
    }
    stage.run(["audit", "verify"]).expect(0);
    stage.run(["audit", "export", "bundle"]).expect(0);
    let told = auditor(&stage.root.join("bundle"), &["--json"]);
    let told = told.expect(0).json();
    assert_eq!(told["changes"][0]["requested_by"], "agent:maker", "{told}");
    assert_eq!(
        told["changes"][0]["approved_by"][0]["who"], "agent:judge",
        "{told}"
    );
    let listed = stage
        .run(["change", "list", "--by", "judge", "--json"])
        .expect(0)
        .json();
    assert_eq!(listed["changes"][0]["change"], "CR-0001");
    let list = |more: &[&str]| stage.run([&["change", "list", "--json"], more].concat());
    assert_eq!(list(&["--open"]).expect(0).json()["changes"], json!([]));
    let one = ["--status", "effective", "--item", "agent:clerk"];
    assert_eq!(list(&one).expect(0).json()["changes"], listed["changes"]);
    // What there cannot be is no empty list.
    list(&["--status", "sent-back"]).expect(0);
    for (words, told) in [
        (["--status", "nonsense"], ["nonsense", "`effective`"]),
        (["--item", "agent:nobody"], ["agent:nobody", "agent:clerk"]),
        (["--item", "clerk"], ["clerk", "agent:"]),
    ] {
        list(&words).expect(2).complains(&told);
    }
    stage.verify();
}

#[test]
fn who_asks_and_who_makes_does_not_decide() {
    let stage = Stage::released();
    stage
        .by("ada", &["baseline"])
        .expect(4)
        .complains(&["under control already"]);
    stage.requested("policy:default");
    // The agent whom the policy governs may not judge it, by whatever way it gets there: nobody gives it the role, and nobody offers it.
    let bind = |role: &str| {
        let words = ["workflow", "bind", "change-control", "judge"];
        let bound = stage.signed("bob", &[&words[..], &["--role", role]].concat());
        bound
            .expect(4)
            .complains(&["policy:default", "agent:judge"]);
    };
    bind("assessor");
    let could = stage.change("CR-0001")["awaits"][0]["could"].to_string();
    assert!(could.contains("human:bob"), "{could}");
    assert!(!could.contains("agent:judge"), "{could}");
    stage
        .by(
            "bob",
            &["assess", "CR-0001", "--notes", "everybody is concerned"],
        )
        .expect(0);
    stage
        .by("ada", &["approve", "CR-0001", "--role", "quality"])
        .expect(4)
        .complains(&["human:ada requested CR-0001"]);
    bind("engineering");
    assert_eq!(stage.change("CR-0001")["votes"], json!([]));
    // Nobody who is not listed, and nobody with another's key.
    stage.make_key("eve");
    stage
        .by("eve", &["approve", "CR-0001"])
        .expect(4)
        .complains(&["eve"]);
    let key = stage.key("eve");
    let forged = [
        "change",
        "approve",
        "CR-0001",
        "--role",
        "quality",
        "--as",
        "bob",
        "--key",
        key.to_str().unwrap(),
    ];
    stage
        .run(forged)
        .expect(4)
        .complains(&["not a key of human:bob"]);
    stage
        .by("ada", &["withdraw", "CR-0001", "--why", "not now"])
        .expect(0);
    assert_eq!(stage.status("CR-0001"), "withdrawn");
    stage
        .by("bob", &["approve", "CR-0001", "--role", "quality"])
        .expect(1)
        .complains(&["over"]);
    stage.verify();
}

#[test]
fn a_signature_counts_for_what_it_was_made_for_and_once() {
    let stage = Stage::new();
    // A key that is kept elsewhere: ssh-keygen signs.
    let signed = |what: &[&str], name: &str| {
        let mut all = vec!["change"];
        all.extend(what);
        all.extend(["--as", "bob", "--print-statement"]);
        let statement = stage.run(&all).expect(0).stdout;
        let file = stage.beside(name);
        std::fs::write(&file, &statement).unwrap();
        let done = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", "charthouse", "-f"])
            .args([stage.key("bob"), file.clone()])
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success());
        (file.clone(), file.with_extension("txt.sig"))
    };
    let submit = |what: &[&str], files: &(PathBuf, PathBuf)| {
        let mut all = vec!["change"];
        all.extend(what);
        let (statement, signature) = (files.0.to_str().unwrap(), files.1.to_str().unwrap());
        all.extend([
            "--as",
            "bob",
            "--statement",
            statement,
            "--signature",
            signature,
        ]);
        stage.run(&all)
    };
    let baseline = signed(&["baseline"], "baseline.txt");
    submit(&["baseline"], &baseline).expect(0);
    submit(&["baseline"], &baseline)
        .expect(4)
        .complains(&["used before"]);
    stage.requested("policy:default");
    let assess = ["assess", "CR-0001", "--notes", "fine"];
    let files = signed(&assess, "assess.txt");
    // Other words than those that were signed; the same words under another statement.
    submit(&["assess", "CR-0001", "--notes", "terrible"], &files)
        .expect(4)
        .complains(&["notes"]);
    let text = std::fs::read_to_string(&files.0).unwrap();
    let altered = stage.beside("altered.txt");
    std::fs::write(&altered, text.replace("bob", "ada")).unwrap();
    submit(&assess, &(altered, files.1.clone())).expect(4);
    submit(&assess, &files).expect(0);
    submit(&assess, &files)
        .expect(4)
        .complains(&["used before"]);
    // What has been overtaken: the change was sent back and assessed anew since.
    let vote = ["approve", "CR-0001", "--role", "quality"];
    let files = signed(&vote, "vote.txt");
    stage
        .by(
            "bob",
            &["reject", "CR-0001", "--role", "quality", "--why", "no"],
        )
        .expect(0);
    let again = [
        "request",
        "CR-0001",
        "--item",
        "policy:default",
        "--title",
        "Search",
        "--reason",
        "Less",
    ];
    stage.by("ada", &again).expect(0);
    stage
        .by("bob", &["assess", "CR-0001", "--notes", "better"])
        .expect(0);
    submit(&vote, &files).expect(4).complains(&["gone on"]);
    // Nothing that begins a change begins another.
    let draft = stage.beside("newer.yaml");
    std::fs::write(&draft, new_clerk()).unwrap();
    let file = format!("agents/clerk.yaml={}", draft.display());
    let new = ["--item", "agent:clerk", "--title", "Newer"];
    let request = [&["request"], &new[..], &["--reason", "It is old"]].concat();
    let emergency = [&["emergency"], &new[..], &["--why", "It burns"]].concat();
    let emergency = [&emergency[..], &["--file", &file]].concat();
    for (words, name, again) in [
        (request, "request.txt", 4),
        // It would change nothing any more.
        (emergency, "emergency.txt", 2),
    ] {
        let files = signed(&words, name);
        submit(&words, &files).expect(0);
        submit(&words, &files).expect(again);
    }
    // Nothing that is not signed: neither by hand nor over the workflow's own verbs.
    let shown = stage.change("CR-0001");
    let instance = shown["instance"].as_str().unwrap();
    let unsigned = [
        "workflow",
        "hand-in",
        instance,
        "--role",
        "quality",
        "--as",
        "bob",
        "--outcome",
        "approve",
        "--key",
        "/nowhere",
    ];
    stage.run(unsigned).expect(2);
    stage
        .run(["workflow", "event", instance, "human.withdrawn"])
        .expect(4)
        .complains(&["--as NAME"]);
    stage.verify();
}

#[test]
fn no_way_leads_round_a_signature() {
    let stage = Stage::released();
    stage.requested("agent:clerk");
    let shown = stage.change("CR-0001");
    let instance = shown["instance"].as_str().unwrap().to_owned();
    // A run that somebody begins, with words of their own, takes no role.
    let run = ["run", "judge", "--bind", &instance, "--role", "assessor"];
    stage
        .run(run)
        .expect(4)
        .complains(&["has been told things before"]);
    // Nor does an agent whose definition does not name it, though a person says so.
    let bind = |agent: &str, role: &str| {
        let words = ["workflow", "bind", &instance, agent, "--role", role];
        stage.signed("bob", &words)
    };
    bind("maker", "assessor")
        .expect(4)
        .complains(&["does not take the role"]);
    bind("clerk", "quality")
        .expect(4)
        .complains(&["does not take the role"]);
    // A chart that says otherwise is a draft, and the verbs go by what is released.
    let chart = "charts/workflows/change-control.yaml";
    let released = stage.read(chart);
    stage.edit(chart, "signed: true", "signed: false");
    stage.edit(
        chart,
        "never: [requester, implementer]",
        "never: implementer",
    );
    stage
        .run(["workflow", "bind", &instance, "judge", "--role", "assessor"])
        .expect(4)
        .complains(&["chart:change-control"]);
    // Whoever only looks is shown what is released.
    let list = stage.run(["workflow", "list", "--json"]).expect(0).json();
    assert_eq!(list["instances"][0]["signed"], true, "{list}");
    stage
        .by("bob", &["assess", "CR-0001", "--notes", "fine"])
        .expect(0);
    stage
        .by("ada", &["approve", "CR-0001", "--role", "quality"])
        .expect(4);
    stage.replace(chart, released);
    // Over the control socket, which takes anybody's word for nothing.
    let daemon = Daemon::begin(&stage);
    let ask = |command: Value| -> Value {
        use std::io::{BufRead, BufReader, Write};
        let path = stage.root.join(".charthouse/control.sock");
        let mut socket = std::os::unix::net::UnixStream::connect(path).unwrap();
        writeln!(socket, "{command}").unwrap();
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    };
    let hand_in = json!({ "do": "workflow.hand_in", "instance": instance, "role": "quality", "as": "bob", "outcome": "approve" });
    let vote = json!({ "do": "change", "act": "approve", "change": "CR-0001", "as": "bob", "role": "quality" });
    let bind = json!({ "do": "workflow.bind", "instance": instance, "human": "bob", "role": "quality", "as": "bob" });
    let withdraw = json!({ "do": "workflow.event", "instance": instance, "event": "human.withdrawn", "as": "ada" });
    let detach = json!({ "do": "workflow.detach", "instance": instance, "role": "requester" });
    for command in [hand_in, vote, bind, withdraw, detach] {
        let answer = ask(command.clone());
        assert_eq!(answer["error"]["code"], "denied", "{command}: {answer}");
    }
    drop(daemon);
    assert_eq!(stage.read("agents/clerk.yaml"), CLERK);
    stage.verify();
}

#[test]
fn agents_whose_keys_are_lost_with_the_houses_sign_with_new_ones() {
    let stage = Stage::released();
    let daemon = Daemon::begin(&stage);
    stage.run(["workflow", "start", "change-control"]).expect(0);
    stage.until_judged();
    daemon.kill();
    std::fs::remove_dir_all(stage.root.join(".charthouse/keys")).unwrap();
    stage
        .run(["audit", "anchor", "--new-key", "-o", "../anchor.json"])
        .expect(0);
    let vote = ["approve", "CR-0001", "--role", "quality", "--why", "fine"];
    stage.by("ada", &vote).expect(0);
    let daemon = Daemon::begin(&stage);
    until("maker has implemented it", || {
        stage.status("CR-0001") == "implemented"
    });
    drop(daemon);
    // What was signed with the keys that are gone counts as before.
    assert_eq!(stage.change("CR-0001")["invalid"], json!([]));
    // Whoever is given all of these keys from outside finds nothing wrong.
    let line = |record: &Value| {
        let text = |key: &str| record["body"][key].as_str().unwrap().to_owned();
        format!("{} {}\n", text("who"), text("key"))
    };
    let identities = stage.records("house", "identity");
    let all: String = identities.iter().map(line).collect();
    stage.write("../all", &all);
    stage
        .run(["audit", "export", "bundle", "--trust", "../all"])
        .expect(0);
    let all = stage.root.with_file_name("all");
    auditor(
        &stage.root.join("bundle"),
        &["--key", all.to_str().unwrap()],
    )
    .expect(0);
    stage.verify();
}

#[test]
fn drafts_are_kept_and_what_is_released_comes_back() {
    let stage = Stage::released();
    stage.write("agents/clerk.yaml", &new_clerk());
    stage
        .run(["run", "clerk"])
        .expect(4)
        .complains(&["agent:clerk"]);
    // The draft is what a change is made of.
    stage.requested("agent:clerk");
    stage
        .by("bob", &["assess", "CR-0001", "--notes", "fine"])
        .expect(0);
    stage
        .by("bob", &["approve", "CR-0001", "--role", "quality"])
        .expect(0);
    // Nobody implements what nobody has approved.
    let implement = ["implement", "CR-0001", "--from", "."];
    stage.by("ada", &implement).expect(1);
    let restored = stage.run(["change", "restore"]).expect(0).stdout;
    let kept = ".charthouse/changes/drafts/restored/agents/clerk.yaml";
    for told in [
        "agents/clerk.yaml is as the baseline has it (agent:clerk)\n",
        &format!("  the draft that lay there is kept as {kept}"),
    ] {
        assert!(restored.contains(told), "{restored}");
    }
    assert_eq!(stage.read("agents/clerk.yaml"), CLERK);
    stage.run(["run", "clerk"]).expect(0);
    stage.verify();
}

#[test]
fn an_emergency_is_in_force_at_once_and_goes_when_it_is_rejected() {
    let stage = Stage::released();
    // Who there is and who decides is not for one alone to change.
    let own = stage.read("house.yaml");
    for seized in [
        own.replace("quorum: 2", "quorum: 1"),
        own.lines()
            .filter(|line| !line.trim_start().starts_with("bob:"))
            .map(|line| format!("{line}\n"))
            .collect(),
    ] {
        let draft = stage.beside("house.yaml");
        std::fs::write(&draft, &seized).unwrap();
        let file = format!("house.yaml={}", draft.display());
        let words = ["emergency", "--item", "house", "--title", "Alone", "--why"];
        let refused = stage.by("ada", &[&words[..], &["I can", "--file", &file]].concat());
        let told = refused.expect(4).stderr;
        assert!(told.contains("cannot change who there is"), "{told}");
        assert!(told.contains("change request --item house"), "{told}");
    }
    let draft = stage.beside("closed.yaml");
    std::fs::write(&draft, new_clerk()).unwrap();
    let file = format!("agents/clerk.yaml={}", draft.display());
    let emergency = [
        "emergency",
        "--item",
        "agent:clerk",
        "--title",
        "Open it",
        "--why",
        "It stands still",
        "--file",
        &file,
    ];
    stage.by("ada", &emergency).expect(0);
    assert_eq!(stage.read("agents/clerk.yaml"), new_clerk());
    let listed = stage.run(["change", "list"]).expect(0).stdout;
    assert!(listed.contains("EMERGENCY"), "{listed}");
    stage
        .by("ada", &["approve", "CR-0001", "--role", "quality"])
        .expect(4);
    stage
        .by(
            "bob",
            &[
                "reject",
                "CR-0001",
                "--role",
                "quality",
                "--why",
                "it was not necessary",
            ],
        )
        .expect(0);
    assert_eq!(stage.status("CR-0001"), "rejected");
    assert_eq!(stage.read("agents/clerk.yaml"), CLERK);
    // What was put in force so is what was signed, for the house and for a stranger.
    stage.run(["audit", "verify"]).expect(0);
    stage.run(["audit", "export", "bundle"]).expect(0);
    let told = auditor(&stage.root.join("bundle"), &["--json"]);
    assert_eq!(told.expect(0).json()["changes"][0]["status"], "rejected");
    stage.verify();
}
