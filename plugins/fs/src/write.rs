//! Tool `write`: a whole file.

use crate::replace;
use charthouse_sdk::files::{FileErrorKind, Links, Mounts};
use charthouse_sdk::{Failure, Json, arguments};
use serde::Serialize;

/// What the model reads about the tool.
pub const DESCRIPTION: &str = "Writes a whole text file, in the place of one that may be there; directories that lead to it are made. To change \
    a part of a file use edit. Answers JSON: path, bytes, lines, created (whether there was no such file before). The file is replaced in one \
    step: a failure leaves the old one as it was.";

arguments! {
    /// Which file, and what shall be in it.
    pub struct Write {
        /// The file's absolute path, for instance `/workspace/src/new.rs`; a relative one is taken below `/workspace`.
        path: String,
        /// All of the file's text.
        text: String,
    }
}

#[derive(Debug, Serialize)]
struct Written {
    path: String,
    bytes: usize,
    lines: usize,
    created: bool,
}

/// Write a file.
pub fn write(mounts: &Mounts, arguments: Write) -> Result<Json<impl Serialize + use<>>, Failure> {
    let place = mounts.place(&arguments.path)?;
    if arguments.path.ends_with('/') {
        return Err(Failure::invalid(format!(
            "`{}` ends with `/`, so it names a directory; name a file",
            arguments.path
        )));
    }
    let target = replace::target(&place, "write")?;
    let directory = &place.mount.directory;
    let told = |error| match error {
        // The parents are made below, so what is missing is not what was meant by the path: what policy hides is not there, and cannot be made.
        charthouse_sdk::files::FileError {
            kind: FileErrorKind::NotFound,
        } => {
            let parent = target.path.rsplit_once('/').map(|(parent, _)| parent);
            let has_parent =
                parent.is_none_or(|parent| directory.metadata(parent, Links::Follow).is_ok());
            let (path, mount) = (&place.path, &place.mount.path);
            match has_parent {
                true => Failure::denied(format!(
                    "cannot write `{path}`: the policy of this call hides that name in `{mount}`"
                )),
                false => Failure::denied(format!(
                    "cannot write `{path}`: the policy of this call hides its directory in `{mount}`, or it went away meanwhile"
                )),
            }
        }
        error => replace::explain(&place, "write", &error),
    };
    replace::make_parents(directory, &target.path).map_err(told)?;
    replace::replace(directory, &target.path, arguments.text.as_bytes()).map_err(told)?;
    Ok(Json(Written {
        path: place.path,
        bytes: arguments.text.len(),
        lines: arguments.text.lines().count(),
        created: !target.exists,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::fs;
    use std::path::Path;

    fn call(root: &Path, path: &str, text: &str) -> Result<Value, Failure> {
        let mounts = Mounts::of(&[("/workspace", root)]).unwrap();
        write(
            &mounts,
            Write {
                path: path.to_owned(),
                text: text.to_owned(),
            },
        )
        .map(|written| serde_json::to_value(written.0).unwrap())
    }

    #[test]
    fn directories_are_made_and_files_replaced() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(
            call(root.path(), "a/b/c.txt", "one\ntwo").unwrap(),
            json!({"path": "/workspace/a/b/c.txt", "bytes": 7, "lines": 2, "created": true})
        );
        assert_eq!(
            call(root.path(), "/workspace/a/b/c.txt", "").unwrap()["created"],
            false
        );
        assert_eq!(
            fs::read_to_string(root.path().join("a/b/c.txt")).unwrap(),
            ""
        );
        assert_eq!(fs::read_dir(root.path().join("a/b")).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("sub")).unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        for (path, expected) in [
            (
                "sub",
                "cannot write `/workspace/sub`: it is a directory; name a file in it",
            ),
            (
                ".",
                "cannot write `/workspace`: it is a directory; name a file in it",
            ),
            (
                "new/",
                "`new/` ends with `/`, so it names a directory; name a file",
            ),
            (
                "file/x",
                "cannot write `/workspace/file/x`: `/workspace/file` is a file, not a directory",
            ),
            (
                "/etc/passwd",
                "`/etc/passwd` is outside of every mount; this call may use `/workspace`",
            ),
        ] {
            assert_eq!(
                call(root.path(), path, "x").unwrap_err().message(),
                expected
            );
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }
}
