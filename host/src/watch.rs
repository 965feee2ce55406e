//! The file watcher: notices that definitions or components of plugins were saved, waits until whoever saves them is done, and reads the definitions again.
//!
//! A front end like the others: it submits what it found and decides nothing. It begins to watch only after a run has lasted a moment, so that a short one
//! does not pay for it; what was saved before is found by comparing times.

use crate::print;
use definitions::House;
use futures_util::stream;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use runtime::{Reload, Reloads};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
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

/// The definitions of `house` and the components it names, as they are saved from now on.
pub fn reloads(house: &House) -> Reloads {
    let watch = Watch {
        root: house.root.clone(),
        files: house.files.iter().map(|(file, _)| file.clone()).collect(),
        components: Components::default(),
        lenient: house.is_lenient(),
        since: SystemTime::now(),
        watching: None,
        found: VecDeque::new(),
    };
    watch.components.are_those_of(house);
    Box::pin(stream::unfold(watch, |mut watch| async move {
        let reload = watch.next().await;
        Some((reload, watch))
    }))
}

struct Watch {
    root: PathBuf,
    files: Vec<Arc<str>>,
    components: Components,
    /// Whether it may use components that are not the pinned ones, whatever is saved.
    lenient: bool,
    since: SystemTime,
    watching: Option<Watching>,
    /// What was saved together and has not been handed on.
    found: VecDeque<Reload>,
}

struct Watching {
    watcher: RecommendedWatcher,
    saved: UnboundedReceiver<Saved>,
}

/// Something that was saved.
enum Saved {
    /// A definition.
    Definition,
    /// A component, by the path that the house has for it.
    Component(PathBuf),
    /// Nobody knows what: too much happened at once.
    Anything,
}

/// The components that the house names, by each path under which saving one is heard: where the house says it is, and where links lead.
#[derive(Clone, Default)]
struct Components(Arc<Mutex<BTreeMap<PathBuf, PathBuf>>>);

impl Components {
    fn are_those_of(&self, house: &House) {
        let mut all = BTreeMap::new();
        for plugin in house.plugins.values() {
            let path = &plugin.component.path;
            let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
            if let (Some(parent), Some(name)) = (parent, path.file_name()) {
                all.insert(parent.join(name), path.clone());
            }
            if let Ok(real) = path.canonicalize() {
                all.insert(real, path.clone());
            }
        }
        *self.all() = all;
    }

    fn named(&self, path: &Path) -> Option<PathBuf> {
        self.all().get(path).cloned()
    }

