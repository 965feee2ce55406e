//! What something cost, and on whose account: the unit that the journal keeps and the ledger adds up.

use crate::{Joules, Paid};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;
use std::str::FromStr;
use std::sync::Arc;

/// What an expense was for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The agent's own task.
    #[default]
    Work,
    /// Sorting memories.
    Consolidation,
    /// Summarising history that leaves the window.
    Summary,
    /// Improving definitions.
    Improvement,
    /// The house's own control of what goes on in it: guards.
    Overhead,
}

/// A word that is no purpose.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no purpose: use one of work, consolidation, summary, improvement, overhead")]
pub struct UnknownPurpose(pub String);

impl Purpose {
    /// Every purpose.
    pub const ALL: [Purpose; 5] = [
        Purpose::Work,
        Purpose::Consolidation,
        Purpose::Summary,
        Purpose::Improvement,
        Purpose::Overhead,
    ];

    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Work => "work",
            Purpose::Consolidation => "consolidation",
            Purpose::Summary => "summary",
            Purpose::Improvement => "improvement",
            Purpose::Overhead => "overhead",
        }
    }
}

impl FromStr for Purpose {
    type Err = UnknownPurpose;

    fn from_str(text: &str) -> Result<Self, UnknownPurpose> {
        let known = Purpose::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == text);
        known.ok_or_else(|| UnknownPurpose(text.to_owned()))
    }
}

/// Tokens of one or many inferences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// All input, cached included.
    pub input: u64,
    /// Input that was cached.
    pub cached: u64,
    /// Input that was put into the cache, where the provider charges for that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write: u64,
    /// All output, reasoning included.
    pub output: u64,
    /// Output spent on reasoning.
    pub reasoning: u64,
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.cached += other.cached;
        self.cache_write += other.cache_write;
        self.output += other.output;
        self.reasoning += other.reasoning;
    }
}

/// One expense: a model call or a tool call. Exactly one of `model` and `tool` is set.
///
/// What no record before its time had is optional, so that every journal is read. The run is that of the record, and the day that of the record's time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// The agent that caused it.
    pub agent: Arc<str>,
    /// The agent's version, as its definition has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Arc<str>>,
    /// The beginning of the hash of the agent's definition: two versions may have one name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Arc<str>>,
    /// The workflow it was bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Arc<str>>,
    /// The workflow's instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Arc<str>>,
    /// The role that the agent held in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Arc<str>>,
    /// The cognition state whose activity caused it.
    pub state: Arc<str>,
    /// The tool called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Arc<str>>,
    /// The plugin whose tool it is; a tool of the host's own has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Arc<str>>,
    /// The plugin's generation: the beginning of its component's hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Arc<str>>,
    /// The model asked, by the agent definition's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Arc<str>>,
    /// The provider of that model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Arc<str>>,
    /// What it was for.
    pub purpose: Purpose,
    /// Tokens of a model call.
    #[serde(default)]
    pub tokens: Tokens,
    /// Input tokens that the host expected to be cached: those of the longest beginning that the request before it had too.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub expected_cached: u64,
    /// Money, in US dollars; absent when no price is known for the model, or none in dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<Decimal>,
    /// What was paid, where the price is in another currency; with a rate `usd` is the same amount in dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Paid>,
    /// Wall-clock time in microseconds.
    pub wall_us: u64,
    /// CPU time of the host for it in microseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cpu_us: u64,
    /// Fuel burnt in the sandbox.
    #[serde(default)]
    pub fuel: u64,
    /// Bytes given: a call's arguments and what it sent over the network itself, a request's body.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_in: u64,
    /// Bytes that came back: a call's answer and what it fetched, a response's body.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_out: u64,
    /// Energy; absent where nobody measured, reported or stated any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joules: Option<Joules>,
    /// Whether nobody measured or reported the tokens: an answer that never came, or that was cut off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_the_first_version_still_reads() {
        let old = r#"{"agent":"surveyor","state":"orient","model":"script","purpose":"work","tokens":{"input":812,"cached":0,"output":31,"reasoning":0},"usd":"0","wall_us":412,"fuel":0}"#;
        let cost: Cost = serde_json::from_str(old).unwrap();
        assert_eq!(
            (&*cost.agent, cost.tokens.input, cost.wall_us),
            ("surveyor", 812, 412)
        );
        assert_eq!((cost.cpu_us, cost.joules, &cost.version), (0, None, &None));
        // What it did not say, it does not say now either.
        assert_eq!(serde_json::to_string(&cost).unwrap(), old);
    }

    #[test]
    fn purposes_are_read_as_they_are_written() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose.as_str().parse(), Ok(purpose));
            let json = serde_json::to_string(&purpose).unwrap();
            assert_eq!(json, format!("\"{}\"", purpose.as_str()));
        }
        assert!("fun".parse::<Purpose>().is_err());
    }
}
