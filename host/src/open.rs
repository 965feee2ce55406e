//! Opening a house: definitions, sandbox, journal, and the services a run needs.

use crate::cli::DevOption;
use crate::exit::{DEFINITIONS, Failure, NOT_SO, USAGE};
use crate::world::{SystemClock, SystemRng};
use crate::{asking, power, print, rest, sealed, watch as watcher};
use definitions::House;
use journal::{HouseLock, Journal, JournalError, PluginState};
use runtime::control::{self, Entered, Entrance};
use runtime::host::{Host, Hosting, Mode};
use runtime::{Reloads, Services, SharedJournal};
use sandbox::{Compiler, Sandbox, Seal, Settings};
use sign::Keyring;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::LocalSet;
use types::{Clock, State};

/// Calls in the sandbox at the same time, in one process of the command line.
const CONCURRENCY: u32 = 16;

/// Check the house in `directory`; every mistake is printed at once.
pub fn house(directory: &Path) -> Result<House, Failure> {
    let found = match definitions::load(directory) {
        // What a crash left half in its place is no mistake of a person.
        Err(_) if is_finished(directory) => definitions::load(directory),
        found => found,
    };
    found.map_err(|report| Failure::report(DEFINITIONS, report.render(print::color_on_stderr())))
}

/// The house in `directory` as it is released, where it is controlled.
pub fn released(directory: &Path) -> Option<House> {
    let (root, store) = store_of(directory).ok()?;
    let journal = Journal::open_read_only(&store).ok()?;
    control::released_house(&journal, &root, SystemClock::new().now()).ok()?
}

/// Put released files in their places that a crash has kept from getting there; whether there were any.
fn is_finished(directory: &Path) -> bool {
    let store = definitions::load_store(directory).ok();
    let Some(store) = store.filter(|store| store.is_file()) else {
        return false;
    };
    let finish = || -> Option<bool> {
        let mut journal = Journal::open(&store).ok()?;
        let root = directory.canonicalize().ok()?;
        if !control::is_unfinished(&journal, &root, SystemClock::new().now()).ok()? {
            return None;
        }
        let _lock = take(&journal, "charthouse, which puts released files in place").ok()?;
        let placed = control::put_in_place(&mut journal, &root, SystemClock::new().now());
        placed.ok().map(|placed| {
            tell_placed(&placed);
            !placed.is_empty()
        })
    };
    finish().unwrap_or(false)
}

/// Have `house` let in by the gate, for a process that has taken it.
///
/// # Errors
/// When it is controlled and what lies there is not what is released.
pub fn admitted(
    house: House,
    journal: &mut Journal,
    entrance: Entrance,
) -> Result<Entered, Failure> {
    let entered = control::enter(services(house), journal, entrance)?;
    tell_placed(&entered.placed);
    Ok(entered)
}

/// Say which files were put in place, and where drafts are that lay there.
pub fn tell_placed(placed: &[control::Placed]) {
    for placed in placed {
        for warning in placed.warnings() {
            print::err(&format!("warning: {}\n", print::plain(&warning)));
        }
        for (file, kept) in &placed.set_aside {
            print::err(&format!(
                "note: {} was released in the place of a draft, which is kept as {}\n",
                print::plain(file),
                print::plain(kept)
            ));
        }
    }
}

/// The same; with `--dev` it uses components that are not the pinned ones.
pub fn house_with(directory: &Path, pins: DevOption) -> Result<House, Failure> {
    let mut house = house(directory)?;
    if pins.dev {
        house.be_lenient();
    }
    Ok(house)
}

/// What a run in `house` needs.
pub fn services(house: House) -> Services {
    let cache = house.root.join(".charthouse/cache");
    let state: Arc<dyn State> = Arc::new(PluginState::new(&house.store));
    let meter = power::meter(&house.power);
    Services {
        sandbox: Arc::new(sandbox(cache, Some(state))),
        house: Arc::new(house),
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
        meter,
    }
}

/// A sandbox over the code cache `cache`.
pub fn sandbox(cache: PathBuf, state: Option<Arc<dyn State>>) -> Sandbox {
    let seal = seal(&cache);
    let sandbox = Sandbox::new(Settings {
        cache,
        compiler: compiler(),
        concurrency: CONCURRENCY,
        clock: Arc::new(SystemClock::new()),
        state,
        http: Some(provider::guest_http()),
    });
    match seal {
        Some(seal) => sandbox.sealed(seal),
        None => sandbox,
    }
}

