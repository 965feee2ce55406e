//! `cargo xtask demo`: the main job on a fresh machine. Builds everything, makes a house, lets the shipped agent `surveyor` survey a real directory, and
//! then has two agents do a piece of work together, with a kill in between. With `--change` another one: a change from its request to its evidence. No key, no network.

mod change;
mod daemon;
mod together;

use crate::guests;
use crate::shell::{self, cargo, root, target};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

fn survey(host: &Path, directory: &Path) -> Result<()> {
    let directory = directory
        .canonicalize()
        .with_context(|| format!("cannot survey {}", directory.display()))?;
    if !directory.is_dir() {
        bail!("{} is not a directory", directory.display());
    }
    let house = fresh("demo")?;
    shell::run(
        Command::new(host)
            .arg("init")
            .arg(&house)
            .arg("--workspace")
            .arg(&directory)
            .arg("--quiet"),
    )?;
    shell::run(
        Command::new(host)
            .args(["run", "surveyor"])
            .arg(format!("Survey {}.", directory.display()))
            .arg("--house")
            .arg(&house),
    )?;
    shell::run(
        Command::new(host)
            .args(["ledger", "--by", "tool", "--house"])
            .arg(&house),
    )?;
    println!("\nsurvey:  {}", house.join("out/survey.md").display());
    println!(
        "read it: {} journal show --house {}\n",
        host.display(),
        house.display()
    );
    Ok(())
}

/// The folder of a house of this name under the target directory, which is not there yet.
fn fresh(name: &str) -> Result<PathBuf> {
    let house = target().join(name);
    if house.exists() {
        std::fs::remove_dir_all(&house)
            .with_context(|| format!("cannot clear {}", house.display()))?;
    }
    Ok(house)
}

/// The verb: survey the directory named, or this repository; then the work of two. With `--change` the other demo. `--bin FILE` shows a program that is built already.
pub fn run(arguments: &[&str]) -> Result<()> {
    let (built, rest) = match arguments {
        ["--bin", file, rest @ ..] => (Some(*file), rest),
        rest => (None, rest),
    };
    let (is_change, rest) = match rest {
        ["--change", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    // Before it is built, which takes longer.
    let (directory, built) = match (is_change, rest) {
        (_, []) => (root(), built),
        (true, ["--bin", file]) => (root(), Some(*file)),
        (false, [directory]) => (PathBuf::from(directory), built),
        _ => bail!(
            "`cargo xtask demo -- [--bin FILE] [--change | DIR]` takes one directory, or `--change`"
        ),
    };
    let host = match built {
        Some(file) => Path::new(file)
            .canonicalize()
            .with_context(|| format!("there is no {file}"))?,
        None => build_host()?,
    };
    if is_change {
        let auditor = auditor(&host, built.is_some())?;
        return change::show(&host, &auditor, &fresh("demo-change")?);
    }
    survey(&host, &directory)?;
    together::show(&host, &fresh("demo-workflow")?)
}

/// The program that verifies bundles, which lies beside the host.
fn auditor(host: &Path, is_built: bool) -> Result<PathBuf> {
    if !is_built {
        shell::run(cargo().args([
            "build",
            "--release",
            "--locked",
            "--package",
            "charthouse-auditor",
        ]))?;
    }
    let auditor = host.with_file_name("charthouse-auditor");
    if !auditor.is_file() {
        bail!(
            "there is no {}: `cargo build -p charthouse-auditor` makes it",
            auditor.display()
        );
    }
    Ok(auditor)
}

/// Build the components and the host that carries them; returns the host's path.
pub fn build_host() -> Result<PathBuf> {
    guests::plugins()?;
    shell::run(cargo().args(["build", "--release", "--locked", "--package", "charthouse"]))?;
    Ok(target().join("release/charthouse"))
}
