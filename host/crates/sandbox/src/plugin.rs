//! A loaded generation of a plugin: what is known of a component, and its code once somebody calls it.

use crate::bindings::exports::charthouse::plugin as exports;
use crate::cache::Cache;
use crate::error::in_brief;
use crate::exports::{LeftOut, nothing_to_call};
use crate::gate::Admitted;
use crate::guest::Guest;
use crate::health::Health;
use crate::net::LinkClass;
use crate::reflected::Reflected;
use crate::typed::Exported;
use crate::{Sandbox, SandboxError, imports, names};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use types::{ComponentFile, ContentHash, Effect, PluginName, Sha256, ToolSpec};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre};

/// Most tools of one plugin: more than any model can be told of.
const TOOLS_MAX: usize = 1_000;

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
    /// It exports functions with types, which are its tools.
    Typed,
    /// It is a program with a command line, which is its tool `run`.
    Command,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Tool => "provider of tools",
            Kind::Context => "provider of context",
            Kind::Memory => "memory routine",
            Kind::Guard => "guard",
            Kind::Typed => "set of typed functions",
            Kind::Command => "program with a command line",
        })
    }
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
    /// Of tools that are exports of the component: the names that lead to each.
    pub exports: BTreeMap<String, Vec<String>>,
    /// Exported functions that are no tools, and why.
    pub left_out: Vec<LeftOut>,
}

/// One generation of a plugin in a house.
pub struct Plugin {
    name: PluginName,
    shared_name: Arc<str>,
    trusted: bool,
    path: PathBuf,
    info: PluginInfo,
    loaded: Mutex<Option<Arc<Loaded>>>,
    /// Whether another generation has taken its place: its code is then not kept for the next call.
    retired: AtomicBool,
    pub(crate) health: Health,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.info.hash.short())
    }
}

impl Plugin {
    fn new(name: PluginName, path: &Path, trusted: bool, info: PluginInfo) -> Self {
        Plugin {
            shared_name: name.as_str().into(),
            name,
            trusted,
            path: path.to_owned(),
            info,
            loaded: Mutex::new(None),
            retired: AtomicBool::new(false),
            health: Health::default(),
        }
    }

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

    /// The same with names that providers accept, this plugin's own before them: what the host named is cut, what the plugin named must do.
    fn with_names_that_fit(mut self) -> Result<Self, SandboxError> {
        names::fit(&self.name, &mut self.info).map_err(|message| SandboxError::Probe {
            path: self.path.clone(),
            message,
        })?;
        Ok(self)
    }

    /// What repeating a call of `spec` does, as far as this house believes it.
    pub fn effect(&self, spec: &ToolSpec) -> Effect {
        if self.trusted {
            spec.effect
        } else {
            Effect::Once
        }
    }

    /// Its code, where some of it is in memory: for those calls that are under way, or for the next.
    pub fn code(&self) -> Option<Weak<dyn Send + Sync>> {
        let slot = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().map(|loaded| {
            let code: Arc<dyn Send + Sync> = loaded.clone();
            Arc::downgrade(&code)
        })
    }

    /// Another generation has its place: calls under way keep the code until they are over, and nobody else does.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
        let mut slot = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = None;
    }

    /// It has its place again.
    pub(crate) fn bring_back(&self) {
        self.health.forget_traps();
        self.retired.store(false, Ordering::SeqCst);
    }
}

/// Code, linked and ready to be instantiated.
pub(crate) struct Loaded {
    closed: InstancePre<Guest>,
    http: InstancePre<Guest>,
    pub(crate) tool: Option<exports::tool::GuestIndices>,
    pub(crate) context: Option<exports::context::GuestIndices>,
    pub(crate) memory: Option<exports::memory::GuestIndices>,
    pub(crate) summary: Option<exports::summary::GuestIndices>,
    pub(crate) guard: Option<exports::guard::GuestIndices>,
    /// Its other exports, as they are called.
    pub(crate) exported: Mutex<HashMap<Vec<String>, Arc<Exported>>>,
}

impl Loaded {
    /// The code as `class` links it.
    pub(crate) fn pre(&self, class: LinkClass) -> &InstancePre<Guest> {
        match class {
            LinkClass::Closed => &self.closed,
            LinkClass::Http => &self.http,
        }
    }
}

impl Sandbox {
    pub(crate) fn cache(&self) -> Cache<'_> {
        Cache {
            directory: &self.settings.cache,
            compiler: &self.settings.compiler,
            seen: &self.seen,
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
        let admitted = self.admit(&component)?;
        self.load_admitted(name, &component.path, trusted, admitted)
            .await
    }

