//! Names as the most forgiving file systems compare them, so that a hidden name is hidden under every spelling that would open it.

use unicode_normalization::UnicodeNormalization;

/// `text` without what a file system may overlook: case (full folding, so that `ß` is `ss`), Unicode's several ways to write one letter, characters that
/// show nothing, and dots and spaces at the end of a name.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return trimmed(text);
    }
    let folded: String = text
        .nfd()
        .filter(|c| !shows_nothing(*c))
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfd()
        .collect();
    trimmed(&folded)
}

/// Every name of a path without dots and spaces at its end. A name of nothing else stays.
fn trimmed(path: &str) -> String {
    if !path.contains(['.', ' ']) {
        return path.to_owned();
    }
    let names: Vec<&str> = path
        .split('/')
        .map(|name| match name.trim_end_matches(['.', ' ']) {
            "" => name,
            kept => kept,
        })
        .collect();
    names.join("/")
}

/// Code points that file systems with folding leave out of a comparison.
fn shows_nothing(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether `name` looks like one that a file system gave to a file with a longer name: `GITCON~1`.
pub(crate) fn may_be_short(name: &str) -> bool {
    name.split('~')
        .skip(1)
        .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_fold_to_the_same() {
        for (one, other) in [
            (".ENV", ".env"),
            (".env.", ".env"),
            (".env ", ".env"),
            ("a/.Env. /b", "a/.env/b"),
            ("Straße", "STRASSE"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("\u{212a}ey", "key"),
            (".e\u{200c}nv", ".env"),
            ("\u{17f}ecret", "secret"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        assert_ne!(fold("env"), fold(".env"));
        assert_eq!(fold(".."), "..");
    }

    #[test]
    fn short_names_are_known() {
        assert!(may_be_short("GITCON~1"));
        assert!(may_be_short("env~12.txt"));
        assert!(!may_be_short("notes~"));
        assert!(!may_be_short("~tmp"));
    }
}
