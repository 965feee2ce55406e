//! A loaded generation of a plugin: what is known of a component, and its code once somebody calls it.

use crate::admission;
use crate::bindings::exports::charthouse::plugin as exports;
use crate::cache::{Cache, both_hashes_of, hash_of};
use crate::guest::Guest;
use crate::{Sandbox, SandboxError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use types::{ComponentFile, ContentHash, Effect, PluginName, Sha256, ToolName, ToolSpec};
use wasmtime::component::InstancePre;

/// What a component can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It offers tools.
    Tool,
    /// It provides context.
    Context,
    /// It looks after memory, or sums up what leaves the window.
    Memory,
    /// It guards.
    Guard,
}

/// What is known of a component without running it again; kept on disk by content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginInfo {
    /// Content hash of the component.
    pub hash: ContentHash,
    /// What the rest of the world calls the same content.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
    /// What it can be used for.
    pub kinds: Vec<Kind>,
    /// Its tools, as it describes them.
    pub tools: Vec<ToolSpec>,
    /// What it imports.
    pub imports: Vec<String>,
}

/// One generation of a plugin in a house.
pub struct Plugin {
    name: PluginName,
    shared_name: Arc<str>,
    trusted: bool,
    path: PathBuf,
    info: PluginInfo,
    loaded: Mutex<Option<Arc<Loaded>>>,
}

impl Plugin {
    /// Its name in the house.
    pub fn name(&self) -> &PluginName {
        &self.name
    }

    /// Its name, shared.
    pub fn shared_name(&self) -> &Arc<str> {
        &self.shared_name
    }

    /// Where the component lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the house takes its word for what repeating a call does.
    pub fn trusted(&self) -> bool {
        self.trusted
    }

    /// What is known of it.
    pub fn info(&self) -> &PluginInfo {
        &self.info
    }

    /// The tool called `tool` in its own words.
    pub fn tool(&self, tool: &str) -> Option<&ToolSpec> {
        self.info.tools.iter().find(|spec| spec.name == tool)
    }

    /// What repeating a call of `spec` does, as far as this house believes it.
    pub fn effect(&self, spec: &ToolSpec) -> Effect {
        if self.trusted {
            spec.effect
        } else {
            Effect::Once
        }
    }
}

/// Code, linked and ready to be instantiated.
pub(crate) struct Loaded {
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) tool: Option<exports::tool::GuestIndices>,
    pub(crate) context: Option<exports::context::GuestIndices>,
    pub(crate) memory: Option<exports::memory::GuestIndices>,
    pub(crate) summary: Option<exports::summary::GuestIndices>,
    pub(crate) guard: Option<exports::guard::GuestIndices>,
}

