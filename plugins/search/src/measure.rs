//! How many bytes and lines a file has, and whether it is text.

use charthouse_sdk::files::{CHUNK, File, FileError};
use memchr::{memchr, memchr_iter};

/// The first read of a file: most files are no larger, and the host makes room for all that is asked for.
const FIRST: usize = 16 * 1024;

/// What was measured of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Its size.
    pub bytes: u64,
    /// Its newline characters; 0 for a binary file.
    pub lines: u64,
    /// Whether it contains a NUL byte.
    pub binary: bool,
}

/// The chunks of a file, one after the other.
pub fn chunks(file: &mut File) -> impl Iterator<Item = Result<Vec<u8>, FileError>> + '_ {
    let mut most = FIRST;
    std::iter::from_fn(move || {
        let chunk = file.read_chunk(most);
        most = CHUNK;
        match chunk {
            Ok(chunk) if chunk.is_empty() => None,
            chunk => Some(chunk),
        }
    })
}

/// Measure a file, reading all of it unless it turns out to be binary.
pub fn measure(file: &mut File) -> Result<Measured, FileError> {
    let mut measured = Measured {
        bytes: 0,
        lines: 0,
        binary: false,
    };
    for chunk in chunks(file) {
        let chunk = chunk?;
        if memchr(0, &chunk).is_some() {
            measured.binary = true;
            break;
        }
        measured.bytes += chunk.len() as u64;
        measured.lines += memchr_iter(b'\n', &chunk).count() as u64;
    }
    if measured.binary {
        measured = Measured {
            bytes: file.size()?,
            lines: 0,
            binary: true,
        };
    }
    Ok(measured)
}
