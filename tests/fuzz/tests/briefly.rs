//! Every target for a moment, with every change. `cargo xtask fuzz --seconds 600` is the same for longer.

use std::path::Path;
use std::process::Command;

#[test]
fn every_target_for_a_moment() {
    let seconds = std::env::var("CHARTHOUSE_FUZZ_SECONDS").unwrap_or_else(|_| "2".into());
    let output = Command::new(env!("CARGO_BIN_EXE_charthouse-fuzz"))
        .args(["--seconds", &seconds])
        .env(
            "CHARTHOUSE_FUZZ",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz"),
        )
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for target in ["policy", "chart", "house", "bytes", "modules", "reflection"] {
        let line = said.lines().find(|line| line.starts_with(target)).unwrap();
        let executions: u64 = line.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(executions > 1, "{line}");
    }
}
