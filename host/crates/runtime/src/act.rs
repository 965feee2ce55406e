//! `act`: run tool calls. Those that only read run beside each other, the others one after another in the model's order, and `signal` last of all.
//!
//! Policy is resolved for each call at the moment it begins. A refusal is an outcome like any other: the model reads what was refused and by which rule.

mod allow;
mod came_back;
mod over;
mod words;

pub(crate) use words::{cut, in_words, last_json, refusals_of, words_of};

use crate::admission::Room;
use crate::guards::{Inspected, labels_of, provenance_of};
use crate::live::{CauseKind, RunEvent};
use crate::record::Kind;
use crate::round::{Expense, Progress, Slot};
use crate::run::{Done, Run};
use crate::used::{CpuTime, metered};
use over::is_of_the_host;
use policy::Verdict;
use sandbox::{Plugin, ToolRequest};
use serde_json::json;
use std::sync::Arc;
use types::{CallError, Cost, Effect, Item, Outcome, Provenance, ToolCall, ToolName, Value};

/// The host's own tool by which a model raises an event of its chart.
pub(crate) const SIGNAL: &str = "signal";

/// What marks the output of a plugin that the house does not trust.
pub(crate) const UNTRUSTED: &str = "untrusted";

/// A call that has come back.
pub(crate) struct Called {
    effect: u64,
    invocation: Arc<str>,
    slot: usize,
    outcome: Outcome,
    inspected: Vec<Inspected>,
    ran: Ran,
}

/// Who ran a call: what it was then counts, whatever is reloaded meanwhile.
pub(crate) struct Ran {
    provenance: Provenance,
    labels: Vec<types::Label>,
    effect: Effect,
    /// Who pays.
    account: Cost,
}

/// A call that may begin, once somebody has been asked where its grant says so.
pub(crate) struct Allowed {
    callee: Callee,
    pub(crate) tool: ToolName,
    pub(crate) grant: Arc<policy::Grant>,
}

/// Who answers a call.
enum Callee {
    /// A plugin.
    Plugin(Arc<Plugin>),
    /// A native command.
    Command,
}

impl Callee {
    fn provenance(&self) -> Provenance {
        match self {
            Callee::Plugin(plugin) => provenance_of(plugin),
            Callee::Command => Provenance::Plugin {
                name: "exec".into(),
                generation: "native".into(),
            },
        }
    }

    /// What a command prints is nobody's word that the house trusts.
    fn labels(&self) -> Vec<types::Label> {
        match self {
            Callee::Plugin(plugin) => labels_of(plugin),
            Callee::Command => vec![UNTRUSTED.into()],
        }
    }
}

impl Run {
    /// Run `calls` for the invocation `id`.
    pub(crate) fn act(&mut self, id: &Arc<str>, calls: Vec<ToolCall>, for_model: bool) {
        let Some(activity) = self.activities.get_mut(id) else {
            return;
        };
        activity.for_model = for_model;
        activity.slots = calls
            .into_iter()
            .map(|call| Slot {
                call,
                again: None,
                progress: Progress::Waiting,
                expense: None,
            })
            .collect();
        self.advance(id);
    }

    /// `act` by itself: the calls of the last reply that have no answer yet.
    pub(crate) fn act_on_last_reply(&mut self, id: &Arc<str>) {
        let calls = self.open_calls();
        self.act(id, calls, true);
    }

    /// `plugin`: the one call that the chart's own parameters describe.
    pub(crate) fn call_fixed(&mut self, id: &Arc<str>) {
        let Some(activity) = self.activities.get(id) else {
            return;
        };
        let tool = activity.params.get("tool").and_then(Value::as_text);
        let Some(tool) = tool else {
            self.finish_failed(
                id,
                "error.execution",
                CauseKind::Other,
                "`invoke: plugin` needs `params: { tool: …, arguments: … }`",
                "invalid",
            );
            return;
        };
        let arguments = activity
            .params
            .get("arguments")
            .map_or_else(|| "{}".to_owned(), Value::to_string);
        let call = ToolCall {
            id: id.clone(),
            name: tool.into(),
            arguments: arguments.into(),
        };
        self.act(id, vec![call], false);
    }

