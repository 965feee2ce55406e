//! What something cost, and on whose account: the unit that the journal keeps and the ledger adds up.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;
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
}

impl Purpose {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Work => "work",
            Purpose::Consolidation => "consolidation",
            Purpose::Summary => "summary",
            Purpose::Improvement => "improvement",
        }
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// The agent that caused it.
    pub agent: Arc<str>,
    /// The workflow it was bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Arc<str>>,
    /// The cognition state whose activity caused it.
    pub state: Arc<str>,
    /// The tool called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Arc<str>>,
    /// The model asked, by the agent definition's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Arc<str>>,
    /// What it was for.
    pub purpose: Purpose,
    /// Tokens of a model call.
    #[serde(default)]
    pub tokens: Tokens,
    /// Input tokens that the host expected to be cached: those of the longest beginning that the request before it had too.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub expected_cached: u64,
    /// Money, in US dollars; absent when no price is known for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<Decimal>,
    /// Wall-clock time in microseconds.
    pub wall_us: u64,
    /// Fuel burnt in the sandbox.
    #[serde(default)]
    pub fuel: u64,
    /// Whether nobody measured or reported the tokens: an answer that never came, or that was cut off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
