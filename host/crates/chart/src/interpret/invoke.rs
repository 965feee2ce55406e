//! `invoke`: activities become effects; child charts run right here, each inside its parent's snapshot. A child runs until it rests
//! whenever something has arrived for it, before its parent takes its own next external event: the order is fixed, so a run can be replayed.

use super::actions::Halt;
use super::machine::{Machine, Step, Working};
use super::send::is_scxml;
use crate::effect::Effect;
use crate::program::{InvokeSpec, What};
use crate::queue::{Current, EventKind, Queued};
use crate::snapshot::{Invocation, Running, Snapshot};
use crate::{Mode, StateId};
use std::sync::Arc;
use types::Value;

impl<'a> Machine<'a> {
    /// Start what the states entered in this macrostep invoke; those that were left again start nothing.
    pub(super) fn start_invocations(&mut self) -> Step {
        let program = self.program;
        let states = std::mem::take(&mut self.working.to_invoke);
        for state in states.iter() {
            for (number, spec) in program.content(state).invokes.iter().enumerate() {
                match self.invoke(state, number as u16, spec) {
                    Ok(()) => {}
                    Err(Halt::Failed { message, send_id }) => self.raise_error(&message, send_id),
                    Err(Halt::Stop(error)) => return Err(error),
                }
            }
        }
        self.working.to_invoke = states;
        self.working.to_invoke.clear();
        Ok(())
    }

    pub(super) fn invoke(
        &mut self,
        state: StateId,
        number: u16,
        spec: &'a InvokeSpec,
    ) -> Result<(), Halt> {
        self.count_work(1)?;
        if let Some(transport) = &spec.transport {
            let transport = self.text(transport, "the type of an invoke")?;
            if !is_scxml(&transport) {
                return Err(Halt::failed(format!("`{transport}` cannot be invoked")));
            }
        }
        let running = self.resolve(&spec.what)?;
        let params = self.payload(spec.params.as_ref())?;
        let id = match &spec.id {
            Some(id) => id.clone(),
            None => format!("{}.{}", self.program.name_of(state), self.next_id()).into(),
        };
        if let Some(location) = &spec.id_location {
            self.assign(location, Value::Text(id.clone()), false)?;
        }
        let activity = match &running {
            Running::Activity(activity) => Some(activity.clone()),
            Running::Child { .. } => None,
        };
        self.slow().invocations.push(Invocation {
            id: id.clone(),
            state,
            number,
            running,
        });
        match activity {
            Some(activity) => self.effects.push(Effect::Invoke {
                id,
                state: self.program.name_of(state).clone(),
                activity,
                params,
            }),
            None => {
                let given: Vec<(Arc<str>, Value)> = match &params {
                    Value::Map(map) => map.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
                    _ => Vec::new(),
                };
                self.with_child(&id, |child| child.begin(&given))?;
            }
        }
        Ok(())
    }

    fn resolve(&self, what: &What) -> Result<Running, Halt> {
        let key = match what {
            What::Activity(name) => return Ok(Running::Activity(name.clone())),
            What::Chart(key) => key.clone(),
            What::Expr(expr) => match self.value(expr)? {
                Value::Text(key) => key,
                other => {
                    return Err(Halt::failed(format!(
                        "what is invoked must be a string, and `{}` is {}",
                        expr.text,
                        other.type_name()
                    )));
                }
            },
        };
        match self.library.get(&key) {
            Some(program) => Ok(Running::Child {
                snapshot: Box::new(Snapshot::empty(program, self.snapshot.chart)),
                key,
            }),
            None if self.program.mode == Mode::Strict => Ok(Running::Activity(key)),
            None => Err(Halt::failed(format!("there is no chart `{key}` to invoke"))),
        }
    }

