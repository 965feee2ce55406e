//! Files whose content is known: what the system says nobody has touched since it was read is not read again.
//!
//! A start, and every exchange of generations, would otherwise spend most of its time on hashing megabytes that change once a month. A file counts as
//! untouched while its device, inode, size and both its times are those of the moment when it was hashed: whoever writes to a file, replaces it or sets its
//! times back changes the time of its last change, which no program can set. What was hashed within two seconds of that time is not remembered, because
//! another change might bear the same; and nothing is remembered from one boot to the next, because a machine that loses its power may lose what was
//! written and keep the times.
//!
//! It is a shortcut and nothing else: where what is remembered cannot be read or kept, files are hashed again.

use crate::cache::{Temporary, hash_of};
use crate::seal::{self, Seal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;
use types::ContentHash;

/// File systems tell times in steps of up to two seconds.
const SETTLED: i64 = 2;

/// What is known of files, for one cache.
pub(crate) struct Seen {
    /// Where it is kept from one process to the next.
    kept: PathBuf,
    /// The seal that it bears, and whatever else the cache says.
    pub(crate) seal: Option<Seal>,
    /// Read when it is first asked.
    known: OnceLock<Mutex<Known>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Known {
    /// The boot for which it holds; empty where the system does not tell, and then it is not kept.
    boot: String,
    files: BTreeMap<PathBuf, Sight>,
}

/// A file as it was when it was hashed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Sight {
    stamp: Stamp,
    hash: ContentHash,
}

/// What a system tells of a file that says whether it is still the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// When its content was changed last, in seconds and nanoseconds. Programs can set it.
    modified: (i64, i64),
    /// When anything of it was.
    changed: (i64, i64),
}

impl Seen {
    /// What is known of the files of the cache in `directory` and of those it is asked for.
    pub(crate) fn of(directory: &Path) -> Self {
        Seen {
            kept: directory.join("seen"),
            seal: None,
            known: OnceLock::new(),
        }
    }

    /// The same, where nothing is believed that does not bear `seal`.
    pub(crate) fn sealed(mut self, seal: Seal) -> Self {
        self.seal = Some(seal);
        self
    }

    /// The hash of what the file at `path` holds.
    pub(crate) fn hash_of(&self, path: &Path) -> std::io::Result<ContentHash> {
        // Opened also when it is known: a file system of another machine says only then what has become of the file.
        let file = File::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let sight = self.known().files.get(path).copied();
        if let Some(sight) = sight.filter(|sight| sight.stamp == stamp) {
            return Ok(sight.hash);
        }
        let hash = hash_of(&file)?;
        if stamp.is_settled() && Stamp::of(&file.metadata()?) == stamp {
            self.remember(path, Sight { stamp, hash });
        }
        Ok(hash)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        let known = self
            .known
            .get_or_init(|| Mutex::new(Known::read(&self.kept, self.seal.as_ref())));
        known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, path: &Path, sight: Sight) {
        // A relative path means something else elsewhere, and what is no text cannot be written down.
        if path.is_relative() || path.to_str().is_none() {
            return;
        }
        let mut known = self.known();
        known.files.insert(path.to_owned(), sight);
        // This happens where something is new, which is seldom: time to forget what is gone.
        known.files.retain(|path, _| path.exists());
        if let Err(error) = known.keep(&self.kept, self.seal.as_ref()) {
            tracing::debug!(file = %self.kept.display(), %error, "what is known of files is not kept");
        }
    }
}

impl Known {
    fn read(kept: &Path, seal: Option<&Seal>) -> Self {
        let boot = boot();
        let earlier = std::fs::read(kept).ok();
        earlier
            .and_then(|text| serde_json::from_slice::<Known>(seal::open(seal, kept, &text)?).ok())
            .filter(|known| known.boot == boot)
            .unwrap_or_else(|| Known {
                boot,
                files: BTreeMap::new(),
            })
    }

    fn keep(&self, kept: &Path, seal: Option<&Seal>) -> std::io::Result<()> {
        if self.boot.is_empty() {
            return Ok(());
        }
        let directory = kept.parent().unwrap_or(Path::new("."));
        Temporary::new(directory)
            .become_file(kept, &seal::close(seal, kept, serde_json::to_vec(self)?))
    }
}

/// Which boot of the system this is; empty where it does not tell.
fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.unwrap_or_default().trim().to_owned()
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Stamp {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }

    /// Whether a change from now on would show.
    fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(0));
        now - self.changed.0 > SETTLED
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::time::Duration;

    /// A file that was changed last long enough ago.
    fn settled(directory: &Path, content: &str) -> PathBuf {
        let path = directory.join("x.wasm");
        std::fs::write(&path, content).unwrap();
        std::thread::sleep(Duration::from_secs(SETTLED as u64 + 1));
        path
    }

    /// Whether what is known says `hash` of `path`, be it true or not: a wrong one shows that the file was not read.
    fn lie(seen: &Seen, path: &Path) -> ContentHash {
        let lie = ContentHash::of(b"a lie");
        seen.known().files.get_mut(path).unwrap().hash = lie;
        lie
    }

    #[test]
    fn a_file_that_nobody_touched_is_not_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = settled(directory.path(), "one");
        let seen = Seen::of(directory.path());
        assert_eq!(seen.hash_of(&path).unwrap(), ContentHash::of(b"one"));
        let lie = lie(&seen, &path);
        assert_eq!(seen.hash_of(&path).unwrap(), lie);
    }

    #[test]
    fn any_change_is_seen_even_where_size_and_time_are_set_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = settled(directory.path(), "one");
        let seen = Seen::of(directory.path());
        seen.hash_of(&path).unwrap();
        lie(&seen, &path);
        let before = std::fs::metadata(&path).unwrap().modified().unwrap();
        let mut file = File::options().write(true).open(&path).unwrap();
        file.write_all(b"two").unwrap();
        file.set_modified(before).unwrap();
        assert_eq!(seen.hash_of(&path).unwrap(), ContentHash::of(b"two"));
    }

    #[test]
    fn what_has_just_changed_is_not_remembered() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.wasm");
        std::fs::write(&path, "one").unwrap();
        let seen = Seen::of(directory.path());
        seen.hash_of(&path).unwrap();
        assert!(seen.known().files.is_empty());
    }

    #[test]
    fn another_process_knows_it_too_and_another_boot_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = settled(directory.path(), "one");
        let seen = Seen::of(directory.path());
        seen.hash_of(&path).unwrap();
        assert_eq!(Seen::of(directory.path()).known().files.len(), 1);
        seen.known().boot = "another".into();
        seen.known().keep(&seen.kept, None).unwrap();
        assert!(Seen::of(directory.path()).known().files.is_empty());
    }

    #[test]
    fn what_does_not_bear_the_seal_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let path = settled(directory.path(), "one");
        let of = |key: u8| {
            let seal = move |bytes: &[u8]| Some(ContentHash::of(&[&[key], bytes].concat()));
            Seen::of(directory.path()).sealed(std::sync::Arc::new(seal))
        };
        of(1).hash_of(&path).unwrap();
        assert_eq!(of(1).known().files.len(), 1);
        assert!(of(2).known().files.is_empty());
        let seen = Seen::of(directory.path());
        seen.known().keep(&seen.kept, None).unwrap();
        assert!(of(1).known().files.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_as_if_nothing_were_known() {
        let directory = tempfile::tempdir().unwrap();
        let seen = Seen::of(directory.path());
        std::fs::write(&seen.kept, "{\"boot\": 3").unwrap();
        assert!(seen.known().files.is_empty());
        assert!(seen.hash_of(&directory.path().join("missing")).is_err());
    }
}
