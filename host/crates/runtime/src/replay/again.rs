//! Components called again, beside a replay: what they come to today, with the time, the chance and the grant of then, and the fuel to the unit.
//!
//! Nothing that they do stays: they write to copies, their state goes to a copy, and they have no network. What they read is there as it is today, so a
//! difference may be the files' and not theirs; where files have changed since, that is said.

use super::report::NotCompared;
use crate::copies::Copies;
use crate::recorded::{Recorded, written_to};
use crate::shadow::{Came, answer, read_only, same};
use policy::{ClockMode, Grant, RandomMode, Verdict};
use sandbox::{CallContext, ContextRequest, Plugin, Sandbox};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use types::{ContentHash, Effect, Outcome, PluginName, Timestamp, ToolName};

/// Most files that are looked at to find out whether any has changed.
const MOST_FILES: usize = 20_000;

/// Something that a component was asked and answered.
pub(super) struct Job {
    pub(super) record: u64,
    pub(super) effect: u64,
    pub(super) time: Timestamp,
    pub(super) component: Component,
    pub(super) asked: Question,
    pub(super) grant: Grant,
    pub(super) outcome: Option<Outcome>,
    /// Whether guards may have changed the answer before it was recorded.
    pub(super) guarded: bool,
}

/// A component as it was in use.
#[derive(Clone)]
pub(super) struct Component {
    pub(super) name: PluginName,
    pub(super) hash: ContentHash,
    pub(super) path: PathBuf,
    pub(super) trusted: bool,
}

/// What it was asked.
pub(super) enum Question {
    Tool {
        tool: ToolName,
        arguments: String,
    },
    /// A chunk; what was asked for it, and what it gave, are known with the payload.
    Context {
        chunk: String,
        asked: Option<(ContextRequest, Vec<Arc<str>>)>,
    },
}

/// What calling the components of a run again came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ComponentReport {
    /// Each call, in the order in which they were made.
    pub calls: Vec<CalledAgain>,
    /// Calls that were not made again.
    pub not_called: Vec<NotCompared>,
    /// What stood in the way of comparing everything, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One call, made again.
#[derive(Clone, Debug, Serialize)]
pub struct CalledAgain {
    /// The record that announces it.
    pub record: u64,
    /// Its effect's number.
    pub effect: u64,
    /// The tool, or the component's other function.
    pub tool: String,
    /// Whether it came to the same, for the same fuel.
    pub same: bool,
    /// What is recorded.
    pub expected: Came,
    /// What came.
    pub came: Came,
    /// Why it may have come to something else through no fault of the component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

impl ComponentReport {
    /// Calls that came to something else: those that nothing explains, and those that something may.
    pub fn different(&self) -> (usize, usize) {
        let different = self.calls.iter().filter(|call| !call.same);
        let (explained, not): (Vec<_>, Vec<_>) = different.partition(|call| call.because.is_some());
        (not.len(), explained.len())
    }

