//! Files of keys: they appear whole under their name, for their owner only, and nothing is ever written over one.

use crate::error::KeyError;
use crate::key::PublicKey;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// No key's file is longer.
const LONGEST: u64 = 64 * 1024;

/// The text of a private key's file, if nobody but its owner may read it.
pub fn read(path: &Path) -> Result<String, KeyError> {
    let file = File::open(path).map_err(|why| failed(path, &why))?;
    let about = file.metadata().map_err(|why| failed(path, &why))?;
    if !about.is_file() {
        return Err(failed(path, &std::io::Error::other("it is no file")));
    }
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Open {
                path: path.to_owned(),
                mode,
            });
        }
    }
    let mut text = String::new();
    file.take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|why| failed(path, &why))?;
    Ok(text)
}

/// Write a file that was not there. A crash at any instant leaves it there whole, or not at all.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    static PARTS: AtomicU64 = AtomicU64::new(0);
    let number = PARTS.fetch_add(1, Ordering::Relaxed);
    let part = beside(path, &format!(".part-{}-{number}", std::process::id()));
    let put = || {
        // What a process of that number had begun and was killed over.
        match std::fs::remove_file(&part) {
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        let mut file = options.open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // A link, unlike a renaming, refuses where there is something already.
        std::fs::hard_link(&part, path)?;
        std::fs::remove_file(&part)?;
        match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    };
    put().map_err(|why| {
        let _ = std::fs::remove_file(&part);
        match why.kind() {
            ErrorKind::AlreadyExists => KeyError::Exists {
                path: path.to_owned(),
            },
            _ => failed(path, &why),
        }
    })
}

/// Have `key` in the file `path.pub`, unless there is one.
pub fn write_beside(path: &Path, key: &PublicKey) -> Result<(), KeyError> {
    let public = beside(path, ".pub");
    match write_new(&public, format!("{key}\n").as_bytes(), 0o644) {
        Err(KeyError::Exists { .. }) | Ok(()) => Ok(()),
        other => other,
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn failed(path: &Path, why: &std::io::Error) -> KeyError {
    KeyError::File {
        path: path.to_owned(),
        why: why.to_string(),
    }
}
