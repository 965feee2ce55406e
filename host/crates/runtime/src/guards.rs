//! Guards: components that look at each text once on its way to the model or from it, and can only take away.
//!
//! They are asked in the order in which the agent names them, each sees what the one before it left, and whatever goes wrong with a guard blocks the text:
//! it fails closed. What they said is journalled with what it cost; what they took away is not.

use crate::Services;
use crate::account::Component;
use crate::act::UNTRUSTED;
use crate::live::RunEvent;
use crate::record::Kind;
use crate::run::Run;
use policy::{Grant, LimitsPatch};
use sandbox::{CallContext, GuardDirection, GuardSubject, GuardVerdict, Plugin};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use types::{
    CallError, CallErrorKind, ContentHash, Cost, Label, Outcome, Part, Provenance, Purpose,
};

/// The guards of an agent, ready to be asked.
#[derive(Clone)]
pub(crate) struct Guards {
    sandbox: Arc<sandbox::Sandbox>,
    guards: Arc<[(Arc<Plugin>, Grant)]>,
    /// What the operator limits every call to.
    ceiling: LimitsPatch,
    /// Texts of chunks that have been looked at: they come again with every payload. What became of each, by its hash.
    known: Arc<Mutex<BTreeMap<ContentHash, Inspected>>>,
}

/// What became of a text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inspected {
    /// The text to use in its place, where a guard changed it.
    pub(crate) redacted: Option<String>,
    /// Why it may not pass, and which guard says so.
    pub(crate) blocked: Option<Blocked>,
    /// What each guard that was asked said.
    pub(crate) opinions: Vec<Opinion>,
}

/// A text that may not pass.
#[derive(Clone, Debug)]
pub(crate) struct Blocked {
    /// The guard.
    pub(crate) guard: Arc<str>,
    /// Its reason, or why it could not be asked.
    pub(crate) why: String,
}

/// What one guard said of one text, as it is journalled.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Opinion {
    guard: Arc<str>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// The guard in its generation.
    #[serde(skip)]
    by: Provenance,
    /// Bytes that it was shown.
    #[serde(skip)]
    shown: u64,
    #[serde(skip)]
    outcome: Outcome,
}

/// Room beside the text for what a guard puts in, says and logs.
const ANSWER_ROOM: u64 = 64 << 10;
/// What a component needs before it has read anything.
const MEMORY_ROOM: u64 = 16 << 20;
/// Instructions that a guard may spend on a byte: some hundred are what a careful one takes at its worst.
const FUEL_PER_BYTE: u64 = 2_000;

/// The word for a guard that could not look.
const FAILED: &str = "failed";

/// Most texts of chunks whose verdict is remembered; when there are more, all are looked at again.
const MOST_KNOWN: usize = 1_000;

impl Guards {
    pub(crate) fn new(services: &Services, guards: Vec<(Arc<Plugin>, Grant)>) -> Self {
        Guards {
            sandbox: services.sandbox.clone(),
            guards: guards.into(),
            ceiling: services
                .house
                .ceiling
                .as_ref()
                .map(|ceiling| ceiling.limits.clone())
                .unwrap_or_default(),
            known: Arc::default(),
        }
    }

    /// The same guards, those replaced for which `other` gives another generation; `None` where it gives none. A new one looks at everything anew.
    pub(crate) fn with(&self, other: impl Fn(&Arc<Plugin>) -> Option<Arc<Plugin>>) -> Option<Self> {
        let others: Vec<_> = self
            .guards
            .iter()
            .map(|(plugin, _)| other(plugin))
            .collect();
        if others.iter().all(Option::is_none) {
            return None;
        }
        let replaced = self.guards.iter().zip(others);
        Some(Guards {
            guards: replaced
                .map(|((plugin, grant), other)| {
                    (other.unwrap_or_else(|| plugin.clone()), grant.clone())
                })
                .collect(),
            known: Arc::default(),
            ..self.clone()
        })
    }

    /// Whether there is any.
    pub(crate) fn are_posted(&self) -> bool {
        !self.guards.is_empty()
    }

    /// Look at `text` before a model reads it.
    pub(crate) async fn on_the_way_in(
        &self,
        text: &str,
        provenance: &Provenance,
        labels: &[Label],
        context: &CallContext,
    ) -> Inspected {
        let direction = GuardDirection::BeforeModel;
        self.inspect(direction, text, provenance, labels, context)
            .await
    }

    /// Look at `text` that a model has written.
    pub(crate) async fn on_the_way_out(
        &self,
        text: &str,
        provenance: &Provenance,
        context: &CallContext,
    ) -> Inspected {
        self.inspect(GuardDirection::AfterModel, text, provenance, &[], context)
            .await
    }

