//! From when a release counts, and for whom, with whole processes: a date that a daemon waits for, runs and instances that began before, agents that it is not for, and
//! what is in force before anybody has approved it.

use charthouse_tests::{Controlled, Daemon, Plan, Ran, resting, until};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const POLICY: &str = "policies/shared.yaml";
const OPEN: &str = "policy: shared\ntools: [{ allow: \"*\" }]\n";
const CLOSED: &str = "policy: shared\ntools: [{ allow: \"*\" }, { deny: \"hostile.*\" }]\n";

/// A house whose agents rest until they are told to go, and then call one tool, which the policy of all of them allows.
fn house() -> Controlled {
    let house = Controlled::new(Plan {
        chart: "initial: rest\nstates:\n  rest: { on: { signal.go: work, human.said: work } }\n  work: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n",
        replies: "  - when: \"called('hostile.echo') == 0\"\n    calls: [{ tool: hostile.echo, arguments: { text: it is allowed } }]\n  - text: Done.\n",
        policy: "{ env: { PLACE: here } }",
        house: "defaults: { policy: shared }\n",
        ..Plan::default()
    });
    house.write(POLICY, OPEN);
    house
}

fn released() -> Controlled {
    let house = house();
    house.does("ada", &["baseline"]);
    house
}

/// Let a run of the daemon go on, and say whether it was allowed its call.
fn is_allowed(house: &Controlled, run: &str) -> bool {
    house.run(["agents", "signal", run, "signal.go"]).expect(0);
    until("it is done", || !house.records(run, "ended").is_empty());
    was_allowed(house, run)
}

fn was_allowed(house: &Controlled, run: &str) -> bool {
    let outcomes = house.records(run, "outcome");
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    let outcome = outcomes[0]["body"].to_string();
    let allowed = outcome.contains("it is allowed");
    assert!(allowed || outcome.contains("denied"), "{outcome}");
    allowed
}

/// Play a run in a process of its own, and say the same.
fn runs_allowed(house: &Controlled, agent: &str) -> (bool, Ran) {
    let ran = house.run(["run", agent, "Go"]).expect(0);
    (was_allowed(house, "latest"), ran)
}

/// A second in the near future: in milliseconds, and as it is written.
fn soon() -> (u64, String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let second = (now + Duration::from_secs(2)).as_secs();
    let written = Command::new("date")
        .args(["-u", "-d", &format!("@{second}"), "+%Y-%m-%dT%H:%M:%SZ"])
        .output()
        .unwrap();
    let written = String::from_utf8(written.stdout).unwrap();
    (second * 1_000, written.trim().to_owned())
}

/// When the files of a change were put in their places.
fn effective_at(house: &Controlled, number: &str) -> Option<u64> {
    let shown = house.change(number);
    let records = house.records(shown["instance"].as_str().unwrap(), "change.effective");
    assert!(records.len() <= 1, "{records:?}");
    records
        .first()
        .map(|record| record["time"].as_u64().unwrap())
}

#[test]
fn a_daemon_waits_for_a_date_and_its_runs_go_by_it() {
    let house = released();
    let _daemon = Daemon::begin(&house);
    let under_way = resting(&house, "tester");
    let chart = house.read("charts/think.yaml");
    let later = chart.replace("1.0.0", "2.0.0");
    let far = house.release("chart:think", "charts/think.yaml", &later, &["2100-01-01"]);
    let (at, written) = soon();
    let near = house.release("policy:shared", POLICY, CLOSED, &[&written]);
    until("it is in its place, and that is on record", || {
        house.status(&near) == "effective"
    });
    assert!(effective_at(&house, &near).unwrap() >= at);
    assert_eq!(house.read(POLICY), CLOSED);
    assert!(!is_allowed(&house, &under_way));
    // What is for another century waits.
    assert_eq!(house.status(&far), "released");
    assert_eq!(house.read("charts/think.yaml"), chart);
    assert!(house.bodies("change.refused").is_empty());
    house.verify();
}

#[test]
fn a_date_that_comes_while_nobody_serves_holds_for_whoever_opens_the_house_next() {
    let house = released();
    let (at, written) = soon();
    let number = house.release("policy:shared", POLICY, CLOSED, &[&written]);
    until("a run goes by it", || !runs_allowed(&house, "tester").0);
    assert!(effective_at(&house, &number).unwrap() >= at);
    assert_eq!(house.read(POLICY), CLOSED);
    house.verify();
}

