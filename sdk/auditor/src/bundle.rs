//! The files of a bundle, and whether they are those that the manifest names and the house signed.

use crate::ssh::{self, Key};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const MANIFEST: &str = "manifest.json";
const SIGNATURE: &str = "manifest.json.sig";
/// Bundles of the first form have dollars alone in their figures.
pub const FIRST: &str = "charthouse audit bundle 1";
const FORMAT: &str = "charthouse audit bundle 2";

/// A bundle, read.
pub struct Bundle {
    /// What the manifest says.
    pub manifest: Value,
    /// The key that signed the manifest.
    pub key: Option<Key>,
    /// Every file that the manifest names, by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What is wrong so far.
    pub bad: Vec<String>,
}

impl Bundle {
    /// Read the bundle in `folder`. An error is what cannot be read at all.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let manifest = read(folder, MANIFEST)?;
        let signature = read(folder, SIGNATURE)?;
        let mut bad = Vec::new();
        let key = match ssh::signer(&manifest, &String::from_utf8_lossy(&signature)) {
            Ok(key) => Some(key),
            Err(why) => {
                bad.push(format!(
                    "{SIGNATURE}: the signature of the manifest is refused: {why}"
                ));
                None
            }
        };
        let manifest: Value = match serde_json::from_slice(&manifest) {
            Ok(manifest) => manifest,
            Err(why) => {
                bad.push(format!("{MANIFEST}: it cannot be read: {why}"));
                Value::Null
            }
        };
        if manifest["format"] != FORMAT && manifest["format"] != FIRST {
            bad.push(format!(
                "{MANIFEST}: it is not the manifest of a `{FORMAT}`"
            ));
        }
        let mut bundle = Bundle {
            manifest,
            key,
            files: BTreeMap::new(),
            bad,
        };
        bundle.compare(folder)?;
        Ok(bundle)
    }

    /// Compare every file with what the manifest says of it.
    fn compare(&mut self, folder: &Path) -> Result<(), String> {
        let named = self.manifest["files"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let mut there = BTreeSet::new();
        walk(folder, "", &mut there, &mut self.bad)?;
        for (name, said) in &named {
            if !there.contains(name) {
                self.bad.push(format!("{name}: it is missing"));
                continue;
            }
            let bytes = read(folder, name)?;
            let blake3 = blake3::hash(&bytes).to_string();
            let sha256: String = Sha256::digest(&bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let length = bytes.len() as u64;
            if said["bytes"] != length || said["blake3"] != blake3 || said["sha256"] != sha256 {
                self.bad.push(format!(
                    "{name}: it is not the file that the house signed for"
                ));
            }
            self.files.insert(name.clone(), bytes);
        }
        for name in there {
            if !named.contains_key(&name) && name != MANIFEST && name != SIGNATURE {
                self.bad
                    .push(format!("{name}: the manifest does not name it"));
            }
        }
        Ok(())
    }

    /// The text of a file; empty, and complained of, where there is none.
    pub fn text(&mut self, name: &str) -> String {
        match self
            .files
            .get(name)
            .map(|bytes| String::from_utf8(bytes.clone()))
        {
            Some(Ok(text)) => text,
            Some(Err(_)) => {
                self.bad.push(format!("{name}: it is no UTF-8"));
                String::new()
            }
            None => {
                self.bad.push(format!("{name}: the bundle has none"));
                String::new()
            }
        }
    }
}

/// Every file below `folder`, by its path with `/`.
fn walk(
    folder: &Path,
    before: &str,
    found: &mut BTreeSet<String>,
    bad: &mut Vec<String>,
) -> Result<(), String> {
    let failed = |why: std::io::Error| format!("{}: {why}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            walk(&entry.path(), &format!("{name}/"), found, bad)?;
        } else if kind.is_file() {
            found.insert(name);
        } else {
            // A link could lead to other bytes tomorrow.
            bad.push(format!("{name}: it is no file"));
        }
    }
    Ok(())
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, String> {
    let path = folder.join(name);
    std::fs::read(&path).map_err(|why| format!("{}: {why}", path.display()))
}
