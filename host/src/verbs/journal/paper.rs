//! Writing many lines: gathered, and quietly given up when nobody reads any more.

use crate::exit::{Failure, NOT_SO};
use ::journal::JournalError;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

/// Why reading on is of no use.
pub enum Stop {
    /// Nobody reads what is written.
    Closed,
    /// Something failed.
    Failed(Failure),
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        Stop::Failed(error.into())
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failed(failure)
    }
}

/// A reader that has gone away is no failure.
pub fn unless_closed(result: Result<(), Stop>) -> Result<(), Failure> {
    match result {
        Ok(()) | Err(Stop::Closed) => Ok(()),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

/// Where lines go.
pub struct Paper {
    out: BufWriter<Box<dyn Write>>,
    name: String,
}

impl Paper {
    /// Standard output.
    pub fn stdout() -> Self {
        Paper {
            out: BufWriter::new(Box::new(std::io::stdout())),
            name: "standard output".into(),
        }
    }

    /// A file of its own, readable by its owner only: what runs said and read is nobody else's business.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn file(path: &Path) -> Result<Self, Failure> {
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| {
            Failure::new(NOT_SO, format!("cannot write {}: {error}", path.display()))
        })?;
        Ok(Paper {
            out: BufWriter::new(Box::new(file)),
            name: path.display().to_string(),
        })
    }

    /// Write `text` as it is.
    pub fn text(&mut self, text: &str) -> Result<(), Stop> {
        let written = self.out.write_all(text.as_bytes());
        self.look(written)
    }

    /// Write a line.
    pub fn line(&mut self, line: &str) -> Result<(), Stop> {
        self.text(line)?;
        self.text("\n")
    }

    /// Have everything read that was written.
    pub fn flush(&mut self) -> Result<(), Stop> {
        let flushed = self.out.flush();
        self.look(flushed)
    }

    fn look(&self, written: std::io::Result<()>) -> Result<(), Stop> {
        match written {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Stop::Closed),
            Err(error) => Err(Stop::Failed(Failure::new(
                NOT_SO,
                format!("cannot write to {}: {error}", self.name),
            ))),
        }
    }
}
