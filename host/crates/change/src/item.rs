//! What is controlled, and which revision of it is meant.

use crate::text::{is_text, shown};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use types::ContentHash;

/// Something that is released by itself. In records and on the command line `house`, `agent:NAME`, `chart:NAME`, `policy:NAME` or `plugin:NAME`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ItemId {
    /// `house.yaml`, with the keys and scripts that it names.
    House,
    /// An agent, with the texts that its context map names.
    Agent(Arc<str>),
    /// A chart, with the texts that its states name.
    Chart(Arc<str>),
    /// A policy.
    Policy(Arc<str>),
    /// A component.
    Plugin(Arc<str>),
}

/// A text that names no item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no item; write `house`, `agent:NAME`, `chart:NAME`, `policy:NAME` or `plugin:NAME`"
)]
pub struct ItemError(String);

impl ItemId {
    /// Read `agent:coder`.
    ///
    /// # Errors
    /// A text that names nothing that can be controlled.
    pub fn parse(text: &str) -> Result<Self, ItemError> {
        let wrong = || ItemError(shown(text));
        if text == "house" {
            return Ok(ItemId::House);
        }
        let (kind, name) = text.split_once(':').ok_or_else(wrong)?;
        let sound = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 200 || !name.chars().all(sound) {
            return Err(wrong());
        }
        let name = name.into();
        match kind {
            "agent" => Ok(ItemId::Agent(name)),
            "chart" => Ok(ItemId::Chart(name)),
            "policy" => Ok(ItemId::Policy(name)),
            "plugin" => Ok(ItemId::Plugin(name)),
            _ => Err(wrong()),
        }
    }

    /// `house`, `agent`, `chart`, `policy` or `plugin`.
    pub fn kind(&self) -> &'static str {
        match self {
            ItemId::House => "house",
            ItemId::Agent(_) => "agent",
            ItemId::Chart(_) => "chart",
            ItemId::Policy(_) => "policy",
            ItemId::Plugin(_) => "plugin",
        }
    }

    /// Its name; `house` for the house.
    pub fn name(&self) -> &str {
        match self {
            ItemId::House => "house",
            ItemId::Agent(name)
            | ItemId::Chart(name)
            | ItemId::Policy(name)
            | ItemId::Plugin(name) => name,
        }
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ItemId::House => f.write_str("house"),
            other => write!(f, "{}:{}", other.kind(), other.name()),
        }
    }
}

is_text!(ItemId, ItemError, ItemId::parse);

/// Which content of an item is meant. In records its hash, or null where the item is not there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "Option<ContentHash>", from = "Option<ContentHash>")]
pub enum Revision {
    /// The item is not there: removed, or not made yet.
    Absent,
    /// Its content.
    Content(ContentHash),
}

impl Revision {
    /// The revision that files with these names and hashes make up, whatever order they come in; [`Revision::Absent`] for none.
    pub fn of<'f>(files: impl IntoIterator<Item = (&'f str, ContentHash)>) -> Self {
        let mut files: Vec<(&str, ContentHash)> = files.into_iter().collect();
        if files.is_empty() {
            return Revision::Absent;
        }
        files.sort();
        files.dedup();
        let mut all = String::new();
        for (name, hash) in files {
            // A name has no control character in it: nothing can be taken for another name with another hash.
            all.push_str(name);
            all.push('\n');
            all.push_str(&hash.to_string());
            all.push('\n');
        }
        Revision::Content(ContentHash::of(all.as_bytes()))
    }

    /// Read what a person names a revision by: the beginning of its hash is not enough here, `absent` is a word.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "absent" => Some(Revision::Absent),
            text => ContentHash::parse(text).map(Revision::Content),
        }
    }

    /// Its hash.
    pub fn hash(self) -> Option<ContentHash> {
        self.into()
    }

    /// Twelve digits, or `absent`: enough for a person.
    pub fn short(self) -> String {
        match self {
            Revision::Absent => "absent".into(),
            Revision::Content(hash) => hash.short(),
        }
    }
}

impl From<Revision> for Option<ContentHash> {
    fn from(revision: Revision) -> Self {
        match revision {
            Revision::Absent => None,
            Revision::Content(hash) => Some(hash),
        }
    }
}

impl From<Option<ContentHash>> for Revision {
    fn from(hash: Option<ContentHash>) -> Self {
        hash.map_or(Revision::Absent, Revision::Content)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Revision::Absent => f.write_str("absent"),
            Revision::Content(hash) => fmt::Display::fmt(hash, f),
        }
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_written_as_they_are_read() {
        for text in [
            "house",
            "agent:coder",
            "chart:a_b",
            "policy:answers-x",
            "plugin:repo-map",
        ] {
            assert_eq!(ItemId::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "agent",
            "agent:",
            "house:x",
            "agent:a/b",
            "agent:a b",
            "file:x",
            "agent:../x/",
        ] {
            assert!(ItemId::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_revision_is_its_files_in_whatever_order() {
        let (a, b) = (ContentHash::of(b"a"), ContentHash::of(b"b"));
        assert_eq!(
            Revision::of([("x", a), ("y", b)]),
            Revision::of([("y", b), ("x", a)])
        );
        assert_ne!(
            Revision::of([("x", a), ("y", b)]),
            Revision::of([("x", b), ("y", a)])
        );
        assert_eq!(Revision::of([]), Revision::Absent);
    }

    #[test]
    fn an_item_that_is_not_there_is_null() {
        assert_eq!(serde_json::to_string(&Revision::Absent).unwrap(), "null");
        assert_eq!(
            serde_json::from_str::<Revision>("null").unwrap(),
            Revision::Absent
        );
        let one = Revision::Content(ContentHash::of(b"x"));
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Revision>(&text).unwrap(), one);
        assert!(serde_json::from_str::<Revision>("\"nonsense\"").is_err());
    }
}
