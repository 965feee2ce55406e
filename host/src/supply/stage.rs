//! A file that is still on its way: written beside its final place, where nobody looks for a component, and gone again unless it is put to use.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use types::{PluginName, Sha256, Sha256Hasher};

/// Between two messages about a slow download.
const PAUSE: Duration = Duration::from_millis(500);

/// A component that is being written.
pub struct Staged {
    path: PathBuf,
    file: File,
    hasher: Sha256Hasher,
    size: u64,
    made_directory: Option<PathBuf>,
    begun: Instant,
    shown: Option<Instant>,
}

impl Staged {
    /// An empty file for the plugin `name`, in `directory`. What an interrupted attempt left there is cleared away.
    pub fn new(directory: &Path, name: &PluginName) -> io::Result<Self> {
        let made_directory = (!directory.exists()).then(|| directory.to_owned());
        fs::create_dir_all(directory)?;
        let prefix = format!(".{name}.");
        for entry in fs::read_dir(directory)?.flatten() {
            let file = entry.file_name();
            let is_left = file
                .to_str()
                .and_then(|file| file.strip_prefix(&prefix)?.strip_suffix(".new"))
                .is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()));
            if is_left {
                fs::remove_file(entry.path())?;
            }
        }
        let path = directory.join(format!("{prefix}{}.new", std::process::id()));
        let file = File::create_new(&path)?;
        Ok(Staged {
            path,
            file,
            hasher: Sha256Hasher::default(),
            size: 0,
            made_directory,
            begun: Instant::now(),
            shown: None,
        })
    }

    /// Where it lies for now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes have been written.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hash of what has been written.
    pub fn sha256(&self) -> Sha256 {
        self.hasher.clone().finish()
    }

    /// See that it is on the disk, whatever happens next.
    pub fn settle(&mut self) -> io::Result<()> {
        self.clear_line();
        self.file.sync_all()
    }

    /// It is put to use: the directory that was made for it, if one was, is no longer its own to remove.
    pub fn keep_directory(&mut self) -> Option<PathBuf> {
        self.made_directory.take()
    }

    fn clear_line(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }

    /// What is slow says how far it is, on a terminal.
    fn show(&mut self) {
        let now = Instant::now();
        let last = self.shown.unwrap_or(self.begun);
        if now.duration_since(last) >= PAUSE && io::stderr().is_terminal() {
            self.shown = Some(now);
            let _ = write!(io::stderr(), "\r\u{1b}[K{} so far", types::Bytes(self.size));
        }
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        self.show();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.clear_line();
        // It is not there any more where it was put to use.
        let _ = fs::remove_file(&self.path);
        if let Some(directory) = &self.made_directory {
            // Only while it is empty.
            let _ = fs::remove_dir(directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_put_to_use_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let plugins = directory.path().join("plugins");
        let name = PluginName::parse("x").unwrap();
        let mut staged = Staged::new(&plugins, &name).unwrap();
        staged.write_all(b"abc").unwrap();
        assert_eq!((staged.size(), staged.sha256()), (3, Sha256::of(b"abc")));
        drop(staged);
        assert!(!plugins.exists());
    }

    #[test]
    fn what_an_interrupted_attempt_left_is_cleared_away_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let others = [".x.wasm", ".y.1.new", "x.wasm", ".x.1a.new"];
        for file in others.iter().chain(&[".x.1.new"]) {
            fs::write(directory.path().join(file), "").unwrap();
        }
        drop(Staged::new(directory.path(), &PluginName::parse("x").unwrap()).unwrap());
        let mut left: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [".x.1a.new", ".x.wasm", ".y.1.new", "x.wasm"]);
    }
}
