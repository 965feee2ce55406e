//! What a record's hash covers, so that no record can be altered, removed or moved without the next one noticing.
//!
//! Link 2, of every record since version 3 of the tables:
//! `hash = blake3-derive-key("charthouse journal record 2", previous ‖ seq ‖ run ‖ time ‖ kind ‖ blake3(body))`, where `previous` is the hash of the
//! record before (32 zero bytes before the first), `seq` and `time` are 8 bytes little-endian, and each text is its length in bytes (8 bytes,
//! little-endian) and its UTF-8. With the lengths in front no two different records have the same bytes. Because the body is there by its hash only,
//! it can be taken out, and the chain still proves everything else and the body too, wherever it is kept.
//!
//! Link 1, of older records, is `"charthouse journal record 1"` and the body's text in the place of its hash. The derivation contexts keep
//! these hashes apart from each other and from every other use of blake3.

use crate::record::Record;
use std::sync::LazyLock;
use types::ContentHash;

/// Name what is hashed. Changing anything that the hash covers means a new context and a new schema version.
const CONTEXT_1: &str = "charthouse journal record 1";
const CONTEXT_2: &str = "charthouse journal record 2";

/// Deriving a key from a context is a hash by itself, and the same each time: it is done once.
static HASHER_1: LazyLock<blake3::Hasher> =
    LazyLock::new(|| blake3::Hasher::new_derive_key(CONTEXT_1));
static HASHER_2: LazyLock<blake3::Hasher> =
    LazyLock::new(|| blake3::Hasher::new_derive_key(CONTEXT_2));

/// What stands before the first record.
pub const GENESIS: ContentHash = ContentHash::from_bytes([0; 32]);

/// The parts of a record that its hash covers, besides the record before it and the body.
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
}

impl<'a> Link<'a> {
    /// Those of `record`.
    pub fn of(record: &'a Record) -> Self {
        Link {
            seq: record.seq.0,
            run: &record.run,
            time: record.time.0,
            kind: &record.kind,
        }
    }

    /// The hash of a record of version 1 or 2, given that of the record before it.
    pub fn hash_1(&self, previous: &ContentHash, body: &str) -> ContentHash {
        let mut hasher = self.hasher(&HASHER_1, previous);
        update_text(&mut hasher, body);
        ContentHash::from_bytes(*hasher.finalize().as_bytes())
    }

    /// The record's hash, given that of the record before it and that of its body.
    pub fn hash(&self, previous: &ContentHash, body: &ContentHash) -> ContentHash {
        let mut hasher = self.hasher(&HASHER_2, previous);
        hasher.update(body.as_bytes());
        ContentHash::from_bytes(*hasher.finalize().as_bytes())
    }

    fn hasher(&self, begun: &blake3::Hasher, previous: &ContentHash) -> blake3::Hasher {
        let mut hasher = begun.clone();
        hasher.update(previous.as_bytes());
        hasher.update(&self.seq.to_le_bytes());
        update_text(&mut hasher, self.run);
        hasher.update(&self.time.to_le_bytes());
        update_text(&mut hasher, self.kind);
        hasher
    }
}

/// Whether `record` is as it was written behind the record with the hash `previous`, where the records from `link_2_from` on have link 2.
/// A record of link 1 is never without its body.
pub fn holds(record: &Record, previous: &ContentHash, link_2_from: u64) -> bool {
    let link = Link::of(record);
    let expected = if record.seq.0 >= link_2_from {
        link.hash(previous, &record.body_hash())
    } else if record.is_compacted() {
        return false;
    } else {
        link.hash_1(previous, &record.body)
    };
    record.hash == expected
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
    };

    fn body() -> ContentHash {
        ContentHash::of(b"{}")
    }

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
            Link { kind: "c{", ..LINK },
        ];
        let hash = LINK.hash(&GENESIS, &body());
        let hash_1 = LINK.hash_1(&GENESIS, "{}");
        for other in others {
            assert_ne!(other.hash(&GENESIS, &body()), hash);
            assert_ne!(other.hash_1(&GENESIS, "{}"), hash_1);
        }
        assert_ne!(LINK.hash(&hash, &body()), hash);
        assert_ne!(LINK.hash(&GENESIS, &ContentHash::of(b"{ }")), hash);
        assert_ne!(LINK.hash_1(&GENESIS, "{ }"), hash_1);
        assert_ne!(hash, hash_1);
    }

    #[test]
    fn the_encoding_never_changes() {
        // Computed once: a journal written today must verify for ever.
        assert_eq!(
            LINK.hash_1(&GENESIS, "{}").to_string(),
            "28f0e79f8005d3cc9bb2358916b35be13eed1ee46dd280ddbe14334421d118f6"
        );
        assert_eq!(
            LINK.hash(&GENESIS, &body()).to_string(),
            "4b6f5a9155e7edfef83d9f1fc4b1ba9f3bc0cd25e6fadf42e3c2bd63bffaa1bb"
        );
    }
}
