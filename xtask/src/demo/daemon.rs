//! A daemon that a demo has, with what it says.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long any step of a demo may take: it takes a fraction of a second, and a machine that is busy may need more.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// `charthouse serve`, gone with this.
pub struct Daemon {
    process: Child,
    events: Receiver<Value>,
}

impl Daemon {
    /// Start it, and wait until it says that it is ready.
    pub fn begin(mut command: Command) -> Result<Self> {
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = process.stdout.take().context("it has an output")?;
        let events = read(stdout);
        let mut daemon = Daemon { process, events };
        daemon.until("its readiness", |event| {
            let message = event["message"].as_str().unwrap_or_default();
            event["source"] == "serve" && message.starts_with("ready")
        })?;
        Ok(daemon)
    }

    /// Wait for an event, which is handed back.
    pub fn until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        let begun = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let line = self.events.recv_timeout(left);
            let mut line = line.with_context(|| format!("the daemon did not say {what}"))?;
            if is_it(&line["event"]) {
                return Ok(line["event"].take());
            }
        }
    }

    /// An error where it has ended.
    pub fn is_up(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the daemon ended with {status}"),
        }
    }

    /// End it as a power cut does.
    pub fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// It was told to end: wait until it has.
    pub fn ended(mut self) -> Result<()> {
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines that come, as JSON: read to the end, so that the daemon never waits for us.
fn read(stdout: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Ok(event) = serde_json::from_str(&line) {
                // Nobody may listen any more.
                let _ = sender.send(event);
            }
        }
    });
    receiver
}
