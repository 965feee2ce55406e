//! What a host promises beyond the single run: whom it answers when, what it tells once, and when it takes up again what stands still.

mod common;
mod hosted {
    mod behind;
    mod clock;
    mod shown;
    pub mod stage;
}

use charthouse_runtime::host::{Command, Fire, FireHow, Host, Hosting, RefusedCode};
use common::{runtime, start};
use hosted::stage::{DAY, Stage, left_patient};
use journal::NewRecord;
use journal::faults::Fault;
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
                let parent = begin(host, "dated").await;
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
                    schedule: None,
                    trigger: "t".into(),
                    key: "1".into(),
                    subject: String::new(),
                    due: stage.now(),
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

/// A letter for `run` that its host did not live to deliver.
fn left_letter(stage: &Stage, run: &str, event: &str) {
    let body = json!({ "to": run, "event": event, "data": null });
    let letter = NewRecord {
        run: "house",
        time: Timestamp(stage.now()),
        kind: "sent",
        body: &body.to_string(),
    };
    stage.journal().append(&[letter]).unwrap();
}

#[test]
fn a_run_that_the_store_keeps_from_going_on_is_never_given_up_and_begins_nothing_anew() {
    runtime().block_on(async {
        let stage = Stage::new("");
        let run = left_patient(&stage).await;
        left_letter(&stage, &run, "human.enough");
        (0..20).for_each(|_| stage.faults.order(Fault::Full));
        stage
            .live(async |host| {
                tokio::time::sleep(minutes(20)).await;
                let line = listed(host, &run).await.unwrap();
                assert_eq!(line["status"], "restarting", "{line}");
                tokio::time::sleep(minutes(120)).await;
                assert_eq!(listed(host, &run).await, None, "it is done");
            })
            .await;
        assert_eq!(stage.faults.happened().len(), 20);
        assert!(stage.records(&run, "gave_up").is_empty());
        assert!(stage.records(&run, "restarted").is_empty());
        assert_eq!(stage.records(&run, "ended")[0]["status"], "done");
    });
}

fn signal(run: &str, event: &str) -> Command {
    Command::Signal {
        run: run.into(),
        event: event.into(),
        data: None,
    }
}

async fn only(host: &impl Hosting) -> Json {
    let list = host.ask(Command::List {}).await.unwrap();
    assert_eq!(list["runs"].as_array().unwrap().len(), 1, "{list}");
    list["runs"][0].clone()
}

