//! A daemon that serves a house for as long as a test needs it.

use crate::House;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// `charthouse serve`, gone with the test.
pub struct Daemon(Child);

impl Daemon {
    /// Serve `house`, and wait until it answers.
    pub fn begin(house: &House) -> Self {
        let mut command = house.command();
        command
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
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
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Wait until it is `so`, for a minute at most.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
