//! A plugin of a house exchanged, or taken back, by a person: whether or not a run is under way.
//!
//! The component's file is what a house goes by, so that is what is exchanged: checked first, put on record, and then renamed into its place. Runs that are
//! under way notice it as they notice any component that is saved. What was there is kept by its content, so that it can be taken back by any later process.

use crate::control::{self, NotReleased};
use crate::generations::By;
use crate::record::Kind;
use crate::shadow::{ShadowError, ShadowReport, book_shadow, shadow};
use crate::standing::standings;
use crate::{Services, terms};
use change::Where;
use definitions::{PluginDef, Promote};
use journal::{HOUSE_RUN, Journal, JournalError, NewRecord};
use sandbox::{Plugin, PluginInfo, SandboxError, SwapError};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{ComponentFile, ContentHash, PluginName};

/// How many recorded calls a new generation is tried on where `promote: shadow` asks for that.
pub const CALLS_TO_SHADOW: usize = 20;

/// A component that took another's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// What was there; `None` where it could not even be read.
    pub from: Option<ContentHash>,
    /// What is there now.
    pub to: ContentHash,
}

/// Why a plugin is not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum ByHandError {
    /// The house has no such plugin.
    #[error("the house has no plugin `{name}`; it has {known}")]
    UnknownPlugin {
        /// What was asked for.
        name: PluginName,
        /// What there is.
        known: String,
    },
    /// The component cannot be used, or not as this plugin.
    #[error(transparent)]
    Refused(#[from] SwapError),
    /// The house wants it to answer as the one before, and it does not.
    #[error(
        "the house says `promote: shadow` for the plugin `{name}`, and {} of its last {} calls come to something else: `charthouse plugin shadow {name} {}` shows them, and --at-once takes it all the same",
        report.different(), report.calls.len(), file.display()
    )]
    Differs {
        /// The plugin.
        name: PluginName,
        /// The component.
        file: PathBuf,
        /// What is different.
        report: Box<ShadowReport>,
    },
    /// The new generation cannot be compared with the one before.
    #[error(transparent)]
    Shadow(#[from] ShadowError),
    /// Nothing was there before.
    #[error(
        "nothing is on record that the plugin `{name}` could go back to; put a component in its place with `charthouse plugin swap {name} FILE`"
    )]
    NothingBefore {
        /// The plugin.
        name: PluginName,
    },
    /// The one before is on record, but its bytes are gone.
    #[error(
        "the component {} that was the plugin `{name}` before is not kept any more; put it back with `charthouse plugin swap {name} FILE`",
        hash.short()
    )]
    NotKept {
        /// The plugin.
        name: PluginName,
        /// The component.
        hash: ContentHash,
    },
    /// The file cannot be exchanged.
    #[error("{} cannot be replaced: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The new component cannot be pinned: nothing was exchanged.
    #[error("house.lock cannot be written: {0}")]
    Pin(String),
    /// The house is controlled, and this component is not released.
    #[error("{0}")]
    NotReleased(Box<NotReleased>),
    /// What is released cannot be told.
    #[error("{0}")]
    Control(Box<crate::RuntimeError>),
    /// The journal cannot be written: nothing was done.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl From<crate::RuntimeError> for ByHandError {
    fn from(error: crate::RuntimeError) -> Self {
        ByHandError::Control(Box::new(error))
    }
}

impl From<SandboxError> for ByHandError {
    fn from(error: SandboxError) -> Self {
        ByHandError::Refused(error.into())
    }
}

/// Has `house.lock` pin the plugin's component by what this says from now on, where it pins the plugin at all; the path is where the same bytes lie.
pub type Repin<'a> = &'a mut dyn FnMut(&PluginName, &PluginInfo, &Path) -> Result<(), String>;

/// What the house says of the plugin `name`.
pub(crate) fn definition<'a>(
    services: &'a Services,
    name: &PluginName,
) -> Result<&'a PluginDef, ByHandError> {
    let plugins = &services.house.plugins;
    plugins.get(name).ok_or_else(|| {
        let known: Vec<&str> = plugins.keys().map(PluginName::as_str).collect();
        ByHandError::UnknownPlugin {
            name: name.clone(),
            known: match known.is_empty() {
                true => "none".into(),
                false => known.join(", "),
            },
        }
    })
}

