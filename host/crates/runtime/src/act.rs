//! `act`: run tool calls. Those that only read run beside each other, the others one after another in the model's order, and `signal` last of all.
//!
//! Policy is resolved for each call at the moment it begins. A refusal is an outcome like any other: the model reads what was refused and by which rule.

use crate::account::Component;
use crate::admission::{Room, refusal};
use crate::bound::HAND_IN;
use crate::grants;
use crate::guards::{Inspected, labels_of, provenance_of};
use crate::live::{CauseKind, RunEvent};
use crate::offers;
use crate::record::Kind;
use crate::round::{Finished, Progress, Slot};
use crate::run::{Done, Run};
use policy::Verdict;
use sandbox::{Plugin, ToolRequest};
use serde_json::json;
use std::sync::Arc;
use types::{
    CallError, CallErrorKind, Cost, Effect, Item, Outcome, Provenance, Text, ToolCall, ToolName,
    ToolResult, Value,
};

/// The host's own tool by which a model raises an event of its chart.
pub(crate) const SIGNAL: &str = "signal";
/// What marks the output of a plugin that the house does not trust.
pub(crate) const UNTRUSTED: &str = "untrusted";

/// What a token is long at least, in any language that models read well.
const BYTES_PER_TOKEN: u64 = 3;

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

    /// Refused where the budgets have no room for `call`.
    pub(crate) fn within_budget(&mut self, call: &ToolCall) -> Result<(), CallError> {
        match self.room_for_call() {
            Room::Granted | Room::Busy => Ok(()),
            Room::Refused(exhausted) => {
                let what = format!("the call of {}", call.name);
                let message = self.refused(&exhausted, &what);
                Err(refusal(message, &exhausted))
            }
            Room::Unknown(why) => Err(CallError::new(CallErrorKind::Unavailable, why)),
        }
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
        if let Some(slot) = self.slot(id, index) {
            slot.progress = Progress::Running(effect);
        }
        self.start(effect, id, async move {
            let request = ToolRequest {
                tool: allowed.tool.tool(),
                arguments: &arguments.plain(),
                id: &effect_id,
                grant: &allowed.grant,
            };
            let mut outcome = match &allowed.callee {
                Callee::Plugin(plugin) => sandbox.call(plugin, request, &context).await,
                Callee::Command => sandbox.command(request.grant, request.arguments).await,
            };
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

    /// Whether `call` may be made now, and with what. Whether somebody has to be asked first stands in the grant.
    pub(crate) fn allow(&mut self, call: &ToolCall) -> Result<Allowed, CallError> {
        let known =
            ToolName::from_wire(&call.name).and_then(|name| Some((self.callee(&name)?, name)));
        let Some((callee, tool)) = known else {
            let mut names: Vec<String> =
                self.tool_names().iter().map(ToString::to_string).collect();
            if self.runs_commands() {
                names.push(policy::EXEC_TOOL.to_owned());
            }
            return Err(CallError::new(
                CallErrorKind::Invalid,
                format!(
                    "there is no tool `{}`; there are {}",
                    call.name,
                    names.join(", ")
                ),
            ));
        };
        if let Some(why) = self.held.get(&call.id) {
            return Err(CallError::new(CallErrorKind::Denied, why.clone()));
        }
        let mut grant = self.grants.of(
            &self.services.house,
            &self.agent,
            &self.bundle,
            &self.snapshot,
            self.bound.as_ref(),
            &tool,
        );
        if let Callee::Command = callee {
            let argv = sandbox::exec_argv(&call.arguments.plain())?;
            grant = Arc::new(grant.for_command(&argv));
        }
        match grant.denial() {
            Some(denial) => Err(denial),
            None => Ok(Allowed {
                callee,
                tool,
                grant,
            }),
        }
    }

    /// Put on the record of `call` what its agent's policy says of it: the verdict, and the hash of the grant.
    fn judged(&mut self, call: &ToolCall, body: &mut serde_json::Value) {
        let tool = ToolName::from_wire(&call.name).filter(|name| self.callee(name).is_some());
        let judged = tool.map(|tool| {
            let (house, agent) = (&self.services.house, &self.agent);
            let (bundle, snapshot) = (&self.bundle, &self.snapshot);
            let work = self.bound.as_ref();
            let grant = self.grants.of(house, agent, bundle, snapshot, work, &tool);
            let verdict = grants::verdict(&grant, &call.arguments.plain());
            (verdict, self.grants.hash_of(&grant))
        });
        self.tell_components(body);
        body["verdict"] = json!(judged.map(|(verdict, _)| verdict));
        body["grant"] = json!(judged.map(|(_, grant)| grant));
    }

    /// Who answers to `name`.
    fn callee(&self, name: &ToolName) -> Option<Callee> {
        if name.as_str() == policy::EXEC_TOOL {
            return self.runs_commands().then_some(Callee::Command);
        }
        let (plugin, _) = self.find_tool(name)?;
        Some(Callee::Plugin(plugin.clone()))
    }

    /// Whether policy could allow a native command in some state.
    fn runs_commands(&self) -> bool {
        offers::commands(&self.services.house, &self.agent, &self.bundle, self.work()).is_some()
    }

    /// Count a call of the activity `id`, as long as it has any left.
    fn count(&mut self, id: &Arc<str>, grant: &policy::Grant) -> Result<(), CallError> {
        let Some(activity) = self.activities.get_mut(id) else {
            return Ok(());
        };
        if activity.calls >= grant.limits.calls {
            return Err(CallError::new(
                CallErrorKind::Limit,
                format!(
                    "this turn has made its {} calls; finish with what you have, or the operator raises `limits: {{ calls: …/turn }}`",
                    grant.limits.calls
                ),
            ));
        }
        activity.calls += 1;
        Ok(())
    }

    /// A call has come back from the sandbox.
    pub(crate) fn called(&mut self, called: Called) {
        self.over(called.effect);
        for inspected in &called.inspected {
            self.guarded(called.effect, "result", inspected);
        }
        self.came_back(
            &called.invocation,
            called.slot,
            called.effect,
            &called.outcome,
            Some(called.ran),
        );
        self.advance(&called.invocation);
    }

    pub(crate) fn slot(&mut self, id: &Arc<str>, index: usize) -> Option<&mut Slot> {
        self.activities.get_mut(id)?.slots.get_mut(index)
    }

    fn came_back(
        &mut self,
        id: &Arc<str>,
        index: usize,
        effect: u64,
        outcome: &Outcome,
        ran: Option<Ran>,
    ) {
        let Some(slot) = self.slot(id, index) else {
            return;
        };
        let call = slot.call.clone();
        let tool = ToolName::from_wire(&call.name);
        let mut body =
            json!({ "effect": effect, "call": call.id, "tool": call.name, "outcome": outcome });
        if let Some(ran) = &ran {
            body["provenance"] = json!(ran.provenance);
            body["labels"] = json!(ran.labels);
        }
        self.record(Kind::Outcome, &body);
        let took = outcome.wall_us > 0 || outcome.fuel > 0;
        if let (true, Some(ran)) = (took, &ran) {
            let component = Component {
                tool: tool
                    .as_ref()
                    .map_or(call.name.clone(), |t| t.as_str().into()),
                by: Some(&ran.provenance),
                given: call.arguments.len() as u64,
                answered: outcome.bytes(),
            };
            self.book_component(ran.account.clone(), component, outcome);
        }
        for line in &outcome.log {
            self.show(RunEvent::Log {
                source: call.name.clone(),
                message: line.clone(),
            });
        }
        let error = outcome.result.as_ref().err().map(ToString::to_string);
        self.show(RunEvent::Outcome {
            id: self.effect_id(effect),
            tool: call.name.clone(),
            ok: error.is_none(),
            error,
            wall_us: outcome.wall_us,
        });
        let writes = ran.as_ref().is_some_and(|ran| ran.effect != Effect::None);
        let (provenance, labels) = match ran {
            Some(ran) if took => (ran.provenance, ran.labels),
            _ => (Provenance::House, vec![]),
        };
        let failed = outcome.result.is_err();
        let notes = tool.map_or_else(String::new, |tool| self.take_notes(tool.plugin()));
        let text = cut(in_words(outcome), self.longest_result()) + &notes;
        let result = ToolResult {
            call: call.id,
            name: call.name,
            text: self.readable(text),
            failed,
            provenance,
            labels,
        };
        if let Some(activity) = self.activities.get_mut(id) {
            activity.changed |= writes && !failed;
            activity.failed += u32::from(failed);
            activity.slots[index].progress = Progress::Finished(Box::new(Finished {
                result,
                error: outcome.result.as_ref().err().map(|error| error.kind),
                json: last_json(outcome),
            }));
        }
    }

    /// What did not come from the house, as it joins the conversation: it cannot open or close a section of the map.
    pub(crate) fn readable(&self, text: String) -> Text {
        let map = &self.agent.context;
        let mut models = self.asked.iter().map(|asked| &asked.parameters.name);
        match models.any(|model| map.has_sections(model)) {
            true => context::neutralise(&text, map).into(),
            false => text.into(),
        }
    }

    /// Longest result that goes into the conversation, in bytes. One answer may fill a quarter of the window and no more: a longer one would push the
    /// whole conversation out of it, or not fit at all, whatever the sandbox's own output limit is.
    pub(crate) fn longest_result(&self) -> usize {
        // Whoever of those asked has the smallest window may have to read it.
        let rooms = self.asked.iter().map(|asked| {
            let parameters = &asked.parameters;
            parameters
                .context_length
                .saturating_sub(parameters.max_output)
        });
        let room = rooms.min().unwrap_or(0);
        usize::try_from(room / 4 * BYTES_PER_TOKEN).unwrap_or(usize::MAX)
    }

    /// All calls but signals are over: raise the signals, put every answer into the conversation, go on.
    fn end_round(&mut self, id: &Arc<str>) {
        let Some(activity) = self.activities.get_mut(id) else {
            return;
        };
        let for_model = activity.for_model;
        let said = activity.said.take();
        let slots = std::mem::take(&mut activity.slots);
        if let Some(said) = said {
            self.remember(said);
        }
        for slot in slots {
            match slot.progress {
                Progress::Finished(finished) if !for_model => {
                    return self.fixed_call_over(id, *finished);
                }
                Progress::Finished(finished) => self.remember(Item::Result(finished.result)),
                _ => {
                    let result = match &*slot.call.name {
                        HAND_IN => self.handing_in(slot.call),
                        _ => self.signal(slot.call),
                    };
                    self.remember(Item::Result(result));
                }
            }
        }
        self.say_what_waited();
        self.resuming.push_back(id.clone());
    }

    /// The chart's own call is over: its chart hears what came of it.
    fn fixed_call_over(&mut self, id: &Arc<str>, finished: Finished) {
        let Finished {
            result,
            error,
            json,
        } = finished;
        match error {
            None => {
                let data =
                    Value::map([("text", Value::text(&*result.text.plain())), ("json", json)]);
                self.finish(id, data);
            }
            Some(kind) => {
                let cause = match kind {
                    CallErrorKind::Denied => CauseKind::Denied,
                    _ => CauseKind::Other,
                };
                self.finish_failed(
                    id,
                    "error.plugin",
                    cause,
                    &result.text.plain(),
                    kind.as_str(),
                );
            }
        }
    }

    /// The model hands in what its role asks for.
    fn handing_in(&mut self, call: ToolCall) -> ToolResult {
        let (text, failed) = match self.held.get(&call.id) {
            Some(why) => (format!("denied: {why}"), true),
            None => self.hand_in(&call),
        };
        self.record(
            Kind::Outcome,
            &json!({ "call": call.id, "tool": HAND_IN, "handed_in": !failed }),
        );
        ToolResult {
            call: call.id,
            name: call.name,
            text: text.into(),
            failed,
            provenance: Provenance::House,
            labels: Vec::new(),
        }
    }

    /// The model raises an event: only one that some open state accepts at this moment.
    fn signal(&mut self, call: ToolCall) -> ToolResult {
        let open: Vec<String> = self
            .snapshot
            .open_signals(&self.bundle.chart)
            .into_iter()
            .map(str::to_owned)
            .collect();
        let arguments: serde_json::Value =
            serde_json::from_str(&call.arguments.plain()).unwrap_or_default();
        let event = arguments["event"].as_str().unwrap_or_default();
        let held = self.held.get(&call.id).cloned();
        let accepted = held.is_none() && open.iter().any(|name| name == event);
        let text = if let Some(why) = held {
            format!("denied: {why}")
        } else if accepted {
            let note = Value::from(&arguments["note"]);
            self.happen(event, Value::map([("note", note)]), None);
            format!("raised {event}")
        } else if open.is_empty() {
            format!("denied: `{event}` is not raised: no state accepts a signal now")
        } else {
            format!(
                "denied: `{event}` is not raised: the open states accept {}",
                open.join(", ")
            )
        };
        self.record(
            Kind::Outcome,
            &json!({ "call": call.id, "tool": SIGNAL, "event": event, "raised": accepted }),
        );
        ToolResult {
            call: call.id,
            name: call.name,
            text: text.into(),
            failed: !accepted,
            provenance: Provenance::House,
            labels: Vec::new(),
        }
    }
}

/// Whether the host itself answers `call`, once the round's others are over.
fn is_of_the_host(call: &ToolCall) -> bool {
    matches!(&*call.name, SIGNAL | HAND_IN)
}

/// The last structured part of an answer.
pub(crate) fn last_json(outcome: &Outcome) -> Value {
    let parts = outcome.result.as_deref().unwrap_or_default();
    let json = parts.iter().rev().find_map(|part| match part {
        types::Part::Json(json) => Some(Value::from(json)),
        _ => None,
    });
    json.unwrap_or_default()
}

/// `text` cut to `limit` bytes, saying so.
pub(crate) fn cut(mut text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let lost = text.len() - end;
    text.truncate(end);
    text.push_str(&format!(
        "\n[{} more were cut: one answer may fill a quarter of the context window; ask for less at a time]",
        types::Bytes(lost as u64)
    ));
    text
}

pub(crate) fn words_of(parts: &[types::Part]) -> String {
    let texts: Vec<_> = parts.iter().map(types::Part::to_text).collect();
    texts.join("\n")
}

/// What was refused during a call, a line for each.
pub(crate) fn refusals_of(outcome: &Outcome) -> String {
    let line = |refusal: &types::Refusal| {
        format!(
            "\n[refused: {} {}: {}]",
            refusal.operation, refusal.subject, refusal.reason
        )
    };
    outcome.refused.iter().map(line).collect()
}

/// An outcome as the model reads it.
pub(crate) fn in_words(outcome: &Outcome) -> String {
    let text = match &outcome.result {
        Ok(parts) => words_of(parts),
        Err(error) => match &error.rule {
            Some(rule) => format!("{error} [{rule}]"),
            None => error.to_string(),
        },
    };
    text + &refusals_of(outcome)
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_long_answer_is_cut_at_a_character_and_says_so() {
        assert_eq!(cut("short".into(), 5), "short");
        let long = cut("äöü".repeat(100), 101);
        assert!(long.starts_with(&"äöü".repeat(16)), "{long}");
        assert!(long.contains("500B more were cut"), "{long}");
    }
}
