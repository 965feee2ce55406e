//! `house.yaml`: where the house keeps its records, whom it asks, what it pays, which plugins it has and what it will never allow.

mod controlled;
mod people;
mod provider;
mod record;
mod retention;
mod signer;

pub(crate) use controlled::Seats;
pub use controlled::{CHANGE_CONTROL, Controlled, Emergency};
pub(crate) use record::check as check_records;
pub use retention::{BULKY, KEPT_FOR_EVER, Retention, is_kept_for_ever};

use crate::budget::{self, HouseBudgets};
use crate::exchange;
use crate::lock::Lock;
use crate::paths::Paths;
use crate::policy as policy_rules;
use crate::power;
use crate::prices::{self, Prices};
use crate::serve::{self, ServeDef};
use crate::suggest::{self, shown};
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use indexmap::IndexMap;
use policy::Overlay;
use sign::People;
use std::path::PathBuf;
use std::sync::Arc;
use types::{ComponentFile, Exchange, Marked, Place, PluginName, Power, ProviderConfig};

/// Where the journal lies unless the house says otherwise.
const DEFAULT_STORE: &str = ".charthouse/journal.db";

/// A plugin that the house has.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginDef {
    /// Its component, at an absolute path, and which bytes it must have.
    pub component: ComponentFile,
    /// Whether what it says of itself (a tool's `effect`) counts.
    pub trusted: bool,
    /// When a component that is saved while an agent runs takes its place.
    pub promote: Promote,
    /// Crashes in a row after which a generation is quarantined; 0 is never. `None` where the house leaves it to the sandbox.
    pub quarantine: Option<u32>,
    /// Where the house names it.
    pub place: Place,
}

/// When a component that is saved while an agent runs takes the place of the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Promote {
    /// As soon as it has been probed.
    #[default]
    AtOnce,
    /// When it has answered the last calls of the plugin as the one before does.
    Shadow,
}

