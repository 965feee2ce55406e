//! Whether what must never be trimmed fits at all: what a run would fail with at its first inference is better said before.
//!
//! Only texts are known here, and only by the estimate that a run begins with: so these are warnings.

use crate::agent::Draft;
use crate::context::tokens_of;
use crate::source::read_text;
use crate::suggest::shown;
use crate::walk::Walk;
use context::{BytesEstimate, ChunkDef, Estimator, Source, Trim};
use std::collections::HashMap;
use std::path::Path;
use types::ModelParameters;

/// Warn of each text of `draft`'s map that its model, or a model asked instead of it, has no room for. Files lie below `root`.
pub(crate) fn look(walk: &mut Walk, draft: &Draft, root: &Path) {
    let agent = &draft.agent;
    let mut files = HashMap::new();
    let kept: Vec<(&ChunkDef, u64)> = agent
        .context
        .chunks
        .iter()
        .filter(|chunk| chunk.trim == Trim::Never)
        .filter_map(|chunk| Some((chunk, tokens(chunk, root, &mut files)?)))
        .collect();
    let room = room(&agent.model);
    let mut fits = Vec::new();
    for (chunk, tokens) in kept {
        let allowed = budget(chunk, room);
        if tokens <= allowed {
            fits.push((chunk, tokens));
            continue;
        }
        walk.warning(
            &chunk.place,
            format!(
                "`{}` must never be trimmed and takes about {tokens} tokens, and it may have {allowed}: no payload could be made",
                *chunk.id
            ),
            "raise its `budget`, shorten its text, or let it be trimmed",
        );
    }
    let together: u64 = fits.iter().map(|(_, tokens)| tokens).sum();
    if let (Some((last, _)), true) = (fits.last(), together > room) {
        walk.warning(
            &last.place,
            format!("up to here the texts that must never be trimmed take about {together} tokens, and the window has {room}: no payload could be made"),
            "shorten them, or let some of them be trimmed",
        );
    }
    for (model, place) in agent.fallback.iter().zip(&draft.fallback) {
        let smaller = self::room(model);
        if smaller >= room {
            continue;
        }
        let over = fits
            .iter()
            .find(|(chunk, tokens)| *tokens > budget(chunk, smaller));
        let message = match over {
            Some((chunk, tokens)) => format!(
                "`{}` has a smaller window: there `{}`, which must never be trimmed, may have {} tokens, and it takes about {tokens}",
                shown(&model.name),
                *chunk.id,
                budget(chunk, smaller)
            ),
            None if together > smaller => format!(
                "`{}` has a window of {smaller} tokens, and what must never be trimmed takes about {together}",
                shown(&model.name)
            ),
            None => continue,
        };
        walk.warning(
            place,
            message,
            "name a model with a larger window, or shorten what must stay: as it is, this one can never be asked",
        );
    }
}

/// Tokens for input.
fn room(model: &ModelParameters) -> u64 {
    model.context_length.saturating_sub(model.max_output)
}

/// Tokens that `chunk` may have of `room`.
fn budget(chunk: &ChunkDef, room: u64) -> u64 {
    let budget = chunk.budget.as_ref();
    budget.map_or(room, |budget| tokens_of(budget.value, room).min(room))
}

/// What `chunk` takes, where its text is known. `files` holds what is known of files already.
fn tokens<'a>(
    chunk: &'a ChunkDef,
    root: &Path,
    files: &mut HashMap<&'a str, Option<u64>>,
) -> Option<u64> {
    let text = match &chunk.source {
        Source::Text(text) => BytesEstimate.tokens(text),
        Source::File(file) => {
            (*files.entry(file.as_str()).or_insert_with(|| {
                read_text(&root.join(file.as_str())).map(|text| BytesEstimate.tokens(&text))
            }))?
        }
        _ => return None,
    };
    Some(text + BytesEstimate.message())
}
