//! The machine: one chart's program over one snapshot, and the main event loop (`mainEventLoop`, `interpret` and `exitInterpreter`).
//! A child chart is another machine over the snapshot inside its parent's.

use super::undo::Undo;
use super::{ACTIONS_MAX, MICROSTEPS_MAX, StepError};
use crate::StateId;
use crate::chart::Library;
use crate::effect::Effect;
use crate::entry::EntrySet;
use crate::expr::{EvalError, Expr, Scope, weigh};
use crate::program::{Beginning, Domain, Program};
use crate::queue::{Current, EventKind, Incoming, Queued};
use crate::set::StateSet;
use crate::snapshot::{Snapshot, Target};
use crate::trace::Trace;
use crate::{Mode, program::Payload};
use std::borrow::Cow;
use std::sync::Arc;
use types::Value;

/// Memory that steps reuse.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub undo: Undo,
    pub working: Working,
}

/// What one machine works with inside a step.
#[derive(Debug, Default)]
pub(crate) struct Working {
    /// Enabled transitions, by number, with their domains.
    pub enabled: Vec<(u32, Domain)>,
    pub filtered: Vec<(u32, Domain)>,
    pub entry: EntrySet,
    pub exit: StateSet,
    /// States entered in this macrostep and still active, whose invocations start at its end.
    pub to_invoke: StateSet,
    /// What has been gone through, where somebody wants to know.
    pub trace: Option<Box<Trace>>,
}

/// What one step of the whole family of charts may still do.
#[derive(Debug)]
pub(crate) struct Limits {
    pub microsteps: u32,
    pub events: u32,
    pub actions: u32,
    pub next_order: u64,
}

impl Limits {
    pub fn new(next_order: u64) -> Self {
        Limits {
            microsteps: 0,
            events: 0,
            actions: 0,
            next_order,
        }
    }
}

/// An event for the chart that invoked this one.
pub(super) struct Outgoing {
    pub queued: Queued,
}

pub(crate) struct Machine<'a> {
    pub(super) program: &'a Program,
    pub(super) library: &'a Library,
    pub(super) snapshot: &'a mut Snapshot,
    pub(super) effects: &'a mut Vec<Effect>,
    pub(super) limits: &'a mut Limits,
    pub(super) working: &'a mut Working,
    /// Only the outermost machine keeps what is undone: child charts live in its slow part.
    pub(super) undo: Option<&'a mut Undo>,
    pub(super) now: i64,
    pub(super) session: &'a Arc<str>,
    /// Where answers to this chart's events go: `#_scxml_<session>`.
    pub(super) address: &'a Arc<str>,
    pub(super) parent_session: Option<&'a Arc<str>>,
    pub(super) event: Current<'a>,
    pub(super) running: bool,
    pub(super) taken: bool,
    pub(super) outbox: Vec<Outgoing>,
}

pub(super) type Step = Result<(), StepError>;

impl<'a> Machine<'a> {
    pub fn new(
        program: &'a Program,
        library: &'a Library,
        snapshot: &'a mut Snapshot,
        effects: &'a mut Vec<Effect>,
        limits: &'a mut Limits,
        working: &'a mut Working,
        now: i64,
    ) -> Self {
        let states = program.nodes.len();
        working.enabled.clear();
        working.exit.reset(states);
        working.to_invoke.reset(states);
        Machine {
            running: !snapshot.done,
            session: &program.session,
            address: &program.address,
            program,
            library,
            snapshot,
            effects,
            limits,
            working,
            undo: None,
            now,
            parent_session: None,
            event: Current::None,
            taken: false,
            outbox: Vec::new(),
        }
    }

    /// Start the chart; `given` are values for its data that the invoking chart provides.
    pub fn begin(&mut self, given: &[(Arc<str>, Value)]) -> Step {
        self.snapshot.active.insert(StateId::ROOT);
        self.begin_data(given);
        self.initial_microstep()?;
        self.run(false)
    }

    pub(super) fn begin_data(&mut self, given: &[(Arc<str>, Value)]) {
        let program = self.program;
        for (slot, beginning) in program.beginnings.iter().enumerate() {
            let name = program.data.get_index(slot).map(|(name, _)| name);
            let given = given.iter().find(|(g, _)| Some(g) == name);
            let value = match given {
                Some((_, value)) => Ok(value.clone()),
                None => self.beginning(beginning),
            };
            match value {
                Ok(value) => self.snapshot.data[slot] = value,
                Err(error) => self.raise_error(&error.message, None),
            }
        }
    }

