//! Who holds a role, from binding to handing in.
//!
//! `role.detached` comes to the chart where a role loses its holder while there is work for it: then somebody is missing. A role whose state is not active
//! just becomes free, and where somebody takes over nobody is missing; neither is the chart's business.

use super::core::bytes_of;
use super::error::WorkflowError;
use super::fact::{Bound, Fact, HandedIn, Unbound};
use super::instance::listed;
use super::taking::{Coming, Doing};
use super::telling::number;
use super::who::{Via, Who};
use definitions::OUTCOME_BYTES_MAX;
use std::sync::Arc;
use types::Value;

/// The longest notes, in bytes: what somebody reads before they begin.
pub const NOTES_BYTES_MAX: usize = 16 * 1024;
/// Artefacts that can be handed in at once. They are names of things rather than the things.
pub const ARTEFACTS_MAX: usize = 64;
/// What they may take together as JSON, in bytes.
pub const ARTEFACT_BYTES_MAX: usize = 32 * 1024;
/// The longest reason that is kept, in bytes; what is longer is cut.
const WHY_BYTES_MAX: usize = 4 * 1024;

impl Doing {
    pub fn bind(&mut self, role: &Arc<str>, who: &Who, via: Via) -> Result<(), WorkflowError> {
        self.instance.may_hold(role, &who.person())?;
        match self.instance.holder(role) {
            Some(holder) if holder == who => return Ok(()),
            Some(holder) => {
                return Err(WorkflowError::Held {
                    role: role.clone(),
                    holder: holder.clone(),
                });
            }
            None => {}
        }
        let cause = self.cause.take();
        self.fact(Fact::Bound(Bound {
            role: role.clone(),
            who: who.clone(),
            by: via,
            time: self.now,
            cause,
            signed: self.beside.signed.clone(),
        }));
        Ok(())
    }

    pub fn detach(
        &mut self,
        role: &Arc<str>,
        who: Option<&Who>,
        via: Via,
        why: &Arc<str>,
        notes: Option<&Arc<str>>,
    ) -> Result<(), WorkflowError> {
        let holder = self.holder_who_is(role, who)?;
        let notes = match via {
            // Nobody is there who could say it in fewer words.
            Via::Failure => notes.map(|notes| cut(notes, NOTES_BYTES_MAX)),
            _ => {
                fits("the notes", notes)?;
                notes.cloned()
            }
        };
        if !matches!(via, Via::Chart | Via::Failure) {
            self.withdraw_all(role, "the role was taken away");
        }
        // Only here is it known whether that had been done by then.
        let misses = via == Via::Failure && self.instance.core.work_of(role).next().is_some();
        let why = match misses {
            true => format!("{why}; its work as `{role}` was not handed in").into(),
            false => why.clone(),
        };
        self.lose(role, &holder, via, &why, notes);
        Ok(())
    }

    /// `holder` loses `role`, and the chart hears of it where somebody is missing now.
    pub fn lose(
        &mut self,
        role: &Arc<str>,
        holder: &Who,
        via: Via,
        why: &Arc<str>,
        notes: Option<Arc<str>>,
    ) {
        let missed = self.instance.core.work_of(role).next().is_some();
        self.unbind(role, via, why, notes.clone());
        if missed {
            let mut data = vec![
                ("role", Value::text(role.clone())),
                ("by", said(holder)),
                ("why", Value::text(cut(why, WHY_BYTES_MAX))),
            ];
            data.extend(notes.map(|notes| ("notes", Value::Text(notes))));
            self.come(Coming::new("role.detached", Value::map(data)));
        }
    }

    pub fn take_over(
        &mut self,
        role: &Arc<str>,
        who: &Who,
        notes: Option<&Arc<str>>,
    ) -> Result<(), WorkflowError> {
        self.instance.may_hold(role, &who.person())?;
        fits("the notes", notes)?;
        match self.instance.holder(role) {
            Some(holder) if holder == who => return Ok(()),
            Some(_) => {
                self.withdraw_all(role, "somebody else took over");
                let why = format!("{who} took over");
                self.unbind(role, Via::TakeOver, &why.into(), notes.cloned());
            }
            None => {}
        }
        self.bind(role, who, Via::TakeOver)
    }

