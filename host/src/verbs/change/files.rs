//! What somebody brings for a change: files of a folder or single ones, read here because whoever asks has them; components are stored in the house, and what goes to
//! the host is where.

use crate::cli::ChangeFiles;
use crate::exit::{Failure, USAGE};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use types::ContentHash;

/// Folders of a house in which definitions, and what they name, lie.
const FOLDERS: [&str; 5] = ["agents", "charts", "policies", "scripts", "keys"];
/// Files of a house beside them.
const FILES: [&str; 2] = ["house.yaml", "house.lock"];
/// The longest text of one file.
const LONGEST: u64 = 256 * 1024;

/// What is brought.
#[derive(Default)]
pub struct Captured {
    files: Map<String, Value>,
    components: Map<String, Value>,
    whole: bool,
}

impl Captured {
    /// Read what `options` name, for the change `known` of the house in `root`.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn read(root: &Path, options: &ChangeFiles, known: &Value) -> Result<Self, Failure> {
        let mut captured = Captured {
            whole: options.from.is_some(),
            ..Captured::default()
        };
        if let Some(folder) = &options.from {
            captured.folder(root, folder, known)?;
        }
        for named in &options.file {
            let (path, file) = named.split_once('=').ok_or_else(|| {
                Failure::new(
                    USAGE,
                    format!("`{named}` does not say which file of the house it is"),
                )
                .help("write --file policies/default.yaml=draft.yaml")
            })?;
            captured.file(root, path, Path::new(file), known)?;
        }
        for path in &options.remove {
            match plugin_at(known, path) {
                Some(name) => captured.components.insert(name, Value::Null),
                None => captured.files.insert(path.clone(), Value::Null),
            };
        }
        if captured.files.is_empty() && captured.components.is_empty() {
            return Err(Failure::new(USAGE, "nothing is brought").help(
                "name the folder of a house with --from DIR, or files with --file PATH=FILE; --from . takes the house's own, drafts and all",
            ));
        }
        Ok(captured)
    }

    /// As it is handed in.
    pub fn artefacts(self) -> Value {
        let mut artefacts = json!({ "files": self.files });
        if !self.components.is_empty() {
            artefacts["components"] = Value::Object(self.components);
        }
        if self.whole {
            artefacts["whole"] = true.into();
        }
        artefacts
    }

    fn file(&mut self, root: &Path, path: &str, file: &Path, known: &Value) -> Result<(), Failure> {
        match plugin_at(known, path) {
            Some(name) => self.component(root, name, file),
            None => {
                self.files.insert(path.to_owned(), text(file)?.into());
                Ok(())
            }
        }
    }

    /// The definitions in `folder`, and the components of the plugins that the change is about.
    fn folder(&mut self, root: &Path, folder: &Path, known: &Value) -> Result<(), Failure> {
        let mut found: Vec<PathBuf> = FILES.iter().map(|name| folder.join(name)).collect();
        found.retain(|path| path.is_file());
        if found.is_empty() {
            return Err(Failure::new(
                USAGE,
                format!(
                    "{} is no house: there is no house.yaml in it",
                    folder.display()
                ),
            )
            .help("single files are named with --file PATH=FILE"));
        }
        for name in FOLDERS {
            below(&folder.join(name), &mut found)?;
        }
        for path in found {
            let name = path.strip_prefix(folder).unwrap_or(&path);
            let parts: Vec<_> = name
                .components()
                .map(|part| part.as_os_str().to_string_lossy())
                .collect();
            // What is no text is no definition, and nothing that one names.
            if let Ok(text) = text(&path) {
                self.files.insert(parts.join("/"), text.into());
            }
        }
        let components = known["components"].as_object().into_iter().flatten();
        for (name, path) in components {
            let path = folder.join(path.as_str().unwrap_or_default());
            if path.is_file() {
                self.component(root, name.clone(), &path)?;
            }
        }
        Ok(())
    }

    fn component(&mut self, root: &Path, name: String, file: &Path) -> Result<(), Failure> {
        let bytes = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
        let hash = ContentHash::of(&bytes);
        let stored = runtime::control::store(root, file, hash);
        let stored = stored.map_err(|error| Failure::new(USAGE, error.to_string()))?;
        self.components
            .insert(name, json!({ "stored": stored, "hash": hash }));
        Ok(())
    }
}

/// The plugin of the change whose component `path` is.
fn plugin_at(known: &Value, path: &str) -> Option<String> {
    let mut components = known["components"].as_object().into_iter().flatten();
    let named = components.find(|(_, at)| at.as_str() == Some(path));
    let stem = Path::new(path)
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    let items = known["items"].as_array().into_iter().flatten();
    let mut items =
        items.filter_map(|item| item.as_str()?.strip_prefix("plugin:").map(str::to_owned));
    let is_component = Path::new(path).extension().is_some_and(|e| e == "wasm");
    named
        .map(|(name, _)| name.clone())
        .or_else(|| items.find(|name| is_component && Some(name) == stem.as_ref()))
}

/// All files below `folder`, sorted, but hidden ones and what links lead to.
fn below(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(folder, &error)),
    };
    let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let kind = entry
            .file_type()
            .map_err(|error| unreadable(&entry.path(), &error))?;
        match (hidden, kind.is_dir(), kind.is_file()) {
            (false, true, _) => below(&entry.path(), found)?,
            (false, _, true) => found.push(entry.path()),
            _ => {}
        }
    }
    Ok(())
}

fn text(file: &Path) -> Result<String, Failure> {
    let size = std::fs::metadata(file)
        .map_err(|error| unreadable(file, &error))?
        .len();
    if size > LONGEST {
        let message = format!(
            "{} has {size} bytes, and a text of a house at most {LONGEST}",
            file.display()
        );
        return Err(Failure::new(USAGE, message));
    }
    std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(USAGE, format!("{} cannot be read: {error}", file.display()))
}

/// A file that somebody shows as evidence: by its name and its hash.
///
/// # Errors
/// When it cannot be read.
pub fn evidence(kind: &str, file: &Path) -> Result<Value, Failure> {
    let bytes = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
    let name = file
        .file_name()
        .unwrap_or(file.as_os_str())
        .to_string_lossy();
    Ok(json!({
        "kind": kind, "what": name, "result": format!("{} bytes, kept by whoever verified it", bytes.len()),
        "hash": ContentHash::of(&bytes),
    }))
}
