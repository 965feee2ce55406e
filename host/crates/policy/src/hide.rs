//! Names that a guest must not see. Compiled once per grant, asked for every path that a guest names and for every entry of a listing.

use crate::fold::{fold, may_be_short};
use crate::paths;
use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// A glob that hides, and where it counts from.
///
/// `*` and `?` stay within one name, `**` crosses directories, `[ab]` and `{a,b}` are alternatives. Whatever lies below a hidden directory is hidden
/// with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HideGlob {
    /// The glob as written.
    pub glob: String,
    /// Path of the mount relative to the directory the glob was written for. Empty for the mount's own globs; a ceiling that hides `secrets/**` in `.`
    /// must go on hiding it from a mount of `./secrets`, where this is `secrets`.
    pub below: String,
}

impl HideGlob {
    /// A glob that counts from the mount itself.
    pub fn new(glob: impl Into<String>) -> Self {
        HideGlob {
            glob: glob.into(),
            below: String::new(),
        }
    }

    /// Whether the glob can be read at all: what `check` asks of every definition.
    pub fn check(glob: &str) -> Result<(), HideError> {
        Hide::new(&[HideGlob::new(glob)]).map(|_| ())
    }
}

impl std::fmt::Display for HideGlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.glob)?;
        if !self.below.is_empty() {
            write!(
                f,
                " (counted from the ceiling's directory, in which this mount is {})",
                self.below
            )?;
        }
        Ok(())
    }
}

