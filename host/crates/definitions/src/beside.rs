//! What stands beside the definitions of a house: files that it starts without, and things that it names and that are not there.
//!
//! No run needs any of this in order, so loading a house does not look at it; whoever asks what is wrong with a house does, and wants to hear of all of it at once.

use crate::files::{self, FOLDERS, SCENARIOS, shown_path};
use crate::kind::{self, Kind};
use crate::load::House;
use crate::report::Report;
use crate::scenario;
use crate::source;
use crate::tree::{self, Node};
use crate::walk::Walk;
use policy::Overlay;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{Finding, Place, ProviderKind, SecretRef};

/// What is wrong beside the definitions of the house in the directory `root`: in its scenarios, and in files that somebody meant as definitions and nobody reads.
pub fn check_beside(root: &Path) -> Report {
    let mut walk = Walk::default();
    // That there is no house, loading it says.
    if let Ok(root) = root.canonicalize() {
        for found in files::find_in(&mut walk, &root, &[SCENARIOS]) {
            scenario::check(&mut walk, &found, &root);
        }
        unread(&mut walk, &root);
    }
    Report::new(walk.findings, walk.sources)
}

/// What is wrong with the YAML of `file`, which is called `shown`; where nothing is, what `judge` finds in it. `begin` says how such a file begins.
pub fn check_yaml(
    file: &Path,
    shown: &str,
    begin: &str,
    judge: impl FnOnce() -> Vec<Finding>,
) -> Report {
    let mut walk = Walk::default();
    let parsed = kind::parse_as(&mut walk, file, &shown.into(), begin);
    if parsed.is_some() && walk.in_order(shown) {
        walk.extend(judge());
    }
    Report::new(walk.findings, walk.sources)
}

/// The scripts that `house.yaml` in the directory `root` names and that lie in the house, by their paths relative to it: for where the rest of the house cannot be used.
pub fn scripts_in(root: &Path) -> Vec<(PathBuf, String)> {
    let Ok(root) = root.canonicalize() else {
        return Vec::new();
    };
    let shown: Arc<str> = "house.yaml".into();
    let text = source::read_text(&root.join(&*shown)).unwrap_or_default();
    let tree = tree::parse(&shown, &text);
    let providers = tree
        .as_ref()
        .ok()
        .and_then(|tree| tree.root.get("providers")?.map());
    let scripts = providers.unwrap_or_default().iter().filter_map(|entry| {
        let is_script = entry.value.get("kind")?.text()? == "scripted";
        let name = entry.value.get("file").filter(|_| is_script)?.text()?;
        // One that is not there, or elsewhere, is the business of whoever loads the house.
        let file = root.join(name).canonicalize().ok()?;
        (file.is_file() && file.starts_with(&root)).then(|| (file, name.to_owned()))
    });
    scripts.collect()
}

impl House {
    /// Files and directories outside of the definitions that they name and that are not there now.
    pub fn missing(&self) -> Vec<Finding> {
        let mut findings = self.missing_keys();
        let policies = self.policies.values().map(|policy| &**policy);
        let agents = self.agents.values().map(|agent| &agent.policy);
        for overlay in self.ceiling.iter().chain(policies).chain(agents) {
            self.missing_mounts(overlay, &mut findings);
        }
        findings
    }

    fn missing_mounts(&self, overlay: &Overlay, findings: &mut Vec<Finding>) {
        for (_, mount) in &overlay.mounts {
            let Some(from) = &mount.from else {
                continue;
            };
            if self.root.join(from.as_str()).is_dir() {
                continue;
            }
            let message = format!("there is no directory `{}` to mount", from.value);
            let help = "make it before a tool is called that sees the mount, or mend the path: it is relative to the house";
            let finding = Finding::warning(&from.place, message, help);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }

    /// Keys of providers that are files, and are not there. One in the environment may be there for the daemon and not for whoever checks.
    fn missing_keys(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut root: Option<Node> = None;
        for provider in self.providers.values() {
            let ProviderKind::Http {
                key: Some(SecretRef::File(path)),
                ..
            } = &provider.kind
            else {
                continue;
            };
            if path.is_file() {
                continue;
            }
            let node = root.get_or_insert_with(|| self.house_file());
            let written = node
                .get("providers")
                .and_then(|all| all.get(&provider.name)?.get("key"));
            let shown = shown_path(path.strip_prefix(&self.root).unwrap_or(path));
            let message = match path.exists() {
                true => format!("the key of `{}`, `{shown}`, is no file", provider.name),
                false => format!("the key of `{}`, `{shown}`, does not exist", provider.name),
            };
            findings.push(Finding::warning(
                written.map_or(&Place::new("house.yaml", 1, 1), |node| &node.place),
                message,
                "write the key into that file, or mend the path: it is relative to the house; a key in the environment is `env:NAME`",
            ));
        }
        findings
    }

    /// `house.yaml` as it is written, for the places of what has none any more.
    fn house_file(&self) -> Node {
        let text = source::read_text(&self.root.join("house.yaml")).unwrap_or_default();
        let shown: Arc<str> = "house.yaml".into();
        tree::parse(&shown, &text).map_or_else(|_| Node::nothing(&shown), |tree| tree.root)
    }
}

/// Definitions that lie where nobody looks for them: beside `house.yaml`, or in a folder that is nearly called like one that is read.
fn unread(walk: &mut Walk, root: &Path) {
    let mut names = Vec::new();
    // What cannot be listed is said where it is needed.
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && is_nearly_a_folder(&name) => {
                let inside = std::fs::read_dir(&path).into_iter().flatten().flatten();
                names.extend(inside.map(|entry| entry.path()));
            }
            Ok(kind) if kind.is_file() && name != "house.yaml" => names.push(path),
            _ => {}
        }
    }
    names.sort();
    for path in names.iter().filter(|path| files::is_yaml(path)) {
        let shown = shown_path(path.strip_prefix(root).unwrap_or(path));
        let Some((what, folder)) = defined_in(path, &shown) else {
            continue;
        };
        walk.warning(
            &Place::new(shown, 1, 1),
            format!("nobody reads this file: {what} is looked for below {folder}/"),
            format!("move it there, or rename it if it is not meant as {what}"),
        );
    }
}

fn is_nearly_a_folder(name: &str) -> bool {
    let known = FOLDERS.into_iter().chain([SCENARIOS]);
    !known.clone().any(|folder| folder == name)
        && (Kind::ALL.iter().any(|kind| kind.key() == name)
            || types::nearest(name, known).is_some())
}

/// What the file at `path` defines, with the folder that it belongs in.
fn defined_in(path: &Path, shown: &Arc<str>) -> Option<(&'static str, &'static str)> {
    let text = source::read_text(path)?;
    let tree = tree::parse(shown, &text).ok()?;
    let first = tree.root.map()?.first()?;
    // A name follows; what else begins so is somebody else's file.
    first.value.text()?;
    match &*first.key.text {
        "agent" => Some(("an agent", Kind::Agent.folder())),
        "chart" => Some(("a chart", Kind::Chart.folder())),
        "policy" => Some(("a policy", Kind::Policy.folder())),
        "scenarios" => Some(("a file of scenarios", SCENARIOS)),
        _ => None,
    }
}
