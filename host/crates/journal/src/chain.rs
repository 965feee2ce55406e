//! What a record's hash covers, so that no record can be altered, removed or moved without the next one noticing.
//!
//! `hash = blake3-derive-key("charthouse journal record 1", previous ‖ seq ‖ run ‖ time ‖ kind ‖ body)`, where `previous` is the hash of the
//! record before (32 zero bytes before the first), `seq` and `time` are 8 bytes little-endian, and each text is its length in bytes (8 bytes,
//! little-endian) and its UTF-8. With the lengths in front no two different records have the same bytes. The derivation context keeps these
//! hashes apart from every other use of blake3.

use types::ContentHash;

/// Names what is hashed. Changing anything that the hash covers means a new context and a new schema version.
const CONTEXT: &str = "charthouse journal record 1";

/// What stands before the first record.
pub const GENESIS: ContentHash = ContentHash::from_bytes([0; 32]);

/// The parts of a record that its hash covers, besides the record before it.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    /// Its number.
    pub seq: u64,
    /// Its run.
    pub run: &'a str,
    /// Its time in ms.
    pub time: i64,
    /// Its kind.
    pub kind: &'a str,
    /// Its JSON text.
    pub body: &'a str,
}

impl Link<'_> {
    /// The record's hash, given that of the record before it.
    pub fn hash(&self, previous: &ContentHash) -> ContentHash {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(previous.as_bytes());
        hasher.update(&self.seq.to_le_bytes());
        update_text(&mut hasher, self.run);
        hasher.update(&self.time.to_le_bytes());
        update_text(&mut hasher, self.kind);
        update_text(&mut hasher, self.body);
        ContentHash::from_bytes(*hasher.finalize().as_bytes())
    }
}

fn update_text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: Link<'static> = Link {
        seq: 1,
        run: "ab",
        time: 5,
        kind: "c",
        body: "{}",
    };

    #[test]
    fn every_part_counts_and_so_does_where_it_ends() {
        let others = [
            Link { seq: 2, ..LINK },
            Link { time: 6, ..LINK },
            Link {
                run: "a",
                kind: "bc",
                ..LINK
            },
            Link {
                kind: "c{",
                body: "}",
                ..LINK
            },
            Link {
                body: "{ }",
                ..LINK
            },
        ];
        let hash = LINK.hash(&GENESIS);
        for other in others {
            assert_ne!(other.hash(&GENESIS), hash);
        }
        assert_ne!(LINK.hash(&hash), hash);
    }

    #[test]
    fn the_encoding_never_changes() {
        // Computed once: a journal written today must verify for ever.
        assert_eq!(
            LINK.hash(&GENESIS).to_string(),
            "28f0e79f8005d3cc9bb2358916b35be13eed1ee46dd280ddbe14334421d118f6"
        );
    }
}
