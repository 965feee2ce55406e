//! Making a generation ready: compiled away from the calls that go on, probed with no grants, compared with the terms, and only then published.
//!
//! Whatever goes wrong leaves the place as it is and says why.

use crate::generation::{Exchange, NothingToGoBackTo, Quarantine, Slot};
use crate::plugin::Plugin;
use crate::scratch::Scratch;
use crate::terms::Terms;
use crate::{Sandbox, SandboxError, Settings};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{ComponentFile, ContentHash, PluginName, State};

/// Why a component does not take a plugin's place.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// It cannot be used at all.
    #[error(transparent)]
    Component(#[from] SandboxError),
    /// It does not keep what the generation before promised, or needs more.
    #[error("{} cannot take the place of the plugin `{plugin}`: {}", path.display(), broken.join("; "))]
    Terms {
        /// The plugin.
        plugin: PluginName,
        /// The component.
        path: PathBuf,
        /// Everything that is in the way, in words.
        broken: Vec<String>,
    },
    /// It was in this place and crashed too often.
    #[error(
        "{} ({}) is quarantined as the plugin `{plugin}`: it crashed too often; put another component there, or `charthouse plugin swap {plugin} FILE` to try it again",
        path.display(),
        hash.short()
    )]
    Quarantined {
        /// The plugin.
        plugin: PluginName,
        /// The component.
        path: PathBuf,
        /// Its content.
        hash: ContentHash,
    },
}

impl Sandbox {
    /// The place of the plugin called `name`: the one it has already, or a new one, for which the component is loaded.
    ///
    /// A place whose component lies elsewhere by now, or is trusted otherwise, takes the component that the house names now. A file that only changed is not
    /// looked at: that is what [`Sandbox::prepare`] is for.
    pub async fn slot(
        self: &Arc<Self>,
        name: &PluginName,
        component: impl Into<ComponentFile>,
        trusted: bool,
    ) -> Result<Arc<Slot>, SandboxError> {
        let component = &component.into();
        let path = &*component.path;
        if let Some(slot) = self.slots.get(name) {
            let current = slot.current();
            if current.plugin.path() == path && current.plugin.trusted() == trusted {
                return Ok(slot);
            }
        }
        let admitted = self.admit(component)?;
        if self.cache().info(admitted.hash).is_none() {
            self.compile_aside(component).await?;
        }
        let plugin = self.load_admitted(name.clone(), path, trusted, admitted);
        Ok(self.slots.put(plugin.await?))
    }

    /// The place of the plugin called `name`, if it has one.
    pub fn slot_of(&self, name: &PluginName) -> Option<Arc<Slot>> {
        self.slots.get(name)
    }

    /// Make the component at `path` ready to take the place `slot`; `None` where the place holds just that already.
    ///
    /// Calls go on meanwhile: what takes long is done in another process, which a thread of its own waits for.
    pub async fn prepare(
        self: &Arc<Self>,
        slot: &Slot,
        component: impl Into<ComponentFile>,
        trusted: bool,
        terms: &Terms,
    ) -> Result<Option<Arc<Plugin>>, SwapError> {
        let component = &component.into();
        let path = &*component.path;
        let current = slot.current();
        let hash = self.compile_aside(component).await?;
        let as_before = current.plugin.path() == path && current.plugin.trusted() == trusted;
        if hash == current.hash() && as_before {
            return Ok(None);
        }
        if slot.is_quarantined(hash) {
            return Err(SwapError::Quarantined {
                plugin: slot.name().clone(),
                path: path.to_owned(),
                hash,
            });
        }
        let plugin = self
            .load(slot.name().clone(), component.clone(), trusted)
            .await?;
        let broken = terms.broken_by(plugin.info());
        if !broken.is_empty() {
            return Err(SwapError::Terms {
                plugin: slot.name().clone(),
                path: path.to_owned(),
                broken,
            });
        }
        // The first call must not wait for what can be done now.
        self.loaded(&plugin)?;
        Ok(Some(plugin))
    }

    /// Exchange the generation of `slot` for the component at `path`; `None` where that is its content already.
    pub async fn swap(
        self: &Arc<Self>,
        slot: &Slot,
        component: impl Into<ComponentFile>,
        terms: &Terms,
    ) -> Result<Option<Exchange>, SwapError> {
        let trusted = slot.current().plugin.trusted();
        let ready = self.prepare(slot, component, trusted, terms).await?;
        Ok(ready.map(|plugin| slot.publish(plugin)))
    }