/// The seal on what `cache` says of its files, where it is the one of a controlled house. The key is read when it is first needed.
fn seal(cache: &Path) -> Option<Seal> {
    let root = cache.parent()?.parent()?.to_owned();
    if !control::is_marked(&root) {
        return None;
    }
    let key = OnceLock::new();
    Some(Arc::new(move |bytes| {
        let ring = Keyring::of_house(&root);
        let key = key.get_or_init(|| ring.house_if_any().unwrap_or(None));
        key.as_ref().map(|key| key.seal(bytes))
    }))
}

/// This same program, started again to compile.
fn compiler() -> Compiler {
    match std::env::current_exe() {
        Ok(program) => Compiler::Child {
            program,
            arguments: vec!["compile-component".into()],
        },
        Err(_) => Compiler::Here,
    }
}

/// Where code of components that belong to no house is kept: the user's cache directory.
pub fn user_cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    base.join("charthouse/code")
}

/// The journal of `house`, begun if there is none.
///
/// # Errors
/// When it cannot be opened, or the house is controlled by another.
pub fn journal(house: &House) -> Result<Journal, Failure> {
    journal_where(house, control::belongs)
}

/// The same for whoever is about to seal anew that it belongs to `house`.
///
/// # Errors
/// As [`journal`].
pub fn journal_to_seal(house: &House) -> Result<Journal, Failure> {
    journal_where(house, control::belongs_unsealed)
}

fn journal_where(
    house: &House,
    belongs: fn(&Journal, &Path) -> Result<(), runtime::RuntimeError>,
) -> Result<Journal, Failure> {
    if !house.store.exists() {
        control::may_be_absent(&house.root, &house.store)?;
    }
    if let Some(directory) = house.store.parent() {
        // A directory that cannot be made is reported by the opening itself, with the journal's own words.
        let _ = std::fs::create_dir_all(directory);
    }
    let journal = Journal::open(&house.store)?;
    belongs(&journal, &house.root)?;
    if journal.lacks_witness()? {
        print::err(&format!(
            "warning: {}-head was not there, which says how far the journal had come: had records been cut off from its end, nothing beside it would tell\n",
            house.store.display()
        ));
    }
    sealed::remember(house, &journal);
    Ok(journal)
}

/// How long one waits for another process that has the house: one that runs an agent may be done in a moment.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether it is.
const LOOK: Duration = Duration::from_millis(20);

/// Take the house for this process, which is `by`. One that a daemon has is not waited for.
///
/// # Errors
/// When another process has it.
pub fn take(journal: &Journal, by: &str) -> Result<HouseLock, Failure> {
    let begun = Instant::now();
    loop {
        match journal.take_house(by) {
            Err(JournalError::HouseTaken { holder, .. })
                if begun.elapsed() < PATIENCE && !holder.contains(DAEMON) =>
            {
                std::thread::sleep(LOOK);
            }
            Err(error @ JournalError::HouseTaken { .. }) => {
                return Err(Failure::new(NOT_SO, error).help(
                    "where a daemon has it, ask that: `charthouse agents` and `charthouse workflow`",
                ));
            }
            taken => return Ok(taken?),
        }
    }
}

/// Wait until the process that had the house in `directory` is gone: its last word comes a moment before that.
///
/// # Errors
/// When the definitions do not say where the journal is.
pub fn wait_until_free(directory: &Path) -> Result<(), Failure> {
    let (_, store) = store_of(directory)?;
    let Ok(journal) = Journal::open(&store) else {
        return Ok(());
    };
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match journal.take_house("charthouse serve --stop") {
            Err(JournalError::HouseTaken { .. }) => std::thread::sleep(LOOK),
            _ => break,
        }
    }
    Ok(())
}

/// What the daemon calls itself to those who are refused.
const DAEMON: &str = "charthouse serve";

