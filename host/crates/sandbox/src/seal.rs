//! What the cache says of its files may bear the seal of its house: whoever can write there, and has not the house's key, can have nothing else run in the place of
//! what was compiled.
//!
//! The seal stands in a line behind what it is on, and takes the file's name with it, so that nothing can be said of one file that was said of another.

use std::path::Path;
use std::sync::Arc;
use types::ContentHash;

/// The seal of whoever owns a cache on some bytes; `None` where it cannot be made, and then nothing that is kept is believed.
pub type Seal = Arc<dyn Fn(&[u8]) -> Option<ContentHash> + Send + Sync>;

/// A line of text, as it is kept in the file at `path`.
pub(crate) fn close(seal: Option<&Seal>, path: &Path, mut line: Vec<u8>) -> Vec<u8> {
    if let Some(seal) = seal.and_then(|seal| seal(&sealed(path, &line))) {
        line.push(b'\n');
        line.extend(seal.to_string().as_bytes());
    }
    line
}

/// The line that is kept as `bytes` in the file at `path`; `None` where it should bear a seal and does not bear that one.
pub(crate) fn open<'b>(seal: Option<&Seal>, path: &Path, bytes: &'b [u8]) -> Option<&'b [u8]> {
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let (line, found) = (lines.next()?, lines.next());
    let Some(seal) = seal else {
        return Some(line);
    };
    let found = ContentHash::parse(std::str::from_utf8(found?).ok()?.trim());
    (found.is_some() && found == seal(&sealed(path, line))).then_some(line)
}

fn sealed(path: &Path, line: &[u8]) -> Vec<u8> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    [b"cache ", name.as_bytes(), b"\n", line].concat()
}
