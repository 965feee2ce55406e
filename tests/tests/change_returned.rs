//! A change that is sent back, by whoever assesses it, makes it or releases it: what they sign counts, also for who verifies the record elsewhere.

use charthouse_tests::{Controlled, Plan, auditor};

#[test]
fn a_change_is_sent_back_by_whoever_finds_that_it_does_not_do() {
    let house = Controlled::released(Plan::default());
    let asked = house.does(
        "ada",
        &[
            "request",
            "--title",
            "T",
            "--reason",
            "R",
            "--item",
            "agent:tester",
        ],
    );
    let number = asked["change"].as_str().unwrap().to_owned();
    let number = number.as_str();
    let stands = |words: &str| {
        let shown = house.run(["change", "show", number]).expect(0);
        assert!(shown.stdout.contains(words), "{words}: {}", shown.stdout);
    };
    house.does(
        "bob",
        &["assess", number, "--returned", "--notes", "Say which tools"],
    );
    stands("Say which tools");
    house.does(
        "ada",
        &[
            "request",
            number,
            "--title",
            "T",
            "--reason",
            "R, all of them",
            "--item",
            "agent:tester",
        ],
    );
    let board = || {
        house.does("bob", &["assess", number, "--notes", "Fine"]);
        house.does("bob", &["approve", number]);
        house.does("cyd", &["approve", number]);
    };
    board();
    house.does(
        "ada",
        &["implement", number, "--impossible", "No such tool"],
    );
    stands("No such tool");
    house.does(
        "ada",
        &[
            "request",
            number,
            "--title",
            "T",
            "--reason",
            "Another",
            "--item",
            "agent:tester",
        ],
    );
    board();
    let anew = house.read("agents/tester.yaml") + "# as asked\n";
    let file = house.brought("agents/tester.yaml", &anew);
    house.does("ada", &["implement", number, "--file", &file]);
    house.does("cyd", &["verify", number, "--notes", "Read"]);
    house.does(
        "dan",
        &["release", number, "--returned", "Not in this month"],
    );
    stands("Not in this month");
    house.does("ada", &["implement", number, "--file", &file]);
    house.does("cyd", &["verify", number, "--notes", "Read again"]);
    house.does("dan", &["release", number, "--effectivity", "now"]);
    house.run(["audit", "verify"]).expect(0);
    let bundle = house.beside("bundle");
    house
        .run(["audit", "export", bundle.to_str().unwrap()])
        .expect(0);
    auditor(&bundle, &[]).expect(0);
}