    /// The same for a component that has been admitted already.
    pub(crate) async fn load_admitted(
        &self,
        name: PluginName,
        path: &Path,
        trusted: bool,
        Admitted { hash, sha256, size }: Admitted,
    ) -> Result<Arc<Plugin>, SandboxError> {
        if let Some(info) = self.cache().info(hash) {
            return Plugin::new(name, path, trusted, info)
                .with_names_that_fit()
                .map(Arc::new);
        }
        let unknown = PluginInfo {
            hash,
            sha256,
            size,
            kinds: Vec::new(),
            tools: Vec::new(),
            imports: Vec::new(),
            exports: BTreeMap::new(),
            left_out: Vec::new(),
        };
        let mut fresh = Plugin::new(name, path, trusted, unknown);
        let loaded = self.loaded(&fresh)?;
        fresh.info.imports = self.imports(&loaded)?;
        let reflected = self.reflected(&fresh, &loaded)?;
        fresh.info.kinds = kinds(&loaded, &reflected);
        fresh.info.left_out = reflected.left_out;
        if fresh.info.kinds.is_empty() {
            return Err(SandboxError::Probe {
                path: path.to_owned(),
                message: nothing_to_call(&fresh.info.left_out),
            });
        }
        fresh.info.tools = match loaded.tool.is_some() {
            true => self.probe_tools(&fresh).await?,
            false => reflected.tools,
        };
        // That it can say what it offers is no answer to a call yet.
        fresh.health = Health::default();
        fresh.info.exports = reflected.paths;
        self.cache().keep_info(&fresh.info)?;
        fresh.with_names_that_fit().map(Arc::new)
    }

    /// The component with the content `hash` as the plugin `name`, out of the cache, where it is still kept there: nothing is read of the file at `path`, which may
    /// hold another by now, or be gone.
    pub fn kept(
        &self,
        name: PluginName,
        path: &Path,
        trusted: bool,
        hash: ContentHash,
    ) -> Option<Arc<Plugin>> {
        self.recall(name, path, trusted, hash)
    }

    /// A generation that was here before, whose component is another one by now: out of the cache, where it is still kept.
    pub(crate) fn recall(
        &self,
        name: PluginName,
        path: &Path,
        trusted: bool,
        hash: ContentHash,
    ) -> Option<Arc<Plugin>> {
        let info = self.cache().info(hash)?;
        let plugin = Plugin::new(name, path, trusted, info);
        plugin.with_names_that_fit().ok().map(Arc::new)
    }

    /// The plugin's code, out of memory, out of the cache or compiled.
    pub(crate) fn loaded(&self, plugin: &Plugin) -> Result<Arc<Loaded>, SandboxError> {
        let mut slot = plugin.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = &*slot {
            return Ok(loaded.clone());
        }
        let linked = self.linked()?;
        let component = self
            .cache()
            .component(&linked.engine, &plugin.path, plugin.info.hash)?;
        let link = |error: wasmtime::Error| SandboxError::Link {
            path: plugin.path.clone(),
            message: in_brief(&format!("{error:#}")),
        };
        let pre_of = |class| {
            imports::link(linked.linker(class), &component).map_err(|message| SandboxError::Link {
                path: plugin.path.clone(),
                message: in_brief(&message),
            })
        };
        let pre = pre_of(LinkClass::Closed)?;
        // The two differ in nothing for a component that has no use for the network.
        let http = match asks_for_requests(&component, &linked.engine) {
            true => pre_of(LinkClass::Http)?,
            false => pre.clone(),
        };
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
            exported: Mutex::default(),
            closed: pre,
            http,
        });
        if !plugin.retired.load(Ordering::SeqCst) {
            *slot = Some(loaded.clone());
        }
        Ok(loaded)
    }

    fn imports(&self, loaded: &Loaded) -> Result<Vec<String>, SandboxError> {
        let engine = &self.linked()?.engine;
        let mut imports: Vec<String> = loaded
            .pre(LinkClass::Closed)
            .component()
            .component_type()
            .imports(engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        imports.sort();
        Ok(imports)
    }

    fn reflected(&self, plugin: &Plugin, loaded: &Loaded) -> Result<Reflected, SandboxError> {
        // Documentation alone is read from the file; if that has changed by now, this is not its documentation.
        let bytes = std::fs::read(&plugin.path).ok();
        let bytes = bytes.filter(|bytes| ContentHash::of(bytes) == plugin.info.hash);
        Ok(Reflected::of(
            &self.linked()?.engine,
            loaded.pre(LinkClass::Closed).component(),
            &bytes.unwrap_or_default(),
            loaded.tool.is_some(),
        ))
    }

    async fn probe_tools(&self, plugin: &Plugin) -> Result<Vec<ToolSpec>, SandboxError> {
        let broken = |message: String| SandboxError::Probe {
            path: plugin.path.clone(),
            message: in_brief(&message),
        };
        let described = self
            .specs(plugin)
            .await
            .map_err(|e| broken(e.to_string()))?;
        if described.len() > TOOLS_MAX {
            return Err(broken(format!(
                "it has {} tools, and no plugin may have more than {TOOLS_MAX}",
                described.len()
            )));
        }
        let mut names = BTreeSet::new();
        let mut tools = Vec::with_capacity(described.len());
        for spec in described {
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

fn asks_for_requests(component: &Component, engine: &Engine) -> bool {
    let component_type = component.component_type();
    let mut imports = component_type.imports(engine);
    imports.any(|(name, _)| name.starts_with("wasi:http/"))
}

fn kinds(loaded: &Loaded, reflected: &Reflected) -> Vec<Kind> {
    let found = [
        (Kind::Tool, loaded.tool.is_some()),
        (Kind::Context, loaded.context.is_some()),
        (
            Kind::Memory,
            loaded.memory.is_some() || loaded.summary.is_some(),
        ),
        (Kind::Guard, loaded.guard.is_some()),
        (Kind::Typed, reflected.has_functions),
        (Kind::Command, reflected.has_command),
    ];
    found
        .into_iter()
        .filter_map(|(kind, there)| there.then_some(kind))
        .collect()
}
