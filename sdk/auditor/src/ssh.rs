//! OpenSSH's public keys and signatures, from their descriptions (RFC 4253 §6.6, RFC 8709, PROTOCOL.sshsig), Ed25519 only.
//!
//! Strict: of every key and every signature there is one way to write it, so that no byte can be another and nothing be the worse for it.

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256, Sha512};

const TYPE: &[u8] = b"ssh-ed25519";
const NAMESPACE: &[u8] = b"charthouse";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";
/// How long the lines of a signature are.
const LINE: usize = 70;

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(VerifyingKey);

impl Key {
    /// Read `ssh-ed25519 AAAA… comment`.
    pub fn parse(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        if words.next() != Some("ssh-ed25519") {
            return Err("it is no Ed25519 key of OpenSSH".into());
        }
        let blob = decode(words.next().unwrap_or_default()).ok_or("its base64 is damaged")?;
        Self::of_blob(&blob)
    }

    fn of_blob(blob: &[u8]) -> Result<Self, String> {
        let mut rest = blob;
        let is_type = string(&mut rest) == Some(TYPE);
        let bytes: Option<[u8; 32]> = string(&mut rest).and_then(|bytes| bytes.try_into().ok());
        let (true, Some(bytes), true) = (is_type, bytes, rest.is_empty()) else {
            return Err("it is no Ed25519 key".into());
        };
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| "it is no point of the curve")?;
        match key.is_weak() {
            true => Err("it is a weak key: anybody can sign with it".into()),
            false => Ok(Key(key)),
        }
    }

    fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        put(&mut blob, TYPE);
        put(&mut blob, self.0.as_bytes());
        blob
    }

    /// `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        format!(
            "SHA256:{}",
            encode(&Sha256::digest(self.blob())).trim_end_matches('=')
        )
    }
}

/// Which key made `signature`, an SSH signature for charthouse over `bytes`; an error where none did.
pub fn signer(bytes: &[u8], signature: &str) -> Result<Key, String> {
    let body = signature
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END))
        .ok_or("it is no SSH signature")?;
    let digits: String = body.lines().collect();
    let blob = decode(&digits).ok_or("its base64 is damaged")?;
    if armour(&digits) != signature {
        return Err("it is not written as OpenSSH writes it".into());
    }
    let mut rest = blob
        .strip_prefix(b"SSHSIG\0\0\0\x01")
        .ok_or("it is no SSH signature of version 1")?;
    let broken = "it is cut off";
    let key = Key::of_blob(string(&mut rest).ok_or(broken)?)?;
    if string(&mut rest) != Some(NAMESPACE) {
        return Err("it was made for something else than charthouse".into());
    }
    if string(&mut rest) != Some(b"") {
        return Err("it has a part that is not known".into());
    }
    let algorithm = string(&mut rest).ok_or(broken)?;
    let hash = match algorithm {
        b"sha512" => Sha512::digest(bytes).to_vec(),
        b"sha256" => Sha256::digest(bytes).to_vec(),
        _ => return Err("its hash is not known".into()),
    };
    let mut of = string(&mut rest).ok_or(broken)?;
    let is_type = string(&mut of) == Some(TYPE);
    let raw = string(&mut of).and_then(|raw| Signature::from_slice(raw).ok());
    let (true, Some(raw), true, true) = (is_type, raw, of.is_empty(), rest.is_empty()) else {
        return Err("it is no Ed25519 signature".into());
    };
    let mut covered = b"SSHSIG".to_vec();
    for part in [NAMESPACE, b"", algorithm, &hash] {
        put(&mut covered, part);
    }
    key.0
        .verify_strict(&covered, &raw)
        .map_err(|_| "it does not fit: what was signed reads otherwise, or another key signed")?;
    Ok(key)
}

fn armour(digits: &str) -> String {
    let mut text = BEGIN.to_owned();
    let mut rest = digits;
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text + END
}

/// The next string of SSH's: four bytes of length, then that many.
fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, more) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (found, more) = more.split_at_checked(length)?;
    *rest = more;
    Some(found)
}

fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend(bytes);
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for n in 0..4 {
            match n <= chunk.len() {
                true => text.push(char::from(ALPHABET[(bits >> (18 - 6 * n)) as usize & 63])),
                false => text.push('='),
            }
        }
    }
    text
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|known| *known == digit)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    // One way to write it, padding and spare bits too.
    (encode(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti ada@example.com";

    #[test]
    fn a_key_is_what_openssh_takes_it_for() {
        let key = Key::parse(KEY).unwrap();
        assert_eq!(
            key.fingerprint(),
            "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ"
        );
        assert!(KEY.contains(&encode(&key.blob())));
        for bad in [
            "",
            "ssh-rsa AAAA",
            "ssh-ed25519 AAAA",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(Key::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn base64_has_one_way_to_be_written() {
        for text in ["", "YQ==", "YWI=", "YWJj", "YWJjZA=="] {
            assert_eq!(encode(&decode(text).unwrap()), text);
        }
        for bad in ["YQ=", "YQ", "YR==", "YWJ=", "Y!==", "=", "YWJj="] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
