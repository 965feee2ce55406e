//! Puts a whole file in the place of another, so that nobody ever sees half of it: written under a name of its own in the same directory,
//! then renamed over.

use crate::near;
use charthouse_sdk::Failure;
use charthouse_sdk::files::{Directory, FileError, FileErrorKind, Kind, Links, Place};

/// How many links a path may lead through.
const LINKS: usize = 16;
/// How many names are tried for the file that is written; each that is taken was left behind by a call that was killed.
const ATTEMPTS: usize = 100;
/// How much of a name goes into the name of the file that is written, so that the latter is never too long.
const NAME_BYTES: usize = 200;

/// What stands where a file is to be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// The path in the mount, after links at its end: replacing a link must change what it points to, not the link.
    pub path: String,
    /// Whether there is a file already.
    pub exists: bool,
}

/// What is at `place`, which must be a file or nothing.
pub fn target(place: &Place<'_>, what: &str) -> Result<Target, Failure> {
    let directory = &place.mount.directory;
    let mut path = place.relative.clone();
    for _ in 0..LINKS {
        match directory.metadata(&path, Links::Stay) {
            Ok(metadata) => match metadata.kind {
                Kind::File => return Ok(Target { path, exists: true }),
                Kind::Symlink => path = followed(directory, place, &path, what)?,
                Kind::Directory => {
                    return Err(Failure::failed(format!(
                        "cannot {what} `{}`: it is a directory; name a file in it",
                        place.path
                    )));
                }
                Kind::Special => return Err(explain(place, what, &FileErrorKind::Special.into())),
            },
            Err(error) if error.kind == FileErrorKind::NotFound => {
                return Ok(Target {
                    path,
                    exists: false,
                });
            }
            Err(error) => return Err(explain(place, what, &error)),
        }
    }
    Err(explain(place, what, &FileErrorKind::Circle.into()))
}

/// Where the link at `path` leads. `..` in it is left to WASI, which knows what the directories before it really are.
fn followed(
    directory: &Directory,
    place: &Place<'_>,
    path: &str,
    what: &str,
) -> Result<String, Failure> {
    let link = directory
        .read_link(path)
        .map_err(|error| explain(place, what, &error))?;
    if link.starts_with('/') {
        return Err(explain(place, what, &FileErrorKind::Refused.into()));
    }
    Ok(match path.rsplit_once('/') {
        Some((parent, _)) => format!("{parent}/{link}"),
        None => link,
    })
}

/// Make the directories that lead to `path`, as far as they are not there.
pub fn make_parents(directory: &Directory, path: &str) -> Result<(), FileError> {
    let ends = path.match_indices('/').map(|(at, _)| at);
    for parent in ends.map(|end| &path[..end]) {
        match directory.metadata(parent, Links::Follow) {
            Ok(metadata) if metadata.kind == Kind::Directory => {}
            Ok(_) => return Err(FileErrorKind::NotDirectory.into()),
            Err(error) if error.kind == FileErrorKind::NotFound => {
                match directory.create_directory(parent) {
                    // Somebody else made it in between.
                    Err(error) if error.kind != FileErrorKind::Exists => return Err(error),
                    _ => {}
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Put `content` at `path`, in the place of a file that may stand there. On failure nothing has changed and nothing is left behind.
pub fn replace(directory: &Directory, path: &str, content: &[u8]) -> Result<(), FileError> {
    let (parent, name) = match path.rsplit_once('/') {
        Some((parent, name)) => (format!("{parent}/"), name),
        None => (String::new(), path),
    };
    let name = &name[..name.floor_char_boundary(NAME_BYTES)];
    // A name with a dot in front is seen least; where policy hides such names from this call, one without it.
    let (mut dot, mut attempt) = (".", 0);
    let (temporary, mut file) = loop {
        let temporary = format!("{parent}{dot}{name}.part-{attempt}");
        match directory.create_file(&temporary) {
            Ok(file) => break (temporary, file),
            Err(error) if error.kind == FileErrorKind::Exists && attempt + 1 < ATTEMPTS => {
                attempt += 1
            }
            Err(error) if error.kind == FileErrorKind::NotFound && !dot.is_empty() => dot = "",
            Err(error) => return Err(error),
        }
    };
    let written = file.write_all(content);
    drop(file);
    let replaced = written.and_then(|()| directory.rename(&temporary, path));
    if replaced.is_err() {
        // What went wrong is more worth telling than that its remains could not be removed.
        let _ = directory.remove_file(&temporary);
    }
    replaced
}

/// The failure of writing at `place`.
pub fn explain(place: &Place<'_>, what: &str, error: &FileError) -> Failure {
    if error.kind == FileErrorKind::Refused && !place.mount.directory.is_writable() {
        return Failure::denied(format!(
            "cannot {what} `{}`: `{}` is mounted read-only for this call",
            place.path, place.mount.path
        ));
    }
    near::explain(place, what, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use charthouse_sdk::files::Mounts;
    use std::fs;

    #[test]
    fn the_file_behind_a_link_is_replaced_and_the_link_stays() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        fs::write(root.path().join("a/real"), "old").unwrap();
        std::os::unix::fs::symlink("../real", root.path().join("a/b/link")).unwrap();
        let mounts = Mounts::of(&[("/workspace", root.path())]).unwrap();
        let place = mounts.place("/workspace/a/b/link").unwrap();
        let target = target(&place, "write").unwrap();
        assert_eq!(
            target,
            Target {
                path: "a/b/../real".to_owned(),
                exists: true
            }
        );
        replace(&place.mount.directory, &target.path, b"new").unwrap();
        assert_eq!(
            fs::read_to_string(root.path().join("a/real")).unwrap(),
            "new"
        );
        assert!(root.path().join("a/b/link").is_symlink());
        assert_eq!(fs::read_dir(root.path().join("a")).unwrap().count(), 2);
    }

    #[test]
    fn links_that_lead_out_or_in_a_circle_are_refused() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("out")).unwrap();
        std::os::unix::fs::symlink("../../etc/passwd", root.path().join("up")).unwrap();
        std::os::unix::fs::symlink("circle", root.path().join("circle")).unwrap();
        let mounts = Mounts::of(&[("/workspace", root.path())]).unwrap();
        for (name, expected) in [
            ("out", "leads out of the mount `/workspace`"),
            ("up", "leads out"),
            ("circle", "circle"),
        ] {
            let place = mounts.place(name).unwrap();
            let failure = target(&place, "write").unwrap_err();
            assert!(failure.message().contains(expected), "{failure:?}");
        }
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("taken")).unwrap();
        let mounts = Mounts::of(&[("/workspace", root.path())]).unwrap();
        let directory = &mounts.place(".").unwrap().mount.directory;
        assert!(replace(directory, "taken", b"x").is_err());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_name_of_full_length_can_be_replaced() {
        let root = tempfile::tempdir().unwrap();
        let mounts = Mounts::of(&[("/workspace", root.path())]).unwrap();
        let directory = &mounts.place(".").unwrap().mount.directory;
        let name = "é".repeat(127);
        replace(directory, &name, b"x").unwrap();
        // Remains of a killed call do not stand in the way.
        fs::write(root.path().join(".b.part-0"), "").unwrap();
        replace(directory, "b", b"y").unwrap();
        assert_eq!(fs::read_to_string(root.path().join("b")).unwrap(), "y");
    }
}
