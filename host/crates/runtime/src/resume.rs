//! Going on with a run that stopped, however it stopped: its conversation to the byte, its chart where it stood, and what was under way.
//!
//! Everything comes from the run's own records. An inference without an answer is asked again, and what the first one may have cost is booked. A call without
//! an outcome is made again under the same name where that does no harm; where it might, nobody may decide that here: the chart hears `tool.uncertain`, and
//! the model reads that it may have taken effect.

use crate::RuntimeError;
use crate::act::cut;
use crate::booking::{Payee, price_at};
use crate::live::RunEvent;
use crate::past::{Asking, Doing, Ended, Made, Past, Progress as Was, Stood};
use crate::record::Kind;
use crate::reload::Moved;
use crate::replay;
use crate::round::{Activity, ActivityKind, Finished, Progress, Slot};
use crate::run::Run;
use crate::used::Used;
use chart::{Effects, ReloadPolicy, Snapshot};
use definitions::{AgentDef, ChartBundle};
use journal::{Journal, RecordId};
use serde::Serialize;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use types::{ContentHash, Cost, Item, Purpose, ToolResult, Usage, Value};

/// Where a run in the version `before` of its chart stands in the one that is there now.
fn moved(
    past: &Past,
    before: &ChartBundle,
    bundle: &ChartBundle,
    now: i64,
) -> Result<Standing, RuntimeError> {
    let (from, to) = (&before.chart, &bundle.chart);
    if bundle.migrate.policy == ReloadPolicy::Refuse {
        return Err(RuntimeError::Chart(format!(
            "the chart `{}` says `migrate: refuse`, and this run is in version {} of it: put that back, or write `migrate: migrate`",
            to.name(),
            from.version()
        )));
    }
    let Some(stood) = past.stood(from).map_err(nowhere)? else {
        return Ok(Standing::Anew { why: None });
    };
    let mut effects = Effects::new();
    let moved = chart::migrate(
        from,
        to,
        &bundle.migrate,
        &stood.snapshot,
        now,
        &mut effects,
    );
    let (snapshot, migration) = moved.map_err(|error| {
        RuntimeError::Chart(format!(
            "the chart `{}` was changed while the run was stopped, and cannot move from {} to {}: {error}",
            to.name(),
            from.version(),
            to.version()
        ))
    })?;
    Ok(Standing::Moved(Box::new(Moved {
        snapshot,
        migration,
        effects: effects.drain().collect(),
    })))
}

fn nowhere(why: String) -> RuntimeError {
    RuntimeError::Chart(format!(
        "the records of the run do not lead anywhere: {why}; `charthouse journal verify` tells whether they were changed"
    ))
}

/// How the chart of a run that is taken up again begins.
pub(crate) enum Standing {
    /// Where it stood.
    Stood(Box<Stood>),
    /// In another version of it, as the migration says.
    Moved(Box<Moved>),
    /// From its beginning, because there is nothing to go on with.
    Anew {
        /// What the operator should know of it.
        why: Option<String>,
    },
}

/// The cost of an inference that was lost: by its effect it is known that it is booked, whoever resumes the run again.
#[derive(Serialize)]
struct Lost<'a> {
    #[serde(flatten)]
    cost: &'a Cost,
    lost: u64,
}

/// Read the run `run`, which must be one of `agent`.
pub(crate) fn read(journal: &Journal, run: &str, agent: &AgentDef) -> Result<Past, RuntimeError> {
    let past = Past::read(journal, run)?.ok_or_else(|| RuntimeError::NoSuchRun {
        run: run.to_owned(),
    })?;
    if past.agent != *agent.name {
        return Err(RuntimeError::OtherAgent {
            run: run.to_owned(),
            agent: agent.name.to_string(),
            other: past.agent,
        });
    }
    Ok(past)
}

/// Where the chart of `bundle` stands after `past`.
pub(crate) fn stand(
    journal: &Journal,
    past: &Past,
    bundle: &ChartBundle,
    root: &Path,
    now: i64,
) -> Result<Standing, RuntimeError> {
    let chart = &bundle.chart;
    if past.chart == Some(chart.hash()) {
        let stood = past.stood(chart).map_err(nowhere)?;
        return Ok(match stood {
            Some(stood) => Standing::Stood(Box::new(stood)),
            None => Standing::Anew { why: None },
        });
    }
    // Another version: it moves as it would have, had it been up when that was saved.
    let set = past.definitions.as_deref().and_then(ContentHash::parse);
    let before = set.map(|set| replay::chart_of(journal, set, root, chart.name()));
    if let Some(Ok(before)) = before
        && past.chart == Some(before.chart.hash())
    {
        return moved(past, &before, bundle, now);
    }
    // Where the chart stood when it was stored last may exist in this one too.
    let snapshot: Option<Snapshot> = past.stored().and_then(|saved| saved.restore(chart).ok());
    Ok(match snapshot {
        Some(snapshot) => Standing::Stood(Box::new(Stood {
            snapshot,
            unhandled: None,
            over_budget: false,
        })),
        None => Standing::Anew {
            why: Some(format!(
                "the chart `{}` was changed while the run was stopped, and where it stood cannot be carried over: it begins anew, with the conversation kept",
                chart.name()
            )),
        },
    })
}