/// Put the component `file` in the place of the plugin `name`; `None` where it is there already. With `at_once` what the house says of shadow runs is passed
/// over.
///
/// # Errors
/// Whatever is wrong with the component; the one before is then still there.
pub async fn swap(
    services: &Services,
    journal: &mut Journal,
    name: &PluginName,
    file: &Path,
    at_once: bool,
    pin: Repin<'_>,
) -> Result<Option<Exchanged>, ByHandError> {
    let services = &control::by_hand(services, journal)?;
    let definition = definition(services, name)?;
    let before = current(services, name, definition).await;
    let done = put(services, journal, name, file, before.as_ref(), at_once, pin).await;
    if let Err(error) = done {
        return Err(unreleased(
            services,
            journal,
            name,
            file,
            Where::Swap,
            error,
        )?);
    }
    done
}

/// What is refused because it is not released says so with the change to open, and is on record.
fn unreleased(
    services: &Services,
    journal: &mut Journal,
    name: &PluginName,
    file: &Path,
    place: Where,
    error: ByHandError,
) -> Result<ByHandError, ByHandError> {
    refused(services, journal, name, file, &error)?;
    let SandboxError::NotReleased { found, .. } = (match &error {
        ByHandError::Refused(SwapError::Component(error)) => error,
        _ => return Ok(error),
    }) else {
        return Ok(error);
    };
    let refused = control::refuse_by_hand(services, journal, name, *found, place)?;
    Ok(refused.map_or(error, |refused| ByHandError::NotReleased(Box::new(refused))))
}

/// The component that is there, as far as it can be used.
async fn current(
    services: &Services,
    name: &PluginName,
    definition: &PluginDef,
) -> Option<Arc<Plugin>> {
    let (component, trusted) = (definition.component.clone(), definition.trusted);
    let loading = services.sandbox.load(name.clone(), component, trusted);
    loading.await.ok()
}

async fn put(
    services: &Services,
    journal: &mut Journal,
    name: &PluginName,
    file: &Path,
    before: Option<&Arc<Plugin>>,
    at_once: bool,
    pin: Repin<'_>,
) -> Result<Option<Exchanged>, ByHandError> {
    let definition = definition(services, name)?;
    let plugin = fitting(services, name, file, before).await?;
    let hash = plugin.info().hash;
    let quarantined = standings(journal)?
        .get(name.as_str())
        .is_some_and(|standing| standing.quarantined.contains(&hash));
    let there = services.sandbox.content_of(&definition.component.path);
    // What crashed too often is tried again when a person says so, though the file stays as it is.
    if there == Some(hash) && !quarantined {
        return Ok(None);
    }
    if let (Promote::Shadow, false, Some(_)) = (definition.promote, at_once, before) {
        let report = shadow(services, name, file, CALLS_TO_SHADOW).await?;
        book_shadow(services, journal, &report)?;
        if report.different() > 0 {
            return Err(ByHandError::Differs {
                name: name.clone(),
                file: file.to_owned(),
                report: Box::new(report),
            });
        }
    }
    if let Some(before) = before {
        services.sandbox.keep_component(before)?;
    }
    let kept = services.sandbox.keep_component(&plugin)?;
    let why = format!("a person put {} there", file.display());
    let to = plugin.info();
    exchange(
        services,
        journal,
        definition,
        name,
        &kept,
        there,
        to,
        By::Hand,
        &why,
        pin,
    )
    .map(Some)
}

/// Put the component back that was the plugin `name` before.
///
/// # Errors
/// Where there is none, or it does not fit the house any more; the one that is there then stays.
pub async fn rollback(
    services: &Services,
    journal: &mut Journal,
    name: &PluginName,
    pin: Repin<'_>,
) -> Result<Exchanged, ByHandError> {
    let services = &control::by_hand(services, journal)?;
    let definition = definition(services, name)?;
    let there = services.sandbox.content_of(&definition.component.path);
    let standing = standings(journal)?
        .remove(name.as_str())
        .unwrap_or_default();
    let now = there.unwrap_or_else(|| ContentHash::of(b""));
    let candidates = standing.candidates(now);
    let Some(newest) = candidates.last() else {
        return Err(ByHandError::NothingBefore { name: name.clone() });
    };
    let found = candidates.iter().rev().find_map(|hash| {
        let path = services.sandbox.kept_component(*hash)?;
        Some((*hash, path))
    });
    let Some((_, kept)) = found else {
        return Err(ByHandError::NotKept {
            name: name.clone(),
            hash: *newest,
        });
    };
    let before = current(services, name, definition).await;
    let back = match fitting(services, name, &kept, before.as_ref()).await {
        Ok(back) => back,
        Err(error) => {
            return Err(unreleased(
                services,
                journal,
                name,
                &kept,
                Where::Rollback,
                error,
            )?);
        }
    };
    if let Some(before) = &before {
        services.sandbox.keep_component(before)?;
    }
    let why = "a person took it back";
    exchange(
        services,
        journal,
        definition,
        name,
        &kept,
        there,
        back.info(),
        By::Rollback,
        why,
        pin,
    )
}

