//! A reply without the key in it.

use crate::secret::Key;
use std::borrow::Cow;
use std::sync::Arc;
use types::{Reply, Text, ToolCall};

/// A server that echoes the key into its answer would carry it into the journal and back into every later payload.
pub fn reply(reply: &mut Reply, key: &Key) {
    let scrub = |text: &mut Arc<str>| {
        if let Cow::Owned(clean) = key.scrub_whole(text) {
            *text = clean.into();
        }
    };
    scrub(&mut reply.text);
    scrub(&mut reply.model);
    reply.request.as_mut().map(scrub);
    if let Some(reasoning) = &mut reply.reasoning {
        text(&mut reasoning.text, key);
        if let Some(kept) = &mut reasoning.kept
            && let Cow::Owned(clean) = key.scrub_escaped(&kept.json)
        {
            kept.json = clean.into();
        }
    }
    for ToolCall {
        id,
        name,
        arguments,
    } in &mut reply.calls
    {
        [id, name].into_iter().for_each(scrub);
        if let Cow::Owned(clean) = key.scrub_escaped(&arguments.plain()) {
            *arguments = clean.into();
        }
    }
}

fn text(text: &mut Text, key: &Key) {
    if let Cow::Owned(clean) = key.scrub_whole(&text.plain()) {
        *text = clean.into();
    }
}
