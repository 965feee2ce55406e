//! The records of an instance in one commit, and what follows from them once they are on the disk.

use super::bindings;
use crate::host::house::{Host, Letter};
use crate::inbox::Told;
use crate::record::{Kind, Pending};
use crate::workflow::{Addressee, Happened, Instance, Out, Taken};
use crate::{Binding, RuntimeError, bound};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{Event, Timestamp, Value};

/// Records of an instance after which what they come to is recorded.
const BETWEEN_SNAPSHOTS: usize = 64;

impl Host {
    /// A snapshot, where many records have come since the last.
    pub(super) fn with_snapshot(
        &self,
        id: &str,
        instance: &Instance,
        taken: &Taken,
        cause: Option<u64>,
    ) -> Option<(Kind, serde_json::Value)> {
        let mut instances = self.0.instances.borrow_mut();
        let seat = instances.seats.get_mut(id)?;
        seat.tail += taken.records.len();
        if seat.tail < crate::point::between_snapshots(BETWEEN_SNAPSHOTS) {
            return None;
        }
        seat.tail = 0;
        let mut body = instance.snapshot();
        body["heard"] = seat.heard.max(cause.unwrap_or(0)).into();
        Some((Kind::Snapshot, body))
    }

    pub(super) async fn write(
        &self,
        id: &Arc<str>,
        taken: &Taken,
        keep: Vec<(String, Vec<u8>)>,
        at: Timestamp,
    ) -> Result<(), RuntimeError> {
        let instance = self.0.instances.borrow().get(id).cloned();
        match instance {
            Some(instance) => self.write_as(id, taken, keep, instance, None, at).await,
            None => Ok(()),
        }
    }

    /// Record what follows, with the time `at` by which it was judged: by another, whoever reads it may judge otherwise. Once it is on the disk the instance stands there,
    /// and what it says is delivered.
    pub(super) async fn write_as(
        &self,
        id: &Arc<str>,
        taken: &Taken,
        keep: Vec<(String, Vec<u8>)>,
        instance: Instance,
        cause: Option<u64>,
        at: Timestamp,
    ) -> Result<(), RuntimeError> {
        let records = taken
            .records
            .iter()
            .map(|(kind, body)| Pending {
                of_house: *kind == Kind::Identity,
                ..Pending::new(at, *kind, body)
            })
            .collect();
        let letters: Vec<(usize, Letter)> = taken
            .out
            .iter()
            .filter_map(|out| match out {
                Out::Send {
                    record,
                    to: Addressee::Agent(to),
                    event,
                    data,
                } => Some((
                    *record,
                    Letter {
                        from: id.clone(),
                        to: to.clone(),
                        seq: 0,
                        event: event.clone(),
                        data: data.clone(),
                    },
                )),
                _ => None,
            })
            .collect();
        let (host, own) = (self.clone(), id.clone());
        let then: crate::shared::Then = Box::new(move |ids| {
            if let Some(seat) = host.0.instances.borrow_mut().seats.get_mut(&own) {
                seat.instance = instance;
                seat.heard = seat.heard.max(cause.unwrap_or(0));
            }
            for (record, letter) in letters {
                if let Some(seq) = ids.get(record) {
                    host.deliver(Letter {
                        seq: seq.0,
                        ..letter
                    });
                }
            }
        });
        self.0
            .journal
            .commit(id, records, keep, Some(then))
            .await
            .map(drop)
    }

    /// What follows from something that is on the record now, beside letters.
    pub(super) fn follow(&self, id: &Arc<str>, taken: Taken, before: BTreeMap<Arc<str>, Binding>) {
        for (kind, body) in &taken.records {
            let kind = kind.name();
            self.0.watchers.tell(
                id,
                false,
                || serde_json::json!({ "type": kind, "instance": id, "body": body }),
            );
        }
        for out in taken.out {
            match out {
                Out::Send { .. } => {}
                Out::Offered { role, .. } => self.offer(id, &role),
                Out::Invoke {
                    id: invocation,
                    activity,
                    ..
                } if &*activity != "ask" => self.cannot(id, &invocation, &activity),
                // A person sees it with `workflow show` and answers it.
                Out::Invoke { .. } | Out::Stop { .. } => {}
                Out::Log { source, message } => self.log(id, &source, &message),
                Out::Ended(_) => {}
            }
        }
        let after = {
            let instances = self.0.instances.borrow();
            instances.get(id).map(bindings).unwrap_or_default()
        };
        let mut runs: Vec<&Arc<str>> = before.keys().chain(after.keys()).collect();
        runs.sort();
        runs.dedup();
        for run in runs {
            if before.get(run) == after.get(run) {
                continue;
            }
            self.tell(
                run,
                Told {
                    from: id.clone(),
                    seq: None,
                    event: bound::CHANGED.into(),
                    data: serde_json::Value::Null,
                    binding: Some(after.get(run).cloned()),
                },
            );
            if !after.contains_key(run) {
                self.is_free(run);
            }
        }
        let over = {
            let instances = self.0.instances.borrow();
            instances.get(id).is_some_and(|i| i.ended().is_some())
        };
        if over {
            self.0.instances.borrow_mut().seats.remove(id);
            self.offer_again();
        }
    }

    /// A run holds no role any more: one that stands at its end has nothing more to wait for.
    fn is_free(&self, run: &Arc<str>) {
        let ends = {
            let agents = self.0.agents.borrow();
            agents.get(run).is_some_and(|agent| {
                agent.at == crate::host::agents::At::Parked
                    && !agent.keep
                    && !agent.paused
                    && agent.status == Some(crate::Status::Done)
            })
        };
        if ends {
            self.take_up(run);
        }
    }

    /// An activity that this host does not do for workflows.
    fn cannot(&self, id: &Arc<str>, invocation: &Arc<str>, activity: &str) {
        let data = Value::map([
            ("kind", Value::text("unavailable")),
            (
                "message",
                Value::text(format!(
                    "`{activity}` is nothing that a workflow does itself in this version: give the state a role"
                )),
            ),
        ]);
        self.happens(
            id,
            Happened::Activity {
                id: invocation.clone(),
                event: Event::new("error.execution", data, self.steady().0),
            },
        );
    }
}
