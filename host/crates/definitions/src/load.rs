//! A whole house at once: every file is read and walked before anything is judged, so that one report holds all there is to mend.

use crate::agent::AgentDef;
use crate::budget::HouseBudgets;
use crate::chart::{self, ChartBundle};
use crate::files::{self, shown_path};
use crate::house::{self, Controlled, HouseFile, PluginDef, Retention};
use crate::kind::{Kind, kind, parse};
use crate::lock::{self, Lock};
use crate::paths::Paths;
use crate::prices::Prices;
use crate::recorded::{Held, Kept};
use crate::report::Report;
use crate::resolve::{Definitions, policy_file};
use crate::serve::ServeDef;
use crate::source::{Sources, reason};
use crate::tree::Node;
use crate::walk::Walk;
use indexmap::IndexMap;
use policy::Overlay;
use sign::People;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{ContentHash, Exchange, Finding, Marked, Place, PluginName, Power, ProviderConfig};

/// A house whose definitions are all in order.
#[derive(Clone, Debug)]
pub struct House {
    /// What is not wrong but probably not meant.
    pub warnings: Vec<Finding>,
    /// Its directory; canonical.
    pub root: PathBuf,
    /// Its name.
    pub name: Arc<str>,
    /// The hash of `house.yaml`.
    pub hash: ContentHash,
    /// The SQLite file of its journal; absolute.
    pub store: PathBuf,
    /// Whom its agents can ask, by name.
    pub providers: IndexMap<Arc<str>, ProviderConfig>,
    /// What models cost.
    pub prices: Prices,
    /// The models that have a price, each with where it says so.
    pub priced: Vec<Marked<Arc<str>>>,
    /// What may be spent in it, beside what agents and workflows say of themselves.
    pub budgets: HouseBudgets,
    /// What other currencies are worth.
    pub exchange: Exchange,
    /// What energy takes where nothing measures it.
    pub power: Power,
    /// The plugins it has.
    pub plugins: IndexMap<PluginName, PluginDef>,
    /// What `house.lock` pins; `None` where there is no such file.
    pub lock: Option<Lock>,
    /// What it will never allow, whatever the other layers say.
    pub ceiling: Option<Overlay>,
    /// The layer beneath every agent's.
    pub default_policy: Option<Arc<Overlay>>,
    /// Agents by name, in the order of their files.
    pub agents: IndexMap<Arc<str>, Arc<AgentDef>>,
    /// Charts by name.
    pub charts: IndexMap<Arc<str>, Arc<ChartBundle>>,
    /// The name of the policy beneath every agent's.
    pub default_policy_name: Option<Arc<str>>,
    /// In which file each named policy stands.
    pub policy_files: BTreeMap<Arc<str>, Arc<str>>,
    /// Named policies.
    pub policies: IndexMap<Arc<str>, Arc<Overlay>>,
    /// What `charthouse serve` starts and when.
    pub serve: ServeDef,
    /// Who may sign, with which keys, in which roles.
    pub people: People,
    /// How long the bodies of records are kept.
    pub retention: Retention,
    /// Whether and how its definitions are controlled, as this `house.yaml` says; whether that counts is for `runtime` to find out.
    pub controlled: Option<Controlled>,
    /// Every definition file that was read, as shown to people, with its hash.
    pub files: Vec<(Arc<str>, ContentHash)>,
    pub(crate) sources: Sources,
    pub(crate) kept: Kept,
    pub(crate) lenient: bool,
    pub(crate) held: Option<Held>,
}

impl House {
    /// Use components that are not the pinned ones all the same, with a warning: for whoever is working on one. Signatures are demanded as before.
    pub fn be_lenient(&mut self) {
        self.lenient = true;
        for plugin in self.plugins.values_mut() {
            if let Some(pin) = &mut plugin.component.pin {
                pin.lenient = true;
            }
        }
    }

    /// Whether it uses components that are not the pinned ones.
    pub fn is_lenient(&self) -> bool {
        self.lenient
    }

    /// What the operator has answered for good to questions of `agent`'s policy: the tools of the policy `answers-AGENT`, where there is one.
    pub fn answers(&self, agent: &str) -> Option<&Overlay> {
        let name = answers_of(agent);
        self.policies.get(name.as_str()).map(|answers| &**answers)
    }

    /// The warnings as a report.
    pub fn report(&self) -> Report {
        Report::new(self.warnings.clone(), self.sources.clone())
    }
}

/// The name of the policy that holds what was answered for good to questions of `agent`'s policy.
pub fn answers_of(agent: &str) -> String {
    format!("{ANSWERS}{agent}")
}

/// How the names of such policies begin.
pub(crate) const ANSWERS: &str = "answers-";