impl Sandbox {
    fn cache(&self) -> Cache<'_> {
        Cache {
            directory: &self.settings.cache,
            compiler: &self.settings.compiler,
        }
    }

    /// Take `component` (a path, or what a house says of it) as the plugin `name`.
    ///
    /// Bytes that are not the pinned ones, or not signed as they must be, go no further. A component seen before costs one read and one hash; a new one is
    /// compiled, started with no grants at all, and asked for its tools.
    pub async fn load(
        &self,
        name: PluginName,
        component: impl Into<ComponentFile>,
        trusted: bool,
    ) -> Result<Arc<Plugin>, SandboxError> {
        let component = component.into();
        let path = &*component.path;
        let read = |source| SandboxError::Read {
            path: path.to_owned(),
            source,
        };
        let mut preamble = Vec::with_capacity(8);
        let file = std::fs::File::open(path).map_err(read)?;
        let size = file.metadata().map_err(read)?.len();
        file.take(8).read_to_end(&mut preamble).map_err(read)?;
        check_preamble(path, &preamble)?;
        // What is known of a content holds its other hash too, so that a pin costs nothing where the component was seen before.
        let known = self.cache().info(hash_of(path).map_err(read)?);
        let (hash, sha256) = match &known {
            Some(info) => (info.hash, info.sha256),
            None => both_hashes_of(path).map_err(read)?,
        };
        admission::check(&component, hash, sha256)?;
        let plugin = |info| Plugin {
            shared_name: name.as_str().into(),
            name: name.clone(),
            trusted,
            path: path.to_owned(),
            info,
            loaded: Mutex::new(None),
        };
        if let Some(info) = known {
            return Ok(Arc::new(plugin(info)));
        }
        let mut fresh = plugin(PluginInfo {
            hash,
            sha256,
            size,
            kinds: Vec::new(),
            tools: Vec::new(),
            imports: Vec::new(),
        });
        let loaded = self.loaded(&fresh)?;
        fresh.info.imports = self.imports(&loaded)?;
        fresh.info.kinds = kinds(&loaded);
        if fresh.info.kinds.is_empty() {
            return Err(SandboxError::Probe {
                path: path.to_owned(),
                message: "it exports none of charthouse:plugin/tool, context, memory, summary and guard (version 0.1.0)"
                    .into(),
            });
        }
        if loaded.tool.is_some() {
            fresh.info.tools = self.probe_tools(&fresh).await?;
        }
        self.cache().keep_info(&fresh.info)?;
        Ok(Arc::new(fresh))
    }

    /// The plugin's code, out of memory, out of the cache or compiled.
    pub(crate) fn loaded(&self, plugin: &Plugin) -> Result<Arc<Loaded>, SandboxError> {
        let mut slot = plugin
            .loaded
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        if let Some(loaded) = &*slot {
            return Ok(loaded.clone());
        }
        let linked = self.linked()?;
        let component = self
            .cache()
            .component(&linked.engine, &plugin.path, plugin.info.hash)?;
        let link = |error: wasmtime::Error| SandboxError::Link {
            path: plugin.path.clone(),
            message: format!("{error:#}"),
        };
        let pre = linked.linker.instantiate_pre(&component).map_err(link)?;
        let has = |interface: &str| {
            component
                .get_export_index(None, format!("charthouse:plugin/{interface}@0.1.0"))
                .is_some()
        };
        let loaded = Arc::new(Loaded {
            tool: has("tool")
                .then(|| exports::tool::GuestIndices::new(&pre))
                .transpose()
                .map_err(link)?,
            context: has("context")
                .then(|| exports::context::GuestIndices::new(&pre))
                .transpose()
                .map_err(link)?,
            memory: has("memory")
                .then(|| exports::memory::GuestIndices::new(&pre))
                .transpose()
                .map_err(link)?,
            summary: has("summary")
                .then(|| exports::summary::GuestIndices::new(&pre))
                .transpose()
                .map_err(link)?,
            guard: has("guard")
                .then(|| exports::guard::GuestIndices::new(&pre))
                .transpose()
                .map_err(link)?,
            pre,
        });
        *slot = Some(loaded.clone());
        Ok(loaded)
    }

    fn imports(&self, loaded: &Loaded) -> Result<Vec<String>, SandboxError> {
        let engine = &self.linked()?.engine;
        let mut imports: Vec<String> = loaded
            .pre
            .component()
            .component_type()
            .imports(engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        imports.sort();
        Ok(imports)
    }

    async fn probe_tools(&self, plugin: &Plugin) -> Result<Vec<ToolSpec>, SandboxError> {
        let broken = |message: String| SandboxError::Probe {
            path: plugin.path.clone(),
            message,
        };
        let described = self
            .specs(plugin)
            .await
            .map_err(|e| broken(e.to_string()))?;
        let mut names = BTreeSet::new();
        let mut tools = Vec::with_capacity(described.len());
        for spec in described {
            ToolName::new(&plugin.name, &spec.name).map_err(|e| broken(e.to_string()))?;
            if !names.insert(spec.name.clone()) {
                return Err(broken(format!("it has two tools called `{}`", spec.name)));
            }
            let parameters: serde_json::Value =
                serde_json::from_str(&spec.parameters).map_err(|e| {
                    broken(format!(
                        "the parameters of its tool `{}` are not JSON: {e}",
                        spec.name
                    ))
                })?;
            if !parameters.is_object() {
                return Err(broken(format!(
                    "the parameters of its tool `{}` are not a JSON Schema object",
                    spec.name
                )));
            }
            tools.push(ToolSpec {
                name: spec.name,
                description: spec.description,
                parameters,
                effect: match spec.effect {
                    exports::tool::Effect::None => Effect::None,
                    exports::tool::Effect::Idempotent => Effect::Idempotent,
                    exports::tool::Effect::Once => Effect::Once,
                },
            });
        }
        Ok(tools)
    }
}

fn kinds(loaded: &Loaded) -> Vec<Kind> {
    let found = [
        (Kind::Tool, loaded.tool.is_some()),
        (Kind::Context, loaded.context.is_some()),
        (
            Kind::Memory,
            loaded.memory.is_some() || loaded.summary.is_some(),
        ),
        (Kind::Guard, loaded.guard.is_some()),
    ];
    found
        .into_iter()
        .filter_map(|(kind, there)| there.then_some(kind))
        .collect()
}

/// Tell a component from the things people mistake for one.
fn check_preamble(path: &Path, bytes: &[u8]) -> Result<(), SandboxError> {
    let what = match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            "a core WebAssembly module, not a component: build it for wasm32-wasip2, or adapt it with `wasm-tools component new`"
        }
        [0, b'a', b's', b'm', ..] => "a component of a version this host does not know",
        [] => "empty",
        _ => "not WebAssembly",
    };
    Err(SandboxError::NotAComponent {
        path: path.to_owned(),
        what: what.into(),
    })
}
