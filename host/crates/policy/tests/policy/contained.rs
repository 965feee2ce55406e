//! What a mount contains: inner mounts with less access, and the house's own definitions.

use crate::common::*;
use charthouse_policy::*;
use std::path::Path;

fn globs(grant: &Grant, guest: &str) -> Vec<String> {
    let found = grant.mounts.iter().find(|mount| mount.guest == guest);
    let hide = &found.expect("it is mounted").hide;
    hide.iter().map(|glob| glob.glob.clone()).collect()
}

#[test]
fn an_inner_path_with_less_access_is_hidden_in_the_outer_mount() {
    let base = layer("base", |layer| {
        layer.mounts = vec![
            mount("/w", Some("w"), Some(Access::ReadWrite), &[]),
            mount("/w/secrets", None, Some(Access::None), &[]),
            mount("/w/docs", Some("w/docs"), Some(Access::ReadOnly), &[]),
            mount("/w/more", Some("w/more"), Some(Access::ReadWrite), &[]),
        ];
    });
    let grant = grant(&[&base], None, "fs.read");
    assert_eq!(globs(&grant, "/w"), ["docs", "secrets"]);
    assert!(globs(&grant, "/w/docs").is_empty());
    let why = grant
        .because
        .iter()
        .find(|line| line.what.contains("hide secrets"));
    assert!(
        why.is_some_and(|line| line.place.line > 0),
        "{:?}",
        grant.because
    );
}

#[test]
fn a_mount_that_can_be_written_does_not_show_the_house() {
    let own = ["house.yaml", "agents"];
    let resolve_with = |from: &str, access| {
        let base = layer("base", |layer| {
            layer.mounts = vec![mount("/w", Some(from), Some(access), &[])];
        });
        resolve(&Request {
            own: &own,
            root: Path::new(ROOT),
            layers: &[&base],
            ceiling: None,
            answers: None,
            tool: &tool("fs.write"),
        })
    };
    let whole = resolve_with(".", Access::ReadWrite);
    assert_eq!(globs(&whole, "/w"), ["house.yaml", "agents"]);
    let around = resolve_with("..", Access::ReadWrite);
    assert_eq!(globs(&around, "/w"), ["house/house.yaml", "house/agents"]);
    let read = resolve_with(".", Access::ReadOnly);
    assert!(globs(&read, "/w").is_empty());
    let inside = resolve_with("agents/x", Access::ReadWrite);
    assert_eq!(inside.mounts[0].access, Access::ReadOnly);
    let beside = resolve_with("out", Access::ReadWrite);
    assert_eq!(beside.mounts[0].access, Access::ReadWrite);
    assert!(globs(&beside, "/w").is_empty());
}
