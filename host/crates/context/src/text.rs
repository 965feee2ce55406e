//! A chunk of text: measured, and cut at its end when it is too long.

use crate::{Estimator, GatheredText};
use std::sync::Arc;
use types::{Item, Label, Provenance, Role};

/// Texts of one chunk. What stands beside each other and came from the same source is one text, joined by a blank line; what came from elsewhere stays
/// apart, so that every item of the payload keeps its true provenance.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextBody {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
struct Segment {
    text: Arc<str>,
    provenance: Provenance,
    labels: Vec<Label>,
    /// Tokens of the text alone.
    tokens: u64,
}

/// A body cut to some room, with the tokens that were cut off.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextCut {
    pub body: TextBody,
    pub cut: u64,
}

impl TextBody {
    /// The texts as one body; blank ones are left out.
    pub fn new(texts: Vec<GatheredText>, estimator: &dyn Estimator) -> Self {
        let mut joined: Vec<GatheredText> = Vec::with_capacity(texts.len());
        for next in texts
            .into_iter()
            .filter(|text| !text.text.trim().is_empty())
        {
            match joined.last_mut() {
                Some(last) if last.provenance == next.provenance && last.labels == next.labels => {
                    last.text = format!("{}\n\n{}", last.text.trim_end(), next.text).into();
                }
                _ => joined.push(next),
            }
        }
        let segment = |text: GatheredText| Segment {
            tokens: estimator.tokens(&text.text),
            text: text.text,
            provenance: text.provenance,
            labels: text.labels,
        };
        TextBody {
            segments: joined.into_iter().map(segment).collect(),
        }
    }

    /// Tokens of all items that it will be sent as.
    pub fn tokens(&self, estimator: &dyn Estimator) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.tokens + estimator.message())
            .sum()
    }

    /// The texts again, for a slot that joins several bodies.
    pub fn into_texts(self) -> impl Iterator<Item = GatheredText> {
        self.segments.into_iter().map(|segment| GatheredText {
            text: segment.text,
            provenance: segment.provenance,
            labels: segment.labels,
        })
    }

    /// Provenance and tokens of each item that is sent.
    pub fn shares(&self, estimator: &dyn Estimator) -> impl Iterator<Item = (&Provenance, u64)> {
        let message = estimator.message();
        self.segments
            .iter()
            .map(move |segment| (&segment.provenance, segment.tokens + message))
    }

    /// The items to send.
    pub fn items(&self, role: Role) -> impl Iterator<Item = Arc<Item>> {
        self.segments.iter().map(move |segment| {
            Arc::new(Item::Text {
                role,
                text: (&segment.text).into(),
                provenance: segment.provenance.clone(),
                labels: segment.labels.clone(),
            })
        })
    }

    /// As much of the beginning as fits into `room` tokens together with a last line that says how much was cut. Empty when not even that fits.
    pub fn tail_cut(&self, room: u64, estimator: &dyn Estimator) -> TextCut {
        let whole = self.tokens(estimator);
        if whole <= room {
            return TextCut {
                body: self.clone(),
                cut: 0,
            };
        }
        // The first segment that does not fit is cut; where not even its first words fit, the note goes to the end of the one before it.
        let mut before: Vec<u64> = Vec::with_capacity(self.segments.len());
        let mut used = 0;
        for segment in &self.segments {
            before.push(used);
            used += segment.tokens + estimator.message();
        }
        for (index, segment) in self.segments.iter().enumerate().rev() {
            let Some(left) = room.checked_sub(before[index] + estimator.message()) else {
                continue;
            };
            let after = whole - before[index] - estimator.message() - segment.tokens;
            if let Some((text, cut)) =
                cut_text(&segment.text, segment.tokens, after, left, estimator)
            {
                let mut segments = self.segments[..index].to_vec();
                segments.push(Segment {
                    tokens: estimator.tokens(&text),
                    text: text.into(),
                    ..segment.clone()
                });
                return TextCut {
                    body: TextBody { segments },
                    cut,
                };
            }
        }
        TextCut {
            body: TextBody::default(),
            cut: whole,
        }
    }
}

