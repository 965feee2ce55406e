//! Files of cases that the command line names: which they are (a path means itself, or what a folder holds), and what is in them.

use crate::exit::{DEFINITIONS, Failure, USAGE};
use crate::print;
use definitions::Report;
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

/// Read all the files with `load`, so that one report holds all that is wrong with any of them. `None` where it was printed as JSON.
pub fn read<T>(
    paths: &[PathBuf],
    as_json: bool,
    load: impl Fn(&Path) -> Result<(T, Report), Report>,
) -> Result<Option<Vec<(String, T)>>, Failure> {
    let mut files = Vec::new();
    let mut all = Report::default();
    for path in paths {
        let report = match load(path) {
            Ok((file, warnings)) => {
                files.push((path.display().to_string(), file));
                warnings
            }
            Err(report) => report,
        };
        all = all.join(report);
    }
    if !all.is_ok() && as_json {
        print::json(&all.to_json())?;
        return Ok(None);
    }
    let rendered = all.render(print::color_on_stderr());
    if !all.is_ok() {
        return Err(Failure::report(DEFINITIONS, rendered));
    }
    print::err(&rendered);
    Ok(Some(files))
}

/// Paths as a message names them.
pub fn shown(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}
