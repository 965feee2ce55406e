//! Keys that somebody from outside names: a `.pub` file, or OpenSSH's `allowed_signers` (see `ssh-keygen(1)`).

use crate::error::KeyError;
use crate::key::PublicKey;
use crate::signed::NAMESPACE;

/// A key that is trusted, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// Whose: the principals of an `allowed_signers` line; nobody in particular in a `.pub` file.
    pub principals: Vec<String>,
    /// The key.
    pub key: PublicKey,
}

/// The keys in `text`: lines of keys alone, or lines of `allowed_signers`. Lines that are empty or begin with `#` say nothing, and so do keys that are for another
/// namespace.
///
/// # Errors
/// The number of the first line that cannot be read, and what is wrong with it; line 0 where there is no key at all.
pub fn trusted(text: &str) -> Result<Vec<Trusted>, (usize, KeyError)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        found.extend(one(line).map_err(|error| (number + 1, error))?);
    }
    match found.is_empty() {
        true => Err((
            0,
            KeyError::Unreadable {
                why: "there is no key in it".into(),
            },
        )),
        false => Ok(found),
    }
}

fn one(line: &str) -> Result<Option<Trusted>, KeyError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_type = |word: &&str| {
        word.starts_with("ssh-") || word.starts_with("ecdsa-") || word.starts_with("sk-")
    };
    let Some(at) = words.iter().position(is_type) else {
        // Whatever it is, the reader of keys has the words for it.
        return PublicKey::parse(line).map(|key| {
            Some(Trusted {
                principals: Vec::new(),
                key,
            })
        });
    };
    let (before, key) = words.split_at(at);
    let options = before.get(1..).unwrap_or_default();
    for option in options {
        if option.eq_ignore_ascii_case("cert-authority") {
            return Err(KeyError::Unreadable {
                why: "keys of certificate authorities are not known here".into(),
            });
        }
        if let Some(names) = option.strip_prefix("namespaces=")
            && !names
                .trim_matches('"')
                .split(',')
                .any(|name| name == NAMESPACE)
        {
            return Ok(None);
        }
    }
    Ok(Some(Trusted {
        principals: before
            .first()
            .map(|names| names.split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
        key: PublicKey::parse(&key.join(" "))?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn both_forms_are_read() {
        assert_eq!(
            trusted(&format!("{KEY} the house\n")).unwrap()[0]
                .key
                .comment(),
            "the house"
        );
        let text = format!(
            "# whom I trust\n\nada,house@example.com namespaces=\"charthouse,git\" {KEY}\nbob namespaces=\"git\" {KEY}\n"
        );
        let found = trusted(&text).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].principals, ["ada", "house@example.com"]);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        for (text, line) in [
            (String::new(), 0),
            ("# nothing\n".into(), 0),
            (format!("{KEY}\nnonsense\n"), 2),
            (format!("ada cert-authority {KEY}\n"), 1),
            ("ada ssh-rsa AAAA\n".into(), 1),
        ] {
            assert_eq!(trusted(&text).unwrap_err().0, line, "{text}");
        }
    }
}
