//! What people write: the definitions in this repository.

use std::path::{Path, PathBuf};

/// Most files of one corpus, and the longest.
const FILES: usize = 200;
const LENGTH: u64 = 32 << 10;

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All files of YAML below the repository's definitions whose first key is one of `kinds`.
pub fn definitions(kinds: &[&str]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for directory in ["charts", "tests/definitions", "tests/charts"] {
        gather(&repository().join(directory), kinds, &mut found);
    }
    found.truncate(FILES);
    found
}

fn gather(directory: &Path, kinds: &[&str], found: &mut Vec<Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            gather(&path, kinds, found);
            continue;
        }
        let small = path.metadata().is_ok_and(|file| file.len() <= LENGTH);
        if path.extension().is_none_or(|extension| extension != "yaml") || !small {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let first = text
            .lines()
            .find(|line| !line.starts_with('#') && !line.trim().is_empty());
        let kind = first.and_then(|line| line.split(':').next());
        if kind.is_some_and(|kind| kinds.contains(&kind)) {
            found.push(text.into_bytes());
        }
    }
}
