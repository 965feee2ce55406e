//! The names that a chart's transitions listen to, numbered, so that selecting transitions compares numbers and no text.
//!
//! Descriptors match whole tokens from the left, so the names form a tree (`error` above `error.execution`). Words are numbered in that tree's
//! order, like states in theirs: what a descriptor matches is a range of numbers. An event is looked up once per step, as the longest word
//! that its name begins with; all that it does not say behind that makes no difference to any transition.

use crate::descriptor::Descriptor;

/// The number of a word; 0 for names that begin with none.
pub(crate) type Word = u32;

/// The words of one chart.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    /// Each word's text and number, by length and then by text.
    words: Vec<(Box<str>, Word)>,
    /// Where in `words` the texts of each length begin, up to one past the longest.
    lengths: Vec<u32>,
}

/// What a descriptor matches, as words from the first to one past the last.
pub(crate) type Meant = (Word, Word);

impl Vocabulary {
    /// Number the words of `descriptors`, and say of each descriptor what it matches.
    pub fn of<'d>(descriptors: impl Iterator<Item = &'d Descriptor>) -> (Vocabulary, Vec<Meant>) {
        let descriptors: Vec<&Descriptor> = descriptors.collect();
        let mut tree: Vec<&str> = descriptors.iter().filter_map(|d| d.prefix()).collect();
        let by_tokens = |a: &&str, b: &&str| a.split('.').cmp(b.split('.'));
        tree.sort_unstable_by(by_tokens);
        tree.dedup();
        let meant = descriptors.iter().map(|descriptor| {
            let Some(text) = descriptor.prefix() else {
                return (0, Word::MAX);
            };
            let start = tree.partition_point(|word| by_tokens(word, &text).is_lt());
            let inside = tree[start..].iter().take_while(|w| descriptor.matches(w));
            // 0 is no word.
            (start as Word + 1, (start + inside.count()) as Word + 1)
        });
        let meant = meant.collect();
        let mut words: Vec<(Box<str>, Word)> = (1..)
            .zip(&tree)
            .map(|(number, text)| (Box::from(*text), number))
            .collect();
        words.sort_unstable_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
        let longest = words.last().map_or(0, |(text, _)| text.len());
        let lengths = (0..=longest + 1)
            .map(|length| words.partition_point(|(text, _)| text.len() < length) as u32)
            .collect();
        (Vocabulary { words, lengths }, meant)
    }

    /// The word that an event of this name is for the chart.
    #[inline]
    pub fn find(&self, name: &str) -> Word {
        let mut tokens = name;
        loop {
            if let Some(word) = self.exactly(tokens) {
                return word;
            }
            match tokens.rfind('.') {
                Some(dot) => tokens = &tokens[..dot],
                None => return 0,
            }
        }
    }

    #[inline]
    fn exactly(&self, text: &str) -> Option<Word> {
        let from = *self.lengths.get(text.len())? as usize;
        let to = *self.lengths.get(text.len() + 1)? as usize;
        // Seldom more than a few.
        let alike = &self.words[from..to];
        let found = alike.binary_search_by(|(word, _)| (**word).cmp(text));
        found.ok().map(|position| alike[position].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_match_exactly_what_descriptors_match() {
        let texts = [
            "a", "a.b", "a.b.c", "ab", "a.bc", "*", "error.*", "error", "é.x", ".", "", ".a",
            "x.y.z", "a-b", "a b",
        ];
        let descriptors: Vec<Descriptor> = texts.iter().map(|t| Descriptor::new(t)).collect();
        let (vocabulary, meant) = Vocabulary::of(descriptors.iter());
        let mut names: Vec<String> = texts.iter().map(|t| (*t).to_owned()).collect();
        for text in texts {
            names.extend([
                format!("{text}.more"),
                format!("{text}x"),
                format!(".{text}"),
            ]);
        }
        for name in names {
            let word = vocabulary.find(&name);
            for (descriptor, (from, to)) in descriptors.iter().zip(&meant) {
                let expected = descriptor.matches(&name);
                assert_eq!(
                    (*from..*to).contains(&word),
                    expected,
                    "{descriptor:?} {name}"
                );
            }
        }
    }
}
