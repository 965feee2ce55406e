//! From when what is released counts, and for whom; and how that is signed.

use super::canonical;
use crate::moment::Moment;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::fmt;
use std::sync::Arc;
use types::ContentHash;

/// From when a release counts, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effectivity {
    /// From when.
    pub when: When,
    /// For which agents; `None` is all.
    #[serde(default)]
    pub agents: Option<Vec<Arc<str>>>,
}

/// From when a release counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum When {
    /// From its record on.
    Now,
    /// For runs that begin after it.
    NextRun,
    /// From an instant on.
    At(Moment),
}

impl Effectivity {
    /// At once and for all.
    pub fn now() -> Self {
        Effectivity {
            when: When::Now,
            agents: None,
        }
    }

    /// As it is handed in with the release of the candidate `on`, and so signed. Older versions had what somebody handed in signed, and nothing in it names that.
    pub fn handed_in(&self, on: ContentHash) -> Json {
        let mut own = json!({ "when": self.when });
        if let Some(agents) = &self.agents {
            own["agents"] = json!(agents);
        }
        json!({ "candidate": on, "effectivity": own })
    }

    /// Whether `signed` is the hash of that.
    pub(crate) fn is_in(&self, on: ContentHash, signed: ContentHash) -> bool {
        ContentHash::of(canonical(&self.handed_in(on)).as_bytes()) == signed
    }
}

impl fmt::Display for Effectivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.when {
            When::Now => f.write_str("at once")?,
            When::NextRun => f.write_str("for runs that begin after it")?,
            When::At(moment) => write!(f, "from {moment} on")?,
        }
        match &self.agents {
            Some(agents) => write!(f, ", for {} only", agents.join(", ")),
            None => Ok(()),
        }
    }
}
