//! Journals of whole runs, executed again: the same as they stand, and different as soon as one record says something else, whoever made the chain good again.

mod common;

use charthouse_runtime::control::uncontrolled;
use charthouse_runtime::replay::{ReplayReport, Verdict, replay};
use charthouse_runtime::workflow::{Happened, Instance, Sender};
use charthouse_runtime::{Inbox, Message, RunEvent, Services, SharedJournal};
use common::{load, reply, request, sandbox, write};
use futures_util::stream;
use journal::{Bulk, Compaction, Journal, NewRecord, Record, Which};
use serde_json::{Value as Json, json};
use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use types::{
    Clock, ContentHash, Event, Model, ModelFuture, ModelSink, Payload, Reply, Rng, Timestamp,
    ToolCall, Usage, Value,
};

/// A clock that goes on with every look, so that nothing can go by the time of now.
struct Going(AtomicI64);

impl Clock for Going {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct Seven;

impl Rng for Seven {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// Runs a command that it may not, then answers; reports what it was sent, so that something is learnt of its counting.
#[derive(Default)]
struct Talks(AtomicUsize);

impl Model for Talks {
    fn complete<'a>(&'a self, payload: &'a Payload, _: &'a mut dyn ModelSink) -> ModelFuture<'a> {
        let n = self.0.fetch_add(1, Ordering::SeqCst);
        let calls = n.is_multiple_of(2).then(|| ToolCall {
            id: format!("call-{n}").into(),
            name: "exec.run".into(),
            arguments: r#"{"argv":["rm","-r","/"]}"#.into(),
        });
        let said = serde_json::to_string(&payload.items).unwrap().len() as u64;
        Box::pin(async move {
            Ok(Reply {
                usage: Usage {
                    input: said / 3,
                    output: 5,
                    reported: true,
                    ..Usage::default()
                },
                calls: calls.into_iter().collect(),
                ..reply(format!("I have \"thought\" {n} times"))
            })
        })
    }
}

fn house() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    write(
        root,
        "charts/t.yaml",
        "chart: t\nversion: 1.0.0\ndata: { rounds: 0, share: 0.1 }\ninitial: one\nstates:\n  one:\n    context: [{ text: You are in one. }]\n    invoke: turn\n    on: { turn.done: two }\n    after: { 1h: late }\n  two:\n    entry: [{ assign: { rounds: data.rounds + 1, share: data.share / 3.0 } }]\n    policy: { limits: { deadline: 7s } }\n    after: { 1ms: three }\n  three: { invoke: turn, on: { turn.done: done } }\n  late: { type: final }\n  done: { type: final }\n",
    );
    write(
        root,
        "house.yaml",
        "house: h\nstore: sqlite:.charthouse/journal.db\nproviders: { p: { kind: openai, base_url: \"http://127.0.0.1:9/v1\" } }\n",
    );
    write(
        root,
        "agents/a.yaml",
        "agent: a\nversion: 1.0.0\nmodel: { provider: p, name: m, context_length: 1200, max_output: 100, temperature: 0.7 }\ncognition: t\npolicy: { tools: [{ allow: \"exec.run\" }], exec: [{ allow: [ls] }] }\ncontext:\n  - { id: rules, role: system, file: rules.md, budget: 100, cache: stable }\n  - { id: tools, role: system, tools: declared, budget: 400, trim: never }\n  - { id: state, role: system, slot: cognition, budget: 50 }\n  - { id: now, role: user, template: \"{{ now }} {{ data.rounds }} {{ prompt }}\", budget: 100 }\n  - { id: history, history: true, flexible: true, trim: oldest }\n",
    );
    write(root, "rules.md", "Be good.\n\"Always\".");
    fs::create_dir_all(root.join(".charthouse")).unwrap();
    directory
}

