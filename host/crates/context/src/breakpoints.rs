//! Where prefixes of a payload end that will be sent again. Some providers (Anthropic) cache only what they are told to, and let a request name four places; one of
//! them is the provider's own, for the tools and the system's text.

use crate::shape::count;
use crate::{Held, Shape};

/// The ends of the prefixes of `shape` that will be sent again, as numbers of items from the front, ascending, at most three:
/// 1. the end of the leading stable chunks, which last for the whole run;
/// 2. the end of the history that the `previous` payload had, if what stands before it is still the same: what was cached then is found there, however many
///    items have been added since (a provider looks back only so far by itself);
/// 3. the end of the history, before what changes from turn to turn: what the next payload will have in common with this one.
pub fn breakpoints(shape: &Shape, previous: Option<&Shape>) -> Vec<usize> {
    // The tools are no item, whether they are stable or not.
    let texts = shape
        .parts
        .iter()
        .take_while(|part| part.stable || matches!(part.held, Held::Tools(_)));
    let stable = count(&shape.parts[..texts.count()]);
    let before = previous.and_then(|previous| {
        let end = history_end(previous)?;
        (shape.common(previous).items >= end).then_some(end)
    });
    let mut found = vec![stable];
    found.extend(before);
    found.extend(history_end(shape));
    found.sort_unstable();
    found.dedup();
    found.retain(|items| *items > 0);
    found
}

/// The number of items up to the end of the conversation.
fn history_end(shape: &Shape) -> Option<usize> {
    let last = shape
        .parts
        .iter()
        .rposition(|part| matches!(part.held, Held::History { .. }))?;
    Some(count(&shape.parts[..=last]))
}
