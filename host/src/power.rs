//! The energy meter of this machine's CPU: RAPL as Linux shows it, where it may be read.
//!
//! A meter counts for the whole machine and a run wants to know its own share, so what the meter counted while the CPU was at work is shared out by CPU time:
//! joules of a second at work, of late. What is drawn while nothing runs (`watts_idle`) was caused by no run and is taken off. It knows no run, no cost and
//! no model; where nothing can be read there is no figure, and the house may state one.

mod rapl;

use rapl::Rapl;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use types::{EnergyMeter, How, Joules, Power};

/// How long what was found out of late is used before the meter is read again: reading takes some ten microseconds, and a call as little.
const FRESH: Duration = Duration::from_millis(100);
/// A stretch that is too short says nothing: the meter itself counts once in a millisecond.
const SHORTEST: Duration = Duration::from_millis(2);
/// What a longer stretch says is passed over: while a daemon stood still for hours the machine drew what it draws, and the call that comes then did not cause
/// that. What was found out before it is used once more; where that is nothing, there is no figure.
const LONGEST: Duration = Duration::from_secs(10);
/// What the kernel counts the CPU's time in, per second: the same on every Linux that Rust runs on.
const TICKS: u64 = 100;

/// The meter that `power` names, if it may be read.
pub fn meter(power: &Power) -> Arc<dyn EnergyMeter> {
    match Rapl::open(&power.meter) {
        Some(rapl) => Arc::new(Meter {
            watts_idle: power.watts_idle.unwrap_or(0.0),
            state: Mutex::new(State {
                rapl,
                read: Reading::now(),
                joules_per_second: None,
            }),
        }),
        None => Arc::new(()),
    }
}

struct Meter {
    watts_idle: f64,
    state: Mutex<State>,
}

struct State {
    rapl: Rapl,
    /// When the meter was last read.
    read: Reading,
    /// What a second of CPU time took then.
    joules_per_second: Option<f64>,
}

/// How much all have worked up to an instant.
#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    /// All CPUs of the machine.
    machine: Duration,
    /// This process, which is part of it and counted more finely.
    own: Duration,
}

impl Reading {
    fn now() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Reading {
            at: Instant::now(),
            machine: fs::read_to_string("/proc/stat")
                .ok()
                .and_then(|stat| busy(&stat))
                .unwrap_or_default(),
            own: Duration::new(
                time.tv_sec.unsigned_abs(),
                time.tv_nsec.unsigned_abs() as u32,
            ),
        }
    }
}

impl EnergyMeter for Meter {
    fn of_cpu(&self, cpu: Duration) -> Option<Joules> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let age = state.read.at.elapsed();
        if age >= FRESH || (state.joules_per_second.is_none() && age >= SHORTEST) {
            let now = Reading::now();
            let counted = state.rapl.since_last()?;
            let rate = joules_per_second(self.watts_idle, counted, state.read, now);
            state.joules_per_second = newer(state.joules_per_second, rate, age);
            state.read = now;
        }
        let joules = state.joules_per_second? * cpu.as_secs_f64();
        Some(Joules::of(joules, How::Measured))
    }
}

/// What to go by after a stretch of this `age`, if there is anything.
fn newer(before: Option<f64>, now: Option<f64>, age: Duration) -> Option<f64> {
    match age > LONGEST {
        true => before,
        false => now.or(before),
    }
}

/// What a second of CPU time took between two readings, of the `joules` that the meter counted.
fn joules_per_second(watts_idle: f64, joules: f64, from: Reading, to: Reading) -> Option<f64> {
    let length = to.at.saturating_duration_since(from.at).as_secs_f64();
    let machine = to.machine.saturating_sub(from.machine);
    let own = to.own.saturating_sub(from.own);
    // The machine's time comes in hundredths of a second; a process alone on it is counted better by its own.
    let busy = machine.max(own).as_secs_f64();
    let caused = (joules - watts_idle * length).max(0.0);
    (busy > 0.0).then(|| caused / busy)
}

/// The time that all CPUs were at work, out of `/proc/stat`: all but what they were idle or waiting for disks.
fn busy(stat: &str) -> Option<Duration> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields = line
        .split_whitespace()
        .map(|field| field.parse::<u64>().ok());
    // user nice system idle iowait irq softirq steal; guests' time is in the first two already.
    let ticks: u64 = fields
        .take(8)
        .collect::<Option<Vec<u64>>>()?
        .iter()
        .enumerate()
        .filter(|(at, _)| !matches!(at, 3 | 4))
        .map(|(_, ticks)| ticks)
        .sum();
    Some(Duration::from_millis(ticks.saturating_mul(1_000 / TICKS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at: Instant, machine_ms: u64, own_ms: u64) -> Reading {
        Reading {
            at,
            machine: Duration::from_millis(machine_ms),
            own: Duration::from_millis(own_ms),
        }
    }

    #[test]
    fn what_the_machine_draws_anyway_is_nobodys_and_the_rest_is_shared_by_cpu_time() {
        let start = Instant::now();
        let from = reading(start, 10_000, 50);
        let later = start + Duration::from_secs(2);
        // 20 J in two seconds, of which 5 W × 2 s were drawn anyway; the CPUs worked for 4 s.
        let to = reading(later, 14_000, 60);
        assert_eq!(joules_per_second(5.0, 20.0, from, to), Some(2.5));
        // Its own time is finer than the machine's where it is nearly all of it.
        let alone = reading(later, 10_000, 150);
        assert_eq!(joules_per_second(0.0, 1.0, from, alone), Some(10.0));
        // More was idle than was counted: nothing, and not less than nothing.
        assert_eq!(joules_per_second(50.0, 20.0, from, to), Some(0.0));
        assert_eq!(joules_per_second(0.0, 20.0, from, from), None);
    }

    #[test]
    fn what_a_machine_drew_while_it_stood_still_is_not_what_work_takes() {
        let (short, hours) = (Duration::from_millis(200), Duration::from_secs(9_000));
        assert_eq!(newer(Some(9.0), Some(11.0), short), Some(11.0));
        assert_eq!(newer(Some(9.0), Some(4_000.0), hours), Some(9.0));
        assert_eq!(newer(None, Some(40.0), hours), None);
        assert_eq!(newer(None, Some(40.0), short), Some(40.0));
        assert_eq!(newer(Some(9.0), None, short), Some(9.0));
    }

    #[test]
    fn the_time_at_work_is_all_but_idle_and_waiting() {
        let stat = "cpu  100 20 30 9999 555 4 5 6 70 0\ncpu0 1 2 3 4\n";
        assert_eq!(busy(stat), Some(Duration::from_millis(1_650)));
        for broken in ["", "cpu", "cpu0 1 2 3", "cpu  1 x 3"] {
            assert_eq!(busy(broken), None, "{broken}");
        }
    }
}
