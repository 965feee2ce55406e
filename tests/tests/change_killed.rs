//! A process is killed -9 between the record of a release and its files: whoever opens the house next finishes it, whether or not what lies there could be read.

#[path = "kill/mod.rs"]
#[allow(dead_code)]
mod kill;

use charthouse_tests::{Controlled, Daemon, Plan, until};
use kill::{Kill, start};

const AGENT: &str = "agents/tester.yaml";

/// A change of two files that are in order together and in no other way: the agent goes by a chart that is new.
struct Pair {
    number: String,
    agent: String,
    chart: String,
    file: String,
}

impl Pair {
    fn verified(house: &Controlled, round: usize) -> Self {
        let (name, file) = (
            format!("think-{round}"),
            format!("charts/think-{round}.yaml"),
        );
        let think = house.read("charts/think.yaml");
        let chart = think.replace("chart: think", &format!("chart: {name}"));
        let before = house.read(AGENT);
        let cognition = before.lines().find(|line| line.starts_with("cognition:"));
        let agent = before.replace(cognition.unwrap(), &format!("cognition: {name}"));
        let items = ["agent:tester", &format!("chart:{name}")];
        let files = [(AGENT, agent.as_bytes()), (&file, chart.as_bytes())];
        let number = house.verified(&items, &files);
        Pair {
            number,
            agent,
            chart,
            file,
        }
    }

    /// Which of the two lie in their places.
    fn lie(&self, house: &Controlled) -> (bool, bool) {
        let chart = std::fs::read_to_string(house.root.join(&self.file));
        (
            house.read(AGENT) == self.agent,
            chart.is_ok_and(|text| text == self.chart),
        )
    }

    fn is_on_record(&self, house: &Controlled, kind: &str) -> usize {
        let bodies = house.bodies(kind).into_iter();
        bodies.filter(|body| body["change"] == *self.number).count()
    }

    /// It is in force, whole, once, and a run goes by it.
    #[track_caller]
    fn is_effective(&self, house: &Controlled) {
        house.run(["run", "tester", "Go"]).expect(0);
        assert_eq!(self.lie(house), (true, true));
        assert_eq!(self.is_on_record(house, "change.effective"), 1);
        assert_eq!(house.status(&self.number), "effective");
        house.verify();
    }
}

#[test]
fn a_release_whose_process_was_killed_is_finished_by_the_next() {
    let house = Controlled::released(Plan::default());
    let (mut round, mut between, mut half) = (0, 0, 0);
    for point in ["committed", "place"] {
        for n in 1.. {
            round += 1;
            let pair = Pair::verified(&house, round);
            let key = house.key("dan");
            let mut release = house.command();
            release
                .args(["change", "release", &pair.number, "--effectivity", "now"])
                .args(["--as", "dan", "--key"])
                .arg(key);
            let ended = start(release, Some(&Kill::At(point, n)));
            let Some(ran) = ended else {
                match (
                    pair.is_on_record(&house, "change.released"),
                    pair.lie(&house),
                ) {
                    // Nothing has happened: it can be released again.
                    (0, lie) => {
                        assert_eq!(lie, (false, false), "{point}:{n}");
                        house.run(["run", "tester", "Go"]).expect(0);
                        house.does("dan", &["release", &pair.number, "--effectivity", "now"]);
                    }
                    (_, (true, false)) => half += 1,
                    (_, (false, false)) => between += 1,
                    (_, _) => {}
                }
                pair.is_effective(&house);
                continue;
            };
            ran.expect(0);
            pair.is_effective(&house);
            break;
        }
    }
    eprintln!(
        "{round} releases, {between} of them killed between record and files, {half} between two files"
    );
    assert!(between > 0, "it was never killed between record and files");
    assert!(half > 0, "it was never killed between two files");
}

#[test]
fn a_daemon_that_was_killed_while_it_put_files_in_place_finishes_when_it_is_up_again() {
    let house = Controlled::released(Plan::default());
    for (round, point) in ["place:1", "place:2"].into_iter().enumerate() {
        let daemon = Daemon::begin_with(&house, &[("CHARTHOUSE_KILL_AT", point)]);
        let pair = Pair::verified(&house, round);
        let words = ["release", &pair.number, "--effectivity", "now"];
        assert_ne!(house.by("dan", &words).code, Some(0), "it was not answered");
        daemon.until_gone();
        assert_eq!(pair.is_on_record(&house, "change.released"), 1);
        assert_eq!(pair.lie(&house), (round == 1, false));
        let daemon = Daemon::begin(&house);
        until("it is finished", || {
            house.status(&pair.number) == "effective"
        });
        assert_eq!(pair.lie(&house), (true, true));
        drop(daemon);
        pair.is_effective(&house);
    }
}
