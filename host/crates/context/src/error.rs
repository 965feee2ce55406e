//! Why no payload could be made. Each says which chunk, how long it is, how long it may be, and what to do about it.

use crate::{Needed, Scale};
use types::Place;

/// A payload that cannot be assembled. Nothing is cut silently to avoid one of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// The answer's reserve takes the whole window.
    #[error(
        "the model's context_length is {limit} tokens and max_output keeps {reserve} of them for the answer, which leaves nothing to send; \
         lower max_output"
    )]
    NoRoom {
        /// `context_length`.
        limit: u64,
        /// `max_output`.
        reserve: u64,
    },
    /// Not enough of the conversation is held to say what the whole of it gives: read more of it and try again. No fault of a definition.
    #[error("not enough of the conversation is held: {needed}")]
    NeedsMore {
        /// What has to be held.
        needed: Needed,
    },
    /// The caller did not gather what the plan asked for.
    #[error("chunk `{chunk}` ({place}) needs {what}, which was not gathered")]
    NotGathered {
        /// The chunk.
        chunk: String,
        /// What it needs.
        what: String,
        /// Where the chunk stands.
        place: Place,
    },
    /// A chunk that must not be trimmed could not be had.
    #[error(
        "chunk `{chunk}` ({place}) must not be trimmed and could not be had: {why}; mend what provides it, or let it be left out with another `trim`"
    )]
    LeftOut {
        /// The chunk.
        chunk: String,
        /// Why it is not there.
        why: String,
        /// Where the chunk stands.
        place: Place,
    },
    /// A chunk that must not be trimmed (so far) is longer than its budget.
    #[error(
        "chunk `{chunk}` ({place}) takes {tokens} tokens{}, its budget is {budget}, and its `trim` lets it go no lower; \
         shorten it, raise its budget, or let it be trimmed with `trim: tail`",
        learnt(*factor)
    )]
    OverBudget {
        /// The chunk.
        chunk: String,
        /// The least that it can be trimmed to.
        tokens: u64,
        /// What it may hold.
        budget: u64,
        /// What the estimate was multiplied with.
        factor: Scale,
        /// Where the chunk stands.
        place: Place,
    },
    /// The newest prompt and the newest exchange alone are longer than the history's budget.
    #[error(
        "the newest prompt and what was last answered take {tokens} tokens{}, and the budget of chunk `{chunk}` ({place}) is {budget}; \
         raise that budget, or have tools answer less at a time",
        learnt(*factor)
    )]
    NewestOverBudget {
        /// The history's chunk.
        chunk: String,
        /// Tokens of the newest prompt and exchange.
        tokens: u64,
        /// What the chunk may hold.
        budget: u64,
        /// What the estimate was multiplied with.
        factor: Scale,
        /// Where the chunk stands.
        place: Place,
    },
    /// What must not be trimmed is longer than the window.
    #[error(
        "the payload takes {tokens} tokens{} after all trimming and {room} are free (context_length − max_output, less where a server refused that many); what may not go: {}; \
         shorten one of these, let it be trimmed, or take a model with a longer context",
        learnt(*factor),
        list(protected)
    )]
    TooLong {
        /// The least that the whole can be trimmed to.
        tokens: u64,
        /// What may be sent.
        room: u64,
        /// What the estimate was multiplied with.
        factor: Scale,
        /// Each chunk that keeps something, with its tokens, in map order.
        protected: Vec<(String, u64)>,
    },
}

/// What was learnt has its part in a count that is `factor` times the estimate.
fn learnt(factor: Scale) -> String {
    match factor {
        Scale::ONE => String::new(),
        factor => format!(
            " (the estimate × {:.2}, as learnt from what the provider reported)",
            factor.factor()
        ),
    }
}

/// Chunks that an error names; of more than that the longest matter.
const NAMED: usize = 8;

/// The longest of `protected`, in map order.
fn list(protected: &[(String, u64)]) -> String {
    let mut by_length: Vec<usize> = (0..protected.len()).collect();
    by_length.sort_by_key(|&index| std::cmp::Reverse(protected[index].1));
    by_length.truncate(NAMED);
    by_length.sort_unstable();
    let mut named: Vec<String> = by_length
        .iter()
        .map(|&index| format!("`{}` {}", protected[index].0, protected[index].1))
        .collect();
    if let Some(others) = protected.len().checked_sub(NAMED + 1) {
        named.push(format!("and {} more", others + 1));
    }
    named.join(", ")
}
