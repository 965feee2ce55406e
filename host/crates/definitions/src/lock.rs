//! `house.lock`: the very bytes that each plugin of the house is to have, and where they came from.
//!
//! The host writes it (`charthouse plugin add`, `update`, `pin`, `remove`, and `init`), and it is read like any other definition, because a person may merge or
//! mend it. What is written is sorted and has no more in it than is said here, so that two houses with the same plugins have the same lock.

use crate::house::HouseFile;
use crate::kind::parse;
use crate::paths::Paths;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use types::{ContentHash, Pin, Place, PluginName, Sha256, Signature};

/// The only version so far; a lock of another one is refused, because what it pins might be missed.
const VERSION: u64 = 1;
/// The file's name in the house.
const FILE: &str = "house.lock";

const HEAD: &str = "\
# The bytes that this house's plugins must have; a component that has others is not used.
# `charthouse plugin add`, `update`, `pin` and `remove` write this file. Keep it with house.yaml.
";

/// What a house has pinned, by the names of its plugins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    /// The pinned plugins, sorted.
    pub plugins: BTreeMap<PluginName, Locked>,
}

/// One pinned plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Locked {
    /// The hash of the component's bytes.
    pub sha256: Sha256,
    /// How many bytes it has.
    pub size: u64,
    /// Where it came from: a path, an address, an OCI reference, or `charthouse VERSION` for what came with the program.
    pub source: String,
    /// The digest of the manifest that an OCI reference led to.
    pub manifest: Option<Sha256>,
    /// A signature over the bytes.
    pub signature: Option<Signature>,
}

impl Lock {
    /// The file's text.
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}lock: {VERSION}\n");
        text.push_str(match self.plugins.is_empty() {
            true => "plugins: {}\n",
            false => "plugins:\n",
        });
        for (name, locked) in &self.plugins {
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            // Writing to a String cannot fail. Hashes are quoted too: one that is all digits would be a number.
            let _ = writeln!(text, "  {name}:");
            let _ = writeln!(text, "    source: {}", quoted(&locked.source));
            let _ = writeln!(text, "    sha256: \"{}\"", locked.sha256);
            let _ = writeln!(text, "    size: {}", locked.size);
            if let Some(manifest) = &locked.manifest {
                let _ = writeln!(text, "    manifest: \"{manifest}\"");
            }
            if let Some(signature) = &locked.signature {
                let _ = writeln!(text, "    signature: \"{signature}\"");
            }
        }
        text
    }
}

/// Where each plugin is pinned.
pub(crate) type Places = BTreeMap<PluginName, Place>;

/// Read the lock, if the house has one.
pub(crate) fn read(
    walk: &mut Walk,
    paths: &Paths,
    files: &mut Vec<(Arc<str>, ContentHash)>,
) -> Option<(Lock, Places)> {
    let path = paths.root().join(FILE);
    let shown: Arc<str> = FILE.into();
    let is_there = match &walk.recorded {
        Some(files) => files.contains_key(FILE),
        None => path.symlink_metadata().is_ok(),
    };
    if !is_there {
        return None;
    }
    if !walk.is_recorded()
        && path
            .canonicalize()
            .is_ok_and(|real| !real.starts_with(paths.root()))
    {
        walk.error(
            &Place::new(shown, 1, 1),
            "house.lock is a symbolic link that leads out of the house",
            "copy what it points to into the house",
        );
        return None;
    }
    let (node, hash) = parse(walk, &path, &shown)?;
    files.push((shown, hash));
    lock(walk, &node)
}

