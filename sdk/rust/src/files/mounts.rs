//! Mounts, and how a path that a model wrote becomes a place in one of them.

use super::{Directory, FileErrorKind, Kind, Links, system};
use crate::Failure;

/// The mount that relative paths are taken below when there is more than one.
const HOME: &str = "/workspace";

/// The guest paths of the mounts of this call, for instance `/workspace`.
pub fn mounts() -> Vec<String> {
    Mounts::granted()
        .0
        .into_iter()
        .map(|mount| mount.path)
        .collect()
}

/// One directory of the host's that the call was granted.
#[derive(Debug)]
pub struct Mount {
    /// Where the guest sees it: absolute and without a `/` at the end.
    pub path: String,
    /// The directory.
    pub directory: Directory,
}

/// All that the call was granted, in order of path.
#[derive(Debug)]
pub struct Mounts(Vec<Mount>);

/// A path in a mount.
#[derive(Debug)]
pub struct Place<'a> {
    /// The mount.
    pub mount: &'a Mount,
    /// The path from the mount; `.` for the mount itself.
    pub relative: String,
    /// The whole path as the guest sees it, normalised.
    pub path: String,
}

impl Place<'_> {
    /// Relative path of the directory it lies in, and its name; `None` for the mount itself.
    pub fn split(&self) -> Option<(&str, &str)> {
        match self.relative.rsplit_once('/') {
            _ if self.relative == "." => None,
            Some((parent, name)) => Some((parent, name)),
            None => Some((".", &self.relative)),
        }
    }

    /// The symbolic link on the way, as the guest sees it, that leads out of the mount, if that is why the sandbox refused this place.
    pub fn link_out(&self) -> Option<String> {
        let ends = self
            .relative
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([self.relative.len()]);
        let directory = &self.mount.directory;
        let leads_out = |path: &&str| {
            directory
                .metadata(path, Links::Stay)
                .is_ok_and(|metadata| metadata.kind == Kind::Symlink)
                && directory
                    .metadata(path, Links::Follow)
                    .is_err_and(|error| error.kind == FileErrorKind::Refused)
        };
        ends.map(|end| &self.relative[..end])
            .find(leads_out)
            .map(|path| self.mount.shown(path))
    }
}

impl Mount {
    /// The guest's path of what stands at `relative` in this mount.
    pub fn shown(&self, relative: &str) -> String {
        match (relative, self.path.as_str()) {
            (".", mount) => mount.to_owned(),
            (relative, "/") => format!("/{relative}"),
            (relative, mount) => format!("{mount}/{relative}"),
        }
    }
}

impl Mounts {
    /// The mounts of this call.
    pub fn granted() -> Self {
        Mounts::sorted(system::preopens())
    }

    /// Mounts for a unit test: guest path and the machine's own directory behind it.
    #[cfg(not(target_os = "wasi"))]
    pub fn of(mounts: &[(&str, &std::path::Path)]) -> std::io::Result<Self> {
        let opened: std::io::Result<Vec<_>> = mounts
            .iter()
            .map(|(guest, host)| Ok(((*guest).to_owned(), system::open(host)?)))
            .collect();
        opened.map(Mounts::sorted)
    }

    fn sorted(opened: Vec<(String, system::Directory)>) -> Self {
        let mut mounts: Vec<Mount> = opened
            .into_iter()
            .map(|(path, directory)| Mount {
                path: absolute(&path, "/"),
                directory: Directory(directory),
            })
            .collect();
        mounts.sort_by(|a, b| a.path.cmp(&b.path));
        Mounts(mounts)
    }

