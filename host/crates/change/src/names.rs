//! Which names files of a change may have: below the house's directory, spelt in one way, and nothing that is not a definition's business.

use std::fmt;

/// Why a name is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct NameError {
    name: String,
    why: &'static str,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` cannot be the name of a file here: {}",
            self.name, self.why
        )
    }
}

/// Longest name of a file with its directories, in bytes.
const LONGEST: usize = 400;

/// Check the name of a file of the house, with `/` between directories.
///
/// Whether some directory of it is a symbolic link cannot be told from the name: whoever reads or writes it looks at the disk.
///
/// # Errors
/// Names that lead out of the house, could be spelt otherwise, or lie where the house keeps its records.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let why =
        if name.is_empty() {
            "it is empty"
        } else if name.len() > LONGEST {
            "it is too long"
        } else if name.starts_with('/') {
            "it is an absolute path"
        } else if name.contains('\\') || name.contains(':') {
            "it has `\\` or `:` in it, which lead elsewhere on some systems"
        } else if name.chars().any(char::is_control) {
            "it has a control character in it"
        } else if name.split('/').any(|part| part == "..") {
            "it has `..` in it"
        } else if name.split('/').any(|part| part.is_empty() || part == ".") {
            "it has an empty part, or `.`, in it"
        } else if name.split('/').any(|part| part.ends_with(['.', ' '])) {
            "a part of it ends in a dot or a space, which some systems leave out"
        } else if name.split('/').next().is_some_and(|part| {
            part.to_lowercase() == ".charthouse" || part.to_lowercase() == ".git"
        }) {
            "the house's own records lie there"
        } else {
            return Ok(());
        };
    Err(NameError {
        name: crate::text::shown(name),
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [
            "",
            "/etc/passwd",
            "../x",
            "agents/../../x",
            "agents/..",
            "./x",
            "agents//x",
            "agents/",
            "a\\..\\b",
            "C:x",
            "a\nb",
            ".charthouse/keys/house",
            ".CHARTHOUSE/x",
            ".git/config",
            "agents/x. ",
            "agents./x",
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in [
            "house.yaml",
            "agents/coder.yaml",
            "texts/..charter.md",
            "keys/ada.pub",
            ".hidden/x",
        ] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
    }
}
