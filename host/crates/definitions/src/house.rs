//! `house.yaml`: where the house keeps its records, whom it asks, what it pays, which plugins it has and what it will never allow.

use crate::paths::Paths;
use crate::policy as policy_rules;
use crate::prices::{self, Prices};
use crate::suggest::{self, shown};
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use indexmap::IndexMap;
use policy::Overlay;
use std::path::PathBuf;
use std::sync::Arc;
use types::{Marked, Place, PluginName, ProviderConfig, ProviderKind, SecretRef};

/// Where the journal lies unless the house says otherwise.
const DEFAULT_STORE: &str = ".charthouse/journal.db";

/// A plugin that the house has.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginDef {
    /// Its component; absolute.
    pub component: PathBuf,
    /// Whether what it says of itself (a tool's `effect`) counts.
    pub trusted: bool,
    /// Where the house names it.
    pub place: Place,
}

/// What `house.yaml` says.
pub(crate) struct HouseFile {
    pub name: Arc<str>,
    pub store: PathBuf,
    pub providers: IndexMap<Arc<str>, ProviderConfig>,
    pub prices: Prices,
    pub plugins: IndexMap<PluginName, PluginDef>,
    pub ceiling: Option<Overlay>,
    pub default_policy: Option<Marked<String>>,
    /// Every name under `providers` and `plugins`, the faulty entries' too: what is declared but wrong is not also unknown.
    /// `None` where nobody can tell, because the key is misspelt or holds no map.
    pub declared_providers: Option<Vec<String>>,
    pub declared_plugins: Option<Vec<String>>,
}

/// Read the house that `node` is. `None` when it is no map at all.
pub(crate) fn read(walk: &mut Walk, node: &Node, paths: &Paths) -> Option<HouseFile> {
    let mut fields = Fields::of(walk, node, "a house", "house: NAME")?;
    let name = fields
        .take("house")
        .and_then(|n| walk.as_written(n, "a house's name"))
        .unwrap_or_default();
    // For people; nothing uses them.
    crate::agent::version(walk, &mut fields);
    crate::agent::doc(walk, &mut fields);
    let store = match fields.take("store") {
        Some(n) => store(walk, n).unwrap_or(DEFAULT_STORE),
        None => DEFAULT_STORE,
    };
    let mut providers = IndexMap::new();
    let declared_providers = declared(node, "providers");
    if let Some(n) = fields.take("providers") {
        for entry in entries(
            walk,
            n,
            "`providers`",
            "{ local: { kind: openai, base_url: \"http://127.0.0.1:11434/v1\" } }",
        ) {
            let name: Arc<str> = entry.key.text.as_ref().into();
            if let Some((kind, model)) = provider(walk, &entry.value, paths) {
                providers.insert(
                    name.clone(),
                    ProviderConfig {
                        model,
                        ..ProviderConfig::new(name, kind)
                    },
                );
            }
        }
    }
    let prices = fields
        .take("prices")
        .map(|n| prices::read(walk, n))
        .unwrap_or_default();
    let mut plugins = IndexMap::new();
    let declared_plugins = declared(node, "plugins");
    if let Some(n) = fields.take("plugins") {
        for entry in entries(walk, n, "`plugins`", "{ fs: plugins/fs.wasm }") {
            let name = PluginName::parse(&entry.key.text);
            if let Err(error) = &name {
                walk.error(
                    &entry.key.place,
                    format!("this cannot be a plugin's name: {error}"),
                    "the name is the prefix of the plugin's tools: `fs` has the tool `fs.read`",
                );
            }
            let def = plugin(walk, &entry.value, &entry.key.place, paths);
            if let (Ok(name), Some(def)) = (name, def) {
                plugins.insert(name, def);
            }
        }
    }
    let ceiling = fields
        .take("ceiling")
        .map(|n| policy_rules::overlay(walk, n, "ceiling".into()));
    let default_policy = fields.take("defaults").and_then(|n| defaults(walk, n));
    fields.finish(walk, "a house");
    Some(HouseFile {
        name: name.into(),
        store: paths.root().join(store),
        providers,
        prices,
        plugins,
        ceiling,
        default_policy,
        declared_providers,
        declared_plugins,
    })
}

/// The names under `key`, whatever is wrong with what stands under them; `None` when nobody can tell which names were meant.
fn declared(house: &Node, key: &str) -> Option<Vec<String>> {
    match house.get(key) {
        Some(node) => Some(
            node.map()?
                .iter()
                .map(|entry| entry.key.text.to_string())
                .collect(),
        ),
        None => {
            let misspelt = house
                .map()?
                .iter()
                .any(|entry| suggest::nearest(&entry.key.text, [key]).is_some());
            (!misspelt).then(Vec::new)
        }
    }
}

/// The entries of a map from names of the author's choice.
fn entries<'n>(
    walk: &mut Walk,
    node: &'n Node,
    what: &str,
    example: &str,
) -> &'n [crate::tree::Entry] {
    node.map().unwrap_or_else(|| {
        walk.expected(node, what, "a map", &format!("write it as `{example}`"));
        &[]
    })
}

fn store<'n>(walk: &mut Walk, node: &'n Node) -> Option<&'n str> {
    let text = walk.text(node, "`store`")?;
    match text.split_once(':') {
        Some(("sqlite", path)) if !path.trim().is_empty() => return Some(path),
        Some(("postgres" | "postgresql", _)) => {
            // Such an address often holds a password.
            walk.sources.mask(&node.place, 1);
            walk.error(
                &node.place,
                "a `postgres` store is not available in this version",
                format!("write `store: sqlite:{DEFAULT_STORE}`"),
            );
        }
        _ => walk.error(
            &node.place,
            format!("`{}` names no store", shown(text)),
            format!("write `store: sqlite:{DEFAULT_STORE}`; the path is relative to the house"),
        ),
    }
    None
}

