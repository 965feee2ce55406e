//! A run that fails is begun again after a while, and given up where it fails too often.

use super::At;
use crate::host::RefusedCode;
use crate::host::house::Host;
use crate::kin::{self, Kin};
use crate::past::Past;
use crate::record::{Kind, Pending};
use crate::request::{Others, Outbound};
use crate::shared::Then;
use crate::{RunEvent, RuntimeError, Status, alive};
use definitions::Restart;
use journal::JournalError;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;
use types::Value;

impl Host {
    /// A run failed, or cannot even begin: it is begun again after a while, or given up. One that only the store kept from going on did not fail, however often
    /// that happens: it goes on from its record as soon as it can.
    pub(super) async fn has_failed(&self, run: &Arc<str>, code: RefusedCode, why: String) {
        if self.0.ending.get() {
            // Whoever waits for it to leave off need not wait longer; the next host takes it up.
            if let Some(agent) = self.0.agents.borrow_mut().get_mut(run) {
                agent.at = At::Parked;
            }
            return;
        }
        // Its end may be on the record although nobody could say so.
        let past = Past::read(&self.0.journal.borrow(), run);
        let passes = code == RefusedCode::Store && !matches!(&past, Err(error) if is_damage(error));
        let past = past.ok().flatten();
        let heard = past.as_ref().map_or(0, |past| past.heard_upto);
        if let Some(status) = past.as_ref().and_then(|past| past.over) {
            return self.is_over_with(run, status, Some(why)).await;
        }
        let now = self.steady().0;
        let restart = self.definitions().serve.restart;
        let verdict = {
            let mut agents = self.0.agents.borrow_mut();
            let Some(agent) = agents.get_mut(run) else {
                return;
            };
            agent.reloads = None;
            agent.mail.put_back(heard);
            agent.why = Some(why.clone());
            match passes {
                true => {
                    agent.disturbed = agent.disturbed.saturating_add(1);
                    Some(pause(&restart, agent.disturbed))
                }
                false => {
                    agent.disturbed = 0;
                    agent.anew = true;
                    judge(&mut agent.failures, now, &restart)
                }
            }
        };
        self.log(run, "failed", &why);
        if !passes && self.is_to_stop(run) && self.end_in_its_place(run, past.as_ref(), &why).await
        {
            return;
        }
        match verdict {
            Some(pause) => {
                let line = self.0.agents.borrow_mut().get_mut(run).map(|agent| {
                    agent.at = At::Until(now.saturating_add(pause));
                    alive::left(run, &agent.alive())
                });
                // The next host waits for as long; one that goes on from its record does so at once.
                if past.is_some() && !passes {
                    self.keep(run, line.into_iter().collect()).await;
                }
            }
            None => self.give_up(run, past.as_ref(), why, &restart).await,
        }
    }

    /// A run failed too often.
    async fn give_up(&self, run: &Arc<str>, past: Option<&Past>, why: String, restart: &Restart) {
        let line = self.0.agents.borrow_mut().get_mut(run).map(|agent| {
            agent.at = At::GivenUp;
            agent.due = None;
            alive::left(run, &agent.alive())
        });
        let body = json!({ "why": why, "failures": restart.crashes });
        let record = Pending::new(self.now(), Kind::GaveUp, &body);
        // Whoever began it waits for its end, and would do so for ever.
        let told = self.told_to_parent(run, past, Status::Failed, &why);
        let line = line.into_iter().collect();
        if let Err(error) = self
            .record_for(run, vec![record], told.into_iter().collect(), line)
            .await
        {
            self.log(run, "journal", &error.to_string());
        }
        let event = json!({ "type": Kind::GaveUp.name(), "why": why });
        self.0.watchers.tell(run, false, || event);
        self.holder_is_gone(run, &why);
    }

    /// Whether somebody wants `run` to end, and it has not heard that.
    fn is_to_stop(&self, run: &str) -> bool {
        let agents = self.0.agents.borrow();
        agents
            .get(run)
            .is_some_and(|agent| agent.mail.has(kin::STOP))
    }

    /// A run that is to end cannot even be taken up for that: its end is recorded without it. Whether it is.
    async fn end_in_its_place(&self, run: &Arc<str>, past: Option<&Past>, why: &str) -> bool {
        let status = Status::Cancelled;
        let ended = Pending::new(
            self.now(),
            Kind::Ended,
            &json!({ "status": status, "cause": null }),
        );
        let children = past.into_iter().flat_map(|past| past.children.under_way());
        let mut letters: Vec<Outbound> = children
            .map(|child| Outbound {
                to: child.clone(),
                event: kin::STOP.into(),
                data: Value::Null,
            })
            .collect();
        letters.extend(self.told_to_parent(run, past, status, why));
        let line = vec![alive::over(run)];
        match self.record_for(run, vec![ended], letters, line).await {
            Ok(()) => {
                let cause = None;
                self.observer(run)(&RunEvent::Done {
                    status,
                    run: run.clone(),
                    cause,
                });
                self.is_over_with(run, status, None).await;
                true
            }
            Err(error) => {
                self.log(run, "journal", &error.to_string());
                false
            }
        }
    }

