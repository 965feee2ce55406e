//! The control socket: made so that it is complete and the owner's alone from the moment it has its name.

use crate::control::place;
use crate::exit::{Failure, STORE};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// A socket that listens, and goes away with this.
pub struct Socket {
    /// What listens.
    pub listener: UnixListener,
    /// Where it lies.
    pub path: PathBuf,
    /// The file that says so, where it lies elsewhere than usual.
    note: Option<PathBuf>,
    /// The socket's own number: another daemon's is not taken away.
    inode: u64,
}

impl Socket {
    /// Listen for the house in `root`, which the caller has taken: a socket that nobody listens to is one that a killed daemon has left behind.
    ///
    /// # Errors
    /// When somebody listens there all the same, or no place can be found for a socket.
    pub fn bind(root: &Path) -> Result<Self, Failure> {
        let failed = |path: &Path, error: &io::Error| {
            let text = format!(
                "the control socket {} cannot be made: {error}",
                path.display()
            );
            let help = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    "stop the daemon that serves this house: charthouse serve --stop, or end its process"
                }
                _ => "`charthouse doctor` says what a house needs on this machine",
            };
            Failure::new(STORE, text).help(help)
        };
        let usual = place::usual(root);
        let note = place::note(root);
        if place::fits(&usual) {
            match listen(&usual) {
                Ok((listener, inode)) => {
                    // Of a daemon before, when the house lay elsewhere.
                    let _ = fs::remove_file(&note);
                    return Ok(Socket {
                        listener,
                        path: usual,
                        note: None,
                        inode,
                    });
                }
                Err(error) if !has_no_sockets(&error) => return Err(failed(&usual, &error)),
                Err(_) => {}
            }
        }
        let path = place::elsewhere(root).map_err(|error| failed(&usual, &error))?;
        let (listener, inode) = listen(&path).map_err(|error| failed(&path, &error))?;
        let socket = Socket {
            listener,
            path,
            note: Some(note.clone()),
            inode,
        };
        let fresh = note.with_extension("new");
        let written = fs::create_dir_all(root.join(".charthouse"))
            .and_then(|()| fs::write(&fresh, format!("{}\n", socket.path.display())))
            .and_then(|()| fs::rename(&fresh, &note));
        written.map_err(|error| failed(&note, &error))?;
        Ok(socket)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let inode = fs::symlink_metadata(&self.path).map(|data| data.ino());
        if inode.is_ok_and(|inode| inode == self.inode) {
            let _ = fs::remove_file(&self.path);
            if let Some(note) = &self.note {
                let _ = fs::remove_file(note);
            }
        }
    }
}

/// Some file systems (shared folders of virtual machines, FAT) have none.
fn has_no_sockets(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(
        errno,
        Some(Errno::PERM | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS)
    )
}

fn listen(path: &Path) -> io::Result<(UnixListener, u64)> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        let text = "somebody listens there";
        return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
    }
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let fresh = path.with_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&fresh)?;
    let named = fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))
        .and_then(|()| fs::rename(&fresh, path))
        .and_then(|()| fs::symlink_metadata(path));
    match named {
        Ok(data) => Ok((listener, data.ino())),
        Err(error) => {
            let _ = fs::remove_file(&fresh);
            Err(error)
        }
    }
}
