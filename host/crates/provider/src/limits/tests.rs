//! One provider's limits, shared by all who ask it.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use types::{ModelParameters, Provenance, Role, StopReason, Usage};

/// Answers after ten seconds, and remembers when it was asked and by how many at once.
#[derive(Default)]
struct Slow {
    asked: Mutex<Vec<(String, Duration)>>,
    began: Mutex<Option<Instant>>,
    underway: AtomicUsize,
    most: AtomicUsize,
}

impl Slow {
    fn asked(&self) -> Vec<(String, u64)> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .map(|(who, at)| (who.clone(), at.as_secs()))
            .collect()
    }
}

impl Model for Slow {
    fn complete<'a>(&'a self, payload: &'a Payload, _: &'a mut dyn ModelSink) -> ModelFuture<'a> {
        Box::pin(async move {
            let Item::Text { text, .. } = &*payload.items[0] else {
                unreachable!()
            };
            let now = Instant::now();
            let began = *self.began.lock().unwrap().get_or_insert(now);
            self.asked
                .lock()
                .unwrap()
                .push((text.to_string(), now - began));
            let underway = self.underway.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(underway, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(10)).await;
            self.underway.fetch_sub(1, Ordering::SeqCst);
            if *text == "refuse" {
                let mut error = ModelError::new(ModelErrorKind::RateLimited, "no");
                error.status = Some(429);
                return Err(error);
            }
            if let Some(spent) = text.to_string().strip_prefix("spend ") {
                let mut error = ModelError::new(ModelErrorKind::Unreachable, "failed");
                error.status = Some(529);
                error.usage = Some(Usage {
                    input: spent.parse().unwrap(),
                    ..Usage::default()
                });
                return Err(error);
            }
            Ok(Reply {
                text: "".into(),
                reasoning: None,
                calls: vec![],
                stop: StopReason::End,
                usage: Usage {
                    input: 10,
                    output: 10,
                    reported: true,
                    ..Usage::default()
                },
                model: "slow".into(),
                abandoned: None,
                request: None,
            })
        })
    }
}

fn payload(text: &str, max_output: u64) -> Payload {
    Payload {
        items: vec![Arc::new(Item::Text {
            role: Role::User,
            text: text.into(),
            provenance: Provenance::Human,
            labels: vec![],
        })],
        tools: vec![],
        parameters: ModelParameters {
            provider: "p".into(),
            name: "slow".into(),
            context_length: 1000,
            max_output,
            temperature: None,
            reasoning: None,
        },
        breakpoints: vec![],
    }
}

#[derive(Default)]
struct Notes(Vec<String>);

