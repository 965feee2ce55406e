//! A text as JSON writes it inside a string: done once for every text that an agent ever sees, so it is done sixteen bytes at a time.
//!
//! A block is copied as a whole and looked at as a whole. Where something in it has to be escaped, what stands behind that is taken back and looked at again.

use bytes::Bytes;

const BLOCK: usize = 16;

/// `text` as the inside of a JSON string, in exactly as many bytes as it takes.
pub fn escape(text: &str) -> Bytes {
    let bytes = text.as_bytes();
    let clean = clean_at_the_beginning(bytes);
    if clean == bytes.len() {
        return Bytes::copy_from_slice(bytes);
    }
    // An escape for every eighth byte is more than most texts have; those that have more grow.
    let mut wire = Vec::with_capacity(bytes.len() + bytes.len() / 8 + BLOCK);
    wire.extend_from_slice(&bytes[..clean]);
    let mut rest = &bytes[clean..];
    while let Some((block, after)) = rest.split_first_chunk::<BLOCK>() {
        wire.extend_from_slice(block);
        let first = special(block);
        if first == BLOCK {
            rest = after;
            continue;
        }
        wire.truncate(wire.len() - (BLOCK - first));
        push_escaped(&mut wire, block[first]);
        rest = &rest[first + 1..];
    }
    for byte in rest {
        if is_special(*byte) {
            push_escaped(&mut wire, *byte);
        } else {
            wire.push(*byte);
        }
    }
    // What is kept for months holds no spare room.
    wire.shrink_to_fit();
    wire.into()
}

/// How many bytes come before the first that has to be escaped.
fn clean_at_the_beginning(bytes: &[u8]) -> usize {
    let mut clean = 0;
    while let Some(block) = bytes[clean..].first_chunk::<BLOCK>() {
        match special(block) {
            BLOCK => clean += BLOCK,
            first => return clean + first,
        }
    }
    let rest = bytes[clean..].iter();
    clean + rest.take_while(|byte| !is_special(**byte)).count()
}

fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// The letter that stands for a byte behind a backslash; 0 where there is none.
const SHORT: [u8; 256] = {
    let mut short = [0; 256];
    short[0x08] = b'b';
    short[0x09] = b't';
    short[0x0a] = b'n';
    short[0x0c] = b'f';
    short[0x0d] = b'r';
    short[b'"' as usize] = b'"';
    short[b'\\' as usize] = b'\\';
    short
};

#[inline]
fn push_escaped(wire: &mut Vec<u8>, byte: u8) {
    match SHORT[usize::from(byte)] {
        0 => wire.extend_from_slice(&unicode_escape(byte)),
        short => wire.extend_from_slice(&[b'\\', short]),
    }
}

#[cold]
fn unicode_escape(byte: u8) -> [u8; 6] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS[usize::from(value & 0xf)];
    [b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]
}

/// Where in `block` the first byte stands that has to be escaped; its length where there is none.
#[inline]
fn special(block: &[u8; BLOCK]) -> usize {
    let ([low, high], []) = block.as_chunks() else {
        return BLOCK;
    };
    let (low, high) = (marks(*low), marks(*high));
    // One bit in eight is a mark, so the number of bits below the first one is eight for each byte before it.
    if low != 0 {
        low.trailing_zeros() as usize / 8
    } else if high != 0 {
        8 + high.trailing_zeros() as usize / 8
    } else {
        BLOCK
    }
}

/// The highest bit of each byte that has to be escaped, the first byte lowest. Additions stay within their byte, because what is added to has its highest
/// bit taken off: no byte marks its neighbour.
#[inline]
fn marks(bytes: [u8; 8]) -> u64 {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    const HIGHEST: u64 = EACH * 0x80;
    let word = u64::from_le_bytes(bytes);
    let below = |word: u64, limit: u64| !((word & !HIGHEST) + EACH * (0x80 - limit));
    let is = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    // What is no ASCII is never escaped.
    (below(word, 0x20) | is(b'"') | is(b'\\')) & !word & HIGHEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_escaped_as_serde_does_wherever_it_stands() {
        for byte in 0..=0x7f_u8 {
            for length in [1, 15, 16, 17, 40] {
                for at in 0..length {
                    let mut text = "x".repeat(length).into_bytes();
                    text[at] = byte;
                    let text = String::from_utf8(text).unwrap();
                    let json = serde_json::to_string(&text).unwrap();
                    assert_eq!(escape(&text), json[1..json.len() - 1], "{byte} at {at}");
                }
            }
        }
    }

    #[test]
    fn nothing_but_escapes_fits_too() {
        for text in ["\0".repeat(100), "\"".repeat(33), "é\n🦀\t".repeat(21)] {
            let json = serde_json::to_string(&text).unwrap();
            assert_eq!(escape(&text), json[1..json.len() - 1]);
        }
    }
}
