//! Virtual time: what a host would have recorded is kept in a fold like its own, and a daemon is killed by dropping the engine.

use super::*;
use runtime::host::{Fire, Firings};
use serde_json::json;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn every(ms: i64) -> Next {
    Rc::new(move |time| Some(Timestamp((time.0.div_euclid(ms) + 1) * ms)))
}

fn timed(name: &str, ms: i64, missed: Missed, overlap: Overlap) -> Rule {
    Rule {
        name: name.into(),
        when: When::Times {
            schedule: ms.to_string().into(),
            next: every(ms),
            missed,
        },
        overlap,
    }
}

fn other(name: &str, when: When, overlap: Overlap) -> Rule {
    Rule {
        name: name.into(),
        when,
        overlap,
    }
}

fn came(key: &str) -> Came {
    Came {
        key: key.into(),
        subject: String::new(),
        values: json!({}),
        insist: true,
    }
}

/// A host that keeps its records, and a daemon in front of it.
struct World {
    firings: Firings,
    engine: Engine,
    now: i64,
    /// What was recorded: how, trigger and key.
    done: Vec<(FireHow, String, String)>,
    /// Runs under way.
    open: Vec<String>,
    /// Whether what is started ends at once.
    ends_at_once: bool,
    broken: bool,
}

impl World {
    fn begin(rules: Vec<Rule>, now: i64) -> Self {
        World {
            firings: Firings::default(),
            engine: Engine::new(rules, &[], Timestamp(now)),
            now,
            done: Vec::new(),
            open: Vec::new(),
            ends_at_once: true,
            broken: false,
        }
    }

    fn killed_and_started_again(&mut self, rules: Vec<Rule>, now: i64) {
        self.now = now;
        let fired = self
            .firings
            .list(|run| self.open.iter().any(|open| open == run));
        self.engine = Engine::new(rules, &fired, Timestamp(now));
    }

    fn ask(&mut self, firing: &Firing) -> Outcome {
        if self.broken {
            return Outcome::NotNow;
        }
        let fire = Fire {
            trigger: firing.trigger.to_string(),
            key: firing.key.clone(),
            subject: firing.subject.clone(),
            due: firing.due.0,
            schedule: firing.schedule.as_deref().map(str::to_owned),
            how: firing.how,
            then: Some(Box::new(Command::List {})),
        };
        if self.firings.again(&fire).is_some() {
            return Outcome::Recorded(None);
        }
        let run = format!("{}@{}", firing.trigger, firing.key);
        let answer = match firing.how {
            FireHow::Start => json!({ "run": run }),
            FireHow::Hold | FireHow::Skip => Value::Null,
        };
        self.firings.note(&fire, &answer);
        if firing.subject != SINCE {
            self.done
                .push((firing.how, firing.trigger.to_string(), firing.key.clone()));
        }
        match firing.how {
            FireHow::Start if self.ends_at_once => {
                // It may be over before the answer has come.
                self.engine.ended(&run);
                Outcome::Recorded(Some(run))
            }
            FireHow::Start => {
                self.open.push(run.clone());
                Outcome::Recorded(Some(run))
            }
            FireHow::Hold | FireHow::Skip => Outcome::Recorded(None),
        }
    }

    /// Do all that is due now.
    fn settle(&mut self) {
        loop {
            let firings = self.engine.take(Timestamp(self.now));
            if firings.is_empty() {
                return;
            }
            for firing in firings {
                let outcome = self.ask(&firing);
                let now = Timestamp(self.now);
                self.engine.answered(&firing.trigger, outcome, now);
            }
        }
    }

    fn until(&mut self, end: i64) {
        self.settle();
        while let Some(wake) = self
            .engine
            .wake(Timestamp(self.now))
            .filter(|wake| wake.0 <= end)
        {
            assert!(wake.0 > self.now || self.broken, "it wakes for nothing");
            self.now = wake.0.max(self.now);
            self.settle();
        }
        self.now = end;
    }

    fn end(&mut self, run: &str) {
        self.open.retain(|open| open != run);
        self.engine.ended(run);
        self.settle();
    }

    fn count(&self, how: FireHow, trigger: &str) -> usize {
        let its = self
            .done
            .iter()
            .filter(|done| done.0 == how && done.1 == trigger);
        its.count()
    }

    fn keys(&self, how: FireHow) -> Vec<&str> {
        let its = self.done.iter().filter(|done| done.0 == how);
        its.map(|done| done.2.as_str()).collect()
    }
}

#[test]
fn a_week_fires_each_time_once() {
    let rules = || {
        vec![
            timed("hourly", HOUR, Missed::Once, Overlap::Skip),
            timed("often", 10 * SECOND, Missed::Skip, Overlap::Parallel),
        ]
    };
    let start = 123_456;
    let mut world = World::begin(rules(), start);
    world.until(start + 7 * DAY);
    assert_eq!(world.count(FireHow::Start, "hourly"), 7 * 24);
    assert_eq!(world.count(FireHow::Start, "often"), 7 * 24 * 360);
    assert_eq!(world.count(FireHow::Skip, "often"), 0);
    // Without growth: two lines for each, since when it is known and its last time.
    assert_eq!(world.firings.list(|_| false).len(), 4);
}

