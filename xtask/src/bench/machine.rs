//! What the figures were taken on: without it they mean nothing.

use anyhow::{Context, Result};
use std::fs::read_to_string;
use std::process::Command;

/// The facts that a reader needs to compare, as pairs of name and value.
pub fn facts() -> Result<Vec<(&'static str, String)>> {
    let cores = std::thread::available_parallelism()?;
    Ok(vec![
        ("date", said("date", &["-u", "+%Y-%m-%d"])?),
        (
            "machine",
            format!("{}, {cores} cores, {}", processor(), memory()),
        ),
        ("kernel", first_line("/proc/sys/kernel/osrelease")),
        (
            "transparent huge pages",
            first_line("/sys/kernel/mm/transparent_hugepage/enabled"),
        ),
        ("compiler", said("rustc", &["--version"])?),
        ("load before", load()),
    ])
}

/// The load of the last one, five and fifteen minutes.
pub fn load() -> String {
    let all = first_line("/proc/loadavg");
    all.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn processor() -> String {
    field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into())
}

fn memory() -> String {
    let kibibytes = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.map_or_else(
        || "unknown memory".into(),
        |kibibytes| format!("{} GiB", (kibibytes as f64 / f64::from(1 << 20)).round()),
    )
}

/// The value after `name` and a colon.
fn field(path: &str, name: &str) -> Option<String> {
    let text = read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_line(path: &str) -> String {
    let text = read_to_string(path).unwrap_or_else(|_| "unknown".into());
    text.lines().next().unwrap_or_default().to_owned()
}

fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