/// The run of `brittle`, which has failed and waits for its next attempt.
async fn fallen(host: &impl Hosting) -> String {
    tokio::time::sleep(minutes(1)).await;
    let run = only(host).await["run"].as_str().unwrap().to_owned();
    host.ask(signal(&run, "signal.fall")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(only(host).await["status"], "restarting");
    run
}

#[test]
fn a_run_that_waits_for_its_next_attempt_when_the_host_dies_is_begun_again_by_the_next() {
    runtime().block_on(async {
        let stage = Stage::keeping("brittle");
        let run = stage.live(async |host| fallen(host).await).await;
        stage
            .live(async |host| {
                assert_eq!(only(host).await["status"], "restarting");
                tokio::time::sleep(minutes(1)).await;
                let line = only(host).await;
                assert_eq!(line["states"], json!(["idle"]), "{line}");
                assert_eq!(line["status"], "waiting", "{line}");
                assert_eq!(stage.records(&run, "restarted").len(), 1);
            })
            .await;
    });
}

#[test]
fn a_run_that_is_paused_while_it_waits_for_its_next_attempt_stays_so() {
    runtime().block_on(async {
        let stage = Stage::keeping("brittle");
        stage
            .live(async |host| {
                let run = fallen(host).await;
                host.ask(Command::Pause { run: run.clone() }).await.unwrap();
                tokio::time::sleep(minutes(10)).await;
                assert_eq!(only(host).await["status"], "paused");
                assert!(stage.records(&run, "restarted").is_empty());
                host.ask(Command::Resume { run: run.clone() })
                    .await
                    .unwrap();
                tokio::time::sleep(minutes(1)).await;
                assert_eq!(only(host).await["status"], "waiting");
                assert_eq!(stage.records(&run, "restarted").len(), 1);
            })
            .await;
    });
}

#[test]
fn an_agent_that_is_kept_up_and_whose_chart_cannot_go_on_is_given_up_like_any_other() {
    runtime().block_on(async {
        let stage = Stage::keeping("spinner");
        let begun = |stage: &Stage| {
            let runs = stage.journal().runs().unwrap().into_iter();
            runs.filter(|run| !stage.records(&run.run, "step").is_empty())
                .count()
        };
        let check = async |host: &Host| {
            tokio::time::sleep(minutes(60)).await;
            assert_eq!(only(host).await["status"], "given_up");
            assert_eq!(begun(&stage), 5);
        };
        stage.live(check).await;
        stage.live(check).await;
        stage
            .live(async |host| {
                let run = only(host).await["run"].as_str().unwrap().to_owned();
                host.ask(Command::Resume { run }).await.unwrap();
                tokio::time::sleep(minutes(60)).await;
                assert_eq!(begun(&stage), 10);
            })
            .await;
    });
}

#[test]
fn whoever_began_a_run_that_is_given_up_hears_of_it() {
    runtime().block_on(async {
        let stage = Stage::new("");
        stage
            .live(async |host| {
                let run = begin(host, "parent").await;
                host.ask(signal(&run, "signal.homeless")).await.unwrap();
                tokio::time::sleep(minutes(10)).await;
                assert_eq!(stage.records(&run, "ended")[0]["status"], "done");
                let child = format!("{run}.1");
                assert_eq!(listed(host, &child).await.unwrap()["status"], "given_up");
                let sent = &stage.records(&child, "sent")[0];
                assert_eq!(sent["event"], "agent.over");
                assert_eq!(sent["data"]["why"], "nobody answers");
            })
            .await;
    });
}

#[test]
fn what_a_run_has_begun_ends_with_it() {
    runtime().block_on(async {
        let stage = Stage::new("");
        stage
            .live(async |host| {
                let run = begin(host, "parent").await;
                host.ask(signal(&run, "signal.patient")).await.unwrap();
                tokio::time::sleep(minutes(1)).await;
                let child = format!("{run}.1");
                assert_eq!(listed(host, &child).await.unwrap()["status"], "waiting");
                host.ask(Command::Stop { run }).await.unwrap();
                tokio::time::sleep(minutes(1)).await;
                assert_eq!(listed(host, &child).await, None);
                assert_eq!(stage.records(&child, "ended")[0]["status"], "cancelled");
            })
            .await;
    });
}

#[test]
fn a_role_whose_holder_is_dead_is_free_when_the_next_host_begins() {
    runtime().block_on(async {
        let stage = Stage::new("");
        let run = stage
            .live(async |host| {
                piece(host).await;
                only(host).await["run"].as_str().unwrap().to_owned()
            })
            .await;
        // Its end, which its host did not live to act on.
        let ended = NewRecord {
            run: &run,
            time: Timestamp(stage.now()),
            kind: "ended",
            body: &json!({ "status": "failed" }).to_string(),
        };
        let over = (format!("alive/run/{run}"), Vec::new());
        let mut journal = stage.journal();
        journal.append_keeping(&[ended], &[over]).unwrap();
        drop(journal);
        stage
            .live(async |host| {
                tokio::time::sleep(minutes(1)).await;
                let line = only(host).await;
                assert_ne!(line["run"], run, "{line}");
                assert_eq!(line["role"], "writer", "another has taken it: {line}");
            })
            .await;
    });
}

#[test]
fn a_run_that_cannot_begin_can_be_stopped_and_keeps_no_trigger_from_firing() {
    runtime().block_on(async {
        let stage = Stage::new("");
        stage
            .live(async |host| {
                let fire = Command::Fire(Fire {
                    schedule: None,
                    trigger: "t".into(),
                    key: "1".into(),
                    subject: String::new(),
                    due: stage.now(),
                    how: FireHow::Start,
                    then: Some(Box::new(start("homeless"))),
                });
                let fired = host.ask(fire).await.unwrap();
                let run = fired["run"].as_str().unwrap().to_owned();
                let open = async || {
                    let fired = host.ask(Command::Fired {}).await.unwrap();
                    fired["fired"][0]["open"].clone()
                };
                assert_eq!(open().await, true);
                tokio::time::sleep(minutes(10)).await;
                assert_eq!(only(host).await["status"], "given_up");
                assert_eq!(open().await, false);
                let health = host.ask(Command::Health {}).await.unwrap();
                assert_eq!(health["status"], "degraded");
                host.ask(Command::Stop { run: run.clone() }).await.unwrap();
                tokio::time::sleep(minutes(1)).await;
                assert_eq!(listed(host, &run).await, None);
                assert_eq!(stage.records(&run, "ended")[0]["status"], "cancelled");
                let health = host.ask(Command::Health {}).await.unwrap();
                assert_eq!(health["status"], "ok");
            })
            .await;
        stage
            .live(async |host| {
                tokio::time::sleep(minutes(10)).await;
                assert_eq!(host.ask(Command::List {}).await.unwrap()["runs"], json!([]));
            })
            .await;
    });
}

#[test]
fn what_was_sent_to_a_person_counts_as_delivered() {
    runtime().block_on(async {
        let stage = Stage::new("");
        let body = json!({ "to": "human:ada", "event": "work.ended", "data": null });
        let letter = NewRecord {
            run: "20260105-000000-0123",
            time: Timestamp(stage.now()),
            kind: "sent",
            body: &body.to_string(),
        };
        let letter = stage.journal().append(&[letter]).unwrap()[0].0;
        stage
            .live(async |_| tokio::time::sleep(minutes(1)).await)
            .await;
        let upto = stage.journal().kept("delivered").unwrap().unwrap();
        let upto: u64 = serde_json::from_slice(&upto).unwrap();
        assert!(upto >= letter, "{upto} of {letter}");
    });
}

#[test]
fn what_has_fired_is_known_to_the_next_host_without_reading_all_of_it_again() {
    runtime().block_on(async {
        let stage = Stage::new("");
        let fire = |n: u32| {
            Command::Fire(Fire {
                schedule: None,
                trigger: "t".into(),
                key: n.to_string(),
                subject: String::new(),
                due: stage.now(),
                how: FireHow::Skip,
                then: None,
            })
        };
        let kept = || -> Json {
            let bytes = stage.journal().kept("firings").unwrap().unwrap_or_default();
            serde_json::from_slice(&bytes).unwrap_or_default()
        };
        stage
            .live(async |host| {
                for n in 0..300 {
                    host.ask(fire(n)).await.unwrap();
                }
            })
            .await;
        let upto = kept()["upto"].as_u64().unwrap();
        assert!(upto < stage.journal().head().unwrap().seq);
        stage
            .live(async |host| {
                for n in [0, 255, 256, 299] {
                    assert_eq!(host.ask(fire(n)).await.unwrap()["again"], true, "{n}");
                }
                assert!(host.ask(fire(300)).await.unwrap()["again"].is_null());
            })
            .await;
        // What lies there and is none is no harm.
        let broken = (
            "firings".to_owned(),
            b"{\"upto\":99999,\"firings\":7}".to_vec(),
        );
        stage.journal().append_keeping(&[], &[broken]).unwrap();
        stage
            .live(async |host| {
                tokio::time::sleep(minutes(1)).await;
                assert_eq!(host.ask(fire(0)).await.unwrap()["again"], true);
                assert_eq!(
                    kept()["upto"].as_u64().unwrap(),
                    stage.journal().head().unwrap().seq
                );
            })
            .await;
    });
}