/// What `house.yaml` says.
pub(crate) struct HouseFile {
    pub name: Arc<str>,
    pub store: PathBuf,
    pub providers: IndexMap<Arc<str>, ProviderConfig>,
    /// The providers that are recorded, each with the place that says so.
    pub records: Vec<(Arc<str>, Place)>,
    pub prices: Prices,
    pub exchange: Exchange,
    pub power: Power,
    pub plugins: IndexMap<PluginName, PluginDef>,
    /// What `house.lock` says of them; read after this file.
    pub lock: Option<Lock>,
    pub ceiling: Option<Overlay>,
    pub default_policy: Option<Marked<String>>,
    pub budgets: HouseBudgets,
    /// Where `budgets` names agents: checked when all definitions are known.
    pub budgets_of: Vec<Marked<String>>,
    /// The names in it are checked when all definitions are known.
    pub serve: ServeDef,
    pub people: People,
    pub retention: Retention,
    pub controlled: Option<Controlled>,
    /// Whom `controlled` speaks of: compared with people and agents when both are known.
    pub seats: Seats,
    /// The models that have a price, each where it stands.
    pub priced: Vec<Marked<Arc<str>>>,
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
    let mut records = Vec::new();
    let declared_providers = declared(node, "providers");
    if let Some(n) = fields.take("providers") {
        for entry in entries(
            walk,
            n,
            "`providers`",
            "{ local: { kind: openai, base_url: \"http://127.0.0.1:11434/v1\" } }",
        ) {
            let name: Arc<str> = entry.key.text.as_ref().into();
            if let Some((config, recorded_at)) = provider::read(walk, &name, &entry.value, paths) {
                records.extend(recorded_at.map(|place| (name.clone(), place)));
                providers.insert(name, config);
            }
        }
    }
    let prices = fields
        .take("prices")
        .map(|n| prices::read(walk, n))
        .unwrap_or_default();
    let (budgets, budgets_of) = fields
        .take("budgets")
        .map(|n| budget::of_house(walk, n))
        .unwrap_or_default();
    let exchange = fields
        .take("exchange")
        .map(|n| exchange::read(walk, n))
        .unwrap_or_default();
    if let Some(n) = node.get("prices") {
        exchange::check(walk, &prices, &exchange, n);
    }
    let power = fields
        .take("power")
        .map(|n| power::read(walk, n))
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
            if name.as_ref().is_ok_and(|name| name.as_str() == "exec") {
                walk.error(
                    &entry.key.place,
                    "no plugin can be called `exec`: `exec.run` is the host's own tool for native commands",
                    "give it another name; what commands may be run stands under `exec` in a policy",
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
    let serve = fields
        .take("serve")
        .map(|n| serve::read(walk, n, paths))
        .unwrap_or_default();
    let people = fields
        .take("people")
        .map(|n| people::read(walk, n))
        .unwrap_or_default();
    let retention = fields
        .take("retention")
        .map(|n| retention::read(walk, n))
        .unwrap_or_default();
    let controlled = fields
        .take("controlled")
        .and_then(|n| controlled::read(walk, n));
    let (controlled, seats) = controlled.unzip();
    let priced = node.get("prices").and_then(Node::map);
    let priced = priced.unwrap_or_default().iter().map(|entry| {
        let name: Arc<str> = entry.key.text.as_ref().into();
        Marked::new(name, entry.key.place.clone())
    });
    let priced = priced.collect();
    fields.finish_with(walk, "a house", |key| match key {
        "quorum" | "board" | "emergency" => Some(format!(
            "put it below `controlled`: `controlled: {{ {key}: … }}`"
        )),
        "triggers" | "keep" | "restart" | "most_running" | "http" => {
            Some(format!("put it below `serve`: `serve: {{ {key}: … }}`"))
        }
        "budget" => {
            Some("did you mean `budgets`? An agent's own `budget` stands in its file".into())
        }
        _ => None,
    });
    Some(HouseFile {
        name: name.into(),
        store: paths.root().join(store),
        providers,
        records,
        prices,
        exchange,
        power,
        plugins,
        lock: None,
        ceiling,
        default_policy,
        budgets,
        budgets_of,
        serve,
        people,
        retention,
        controlled,
        seats: seats.unwrap_or_default(),
        priced,
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
        Some(("sqlite", path)) if path.starts_with("//") => walk.error(
            &node.place,
            format!(
                "`{}` is written like a URL, and a store is a path",
                shown(text)
            ),
            format!(
                "write `store: sqlite:{DEFAULT_STORE}`; a path that begins with one `/` is absolute"
            ),
        ),
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

fn plugin(walk: &mut Walk, node: &Node, place: &Place, paths: &Paths) -> Option<PluginDef> {
    let (mut trusted, mut promote, mut quarantine) = (false, Promote::default(), None);
    let mut signed_by = None;
    let component = if node.map().is_some() {
        let mut fields = Fields::of(walk, node, "a plugin", "plugins/fs.wasm")?;
        let component = fields.need(
            walk,
            "component",
            "this plugin",
            "component: plugins/fs.wasm",
        );
        if let Some(n) = fields.take("trusted") {
            trusted = walk.bool(n, "`trusted`").unwrap_or(false);
        }
        if let Some(n) = fields.take("promote") {
            let words = [("at-once", Promote::AtOnce), ("shadow", Promote::Shadow)];
            promote = walk
                .word(n, "a value of `promote`", &words)
                .unwrap_or_default();
        }
        if let Some(n) = fields.take("quarantine") {
            let traps = walk.whole(n, "`quarantine`");
            quarantine = traps.map(|traps| u32::try_from(traps).unwrap_or(u32::MAX));
        }
        signed_by = fields.take("signed_by");
        fields.finish(walk, "a plugin");
        component?
    } else {
        node
    };
    let text = walk.text(component, "a plugin's component")?;
    let help = "check the path; what is pinned in house.lock, `charthouse plugin restore` fetches again, and `charthouse init DIR` makes a house with the first-party plugins in DIR/plugins, to copy from";
    let path = paths.component(walk, text, &component.place, help);
    // A signature that is demanded and cannot be checked must not be left out.
    let signer = match signed_by {
        Some(node) => Some(signer::read(walk, node, paths)?),
        None => None,
    };
    Some(PluginDef {
        component: ComponentFile {
            signer,
            ..path?.into()
        },
        trusted,
        promote,
        quarantine,
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
