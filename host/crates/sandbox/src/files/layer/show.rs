//! A layer's end: what it changed, for people, and whether that may be committed.

use super::Layer;
use super::base::Base;
use super::commit::{self, Uncommitted};
use super::content::lock;
use super::plan::{Change, Plan, Step};
use similar::TextDiff;
use std::time::Duration;
use types::{StagedChange, StagedKind};

/// The largest file whose lines are compared.
const COMPARED: u64 = 256 << 10;
/// Most bytes of diffs that one commit tells; what goes beyond is told without its lines.
const DIFF_BYTES: usize = 64 << 10;
/// How long lines are compared before the comparison becomes a rough one.
const PATIENCE: Duration = Duration::from_millis(200);

/// Why a layer was not committed.
pub(crate) enum Refused {
    /// It is more than policy lets a call change.
    Limit(String),
    /// Policy hides where something would stand.
    Hidden(String),
    Uncommitted(Uncommitted),
}

impl Layer {
    /// What has changed, told with its lines.
    pub(crate) fn changes(&self) -> Changes {
        let plan = self.plan();
        let mut room = DIFF_BYTES;
        let told = plan
            .changes
            .iter()
            .map(|change| tell(&self.base, change, &mut room))
            .collect();
        Changes { plan, told }
    }

    /// Commit `changes`, or say why not; then nothing has changed.
    pub(crate) fn commit(&self, changes: &Changes) -> Result<(), Refused> {
        let plan = &changes.plan;
        if plan.steps.is_empty() {
            return Ok(());
        }
        let count = plan.changes.len() as u64;
        if count > self.limits.files {
            return Err(Refused::Limit(format!(
                "the call changes {count} files, more than the {} that a staged mount takes at once; change less, or raise `stage: {{ files: … }}`",
                self.limits.files
            )));
        }
        for step in &plan.steps {
            if let Step::MakeDirectory { path }
            | Step::PutOld { path, .. }
            | Step::PutNew { path, .. }
            | Step::Replace { path, .. }
            | Step::Link { to: path, .. } = step
                && self.mount.hides(path)
            {
                return Err(Refused::Hidden(path.clone()));
            }
        }
        commit::commit(&self.base, plan).map_err(Refused::Uncommitted)
    }

    /// How many bytes the mount takes on, for a refusal's words.
    pub(crate) fn most_bytes(&self) -> u64 {
        lock(&self.room).most()
    }
}

/// What a layer changed.
pub(crate) struct Changes {
    plan: Plan,
    pub(crate) told: Vec<StagedChange>,
}

fn tell(base: &Base, change: &Change, room: &mut usize) -> StagedChange {
    let size = |stat: &rustix::fs::Stat| u64::try_from(stat.st_size).unwrap_or(0);
    let before = change.before.as_ref().map(|origin| size(&origin.stat));
    let after = change
        .after
        .as_ref()
        .and_then(|content| lock(content).size().ok());
    let mut told = StagedChange {
        what: change.what,
        kind: change.kind,
        path: change.path.clone(),
        from: change.from.clone(),
        before,
        after,
        diff: None,
    };
    if change.kind == StagedKind::File && (before.is_some() || after.is_some()) {
        told.diff = diff(base, change).filter(|diff| {
            let fits = diff.len() <= *room;
            *room -= if fits { diff.len() } else { 0 };
            fits
        });
    }
    told
}

/// The lines that differ; `None` where one of both is no text, or too long.
fn diff(base: &Base, change: &Change) -> Option<String> {
    let before = match &change.before {
        None => String::new(),
        Some(origin) => {
            use std::io::Read;
            let mut bytes = Vec::new();
            let file = base.file(&origin.path).ok()?;
            file.take(COMPARED + 1).read_to_end(&mut bytes).ok()?;
            text(bytes)?
        }
    };
    let after = match &change.after {
        None => String::new(),
        Some(content) => text(lock(content).whole(COMPARED).ok()??)?,
    };
    let old = change.from.as_deref().unwrap_or(&change.path);
    let old = match change.before {
        Some(_) => format!("a/{old}"),
        None => "/dev/null".to_owned(),
    };
    let new = match change.after {
        Some(_) => format!("b/{}", change.path),
        None => "/dev/null".to_owned(),
    };
    let diff = TextDiff::configure()
        .timeout(PATIENCE)
        .diff_lines(&before, &after);
    Some(diff.unified_diff().header(&old, &new).to_string())
}

fn text(bytes: Vec<u8>) -> Option<String> {
    if bytes.len() as u64 > COMPARED || bytes.contains(&0) {
        return None;
    }
    String::from_utf8(bytes).ok()
}
