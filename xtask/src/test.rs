//! `cargo xtask test`: everything that CI checks, in the order in which a mistake shows soonest.

use crate::shell::{self, cargo, root, target};
use crate::{code, docs, guests, languages};
use anyhow::Result;
use std::process::Command;

/// Check everything.
pub fn run() -> Result<()> {
    shell::run(cargo().args(["fmt", "--all", "--check"]))?;
    let plugins = guests::plugins()?;
    let test_guests = guests::tests()?;
    // What cannot be built is said and left out.
    languages::run_all()?;
    // Its tests pass without a look where it cannot be built.
    if code::has_js_tools() {
        code::js()?;
    }
    for workspace in ["plugins", "sdk/rust", "tests/guests"] {
        shell::run(
            cargo()
                .args(["fmt", "--check", "--all", "--manifest-path"])
                .arg(root().join(workspace).join("Cargo.toml")),
        )?;
    }
    shell::run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))?;
    // The programs that whole-system tests start.
    shell::run(cargo().args([
        "build",
        "--locked",
        "--package",
        "charthouse",
        "--package",
        "charthouse-auditor",
    ]))?;
    // A test builds a plugin as its author would.
    let flags = guests::target_flags()?;
    let with_guests = |command: &mut Command| {
        command
            .envs(flags.clone())
            .env("CHARTHOUSE_TEST_PLUGINS", &plugins)
            .env("CHARTHOUSE_TEST_GUESTS", &test_guests)
            .env("CHARTHOUSE_TEST_BIN", target().join("debug/charthouse"))
            .env_remove("NO_COLOR");
    };
    let mut tests = cargo();
    if has_nextest() {
        tests.args([
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
        ]);
    } else {
        tests.args([
            "test",
            "--workspace",
            "--all-targets",
            "--locked",
            "--no-fail-fast",
        ]);
    }
    with_guests(&mut tests);
    shell::run(&mut tests)?;
    let mut doc_tests = cargo();
    doc_tests.args(["test", "--workspace", "--doc", "--locked"]);
    with_guests(&mut doc_tests);
    shell::run(&mut doc_tests)?;
    for (workspace, build) in [("plugins", "plugins-native"), ("sdk/rust", "sdk-native")] {
        shell::run(
            cargo()
                .args(["test", "--locked", "--manifest-path"])
                .arg(root().join(workspace).join("Cargo.toml"))
                .args(["--workspace", "--all-features"])
                .env("CARGO_TARGET_DIR", target().join("wasm").join(build)),
        )?;
    }
    conformance()?;
    docs::run(true)
}

/// Run the fuzz targets for as long as is asked; `tests/fuzz` knows the options, and has a test that runs them for a moment.
pub fn fuzz(options: &[&str]) -> Result<()> {
    let mut command = cargo();
    command
        .args([
            "run",
            "--quiet",
            "--locked",
            "--package",
            "charthouse-fuzz",
            "--",
        ])
        .args(options)
        .env("CHARTHOUSE_FUZZ", target().join("fuzz"))
        .env("CHARTHOUSE_TEST_GUESTS", target().join("guests"));
    shell::run(&mut command)
}

/// Run the conformance cases.
pub fn conformance() -> Result<()> {
    shell::run(cargo().args(["run", "--quiet", "--locked", "--package", "conformance"]))
}

fn has_nextest() -> bool {
    Command::new("cargo")
        .args(["nextest", "--version"])
        .output()
        .is_ok_and(|output| output.status.success())
}
