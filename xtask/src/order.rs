//! `cargo xtask order`: which functions of the program are used by what it does every day, for the linker to put side by side.
//!
//! The program has 35 MB of code and a run uses a tenth of it, scattered; the kernel maps the pages around each function that is called as well, so a run held five times
//! the memory that it needed. `host/build/order.txt` is the list that is made here (`xtask/order/entries.c` notes each function that is entered) from an agent that calls tools, one that asks a server, and a daemon.
//! A list that is out of date costs memory and nothing else: the linker passes over names that are not there.

use crate::bench::Scene;
use crate::shell::{self, cargo, root, target};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a daemon may take to come up.
const PATIENCE: Duration = Duration::from_secs(120);

/// With the program in `arguments`, where one with its names is there; else one is built.
pub fn run(arguments: &[&str]) -> Result<()> {
    let program = match arguments {
        [] => build()?,
        [program] => root().join(program),
        _ => bail!("one program at most: cargo xtask order -- [PROGRAM]"),
    };
    let work = target().join("order");
    if work.exists() {
        std::fs::remove_dir_all(&work)?;
    }
    std::fs::create_dir_all(&work)?;
    let met = work.join("met");
    let traced = tracer(&work, &program, &met)?;

    // Two agents that ask a server, each twice: what everybody's day begins with comes first.
    Scene::new(traced.clone(), work.join("asked"))?;
    let house = work.join("house");
    shell::run(Command::new(&program).args(["init", "--quiet"]).arg(&house))?;
    let mut run = Command::new(&traced);
    run.args(["run", "surveyor"]).current_dir(&house);
    shell::run(run.stdout(Stdio::null()).stderr(Stdio::null()))?;
    daemon(&program, &traced, &house)?;

    // In the order of their first use, each once.
    let met = std::fs::read_to_string(&met).context("no function was met")?;
    let mut known = BTreeSet::new();
    let order: Vec<&str> = met.lines().filter(|name| known.insert(*name)).collect();
    ensure!(!order.is_empty(), "no function was met");
    let list = root().join("host/build/order.txt");
    std::fs::write(&list, order.join("\n") + "\n")
        .with_context(|| format!("cannot write {}", list.display()))?;
    println!("{} functions: {}", order.len(), list.display());
    Ok(())
}

/// The program as it is released, with its names.
fn build() -> Result<PathBuf> {
    shell::run(cargo().args([
        "rustc",
        "--release",
        "--locked",
        "--package",
        "charthouse",
        "--bin",
        "charthouse",
        "--",
        "-C",
        "strip=none",
    ]))?;
    let named = target().join("order-program");
    std::fs::copy(target().join("release/charthouse"), &named)?;
    Ok(named)
}

/// A program that is `program`, with the functions that it enters written to `met`.
fn tracer(work: &Path, program: &Path, met: &Path) -> Result<PathBuf> {
    let entries = work.join("entries");
    let source = root().join("xtask/order/entries.c");
    shell::run(
        Command::new("cc")
            .arg("-O1")
            .arg("-o")
            .arg(&entries)
            .arg(source),
    )?;
    let functions = work.join("functions");
    std::fs::write(&functions, list(program)?)?;
    let script = work.join("traced");
    let text = format!(
        "#!/bin/sh\nexec {} {} {} {} \"$@\"\n",
        entries.display(),
        program.display(),
        functions.display(),
        met.display()
    );
    std::fs::write(&script, text)?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
    Ok(script)
}

/// A daemon that starts an agent, is asked what it has, and ends.
fn daemon(program: &Path, traced: &Path, house: &Path) -> Result<()> {
    let mut daemon = Command::new(traced)
        .arg("serve")
        .current_dir(house)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start the daemon")?;
    let begun = Instant::now();
    let ask = |words: &[&str]| -> Result<bool> {
        let mut command = Command::new(program);
        command.args(words).current_dir(house);
        Ok(command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?
            .success())
    };
    while !ask(&["agents", "start", "surveyor"])? {
        ensure!(begun.elapsed() < PATIENCE, "the daemon does not answer");
        sleep(Duration::from_millis(200));
    }
    sleep(Duration::from_secs(5));
    ask(&["agents", "list"])?;
    ask(&["serve", "--stop"])?;
    daemon.wait()?;
    Ok(())
}

/// The functions of `program`: where each begins, and its name.
fn list(program: &Path) -> Result<String> {
    let listed = Command::new("nm")
        .arg("--defined-only")
        .arg(program)
        .output();
    let listed = listed.context("`nm` does not run")?;
    let mut functions = String::new();
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let [start, "t" | "T", name] = words[..] {
            let _ = writeln!(functions, "{start} {name}");
        }
    }
    Ok(functions)
}