    /// Calls of the last reply that nothing has answered.
    pub(crate) fn open_calls(&self) -> Vec<ToolCall> {
        let mut answered = Vec::new();
        for item in self.history.iter().rev() {
            match &*item.item {
                Item::Result(result) => answered.push(result.call.clone()),
                Item::Assistant { calls, .. } => {
                    return calls
                        .iter()
                        .filter(|call| !answered.contains(&call.id))
                        .cloned()
                        .collect();
                }
                Item::Text { .. } => {}
            }
        }
        Vec::new()
    }

    /// Begin every call that may begin now; when all are over, end the round.
    pub(crate) fn advance(&mut self, id: &Arc<str>) {
        let mut index = 0;
        loop {
            let Some(activity) = self.activities.get(id) else {
                return;
            };
            let Some(slot) = activity.slots.get(index) else {
                break;
            };
            let waits = matches!(slot.progress, Progress::Waiting) && !is_of_the_host(&slot.call);
            if waits {
                let reads_only = self.effect_of(&slot.call) == Effect::None;
                let mut running = activity
                    .slots
                    .iter()
                    .filter(|slot| matches!(slot.progress, Progress::Running(_)));
                let free = if reads_only {
                    running.all(|slot| self.effect_of(&slot.call) == Effect::None)
                } else {
                    running.next().is_none()
                };
                if !free {
                    return;
                }
                let call = slot.call.clone();
                if self.is_held_up(id, &call) {
                    return;
                }
                self.begin(id, index, &call);
                if !reads_only && self.is_running(id, index) {
                    return;
                }
            }
            index += 1;
        }
        let Some(activity) = self.activities.get(id) else {
            return;
        };
        let running = |slot: &Slot| matches!(slot.progress, Progress::Running(_));
        if !activity.slots.iter().any(running) {
            self.end_round(id);
        }
    }

    /// Whether the next call of the activity `id` waits, or the activity has come to its end because there is no room for it. A model reads of that instead.
    fn is_held_up(&mut self, id: &Arc<str>, call: &ToolCall) -> bool {
        match self.room_for_call() {
            Room::Busy => self.calls_wait(id),
            Room::Refused(exhausted) if !self.is_for_model(id) => {
                self.exhausted(id, &exhausted, &format!("the call of {}", call.name));
            }
            _ => return false,
        }
        true
    }

    fn is_for_model(&self, id: &Arc<str>) -> bool {
        let activity = self.activities.get(id);
        activity.is_some_and(|activity| activity.for_model)
    }

    fn is_running(&self, id: &Arc<str>, index: usize) -> bool {
        self.activities
            .get(id)
            .and_then(|activity| activity.slots.get(index))
            .is_some_and(|slot| matches!(slot.progress, Progress::Running(_)))
    }

    /// What repeating `call` does; a call that will be refused does nothing.
    pub(crate) fn effect_of(&self, call: &ToolCall) -> Effect {
        ToolName::from_wire(&call.name)
            .and_then(|name| match name.as_str() {
                policy::EXEC_TOOL => Some(Effect::Once),
                _ => self
                    .find_tool(&name)
                    .map(|(plugin, spec)| plugin.effect(spec)),
            })
            .unwrap_or(Effect::None)
    }

    /// The content of the generation that would answer `call`.
    fn generation_of(&self, call: &ToolCall) -> Option<types::ContentHash> {
        let name = ToolName::from_wire(&call.name)?;
        Some(self.find_tool(&name)?.0.info().hash)
    }

