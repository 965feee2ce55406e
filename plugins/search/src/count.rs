//! Tool `count`: files, lines and bytes.

use crate::groups::{Groups, Rest, Row, Total};
use crate::language::{extension, language};
use crate::measure::measure;
use crate::rules::RULES;
use crate::skipped::{Example, Reason, Skipped, Tally};
use crate::walk::{Found, walk};
use charthouse_sdk::files::{Kind, Mounts};
use charthouse_sdk::{Failure, Json, arguments, choices};
use serde::Serialize;
use std::num::NonZeroU64;

/// What the model reads about the tool.
pub const DESCRIPTION: &str = "Counts files, lines and bytes by language, extension, directory (the first level below path; . for files directly \
    in it) or file. Answers JSON: path, by, total (files, lines, bytes, binary: how many files are binary), rows (key, files, lines, bytes), \
    most lines first, by file the largest first; rest, the sums of the rows that are not told; rules; skipped and skipped_paths, what was left \
    out. A language is known by the file's name or extension; an extension is what follows the last dot of the name.";

/// How many rows are told when nothing is said.
const ROWS: u64 = 50;
/// How many rows are told at most.
const MOST_ROWS: u64 = 500;

choices! {
    /// What files are grouped by.
    pub enum By {
        /// The language, by name or extension.
        Language = "language",
        /// What follows the last dot.
        Extension = "extension",
        /// The first directory below the path.
        Directory = "directory",
        /// Each file by itself.
        File = "file",
    }
}

arguments! {
    /// What to count.
    pub struct Count {
        /// Where: an absolute path, or one below `/workspace`.
        path: String,
        /// What to group by.
        by: By,
        /// How many rows to tell, up to 500; 50 when absent. The others are summed up in rest.
        top: Option<NonZeroU64>,
    }
}

#[derive(Debug, Serialize)]
struct Answer {
    path: String,
    by: &'static str,
    total: Total,
    rows: Vec<Row>,
    rest: Rest,
    rules: [&'static str; RULES.len()],
    skipped: Tally,
    skipped_paths: Vec<Example>,
}

/// Count.
pub fn count(mounts: &Mounts, arguments: Count) -> Result<Json<impl Serialize + use<>>, Failure> {
    let top = arguments.top.map_or(ROWS, NonZeroU64::get).min(MOST_ROWS) as usize;
    let by = arguments.by;
    let mut groups = match by {
        By::File => Groups::single(top),
        _ => Groups::keyed(),
    };
    let mut total = Total::default();
    let mut skipped = Skipped::default();
    let path = walk(
        mounts,
        &arguments.path,
        &mut skipped,
        &mut |found, skipped| {
            if found.kind != Kind::File {
                return;
            }
            let Ok(measured) = found.open().and_then(|mut file| measure(&mut file)) else {
                skipped.add(Reason::Unreadable, found.path);
                return;
            };
            if measured.binary {
                skipped.add(Reason::Binary, found.path);
                total.binary += 1;
            }
            total.sums.files += 1;
            total.sums.lines += measured.lines;
            total.sums.bytes += measured.bytes;
            groups.add(key(by, found), measured);
        },
    )?;
    let (rows, rest) = groups.finish(top);
    Ok(Json(Answer {
        path,
        by: by.as_str(),
        total,
        rows,
        rest,
        rules: RULES,
        skipped: skipped.tally(true),
        skipped_paths: skipped.examples(),
    }))
}

fn key(by: By, found: &Found<'_>) -> String {
    match by {
        By::Language => language(found.name),
        By::Extension => match extension(found.name) {
            Some(extension) => format!(".{extension}"),
            None => "(no extension)".to_owned(),
        },
        By::Directory => match found.path.split_once('/') {
            Some((directory, _)) => directory.to_owned(),
            None => ".".to_owned(),
        },
        By::File => found.path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::fs;

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("src")).unwrap();
        fs::create_dir_all(root.path().join(".git")).unwrap();
        for (name, content) in [
            ("src/a.rs", &b"fn a() {}\n"[..]),
            ("src/b.rs", b"one\ntwo\nno end"),
            ("src/logo.png", b"\x89PNG\0\n\n"),
            ("README.md", b"# Title\n"),
            ("empty", b""),
            (".git/config", b"x\n"),
        ] {
            fs::write(root.path().join(name), content).unwrap();
        }
        root
    }

    fn call(path: &str, by: By, top: Option<u64>) -> Value {
        let root = tree();
        let mounts = Mounts::of(&[("/workspace", root.path())]).unwrap();
        let arguments = Count {
            path: path.to_owned(),
            by,
            top: top.and_then(NonZeroU64::new),
        };
        serde_json::to_value(count(&mounts, arguments).unwrap().0).unwrap()
    }

    #[test]
    fn languages_are_counted() {
        let answer = call("/workspace", By::Language, None);
        assert_eq!(
            answer["total"],
            json!({"files": 5, "lines": 4, "bytes": 39, "binary": 1})
        );
        assert_eq!(
            answer["rows"],
            json!([
                {"key": "Rust", "files": 2, "lines": 3, "bytes": 24},
                {"key": "Markdown", "files": 1, "lines": 1, "bytes": 8},
                {"key": "other (.png)", "files": 1, "lines": 0, "bytes": 7},
                {"key": "other (no extension)", "files": 1, "lines": 0, "bytes": 0},
            ])
        );
        assert_eq!(
            answer["rest"],
            json!({"keys": 0, "files": 0, "lines": 0, "bytes": 0})
        );
        assert_eq!(
            answer["skipped"],
            json!({"hidden": 1, "symlinks": 0, "caches": 0, "special": 0, "unreadable": 0, "binary": 1})
        );
        assert_eq!(answer["rules"].as_array().unwrap().len(), RULES.len());
    }

    #[test]
    fn files_directories_and_extensions_are_counted() {
        let files = call(".", By::File, Some(2));
        assert_eq!(
            files["rows"],
            json!([
                {"key": "src/b.rs", "files": 1, "lines": 2, "bytes": 14},
                {"key": "src/a.rs", "files": 1, "lines": 1, "bytes": 10},
            ])
        );
        assert_eq!(
            files["rest"],
            json!({"keys": 3, "files": 3, "lines": 1, "bytes": 15})
        );
        let all = call(".", By::File, None);
        assert_eq!(
            all["rows"][3],
            json!({"key": "src/logo.png", "files": 1, "lines": 0, "bytes": 7, "binary": true})
        );
        let keys = |answer: Value| -> Vec<String> {
            answer["rows"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["key"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(keys(call(".", By::Directory, None)), ["src", "."]);
        assert_eq!(
            keys(call(".", By::Extension, None)),
            [".rs", ".md", "(no extension)", ".png"]
        );
        assert_eq!(keys(call("src/a.rs", By::File, None)), ["a.rs"]);
    }
}
