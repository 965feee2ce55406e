//! Paths as text. Nothing here looks at a disk: symbolic links are the sandbox's to re-check, and what is compared here is exactly what is handed to it.

use std::path::{Component, Path, PathBuf};

/// The absolute path that `written` means below `root`, without `.` and `..`. An absolute `written` stands for itself; `..` never climbs above `/`.
///
/// `..` is taken off as text before anything is opened, so that the path which was compared with the ceiling is the path that is opened.
pub(crate) fn host(root: &Path, written: &str) -> PathBuf {
    // Joining onto `/` first makes the result absolute even if the caller broke the promise that `root` is.
    let joined = Path::new("/").join(root).join(written);
    let mut normal = PathBuf::with_capacity(joined.as_os_str().len());
    for component in joined.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            kept => normal.push(kept),
        }
    }
    normal
}

/// The one spelling of a guest path: absolute, without `.`, `..`, doubled or trailing slashes, so that two layers that mean one mount name one mount.
pub(crate) fn guest(written: &str) -> String {
    host(Path::new("/"), written).to_string_lossy().into_owned()
}

/// The components of `written` joined by `/`, without `.`, `..` and empty ones; `None` when it climbs above where it starts.
pub(crate) fn relative(written: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in written.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// `inner` relative to `outer`, with `/` between components: empty when they are the same, `None` when `inner` does not lie inside `outer`.
pub(crate) fn inside(inner: &Path, outer: &Path) -> Option<String> {
    let rest = inner.strip_prefix(outer).ok()?;
    Some(rest.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_paths_are_absolute_and_free_of_dots() {
        let root = Path::new("/home/ada/house");
        for (written, expected) in [
            (".", "/home/ada/house"),
            ("", "/home/ada/house"),
            ("src/./lib", "/home/ada/house/src/lib"),
            ("src/../../other", "/home/ada/other"),
            ("../../../../../etc", "/etc"),
            ("/etc/../var/", "/var"),
            ("a//b/", "/home/ada/house/a/b"),
        ] {
            assert_eq!(host(root, written), Path::new(expected), "{written}");
        }
        assert_eq!(host(Path::new("house"), "../../x"), Path::new("/x"));
    }

    #[test]
    fn guest_paths_have_one_spelling() {
        for written in [
            "/workspace",
            "workspace",
            "/workspace/",
            "//workspace/./x/..",
        ] {
            assert_eq!(guest(written), "/workspace", "{written}");
        }
        assert_eq!(guest("/"), "/");
        assert_eq!(guest("/../../data"), "/data");
    }

    #[test]
    fn inside_goes_by_component() {
        let at = Path::new;
        assert_eq!(inside(at("/a/b/c"), at("/a/b")), Some("c".into()));
        assert_eq!(inside(at("/a/b"), at("/a/b")), Some(String::new()));
        assert_eq!(inside(at("/a/bc"), at("/a/b")), None);
        assert_eq!(inside(at("/a"), at("/a/b")), None);
    }
}
