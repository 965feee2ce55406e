//! What follows when a run stands still or its task is over: it is parked, and its role is free where it has ended.

use super::{At, no_such_run};
use crate::alive;
use crate::host::house::Host;
use crate::host::{Refused, RefusedCode};
use crate::record::{Kind, Pending};
use crate::request::{Leaving, Left};
use crate::{Message, RunEnd, Status};
use serde_json::json;
use std::sync::Arc;

impl Host {
    /// A run stands still.
    pub(in crate::host) fn rests(
        &self,
        run: &Arc<str>,
        status: Status,
        why: Option<String>,
        usd: Option<Arc<str>>,
    ) {
        let bound = self.binding_of(run).is_some();
        let mut agents = self.0.agents.borrow_mut();
        let Some(agent) = agents.get_mut(run) else {
            return;
        };
        agent.status = Some(status);
        agent.usd = usd.or(agent.usd.take());
        agent.why = why;
        let stays = agent.keep || bound;
        match status {
            Status::Done if !stays => agent.mail.close(),
            Status::Failed if !agent.keep => agent.mail.close(),
            _ => agent.mail.put(Message::Leave(Leaving::Parked)),
        }
    }

    /// A run's task is over.
    pub(super) async fn left(&self, run: &Arc<str>, end: Result<RunEnd, Refused>) {
        match end {
            Ok(RunEnd {
                left: Some(left), ..
            }) => self.is_parked(run, left).await,
            Ok(end) => {
                self.is_over_with(run, end.status, end.cause.map(|cause| cause.message))
                    .await;
            }
            Err(why) => {
                self.tell_why_not(run, &why);
                self.has_failed(run, why.code, why.message).await;
            }
        }
        self.next_in_line();
        self.0.changed.notify_waiters();
    }

    /// A run was left in order. It is taken up at once where it has something to hear already.
    async fn is_parked(&self, run: &Arc<str>, left: Left) {
        let (line, paused, failed, has_words) = {
            let mut agents = self.0.agents.borrow_mut();
            let Some(agent) = agents.get_mut(run) else {
                return;
            };
            agent.at = At::Parked;
            agent.reloads = None;
            agent.begin = None;
            agent.due = left.next_due.map(|due| due.0);
            let in_order = !agent.paused && !self.0.ending.get();
            match in_order {
                // It stood still, with all that it was told on the record.
                true => agent.mail.forget(),
                false => agent.mail.put_back(self.heard_upto(run)),
            }
            let failed = agent.status == Some(Status::Failed);
            let has_words = agent.mail.has_words() && !agent.paused;
            // Whoever paused it did so when it was leaving already.
            let paused = agent.paused && !left.paused;
            (alive::left(run, &agent.alive()), paused, failed, has_words)
        };
        let paused = paused.then(|| Pending::new(self.now(), Kind::Paused, &json!({})));
        self.keep_with(run, paused.into_iter().collect(), vec![line])
            .await;
        if has_words {
            return self.take_up(run);
        }
        if failed {
            let why = self
                .0
                .agents
                .borrow()
                .get(run)
                .and_then(|agent| agent.why.clone());
            let why = why.unwrap_or_else(|| "it failed".into());
            self.has_failed(run, RefusedCode::Other, why).await;
        }
    }

    /// Up to which letter `run` has everything on its record; 0 where nobody can say.
    pub(super) fn heard_upto(&self, run: &str) -> u64 {
        let past = crate::past::Past::read(&self.0.journal.borrow(), run);
        past.ok().flatten().map_or(0, |past| past.heard_upto)
    }

    /// A run is over for good.
    pub(super) async fn is_over_with(&self, run: &Arc<str>, status: Status, why: Option<String>) {
        let gone = self.0.agents.borrow_mut().runs.remove(run);
        let gone = gone.filter(|agent| agent.keep && !self.0.ending.get());
        self.0.firings.borrow_mut().ended(run);
        let why = match (status, why) {
            (Status::Done, _) => "its run ended".to_owned(),
            (_, Some(why)) => why,
            (_, None) => "its run was stopped".to_owned(),
        };
        self.holder_is_gone(run, &why);
        match gone {
            Some(gone) if status == Status::Failed => self.begin_after(gone, why).await,
            Some(_) => self.begin_kept().await,
            None => {}
        }
        self.offer_again();
    }

    /// Have a run wait, or end.
    pub(in crate::host) async fn leave(&self, run: &Arc<str>, paused: bool) -> Result<(), Refused> {
        let line = {
            let mut agents = self.0.agents.borrow_mut();
            let agent = agents.get_mut(run).ok_or_else(|| no_such_run(run))?;
            agent.paused |= paused;
            if agent.at == At::Running {
                agent
                    .mail
                    .put(Message::Leave(Leaving::Suspended { paused }));
                None
            } else {
                Some(alive::left(run, &agent.alive()))
            }
        };
        if let (Some(line), true) = (line, paused) {
            let record = Pending::new(self.now(), Kind::Paused, &json!({}));
            let written = self
                .0
                .journal
                .commit(run, vec![record], vec![line], None)
                .await;
            written.map_err(|error| crate::host::house::store(&error))?;
        }
        Ok(())
    }

    /// Have all runs leave off, and wait until they have, or until `within` is over.
    pub(in crate::host) async fn leave_all(&self, within: std::time::Duration) {
        self.0.ending.set(true);
        let clock = self.services().clock.clone();
        let begun = clock.monotonic();
        let running = |host: &Host| -> Vec<Arc<str>> {
            let agents = host.0.agents.borrow();
            let running = agents.all().filter(|(_, agent)| agent.at == At::Running);
            running.map(|(run, _)| run.clone()).collect()
        };
        // What is under way may come to its end first.
        while !running(self).is_empty() && clock.monotonic().saturating_sub(begun) < within {
            for run in running(self) {
                if let Some(agent) = self.0.agents.borrow().get(&run) {
                    agent.mail.put(Message::Leave(Leaving::Parked));
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        for run in running(self) {
            if let Some(agent) = self.0.agents.borrow().get(&run) {
                agent
                    .mail
                    .put(Message::Leave(Leaving::Suspended { paused: false }));
            }
        }
        while !running(self).is_empty() {
            self.0.changed.notified().await;
        }
    }
}