impl Serialize for HideGlob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A glob that nobody can read. A grant with one is not used: guessing what was meant to be hidden would show it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{glob}` is not a glob: {reason}; write for instance `**/.env` or `secrets/**`")]
pub struct HideError {
    /// The glob as written.
    pub glob: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The compiled globs of one mount. Compiling takes some ten microseconds, more than a small call: do it once for a grant that is used again (a clone
/// is a pointer).
#[derive(Clone, Debug, Default)]
pub struct Hide {
    /// By what the globs count from: [`HideGlob::below`].
    groups: Arc<[(String, GlobSet)]>,
    /// The same over folded text, for [`Hide::resembles`].
    folded: Arc<[(String, GlobSet)]>,
}

impl Hide {
    /// Compile `globs`; fails on the first that cannot be read.
    pub fn new(globs: &[HideGlob]) -> Result<Self, HideError> {
        let folded: Vec<HideGlob> = globs
            .iter()
            .map(|glob| HideGlob {
                glob: fold(&glob.glob),
                below: fold(&glob.below),
            })
            .collect();
        let groups = compile_groups(globs)?;
        Ok(Hide {
            // Should folding make a glob unreadable, the name as written is still compared.
            folded: compile_groups(&folded).unwrap_or_else(|_| groups.clone()),
            groups,
        })
    }

    /// Whether `relative`, which [`Hide::hides`] does not hide, could be another spelling of a hidden name on a file system that does not tell case, Unicode
    /// forms or trailing dots apart, or that gives short names (`GITCON~1`). Whoever asks looks at the directory then: a name that really stands there so
    /// is a name of its own.
    pub fn resembles(&self, relative: &str) -> bool {
        let Some(path) = paths::relative(relative) else {
            return true;
        };
        path.split('/').any(may_be_short) || any_group(&self.folded, &fold(&path))
    }

    /// Whether the path `relative` to the mount is hidden, by itself or because a directory above it is.
    ///
    /// The path is taken as text, so the caller resolves symbolic links first and asks about what they lead to as well. A path that climbs out of
    /// the mount counts as hidden. The mount itself (`""`) is hidden only where the ceiling hides the directory it shows.
    pub fn hides(&self, relative: &str) -> bool {
        if self.groups.is_empty() {
            return false;
        }
        let Some(path) = paths::relative(relative) else {
            return true;
        };
        any_group(&self.groups, &path)
    }
}

fn any_group(groups: &[(String, GlobSet)], path: &str) -> bool {
    groups.iter().any(|(below, set)| match below.as_str() {
        "" => any_prefix(set, path),
        below => any_prefix(set, &format!("{below}/{path}")),
    })
}

fn compile_groups(globs: &[HideGlob]) -> Result<Arc<[(String, GlobSet)]>, HideError> {
    let mut below: Vec<&str> = globs.iter().map(|glob| glob.below.as_str()).collect();
    below.sort_unstable();
    below.dedup();
    let groups = below.into_iter().map(|prefix| {
        let group = globs.iter().filter(|glob| glob.below == prefix);
        Ok((prefix.to_owned(), compile_all(group)?))
    });
    groups.collect()
}

/// Whether `path` or any directory above it matches.
fn any_prefix(set: &GlobSet, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    path.match_indices('/')
        .map(|(end, _)| &path[..end])
        .chain((!path.is_empty()).then_some(path))
        .any(|prefix| set.is_match(prefix))
}

fn compile_all<'a>(globs: impl Iterator<Item = &'a HideGlob>) -> Result<GlobSet, HideError> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(parse(&glob.glob)?);
    }
    builder.build().map_err(|error| HideError {
        glob: error.glob().unwrap_or_default().to_owned(),
        reason: error.kind().to_string(),
    })
}

fn parse(glob: &str) -> Result<Glob, HideError> {
    let failed = |reason: String| HideError {
        glob: glob.to_owned(),
        reason,
    };
    // People write `/secrets/` and `./secrets` and mean the name; globs compare text.
    let bare = glob.trim_start_matches("./").trim_matches('/');
    if bare.is_empty() {
        return Err(failed("it names nothing".into()));
    }
    if bare.split('/').any(|part| part == "..") {
        return Err(failed("`..` leads out of the mount".into()));
    }
    GlobBuilder::new(bare)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|error| failed(error.kind().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hide(globs: &[&str]) -> Hide {
        let globs: Vec<HideGlob> = globs.iter().map(|glob| HideGlob::new(*glob)).collect();
        Hide::new(&globs).unwrap()
    }

    #[test]
    fn what_lies_below_a_hidden_directory_is_hidden() {
        let hide = hide(&["**/.env", "**/.git/config", "secrets", "/build/"]);
        for path in [
            ".env",
            "a/b/.env",
            "./.env",
            "a/../.env",
            ".env/inner",
            ".git/config",
            "vendor/x/.git/config",
            "secrets",
            "secrets/deep/key",
            "build/out",
            "../outside",
        ] {
            assert!(hide.hides(path), "{path}");
        }
        for path in [
            "",
            ".",
            "a/secrets",
            ".environment",
            ".git",
            ".git/HEAD",
            "src/build",
        ] {
            assert!(!hide.hides(path), "{path}");
        }
    }

    #[test]
    fn a_single_star_stays_within_one_name() {
        let hide = hide(&["*.key", "logs/*/raw"]);
        assert!(hide.hides("id.key") && hide.hides("logs/today/raw/x"));
        assert!(!hide.hides("a/id.key") && !hide.hides("logs/a/b/raw"));
    }

    #[test]
    fn the_ceilings_globs_count_from_its_own_directory() {
        let glob = HideGlob {
            glob: "secrets/**".into(),
            below: "secrets/deep".into(),
        };
        let hide = Hide::new(&[glob]).unwrap();
        assert!(hide.hides("") && hide.hides("key"));
        let other = HideGlob {
            glob: "*/private".into(),
            below: "a".into(),
        };
        let hide = Hide::new(&[other, HideGlob::new("own")]).unwrap();
        assert!(hide.hides("private/x") && hide.hides("own") && !hide.hides("public"));
    }

    #[test]
    fn a_glob_that_cannot_be_read_says_so() {
        for glob in ["[", "{a", "", "/", "a/../b"] {
            assert!(HideGlob::check(glob).is_err(), "{glob}");
        }
        assert_eq!(
            Hide::new(&[HideGlob::new("a/../b")])
                .unwrap_err()
                .to_string(),
            "`a/../b` is not a glob: `..` leads out of the mount; write for instance `**/.env` or `secrets/**`"
        );
    }
}
