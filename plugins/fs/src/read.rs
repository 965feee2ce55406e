//! Tool `read`: one page of a text file's lines.

use crate::near;
use crate::page::{BYTES, LINE_BYTES, LINES, Page};
use charthouse_sdk::files::{CHUNK, Mounts};
use charthouse_sdk::{Failure, Part, arguments};
use memchr::memchr;
use serde::Serialize;
use std::num::NonZeroU64;

/// What the model reads about the tool.
pub const DESCRIPTION: &str = "Reads a text file. The first part of the answer is the text of the lines asked for, exactly as it stands in \
    the file, without line numbers; the second part is JSON: path, start, end, lines (how many the file has, where that is known), bytes (the \
    file's size) and, where there is more, next_start: the start of the next page. A page holds at most 2,000 lines and 64 KiB; of a longer \
    line 4 KiB are shown, or 64 KiB with lines = 1. Binary files are not read.";

/// Files up to this size are read to their end, so that the answer can say how many lines they have.
const COUNTED: u64 = 16 << 20;

arguments! {
    /// Which lines of which file.
    pub struct Read {
        /// The file's absolute path, for instance `/workspace/src/main.rs`; a relative one is taken below `/workspace`.
        path: String,
        /// The first line, counted from 1; 1 when absent.
        start: Option<NonZeroU64>,
        /// How many lines at most; as many as a page holds when absent.
        lines: Option<NonZeroU64>,
    }
}

#[derive(Debug, Serialize)]
struct About {
    path: String,
    start: u64,
    end: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u64>,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_start: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cut_lines: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// Read a page.
pub fn read(mounts: &Mounts, arguments: Read) -> Result<Vec<Part>, Failure> {
    let place = mounts.place(&arguments.path)?;
    let mut file = place
        .mount
        .directory
        .open_file(&place.relative)
        .map_err(|error| near::explain(&place, "read", &error))?;
    let told = |error: charthouse_sdk::files::FileError| {
        error.failure(format_args!("read `{}`", place.path))
    };
    let size = file.size().map_err(told)?;
    let start = arguments.start.map_or(1, NonZeroU64::get);
    let mut page = Page::new(start, arguments.lines.map_or(LINES, NonZeroU64::get));

    let mut ended = false;
    while !page.is_full() || size <= COUNTED {
        let chunk = file.read_chunk(CHUNK).map_err(told)?;
        if chunk.is_empty() {
            ended = true;
            break;
        }
        if !page.is_full() && memchr(0, &chunk).is_some() {
            return Err(Failure::failed(format!(
                "`{}` is a binary file (it contains NUL bytes) of {size} bytes; only text can be read",
                place.path
            )));
        }
        page.feed(&chunk);
    }

    let filled = page.finish();
    if filled.taken == 0 && start > 1 {
        return Err(Failure::invalid(format!(
            "`start` is {start}, but `{}` has only {} lines",
            place.path, filled.seen
        )));
    }
    let end = start - 1 + filled.taken;
    let (text, mut notes) = match String::from_utf8(filled.text) {
        Ok(text) => (text, Vec::new()),
        Err(error) => (
            String::from_utf8_lossy(error.as_bytes()).into_owned(),
            vec!["some bytes are not UTF-8 and are shown as \u{FFFD}".to_owned()],
        ),
    };
    if !filled.cut.is_empty() {
        let shown = if arguments.lines.map(NonZeroU64::get) == Some(1) {
            BYTES
        } else {
            LINE_BYTES
        };
        notes.push(format!(
            "of the lines in cut_lines only the first {shown} bytes are shown"
        ));
    }
    let about = About {
        path: place.path,
        start,
        end,
        lines: ended.then_some(filled.seen),
        bytes: size,
        // Before the end of the file was reached, there is more, be it only the rest of a line.
        next_start: (!ended || filled.seen > end).then_some(end + 1),
        cut_lines: filled.cut,
        notes,
    };
    Ok(vec![Part::Text(text), Part::json(&about)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn call(
        path: &str,
        start: u64,
        lines: u64,
        content: &[u8],
    ) -> Result<(String, Value), Failure> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.txt"), content).unwrap();
        std::fs::create_dir(directory.path().join("sub")).unwrap();
        let mounts = Mounts::of(&[("/workspace", directory.path())]).unwrap();
        let arguments = Read {
            path: path.to_owned(),
            start: NonZeroU64::new(start),
            lines: NonZeroU64::new(lines),
        };
        match read(&mounts, arguments)?.as_slice() {
            [Part::Text(text), Part::Json(about)] => {
                Ok((text.clone(), serde_json::from_str(about).unwrap()))
            }
            parts => panic!("{parts:?}"),
        }
    }

    #[test]
    fn pages_lead_from_one_to_the_next() {
        let content = b"one\ntwo\nthree\n";
        assert_eq!(
            call("a.txt", 0, 2, content).unwrap(),
            (
                "one\ntwo\n".to_owned(),
                json!({"path": "/workspace/a.txt", "start": 1, "end": 2, "lines": 3, "bytes": 14, "next_start": 3})
            )
        );
        let (text, about) = call("/workspace/sub/../a.txt", 3, 2, content).unwrap();
        assert_eq!(text, "three\n");
        assert_eq!(
            (about["end"].clone(), about.get("next_start")),
            (json!(3), None)
        );
    }

    #[test]
    fn an_empty_file_has_no_lines() {
        let (text, about) = call("a.txt", 0, 0, b"").unwrap();
        assert_eq!(text, "");
        assert_eq!(
            about,
            json!({"path": "/workspace/a.txt", "start": 1, "end": 0, "lines": 0, "bytes": 0})
        );
    }

    #[test]
    fn what_is_not_text_is_told() {
        let message = call("a.txt", 0, 0, b"ab\0c").unwrap_err();
        assert!(
            message
                .message()
                .contains("binary file (it contains NUL bytes) of 4 bytes"),
            "{message:?}"
        );
        let (text, about) = call("a.txt", 0, 0, b"a\xFFb\n").unwrap();
        assert_eq!(text, "a\u{FFFD}b\n");
        assert!(about["notes"][0].as_str().unwrap().contains("not UTF-8"));
    }

    #[test]
    fn a_start_beyond_the_end_says_how_many_lines_there_are() {
        let failure = call("a.txt", 9, 0, b"one\n").unwrap_err();
        assert_eq!(
            failure,
            Failure::invalid("`start` is 9, but `/workspace/a.txt` has only 1 lines")
        );
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_near_one() {
        let failure = call("b.txt", 0, 0, b"").unwrap_err();
        assert_eq!(
            failure,
            Failure::failed(
                "cannot read `/workspace/b.txt`: there is no `b.txt` in `/workspace`; did you mean `a.txt`?"
            )
        );
        let failure = call("sub", 0, 0, b"").unwrap_err();
        assert_eq!(
            failure,
            Failure::failed(
                "cannot read `/workspace/sub`: it is a directory; use `list` to see what it holds"
            )
        );
        let failure = call("a.txt/x", 0, 0, b"").unwrap_err();
        assert_eq!(
            failure,
            Failure::failed(
                "cannot read `/workspace/a.txt/x`: `/workspace/a.txt` is a file, not a directory"
            )
        );
    }
}
