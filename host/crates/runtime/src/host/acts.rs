//! What is handed in or said in change control, as acts of a change: what is recorded of it, and whether that may be.
//!
//! The chart says which role works in which state. What the work *is* does not follow from the chart: a hand-in of the implementer is an implementation, one of
//! a seat of the board a vote, whatever states there are. So a chart that was tampered with can lead nowhere, and every way by which a hand-in arrives ends here.
//! The rules themselves are the pure crate `change`'s; which act somebody's words are is read in [`judging`].

mod judging;

use super::house::Host;
use super::vouch::{Judged, is_signed};
use crate::record::Kind;
use crate::workflow::{Happened, Instance, WorkflowError, Wrong};
use change::{At, Body, Doing, Of, Person, Register, Rule};
use judging::{HandedIn, Judging};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use types::{Timestamp, Value};

/// Words of roles that are not of the board.
const REQUESTER: &str = "requester";
const ASSESSOR: &str = "assessor";
const IMPLEMENTER: &str = "implementer";
const VERIFIER: &str = "verifier";
const RELEASER: &str = "releaser";

/// What is recorded of a change, before it is signed.
#[derive(Default)]
pub(super) struct Acts(Vec<Body>);

impl Acts {
    /// The same, signed.
    pub(super) fn signed(self, signed: &sign::Signed) -> Result<Vec<Body>, WorkflowError> {
        let all = self.0.into_iter().map(|body| {
            let mut json = body.to_json();
            if body.signed().is_some() {
                json["signed"] = json!(signed);
            }
            let read = Body::read(body.kind(), &json);
            read.unwrap_or(Ok(body)).map_err(|why| {
                no(
                    format!("it cannot be recorded: {why}"),
                    "hand it in otherwise",
                )
            })
        });
        all.collect()
    }
}

/// As it is recorded.
pub(super) fn record(body: &Body) -> (Kind, Json) {
    let kind = Kind::named(body.kind()).unwrap_or(Kind::ChangeReviewed);
    (kind, body.to_json())
}

/// A signature as records of changes have it; an empty one for what is signed later.
pub(super) fn signature(by: &Person, signed: Option<&sign::Signed>) -> change::Signed {
    let text = |of: fn(&sign::Signed) -> &String| signed.map(of).cloned().unwrap_or_default();
    change::Signed {
        by: by.clone(),
        key: text(|signed| &signed.key),
        statement: text(|signed| &signed.statement),
        signature: text(|signed| &signed.signature),
    }
}

/// A rule that says no: to whoever it is, or because of what was said or how things are.
pub(super) fn forbidden(rule: &Rule) -> WorkflowError {
    let why = rule.to_string();
    let help = match rule.hint() {
        hint if hint.is_empty() => "docs/change-control.md says who does what".to_owned(),
        hint => hint,
    };
    let wrong = match rule.of() {
        Of::Duties => return WorkflowError::Forbidden { why, help },
        Of::State => Wrong::State,
        Of::Said => Wrong::Said,
    };
    WorkflowError::Unfit { wrong, why, help }
}

/// What cannot be done, whoever wants it.
pub(super) fn unfit(
    wrong: Wrong,
    why: impl Into<String>,
    help: impl Into<String>,
) -> WorkflowError {
    WorkflowError::Unfit {
        wrong,
        why: why.into(),
        help: help.into(),
    }
}

/// What was said makes no sense.
fn no(why: impl Into<String>, help: impl Into<String>) -> WorkflowError {
    unfit(Wrong::Said, why, help)
}

fn unread(error: impl std::fmt::Display) -> WorkflowError {
    unfit(Wrong::Store, error.to_string(), "mend the store")
}

impl Host {
    /// Whether `instance` is a change.
    pub(super) fn is_change_control(&self, instance: &Instance) -> bool {
        instance.bundle().chart.name() == &*self.control_workflow()
    }

    /// The workflow that changes go through.
    pub(super) fn control_workflow(&self) -> Arc<str> {
        let house = self.definitions();
        let controlled = house.controlled.as_ref();
        controlled.map_or(definitions::CHANGE_CONTROL.into(), |c| {
            c.workflow.value.clone()
        })
    }