impl Run {
    /// Stand where the run stood, with what was under way put back and not begun yet: that is [`Run::set_going`]. `None` where its chart begins anew, with the
    /// conversation kept.
    pub(crate) async fn take_up(
        &mut self,
        past: Past,
        standing: Standing,
        speaks: bool,
    ) -> Result<Option<Vec<Arc<str>>>, RuntimeError> {
        if let Some(written) = past.summary {
            self.summing.take(written, self.counting.estimator());
        }
        let ending = self.ending(past.items, past.newest_item.map(RecordId))?;
        self.history = self.held(ending).await;
        self.next_effect = past.next_effect;
        self.prompt = past.prompt;
        self.spent = past.spent;
        self.unpriced = past.unpriced;
        self.waiting_words = past.waiting;
        self.unanswered = past.unanswered;
        self.held = past.held;
        self.bound = past.bound;
        self.handed_in = past.handed_in;
        self.reminded = past.reminded;
        self.room_at = past.room_at;
        self.has_work = past.has_work;
        self.begun_with_it = past.begun_with_it;
        self.heard_upto = past.heard_upto;
        self.children = past.children;
        self.since_snapshot = past.tail;
        self.permissions.permit_for_the_run(past.permitted);
        if past.paused {
            self.record(Kind::Resumed, &json!({}));
        }
        for doing in past.doing.values() {
            if let Some(asking) = &doing.asking {
                self.book_lost(self.account(doing.state.clone()), asking);
            }
        }
        if let Some((state, asking)) = &past.summing {
            let account = Cost {
                purpose: Purpose::Summary,
                ..self.account(state.clone())
            };
            self.book_lost(account, asking);
        }
        let (stood, moved) = match standing {
            Standing::Stood(stood) => (Some(stood), None),
            Standing::Moved(moved) => (None, Some(moved)),
            Standing::Anew { why } => {
                if let Some(message) = why {
                    self.show(RunEvent::Log {
                        source: "chart".into(),
                        message,
                    });
                }
                past.doing.into_values().for_each(|doing| self.mend(doing));
                return Ok(None);
            }
        };
        self.effects = Effects::new();
        if let Some(stood) = stood {
            self.snapshot = stood.snapshot;
            self.unhandled = stood.unhandled.is_some();
            self.trouble = stood.unhandled;
            self.over_budget = stood.over_budget && self.is_still_exhausted();
            self.show(RunEvent::State {
                event: None,
                configuration: self.configuration(),
            });
        }
        // Somebody who speaks to a run that was stopped says what is to be done now.
        // A question is what it answers, and whoever was begun is at work all the same.
        let stays = |kind| matches!(kind, ActivityKind::Ask | ActivityKind::Agent);
        let goes_on = |doing: &Doing| !(doing.suspended && speaks) || stays(doing.kind);
        let mut going = Vec::new();
        for (id, mut doing) in past.doing {
            let goes_on = goes_on(&doing);
            for made in doing.uncertain(goes_on) {
                self.say_uncertain(&doing.state, &made);
            }
            if !goes_on {
                continue;
            }
            // A migration may have given its state another name.
            let now = self.snapshot.activities(&self.bundle.chart);
            let state = now
                .filter(|(own, ..)| **own == *id)
                .map(|(_, state, _)| state);
            match (state.last(), &moved) {
                // The migration stops what is not wanted any more.
                (_, Some(_)) => {}
                (Some(state), None) => doing.state = state.into(),
                // Its state was left.
                (None, None) => continue,
            }
            self.put_back(&id, doing);
            going.push(id);
        }
        if let Some(moved) = moved {
            self.arrive(*moved);
        }
        Ok(Some(going))
    }

