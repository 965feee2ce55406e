//! Holds the arrows of DESIGN §3: which part may depend on which, and which part alone names a library.

use cargo_metadata::{Metadata, MetadataCommand, Package};
use charthouse_tests::repository;
use std::collections::{BTreeMap, BTreeSet};

const PARTS: [&str; 14] = [
    "types",
    "chart",
    "policy",
    "context",
    "definitions",
    "change",
    "sandbox",
    "provider",
    "journal",
    "ledger",
    "memory",
    "sign",
    "audit",
    "runtime",
];

/// Every package of the workspace, and the packages of the workspace that it may depend on. ARCHITECTURE.md draws the same.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let part = |name: &str| format!("charthouse-{name}");
    let parts = |names: &[&str]| names.iter().map(|name| part(name)).collect::<BTreeSet<_>>();
    BTreeMap::from([
        (part("types"), parts(&[])),
        (part("chart"), parts(&["types"])),
        (part("policy"), parts(&["types"])),
        (part("context"), parts(&["types"])),
        (
            part("definitions"),
            parts(&["types", "chart", "policy", "context", "sign"]),
        ),
        (
            part("change"),
            parts(&["types", "chart", "policy", "context", "definitions"]),
        ),
        (part("sign"), parts(&["types"])),
        (part("audit"), parts(&["types", "journal", "sign"])),
        // Shares no code with what it checks.
        (part("auditor"), parts(&[])),
        (part("sandbox"), parts(&["types", "policy"])),
        (part("provider"), parts(&["types"])),
        (part("journal"), parts(&["types"])),
        (part("ledger"), parts(&["types"])),
        (part("memory"), parts(&["types", "journal"])),
        (part("runtime"), parts(&PARTS[..13])),
        ("charthouse".into(), parts(&PARTS)),
        ("conformance".into(), parts(&["types", "chart"])),
        ("xtask".into(), parts(&[])),
        (part("tests"), parts(&[])),
        (
            part("fuzz"),
            parts(&["types", "policy", "definitions", "sandbox"]),
        ),
    ])
}

/// Libraries (by the beginning of their names) and the only packages that may name them. The database, for one, is `journal`'s alone.
const OWNED: [(&str, &[&str]); 12] = [
    ("wasmtime", &["charthouse-sandbox"]),
    ("reqwest", &["charthouse-provider"]),
    ("rustls", &["charthouse-provider"]),
    ("rusqlite", &["charthouse-journal"]),
    ("minijinja", &["charthouse-context", "charthouse-provider"]),
    (
        "serde-saphyr",
        &[
            "charthouse-definitions",
            "charthouse-provider",
            "charthouse-auditor",
        ],
    ),
    ("globset", &["charthouse-policy", "charthouse-definitions"]),
    ("clap", &["charthouse"]),
    ("ssh-key", &["charthouse-sign"]),
    ("ed25519-dalek", &["charthouse-sign", "charthouse-auditor"]),
    ("tiktoken", &["charthouse-context"]),
    // The daemon answers requests with what the client behind reqwest brings along.
    ("hyper", &["charthouse"]),
];

/// Other libraries for the same jobs: nobody may name them, so that no second way of doing a thing comes in unseen.
const NOBODYS: [&str; 8] = [
    "serde_yaml",
    "serde_yml",
    "serde_norway",
    "yaml-rust",
    "saphyr",
    "ureq",
    "sqlx",
    "wasmer",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(repository().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".into()])
        .exec()
        .expect("cargo metadata reads the workspace")
}

/// What `package` depends on, in any way: for building, testing and running.
fn dependencies(package: &Package) -> BTreeSet<&str> {
    package
        .dependencies
        .iter()
        .map(|dependency| dependency.name.as_str())
        .collect()
}

#[test]
fn every_package_is_in_the_list() {
    let metadata = metadata();
    let found: BTreeSet<&str> = metadata
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let allowed = allowed();
    let known: BTreeSet<&str> = allowed.keys().map(String::as_str).collect();
    let strangers: Vec<_> = found.difference(&known).collect();
    assert!(
        strangers.is_empty(),
        "{strangers:?}: say in ARCHITECTURE.md why this package is there, and add it to `allowed` in tests/tests/arrows.rs \
         with what it may depend on"
    );
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(
        gone.is_empty(),
        "{gone:?}: take it out of `allowed` in tests/tests/arrows.rs and out of ARCHITECTURE.md"
    );
}

#[test]
fn no_arrow_points_the_wrong_way() {
    let metadata = metadata();
    let allowed = allowed();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(may) = allowed.get(name) else {
            continue;
        };
        for dependency in dependencies(package) {
            assert!(
                !allowed.contains_key(dependency) || may.contains(dependency),
                "{name} must not depend on {dependency}: DESIGN §3 draws no such arrow"
            );
        }
    }
}

#[test]
fn one_part_alone_names_each_library_of_the_outside_world() {
    let metadata = metadata();
    for package in &metadata.packages {
        for dependency in dependencies(package) {
            for (library, owners) in OWNED {
                let is_it = dependency == library
                    || dependency
                        .strip_prefix(library)
                        .is_some_and(|rest| rest.starts_with('-'));
                assert!(
                    !is_it || owners.contains(&package.name.as_str()),
                    "{} must not name {dependency}: only {owners:?} may",
                    package.name
                );
            }
            assert!(
                !NOBODYS.contains(&dependency),
                "{} must not name {dependency}",
                package.name
            );
        }
    }
}

#[test]
fn pure_parts_name_no_clock_no_chance_and_no_io() {
    let metadata = metadata();
    let pure = [
        "charthouse-types",
        "charthouse-chart",
        "charthouse-context",
        "charthouse-policy",
        "charthouse-ledger",
        "charthouse-change",
    ];
    let impure = [
        "tokio",
        "rand",
        "getrandom",
        "chrono",
        "time",
        "rustix",
        "futures-util",
        "tempfile",
    ];
    for package in &metadata.packages {
        if pure.contains(&package.name.as_str()) {
            let named = dependencies(package);
            let found: Vec<_> = impure
                .iter()
                .filter(|library| named.contains(*library))
                .collect();
            assert!(
                found.is_empty(),
                "{} is pure and must not name {found:?}",
                package.name
            );
        }
    }
}