    /// Look at the text of a chunk, which is the same as the last time mostly.
    pub(crate) async fn on_a_chunk(
        &self,
        text: &str,
        provenance: &Provenance,
        labels: &[Label],
        context: &CallContext,
    ) -> Inspected {
        if !self.are_posted() {
            return Inspected::default();
        }
        let hash = ContentHash::of(format!("{}\n{text}", whence(provenance)).as_bytes());
        let known = |guards: &Self| {
            let known = guards.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&hash).cloned()
        };
        if let Some(before) = known(self) {
            // Its opinions are on the record already.
            return Inspected {
                opinions: Vec::new(),
                ..before
            };
        }
        let inspected = self.on_the_way_in(text, provenance, labels, context).await;
        if inspected.opinions.iter().any(Opinion::is_trouble) {
            // The guard may be well again the next time.
            return inspected;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(hash, inspected.clone());
        inspected
    }

    /// `grant` with room for a text of so many bytes: what a guard is shown is not its own choice, so a long text must not count as its greed. What the
    /// operator's ceiling says holds all the same, and what it is too low for is held back.
    fn roomy(&self, grant: &Grant, bytes: u64) -> Grant {
        let mut grant = grant.clone();
        let ceiling = |wanted: u64, most: Option<u64>| most.map_or(wanted, |most| wanted.min(most));
        let output = grant
            .limits
            .output
            .0
            .max(bytes.saturating_mul(2) + ANSWER_ROOM);
        grant.limits.output.0 = ceiling(output, self.ceiling.output.as_ref().map(|most| most.0));
        let memory = grant
            .limits
            .memory
            .0
            .max(bytes.saturating_mul(16) + MEMORY_ROOM);
        grant.limits.memory.0 = ceiling(memory, self.ceiling.memory.as_ref().map(|most| most.0));
        let fuel = grant.limits.fuel.0.max(bytes.saturating_mul(FUEL_PER_BYTE));
        grant.limits.fuel.0 = ceiling(fuel, self.ceiling.fuel.as_ref().map(|most| most.0));
        grant
    }

    /// Look at everything that comes out of a call of `plugin`: what it answered, what was refused to it (in its own words) and what it logged. What a guard
    /// took away is gone from `outcome` itself, so that it reaches neither a model nor the record nor a terminal.
    pub(crate) async fn on_an_outcome(
        &self,
        plugin: &Plugin,
        outcome: &mut Outcome,
        context: &CallContext,
    ) -> Vec<Inspected> {
        let provenance = provenance_of(plugin);
        self.on_an_answer(&provenance, &labels_of(plugin), outcome, context)
            .await
    }

    /// The same for whatever has this provenance and these labels.
    pub(crate) async fn on_an_answer(
        &self,
        provenance: &Provenance,
        labels: &[Label],
        outcome: &mut Outcome,
        context: &CallContext,
    ) -> Vec<Inspected> {
        if !self.are_posted() {
            return Vec::new();
        }
        let answered = match &outcome.result {
            Ok(parts) => crate::act::words_of(parts),
            Err(error) => error.message.clone(),
        };
        let text = answered + &crate::act::refusals_of(outcome);
        let answer = self.on_the_way_in(&text, provenance, labels, context).await;
        if let Some(blocked) = &answer.blocked {
            outcome.result = Err(CallError::new(CallErrorKind::Denied, blocked.note()));
            outcome.refused.clear();
        } else if let Some(redacted) = &answer.redacted {
            outcome.refused.clear();
            match &mut outcome.result {
                Ok(parts) => *parts = vec![like(parts, redacted)],
                Err(error) => error.message = redacted.clone(),
            }
        }
        let log = outcome.log.join("\n");
        let lines = self.on_the_way_in(&log, provenance, labels, context).await;
        if lines.changes() {
            outcome.log = lines.apply(log).lines().map(str::to_owned).collect();
        }
        let diffs: Vec<String> = outcome
            .staged
            .iter()
            .flat_map(|staged| &staged.changes)
            .filter_map(|change| change.diff.clone())
            .collect();
        let diffs = self
            .on_the_way_in(&diffs.join("\n"), provenance, labels, context)
            .await;
        if diffs.changes() {
            // Which files were changed stays; what in them does not, for half a diff is none.
            for change in outcome
                .staged
                .iter_mut()
                .flat_map(|staged| &mut staged.changes)
            {
                change.diff = None;
            }
        }
        vec![answer, lines, diffs]
    }

