//! How long to sleep until something is due: what is due is due by the calendar, and the timers of a process know nothing of that.

use std::time::Duration;
use types::Timestamp;

/// While something is due the clock is looked at at least this often: it may be set, and the machine may sleep, without anybody being told.
const LOOK: Duration = Duration::from_secs(60);

/// How long to sleep before the clock is looked at again, at `now`, because of what is due at `due`.
pub fn sleep_for(due: Timestamp, now: Timestamp) -> Duration {
    let left = u64::try_from(due.0.saturating_sub(now.0)).unwrap_or(0);
    Duration::from_millis(left).min(LOOK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_longer_than_it_takes_and_never_long() {
        let sleep = |due| sleep_for(Timestamp(due), Timestamp(1_000));
        assert_eq!(sleep(i64::MIN), Duration::ZERO);
        assert_eq!(sleep(1_000), Duration::ZERO);
        assert_eq!(sleep(1_001), Duration::from_millis(1));
        assert_eq!(sleep(i64::MAX), LOOK);
    }
}