#[test]
fn what_has_come_into_force_is_told_before_anybody_has_put_it_in_its_place() {
    let house = released();
    house.release("policy:shared", POLICY, CLOSED, &["2100-01-01"]);
    let century = 100 * 365 * 86_400_000_u64;
    house.write("off", &century.to_string());
    for (file, verdict) in [("none", "allow"), ("off", "deny")] {
        let mut explain = house.command();
        explain
            .args([
                "policy",
                "explain",
                "tester",
                "--tool",
                "hostile.echo",
                "--json",
            ])
            .env("CHARTHOUSE_CLOCK_OFF", house.root.join(file));
        let explained = Ran::of(&mut explain).expect(0);
        assert_eq!(explained.json()["grant"]["verdict"], verdict);
        assert_eq!(explained.stderr, "");
        assert_eq!(house.read(POLICY), OPEN);
    }
}

#[test]
fn what_counts_for_the_next_run_leaves_runs_and_instances_as_they_began() {
    let house = house();
    let writing = "chart: writing\nversion: 1.0.0\nkind: workflow\nroles: { author: {} }\ninitial: write\nstates:\n  \
                   write: { role: author, on: { role.done: written } }\n  written: { type: final }\n";
    house.write("charts/writing.yaml", writing);
    house.does("ada", &["baseline"]);
    let daemon = Daemon::begin(&house);
    let instance = |house: &Controlled| {
        let begun = house
            .run(["workflow", "start", "writing", "--json"])
            .expect(0);
        begun.json()["instance"].as_str().unwrap().to_owned()
    };
    let version = |of: &str| -> Value {
        let shown = house.run(["workflow", "show", of, "--json"]).expect(0);
        shown.json()["version"].clone()
    };
    let (run, written) = (resting(&house, "tester"), instance(&house));
    let later = writing
        .replace("1.0.0", "2.0.0")
        .replace("write:", "draft:")
        .replace("initial: write", "initial: draft");
    house.release("policy:shared", POLICY, CLOSED, &["next-run"]);
    house.release(
        "chart:writing",
        "charts/writing.yaml",
        &later,
        &["next-run"],
    );
    until("both are in their places", || {
        house.read(POLICY) == CLOSED && house.read("charts/writing.yaml") == later
    });
    let (next, another) = (resting(&house, "tester"), instance(&house));
    assert_eq!(
        (version(&written), version(&another)),
        (json!("1.0.0"), json!("2.0.0"))
    );
    // Whoever takes them up again knows when they began.
    daemon.kill();
    let _daemon = Daemon::begin(&house);
    assert_eq!(
        (version(&written), version(&another)),
        (json!("1.0.0"), json!("2.0.0"))
    );
    assert!(is_allowed(&house, &run));
    assert!(!is_allowed(&house, &next));
    house.verify();
}

#[test]
fn what_counts_for_some_agents_changes_no_others() {
    let house = house();
    let chart = house.read("charts/think.yaml");
    let (_, states) = chart.split_once("kind: cognition\n").unwrap();
    house.another("other", states);
    house.does("ada", &["baseline"]);
    let daemon = Daemon::begin(&house);
    let (tester, other) = (resting(&house, "tester"), resting(&house, "other"));
    let effectivity = ["now", "--agents", "other"];
    let number = house.release("policy:shared", POLICY, CLOSED, &effectivity);
    until("it is in its place", || {
        house.status(&number) == "effective"
    });
    assert!(is_allowed(&house, &tester));
    assert!(!is_allowed(&house, &other));
    drop(daemon);
    assert!(runs_allowed(&house, "tester").0);
    assert!(!runs_allowed(&house, "other").0);
    // What lies in the house is for one of them only, and each is told what counts for it.
    for (agent, verdict, told) in [("tester", "allow", "policy:shared"), ("other", "deny", "")] {
        let explain = ["policy", "explain", agent, "--tool", "hostile.echo"];
        let explained = house.run([&explain[..], &["--json"]].concat()).expect(0);
        assert_eq!(explained.json()["grant"]["verdict"], verdict, "{agent}");
        assert!(explained.stderr.contains(told), "{}", explained.stderr);
        assert_eq!(explained.stderr.is_empty(), told.is_empty());
    }
    house.verify();
    // Whoever cannot be told what counts is told that.
    let journal = house.root.join(".charthouse/journal.db");
    std::fs::write(&journal, &std::fs::read(&journal).unwrap()[..4096]).unwrap();
    house.run(["policy", "explain", "tester"]).expect(6);
}

