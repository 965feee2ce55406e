//! What a host promises beyond the single run: whom it answers when, what it tells once, and when it takes up again what stands still.

mod hosted {
    pub mod stage;
}

use charthouse_runtime::host::{Command, Fire, FireHow, Hosting, RefusedCode};
use hosted::stage::{DAY, Stage, runtime, start};
use journal::NewRecord;
use serde_json::{Value as Json, json};
use std::time::Duration;
use types::Timestamp;

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

async fn listed(host: &impl Hosting, run: &str) -> Option<Json> {
    let list = host.ask(Command::List {}).await.unwrap();
    let runs = list["runs"].as_array().unwrap();
    runs.iter().find(|line| line["run"] == run).cloned()
}

async fn begin(host: &impl Hosting, agent: &str) -> String {
    let answer = host.ask(start(agent)).await.unwrap();
    answer["run"].as_str().unwrap().to_owned()
}

/// An instance of the workflow `piece`, whose writer is an agent that hands nothing in, unless that one is at work already.
async fn piece(host: &impl Hosting) -> String {
    let begin = Command::WorkflowStart {
        chart: "piece".into(),
        input: None,
    };
    let begun = host.ask(begin).await.unwrap();
    tokio::time::sleep(minutes(1)).await;
    begun["instance"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_that_is_parked_and_taken_up_is_reminded_of_its_work_once() {
    runtime().block_on(async {
        let stage = Stage::new("");
        let run = stage
            .live(async |host| {
                let instance = piece(host).await;
                let list = host.ask(Command::List {}).await.unwrap();
                assert_eq!(list["runs"][0]["instance"], instance);
                let run = list["runs"][0]["run"].as_str().unwrap().to_owned();
                for _ in 0..3 {
                    let (run, text) = (run.clone(), "How is it?".into());
                    host.ask(Command::Say { run, text }).await.unwrap();
                    tokio::time::sleep(minutes(1)).await;
                }
                run
            })
            .await;
        // A host that was started anew knows too.
        stage
            .live(async |host| {
                let (run, text) = (run.clone(), "And now?".into());
                host.ask(Command::Say { run, text }).await.unwrap();
                tokio::time::sleep(minutes(1)).await;
            })
            .await;
        let said = stage.records(&run, "said");
        assert_eq!(said.iter().filter(|body| body["house"] != true).count(), 4);
        let reminded = |body: &&Json| {
            let text = body["text"].as_str().unwrap();
            text.starts_with("[Nothing was handed in")
        };
        assert_eq!(said.iter().filter(reminded).count(), 1, "{said:#?}");
    });
}

#[test]
fn whoever_starts_a_run_can_find_it_at_once() {
    runtime().block_on(async {
        let stage = Stage::new("");
        stage
            .live(async |host| {
                let run = begin(host, "solo").await;
                assert_eq!(stage.records(&run, "started").len(), 1);
                piece(host).await;
                let instance = piece(host).await;
                let bound = Command::Start {
                    agent: "idler".into(),
                    prompt: None,
                    instance: Some(instance),
                    role: Some("writer".into()),
                    resume: None,
                };
                let bound = host.ask(bound).await.unwrap();
                let run = bound["run"].as_str().unwrap();
                assert_eq!(stage.records(run, "started").len(), 1);
            })
            .await;
    });
}

#[test]
fn whoever_starts_a_run_that_cannot_begin_hears_why() {
    runtime().block_on(async {
        let stage = Stage::new("");
        stage
            .live(async |host| {
                let refused = host.ask(start("homeless")).await.unwrap_err();
                assert_eq!(refused.code, RefusedCode::Provider);
                assert!(refused.message.contains("nobody answers"), "{refused}");
                assert!(refused.help.starts_with("ask somebody else; "));
                // It is on the record, and tried again like any other that fails.
                let list = host.ask(Command::List {}).await.unwrap();
                let line = &list["runs"][0];
                assert_eq!(line["status"], "restarting");
                let run = line["run"].as_str().unwrap();
                assert!(refused.message.contains(run), "{refused}");
            })
            .await;
    });
}

#[test]
fn what_a_run_is_told_between_its_failure_and_its_new_beginning_is_heard_by_the_new_one() {
    runtime().block_on(async {
        let stage = Stage::keeping("brittle");
        stage
            .live(async |host| {
                tokio::time::sleep(minutes(1)).await;
                let list = host.ask(Command::List {}).await.unwrap();
                let run = list["runs"][0]["run"].as_str().unwrap().to_owned();
                let signal = |event: &str| Command::Signal {
                    run: run.clone(),
                    event: event.into(),
                    data: None,
                };
                host.ask(signal("signal.fall")).await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
                let line = listed(host, &run).await.unwrap();
                assert_eq!(line["status"], "restarting");
                host.ask(signal("signal.poke")).await.unwrap();
                tokio::time::sleep(minutes(1)).await;
                let line = listed(host, &run).await.unwrap();
                assert_eq!(line["states"], json!(["poked"]), "{line}");
                assert_eq!(stage.records(&run, "restarted").len(), 1);
            })
            .await;
    });
}

#[test]
fn what_is_due_by_the_calendar_is_done_after_a_clock_was_set_and_a_machine_has_slept() {
    runtime().block_on(async {
        let stage = Stage::new("");
        stage
            .live(async |host| {
                let instance = piece(host).await;
                let parked = begin(host, "timed").await;
                let busy = begin(host, "silent").await;
                tokio::time::sleep(minutes(1)).await;
                for (days, ids) in [(1, &[parked, busy][..]), (60, &[instance])] {
                    let ended = |id: &String| stage.records(id, "ended").len();
                    assert!(ids.iter().all(|id| ended(id) == 0), "{ids:?}");
                    stage.set_clock_forward(days * DAY);
                    tokio::time::sleep(minutes(2)).await;
                    assert!(ids.iter().all(|id| ended(id) == 1), "{ids:?}");
                }
            })
            .await;
    });
}

#[test]
fn a_child_has_its_time_by_the_calendar_whether_it_is_at_work_or_waits() {
    runtime().block_on(async {
        let stage = Stage::new("");
        stage
            .live(async |host| {
                let parent = begin(host, "parent").await;
                for n in 1..=2 {
                    tokio::time::sleep(minutes(1)).await;
                    let child = format!("{parent}.{n}");
                    assert!(listed(host, &child).await.is_some(), "{child}");
                    stage.set_clock_forward(DAY / 12);
                    tokio::time::sleep(minutes(2)).await;
                    let ended = stage.records(&child, "ended");
                    assert_eq!(ended[0]["cause"]["message"], "its time was over");
                }
                assert_eq!(stage.records(&parent, "ended").len(), 1);
            })
            .await;
    });
}

#[test]
fn what_was_sent_to_an_instance_that_is_over_is_delivered_to_nobody_again() {
    runtime().block_on(async {
        let stage = Stage::new("");
        let instance = stage
            .live(async |host| {
                let instance = piece(host).await;
                let over = Command::WorkflowEvent {
                    instance: instance.clone(),
                    event: "human.enough".into(),
                    data: None,
                    by: None,
                    signed: None,
                };
                host.ask(over).await.unwrap();
                tokio::time::sleep(minutes(1)).await;
                instance
            })
            .await;
        assert_eq!(stage.records(&instance, "ended").len(), 1);
        let body = json!({ "to": instance, "event": "hand_in", "data": { "role": "writer" } });
        let late = NewRecord {
            run: "20260105-000000-0123",
            time: Timestamp(stage.now()),
            kind: "sent",
            body: &body.to_string(),
        };
        let late = stage.journal().append(&[late]).unwrap()[0].0;
        stage
            .live(async |_| tokio::time::sleep(minutes(1)).await)
            .await;
        // It counts as taken: the next host need not look at it any more.
        let upto = stage.journal().kept("delivered").unwrap().unwrap();
        let upto: u64 = serde_json::from_slice(&upto).unwrap();
        assert!(upto >= late, "{upto} of {late}");
    });
}

/// Spend what the agent `thrifty` may spend, and have a second run of it rest for that.
async fn spent(host: &impl Hosting) -> String {
    begin(host, "thrifty").await;
    tokio::time::sleep(minutes(1)).await;
    let run = begin(host, "thrifty").await;
    tokio::time::sleep(minutes(1)).await;
    run
}

#[test]
fn a_run_that_rests_for_its_budget_goes_on_when_there_is_room_again() {
    for (limit, days) in [("calls_per_day: 1", 1), ("calls_per_month: 1", 27)] {
        runtime().block_on(async {
            let stage = Stage::new(limit);
            let due = stage.now() + days * DAY;
            stage
                .live(async |host| {
                    let run = spent(host).await;
                    let line = listed(host, &run).await.unwrap();
                    assert_eq!(line["status"], "budget", "{limit}");
                    assert_eq!(line["next_due"], due, "{limit}");
                    stage.sleep_until(due - 1).await;
                    assert_eq!(listed(host, &run).await.unwrap()["status"], "budget");
                    assert!(stage.records(&run, "reply").is_empty());
                    stage.sleep_until(due + 60_000).await;
                    assert_eq!(listed(host, &run).await, None, "{limit}: it is done");
                    assert_eq!(stage.records(&run, "reply").len(), 1);
                    assert_eq!(stage.records(&run, "ended")[0]["status"], "done");
                })
                .await;
        });
    }
}

#[test]
fn a_host_that_is_started_later_takes_it_up_too() {
    runtime().block_on(async {
        let stage = Stage::new("calls_per_day: 1");
        let run = stage.live(async |host| spent(host).await).await;
        tokio::time::advance(Duration::from_secs(86_400)).await;
        stage
            .live(async |host| {
                tokio::time::sleep(minutes(1)).await;
                assert_eq!(listed(host, &run).await, None, "it is done");
            })
            .await;
        assert_eq!(stage.records(&run, "reply").len(), 1);
    });
}

#[test]
fn it_goes_on_as_soon_as_its_limit_is_raised() {
    runtime().block_on(async {
        let stage = Stage::new("calls_per_day: 1");
        stage
            .live(async |host| {
                let run = spent(host).await;
                // Nothing of it has changed: it rests on.
                stage.save("calls_per_day: 1");
                tokio::time::sleep(minutes(1)).await;
                assert_eq!(listed(host, &run).await.unwrap()["status"], "budget");
                stage.save("calls_per_day: 2");
                tokio::time::sleep(minutes(1)).await;
                assert_eq!(listed(host, &run).await, None, "it is done");
                assert_eq!(stage.records(&run, "reply").len(), 1);
            })
            .await;
    });
}

#[test]
fn it_stays_where_it_is_while_another_limit_is_reached() {
    runtime().block_on(async {
        let stage = Stage::new("calls_per_day: 1, calls_per_month: 1");
        stage
            .live(async |host| {
                let run = spent(host).await;
                stage.sleep_until(stage.now() + DAY).await;
                let line = listed(host, &run).await.unwrap();
                assert_eq!(line["status"], "budget");
                assert_eq!(line["next_due"], Stage::BEGINNING + 27 * DAY);
                assert!(stage.records(&run, "restarted").is_empty());
            })
            .await;
    });
}

#[test]
fn whoever_pauses_a_run_that_is_leaving_finds_that_on_its_record() {
    runtime().block_on(async {
        let stage = Stage::new("");
        stage
            .live(async |host| {
                let run = begin(host, "patient").await;
                host.ask(Command::Pause { run: run.clone() }).await.unwrap();
                tokio::time::sleep(minutes(1)).await;
                assert_eq!(listed(host, &run).await.unwrap()["status"], "paused");
                assert_eq!(stage.records(&run, "paused").len(), 1);
                host.ask(Command::Resume { run: run.clone() })
                    .await
                    .unwrap();
                tokio::time::sleep(minutes(1)).await;
                assert_eq!(listed(host, &run).await.unwrap()["status"], "waiting");
                assert_eq!(stage.records(&run, "resumed").len(), 1);
            })
            .await;
    });
}

#[test]
fn a_trigger_fires_once_also_where_what_it_starts_cannot_begin() {
    runtime().block_on(async {
        let stage = Stage::new("");
        stage
            .live(async |host| {
                piece(host).await;
                let fire = Command::Fire(Fire {
                    trigger: "t".into(),
                    key: "1".into(),
                    subject: String::new(),
                    due: stage.now(),
                    schedule: None,
                    how: FireHow::Start,
                    then: Some(Box::new(Command::Start {
                        agent: "homeless".into(),
                        prompt: None,
                        instance: Some(piece(host).await),
                        role: Some("writer".into()),
                        resume: None,
                    })),
                });
                host.ask(fire.clone()).await.unwrap();
                assert_eq!(host.ask(fire).await.unwrap()["again"], true);
                assert_eq!(stage.records("house", "fired").len(), 1);
            })
            .await;
    });
}