/// The component `file` as the plugin `name`, if it keeps what the house goes by.
async fn fitting(
    services: &Services,
    name: &PluginName,
    file: &Path,
    before: Option<&Arc<Plugin>>,
) -> Result<Arc<Plugin>, ByHandError> {
    let definition = definition(services, name)?;
    // Whoever exchanges it by hand pins it by that; a signature is not theirs to give.
    let component = ComponentFile {
        path: file.to_owned(),
        pin: None,
        ..definition.component.clone()
    };
    let loading = services
        .sandbox
        .load(name.clone(), component, definition.trusted);
    let plugin = loading.await?;
    let before = before.map(|before| before.info());
    let broken = terms(&services.house, name, before).broken_by(plugin.info());
    match broken.is_empty() {
        true => Ok(plugin),
        false => Err(ByHandError::Refused(SwapError::Terms {
            plugin: name.clone(),
            path: file.to_owned(),
            broken,
        })),
    }
}

/// Put it on record, then do it.
#[expect(clippy::too_many_arguments, reason = "one exchange, said completely")]
fn exchange(
    services: &Services,
    journal: &mut Journal,
    definition: &PluginDef,
    name: &PluginName,
    kept: &Path,
    from: Option<ContentHash>,
    to: &PluginInfo,
    by: By,
    why: &str,
    pin: Repin<'_>,
) -> Result<Exchanged, ByHandError> {
    let (info, to) = (to, to.hash);
    let named = |hash| json!({ "hash": hash });
    let body = json!({
        "plugin": name, "from": from.map(named), "to": named(to), "by": by,
        "why": format!("{} in the place of {}: {why}", to.short(), from.map_or("none".into(), |from| from.short())),
    });
    record(services, journal, Kind::PluginSwapped, &body)?;
    // The pin goes first: a run that sees the new component must find it pinned.
    pin(name, info, kept).map_err(ByHandError::Pin)?;
    let path = &definition.component.path;
    replace(path, kept).map_err(|source| ByHandError::Write {
        path: path.clone(),
        source,
    })?;
    Ok(Exchanged { from, to })
}

/// A person tried, and it was refused.
fn refused(
    services: &Services,
    journal: &mut Journal,
    name: &PluginName,
    file: &Path,
    error: &ByHandError,
) -> Result<(), ByHandError> {
    if !matches!(
        error,
        ByHandError::Refused(_) | ByHandError::Differs { .. } | ByHandError::Shadow(_)
    ) {
        return Ok(());
    }
    let hash = services.sandbox.content_of(file);
    let body = json!({ "plugin": name, "hash": hash, "by": By::Hand, "why": error.to_string() });
    record(services, journal, Kind::PluginRefused, &body)
}

fn record(
    services: &Services,
    journal: &mut Journal,
    kind: Kind,
    body: &Value,
) -> Result<(), ByHandError> {
    journal.append(&[NewRecord {
        run: HOUSE_RUN,
        time: services.clock.now(),
        kind: kind.name(),
        body: &body.to_string(),
    }])?;
    Ok(())
}

/// Have `path` be a copy of `kept`, all at once: whoever reads it meanwhile reads the one or the other.
fn replace(path: &Path, kept: &Path) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let copied = std::fs::copy(kept, &aside)
        .and_then(|_| std::fs::File::open(&aside)?.sync_all())
        .and_then(|()| std::fs::rename(&aside, path));
    if copied.is_err() {
        // What cannot be finished must not be left behind; that it cannot be removed is no news.
        let _ = std::fs::remove_file(&aside);
    }
    copied
}
