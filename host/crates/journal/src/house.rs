//! One process at a time hosts a house: two would each go on with the same runs and do everything twice.
//!
//! The lock is the operating system's, on a file beside the store: a process that is killed leaves none behind. What the file says, and when it was written, is only
//! for the one who is refused. A lock on a file that was deleted protects nothing, so whoever takes the house also writes down, in the store, who it is and which
//! file it has: a second process that finds another file there looks whether that one still lives.
//!
//! Where a file system does not lock across machines, neither does this; SQLite could not either.

use crate::error::JournalError;
use crate::schema::side_file;
use crate::store::Store;
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use types::Timestamp;

/// The name under which the store keeps who has the house.
const KEPT: &str = "house";

/// How often a lock is tried again on a file that was exchanged meanwhile.
const ATTEMPTS: usize = 100;

/// How often, and how long each time, the one who is refused waits for the holder to say who it is: it has the lock a moment before it has written that.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// How much of the file is read: whoever wrote more than this is not one of us.
const LONGEST: u64 = 4096;

/// A house that is this process's as long as this lives.
#[derive(Debug)]
pub struct HouseLock {
    file: File,
    path: PathBuf,
}

impl HouseLock {
    /// The file that stands for the house.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for HouseLock {
    fn drop(&mut self) {
        // Who comes next must not read of this process. The lock itself goes with the file.
        let _ = self.file.set_len(0);
    }
}

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    by: String,
    pid: u32,
}

/// What the store keeps.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    by: String,
    #[serde(flatten)]
    process: Process,
    file: FileId,
}

/// A process, so named that no other ever has the same name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Process {
    pid: u32,
    /// When it was started, in the kernel's own measure.
    started: String,
    /// The start of the machine in which it was.
    boot: String,
}

/// Which file it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileId {
    device: u64,
    inode: u64,
}

pub(crate) fn take(store: &dyn Store, by: &str) -> Result<HouseLock, JournalError> {
    // By whatever name the house is called, its lock is one.
    let place = std::fs::canonicalize(store.path()).unwrap_or_else(|_| store.path().to_owned());
    let path = side_file(&place, "-host");
    let lock = HouseLock {
        file: lock(&path)?,
        path,
    };
    refuse_beside_a_deleted_lock(store, &lock)?;
    tell(store, &lock, by)?;
    Ok(lock)
}

/// The file at `path`, locked, and still the one that is there.
fn lock(path: &Path) -> Result<File, JournalError> {
    for _ in 0..ATTEMPTS {
        let file = open(path).map_err(|why| JournalError::CannotTake {
            path: path.to_owned(),
            why: why.to_string(),
        })?;
        match file.try_lock() {
            Ok(()) if id_of(file.metadata()) == id_of(std::fs::metadata(path)) => {
                return Ok(file);
            }
            // Somebody deleted it between: the lock would be on nothing.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(path)),
            Err(TryLockError::Error(why)) if why.kind() == ErrorKind::Interrupted => {}
            Err(TryLockError::Error(why)) => {
                return Err(JournalError::CannotLock {
                    path: path.to_owned(),
                    why: why.to_string(),
                });
            }
        }
    }
    Err(JournalError::CannotTake {
        path: path.to_owned(),
        why: "it is deleted again and again".to_owned(),
    })
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).or_else(|error| {
        // One that may only be read can be locked as well; it just cannot say by whom.
        File::open(path).map_err(|_| error)
    })?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(std::io::Error::other("it is no file")),
    }
}

/// The refusal, in the words of the one who has it as far as they are known.
fn taken(path: &Path) -> JournalError {
    let mut said = None;
    for _ in 0..LOOKS {
        said = read(path);
        if said
            .as_ref()
            .is_some_and(|(holder, _)| may_live(holder.pid))
        {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    let (holder, since) = match said {
        Some((Holder { by, pid }, since)) => (format!("`{by}` (process {pid})"), since),
        None => (
            "another process, which did not say who it is".to_owned(),
            None,
        ),
    };
    JournalError::HouseTaken {
        path: path.to_owned(),
        holder,
        since,
    }
}

/// What the file says, and since when.
fn read(path: &Path) -> Option<(Holder, Option<Timestamp>)> {
    let file = File::open(path).ok()?;
    let written = file.metadata().and_then(|about| about.modified()).ok();
    let since = written
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|time| i64::try_from(time.as_millis()).ok())
        .map(Timestamp);
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    let mut holder: Holder = serde_json::from_str(&text).ok()?;
    // It goes to a terminal.
    holder.by.retain(|c| !c.is_control());
    Some((holder, since))
}

/// Say in the file, and in the store, who has the house.
fn tell(store: &dyn Store, lock: &HouseLock, by: &str) -> Result<(), JournalError> {
    let holder = Holder {
        by: by.to_owned(),
        pid: std::process::id(),
    };
    let mut file = &lock.file;
    // The lock holds without it: a full disk must not keep anybody from looking after the house.
    let _ = lock
        .file
        .set_len(0)
        .and_then(|()| file.write_all(serde_json::to_string(&holder)?.as_bytes()));
    let (Some(process), Some(id)) = (process(holder.pid), id_of(lock.file.metadata())) else {
        return Ok(());
    };
    let kept = Kept {
        by: holder.by,
        process,
        file: id,
    };
    store.keep(KEPT, &serde_json::to_vec(&kept).unwrap_or_default())
}

/// The file was deleted under somebody who has the house: the lock on the new one says nothing.
fn refuse_beside_a_deleted_lock(store: &dyn Store, lock: &HouseLock) -> Result<(), JournalError> {
    let kept = store.kept(KEPT)?;
    let Some(kept) = kept.and_then(|text| serde_json::from_slice::<Kept>(&text).ok()) else {
        return Ok(());
    };
    let is_another = Some(kept.file) != id_of(lock.file.metadata())
        && kept.process.pid != std::process::id()
        && process(kept.process.pid) == Some(kept.process.clone());
    if !is_another {
        return Ok(());
    }
    let by: String = kept.by.chars().filter(|c| !c.is_control()).collect();
    Err(JournalError::HouseTaken {
        path: lock.path.clone(),
        holder: format!(
            "`{by}` (process {}), whose lock was deleted",
            kept.process.pid
        ),
        since: None,
    })
}

#[cfg(unix)]
fn id_of(about: std::io::Result<std::fs::Metadata>) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    let about = about.ok()?;
    Some(FileId {
        device: about.dev(),
        inode: about.ino(),
    })
}

/// Where files have no identity a file that is there counts as the same.
#[cfg(not(unix))]
fn id_of(about: std::io::Result<std::fs::Metadata>) -> Option<FileId> {
    about.ok().map(|_| FileId {
        device: 0,
        inode: 0,
    })
}

/// The process `pid` as it is now. Nothing where there is none, or where the system does not tell.
fn process(pid: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, which may hold anything, ends with the last bracket; the start is the 20th word behind it (proc(5), field 22).
    let started = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(Process {
        pid,
        started: started.to_owned(),
        boot: boot.trim().to_owned(),
    })
}

/// Whether there may be a process `pid`: what a killed one wrote stays until the next has written.
pub(crate) fn may_live(pid: u32) -> bool {
    process(pid).is_some() || !Path::new("/proc/self/stat").exists()
}

#[cfg(test)]
mod tests;
