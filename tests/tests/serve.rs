//! The daemon and its clients as a person starts them, as far as they can be told apart without a host: who is refused, what is said, what `doctor` finds.

use charthouse_tests::{Controlled, Daemon, House, Plan, Ran, resting, until};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[test]
fn without_a_daemon_its_clients_say_so_and_what_to_do() {
    let house = House::of(Plan::default());
    for arguments in [
        &["agents", "list"][..],
        &["agents", "say", "tester", "hello"],
        &["agents", "watch"],
        &["serve", "--stop"],
    ] {
        let ran = house.run(arguments).expect(1);
        ran.complains(&["no daemon serves this house", "help:"]);
    }
}

#[test]
fn what_a_killed_daemon_left_is_no_daemon() {
    let house = House::of(Plan::default());
    let socket = house.root.join(".charthouse/control.sock");
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    house
        .run(["agents", "list"])
        .expect(1)
        .complains(&["no daemon serves this house"]);
}

#[test]
fn what_was_given_up_stays_so_until_a_person_resumes_it() {
    let house = House::of(Plan {
        replies: "  - { when: \"false\", text: Never. }\n",
        house: "serve: { keep: [tester], restart: { first: 10ms, crashes: 2 } }\n",
        ..Plan::default()
    });
    let given_up = |house: &House| {
        let listed = house.run(["agents", "list", "--json"]);
        listed.code == Some(0) && listed.stdout.contains("given_up")
    };
    let daemon = Daemon::begin(&house);
    until("it is given up", || given_up(&house));
    let tried = house.journal("think").len();
    daemon.kill();
    let _daemon = Daemon::begin(&house);
    assert!(given_up(&house), "the next daemon knows of it");
    // Whatever comes meanwhile waits.
    house.run(["agents", "say", "tester", "hello"]).expect(0);
    std::thread::sleep(Duration::from_millis(300));
    assert!(given_up(&house));
    assert_eq!(house.journal("think").len(), tried);
    house.run(["agents", "resume", "tester"]).expect(0);
    until("it tries again", || house.journal("think").len() > tried);
    until("it is given up again", || {
        house.journal("gave_up").len() == 2 && given_up(&house)
    });
}

#[test]
fn a_reader_that_stands_still_holds_up_neither_the_daemon_nor_its_end() {
    let house = House::of(Plan::default());
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    while writer.write(b"\n").is_ok() {}
    writer.set_nonblocking(false).unwrap();
    // Nothing more can be written to it.
    let daemon = Daemon::begin_into(&house, OwnedFd::from(writer));
    house.run(["agents", "start", "tester", "Go"]).expect(0);
    house.run(["serve", "--stop"]).expect(0);
    daemon.until_gone();
    drop(reader);
}

/// A daemon whose clock is set; at minute 0 it shows half past an hour.
struct Clocked {
    house: House,
    file: String,
    half_past: i64,
}

impl Clocked {
    const MINUTE: i64 = 60_000;

    fn new(house: House) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let into_the_hour = i64::try_from(now.as_millis()).unwrap() % (60 * Self::MINUTE);
        Clocked {
            file: house.root.with_file_name("clock").display().to_string(),
            half_past: 30 * Self::MINUTE - into_the_hour,
            house,
        }
    }

    fn begin(&self) -> Daemon {
        Daemon::begin_with(&self.house, &[("CHARTHOUSE_CLOCK_OFF", &self.file)])
    }

    /// Set the clock to this minute.
    fn set(&self, minute: i64) {
        let off = self.half_past + minute * Self::MINUTE;
        let fresh = format!("{}.new", self.file);
        fs::write(&fresh, off.to_string()).unwrap();
        fs::rename(fresh, &self.file).unwrap();
    }

    /// Something happens, so that nobody need wait until the daemon looks at its clock by itself.
    fn poke(&self) {
        self.house.run(["agents", "start", "tester"]).expect(0);
    }

    /// The records of a kind in `run`.
    fn records(&self, run: &str, kind: &str) -> Vec<Value> {
        let all = self.house.run(["journal", "show", run, "--json"]).expect(0);
        let mut records = all.lines();
        records.retain(|record| record["kind"] == kind);
        records
    }

    /// The times for which the schedule has started something.
    fn fired(&self) -> Vec<Value> {
        let mut fired = self.records("house", "fired");
        fired.retain(|record| record["body"]["fire"]["how"] == "start");
        fired
    }
}

