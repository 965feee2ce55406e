//! Tool `edit`: one text in a file for another.

use crate::{hunks, matching, near, replace};
use charthouse_sdk::files::{CHUNK, Mounts, Place};
use charthouse_sdk::{Failure, Json, arguments};
use serde::Serialize;

/// What the model reads about the tool.
pub const DESCRIPTION: &str = "Replaces a piece of a text file: old, which must occur exactly once, by new. Give old exactly as it stands in the \
    file, white space included, with enough of the surroundings to be the only one; with all = true every occurrence is replaced. Line ends \
    stay those of the file. Answers JSON: path, start and end (the lines that now hold new), replaced (how many places), lines, bytes, and \
    diff, what has changed. A failure leaves the file as it was and says how often and where old occurs, or what is nearest to it.";

/// The largest file that is edited; it is held whole.
const LARGEST: u64 = 8 << 20;
/// How many places are told of an `old` that occurs too often.
const TOLD: usize = 10;

arguments! {
    /// Which text of which file, and what shall stand there.
    pub struct Edit {
        /// The file's absolute path, for instance `/workspace/src/main.rs`; a relative one is taken below `/workspace`.
        path: String,
        /// The text that is there now.
        old: String,
        /// The text that shall be there.
        new: String,
        /// Whether to replace every occurrence.
        all: bool = false,
    }
}

#[derive(Debug, Serialize)]
struct Answer {
    path: String,
    start: usize,
    end: usize,
    replaced: usize,
    lines: usize,
    bytes: usize,
    diff: String,
}

/// Edit a file.
pub fn edit(mounts: &Mounts, arguments: Edit) -> Result<Json<impl Serialize + use<>>, Failure> {
    if arguments.old.is_empty() {
        return Err(Failure::invalid(
            "`old` is empty: give the text that is to be replaced, or use `write` for a whole file",
        ));
    }
    if arguments.old == arguments.new {
        return Err(Failure::invalid(
            "`old` and `new` are the same: there is nothing to change",
        ));
    }
    let place = mounts.place(&arguments.path)?;
    let content = whole(&place)?;
    let old = matching::with_line_ends_of(&content, &arguments.old);
    let new = matching::with_line_ends_of(&content, &arguments.new);
    let places = matching::occurrences(&content, &old);
    match places.as_slice() {
        [] => {
            return Err(Failure::failed(format!(
                "`old` does not occur in `{}`: {}",
                place.path,
                matching::nearest(&content, &arguments.old)
            )));
        }
        [_] => {}
        _ if arguments.all => {}
        many => return Err(too_often(&place, &content, many)),
    }
    let edited = hunks::apply(&content, &places, old.len(), new.as_bytes());
    let target = replace::target(&place, "edit")?;
    replace::replace(&place.mount.directory, &target.path, &edited.content)
        .map_err(|error| replace::explain(&place, "edit", &error))?;
    Ok(Json(Answer {
        path: place.path,
        start: edited.lines.0,
        end: edited.lines.1,
        replaced: places.len(),
        lines: String::from_utf8_lossy(&edited.content).lines().count(),
        bytes: edited.content.len(),
        diff: edited.diff,
    }))
}

/// All of the file at `place`.
fn whole(place: &Place<'_>) -> Result<Vec<u8>, Failure> {
    let mut file = place
        .mount
        .directory
        .open_file(&place.relative)
        .map_err(|error| near::explain(place, "edit", &error))?;
    let told = |error: charthouse_sdk::files::FileError| {
        error.failure(format_args!("edit `{}`", place.path))
    };
    let size = file.size().map_err(told)?;
    let mut content = Vec::new();
    loop {
        let chunk = file.read_chunk(CHUNK).map_err(told)?;
        if chunk.is_empty() {
            break;
        }
        content.extend_from_slice(&chunk);
        if content.len() as u64 > LARGEST {
            return Err(Failure::failed(format!(
                "`{}` has {size} bytes; files of more than {LARGEST} are not edited",
                place.path
            )));
        }
    }
    if memchr::memchr(0, &content).is_some() {
        return Err(Failure::failed(format!(
            "`{}` is a binary file (it contains NUL bytes) of {size} bytes; only text can be edited",
            place.path
        )));
    }
    Ok(content)
}

fn too_often(place: &Place<'_>, content: &[u8], places: &[usize]) -> Failure {
    let lines: Vec<String> = places
        .iter()
        .take(TOLD)
        .map(|at| matching::line_of(content, *at).to_string())
        .collect();
    let more = if places.len() > TOLD { ", …" } else { "" };
    Failure::failed(format!(
        "`old` occurs {} times in `{}`, at lines {}{more}: give more of what stands around the one you mean, or set `all` to true",
        places.len(),
        place.path,
        lines.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::fs;

    /// Edits a file of that content; gives the answer and the content afterwards.
    fn call(content: &[u8], old: &str, new: &str, all: bool) -> (Result<Value, Failure>, Vec<u8>) {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.txt");
        fs::write(&file, content).unwrap();
        let mounts = Mounts::of(&[("/workspace", root.path())]).unwrap();
        let arguments = Edit {
            path: "a.txt".to_owned(),
            old: old.to_owned(),
            new: new.to_owned(),
            all,
        };
        let answer = edit(&mounts, arguments).map(|answer| serde_json::to_value(answer.0).unwrap());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
        (answer, fs::read(file).unwrap())
    }

    #[test]
    fn the_one_occurrence_is_replaced() {
        let (answer, content) = call(b"a\nb\nc\n", "b\n", "x\ny\n", false);
        assert_eq!(content, b"a\nx\ny\nc\n");
        assert_eq!(
            answer.unwrap(),
            json!({
                "path": "/workspace/a.txt", "start": 2, "end": 3, "replaced": 1, "lines": 4, "bytes": 8,
                "diff": "@@ -1,3 +1,4 @@\n a\n-b\n+x\n+y\n c\n",
            })
        );
    }

    #[test]
    fn windows_line_ends_stay() {
        let (answer, content) = call(b"a\r\nb\r\nc\r\n", "a\nb", "a\nx", false);
        assert_eq!(content, b"a\r\nx\r\nc\r\n");
        assert_eq!(answer.unwrap()["replaced"], 1);
    }

    #[test]
    fn several_occurrences_need_all() {
        let (answer, content) = call(b"x\ny\nx\n", "x", "z", false);
        assert_eq!(content, b"x\ny\nx\n");
        assert_eq!(
            answer.unwrap_err().message(),
            "`old` occurs 2 times in `/workspace/a.txt`, at lines 1, 3: give more of what stands around the one you mean, or set `all` to true"
        );
        let (answer, content) = call(b"x\ny\nx\n", "x", "z", true);
        assert_eq!(content, b"z\ny\nz\n");
        assert_eq!(answer.unwrap()["replaced"], 2);
    }

    #[test]
    fn what_cannot_be_edited_stays_as_it_was() {
        for (content, old, new, expected) in [
            (
                &b"a\n"[..],
                "b",
                "c",
                "`old` does not occur in `/workspace/a.txt`: no line is like its first line",
            ),
            (b"a\0b", "a", "c", "binary file"),
            (b"a", "", "c", "`old` is empty"),
            (b"a", "a", "a", "nothing to change"),
        ] {
            let (answer, after) = call(content, old, new, false);
            assert!(
                answer.as_ref().unwrap_err().message().contains(expected),
                "{answer:?}"
            );
            assert_eq!(after, content);
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_stay() {
        let (_, content) = call(b"\xFF a \xFE\n", "a", "b", false);
        assert_eq!(content, b"\xFF b \xFE\n");
    }
}