fn lock(walk: &mut Walk, node: &Node) -> Option<(Lock, Places)> {
    let mut fields = Fields::of(walk, node, "a lock", "lock: 1")?;
    let version = fields.need(walk, "lock", "house.lock", "lock: 1");
    if let Some(node) = version
        && let Some(version) = walk.whole(node, "the lock's version")
        && version != VERSION
    {
        walk.error(
            &node.place,
            format!("this lock is of version {version}, and this program knows {VERSION}"),
            "use the version of charthouse that wrote it, or pin the plugins again: remove the file and run `charthouse plugin pin --all`",
        );
        return None;
    }
    let mut found = Lock::default();
    let mut places = Places::new();
    if let Some(node) = fields.take("plugins") {
        let Some(entries) = node.map() else {
            walk.expected(
                node,
                "`plugins`",
                "a map",
                "write `plugins: {}` where nothing is pinned",
            );
            return None;
        };
        for entry in entries {
            let name = PluginName::parse(&entry.key.text);
            if let Err(error) = &name {
                walk.error(
                    &entry.key.place,
                    format!("this cannot be a plugin's name: {error}"),
                    "name a plugin of house.yaml",
                );
            }
            let locked = locked(walk, &entry.value);
            if let Ok(name) = name {
                places.insert(name.clone(), entry.key.place.clone());
                found.plugins.extend(locked.map(|locked| (name, locked)));
            }
        }
    }
    fields.finish(walk, "a lock");
    version.map(|_| (found, places))
}

fn locked(walk: &mut Walk, node: &Node) -> Option<Locked> {
    let what = "a pinned plugin";
    let mut fields = Fields::of(walk, node, what, "{ sha256: …, size: …, source: … }")?;
    let again = "take the entry out, and run `charthouse plugin pin NAME` to pin the component that is there";
    let sha256 = fields
        .need(walk, "sha256", what, "sha256: \"…\"")
        .and_then(|node| hash(walk, node, "`sha256`", again));
    let size = fields
        .need(walk, "size", what, "size: 90112")
        .and_then(|node| walk.whole(node, "`size`"));
    let source = fields
        .need(walk, "source", what, "source: plugins/fs.wasm")
        .and_then(|node| walk.text(node, "`source`"));
    let manifest = fields
        .take("manifest")
        .map(|node| hash(walk, node, "`manifest`", again));
    let signature = fields.take("signature").map(|node| {
        let text = walk.text(node, "`signature`")?;
        let signature = Signature::parse(text);
        if signature.is_none() {
            walk.error(
                &node.place,
                "this is no signature in base64",
                "take the line out, and run `charthouse plugin pin NAME --signature FILE` with the author's signature",
            );
        }
        signature
    });
    fields.finish(walk, what);
    Some(Locked {
        sha256: sha256?,
        size: size?,
        source: source?.to_owned(),
        // What is there and wrong has been reported: no lock comes out of it.
        manifest: manifest.flatten(),
        signature: signature.flatten(),
    })
}

fn hash(walk: &mut Walk, node: &Node, what: &str, help: &str) -> Option<Sha256> {
    let hash = Sha256::parse(node.scalar().map_or("", |scalar| &scalar.text));
    if hash.is_none() {
        walk.expected(node, what, "a SHA-256 of 64 hexadecimal digits", help);
    }
    hash
}

/// Hold the plugins of `house` to what is pinned.
pub(crate) fn attach(walk: &mut Walk, house: &mut HouseFile, lock: Option<(Lock, Places)>) {
    // A house without a lock has not begun to pin.
    let Some((lock, places)) = lock else { return };
    for (name, plugin) in &mut house.plugins {
        let Some(locked) = lock.plugins.get(name) else {
            // An entry that is wrong has been reported.
            if places.contains_key(name) {
                continue;
            }
            walk.warning(
                &plugin.place,
                format!("the plugin `{name}` is not pinned: its file may be exchanged unnoticed"),
                format!("run `charthouse plugin pin {name}`"),
            );
            continue;
        };
        plugin.component.pin = Some(Pin {
            sha256: locked.sha256,
            name: name.as_str().into(),
            lenient: false,
        });
        if let Some(signer) = &mut plugin.component.signer {
            signer.signature = locked.signature.clone();
        }
    }
    if let Some(declared) = &house.declared_plugins {
        for (name, place) in places {
            if !declared.iter().any(|known| known == name.as_str()) {
                walk.warning(
                    &place,
                    format!(
                        "`{}` is pinned, and house.yaml has no such plugin",
                        shown(name.as_str())
                    ),
                    format!("run `charthouse plugin remove {name}`, or add it to house.yaml again"),
                );
            }
        }
    }
    house.lock = Some(lock);
}
