//! Event descriptors: which events a transition listens to. A descriptor matches whole dot-separated tokens from the left: `error` matches
//! `error` and `error.execution`, not `errors`. `*` matches all; a trailing `.*` says nothing more than the text before it.

/// One descriptor, made ready at load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Descriptor {
    /// `*`.
    Any,
    /// These leading tokens.
    Prefix(Box<str>),
}

impl Descriptor {
    /// Read a descriptor as an author writes it.
    pub fn new(text: &str) -> Self {
        let mut text = text.trim();
        if text == "*" {
            return Descriptor::Any;
        }
        while let Some(shorter) = text.strip_suffix(".*").or_else(|| text.strip_suffix('.')) {
            text = shorter;
        }
        Descriptor::Prefix(text.into())
    }

    /// The leading tokens that it asks for; `None` for `*`.
    pub fn prefix(&self) -> Option<&str> {
        match self {
            Descriptor::Any => None,
            Descriptor::Prefix(prefix) => Some(prefix),
        }
    }

    /// As an author writes it.
    pub fn text(&self) -> &str {
        match self {
            Descriptor::Any => "*",
            Descriptor::Prefix(prefix) => prefix,
        }
    }

    /// Whether the event `name` is meant.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Descriptor::Any => true,
            Descriptor::Prefix(prefix) => name
                .strip_prefix(&**prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        }
    }

    /// Whether every event that `other` means is meant by this one too.
    pub fn covers(&self, other: &Descriptor) -> bool {
        match other {
            Descriptor::Any => *self == Descriptor::Any,
            Descriptor::Prefix(prefix) => self.matches(prefix),
        }
    }
}

/// Whether a transition written for `descriptor` listens to the event `name`.
pub fn event_matches(descriptor: &str, name: &str) -> bool {
    Descriptor::new(descriptor).matches(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_tokens_match_from_the_left() {
        for (descriptor, event, matches) in [
            ("error", "error", true),
            ("error", "error.execution", true),
            ("error", "errors", false),
            ("error.*", "error", true),
            ("error.execution", "error", false),
            ("error.", "error.x", true),
            ("*", "anything.at.all", true),
        ] {
            assert_eq!(
                Descriptor::new(descriptor).matches(event),
                matches,
                "{descriptor} {event}"
            );
        }
        assert!(Descriptor::new("*").covers(&Descriptor::new("a.b")));
        assert!(Descriptor::new("a").covers(&Descriptor::new("a.b.*")));
        assert!(!Descriptor::new("a.b").covers(&Descriptor::new("a")));
        assert!(!Descriptor::new("a").covers(&Descriptor::new("*")));
    }
}