    /// What whoever began `run` is told of its end, which it cannot say itself.
    fn told_to_parent(
        &self,
        run: &Arc<str>,
        past: Option<&Past>,
        status: Status,
        why: &str,
    ) -> Option<Outbound> {
        let agents = self.0.agents.borrow();
        let agent = agents.get(run)?;
        let begun_with = || {
            let data = json!(agent.begin.as_ref()?.data);
            serde_json::from_value::<Kin>(data["kin"].clone()).ok()
        };
        let kin = past.map(|past| past.kin.clone()).or_else(begun_with)?;
        let usd = past
            .map(|past| past.spent + past.children.usd)
            .unwrap_or_default();
        let data = json!({
            "invocation": kin.invocation?, "run": run, "agent": agent.agent, "status": status,
            "text": null, "why": why, "usd": usd.to_string(),
        });
        Some(Outbound {
            to: kin.parent?,
            event: kin::OVER.into(),
            data: Value::from(&data),
        })
    }

    /// Record something in the name of `run`, which is not up, with what it says to others.
    async fn record_for(
        &self,
        run: &Arc<str>,
        mut records: Vec<Pending>,
        letters: Vec<Outbound>,
        keep: Vec<(String, Vec<u8>)>,
    ) -> Result<(), RuntimeError> {
        let first = records.len();
        for said in &letters {
            let body = json!({ "to": said.to, "event": said.event, "data": said.data });
            records.push(Pending::new(self.now(), Kind::Sent, &body));
        }
        let (host, from) = (self.clone(), run.clone());
        let then: Then = Box::new(move |ids| {
            for (id, said) in ids.iter().skip(first).zip(letters) {
                host.hear(&from, id.0, said);
            }
        });
        let written = self.0.journal.commit(run, records, keep, Some(then));
        written.await.map(drop)
    }

    /// A person wants a run to go on that was given up: what it failed of before counts no more, whoever hosts it.
    pub(in crate::host) async fn give_another_chance(&self, run: &Arc<str>) {
        let line = self.0.agents.borrow_mut().get_mut(run).and_then(|agent| {
            let given_up = agent.at == At::GivenUp;
            given_up.then(|| {
                // As after any failure: its chart begins anew.
                agent.at = At::Until(i64::MAX);
                agent.anew = true;
                agent.failures.clear();
                alive::of(run, &agent.agent)
            })
        });
        if let Some(line) = line {
            self.keep(run, vec![line]).await;
        }
    }
}

/// How long to wait before a run that failed is begun again, in milliseconds; `None` where it has failed too often.
fn judge(failures: &mut VecDeque<i64>, now: i64, restart: &Restart) -> Option<i64> {
    let within = i64::try_from(restart.within.as_millis()).unwrap_or(i64::MAX);
    failures.retain(|time| now.saturating_sub(*time) <= within);
    failures.push_back(now);
    if failures.len() >= restart.crashes as usize {
        return None;
    }
    let failures = u32::try_from(failures.len()).unwrap_or(u32::MAX);
    Some(pause(restart, failures))
}

/// How long to wait after so many failures, in milliseconds.
fn pause(restart: &Restart, failures: u32) -> i64 {
    let doublings = failures.saturating_sub(1).min(31);
    let pause = restart
        .first
        .saturating_mul(1 << doublings)
        .min(restart.most);
    i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)
}

/// The longest pause, in milliseconds.
pub(super) fn longest(restart: &Restart) -> i64 {
    i64::try_from(restart.most.as_millis()).unwrap_or(i64::MAX)
}

/// Whether the records of a run are no longer what was written: no other moment makes that better.
fn is_damage(error: &RuntimeError) -> bool {
    match error {
        RuntimeError::Damaged { .. } => true,
        RuntimeError::Journal(error) => matches!(**error, JournalError::Corrupt { .. }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::judge;
    use definitions::Restart;
    use std::collections::VecDeque;
    use std::time::Duration;

    #[test]
    fn pauses_grow_up_to_a_bound_and_a_loop_of_crashes_is_given_up() {
        let restart = Restart {
            first: Duration::from_secs(1),
            most: Duration::from_secs(3),
            crashes: 5,
            within: Duration::from_secs(60),
        };
        let mut failures = VecDeque::new();
        let pauses: Vec<Option<i64>> = (0..5)
            .map(|n| judge(&mut failures, n * 1_000, &restart))
            .collect();
        assert_eq!(
            pauses,
            [Some(1_000), Some(2_000), Some(3_000), Some(3_000), None]
        );
        // Long ago counts no more.
        assert_eq!(judge(&mut failures, 100_000, &restart), Some(1_000));
        // A clock that was set back makes no loop.
        assert_eq!(judge(&mut failures, 0, &restart), Some(2_000));
    }
}
