//! The real world: the system's clock and its randomness. Every part below is handed these and asks for no others.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use types::{Clock, Rng, Timestamp};

/// The system's clock.
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock that measures from now.
    pub fn new() -> Self {
        SystemClock {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
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

/// The system's randomness.
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, bytes: &mut [u8]) {
        // Without the system's randomness nothing here may go on: ids would meet.
        getrandom::fill(bytes).expect("the system gives no randomness");
    }
}
