//! `send`: to the chart itself, to its parent, to what it invoked, or to someone the host knows; now or later.

use super::actions::{Acted, Halt};
use super::machine::{Machine, Outgoing};
use crate::Mode;
use crate::effect::Effect;
use crate::program::{Delay, SendSpec};
use crate::queue::{EventKind, PROCESSOR, Queued};
use crate::snapshot::{Delayed, Running, Sending, Target, Waiting};
use std::sync::Arc;
use types::{Value, parse_duration};

/// Why an event cannot be sent.
enum Unsendable {
    /// The target means nothing: `error.execution`.
    Illegal(String),
    /// The target cannot be reached: `error.communication`.
    Unreachable(String),
}

impl Machine<'_> {
    pub(super) fn send(&mut self, send: &SendSpec) -> Acted {
        let id = match (&send.id, &send.id_location) {
            (Some(id), _) => Some(id.clone()),
            (None, Some(location)) => {
                let id: Arc<str> = format!("send.{}", self.next_id()).into();
                self.assign(location, Value::Text(id.clone()), false)?;
                Some(id)
            }
            (None, None) => None,
        };
        self.send_as(send, id.clone()).map_err(|halt| match halt {
            Halt::Failed { message, .. } => Halt::Failed {
                message,
                send_id: id,
            },
            stop => stop,
        })
    }

    fn send_as(&mut self, send: &SendSpec, id: Option<Arc<str>>) -> Acted {
        if let Some(transport) = &send.transport {
            let transport = self.text(transport, "the type of a send")?;
            if !is_scxml(&transport) {
                return Err(Halt::failed(format!(
                    "events cannot be sent by `{transport}`"
                )));
            }
        }
        let event = self.text(&send.event, "the name of an event")?;
        if event.is_empty() {
            return Err(Halt::failed("the name of an event is empty"));
        }
        let address = match &send.target {
            Some(target) => Some(self.text(target, "the target of a send")?),
            None => None,
        };
        let data = self.payload(send.data.as_ref())?;
        let delay = self.delay(send.delay.as_ref())?;
        let target = match self.target(address.as_deref()) {
            Ok(target) => target,
            Err(Unsendable::Illegal(message)) => return Err(Halt::failed(message)),
            Err(Unsendable::Unreachable(message)) => {
                // Delivery is not the block's business: it goes on.
                self.raise_platform("error.communication", &message, id);
                return Ok(());
            }
        };
        let internal = target == Target::Internal;
        let mut queued = Queued::new(EventKind::External, event, data, self.now);
        queued.send_id.clone_from(&id);
        if internal {
            queued.kind = EventKind::Internal;
        } else {
            queued.origin = Some(self.address.clone());
        }
        if delay == 0 {
            self.announce(&target, &queued);
            self.deliver(target, queued);
            return Ok(());
        }
        let due = self.now.saturating_add(delay);
        let order = self.next_order();
        self.effects.push(Effect::Schedule {
            id: id.clone(),
            event: queued.event.name.clone(),
            due,
        });
        self.schedule(Delayed {
            due,
            order,
            what: Waiting::Send(Box::new(Sending { id, target, queued })),
        });
        Ok(())
    }

    /// List a send to the chart itself for those who watch.
    fn announce(&mut self, target: &Target, queued: &Queued) {
        if matches!(target, Target::Own | Target::Internal) {
            self.effects.push(Effect::Raise {
                event: queued.event.name.clone(),
                data: queued.event.data.clone(),
            });
        }
    }

    fn delay(&self, delay: Option<&Delay>) -> Result<i64, Halt> {
        let expr = match delay {
            None => return Ok(0),
            Some(Delay::Milliseconds(milliseconds)) => return Ok(*milliseconds),
            Some(Delay::Expr(expr)) => expr,
        };
        let wrong = |why: String| Halt::failed(format!("the delay `{}`: {why}", expr.text));
        match self.value(expr)? {
            Value::Int(n) if n >= 0 => Ok(n),
            Value::Float(x) if x >= 0.0 => Ok(x.round() as i64),
            Value::Text(text) => parse_duration(&text)
                .map(|span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
                .map_err(|error| wrong(error.message)),
            other => Err(wrong(format!("{other} is not a length of time"))),
        }
    }

    fn target(&self, address: Option<&str>) -> Result<Target, Unsendable> {
        let Some(address) = address else {
            return Ok(Target::Own);
        };
        let unreachable = || Unsendable::Unreachable(format!("`{address}` cannot be reached"));
        if address == "#_internal" {
            return Ok(Target::Internal);
        }
        if address == "#_parent" {
            return match self.parent_session {
                Some(_) => Ok(Target::Parent),
                None => Err(unreachable()),
            };
        }
        if let Some(session) = address.strip_prefix("#_scxml_") {
            return self.session_target(session).ok_or_else(unreachable);
        }
        if let Some(id) = address.strip_prefix("#_") {
            let invocations = &self.snapshot.slow.invocations;
            let found = invocations.iter().find(|i| &*i.id == id);
            return found
                .map(|i| Target::Invocation(i.id.clone()))
                .ok_or_else(unreachable);
        }
        if self.program.mode == Mode::Strict {
            return Ok(Target::Outside(address.into()));
        }
        Err(Unsendable::Illegal(format!(
            "`{address}` is no target of a send"
        )))
    }

    fn session_target(&self, session: &str) -> Option<Target> {
        if session == &**self.session {
            return Some(Target::Own);
        }
        if self
            .parent_session
            .is_some_and(|parent| **parent == *session)
        {
            return Some(Target::Parent);
        }
        // A child's session is its parent's with the invocation's id behind it.
        let id = session.strip_prefix(&**self.session)?.strip_prefix('/')?;
        let invocation = self
            .snapshot
            .slow
            .invocations
            .iter()
            .find(|i| &*i.id == id)?;
        Some(Target::Invocation(invocation.id.clone()))
    }

    /// Hand an event over. What it is for may have ended meanwhile: `error.communication`.
    pub(super) fn deliver(&mut self, target: Target, queued: Queued) {
        match target {
            Target::Own => self.snapshot.external.push_back(queued),
            Target::Internal => self.snapshot.internal.push_back(queued),
            Target::Parent => self.outbox.push(Outgoing { queued }),
            Target::Outside(target) => self.effects.push(Effect::Send {
                id: queued.send_id,
                event: queued.event.name,
                target,
                data: queued.event.data,
            }),
            Target::Invocation(id) => {
                let found = self
                    .snapshot
                    .slow
                    .invocations
                    .iter()
                    .position(|i| i.id == id);
                let Some(position) = found else {
                    let message = format!("`#_{id}` cannot be reached");
                    self.raise_platform("error.communication", &message, queued.send_id);
                    return;
                };
                self.hand_to_invocation(position, queued);
            }
        }
    }

    /// Give an event to a running invocation: a child chart's queue, or the activity by way of the host.
    pub(super) fn hand_to_invocation(&mut self, position: usize, queued: Queued) {
        let invocation = &mut self.slow().invocations[position];
        match &mut invocation.running {
            Running::Child { snapshot, .. } if snapshot.done => {}
            Running::Child { snapshot, .. } => snapshot.external.push_back(queued),
            Running::Activity(_) => {
                let id = invocation.id.clone();
                self.effects.push(Effect::Forward {
                    id,
                    event: queued.event.name,
                    data: queued.event.data,
                });
            }
        }
    }

    pub(super) fn next_id(&mut self) -> u64 {
        let slow = self.slow();
        slow.next_id += 1;
        slow.next_id
    }
}

/// Whether a `type` means the exchange of events between charts.
pub(super) fn is_scxml(name: &str) -> bool {
    matches!(
        name.trim_end_matches('/'),
        PROCESSOR | "scxml" | "http://www.w3.org/TR/scxml"
    )
}
