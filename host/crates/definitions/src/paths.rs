//! Paths that definitions name: resolved once, checked to exist, and kept inside the house where they must lie inside it.

use crate::source::reason;
use crate::suggest::shown;
use crate::walk::Walk;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use types::{Marked, Place, SecretRef};

/// A house's directory.
pub(crate) struct Paths {
    root: PathBuf,
    /// The directory of the only file, where one is loaded by itself; else files are known by their paths relative to the house.
    only: Option<PathBuf>,
    /// Whether components need not exist: somebody is about to fetch them.
    without_components: bool,
}

impl Paths {
    /// `root` must be canonical.
    pub fn new(root: PathBuf) -> Self {
        Paths {
            root,
            only: None,
            without_components: false,
        }
    }

    /// The same where components need not exist yet.
    pub fn without_components(self) -> Self {
        Paths {
            without_components: true,
            ..self
        }
    }

    /// For a file that is loaded by itself: its house is the nearest directory above it that has a `house.yaml`, else its own directory.
    pub fn around(file: &Path) -> Self {
        let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let own = file.parent().unwrap_or(Path::new("/"));
        let house = own
            .ancestors()
            .find(|directory| directory.join("house.yaml").is_file());
        Paths {
            root: house.unwrap_or(own).to_owned(),
            only: Some(own.to_owned()),
            without_components: false,
        }
    }