/// Have the agent of `directory` hear `lines`, each once it stands still, and give its run.
fn talk(directory: &Path, lines: &[&str], resume: Option<String>) -> (Journal, String) {
    let house = load(directory);
    let store = house.store.clone();
    let journal = SharedJournal::new(Journal::open(&store).unwrap());
    let clock: Arc<dyn Clock> = Arc::new(Going(AtomicI64::new(1_000_000)));
    let services = Services {
        sandbox: sandbox(directory, clock.clone()),
        house: Arc::new(house),
        clock,
        rng: Arc::new(Seven),
        meter: Arc::new(()),
    };
    let (says, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let inbox: Inbox = Box::pin(stream::poll_fn(move |context| heard.poll_recv(context)));
    let lines: VecDeque<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let speaker = Mutex::new(Some((lines, says)));
    let observer = move |event: &RunEvent| {
        let mut speaker = speaker.lock().unwrap();
        if let (RunEvent::Rest { .. }, Some((lines, says))) = (event, speaker.as_mut()) {
            match lines.pop_front() {
                Some(line) => says.send(Message::Said(line)).unwrap(),
                None => *speaker = None,
            }
        }
    };
    let mut request = request(&services.house, "a", None, Arc::new(Talks::default()));
    request.asked[0].free = false;
    request.inbox = Some(inbox);
    request.resume = resume;
    let services = uncontrolled(services, &journal.borrow()).unwrap();
    let end = common::play(
        &services,
        &journal,
        request,
        Arc::new(observer),
        Box::pin(stream::pending()),
    );
    (
        Journal::open_read_only(&store).unwrap(),
        end.run.to_string(),
    )
}

/// `journal` with every record as `edit` would have it, and a chain that is whole.
fn rechained(
    directory: &Path,
    journal: &Journal,
    edit: impl Fn(&Record) -> Option<Json>,
) -> Journal {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let next = NEXT.fetch_add(1, Ordering::SeqCst);
    let path = directory.join(format!(".charthouse/other-{next}.db"));
    let mut other = Journal::open(&path).unwrap();
    let mut edited = 0;
    let mut all = Vec::new();
    journal
        .each(Which::All, |mut record| {
            if let Some(body) = edit(&record) {
                edited += 1;
                record.body = body.to_string();
            }
            all.push(record);
            Ok::<_, journal::JournalError>(())
        })
        .unwrap();
    let records = all.iter().map(|record| NewRecord {
        run: &record.run,
        time: record.time,
        kind: &record.kind,
        body: &record.body,
    });
    other.append(&records.collect::<Vec<_>>()).unwrap();
    assert!(edited > 0, "nothing was changed");
    assert!(other.verify().unwrap().ok);
    other
}

fn body(record: &Record) -> Json {
    serde_json::from_str(&record.body).unwrap()
}

/// The body of the `n`th record of `kind`, changed.
fn change(
    kind: &'static str,
    n: usize,
    change: impl Fn(&mut Json),
) -> impl Fn(&Record) -> Option<Json> {
    let seen = AtomicUsize::new(0);
    move |record| {
        let ours = record.kind == kind && seen.fetch_add(1, Ordering::SeqCst) == n;
        ours.then(|| {
            let mut body = body(record);
            change(&mut body);
            body
        })
    }
}

fn report(journal: &Journal, run: &str) -> ReplayReport {
    replay(journal, run, None).unwrap().report
}

#[test]
fn a_run_with_timers_calls_and_a_window_too_small_is_the_same_again() {
    let directory = house();
    let (_, run) = talk(
        directory.path(),
        &["go", "and again", "and once more"],
        None,
    );
    fs::write(directory.path().join("rules.md"), "Be bad.").unwrap();
    let (journal, run) = talk(directory.path(), &["you are back"], Some(run));
    let report = report(&journal, &run);
    assert_eq!(report.verdict(), Verdict::Identical, "{report:#?}");
    let compared = report.compared;
    assert!(compared.payloads >= 8, "{compared:?}");
    assert!(compared.grants >= 4, "{compared:?}");
    assert!(
        compared.steps >= 6 && compared.snapshots >= 2,
        "{compared:?}"
    );
    let of = |kind: &str| {
        let records = journal.records(&run).unwrap();
        let records = records.into_iter().filter(|record| record.kind == kind);
        records.map(|record| body(&record)).collect::<Vec<Json>>()
    };
    assert!(
        of("step").iter().any(|step| !step["due"].is_null()),
        "a timer"
    );
    assert!(of("call").iter().any(|call| call["verdict"] == "deny"));
    let trimmed = |think: &Json| {
        let mut chunks = think["context"]["chunks"].as_array().unwrap().iter();
        chunks.any(|chunk| chunk["trimmed"].as_u64() > Some(0))
    };
    assert!(of("think").iter().any(trimmed), "the conversation is cut");
    let learnt = |think: &Json| think["context"]["calibration"]["factor"].as_f64() > Some(1.0);
    assert!(of("think").iter().any(learnt), "and its counting corrected");
    // Definitions stand in the journal once, whatever ran by them.
    let definitions = journal.of_kind("definitions").unwrap();
    assert_eq!(definitions.len(), 1);
    assert_eq!(definitions[0].run, journal::HOUSE_RUN);
    let texts: Vec<String> = of("texts")
        .iter()
        .flat_map(|body| {
            body["texts"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        })
        .collect();
    let rules = of("texts")
        .iter()
        .filter(|body| body.to_string().contains("Be good"))
        .count();
    assert_eq!(rules, 1, "a text is recorded once: {texts:?}");
}

#[test]
fn a_record_that_says_something_else_is_found() {
    let directory = house();
    let (journal, run) = talk(directory.path(), &["go", "and again"], None);
    assert_eq!(report(&journal, &run).verdict(), Verdict::Identical);
    let found = |what: &str, chunk: Option<&str>, edit: &dyn Fn(&Record) -> Option<Json>| {
        let other = rechained(directory.path(), &journal, edit);
        let report = report(&other, &run);
        assert_eq!(report.verdict(), Verdict::Different, "{what}: {report:#?}");
        let first = &report.differences[0];
        assert_eq!(
            (first.what, first.chunk.as_deref()),
            (what, chunk),
            "{report:#?}"
        );
    };
    found(
        "step",
        None,
        &change("step", 1, |body| body["configuration"] = json!(["three"])),
    );
    found(
        "step",
        None,
        &change("step", 1, |body| {
            body["event"]["name"] = json!("turn.failed")
        }),
    );
    found(
        "step",
        None,
        &change("step", 0, |body| {
            body["effects"][0]["activity"] = json!("think")
        }),
    );
    found("timer", None, &|record| {
        let mut step = body(record);
        let fired = record.kind == "step" && !step["due"].is_null();
        fired.then(|| {
            step["due"]["due"] = json!(5);
            step
        })
    });
    found(
        "snapshot",
        None,
        &change("rested", 0, |body| {
            body["snapshot"]["data"]["share"] = json!(0.03)
        }),
    );
    found("item", None, &|record| {
        let mut item = body(record);
        let said = record.kind == "item" && item["item"]["provenance"] == "human";
        said.then(|| {
            item["item"]["text"] = json!("come");
            item
        })
    });
    found(
        "item",
        None,
        &change("reply", 1, |body| body["reply"]["text"] = json!("yes")),
    );
    found(
        "payload",
        Some("history"),
        &change("item", 0, |body| {
            body["item"]["text"] = json!("[You are free.]")
        }),
    );
    found(
        "text",
        None,
        &change("texts", 0, |body| {
            let texts = body["texts"].as_object_mut().unwrap();
            texts
                .values_mut()
                .for_each(|text| text["text"] = json!("Be bad."));
        }),
    );
    found(
        "payload",
        None,
        &change("think", 1, |body| {
            body["payload"] = json!(ContentHash::of(b"x"))
        }),
    );
    found(
        "payload",
        None,
        &change("think", 1, |body| {
            body["made_of"]["parameters"]["temperature"] = json!(0.8)
        }),
    );
    found(
        "account",
        None,
        &change("think", 1, |body| {
            body["context"]["chunks"][1]["tokens"] = json!(1)
        }),
    );
    found(
        "grant",
        None,
        &change("call", 0, |body| body["verdict"] = json!("allow")),
    );
    found(
        "grant",
        None,
        &change("call", 0, |body| {
            body["grant"] = json!(ContentHash::of(b"x"))
        }),
    );
    found(
        "definitions",
        None,
        &change("definitions", 0, |body| {
            let file = body["files"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .find(|f| f["file"] == "agents/a.yaml");
            let file = file.unwrap();
            file["text"] = json!(
                file["text"]
                    .as_str()
                    .unwrap()
                    .replace("allow: [ls]", "allow: [rm]")
            );
        }),
    );
    // A whole set of other definitions, hashes and all.
    found("definitions", None, &|record: &Record| {
        let mut body = body(record);
        match record.kind.as_str() {
            "started" => body["agent"]["hash"] = json!(ContentHash::of(b"another")),
            _ => return None,
        }
        Some(body)
    });
}

#[test]
fn what_an_earlier_version_recorded_is_not_called_identical() {
    let directory = house();
    let (journal, run) = talk(directory.path(), &["go"], None);
    let other = rechained(directory.path(), &journal, |record| {
        let mut body = body(record);
        let map = body.as_object_mut().unwrap();
        for later in [
            "definitions",
            "root",
            "payload",
            "made_of",
            "follows",
            "grant",
            "verdict",
        ] {
            map.remove(later);
        }
        Some(body)
    });
    let report = report(&other, &run);
    assert_eq!(report.verdict(), Verdict::Incomplete, "{report:#?}");
    let compared = report.compared;
    assert_eq!(
        (compared.steps, compared.payloads, compared.grants),
        (0, 0, 0)
    );
    let all = &report.not_compared;
    assert!(
        all.iter()
            .all(|skipped| skipped.why == "recorded by an earlier version"),
        "{all:#?}"
    );
    let of = |what: &str| {
        all.iter()
            .find(|skipped| skipped.what == what)
            .unwrap()
            .count
    };
    assert!(
        of("step") >= 3 && of("payload") >= 2 && of("grant") >= 1,
        "{all:#?}"
    );
}

#[test]
fn where_it_stood_is_known_after_every_record() {
    let directory = house();
    let (journal, run) = talk(directory.path(), &["go"], None);
    let records = journal.records(&run).unwrap();
    let mut seen = Vec::new();
    for record in &records {
        let stand = replay(&journal, &run, Some(record.seq.0)).unwrap().stand;
        assert_eq!(stand.record, record.seq.0);
        if seen.last() != Some(&stand.configuration) {
            seen.push(stand.configuration.clone());
        }
        if stand.configuration == ["two"] {
            assert_eq!(stand.data["rounds"], 1);
            assert_eq!(stand.timers[0].event, "timer.two.1ms");
        }
        if record.kind == "think" {
            assert_eq!(stand.activities[0].activity, "turn");
            assert_eq!(stand.under_way.len(), 1);
            let sent = stand.payload.unwrap();
            assert_eq!(
                sent.items.len() as u64,
                body(record)["items"].as_u64().unwrap()
            );
        }
    }
    let seen: Vec<String> = seen.iter().map(|states| states.join(" ")).collect();
    // Whoever speaks to it has it begin anew: while it stands in `two` and its timer runs, or at its end, where the timer was quicker.
    let expected = ["one", "two", "three", "done"];
    assert!(seen.ends_with(&expected.map(str::to_owned)), "{seen:?}");
    assert_eq!(seen[..3], ["", "one", "two"]);
    assert!(replay(&journal, "nobody", None).is_err());
    // What no record of it comes to is no moment of the run, and whoever asks hears which are.
    let (first, last) = (records[0].seq.0, records[records.len() - 1].seq.0);
    for outside in [first - 1, last + 1, u64::MAX] {
        let error = replay(&journal, &run, Some(outside)).err().unwrap();
        let expected = format!("its first record is {first}, its last is {last}");
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[test]
fn what_a_kill_has_cut_off_is_not_under_way_any_more() {
    let directory = house();
    let (journal, run) = talk(directory.path(), &[], None);
    let records = journal.records(&run).unwrap();
    let first = body(&records[0]);
    for (ends, goes_on) in [("started", None), ("stopped", Some("another.7"))] {
        let mut other = Journal::open(&directory.path().join(format!("{ends}.db"))).unwrap();
        let append = |other: &mut Journal, kind: &str, body: &Json| {
            let record = NewRecord {
                run: &run,
                time: Timestamp(1),
                kind,
                body: &body.to_string(),
            };
            other.append(&[record]).unwrap()[0].0
        };
        let mut upto = 0;
        let mut invocation = Json::Null;
        for record in &records {
            upto = append(&mut other, &record.kind, &body(record));
            if record.kind == "think" {
                invocation = body(record)["invocation"].clone();
                break;
            }
        }
        let under_way = |journal: &Journal, upto| {
            let stand = replay(journal, &run, Some(upto)).unwrap().stand;
            stand.under_way.len()
        };
        assert_eq!(under_way(&other, upto), 1);
        let upto = match goes_on {
            None => {
                let mut again = first.clone();
                again["resumed"] = true.into();
                append(&mut other, ends, &again)
            }
            Some(another) => {
                let mut stopped = json!({ "invocation": another, "calls_under_way": [] });
                let upto = append(&mut other, ends, &stopped);
                assert_eq!(under_way(&other, upto), 1, "another activity");
                stopped["invocation"] = invocation;
                append(&mut other, ends, &stopped)
            }
        };
        assert_eq!(under_way(&other, upto), 0, "{ends}");
    }
}

const FLOW: &str = "\
chart: flow
version: 1.0.0
kind: workflow
roles: { maker: {} }
data: { rounds: 0 }
initial: make
states:
  make:
    role: maker
    after: { 1h: late }
    on:
      human.again: { target: make, reenter: true, actions: [{ assign: { rounds: data.rounds + 1 } }] }
      human.enough: done
  late: { type: final }
  done: { type: final }
";

/// An instance of a workflow is a chart with events on record, as a run of an agent is.
#[test]
fn an_instance_of_a_workflow_is_the_same_again() {
    let directory = house();
    write(directory.path(), "charts/flow.yaml", FLOW);
    drop(talk(directory.path(), &[], None));
    let house = load(directory.path());
    let mut journal = Journal::open(&house.store).unwrap();
    let (mut instance, begun) =
        Instance::begin("i1", &house.charts["flow"], Value::Null, 1_000).unwrap();
    let mut all = begun.records;
    let says = |event: &str| Happened::Event {
        event: Event::new(event, Value::Null, 0),
        from: Sender::Human { name: "ada".into() },
    };
    let past = 3_600_000;
    for (happened, now) in [
        (says("human.again"), 2_000),
        (says("human.again"), 3_000),
        (Happened::Due, 3_000 + past),
    ] {
        all.extend(instance.take(happened, now, None).unwrap().records);
    }
    for (kind, body) in &all {
        let record = NewRecord {
            run: "i1",
            time: Timestamp(1),
            kind: kind.name(),
            body: &body.to_string(),
        };
        journal.append(&[record]).unwrap();
    }
    let same = report(&journal, "i1");
    assert_eq!(same.verdict(), Verdict::Identical, "{same:#?}");
    assert_eq!((same.agent.as_str(), same.compared.steps), ("flow", 4));
    let stand = replay(&journal, "i1", None).unwrap().stand;
    assert_eq!(stand.configuration, ["late"]);
    assert_eq!(stand.data["rounds"], 2);
    // Another event, or another state, is found.
    for (key, other) in [
        ("event", json!({ "name": "human.enough", "data": null })),
        ("configuration", json!(["done"])),
    ] {
        let seen = AtomicUsize::new(0);
        let edited = rechained(directory.path(), &journal, |record| {
            let ours = record.run == "i1" && record.kind == "step";
            (ours && seen.fetch_add(1, Ordering::SeqCst) == 1).then(|| {
                let mut body = body(record);
                body[key] = other.clone();
                body
            })
        });
        let report = report(&edited, "i1");
        assert_eq!(report.verdict(), Verdict::Different, "{key}: {report:#?}");
    }
}

#[test]
fn bodies_that_were_taken_out_are_told_and_nothing_is_made_up_for_them() {
    let directory = house();
    let (journal, run) = talk(directory.path(), &["go", "and again"], None);
    drop(journal);
    let store = directory.path().join(".charthouse/journal.db");
    for kinds in [
        &["item"][..],
        &["step"],
        &["think"],
        &["reply", "outcome"],
        &["texts"],
    ] {
        let mut journal = Journal::open(&store).unwrap();
        let compacted = journal.compact(&Compaction {
            from: Bulk::Runs(&[&run]),
            kinds,
            at_least: 0,
            archive: None,
            anew: false,
            now: Timestamp(9_000_000),
        });
        assert!(compacted.unwrap().records > 0, "{kinds:?}");
        let report = report(&journal, &run);
        assert_eq!(
            report.verdict(),
            Verdict::Incomplete,
            "{kinds:?}: {report:#?}"
        );
    }
}
