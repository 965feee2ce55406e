//! Looks at the folders of triggers, on a thread of its own: a large one takes time, and whoever hosts agents has none.
//!
//! That something happened is a hint and no more: it makes this look, and only what is found when looking counts. So nothing is missed where hints are lost, where a
//! file system gives none, and while the daemon was down.

use super::engine::{Came, Engine};
use super::log::Log;
use super::settling::{Found, Settling, Version};
use super::watchman::{Arrival, What, of_files};
use definitions::{FilesOn, House};
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use runtime::host::{Fired, SINCE};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use types::Timestamp;

/// Looked at this often without any hint.
const AT_LEAST: Duration = Duration::from_secs(60);
/// Where there are no hints at all.
const WITHOUT_HINTS: Duration = Duration::from_secs(5);
/// Hints that come together.
const TOGETHER: Duration = Duration::from_millis(100);
/// The thread looks at most this part of its time.
const IDLE_PER_LOOK: u32 = 4;
/// The most files and folders that one trigger looks at.
const MOST: usize = 200_000;
/// Times of files are coarser than the clock: what came just now may seem to have come before.
const QUIET_MS: i64 = 5_000;
/// Folders in one another.
const DEEPEST: usize = 64;

/// The thread; it ends when this is dropped.
#[derive(Default)]
pub struct Folders {
    thread: Option<Hint>,
}

/// Something may have happened. However much does while the thread is busy, it looks once more.
#[derive(Clone)]
struct Hint {
    sender: SyncSender<()>,
    /// Nobody wants to know any more.
    stop: Arc<AtomicBool>,
}

impl Hint {
    fn give(&self) {
        // One that has found no room is in the one that waits; and the thread may have ended by itself.
        let _ = self.sender.try_send(());
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        if let Some(thread) = &self.thread {
            thread.stop.store(true, SeqCst);
            thread.give();
        }
    }
}

impl Folders {
    /// Look at the folders that the triggers of `house` name, instead of those before.
    pub fn again(
        self,
        house: &House,
        engine: &Engine,
        fired: &[Fired],
        arrivals: &mpsc::Sender<Arrival>,
        log: &Log,
    ) -> Self {
        drop(self);
        let watched: Vec<Watched> = of_files(house)
            .map(|(name, files)| Watched::new(name, files, engine, fired))
            .collect();
        if watched.is_empty() {
            return Folders::default();
        }
        let (sender, hints) = sync_channel(1);
        let hint = Hint {
            sender,
            stop: Arc::default(),
        };
        let look = Look {
            watched,
            arrivals: arrivals.clone(),
            log: log.clone(),
            hints,
            stop: hint.stop.clone(),
            began: Instant::now(),
            watcher: watcher(&hint),
        };
        let begun = std::thread::Builder::new()
            .name("folders".into())
            .spawn(move || look.on());
        if let Err(error) = begun {
            log.trouble("serve", &format!("folders are not looked at: {error}"));
        }
        Folders { thread: Some(hint) }
    }
}

/// Whoever gives hints; `None` where the system has none to give.
fn watcher(hint: &Hint) -> Option<RecommendedWatcher> {
    let hint = hint.clone();
    let heard = move |event: notify::Result<notify::Event>| {
        let only_read = event.is_ok_and(|event| match event.kind {
            EventKind::Access(kind) => kind != AccessKind::Close(AccessMode::Write),
            _ => false,
        });
        if !only_read {
            hint.give();
        }
    };
    notify::recommended_watcher(heard).ok()
}

/// One trigger's folder.
struct Watched {
    trigger: Arc<str>,
    files: FilesOn,
    settling: Settling,
    /// What was complained of, so that it is said once.
    complaint: Option<String>,
}

impl Watched {
    fn new(name: &Arc<str>, files: &FilesOn, engine: &Engine, fired: &[Fired]) -> Self {
        let since = engine.since(name).unwrap_or_default();
        let its = fired.iter().filter(|fired| *fired.trigger == **name);
        let known: BTreeMap<String, String> = its
            .filter(|fired| fired.subject != SINCE)
            .filter_map(|fired| {
                let version = fired.key.strip_prefix(&fired.subject)?.strip_prefix('@')?;
                Some((fired.subject.clone(), version.to_owned()))
            })
            .collect();
        Watched {
            trigger: name.clone(),
            files: files.clone(),
            settling: Settling::new(files.settle, since.0, known),
            complaint: None,
        }
    }
}

/// The thread's own.
struct Look {
    watched: Vec<Watched>,
    arrivals: mpsc::Sender<Arrival>,
    log: Log,
    hints: Receiver<()>,
    stop: Arc<AtomicBool>,
    began: Instant,
    watcher: Option<RecommendedWatcher>,
}

impl Look {
    fn on(mut self) {
        loop {
            let began = Instant::now();
            let hinted = self.watch();
            let mut next = match hinted {
                true => AT_LEAST,
                false => WITHOUT_HINTS,
            };
            for n in 0..self.watched.len() {
                match self.look(n) {
                    Some(soon) => next = next.min(soon),
                    // The daemon is ending.
                    None => return,
                }
            }
            let busy = began.elapsed() * IDLE_PER_LOOK;
            if !self.wait(busy, next.max(busy)) {
                return;
            }
        }
    }

