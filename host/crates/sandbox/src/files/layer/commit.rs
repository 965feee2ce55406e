//! The steps of a commit onto the disk: all of them, or none, even when the host is killed among them.
//!
//! What is new is written into a directory of the commit's own inside the mount (so that a rename takes it to its place), then the steps are written down
//! beside it, and only then is the first of them done. Which steps were done is seen by what lies where, so the list can be gone through again from the front,
//! or undone from the back, whatever happened: a start that finds such a directory with steps in it finishes them, and one without removes it.
//! Whoever fills a mount could put such a directory there, to have the host move what it hides; so the list is sealed with a key that lies outside.
//! One commit at a time works on a mount: it holds a lock on the mount's directory, which ends with the process.

use super::base::Base;
use super::content::lock;
use super::plan::{Fresh, Plan, Step};
use crate::files::watch::OWN_PREFIX;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a commit waits for another on the same mount, in steps of [`PAUSE`].
const PATIENCE: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);
/// The list of steps.
const INTENT: &str = "intent";

/// Why nothing was committed.
#[derive(Debug)]
pub(crate) enum Uncommitted {
    /// Somebody changed what the call changed too.
    Conflict(String),
    /// The disk or its permissions. What was done has been undone, unless it says otherwise.
    Failed(String),
}

impl From<io::Error> for Uncommitted {
    fn from(error: io::Error) -> Self {
        Uncommitted::Failed(error.to_string())
    }
}

impl From<Errno> for Uncommitted {
    fn from(error: Errno) -> Self {
        io::Error::from(error).into()
    }
}

/// A commit's own directory.
pub(super) struct Workshop {
    name: String,
    directory: OwnedFd,
    path: PathBuf,
}

/// Do what `plan` says in the directory below.
pub(super) fn commit(base: &Base, plan: &Plan) -> Result<(), Uncommitted> {
    let _lock = locked(base)?;
    // Whatever lies there is of a host that is no more, for this one has the lock.
    recover_locked(base).map_err(Uncommitted::Failed)?;
    for origin in &plan.expected {
        let now = base.stat(&origin.path);
        if !now.is_ok_and(|now| origin.is_still(&now)) {
            return Err(Uncommitted::Conflict(origin.path.clone()));
        }
    }
    let workshop = prepare(base, plan)?;
    finish(base, &workshop, &plan.steps)
}

/// Go through all steps; undo them when one fails.
fn finish(base: &Base, workshop: &Workshop, steps: &[Step]) -> Result<(), Uncommitted> {
    for (at, step) in steps.iter().enumerate() {
        if let Err(error) = perform(base, workshop, step) {
            // A directory that could not be made is not this commit's to remove.
            let undone = match step {
                Step::MakeDirectory { .. } => at,
                _ => at + 1,
            };
            undo(base, workshop, &steps[..undone])?;
            workshop.remove()?;
            return Err(error);
        }
    }
    sync(base, steps);
    // From here on there is nothing to finish.
    fs::remove_file(workshop.path.join(INTENT))?;
    workshop.remove()?;
    Ok(())
}

/// The mount's directory, locked until this is dropped.
fn locked(base: &Base) -> Result<OwnedFd, Uncommitted> {
    let root = base.directory("")?;
    for _ in 0..PATIENCE {
        match rustix::fs::flock(&root, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => std::thread::sleep(PAUSE),
            // A file system without locks: nobody else can be told.
            Err(Errno::NOTSUP | Errno::NOLCK) | Ok(()) => return Ok(root),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Uncommitted::Failed(
        "another commit on the same mount does not end".to_owned(),
    ))
}

/// Make everything new beside its place, and write down what is to be done.
pub(super) fn prepare(base: &Base, plan: &Plan) -> Result<Workshop, Uncommitted> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{OWN_PREFIX}{}-{number}", std::process::id());
    rustix::fs::mkdirat(base.root(), &name, Mode::RWXU)?;
    let workshop = Workshop::open(base, name)?;
    let written = workshop.fill(base, plan);
    if written.is_err() {
        let _ = workshop.remove();
    }
    written?;
    Ok(workshop)
}

impl Workshop {
    fn open(base: &Base, name: String) -> Result<Self, Uncommitted> {
        let directory = base.directory(&name)?;
        let path = base.path().join(&name);
        Ok(Workshop {
            name,
            directory,
            path,
        })
    }

