//! The names under which secrets are kept: what `DB_PASSWORD`, `clientSecret` and `X-Api-Key` have in common.

/// How much a name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// A password may be anything, a word with a digit too.
    Password,
    /// A key or a secret is made by chance.
    Key,
    /// So is a token, but tokens of other sorts (of a cursor, of a request) are often UUIDs.
    Token,
    /// A header or a member that carries credentials after the name of a scheme, or as base64.
    Credentials,
}

/// A name that secrets are kept under.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// What the value is.
    pub kind: &'static str,
    /// How much that says.
    pub strength: Strength,
}

/// Longest name that is looked at.
pub const LONGEST: usize = 64;

/// How names of secrets end, without separators and in lower case; where one ends in another, the longer stands first.
const ENDINGS: &[(&str, &str, Strength)] = &[
    ("password", "password", Strength::Password),
    ("passwd", "password", Strength::Password),
    ("passphrase", "password", Strength::Password),
    ("pwd", "password", Strength::Password),
    ("secretaccesskey", "AWS secret key", Strength::Key),
    ("awssecretkey", "AWS secret key", Strength::Key),
    ("sharedaccesskey", "Azure key", Strength::Key),
    ("accountkey", "Azure key", Strength::Key),
    ("subscriptionkey", "Azure key", Strength::Key),
    ("apisecret", "API key", Strength::Key),
    ("secretkey", "secret", Strength::Key),
    ("secret", "secret", Strength::Key),
    ("secretkeybase", "secret", Strength::Key),
    ("privatekey", "private key", Strength::Key),
    ("signingkey", "secret", Strength::Key),
    ("encryptionkey", "secret", Strength::Key),
    ("masterkey", "secret", Strength::Key),
    ("accesskey", "API key", Strength::Key),
    ("apikey", "API key", Strength::Key),
    ("appkey", "API key", Strength::Key),
    ("authkey", "API key", Strength::Key),
    ("credential", "secret", Strength::Key),
    ("credentials", "secret", Strength::Key),
    ("token", "token", Strength::Token),
    ("authorization", "credentials", Strength::Credentials),
];

/// Names that are secrets' only when nothing else stands before them.
const WHOLE: &[(&str, &str, Strength)] = &[
    ("pass", "password", Strength::Password),
    ("auth", "credentials", Strength::Credentials),
    ("sig", "signature", Strength::Key),
];

/// Tokens that are no secrets: places in lists, marks of vocabularies, ends of operations.
const HARMLESS: &[&str] = &[
    "pagetoken",
    "nexttoken",
    "continuationtoken",
    "cancellationtoken",
    "canceltoken",
    "resumetoken",
    "synctoken",
    "progresstoken",
    "starttoken",
    "endtoken",
    "eostoken",
    "bostoken",
    "padtoken",
    "unktoken",
    "septoken",
    "publicsecret",
];

impl Key {
    /// The key that `name` is, if secrets are kept under such names.
    pub fn of(name: &[u8]) -> Option<Key> {
        if !may_end_so(name) {
            return None;
        }
        let mut buffer = [0; LONGEST];
        let plain = plain(name, &mut buffer);
        let found = ENDINGS
            .iter()
            .find(|(ending, ..)| plain.ends_with(ending.as_bytes()))
            .or_else(|| whole(name, plain));
        let (_, kind, strength) = found?;
        let harmless = HARMLESS
            .iter()
            .any(|harmless| plain.ends_with(harmless.as_bytes()));
        (!harmless).then_some(Key {
            kind,
            strength: *strength,
        })
    }
}

/// Whether a secret's name may end as `name` does. Most names do not, and need not be looked at.
pub fn may_end_so(name: &[u8]) -> bool {
    let [.., before, last] = name else {
        return false;
    };
    matches!(
        &[before | 0x20, last | 0x20],
        b"rd"
            | b"wd"
            | b"se"
            | b"et"
            | b"ey"
            | b"al"
            | b"ls"
            | b"en"
            | b"on"
            | b"ss"
            | b"th"
            | b"ig"
    )
}

/// `name` in lower case and without what separates its words.
fn plain<'a>(name: &[u8], buffer: &'a mut [u8; LONGEST]) -> &'a [u8] {
    let mut length = 0;
    let words = name.iter().filter(|byte| byte.is_ascii_alphanumeric());
    for (byte, place) in words.zip(buffer.iter_mut()) {
        *place = byte.to_ascii_lowercase();
        length += 1;
    }
    &buffer[..length]
}

/// A short name that is a word of its own: `pass`, `db_pass`, `DbPass`, but not `compass`.
fn whole(name: &[u8], plain: &[u8]) -> Option<&'static (&'static str, &'static str, Strength)> {
    WHOLE.iter().find(|(word, ..)| {
        let Some(before) = name.len().checked_sub(word.len() + 1).map(|i| name[i]) else {
            return plain == word.as_bytes();
        };
        let first = name[name.len() - word.len()];
        let apart = !before.is_ascii_alphanumeric()
            || (before.is_ascii_lowercase() && first.is_ascii_uppercase());
        plain.ends_with(word.as_bytes()) && apart
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_tables_is_known_by_its_end() {
        for (name, kind, _) in ENDINGS.iter().chain(WHOLE) {
            let found = Key::of(name.as_bytes()).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(found.kind, *kind, "{name}");
            assert!(
                Key::of(format!("MY_{}", name.to_uppercase()).as_bytes()).is_some(),
                "{name}"
            );
        }
        for name in HARMLESS {
            assert!(Key::of(name.as_bytes()).is_none(), "{name}");
        }
    }
}
