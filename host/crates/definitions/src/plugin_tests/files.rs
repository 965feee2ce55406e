//! The files of a case: written out where they stand, or copied from a file beside the cases.

use super::matcher;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use std::path::{Component, Path};
use types::{Marked, Place};

/// A fixture that is larger than this is no case but a benchmark.
const LARGEST: u64 = 16 << 20;

/// A file that a case has before its call.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// Where it lies in the case's directory: relative, with `/` between directories.
    pub path: Marked<String>,
    /// What it holds.
    pub content: Vec<u8>,
}

/// `{ notes.txt: "one\n", picture.png: { from: fixtures/picture.png } }`.
pub(super) fn read(walk: &mut Walk, node: &Node, beside: &Path) -> Vec<CaseFile> {
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`files`",
            "a map from paths to what the files hold",
            "write it as `{ notes.txt: \"one line\" }`",
        );
        return Vec::new();
    };
    let read = entries.iter().filter_map(|entry| {
        let path = path(walk, &entry.key.text, &entry.key.place)?;
        let content = content(walk, &entry.value, &path, beside)?;
        Some(CaseFile { path, content })
    });
    read.collect()
}

/// A path in the case's directory.
pub(super) fn path(walk: &mut Walk, text: &str, place: &Place) -> Option<Marked<String>> {
    let mut components = Path::new(text).components();
    let inside = !text.is_empty() && components.all(|c| matches!(c, Component::Normal(_)));
    if !inside {
        walk.error(
            place,
            format!("`{}` is no path in the case's directory", shown(text)),
            "files lie in a directory of the case's own: write a relative path without `.` and `..`, such as `notes/a.txt`; \
             the call sees it where a mount puts it, by default as /workspace/notes/a.txt",
        );
        return None;
    }
    Some(Marked::new(text.to_owned(), place.clone()))
}

fn content(walk: &mut Walk, node: &Node, path: &Marked<String>, beside: &Path) -> Option<Vec<u8>> {
    if node.map().is_none() {
        let what = format!("the file `{}`", shown(path));
        return matcher::exact(walk, node, &what).map(String::into_bytes);
    }
    let mut fields = Fields::of(walk, node, "a case's file", "{ from: fixtures/a.bin }")?;
    let from = fields
        .need(walk, "from", "this file", "from: fixtures/a.bin")
        .and_then(|n| walk.marked(n, "`from`"));
    fields.finish(walk, "a case's file");
    let from = from?;
    let source = beside.parent().unwrap_or(Path::new("")).join(&*from);
    let read = std::fs::metadata(&source).and_then(|about| {
        if !about.is_file() || about.len() > LARGEST {
            return Err(std::io::Error::other("it is no file of at most 16 MiB"));
        }
        std::fs::read(&source)
    });
    read.map_err(|error| {
        walk.error(
            &from.place,
            format!("`{}` cannot be read: {error}", shown(&from)),
            "name a file, relative to the file of cases",
        );
    })
    .ok()
}
