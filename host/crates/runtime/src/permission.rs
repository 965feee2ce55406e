//! `ask`: a call that a person must allow waits here for the answer, one question at a time.
//!
//! Who is asked, and how, is the front end's business: it comes in as [`Permit`]. A question belongs to the call it is about, so an activity that is stopped
//! takes its questions with it. An answer lifts the question and nothing else: what the policy denies by then stays denied.

use crate::act::Allowed;
use crate::live::RunEvent;
use crate::record::Kind;
use crate::run::{Done, Run};
use policy::Subject;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Mutex;
use types::{CallError, CallErrorKind, Effect, ToolCall, ToolName};

/// Asks a person. What it returns is dropped when the answer is not wanted any more.
pub type Permit = Rc<dyn Fn(Question) -> Pin<Box<dyn Future<Output = Answer>>>>;

/// Whether a call may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The agent that would make it.
    pub agent: Arc<str>,
    /// The tool.
    pub tool: ToolName,
    /// The model's arguments, as it wrote them.
    pub arguments: String,
    /// What the call may do to the world.
    pub effect: Effect,
    /// The rule that wants a person to be asked, as `file:line` and words.
    pub rule: String,
    /// Whether an answer can only be about this one call: a native command says nothing of the next.
    pub alone: bool,
    /// Whether rules of this house come by released changes only, so that no answer can become one.
    pub controlled: bool,
}

/// What a person says to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// This call may be made.
    Once,
    /// This call, and every later one of the tool in this run.
    Run,
    /// This call and every later one of the tool. Whoever answers so writes the rule; the run treats it as [`Answer::Run`].
    Always,
    /// This call is refused.
    No,
}

impl Answer {
    /// Its name on the record.
    pub fn name(self) -> &'static str {
        match self {
            Answer::Once => "once",
            Answer::Run => "run",
            Answer::Always => "always",
            Answer::No => "no",
        }
    }

    /// Whether it speaks of the run's later calls too.
    fn is_for_the_run(self) -> bool {
        matches!(self, Answer::Run | Answer::Always)
    }
}

/// Who is asked, and which tools need no further question in this run.
pub(crate) struct Permissions {
    permit: Option<Permit>,
    /// Whoever holds it asks; the tools that were allowed for the run.
    open: Arc<Mutex<BTreeSet<ToolName>>>,
}

impl Permissions {
    pub(crate) fn new(permit: Option<Permit>) -> Self {
        Permissions {
            permit,
            open: Arc::default(),
        }
    }

    /// What was answered before a run was taken up again still holds in it.
    pub(crate) fn permit_for_the_run(&mut self, tools: Vec<ToolName>) {
        self.open = Arc::new(Mutex::new(tools.into_iter().collect()));
    }

    /// Whether there is anybody to ask.
    pub(crate) fn somebody_answers(&self) -> bool {
        self.permit.is_some()
    }
}

/// A question that has been answered.
pub(crate) struct Permitted {
    effect: u64,
    invocation: Arc<str>,
    slot: usize,
    tool: ToolName,
    answer: Answer,
    /// Whether a person was asked now, and not for an earlier call.
    asked: bool,
}

/// A question that has been answered, on the record.
#[derive(Deserialize)]
pub(crate) struct PermissionRecord {
    tool: ToolName,
    answer: Answer,
}

impl PermissionRecord {
    /// The tool that needs no further question in its run, if that was the answer.
    pub(crate) fn for_the_run(self) -> Option<ToolName> {
        self.answer.is_for_the_run().then_some(self.tool)
    }
}

impl Run {
    /// Have a person asked whether the call may be made; refused where nobody can be.
    pub(crate) fn ask_first(
        &mut self,
        id: &Arc<str>,
        slot: usize,
        effect: u64,
        (call, allowed): (&ToolCall, &Allowed),
    ) -> Result<(), CallError> {
        let Some(permit) = self.permissions.permit.clone() else {
            return Err(allowed.grant.unanswered());
        };
        let question = Question {
            agent: self.agent.name.clone(),
            tool: allowed.tool.clone(),
            arguments: call.arguments.plain().into_owned(),
            effect: self.effect_of(call),
            rule: allowed.grant.described(Subject::Tool),
            alone: allowed.grant.command.is_some(),
            controlled: self.services.is_controlled(),
        };
        let open = self.permissions.open.clone();
        let invocation = id.clone();
        self.start(effect, id, async move {
            let tool = question.tool.clone();
            let mut open = open.lock().await;
            let asked = question.alone || !open.contains(&tool);
            let answer = match (asked, question.alone) {
                (false, _) => Answer::Run,
                (true, false) => permit(question).await,
                (true, true) => match permit(question).await {
                    Answer::No => Answer::No,
                    _ => Answer::Once,
                },
            };
            if answer.is_for_the_run() {
                open.insert(tool.clone());
            }
            Done::Permitted(Box::new(Permitted {
                effect,
                invocation,
                slot,
                tool,
                answer,
                asked,
            }))
        });
        Ok(())
    }

    /// The answer has come. The policy may be another by now, so it is looked at again.
    pub(crate) fn permitted(&mut self, permitted: Permitted) {
        let Permitted {
            effect,
            invocation,
            slot,
            tool,
            answer,
            asked,
        } = permitted;
        self.over(effect);
        let call = self.slot(&invocation, slot).map(|slot| slot.call.clone());
        let Some(call) = call else {
            return;
        };
        self.record(
            Kind::Permission,
            &json!({ "effect": effect, "call": call.id, "tool": tool, "answer": answer, "asked": asked }),
        );
        if asked {
            self.show(RunEvent::Permission {
                id: self.effect_id(effect),
                tool: call.name.clone(),
                answer: answer.name(),
            });
        }
        let allowed = self.allow(&call).and_then(|allowed| match answer {
            Answer::No => Err(refused(&allowed)),
            _ => self.within_budget(&call).map(|()| allowed),
        });
        match allowed {
            Ok(allowed) => self.launch(&invocation, slot, effect, &call, allowed),
            Err(refusal) => self.refuse_call(&invocation, slot, effect, refusal),
        }
        self.advance(&invocation);
    }
}

/// What the model reads when a person said no.
fn refused(allowed: &Allowed) -> CallError {
    let message = format!(
        "a person was asked, because of {}, and did not allow this call of `{}`; go on without it, or say why it is needed",
        allowed.grant.described(Subject::Tool),
        allowed.tool,
    );
    CallError::new(CallErrorKind::Denied, message)
}