#[test]
fn a_clock_that_is_set_back_and_forward_fires_nothing_twice_and_loses_nothing() {
    let clocked = Clocked::new(House::of(Plan {
        chart: "initial: rest\nstates:\n  rest: { after: { 1h: done } }\n  done: { type: final }\n",
        house: "serve: { triggers: { hourly: { every: 1h, overlap: parallel, agent: tester } } }\n",
        ..Plan::default()
    }));
    clocked.set(0);
    let daemon = clocked.begin();
    let run = resting(&clocked.house, "tester");
    let ended = || clocked.records(&run, "ended").len();
    clocked.set(31);
    clocked.poke();
    until("it fires at the full hour", || clocked.fired().len() == 1);
    clocked.set(31 - 120);
    clocked.poke();
    daemon.kill();
    let _daemon = clocked.begin();
    clocked.poke();
    assert_eq!(ended(), 0);
    clocked.set(61);
    clocked.poke();
    until("the run's hour is over", || ended() == 1);
    assert_eq!(clocked.fired().len(), 1, "that hour was there before");
    clocked.set(91);
    clocked.poke();
    until("it fires at the next hour", || clocked.fired().len() == 2);
    let due = |fired: &Value| fired["body"]["fire"]["due"].as_i64().unwrap();
    let hours: Vec<i64> = clocked.fired().iter().map(due).collect();
    assert_eq!(hours[1] - hours[0], 60 * Clocked::MINUTE);
    assert_eq!(ended(), 1);
    clocked.house.verify();
}

#[test]
fn a_clock_that_is_set_back_makes_no_timer_wait_longer() {
    let clocked = Clocked::new(House::of(Plan {
        chart: "initial: rest\nstates:\n  rest: { after: { 4s: done } }\n  done: { type: final }\n",
        ..Plan::default()
    }));
    let over = |run: &str| clocked.records(run, "ended").len() == 1;
    clocked.set(0);
    let daemon = clocked.begin();
    let run = resting(&clocked.house, "tester");
    clocked.set(-120);
    until("its seconds are over", || over(&run));
    let run = resting(&clocked.house, "tester");
    daemon.kill();
    clocked.set(-1_000_000);
    // What is added by hand meanwhile has the new time.
    let mut remember = clocked.house.command();
    remember.args(["memory", "add", "tester", "--layer", "facts", "It is so."]);
    Ran::of(remember.env("CHARTHOUSE_CLOCK_OFF", &clocked.file)).expect(0);
    let daemon = clocked.begin();
    until("they are for the next process too", || over(&run));
    let run = resting(&clocked.house, "tester");
    daemon.kill();
    let _daemon = clocked.begin();
    until("and for the one after that", || over(&run));
    let told = clocked.records("house", "clock");
    let back = |told: &Value| told["body"]["set_back_ms"].as_i64().unwrap() / Clocked::MINUTE;
    let back: Vec<i64> = told.iter().map(back).collect();
    assert!(
        matches!(back[..], [118..=120, 999_878..=999_880]),
        "{back:?}"
    );
    clocked.house.verify();
}

/// People sign by the calendar, and the workflow goes by its timers.
#[test]
fn what_people_sign_counts_while_the_clock_is_set_back() {
    let house = Controlled::released(Plan::default());
    let file = house.beside("clock");
    let daemon = Daemon::begin_with(
        &house,
        &[("CHARTHOUSE_CLOCK_OFF", &file.display().to_string())],
    );
    let fresh = house.beside("clock.new");
    fs::create_dir_all(fresh.parent().unwrap()).unwrap();
    fs::write(&fresh, (-60 * Clocked::MINUTE).to_string()).unwrap();
    fs::rename(fresh, &file).unwrap();
    let number = house.approved(&["agent:tester"]);
    assert_eq!(house.status(&number), "approved");
    drop(daemon);
    house.verify();
}

/// What a run was told while it was paused, and its daemon did not live to tell it.
#[test]
fn what_a_run_was_told_while_it_stood_still_comes_before_what_it_is_told_now() {
    for verb in ["run", "chat"] {
        let house = House::of(Plan {
            chart: "initial: rest\nstates:\n  rest: { on: { human.said: work } }\n  work: { invoke: turn, on: { turn.done: rest } }\n",
            ..Plan::default()
        });
        let daemon = Daemon::begin(&house);
        let run = resting(&house, "tester");
        house.run(["agents", "pause", &run]).expect(0);
        house.run(["agents", "say", &run, "use tabs"]).expect(0);
        daemon.kill();
        let now = "no: use spaces";
        let mut command = house.command();
        command.args([verb, "tester", "--resume", &run]);
        match verb {
            "run" => {
                Ran::of(command.arg(now));
            }
            _ => {
                command.stdin(Stdio::piped()).stdout(Stdio::null());
                let mut child = command.stderr(Stdio::null()).spawn().unwrap();
                let mut stdin = child.stdin.take().unwrap();
                stdin.write_all(format!("{now}\n").as_bytes()).unwrap();
                drop(stdin);
                child.wait().unwrap();
            }
        }
        let said = house.records(&run, "said");
        let said: Vec<&Value> = said.iter().map(|said| &said["body"]["text"]).collect();
        assert_eq!(said, ["use tabs", now], "{verb}");
        house.verify();
    }
}

