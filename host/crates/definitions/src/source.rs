//! The text of definition files: read within limits, kept so that a report can show the line it speaks of.
//!
//! Nothing here knows YAML. A secret that somebody wrote into a file is masked here once, so that no report can show it.

use crate::suggest::is_invisible;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use types::{Finding, Place};

/// Definitions are written by hand: the longest sensible one is a hundred times shorter.
pub(crate) const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The texts that findings point into, by the file name shown to people.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: BTreeMap<Arc<str>, Arc<str>>,
    /// Where secrets begin, by file and line: from this column on, the line is not shown.
    masks: BTreeMap<(Arc<str>, u32), u32>,
}

impl Sources {
    pub(crate) fn add(&mut self, file: Arc<str>, text: Arc<str>) {
        self.files.insert(file, text);
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        self.files.contains_key(file)
    }

    pub(crate) fn extend(&mut self, other: Sources) {
        self.files.extend(other.files);
        self.masks.extend(other.masks);
    }

    /// Never show what stands at `place`, for `lines` lines.
    pub(crate) fn mask(&mut self, place: &Place, lines: u32) {
        let first = self
            .masks
            .entry((place.file.clone(), place.line))
            .or_insert(place.column);
        *first = (*first).min(place.column);
        for line in 1..lines {
            self.masks
                .insert((place.file.clone(), place.line + line), 1);
        }
    }

    /// Keep only the files that `findings` speak of.
    pub(crate) fn only_for(mut self, findings: &[Finding]) -> Self {
        self.files
            .retain(|file, _| findings.iter().any(|f| f.place.file == *file));
        self.masks
            .retain(|(file, _), _| self.files.contains_key(file));
        self
    }

    /// The lines of its file from the one at `place` on, as they are.
    pub(crate) fn lines_from(&self, place: &Place) -> impl Iterator<Item = &str> {
        let before = (place.line as usize).saturating_sub(1);
        let text = self.files.get(&place.file);
        text.into_iter().flat_map(|text| text.lines()).skip(before)
    }

    /// The line at `place`, fit for a terminal: one column for each character, secrets left out.
    pub(crate) fn line(&self, place: &Place) -> Option<String> {
        let text = self.files.get(&place.file)?;
        let line = text.lines().nth((place.line as usize).checked_sub(1)?)?;
        let mask = self
            .masks
            .get(&(place.file.clone(), place.line))
            .map_or(usize::MAX, |column| *column as usize);
        let mut shown: String = line
            .chars()
            .take(mask.saturating_sub(1))
            .map(|c| match c {
                '\t' => ' ',
                c if c.is_control() || is_invisible(c) => '\u{fffd}',
                c => c,
            })
            .collect();
        if mask != usize::MAX {
            shown.push_str("[not shown]");
        }
        Some(shown)
    }
}

/// The text of a chunk may be longer than a definition, but not than the largest window several times over.
const MAX_CHUNK_BYTES: u64 = 16 * 1024 * 1024;

const DEFINITION_HELP: &str = "definitions are small; long texts belong in a file of their own that a chunk names with `file:`";
const CHUNK_HELP: &str = "no window holds so much: name a file with less, or let a context plugin choose what is sent of it";

/// A file's text, or what is wrong with it. `shown` is how people know the file.
pub(crate) fn read(path: &Path, shown: &Arc<str>) -> Result<Text, Finding> {
    read_within(path, shown, MAX_FILE_BYTES, DEFINITION_HELP)
}

/// The same of a file that a chunk sends as it is.
pub(crate) fn read_chunk(path: &Path, shown: &Arc<str>) -> Result<Text, Finding> {
    read_within(path, shown, MAX_CHUNK_BYTES, CHUNK_HELP)
}

/// A file of at most `limit` bytes; `help` says what to do with a larger one.
fn read_within(path: &Path, shown: &Arc<str>, limit: u64, help: &str) -> Result<Text, Finding> {
    let start = Place::new(shown.clone(), 1, 1);
    let unreadable = |error: std::io::Error| {
        Finding::error(
            &start,
            format!("this file cannot be read: {}", reason(&error)),
            "check that it exists and that you may read it",
        )
    };
    let about = std::fs::metadata(path).map_err(unreadable)?;
    // Opening a pipe or a device could wait for ever.
    if !about.is_file() {
        return Err(Finding::error(
            &start,
            "this is no regular file",
            "definitions are plain text files",
        ));
    }
    let mut bytes = Vec::with_capacity(about.len().min(limit) as usize + 1);
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    of_within(&bytes, shown, limit, help)
}

/// The text of a definition that is `bytes`, or what is wrong with it.
pub(crate) fn of(bytes: &[u8], shown: &Arc<str>) -> Result<Text, Finding> {
    of_within(bytes, shown, MAX_FILE_BYTES, DEFINITION_HELP)
}

/// The same of the text of a chunk.
pub(crate) fn of_chunk(bytes: &[u8], shown: &Arc<str>) -> Result<Text, Finding> {
    of_within(bytes, shown, MAX_CHUNK_BYTES, CHUNK_HELP)
}

fn of_within(bytes: &[u8], shown: &Arc<str>, limit: u64, help: &str) -> Result<Text, Finding> {
    if bytes.len() as u64 > limit {
        return Err(Finding::error(
            &Place::new(shown.clone(), 1, 1),
            format!("this file is larger than {} MiB", limit >> 20),
            help,
        ));
    }
    decode(bytes, shown)
}

/// What was read: the text without a byte order mark, and whatever is wrong with its encoding.
pub(crate) struct Text {
    pub text: Arc<str>,
    pub bytes: Vec<u8>,
    /// Bytes that are no UTF-8: the file cannot be used, but its text can be shown.
    pub broken: Option<Finding>,
}

/// The text of a file of the house that is no definition, where it can be read within the same limits.
pub(crate) fn read_text(path: &Path) -> Option<String> {
    let text = read(path, &Arc::from("")).ok()?;
    Some(text.text.to_string())
}

fn decode(bytes: &[u8], shown: &Arc<str>) -> Result<Text, Finding> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Finding::error(
            &Place::new(shown.clone(), 1, 1),
            "this file is UTF-16, not UTF-8",
            "save it as UTF-8 (most editors offer this in `save as`)",
        ));
    }
    let content = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    let (text, broken) = match std::str::from_utf8(content) {
        Ok(text) => (Arc::from(text), None),
        Err(error) => {
            let before = String::from_utf8_lossy(&content[..error.valid_up_to()]).into_owned();
            let line = before.matches('\n').count() as u32 + 1;
            let column = before.rsplit('\n').next().unwrap_or("").chars().count() as u32 + 1;
            let byte = content[error.valid_up_to()];
            let finding = Finding::error(
                &Place::new(shown.clone(), line, column),
                format!("the byte 0x{byte:02x} is not UTF-8"),
                "save the file as UTF-8 (most editors offer this in `save as`)",
            );
            (String::from_utf8_lossy(content).into(), Some(finding))
        }
    };
    Ok(Text {
        text,
        bytes: bytes.to_vec(),
        broken,
    })
}

/// An IO error in plain words, without the operating system's number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => {
            let text = error.to_string();
            text.split(" (os error")
                .next()
                .unwrap_or(&text)
                .to_lowercase()
        }
    }
}
