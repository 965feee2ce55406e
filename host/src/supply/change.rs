//! A change of a house's files: all of them, or none.
//!
//! Each file is written beside its place and renamed into it, in an order in which every step leaves a house that works; what was there is kept until the
//! whole is done. Where a step fails, or the house would not be in order afterwards, everything is as it was. Two changes of one house wait for each other.

use super::Staged;
use crate::exit::{DEFINITIONS, Failure, NOT_SO};
use crate::world::SystemClock;
use crate::{open, print};
use definitions::{House, HousePlugins, Lock};
use runtime::control::{self, Revisions};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use types::Clock;

/// A change that is under way.
pub struct Change {
    root: PathBuf,
    /// Held until the end: an advisory lock on the house's directory.
    _alone: File,
    /// The house as it was found.
    pub plugins: HousePlugins,
    /// Whether the whole house was in order before.
    was_fine: bool,
    /// What it was made of, where it is controlled.
    controlled: Option<Revisions>,
    done: Vec<Step>,
}

/// A file that was changed.
enum Step {
    /// It was not there before.
    Made(PathBuf),
    /// A directory for such a file; it is not there either.
    MadeDirectory(PathBuf),
    /// It was there, and what it was lies beside it.
    Replaced { path: PathBuf, kept: PathBuf },
}

impl Change {
    /// Begin to change the house in `directory`, when nobody else does.
    pub fn begin(directory: &Path) -> Result<Self, Failure> {
        let unusable = |error: io::Error| {
            Failure::new(
                NOT_SO,
                format!("the house {} cannot be used: {error}", directory.display()),
            )
        };
        let alone = File::open(directory).map_err(unusable)?;
        if alone.try_lock().is_err() {
            print::err("another charthouse is changing this house; waiting for it\n");
            alone.lock().map_err(unusable)?;
        }
        let plugins = definitions::load_plugins(directory).map_err(|report| {
            Failure::report(DEFINITIONS, report.render(print::color_on_stderr()))
        })?;
        let before = match definitions::load(directory) {
            Ok(house) => Some(house),
            // What a change comes to can only be told from a house that is in order.
            Err(report) if control::is_marked(&plugins.root) => {
                let report = report.render(print::color_on_stderr());
                return Err(Failure::report(DEFINITIONS, report).help(
                    "this house is controlled: put back what is released (charthouse change restore), then ask again",
                ));
            }
            Err(_) => None,
        };
        Ok(Change {
            was_fine: before.is_some(),
            controlled: match before {
                Some(house) => controlled(house)?,
                None => None,
            },
            root: plugins.root.clone(),
            _alone: alone,
            plugins,
            done: Vec::new(),
        })
    }

    /// The house's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The text of `house.yaml`.
    pub fn house_text(&self) -> Result<String, Failure> {
        let path = self.root.join("house.yaml");
        fs::read_to_string(&path).map_err(|error| {
            Failure::new(NOT_SO, format!("cannot read {}: {error}", path.display()))
        })
    }

    /// What is pinned.
    pub fn lock(&self) -> Lock {
        self.plugins.lock.clone().unwrap_or_default()
    }

    /// Put `staged` at `path`.
    pub fn place(&mut self, staged: &mut Staged, path: &Path) -> Result<(), Failure> {
        if let Some(directory) = staged.keep_directory() {
            self.done.push(Step::MadeDirectory(directory));
        }
        self.rename(staged.path().to_owned(), path)
    }

    /// Write `text` to `file`, a path in the house.
    pub fn write(&mut self, file: &str, text: &str) -> Result<(), Failure> {
        // A link to another file of the house stays one.
        let path = self.root.join(file);
        let path = path.canonicalize().unwrap_or(path);
        let fresh = beside(&path, "new");
        if let Some(directory) = path.parent().filter(|directory| !directory.exists()) {
            fs::create_dir(directory).map_err(|error| cannot_change(&path, &error))?;
            self.done.push(Step::MadeDirectory(directory.to_owned()));
        }
        let written = write_fresh(&path, &fresh, text);
        if let Err(error) = written {
            let _ = fs::remove_file(&fresh);
            return Err(cannot_change(&path, &error));
        }
        self.rename(fresh, &path)
    }