/// The beginning of `text` and the note, in at most `room` tokens, and the tokens cut: those of the text's end and the `after` of all that follows it.
/// `None` when no word fits beside the note.
fn cut_text(
    text: &str,
    tokens: u64,
    after: u64,
    room: u64,
    estimator: &dyn Estimator,
) -> Option<(String, u64)> {
    let with_note = |end: usize| {
        let kept = &text[..end];
        let cut = tokens.saturating_sub(estimator.tokens(kept)) + after;
        let separator = if kept.ends_with('\n') { "" } else { "\n" };
        (format!("{kept}{separator}[… {cut} tokens cut]"), cut)
    };
    let fits = |end: usize| {
        // Measured with the longest note there can be, so that whether a cut fits does not depend on the digits of what it cuts.
        let note = format!("\n[… {} tokens cut]", tokens + after);
        estimator.tokens(&text[..end]) + estimator.tokens(&note) <= room
    };
    let mut end = line_boundary(text, longest(text, fits));
    // An estimator is trusted to grow with the text only roughly: what is sent is measured as it is.
    while end > 0 && !text[..end].trim().is_empty() {
        let (candidate, cut) = with_note(end);
        if estimator.tokens(&candidate) <= room {
            return Some((candidate, cut));
        }
        end = text.floor_char_boundary(end - 1);
    }
    None
}

/// The largest character boundary that fits, by bisection.
fn longest(text: &str, fits: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, text.len());
    while low < high {
        let middle = text.ceil_char_boundary(low + (high - low).div_ceil(2));
        if fits(middle) {
            low = middle;
        } else {
            high = text.floor_char_boundary(middle - 1);
        }
    }
    low
}

/// The end of the last whole line before `end`, unless that would give up more than half: then the character boundary itself.
fn line_boundary(text: &str, end: usize) -> usize {
    match text[..end].rfind('\n') {
        Some(newline) if (newline + 1) * 2 >= end => newline + 1,
        _ => end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BytesEstimate;

    fn text(text: &str, provenance: Provenance) -> GatheredText {
        GatheredText {
            text: text.into(),
            provenance,
            labels: Vec::new(),
        }
    }

    fn shown(body: &TextBody) -> Vec<String> {
        body.segments
            .iter()
            .map(|segment| segment.text.to_string())
            .collect()
    }

    #[test]
    fn texts_of_one_source_are_joined_and_of_another_kept_apart() {
        let file = || Provenance::File("a.md".into());
        let texts = vec![
            text("one\n", Provenance::House),
            text("  \n", Provenance::Human),
            text("two", Provenance::House),
            text("three", file()),
        ];
        let body = TextBody::new(texts, &BytesEstimate);
        assert_eq!(shown(&body), ["one\n\ntwo", "three"]);
    }

    #[test]
    fn the_end_goes_at_a_line_and_the_text_says_so() {
        let lines: String = (1..=40).map(|n| format!("line {n}\n")).collect();
        let body = TextBody::new(vec![text(&lines, Provenance::House)], &BytesEstimate);
        let cut = body.tail_cut(20, &BytesEstimate);
        assert_eq!(
            shown(&cut.body),
            ["line 1\nline 2\nline 3\nline 4\nline 5\n[… 77 tokens cut]"]
        );
        assert_eq!(cut.cut, 77);
        assert!(cut.body.tokens(&BytesEstimate) <= 20);
    }

    #[test]
    fn a_text_without_lines_is_cut_between_characters() {
        let body = TextBody::new(
            vec![text(&"日本語".repeat(100), Provenance::House)],
            &BytesEstimate,
        );
        for room in 0..400 {
            let cut = body.tail_cut(room, &BytesEstimate);
            assert!(cut.body.tokens(&BytesEstimate) <= room);
            assert_eq!(cut.body.segments.is_empty(), room < 13, "{room}");
        }
    }

    #[test]
    fn what_follows_the_cut_is_counted_as_cut() {
        let texts = vec![
            text(&"a ".repeat(100), Provenance::House),
            text(&"b ".repeat(100), Provenance::Human),
        ];
        let body = TextBody::new(texts, &BytesEstimate);
        let cut = body.tail_cut(40, &BytesEstimate);
        assert_eq!(cut.body.segments.len(), 1);
        assert!(shown(&cut.body)[0].ends_with(&format!("[… {} tokens cut]", cut.cut)));
        assert!(cut.cut > 60);
    }
}
