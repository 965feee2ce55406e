//! The public key that was named on the command line, as a file of the house: where no agent can write, and where the next person finds it.

use crate::exit::{Failure, USAGE};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use types::{PluginName, PublicKey};

/// The folder of a house that holds keys.
const FOLDER: &str = "keys";
/// A key's file has two hundred bytes.
const LARGEST: u64 = 16 << 10;

/// A key, and where the house has it or will have it.
pub struct Key {
    /// Its place in the house, as `signed_by` names it.
    pub file: String,
    /// The key.
    pub key: PublicKey,
    /// What is to be written there; `None` where it lies there already.
    pub text: Option<String>,
}

/// The key `named`: a file, or the key itself in base64, as the middle line of its file has it.
pub fn key(named: &str, name: &PluginName, root: &Path) -> Result<Key, Failure> {
    let path = PathBuf::from(named);
    let bare = format!("-----BEGIN PUBLIC KEY-----\n{named}\n-----END PUBLIC KEY-----\n");
    let (text, stem) = match path.is_file() {
        true => (
            read(&path)?,
            path.file_stem()
                .map(|stem| stem.to_string_lossy().into_owned()),
        ),
        false if PublicKey::parse(&bare).is_ok() => (bare, None),
        false => {
            return Err(Failure::new(USAGE, format!("there is no key `{named}`"))
                .help("name the author's public key, a PEM file that begins with `-----BEGIN PUBLIC KEY-----`"));
        }
    };
    let key = PublicKey::parse(&text)
        .map_err(|why| Failure::new(USAGE, format!("the key {named} {why}")).help(MAKE))?;
    let folder = root.join(FOLDER);
    let inside = path
        .canonicalize()
        .ok()
        .filter(|real| real.starts_with(&folder));
    if let Some(inside) = inside
        .as_ref()
        .and_then(|real| real.strip_prefix(root).ok()?.to_str())
    {
        return Ok(Key {
            file: inside.to_owned(),
            key,
            text: None,
        });
    }
    let stem = stem
        .filter(|stem| !stem.is_empty() && stem.bytes().all(is_plain))
        .unwrap_or_else(|| name.to_string());
    let file = format!("{FOLDER}/{stem}.pub");
    let there = root.join(&file);
    if !there.exists() {
        return Ok(Key {
            file,
            key,
            text: Some(text),
        });
    }
    match PublicKey::parse(&read(&there)?) {
        Ok(same) if same == key => Ok(Key {
            file,
            key,
            text: None,
        }),
        _ => Err(Failure::new(
            USAGE,
            format!("the house has another key as {file}, and it is left as it is"),
        )
        .help("name the one in the house, or give the new one's file another name")),
    }
}

const MAKE: &str = "a pair of keys is made with `openssl genpkey -algorithm ed25519 -out author.key` and `openssl pkey -in author.key -pubout -out author.pub`, or with `cosign generate-key-pair`";

fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
        .map_err(|error| {
            Failure::new(
                USAGE,
                format!("cannot read the key {}: {error}", path.display()),
            )
        })?;
    Ok(text)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, section 10.1.
    const KEY: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

    #[test]
    fn a_key_comes_into_the_house_once() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let name = PluginName::parse("greet").unwrap();
        let bare = key(KEY, &name, &root).unwrap();
        assert_eq!(bare.file, "keys/greet.pub");
        let text = bare.text.unwrap();
        let elsewhere = root.join("ada.pem");
        std::fs::write(&elsewhere, &text).unwrap();
        let named = key(elsewhere.to_str().unwrap(), &name, &root).unwrap();
        assert_eq!(named.file, "keys/ada.pub");
        assert_eq!(named.text.as_ref(), Some(&text));
        std::fs::create_dir(root.join("keys")).unwrap();
        std::fs::write(root.join("keys/ada.pub"), &text).unwrap();
        let again = key(elsewhere.to_str().unwrap(), &name, &root).unwrap();
        assert_eq!((&*again.file, again.text), ("keys/ada.pub", None));
        let inside = key(root.join("keys/ada.pub").to_str().unwrap(), &name, &root).unwrap();
        assert_eq!((&*inside.file, inside.text), ("keys/ada.pub", None));
        std::fs::write(root.join("keys/ada.pub"), "another").unwrap();
        assert!(key(elsewhere.to_str().unwrap(), &name, &root).is_err());
        assert!(key("nothing", &name, &root).is_err());
    }
}
