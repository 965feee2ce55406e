//! Matching paths by glob.

use charthouse_sdk::Failure;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A compiled glob.
#[derive(Debug)]
pub struct Glob {
    set: GlobSet,
    /// A glob without `/` is about names, at whatever depth.
    names_only: bool,
}

impl Glob {
    /// Compile `glob`: `*` and `?` stop at `/`, `**` does not; `[a-z]` and `{a,b}` work as in a shell.
    pub fn new(glob: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::invalid(format!("`glob` is `{glob}`: {why}"));
        let pattern = glob.trim_start_matches("./").trim_end_matches('/');
        if pattern.is_empty() {
            return Err(wrong("it is empty; `*` matches every name"));
        }
        if pattern.starts_with('/') {
            return Err(wrong(
                "a glob is relative to `path`; put the directory into `path`",
            ));
        }
        let build = || {
            let glob = GlobBuilder::new(pattern)
                .literal_separator(true)
                .empty_alternates(true)
                .build()?;
            GlobSetBuilder::new().add(glob).build()
        };
        let set = build().map_err(|error| wrong(&error.kind().to_string()))?;
        Ok(Glob {
            set,
            names_only: !pattern.contains('/'),
        })
    }

    /// Whether it matches what has this path and this name.
    pub fn matches(&self, path: &str, name: &str) -> bool {
        self.set.is_match(if self.names_only { name } else { path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_in_a_shell() {
        for (glob, path, expected) in [
            ("*.rs", "a.rs", true),
            ("*.rs", "src/deep/a.rs", true),
            ("**/*.rs", "a.rs", true),
            ("**/*.rs", "src/deep/a.rs", true),
            ("src/*.rs", "src/a.rs", true),
            ("src/*.rs", "src/deep/a.rs", false),
            ("src/**", "src/deep/a.rs", true),
            ("./src/**/a.*", "src/a.rs", true),
            ("*.{rs,toml}", "x/Cargo.toml", true),
            ("[a-c]?.txt", "x/bz.txt", true),
            ("[!a-c]?.txt", "x/bz.txt", false),
            ("Makefile", "x/Makefile", true),
            ("tests/", "tests", true),
            ("* *", "a b", true),
            ("é*", "x/été", true),
            ("*.RS", "a.rs", false),
        ] {
            let name = path.rsplit('/').next().unwrap();
            assert_eq!(
                Glob::new(glob).unwrap().matches(path, name),
                expected,
                "{glob} on {path}"
            );
        }
    }

    #[test]
    fn wrong_globs_are_told() {
        for (glob, expected) in [
            ("", "it is empty"),
            ("/workspace/*", "relative to `path`"),
            ("[a", "unclosed character class"),
            ("{a", "unclosed alternate group"),
        ] {
            let failure = Glob::new(glob).unwrap_err();
            assert!(failure.message().contains(expected), "{failure:?}");
        }
    }
}