    fn fill(&self, base: &Base, plan: &Plan) -> io::Result<()> {
        fs::create_dir(self.path.join("old"))?;
        fs::create_dir(self.path.join("new"))?;
        for (slot, fresh) in &plan.fresh {
            let path = self.path.join("new").join(slot.to_string());
            match fresh {
                Fresh::Link(target) => std::os::unix::fs::symlink(target, path)?,
                Fresh::File { content, mode } => {
                    let content = lock(content);
                    let Some(copy) = content.copy() else {
                        continue;
                    };
                    let mut from = File::open(copy)?;
                    let mut file = File::options()
                        .write(true)
                        .create_new(true)
                        .mode(0o666)
                        .open(path)?;
                    io::copy(&mut from, &mut file)?;
                    if let Some(mode) = mode {
                        // Never the bits that lend a file's owner to whoever runs it.
                        file.set_permissions(fs::Permissions::from_mode(mode & 0o777))?;
                    }
                    file.set_modified(from.metadata()?.modified()?)?;
                    file.sync_all()?;
                }
            }
        }
        let part = self.path.join("intent.part");
        let mut intent = File::create_new(&part)?;
        let steps = serde_json::to_vec(&plan.steps)?;
        intent.write_all(seal(base, &self.name, &steps)?.as_bytes())?;
        intent.write_all(&steps)?;
        intent.sync_all()?;
        fs::rename(part, self.path.join(INTENT))?;
        File::open(&self.path)?.sync_all()
    }

    fn taken(&self, slot: usize) -> String {
        format!("old/{slot}")
    }

    fn made(&self, slot: usize) -> String {
        format!("new/{slot}")
    }

    fn holds(&self, name: &str) -> bool {
        exists(&self.directory, name)
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }
}

