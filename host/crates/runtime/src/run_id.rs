//! The names of runs: they sort by time, and no two are the same.

use crate::Services;
use std::sync::Arc;
use types::{Date, clock_of};

/// A run's id: when it began, so that ids sort, and enough chance that two never meet.
pub(crate) fn new(services: &Services) -> Arc<str> {
    let mut random = [0u8; 4];
    services.rng.fill(&mut random);
    let now = services.clock.now();
    let (Date { year, month, day }, (hour, minute, second)) = (Date::of(now), clock_of(now));
    format!(
        "{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}-{}",
        random
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    )
    .into()
}