    /// Let the child chart of the invocation `id` do `work`, then take over what it sent.
    pub(super) fn with_child(
        &mut self,
        id: &Arc<str>,
        work: impl FnOnce(&mut Machine<'_>) -> Step,
    ) -> Step {
        let slow = self.slow();
        let Some(position) = slow.invocations.iter().position(|i| i.id == *id) else {
            return Ok(());
        };
        let Running::Child { key, snapshot } = &mut slow.invocations[position].running else {
            return Ok(());
        };
        if snapshot.done {
            return Ok(());
        }
        let key = key.clone();
        let Some(program) = self.library.get(&key) else {
            return Ok(());
        };
        let snapshot: &mut Snapshot = match &mut self.snapshot.slow.invocations[position].running {
            Running::Child { snapshot, .. } => snapshot,
            Running::Activity(_) => return Ok(()),
        };
        let session: Arc<str> = format!("{}/{id}", self.session).into();
        let address: Arc<str> = format!("#_scxml_{session}").into();
        let mut working = Working::default();
        let event = snapshot.slow.event.take();
        let mut child = Machine::new(
            program,
            self.library,
            snapshot,
            self.effects,
            self.limits,
            &mut working,
            self.now,
        );
        child.session = &session;
        child.address = &address;
        child.parent_session = Some(self.session);
        child.event = event.map_or(Current::None, Current::Queued);
        let result = work(&mut child);
        let outbox = std::mem::take(&mut child.outbox);
        // What comes to a child comes by its queue.
        let event = match std::mem::take(&mut child.event) {
            Current::Queued(queued) => Some(queued),
            Current::None | Current::Lent(_) => None,
        };
        snapshot.slow.event = event.filter(|_| !snapshot.done);
        let ended = snapshot.done.then(|| snapshot.output.clone());
        result?;
        for outgoing in outbox {
            let mut queued = outgoing.queued;
            queued.invoke = Some(id.clone());
            self.snapshot.external.push_back(queued);
        }
        if let Some(output) = ended {
            let name: Arc<str> = format!("done.invoke.{id}").into();
            let mut queued = Queued::new(EventKind::External, name, output, self.now);
            queued.invoke = Some(id.clone());
            self.snapshot.external.push_back(queued);
        }
        Ok(())
    }

    /// Let every child chart take what has arrived for it.
    pub(super) fn run_children(&mut self) -> Step {
        loop {
            let waiting = self.snapshot.slow.invocations.iter().find(|i| {
                matches!(&i.running, Running::Child { snapshot, .. } if !snapshot.done && !snapshot.external.is_empty())
            });
            let Some(id) = waiting.map(|i| i.id.clone()) else {
                return Ok(());
            };
            self.with_child(&id, |child| child.run(true))?;
        }
    }

    /// An external event has been taken: those invocations that it concerns are told first, and one that it ends is over.
    pub(super) fn tell_invocations(&mut self) -> Step {
        if self.snapshot.slow.invocations.is_empty() {
            return Ok(());
        }
        let ended = self.answered();
        self.finalize_and_forward()?;
        if let Some(id) = ended {
            self.slow().invocations.retain(|i| i.id != id);
        }
        Ok(())
    }

    /// If the event ends an invocation, its id: a child chart is done, or an activity has answered.
    fn answered(&self) -> Option<Arc<str>> {
        let seen = self.event.seen()?;
        let id = seen.invoke()?;
        let mut invocations = self.snapshot.slow.invocations.iter();
        let invocation = invocations.find(|i| i.id == *id)?;
        let name = &*seen.event.name;
        let is_done = name.strip_prefix("done.invoke.") == Some(&**id);
        let ends = match &invocation.running {
            Running::Child { .. } => is_done,
            Running::Activity(activity) => {
                is_done
                    || name.strip_prefix(&**activity) == Some(".done")
                    || name == "error"
                    || name.starts_with("error.")
            }
        };
        ends.then(|| id.clone())
    }

    /// `applyFinalize` and `autoforward` for the external event that has just been taken.
    fn finalize_and_forward(&mut self) -> Step {
        let Some(seen) = self.event.seen() else {
            return Ok(());
        };
        let queued = seen.to_queued();
        let program = self.program;
        let invocations = self.snapshot.slow.invocations.iter();
        let mut order: Vec<(StateId, u16, Arc<str>)> = invocations
            .map(|i| (i.state, i.number, i.id.clone()))
            .collect();
        order.sort();
        for (state, number, id) in order {
            let spec = &program.content(state).invokes[usize::from(number)];
            if queued.invoke.as_ref() == Some(&id) {
                self.run_block(&spec.finalize)?;
            }
            if spec.autoforward
                && let Some(position) = self
                    .snapshot
                    .slow
                    .invocations
                    .iter()
                    .position(|i| i.id == id)
            {
                self.hand_to_invocation(position, queued.clone());
            }
        }
        Ok(())
    }

    /// Stop what `state` invoked. A child chart runs its exit actions; what it still sends is dropped.
    pub(super) fn cancel_invocations(&mut self, state: StateId) -> Step {
        let invocations = self.snapshot.slow.invocations.iter();
        let mut ids: Vec<Arc<str>> = invocations
            .filter(|i| i.state == state)
            .map(|i| i.id.clone())
            .collect();
        ids.drain(..).try_for_each(|id| self.cancel_invocation(id))
    }

    pub(super) fn cancel_invocation(&mut self, id: Arc<str>) -> Step {
        let before = self.snapshot.external.len();
        self.with_child(&id, |child| child.exit_interpreter())?;
        self.snapshot.external.truncate(before);
        let slow = self.slow();
        let Some(position) = slow.invocations.iter().position(|i| i.id == id) else {
            return Ok(());
        };
        let invocation = slow.invocations.remove(position);
        if let Running::Activity(activity) = invocation.running {
            self.effects.push(Effect::CancelInvoke {
                id,
                state: self.program.name_of(invocation.state).clone(),
                activity,
            });
        }
        Ok(())
    }
}