    fn skips(&mut self, record: u64, why: String) {
        let mut known = self.not_called.iter_mut();
        match known.find(|known| known.why == why) {
            Some(known) => known.count += 1,
            None => self.not_called.push(NotCompared {
                what: "call",
                why,
                count: 1,
                first: record,
            }),
        }
    }
}

/// Call again what `jobs` say was called in `run`. Copies are made below `own`.
pub(super) async fn call_again(
    sandbox: &Sandbox,
    own: &Path,
    run: &str,
    jobs: Vec<Job>,
) -> ComponentReport {
    let mut report = ComponentReport::default();
    let aside = sandbox.aside();
    let mut ready: Vec<(Job, Arc<Plugin>, Recorded)> = Vec::new();
    for mut job in jobs {
        let ran = |outcome: &Outcome| outcome.wall_us > 0 || outcome.fuel > 0;
        if job.outcome.as_ref().is_some_and(|outcome| !ran(outcome)) {
            // It was not let through, so there is nothing to be done again.
            continue;
        }
        match make_ready(sandbox, run, &mut job) {
            Ok((plugin, recorded)) => ready.push((job, plugin, recorded)),
            Err(why) => report.skips(job.record, why),
        }
    }
    let written: BTreeSet<PathBuf> = ready
        .iter()
        .flat_map(|(_, _, recorded)| written_to(std::slice::from_ref(recorded)))
        .collect();
    let copies = match Copies::make(own, "replay", &written) {
        Ok(copies) => copies,
        Err((path, error)) => {
            let note = format!("no copy can be made of {}: {error}", path.display());
            report.notes.push(note);
            return report;
        }
    };
    let too_large = copies.too_large().map(|path| {
        format!(
            "{} is too large for a copy, so nothing could be written there",
            path.display()
        )
    });
    report.notes.extend(too_large);
    for (job, plugin, recorded) in ready {
        let Some(expected) = &job.outcome else {
            continue;
        };
        let (came, tool, texts_same) = match &job.asked {
            Question::Tool { tool, .. } => {
                let came = answer(&aside, &plugin, &recorded, &copies).await;
                (came, tool.to_string(), true)
            }
            Question::Context { asked, .. } => {
                let Some((request, texts)) = asked else {
                    continue;
                };
                let (came, same) = provide(&aside, &plugin, &recorded, request, texts).await;
                (came, format!("{}.provide", job.component.name), same)
            }
        };
        let same = texts_same && same(expected, &came) && expected.fuel == came.fuel;
        report.calls.push(CalledAgain {
            record: job.record,
            effect: job.effect,
            tool,
            same,
            because: (!same).then(|| because(&job, &plugin)).flatten(),
            expected: Came::of(expected),
            came: Came::of(&came),
        });
    }
    report
}

/// The component as it was, and the call with what it is given; why it cannot be made otherwise.
fn make_ready(
    sandbox: &Sandbox,
    run: &str,
    job: &mut Job,
) -> Result<(Arc<Plugin>, Recorded), String> {
    if job.outcome.is_none() {
        return Err("what it came to is not on record".into());
    }
    if matches!(job.asked, Question::Context { asked: None, .. }) {
        return Err("the payload that it was asked for was not sent".into());
    }
    let Component {
        name,
        hash,
        path,
        trusted,
    } = &job.component;
    let plugin = sandbox
        .kept(name.clone(), path, *trusted, *hash)
        .ok_or_else(|| {
            format!(
                "the component {} of `{name}` is not kept any more",
                hash.short()
            )
        })?;
    let grant = &mut job.grant;
    if !grant.net.is_empty() {
        return Err("it could reach the network, whose answers are nobody's to repeat".into());
    }
    if grant.clock == ClockMode::Real || grant.random == RandomMode::Real {
        return Err("its policy gave it the real clock or real chance".into());
    }
    grant.verdict = Verdict::Allow;
    let (tool, arguments) = match &job.asked {
        Question::Tool { tool, arguments } => (tool.clone(), arguments.clone()),
        Question::Context { .. } => (grant.tool.clone(), String::new()),
    };
    let spec = plugin.tool(tool.tool());
    if spec.is_none_or(|spec| spec.effect == Effect::None) {
        read_only(grant, |_| true);
    }
    let recorded = Recorded {
        run: run.to_owned(),
        effect: job.effect,
        tool,
        arguments,
        time: job.time,
        grant: grant.clone(),
    };
    Ok((plugin, recorded))
}

async fn provide(
    sandbox: &Sandbox,
    plugin: &Plugin,
    call: &Recorded,
    request: &ContextRequest,
    texts: &[Arc<str>],
) -> (Outcome, bool) {
    let context = CallContext {
        time: call.time,
        seed: format!("{}/{}", call.run, call.effect),
        ..CallContext::default()
    };
    let (fragments, outcome) = sandbox
        .provide(plugin, request, &call.grant, &context)
        .await;
    let same = match fragments {
        Ok(fragments) => fragments
            .iter()
            .map(|fragment| fragment.text.as_str())
            .eq(texts.iter().map(|text| &**text)),
        // How it failed is compared with the outcome.
        Err(_) => true,
    };
    (outcome, same)
}

/// What may be the reason that a call came to something else.
fn because(job: &Job, plugin: &Plugin) -> Option<String> {
    if job.guarded {
        return Some("a guard saw the answer before it was recorded".into());
    }
    let changed: Vec<String> = job
        .grant
        .mounts
        .iter()
        .filter(|mount| changed_since(&mount.host, job.time))
        .map(|mount| format!("{} ({})", mount.guest, mount.host.display()))
        .collect();
    if !changed.is_empty() {
        return Some(format!(
            "files have changed since below {}",
            changed.join(", ")
        ));
    }
    let keeps_state = plugin
        .info()
        .imports
        .iter()
        .any(|import| import.contains("/state@"));
    keeps_state.then(|| "what it keeps in its state may have changed since".into())
}

/// Whether anything below `directory` was changed after `time`, as far as can be told.
fn changed_since(directory: &Path, time: Timestamp) -> bool {
    let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(time.0).unwrap_or(0));
    let mut left = MOST_FILES;
    newer(directory, time, &mut left)
}

fn newer(path: &Path, time: SystemTime, left: &mut usize) -> bool {
    let Ok(about) = path.symlink_metadata() else {
        // What is gone has changed.
        return true;
    };
    if about.modified().is_ok_and(|modified| modified > time) {
        return true;
    }
    let is_own = path.file_name().is_some_and(|name| name == ".charthouse");
    if !about.is_dir() || is_own {
        return false;
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    for entry in entries {
        *left = left.saturating_sub(1);
        if *left == 0 || newer(&entry.path(), time, left) {
            // Where there is too much to look at, nothing can be ruled out.
            return true;
        }
    }
    false
}

/// The numbers by which the record of a call, of an answer to a question and of an outcome belong together.
pub(super) fn effect_of(body: &Json) -> Option<u64> {
    body["effect"].as_u64()
}
