//! Files of bodies that were taken out: one JSON object a line, `{"seq", "run", "kind", "body"}`, to be read by anything.
//!
//! A file appears under its name whole and synchronised, or not at all. Its name says what is in it, down to its hash, so that writing the same again harms
//! nothing and two never share one.

use crate::compact::body_hash_of;
use crate::error::JournalError;
use crate::house::may_live;
use crate::record::{Record, unsigned};
use crate::verify::ArchiveVerification;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use types::ContentHash;

/// How the names of archives begin and end.
const BEGINNING: &str = "bodies-";
const ENDING: &str = ".jsonl";

/// How the names of those begin and end that are being written; between stands who does it.
const PART_BEGINNING: &str = ".bodies-";
const PART_ENDING: &str = ".part";

/// One body.
#[derive(Debug, Serialize, Deserialize)]
pub struct Line {
    /// Whose it is.
    pub seq: u64,
    /// The record's run and kind, for who looks for something in the file.
    pub run: String,
    /// See above.
    pub kind: String,
    /// The text, to the byte.
    pub body: String,
}

impl Line {
    pub fn of(record: &Record) -> Self {
        Line {
            seq: record.seq.0,
            run: record.run.clone(),
            kind: record.kind.clone(),
            body: record.body.clone(),
        }
    }
}

/// An archive that is being written; what was not finished goes away with it.
pub struct Archive {
    /// Where it is: under its own name once it is finished.
    pub path: PathBuf,
    /// The hash of its bytes, once it is finished.
    pub hash: ContentHash,
    file: Option<BufWriter<File>>,
    hasher: blake3::Hasher,
}

impl Archive {
    /// Begin one in `folder`, which is made where there is none.
    pub fn begin(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(format!(
            "{PART_BEGINNING}{}{PART_ENDING}",
            std::process::id()
        ));
        let open = || {
            std::fs::create_dir_all(folder)?;
            remove_parts_of_the_dead(folder)?;
            let mut options = File::options();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(&path)
        };
        let file = open().map_err(|why| failed(&path, &why))?;
        Ok(Archive {
            file: Some(BufWriter::new(file)),
            path,
            hash: ContentHash::from_bytes([0; 32]),
            hasher: blake3::Hasher::new(),
        })
    }

    /// Write `line`.
    pub fn write(&mut self, line: &Line) -> Result<(), JournalError> {
        let text = serde_json::to_string(line).map_err(|why| JournalError::Archive {
            path: self.path.clone(),
            why: why.to_string(),
        })?;
        self.hasher.update(text.as_bytes());
        self.hasher.update(b"\n");
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        writeln!(file, "{text}").map_err(|why| failed(&self.path, &why))
    }

    /// Have it on the disk, and under its name: bodies of the records from `first` to `last`.
    pub fn finish(&mut self, first: u64, last: u64) -> Result<(), JournalError> {
        let hash = ContentHash::from_bytes(*self.hasher.finalize().as_bytes());
        let name = format!("{BEGINNING}{first}-{last}-{}{ENDING}", hash.short());
        let to = self.path.with_file_name(name);
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        let put = || {
            let file = file.into_inner().map_err(|error| error.into_error())?;
            file.sync_all()?;
            std::fs::rename(&self.path, &to)?;
            // The name has to be on the disk too, and that of the folder, which may be new.
            let folder = std::path::absolute(to.parent().unwrap_or(Path::new(".")))?;
            for folder in folder.ancestors().take(2) {
                File::open(folder)?.sync_all()?;
            }
            Ok(())
        };
        let done: std::io::Result<()> = put();
        if let Err(why) = done {
            let _ = std::fs::remove_file(&self.path);
            return Err(failed(&self.path, &why));
        }
        self.path = to;
        self.hash = hash;
        Ok(())
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        if self.file.is_some() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What a process that was killed had begun is of no use to anybody.
fn remove_parts_of_the_dead(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let pid = name
            .strip_prefix(PART_BEGINNING)
            .and_then(|rest| rest.strip_suffix(PART_ENDING))
            .and_then(|pid| pid.parse().ok());
        if pid.is_some_and(|pid| !may_live(pid)) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Compare the bodies in `place`, a file or a folder of them, with what the chain says of each.
pub fn check(
    place: &Path,
    connection: &Connection,
    store: &Path,
) -> Result<ArchiveVerification, JournalError> {
    let error = |source| JournalError::of(store, source);
    let mut found = BTreeSet::new();
    let mut first_bad: Option<u64> = None;
    for file in files(place)? {
        each_line(&file, |line| {
            let expected = body_hash_of(connection, line.seq).map_err(error)?;
            if expected == Some(ContentHash::of(line.body.as_bytes())) {
                found.insert(line.seq);
            } else {
                first_bad = Some(first_bad.map_or(line.seq, |bad| bad.min(line.seq)));
            }
            Ok(())
        })?;
    }
    let mut taken_out = connection
        .prepare("SELECT seq FROM record WHERE compacted IS NOT NULL ORDER BY seq")
        .map_err(error)?;
    let mut rows = taken_out.query([]).map_err(error)?;
    let (mut bodies, mut missing) = (0, 0);
    while let Some(row) = rows.next().map_err(error)? {
        match found.contains(&unsigned(row.get(0).map_err(error)?)) {
            true => bodies += 1,
            false => missing += 1,
        }
    }
    Ok(ArchiveVerification {
        bodies,
        missing,
        first_bad,
    })
}

/// The archives at `place`, by name.
fn files(place: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let error = |why: std::io::Error| failed(place, &why);
    if !std::fs::metadata(place).map_err(error)?.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(place).map_err(error)? {
        let path = entry.map_err(error)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(BEGINNING) && name.ends_with(ENDING) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Hand each line of the archive `path` to `visit`.
fn each_line(
    path: &Path,
    mut visit: impl FnMut(Line) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let error = |why: std::io::Error| failed(path, &why);
    let file = BufReader::new(File::open(path).map_err(error)?);
    for (number, text) in file.lines().enumerate() {
        let text = text.map_err(error)?;
        let line = serde_json::from_str(&text).map_err(|why| JournalError::Archive {
            path: path.to_owned(),
            why: format!("line {} is no body ({why})", number + 1),
        })?;
        visit(line)?;
    }
    Ok(())
}

fn failed(path: &Path, why: &std::io::Error) -> JournalError {
    JournalError::Archive {
        path: path.to_owned(),
        why: why.to_string(),
    }
}
