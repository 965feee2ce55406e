//! First-party plugin `patch`: applies a unified diff to files in the mounts it was granted, all of it or nothing.
//!
//! Strict where a mistake would land in the wrong place (a hunk fits exactly or not at all, and in one place only), forgiving where nothing can be meant
//! but one thing (line numbers that are off, blank lines that lost their space, line ends). Every failure names the file and the hunk and says what stands
//! there instead, because a model that is told so mends its patch.
//!
//! Read in this order: `apply` (the tool), `parse` (text to file patches), `names` (paths as diffs write them), `hunk` (a file's content and a file's
//! hunks to its new content), `plan` (every file's new state, in memory), `commit` (the plan onto the disk, undone on failure).

mod apply;
mod commit;
mod hunk;
mod names;
mod parse;
mod plan;

use charthouse_sdk::files::Mounts;
use charthouse_sdk::{Effect, Tool, ToolPlugin, export_tool};

struct Patch;

impl ToolPlugin for Patch {
    fn tools() -> Vec<Tool> {
        vec![
            Tool::new("apply", apply::DESCRIPTION, |arguments| {
                apply::apply(&Mounts::granted(), arguments)
            })
            .effect(Effect::Once),
            Tool::new("check", apply::CHECK, |arguments| {
                apply::check(&Mounts::granted(), arguments)
            })
            .effect(Effect::None),
        ]
    }
}

export_tool!(Patch);
