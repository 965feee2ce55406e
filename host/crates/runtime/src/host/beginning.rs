//! Whoever has a run begun hears that it is begun when it can be found: when its first records are on the disk. Where it cannot begin, they hear why.
//!
//! A run that cannot begin stays on the record as one that is to begin, and the host tries again as with any other that fails; whoever waited is not kept
//! waiting for that.

use super::agents::At;
use super::house::Host;
use super::{Refused, RefusedCode};
use crate::RuntimeError;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Those who wait for one run to begin.
#[derive(Default)]
pub(super) struct Awaited {
    /// Whether it has begun: there is something of it on the record.
    begun: bool,
    waiting: Vec<oneshot::Sender<Result<(), Refused>>>,
}

impl Awaited {
    /// It has begun, or nobody here will begin it.
    pub(super) fn settle(&mut self, begun: bool) {
        self.begun |= begun;
        for waiting in self.waiting.drain(..) {
            // Whoever has gone needs no answer.
            let _ = waiting.send(Ok(()));
        }
    }
}

impl Host {
    /// Wait until `run`, which is to begin, has begun. One that nobody here begins now is on the record, and begun by the next host that is live.
    ///
    /// # Errors
    /// Why it cannot begin.
    pub(super) async fn has_begun(&self, run: &Arc<str>) -> Result<(), Refused> {
        let begins = {
            let mut agents = self.0.agents.borrow_mut();
            let Some(agent) = agents.get_mut(run).filter(|agent| !agent.awaited.begun) else {
                return Ok(());
            };
            match (agent.at, agent.why()) {
                (At::Running, _) => {
                    let (begun, begins) = oneshot::channel();
                    agent.awaited.waiting.push(begun);
                    begins
                }
                (At::Until(_) | At::GivenUp, Some(why)) => {
                    let refused = Refused::new(RefusedCode::NotNow, why, "");
                    return Err(cannot_begin(run, refused));
                }
                _ => return Ok(()),
            }
        };
        // It is over already, and on the record.
        begins.await.unwrap_or(Ok(()))
    }

    /// What a run does when its first records are on the disk.
    pub(super) fn tells_that_it_has_begun(&self, run: &Arc<str>) -> Box<dyn FnOnce()> {
        let (host, run) = (self.clone(), run.clone());
        Box::new(move || {
            if let Some(agent) = host.0.agents.borrow_mut().get_mut(&run) {
                agent.goes_on();
            }
        })
    }

    /// `run` could not begin, or not go on: whoever waits for it hears why.
    pub(super) fn tell_why_not(&self, run: &Arc<str>, why: &Refused) {
        let mut agents = self.0.agents.borrow_mut();
        let Some(agent) = agents.get_mut(run) else {
            return;
        };
        if self.0.ending.get() {
            // The next host begins it.
            return agent.awaited.settle(false);
        }
        for waiting in agent.awaited.waiting.drain(..) {
            let _ = waiting.send(Err(cannot_begin(run, why.clone())));
        }
    }
}

fn cannot_begin(run: &str, why: Refused) -> Refused {
    let again = format!(
        "it is tried again by itself: `charthouse agents list` says how {run} stands, `charthouse agents stop {run}` gives it up"
    );
    Refused {
        message: format!("the run {run} cannot begin: {}", why.message),
        help: match why.help.is_empty() {
            true => again,
            false => format!("{}; {again}", why.help),
        },
        code: why.code,
    }
}

/// Why a run cannot begin, or not go on, for whoever asked for it.
pub(super) fn refusal(error: RuntimeError) -> Refused {
    let code = match &error {
        RuntimeError::Refused(refused) => return (**refused).clone(),
        RuntimeError::NotReleased(refused) => {
            return Refused::new(RefusedCode::Denied, refused, refused.help());
        }
        RuntimeError::UnknownAgent { .. } => RefusedCode::NoSuchAgent,
        RuntimeError::NoSuchRun { .. } => RefusedCode::NoSuchRun,
        RuntimeError::Incomplete { .. }
        | RuntimeError::UnknownState { .. }
        | RuntimeError::Plugin(_)
        | RuntimeError::Swap(_) => RefusedCode::Definitions,
        RuntimeError::Journal(_) | RuntimeError::Damaged { .. } | RuntimeError::Place(_) => {
            RefusedCode::Store
        }
        RuntimeError::OtherAgent { .. } | RuntimeError::OutsideOfRun { .. } => {
            RefusedCode::BadCommand
        }
        RuntimeError::Compacted { .. } | RuntimeError::Context(_) | RuntimeError::Chart(_) => {
            RefusedCode::NotNow
        }
    };
    Refused::new(code, error, "")
}
