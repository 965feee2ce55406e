//! Inputs that nobody would write, for everything that reads what strangers write. `cargo xtask fuzz` runs it.
//!
//! It runs on the stable toolchain, so nothing tells it which code an input reached: it is a seeded mutator over a corpus of what people do write, and
//! what it lacks in sight it makes up for by being run with every change. Each target runs in a process of its own, and the input lies in a file
//! before it is run, so that even a stack that overflows or a process that is killed leaves behind what did it.

mod components;
mod corpus;
mod definitions;
mod mutate;
mod reflection;
mod watch;

use mutate::Mutator;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

const HELP: &str = "\
cargo xtask fuzz [--seconds N] [--target NAME] [--seed N]     N seconds for each target (2 without it)
cargo xtask fuzz --target NAME --replay FILE                  run one input again
";

/// One thing that reads what strangers write.
pub trait Target {
    /// What it begins with.
    fn corpus(&self) -> Vec<Vec<u8>>;
    /// An input made of `seeds`. By default whatever the mutator makes of them.
    fn make(&self, mutator: &mut Mutator, seeds: &[Vec<u8>]) -> Vec<u8> {
        mutator.mutated(seeds)
    }
    /// Read the input at `path`, and answer whether it was accepted. A panic, or an answer that takes longer than [`Target::patience`], is a finding.
    fn run(&mut self, path: &Path) -> bool;
    /// How long one input may take.
    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }
}

/// All targets by name.
fn target(name: &str, directory: &Path) -> Option<Box<dyn Target>> {
    Some(match name {
        "policy" => Box::new(definitions::Policies),
        "chart" => Box::new(definitions::Charts),
        "house" => Box::new(definitions::Houses::in_directory(&directory.join("house"))),
        "bytes" => Box::new(components::Bytes::in_directory(directory)),
        "modules" => Box::new(components::Modules::in_directory(directory)),
        "reflection" => Box::new(reflection::Reflection::in_directory(directory)),
        _ => return None,
    })
}

const TARGETS: [&str; 6] = ["policy", "chart", "house", "bytes", "modules", "reflection"];

struct Options {
    seconds: u64,
    seed: u64,
    target: Option<String>,
    replay: Option<PathBuf>,
    /// This is the process of one target.
    alone: bool,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("error: {wrong}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let directory = directory();
    let names: Vec<&str> = match &options.target {
        Some(name) => vec![name],
        None => TARGETS.to_vec(),
    };
    if options.alone || options.replay.is_some() {
        return alone(names[0], &options, &directory);
    }
    let mut well = true;
    for name in names {
        well &= in_a_process(name, &options, &directory);
    }
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        seconds: 2,
        seed: 1,
        target: None,
        replay: None,
        alone: false,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text} is no number"));
        match word.as_str() {
            "--seconds" => options.seconds = number(value()?)?,
            "--seed" => options.seed = number(value()?)?,
            "--target" => options.target = Some(value()?),
            "--replay" => options.replay = Some(value()?.into()),
            "--alone" => options.alone = true,
            other => return Err(format!("there is no option {other}")),
        }
    }
    match &options.target {
        Some(name) if !TARGETS.contains(&name.as_str()) => Err(format!(
            "there is no target {name}; there are {}",
            TARGETS.join(", ")
        )),
        None if options.replay.is_some() => Err("--replay needs --target".into()),
        _ => Ok(options),
    }
}

/// Where inputs lie while they are run, and those that were findings for good.
fn directory() -> PathBuf {
    std::env::var_os("CHARTHOUSE_FUZZ").map_or_else(|| "target/fuzz".into(), PathBuf::from)
}

/// Run the target `name` in a process of its own; answer whether it found nothing.
fn in_a_process(name: &str, options: &Options, directory: &Path) -> bool {
    let now = directory.join(name).join("now");
    let mut command = match std::env::current_exe() {
        Ok(here) => Command::new(here),
        Err(error) => {
            eprintln!("error: this program cannot be started again: {error}");
            return false;
        }
    };
    command
        .args(["--alone", "--target", name])
        .args(["--seconds", &options.seconds.to_string()])
        .args(["--seed", &options.seed.to_string()]);
    match command.status() {
        Ok(status) if status.success() => true,
        // It has said and kept what it found.
        Ok(status) if status.code() == Some(1) => false,
        Ok(status) => {
            kept(name, &now, &format!("the process ended with {status}"));
            false
        }
        Err(error) => {
            eprintln!("error: it cannot be started: {error}");
            false
        }
    }
}

/// Run the target `name` in this process.
fn alone(name: &str, options: &Options, directory: &Path) -> ExitCode {
    let place = directory.join(name);
    if let Err(error) = std::fs::create_dir_all(&place) {
        eprintln!("error: {} cannot be made: {error}", place.display());
        return ExitCode::FAILURE;
    }
    let Some(mut target) = target(name, &place) else {
        return ExitCode::FAILURE;
    };
    if let Some(path) = &options.replay {
        println!(
            "{name}: {}",
            if target.run(path) {
                "accepted"
            } else {
                "refused"
            }
        );
        return ExitCode::SUCCESS;
    }
    let seeds = target.corpus();
    let mut mutator = Mutator::new(options.seed);
    let now = place.join("now");
    let told = watch::start(name.to_owned(), now.clone(), target.patience());
    let until = Instant::now() + Duration::from_secs(options.seconds);
    let (mut executions, mut accepted, mut slowest) = (0_u64, 0_u64, Duration::ZERO);
    while Instant::now() < until {
        // What people write goes first, as it is.
        let input = match seeds.get(executions as usize) {
            Some(seed) => seed.clone(),
            None => target.make(&mut mutator, &seeds),
        };
        if let Err(error) = std::fs::write(&now, &input) {
            eprintln!("error: {} cannot be written: {error}", now.display());
            return ExitCode::FAILURE;
        }
        let started = Instant::now();
        told.begin();
        let result = catch_unwind(AssertUnwindSafe(|| target.run(&now)));
        told.end();
        slowest = slowest.max(started.elapsed());
        executions += 1;
        match result {
            Ok(true) => accepted += 1,
            Ok(false) => {}
            Err(_) => {
                kept(name, &now, "it panicked, see above");
                return ExitCode::FAILURE;
            }
        }
    }
    println!(
        "{name}: {executions} executions in {} s, {accepted} accepted, slowest {slowest:.1?}, seed {}",
        options.seconds, options.seed
    );
    ExitCode::SUCCESS
}

/// Keep the input of a finding and say how to run it again.
fn kept(name: &str, now: &Path, what: &str) {
    let bytes = std::fs::read(now).unwrap_or_default();
    let path = now.with_file_name(format!("found-{}", types::ContentHash::of(&bytes)));
    if let Err(error) = std::fs::write(&path, &bytes) {
        eprintln!("error: {} cannot be written: {error}", path.display());
    }
    eprintln!(
        "{name}: {what}\n  the input: {} ({} bytes)\n  again:     cargo xtask fuzz --target {name} --replay {}",
        path.display(),
        bytes.len(),
        path.display()
    );
}
