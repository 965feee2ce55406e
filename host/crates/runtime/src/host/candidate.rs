//! What a change would make of the house: put together from what is released and what was brought, and judged as a whole by `change` before it is taken.
//!
//! Nothing of the disk is read but components that were stored for a change. What is released counts as it is on record, so that a draft that lies about can find
//! its way into nothing.

use super::acts::unfit;
use super::house::Host;
use crate::workflow::{WorkflowError, Wrong};
use change::{
    Candidate, CandidateError, ChangeNumber, Edits, Files, HeldFile, ItemId, Proposal, Register,
    Revision, Step, items_of,
};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use types::{ComponentFile, ContentHash, PluginName, Signer};

/// Where what is stored for changes lies, below the house.
const STORED: &str = ".charthouse/changes";

/// What somebody brings.
#[derive(Debug, Default)]
pub(super) struct Brought {
    edits: Edits,
    components: BTreeMap<PluginName, Option<(ContentHash, String)>>,
    /// Whether these are the files of a whole house, of which the items of the change count.
    whole: bool,
}

/// The texts and components that a house is made of.
#[derive(Clone, Default)]
pub(super) struct Parts {
    pub files: Files,
    pub plugins: BTreeMap<PluginName, ContentHash>,
    /// Where components are stored that a change has brought.
    pub stored: BTreeMap<PluginName, String>,
}

fn no(why: impl Into<String>, help: impl Into<String>) -> WorkflowError {
    unfit(Wrong::Said, why, help)
}

const HOW: &str =
    "hand in {files: {\"policies/default.yaml\": \"its whole text\"}}; null takes a file away";

impl Brought {
    /// Read `{files, components, whole}`.
    pub(super) fn read(artefacts: &Json) -> Result<Self, WorkflowError> {
        let mut brought = Brought {
            whole: artefacts["whole"] == true,
            ..Brought::default()
        };
        for (path, content) in artefacts["files"].as_object().into_iter().flatten() {
            let bytes = match content {
                Json::Null => None,
                Json::String(text) => Some(text.clone().into_bytes()),
                _ => return Err(no(format!("`{path}` is neither a text nor null"), HOW)),
            };
            brought.edits.insert(path.clone(), bytes);
        }
        for (name, component) in artefacts["components"].as_object().into_iter().flatten() {
            let plugin = PluginName::parse(name);
            let plugin = plugin.map_err(|error| no(error.to_string(), "name the plugin"))?;
            let stored = match component {
                Json::Null => None,
                component => Some(stored(name, component)?),
            };
            brought.components.insert(plugin, stored);
        }
        match brought.edits.is_empty() && brought.components.is_empty() {
            true => Err(no("no file was handed in", HOW)),
            false => Ok(brought),
        }
    }

    /// Of the files of a whole house those of the `approved` items; and what these have no more is taken away.
    fn of_items(
        &self,
        root: &Path,
        parts: &Parts,
        approved: &BTreeSet<ItemId>,
    ) -> Result<Edits, WorkflowError> {
        let before = load(root, &parts.files)?;
        let was = items_of(&before, &parts.plugins);
        let mut files = parts.files.clone();
        for item in approved {
            for (name, _) in was.items.get(item).map_or(&[][..], |parts| &parts.files) {
                let others = was.owners(name).any(|owner| !approved.contains(owner));
                if !others {
                    files.remove(&**name);
                }
            }
        }
        let brought = self
            .edits
            .iter()
            .filter_map(|(name, bytes)| Some((name, bytes.as_ref()?)));
        files.extend(brought.map(|(name, bytes)| (name.clone(), bytes.clone())));
        let after = load(root, &files)?;
        let will = items_of(&after, &parts.plugins);
        let mut edits = Edits::new();
        for item in approved {
            for (name, _) in will.items.get(item).map_or(&[][..], |parts| &parts.files) {
                if let Some(bytes) = files
                    .get(&**name)
                    .filter(|bytes| parts.files.get(&**name) != Some(bytes))
                {
                    edits.insert(name.to_string(), Some(bytes.clone()));
                }
            }
            for (name, _) in was.items.get(item).map_or(&[][..], |parts| &parts.files) {
                let stays = will.owners(name).next().is_some();
                if !stays && parts.files.contains_key(&**name) {
                    edits.insert(name.to_string(), None);
                }
            }
        }
        let has_plugin = approved
            .iter()
            .any(|item| matches!(item, ItemId::Plugin(_)));
        if has_plugin && let Some(lock) = self.edits.get(LOCK) {
            edits.insert(LOCK.to_owned(), lock.clone());
        }
        Ok(edits)
    }
}

