//! What a step of the chart asks for: activities, events for others, lines for the operator.

use super::happening::{Addressee, Out, Sender};
use super::holding::plain;
use super::instance::{Ended, EndedHow};
use super::sending::may_send;
use super::taking::{Coming, Doing};
use super::telling::Withdrawn;
use chart::Effect;
use std::sync::Arc;
use types::Value;

impl Doing {
    /// What follows from a step or a move once it is recorded.
    pub fn arrived(&mut self, effects: Vec<Effect>, withdrawn: Vec<Withdrawn>, why: &str) {
        for withdrawn in withdrawn {
            self.withdraw(withdrawn, why);
        }
        for effect in effects {
            self.dispatch(effect);
        }
        if self.instance.chart.is_done() {
            self.end(Ended {
                status: EndedHow::Done,
                output: plain(self.instance.chart.output()),
                why: None,
            });
        }
    }

    fn dispatch(&mut self, effect: Effect) {
        match effect {
            Effect::Invoke {
                id,
                state,
                activity,
                params,
            } if matches!(&*activity, "ask" | "plugin" | "agent") => {
                let holder = self.instance.holder_of_state(&state).cloned();
                self.taken.out.push(Out::Invoke {
                    id,
                    state,
                    activity,
                    params,
                    holder,
                });
            }
            Effect::Invoke { id, activity, .. } => {
                // `check` refuses such a chart; a name computed at run time arrives here.
                let message = format!("a workflow has no activity `{activity}`");
                self.come(Coming {
                    invocation: Some(id),
                    ..error("error.execution", "invalid", message)
                });
            }
            Effect::CancelInvoke { id, .. } => self.taken.out.push(Out::Stop { id }),
            Effect::Send {
                event,
                target,
                data,
                ..
            } => self.send_for_chart(event, &target, data),
            Effect::Log { label, value } => {
                let source = label.unwrap_or_else(|| self.instance.bundle.chart.name().into());
                let message = match &value {
                    Value::Text(text) => text.to_string(),
                    value => value.to_string(),
                };
                self.log(&source, message);
            }
            Effect::Raise { event, data } if event.starts_with("error") => {
                self.log(&event, data.to_string());
            }
            // No activity of this version takes events while it runs; the others are done already.
            Effect::Forward { .. }
            | Effect::Raise { .. }
            | Effect::Schedule { .. }
            | Effect::Cancel { .. } => {}
        }
    }

    /// `send` with a target: to an agent, or to the workflow itself.
    fn send_for_chart(&mut self, event: Arc<str>, target: &str, data: Value) {
        if target == "workflow" {
            return self.come(Coming::new(&event, data));
        }
        let chart = Sender::Chart {
            id: self.instance.id.clone(),
        };
        let refused = match (target.strip_prefix("agent:"), may_send(&event, &chart)) {
            (Some(""), _) | (None, _) => format!(
                "`{event}` was not sent: nobody is called `{target}`; write `agent:ID` or `workflow`"
            ),
            (Some(_), Err(error)) => error.to_string(),
            (Some(id), Ok(())) => {
                return self.send(Addressee::Agent(id.into()), &event, data, None);
            }
        };
        self.log("error.communication", refused.clone());
        self.come(error("error.communication", "unreachable", refused));
    }
}

fn error(name: &str, kind: &str, message: String) -> Coming {
    let data = Value::map([
        ("kind", Value::from(kind)),
        ("message", Value::text(message)),
    ]);
    Coming::new(name, data)
}
