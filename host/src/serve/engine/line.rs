//! One trigger: what waits, what is on its way to the host, and what it started that is still under way.

use super::times::last_before;
use super::{Came, Firing, Full, Missed, Outcome, Overlap, Rule, SINCE, Taken, When};
use runtime::host::{Command, FireHow, Fired};
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use types::Timestamp;

/// A time that has passed by no more than this is on time: between two looks at the clock lies at most a minute.
const ON_TIME_MS: i64 = 120_000;
/// At most so many missed times are made up for, the last ones.
const MOST_MISSED: usize = 1_000;
/// At most so many firings wait.
const MOST_WAITING: usize = 1_000;
/// After so many records of files it is recorded that all before is done, so that the host can forget which they were.
const RECORDED: usize = 1_000;
/// The first pause after the host could not do what was due, and the longest.
const PAUSES_MS: [i64; 2] = [1_000, 60_000];

/// One trigger.
pub(super) struct Line {
    rule: Rule,
    /// Up to when its times have been seen to.
    seen_to: Timestamp,
    /// Since when its schedule has been this one, as far as that is known: its times before that were none.
    timed_from: Timestamp,
    /// Since when it is known.
    since: Timestamp,
    /// What came due, and about which nothing is on record.
    due: VecDeque<Waiting>,
    /// What is on record as waiting.
    held: VecDeque<Waiting>,
    asked: Option<Asked>,
    /// Runs and instances that it started and that are under way.
    open: BTreeSet<String>,
    /// Those that ended before the host's answer named them.
    ended_early: Vec<String>,
    /// How much is on record since it was recorded last that all before is done.
    recorded: usize,
    pause: i64,
    not_before: Timestamp,
}

/// What is on its way to the host.
struct Asked {
    what: Waiting,
    how: FireHow,
    /// Whether it was on record as waiting.
    was_held: bool,
}

#[derive(Clone)]
struct Waiting {
    key: String,
    subject: String,
    due: Timestamp,
    schedule: Option<Arc<str>>,
    values: Value,
    then: Option<Box<Command>>,
    /// It is only to be recorded.
    leave_out: bool,
    insist: bool,
}

