//! `plugin add`, `update`, `restore`, `remove` and `pin`: which plugins a house has, and which bytes they are. Here is what they share.

mod add;
mod pin;
mod remove;
mod restore;
mod update;

pub use add::add;
pub use pin::pin;
pub use remove::remove;
pub use restore::restore;
pub use update::update;

use crate::exit::{Failure, NOT_SO, USAGE};
use crate::supply::{Change, Fetched, Key};
use definitions::{Locked, PluginDef};
use std::path::PathBuf;
use types::{PluginName, Sha256, Signature, Signer};

/// The folder of a house that holds components.
const PLUGINS: &str = "plugins";
const LOCK: &str = "house.lock";
const HOUSE: &str = "house.yaml";

/// The plugins that were named, or all that are pinned.
fn chosen(
    change: &Change,
    named: Option<&str>,
    source_given: bool,
) -> Result<Vec<PluginName>, Failure> {
    let lock = change.lock();
    let Some(named) = named else {
        return Ok(lock.plugins.into_keys().collect());
    };
    let name = plugin_of(change, named)?;
    if !lock.plugins.contains_key(&name) && !source_given {
        return Err(Failure::new(
            NOT_SO,
            format!("house.lock does not say where `{name}` came from"),
        )
        .help("give its source with --from, or pin the component that is there with `charthouse plugin pin`"));
    }
    Ok(vec![name])
}

/// The plugin of the house that is called `named`.
fn plugin_of(change: &Change, named: &str) -> Result<PluginName, Failure> {
    let known = &change.plugins.plugins;
    let name = PluginName::parse(named).map_err(|error| Failure::new(USAGE, error))?;
    if known.contains_key(&name) {
        return Ok(name);
    }
    let names: Vec<&str> = known.keys().map(PluginName::as_str).collect();
    Err(
        Failure::new(USAGE, format!("the house has no plugin `{name}`")).help(
            match names.is_empty() {
                true => "it has none; `charthouse plugin add SOURCE` adds one".to_owned(),
                false => format!("it has {}", names.join(", ")),
            },
        ),
    )
}

fn worst<T>(all: &[(&PluginName, Result<T, Failure>)]) -> u8 {
    let codes = all.iter().filter_map(|(_, one)| one.as_ref().err());
    codes.map(|failure| failure.code).max().unwrap_or(0)
}

fn definition(change: &Change, name: &PluginName) -> Result<PluginDef, Failure> {
    let found = change.plugins.plugins.get(name).cloned();
    found.ok_or_else(|| {
        Failure::new(
            NOT_SO,
            format!("`{name}` is pinned, and house.yaml has no such plugin"),
        )
        .help("add it to house.yaml again, or take it out of house.lock")
    })
}

fn unknown_source(name: &PluginName) -> Failure {
    Failure::new(
        NOT_SO,
        format!("house.lock does not say where `{name}` came from"),
    )
    .help("give its source with `charthouse plugin update NAME --from SOURCE`")
}

fn signer(key: &Key, signature: Option<&Signature>) -> Signer {
    Signer {
        file: key.file.as_str().into(),
        key: key.key.clone(),
        signature: signature.cloned(),
    }
}

fn locked(fetched: &Fetched, source: String) -> Locked {
    Locked {
        sha256: fetched.staged.sha256(),
        size: fetched.staged.size(),
        source,
        manifest: fetched.manifest,
        signature: fetched.signature.clone(),
    }
}

fn expected(sha256: Option<&str>) -> Result<Option<Sha256>, Failure> {
    sha256
        .map(|text| {
            Sha256::parse(text).ok_or_else(|| {
                Failure::new(USAGE, format!("`{text}` is no sha256"))
                    .help("it has 64 hexadecimal digits, as `sha256sum FILE` prints them")
            })
        })
        .transpose()
}

fn current_directory() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| {
        Failure::new(
            NOT_SO,
            format!("the current directory cannot be used: {error}"),
        )
    })
}