#[derive(Clone, Copy)]
enum Dialect {
    OpenAi,
    Scripted,
}

fn provider(
    walk: &mut Walk,
    node: &Node,
    paths: &Paths,
) -> Option<(ProviderKind, Option<Arc<str>>)> {
    let example = "{ kind: openai, base_url: \"http://127.0.0.1:11434/v1\" }";
    let mut fields = Fields::of(walk, node, "a provider", example)?;
    let kind = fields.need(walk, "kind", "this provider", "kind: openai")?;
    hide_values(walk, node);
    if kind.text() == Some("anthropic") {
        walk.error(
            &kind.place,
            "providers of kind `anthropic` are not available in this version",
            "use `openai` with a server that speaks OpenAI's chat completions, or `scripted`",
        );
        return None;
    }
    let words = [("openai", Dialect::OpenAi), ("scripted", Dialect::Scripted)];
    let dialect = match walk.word(kind, "a kind of provider", &words) {
        Some(dialect) => dialect,
        None => {
            // Its other keys cannot be judged, but a secret among them must be complained of all the same.
            if let Some(key) = node.get("key") {
                policy_rules::secret_ref(walk, key, "`key`");
            }
            return None;
        }
    };
    let what = "this provider";
    let (kind, model) = match dialect {
        Dialect::OpenAi => {
            let base_url = fields
                .need(
                    walk,
                    "base_url",
                    what,
                    "base_url: \"http://127.0.0.1:11434/v1\"",
                )
                .and_then(|n| base_url(walk, n));
            let key = fields
                .take("key")
                .map(|n| policy_rules::secret_ref(walk, n, "`key`"));
            let model = fields
                .take("model")
                .and_then(|n| walk.text(n, "`model`"))
                .map(Arc::from);
            let kind = base_url.map(|base_url| ProviderKind::Http {
                dialect: types::Dialect::ChatCompletions,
                base_url,
                key: key.flatten().map(|reference| paths.secret(reference)),
            });
            (kind, model)
        }
        Dialect::Scripted => {
            let file = fields
                .need(walk, "file", what, "file: scripts/survey.yaml")
                .and_then(|n| Some((walk.text(n, "`file`")?, n)))
                .and_then(|(text, n)| {
                    paths.file(
                        walk,
                        text,
                        &n.place,
                        "add the script, or mend the path: it is relative to the house",
                    )
                });
            (file.map(|file| ProviderKind::Scripted { file }), None)
        }
    };
    fields.finish_with(walk, "a provider of this kind", |key| match key {
        "url" | "host" | "endpoint" | "base" => Some("did you mean `base_url`?".into()),
        "api_key" | "apikey" | "token" | "secret" => {
            Some("did you mean `key`? It takes `env:NAME` or `file:PATH`".into())
        }
        _ => None,
    });
    Some((kind?, model))
}

/// Keep what may be a secret out of every report: the values of a provider under keys that are not known to be harmless.
fn hide_values(walk: &mut Walk, node: &Node) {
    for entry in node.map().unwrap_or_default() {
        let harmless = matches!(&*entry.key.text, "kind" | "base_url" | "model" | "file");
        if let Some(scalar) = entry.value.scalar()
            && !harmless
            && SecretRef::parse(&scalar.text).is_none()
        {
            walk.sources.mask(&entry.value.place, scalar.lines);
        }
    }
}

fn base_url(walk: &mut Walk, node: &Node) -> Option<String> {
    let text = walk.text(node, "`base_url`")?;
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    match host {
        Some(host) if host.contains('@') => {
            walk.sources.mask(&node.place, 1);
            walk.error(
                &node.place,
                "`base_url` must not hold a user name or a password",
                "remove what stands before the `@`, and give the key as `key: env:NAME`",
            );
            None
        }
        Some(host) if !host.is_empty() && !text.contains(char::is_whitespace) => {
            Some(text.trim_end_matches('/').to_owned())
        }
        _ => {
            walk.error(
                &node.place,
                format!("`{}` is no URL of a server", shown(text)),
                "write it with its scheme, for instance `http://127.0.0.1:11434/v1`",
            );
            None
        }
    }
}

fn plugin(walk: &mut Walk, node: &Node, place: &Place, paths: &Paths) -> Option<PluginDef> {
    let (component, trusted) = if node.map().is_some() {
        let mut fields = Fields::of(walk, node, "a plugin", "plugins/fs.wasm")?;
        let component = fields.need(
            walk,
            "component",
            "this plugin",
            "component: plugins/fs.wasm",
        );
        let trusted = fields
            .take("trusted")
            .and_then(|n| walk.bool(n, "`trusted`"));
        fields.finish(walk, "a plugin");
        (component?, trusted.unwrap_or(false))
    } else {
        (node, false)
    };
    let text = walk.text(component, "a plugin's component")?;
    let help = "check the path; `charthouse init DIR` makes a house with the first-party plugins in DIR/plugins, to copy from";
    Some(PluginDef {
        component: paths.file(walk, text, &component.place, help)?,
        trusted,
        place: place.clone(),
    })
}

fn defaults(walk: &mut Walk, node: &Node) -> Option<Marked<String>> {
    let mut fields = Fields::of(walk, node, "`defaults`", "{ policy: default }")?;
    let policy = fields.take("policy");
    fields.finish(walk, "`defaults`");
    let policy = policy?;
    if policy.map().is_some() {
        walk.error(
            &policy.place,
            "`defaults.policy` must be the name of a policy, not the rules themselves",
            "put the rules into a file below policies/ that begins with `policy: default`, and write `policy: default` here",
        );
        return None;
    }
    walk.marked(policy, "`defaults.policy`")
}