#[test]
fn what_names_nobody_and_what_answers_nothing_is_refused() {
    let house = House::of(Plan {
        chart: "initial: rest\nstates:\n  rest: { on: { signal.go: ask } }\n  ask: { invoke: { activity: ask, params: { question: Which? } }, on: { ask.done: done } }\n  \
            done: { type: final }\n",
        ..Plan::default()
    });
    let _daemon = Daemon::begin(&house);
    let run = resting(&house, "tester");
    let answer = |text: &str| house.run(["agents", "answer", "tester", text]);
    let before = house.run(["journal", "show", &run, "--json"]).lines().len();
    answer("the left one").expect(1).complains(&[
        "asks nothing now",
        "help:",
        "charthouse agents say",
    ]);
    let stopped = house.run(["agents", "stop", ""]).expect(2);
    stopped.complains(&["`run` is empty", "help:"]);
    let bind = |who: &[&str]| {
        let words = [&["workflow", "bind", "i"], who].concat();
        house.run(words).expect(2)
    };
    bind(&["--role", "r", "--human", ""]).complains(&["`human` is empty", "help:"]);
    bind(&["--role", "", "tester"]).complains(&["`role` is empty"]);
    bind(&["--role", "r", "tester", "--as", " "]).complains(&["`as` is empty"]);
    let after = house.run(["journal", "show", &run, "--json"]).lines().len();
    assert_eq!(before, after);
    house
        .run(["agents", "signal", "tester", "signal.go"])
        .expect(0);
    let asking = || {
        house
            .run(["agents", "list", "--json"])
            .stdout
            .contains("\"ask\"")
    };
    until("it asks", asking);
    answer("the left one").expect(0);
    until("it has heard", || house.journal("ended").len() == 1);
}

#[test]
fn what_is_no_json_is_refused_before_anything_is_asked() {
    let house = House::of(Plan::default());
    let ran = house.run(["agents", "signal", "tester", "signal.go", "--data", "{"]);
    ran.expect(2).complains(&["--data is no JSON"]);
    let ran = house.run(["workflow", "bind", "i", "--role", "r"]);
    ran.expect(2);
}

#[test]
fn a_doctor_finds_a_house_in_order() {
    let house = House::of(Plan::default());
    house.run(["run", "tester", "Go"]).expect(0);
    let report = house.run(["doctor", "--json"]).expect(0).json();
    assert_eq!(report["ok"], true);
    let of = |name: &str| -> Value {
        let checks = report["checks"].as_array().unwrap().iter();
        let mut found = checks.filter(|check| check["name"] == name);
        found.next().cloned().unwrap_or_default()
    };
    for name in [
        "house", "store", "journal", "cache", "socket", "clock", "daemon",
    ] {
        assert_eq!(of(name)["status"], "ok", "{name}: {report}");
    }
    assert!(of("journal")["what"].as_str().unwrap().contains("whole"));
}

#[test]
fn a_doctor_finds_what_is_wrong() {
    let house = House::of(Plan::default());
    house.run(["run", "tester", "Go"]).expect(0);
    house.write("agents/broken.yaml", "agent: [\n");
    let journal = house.root.join(".charthouse/journal.db");
    let bytes = std::fs::read(&journal).unwrap();
    let at = bytes
        .windows(7)
        .rposition(|window| window == b"\"status")
        .unwrap();
    let mut bad = bytes.clone();
    bad[at + 1] = b'S';
    std::fs::write(&journal, bad).unwrap();
    let ran = house.run(["doctor", "--json"]).expect(1);
    let report = ran.json();
    let bad: Vec<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["status"] == "bad")
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    assert_eq!(bad, ["house", "journal"], "{report}");
}

#[test]
fn a_unit_serves_this_house_with_this_program() {
    let house = House::of(Plan::default());
    let ran: Ran = house.run(["doctor", "--systemd"]).expect(0);
    let root = house.root.display();
    for line in [
        "Type=notify".to_owned(),
        format!("serve --house {root}"),
        format!("ReadWritePaths={root}"),
        "NoNewPrivileges=yes".to_owned(),
        "Restart=on-failure".to_owned(),
    ] {
        assert!(ran.stdout.contains(&line), "{line}\n{}", ran.stdout);
    }
    assert!(
        ran.stderr
            .contains("~/.config/systemd/user/charthouse-test-house.service")
    );
}
