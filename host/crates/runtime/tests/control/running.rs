//! Runs that meet the gate while they last: what is saved without a release changes nothing, what is released changes them at that instant, and what is released for
//! others or for later leaves them as they are.

use crate::common::{self, load, reply, request};
use crate::house::Place;
use change::{Effectivity, When};
use charthouse_runtime::control::Entrance;
use charthouse_runtime::{Reload, Reloads, RunEvent, SharedJournal, Status};
use futures_util::stream;
use serde_json::Value as Json;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use types::{Item, Model, ModelFuture, ModelSink, Payload};

/// Answers after it has been asked a few times, so that a run has instants in between, and remembers what it was sent.
#[derive(Default)]
struct Slow {
    sent: Mutex<Vec<String>>,
}

impl Model for Slow {
    fn complete<'a>(&'a self, payload: &'a Payload, _: &'a mut dyn ModelSink) -> ModelFuture<'a> {
        let texts = payload.items.iter().filter_map(|item| match &**item {
            Item::Text { text, .. } => Some(text.plain().into_owned()),
            _ => None,
        });
        self.sent
            .lock()
            .unwrap()
            .push(texts.collect::<Vec<_>>().join("\n"));
        Box::pin(async {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            Ok(reply("yes"))
        })
    }
}

const TWICE: &str = "chart: t\nversion: 1.0.0\nkind: cognition\ninitial: work\nstates:\n  work: { invoke: turn, on: { turn.done: more } }\n  more: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n";

/// What a run came to.
struct Ended {
    id: String,
    sent: Vec<String>,
    refused: Vec<String>,
    records: Vec<(String, Json)>,
}

/// Run the agent `name`, or go on with `resume`; `meanwhile` happens once while its model thinks, and then everything is read again.
fn play(place: &Place, name: &str, resume: Option<&str>, meanwhile: impl Fn() + 'static) -> Ended {
    let mut journal = place.journal();
    let services = place.services(place.load());
    let entered = charthouse_runtime::control::enter(services, &mut journal, Entrance::Start);
    let services = entered.unwrap().admitted;
    let journal = SharedJournal::new(journal);
    let model = Arc::new(Slow::default());
    let mut request = request(&services.house, name, Some("go"), model.clone());
    request.resume = resume.map(str::to_owned);
    let root = place.root();
    let (model_of, done) = (model.clone(), Rc::new(Cell::new(false)));
    let reloads: Reloads = Box::pin(stream::poll_fn(move |_| {
        if done.get() || model_of.sent.lock().unwrap().is_empty() {
            return Poll::Pending;
        }
        done.set(true);
        meanwhile();
        Poll::Ready(Some(Reload::Ready(Box::new(load(&root)))))
    }));
    let refused = Arc::new(Mutex::new(Vec::new()));
    let hears = refused.clone();
    let end = common::play(
        &services,
        &journal,
        request,
        Arc::new(move |event: &RunEvent| {
            if let RunEvent::NotReloaded { why } = event {
                hears.lock().unwrap().push(why.clone());
            }
        }),
        reloads,
    );
    assert_eq!(end.status, Status::Done);
    let records = journal.borrow().records(&end.run).unwrap().into_iter();
    Ended {
        id: end.run.to_string(),
        sent: model.sent.lock().unwrap().clone(),
        refused: refused.lock().unwrap().clone(),
        records: records
            .map(|record| (record.kind, serde_json::from_str(&record.body).unwrap()))
            .collect(),
    }
}

/// A released house in which a run asks its model twice.
fn place() -> Rc<Place> {
    let place = Place::new();
    place.write("charts/t.yaml", TWICE);
    place.baseline();
    Rc::new(place)
}

#[test]
fn what_is_saved_and_not_released_changes_nothing_and_is_on_record() {
    for (file, old, new) in [
        ("agents/a.md", "brief", "verbose"),
        ("charts/t.yaml", "1.0.0", "2.0.0"),
        ("policies/default.yaml", "one", "two"),
        ("house.yaml", "house: h", "house: i"),
    ] {
        let place = place();
        let own = place.clone();
        let ended = play(&place, "a", None, move || own.edit(file, old, new));
        assert_eq!(ended.refused.len(), 1, "{file}: {:?}", ended.refused);
        assert!(
            ended.refused[0].contains("not a released revision"),
            "{:?}",
            ended.refused
        );
        assert_eq!(ended.sent.len(), 2);
        assert!(
            ended.sent.iter().all(|sent| sent.contains("Be brief.")),
            "{:?}",
            ended.sent
        );
        let kinds: Vec<&str> = ended
            .records
            .iter()
            .map(|(kind, _)| kind.as_str())
            .collect();
        assert!(
            kinds.contains(&"change.refused") && kinds.contains(&"not_reloaded"),
            "{kinds:?}"
        );
        assert!(!kinds.contains(&"reloaded"));
        let (_, body) = ended
            .records
            .iter()
            .find(|(kind, _)| kind == "change.refused")
            .unwrap();
        assert_eq!(body["where"], "reload");
    }
}

#[test]
fn what_is_released_holds_from_that_instant() {
    let place = place();
    let own = place.clone();
    let ended = play(&place, "a", None, move || {
        own.release(&[("agents/a.md", "Be kind.\n")], None, Effectivity::now());
        // As the host does it: the files first, then what follows from them.
        let now = types::Clock::now(&*own.clock);
        charthouse_runtime::control::put_in_place(&mut own.journal(), &own.root(), now).unwrap();
    });
    assert!(ended.refused.is_empty(), "{:?}", ended.refused);
    assert!(
        ended.sent[0].contains("Be brief.") && ended.sent[1].contains("Be kind."),
        "{:?}",
        ended.sent
    );
    assert!(ended.records.iter().any(|(kind, _)| kind == "reloaded"));
}

fn effective(when: When, agents: Option<&str>) -> Effectivity {
    Effectivity {
        when,
        agents: agents.map(|agent| vec![agent.into()]),
    }
}

#[test]
fn what_is_released_for_the_next_run_or_for_others_leaves_a_run_as_it_is() {
    for effectivity in [
        effective(When::NextRun, None),
        effective(When::Now, Some("b")),
    ] {
        let place = place();
        let own = place.clone();
        let for_others = effectivity.agents.is_some();
        let ended = play(&place, "a", None, move || {
            own.release(&[("agents/a.md", "Be kind.\n")], None, effectivity.clone());
            let now = types::Clock::now(&*own.clock);
            charthouse_runtime::control::put_in_place(&mut own.journal(), &own.root(), now)
                .unwrap();
        });
        assert!(ended.refused.is_empty(), "{:?}", ended.refused);
        assert!(
            ended.sent.iter().all(|sent| sent.contains("Be brief.")),
            "{:?}",
            ended.sent
        );
        assert_eq!(
            place.read("agents/a.md"),
            "Be kind.\n",
            "it lies in its place for those whom it is for"
        );
        // And whoever begins next gets what holds for it.
        if !for_others {
            let next = play(&place, "a", None, || {});
            assert!(next.sent[0].contains("Be kind."), "{:?}", next.sent);
        }
        assert!(!ended.id.is_empty());
    }
}