    pub(super) fn beginning(&self, beginning: &Beginning) -> Result<Value, EvalError> {
        match beginning {
            Beginning::Value(value) => Ok(value.clone()),
            Beginning::Expr(expr) => self.value(expr),
        }
    }

    /// Process one event that the host brings and all that follows.
    pub fn take_incoming(&mut self, incoming: Incoming<'a>) -> Step {
        if incoming.due.is_none() && incoming.invoke.is_none() {
            self.take_external(Current::Lent(incoming.event))?;
            return self.run(false);
        }
        let mut queued = Queued {
            event: incoming.event.clone(),
            kind: EventKind::External,
            send_id: None,
            origin: None,
            invoke: incoming.invoke.map(Into::into),
        };
        let Some(due) = incoming.due else {
            self.take_external(Current::Queued(queued))?;
            return self.run(false);
        };
        if due.target == Target::Internal {
            queued.kind = EventKind::Internal;
        }
        queued.send_id.clone_from(&due.send_id);
        queued.origin.clone_from(&due.origin);
        self.due(&due.path, due.target.clone(), queued)
    }

    /// Process a timer or delayed send of this chart, or of a child chart at the end of `path`.
    fn due(&mut self, path: &[Arc<str>], target: Target, queued: Queued) -> Step {
        if let Some((child, rest)) = path.split_first() {
            self.with_child(child, |machine| machine.due(rest, target, queued))?;
            return self.run(true);
        }
        match target {
            Target::Own => {
                self.take_external(Current::Queued(queued))?;
                self.run(false)
            }
            target => {
                self.deliver(target, queued);
                self.run(self.snapshot.internal.is_empty())
            }
        }
    }

    /// `mainEventLoop`, until there is nothing left to do. `rested`: nothing has happened since the last macrostep ended.
    pub(super) fn run(&mut self, mut rested: bool) -> Step {
        while self.running {
            if !std::mem::take(&mut rested) {
                self.macrostep()?;
            }
            if !self.running {
                break;
            }
            if self.program.tables.invokes {
                self.start_invocations()?;
                self.run_children()?;
            }
            if !self.snapshot.internal.is_empty() {
                continue;
            }
            match self.snapshot.external.pop_front() {
                Some(queued) => self.take_external(Current::Queued(queued))?,
                None => return Ok(()),
            }
        }
        self.exit_interpreter()
    }

    /// Eventless transitions and internal events until neither is left.
    pub(super) fn macrostep(&mut self) -> Step {
        while self.running {
            self.select_eventless();
            if self.working.enabled.is_empty() {
                let Some(queued) = self.snapshot.internal.pop_front() else {
                    return Ok(());
                };
                self.count_event()?;
                self.event = Current::Queued(queued);
                self.select_for_event();
            }
            if !self.working.enabled.is_empty() {
                self.taken = true;
                self.microstep()?;
            }
        }
        Ok(())
    }

    fn take_external(&mut self, event: Current<'a>) -> Step {
        self.count_event()?;
        self.event = event;
        if self.program.tables.invokes {
            self.tell_invocations()?;
        }
        self.select_for_event();
        if self.working.enabled.is_empty() {
            return Ok(());
        }
        self.taken = true;
        self.microstep()
    }

    /// `exitInterpreter`: leave what is left, inside first; the final state stays listed for those who ask where the chart ended.
    pub(super) fn exit_interpreter(&mut self) -> Step {
        let program = self.program;
        let finals = &program.content(StateId::ROOT).children;
        let ended = finals.iter().copied().find(|s| {
            program.infos[s.index()].kind == crate::StateType::Final
                && self.snapshot.active.contains(*s)
        });
        self.working.exit.copy_from(&self.snapshot.active);
        self.working.exit.remove(StateId::ROOT);
        self.leave_states()?;
        self.snapshot.active.clear();
        if let Some(state) = ended {
            let output = self.payload_lenient(program.content(state).output.as_ref());
            self.snapshot.active.insert(state);
            self.snapshot.output = output;
        }
        if !self.snapshot.slow.delayed.is_empty() {
            self.slow().delayed.clear();
        }
        self.snapshot.internal.clear();
        self.snapshot.external.clear();
        self.snapshot.done = true;
        self.running = false;
        Ok(())
    }

    pub(super) fn count_microstep(&mut self) -> Step {
        self.limits.microsteps += 1;
        self.rests(self.limits.microsteps)
    }

    /// A guard that fails on its own error event makes a loop without a single microstep.
    fn count_event(&mut self) -> Step {
        self.limits.events += 1;
        self.rests(self.limits.events)
    }

