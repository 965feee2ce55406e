//! Executable content. An error ends the block it happens in and becomes `error.execution`; the transition goes on.

use super::StepError;
use super::machine::{Machine, Step};
use crate::effect::Effect;
use crate::expr::{EvalError, Expr, Type, weigh};
use crate::program::{Action, ForeachSpec, Location, Text};
use crate::queue::{EventKind, Queued};
use crate::snapshot::Waiting;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::Value;

/// Why a block ends early.
pub(super) enum Halt {
    /// An error of the chart: the block ends, the step goes on.
    Failed {
        message: String,
        send_id: Option<Arc<str>>,
    },
    /// The step ends.
    Stop(StepError),
}

impl From<EvalError> for Halt {
    fn from(error: EvalError) -> Self {
        Halt::Failed {
            message: error.message.into(),
            send_id: None,
        }
    }
}

impl From<StepError> for Halt {
    fn from(error: StepError) -> Self {
        Halt::Stop(error)
    }
}

impl Halt {
    pub fn failed(message: impl Into<String>) -> Self {
        Halt::Failed {
            message: message.into(),
            send_id: None,
        }
    }
}

pub(super) type Acted = Result<(), Halt>;

impl<'a> Machine<'a> {
    /// Run actions that an error ends together.
    #[inline]
    pub(super) fn run_block(&mut self, block: &'a [Action]) -> Step {
        match self.run_actions(block) {
            Ok(()) => Ok(()),
            Err(halt) => self.end_block(halt),
        }
    }

    #[cold]
    fn end_block(&mut self, halt: Halt) -> Step {
        match halt {
            Halt::Failed { message, send_id } => {
                self.raise_error(&message, send_id);
                Ok(())
            }
            Halt::Stop(error) => Err(error),
        }
    }

    fn run_actions(&mut self, block: &'a [Action]) -> Acted {
        block.iter().try_for_each(|action| self.run_action(action))
    }

    fn run_action(&mut self, action: &'a Action) -> Acted {
        self.count_work(1)?;
        match action {
            Action::Assign { location, expr } => {
                if self.takes_int(location)
                    && let Some(number) = expr.int(&self.scope())
                {
                    self.set_int(location.slot, number);
                    return Ok(());
                }
                let value = self.named_value(expr)?;
                self.assign(location, value, false)
            }
            Action::Raise { event, data } => {
                let data = self.payload(data.as_ref())?;
                self.effects.push(Effect::Raise {
                    event: event.clone(),
                    data: data.clone(),
                });
                let queued = Queued::new(EventKind::Internal, event.clone(), data, self.now);
                self.snapshot.internal.push_back(queued);
                Ok(())
            }
            Action::Send(send) => self.send(send),
            Action::Cancel(id) => {
                let id = self.text(id, "the id to cancel")?;
                self.cancel(&id);
                Ok(())
            }
            Action::Log { label, expr } => {
                let value = match expr {
                    Some(expr) => self.named_value(expr)?,
                    None => Value::Null,
                };
                // A value that shares its parts is small here and endless for whoever writes the log.
                let weight = weigh(&value)?;
                self.count_work(weight / 16)?;
                self.effects.push(Effect::Log {
                    label: label.clone(),
                    value,
                });
                Ok(())
            }
            Action::If(branches) => {
                for (guard, actions) in branches {
                    if self.holds(guard.as_ref()) {
                        return self.run_actions(actions);
                    }
                }
                Ok(())
            }
            Action::Foreach(foreach) => self.run_foreach(foreach),
            Action::Fail(message) => Err(Halt::failed(&**message)),
        }
    }

    /// Whether a whole number can go to `location` as it is.
    #[inline]
    fn takes_int(&self, location: &Location) -> bool {
        matches!(location.kind, Type::Int | Type::Dynamic)
            && location.path.is_empty()
            && self.snapshot.slow.missing.is_empty()
    }

    /// The value of an expression; an error names the expression.
    fn named_value(&self, expr: &Expr) -> Result<Value, Halt> {
        self.value(expr)
            .map_err(|error| Halt::failed(format!("`{}`: {}", expr.text, error.message)))
    }

