//! Two agents do a piece of work together: one surveys the house, the other counts again and rejects the survey, because the survey itself is one file more;
//! the first surveys again, and then it is right. Whoever hosts them is killed after the first hand-in, and the next host carries on.

use crate::shell;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long any step of it may take: it takes a fraction of a second, and a machine that is busy may need more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Make the house, and show all of it.
pub fn show(host: &Path, house: &Path) -> Result<()> {
    shell::run(Command::new(host).arg("init").arg(house).arg("--quiet"))?;
    let verb = |words: &[&str]| {
        let mut command = Command::new(host);
        command.args(words).arg("--house").arg(house);
        command
    };
    let task = r#"{"task":"Survey this house."}"#;
    let begun = verb(&[
        "workflow",
        "start",
        "implement-review",
        "--input",
        task,
        "--json",
    ]);
    let instance = begin(begun)?;
    for (agent, role) in [("surveyor", "implementer"), ("inspector", "reviewer")] {
        shell::run(&mut verb(&[
            "workflow", "bind", &instance, agent, "--role", role,
        ]))?;
    }

    let mut daemon = Daemon::begin(verb(&["serve", "--json"]))?;
    daemon.until("a hand-in", |event| event["type"] == "hand_in")?;
    daemon.kill()?;
    eprintln!("the daemon was killed (kill -9) as soon as the survey was handed in; it left:");
    shell::run(&mut verb(&["workflow", "show", &instance]))?;

    let mut daemon = Daemon::begin(verb(&["serve", "--json"]))?;
    wait_until_over(
        || verb(&["workflow", "show", &instance, "--json"]),
        &mut daemon,
    )?;
    shell::run(&mut verb(&["serve", "--stop"]))?;
    daemon.ended()?;

    println!();
    let story = ["started", "bound", "hand_in", "step", "ended"];
    let mut shown = verb(&["journal", "show", &instance]);
    for kind in story {
        shown.args(["--kind", kind]);
    }
    shell::run(&mut shown)?;
    println!();
    shell::run(&mut verb(&["journal", "verify"]))?;
    println!(
        "\nall of it: {} journal show --house {}",
        host.display(),
        house.display()
    );
    Ok(())
}

/// Begin an instance: its id.
fn begin(mut command: Command) -> Result<String> {
    eprintln!("+ {}", shell::shown(&command));
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("the workflow could not be begun: {}", output.status);
    }
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    let instance = answer["instance"].as_str();
    Ok(instance.context("an instance has an id")?.to_owned())
}

fn wait_until_over(show: impl Fn() -> Command, daemon: &mut Daemon) -> Result<()> {
    let begun = Instant::now();
    loop {
        // Its end is not said among the events, so it is asked for.
        let output = show().stderr(Stdio::inherit()).output()?;
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if answer["status"] == "done" {
            return Ok(());
        }
        daemon.is_up()?;
        if begun.elapsed() > PATIENCE {
            bail!("the work did not come to its end");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// `charthouse serve`, gone with this.
struct Daemon {
    process: Child,
    events: Receiver<Value>,
}

impl Daemon {
    fn begin(mut command: Command) -> Result<Self> {
        eprintln!("+ {}", shell::shown(&command));
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

    /// Wait for an event.
    fn until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Result<()> {
        let begun = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let line = self.events.recv_timeout(left);
            let line = line.with_context(|| format!("the daemon did not say {what}"))?;
            if is_it(&line["event"]) {
                return Ok(());
            }
        }
    }

    fn is_up(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the daemon ended with {status}"),
        }
    }

    fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// It was told to end.
    fn ended(mut self) -> Result<()> {
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
