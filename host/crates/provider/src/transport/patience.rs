//! How long to wait before a server is asked again.

use super::refusal::Refusal;
use crate::Settings;
use std::time::Duration;

/// Pause before the first repetition where the server names none; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How much longer than the server asks the host waits at most.
const LONGEST_ADDITION: Duration = Duration::from_secs(1);

/// The repetitions of one request.
pub struct Patience<'a> {
    settings: &'a Settings,
    chance: fastrand::Rng,
    pauses: u32,
}

impl<'a> Patience<'a> {
    /// Nothing has been repeated yet.
    pub fn new(settings: &'a Settings) -> Self {
        Patience {
            settings,
            chance: settings
                .seed
                .map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed),
            pauses: 0,
        }
    }

    /// How long to wait before asking again; `None` when it is time to give up. `refusal` is what the server said, where it said something.
    ///
    /// Where the server names no time the pause is anything up to the doubled one ("full jitter"): many clients that failed at the same moment must not
    /// come back at the same moment. Where it names one, a little is added for the same reason.
    pub fn next(&mut self, refusal: Option<&Refusal>) -> Option<Duration> {
        if self.pauses >= self.settings.retries {
            return None;
        }
        let share = self.chance.f64();
        let pause = match refusal.and_then(|refusal| refusal.retry_after) {
            Some(asked) if asked > self.settings.longest_pause => return None,
            Some(asked) => asked + (asked / 10).min(LONGEST_ADDITION).mul_f64(share),
            None => FIRST_PAUSE
                .saturating_mul(1 << self.pauses.min(10))
                .min(self.settings.longest_pause)
                .mul_f64(share),
        };
        self.pauses += 1;
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(seed: u64) -> Settings {
        Settings {
            retries: 6,
            seed: Some(seed),
            ..Settings::default()
        }
    }

    fn pauses(seed: u64) -> Vec<Duration> {
        let settings = settings(seed);
        let mut patience = Patience::new(&settings);
        std::iter::from_fn(|| patience.next(None)).collect()
    }

    #[test]
    fn pauses_are_anything_up_to_the_doubled_one() {
        assert_eq!(pauses(1), pauses(1));
        assert_ne!(pauses(1), pauses(2));
        for seed in 0..100 {
            let pauses = pauses(seed);
            assert_eq!(pauses.len(), 6);
            for (n, pause) in pauses.iter().enumerate() {
                assert!(*pause <= FIRST_PAUSE * (1 << n), "{n}: {pause:?}");
            }
        }
        let early = |seed: &u64| pauses(*seed)[3] < FIRST_PAUSE * 4;
        assert!((20..80).contains(&(0..100).filter(early).count()));
    }

    #[test]
    fn what_a_server_asks_for_is_given_up_to_a_limit() {
        let settings = settings(1);
        let asks = |pause| Refusal {
            retry_after: Some(pause),
            ..Refusal::default()
        };
        let mut patience = Patience::new(&settings);
        let three = Duration::from_secs(3);
        let pause = patience.next(Some(&asks(three))).unwrap();
        assert!(pause >= three && pause <= three * 11 / 10, "{pause:?}");
        assert_eq!(
            patience.next(Some(&asks(Duration::ZERO))),
            Some(Duration::ZERO)
        );
        let hour = Duration::from_secs(3600);
        assert_eq!(patience.next(Some(&asks(hour))), None);
    }
}
