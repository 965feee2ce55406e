//! How many tokens a text takes. Counting exactly needs each model's own vocabulary, megabytes of it; budgets need only a figure that is close, never
//! far too small, and the same every time.

use crate::exact::Exact;
use crate::{CalibrationReport, Counting, Scale, Vocabulary};
use types::{Item, Text, ToolCall, ToolSchema};

/// Tokens that one message costs beside its text: its role and its delimiters.
///
/// OpenAI's cookbook counts three for each message of its chat models and some providers wrap a role in four; the larger is taken, because a payload that
/// was thought too long is trimmed a little early, and one that was thought too short is refused.
const MESSAGE: u64 = 4;

/// Tokens that one tool or one call costs beside its texts: the names of the fields around them.
const TOOL: u64 = 8;

/// Counts tokens. Implementations must be pure: the same text is the same number, always.
pub trait Estimator: Send + Sync {
    /// What reports call it.
    fn name(&self) -> &str;

    /// Tokens of a text alone.
    fn tokens(&self, text: &str) -> u64;

    /// Tokens of a text in the form in which it is kept: the same as those of the plain text.
    fn text(&self, text: &Text) -> u64 {
        self.tokens(&text.plain())
    }

    /// Tokens that one message costs beside its text.
    fn message(&self) -> u64 {
        MESSAGE
    }

    /// How many tokens of the provider one of its own is. All that it counts is in its own raw units; room, budgets and reports go by this.
    fn scale(&self) -> Scale {
        Scale::ONE
    }

    /// What was learnt from the provider's own counts.
    fn calibration(&self) -> Option<CalibrationReport> {
        None
    }

    /// Tokens of a whole item of the conversation.
    fn item(&self, item: &Item) -> u64 {
        let inside = match item {
            Item::Text { text, .. } => self.text(text),
            Item::Assistant {
                text,
                reasoning,
                calls,
                ..
            } => {
                let reasoning = reasoning
                    .as_ref()
                    .map_or(0, |reasoning| match &reasoning.kept {
                        Some(kept) => self.tokens(&kept.json),
                        None => self.text(&reasoning.text),
                    });
                let calls: u64 = calls.iter().map(|call| self.call(call)).sum();
                self.text(text) + reasoning + calls
            }
            Item::Result(result) => TOOL + self.tokens(&result.call) + self.text(&result.text),
        };
        self.message() + inside
    }

    /// Tokens of one call that the model made.
    fn call(&self, call: &ToolCall) -> u64 {
        TOOL + self.tokens(&call.id) + self.tokens(&call.name) + self.text(&call.arguments)
    }

    /// Tokens of one tool's schema.
    fn schema(&self, schema: &ToolSchema) -> u64 {
        let parameters = schema.parameters.to_string();
        TOOL + self.tokens(&schema.name)
            + self.tokens(&schema.description)
            + self.tokens(&parameters)
    }
}

/// Tokens by the length of the text: 3.6 ASCII bytes each, 2.5 bytes of anything else.
///
/// Providers state 4 characters of English for a token (OpenAI) and 3.5 (Anthropic); prose lies above that, source code and JSON, of which an agent's
/// history is mostly made, below. 3.6 is the cautious side of the middle. Other scripts spend two to four bytes on a character and about one token on one
/// or two, which 2.5 covers. No tables, and a [`Text`] counts its bytes when it is made: a conversation is measured without being read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BytesEstimate;

impl Estimator for BytesEstimate {
    fn name(&self) -> &str {
        "bytes/3.6"
    }

    fn tokens(&self, text: &str) -> u64 {
        by_length(text.len(), types::beyond_ascii(text))
    }

    /// Two additions: a text has counted its bytes when it was made.
    fn text(&self, text: &Text) -> u64 {
        by_length(text.len(), text.beyond_ascii())
    }
}

/// ascii / 3.6 + other / 2.5, over the common denominator and rounded up.
fn by_length(length: usize, other: usize) -> u64 {
    let (ascii, other) = ((length - other) as u64, other as u64);
    (ascii * 25 + other * 36).div_ceil(90)
}

/// The counter for a way of counting. It costs nothing until it counts.
pub fn counter(counting: Counting) -> &'static dyn Estimator {
    static O200K: Exact = Exact::new(Vocabulary::O200kBase);
    static CL100K: Exact = Exact::new(Vocabulary::Cl100kBase);
    match counting {
        Counting::Estimate => &BytesEstimate,
        Counting::Exact(Vocabulary::O200kBase) => &O200K,
        Counting::Exact(Vocabulary::Cl100kBase) => &CL100K,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_is_counted_alike_however_it_is_kept(text in "[\u{0}-\u{7f}\\\\\"u\n\u{80}-\u{10ffff}]{0,300}") {
            prop_assert_eq!(BytesEstimate.text(&Text::from(&*text)), BytesEstimate.tokens(&text));
        }
    }

    #[test]
    fn ascii_is_lighter_than_other_scripts() {
        for (text, tokens) in [
            ("", 0),
            ("a", 1),
            ("abcd", 2),
            (&*"x".repeat(360), 100),
            (&*"日本".repeat(50), 120),
            (&*"é".repeat(1_000), 800),
        ] {
            assert_eq!(BytesEstimate.tokens(text), tokens, "{text}");
        }
    }
}