    /// Their guest paths.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|mount| mount.path.as_str())
    }

    /// Where a tool works when it was given no path: `/workspace`, else the only mount.
    pub fn home(&self) -> Result<&str, Failure> {
        match self.0.as_slice() {
            [] => Err(self.nothing_granted()),
            [mount] => Ok(&mount.path),
            mounts if mounts.iter().any(|mount| mount.path == HOME) => Ok(HOME),
            _ => Err(Failure::invalid(format!(
                "there are several mounts: begin the path with one of them ({})",
                self.listed()
            ))),
        }
    }

    /// The place that `path` means. A relative one is taken below [`Mounts::home`]; `.` and `..` are resolved in the text of the path, before
    /// any link is looked at. A path outside every mount is denied.
    pub fn place(&self, path: &str) -> Result<Place<'_>, Failure> {
        if path.contains('\0') {
            return Err(Failure::invalid(
                "`path` contains a NUL character, which no file name can",
            ));
        }
        let path = match path.starts_with('/') {
            true => absolute(path, "/"),
            false => absolute(path, self.home()?),
        };
        // The longest mount that holds the path: mounts may lie in one another.
        let mount = self
            .0
            .iter()
            .filter(|mount| below(&path, &mount.path).is_some())
            .max_by_key(|mount| mount.path.len());
        let Some(mount) = mount else {
            return Err(match self.0.is_empty() {
                true => self.nothing_granted(),
                false => Failure::denied(format!(
                    "`{path}` is outside of every mount; this call may use {}",
                    self.listed()
                )),
            });
        };
        let relative = match below(&path, &mount.path) {
            Some(relative) if !relative.is_empty() => relative.to_owned(),
            _ => ".".to_owned(),
        };
        Ok(Place {
            mount,
            relative,
            path,
        })
    }

    fn listed(&self) -> String {
        let paths: Vec<String> = self.paths().map(|path| format!("`{path}`")).collect();
        paths.join(", ")
    }

    fn nothing_granted(&self) -> Failure {
        Failure::denied(
            "no directory is mounted for this call: the policy in force grants no files",
        )
    }
}

/// `path` below `base` with `.`, `..`, doubled and trailing `/` resolved. `..` at the top stays there, as it does in a shell.
fn absolute(path: &str, base: &str) -> String {
    let start = if path.starts_with('/') { "" } else { base };
    let mut names: Vec<&str> = Vec::new();
    for name in start.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

/// What is left of `path` below `mount`, if it lies there.
fn below<'a>(path: &'a str, mount: &str) -> Option<&'a str> {
    if mount == "/" {
        return path.strip_prefix('/');
    }
    let rest = path.strip_prefix(mount)?;
    match rest.is_empty() {
        true => Some(""),
        false => rest.strip_prefix('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(paths: &[&str]) -> (tempfile::TempDir, Mounts) {
        let directory = tempfile::tempdir().unwrap();
        let mounts: Vec<(&str, &std::path::Path)> =
            paths.iter().map(|path| (*path, directory.path())).collect();
        let mounts = Mounts::of(&mounts).unwrap();
        (directory, mounts)
    }

    fn place(mounts: &[&str], path: &str) -> Result<(String, String), String> {
        let (_directory, mounts) = with(mounts);
        let place = mounts
            .place(path)
            .map_err(|failure| format!("{failure:?}"))?;
        Ok((place.mount.path.clone(), place.relative))
    }

    #[test]
    fn paths_find_their_mount() {
        for (mounts, path, mount, relative) in [
            (
                &["/workspace"][..],
                "/workspace/a/b.rs",
                "/workspace",
                "a/b.rs",
            ),
            (&["/workspace"], "/workspace", "/workspace", "."),
            (
                &["/workspace"],
                "/workspace//a/./b/../c/",
                "/workspace",
                "a/c",
            ),
            (&["/workspace"], "a.rs", "/workspace", "a.rs"),
            (&["/workspace"], "", "/workspace", "."),
            (&["/in"], "a.rs", "/in", "a.rs"),
            (&["/in", "/workspace"], "a.rs", "/workspace", "a.rs"),
            (&["/in", "/in/out"], "/in/out/a", "/in/out", "a"),
            (&["/in", "/in/out"], "/in/outer", "/in", "outer"),
            (&["/"], "/etc/passwd", "/", "etc/passwd"),
            (&["/"], "/", "/", "."),
            (&["workspace/"], "/workspace/a", "/workspace", "a"),
        ] {
            assert_eq!(
                place(mounts, path),
                Ok((mount.to_owned(), relative.to_owned())),
                "{path}"
            );
        }
    }

    #[test]
    fn paths_outside_are_denied_with_the_mounts_there_are() {
        for path in [
            "/etc/passwd",
            "/workspace/../etc/passwd",
            "../../etc/passwd",
            "/workspaces/a",
            "/",
        ] {
            let message = place(&["/in", "/workspace"], path).unwrap_err();
            assert!(message.starts_with("Failure::Denied(\""), "{message}");
            assert!(
                message
                    .contains("is outside of every mount; this call may use `/in`, `/workspace`"),
                "{message}"
            );
        }
        assert!(
            place(&[], "/a")
                .unwrap_err()
                .contains("no directory is mounted")
        );
        assert!(
            place(&["/a", "/b"], "c")
                .unwrap_err()
                .contains("begin the path with one of them (`/a`, `/b`)")
        );
        assert!(place(&["/a"], "/a/\0").unwrap_err().contains("NUL"));
    }
}
