//! Which runs are up when the host begins, and whose turn it is when there is not room for all.

use super::{Agent, At, Beginning};
use crate::host::RefusedCode;
use crate::host::house::{Behind, Host, Mode};
use crate::{RuntimeError, Status, alive, kin};
use definitions::Keep;
use serde_json::json;
use std::sync::Arc;

impl Host {
    /// Which runs there are, at the start.
    pub(in crate::host) fn read_agents(&self) -> Result<(), RuntimeError> {
        let alive = alive::runs(&self.0.journal.borrow())?;
        let now = self.steady().0;
        let most = super::failing::longest(&self.definitions().serve.restart);
        let mut agents = self.0.agents.borrow_mut();
        for (run, alive) in alive {
            let mut agent = Agent::new(alive.of.as_str().into());
            if alive.parked {
                agent.status = alive.status;
                agent.states = alive.states;
                agent.due = alive.due;
                agent.paused = alive.paused;
                agent.usd = alive.usd;
            } else {
                // It was under way when the host died: at once.
                agent.due = Some(i64::MIN);
            }
            agent.keep = alive.keep;
            agent.failures = alive.failures.into();
            let failed = alive.parked && alive.status == Some(Status::Failed);
            match alive.until {
                _ if alive.given_up => agent.at = At::GivenUp,
                // However the clock was set meanwhile: no pause is longer.
                Some(until) => agent.fails_until(until.min(now.saturating_add(most))),
                // Its host did not live to say when.
                None if failed && alive.keep => agent.fails_until(now),
                None => {}
            }
            agents.runs.insert(run, agent);
        }
        Ok(())
    }

    /// Begin the agents that the house keeps up and that are not.
    pub(in crate::host) async fn begin_kept(&self) {
        let house = self.definitions();
        for keep in &house.serve.keep {
            let name = &keep.agent.value;
            let run = self.0.agents.borrow().run_of(name);
            match run {
                Some(run) => {
                    if let Some(agent) = self.0.agents.borrow_mut().get_mut(&run) {
                        agent.keep = true;
                    }
                }
                None => {
                    let run = self.new_id();
                    self.begin_keep(&run, keep).await;
                }
            }
        }
    }

    /// Have a run of an agent begin that the house keeps up. Whether that is on record.
    async fn begin_keep(&self, run: &Arc<str>, keep: &Keep) -> bool {
        let data = json!({ "agent": keep.agent.value, "prompt": keep.prompt, "keep": true });
        let said = self
            .say(run, kin::BEGIN, data, &Behind::Keep, Vec::new())
            .await;
        if let Err(refused) = &said {
            self.log(run, "keep", &refused.message);
        }
        said.is_ok()
    }

    /// A run that the house keeps up has failed for good. The next one begins as if it had failed as often itself: after a while, or not at all.
    pub(super) async fn begin_after(&self, failed: Agent, why: String) {
        let house = self.definitions();
        let mut kept = house.serve.keep.iter();
        let Some(keep) = kept.find(|keep| *keep.agent.value == *failed.agent) else {
            return;
        };
        let run = self.new_id();
        let mut next = Agent::new(failed.agent);
        next.keep = true;
        next.ours = true;
        next.failures = failed.failures;
        next.fails_until(i64::MAX);
        self.0.agents.borrow_mut().runs.insert(run.clone(), next);
        match self.begin_keep(&run, keep).await {
            true => Box::pin(self.has_failed(&run, RefusedCode::Other, why)).await,
            false => drop(self.0.agents.borrow_mut().runs.remove(&run)),
        }
    }

    /// Take up what was under way when the last host ended.
    pub(in crate::host) fn take_up_all(&self) {
        let now = self.steady().0;
        // Not as the loop's own expression: the list would stay borrowed while it goes on.
        let due = self.0.agents.borrow().due(now, true);
        self.0.agents.borrow_mut().line.extend(due);
        self.next_in_line();
    }

    /// Take a run up again, when there is room.
    pub(in crate::host) fn take_up(&self, run: &Arc<str>) {
        let mut agents = self.0.agents.borrow_mut();
        if !agents.line.contains(run) {
            agents.line.push_back(run.clone());
        }
        if let Some(agent) = agents.get_mut(run) {
            // It is in the line now: no timer has to bring it there again.
            agent.due = None;
            if let At::Until(due) = &mut agent.at {
                *due = i64::MAX;
            }
        }
        drop(agents);
        self.next_in_line();
    }

    pub(super) fn next_in_line(&self) {
        if self.0.mode == Mode::Asked || self.0.ending.get() {
            return;
        }
        let most = self.definitions().serve.most_running;
        loop {
            let run = {
                let mut agents = self.0.agents.borrow_mut();
                // A child is taken up all the same: whoever began it has a place, and keeps it until the child has ended.
                let next = match agents.running() < most {
                    true => agents.line.pop_front(),
                    false => {
                        let child = agents.line.iter().position(|run| run.contains('.'));
                        child.and_then(|at| agents.line.remove(at))
                    }
                };
                let Some(run) = next else {
                    return;
                };
                let all = self.0.mode == Mode::Live;
                let free = agents.get(&run).is_some_and(|agent| {
                    (all || agent.ours)
                        && !agent.paused
                        && matches!(agent.at, At::Parked | At::Until(_))
                });
                if !free {
                    continue;
                }
                run
            };
            let begin = {
                let mut agents = self.0.agents.borrow_mut();
                agents.get_mut(&run).and_then(|agent| agent.begin.take())
            };
            match begin.filter(|_| self.is_unbegun(&run)) {
                Some(letter) if &*letter.event == kin::BEGIN => self.begin_told(&letter),
                Some(letter) => self.begin_bound(&letter),
                None => self.spawn(&run, Beginning::Again),
            }
        }
    }
}