    #[inline]
    fn rests(&self, count: u32) -> Step {
        if count <= MICROSTEPS_MAX {
            return Ok(());
        }
        Err(self.never_rests())
    }

    #[cold]
    fn never_rests(&self) -> StepError {
        StepError::NeverRests {
            states: self.leaf_names(),
        }
    }

    #[inline]
    pub(super) fn count_work(&mut self, amount: usize) -> Step {
        let amount = u32::try_from(amount).unwrap_or(u32::MAX);
        self.limits.actions = self.limits.actions.saturating_add(amount);
        if self.limits.actions <= ACTIONS_MAX {
            return Ok(());
        }
        Err(self.too_much_work())
    }

    #[cold]
    fn too_much_work(&self) -> StepError {
        StepError::TooMuchWork {
            states: self.leaf_names(),
        }
    }

    fn leaf_names(&self) -> String {
        let leaves = self
            .snapshot
            .active
            .iter()
            .filter(|s| self.program.is_leaf(*s));
        let names: Vec<&str> = leaves.map(|s| &**self.program.name_of(s)).collect();
        format!("`{}`", names.join("`, `"))
    }

    pub(super) fn next_order(&mut self) -> u64 {
        self.limits.next_order += 1;
        self.limits.next_order
    }

    #[inline]
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope {
            data: &self.snapshot.data,
            missing: &self.snapshot.slow.missing,
            active: &self.snapshot.active,
            event: self.event.seen(),
            now: self.now,
            session: self.session,
            name: &self.program.name,
            loose: self.program.mode == Mode::Deferred,
            locals: None,
        }
    }

    pub(crate) fn value(&self, expr: &Expr) -> Result<Value, EvalError> {
        expr.evaluate(&self.scope()).map(Cow::into_owned)
    }

    /// A payload of which no part may fail.
    pub(super) fn payload(&self, payload: Option<&Payload>) -> Result<Value, EvalError> {
        let value = match payload {
            None => return Ok(Value::Null),
            Some(Payload::One(expr)) => self.value(expr)?,
            Some(Payload::Map(entries)) => {
                let entries: Result<Vec<_>, EvalError> = entries
                    .iter()
                    .map(|(name, expr)| Ok((name.clone(), self.value(expr)?)))
                    .collect();
                Value::map(entries?)
            }
        };
        // An event that answers an event with itself inside would grow without end.
        weigh(&value)?;
        Ok(value)
    }

    /// A payload whose failing parts are left out and raise an error, as the Recommendation wants of `donedata`.
    pub(super) fn payload_lenient(&mut self, payload: Option<&Payload>) -> Value {
        let result = match payload {
            Some(Payload::Map(entries)) => {
                let mut kept = Vec::new();
                for (name, expr) in entries {
                    match self.value(expr) {
                        Ok(value) => kept.push((name.clone(), value)),
                        Err(error) => self.raise_error(&error.message, None),
                    }
                }
                let value = if kept.is_empty() {
                    Value::Null
                } else {
                    Value::map(kept)
                };
                weigh(&value).map(|_| value)
            }
            payload => self.payload(payload),
        };
        result.unwrap_or_else(|error| {
            self.raise_error(&error.message, None);
            Value::Null
        })
    }

    /// Whether a guard holds; one that fails is false and raises an error.
    #[inline]
    pub(super) fn holds(&mut self, guard: Option<&Expr>) -> bool {
        guard.is_none_or(|guard| self.guard_holds(guard))
    }

    fn guard_holds(&mut self, guard: &Expr) -> bool {
        match guard.holds(&self.scope()) {
            Ok(holds) => holds,
            Err(error) => {
                let message = format!("guard `{}`: {}", guard.text, error.message);
                self.raise_error(&message, None);
                false
            }
        }
    }

    /// Put `error.execution` on the internal queue.
    pub(super) fn raise_error(&mut self, message: &str, send_id: Option<Arc<str>>) {
        self.raise_platform("error.execution", message, send_id);
    }

    pub(super) fn raise_platform(&mut self, name: &str, message: &str, send_id: Option<Arc<str>>) {
        let data = Value::map([("message", Value::text(message))]);
        let mut queued = Queued::new(EventKind::Platform, name.into(), data, self.now);
        queued.send_id = send_id;
        self.effects.push(Effect::Raise {
            event: queued.event.name.clone(),
            data: queued.event.data.clone(),
        });
        self.snapshot.internal.push_back(queued);
    }
}
