//! Building components: the first-party plugins and the guests that tests use. Nothing built is ever checked in.

use crate::distribution;
use crate::shell::{cargo, root, run, target};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGET: &str = "wasm32-wasip2";

/// Build `plugins/` into `target/plugins`.
pub fn plugins() -> Result<PathBuf> {
    build("plugins", "plugins")
}

/// Build `tests/guests/` into `target/guests`.
pub fn tests() -> Result<PathBuf> {
    build("tests/guests", "guests")
}

fn build(workspace: &str, output: &str) -> Result<PathBuf> {
    let sysroot = ensure_target()?;
    let manifest = root().join(workspace).join("Cargo.toml");
    let build_directory = target().join("wasm").join(output);
    let mut build = cargo();
    if let Some(sysroot) = sysroot {
        // On the command line it is joined with the flags of the workspace's own configuration; a variable might take their place.
        let flag = serde_json::to_string(&format!("--sysroot={}", sysroot.display()))?;
        build.args(["--config", &format!("target.{TARGET}.rustflags=[{flag}]")]);
    }
    run(build
        .args([
            "build",
            "--release",
            "--locked",
            "--target",
            TARGET,
            "--manifest-path",
        ])
        .arg(&manifest)
        // Its own directory, so that its own `.cargo/config.toml` counts.
        .current_dir(root().join(workspace))
        .env("CARGO_TARGET_DIR", &build_directory))?;
    let built = build_directory.join(TARGET).join("release");
    let output = target().join(output);
    std::fs::create_dir_all(&output)?;
    for component in components(&built)? {
        let name = component.file_name().context("a component has a name")?;
        let name = name.to_string_lossy();
        // Cargo names a library after its crate, which can have no hyphen; a plugin is called as its folder is.
        let hyphened = name.replace('_', "-");
        let folder = root()
            .join(workspace)
            .join(hyphened.trim_end_matches(".wasm"));
        let name = if folder.is_dir() {
            hyphened
        } else {
            name.into_owned()
        };
        copy_if_different(&component, &output.join(name))?;
    }
    Ok(output)
}

/// Copy only what changed, so that builds that embed a component are not made again for nothing.
fn copy_if_different(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from)?;
    if std::fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    std::fs::write(to, &bytes).with_context(|| format!("cannot write {}", to.display()))?;
    eprintln!("  {} ({} KiB)", to.display(), bytes.len() / 1024);
    Ok(())
}

fn components(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(directory)
        .with_context(|| format!("cannot list {}", directory.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "wasm"))
        .collect();
    found.sort();
    if found.is_empty() {
        bail!("no component was built in {}", directory.display());
    }
    Ok(found)
}

/// One way to the target's standard library.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// It is there already.
    Installed,
    /// A workplace without rustup's server may keep the target's archive beside the checkout.
    Beside,
    /// rustup has it.
    Rustup,
    /// The distribution has its sources.
    Distribution,
}

/// The order in which they are tried: the cheapest first.
const WAYS: [(&str, Way); 4] = [
    ("installed", Way::Installed),
    ("beside", Way::Beside),
    ("rustup", Way::Rustup),
    ("distribution", Way::Distribution),
];

/// Names the only way to take, to try out the later ones on a machine where an earlier one works.
const ONLY_FROM: &str = "CHARTHOUSE_TARGET_FROM";

/// What cargo must be told where the target's standard library does not lie where the compiler looks: a variable and its value.
pub fn target_flags() -> Result<Option<(&'static str, String)>> {
    let sysroot = ensure_target()?;
    Ok(sysroot.map(|sysroot| {
        let flags = format!("--sysroot={}", sysroot.display());
        ("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", flags)
    }))
}

/// The target's standard library, by the first way that leads to it. What comes back is where it lies, unless it lies where the compiler looks.
fn ensure_target() -> Result<Option<PathBuf>> {
    let only = std::env::var(ONLY_FROM).ok();
    if let Some(only) = &only
        && !WAYS.iter().any(|(name, _)| name == only)
    {
        let names: Vec<&str> = WAYS.iter().map(|(name, _)| *name).collect();
        bail!(
            "{ONLY_FROM}={only} names no way; it is one of {}",
            names.join(", ")
        );
    }
    let mut failures = Vec::new();
    for (name, way) in WAYS {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let taken = match way {
            Way::Installed => Ok(None),
            Way::Beside => beside().map(|()| None),
            Way::Rustup => {
                run(Command::new("rustup").args(["target", "add", TARGET])).map(|()| None)
            }
            Way::Distribution => distribution::sysroot(TARGET).map(Some),
        };
        match taken {
            Ok(Some(sysroot)) => return Ok(Some(sysroot)),
            Ok(None) if has_target() => return Ok(None),
            Ok(None) => failures.push(format!("  {name}: not there")),
            Err(error) => failures.push(format!("  {name}: {error:#}")),
        }
    }
    bail!(
        "plugins are built for {TARGET}, whose standard library is not installed:\n{}\nrun `rustup target add {TARGET}`, or install the compiler and its sources from your distribution, and try again",
        failures.join("\n")
    )
}

fn beside() -> Result<()> {
    let beside = root().join("../shared/toolchain/install-wasm32-wasip2");
    if !beside.exists() {
        bail!("there is none");
    }
    run(Command::new("sh").arg(&beside))
}

fn has_target() -> bool {
    let Ok(output) = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .stderr(Stdio::null())
        .output()
    else {
        return false;
    };
    let directory = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    std::fs::read_dir(directory).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}
