//! Workflows as a person starts them: a daemon, two agents and a person, a rejection, a detachment, a hand-over, and a kill in between.

use charthouse_tests::{Answer, Daemon, House, ModelServer, Plan, Ran, Said, until};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// An agent that hands in at once.
const MAKER: &str = "\
script: maker
replies:
  - when: \"'hand_in' in tools\"
    calls: [{ tool: hand_in, arguments: { outcome: done, notes: \"made in turn {{ turn }}\" } }]
  - text: Nothing to hand in.
";

/// One that waits for a person before it does anything.
const SLOW: &str = "script: slow\nreplies: [{ text: Half of it is done. }]\n";

/// One that rejects the first time, and accepts then.
const JUDGE: &str = "\
script: judge
replies:
  - when: \"'hand_in' in tools and called('hand_in') == 0\"
    calls: [{ tool: hand_in, arguments: { outcome: rejected, notes: \"not good enough\" } }]
  - when: \"'hand_in' in tools\"
    calls: [{ tool: hand_in, arguments: { outcome: accepted } }]
  - text: Judged.
";

fn house() -> House {
    let house = House::init::<&str>(&[]);
    for agent in ["coder", "reviewer", "inspector", "surveyor"] {
        let file = house.root.join(format!("agents/{agent}.yaml"));
        let text = std::fs::read_to_string(&file).unwrap();
        let text: String = text
            .lines()
            .filter(|line| !line.starts_with("roles:"))
            .map(|line| format!("{line}\n"))
            .collect();
        std::fs::write(file, text).unwrap();
    }
    let mut providers = String::from("providers:\n");
    for (name, script) in [("maker", MAKER), ("slow", SLOW), ("judge", JUDGE)] {
        providers.push_str(&format!(
            "  {name}: {{ kind: scripted, file: scripts/{name}.yaml }}\n"
        ));
        house.write(&format!("scripts/{name}.yaml"), script);
        let roles = match name {
            "maker" => "roles: [implementer]\n",
            "judge" => "roles: [reviewer]\n",
            _ => "",
        };
        house.write(
            &format!("agents/{name}.yaml"),
            &format!(
                "agent: {name}\nversion: 1.0.0\nmodel: {{ provider: {name}, name: scripted, context_length: 100000, max_output: 1000 }}\n\
                 cognition: react\n{roles}context:\n  - {{ id: tools, role: system, tools: declared, budget: 8000, trim: never }}\n\
                 \x20 - {{ id: history, history: true, flexible: true, trim: oldest }}\n\
                 \x20 - {{ id: workflow, role: user, slot: workflow, budget: 1000, trim: tail }}\n"
            ),
        );
    }
    house.edit("house.yaml", "providers:\n", &providers);
    house
}

fn start(house: &House) -> String {
    let input = r#"{"task":"make it"}"#;
    let begun = house
        .run([
            "workflow",
            "start",
            "implement-review",
            "--input",
            input,
            "--json",
        ])
        .expect(0)
        .json();
    begun["instance"].as_str().unwrap().to_owned()
}

fn show(house: &House, instance: &str) -> Value {
    house
        .run(["workflow", "show", instance, "--json"])
        .expect(0)
        .json()
}

/// The records of one kind of the instance.
fn records(house: &House, instance: &str, kind: &str) -> Vec<Value> {
    let shown: Ran = house.run(["journal", "show", instance, "--json"]).expect(0);
    let records = shown.lines().into_iter();
    records.filter(|record| record["kind"] == kind).collect()
}

/// The events that the instance's chart took.
fn events(house: &House, instance: &str) -> Vec<String> {
    let steps = records(house, instance, "step");
    let name = |step: &Value| step["body"]["event"]["name"].as_str().map(str::to_owned);
    steps.iter().filter_map(name).collect()
}

#[test]
fn two_agents_take_their_roles_and_a_rejection_leads_round_again() {
    let house = house();
    let daemon = Daemon::begin(&house);
    let instance = start(&house);
    until("it is accepted", || {
        show(&house, &instance)["status"] == "done"
    });
    let outcomes: Vec<Value> = records(&house, &instance, "hand_in")
        .into_iter()
        .map(|record| record["body"]["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["done", "rejected", "done", "accepted"]);
    // Whoever held a role keeps it: two were bound, and nobody else.
    assert_eq!(records(&house, &instance, "bound").len(), 2);
    assert_eq!(show(&house, &instance)["ended"]["status"], "done");
    drop(daemon);
    // Its runs can be executed again, and so can it.
    let replayed = house.run(["replay", "--all", "--json"]).expect(0).lines();
    assert_eq!(replayed.len(), 3);
    for report in replayed {
        assert_eq!(report["verdict"], "identical", "{report}");
    }
    house.verify();
    // What the state of the workflow says stands in the context of the agent that works in it, and in no other.
    let thought = house.journal("think");
    let with = |words: &str| {
        thought
            .iter()
            .filter(|record| {
                record["body"]["context"]["chunks"]
                    .to_string()
                    .contains(words)
            })
            .count()
    };
    assert!(with("workflow") > 0);
}

/// One that forgets what it is there for until it is told.
const FORGETFUL: &str = "\
script: maker
replies:
  - when: \"turn % 2 == 1 and 'hand_in' in tools\"
    calls: [{ tool: hand_in, arguments: { outcome: done } }]
  - text: Half of it is done.
";

/// Whoever looks takes nothing from whoever hosts the house, waits for nobody, and writes nothing: a copy on a disk that may only be read does as well.
#[test]
fn whoever_only_looks_needs_no_house_to_himself_and_writes_nothing() {
    let house = house();
    let empty = house.run(["workflow", "list", "--json"]).expect(0).json();
    assert_eq!(empty["instances"], json!([]));
    let instance = start(&house);
    let shown = show(&house, &instance);
    let records = std::fs::read(house.root.join(".charthouse/journal.db")).unwrap();
    let another = house.root.join(".charthouse/journal.db-host");
    let another = std::fs::File::open(another).unwrap();
    another.lock().unwrap();
    // A draft that is not in order is in the way of whoever hosts, and of nobody else.
    house.write("agents/draft.yaml", "agent: draft\n");
    let list = house.run(["workflow", "list", "--json"]).expect(0).json();
    assert_eq!(list["instances"][0]["instance"], *instance, "{list}");
    assert_eq!(show(&house, &instance), shown);
    let begins: String = instance.chars().take(12).collect();
    assert_eq!(show(&house, &begins), shown);
    house
        .run(["workflow", "show", "nobody"])
        .expect(1)
        .complains(&["no instance `nobody`"]);
    for reads in [&["journal", "show"][..], &["ledger"], &["replay", "--all"]] {
        house.run(reads).expect(0);
    }
    let after = std::fs::read(house.root.join(".charthouse/journal.db")).unwrap();
    assert!(after == records, "looking has written");
}

#[test]
fn whoever_ends_without_handing_in_is_told_so() {
    let house = house();
    house.write("scripts/maker.yaml", FORGETFUL);
    let daemon = Daemon::begin(&house);
    let instance = start(&house);
    until("something is handed in", || {
        !records(&house, &instance, "hand_in").is_empty()
    });
    let maker = records(&house, &instance, "bound")[0]["body"]["who"]["run"].clone();
    let shown = house
        .run(["journal", "show", maker.as_str().unwrap(), "--json"])
        .expect(0);
    let said = shown.lines();
    assert!(
        said.iter().any(|said| said["body"]["text"]
            .as_str()
            .is_some_and(|text| text.contains("Nothing was handed in"))),
        "{said:?}"
    );
    // A person reads who said it, and which instances there are in lines that fit.
    let story = house
        .run(["journal", "show", maker.as_str().unwrap()])
        .expect(0)
        .stdout;
    assert!(story.contains("the house: [You hold the role"), "{story}");
    assert!(
        story.contains("the house: [Nothing was handed in"),
        "{story}"
    );
    assert!(!story.contains("a person: ["), "{story}");
    let list = house.run(["workflow", "list"]).expect(0).stdout;
    assert!(
        list.lines().all(|line| line.chars().count() <= 100),
        "{list}"
    );
    drop(daemon);
}

#[test]
fn the_shipped_surveyor_is_rejected_and_counts_again() {
    // The survey itself is one file more: what was handed in first is wrong when it is counted again.
    let house = House::init::<&str>(&[]);
    let instance = start(&house);
    for (agent, role) in [("surveyor", "implementer"), ("inspector", "reviewer")] {
        house
            .run(["workflow", "bind", &instance, agent, "--role", role])
            .expect(0);
    }
    let daemon = Daemon::begin(&house);
    until("it is accepted", || {
        show(&house, &instance)["status"] == "done"
    });
    let outcomes: Vec<Value> = records(&house, &instance, "hand_in")
        .into_iter()
        .map(|record| record["body"]["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["surveyed", "rejected", "surveyed", "accepted"]);
    drop(daemon);
    house.verify();
}

#[test]
fn a_role_is_taken_away_and_handed_over_with_what_was_done() {
    let house = house();
    let daemon = Daemon::begin(&house);
    // Nobody but `slow` can have it for now.
    house.edit("agents/maker.yaml", "roles: [implementer]\n", "");
    let instance = {
        let begun = Instant::now();
        // The daemon has read it once nobody takes the role.
        loop {
            let instance = start(&house);
            std::thread::sleep(Duration::from_millis(300));
            let role = &show(&house, &instance)["roles"][0];
            if role["holder"].is_null() && role["offered"] == true {
                break instance;
            }
            assert!(begun.elapsed() < Duration::from_secs(60));
        }
    };
    house
        .run([
            "workflow",
            "bind",
            &instance,
            "slow",
            "--role",
            "implementer",
        ])
        .expect(0);
    until("slow has said its word and stands still", || {
        house
            .run(["agents", "list", "--json"])
            .expect(0)
            .stdout
            .contains("\"agent\":\"slow\"")
            && house.journal("rested").len() + house.journal("ended").len() > 0
    });
    // Separation of duties on the command's path.
    house
        .run(["workflow", "bind", &instance, "slow", "--role", "reviewer"])
        .complains(&["reviewer"]);
    daemon.kill();
    let daemon = Daemon::begin(&house);
    house.edit(
        "agents/maker.yaml",
        "cognition: react\n",
        "cognition: react\nroles: [implementer]\n",
    );
    house
        .run([
            "workflow",
            "detach",
            &instance,
            "--role",
            "implementer",
            "--notes",
            "the first half is done",
        ])
        .expect(0);
    until("it is accepted", || {
        show(&house, &instance)["status"] == "done"
    });
    let bound = records(&house, &instance, "bound");
    let agents: Vec<&str> = bound
        .iter()
        .filter_map(|record| record["body"]["who"]["agent"].as_str())
        .collect();
    assert_eq!(agents, ["slow", "maker", "judge"]);
    assert!(events(&house, &instance).contains(&"role.detached".to_owned()));
    let told = house.journal("item");
    let knows = told
        .iter()
        .any(|record| record.to_string().contains("the first half is done"));
    assert!(knows, "whoever takes over reads what is to be known");
    drop(daemon);
    house.verify();
}

#[test]
fn who_lost_a_role_while_its_host_was_dead_does_what_it_is_told_next() {
    let server =
        ModelServer::start(
            |asked| match asked.json["messages"].to_string().contains("And now?") {
                true => Answer::Say(Said::text("Something else.")),
                false => Answer::Hang,
            },
        );
    let house = House::of(Plan {
        provider: &server.provider(),
        ..Plan::default()
    });
    house.write(
        "charts/job.yaml",
        "chart: job\nversion: 1.0.0\nkind: workflow\nroles: { doer: {} }\ninitial: doing\nstates:\n  doing: { role: doer, on: { role.done: done } }\n  \
            done: { type: final }\n",
    );
    let begun = house.run(["workflow", "start", "job", "--json"]).expect(0);
    let instance = begun.json()["instance"].as_str().unwrap().to_owned();
    let mut child = house
        .command()
        .args(["run", "tester", "--bind", &instance, "--role", "doer"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until("it works", || server.asked().len() == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    house
        .run(["workflow", "detach", &instance, "--role", "doer"])
        .expect(0);
    for asked in 2..4 {
        let ran = house
            .run(["run", "tester", "And now?", "--resume"])
            .expect(0);
        assert!(ran.stdout.contains("Something else."), "{}", ran.stdout);
        assert_eq!(
            server.asked().len(),
            asked,
            "once, and when its chart has ended too"
        );
    }
    house.verify();
}

#[test]
fn a_person_can_hold_a_role_with_no_daemon_at_all() {
    let house = house();
    let instance = start(&house);
    let by_hand = |arguments: &[&str]| house.run(arguments);
    by_hand(&[
        "workflow",
        "bind",
        &instance,
        "--human",
        "ada",
        "--role",
        "implementer",
    ])
    .expect(0);
    by_hand(&[
        "workflow",
        "hand-in",
        &instance,
        "--role",
        "implementer",
        "--as",
        "bob",
        "--outcome",
        "done",
    ])
    .expect(4)
    .complains(&["ada"]);
    by_hand(&[
        "workflow",
        "hand-in",
        &instance,
        "--role",
        "implementer",
        "--as",
        "ada",
        "--outcome",
        "done",
    ])
    .expect(0);
    by_hand(&[
        "workflow", "bind", &instance, "--human", "ada", "--role", "reviewer",
    ])
    .expect(4)
    .complains(&["implementer"]);
    house
        .run([
            "run", "judge", "--bind", &instance, "--role", "reviewer", "--json",
        ])
        .expect(0);
    let shown = show(&house, &instance);
    assert_eq!(shown["states"], json!(["implement"]), "{shown}");
    assert_eq!(shown["data"]["rounds"], 1);
    house.verify();
}
