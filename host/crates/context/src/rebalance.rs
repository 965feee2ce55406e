//! Who gives up what: each chunk is brought into its own budget, and all of them together into the window.
//!
//! The order of decisions, so that anybody can work out on paper what is sent:
//! 1. A chunk with a budget is trimmed to it. `never` (and what else may not go) fails loudly instead.
//! 2. The flexible chunk takes what the others leave, within its own budget if it has one.
//! 3. While the whole is still too long, chunks give up what is missing: the lowest priority first, of equal ones the later in the map first, each as far
//!    as its own policy lets it.
//!
//! With budgets in tokens a larger window never sends fewer tokens of any chunk, for an estimator that grows with the text; with budgets in shares a chunk
//! that makes way for others may get less when these get more. Chunks of one priority that change places change nothing for the others.
//!
//! So a payload can be made exactly when what may not go (of each chunk, its least) fits into its budget and all of it together fits into the window. What
//! was learnt of a model's counting never makes one impossible: a least that fits by the plain estimate is sent although it does not fit by what was
//! learnt, which may be wrong; the server has the last word, and what it reports is the only way to learn better.

use crate::chunk::Chunk;
use crate::{AssembleError, Estimator};

/// Tokens of all of them.
pub(crate) fn total(chunks: &[Chunk<'_>]) -> u64 {
    chunks.iter().map(|chunk| chunk.tokens).sum()
}

/// Bring each chunk into its own budget.
pub(crate) fn within_budgets(
    chunks: &mut [Chunk<'_>],
    estimator: &dyn Estimator,
) -> Result<(), AssembleError> {
    for chunk in chunks {
        if let Some(allowed) = chunk.planned.budget {
            chunk.fit_budget(allowed, estimator)?;
        }
    }
    Ok(())
}

/// Trim the flexible chunk to what the others leave, but not below its least: what is then still missing the others give up by priority. In a plan that
/// was `tightened` the conversation does so first, flexible or not.
pub(crate) fn share_the_rest(
    chunks: &mut [Chunk<'_>],
    room: u64,
    tightened: bool,
    estimator: &dyn Estimator,
) {
    let history = chunks.iter().position(Chunk::is_history);
    let flexible = chunks.iter().position(|chunk| chunk.planned.flexible);
    for index in history.filter(|_| tightened).into_iter().chain(flexible) {
        let excess = total(chunks).saturating_sub(room);
        give_up(&mut chunks[index], excess, estimator);
    }
}

/// Bring all chunks into `room`, the least important first. Where nothing can go any more, `most` will do as well.
pub(crate) fn rebalance(
    chunks: &mut [Chunk<'_>],
    room: u64,
    most: u64,
    estimator: &dyn Estimator,
) -> Result<(), AssembleError> {
    let mut order: Vec<usize> = (0..chunks.len()).collect();
    order.sort_by_key(|&index| (chunks[index].planned.priority, std::cmp::Reverse(index)));
    let mut tokens = total(chunks);
    for index in order {
        if tokens <= room {
            return Ok(());
        }
        let chunk = &mut chunks[index];
        tokens -= chunk.tokens;
        give_up(
            chunk,
            (tokens + chunk.tokens).saturating_sub(room),
            estimator,
        );
        tokens += chunk.tokens;
    }
    if tokens <= room.max(most) {
        return Ok(());
    }
    let protected = chunks.iter().filter(|chunk| chunk.tokens > 0);
    Err(AssembleError::TooLong {
        tokens,
        room,
        factor: estimator.scale(),
        protected: protected
            .map(|chunk| (chunk.planned.id.clone(), chunk.tokens))
            .collect(),
    })
}

/// Have `chunk` lose `excess` tokens, or as many as it can.
fn give_up(chunk: &mut Chunk<'_>, excess: u64, estimator: &dyn Estimator) {
    if excess == 0 || chunk.tokens == 0 {
        return;
    }
    let goal = chunk.tokens.saturating_sub(excess);
    let goal = goal.max(chunk.least(estimator));
    if goal < chunk.tokens {
        chunk.fit(goal, estimator);
    }
}
