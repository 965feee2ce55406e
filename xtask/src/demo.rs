//! `cargo xtask demo`: the main job on a fresh machine. Builds everything, makes a house, lets the shipped agent `surveyor` survey a real directory, and
//! then has two agents do a piece of work together, with a kill in between. No key, no network.

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

/// The verb: survey the directory named, or this repository; then the work of two. `--bin FILE` shows a program that is built already.
pub fn run(arguments: &[&str]) -> Result<()> {
    let (host, rest) = match arguments {
        ["--bin", file, rest @ ..] => {
            let host = Path::new(file)
                .canonicalize()
                .with_context(|| format!("there is no {file}"))?;
            (host, rest)
        }
        rest => (build_host()?, rest),
    };
    match rest {
        [] => survey(&host, &root())?,
        [directory] => survey(&host, Path::new(directory))?,
        _ => bail!("`cargo xtask demo -- [--bin FILE] DIR` takes one directory"),
    }
    together::show(&host, &fresh("demo-workflow")?)
}

/// Build the components and the host that carries them; returns the host's path.
pub fn build_host() -> Result<PathBuf> {
    guests::plugins()?;
    shell::run(cargo().args(["build", "--release", "--locked", "--package", "charthouse"]))?;
    Ok(target().join("release/charthouse"))
}