    /// Give the place `slot` back to the last generation that worked.
    pub fn rollback(&self, slot: &Slot) -> Result<Exchange, NothingToGoBackTo> {
        slot.forget_good_unless(|plugin| self.loaded(plugin).is_ok());
        slot.rollback()
    }

    /// Quarantine the generation that has the place `slot` if it has crashed `limit` times since it last answered, and bring the last good one back. Asked
    /// after calls have come back; a limit of 0 means never.
    pub fn examine(&self, slot: &Slot, limit: u32) -> Option<Quarantine> {
        if !slot.crashes(limit) {
            return None;
        }
        slot.forget_good_unless(|plugin| self.loaded(plugin).is_ok());
        slot.examine(limit)
    }

    /// Let `slot` know what was learnt in earlier processes: contents that crashed too often, and the contents that had its place before, the newest last.
    /// Where the component that has the place now is one that crashed too often, the newest other one that is still kept takes it.
    pub fn remember(
        &self,
        slot: &Slot,
        before: &[ContentHash],
        quarantined: &[ContentHash],
    ) -> Option<Exchange> {
        let current = slot.current();
        let good = before.iter().rev().find_map(|hash| {
            let usable = *hash != current.hash() && !quarantined.contains(hash);
            usable
                .then(|| self.earlier(&current.plugin, *hash))
                .flatten()
        });
        slot.remember(quarantined.iter().copied(), good);
        let bad = quarantined.contains(&current.hash());
        bad.then(|| self.rollback(slot).ok()).flatten()
    }

    /// `plugin` as the content `hash` that had its place once, if that is still kept.
    pub fn earlier(&self, plugin: &Plugin, hash: ContentHash) -> Option<Arc<Plugin>> {
        self.recall(plugin.name().clone(), plugin.path(), plugin.trusted(), hash)
    }

    /// The content of the component at `path` as it is now, if it can be read; nothing is said of whether it is any good.
    pub fn content_of(&self, path: &Path) -> Option<ContentHash> {
        self.cache().hash_of(path).ok()
    }

    /// A copy of the component with the content `hash`, if one is kept.
    pub fn kept_component(&self, hash: ContentHash) -> Option<PathBuf> {
        self.cache().kept(hash)
    }

    /// Keep a copy of the component of `plugin`, so that it can be put back when its file is another.
    pub fn keep_component(&self, plugin: &Plugin) -> Result<PathBuf, SandboxError> {
        self.cache().keep(plugin.path(), plugin.info().hash)
    }

    /// A sandbox beside this one in which nothing a call does to its state remains: it reads the house's state and writes to a copy of its own.
    pub fn aside(&self) -> Sandbox {
        let state = self.settings.state.clone();
        Sandbox::new(Settings {
            concurrency: 1,
            state: state.map(|state| Arc::new(Scratch::over(state)) as Arc<dyn State>),
            ..self.settings.clone()
        })
    }

    /// Have the component at `path` compiled into the cache, while whoever asks waits and everybody else goes on; its content.
    async fn compile_aside(
        self: &Arc<Self>,
        component: &ComponentFile,
    ) -> Result<ContentHash, SandboxError> {
        let (done, compiled) = tokio::sync::oneshot::channel();
        let (sandbox, path) = (self.clone(), &component.path);
        let component = component.clone();
        let started = std::thread::Builder::new()
            .name("compile".into())
            .spawn(move || {
                // Nobody may listen any more.
                let _ = done.send(sandbox.compile_now(&component));
            });
        let failed = |message: String| SandboxError::Compile {
            path: path.to_owned(),
            message,
        };
        started.map_err(|error| failed(format!("no thread can be started: {error}")))?;
        match compiled.await {
            Ok(compiled) => compiled,
            Err(_) => Err(failed("the compiling thread ended early".into())),
        }
    }

    fn compile_now(&self, component: &ComponentFile) -> Result<ContentHash, SandboxError> {
        let hash = self.admit(component)?.hash;
        let engine = &self.linked()?.engine;
        self.cache().compiled(engine, &component.path, hash)?;
        Ok(hash)
    }
}
