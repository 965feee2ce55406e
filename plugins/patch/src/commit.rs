//! The plan onto the disk: all of it, or nothing.
//!
//! First every new content is written beside its place, which is where disks fill up and permissions lack; then each is renamed into its place. Should one
//! of those fail, what was done before is undone in reverse order. Where the mount is `access: staged`, the host makes the whole call one step besides.

use crate::plan::{Plan, Planned};
use charthouse_sdk::Failure;
use charthouse_sdk::files::{Directory, FileError, FileErrorKind, Kind, Links};

/// How many names are tried for a file that is written beside its place; each that is taken was left behind by a call that was killed.
const ATTEMPTS: usize = 100;
/// How much of a name goes into the name of the file beside it, so that the latter is never too long.
const NAME_BYTES: usize = 200;

/// What has been done, so that it can be undone.
enum Done<'a> {
    Directory(&'a Directory, String),
    /// A file was written beside its place.
    Written(&'a Directory, String),
    /// A file stands where none stood.
    Placed(&'a Directory, String),
    /// A file stands where another stood, which held this.
    Replaced(&'a Directory, String, Vec<u8>),
    /// A file was moved aside, to be removed in the end.
    Aside(&'a Directory, String, String),
}

/// Do what `plan` says.
pub fn commit(plan: &Plan<'_>) -> Result<(), Failure> {
    let mut done = Vec::new();
    match perform(plan, &mut done) {
        Ok(()) => {
            for step in done {
                // Only what was deleted still lies aside; should it stay, nobody misses it.
                if let Done::Aside(directory, _, aside) = step {
                    let _ = directory.remove_file(&aside);
                }
            }
            Ok(())
        }
        Err((path, error, read_only)) => {
            let left: Vec<String> = done.into_iter().rev().filter_map(undo).collect();
            let why = match (read_only, &error.kind) {
                (true, FileErrorKind::Refused) => {
                    return Err(Failure::denied(format!(
                        "cannot patch `{path}`: it is mounted read-only for this call"
                    )));
                }
                _ => error.failure(format_args!("patch `{path}`")),
            };
            if left.is_empty() {
                return Err(why);
            }
            Err(Failure::failed(format!(
                "{}; and what was changed before could not all be undone: {}",
                why.message(),
                left.join(", ")
            )))
        }
    }
}

type Trouble = (String, FileError, bool);

fn perform<'a>(plan: &'a Plan<'_>, done: &mut Vec<Done<'a>>) -> Result<(), Trouble> {
    let trouble = |file: &Planned<'_>, error: FileError| {
        let read_only = !file.place.mount.directory.is_writable();
        (file.place.path.clone(), error, read_only)
    };
    let mut written = Vec::new();
    for file in plan.files.values() {
        let directory = &file.place.mount.directory;
        if let Some(content) = &file.after {
            make_parents(directory, &file.place.relative, done)
                .map_err(|error| trouble(file, error))?;
            let beside = write_beside(directory, &file.place.relative, content, done)
                .map_err(|error| trouble(file, error))?;
            written.push((file, beside));
        }
    }
    for file in plan.files.values().filter(|file| file.after.is_none()) {
        move_aside(file, done).map_err(|error| trouble(file, error))?;
    }
    for (file, beside) in written {
        let (directory, path) = (&file.place.mount.directory, &file.place.relative);
        directory
            .rename(&beside, path)
            .map_err(|error| trouble(file, error))?;
        done.push(match &file.before {
            Some(before) => Done::Replaced(directory, path.clone(), before.clone()),
            None => Done::Placed(directory, path.clone()),
        });
    }
    Ok(())
}

/// Make the directories that lead to `path`, as far as they are not there.
fn make_parents<'a>(
    directory: &'a Directory,
    path: &str,
    done: &mut Vec<Done<'a>>,
) -> Result<(), FileError> {
    for (end, _) in path.match_indices('/') {
        let parent = &path[..end];
        match directory.metadata(parent, Links::Follow) {
            Ok(metadata) if metadata.kind == Kind::Directory => {}
            Ok(_) => return Err(FileErrorKind::NotDirectory.into()),
            Err(error) if error.kind == FileErrorKind::NotFound => {
                directory.create_directory(parent)?;
                done.push(Done::Directory(directory, parent.to_owned()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A name beside `path` that nothing has, by trying `make` on one after the other.
fn beside<T>(
    path: &str,
    mut make: impl FnMut(&str) -> Result<T, FileError>,
) -> Result<(String, T), FileError> {
    let (parent, name) = match path.rsplit_once('/') {
        Some((parent, name)) => (format!("{parent}/"), name),
        None => (String::new(), path),
    };
    let name = &name[..name.floor_char_boundary(NAME_BYTES)];
    let mut attempt = 0;
    loop {
        let beside = format!("{parent}.{name}.patch-{attempt}");
        match make(&beside) {
            Ok(made) => return Ok((beside, made)),
            Err(error) if error.kind == FileErrorKind::Exists && attempt + 1 < ATTEMPTS => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn write_beside<'a>(
    directory: &'a Directory,
    path: &str,
    content: &[u8],
    done: &mut Vec<Done<'a>>,
) -> Result<String, FileError> {
    let (beside, mut file) = beside(path, |name| directory.create_file(name))?;
    done.push(Done::Written(directory, beside.clone()));
    file.write_all(content)?;
    Ok(beside)
}

fn move_aside<'a>(file: &'a Planned<'_>, done: &mut Vec<Done<'a>>) -> Result<(), FileError> {
    let (directory, path) = (&file.place.mount.directory, &file.place.relative);
    // Created first, so that nothing is moved over what stands there.
    let (aside, _) = beside(path, |name| directory.create_file(name))?;
    if let Err(error) = directory.rename(path, &aside) {
        let _ = directory.remove_file(&aside);
        return Err(error);
    }
    done.push(Done::Aside(directory, path.clone(), aside));
    Ok(())
}

/// Undo one step; the path that stays changed where that fails.
fn undo(step: Done<'_>) -> Option<String> {
    let (path, undone) = match step {
        // Somebody may have put something in it meanwhile.
        Done::Directory(directory, path) => (path.clone(), directory.remove_directory(&path)),
        Done::Written(directory, path) => match directory.remove_file(&path) {
            Err(error) if error.kind != FileErrorKind::NotFound => (path, Err(error)),
            _ => return None,
        },
        Done::Placed(directory, path) => (path.clone(), directory.remove_file(&path)),
        Done::Replaced(directory, path, before) => {
            let mut made = Vec::new();
            let restored = write_beside(directory, &path, &before, &mut made)
                .and_then(|beside| directory.rename(&beside, &path));
            (path, restored)
        }
        Done::Aside(directory, path, aside) => (path.clone(), directory.rename(&aside, &path)),
    };
    undone.err().map(|_| format!("`{path}`"))
}