fn exists(directory: impl AsFd, name: &str) -> bool {
    rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// Move without ever replacing anything.
fn move_to(
    from: impl AsFd,
    old: &str,
    to: impl AsFd,
    new: &str,
    shown: &str,
) -> Result<(), Uncommitted> {
    #[cfg(target_os = "linux")]
    match rustix::fs::renameat_with(&from, old, &to, new, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(()),
        Err(Errno::EXIST) => return Err(Uncommitted::Conflict(shown.to_owned())),
        Err(Errno::INVAL | Errno::NOSYS) => {}
        Err(error) => return Err(error.into()),
    }
    if exists(&to, new) {
        return Err(Uncommitted::Conflict(shown.to_owned()));
    }
    Ok(rustix::fs::renameat(from, old, to, new)?)
}

/// Do one step, unless it is done.
pub(super) fn perform(base: &Base, workshop: &Workshop, step: &Step) -> Result<(), Uncommitted> {
    let own = &workshop.directory;
    match step {
        Step::Take {
            from,
            slot,
            inode,
            deleted_directory,
        } => {
            let slot = workshop.taken(*slot);
            // Something else there, or nothing, means that it has been taken, wherever it has gone since.
            if base.stat(from).is_ok_and(|stat| stat.st_ino == *inode) {
                let (holder, name) = base.holder(from)?;
                move_to(holder, name, own, &slot, from)?;
            }
            let is_empty = || {
                fs::read_dir(workshop.path.join(&slot)).map(|mut entries| entries.next().is_none())
            };
            if *deleted_directory && workshop.holds(&slot) && !is_empty()? {
                return Err(Uncommitted::Conflict(from.clone()));
            }
        }
        Step::Replace { slot, path } => {
            let (old, new) = (workshop.taken(*slot), workshop.made(*slot));
            if workshop.holds(&new) {
                let (holder, name) = base.holder(path)?;
                if !workshop.holds(&old) {
                    keep(&holder, name, workshop, &old)?;
                }
                rustix::fs::renameat(own, new, holder, name)?;
            }
        }
        Step::MakeDirectory { path } => {
            let (holder, name) = base.holder(path)?;
            match rustix::fs::mkdirat(holder, name, Mode::from_raw_mode(0o777)) {
                Err(Errno::EXIST) => return Err(Uncommitted::Conflict(path.clone())),
                made => made?,
            }
        }
        Step::PutOld { slot, path } => {
            let slot = workshop.taken(*slot);
            if workshop.holds(&slot) {
                let (holder, name) = base.holder(path)?;
                move_to(own, &slot, holder, name, path)?;
            }
        }
        Step::PutNew { slot, path } => {
            let slot = workshop.made(*slot);
            if workshop.holds(&slot) {
                let (holder, name) = base.holder(path)?;
                move_to(own, &slot, holder, name, path)?;
            }
        }
        Step::Link { from, to } => {
            let (from_holder, from_name) = base.holder(from)?;
            let (holder, name) = base.holder(to)?;
            match rustix::fs::linkat(from_holder, from_name, holder, name, AtFlags::empty()) {
                Err(Errno::EXIST) if same(base, from, to) => {}
                Err(Errno::EXIST) => return Err(Uncommitted::Conflict(to.clone())),
                linked => linked?,
            }
        }
    }
    Ok(())
}

fn same(base: &Base, one: &str, other: &str) -> bool {
    match (base.stat(one), base.stat(other)) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}

/// Keep the file that is about to be replaced: by a second name, or where the system gives none, by a copy.
fn keep(holder: &OwnedFd, name: &str, workshop: &Workshop, slot: &str) -> Result<(), Uncommitted> {
    match rustix::fs::linkat(holder, name, &workshop.directory, slot, AtFlags::empty()) {
        Ok(()) => return Ok(()),
        // Nothing there: it went away after it was looked at.
        Err(Errno::NOENT) => return Err(Uncommitted::Conflict(name.to_owned())),
        Err(_) => {}
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut from = File::from(rustix::fs::openat(holder, name, flags, Mode::empty())?);
    let part = workshop.path.join("kept.part");
    let mut to = File::create(&part)?;
    io::copy(&mut from, &mut to)?;
    to.set_permissions(from.metadata()?.permissions())?;
    fs::rename(part, workshop.path.join(slot))?;
    Ok(())
}

/// Undo `steps`, the last first, as far as they were done.
pub(super) fn undo(base: &Base, workshop: &Workshop, steps: &[Step]) -> Result<(), Uncommitted> {
    for step in steps.iter().rev() {
        undo_step(base, workshop, step).map_err(|error| {
            Uncommitted::Failed(format!(
                "a commit failed in the middle and could not be undone ({error:?} at {step:?}); what it had taken out lies in {}",
                workshop.name
            ))
        })?;
    }
    Ok(())
}

fn undo_step(base: &Base, workshop: &Workshop, step: &Step) -> Result<(), Uncommitted> {
    let own = &workshop.directory;
    match step {
        Step::Take { from, slot, .. } => {
            let slot = workshop.taken(*slot);
            if workshop.holds(&slot) {
                let (holder, name) = base.holder(from)?;
                move_to(own, &slot, holder, name, from)?;
            }
        }
        Step::Replace { slot, path } => {
            let (old, new) = (workshop.taken(*slot), workshop.made(*slot));
            // Done only where the new one has gone to its place.
            if !workshop.holds(&new) && workshop.holds(&old) {
                let (holder, name) = base.holder(path)?;
                rustix::fs::renameat(own, old, holder, name)?;
            }
        }
        Step::MakeDirectory { path } => {
            let (holder, name) = base.holder(path)?;
            match rustix::fs::unlinkat(holder, name, AtFlags::REMOVEDIR) {
                // Not made, or somebody has put something in it: then it stays.
                Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::NOTDIR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Step::PutOld { slot, path } => back(base, workshop, &workshop.taken(*slot), path)?,
        Step::PutNew { slot, path } => back(base, workshop, &workshop.made(*slot), path)?,
        Step::Link { from, to } => {
            if same(base, from, to) {
                let (holder, name) = base.holder(to)?;
                rustix::fs::unlinkat(holder, name, AtFlags::empty())?;
            }
        }
    }
    Ok(())
}

fn back(base: &Base, workshop: &Workshop, slot: &str, path: &str) -> Result<(), Uncommitted> {
    if !workshop.holds(slot) {
        let (holder, name) = base.holder(path)?;
        move_to(holder, name, &workshop.directory, slot, path)?;
    }
    Ok(())
}

/// Make the directories' new entries lasting. Where a system cannot, a power cut may still find the steps and finish them.
fn sync(base: &Base, steps: &[Step]) {
    let mut paths: Vec<&str> = steps
        .iter()
        .map(|step| match step {
            Step::Take { from, .. } => from,
            Step::Link { to, .. } => to,
            Step::Replace { path, .. }
            | Step::MakeDirectory { path }
            | Step::PutOld { path, .. }
            | Step::PutNew { path, .. } => path,
        })
        .map(|path| path.rsplit_once('/').map_or("", |(parent, _)| parent))
        .collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        if let Ok(directory) = base.directory(path) {
            let _ = rustix::fs::fsync(directory);
        }
    }
}

/// Finish, or clear away, what a host that was killed left in a mount. How many commits there were.
pub(crate) fn recover(base: &Base) -> Result<usize, String> {
    if left_behind(base).is_empty() {
        return Ok(0);
    }
    let _lock = locked(base).map_err(in_words)?;
    recover_locked(base)
}

fn left_behind(base: &Base) -> Vec<String> {
    let entries = fs::read_dir(base.path()).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with(OWN_PREFIX)).collect()
}

fn in_words(error: Uncommitted) -> String {
    match error {
        Uncommitted::Conflict(path) => format!(
            "a commit that was cut off could not be finished, because {path} was changed since, and was taken back"
        ),
        Uncommitted::Failed(why) => why,
    }
}

/// The seal of a list of steps: for this directory, under this name, by this host.
fn seal(base: &Base, name: &str, steps: &[u8]) -> io::Result<blake3::Hash> {
    let stat = rustix::fs::fstat(base.root())?;
    let mut hasher = blake3::Hasher::new_keyed(&key(base.key())?);
    hasher.update(&stat.st_dev.to_le_bytes());
    hasher.update(&stat.st_ino.to_le_bytes());
    hasher.update(&(name.len() as u64).to_le_bytes());
    hasher.update(name.as_bytes());
    hasher.update(steps);
    Ok(hasher.finalize())
}

/// The steps of a list whose seal is whole.
fn opened(base: &Base, name: &str, intent: &[u8]) -> Result<Vec<Step>, String> {
    let (sealed, steps) = intent
        .split_first_chunk::<{ blake3::OUT_LEN }>()
        .ok_or("it is too short")?;
    let seal = seal(base, name, steps).map_err(|error| error.to_string())?;
    if seal != blake3::Hash::from_bytes(*sealed) {
        return Err("another host, or somebody else, has written it".to_owned());
    }
    serde_json::from_slice(steps).map_err(|error| error.to_string())
}

/// The key in `path`, made when it is first needed.
fn key(path: &Path) -> io::Result<[u8; blake3::KEY_LEN]> {
    let read = || {
        let bytes = fs::read(path)?;
        bytes
            .try_into()
            .map_err(|_| io::Error::other(format!("{} is damaged", path.display())))
    };
    if path.exists() {
        return read();
    }
    let mut key = [0; blake3::KEY_LEN];
    io::Read::read_exact(&mut File::open("/dev/urandom")?, &mut key)?;
    let directory = path.parent().unwrap_or(path);
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(key),
        // Another made one at the same time.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => read(),
        Err(error) => Err(error.error),
    }
}

fn recover_locked(base: &Base) -> Result<usize, String> {
    let left = left_behind(base);
    let found = left.len();
    for name in left {
        let workshop = Workshop::open(base, name).map_err(in_words)?;
        let Ok(intent) = fs::read(workshop.path.join(INTENT)) else {
            // Nothing was taken out yet, or everything is in its place.
            workshop.remove().map_err(|error| error.to_string())?;
            continue;
        };
        let steps = opened(base, &workshop.name, &intent).map_err(|why| {
            format!(
                "there is a commit in {}/{INTENT} that was cut off and cannot be finished: {why}; look at it, and remove that directory",
                workshop.name
            )
        })?;
        // A directory that stands there is its own, or would do as well.
        let is_made = |step: &Step| match step {
            Step::MakeDirectory { path } => base.directory(path).is_ok(),
            _ => false,
        };
        let left: Vec<Step> = steps.into_iter().filter(|step| !is_made(step)).collect();
        finish(base, &workshop, &left).map_err(in_words)?;
    }
    Ok(found)
}
