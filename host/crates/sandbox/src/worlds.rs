//! The other kinds of plugin: providing context, consolidating memory, summing up, guarding; and asking a tool plugin what it offers.
//!
//! Each is one call in a fresh instance under a grant, like a tool's.

use crate::Sandbox;
use crate::bindings::exports::charthouse::plugin::{context, guard, memory, summary, tool};
use crate::call::{CallContext, failure_of, within_output};
use crate::plugin::Plugin;
use policy::{Grant, Limits};
use std::time::Duration;
use types::{Bytes, CallError, Count, Outcome, Timestamp, ToolName, Value};

/// What a context plugin is asked.
#[derive(Clone, Debug, Default)]
pub struct ContextRequest {
    /// The chunk's parameters.
    pub params: Value,
    /// How many tokens it may fill.
    pub budget: u32,
    /// Active states of the cognition, outermost first.
    pub cognition: Vec<String>,
    /// Active states of the workflow.
    pub workflow: Vec<String>,
    /// What was last said to the agent.
    pub query: String,
}

/// A piece of context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Its text.
    pub text: String,
    /// Where it comes from.
    pub source: String,
}

/// Layers of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLayer {
    /// What happened.
    Episode,
    /// What is so.
    Fact,
    /// How something is done.
    Skill,
}

/// Something remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryEntry {
    /// The host's id.
    pub id: String,
    /// Its layer.
    pub layer: MemoryLayer,
    /// What is remembered.
    pub text: String,
    /// When.
    pub time: Timestamp,
}

/// A change that a memory plugin proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryChange {
    /// Something new.
    Add(MemoryEntry),
    /// In the place of the entry with this id.
    Replace(MemoryEntry),
    /// Away with it.
    Forget(String),
}

/// What leaves the model's window and is to be summed up.
#[derive(Clone, Debug, Default)]
pub struct SummaryRequest {
    /// The summary so far.
    pub earlier: Option<String>,
    /// What leaves, oldest first.
    pub said: Vec<SummaryTurn>,
    /// How many tokens the new summary may take.
    pub budget: u32,
}

/// One turn of what leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryTurn {
    /// `human`, `house`, `model` or a tool's dotted name.
    pub speaker: String,
    /// What was said.
    pub text: String,
}

/// Which way a guarded text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardDirection {
    /// Towards the model.
    BeforeModel,
    /// From the model.
    AfterModel,
}

/// A text to be guarded.
#[derive(Clone, Debug)]
pub struct GuardSubject {
    /// Which way it goes.
    pub direction: GuardDirection,
    /// The text.
    pub text: String,
    /// Where it came from.
    pub provenance: String,
    /// Labels on it.
    pub labels: Vec<String>,
}

/// What a guard says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardVerdict {
    /// Nothing wrong.
    Pass,
    /// Use this instead.
    Redact(String),
    /// Stop it, and why.
    Block(String),
}

/// What a component gets while it is only asked what it offers: nothing but time and memory to say so.
fn probe_grant(plugin: &Plugin) -> Option<Grant> {
    Some(Grant {
        limits: Limits {
            // An interpreter compiled to a component needs this much to start.
            memory: Bytes(256 << 20),
            // A hundred times what the largest interpreter known needs to say what it offers.
            fuel: Count(2_000_000_000),
            deadline: Duration::from_secs(20),
            ..Limits::default()
        },
        ..Grant::bare(ToolName::new(plugin.name(), "specs").ok()?)
    })
}

impl Sandbox {
    /// Ask a tool plugin for its tools, with no grants at all.
    pub(crate) async fn specs(&self, plugin: &Plugin) -> Result<Vec<tool::Spec>, CallError> {
        let grant = probe_grant(plugin).ok_or_else(|| {
            CallError::new(
                types::CallErrorKind::Invalid,
                "the plugin's name is too long",
            )
        })?;
        let specs = self
            .run(
                plugin,
                &grant,
                &CallContext::default(),
                async |store, instance, loaded| {
                    let guest = loaded
                        .tool
                        .as_ref()
                        .ok_or_else(|| missing("tool"))?
                        .load(&mut *store, instance)?;
                    guest.call_specs(store).await
                },
            )
            .await
            .result?;
        let sizes = specs
            .iter()
            .map(|spec| spec.name.len() + spec.description.len() + spec.parameters.len());
        within_output(sizes, grant.limits.output.0)?;
        Ok(specs)
    }

    /// Ask a context plugin for fragments. Beside them comes the outcome as it is journalled, which holds no fragment.
    pub async fn provide(
        &self,
        plugin: &Plugin,
        request: &ContextRequest,
        grant: &Grant,
        context: &CallContext,
    ) -> (Result<Vec<Fragment>, CallError>, Outcome) {
        if let Some(denial) = grant.denial() {
            return (Err(denial.clone()), Outcome::refused(denial));
        }
        let request = context::Request {
            params: request.params.to_string(),
            budget: request.budget,
            cognition: request.cognition.clone(),
            workflow: request.workflow.clone(),
            query: request.query.clone(),
        };
        let ran = self
            .run(plugin, grant, context, async |store, instance, loaded| {
                let guest = loaded
                    .context
                    .as_ref()
                    .ok_or_else(|| missing("context"))?
                    .load(&mut *store, instance)?;
                guest.call_provide(store, &request).await
            })
            .await;
        let limit = grant.limits.output.0;
        ran.read(|answer| {
            let fragments = answer.map_err(|failure| failure_of(failure, limit))?;
            let sizes = fragments.iter().map(|f| f.text.len() + f.source.len());
            within_output(sizes, limit)?;
            let fragment = |fragment: context::Fragment| Fragment {
                text: fragment.text,
                source: fragment.source,
            };
            Ok(fragments.into_iter().map(fragment).collect())
        })
    }

