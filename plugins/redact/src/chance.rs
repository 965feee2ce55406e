//! Telling what chance made from what a person wrote.
//!
//! Entropy alone does not: `reset_password_form` and a token of its length have nearly the same. But words are made of few pairs of letters,
//! and chance is not: of the pairs in English words and in identifiers, nineteen of twenty are in [`FOLLOWERS`]; of random ones, two of five.

/// For each letter, those that often follow it in English words and in the names of programs.
const FOLLOWERS: [&str; 26] = [
    "bcdgilmnprstuvy",
    "aeiloruy",
    "aehikloortu",
    "aeiorsu",
    "acdefgilmnprstvwxy",
    "aefiolrtu",
    "aehilnorsu",
    "aeiortu",
    "abcdefgklmnoprstvz",
    "aeosu",
    "eisn",
    "adefiklostuvy",
    "abeimopsu",
    "acdefgiknostu",
    "abcdfgiklmnoprstuvw",
    "aehiloprstu",
    "u",
    "acdegiklmnorstuvy",
    "acehiklmopqstuwy",
    "acehilorstuwy",
    "abcdegilmnprst",
    "aeio",
    "aehinors",
    "aceipt",
    "emopst",
    "aeio",
];

/// The same as bits.
const COMMON: [u32; 26] = {
    let mut common = [0; 26];
    let mut first = 0;
    while first < 26 {
        let followers = FOLLOWERS[first].as_bytes();
        let mut index = 0;
        while index < followers.len() {
            common[first] |= 1 << (followers[index] - b'a');
            index += 1;
        }
        first += 1;
    }
    common
};

/// How much of a text is looked at: what is random is random from its beginning.
const SEEN: usize = 128;
/// More than this share of common pairs is words, in percent.
const WORDS_PERCENT: usize = 70;
/// Words and names are longer than this on average; pieces of what mixes cases and digits by chance are shorter.
const PIECE: usize = 3;

/// What a text is made of.
#[derive(Clone, Copy, Default)]
pub struct Make {
    /// Bytes that were looked at.
    pub length: usize,
    /// Letters.
    pub letters: usize,
    /// Upper-case letters.
    pub upper: usize,
    /// Digits.
    pub digits: usize,
    /// What is neither letter nor digit nor one of `_`, `-`, `.` and `/`, which names have too.
    pub symbols: usize,
    /// Different bytes.
    pub distinct: usize,
    pieces: usize,
    pairs: usize,
    common: usize,
}

impl Make {
    /// Look at `text`.
    pub fn of(text: &[u8]) -> Make {
        let text = &text[..text.len().min(SEEN)];
        let mut make = Make {
            length: text.len(),
            ..Make::default()
        };
        let mut seen = [0_u64; 4];
        let mut before = b' ';
        for &byte in text {
            seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
            if byte.is_ascii_alphabetic() {
                make.letter(before, byte);
            } else if byte.is_ascii_digit() {
                make.digits += 1;
            } else if !matches!(byte, b'_' | b'-' | b'.' | b'/') {
                make.symbols += 1;
            }
            before = byte;
        }
        make.distinct = seen.iter().map(|bits| bits.count_ones() as usize).sum();
        make
    }

    fn letter(&mut self, before: u8, byte: u8) {
        self.letters += 1;
        self.upper += usize::from(byte.is_ascii_uppercase());
        let hump = before.is_ascii_lowercase() && byte.is_ascii_uppercase();
        if !before.is_ascii_alphabetic() || hump {
            self.pieces += 1;
            return;
        }
        let index = |byte: u8| usize::from(byte.to_ascii_lowercase() - b'a');
        self.pairs += 1;
        self.common += (COMMON[index(before)] >> index(byte) & 1) as usize;
    }

    /// Whether its letters are words.
    pub fn is_words(&self) -> bool {
        self.letters >= PIECE * self.pieces && self.common * 100 > self.pairs * WORDS_PERCENT
    }

    /// Whether chance made it: letters and digits, or letters of both cases, of which no words can be made.
    pub fn is_random(&self) -> bool {
        let mixed = self.digits > 0 || (self.upper >= 3 && self.letters - self.upper >= 3);
        self.letters >= 3 && mixed && self.distinct >= 8 && !self.is_words()
    }
}