impl Line {
    pub(super) fn new<'f>(
        rule: Rule,
        fired: impl Iterator<Item = &'f Fired>,
        now: Timestamp,
    ) -> Self {
        let mut line = Line {
            rule,
            seen_to: now,
            timed_from: Timestamp(i64::MIN),
            since: now,
            due: VecDeque::new(),
            held: VecDeque::new(),
            asked: None,
            open: BTreeSet::new(),
            ended_early: Vec::new(),
            recorded: 0,
            pause: 0,
            not_before: Timestamp(i64::MIN),
        };
        let (mut last, mut first) = (None, None);
        let mut by: Option<(Timestamp, &str)> = None;
        for fired in fired {
            let due = Timestamp(fired.due);
            last = last.max(Some(due));
            line.recorded += 1;
            if fired.subject == SINCE {
                first = Some(due);
            }
            // What a clock that was wrong says of the future is not the last word.
            if let Some(schedule) = &fired.schedule
                && due <= now
                && by.is_none_or(|(before, _)| before <= due)
            {
                by = Some((due, schedule));
            }
            match (&fired.then, fired.how) {
                (Some(then), FireHow::Hold) => line.held.push_back(Waiting {
                    key: fired.key.clone(),
                    subject: fired.subject.clone(),
                    due,
                    schedule: fired.schedule.as_deref().map(Arc::from),
                    values: Value::Null,
                    then: Some(then.clone()),
                    leave_out: false,
                    insist: true,
                }),
                _ if fired.open => line.open.extend(fired.started().map(str::to_owned)),
                _ => {}
            }
        }
        match last {
            // A clock that stood in the future when something was recorded is not waited for.
            Some(last) => line.seen_to = last.min(now),
            None => line.begin(now),
        }
        line.since = first.unwrap_or(now);
        if let (Some((_, before)), Some(schedule)) = (by, line.schedule())
            && *before != *schedule
        {
            line.schedule_anew(now);
        }
        line
    }

    /// The same trigger by another definition.
    pub(super) fn with(mut self, rule: Rule, now: Timestamp) -> Self {
        // What has come due by the times of before is due.
        self.look_at_the_clock(now);
        let schedule = self.schedule();
        let another = std::mem::discriminant(&rule.when) != std::mem::discriminant(&self.rule.when);
        self.rule = rule;
        self.pause = 0;
        self.not_before = Timestamp(i64::MIN);
        if another {
            self.due.clear();
            self.since = now;
        }
        if another || self.schedule() != schedule {
            self.schedule_anew(now);
        }
        self
    }

    /// The times before `now` were those of another schedule, and this is recorded: none of its own is made up for.
    fn schedule_anew(&mut self, now: Timestamp) {
        self.seen_to = now;
        self.timed_from = now;
        self.begin(now);
    }

    /// The schedule by which it fires, in words.
    fn schedule(&self) -> Option<Arc<str>> {
        match &self.rule.when {
            When::Times { schedule, .. } => Some(schedule.clone()),
            When::Files | When::Request => None,
        }
    }

    pub(super) fn name(&self) -> Arc<str> {
        self.rule.name.clone()
    }

    /// Have it recorded that the trigger is known from now on: otherwise what is missed before it fires for the first time would not be known to be missed.
    fn begin(&mut self, now: Timestamp) {
        if matches!(self.rule.when, When::Request) {
            return;
        }
        self.due.push_back(Waiting {
            key: format!("{SINCE}:{}", now.0),
            subject: SINCE.into(),
            due: now,
            schedule: self.schedule(),
            values: Value::Null,
            then: None,
            leave_out: true,
            insist: true,
        });
    }

    /// Since when the trigger is known.
    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    /// All that came before `until` has been taken. Once enough has been, this is recorded: nobody need remember what came before any more.
    pub(super) fn quiet(&mut self, until: Timestamp) {
        let idle = self.asked.is_none() && self.due.is_empty();
        if idle && self.recorded >= RECORDED && until > self.since {
            self.recorded = 0;
            self.begin(until);
        }
    }

    /// What it started and believes to be under way.
    pub(super) fn open(&self) -> impl Iterator<Item = &String> {
        self.open.iter()
    }

    pub(super) fn came(&mut self, came: Came, now: Timestamp) -> Result<Taken, Full> {
        if self.held.iter().any(|held| held.key == came.key) {
            return Ok(Taken::Held);
        }
        if self.waits(&came.key) {
            return Ok(Taken::Asked);
        }
        if self.due.len() + self.held.len() >= MOST_WAITING {
            return Err(Full);
        }
        self.due.push_back(Waiting {
            key: came.key,
            subject: came.subject,
            due: now,
            schedule: None,
            values: came.values,
            then: None,
            leave_out: false,
            insist: came.insist,
        });
        Ok(Taken::Asked)
    }

    /// Whether the host is asked, or will be, about what has this key.
    pub(super) fn waits(&self, key: &str) -> bool {
        let asked = self.asked.iter().map(|asked| &asked.what);
        asked.chain(&self.due).any(|waiting| waiting.key == key)
    }

    pub(super) fn take(&mut self, now: Timestamp) -> Option<Firing> {
        if self.asked.is_some() || now < self.not_before {
            return None;
        }
        self.look_at_the_clock(now);
        let held = self.open.is_empty() && !self.held.is_empty();
        let (what, how) = match held {
            true => (self.held.pop_front()?, FireHow::Start),
            false => {
                let what = self.due.pop_front()?;
                let how = self.how(&what);
                (what, how)
            }
        };
        let firing = Firing {
            trigger: self.name(),
            key: what.key.clone(),
            subject: what.subject.clone(),
            due: what.due,
            schedule: what.schedule.clone(),
            how,
            values: what.values.clone(),
            then: what.then.clone(),
        };
        self.asked = Some(Asked {
            what,
            how,
            was_held: held,
        });
        Some(firing)
    }

    fn how(&self, what: &Waiting) -> FireHow {
        let busy = !self.open.is_empty() || !self.held.is_empty();
        match self.rule.overlap {
            _ if what.leave_out => FireHow::Skip,
            Overlap::Skip if busy => FireHow::Skip,
            Overlap::Queue if self.held.len() >= MOST_WAITING => FireHow::Skip,
            Overlap::Queue if busy => FireHow::Hold,
            Overlap::Skip | Overlap::Queue | Overlap::Parallel => FireHow::Start,
        }
    }

    /// See which times have come. Not while others wait: those that pass meanwhile are then missed like those that pass while nobody looks.
    fn look_at_the_clock(&mut self, now: Timestamp) {
        let When::Times {
            schedule,
            next,
            missed,
        } = &self.rule.when
        else {
            return;
        };
        if self.seen_to > now {
            // The clock was set back. What it comes by for the second time has its key on record.
            self.seen_to = now;
        }
        if !self.due.is_empty() {
            return;
        }
        let most = match missed {
            Missed::All => MOST_MISSED,
            Missed::Once | Missed::Skip => 1,
        };
        let times = last_before(next, self.seen_to, now, most);
        for due in times {
            let late = now.0.saturating_sub(due.0);
            self.due.push_back(Waiting {
                key: due.0.to_string(),
                subject: String::new(),
                due,
                schedule: Some(schedule.clone()),
                values: json!({ "late_ms": late }),
                then: None,
                leave_out: *missed == Missed::Skip && late > ON_TIME_MS,
                insist: true,
            });
            self.seen_to = due;
        }
    }

    pub(super) fn answered(&mut self, outcome: Outcome, now: Timestamp) {
        let Some(Asked {
            what,
            how,
            was_held,
        }) = self.asked.take()
        else {
            return;
        };
        match outcome {
            Outcome::Recorded(started) => {
                self.pause = 0;
                self.recorded += 1;
                match how {
                    FireHow::Hold => self.held.push_back(what),
                    FireHow::Start => self.open.extend(started.filter(|id| {
                        let early = self.ended_early.iter().any(|ended| ended == id);
                        !early
                    })),
                    FireHow::Skip => {}
                }
            }
            Outcome::NotNow if what.insist => {
                self.pause = (self.pause * 2).clamp(PAUSES_MS[0], PAUSES_MS[1]);
                self.not_before = Timestamp(now.0.saturating_add(self.pause));
                let is_time = what.schedule.is_some() && what.subject != SINCE;
                let is_time = is_time && what.due > self.timed_from;
                match was_held {
                    true => self.held.push_front(what),
                    // Once it can be done, it is one of the times that were missed, if others have passed by then.
                    false if is_time => {
                        self.seen_to = Timestamp(what.due.0 - 1);
                        self.due.clear();
                    }
                    false => self.due.push_front(what),
                }
            }
            Outcome::NotNow | Outcome::Never => {}
        }
        self.ended_early.clear();
    }

    pub(super) fn ended(&mut self, id: &str) {
        if !self.open.remove(id) && self.asked.is_some() {
            self.ended_early.push(id.to_owned());
        }
    }

    pub(super) fn wake(&self, now: Timestamp) -> Option<Timestamp> {
        if self.asked.is_some() {
            return None;
        }
        let waits = !self.due.is_empty() || (!self.held.is_empty() && self.open.is_empty());
        let next = match &self.rule.when {
            _ if waits => Some(now),
            When::Times { next, .. } => next(self.seen_to.min(now)),
            When::Files | When::Request => None,
        };
        next.map(|next| next.max(self.not_before))
    }
}
