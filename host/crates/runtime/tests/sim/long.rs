//! A month of a quiet house: timers, schedules, and runs that stand still. Nothing may pile up.

use super::checks::listed;
use super::life::House;
use crate::common::{runtime, start};
use charthouse_runtime::host::{Command, Fire, FireHow, Hosting};
use futures_util::FutureExt;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// `days` with a ticking agent, one that listens, and an agent that a schedule begins each hour.
pub fn month(days: u64) {
    runtime().block_on(async {
        let house = &House::new(99);
        house.power.never();
        house.oracle.healthy.store(true, SeqCst);
        house
            .live(|host| async move {
                for agent in ["ticker", "listener"] {
                    host.ask(start(agent)).await.unwrap();
                }
                let mut records = Vec::new();
                for hour in 0..days * 24 {
                    let fire = Command::Fire(Fire {
                        trigger: "hourly".into(),
                        key: hour.to_string(),
                        subject: String::new(),
                        due: house.hand.read(),
                        schedule: None,
                        how: FireHow::Start,
                        then: Some(Box::new(start("solo"))),
                    });
                    host.ask(fire).await.unwrap();
                    tokio::time::sleep(Duration::from_secs(3_600)).await;
                    let (runs, instances) = listed(&host);
                    assert!(runs.len() <= 3, "hour {hour}: {runs:?}");
                    assert!(instances.is_empty());
                    let fired = host.ask(Command::Fired {}).now_or_never().unwrap();
                    let fired = fired.unwrap()["fired"].as_array().unwrap().len();
                    assert!(fired <= 2, "hour {hour}: {fired} firings are kept");
                    records.push(house.journal().head().unwrap().seq);
                }
                // As much in the last days as in the first ones.
                let day = |n: usize| records[n * 24 + 23] - records[n * 24];
                let (first, last) = (day(1), day(usize::try_from(days).unwrap() - 1));
                assert!(
                    last <= first + first / 2,
                    "{first} records a day, then {last}"
                );
            })
            .await;
        assert!(house.journal().verify().unwrap().first_bad.is_none());
    });
}
