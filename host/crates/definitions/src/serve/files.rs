//! Triggers by files: which paths they take, and which they never do.

use crate::load::OWN;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::Walk;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;
use types::Marked;

/// How long a file must have been left alone unless the house says otherwise: editors and downloads write in pieces.
const SETTLE: Duration = Duration::from_secs(2);
const EXAMPLE: &str = "for instance `inbox/**/*.md`";

/// Files that start something when they come or change.
#[derive(Clone, Debug)]
pub struct FilesOn {
    /// The pattern as written: relative to the house, or below a mount.
    pub written: Marked<String>,
    /// How long a file must have been left alone.
    pub settle: Duration,
    /// The directory to watch, and all below it; absolute. It need not exist yet.
    pub below: PathBuf,
    /// What the path of a file begins with in the pattern's own words: nothing, or a mount.
    prefix: String,
    /// The directory on this machine that stands for `prefix`.
    base: PathBuf,
    /// The house's directory.
    house: PathBuf,
    /// The pattern after `prefix`.
    glob: GlobSet,
}

impl PartialEq for FilesOn {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written && self.settle == other.settle && self.below == other.below
    }
}

impl FilesOn {
    /// What the file at `path`, which is absolute and free of links, is called in the words of the pattern (`inbox/a.md`, `/workspace/inbox/a.md`); `None` where
    /// the pattern does not mean it. The house's own definitions and records are never meant, nor is what begins with a dot, unless the pattern says so.
    pub fn name_of(&self, path: &Path) -> Option<String> {
        let in_house = path.strip_prefix(&self.house).ok();
        let first = in_house.and_then(|path| path.iter().next()?.to_str());
        if first.is_some_and(|first| OWN.contains(&first)) {
            return None;
        }
        let relative = path.strip_prefix(&self.base).ok()?.to_str()?;
        let said = |part: &str| {
            let mut written = self.written.split('/');
            written.any(|known| known.starts_with('.') && known == part)
        };
        let hidden = |part: &str| part.starts_with('.') && !said(part);
        if relative.is_empty() || relative.split('/').any(hidden) || !self.glob.is_match(relative) {
            return None;
        }
        Some(match self.prefix.as_str() {
            "" => relative.to_owned(),
            prefix => format!("{}/{relative}", prefix.trim_end_matches('/')),
        })
    }
}

/// Read the pattern under `files`. Where it lies is found out when the mounts are known.
pub(super) fn read(walk: &mut Walk, node: &Node, settle: Option<Duration>) -> Option<FilesOn> {
    let written = walk.marked(node, "`files`")?;
    let parts = Path::new(written.as_str()).components();
    let climbs = parts.clone().any(|part| part == Component::ParentDir);
    let first = parts.clone().next();
    if climbs {
        wrong(walk, &written, "it has `..` in it", EXAMPLE);
        return None;
    }
    if let Some(Component::Normal(first)) = first
        && first.to_str().is_some_and(|first| OWN.contains(&first))
    {
        let why = "what the house is made of is there, and whoever changes that must not start agents by it";
        wrong(
            walk,
            &written,
            why,
            "name another folder, for instance `inbox/**`",
        );
        return None;
    }
    let glob = glob(walk, &written, written.trim_start_matches("./"))?;
    Some(FilesOn {
        settle: settle.unwrap_or(SETTLE),
        below: PathBuf::new(),
        prefix: String::new(),
        base: PathBuf::new(),
        house: PathBuf::new(),
        glob,
        written,
    })
}

fn glob(walk: &mut Walk, written: &Marked<String>, pattern: &str) -> Option<GlobSet> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    // A single glob could not say that it is too large to be compiled.
    match glob.and_then(|glob| GlobSetBuilder::new().add(glob).build()) {
        Ok(set) => Some(set),
        Err(error) => {
            wrong(walk, written, &error.kind().to_string(), EXAMPLE);
            None
        }
    }
}

fn wrong(walk: &mut Walk, written: &Marked<String>, why: &str, help: &str) {
    walk.error(
        &written.place,
        format!("`{}` cannot be watched: {why}", shown(written)),
        help,
    );
}

/// Find where the pattern of `files` lies: in the house at `house`, or in one of `mounts`, which are guest paths with their directories. The one that is named
/// first counts.
pub(super) fn place(
    walk: &mut Walk,
    files: &mut FilesOn,
    house: &Path,
    mounts: &[(String, PathBuf)],
) {
    files.house = house.to_owned();
    let written = files.written.value.clone();
    if !written.starts_with('/') {
        files.base = house.to_owned();
        files.below = house.join(fixed(written.trim_start_matches("./")));
        return;
    }
    let inside = |mount: &str| {
        let rest = written.strip_prefix(mount.trim_end_matches('/'))?;
        rest.strip_prefix('/')
    };
    let found = mounts
        .iter()
        .filter_map(|(mount, directory)| Some((mount, directory, inside(mount)?)))
        .max_by_key(|(mount, ..)| mount.len());
    let Some((mount, directory, rest)) = found else {
        let known: Vec<String> = mounts
            .iter()
            .map(|(mount, _)| format!("`{}`", shown(mount)))
            .collect();
        let help = match known.is_empty() {
            true => "write a path relative to the house, for instance `inbox/**/*.md`".to_owned(),
            false => format!(
                "the mounts are {}; a path without `/` at its beginning is relative to the house",
                known.join(", ")
            ),
        };
        wrong(walk, &files.written, "it lies in no mount", &help);
        return;
    };
    let Some(glob) = glob(walk, &files.written, rest) else {
        return;
    };
    files.glob = glob;
    files.prefix = mount.clone();
    files.base = directory.clone();
    files.below = directory.join(fixed(rest));
    let own = files.below.strip_prefix(house).ok();
    let own = own.and_then(|inside| inside.iter().next()?.to_str());
    if own.is_some_and(|first| OWN.contains(&first)) {
        let why = "what the house is made of is there, and whoever changes that must not start agents by it";
        wrong(
            walk,
            &files.written,
            why,
            "name another folder, for instance `inbox/**`",
        );
    }
}

/// The directories at the beginning of `pattern` that are written out.
fn fixed(pattern: &str) -> PathBuf {
    let parts: Vec<&str> = pattern.split('/').collect();
    let directories = parts.split_last().map_or(&[][..], |(_, before)| before);
    let is_plain = |part: &&&str| !part.contains(['*', '?', '[', '{', '\\']);
    directories.iter().take_while(is_plain).collect()
}