    pub fn hand_in(
        &mut self,
        role: &Arc<str>,
        state: Option<&Arc<str>>,
        by: &Who,
        outcome: &Arc<str>,
        notes: Option<&Arc<str>>,
        artefacts: &Value,
    ) -> Result<(), WorkflowError> {
        self.holder_who_is(role, Some(by))?;
        let (work, state) = self.work_to_hand_in(role, state)?;
        if outcome.trim().is_empty() {
            return Err(WorkflowError::Outcome { what: "empty" });
        }
        if outcome.len() > OUTCOME_BYTES_MAX {
            return Err(WorkflowError::Outcome { what: "too long" });
        }
        let known = self.instance.bundle.roles.get(role);
        let known = known.map_or(&[][..], |role| &role.outcomes);
        if !known.is_empty() && !known.contains(outcome) {
            return Err(WorkflowError::NoOutcome {
                role: role.clone(),
                outcome: outcome.clone(),
                known: listed(known),
            });
        }
        fits("the notes", notes)?;
        let artefacts = plain(artefacts);
        let count = match &artefacts {
            Value::Null => 0,
            Value::List(list) => list.len(),
            Value::Map(map) => map.len(),
            _ => 1,
        };
        if count > ARTEFACTS_MAX {
            return Err(WorkflowError::TooMany {
                count,
                max: ARTEFACTS_MAX,
            });
        }
        let bytes = bytes_of(&artefacts);
        if bytes > ARTEFACT_BYTES_MAX {
            return Err(WorkflowError::TooLarge {
                what: "the artefacts",
                bytes,
                max: ARTEFACT_BYTES_MAX,
                help: "write them to files and hand in the paths",
            });
        }
        let cause = self.cause.take();
        self.fact(Fact::HandedIn(HandedIn {
            role: role.clone(),
            work,
            state: state.clone(),
            by: by.clone(),
            outcome: outcome.clone(),
            notes: notes.cloned(),
            artefacts: artefacts.clone(),
            time: self.now,
            cause,
            signed: self.beside.signed.clone(),
        }));
        self.handing_in = Some(work);
        let mut data = vec![
            ("role", Value::text(role.clone())),
            ("state", Value::Text(state)),
            ("work", number(work)),
            ("outcome", Value::text(outcome.clone())),
            ("artefacts", artefacts),
            ("by", said(by)),
        ];
        data.extend(notes.map(|notes| ("notes", Value::text(notes.clone()))));
        let known = std::mem::take(&mut self.beside.known);
        data.extend(known.iter().map(|(key, value)| (*key, value.clone())));
        self.come(Coming::new("role.done", Value::map(data)));
        Ok(())
    }

    /// Take the role from its holder: a fact, and nothing more.
    pub fn unbind(&mut self, role: &Arc<str>, via: Via, why: &Arc<str>, notes: Option<Arc<str>>) {
        let Some(who) = self.instance.holder(role).cloned() else {
            return;
        };
        let cause = match via {
            // The end is what has been caused.
            Via::End | Via::Reload => None,
            _ => self.cause.take(),
        };
        self.fact(Fact::Unbound(Unbound {
            role: role.clone(),
            who,
            by: via,
            why: cut(why, WHY_BYTES_MAX),
            notes,
            time: self.now,
            cause,
            signed: self.beside.signed.clone(),
        }));
    }

    /// The holder of `role` hears that all its work is gone.
    pub fn withdraw_all(&mut self, role: &str, why: &str) {
        let works: Vec<u64> = self.instance.core.work_of(role).map(|w| w.0).collect();
        for withdrawn in self.to_withdraw(&works) {
            self.withdraw(withdrawn, why);
        }
    }

    /// The holder of `role`, who must be `who` where that is said.
    fn holder_who_is(&self, role: &Arc<str>, who: Option<&Who>) -> Result<Who, WorkflowError> {
        self.instance.role(role)?;
        match (self.instance.holder(role), who) {
            (None, _) => Err(WorkflowError::NotBound {
                role: role.clone(),
                instance: self.instance.id.clone(),
            }),
            (Some(holder), Some(who)) if holder != who => Err(WorkflowError::NotHolder {
                role: role.clone(),
                by: who.clone(),
                holder: holder.clone(),
            }),
            (Some(holder), _) => Ok(holder.clone()),
        }
    }

    /// Which of the role's work is meant.
    fn work_to_hand_in(
        &self,
        role: &Arc<str>,
        state: Option<&Arc<str>>,
    ) -> Result<(u64, Arc<str>), WorkflowError> {
        let instance = &self.instance;
        let of_state = |name: &Arc<str>| state.is_none_or(|state| state == name);
        let mut works = instance.core.work_of(role);
        let mut works = works.by_ref().filter(|(_, work)| of_state(&work.state));
        match (works.next(), works.next()) {
            (Some((number, work)), None) => Ok((number, work.state.clone())),
            (Some(_), Some(_)) => Err(WorkflowError::WhichState {
                role: role.clone(),
                states: listed(instance.states_with_work(role)),
            }),
            (None, _) => Err(WorkflowError::NoWork {
                role: role.clone(),
                configuration: listed(instance.configuration()),
                states: listed(instance.states_with_role(role)),
            }),
        }
    }
}

fn fits(what: &'static str, text: Option<&Arc<str>>) -> Result<(), WorkflowError> {
    match text {
        Some(text) if text.len() > NOTES_BYTES_MAX => Err(WorkflowError::TooLarge {
            what,
            bytes: text.len(),
            max: NOTES_BYTES_MAX,
            help: "sum them up, or write them to a file and hand in its path as an artefact",
        }),
        _ => Ok(()),
    }
}

/// The beginning of `text`, in whole characters.
fn cut(text: &Arc<str>, max: usize) -> Arc<str> {
    if text.len() <= max {
        return text.clone();
    }
    text[..text.floor_char_boundary(max)].into()
}

/// A holder as charts see it: `{agent, run}` or `{human}`.
fn said(who: &Who) -> Value {
    match who {
        Who::Agent { agent, run } => Value::map([
            ("agent", Value::text(agent.clone())),
            ("run", Value::text(run.clone())),
        ]),
        Who::Human { name } => Value::map([("human", Value::text(name.clone()))]),
    }
}

/// The value as it reads when it comes back out of the journal: there are numbers that JSON has not.
pub(super) fn plain(value: &Value) -> Value {
    Value::from(value.to_json())
}
