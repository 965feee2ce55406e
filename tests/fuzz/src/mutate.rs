//! Makes inputs of inputs, always the same ones for the same seed.

use fastrand::Rng;

/// Longest input that is made.
const LENGTH_MAX: usize = 256 << 10;
/// Bytes that mean something to somebody: structure, numbers at their ends, text that is none.
const TOKENS: [&[u8]; 40] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b": ",
    b", ",
    b"- ",
    b"\n",
    b"  ",
    b"\"",
    b"'",
    b"|\n",
    b">-\n",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!binary ",
    b"---\n",
    b"# ",
    b"null",
    b"~",
    b"true",
    b"0",
    b"-1",
    b"18446744073709551616",
    b"1e999",
    b".nan",
    b"0x7fffffffffffffff",
    b"99999999999h",
    b"1.5",
    b"GiB",
    b"*",
    b"**/",
    b"..",
    b"\xff",
    b"\xed\xa0\x80",
    b"\0",
    b"\xe2\x80\xae",
    b"\xff\xff\xff\xff\x0f",
    b"\x80\x80\x80\x80\x80\x00",
];

/// A seeded source of inputs.
pub struct Mutator {
    /// Chance.
    pub chance: Rng,
}

impl Mutator {
    pub fn new(seed: u64) -> Self {
        Mutator {
            chance: Rng::with_seed(seed),
        }
    }

    /// One of `seeds` with a few things done to it.
    pub fn mutated(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.one_of(seeds).to_vec();
        for _ in 0..self.chance.usize(1..=8) {
            self.change(&mut input, seeds);
        }
        input.truncate(LENGTH_MAX);
        input
    }

    /// One of them; nothing of none.
    pub fn one_of<'a>(&mut self, seeds: &'a [Vec<u8>]) -> &'a [u8] {
        match seeds.len() {
            0 => &[],
            n => &seeds[self.chance.usize(..n)],
        }
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.chance.usize(..=input.len());
        let end = (at + self.chance.usize(..=64)).min(input.len());
        match self.chance.u8(..9) {
            0 if at < input.len() => input[at] ^= 1 << self.chance.u8(..8),
            1 if at < input.len() => input[at] = self.chance.u8(..),
            2 => drop(input.drain(at..end)),
            3 => {
                let token = TOKENS[self.chance.usize(..TOKENS.len())];
                input.splice(at..at, token.iter().copied());
            }
            4 => {
                let token = TOKENS[self.chance.usize(..TOKENS.len())];
                input.splice(at..end, token.iter().copied());
            }
            // The same again, once or often.
            5 => {
                let piece = input[at..end].to_vec();
                let times = if self.chance.u8(..16) == 0 { 500 } else { 1 };
                input.splice(at..at, piece.repeat(times));
            }
            // A line of it to another place, or one of another input.
            6 => {
                let line = self.line(input);
                input.splice(at..at, line);
            }
            7 => {
                let other = self.one_of(seeds).to_vec();
                let line = self.line(&other);
                input.splice(at..at, line);
            }
            _ => {
                let other = self.one_of(seeds).to_vec();
                let from = self.chance.usize(..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
        input.truncate(LENGTH_MAX);
    }

    /// One line of `text`, with its end.
    fn line(&mut self, text: &[u8]) -> Vec<u8> {
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        match lines.len() {
            0 => Vec::new(),
            n => lines[self.chance.usize(..n)].to_vec(),
        }
    }
}
