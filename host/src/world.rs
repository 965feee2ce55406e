//! The real world: the system's clock and its randomness. Every part below is handed these and asks for no others.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use types::{Clock, Rng, Timestamp};

/// By how many milliseconds a clock that nobody sets may differ from the time that passes.
const UNSET: i64 = 1_000;
/// Two clocks that are read within this are read at one instant.
const AT_ONCE: Duration = Duration::from_millis(100);

/// The system's clock.
pub struct SystemClock {
    started: Instant,
    seen: Mutex<Seen>,
}

/// What a clock showed when it was looked at last, and by how much it had been set back.
#[derive(Clone, Copy)]
struct Seen {
    shown: i64,
    passed: Duration,
    back: i64,
}

impl Seen {
    /// By how much it has been set back, where it shows this after so much time has passed. One that is set forward again makes up for that, and no more.
    fn look(&mut self, shown: i64, passed: Duration) -> i64 {
        let since = passed.saturating_sub(self.passed).as_millis();
        let since = i64::try_from(since).unwrap_or(i64::MAX);
        let set = shown.saturating_sub(self.shown).saturating_sub(since);
        if set.abs() > UNSET {
            self.back = self.back.saturating_sub(set).max(0);
        }
        (self.shown, self.passed) = (shown, passed);
        self.back
    }
}

impl SystemClock {
    /// A clock that measures from now.
    pub fn new() -> Self {
        let (shown, passed) = both();
        let seen = Seen {
            shown,
            passed,
            back: 0,
        };
        SystemClock {
            started: Instant::now(),
            seen: Mutex::new(seen),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(shown())
    }

    fn set_back(&self) -> i64 {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (shown, passed) = both();
        seen.look(shown, passed)
    }

    fn was_set_back(&self, by: i64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Whatever this clock has noticed itself is in it.
        let (shown, passed) = both();
        *seen = Seen {
            shown,
            passed,
            back: by,
        };
    }

    fn steady(&self) -> Timestamp {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Both at one instant: where it is set back between the two, it would be ahead by all of that.
        let (shown, passed) = both();
        Timestamp(shown.saturating_add(seen.look(shown, passed)))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn thread_cpu(&self) -> Option<Duration> {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let seconds = u64::try_from(time.tv_sec).ok()?;
        Some(Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?))
    }
}

/// What the clock shows, and the time that has passed, at one instant: a process that is held up between the two would take it for a clock that was set.
fn both() -> (i64, Duration) {
    loop {
        let before = passed();
        let shown = shown();
        let passed = passed();
        if passed.saturating_sub(before) < AT_ONCE {
            return (shown, passed);
        }
    }
}

/// What the system's clock shows, in milliseconds since the Unix epoch.
fn shown() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    now.saturating_add(off())
}

/// The time that has passed since the machine began, while it slept too.
fn passed() -> Duration {
    #[cfg(target_os = "linux")]
    let id = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(id);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// By how many milliseconds the clock is set wrong: as a test writes it into the file that `CHARTHOUSE_CLOCK_OFF` names, while the program runs too. Only in builds with debug
/// assertions.
#[cfg(debug_assertions)]
fn off() -> i64 {
    use std::sync::OnceLock;
    static FILE: OnceLock<Option<std::ffi::OsString>> = OnceLock::new();
    let file = FILE.get_or_init(|| std::env::var_os("CHARTHOUSE_CLOCK_OFF"));
    let text = file
        .as_ref()
        .and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// As the system has it, in a build for use.
#[cfg(not(debug_assertions))]
fn off() -> i64 {
    0
}

/// The system's randomness.
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, bytes: &mut [u8]) {
        // Without the system's randomness nothing here may go on: ids would meet.
        getrandom::fill(bytes).expect("the system gives no randomness");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_is_noticed_and_one_that_is_set_right_again_too() {
        let mut seen = Seen {
            shown: 1_000_000,
            passed: Duration::from_secs(5),
            back: 0,
        };
        let mut look = |shown, second| seen.look(shown, Duration::from_secs(second));
        assert_eq!(look(1_010_000, 15), 0);
        assert_eq!(look(1_010_900, 15), 0, "it may be a little off");
        assert_eq!(look(900_900, 25), 120_000);
        assert_eq!(look(910_900, 35), 120_000);
        assert_eq!(look(1_010_900, 75), 60_000, "half of it was put right");
        assert_eq!(look(9_000_000, 85), 0, "it was set forward, or too far");
        assert_eq!(look(8_000_000, 95), 1_010_000);
    }
    #[test]
    fn what_the_record_says_is_all_that_it_was_set_back() {
        const HOUR: i64 = 3_600_000;
        let clock = SystemClock::new();
        // It was set back by an hour since.
        clock.seen.lock().unwrap().shown += HOUR;
        clock.was_set_back(3 * HOUR);
        assert_eq!(clock.set_back(), 3 * HOUR);
        assert!(clock.steady().0 >= clock.now().0 + 2 * HOUR);
    }
}