/// The journal of the house in `directory`, for reading; `None` before the first run, when there is nothing to read.
///
/// # Errors
/// When it cannot be read, or the house is controlled by another.
pub fn journal_to_read(directory: &Path) -> Result<Option<Journal>, Failure> {
    let (root, store) = store_of(directory)?;
    store_to_read(&root, &store)
}

/// The same for whoever only looks at it: what is damaged is passed over, and the journal says of it.
///
/// # Errors
/// As [`journal_to_read`], where nothing of it can be read.
pub fn journal_to_look(directory: &Path) -> Result<Option<Journal>, Failure> {
    let (root, store) = store_of(directory)?;
    let journal = match Journal::open_to_look(&store) {
        Err(JournalError::Missing { .. }) => return store_to_read(&root, &store),
        opened => opened?,
    };
    match control::belongs(&journal, &root) {
        // What would tell may be what is lost.
        Err(_) if journal.damage().is_some() => {}
        belongs => belongs?,
    }
    Ok(Some(journal))
}

/// The house in `directory`, and where it says that its journal is.
///
/// # Errors
/// When that cannot be read.
pub fn store_of(directory: &Path) -> Result<(PathBuf, PathBuf), Failure> {
    let store = definitions::load_store(directory)
        .map_err(|report| Failure::report(DEFINITIONS, report.render(print::color_on_stderr())))?;
    let root = directory.canonicalize().unwrap_or(directory.into());
    Ok((root, store))
}

/// The journal at `store` of the house in the directory `root`, in the same way.
///
/// # Errors
/// As [`journal_to_read`].
pub fn store_to_read(root: &Path, store: &Path) -> Result<Option<Journal>, Failure> {
    match Journal::open_read_only(store) {
        Ok(journal) => {
            control::belongs(&journal, root)?;
            Ok(Some(journal))
        }
        Err(JournalError::Missing { .. }) => {
            control::may_be_absent(root, store)?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Run `future` on this thread. The runtime's timers and sockets are all it needs.
pub fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    event_loop().map(|runtime| runtime.block_on(future))
}

/// The same, where tasks that stay on this thread may be begun.
pub fn block_on_local<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    event_loop().map(|runtime| LocalSet::new().block_on(&runtime, future))
}

/// An event loop on this thread.
pub fn event_loop() -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all();
    rest::build(builder)
        .map_err(|error| Failure::new(USAGE, format!("the event loop does not start: {error}")))
}

/// A host of the house's agents and workflows, in this process.
pub struct Hosted {
    /// Who is asked.
    pub hosting: Rc<dyn Hosting>,
    /// What makes it turn round: to be waited for beside whatever asks, in the `LocalSet` in which it was made. It ends when the host has ended.
    pub turning: Pin<Box<dyn Future<Output = Result<(), Failure>>>>,
    /// The definitions, as they are published.
    pub house: watch::Receiver<Arc<House>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Host `house` in this process as far as `mode` says: takes it, and goes on with whatever was under way. With `live` schedules, kept agents and reloads are seen to as well; without,
/// only what is asked is done. Called within a `LocalSet`.
///
/// # Errors
/// When another process has the house, its journal cannot be opened, or the gate does not let the house in.
pub fn hosting(house: House, live: bool, entrance: Entrance) -> Result<Hosted, Failure> {
    let mut journal = journal(&house)?;
    let (by, mode) = match live {
        true => (DAEMON, Mode::Live),
        false => ("charthouse workflow", Mode::Asked),
    };
    let lock = take(&journal, by)?;
    let reloads: Reloads = match live {
        true => watcher::reloads(&house),
        false => Box::pin(futures_util::stream::pending()),
    };
    let entered = admitted(house, &mut journal, entrance)?;
    // A daemon says it in its own log.
    for line in entered.notes.iter().filter(|_| !live) {
        print::err(&format!("{}\n", print::plain(line)));
    }
    let services = entered.admitted;
    let clock = services.clock.clone();
    let host = Host::new(services, SharedJournal::new(journal), asking::whom(), mode)?;
    let house = host.house();
    let turning = host.clone();
    Ok(Hosted {
        hosting: Rc::new(host),
        turning: Box::pin(async move {
            // The house is this process's until it has ended.
            let _lock = lock;
            Ok(turning.turn(reloads).await?)
        }),
        house,
        clock,
    })
}