    async fn inspect(
        &self,
        direction: GuardDirection,
        text: &str,
        provenance: &Provenance,
        labels: &[Label],
        context: &CallContext,
    ) -> Inspected {
        let mut inspected = Inspected::default();
        if text.is_empty() {
            return inspected;
        }
        for (plugin, grant) in self.guards.iter() {
            let subject = GuardSubject {
                direction,
                text: inspected
                    .redacted
                    .clone()
                    .unwrap_or_else(|| text.to_owned()),
                provenance: whence(provenance),
                labels: labels.iter().map(ToString::to_string).collect(),
            };
            let guard = plugin.shared_name().clone();
            let grant = self.roomy(grant, subject.text.len() as u64);
            let (verdict, outcome) = self
                .sandbox
                .inspect(plugin, &subject, &grant, context)
                .await;
            let (word, why) = match &verdict {
                Ok(GuardVerdict::Pass) => ("pass", None),
                Ok(GuardVerdict::Redact(_)) => ("redact", None),
                Ok(GuardVerdict::Block(why)) => ("block", Some(why.clone())),
                Err(error) => (
                    FAILED,
                    Some(format!("the guard could not look at it: {error}")),
                ),
            };
            inspected.opinions.push(Opinion {
                guard: guard.clone(),
                verdict: word,
                why: why.clone(),
                by: provenance_of(plugin),
                shown: subject.text.len() as u64,
                outcome,
            });
            if let Ok(GuardVerdict::Redact(text)) = verdict {
                inspected.redacted = Some(text);
            }
            if let Some(why) = why {
                inspected.redacted = None;
                inspected.blocked = Some(Blocked { guard, why });
                return inspected;
            }
        }
        inspected
    }
}

/// `redacted` in the place of `parts`: data where it was data and still is.
fn like(parts: &[Part], redacted: &str) -> Part {
    match parts {
        [Part::Json(_)] => match serde_json::from_str(redacted) {
            Ok(json) => Part::Json(json),
            Err(_) => Part::Text(redacted.to_owned()),
        },
        _ => Part::Text(redacted.to_owned()),
    }
}

impl Opinion {
    /// Whether the guard could not say anything.
    fn is_trouble(&self) -> bool {
        self.verdict == FAILED
    }
}

impl Inspected {
    /// Whether anything is taken away.
    pub(crate) fn changes(&self) -> bool {
        self.blocked.is_some() || self.redacted.is_some()
    }

    /// The text to use in the place of `text`: as it is, redacted, or a note that it was held back.
    pub(crate) fn apply(&self, text: String) -> String {
        match (&self.blocked, &self.redacted) {
            (Some(blocked), _) => blocked.note(),
            (None, Some(redacted)) => redacted.clone(),
            (None, None) => text,
        }
    }
}

impl Blocked {
    /// What stands in the place of a text that was held back.
    pub(crate) fn note(&self) -> String {
        format!("[held back by the guard {}: {}]", self.guard, self.why)
    }
}

/// A provenance as guards are told it.
fn whence(provenance: &Provenance) -> String {
    match provenance {
        Provenance::House => "house".into(),
        Provenance::Human => "human".into(),
        Provenance::Model(_) => "model".into(),
        Provenance::Plugin { name, .. } => name.to_string(),
        Provenance::File(path) => path.to_string(),
    }
}

impl Run {
    /// Put what the guards said of `subject` on the record, and give the text that may be used.
    pub(crate) fn let_in(
        &mut self,
        effect: u64,
        subject: &str,
        text: String,
        inspected: Inspected,
    ) -> String {
        self.guarded(
            &self.account(self.leading_state()),
            effect,
            subject,
            &inspected,
        );
        inspected.apply(text)
    }

    /// Put what the guards said of `subject` on the record: what the operator should know of, and what it cost on `account`.
    pub(crate) fn guarded(
        &mut self,
        account: &Cost,
        effect: u64,
        subject: &str,
        inspected: &Inspected,
    ) {
        if inspected.opinions.is_empty() {
            return;
        }
        self.record(
            Kind::Guard,
            &json!({ "effect": effect, "subject": subject, "opinions": inspected.opinions }),
        );
        for opinion in &inspected.opinions {
            let tool: Arc<str> = format!("{}.inspect", opinion.guard).into();
            for line in &opinion.outcome.log {
                self.show(RunEvent::Log {
                    source: tool.clone(),
                    message: line.clone(),
                });
            }
            if opinion.verdict != "pass" {
                self.show(RunEvent::Guard {
                    guard: opinion.guard.clone(),
                    subject: subject.into(),
                    verdict: opinion.verdict,
                    why: opinion.why.clone(),
                });
            }
            let component = Component {
                tool,
                by: Some(&opinion.by),
                given: opinion.shown,
                answered: opinion.why.as_ref().map_or(0, |why| why.len() as u64),
            };
            // The work is the same without it: this is what the house spends on watching.
            let account = Cost {
                purpose: Purpose::Overhead,
                ..account.clone()
            };
            self.book_component(account, component, &opinion.outcome);
        }
    }
}

/// Where what `plugin` gives comes from.
pub(crate) fn provenance_of(plugin: &Plugin) -> Provenance {
    Provenance::Plugin {
        name: plugin.shared_name().clone(),
        generation: plugin.info().hash.short().into(),
    }
}

/// The labels of what `plugin` gives.
pub(crate) fn labels_of(plugin: &Plugin) -> Vec<Label> {
    if plugin.trusted() {
        Vec::new()
    } else {
        vec![UNTRUSTED.into()]
    }
}
