//! `plugin pin`: the bytes that are there are those that shall be.

use super::{LOCK, current_directory, definition, locked, plugin_of};
use crate::cli::PluginPin;
use crate::exit::Failure;
use crate::supply::{Change, Source, Wanted, fetch, look};
use crate::{open, print};
use definitions::Locked;
use std::path::Path;
use types::{PluginName, Signer};

pub fn pin(options: &PluginPin) -> Result<u8, Failure> {
    let mut change = Change::begin(&options.house.house)?;
    let root = change.root().to_owned();
    let names = match &options.name {
        Some(name) => vec![plugin_of(&change, name)?],
        None => change.plugins.plugins.keys().cloned().collect(),
    };
    let mut lock = change.lock();
    let mut said = String::new();
    for name in names {
        let path = definition(&change, &name)?.component.path;
        let before = lock.plugins.get(&name).cloned();
        let new = pinned(
            &change,
            &root,
            &name,
            before.as_ref(),
            options.signature.as_deref(),
        )?;
        said.push_str(&match before {
            Some(before) if before == new => format!("{name}: pinned as it was\n"),
            Some(before) if before.sha256 != new.sha256 => {
                format!(
                    "{name}: pinned {} instead of {}\n",
                    new.sha256, before.sha256
                )
            }
            _ => format!(
                "{name}: pinned {} ({})\n",
                new.sha256,
                path.strip_prefix(&root).unwrap_or(&path).display()
            ),
        });
        lock.plugins.insert(name, new);
    }
    change.write(LOCK, &lock.text())?;
    change.finish()?;
    print::out(&said)?;
    Ok(0)
}

/// The component that is there, as it is to be pinned.
fn pinned(
    change: &Change,
    root: &Path,
    name: &PluginName,
    before: Option<&Locked>,
    signature: Option<&Path>,
) -> Result<Locked, Failure> {
    let definition = definition(change, name)?;
    let path = &definition.component.path;
    let source = Source::Path(path.clone());
    let file = signature.map(|file| file.to_string_lossy());
    let signer = definition.component.signer.as_ref();
    let wanted = Wanted {
        name,
        source: &source,
        signature: file.as_deref(),
        signed: signer.is_some(),
        sha256: None,
        directory: &current_directory()?,
    };
    // A copy, so that what is looked at is what is hashed.
    let folder = path.parent().unwrap_or(root).to_owned();
    let mut fetched = open::block_on(fetch(&wanted, &folder))??;
    let recorded = before.filter(|before| before.sha256 == fetched.staged.sha256());
    if fetched.signature.is_none() {
        fetched.signature = recorded.and_then(|before| before.signature.clone());
    }
    let signer = signer.map(|signer| Signer {
        signature: fetched.signature.clone(),
        ..signer.clone()
    });
    let shown = path.display().to_string();
    look(root, name, &fetched.staged, &shown, signer.as_ref())?;
    let new = locked(&fetched, source.recorded(root));
    Ok(match recorded {
        // The same bytes came from where they came from, then.
        Some(before) => Locked {
            signature: new.signature,
            ..before.clone()
        },
        None => new,
    })
}