#[test]
fn what_was_missed_is_made_up_for_as_the_house_says() {
    for (missed, started) in [(Missed::Once, 1), (Missed::Skip, 0), (Missed::All, 5)] {
        let rules = || vec![timed("t", HOUR, missed, Overlap::Parallel)];
        let mut world = World::begin(rules(), 0);
        world.until(2 * HOUR + 1);
        let before = world.done.len();
        assert_eq!(before, 2);
        // Down from 2:00 to 7:30.
        world.killed_and_started_again(rules(), 7 * HOUR + 30 * MINUTE);
        world.settle();
        assert_eq!(
            world.count(FireHow::Start, "t"),
            before + started,
            "{missed:?}"
        );
        world.until(8 * HOUR);
        assert_eq!(
            world.count(FireHow::Start, "t"),
            before + started + 1,
            "{missed:?}"
        );
    }
}

#[test]
fn a_time_missed_before_the_first_is_missed_too() {
    let rules = || vec![timed("t", DAY, Missed::Once, Overlap::Skip)];
    let mut world = World::begin(rules(), 10 * HOUR);
    world.until(11 * HOUR);
    world.killed_and_started_again(rules(), 25 * HOUR);
    world.settle();
    assert_eq!(world.keys(FireHow::Start), [DAY.to_string()]);
}

#[test]
fn a_new_schedule_makes_up_for_nothing() {
    let mut world = World::begin(vec![timed("t", HOUR, Missed::All, Overlap::Skip)], 99 * DAY);
    world.settle();
    assert_eq!(world.done.len(), 0);
}

/// Each day at this hour.
fn daily(hour: i64, missed: Missed) -> Vec<Rule> {
    let mut rule = timed("t", DAY, missed, Overlap::Parallel);
    let next: Next = Rc::new(move |time| {
        let days = (time.0 - hour * HOUR).div_euclid(DAY) + 1;
        Some(Timestamp(days * DAY + hour * HOUR))
    });
    if let When::Times {
        schedule, next: of, ..
    } = &mut rule.when
    {
        *schedule = format!("daily at {hour}").into();
        *of = next;
    }
    vec![rule]
}

#[test]
fn a_schedule_that_is_changed_makes_up_for_no_time_before_the_change() {
    for missed in [Missed::Once, Missed::All] {
        let changed = |change: fn(&mut World, Missed)| {
            let mut world = World::begin(daily(3, missed), 0);
            world.until(6 * HOUR);
            change(&mut world, missed);
            world.until(7 * HOUR);
            assert_eq!(world.count(FireHow::Start, "t"), 1, "{missed:?}");
            // Another restart knows since when it is so, and what was missed since.
            world.killed_and_started_again(daily(5, missed), DAY + 6 * HOUR);
            world.until(DAY + 7 * HOUR);
            assert_eq!(world.count(FireHow::Start, "t"), 2, "{missed:?}");
        };
        changed(|world, missed| {
            let now = Timestamp(world.now);
            world.engine.replace(daily(5, missed), now);
        });
        changed(|world, missed| world.killed_and_started_again(daily(5, missed), 6 * HOUR));
    }
}

#[test]
fn what_is_due_by_a_schedule_when_that_is_changed_is_still_done() {
    let mut world = World::begin(daily(3, Missed::Once), 0);
    world.settle();
    world.broken = true;
    world.until(6 * HOUR);
    world
        .engine
        .replace(daily(5, Missed::Once), Timestamp(6 * HOUR));
    world.until(7 * HOUR);
    world.broken = false;
    world.until(8 * HOUR);
    assert_eq!(world.keys(FireHow::Start), [(3 * HOUR).to_string()]);
    world.until(DAY + 6 * HOUR);
    assert_eq!(world.count(FireHow::Start, "t"), 2);
}

#[test]
fn killed_between_the_record_and_the_answer_it_fires_once() {
    let rules = || vec![timed("t", HOUR, Missed::All, Overlap::Parallel)];
    let mut world = World::begin(rules(), 0);
    world.settle();
    world.now = HOUR;
    let firings = world.engine.take(Timestamp(HOUR));
    assert_eq!(firings.len(), 1);
    world.ask(&firings[0]);
    // The answer never arrives.
    world.killed_and_started_again(rules(), HOUR + 1);
    world.settle();
    // Killed before the record.
    world.now = 2 * HOUR;
    assert_eq!(world.engine.take(Timestamp(2 * HOUR)).len(), 1);
    world.killed_and_started_again(rules(), 2 * HOUR + 1);
    world.settle();
    assert_eq!(world.count(FireHow::Start, "t"), 2);
}

