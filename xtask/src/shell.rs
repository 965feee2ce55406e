//! Running other programs: each is shown before it runs, and its failure is ours.

use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// The repository's root.
pub fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map(PathBuf::from).unwrap_or(xtask)
}

/// Where cargo builds: `CARGO_TARGET_DIR`, else `target`.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => root().join(directory),
        None => root().join("target"),
    }
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // What cargo says of this package is no business of others: build scripts that look at it would run anew, and all that is built on them.
    for (name, _) in std::env::vars_os() {
        let is_ours =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_ours) {
            command.env_remove(name);
        }
    }
    // The host's build script looks for the components in `target/plugins`; elsewhere it has to be told.
    if std::env::var_os("CARGO_TARGET_DIR").is_some() {
        command.env("CHARTHOUSE_PLUGINS", target().join("plugins"));
    }
    command
}

/// `command` as a person reads it.
pub fn shown(command: &Command) -> String {
    let word = |word: &std::ffi::OsStr| {
        let word = word.to_string_lossy();
        let path = PathBuf::from(word.as_ref());
        match path.file_name() {
            Some(name) if path.is_absolute() && name.to_string_lossy().starts_with("cargo") => {
                name.to_string_lossy().into_owned()
            }
            _ => word.into_owned(),
        }
    };
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(word).collect::<Vec<String>>().join(" ")
}

/// Run `command`, showing it first.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    eprintln!("+ {shown}");
    let status = command
        .status()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}