    /// Put an activity back as far as it had come.
    fn put_back(&mut self, id: &Arc<str>, doing: Doing) {
        let mut activity = Activity::new(doing.kind, doing.state.clone(), doing.params);
        activity.thoughts = doing.thoughts;
        activity.calls = doing.calls;
        activity.changed = doing.changed;
        activity.failed = doing.failed;
        activity.said = doing.said;
        activity.for_model = doing.kind != ActivityKind::Plugin;
        self.activities.insert(id.clone(), activity);
        self.prefer(id);
        for made in doing.slots {
            let (progress, again) = match made.progress {
                Was::Waiting => (Progress::Waiting, None),
                Was::Finished(ended) => (self.finished(&made.call, *ended), None),
                Was::Running { effect, .. } if !made.is_uncertain() => {
                    (Progress::Waiting, Some(effect))
                }
                Was::Running { .. } => {
                    self.say_uncertain(&doing.state, &made);
                    if let Some(activity) = self.activities.get_mut(id) {
                        activity.failed += 1;
                    }
                    (self.finished(&made.call, Ended::uncertain()), None)
                }
            };
            if let Some(activity) = self.activities.get_mut(id) {
                activity.slots.push(Slot {
                    call: made.call,
                    again,
                    progress,
                    expense: None,
                });
            }
        }
    }

    /// Begin what was put back, from where it stands.
    pub(crate) fn set_going(&mut self, going: Vec<Arc<str>>) {
        for id in going {
            let Some(activity) = self.activities.get(&id) else {
                continue;
            };
            match activity.kind {
                _ if !activity.slots.is_empty() => self.advance(&id),
                ActivityKind::Think | ActivityKind::Turn => self.think(&id),
                ActivityKind::Act => self.act_on_last_reply(&id),
                ActivityKind::Plugin => self.call_fixed(&id),
                ActivityKind::Ask => self.show_question(&id),
                // Whom it waits for is taken up again on its own.
                ActivityKind::Agent => {}
            }
        }
    }

    /// A call may have taken effect, and doing it again might do harm: the chart decides.
    fn say_uncertain(&mut self, state: &Arc<str>, made: &Made) {
        let (call, effect) = (&made.call, made.effect().unwrap_or_default());
        let body = json!({
            "effect": effect, "call": call.id, "tool": call.name, "arguments": call.arguments, "state": state,
        });
        self.record(Kind::Uncertain, &body);
        self.show(RunEvent::Log {
            source: call.name.clone(),
            message: "it was under way when the host stopped, and may have taken effect: it is not made again".into(),
        });
        let data = Value::map([
            ("tool", Value::text(call.name.clone())),
            ("call", Value::text(&*self.effect_id(effect))),
            ("arguments", Value::text(call.arguments.plain())),
            ("state", Value::text(state.clone())),
        ]);
        self.happen("tool.uncertain", data, None);
    }

    /// A call that had come back.
    fn finished(&self, call: &types::ToolCall, ended: Ended) -> Progress {
        let result = ToolResult {
            call: call.id.clone(),
            name: call.name.clone(),
            text: self.readable(cut(ended.text, self.longest_result())),
            failed: ended.error.is_some(),
            provenance: ended.provenance,
            labels: ended.labels,
        };
        Progress::Finished(Box::new(Finished {
            result,
            error: ended.error,
            json: ended.json,
        }))
    }

    /// What an inference may have cost of which nobody heard the answer: all that was sent.
    fn book_lost(&mut self, account: Cost, asking: &Asking) {
        let usage = Usage {
            input: asking.tokens,
            ..Usage::default()
        };
        let price = price_at(&self.services, &asking.model, asking.time);
        let payee = Payee {
            provider: &asking.provider,
            model: &asking.model,
            free: asking.free,
            price: price.as_ref(),
        };
        let cost = self.cost_of(&account, payee, &usage, Used::default());
        let cost = Cost {
            estimated: true,
            ..cost
        };
        let lost = Lost {
            cost: &cost,
            lost: asking.effect,
        };
        self.record(Kind::Cost, &lost);
    }

    /// What was under way joins the conversation with an answer for each call: the chart begins anew and will not hear of it.
    fn mend(&mut self, doing: Doing) {
        if doing.kind == ActivityKind::Plugin || doing.slots.is_empty() {
            return;
        }
        if let Some(said) = doing.said {
            self.remember(said);
        }
        for made in doing.slots {
            let progress = match made.progress {
                Was::Finished(ended) => self.finished(&made.call, *ended),
                Was::Running { asks: false, .. } => self.finished(&made.call, Ended::uncertain()),
                Was::Running { .. } | Was::Waiting => {
                    let ended = Ended {
                        text: "not run: the host stopped".into(),
                        ..Ended::uncertain()
                    };
                    self.finished(&made.call, ended)
                }
            };
            if let Progress::Finished(finished) = progress {
                self.remember(Item::Result(finished.result));
            }
        }
    }
}
