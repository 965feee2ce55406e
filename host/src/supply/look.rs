//! What some bytes are, before anything depends on them: signed as they must be, compiled within limits in a process of its own, started with no grants at all.

use super::Staged;
use crate::exit::{Failure, NOT_SO};
use crate::open;
use sandbox::{PluginInfo, Sandbox, SandboxError};
use std::path::Path;
use types::{ComponentFile, PluginName, Signer};

/// A component that was looked at.
pub struct Looked {
    /// What is known of it now.
    pub info: PluginInfo,
    /// What it can be given, in the words of policies: what it would need to be of use.
    pub needs: Vec<&'static str>,
}

/// Look at `staged`, which came from `source`; `signer` is who must have signed it.
pub fn look(
    house: &Path,
    name: &PluginName,
    staged: &Staged,
    source: &str,
    signer: Option<&Signer>,
) -> Result<Looked, Failure> {
    let component = ComponentFile {
        signer: signer.cloned(),
        ..staged.path().into()
    };
    sandbox::admit(&component).map_err(|error| match error {
        SandboxError::NotSigned { message, key, .. } => Failure::new(
            NOT_SO,
            format!(
                "{source} is not signed by {key}: {}",
                match component.signer.as_ref().is_some_and(|s| s.signature.is_none()) {
                    true => "there is no signature with it".to_owned(),
                    false => message,
                }
            ),
        )
        .help("get the author's signature over these very bytes, and give it with --signature FILE; nothing was changed"),
        other => Failure::new(NOT_SO, other.about(Path::new(source))),
    })?;
    let sandbox = open::sandbox(house.join(".charthouse/cache"), None);
    loaded(&sandbox, name, component)?
        .map_err(|error| Failure::new(NOT_SO, error.about(Path::new(source))))
}

/// What is known of the component at `path`, if it can be loaded: whoever compares with it can do without.
pub fn before(house: &Path, name: &PluginName, path: &Path) -> Option<Looked> {
    let sandbox = open::sandbox(house.join(".charthouse/cache"), None);
    loaded(&sandbox, name, path.into()).ok()?.ok()
}

fn loaded(
    sandbox: &Sandbox,
    name: &PluginName,
    component: ComponentFile,
) -> Result<Result<Looked, SandboxError>, Failure> {
    let plugin = open::block_on(sandbox.load(name.clone(), component, false))?;
    Ok(plugin.map(|plugin| {
        let info = plugin.info().clone();
        Looked {
            needs: needs(&info.imports),
            info,
        }
    }))
}

/// What a policy would have to give before these imports are of use.
pub fn needs(imports: &[String]) -> Vec<&'static str> {
    let has = |prefix: &str| imports.iter().any(|import| import.starts_with(prefix));
    let all = [
        ("wasi:filesystem/", "mounts"),
        ("wasi:cli/environment", "env"),
        ("wasi:clocks/", "clock"),
        ("wasi:random/", "random"),
        ("wasi:http/", "net"),
        ("charthouse:plugin/state", "state"),
        ("charthouse:plugin/model", "model"),
    ];
    all.into_iter()
        .filter(|(prefix, _)| has(prefix))
        .map(|(_, need)| need)
        .collect()
}