    /// The directory of the file that is shown as `file`, relative to the house.
    fn beside<'a>(&'a self, file: &'a str) -> &'a Path {
        match &self.only {
            Some(own) => own.strip_prefix(&self.root).ok(),
            None => Path::new(file).parent(),
        }
        .unwrap_or(Path::new(""))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A regular file that must exist, relative to the house or absolute.
    pub fn file(&self, walk: &mut Walk, text: &str, place: &Place, help: &str) -> Option<PathBuf> {
        self.regular(walk, text, place, help, false)
    }

    /// As [`Paths::file`], for a component.
    pub fn component(
        &self,
        walk: &mut Walk,
        text: &str,
        place: &Place,
        help: &str,
    ) -> Option<PathBuf> {
        self.regular(walk, text, place, help, self.without_components)
    }

    /// As [`Paths::file`], but the file may come to be later.
    pub fn file_to_be(
        &self,
        walk: &mut Walk,
        text: &str,
        place: &Place,
        help: &str,
    ) -> Option<PathBuf> {
        self.regular(walk, text, place, help, true)
    }

    fn regular(
        &self,
        walk: &mut Walk,
        text: &str,
        place: &Place,
        help: &str,
        may_be_missing: bool,
    ) -> Option<PathBuf> {
        let path = self.root.join(text);
        if walk.is_recorded() {
            return Some(path);
        }
        let complaint = match std::fs::metadata(&path) {
            Err(error) if may_be_missing && error.kind() == ErrorKind::NotFound => {
                return Some(path);
            }
            Ok(about) if about.is_file() => return Some(path),
            Ok(about) if about.is_dir() => "it is a directory".to_owned(),
            Ok(_) => "it is no regular file".to_owned(),
            Err(error) => reason(&error),
        };
        walk.error(
            place,
            format!("`{}` cannot be used: {complaint}", shown(text)),
            help,
        );
        None
    }

    /// The directory `text`, relative to the house or absolute, as it really is where it is there already. Absolute.
    pub fn directory(&self, walk: &Walk, text: &str) -> PathBuf {
        let path = self.root.join(text);
        let real = match walk.is_recorded() {
            true => None,
            false => path.canonicalize().ok(),
        };
        real.unwrap_or_else(|| plain(&path))
    }

    /// The reference with its path, if it has one, made absolute.
    pub fn secret(&self, reference: SecretRef) -> SecretRef {
        match reference {
            SecretRef::File(path) => SecretRef::File(self.root.join(path)),
            env => env,
        }
    }

    /// A file for the host to write, which need not exist yet: relative to the house, and inside it whatever links there are. Absolute.
    pub fn to_write(
        &self,
        walk: &mut Walk,
        file: &Marked<String>,
        example: &str,
    ) -> Option<PathBuf> {
        let written = Path::new(file.as_str());
        if walk.is_recorded() {
            return Some(self.root.join(plain(written)));
        }
        match self.inside(written) {
            Ok(path) => Some(path),
            Err(complaint) => {
                walk.error(
                    &file.place,
                    format!("`{}` cannot be written: {complaint}", shown(file)),
                    format!("name a file inside the house, relative to it, {example}"),
                );
                None
            }
        }
    }

    /// Where `written` would really lie, or why it must not be written.
    fn inside(&self, written: &Path) -> Result<PathBuf, String> {
        let mut parts = Vec::new();
        for part in written.components() {
            match part {
                Component::Normal(name) => parts.push(name),
                Component::CurDir => {}
                Component::ParentDir => return Err("it has `..` in it".into()),
                Component::RootDir | Component::Prefix(_) => {
                    return Err("it is an absolute path".into());
                }
            }
        }
        let mut real = self.root.clone();
        for (depth, name) in parts.iter().enumerate() {
            real.push(name);
            if real.symlink_metadata().is_err() {
                // Nothing here yet, so nothing below it either.
                real.extend(&parts[depth + 1..]);
                return Ok(real);
            }
            real = real.canonicalize().map_err(|error| reason(&error))?;
            if !real.starts_with(&self.root) {
                return Err("it leads out of the house".into());
            }
            let is_last = depth + 1 == parts.len();
            if !is_last && !real.is_dir() {
                return Err(format!(
                    "`{}` is no directory",
                    shown(&name.to_string_lossy())
                ));
            }
        }
        if real.is_file() {
            return Ok(real);
        }
        Err(match real.is_dir() {
            true => "it is a directory".into(),
            false => "it is no regular file".into(),
        })
    }

    /// The file that a chunk names: beside the file that names it, else from the house's root; always inside the house. Returned relative to the house.
    pub fn chunk_file(&self, walk: &mut Walk, file: &Marked<String>) -> Option<String> {
        let written = Path::new(file.as_str());
        if written.is_absolute() {
            walk.error(
                &file.place,
                format!("`{}` is an absolute path", shown(file)),
                "name a file of the house, relative to this one or to the house's directory",
            );
            return None;
        }
        let beside = self.beside(&file.place.file);
        if let Some(files) = &walk.recorded {
            let names = [plain(&beside.join(written)), plain(written)];
            let names = names.map(|name| name.to_string_lossy().into_owned());
            let found = names.iter().find(|name| files.contains_key(*name));
            return Some(found.unwrap_or(&names[0]).clone());
        }
        let candidates = [
            self.root.join(beside).join(written),
            self.root.join(written),
        ];
        let Some(found) = candidates.iter().find_map(|path| path.canonicalize().ok()) else {
            let beside = beside.join(written);
            walk.error(
                &file.place,
                format!("the file `{}` does not exist", shown(file)),
                if beside == written {
                    "add it; it is looked for in the house's directory".to_owned()
                } else {
                    format!(
                        "add it as `{}`, or as `{}`, both in the house",
                        shown(&beside.to_string_lossy()),
                        shown(file)
                    )
                },
            );
            return None;
        };
        let Ok(relative) = found.strip_prefix(&self.root) else {
            walk.error(
                &file.place,
                format!("`{}` leads out of the house", shown(file)),
                "put the file into the house: a definition must not depend on what lies around it",
            );
            return None;
        };
        if !found.is_file() {
            walk.error(
                &file.place,
                format!("`{}` is no regular file", shown(file)),
                "name a text file",
            );
            return None;
        }
        match relative.to_str() {
            Some(relative) => {
                // Under a link it is looked for by the link's name, where the disk cannot be asked what that leads to.
                let linked = candidates
                    .iter()
                    .filter_map(|path| Some(plain(path.strip_prefix(&self.root).ok()?)))
                    .find(|name| self.root.join(name).canonicalize().ok().as_ref() == Some(&found));
                if let Some(name) = linked.as_ref().and_then(|name| name.to_str())
                    && name != relative
                {
                    walk.kept.named.insert(name.into(), found.clone());
                }
                Some(relative.to_owned())
            }
            None => {
                walk.error(
                    &file.place,
                    format!("the name of `{}` is not UTF-8", shown(file)),
                    "rename the file",
                );
                None
            }
        }
    }
}

/// `path` without `.` and `..`, where that can be told from the path alone.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}
