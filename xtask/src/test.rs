//! `cargo xtask test`: everything that CI checks, in the order in which a mistake shows soonest.

use crate::shell::{self, cargo, root, target};
use crate::{docs, guests};
use anyhow::Result;
use std::process::Command;

/// Check everything.
pub fn run() -> Result<()> {
    shell::run(cargo().args(["fmt", "--all", "--check"]))?;
    let plugins = guests::plugins()?;
    let test_guests = guests::tests()?;
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
    // The program that whole-system tests start.
    shell::run(cargo().args(["build", "--locked", "--package", "charthouse"]))?;
    let with_guests = |command: &mut Command| {
        command
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