    fn run_foreach(&mut self, foreach: &'a ForeachSpec) -> Acted {
        let items = match self.named_value(&foreach.array)? {
            Value::List(items) => items,
            other => {
                return Err(Halt::failed(format!(
                    "foreach needs a list, and `{}` is {}",
                    foreach.array.text,
                    other.type_name()
                )));
            }
        };
        // Items are shared with the list as it was: assigning to the list inside the loop does not change what is gone through.
        for (index, item) in items.iter().enumerate() {
            self.count_work(1)?;
            self.assign(&foreach.item, item.clone(), true)?;
            if let Some(location) = &foreach.index {
                self.assign(location, Value::Int(index as i64), true)?;
            }
            self.run_actions(&foreach.actions)?;
        }
        // The names exist even if there was nothing to go through.
        for location in std::iter::once(&foreach.item).chain(&foreach.index) {
            if self.snapshot.slow.missing.contains(&location.slot) {
                self.slow().missing.retain(|slot| *slot != location.slot);
            }
        }
        Ok(())
    }

    /// Put `value` where `location` says. `declares`: a name that does not exist yet comes into being.
    pub(super) fn assign(&mut self, location: &Location, value: Value, declares: bool) -> Acted {
        if matches!(value, Value::List(_) | Value::Map(_)) {
            let weight = weigh(&value)?;
            // A large value counts as work, so that a loop over it ends before it takes seconds.
            self.count_work(weight / 16)?;
        }
        if self.snapshot.slow.missing.contains(&location.slot) {
            if !declares {
                return Err(Halt::failed("assignment to a name that is not declared"));
            }
            self.slow().missing.retain(|slot| *slot != location.slot);
        }
        if !location.path.is_empty() {
            return self.assign_inside(location, value);
        }
        let value = match (location.kind, value) {
            (Type::Double, Value::Int(n)) => Value::Float(n as f64),
            (kind, value) => {
                if kind != Type::Dynamic && kind != Type::of(&value) {
                    return Err(Halt::failed(format!(
                        "`{}` holds {}, and this is {}",
                        self.slot_name(location.slot),
                        kind.name(),
                        value.type_name()
                    )));
                }
                value
            }
        };
        self.set_slot(location.slot, value);
        Ok(())
    }

    fn slot_name(&self, slot: u16) -> &str {
        let entry = self.program.data.get_index(usize::from(slot));
        entry.map_or("", |(name, _)| name)
    }

    pub(super) fn set_slot(&mut self, slot: u16, value: Value) {
        let old = std::mem::replace(&mut self.snapshot.data[usize::from(slot)], value);
        if let Some(undo) = &mut self.undo {
            undo.keep(slot, old);
        }
    }

    /// [`set_slot`](Self::set_slot) for a counter: a number on a number is written in its place.
    #[inline]
    fn set_int(&mut self, slot: u16, number: i64) {
        let Value::Int(at) = &mut self.snapshot.data[usize::from(slot)] else {
            return self.set_slot(slot, Value::Int(number));
        };
        let old = std::mem::replace(at, number);
        if let Some(undo) = &mut self.undo {
            undo.keep_int(slot, old);
        }
    }

    fn assign_inside(&mut self, location: &Location, value: Value) -> Acted {
        let mut whole = self.snapshot.data[usize::from(location.slot)].clone();
        let Some((last, path)) = location.path.split_last() else {
            return Ok(());
        };
        let mut at = &mut whole;
        for key in path {
            at = entries(at, key)?.entry(key.clone()).or_default();
        }
        entries(at, last)?.insert(last.clone(), value);
        self.count_work(weigh(&whole)? / 16)?;
        self.set_slot(location.slot, whole);
        Ok(())
    }

    pub(super) fn text(&self, text: &Text, what: &str) -> Result<Arc<str>, Halt> {
        match text {
            Text::Fixed(text) => Ok(text.clone()),
            Text::Expr(expr) => match self.named_value(expr)? {
                Value::Text(text) => Ok(text),
                other => Err(Halt::failed(format!(
                    "{what} must be a string, and `{}` is {}",
                    expr.text,
                    other.type_name()
                ))),
            },
        }
    }

    fn cancel(&mut self, id: &Arc<str>) {
        let is_it =
            |what: &Waiting| matches!(what, Waiting::Send(send) if send.id.as_ref() == Some(id));
        if self.unschedule(is_it) {
            self.effects.push(Effect::Cancel { id: id.clone() });
        }
    }
}

/// The entries of a map that is about to be changed; nothing at all becomes an empty map.
fn entries<'v>(value: &'v mut Value, key: &str) -> Result<&'v mut BTreeMap<Arc<str>, Value>, Halt> {
    if *value == Value::Null {
        *value = Value::Map(Arc::default());
    }
    match value {
        Value::Map(map) => Ok(Arc::make_mut(map)),
        other => Err(Halt::failed(format!(
            "`.{key}` cannot be set inside {}",
            other.type_name()
        ))),
    }
}
