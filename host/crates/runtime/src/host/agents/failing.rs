//! A run that fails is begun again after a while, and given up where it fails too often.

use super::At;
use crate::alive;
use crate::host::house::Host;
use crate::record::{Kind, Pending};
use definitions::Restart;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;

impl Host {
    /// A run failed, or cannot even begin: it is begun again after a while, or given up. Whether it is taken up at once.
    pub(super) async fn has_failed(&self, run: &Arc<str>, why: String) -> bool {
        if self.0.ending.get() {
            // Whoever waits for it to leave off need not wait longer; the next host takes it up.
            if let Some(agent) = self.0.agents.borrow_mut().get_mut(run) {
                agent.at = At::Parked;
            }
            return false;
        }
        // Its end may be on the record although nobody could say so.
        let past = crate::past::Past::read(&self.0.journal.borrow(), run);
        let past = past.ok().flatten();
        let heard = past.as_ref().map_or(0, |past| past.heard_upto);
        if let Some(status) = past.and_then(|past| past.over) {
            self.is_over_with(run, status, Some(why)).await;
            return false;
        }
        let now = self.now().0;
        let restart = self.definitions().serve.restart;
        let verdict = {
            let mut agents = self.0.agents.borrow_mut();
            let Some(agent) = agents.get_mut(run) else {
                return false;
            };
            agent.reloads = None;
            agent.mail.put_back(heard);
            agent.why = Some(why.clone());
            judge(&mut agent.failures, now, &restart)
        };
        self.log(run, "failed", &why);
        match verdict {
            Some(pause) => {
                if let Some(agent) = self.0.agents.borrow_mut().get_mut(run) {
                    agent.at = At::Until(now.saturating_add(pause));
                }
            }
            None => {
                let line = self.0.agents.borrow_mut().get_mut(run).map(|agent| {
                    agent.at = At::GivenUp;
                    agent.due = None;
                    alive::left(run, &agent.alive())
                });
                let body = json!({ "why": why, "failures": restart.crashes });
                let record = Pending::new(self.now(), Kind::GaveUp, &body);
                let written = self
                    .0
                    .journal
                    .commit(run, vec![record], line.into_iter().collect(), None)
                    .await;
                if let Err(error) = written {
                    self.log(run, "journal", &error.to_string());
                }
                self.holder_is_gone(run, &why);
            }
        }
        false
    }

    /// A person wants a run to go on that was given up: what it failed of before counts no more, whoever hosts it.
    pub(in crate::host) async fn give_another_chance(&self, run: &Arc<str>) {
        let line = self.0.agents.borrow_mut().get_mut(run).and_then(|agent| {
            let given_up = agent.at == At::GivenUp;
            given_up.then(|| {
                // As after any failure: its chart begins anew.
                agent.at = At::Until(i64::MAX);
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
    let doublings = u32::try_from(failures.len() - 1)
        .unwrap_or(u32::MAX)
        .min(31);
    let pause = restart
        .first
        .saturating_mul(1 << doublings)
        .min(restart.most);
    Some(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
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
