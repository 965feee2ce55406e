//! The daemon and its clients as a person starts them, as far as they can be told apart without a host: who is refused, what is said, what `doctor` finds.

use charthouse_tests::{Daemon, House, Plan, Ran, until};
use serde_json::Value;
use std::io::Write;
use std::time::Duration;

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
    let (reader, mut writer) = std::io::pipe().unwrap();
    let size = rustix::pipe::fcntl_getpipe_size(&writer).unwrap();
    writer.write_all(&vec![b'\n'; size]).unwrap();
    // Nothing more can be written to it.
    let daemon = Daemon::begin_into(&house, writer);
    house.run(["agents", "start", "tester", "Go"]).expect(0);
    house.run(["serve", "--stop"]).expect(0);
    daemon.until_gone();
    drop(reader);
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