const LOCK: &str = "house.lock";

fn load(root: &Path, files: &Files) -> Result<definitions::House, WorkflowError> {
    definitions::load_recorded(root, files).map_err(|report| {
        unfit(
            Wrong::Definitions,
            format!(
                "the house would not be in order:\n{}",
                report.render(false).trim_end()
            ),
            "mend it; `--file PATH=FILE` hands in single files",
        )
    })
}

/// A component that was stored, by its content and where that is.
fn stored(name: &str, component: &Json) -> Result<(ContentHash, String), WorkflowError> {
    let (path, hash) = (&component["stored"], &component["hash"]);
    let hash = hash.as_str().and_then(ContentHash::parse);
    match (path.as_str(), hash) {
        (Some(path), Some(hash)) if is_plain(path) => Ok((hash, path.to_owned())),
        _ => Err(no(
            format!("the component of `{name}` is not stored"),
            "`charthouse change implement … --file PATH=FILE` stores it",
        )),
    }
}

/// Whether `path`, which is one in the house, lies where components are stored.
fn is_plain(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    let inside = Path::new(path).starts_with(STORED);
    inside && parts.all(|part| matches!(part, Component::Normal(_)))
}

impl Host {
    /// What the items in `approved` become by what was brought.
    ///
    /// # Errors
    /// Why it cannot be taken.
    pub(super) fn candidate(
        &self,
        register: &Register,
        approved: &BTreeSet<ItemId>,
        brought: &Brought,
    ) -> Result<Candidate, WorkflowError> {
        let root = self.definitions().root.clone();
        let parts = released(register);
        for (name, component) in &brought.components {
            if let Some((hash, stored)) = component {
                is_stored(&root, name, *hash, stored)?;
            }
        }
        let edits = match brought.whole {
            true => &brought.of_items(&root, &parts, approved)?,
            false => &brought.edits,
        };
        let proposal = Proposal {
            root: &root,
            released: &parts.files,
            plugins: &parts.plugins,
            edits,
            components: &brought.components,
            approved,
        };
        let candidate = Candidate::of(&proposal).map_err(|error| wrong(&error))?;
        for (name, component) in &brought.components {
            if let Some((_, stored)) = component {
                is_signed(&candidate, &root, name, stored)?;
            }
        }
        Ok(candidate)
    }
}

/// Why there is no such candidate.
fn wrong(error: &CandidateError) -> WorkflowError {
    let (why, help) = (error.to_string(), "hand it in otherwise");
    match error {
        CandidateError::NotApproved { .. } | CandidateError::Lock { .. } => {
            let help = help.to_owned();
            WorkflowError::Forbidden { why, help }
        }
        CandidateError::Released(_) | CandidateError::Wrong(_) => {
            unfit(Wrong::Definitions, why, help)
        }
        _ => no(why, help),
    }
}

/// That a component bears the signature that the house would demand of it: what could not be loaded is not released.
fn is_signed(
    candidate: &Candidate,
    root: &Path,
    name: &PluginName,
    stored: &str,
) -> Result<(), WorkflowError> {
    let plugin = candidate.after.plugins.get(name);
    let Some(signer) = plugin.and_then(|plugin| plugin.component.signer.clone()) else {
        return Ok(());
    };
    let path = place(root, stored);
    let component = ComponentFile {
        pin: None,
        released: None,
        signer: Some(Signer {
            signature: crate::control::signature_of(&path),
            ..signer
        }),
        path,
    };
    sandbox::admit(&component).map(drop).map_err(|error| {
        WorkflowError::Forbidden {
            why: format!("the component of `{name}` cannot be taken: {error}"),
            help: "lay the author's signature over these bytes beside the component, under its name with `.sig` behind it, and hand it in again".into(),
        }
    })
}