    /// Ask a memory plugin what should change in what is remembered.
    pub async fn consolidate(
        &self,
        plugin: &Plugin,
        entries: &[MemoryEntry],
        grant: &Grant,
        context: &CallContext,
    ) -> Result<Vec<MemoryChange>, CallError> {
        let snapshot = memory::Snapshot {
            entries: entries.iter().map(entry_to_wit).collect(),
            now: u64::try_from(context.time.0).unwrap_or(0),
        };
        let changes = self
            .run(plugin, grant, context, async |store, instance, loaded| {
                let guest = loaded
                    .memory
                    .as_ref()
                    .ok_or_else(|| missing("memory"))?
                    .load(&mut *store, instance)?;
                guest.call_consolidate(store, &snapshot).await
            })
            .await
            .result?
            .map_err(|failure| failure_of(failure, grant.limits.output.0))?;
        let sizes = changes.iter().map(|change| match change {
            memory::Change::Add(entry) | memory::Change::Replace(entry) => {
                entry.text.len() + entry.id.len()
            }
            memory::Change::Forget(id) => id.len(),
        });
        within_output(sizes, grant.limits.output.0)?;
        Ok(changes
            .into_iter()
            .map(|change| match change {
                memory::Change::Add(entry) => MemoryChange::Add(entry_from_wit(entry)),
                memory::Change::Replace(entry) => MemoryChange::Replace(entry_from_wit(entry)),
                memory::Change::Forget(id) => MemoryChange::Forget(id),
            })
            .collect())
    }

    /// Ask a memory plugin for one summary of what it is shown. Beside it comes the outcome as it is journalled, which does not hold the summary.
    pub async fn summarise(
        &self,
        plugin: &Plugin,
        request: &SummaryRequest,
        grant: &Grant,
        context: &CallContext,
    ) -> (Result<String, CallError>, Outcome) {
        if let Some(denial) = grant.denial() {
            return (Err(denial.clone()), Outcome::refused(denial));
        }
        let turn = |turn: &SummaryTurn| summary::Turn {
            speaker: turn.speaker.clone(),
            text: turn.text.clone(),
        };
        let request = summary::Request {
            earlier: request.earlier.clone(),
            said: request.said.iter().map(turn).collect(),
            budget: request.budget,
        };
        let ran = self
            .run(plugin, grant, context, async |store, instance, loaded| {
                let guest = loaded
                    .summary
                    .as_ref()
                    .ok_or_else(|| missing("summary"))?
                    .load(&mut *store, instance)?;
                guest.call_summarise(store, &request).await
            })
            .await;
        let limit = grant.limits.output.0;
        ran.read(|answer| {
            let summary = answer.map_err(|failure| failure_of(failure, limit))?;
            within_output([summary.len()], limit)?;
            Ok(summary)
        })
    }

    /// Show a guard one piece of text. Beside its verdict comes the outcome as it is journalled, which holds no text of the verdict.
    pub async fn inspect(
        &self,
        plugin: &Plugin,
        subject: &GuardSubject,
        grant: &Grant,
        context: &CallContext,
    ) -> (Result<GuardVerdict, CallError>, Outcome) {
        if let Some(denial) = grant.denial() {
            return (Err(denial.clone()), Outcome::refused(denial));
        }
        let subject = guard::Subject {
            direction: match subject.direction {
                GuardDirection::BeforeModel => guard::Direction::BeforeModel,
                GuardDirection::AfterModel => guard::Direction::AfterModel,
            },
            text: subject.text.clone(),
            provenance: subject.provenance.clone(),
            labels: subject.labels.clone(),
        };
        let ran = self
            .run(plugin, grant, context, async |store, instance, loaded| {
                let guest = loaded
                    .guard
                    .as_ref()
                    .ok_or_else(|| missing("guard"))?
                    .load(&mut *store, instance)?;
                guest.call_inspect(store, &subject).await
            })
            .await;
        ran.read(|verdict| {
            if let guard::Verdict::Redact(text) | guard::Verdict::Block(text) = &verdict {
                within_output([text.len()], grant.limits.output.0)?;
            }
            Ok(match verdict {
                guard::Verdict::Pass => GuardVerdict::Pass,
                guard::Verdict::Redact(text) => GuardVerdict::Redact(text),
                guard::Verdict::Block(why) => GuardVerdict::Block(why),
            })
        })
    }
}

fn missing(kind: &str) -> wasmtime::Error {
    wasmtime::format_err!("the component exports no charthouse:plugin/{kind}")
}

fn entry_to_wit(entry: &MemoryEntry) -> memory::Entry {
    memory::Entry {
        id: entry.id.clone(),
        layer: match entry.layer {
            MemoryLayer::Episode => memory::Layer::Episode,
            MemoryLayer::Fact => memory::Layer::Fact,
            MemoryLayer::Skill => memory::Layer::Skill,
        },
        text: entry.text.clone(),
        time: u64::try_from(entry.time.0).unwrap_or(0),
    }
}

fn entry_from_wit(entry: memory::Entry) -> MemoryEntry {
    MemoryEntry {
        id: entry.id,
        layer: match entry.layer {
            memory::Layer::Episode => MemoryLayer::Episode,
            memory::Layer::Fact => MemoryLayer::Fact,
            memory::Layer::Skill => MemoryLayer::Skill,
        },
        text: entry.text,
        time: Timestamp(i64::try_from(entry.time).unwrap_or(i64::MAX)),
    }
}