    /// What is to happen in a change, as acts: which, and whether whoever it is may do them at all.
    pub(super) fn judge_act(
        &self,
        instance: &Instance,
        mut judged: Judged,
        who: &Person,
        now: i64,
    ) -> Result<Judged, WorkflowError> {
        let register = self.register();
        let register = register.as_ref().map_err(unread)?;
        let judging = Judging {
            host: self,
            register,
            instance,
            who,
            now: Timestamp(now),
            number: register
                .change_of(instance.id())
                .map(|change| change.number),
        };
        if let Some(number) = judging.number {
            judged.claim.statement.change = number.to_string();
        }
        let Some(mut last) = judged.happened.pop() else {
            return Ok(judged);
        };
        match &mut last {
            Happened::HandIn {
                role,
                outcome,
                notes,
                artefacts,
                ..
            } => {
                let handed = HandedIn {
                    role,
                    outcome,
                    notes: notes.as_deref().unwrap_or_default().to_owned(),
                    artefacts: artefacts.to_json(),
                };
                let (acts, instead) = judging.handed_in(&handed, &mut judged)?;
                if let Some(instead) = instead {
                    *artefacts = Value::from(&instead);
                    judged.claim.statement.artefacts = super::vouch::content(artefacts);
                }
                judged.acts = Acts(acts);
            }
            Happened::Event { event, .. } => {
                let (acts, instead) =
                    judging.said(&event.name, &event.data.to_json(), &mut judged)?;
                if let Some(instead) = instead {
                    event.data = Value::from(&instead);
                    judged.claim.statement.artefacts = super::vouch::content(&event.data);
                }
                judged.acts = Acts(acts);
            }
            _ => {}
        }
        judged.happened.push(last);
        // What is asked for or ordered in one breath with a candidate is signed with that.
        judged.claim.statement.on = judged.acts.0.iter().rev().find_map(Body::on);
        let number = judged.acts.0.iter().find_map(Body::change);
        if let Some(number) = number.or(judging.number) {
            judged.claim.statement.change = number.to_string();
            judged.said = json!({ "change": number.to_string(), "instance": instance.id() });
        }
        Ok(judged)
    }

    /// Whether all of `bodies` may be recorded, one after the other; the register as it then is.
    pub(super) fn may_all(
        &self,
        run: &str,
        identities: &[(Kind, Json)],
        bodies: &[Body],
        now: i64,
    ) -> Result<Register, WorkflowError> {
        let bodies_as_json: Vec<Json> = bodies.iter().map(Body::to_json).collect();
        let register = self.register_knowing(&bodies_as_json);
        let mut register = register.map_err(unread)?;
        let head = self.0.journal.borrow().head();
        let mut seq = head.map_err(unread)?.seq;
        let mut at = || {
            seq += 1;
            At {
                seq,
                time: Timestamp(now),
                run,
            }
        };
        for (kind, body) in identities {
            register.take(at(), kind.name(), body);
        }
        for (body, json) in bodies.iter().zip(&bodies_as_json) {
            let at = at();
            register.may(&at, body).map_err(|rule| forbidden(&rule))?;
            register.take(at, body.kind(), json);
        }
        Ok(register)
    }

    /// The register of this house.
    pub(super) fn register(&self) -> Result<Register, String> {
        self.register_knowing(&[])
    }

    /// The rule by which `agent` may not do what `role` does in the change that `instance` is of, if there is one: a seat that is given to one who may not is a seat that
    /// nobody has.
    pub(super) fn why_not_act(
        &self,
        instance: &Instance,
        role: &str,
        agent: &Arc<str>,
    ) -> Option<Rule> {
        if !is_signed(instance) {
            return None;
        }
        let now = Timestamp(self.now().0);
        let register = self.register().ok()?;
        let change = register.change_of(instance.id())?;
        let settings = register.settings(now).ok()?;
        let doing = match role {
            // Nobody looks at what governs them, neither before the board does nor after it.
            ASSESSOR => Doing::Assess,
            VERIFIER => Doing::Verify,
            IMPLEMENTER => Doing::Implement,
            RELEASER => Doing::Release,
            seat if settings.board.contains(seat) => Doing::Vote(seat),
            _ => return None,
        };
        let who = Person::Agent(agent.clone());
        register.may_do(change.number, &who, doing, now).err()
    }

    /// The same, where `bodies` are about to be recorded: what their signers have seen can be looked up.
    fn register_knowing(&self, bodies: &[Json]) -> Result<Register, String> {
        let root = self.definitions().root.clone();
        let journal = self.0.journal.borrow();
        crate::control::register_knowing(&journal, &root, bodies).map_err(|e| e.to_string())
    }
}

/// Whether `role` is one that every change has, and no seat of the board.
pub(super) fn is_no_seat(role: &str) -> bool {
    [REQUESTER, ASSESSOR, IMPLEMENTER, VERIFIER, RELEASER].contains(&role)
}