    fn begin(&mut self, id: &Arc<str>, index: usize, call: &ToolCall) {
        // What was begun before the host died keeps its name: whoever runs it can tell that it is the same call.
        let before = self.slot(id, index).and_then(|slot| slot.again.take());
        let effect = before.unwrap_or_else(|| self.new_effect());
        let allowed = self.allow(call).and_then(|allowed| {
            self.within_budget(call)?;
            if before.is_none() {
                self.count(id, &allowed.grant)?;
            }
            Ok(allowed)
        });
        let asks = matches!(&allowed, Ok(allowed) if allowed.grant.verdict == Verdict::Ask);
        let mut body = json!({
            "effect": effect, "invocation": id, "call": call.id, "tool": call.name,
            "arguments": call.arguments, "repeat": self.effect_of(call),
            "generation": self.generation_of(call),
        });
        let marks = [
            ("asks", asks),
            ("again", before.is_some()),
            ("refused", allowed.is_err()),
        ];
        for (mark, _) in marks.into_iter().filter(|(_, so)| *so) {
            body[mark] = true.into();
        }
        self.judged(call, &mut body);
        self.record(Kind::Call, &body);
        self.show(RunEvent::Call {
            id: self.effect_id(effect),
            tool: call.name.clone(),
            arguments: call.arguments.plain().into(),
        });
        let begun = allowed.and_then(|allowed| {
            if asks {
                self.ask_first(id, index, effect, (call, &allowed))?;
                if let Some(slot) = self.slot(id, index) {
                    slot.progress = Progress::Running(effect);
                }
            } else {
                self.launch(id, index, effect, call, allowed);
            }
            Ok(())
        });
        if let Err(refusal) = begun {
            self.refuse_call(id, index, effect, refusal);
        }
    }

    /// Have the sandbox run a call that nothing holds back.
    pub(crate) fn launch(
        &mut self,
        id: &Arc<str>,
        index: usize,
        effect: u64,
        call: &ToolCall,
        allowed: Allowed,
    ) {
        self.call_is_under_way(effect);
        let context = self.call_context(effect);
        let sandbox = self.services.sandbox.clone();
        let guards = self.guards.clone();
        let effect_id = self.effect_id(effect);
        let (invocation, arguments) = (id.clone(), call.arguments.clone());
        let ran = Ran {
            provenance: allowed.callee.provenance(),
            labels: allowed.callee.labels(),
            effect: self.effect_of(call),
            account: self.account(self.state_of(id)),
        };
        let cpu = CpuTime::default();
        let clock = self.services.clock.clone();
        let expense = Expense {
            account: ran.account.clone(),
            by: ran.provenance.clone(),
            started: clock.monotonic(),
            cpu: cpu.clone(),
        };
        if let Some(slot) = self.slot(id, index) {
            slot.progress = Progress::Running(effect);
            slot.expense = Some(expense);
        }
        self.start(effect, id, async move {
            let request = ToolRequest {
                tool: allowed.tool.tool(),
                arguments: &arguments.plain(),
                id: &effect_id,
                grant: &allowed.grant,
            };
            let call = async {
                match &allowed.callee {
                    Callee::Plugin(plugin) => sandbox.call(plugin, request, &context).await,
                    Callee::Command => sandbox.command(request.grant, request.arguments).await,
                }
            };
            let mut outcome = metered(call, clock, cpu).await;
            let inspected = guards
                .on_an_answer(&ran.provenance, &ran.labels, &mut outcome, &context)
                .await;
            Done::Called(Box::new(Called {
                effect,
                invocation,
                slot: index,
                outcome,
                inspected,
                ran,
            }))
        });
    }

    /// A call that is not made has an outcome as well.
    pub(crate) fn refuse_call(
        &mut self,
        id: &Arc<str>,
        index: usize,
        effect: u64,
        refusal: CallError,
    ) {
        self.came_back(id, index, effect, &Outcome::refused(refusal), None);
    }

    /// An effect's name wherever it is shown, and the call id that its component sees.
    pub(crate) fn effect_id(&self, effect: u64) -> Arc<str> {
        format!("{}/{effect}", self.id).into()
    }

    pub(crate) fn slot(&mut self, id: &Arc<str>, index: usize) -> Option<&mut Slot> {
        self.activities.get_mut(id)?.slots.get_mut(index)
    }
}
