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

/// How names of secrets end, without separators and in lower case.
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
    ("secretkey", "secret", Strength::Key),
    ("secret", "secret", Strength::Key),
    ("secretkeybase", "secret", Strength::Key),
    ("privatekey", "private key", Strength::Key),
    ("signingkey", "secret", Strength::Key),
    ("encryptionkey", "secret", Strength::Key),
    ("masterkey", "secret", Strength::Key),
    ("accesskey", "API key", Strength::Key),
    ("apikey", "API key", Strength::Key),
    ("apisecret", "API key", Strength::Key),
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
        let last = *name.last()?;
        // Every ending ends in one of these; most names do not.
        if !matches!(
            last.to_ascii_lowercase(),
            b'd' | b'e' | b'y' | b't' | b'l' | b's' | b'n' | b'h' | b'g'
        ) {
            return None;
        }
        let plain = plain(name);
        let found = ENDINGS
            .iter()
            .find(|(ending, ..)| plain.ends_with(ending))
            .or_else(|| whole(name, &plain));
        let (_, kind, strength) = found?;
        let harmless = HARMLESS.iter().any(|harmless| plain.ends_with(harmless));
        (!harmless).then_some(Key {
            kind,
            strength: *strength,
        })
    }
}

/// `name` in lower case and without what separates its words.
fn plain(name: &[u8]) -> String {
    name.iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect()
}

/// A short name that is a word of its own: `pass`, `db_pass`, `DbPass`, but not `compass`.
fn whole(name: &[u8], plain: &str) -> Option<&'static (&'static str, &'static str, Strength)> {
    WHOLE.iter().find(|(word, ..)| {
        let Some(before) = name.len().checked_sub(word.len() + 1).map(|i| name[i]) else {
            return plain == *word;
        };
        let first = name[name.len() - word.len()];
        let apart = !before.is_ascii_alphanumeric()
            || (before.is_ascii_lowercase() && first.is_ascii_uppercase());
        plain.ends_with(word) && apart
    })
}