    /// Wait for a hint, for at least `least` and at most `most`; whether to go on.
    fn wait(&self, least: Duration, most: Duration) -> bool {
        let least = least.max(TOGETHER);
        let end = Instant::now() + most.max(least);
        let mut hinted = false;
        let earliest = Instant::now() + least;
        loop {
            let until = if hinted { earliest } else { end };
            let left = until.saturating_duration_since(Instant::now());
            match self.hints.recv_timeout(left) {
                _ if self.stop.load(SeqCst) => return false,
                Ok(()) => hinted = true,
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Have hints given for what is there by now; whether there are hints for everything.
    fn watch(&mut self) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        let mut all = true;
        for watched in &self.watched {
            let below = &watched.files.below;
            let done = match below.is_dir() {
                true => watcher.watch(below, RecursiveMode::Recursive),
                // It may be made.
                false => match below.ancestors().find(|path| path.is_dir()) {
                    Some(parent) => watcher.watch(parent, RecursiveMode::NonRecursive),
                    None => continue,
                },
            };
            all &= done.is_ok();
        }
        all
    }

    /// Look at one trigger's folder and hand on what has settled there. After how long to look again; `None` when nobody listens any more.
    fn look(&mut self, n: usize) -> Option<Duration> {
        let began = self.began;
        let watched = self.watched.get_mut(n)?;
        let wall = now();
        let mut walk = Walk {
            files: &watched.files,
            found: Vec::new(),
            seen: 0,
            trouble: None,
        };
        walk.below(&watched.files.below, 0);
        let Walk { found, trouble, .. } = walk;
        if trouble.is_some() && trouble != watched.complaint {
            let text = trouble.clone().unwrap_or_default();
            self.log.trouble(&watched.trigger, &text);
        }
        let whole = trouble.is_none();
        watched.complaint = trouble;
        let settled = watched.settling.look(found, wall, began.elapsed());
        let mut soon = AT_LEAST;
        for file in settled {
            let (taken, answer) = oneshot::channel();
            let what = What::File(came(&file), taken);
            let arrival = Arrival {
                trigger: watched.trigger.clone(),
                what,
            };
            self.arrivals.blocking_send(arrival).ok()?;
            match answer.blocking_recv() {
                Ok(true) => watched.settling.handed_on(&file),
                Ok(false) => {
                    soon = WITHOUT_HINTS;
                    break;
                }
                Err(_) => return None,
            }
        }
        match watched.settling.next(began.elapsed()) {
            Some(next) => Some(soon.min(next)),
            None if whole => {
                let what = What::Quiet(Timestamp(wall - QUIET_MS));
                let trigger = watched.trigger.clone();
                self.arrivals
                    .blocking_send(Arrival { trigger, what })
                    .ok()?;
                Some(soon)
            }
            None => Some(soon),
        }
    }
}

/// What a file is for its trigger.
fn came(file: &Found) -> Came {
    Came {
        key: format!("{}@{}", file.name, file.version),
        subject: file.name.clone(),
        values: json!({ "path": file.name }),
        insist: true,
    }
}

/// A look at all files below a folder. Links are not followed: they may lead out of it.
struct Walk<'a> {
    files: &'a FilesOn,
    found: Vec<Found>,
    seen: usize,
    trouble: Option<String>,
}

impl Walk<'_> {
    fn below(&mut self, folder: &Path, depth: usize) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.complain(folder, &error),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.complain(folder, &error),
            };
            self.seen += 1;
            if self.seen > MOST || depth > DEEPEST {
                let why =
                    format!("it has more than {MOST} entries, or {DEEPEST} folders in one another");
                return self.complain(&self.files.below.clone(), &why);
            }
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.below(&path, depth + 1),
                Ok(kind) if kind.is_file() => self.file(&path),
                _ => {}
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let Some(name) = self.files.name_of(path) else {
            return;
        };
        // It may be gone by now.
        let Ok(data) = fs::symlink_metadata(path) else {
            return;
        };
        let modified_ns = i128::from(data.mtime()) * 1_000_000_000 + i128::from(data.mtime_nsec());
        let milliseconds = |seconds: i64, nanoseconds: i64| {
            seconds
                .saturating_mul(1_000)
                .saturating_add(nanoseconds / 1_000_000)
        };
        let written = milliseconds(data.mtime(), data.mtime_nsec());
        let moved = milliseconds(data.ctime(), data.ctime_nsec());
        self.found.push(Found {
            name,
            version: Version {
                size: data.size(),
                modified_ns,
                inode: data.ino(),
            },
            changed: written.max(moved),
        });
    }

    fn complain(&mut self, folder: &Path, why: &dyn std::fmt::Display) {
        let text = format!("{} is not looked at in full: {why}", folder.display());
        self.trouble.get_or_insert(text);
    }
}

/// Now, by the calendar that the times of files are in.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}
