//! Where the control socket of a house lies.
//!
//! In the house, where whoever may read the house's records may see it. The address of a Unix socket is short, though, and some file systems have no sockets:
//! then it lies in a directory of the user's own, under the hash of the house's path, and the house says so in a file.

use rustix::process::geteuid;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use types::ContentHash;

/// Bytes that the path of a socket may have: 108 with the zero at its end, 104 elsewhere. Some are left for the name it has until it is ready.
const LONGEST: usize = 98;

/// The house's directory with no links in it, as both ends of the socket must name it.
pub fn root(house: &Path) -> io::Result<PathBuf> {
    house.canonicalize()
}

/// Where the socket usually lies.
pub fn usual(root: &Path) -> PathBuf {
    root.join(".charthouse/control.sock")
}

/// The file that says where it lies, where that is elsewhere.
pub fn note(root: &Path) -> PathBuf {
    root.join(".charthouse/control")
}

/// Whether a socket can have this path.
pub fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= LONGEST
}

/// Where a client finds it.
pub fn find(root: &Path) -> PathBuf {
    match fs::read_to_string(note(root)) {
        Ok(path) if !path.trim().is_empty() => PathBuf::from(path.trim()),
        _ => usual(root),
    }
}

/// A path that fits, in a directory that is only the user's, which is made.
///
/// # Errors
/// When there is no such directory and none can be made; somebody else's is never used.
pub fn elsewhere(root: &Path) -> io::Result<PathBuf> {
    let own = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|directory| directory.is_absolute() && directory.is_dir())
        .map(|directory| directory.join("charthouse"));
    let shared = PathBuf::from(format!("/tmp/charthouse-{}", geteuid().as_raw()));
    let name = format!(
        "{}.sock",
        ContentHash::of(root.as_os_str().as_encoded_bytes()).short()
    );
    let mut failed = None;
    for directory in own.into_iter().chain([shared]) {
        let path = directory.join(&name);
        if !fits(&path) {
            continue;
        }
        match private(&directory) {
            Ok(()) => return Ok(path),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| io::Error::other("no directory has a path that is short enough")))
}

/// Make `directory`, or make sure that it is the user's and nobody else's.
fn private(directory: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    // Not through a link: anybody may put one into /tmp.
    let data = fs::symlink_metadata(directory)?;
    if !data.is_dir() || data.uid() != geteuid().as_raw() {
        let text = format!("{} belongs to somebody else", directory.display());
        return Err(io::Error::other(text));
    }
    if data.mode() & 0o077 != 0 {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Whether whoever is at the other end may be talked to: the same user, or root.
pub fn may_talk(uid: u32) -> bool {
    uid == 0 || uid == geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_others_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path(), &link).unwrap();
        assert!(private(&link).is_err());
        let open = directory.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        private(&open).unwrap();
        assert_eq!(fs::metadata(&open).unwrap().mode() & 0o777, 0o700);
        let made = directory.path().join("made");
        private(&made).unwrap();
        assert_eq!(fs::metadata(&made).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_client_looks_where_the_house_says() {
        let house = tempfile::tempdir().unwrap();
        fs::create_dir(house.path().join(".charthouse")).unwrap();
        assert_eq!(find(house.path()), usual(house.path()));
        fs::write(note(house.path()), "/run/user/1/charthouse/x.sock\n").unwrap();
        assert_eq!(
            find(house.path()),
            Path::new("/run/user/1/charthouse/x.sock")
        );
    }
}
