//! A daemon that serves a house for as long as a test needs it.

use crate::House;
use serde_json::json;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// `charthouse serve`, gone with the test.
pub struct Daemon(Child);

impl Daemon {
    /// Serve `house`, and wait until it answers.
    pub fn begin(house: &House) -> Self {
        Daemon::begin_with(house, &[])
    }

    /// The same, with these variables in its environment.
    pub fn begin_with(house: &House, environment: &[(&str, &str)]) -> Self {
        Daemon::begin_as(house, |command| {
            command.envs(environment.iter().copied());
        })
    }

    /// The same, with its standard output, where it says what it does as JSON, going there.
    pub fn begin_into(house: &House, stdout: impl Into<Stdio>) -> Self {
        Daemon::begin_as(house, |command| {
            command.arg("--json").stdout(stdout);
        })
    }

    fn begin_as(house: &House, as_wanted: impl FnOnce(&mut Command)) -> Self {
        let mut command = house.command();
        command
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        as_wanted(&mut command);
        let daemon = Daemon(command.spawn().expect("the program starts"));
        until("the daemon is up", || {
            house.run(["agents", "list", "--json"]).code == Some(0)
        });
        daemon
    }

    /// Kill it, as `kill -9` does.
    pub fn kill(mut self) {
        self.0.kill().expect("it is up");
        self.0.wait().expect("it was ours to wait for");
    }

    /// Wait until it is gone by itself, for instance because it was told to kill itself at some point.
    pub fn until_gone(mut self) {
        until("the daemon is gone", || {
            self.0
                .try_wait()
                .expect("it was ours to wait for")
                .is_some()
        });
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Begin a run of `agent` in the daemon of `house`, and wait until its chart stands in the state `rest`: its id.
pub fn resting(house: &House, agent: &str) -> String {
    let begun = house.run(["agents", "start", agent, "--json"]).expect(0);
    let begun = begun.json();
    let run = begun["run"].as_str().expect("it has an id").to_owned();
    until("it rests", || {
        let listed = house.run(["agents", "list", "--json"]).expect(0).json();
        let mut runs = listed["runs"].as_array().into_iter().flatten();
        runs.any(|one| one["run"] == *run && one["states"] == json!(["rest"]))
    });
    run
}

/// Wait until it is `so`, for two minutes at most.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
