//! What policy hides in a mount, covered: an empty file or directory that nobody can open lies over each hidden name before a command starts.
//!
//! Landlock cannot take away what it has given for a directory, so hiding is the mount namespace's work. In a mount that can be written the directories above
//! a covered name are fixed in their places, or a command could move them and make the name anew. What a cover cannot hold (a link, a file with a second name, a
//! tree too large to look through) refuses the command.

use super::plan::PlannedMount;
use super::view;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where in the view covers come from.
pub(super) const COVERS: &str = "/.covers";
/// Most names that are looked through in one mount.
const MOST_NAMES: usize = 2_000_000;
/// Most names that are covered in one mount: each is a mount of its own.
const MOST_COVERED: usize = 4_000;

/// Cover everything that `planned`, which is mounted below `root`, hides.
pub(super) fn cover(planned: &PlannedMount, root: &Path) -> Result<(), String> {
    let top = root.join(planned.guest.trim_start_matches('/'));
    let found = find(planned, &top)?;
    if found.len() > MOST_COVERED {
        return Err(format!(
            "it hides {} names, more than the {MOST_COVERED} that can be covered",
            found.len()
        ));
    }
    let covers = Covers::make(&root.join(COVERS.trim_start_matches('/')))
        .map_err(|error| format!("no covers can be made: {error}"))?;
    let top = open(&top, None).map_err(|error| error.to_string())?;
    let mut fixed = BTreeSet::new();
    for path in found.iter().filter(|_| planned.writable) {
        let above = path.ancestors().skip(1);
        fixed.extend(above.filter(|above| !above.as_os_str().is_empty()));
    }
    // Ancestors sort before what lies in them.
    for directory in fixed {
        let failed = |error| format!("{} cannot be fixed: {error}", directory.display());
        let held = open(directory, Some(&top)).map_err(failed)?;
        view::bind(&held, view::through(&held), true).map_err(failed)?;
    }
    for path in &found {
        let failed = |error| format!("{} cannot be hidden: {error}", path.display());
        covers.put(&top, path).map_err(failed)?;
    }
    Ok(())
}

/// The hidden names below `top`, outermost first, each relative to it. Whatever lies below a hidden directory is hidden with it.
fn find(planned: &PlannedMount, top: &Path) -> Result<Vec<PathBuf>, String> {
    let hide = planned.hidden().map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    let mut names = 0;
    let mut waiting = vec![PathBuf::new()];
    while let Some(directory) = waiting.pop() {
        let failed = |error: std::io::Error| {
            format!("{} cannot be looked through: {error}", directory.display())
        };
        let entries = match fs::read_dir(top.join(&directory)) {
            Ok(entries) => entries,
            // What the host may not read, the command, which is the same user, cannot either; what is gone is gone.
            Err(error)
                if [
                    std::io::ErrorKind::PermissionDenied,
                    std::io::ErrorKind::NotFound,
                ]
                .contains(&error.kind())
                    && !directory.as_os_str().is_empty() =>
            {
                continue;
            }
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            names += 1;
            if names > MOST_NAMES {
                return Err(format!(
                    "it hides names and has more than {MOST_NAMES} to look through"
                ));
            }
            let path = directory.join(entry.file_name());
            let kind = entry.file_type().map_err(failed)?;
            if hide.hides(&path.to_string_lossy()) {
                let found_at = entry.metadata().map_err(failed)?;
                coverable(&path, &found_at)?;
                found.push(path);
            } else if kind.is_dir() {
                waiting.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn coverable(path: &Path, found: &fs::Metadata) -> Result<(), String> {
    let path = path.display();
    if found.is_symlink() {
        return Err(format!(
            "{path} is hidden and a symbolic link, which cannot be covered; make it a file, or do without hiding it"
        ));
    }
    if found.is_file() && found.nlink() > 1 {
        return Err(format!(
            "{path} is hidden and has a second name (a hard link), by which it could be read; copy it instead"
        ));
    }
    Ok(())
}

/// Names that are hidden in the view although nothing covers them: a command made them.
pub(super) fn made(mounts: &[PlannedMount]) -> Vec<String> {
    let mut made = Vec::new();
    let Ok(covers) = fs::metadata(COVERS) else {
        return made;
    };
    for mount in mounts
        .iter()
        .filter(|mount| mount.writable && mount.hides())
    {
        let Ok(hide) = mount.hidden() else { continue };
        let mut waiting = vec![PathBuf::new()];
        while let Some(directory) = waiting.pop() {
            let Ok(entries) = fs::read_dir(Path::new(&mount.guest).join(&directory)) else {
                continue;
            };
            for entry in entries.flatten() {
                let path = directory.join(entry.file_name());
                let Ok(found) = entry.metadata() else {
                    continue;
                };
                if hide.hides(&path.to_string_lossy()) {
                    if found.dev() != covers.dev() {
                        made.push(Path::new(&mount.guest).join(&path).display().to_string());
                    }
                } else if found.is_dir() {
                    waiting.push(path);
                }
                if made.len() >= 20 {
                    return made;
                }
            }
        }
    }
    made
}

/// The empty file and the empty directory that are put over hidden names.
struct Covers {
    file: OwnedFd,
    directory: OwnedFd,
}

impl Covers {
    fn make(at: &Path) -> std::io::Result<Self> {
        let (file, directory) = (at.join("file"), at.join("directory"));
        if !file.exists() {
            fs::write(&file, "")?;
            fs::create_dir(&directory)?;
            for path in [&file, &directory] {
                fs::set_permissions(path, fs::Permissions::from_mode(0o000))?;
            }
        }
        Ok(Covers {
            file: open(&file, None)?,
            directory: open(&directory, None)?,
        })
    }

    fn put(&self, top: &OwnedFd, path: &Path) -> std::io::Result<()> {
        let held = open(path, Some(top))?;
        let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&held)?.st_mode);
        let cover = match kind {
            rustix::fs::FileType::Directory => &self.directory,
            _ => &self.file,
        };
        view::bind(cover, view::through(&held), false)
    }
}

/// Hold what lies at `path`, below `top` if there is one, without following a link.
fn open(path: &Path, top: Option<&OwnedFd>) -> std::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(match top {
        Some(top) => openat2(
            top,
            path,
            flags,
            Mode::empty(),
            ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH,
        )?,
        None => openat2(
            rustix::fs::CWD,
            path,
            flags,
            Mode::empty(),
            ResolveFlags::NO_SYMLINKS,
        )?,
    })
}
