//! Two agents do a piece of work together: one surveys the house, the other counts again and rejects the survey, because the survey itself is one file more;
//! the first surveys again, and then it is right. Whoever hosts them is killed after the first hand-in, and the next host carries on.

use super::daemon::{Daemon, PATIENCE};
use crate::shell;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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

    let mut daemon = serve(verb(&["serve", "--json"]))?;
    daemon.until("a hand-in", |event| event["type"] == "hand_in")?;
    daemon.kill()?;
    eprintln!("the daemon was killed (kill -9) as soon as the survey was handed in; it left:");
    shell::run(&mut verb(&["workflow", "show", &instance]))?;

    let mut daemon = serve(verb(&["serve", "--json"]))?;
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

/// A daemon, shown before it is started.
fn serve(command: Command) -> Result<Daemon> {
    eprintln!("+ {}", shell::shown(&command));
    Daemon::begin(command)
}