/// Put the closed policy in force as an emergency.
fn close_at_once(house: &Controlled, who: &str) -> String {
    let file = house.brought(POLICY, CLOSED);
    let words = [
        "emergency",
        "--item",
        "policy:shared",
        "--title",
        "Close it",
        "--why",
        "It leaks",
        "--file",
        &file,
    ];
    let begun = house.does(who, &words);
    begun["change"].as_str().unwrap().to_owned()
}

#[test]
fn an_emergency_holds_for_runs_under_way_and_is_told_until_others_have_approved_it() {
    let house = released();
    let daemon = Daemon::begin(&house);
    let run = resting(&house, "tester");
    let number = close_at_once(&house, "bob");
    assert!(!is_allowed(&house, &run));
    let emergencies = || {
        let listed = house.run(["agents", "list", "--json"]).expect(0).json();
        listed["emergencies"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(emergencies(), 1);
    // Who did it does not approve it, and one alone is not enough.
    house.by("bob", &["approve", &number]).expect(4);
    house.does("cyd", &["approve", &number, "--why", "It had to be"]);
    assert_eq!(emergencies(), 1);
    house.does("dan", &["approve", &number, "--why", "It had to be"]);
    until("nobody is told any more", || emergencies() == 0);
    // It stands on record with the instant by which it was judged: by another one it might not count.
    let steps = house.records(house.change(&number)["instance"].as_str().unwrap(), "step");
    assert!(steps.len() > 2);
    for step in steps {
        assert_eq!(step["time"], step["body"]["time"], "{step}");
    }
    drop(daemon);
    let (allowed, ran) = runs_allowed(&house, "tester");
    assert!(
        !allowed && !ran.stderr.contains("EMERGENCY"),
        "{}",
        ran.stderr
    );
    assert_eq!(house.change(&number)["open"], false);
    house.verify();
}

#[test]
fn an_emergency_takes_as_many_approvals_as_the_house_says() {
    for (quorum, seats) in [("1", &["cyd"][..]), ("3", &["cyd", "dan", "bob"])] {
        let house = house();
        let control = format!("controlled: {{ quorum: {quorum} }}");
        house.edit("house.yaml", "controlled: true", &control);
        let roles = "requester, implementer, releaser";
        house.edit("house.yaml", roles, &format!("{roles}, emergency"));
        house.does("ada", &["baseline"]);
        let number = close_at_once(&house, "ada");
        for who in seats {
            assert_eq!(house.change(&number)["open"], true, "{quorum}");
            house.does(who, &["approve", &number]);
        }
        assert_eq!(house.status(&number), "confirmed");
        // The workflow has come to its end with the same vote.
        let late = house.by("cyd", &["approve", &number]);
        late.expect(1).complains(&["is over"]);
        let (_, ran) = runs_allowed(&house, "tester");
        assert!(!ran.stderr.contains("EMERGENCY"), "{}", ran.stderr);
        house.verify();
    }
}

#[test]
fn an_emergency_that_nobody_approves_is_told_louder_and_stays_in_force() {
    let house = house();
    house.edit(
        "house.yaml",
        "controlled: true",
        "controlled: { emergency: { within: 1s } }",
    );
    house.does("ada", &["baseline"]);
    house.run(["doctor"]).expect(0);
    let number = close_at_once(&house, "bob");
    let overdue = format!("EMERGENCY OVERDUE: {number}");
    until("it is overdue", || {
        let listed = house.run(["change", "list"]).expect(0);
        listed.stdout.contains("OVERDUE")
    });
    let (allowed, ran) = runs_allowed(&house, "tester");
    assert!(!allowed, "it goes on being in force");
    assert!(ran.stderr.contains(&overdue), "{}", ran.stderr);
    house.run(["doctor"]).expect(1);
    house.run(["check"]).expect(0).complains(&[&overdue]);
    // Late is better than never.
    house.does("cyd", &["approve", &number]);
    house.does("dan", &["approve", &number]);
    let (allowed, ran) = runs_allowed(&house, "tester");
    assert!(
        !allowed && !ran.stderr.contains("EMERGENCY"),
        "{}",
        ran.stderr
    );
    house.run(["doctor"]).expect(0);
    house.verify();
}
