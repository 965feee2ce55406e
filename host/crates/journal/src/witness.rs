//! What tells that the end of the journal is gone.
//!
//! A store whose write-ahead file was lost, cut or left behind when the house was copied is a whole and valid store of an earlier moment: nothing in it can
//! say that there was more. So the number and the hash of the last record are written into a small file beside it, after each commit and without being
//! synchronised. It may be behind (a kill, a power cut) and is never ahead of what was durable. If it is ahead of what is found, records were lost.
//!
//! It is a witness and no part of the store: one that is missing, unreadable or torn says nothing.

use crate::error::JournalError;
use crate::schema::side_file;
use std::fs::File;
use std::path::{Path, PathBuf};
use types::ContentHash;

/// Number, hash, and 16 digits over both: all of one length, so that one write replaces all of it.
const LENGTH: usize = 20 + 1 + 64 + 1 + 16 + 1;

/// The file that tells how far a journal had come.
#[derive(Debug)]
pub struct Witness {
    file: Option<File>,
}

/// What it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Testimony {
    /// The number of the last record.
    pub seq: u64,
    /// Its hash.
    pub hash: ContentHash,
}

/// Where the witness of the store at `path` lies.
pub fn place(path: &Path) -> PathBuf {
    side_file(path, "-head")
}

impl Witness {
    /// For writing. Where it cannot be made there is none: the journal is as durable without.
    pub fn open(store: &Path) -> Self {
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Witness {
            file: options.open(place(store)).ok(),
        }
    }

    /// Say that the last record is `seq`.
    pub fn say(&self, seq: u64, hash: &ContentHash) {
        if let Some(file) = &self.file {
            // One that says too little does no harm.
            let _ = write_at_start(file, text(Testimony { seq, hash: *hash }).as_bytes());
        }
    }
}

#[cfg(unix)]
fn write_at_start(file: &File, bytes: &[u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, 0)
}

#[cfg(not(unix))]
fn write_at_start(mut file: &File, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    file.seek(SeekFrom::Start(0))?;
    file.write_all(bytes)
}

/// What the witness of the store at `path` says, if there is one and it makes sense.
pub fn read(store: &Path) -> Option<Testimony> {
    let bytes = std::fs::read(place(store)).ok()?;
    let said = std::str::from_utf8(bytes.get(..LENGTH)?).ok()?;
    let mut words = said.split_ascii_whitespace();
    let testimony = Testimony {
        seq: words.next()?.parse().ok()?,
        hash: ContentHash::parse(words.next()?)?,
    };
    (text(testimony) == said).then_some(testimony)
}

/// Whether what is found at `store` bears out what its witness `said`, which was asked before: `last` is the number of its last record, `hash_of` the hash of any.
pub fn confront(
    store: &Path,
    said: Option<Testimony>,
    last: u64,
    hash_of: impl FnOnce(u64) -> Result<Option<ContentHash>, JournalError>,
) -> Result<(), JournalError> {
    let Some(said) = said else {
        return Ok(());
    };
    let (path, witness) = (store.to_owned(), place(store));
    if said.seq > last {
        return Err(JournalError::Shorter {
            path,
            found: last,
            recorded: said.seq,
            witness,
        });
    }
    if said.seq == 0 || hash_of(said.seq)? == Some(said.hash) {
        return Ok(());
    }
    Err(JournalError::Replaced {
        path,
        seq: said.seq,
        witness,
    })
}

/// Refuse to begin anew where a store has been, before anything is touched: what is written ahead of an empty file would be thrown away.
pub fn refuse_where_all_is_gone(store: &Path) -> Result<(), JournalError> {
    let is_empty = std::fs::metadata(store).map_or_else(
        |error| error.kind() == std::io::ErrorKind::NotFound,
        |about| about.is_file() && about.len() == 0,
    );
    match is_empty {
        true => confront(store, read(store), 0, |_| Ok(None)),
        false => Ok(()),
    }
}

fn text(Testimony { seq, hash }: Testimony) -> String {
    let whole = format!("{seq:020} {hash}");
    let check = ContentHash::of(whole.as_bytes()).to_string();
    format!("{whole} {}\n", &check[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(seq: u64, byte: u8) -> Testimony {
        Testimony {
            seq,
            hash: ContentHash::from_bytes([byte; 32]),
        }
    }

    #[test]
    fn what_is_said_is_read_and_what_is_torn_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("journal.db");
        assert_eq!(read(&store), None);
        let witness = Witness::open(&store);
        assert_eq!(read(&store), None, "it has not said anything");
        for (seq, byte) in [(7, 1), (u64::MAX, 2), (3, 3)] {
            let testimony = said(seq, byte);
            witness.say(seq, &testimony.hash);
            assert_eq!(read(&store), Some(testimony));
        }
        let whole = std::fs::read(place(&store)).unwrap();
        assert_eq!(whole.len(), LENGTH);
        for n in 0..LENGTH {
            let mut torn = whole.clone();
            torn[n] = if torn[n] == b'9' { b'8' } else { b'9' };
            std::fs::write(place(&store), &torn).unwrap();
            assert_eq!(read(&store), None, "byte {n}");
            std::fs::write(place(&store), &whole[..n]).unwrap();
            assert_eq!(read(&store), None, "cut at {n}");
        }
        std::fs::write(place(&store), [0xff; 500]).unwrap();
        assert_eq!(read(&store), None);
    }

    #[test]
    fn less_than_was_said_is_a_loss_and_more_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("journal.db");
        let there = |byte| move |_| Ok(Some(ContentHash::from_bytes([byte; 32])));
        assert!(confront(&store, read(&store), 0, there(0)).is_ok());
        Witness::open(&store).say(5, &said(5, 1).hash);
        assert!(confront(&store, read(&store), 5, there(1)).is_ok());
        assert!(confront(&store, read(&store), 9, there(1)).is_ok());
        assert!(matches!(
            confront(&store, read(&store), 4, there(1)),
            Err(JournalError::Shorter {
                found: 4,
                recorded: 5,
                ..
            })
        ));
        assert!(matches!(
            confront(&store, read(&store), 9, there(2)),
            Err(JournalError::Replaced { seq: 5, .. })
        ));
    }
}
