//! A chunk of text: its pieces, put together and measured.

mod cut;

use crate::section::Tags;
use crate::{Estimator, GatheredText};
use std::sync::Arc;
use types::{Item, Label, Provenance, Role};

/// One text that a chunk is made of, with what decides whether it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub text: GatheredText,
    /// A higher one is kept longer where whole pieces go.
    pub priority: u8,
    /// Whether it stays when whole pieces go.
    pub protected: bool,
}

/// A chunk's text with all its pieces.
#[derive(Clone, Debug)]
pub(crate) struct TextWhole {
    parts: Vec<Part>,
    tags: Option<Tags>,
    /// All of them together.
    body: TextBody,
    /// Tokens of [`TextWhole::body`].
    tokens: u64,
    /// Tokens that states' own budgets have cut already.
    cut: u64,
}

/// What is sent of a chunk's text. What stands beside each other and came from the same source is one text, joined by a blank line; what came from
/// elsewhere stays apart, so that every item of the payload keeps its true provenance.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextBody {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
struct Segment {
    /// As it was gathered.
    text: Arc<str>,
    /// As it is sent: between its tags, where the map has sections.
    sent: Arc<str>,
    provenance: Provenance,
    labels: Vec<Label>,
    /// Tokens of what is sent, without those of its message.
    tokens: u64,
}

/// A body cut to some room, with the tokens that were cut off.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextCut {
    pub body: TextBody,
    pub cut: u64,
}

impl TextWhole {
    /// The texts of a chunk, of which `cut` tokens went already; blank ones are left out.
    pub fn new(parts: Vec<Part>, tags: Option<Tags>, cut: u64, estimator: &dyn Estimator) -> Self {
        let mut parts = parts;
        parts.retain(|part| !part.text.text.trim().is_empty());
        let body = TextBody::new(parts.iter(), tags.as_ref(), estimator);
        TextWhole {
            tokens: body.tokens(estimator),
            parts,
            tags,
            body,
            cut,
        }
    }

    /// Tokens of all of it.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Everything.
    pub fn whole(&self) -> TextCut {
        TextCut {
            body: self.body.clone(),
            cut: self.cut,
        }
    }

    /// Its pieces.
    pub fn into_parts(self) -> Vec<Part> {
        self.parts
    }
}

impl TextBody {
    /// Pieces as they are sent.
    fn new<'a>(
        parts: impl Iterator<Item = &'a Part>,
        tags: Option<&Tags>,
        estimator: &dyn Estimator,
    ) -> Self {
        let mut runs: Vec<Vec<&GatheredText>> = Vec::new();
        for Part { text, .. } in parts {
            match runs.last_mut() {
                Some(run) if is_same_source(run[0], text) => run.push(text),
                _ => runs.push(vec![text]),
            }
        }
        let segment = |run: &Vec<&GatheredText>| {
            let (provenance, labels) = (run[0].provenance.clone(), run[0].labels.clone());
            Segment::new(joined(run), provenance, labels, tags, estimator)
        };
        TextBody {
            segments: runs.iter().map(segment).collect(),
        }
    }

    /// Tokens of all items that it will be sent as.
    pub fn tokens(&self, estimator: &dyn Estimator) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.tokens + estimator.message())
            .sum()
    }

    /// What is left after a cut, as pieces of a slot, each as important as `like`.
    pub fn into_parts(self, like: &Part) -> impl Iterator<Item = Part> {
        self.segments.into_iter().map(move |segment| Part {
            text: GatheredText {
                text: segment.text,
                provenance: segment.provenance,
                labels: segment.labels,
            },
            ..like.clone()
        })
    }

    /// The first of the texts that are sent.
    pub fn first_text(&self) -> Option<String> {
        self.segments
            .first()
            .map(|segment| segment.sent.to_string())
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
                text: (&segment.sent).into(),
                provenance: segment.provenance.clone(),
                labels: segment.labels.clone(),
            })
        })
    }
}

impl Segment {
    fn new(
        text: Arc<str>,
        provenance: Provenance,
        labels: Vec<Label>,
        tags: Option<&Tags>,
        estimator: &dyn Estimator,
    ) -> Self {
        let sent = tags.map_or_else(|| text.clone(), |tags| tags.around(&text));
        Segment {
            tokens: estimator.tokens(&sent),
            text,
            sent,
            provenance,
            labels,
        }
    }

    /// The same source with another text.
    fn with(&self, text: &str, tags: Option<&Tags>, estimator: &dyn Estimator) -> Self {
        let (provenance, labels) = (self.provenance.clone(), self.labels.clone());
        Segment::new(text.into(), provenance, labels, tags, estimator)
    }
}

fn is_same_source(one: &GatheredText, other: &GatheredText) -> bool {
    one.provenance == other.provenance && one.labels == other.labels
}

/// Texts of one source as one; a single one is not copied.
fn joined(run: &[&GatheredText]) -> Arc<str> {
    let [before @ .., last] = run else {
        return Arc::default();
    };
    if before.is_empty() {
        return last.text.clone();
    }
    let mut text = String::new();
    for earlier in before {
        text.push_str(earlier.text.trim_end());
        text.push_str("\n\n");
    }
    text.push_str(&last.text);
    text.into()
}

#[cfg(test)]
mod tests;
