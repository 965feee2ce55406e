//! The CPU time of one call. A call waits and goes on, on one thread or another, so only the stretches in between count.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use types::Clock;

/// No stretch has begun.
const PAUSED: u64 = u64::MAX;

/// How long a call has been at work. One thread at a time counts, as one at a time polls; the atomics let the call move between them.
pub(crate) struct Worked<'c> {
    clock: &'c dyn Clock,
    /// The thread's CPU time at the beginning of the stretch under way, in nanoseconds.
    since: AtomicU64,
    nanos: AtomicU64,
}

impl<'c> Worked<'c> {
    /// A stretch begins now.
    pub(crate) fn from_now(clock: &'c dyn Clock) -> Self {
        let worked = Worked {
            clock,
            since: AtomicU64::new(PAUSED),
            nanos: AtomicU64::new(0),
        };
        worked.begin();
        worked
    }

    /// A stretch begins, unless one is under way.
    pub(crate) fn begin(&self) {
        if self.since.load(Ordering::Relaxed) == PAUSED {
            self.since
                .store(self.now().unwrap_or(PAUSED), Ordering::Relaxed);
        }
    }

    /// The stretch is over.
    pub(crate) fn pause(&self) {
        let since = self.since.swap(PAUSED, Ordering::Relaxed);
        if let (true, Some(now)) = (since != PAUSED, self.now()) {
            self.nanos
                .fetch_add(now.saturating_sub(since), Ordering::Relaxed);
        }
    }

    /// All stretches that are over.
    pub(crate) fn so_far(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    fn now(&self) -> Option<u64> {
        u64::try_from(self.clock.thread_cpu()?.as_nanos()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use types::Timestamp;

    /// A clock whose readings of the CPU stand in a list.
    struct Readings(Mutex<Vec<u64>>);

    impl Clock for Readings {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
        fn thread_cpu(&self) -> Option<Duration> {
            Some(Duration::from_micros(self.0.lock().unwrap().pop()?))
        }
    }

    fn readings(micros: &[u64]) -> Readings {
        Readings(Mutex::new(micros.iter().rev().copied().collect()))
    }

    #[test]
    fn only_the_stretches_at_work_count() {
        // The second stretch is on a thread that has worked less so far.
        let clock = readings(&[100, 130, 7, 19]);
        let worked = Worked::from_now(&clock);
        worked.begin();
        worked.pause();
        worked.pause();
        assert_eq!(worked.so_far().as_micros(), 30);
        worked.begin();
        worked.pause();
        assert_eq!(worked.so_far().as_micros(), 42);
    }

    #[test]
    fn a_clock_that_counts_no_cpu_time_gives_none() {
        let clock = readings(&[]);
        let worked = Worked::from_now(&clock);
        worked.pause();
        assert_eq!(worked.so_far(), Duration::ZERO);
    }
}
