//! A daemon signs its record as it goes on, by records, by time and after a release; and what is cut off behind the last of its checkpoints is missed.

use charthouse_tests::{Controlled, Daemon, House, Plan, resting, until};
use serde_json::Value;
use std::process::Command;

/// A house whose agent rests until somebody says something to it.
fn plan() -> Plan<'static> {
    Plan {
        chart: "initial: rest\nstates:\n  rest: { on: { human.said: work } }\n  work: { invoke: turn, on: { turn.done: rest } }\n",
        ..Plan::default()
    }
}

fn verified(house: &House) -> Value {
    house.run(["audit", "verify", "--json"]).expect(0).json()
}

/// How many there are; as long as there is none, nothing holds.
fn checkpoints(house: &House) -> u64 {
    let found = house.run(["audit", "verify", "--json"]).json();
    let count = found["checkpoints"].as_u64().unwrap();
    assert_eq!(found["ok"], count > 0, "{found}");
    count
}

fn serve(house: &House, every: &str) -> Daemon {
    Daemon::begin_with(house, &[("CHARTHOUSE_CHECKPOINT_EVERY", every)])
}

/// Have the daemon record something: a run that is spoken to once.
fn talk(house: &House) {
    let run = resting(house, "tester");
    house.run(["agents", "say", &run, "Hello"]).expect(0);
    until("it has answered", || {
        !house.records(&run, "reply").is_empty()
    });
}

#[test]
fn a_daemon_signs_after_so_many_records_and_after_so_much_time() {
    for (every, kind) in [
        ("20:3600000:50", "by records"),
        ("1000000:200:50", "by time"),
    ] {
        let house = House::of(plan());
        let _daemon = serve(&house, every);
        let mut seen = 0;
        for _ in 0..3 {
            until(kind, || {
                talk(&house);
                let checkpoints = checkpoints(&house);
                let more = checkpoints > seen;
                seen = checkpoints;
                more
            });
        }
        let found = verified(&house);
        assert!(found["signed_through"].as_u64().unwrap() > 0, "{found}");
        house.verify();
    }
}

#[test]
fn a_daemon_signs_after_a_release() {
    let house = Controlled::released(plan());
    let _daemon = serve(&house, "1000000:3600000:50");
    let later = house.read("charts/think.yaml").replace("1.0.0", "1.1.0");
    let number = house.release("chart:think", "charts/think.yaml", &later, &["now"]);
    let instance = house.change(&number)["instance"]
        .as_str()
        .unwrap()
        .to_owned();
    let released = house.records(&instance, "change.released")[0]["seq"]
        .as_u64()
        .unwrap();
    until("what was released is signed", || {
        verified(&house)["signed_through"].as_u64().unwrap() >= released
    });
}

/// Cut off all records behind the one with this number, as somebody does who can write the store.
fn cut(house: &House, last: u64) -> bool {
    let script = "import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
last = int(sys.argv[2])
(h,) = c.execute('SELECT hash FROM record WHERE seq = ?', (last,)).fetchone()
c.execute('DELETE FROM record WHERE seq > ?', (last,))
c.execute('UPDATE head SET seq = ?, hash = ?', (last, h.hex() if isinstance(h, bytes) else h))
c.commit()
c.close()";
    let store = house.root.join(".charthouse/journal.db");
    let status = Command::new("python3")
        .args(["-c", script])
        .arg(store)
        .arg(last.to_string())
        .status();
    match status {
        Ok(status) if status.success() => true,
        other => {
            eprintln!(
                "skipped: python3 with sqlite3 is needed to tamper with the database: {other:?}"
            );
            false
        }
    }
}

#[test]
fn what_is_cut_off_behind_the_last_checkpoint_is_missed() {
    let house = House::of(plan());
    let daemon = serve(&house, "20:3600000:50");
    talk(&house);
    until("it has signed", || checkpoints(&house) > 0);
    daemon.kill();
    // One that signs nothing, so that something lies behind.
    let daemon = serve(&house, "1000000:3600000:50");
    talk(&house);
    daemon.kill();
    let found = verified(&house);
    let (signed, unsigned) = (
        found["signed_through"].as_u64().unwrap(),
        found["unsigned"].as_u64().unwrap(),
    );
    assert!(unsigned > 1, "{found}");
    let all = found["records"].as_u64().unwrap();
    // The last record alone, a part, and all of it.
    for last in [all - 1, signed + 2, signed + 1] {
        if !cut(&house, last) {
            return;
        }
        let found = house.run(["audit", "verify", "--json"]).expect(1).json();
        assert_eq!(found["ok"], false, "{found}");
        let why = found["why"].as_str().unwrap();
        assert!(
            why.contains("missing") || why.contains("lost") || why.contains("gone"),
            "{why}"
        );
        // And nobody goes on behind it as if nothing had been there.
        let refused = house.run(["run", "tester", "Go"]);
        assert_ne!(
            refused.code,
            Some(0),
            "{}{}",
            refused.stdout,
            refused.stderr
        );
    }
}