/// What a house consists of, below its directory: its definitions, what they refer to, and its records. No mount that an agent can write shows these.
pub const OWN: &[&str] = &[
    "house.yaml",
    "house.lock",
    "keys",
    "agents",
    "charts",
    "policies",
    "plugins",
    "scripts",
    "scenarios",
    ".charthouse",
];

/// Load the house in the directory `root`.
///
/// # Errors
/// Everything that is wrong with any of its files.
pub fn load(root: &Path) -> Result<House, Report> {
    let mut walk = Walk::default();
    let house = load_with(&mut walk, root);
    finish(walk, house)
}

/// `house` with what was found, unless that is too much.
pub(crate) fn finish(walk: Walk, house: Option<House>) -> Result<House, Report> {
    match house {
        Some(house) if !has_errors(&walk) => {
            let kept = Kept {
                recorded: walk.recorded,
                ..walk.kept
            };
            let report = Report::new(walk.findings, walk.sources);
            Ok(House {
                warnings: report.findings,
                sources: report.sources,
                kept,
                ..house
            })
        }
        _ => Err(Report::new(walk.findings, walk.sources)),
    }
}

pub(crate) fn has_errors(walk: &Walk) -> bool {
    walk.findings
        .iter()
        .any(|finding| finding.severity == types::Severity::Error)
}

/// Where the house in the directory `root` keeps its records: all that reading them needs. Only `house.yaml` must be in order, because what happened can be
/// read whatever somebody is writing now; and of that only what it says, because components and scripts that it names may be gone by now.
///
/// # Errors
/// What is wrong with `house.yaml`.
pub fn load_store(root: &Path) -> Result<PathBuf, Report> {
    let mut walk = Walk::default();
    let house = directory(&mut walk, root).and_then(|root| {
        let mut definitions = Definitions::default();
        read_house(&mut walk, &Paths::new(root), &mut definitions)
    });
    match house {
        Some((house, _)) if !has_errors(&walk) => Ok(house.store),
        _ => store_by_itself(root).ok_or_else(|| Report::new(walk.findings, walk.sources)),
    }
}

/// Who may sign by the `house.yaml` that reads `text`, whatever else it names and is not there: a signature is judged by the list of its own time. `None` where it
/// cannot be read.
pub fn people_in(text: &[u8]) -> Option<People> {
    let alone = [("house.yaml".to_owned(), text.to_vec())].into();
    let mut walk = Walk {
        recorded: Some(Arc::new(alone)),
        ..Walk::default()
    };
    let paths = Paths::new(PathBuf::from("/"));
    let (house, _) = read_house(&mut walk, &paths, &mut Definitions::default())?;
    Some(house.people)
}

/// What the `house.yaml` in `files` says of control and of people, by itself: names in it of other definitions are not looked for. `files` are those of one revision of it, with
/// the keys that it names.
///
/// # Errors
/// What is wrong with it.
pub fn load_control(
    root: &Path,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<(Option<Controlled>, People), Report> {
    let mut walk = Walk {
        recorded: Some(Arc::new(files.clone())),
        ..Walk::default()
    };
    let house = read_house(
        &mut walk,
        &Paths::new(root.to_owned()),
        &mut Definitions::default(),
    );
    match house {
        Some((house, _)) if !has_errors(&walk) => Ok((house.controlled, house.people)),
        _ => Err(Report::new(walk.findings, walk.sources)),
    }
}

/// The store that `house.yaml` names, whatever else it names and is not there.
fn store_by_itself(root: &Path) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    let text = std::fs::read(root.join("house.yaml")).ok()?;
    let alone = [("house.yaml".to_owned(), text)].into();
    let mut walk = Walk {
        recorded: Some(Arc::new(alone)),
        ..Walk::default()
    };
    let (house, _) = read_house(&mut walk, &Paths::new(root), &mut Definitions::default())?;
    (!has_errors(&walk)).then_some(house.store)
}

/// The canonical directory of a house.
pub(crate) fn directory(walk: &mut Walk, root: &Path) -> Option<PathBuf> {
    match root.canonicalize() {
        Ok(real) if real.is_dir() => Some(real),
        other => {
            let why = other.map_or_else(|error| reason(&error), |_| "it is no directory".into());
            walk.error(
                &Place::new(shown_path(root), 1, 1),
                format!("there is no house here: {why}"),
                "name the directory of a house, or run `charthouse init DIR` to make one",
            );
            None
        }
    }
}

pub(crate) fn load_with(walk: &mut Walk, root: &Path) -> Option<House> {
    let root = directory(walk, root)?;
    load_from(walk, root)
}