#[test]
fn a_clock_that_is_set_fires_nothing_twice_and_stops_nothing() {
    let rules = || vec![timed("t", HOUR, Missed::Once, Overlap::Parallel)];
    let mut world = World::begin(rules(), 0);
    world.until(5 * HOUR);
    assert_eq!(world.count(FireHow::Start, "t"), 5);
    // Back by two hours and on.
    world.now = 3 * HOUR + 1;
    world.until(6 * HOUR);
    assert_eq!(world.count(FireHow::Start, "t"), 6);
    // Wrong by years, for a moment and at a restart.
    world.now = 10_000 * DAY;
    world.settle();
    assert_eq!(world.count(FireHow::Start, "t"), 7);
    world.killed_and_started_again(rules(), 6 * HOUR + 1);
    world.until(8 * HOUR);
    assert_eq!(world.count(FireHow::Start, "t"), 9);
}

#[test]
fn overlapping_is_as_the_house_says() {
    for (overlap, how) in [
        (Overlap::Skip, FireHow::Skip),
        (Overlap::Queue, FireHow::Hold),
        (Overlap::Parallel, FireHow::Start),
    ] {
        let mut world = World::begin(vec![timed("t", HOUR, Missed::Once, overlap)], 0);
        world.ends_at_once = false;
        world.until(2 * HOUR);
        assert_eq!(world.done[0].0, FireHow::Start);
        assert_eq!(world.done[1].0, how);
    }
}

#[test]
fn what_waits_begins_in_order_and_outlives_the_daemon() {
    let rules = || vec![other("t", When::Request, Overlap::Queue)];
    let mut world = World::begin(rules(), 0);
    world.ends_at_once = false;
    for key in ["a", "b", "c"] {
        world.engine.came("t", came(key), Timestamp(0)).unwrap();
        world.settle();
    }
    assert_eq!(world.keys(FireHow::Start), ["a"]);
    assert_eq!(world.keys(FireHow::Hold), ["b", "c"]);
    world.killed_and_started_again(rules(), 1);
    world.settle();
    assert_eq!(
        world.keys(FireHow::Start),
        ["a"],
        "the first is still under way"
    );
    world.end("t@a");
    assert_eq!(world.keys(FireHow::Start), ["a", "b"]);
    // It is known to wait, and takes no second place.
    let again = world.engine.came("t", came("c"), Timestamp(2));
    assert_eq!(again, Ok(Taken::Held));
    // One more comes while one waits: it goes behind.
    world.engine.came("t", came("d"), Timestamp(2)).unwrap();
    world.settle();
    world.end("t@b");
    world.end("t@c");
    assert_eq!(world.keys(FireHow::Start), ["a", "b", "c", "d"]);
    assert!(
        world
            .firings
            .list(|_| false)
            .iter()
            .all(|fired| fired.how != FireHow::Hold)
    );
}

#[test]
fn a_host_that_cannot_is_asked_again_after_longer_and_longer_pauses() {
    let rules = vec![
        timed("t", HOUR, Missed::Once, Overlap::Parallel),
        other("f", When::Files, Overlap::Parallel),
        other("h", When::Request, Overlap::Parallel),
    ];
    let mut world = World::begin(rules, 0);
    world.settle();
    world.broken = true;
    world.engine.came("f", came("file"), Timestamp(0)).unwrap();
    let impatient = Came {
        insist: false,
        ..came("request")
    };
    world.engine.came("h", impatient, Timestamp(0)).unwrap();
    world.until(3 * HOUR);
    assert_eq!(world.done.len(), 0);
    world.broken = false;
    world.until(3 * HOUR + MINUTE);
    // One for all the hours that passed, the file, and not the request, of which somebody else takes care.
    assert_eq!(world.count(FireHow::Start, "t"), 1);
    assert_eq!(world.count(FireHow::Start, "f"), 1);
    assert_eq!(world.count(FireHow::Start, "h"), 0);
}

#[test]
fn a_flood_is_bounded() {
    let mut world = World::begin(vec![other("h", When::Request, Overlap::Queue)], 0);
    world.broken = true;
    let mut refused = 0;
    for n in 0..5_000 {
        let came = came(&n.to_string());
        refused += usize::from(world.engine.came("h", came, Timestamp(0)).is_err());
        world.settle();
    }
    assert!(refused >= 3_999, "{refused}");
}

#[test]
fn other_definitions_keep_what_waits() {
    let rule = |overlap| vec![other("t", When::Request, overlap)];
    let mut world = World::begin(rule(Overlap::Queue), 0);
    world.ends_at_once = false;
    for key in ["a", "b"] {
        world.engine.came("t", came(key), Timestamp(0)).unwrap();
        world.settle();
    }
    world.engine.replace(rule(Overlap::Skip), Timestamp(1));
    world.end("t@a");
    assert_eq!(world.keys(FireHow::Start), ["a", "b"]);
}
