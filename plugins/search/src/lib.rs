//! First-party plugin `search`: finds files by name, lines by pattern, and counts what there is.
//!
//! All three tools see the same files, by the same stated rules, in the same order, because all three go through `walk`. Their figures are
//! meant to be checked against `find`, `grep` and `wc`: whatever is left out is tallied and told, and nothing is cut off silently.
//!
//! Read in this order: `rules` (what is seen), `walk` and `skipped` (how), then `find`, `grep` and `count` (one tool each). `lines` (with
//! `literals`) searches a file that streams by, `measure` counts one, `groups` adds up, `language` knows names, `glob` matches them; those know nothing of WASI.

mod count;
mod excerpt;
mod find;
mod glob;
mod grep;
mod groups;
mod language;
mod lines;
mod literals;
mod measure;
mod rules;
mod skipped;
mod walk;

use charthouse_sdk::files::Mounts;
use charthouse_sdk::{Effect, Tool, ToolPlugin, export_tool};

struct Search;

impl ToolPlugin for Search {
    fn tools() -> Vec<Tool> {
        vec![
            Tool::new("grep", rules::stated(grep::DESCRIPTION), |arguments| {
                grep::grep(&Mounts::granted(), arguments)
            })
            .effect(Effect::None),
            Tool::new("find", rules::stated(find::DESCRIPTION), |arguments| {
                find::find(&Mounts::granted(), arguments)
            })
            .effect(Effect::None),
            Tool::new("count", rules::stated(count::DESCRIPTION), |arguments| {
                count::count(&Mounts::granted(), arguments)
            })
            .effect(Effect::None),
        ]
    }
}

export_tool!(Search);
