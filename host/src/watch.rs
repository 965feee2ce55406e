//! The file watcher: notices that definitions were saved, waits until whoever saves them is done, and reads the whole house again.
//!
//! A front end like the others: it submits what it found and decides nothing. It begins to watch only after a run has lasted a moment, so that a short one
//! does not pay for it; what was saved before is found by comparing times.

use crate::print;
use definitions::House;
use futures_util::stream;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use runtime::{Reload, Reloads};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, timeout};

/// A run that ends sooner is not worth watching for.
const BEFORE_WATCHING: Duration = Duration::from_millis(50);
/// Files that are saved together arrive one by one: this long must nothing more be saved.
const QUIET: Duration = Duration::from_millis(100);
/// Whoever saves without a pause is read this often all the same.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// The folders whose files are definitions, or are read with them.
const FOLDERS: [&str; 4] = ["agents", "charts", "policies", "scripts"];

/// The definitions of `house` as they are saved from now on.
pub fn reloads(house: &House) -> Reloads {
    let watch = Watch {
        root: house.root.clone(),
        files: house.files.iter().map(|(file, _)| file.clone()).collect(),
        lenient: house.is_lenient(),
        since: SystemTime::now(),
        watching: None,
    };
    Box::pin(stream::unfold(watch, |mut watch| async move {
        let reload = watch.next().await;
        Some((reload, watch))
    }))
}

struct Watch {
    root: PathBuf,
    files: Vec<Arc<str>>,
    /// Whether it may use components that are not the pinned ones, whatever is saved.
    lenient: bool,
    since: SystemTime,
    watching: Option<Watching>,
}

struct Watching {
    watcher: RecommendedWatcher,
    saved: UnboundedReceiver<()>,
}

impl Watch {
    async fn next(&mut self) -> Reload {
        loop {
            if let Some(watching) = &mut self.watching {
                watching.saved().await;
                watching.folders(&self.root);
                return read(&self.root, self.lenient);
            }
            sleep(BEFORE_WATCHING).await;
            match Watching::begin(&self.root, || self.saved_meanwhile()) {
                Ok(watching) => self.watching = Some(watching),
                Err(error) => {
                    print::err(&format!(
                        "warning: the definitions in {} are not watched, so what is saved there is used by the next run: {error}\n",
                        self.root.display()
                    ));
                    return std::future::pending().await;
                }
            }
        }
    }

    /// Whether a definition was saved before the watching began, or one was added to a folder.
    fn saved_meanwhile(&self) -> bool {
        let files = self.files.iter().map(|file| self.root.join(&**file));
        let folders = FOLDERS.iter().map(|folder| self.root.join(folder));
        let mut paths = files.chain(folders.filter(|folder| folder.exists()));
        paths.any(|path| {
            let time = std::fs::metadata(path).and_then(|data| data.modified());
            // Times of files are coarser than the clock: a little too much is read rather than too little.
            time.map_or(true, |time| time + Duration::from_millis(20) >= self.since)
        })
    }
}

impl Watching {
    /// Begin; `behind`, asked once nothing more is missed: whether something has been saved already.
    fn begin(root: &Path, behind: impl Fn() -> bool) -> notify::Result<Self> {
        let (sender, saved) = unbounded_channel();
        let late = sender.clone();
        let mut watcher = notify::recommended_watcher(move |event| heard(&sender, event))?;
        watcher.watch(root, RecursiveMode::NonRecursive)?;
        let mut watching = Watching { watcher, saved };
        watching.folders(root);
        if behind() {
            // The other end is in `watching`.
            let _ = late.send(());
        }
        Ok(watching)
    }

    /// Watch the folders that are there by now. One that was removed and made again looks the same and is another one, so all are watched anew; those that
    /// are watched already stay so.
    fn folders(&mut self, root: &Path) {
        let folders = FOLDERS.iter().map(|folder| root.join(folder));
        for folder in folders.filter(|folder| folder.is_dir()) {
            if let Err(error) = self.watcher.watch(&folder, RecursiveMode::Recursive) {
                tracing::warn!("{} is not watched: {error}", folder.display());
            }
        }
    }

    /// Until something was saved and whoever saved it is done.
    async fn saved(&mut self) {
        if self.saved.recv().await.is_none() {
            return std::future::pending().await;
        }
        let end = Instant::now() + LONGEST_WAIT;
        while Instant::now() < end {
            match timeout(QUIET, self.saved.recv()).await {
                Ok(Some(())) => {}
                Ok(None) | Err(_) => break,
            }
        }
        while self.saved.try_recv().is_ok() {}
    }
}

/// Called on the watcher's own thread.
fn heard(sender: &UnboundedSender<()>, event: notify::Result<Event>) {
    let written = match &event {
        // Too many events at once: some were lost.
        Ok(event) if event.need_rescan() => true,
        Ok(event) => match event.kind {
            EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => {
                event.paths.iter().any(|path| is_definition(path))
            }
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                event.paths.iter().any(|path| is_definition(path))
            }
            // Reading the definitions is heard too.
            _ => false,
        },
        Err(_) => true,
    };
    if written {
        // Nobody listens any more once the run is over.
        let _ = sender.send(());
    }
}

/// What was saved may be a definition or a folder of them; an editor's own files and what a run writes are neither.
fn is_definition(path: &Path) -> bool {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml" | "lock") => true,
        Some(_) => false,
        None => path.file_name().is_some_and(|name| name != ".charthouse"),
    }
}

fn read(root: &Path, lenient: bool) -> Reload {
    match definitions::load(root) {
        Ok(mut house) => {
            if lenient {
                house.be_lenient();
            }
            Reload::Ready(Box::new(house))
        }
        Err(report) => Reload::Broken(report.render(false)),
    }
}