/// That what is stored is what it is said to be.
fn is_stored(
    root: &Path,
    name: &PluginName,
    hash: ContentHash,
    stored: &str,
) -> Result<(), WorkflowError> {
    let path = place(root, stored);
    let again = "store it again: charthouse change implement … --file PATH=FILE";
    let bytes = std::fs::read(&path).map_err(|error| {
        no(
            format!("the component of `{name}` cannot be read: {error}"),
            again,
        )
    })?;
    match ContentHash::of(&bytes) == hash {
        true => Ok(()),
        false => Err(no(
            format!("the component of `{name}` is not what it is said to be"),
            again,
        )),
    }
}

/// Where something stored lies.
pub(super) fn place(root: &Path, stored: &str) -> PathBuf {
    root.join(stored)
}

/// What was released last of each item: what the next change is made from.
pub(super) fn released(register: &Register) -> Parts {
    let mut parts = Parts::default();
    for (item, _) in register.items() {
        if let Some(head) = register
            .head(item)
            .filter(|head| head.to != Revision::Absent)
        {
            parts.add(register, item, &head.files);
        }
    }
    parts
}

/// The house as it would be with what the change `number` has made, or has made of it where it is released.
pub(super) fn with_change(register: &Register, number: ChangeNumber) -> Parts {
    side(register, number, |step| step.to)
}

/// The house that the change `number` was made from.
pub(super) fn before_change(register: &Register, number: ChangeNumber) -> Parts {
    side(register, number, |step| step.from)
}

/// The released house, with the items of a change at one of its two ends.
fn side(register: &Register, number: ChangeNumber, end: impl Fn(&Step) -> Revision) -> Parts {
    let mut parts = Parts::default();
    let made = register
        .change(number)
        .and_then(|change| change.implementation());
    let steps: BTreeMap<&ItemId, Revision> = made
        .iter()
        .flat_map(|made| &made.steps)
        .map(|step| (&step.item, end(step)))
        .collect();
    for (item, _) in register
        .items()
        .filter(|(item, _)| !steps.contains_key(item))
    {
        if let Some(head) = register
            .head(item)
            .filter(|head| head.to != Revision::Absent)
        {
            parts.add(register, item, &head.files);
        }
    }
    for (item, revision) in steps {
        let known = register
            .history(item)
            .iter()
            .rev()
            .find(|one| one.to == revision);
        let files = match (revision, known) {
            (Revision::Absent, _) => &[][..],
            (_, Some(standing)) => &standing.files,
            (_, None) => register.made(number, item).unwrap_or_default(),
        };
        parts.add(register, item, files);
    }
    parts
}

impl Parts {
    fn add(&mut self, register: &Register, item: &ItemId, files: &[HeldFile]) {
        for file in files {
            let plugin = match item {
                ItemId::Plugin(name) => PluginName::parse(name).ok(),
                _ => None,
            };
            match (plugin, register.text(&file.hash)) {
                (Some(name), _) => {
                    if let Some(stored) = &file.stored {
                        self.stored.insert(name.clone(), stored.clone());
                    }
                    self.plugins.insert(name, file.hash);
                }
                (None, Some(text)) => {
                    self.files
                        .insert(file.file.to_string(), text.as_bytes().to_vec());
                }
                (None, None) => {}
            }
        }
    }
}

/// What is recorded with the hand-in: each file by its hash, and no text a second time.
pub(super) fn in_short(candidate: &Candidate) -> Json {
    let revisions = candidate.revisions.iter();
    let items = revisions
        .clone()
        .map(|one| (one.item.to_string(), json!(one.to)));
    let files = revisions.flat_map(|one| &one.files);
    let files = files.map(|file| (file.file.to_string(), json!(file.hash)));
    json!({
        "candidate": candidate.hash,
        "items": items.collect::<serde_json::Map<_, _>>(),
        "files": files.collect::<serde_json::Map<_, _>>(),
    })
}
