//! When something is due: by the calendar (`cron`), or again and again (`every`).
//!
//! Pure: the next time is computed from a time and nothing else, so that a daemon that was down finds out by itself what it missed, and a simulation may run
//! through a year in a moment. Nothing here knows what is started then.

mod cron;

pub use cron::Cron;
pub(super) use cron::Zone;

use std::fmt;
use std::time::Duration;
use types::Timestamp;

/// When something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// By the calendar.
    Cron(Cron),
    /// Again and again, at the multiples of this time since 1970-01-01T00:00Z: `15m` is at :00, :15, :30 and :45 whenever the host was started. Never less
    /// than a second.
    Every(Duration),
}

impl Schedule {
    /// The first time after `time`, and never `time` itself. `None` when there is none before the end of what a timestamp can say.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        match self {
            Schedule::Cron(cron) => cron.next_after(time),
            Schedule::Every(period) => {
                let period = i64::try_from(period.as_millis())
                    .ok()
                    .filter(|ms| *ms > 0)?;
                let next = time.0.div_euclid(period).checked_add(1)?;
                next.checked_mul(period).map(Timestamp)
            }
        }
    }
}

/// In words that tell it from any other.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Cron(cron) => cron.fmt(f),
            Schedule::Every(period) => write!(f, "every {} ms", period.as_millis()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(ms: u64) -> Schedule {
        Schedule::Every(Duration::from_millis(ms))
    }

    #[test]
    fn an_interval_keeps_its_beat_whenever_it_is_asked() {
        let quarter = every(900_000);
        assert_eq!(quarter.next_after(Timestamp(0)), Some(Timestamp(900_000)));
        assert_eq!(
            quarter.next_after(Timestamp(899_999)),
            Some(Timestamp(900_000))
        );
        assert_eq!(
            quarter.next_after(Timestamp(900_000)),
            Some(Timestamp(1_800_000))
        );
        // Before 1970 too: a clock may stand anywhere.
        assert_eq!(quarter.next_after(Timestamp(-1)), Some(Timestamp(0)));
        assert_eq!(quarter.next_after(Timestamp(-900_000)), Some(Timestamp(0)));
    }

    #[test]
    fn at_the_end_of_time_nothing_is_due() {
        assert_eq!(every(1_000).next_after(Timestamp(i64::MAX)), None);
        assert_eq!(every(0).next_after(Timestamp(0)), None);
        assert!(
            every(u64::MAX)
                .next_after(Timestamp(i64::MAX - 1))
                .is_none()
        );
        assert!(every(1_000).next_after(Timestamp(i64::MIN)).is_some());
    }
}
