//! First-party plugin `fs`: reads, lists, writes and edits files in the mounts it was granted.
//!
//! Built for the daily work of a coding agent: answers are paged and bounded, and every failure says what to do instead, because a model that
//! is told so mends its call. What it may touch is not decided here: the sandbox has granted the mounts and refuses what leads out of them.
//!
//! Read in this order: `read`, `list`, `write`, `edit` (one tool each); `page` and `matching` are their pure parts; `replace` puts a file in
//! the place of another; `near` finds the name that was meant.

mod edit;
mod hunks;
mod list;
mod matching;
mod near;
mod page;
mod read;
mod replace;
mod write;

use charthouse_sdk::files::Mounts;
use charthouse_sdk::{Effect, Tool, ToolPlugin, export_tool};

struct Files;

impl ToolPlugin for Files {
    fn tools() -> Vec<Tool> {
        vec![
            Tool::new("read", read::DESCRIPTION, |arguments| {
                read::read(&Mounts::granted(), arguments)
            })
            .effect(Effect::None),
            Tool::new("list", list::DESCRIPTION, |arguments| {
                list::list(&Mounts::granted(), arguments)
            })
            .effect(Effect::None),
            Tool::new("write", write::DESCRIPTION, |arguments| {
                write::write(&Mounts::granted(), arguments)
            })
            .effect(Effect::Idempotent),
            Tool::new("edit", edit::DESCRIPTION, |arguments| {
                edit::edit(&Mounts::granted(), arguments)
            })
            .effect(Effect::Once),
        ]
    }
}

export_tool!(Files);
