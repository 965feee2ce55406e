//! What counts as a word. Whatever changes here changes the index: every store must then be made anew, which takes a new version of the store.

use std::collections::BTreeMap;

/// Longer words are cut, in bytes: hashes, addresses and encoded files are no words, and the index must not be as long as they are.
const LONGEST: usize = 64;

/// The words of a text, in small letters, with how often each occurs.
#[derive(Debug, Default)]
pub(crate) struct Words {
    counts: BTreeMap<String, u32>,
    total: u32,
}

impl Words {
    pub(crate) fn of(text: &str) -> Self {
        let mut words = Words::default();
        each(text, |word| {
            words.total = words.total.saturating_add(1);
            match words.counts.get_mut(word) {
                Some(count) => *count = count.saturating_add(1),
                None => {
                    words.counts.insert(word.to_owned(), 1);
                }
            }
        });
        words
    }

    /// How many there are, repetitions counted.
    pub(crate) fn total(&self) -> u32 {
        self.total
    }

    /// Each with how often it occurs, sorted.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (&str, u32)> {
        self.counts
            .iter()
            .map(|(word, count)| (word.as_str(), *count))
    }
}

/// Hand each word of `text` to `visit`, in order: runs of letters and digits. Scripts that put no space between words give each of their characters and
/// each pair of neighbours, which is how search engines find words there without a dictionary.
pub(crate) fn each(text: &str, mut visit: impl FnMut(&str)) {
    let mut word = String::new();
    let mut neighbour: Option<char> = None;
    for character in text.chars().flat_map(char::to_lowercase) {
        if is_unspaced(character) {
            end(&mut word, &mut visit);
            if let Some(before) = neighbour {
                word.extend([before, character]);
                end(&mut word, &mut visit);
            }
            word.push(character);
            end(&mut word, &mut visit);
            neighbour = Some(character);
            continue;
        }
        neighbour = None;
        match character.is_alphanumeric() || is_mark(character) {
            true if word.len() + character.len_utf8() <= LONGEST => word.push(character),
            true => {}
            false => end(&mut word, &mut visit),
        }
    }
    end(&mut word, &mut visit);
}

fn end(word: &mut String, visit: &mut impl FnMut(&str)) {
    if !word.is_empty() {
        visit(word);
        word.clear();
    }
}

/// An accent that stands for itself behind its letter.
fn is_mark(character: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&character)
}

/// Whether `character` is of a script that is written without spaces: Thai, Lao, Burmese, Khmer, kana, Han.
fn is_unspaced(character: char) -> bool {
    character.is_alphanumeric()
        && matches!(
            character,
            '\u{e00}'..='\u{eff}'
                | '\u{1000}'..='\u{109f}'
                | '\u{1780}'..='\u{17ff}'
                | '\u{3040}'..='\u{30ff}'
                | '\u{31f0}'..='\u{31ff}'
                | '\u{3400}'..='\u{4dbf}'
                | '\u{4e00}'..='\u{9fff}'
                | '\u{f900}'..='\u{faff}'
                | '\u{20000}'..='\u{3ffff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each(text, |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_small_letters() {
        for (text, expected) in [
            ("", &[][..]),
            (" \n\0—…", &[]),
            ("The café's 2nd Tea!", &["the", "café", "s", "2nd", "tea"]),
            ("ΣΊΣΥΦΟΣ ÅNGSTRÖM Жук", &["σίσυφοσ", "ångström", "жук"]),
            ("cafe\u{301}", &["cafe\u{301}"]),
            ("fs.read_file", &["fs", "read", "file"]),
            ("हिन्दी", &["हिन", "दी"]),
            ("東京2駅", &["東", "東京", "京", "2", "駅"]),
            ("テストx", &["テ", "テス", "ス", "スト", "ト", "x"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn a_long_word_is_cut_between_two_characters() {
        let long = "é".repeat(5_000);
        assert_eq!(words(&long), ["é".repeat(32)]);
        assert_eq!(
            words(&format!("a{long} b")),
            [format!("a{}", "é".repeat(31)), "b".into()]
        );
    }

    #[test]
    fn repetitions_are_counted() {
        let words = Words::of("Tea, tea and TEA");
        assert_eq!(words.total(), 4);
        assert_eq!(
            words.counted().collect::<Vec<_>>(),
            [("and", 1), ("tea", 3)]
        );
    }
}