impl ModelSink for Notes {
    fn text(&mut self, _: &str) {}
    fn reasoning(&mut self, _: &str) {}
    fn note(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
}

fn limited(limits: RateLimits) -> (Arc<Slow>, Arc<dyn Model>) {
    let slow = Arc::new(Slow::default());
    let model = Limited::around(slow.clone(), &"p".into(), limits).unwrap();
    (slow, model)
}

/// Asks `texts` one after the other without waiting for the answers, then for all of them. Returns what each was told while it waited.
async fn ask_all(model: &Arc<dyn Model>, texts: &[&str], max_output: u64) -> Vec<Vec<String>> {
    let mut tasks = Vec::new();
    for text in texts {
        let (model, payload) = (model.clone(), payload(text, max_output));
        tasks.push(tokio::spawn(async move {
            let mut notes = Notes::default();
            let _ = model.complete(&payload, &mut notes).await;
            notes.0
        }));
        tokio::task::yield_now().await;
    }
    let mut all = Vec::new();
    for task in tasks {
        all.push(task.await.unwrap());
    }
    all
}

fn at(asked: &[(&str, u64)]) -> Vec<(String, u64)> {
    asked
        .iter()
        .map(|(who, at)| ((*who).to_owned(), *at))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served_and_no_more_at_once_than_allowed() {
    let (slow, model) = limited(RateLimits {
        concurrent: Some(2),
        ..RateLimits::default()
    });
    let notes = ask_all(&model, &["a", "b", "c", "d", "e"], 1).await;
    assert_eq!(
        slow.asked(),
        at(&[("a", 0), ("b", 0), ("c", 10), ("d", 10), ("e", 20)])
    );
    assert_eq!(slow.most.load(Ordering::SeqCst), 2);
    assert!(notes[0].is_empty() && notes[1].is_empty());
    assert_eq!(
        notes[2],
        ["provider `p`: waiting for one of the 2 requests under way to end"]
    );
    assert_eq!(
        notes[3][0],
        "provider `p`: waiting behind requests that came before"
    );
}

#[tokio::test(start_paused = true)]
async fn requests_wait_for_room_in_the_minute_and_say_so() {
    let (slow, model) = limited(RateLimits {
        requests_per_minute: Some(2),
        ..RateLimits::default()
    });
    let notes = ask_all(&model, &["a", "b", "c", "d", "e"], 1).await;
    assert_eq!(
        slow.asked(),
        at(&[("a", 0), ("b", 0), ("c", 60), ("d", 60), ("e", 120)])
    );
    assert_eq!(
        notes[2],
        ["provider `p`: waiting 60 s: it may be asked 2 requests a minute"]
    );
}

#[tokio::test(start_paused = true)]
async fn tokens_are_estimated_before_and_put_right_after() {
    // About 500 are expected of the first, and 20 reported: then the others fit in without waiting for the minute to pass.
    let (slow, model) = limited(RateLimits {
        tokens_per_minute: Some(600),
        ..RateLimits::default()
    });
    let notes = ask_all(&model, &["a", "b", "c"], 500).await;
    assert_eq!(slow.asked(), at(&[("a", 0), ("b", 10), ("c", 10)]));
    assert_eq!(
        notes[1],
        [
            "provider `p`: waiting for a request under way to end: it may be asked 600 tokens a minute"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_takes_no_tokens() {
    let (slow, model) = limited(RateLimits {
        tokens_per_minute: Some(600),
        ..RateLimits::default()
    });
    ask_all(&model, &["refuse", "b"], 500).await;
    assert_eq!(slow.asked(), at(&[("refuse", 0), ("b", 10)]));
}

#[tokio::test(start_paused = true)]
async fn a_failed_request_takes_the_tokens_that_it_spent() {
    for (spends, next) in [("spend 20", 10), ("spend 500", 60)] {
        let (slow, model) = limited(RateLimits {
            tokens_per_minute: Some(600),
            ..RateLimits::default()
        });
        ask_all(&model, &[spends, "b"], 500).await;
        assert_eq!(slow.asked(), at(&[(spends, 0), ("b", next)]));
    }
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_frees_the_place_and_who_stops_asking_too() {
    let (slow, model) = limited(RateLimits {
        concurrent: Some(1),
        ..RateLimits::default()
    });
    let ask = |text: &str| {
        let (model, payload) = (model.clone(), payload(text, 1));
        tokio::spawn(async move { model.complete(&payload, &mut ()).await.map(|_| ()) })
    };
    let mut tasks = Vec::new();
    for text in ["a", "b", "c", "d"] {
        tasks.push(ask(text));
        tokio::task::yield_now().await;
    }
    // `b` is first in the queue, `c` stands behind it, `a` is under way.
    for cancelled in [1, 2, 0] {
        tasks[cancelled].abort();
        tokio::task::yield_now().await;
    }
    assert!(tasks.pop().unwrap().await.unwrap().is_ok());
    assert_eq!(slow.asked(), at(&[("a", 0), ("d", 0)]));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_gives_back_what_was_kept_free_for_it_after_a_minute() {
    let (slow, model) = limited(RateLimits {
        tokens_per_minute: Some(600),
        ..RateLimits::default()
    });
    let first = {
        let (model, payload) = (model.clone(), payload("a", 500));
        tokio::spawn(async move { model.complete(&payload, &mut ()).await.map(|_| ()) })
    };
    tokio::time::sleep(Duration::from_secs(5)).await;
    first.abort();
    let _ = first.await;
    // Nobody knows what the server did with it, so what was expected counts from when it was given up.
    ask_all(&model, &["b"], 500).await;
    assert_eq!(slow.asked(), at(&[("a", 0), ("b", 65)]));
}

#[test]
fn no_limits_cost_nothing_and_a_limit_of_nothing_is_refused() {
    let slow: Arc<dyn Model> = Arc::new(Slow::default());
    let open = |limits| Limited::around(slow.clone(), &"p".into(), limits);
    assert!(Arc::ptr_eq(&open(RateLimits::default()).unwrap(), &slow));
    let error = open(RateLimits {
        concurrent: Some(0),
        ..RateLimits::default()
    });
    assert!(
        error
            .err()
            .unwrap()
            .message
            .contains("provider `p` has a limit of 0")
    );
}
