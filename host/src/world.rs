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
        let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Timestamp(now.saturating_add(off()))
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