/// The house in `root`, which is its full name.
pub(crate) fn load_from(walk: &mut Walk, root: PathBuf) -> Option<House> {
    let paths = Paths::new(root);
    let mut definitions = Definitions::default();
    let mut house_file = read_house(walk, &paths, &mut definitions);
    let lock = lock::read(walk, &paths, &mut definitions.files);
    if let Some((house, _)) = &mut house_file {
        lock::attach(walk, house, lock);
    }
    for found in files::find(walk, paths.root()) {
        definitions.read(walk, &found);
    }
    definitions.check(walk, house_file, &paths)
}

pub(crate) fn read_house(
    walk: &mut Walk,
    paths: &Paths,
    definitions: &mut Definitions,
) -> Option<(HouseFile, ContentHash)> {
    let path = paths.root().join("house.yaml");
    let shown: Arc<str> = "house.yaml".into();
    let at = Place::new(shown.clone(), 1, 1);
    // What was recorded lay in the house.
    let real = match walk.is_recorded() {
        true => Ok(path.clone()),
        false => path.canonicalize(),
    };
    match real {
        Ok(real) if !real.starts_with(paths.root()) => {
            walk.error(
                &at,
                "house.yaml is a symbolic link that leads out of the house",
                "copy what it points to into the house",
            );
            return None;
        }
        Err(error)
            if path.symlink_metadata().is_err() && error.kind() == std::io::ErrorKind::NotFound =>
        {
            let (message, help) = if paths.root().join("house.yml").exists() {
                (
                    "this house has no house.yaml, but a house.yml".to_owned(),
                    "rename it to house.yaml".to_owned(),
                )
            } else {
                (
                    match paths.root().file_name() {
                        Some(name) => format!(
                            "there is no house.yaml in the directory `{}`",
                            shown_path(Path::new(name))
                        ),
                        None => "there is no house.yaml here".to_owned(),
                    },
                    no_house_here(paths.root()),
                )
            };
            walk.error(&at, message, help);
            return None;
        }
        _ => {}
    }
    let (node, hash) = parse(walk, &path, &shown)?;
    definitions.files.push((shown, hash));
    match kind(walk, &node)? {
        Kind::House => house::read(walk, &node, paths).map(|house| (house, hash)),
        other => {
            walk.error(
                &node.place,
                format!(
                    "house.yaml must begin with `house`, not with `{}`",
                    other.key()
                ),
                format!(
                    "begin it with `house: NAME`, and put this {} into a file of its own below {}/",
                    other.key(),
                    other.folder()
                ),
            );
            None
        }
    }
}

/// What to do where there is no house: most people who get here stand in a folder of one.
fn no_house_here(directory: &Path) -> String {
    let around = directory
        .ancestors()
        .skip(1)
        .find(|above| above.join("house.yaml").is_file());
    match around {
        Some(house) => format!(
            "it lies in a house, {}: go there, or name that directory",
            shown_path(house)
        ),
        None => "run `charthouse init` to make a house, or name the directory of one".to_owned(),
    }
}

/// Load one chart, without a house: plugins that it names are not looked for. Files that its chunks name are looked for beside it and in the nearest
/// directory above it that has a `house.yaml`. The report that comes with it holds warnings only.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_chart(path: &Path) -> Result<(ChartBundle, Report), Report> {
    alone(path, Kind::Chart, |walk, node, hash, paths| {
        chart::read(walk, node, hash).and_then(|draft| chart::compile(walk, draft, paths))
    })
}

/// Load one policy, without a house. The report that comes with it holds warnings only.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_policy(path: &Path) -> Result<(Overlay, Report), Report> {
    alone(path, Kind::Policy, |walk, node, _, _| {
        policy_file(walk, node).map(|draft| draft.overlay)
    })
}

fn alone<T>(
    path: &Path,
    expected: Kind,
    read: impl FnOnce(&mut Walk, &Node, ContentHash, &Paths) -> Option<T>,
) -> Result<(T, Report), Report> {
    let mut walk = Walk::default();
    let shown = shown_path(path);
    let result = parse(&mut walk, path, &shown).and_then(|(node, hash)| {
        let kind = kind(&mut walk, &node)?;
        if kind != expected {
            let (found, wanted) = (kind.key(), expected.key());
            let article = if kind == Kind::Agent { "an" } else { "a" };
            walk.error(
                &node.place,
                format!("this file defines {article} {found}, not a {wanted}"),
                format!("name a file that begins with `{wanted}: NAME`"),
            );
            return None;
        }
        let paths = Paths::around(path);
        read(&mut walk, &node, hash, &paths)
    });
    let failed = has_errors(&walk);
    let report = Report::new(walk.findings, walk.sources);
    match result {
        Some(value) if !failed => Ok((value, report)),
        _ => Err(report),
    }
}
