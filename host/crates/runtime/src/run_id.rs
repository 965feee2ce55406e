//! The names of runs: they sort by time, and no two are the same.

use crate::{Services, calendar};
use std::sync::Arc;

/// A run's id: when it began, so that ids sort, and enough chance that two never meet.
pub(crate) fn new(services: &Services) -> Arc<str> {
    let mut random = [0u8; 4];
    services.rng.fill(&mut random);
    let (year, month, day, rest) = calendar::day_and_seconds(services.clock.now());
    format!(
        "{year:04}{month:02}{day:02}-{:02}{:02}{:02}-{}",
        rest / 3_600,
        rest / 60 % 60,
        rest % 60,
        random
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    )
    .into()
}
