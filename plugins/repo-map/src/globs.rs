//! Globs: those of the chunk's `include` and `exclude`, and those of `.gitignore` files.
//!
//! The matching is globset's. What is ours is the reading of a line of `.gitignore` (git's own manual, gitignore(5)): the `ignore` crate would bring a
//! walker with threads, and features of the regular expressions that the other plugins do without.

use charthouse_sdk::Failure;
use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use std::rc::Rc;

/// The globs of one parameter. Without any, it matches nothing.
#[derive(Debug)]
pub struct Globs {
    set: GlobSet,
    count: usize,
}

impl Globs {
    /// Compile the globs of the parameter `name`. One without `/` is about names at whatever depth; one that matches a directory matches all in it.
    pub fn new(name: &str, globs: &[String]) -> Result<Self, Failure> {
        let mut builder = GlobSetBuilder::new();
        for (index, text) in globs.iter().enumerate() {
            let wrong =
                |why: &str| Failure::invalid(format!("`{name}[{index}]` is `{text}`: {why}"));
            let pattern = text.trim_start_matches("./").trim_end_matches('/');
            if pattern.is_empty() {
                return Err(wrong("it is empty; `*` matches every name"));
            }
            if pattern.starts_with('/') {
                return Err(wrong(
                    "a glob is relative to `path`; leave out the `/` at its start",
                ));
            }
            let prefix = if pattern.contains('/') { "" } else { "**/" };
            for end in ["", "/**"] {
                let glob = glob(&format!("{prefix}{pattern}{end}")).map_err(|why| wrong(&why))?;
                builder.add(glob);
            }
        }
        let set = builder
            .build()
            .map_err(|error| Failure::invalid(format!("`{name}`: {error}")))?;
        Ok(Globs {
            set,
            count: globs.len(),
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether one matches `path`.
    pub fn matches(&self, path: &str) -> bool {
        self.count > 0 && self.set.is_match(path)
    }
}

fn glob(pattern: &str) -> Result<Glob, String> {
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .empty_alternates(true)
        .build()
        .map_err(|error| error.kind().to_string())
}

/// The rules of the `.gitignore` files from a directory up to the mount.
#[derive(Debug)]
pub struct Ignore {
    above: Option<Rc<Ignore>>,
    /// Where the path below its directory begins.
    base: usize,
    set: GlobSet,
    rules: Vec<Rule>,
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    negated: bool,
    directories_only: bool,
}

impl Ignore {
    /// The rules in `text`, the `.gitignore` of the directory whose path is `base` bytes long with its `/`. Lines that are no globs are passed over, as git does.
    pub fn new(text: &str, base: usize, above: Option<Rc<Ignore>>) -> Option<Rc<Ignore>> {
        let mut builder = GlobSetBuilder::new();
        let mut rules = Vec::new();
        for (glob, rule) in text.lines().filter_map(rule) {
            builder.add(glob);
            rules.push(rule);
        }
        match builder.build() {
            Ok(set) if !rules.is_empty() => Some(Rc::new(Ignore {
                above,
                base,
                set,
                rules,
            })),
            _ => above,
        }
    }

    /// Whether `path` is ignored: the last rule that matches decides, those of the innermost file first.
    pub fn ignores(&self, path: &str, is_directory: bool) -> bool {
        let mut matched = Vec::new();
        let mut level = Some(self);
        while let Some(ignore) = level {
            ignore
                .set
                .matches_into(path.get(ignore.base..).unwrap_or_default(), &mut matched);
            let last = matched
                .iter()
                .rev()
                .map(|index| ignore.rules[*index])
                .find(|rule| is_directory || !rule.directories_only);
            if let Some(rule) = last {
                return !rule.negated;
            }
            level = ignore.above.as_deref();
        }
        false
    }
}

/// One line of a `.gitignore`.
fn rule(line: &str) -> Option<(Glob, Rule)> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let trimmed = line.trim_end_matches(' ');
    // A blank behind a backslash counts.
    let line = match trimmed.ends_with('\\') && trimmed.len() < line.len() {
        true => &line[..=trimmed.len()],
        false => trimmed,
    };
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (negated, line) = match line.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (directories_only, line) = match line.strip_suffix('/') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let anchored = line.contains('/');
    let line = line.strip_prefix('/').unwrap_or(line);
    if line.is_empty() {
        return None;
    }
    // git knows no `{a,b}`.
    let literal = line.replace('{', "[{]").replace('}', "[}]");
    let prefix = if anchored { "" } else { "**/" };
    let glob = glob(&format!("{prefix}{literal}")).ok()?;
    Some((
        glob,
        Rule {
            negated,
            directories_only,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_files_and_whole_directories() {
        for (glob, path, expected) in [
            ("*.rs", "src/deep/a.rs", true),
            ("src", "src/a.rs", true),
            ("src", "lib/src/a.rs", true),
            ("src/", "src/deep/a.rs", true),
            ("lib/src", "src/a.rs", false),
            ("src/**/*.rs", "src/deep/a.rs", true),
            ("src/*.rs", "src/deep/a.rs", false),
            ("./src/*.{rs,py}", "src/a.py", true),
        ] {
            let globs = Globs::new("include", &[glob.to_owned()]).unwrap();
            assert_eq!(globs.matches(path), expected, "{glob} on {path}");
        }
        assert!(!Globs::new("include", &[]).unwrap().matches("a"));
    }

    #[test]
    fn wrong_globs_are_told() {
        for (glob, expected) in [
            ("", "`exclude[0]` is ``: it is empty"),
            ("/a", "relative to `path`"),
            ("[a", "unclosed character class"),
        ] {
            let failure = Globs::new("exclude", &[glob.to_owned()]).unwrap_err();
            assert!(failure.message().contains(expected), "{failure:?}");
        }
    }

    #[test]
    fn ignore_files_are_read_as_git_reads_them() {
        for (text, path, is_directory, expected) in [
            ("target/", "target", true, true),
            ("target/", "target", false, false),
            ("target/", "a/target", true, true),
            ("/target", "target", true, true),
            ("/target", "a/target", true, false),
            ("a/b", "a/b", false, true),
            ("a/b", "x/a/b", false, false),
            ("*.log", "a/b.log", false, true),
            ("*.log\n!keep.log", "keep.log", false, false),
            ("!keep.log\n*.log", "keep.log", false, true),
            ("# a\n\n#b", "# a", false, false),
            ("\\#a", "#a", false, true),
            ("a  ", "a", false, true),
            ("a\\ ", "a ", false, true),
            ("**/gen/*.rs", "x/y/gen/a.rs", false, true),
            ("doc/**", "doc/a/b", false, true),
            ("a/**/b", "a/b", false, true),
            ("{a,b}", "a", false, false),
            ("{a,b}", "{a,b}", false, true),
            ("[ab].c", "b.c", false, true),
            ("a?c\r", "abc", false, true),
            ("[", "a", false, false),
            ("", "a", false, false),
            ("/", "a", false, false),
        ] {
            let ignored =
                Ignore::new(text, 0, None).is_some_and(|ignore| ignore.ignores(path, is_directory));
            assert_eq!(ignored, expected, "{text:?} on {path}");
        }
    }

    #[test]
    fn an_inner_file_outvotes_an_outer_one() {
        let outer = Ignore::new("*.log\nsecret", 0, None);
        let inner = Ignore::new("!a.log\n/x", "sub/".len(), outer).unwrap();
        assert!(!inner.ignores("sub/a.log", false));
        assert!(inner.ignores("sub/b.log", false));
        assert!(inner.ignores("sub/x", false));
        assert!(!inner.ignores("sub/y/x", false));
        assert!(inner.ignores("sub/secret", false));
    }
}
