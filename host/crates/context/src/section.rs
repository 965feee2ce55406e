//! Sections: each chunk of text between tags named after it, and nothing from outside the house able to open or close one.
//!
//! A model told `<charter>…</charter>` takes what stands inside for the house's own word. So whatever a tool, a person, a memory or a model wrote must not
//! be able to say `</charter>`, in no spelling that a model might read so. Only the `<` of such a tag is changed, to `&lt;`: the text stays readable, and
//! code or HTML that has nothing to do with the map stays as it was.

mod lookalike;

use crate::{ContextMap, Sections};
use lookalike::{decorates, fold, is_invisible, opens};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

impl ContextMap {
    /// Whether texts sent to the model called `model` stand in sections.
    pub fn has_sections(&self, model: &str) -> bool {
        are_marked(self.sections, model)
    }
}

/// What the `<` of a tag becomes.
const HARMLESS: &str = "&lt;";

/// `text` with everything changed that could be read as a tag of a section of `map`; as it was where nothing could, and where the map has no sections.
///
/// For whatever joins the conversation and did not come from the house. What is gathered for a chunk is treated when the payload is assembled.
pub fn neutralise<'a>(text: &'a str, map: &ContextMap) -> Cow<'a, str> {
    match map.sections {
        Sections::Plain => Cow::Borrowed(text),
        // Which models a conversation will be sent to is not known when it is written down.
        Sections::Xml | Sections::ByModel => SectionNames::of(map).neutralise(text),
    }
}

/// The names of a map's sections.
#[derive(Clone, Debug)]
pub(crate) struct SectionNames {
    names: Arc<BTreeSet<String>>,
    /// Bytes of the longest.
    longest: usize,
}

impl SectionNames {
    /// Those of all chunks of `map`.
    pub fn of(map: &ContextMap) -> Self {
        let names: BTreeSet<String> = map.chunks.iter().map(|chunk| folded(&chunk.id)).collect();
        SectionNames {
            longest: names.iter().map(String::len).max().unwrap_or(0),
            names: Arc::new(names),
        }
    }

    /// `text` with the `<` of all that reads as one of these tags made harmless.
    ///
    /// One pass: what is looked at behind a `<` ends before the next one.
    pub fn neutralise<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut harmless = String::new();
        let mut copied = 0;
        let mut name = String::new();
        // Most text is ASCII, and looking for one byte in it is much faster than for any of some characters.
        let next = match text.is_ascii() {
            true => |text: &str| text.find('<'),
            false => |text: &str| text.find(opens),
        };
        let mut from = 0;
        while let Some(at) = next(&text[from..]).map(|at| from + at) {
            from = text.ceil_char_boundary(at + 1);
            if self.reads_as_tag(&text[from..], &mut name) {
                harmless.push_str(&text[copied..at]);
                harmless.push_str(HARMLESS);
                copied = from;
            }
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        harmless.push_str(&text[copied..]);
        Cow::Owned(harmless)
    }

    /// Whether what stands behind a `<` makes it a tag. `name` is room to work in.
    fn reads_as_tag(&self, behind: &str, name: &mut String) -> bool {
        name.clear();
        let mut verdict = None;
        for c in behind.chars().filter(|c| !is_invisible(*c)) {
            // What a model may take for another one ends here, whatever it is made of.
            if opens(c) {
                return self.names.contains(name.as_str());
            }
            match c.is_whitespace() {
                true => verdict = self.read(c, name),
                false => fold(c, |c| verdict = verdict.or_else(|| self.read(c, name))),
            }
            if let Some(verdict) = verdict {
                return verdict;
            }
        }
        // What will stand behind the end of the text is not known.
        self.is_begun(name)
    }

    /// Read on with `c` behind `name`; the verdict where that decides it.
    fn read(&self, c: char, name: &mut String) -> Option<bool> {
        if is_part_of_name(c) {
            // One more than the longest is no name any more, and the rest of it says nothing.
            if name.len() <= self.longest {
                name.push(c);
            }
            return None;
        }
        if name.is_empty() {
            return if decorates(c) { None } else { Some(false) };
        }
        if self.names.contains(name.as_str()) {
            return Some(true);
        }
        match c {
            // What came was the prefix of a namespace.
            ':' => {
                name.clear();
                None
            }
            // A name may be broken in two: models see through that.
            c if c.is_whitespace() && self.is_begun(name) => None,
            _ => Some(false),
        }
    }

    /// Whether a name begins with `beginning`, or is it.
    fn is_begun(&self, beginning: &str) -> bool {
        let from = (Bound::Included(beginning), Bound::Unbounded);
        let next = self.names.range::<str, _>(from).next();
        next.is_some_and(|name| name.starts_with(beginning))
    }
}

/// `text` as it reads.
fn folded(text: &str) -> String {
    let mut folded = String::new();
    for c in text.chars().filter(|c| !is_invisible(*c)) {
        fold(c, |c| folded.push(c));
    }
    folded
}

/// Whether names go on with `c`.
fn is_part_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// The tags around one section.
#[derive(Clone, Debug)]
pub(crate) struct Tags {
    open: String,
    close: String,
}

impl Tags {
    /// Those of the chunk `id`; `None` where its name could not stand in a tag.
    pub fn of(id: &str) -> Option<Self> {
        let safe = id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && id.chars().all(|c| c.is_ascii() && is_part_of_name(c));
        safe.then(|| Tags {
            open: format!("<{id}>\n"),
            close: format!("</{id}>"),
        })
    }

    /// `text` between them.
    pub fn around(&self, text: &str) -> Arc<str> {
        let line_end = if text.ends_with('\n') { "" } else { "\n" };
        [&self.open, text, line_end, &self.close].concat().into()
    }

    /// The tags alone, which are measured to leave room for them.
    pub fn alone(&self) -> String {
        format!("{}\n{}", self.open, self.close)
    }
}

/// Whether texts sent to the model called `model` are to stand in sections.
pub(crate) fn are_marked(sections: Sections, model: &str) -> bool {
    match sections {
        Sections::Xml => true,
        Sections::Plain => false,
        Sections::ByModel => {
            let model = model.to_lowercase();
            model.contains("claude") || model.contains("anthropic")
        }
    }
}

#[cfg(test)]
mod tests;