    fn folders(&self) -> BTreeSet<PathBuf> {
        let all = self.all();
        let parents = all.keys().filter_map(|path| path.parent());
        parents.map(Path::to_owned).collect()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    async fn next(&mut self) -> Reload {
        loop {
            if let Some(found) = self.found.pop_front() {
                return found;
            }
            if let Some(watching) = &mut self.watching {
                let saved = watching.saved().await;
                self.read(&saved);
                if let Some(watching) = &mut self.watching {
                    watching.folders(&self.root, &self.components);
                }
                continue;
            }
            sleep(BEFORE_WATCHING).await;
            let watching = Watching::begin(&self.root, &self.components, || self.saved_meanwhile());
            match watching {
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

    /// Read what was saved. Definitions come first: they may name the components otherwise.
    fn read(&mut self, saved: &[Saved]) {
        let anything = saved.iter().any(|saved| matches!(saved, Saved::Anything));
        if anything || saved.iter().any(|saved| matches!(saved, Saved::Definition)) {
            let reload = match definitions::load(&self.root) {
                Ok(mut house) => {
                    if self.lenient {
                        house.be_lenient();
                    }
                    self.components.are_those_of(&house);
                    Reload::Ready(Box::new(house))
                }
                Err(report) => Reload::Broken(report.render(false)),
            };
            self.found.push_back(reload);
        }
        let components: BTreeSet<PathBuf> = saved.iter().filter_map(Saved::component).collect();
        if anything || !components.is_empty() {
            let components = match anything {
                true => Vec::new(),
                false => components.into_iter().collect(),
            };
            self.found.push_back(Reload::Components(components));
        }
    }

    /// What was saved before the watching began; a folder stands for a definition that was added to it.
    fn saved_meanwhile(&self) -> Vec<Saved> {
        let files = self.files.iter().map(|file| self.root.join(&**file));
        let folders = FOLDERS.iter().map(|folder| self.root.join(folder));
        let mut paths = files.chain(folders.filter(|folder| folder.exists()));
        let mut saved = Vec::new();
        if paths.any(|path| self.is_new(&path)) {
            saved.push(Saved::Definition);
        }
        let components = self.components.all();
        let new = components.iter().filter(|(path, _)| self.is_new(path));
        saved.extend(new.map(|(_, named)| Saved::Component(named.clone())));
        saved
    }

    fn is_new(&self, path: &Path) -> bool {
        let time = std::fs::metadata(path).and_then(|data| data.modified());
        // Times of files are coarser than the clock: a little too much is read rather than too little.
        time.map_or(true, |time| time + Duration::from_millis(20) >= self.since)
    }
}

impl Saved {
    fn component(&self) -> Option<PathBuf> {
        match self {
            Saved::Component(path) => Some(path.clone()),
            Saved::Definition | Saved::Anything => None,
        }
    }
}

impl Watching {
    /// Begin; `behind`, asked once nothing more is missed: what has been saved already.
    fn begin(
        root: &Path,
        components: &Components,
        behind: impl Fn() -> Vec<Saved>,
    ) -> notify::Result<Self> {
        let (sender, saved) = unbounded_channel();
        let late = sender.clone();
        let (known, top) = (components.clone(), root.to_owned());
        let mut watcher =
            notify::recommended_watcher(move |event| heard(&sender, &top, &known, event))?;
        watcher.watch(root, RecursiveMode::NonRecursive)?;
        let mut watching = Watching { watcher, saved };
        watching.folders(root, components);
        for saved in behind() {
            // The other end is in `watching`.
            let _ = late.send(saved);
        }
        Ok(watching)
    }

    /// Watch the folders that are there by now. One that was removed and made again looks the same and is another one, so all are watched anew; those that
    /// are watched already stay so.
    fn folders(&mut self, root: &Path, components: &Components) {
        let of_definitions = FOLDERS.map(|folder| root.join(folder));
        let mut folders: BTreeMap<PathBuf, RecursiveMode> = components
            .folders()
            .into_iter()
            .map(|folder| (folder, RecursiveMode::NonRecursive))
            .collect();
        folders.extend(of_definitions.map(|folder| (folder, RecursiveMode::Recursive)));
        // The root is watched from the beginning.
        folders.remove(root);
        for (folder, mode) in folders.iter().filter(|(folder, _)| folder.is_dir()) {
            if let Err(error) = self.watcher.watch(folder, *mode) {
                tracing::warn!("{} is not watched: {error}", folder.display());
            }
        }
    }

    /// What was saved, once whoever saved it is done.
    async fn saved(&mut self) -> Vec<Saved> {
        let mut all = match self.saved.recv().await {
            Some(first) => vec![first],
            None => return std::future::pending().await,
        };
        let end = Instant::now() + LONGEST_WAIT;
        while Instant::now() < end {
            match timeout(QUIET, self.saved.recv()).await {
                Ok(Some(more)) => all.push(more),
                Ok(None) | Err(_) => break,
            }
        }
        while let Ok(more) = self.saved.try_recv() {
            all.push(more);
        }
        all
    }
}

/// Called on the watcher's own thread.
fn heard(
    sender: &UnboundedSender<Saved>,
    root: &Path,
    components: &Components,
    event: notify::Result<Event>,
) {
    let saved = match event {
        // Too many events at once: some were lost.
        Ok(event) if event.need_rescan() => vec![Saved::Anything],
        Err(_) => vec![Saved::Anything],
        Ok(event) => match event.kind {
            EventKind::Create(_)
            | EventKind::Modify(_)
            | EventKind::Remove(_)
            | EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                let paths = event.paths.iter();
                paths
                    .filter_map(|path| what(path, root, components))
                    .collect()
            }
            // Reading them is heard too.
            _ => Vec::new(),
        },
    };
    for saved in saved {
        // Nobody listens any more once the run is over.
        let _ = sender.send(saved);
    }
}

/// What it is that lies at `path`, if it concerns a run.
fn what(path: &Path, root: &Path, components: &Components) -> Option<Saved> {
    if let Some(named) = components.named(path) {
        return Some(Saved::Component(named));
    }
    // Folders of components may be anywhere, and hold anything.
    let relative = path.strip_prefix(root).ok()?;
    let of_definitions = relative.components().count() == 1
        || FOLDERS.iter().any(|folder| relative.starts_with(folder));
    (of_definitions && is_definition(path)).then_some(Saved::Definition)
}

/// What was saved may be a definition or a folder of them; an editor's own files and what a run writes are neither.
fn is_definition(path: &Path) -> bool {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml" | "lock") => true,
        Some(_) => false,
        None => path.file_name().is_some_and(|name| name != ".charthouse"),
    }
}
