//! Values that stand where a secret would: whether they are one, or a reference to one, or what documentation puts there.

use crate::chance::Make;
use crate::key::{Key, Strength};

/// How much of a value is looked at for words.
const SEEN: usize = 256;
/// Shortest password, and shortest made by chance: where it is written as a literal, and where it could be a name in code.
const PASSWORD: usize = 6;
const LITERAL: usize = 12;
const BARE: usize = 16;
/// Shortest base64 of a user and a password.
const CREDENTIALS: usize = 8;

/// Words of values that stand for a secret. No key that chance made has one of them in it, but for one in many millions.
const PLACEHOLDERS: [&[u8]; 14] = [
    b"your",
    b"example",
    b"placeholder",
    b"changeme",
    b"change-me",
    b"change_me",
    b"redacted",
    b"replace",
    b"dummy",
    b"insert",
    b"xxxx",
    b"****",
    b"....",
    b"1234567890abcdef",
];
/// Words that a variable with a password in it has in its name.
const NAMES: [&[u8]; 9] = [
    b"password",
    b"passwd",
    b"secret",
    b"token",
    b"user",
    b"sha",
    b"argon",
    b"base64",
    b"utf",
];

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It can be nothing but a literal: in quotes, in the environment, behind a flag, in an element.
    Literal,
    /// Without quotes, to the end of its line, as in YAML and INI files.
    Line,
    /// Without quotes and followed by more: it may be a name in a program.
    Bare,
    /// The argument of a call.
    Argument,
}

/// Whether `value`, which `key` has at `place`, is a secret. What is cheap to tell is asked first: most values are none.
pub fn is_secret(key: Key, value: &[u8], place: Place) -> bool {
    could_be(key, value, place)
        && !value.iter().any(u8::is_ascii_whitespace)
        // A URL's own password is found in it.
        && !value.windows(3).any(|window| window == b"://")
        && !is_reference(value)
        && !is_placeholder(value)
}

/// Whether `value` is made like what `key` is.
fn could_be(key: Key, value: &[u8], place: Place) -> bool {
    let enough = match place {
        Place::Literal | Place::Argument => LITERAL,
        Place::Line | Place::Bare => BARE,
    };
    let least = match key.strength {
        Strength::Password => PASSWORD,
        Strength::Key => enough,
        Strength::Token => BARE,
        Strength::Credentials => CREDENTIALS,
    };
    if value.len() < least {
        return false;
    }
    let make = Make::of(value);
    // A host or a member is no argument that chance made.
    let named = place == Place::Argument && value.iter().any(|byte| matches!(byte, b'.' | b':'));
    let random = value.len() >= enough && make.is_random() && !named;
    match (key.strength, place) {
        (Strength::Password, Place::Literal) => random || could_be_password(value, &make),
        (Strength::Password, Place::Line) => {
            random || (could_be_password(value, &make) && !is_name(value))
        }
        (Strength::Password, _) => random && !value.contains(&b'.'),
        (Strength::Key, _) => random,
        (Strength::Token, _) => random && !is_uuid(value),
        (Strength::Credentials, _) => {
            (random && value.len() >= BARE) || crate::header::is_user_and_password(value)
        }
    }
}

/// A literal that is a password rather than a word, a message's name or a path.
fn could_be_password(value: &[u8], make: &Make) -> bool {
    let path = matches!(value[0], b'/' | b'.' | b'~');
    let varied =
        (make.letters > 0 && (make.digits > 0 || make.symbols > 0)) || make.digits == make.length;
    varied && make.distinct > 3 && !path
}

/// Whether an unquoted value reads like the name of something.
fn is_name(value: &[u8]) -> bool {
    value.contains(&b'.') || value.contains(&b':') || NAMES.iter().any(|name| holds(value, name))
}

/// Whether `value` says where the secret is, or is a mask.
pub fn is_reference(value: &[u8]) -> bool {
    let name = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let second = value.get(1).copied().unwrap_or(b' ');
    let begins = match value.first() {
        None => true,
        Some(b'<' | b'{' | b'[' | b'(') => true,
        Some(b'$' | b':' | b'%') => {
            matches!(second, b'{' | b'(')
                || (name(second)
                    && value[1..]
                        .iter()
                        .all(|byte| name(*byte) || byte.is_ascii_digit() || *byte == b'%'))
        }
        Some(_) => false,
    };
    let seen = &value[..value.len().min(SEEN)];
    let within = [
        &b"${"[..],
        b"$(",
        b"#{",
        b"{{",
        b"<%",
        b"%s",
        b"%(",
        b"%v",
        b"()",
        b"process.env",
        b"os.environ",
        b"env(",
    ]
    .iter()
    .any(|part| seen.windows(part.len()).any(|window| window == *part));
    let filled_in = seen.contains(&b'{') && seen.contains(&b'}');
    let mask = value.iter().all(|byte| *byte == value[0]);
    begins || within || filled_in || mask
}

/// Whether `value` is what documentation writes in the place of a secret.
pub fn is_placeholder(value: &[u8]) -> bool {
    let seen = &value[..value.len().min(SEEN)];
    Make::of(seen).distinct <= 3 || PLACEHOLDERS.iter().any(|word| holds(seen, word))
}

/// Whether `word` is in `value`, in whatever case.
fn holds(value: &[u8], word: &[u8]) -> bool {
    let first = word[0];
    value
        .windows(word.len())
        .any(|window| window[0].to_ascii_lowercase() == first && window.eq_ignore_ascii_case(word))
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
