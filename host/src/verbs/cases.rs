//! Which files of cases a path on the command line means: itself, or what a folder holds.

use crate::exit::{Failure, USAGE};
use std::path::{Path, PathBuf};

/// Put the files that `path` means into `found`, those of a folder sorted by name; `help` says what to name instead where there is nothing.
pub fn find(path: &Path, help: &str, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::new(USAGE, format!("cannot read {}: {error}", path.display())).help(help)
    };
    if !std::fs::metadata(path).map_err(cannot)?.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(path).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        // A linked folder may lead round in a circle.
        let is_folder = entry.file_type().map_err(cannot)?.is_dir();
        let path = entry.path();
        let is_yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && (is_folder || (is_yaml && path.is_file())) {
            inside.push(path);
        }
    }
    inside.sort();
    inside.iter().try_for_each(|path| find(path, help, found))
}

/// Paths as a message names them.
pub fn shown(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}
