//! Building components: the first-party plugins and the guests that tests use. Nothing built is ever checked in.

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
    ensure_target()?;
    let manifest = root().join(workspace).join("Cargo.toml");
    let build_directory = target().join("wasm").join(output);
    run(cargo()
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

/// The target's standard library: there already, or from beside this checkout, or by rustup; else the one command to run.
pub fn ensure_target() -> Result<()> {
    if has_target() {
        return Ok(());
    }
    // A workplace without rustup's server may keep the target's archive beside the checkout.
    let beside = root().join("../shared/toolchain/install-wasm32-wasip2");
    if beside.exists() {
        let _ = run(Command::new("sh").arg(&beside));
        if has_target() {
            return Ok(());
        }
    }
    let added = run(Command::new("rustup").args(["target", "add", TARGET]));
    if added.is_ok() && has_target() {
        return Ok(());
    }
    bail!(
        "plugins are built for {TARGET}, whose standard library is not installed; run `rustup target add {TARGET}` and try again"
    )
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
