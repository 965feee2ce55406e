//! One case: its directory, its state, its grant, its call.

use super::super::held_back;
use super::{Tested, meets};
use crate::exit::{Failure, NOT_SO};
use definitions::{CaseFile, PluginCase, PluginTests};
use policy::{Access, ClockMode, MountPatch, Overlay, RandomMode, Request, Verdict};
use sandbox::{CallContext, Plugin, Sandbox, ToolRequest};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use types::{
    CallError, CallErrorKind, Marked, Outcome, Place, State, StateSize, Timestamp, ToolName,
};

/// The instant at which every case's clock stands: the beginning of 2026.
const NOW: Timestamp = Timestamp(1_767_225_600_000);
/// Where a case sees its files when no policy says anything else.
const WORKSPACE: &str = "/workspace";

/// What all cases share.
pub struct Bench<'a> {
    /// Where they run.
    pub sandbox: &'a Sandbox,
    /// The component.
    pub plugin: &'a Plugin,
    /// Its state, emptied before each case.
    pub state: &'a CaseState,
    /// The policy of the command line.
    pub policy: Option<&'a Overlay>,
    /// The house of the command line.
    pub house: &'a Path,
}

impl Bench<'_> {
    /// Run `case` of `file`, which is shown as `path`.
    pub async fn run(
        &self,
        path: &str,
        file: &PluginTests,
        case: &PluginCase,
    ) -> Result<Tested, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::new(
                NOT_SO,
                format!("the case `{}` has no directory: {error}", *case.name),
            )
        };
        let directory = tempfile::Builder::new()
            .prefix("charthouse-case-")
            .tempdir()
            .map_err(cannot)?;
        let root = directory.path().canonicalize().map_err(cannot)?;
        for file in file.files.iter().chain(&case.files) {
            write(&root, file).map_err(cannot)?;
        }
        self.state.begin(&case.state);
        let outcome = self.call(&root, file, case).await;
        let unmet = meets::unmet(&case.expect, &outcome, &root, self.state);
        Ok(Tested {
            file: path.to_owned(),
            name: case.name.value.clone(),
            place: case.name.place.clone(),
            tool: case.tool.value.clone(),
            outcome,
            unmet,
        })
    }

    async fn call(&self, root: &Path, file: &PluginTests, case: &PluginCase) -> Outcome {
        let short = ToolName::from_wire(&case.tool)
            .filter(|full| full.plugin() == self.plugin.name().as_str())
            .map_or_else(|| case.tool.value.clone(), |full| full.tool().to_owned());
        let tool = match ToolName::new(self.plugin.name(), &short) {
            Ok(tool) => tool,
            Err(error) => {
                return Outcome::refused(CallError::new(CallErrorKind::Invalid, error.to_string()));
            }
        };
        let base = self.base(&tool, file, case);
        let layers: Vec<&Overlay> = [
            Some(&base),
            self.policy,
            file.policy.as_ref(),
            case.policy.as_ref(),
        ]
        .into_iter()
        .flatten()
        .collect();
        let grant = policy::resolve(&Request {
            root,
            layers: &layers,
            ceiling: None,
            own: &[],
            answers: None,
            tool: &tool,
        });
        if let Some(refused) = held_back(&grant, self.house, Some(root), false) {
            return refused;
        }
        if grant.verdict == Verdict::Ask {
            return Outcome::refused(grant.unanswered());
        }
        let context = CallContext {
            time: NOW,
            seed: format!("plugin test/{}/{}", *file.name, *case.name),
            model: None,
            dry_run: false,
        };
        let request = ToolRequest {
            tool: &short,
            arguments: &case.arguments,
            id: "test/1",
            grant: &grant,
        };
        self.sandbox.call(self.plugin, request, &context).await
    }

    /// What lies beneath all policies: still time and seeded chance and, where the command line names no policy, the tool itself and the case's files.
    fn base(&self, tool: &ToolName, file: &PluginTests, case: &PluginCase) -> Overlay {
        let mut base = match self.policy {
            Some(_) => Overlay::named("plugin test"),
            None => Overlay::only(tool),
        };
        let place = Place::built_in("plugin test");
        base.clock = Some(Marked::new(ClockMode::Frozen, place.clone()));
        base.random = Some(Marked::new(RandomMode::Seeded, place.clone()));
        let has_files =
            !(file.files.is_empty() && case.files.is_empty() && case.expect.files.is_empty());
        if has_files && self.policy.is_none() {
            let mount = MountPatch {
                from: Some(Marked::new(".".to_owned(), place.clone())),
                access: Some(Marked::new(Access::ReadOnly, place.clone())),
                ..MountPatch::default()
            };
            base.mounts
                .push((Marked::new(WORKSPACE.to_owned(), place), mount));
        }
        base
    }
}

fn write(root: &Path, file: &CaseFile) -> std::io::Result<()> {
    let path = root.join(&*file.path);
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(path, &file.content)
}

/// The plugin's key-value store for as long as a case lasts.
#[derive(Default)]
pub struct CaseState(Mutex<BTreeMap<String, Vec<u8>>>);

impl CaseState {
    fn begin(&self, with: &[(Marked<String>, String)]) {
        let entries = with.iter();
        *self.entries() = entries
            .map(|(key, text)| (key.value.clone(), text.clone().into_bytes()))
            .collect();
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    /// What is under `key` now.
    pub fn now(&self, key: &str) -> Option<Vec<u8>> {
        self.entries().get(key).cloned()
    }
}

// There is one plugin only, so its name does not matter.
impl State for CaseState {
    fn get(&self, _: &str, key: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.now(key))
    }

    fn set(&self, _: &str, key: &str, value: Option<&[u8]>) -> Result<(), String> {
        match value {
            Some(value) => self.entries().insert(key.to_owned(), value.to_owned()),
            None => self.entries().remove(key),
        };
        Ok(())
    }

    fn keys(&self, _: &str, prefix: &str) -> Result<Vec<String>, String> {
        let entries = self.entries();
        let keys = entries.keys().filter(|key| key.starts_with(prefix));
        Ok(keys.cloned().collect())
    }

    fn held(&self, _: &str) -> Result<StateSize, String> {
        let entries = self.entries();
        let lengths = entries.iter().map(|(key, value)| key.len() + value.len());
        Ok(StateSize {
            keys: entries.len() as u64,
            bytes: lengths.sum::<usize>() as u64,
        })
    }
}
