//! Tools `apply` and `check`: a patch in, what became of each file out.

use crate::plan::{Action, Change, Plan};
use crate::{commit, parse};
use charthouse_sdk::files::Mounts;
use charthouse_sdk::{Failure, Json, arguments};
use serde::Serialize;

/// What the model reads about `apply`.
pub const DESCRIPTION: &str = "Applies a unified diff (as of diff -u or git diff) to any number of files: all of it, or, on any failure, nothing. Can create \
    (--- /dev/null), delete (+++ /dev/null) and rename files (git's rename from and rename to); file modes are ignored. Give three lines of context around \
    each change, exactly as they stand in the file; line numbers may be off as long as the hunk fits in one place only. Answers JSON: files, each with \
    path, action (changed, created, deleted, renamed or copied), from, hunks, added, removed, and offset, by how many lines a hunk was off. A failure names \
    the file and the hunk and says what stands there instead.";

/// What the model reads about `check`.
pub const CHECK: &str = "Says what apply would do with a patch, or why it would fail, and changes nothing. Takes and answers the same.";

arguments! {
    /// A patch and where it counts from.
    pub struct Patch {
        /// The unified diff.
        patch: String,
        /// The directory that the patch's paths count from, for instance `/workspace/app`; without it, `/workspace`.
        directory: String = String::new(),
        /// How many names to take off the front of each path; without it, git's `a/` and `b/` are taken off.
        strip: Option<u32> = None,
    }
}

#[derive(Debug, Serialize)]
struct Answer {
    files: Vec<File>,
}

#[derive(Debug, Serialize)]
struct File {
    path: String,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    hunks: usize,
    added: usize,
    removed: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    offset: Vec<i64>,
}

impl From<&Change> for File {
    fn from(change: &Change) -> Self {
        let (action, from) = match &change.action {
            Action::Changed => ("changed", None),
            Action::Created => ("created", None),
            Action::Deleted => ("deleted", None),
            Action::Renamed { from } => ("renamed", Some(from.clone())),
            Action::Copied { from } => ("copied", Some(from.clone())),
        };
        File {
            path: change.path.clone(),
            action,
            from,
            hunks: change.hunks,
            added: change.added,
            removed: change.removed,
            offset: match change.offsets.iter().any(|offset| *offset != 0) {
                true => change.offsets.clone(),
                false => Vec::new(),
            },
        }
    }
}

/// Apply a patch.
pub fn apply(mounts: &Mounts, arguments: Patch) -> Result<Json<impl Serialize + use<>>, Failure> {
    let plan = plan(mounts, &arguments)?;
    commit::commit(&plan)?;
    Ok(Json(answer(&plan)))
}

/// Say what a patch would do.
pub fn check(mounts: &Mounts, arguments: Patch) -> Result<Json<impl Serialize + use<>>, Failure> {
    Ok(Json(answer(&plan(mounts, &arguments)?)))
}

fn plan<'a>(mounts: &'a Mounts, arguments: &Patch) -> Result<Plan<'a>, Failure> {
    let files = parse::parse(
        &arguments.patch,
        arguments.strip.map(|count| count as usize),
    )
    .map_err(Failure::invalid)?;
    Plan::make(mounts, &arguments.directory, &files)
}

fn answer(plan: &Plan<'_>) -> Answer {
    Answer {
        files: plan.changes.iter().map(File::from).collect(),
    }
}

#[cfg(test)]
mod tests;
