//! `cargo xtask demo`: the main job on a fresh machine. Builds everything, makes a house, and lets the shipped agent `surveyor` survey a real
//! directory. No key, no network.

use crate::guests;
use crate::shell::{self, cargo, root, target};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

fn survey(directory: PathBuf) -> Result<()> {
    let directory = directory
        .canonicalize()
        .with_context(|| format!("cannot survey {}", directory.display()))?;
    if !directory.is_dir() {
        bail!("{} is not a directory", directory.display());
    }
    let host = build_host()?;
    let house = target().join("demo");
    if house.exists() {
        std::fs::remove_dir_all(&house)
            .with_context(|| format!("cannot clear {}", house.display()))?;
    }
    shell::run(
        Command::new(&host)
            .arg("init")
            .arg(&house)
            .arg("--workspace")
            .arg(&directory)
            .arg("--quiet"),
    )?;
    shell::run(
        Command::new(&host)
            .args(["run", "surveyor"])
            .arg(format!("Survey {}.", directory.display()))
            .arg("--house")
            .arg(&house),
    )?;
    shell::run(
        Command::new(&host)
            .arg("ledger")
            .arg("--by")
            .arg("tool")
            .arg("--house")
            .arg(&house),
    )?;
    let survey = house.join("out/survey.md");
    println!("\nsurvey:  {}", survey.display());
    println!(
        "journal: {}",
        house.join(".charthouse/journal.db").display()
    );
    println!(
        "read it: {} journal show --house {}",
        host.display(),
        house.display()
    );
    Ok(())
}

/// The verb: survey the directory named, or this repository.
pub fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        [] => survey(root()),
        [directory] => survey(PathBuf::from(directory)),
        _ => bail!("`cargo xtask demo -- DIR` takes one directory"),
    }
}

/// Build the components and the host that carries them; returns the host's path.
pub fn build_host() -> Result<PathBuf> {
    guests::plugins()?;
    shell::run(cargo().args(["build", "--release", "--locked", "--package", "charthouse"]))?;
    Ok(target().join("release/charthouse"))
}
