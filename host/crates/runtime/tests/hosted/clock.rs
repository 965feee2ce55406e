//! A clock that was set back while a host lives: what is shown goes by the calendar, what is known of it is kept, and budgets' stretches are over when the calendar says so.

use super::stage::{DAY, Stage};
use crate::common::runtime;
use crate::{begin, listed, minutes, piece, spent};
use charthouse_runtime::host::{Command, Hosting};
use journal::Record;
use journal::faults::Fault;
use serde_json::Value as Json;

const HOUR: i64 = 3_600_000;

#[test]
fn what_is_due_and_what_was_done_is_shown_by_the_calendar() {
    runtime().block_on(async {
        let stage = Stage::new("");
        stage
            .live(async |host| {
                stage.set_clock_back(HOUR);
                let run = begin(host, "timed").await;
                let due = stage.now() + DAY;
                tokio::time::sleep(minutes(1)).await;
                assert_eq!(listed(host, &run).await.unwrap()["next_due"], due);

                let due = stage.now() + 60 * DAY;
                let instance = piece(host).await;
                let show = || Command::WorkflowShow {
                    instance: instance.clone(),
                };
                let shown = host.ask(show()).await.unwrap();
                assert_eq!(shown["next_due"], due);
                let take = Command::WorkflowDetach {
                    instance: instance.clone(),
                    role: "writer".into(),
                    notes: Some("half of it is done".into()),
                    by: None,
                    signed: None,
                };
                host.ask(take).await.unwrap();
                let shown = host.ask(show()).await.unwrap();
                assert_eq!(shown["handed_in"][0]["time"], stage.now());
                tokio::time::sleep(minutes(5)).await;
                let end = Command::WorkflowEvent {
                    instance: instance.clone(),
                    event: "human.enough".into(),
                    data: None,
                    by: None,
                    signed: None,
                };
                host.ask(end).await.unwrap();
                let over = host.ask(show()).await.unwrap();
                assert_eq!(over["ended"]["time"], stage.now());
                assert_eq!(over["handed_in"], shown["handed_in"]);
                let records = stage.journal().records(&instance).unwrap();
                let is_ahead = |record: &Record| {
                    let body: Json = serde_json::from_str(&record.body).unwrap();
                    body["time"] == record.time.0 + HOUR
                };
                let ended = records.iter().find(|record| record.kind == "ended");
                assert!(is_ahead(ended.unwrap()), "its own time is the timers'");
            })
            .await;
    });
}

#[test]
fn what_could_not_be_recorded_of_the_clock_is_recorded_later() {
    runtime().block_on(async {
        let stage = Stage::new("");
        stage
            .live(async |host| {
                begin(host, "timed").await;
                tokio::time::sleep(minutes(1)).await;
                stage.faults.order(Fault::Full);
                stage.set_clock_back(HOUR);
                tokio::time::sleep(minutes(30)).await;
            })
            .await;
        assert_eq!(stage.faults.happened().len(), 1);
        let told = stage.records("house", "clock");
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0]["ahead_ms"], HOUR);
    });
}

#[test]
fn a_budget_has_room_when_its_day_is_over_by_a_clock_that_was_put_right() {
    runtime().block_on(async {
        let stage = Stage::new("calls_per_day: 1");
        let due = stage.now() + DAY;
        stage
            .live(async |host| {
                tokio::time::sleep(minutes(120)).await;
                stage.set_clock_back(HOUR);
                let run = spent(host).await;
                assert_eq!(listed(host, &run).await.unwrap()["next_due"], due);
                stage.set_clock_back(-HOUR);
                // Somebody has the host look.
                begin(host, "solo").await;
                tokio::time::sleep(minutes(1)).await;
                let line = listed(host, &run).await.unwrap();
                assert_eq!(line["status"], "budget");
                assert_eq!(line["next_due"], due);
                stage.sleep_until(due + 60_000).await;
                assert_eq!(listed(host, &run).await, None, "it is done");
            })
            .await;
    });
}
