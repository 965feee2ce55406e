//! What plugins are built against does not change under them: a released version of the WIT package stays as it was, to the byte, and the package that is
//! worked on is either that one or has a version of its own.

use charthouse_tests::repository;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The WIT files of a directory, by name.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "wit"))
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

/// The version that every file of a package must name alike.
fn version(files: &BTreeMap<String, String>) -> String {
    let versions = files
        .values()
        .flat_map(|text| text.lines())
        .filter_map(|line| {
            let rest = line.strip_prefix("package charthouse:plugin@")?;
            rest.strip_suffix(';')
        });
    let mut versions: Vec<&str> = versions.collect();
    versions.dedup();
    assert_eq!(versions.len(), 1, "{versions:?}");
    versions[0].to_owned()
}

#[test]
fn a_released_version_is_what_it_was() {
    let released = repository().join("wit/released");
    let ran = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&released)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "a released file has changed:\n{said}");
    let mut listed: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_suffix(": OK"))
        .collect();
    listed.sort_unstable();
    let mut found = Vec::new();
    for entry in fs::read_dir(&released).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let files = files(&path);
        assert_eq!(
            version(&files),
            name,
            "a directory is named after its version"
        );
        found.extend(files.into_keys().map(|file| format!("{name}/{file}")));
    }
    found.sort_unstable();
    assert_eq!(listed, found, "SHA256SUMS lists every released file");
}

#[test]
fn the_package_is_a_released_one_or_has_another_version() {
    let wit = repository().join("wit");
    let present = files(&wit);
    let same = wit.join("released").join(version(&present));
    if same.exists() {
        assert_eq!(
            present,
            files(&same),
            "this version is released: give the package another one before you change it"
        );
    }
}
