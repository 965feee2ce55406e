//! The conformance runner: every case below the folders of `CHARTHOUSE_CONFORMANCE` through the engine that agents run on.
//!
//! `cargo run -p conformance [FOLDER…]`. It names each failure with what was expected and what came, and ends with the line
//! `N passed, N failed, N skipped`; the exit code is 1 if anything failed. Folders that are absent are said and skipped.

use anyhow::{Context, Result};
use conformance::case;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What the suites lie in when nobody says otherwise, beside the repository; our own cases are `cases` here.
const SUITES: [&str; 3] = ["corner", "scion", "w3c-sample"];

fn main() -> Result<ExitCode> {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for folder in folders() {
        if !folder.is_dir() {
            println!("skipped {}: there is no such folder", folder.display());
            skipped += 1;
            continue;
        }
        let mut files = Vec::new();
        cases_below(&folder, &mut files)?;
        files.sort();
        if files.is_empty() {
            println!("skipped {}: there is no case in it", folder.display());
            skipped += 1;
        }
        for file in files {
            let result = case::read(&file).and_then(|case| {
                for remark in &case.remarks {
                    let file = file.display();
                    println!("note {file}: the field `{remark}` is not of the format and was not looked at");
                }
                case::play(&case)
            });
            match result {
                Ok(()) => passed += 1,
                Err(error) => {
                    failed += 1;
                    println!("FAILED {}: {error:#}", file.display());
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// From the command line, else from the environment, else beside the repository.
fn folders() -> Vec<PathBuf> {
    let named: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if !named.is_empty() {
        return named;
    }
    if let Some(list) = std::env::var_os("CHARTHOUSE_CONFORMANCE").filter(|list| !list.is_empty()) {
        return std::env::split_paths(&list).collect();
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../../../shared/conformance");
    // The plain path reads better in a message, where it exists.
    let shared = shared.canonicalize().unwrap_or(shared);
    let suites = SUITES.iter().map(|suite| shared.join(suite));
    std::iter::once(here.join("cases")).chain(suites).collect()
}

fn cases_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("the folder {} cannot be read", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        // A link to a folder is not followed: it could lead in a circle.
        if kind.is_dir() {
            cases_below(&entry.path(), files)?;
        } else if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(entry.path());
        }
    }
    Ok(())
}