    /// Take the file at `path` away.
    pub fn remove(&mut self, path: &Path) -> Result<(), Failure> {
        let kept = beside(path, "old");
        match fs::rename(path, &kept) {
            Ok(()) => {
                let path = path.to_owned();
                self.done.push(Step::Replaced { path, kept });
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(cannot_change(path, &error)),
        }
    }

    fn rename(&mut self, from: PathBuf, path: &Path) -> Result<(), Failure> {
        let kept = beside(path, "old");
        // A second name for what is there, so that there is no moment without a file.
        let step = match fs::hard_link(path, &kept) {
            Ok(()) => Step::Replaced {
                path: path.to_owned(),
                kept,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Step::Made(path.to_owned()),
            Err(_) => {
                // A file system without second names, or one that was left behind.
                fs::copy(path, &kept).map_err(|error| cannot_change(path, &error))?;
                Step::Replaced {
                    path: path.to_owned(),
                    kept,
                }
            }
        };
        if let Err(error) = fs::rename(&from, path) {
            if let Step::Replaced { kept, .. } = &step {
                let _ = fs::remove_file(kept);
            }
            let _ = fs::remove_file(&from);
            return Err(cannot_change(path, &error));
        }
        self.done.push(step);
        Ok(())
    }

    /// Make it good, unless it would leave a house out of order that was in order. The warnings about the house come back.
    pub fn finish(mut self) -> Result<(), Failure> {
        match definitions::load(&self.root) {
            Err(report) if self.was_fine => {
                let report = report.render(print::color_on_stderr());
                return Err(Failure::report(
                    DEFINITIONS,
                    format!(
                        "{report}nothing was changed, because the house would not be in order afterwards\n"
                    ),
                ));
            }
            // What no run would load is not put there by a verb either.
            Ok(house) => {
                if let Some(before) = &self.controlled {
                    let mut journal = open::journal(&house)?;
                    let now = SystemClock::new().now();
                    control::may_become(before, house, &mut journal, now)?;
                }
            }
            Err(_) => {}
        }
        for step in std::mem::take(&mut self.done) {
            if let Step::Replaced { kept, .. } = step {
                let _ = fs::remove_file(kept);
            }
        }
        Ok(())
    }
}

impl Drop for Change {
    /// Undo what was not finished, the last first.
    fn drop(&mut self) {
        for step in self.done.drain(..).rev() {
            let undone = match &step {
                Step::Made(path) => fs::remove_file(path),
                Step::MadeDirectory(path) => fs::remove_dir(path),
                Step::Replaced { path, kept } => fs::rename(kept, path),
            };
            if let Err(error) = undone {
                let (Step::Made(path) | Step::MadeDirectory(path) | Step::Replaced { path, .. }) =
                    step;
                print::err(&format!(
                    "warning: {} could not be made what it was: {error}\n",
                    path.display()
                ));
            }
        }
    }
}

/// What `house` is made of, where it is controlled.
fn controlled(house: House) -> Result<Option<Revisions>, Failure> {
    match open::store_to_read(&house.root, &house.store)? {
        Some(journal) => Ok(control::made_of(house, &journal)?),
        None => Ok(None),
    }
}

/// Write `text` to `fresh`, which will take the place of `path`.
fn write_fresh(path: &Path, fresh: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(fresh)?;
    file.write_all(text.as_bytes())?;
    if let Ok(about) = path.metadata() {
        file.set_permissions(about.permissions())?;
    }
    file.sync_all()
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.{end}", std::process::id()))
}

fn cannot_change(path: &Path, error: &io::Error) -> Failure {
    Failure::new(NOT_SO, format!("cannot change {}: {error}", path.display()))
        .help("nothing was changed")
}
