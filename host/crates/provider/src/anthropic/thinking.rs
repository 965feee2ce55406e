//! How a model is told how long to think.

use super::Manner;
use super::kept::DIALECT;
use crate::rope::Braid;
use types::{Effort, Item, Payload, Role};

/// The smallest budget that the API takes.
const SMALLEST_BUDGET: u64 = 1024;

/// What stands in the request about thinking.
#[derive(Debug, PartialEq, Eq)]
pub enum Thinking {
    /// Nothing: the model's default.
    Default,
    /// At most so many tokens.
    Budget(u64),
    /// As long as it takes, trying so hard.
    Adaptive(&'static str),
}

impl Thinking {
    /// What `payload` asks for, as a model of `manner` wants to be told; answers are at most `limit` tokens long, thinking included.
    pub fn of(payload: &Payload, manner: Manner, limit: u64) -> Self {
        let Some(effort) = payload.parameters.reasoning else {
            return Thinking::Default;
        };
        if manner.adaptive {
            return Thinking::Adaptive(match effort {
                Effort::Low => "low",
                Effort::Medium => "medium",
                Effort::High => "high",
            });
        }
        // A share of the answer, because what is left must be enough to say something, up to where more thinking hardly helps.
        let (share, most) = match effort {
            Effort::Low => (limit / 4, 4 << 10),
            Effort::Medium => (limit / 2, 16 << 10),
            Effort::High => (limit / 4 * 3, 32 << 10),
        };
        let budget = share.clamp(SMALLEST_BUDGET, most);
        if budget >= limit || goes_on_without_thinking(payload) {
            return Thinking::Default;
        }
        Thinking::Budget(budget)
    }

    /// Write it; whatever is written begins with a comma.
    pub fn write(&self, braid: &mut Braid) {
        match self {
            Thinking::Default => {}
            Thinking::Budget(tokens) => {
                braid.push(br#","thinking":{"type":"enabled","budget_tokens":"#);
                braid.json(tokens);
                braid.push(b"}");
            }
            Thinking::Adaptive(effort) => {
                braid.push(br#","thinking":{"type":"adaptive"},"output_config":{"effort":"#);
                braid.json(effort);
                braid.push(b"}");
            }
        }
    }
}

/// Whether the payload ends inside a round of calls that was begun without thinking, by another provider's model for instance: such a round cannot go on
/// with it, the API refuses that.
fn goes_on_without_thinking(payload: &Payload) -> bool {
    let turn = payload.items.iter().rev().take_while(|item| {
        !matches!(
            &***item,
            Item::Text {
                role: Role::User,
                ..
            }
        )
    });
    let mut calls = turn.filter_map(|item| match &**item {
        Item::Assistant {
            reasoning, calls, ..
        } if !calls.is_empty() => Some(reasoning),
        _ => None,
    });
    // The newest one: it is its beginning that the API looks at.
    calls.next().is_some_and(|reasoning| {
        let kept = reasoning.as_ref().and_then(|thought| thought.kept.as_ref());
        kept.is_none_or(|kept| &*kept.dialect != DIALECT)
    })
}
