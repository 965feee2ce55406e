//! `plugin restore`: the pinned bytes again.

use super::{chosen, definition, unknown_source, worst};
use crate::cli::PluginRestore;
use crate::exit::Failure;
use crate::supply::{Change, Source, Wanted, fetch, look};
use crate::{open, print};
use serde_json::json;
use std::path::Path;
use types::{PluginName, Sha256};

pub fn restore(options: &PluginRestore) -> Result<u8, Failure> {
    let mut change = Change::begin(&options.house.house)?;
    let root = change.root().to_owned();
    let mut restored = Vec::new();
    let chosen = chosen(&change, options.name.as_deref(), false)?;
    for name in &chosen {
        restored.push((name, restore_one(&mut change, &root, name)));
    }
    change.finish()?;
    let code = worst(&restored);
    let mut all = Vec::new();
    for (name, one) in &restored {
        let status = match one {
            Ok(true) => "restored",
            Ok(false) => "there",
            Err(_) => "failed",
        };
        all.push(json!({ "name": name, "status": status }));
        if options.json {
            continue;
        }
        match one {
            Ok(_) => print::out(&format!("{name}: {status}\n"))?,
            Err(failure) => {
                print::err(&format!("{name}:\n"));
                failure.print();
            }
        }
    }
    if options.json {
        print::json(&json!({ "plugins": all }))?;
    }
    Ok(code)
}

/// Fetch the pinned bytes of one plugin again, unless they are there. Whether they were fetched.
fn restore_one(change: &mut Change, root: &Path, name: &PluginName) -> Result<bool, Failure> {
    let definition = definition(change, name)?;
    let path = definition.component.path;
    let Some(locked) = change.lock().plugins.remove(name) else {
        return Err(unknown_source(name));
    };
    match std::fs::read(&path) {
        Ok(bytes) if Sha256::of(&bytes) == locked.sha256 => return Ok(false),
        _ => {}
    }
    let source = match (Source::parse(&locked.source, root)?, locked.manifest) {
        // The tag may lead elsewhere by now.
        (Source::Oci(reference), Some(manifest)) => Source::Oci(reference.at(manifest)),
        (source, _) => source,
    };
    let wanted = Wanted {
        name,
        source: &source,
        signature: None,
        signed: false,
        sha256: Some(locked.sha256),
        directory: root,
    };
    let folder = path.parent().unwrap_or(root).to_owned();
    let mut fetched = open::block_on(fetch(&wanted, &folder))??;
    let signer = definition.component.signer.as_ref();
    look(root, name, &fetched.staged, &source.to_string(), signer)?;
    change.place(&mut fetched.staged, &path)?;
    Ok(true)
}
