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

    /// As it is handed in with a release, and so signed.
    pub fn handed_in(&self) -> Json {
        let mut own = json!({ "when": self.when });
        if let Some(agents) = &self.agents {
            own["agents"] = json!(agents);
        }
        json!({ "effectivity": own })
    }

    /// Whether `signed` is the hash of artefacts that say this: written out, or with a word alone as older versions took it.
    pub(crate) fn is_in(&self, signed: ContentHash) -> bool {
        let full = self.handed_in();
        let mut forms = vec![full.clone()];
        let word = match &self.when {
            When::At(moment) => json!(moment),
            when => json!(when),
        };
        for agents in [full["effectivity"].get("agents"), Some(&Json::Null)] {
            for when in [&word, &full["effectivity"]["when"]] {
                let mut own = json!({ "when": when });
                match (agents, &self.agents) {
                    (Some(Json::Null), Some(_)) => continue,
                    (Some(agents), _) => own["agents"] = agents.clone(),
                    (None, _) => {}
                }
                forms.push(json!({ "effectivity": own }));
            }
        }
        if self.agents.is_none() {
            forms.push(json!({ "effectivity": word }));
        }
        let hash = |form: &Json| ContentHash::of(canonical(form).as_bytes());
        forms.iter().any(|form| hash(form) == signed)
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
