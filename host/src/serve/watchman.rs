//! The task that lets triggers fire: between the engine, which decides, and the clock, the folders, the requests and the host.

use super::engine::{Came, Engine, Firing, Outcome, Taken};
use super::folders::Folders;
use super::http::Requests;
use super::log::Log;
use super::triggers::{fire, may_pass, rules};
use definitions::{House, On};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use runtime::host::{Command, FireHow, Fired, Hosting, Refused, RefusedCode, Seen, Watch};
use runtime::sleep_for;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;
use types::{Clock, Timestamp};

/// Things that come at the same time and wait to be looked at.
const ARRIVALS: usize = 256;
/// The pause before a host that could not say what has fired is asked again.
const AGAIN: Duration = Duration::from_secs(2);

/// Something that came for a trigger.
pub struct Arrival {
    /// The trigger.
    pub trigger: Arc<str>,
    /// What came.
    pub what: What,
}

/// What came for a trigger.
pub enum What {
    /// A file; whether it has been taken is told at once.
    File(Came, oneshot::Sender<bool>),
    /// Every file that came before this time has been handed in.
    Quiet(Timestamp),
    /// A request; what the host answered is told.
    Request(Came, oneshot::Sender<Result<Value, Refused>>),
}

/// Whoever lets triggers fire.
pub struct Watchman {
    /// The host.
    pub hosting: Rc<dyn Hosting>,
    /// The definitions, as they are published.
    pub house: watch::Receiver<Arc<House>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where is said what was done.
    pub log: Log,
}

type Answered = (Firing, Result<Value, Refused>);
type Asked = FuturesUnordered<Pin<Box<dyn Future<Output = Answered>>>>;
/// Requests that wait for an answer, by trigger and key.
type Waiting = HashMap<(Arc<str>, String), Vec<oneshot::Sender<Result<Value, Refused>>>>;

impl Watchman {
    /// Let triggers fire for as long as this is waited for.
    pub async fn stand(mut self) {
        let (sender, mut arrivals) = mpsc::channel::<Arrival>(ARRIVALS);
        // Before it is asked what is under way: nothing that ends in between is missed.
        let mut happens = self.hosting.watch(Watch::default());
        let mut house = self.house.borrow_and_update().clone();
        let fired = self.fired().await;
        let mut engine = Engine::new(rules(&house.serve), &fired, self.clock.now());
        let mut folders = Folders::default().again(&house, &engine, &fired, &sender, &self.log);
        let mut requests = Requests::default();
        requests.serve(&house, &self.hosting, &sender, &self.log);
        let mut asked = Asked::new();
        let mut waiting = Waiting::new();
        loop {
            for firing in engine.take(self.clock.now()) {
                asked.push(self.ask(&house, firing));
            }
            let now = self.clock.now();
            let pause = engine.wake(now).map(|wake| sleep_for(wake, now));
            tokio::select! {
                Some(arrival) = arrivals.recv() => self.arrived(&mut engine, &mut waiting, arrival),
                Some((firing, answer)) = asked.next(), if !asked.is_empty() => {
                    self.answered(&mut engine, &mut waiting, firing, answer);
                }
                Some(seen) = happens.next() => self.seen(&mut engine, &seen).await,
                Ok(()) = self.house.changed() => {
                    house = self.house.borrow_and_update().clone();
                    engine.replace(rules(&house.serve), self.clock.now());
                    let_go(&engine, &mut waiting);
                    // What is handed in twice is recognised by its key.
                    let fired = self.fired().await;
                    folders = folders.again(&house, &engine, &fired, &sender, &self.log);
                    requests.serve(&house, &self.hosting, &sender, &self.log);
                }
                () = sleep(pause.unwrap_or_default()), if pause.is_some() => {}
            }
        }
    }

    /// What has fired so far. There is no going on without it: what has been started already would be started again.
    async fn fired(&self) -> Vec<Fired> {
        loop {
            let answer = self.hosting.ask(Command::Fired {}).await;
            let why = match answer {
                Ok(mut value) => match serde_json::from_value(value["fired"].take()) {
                    Ok(fired) => return fired,
                    Err(error) => error.to_string(),
                },
                Err(refused) => refused.to_string(),
            };
            let text = format!("triggers wait until it is known what has fired: {why}");
            self.log.trouble("serve", &text);
            sleep(AGAIN).await;
        }
    }

    fn ask(&self, house: &House, firing: Firing) -> Pin<Box<dyn Future<Output = Answered>>> {
        let trigger = house.serve.triggers.get(&firing.trigger);
        let command = match trigger {
            Some(trigger) => fire(trigger, &firing).map(Command::Fire),
            None => Err(Refused::new(
                RefusedCode::Definitions,
                "the trigger has been taken away",
                "",
            )),
        };
        let asked = command.map(|command| self.hosting.ask(command));
        async move {
            let answer = match asked {
                Ok(asked) => asked.await,
                Err(refused) => Err(refused),
            };
            (firing, answer)
        }
        .boxed_local()
    }

    fn arrived(&self, engine: &mut Engine, waiting: &mut Waiting, arrival: Arrival) {
        let now = self.clock.now();
        let Arrival { trigger, what } = arrival;
        match what {
            What::File(came, taken) => {
                let is_taken = engine.came(&trigger, came, now).is_ok();
                // Nobody waits any more when the definitions are others.
                let _ = taken.send(is_taken);
            }
            What::Quiet(until) => engine.quiet(&trigger, until),
            What::Request(came, answer) => {
                let key = (trigger.clone(), came.key.clone());
                match engine.came(&trigger, came, now) {
                    Ok(Taken::Asked) => {
                        let all = waiting.entry(key).or_default();
                        // Whoever has given up does not wait any more.
                        all.retain(|answer| !answer.is_closed());
                        all.push(answer);
                    }
                    Ok(Taken::Held) => {
                        let _ = answer.send(Ok(json!({ "held": true })));
                    }
                    Err(_) => {
                        let text = "too many requests wait for this trigger";
                        let refused = Refused::new(RefusedCode::Limit, text, "try again later");
                        let _ = answer.send(Err(refused));
                    }
                }
            }
        }
    }

    fn answered(
        &self,
        engine: &mut Engine,
        waiting: &mut Waiting,
        firing: Firing,
        answer: Result<Value, Refused>,
    ) {
        let outcome = match &answer {
            // What it came to then may be over by now, and where it is not it is known already.
            Ok(value) if value["again"] == json!(true) => Outcome::Recorded(None),
            Ok(value) => Outcome::Recorded(started(value).map(str::to_owned)),
            Err(refused) if may_pass(refused) => Outcome::NotNow,
            Err(_) => Outcome::Never,
        };
        self.log.fired(&firing, &answer);
        engine.answered(&firing.trigger, outcome, self.clock.now());
        let answer = answer.map(|value| match (firing.how, value["again"] == json!(true)) {
            // It has come before: what it came to then.
            (_, true) if started(&value).is_some() => value,
            (_, true) => json!({ "skipped": true, "again": true }),
            (FireHow::Start, false) => value,
            (FireHow::Hold, false) => json!({ "held": true }),
            (FireHow::Skip, false) => json!({ "skipped": true }),
        });
        let key = (firing.trigger, firing.key);
        for waiting in waiting.remove(&key).into_iter().flatten() {
            let _ = waiting.send(answer.clone());
        }
    }

    async fn seen(&self, engine: &mut Engine, seen: &Seen) {
        match seen.event["type"].as_str() {
            // Nothing more comes of one that was given up, unless a person sees to it.
            Some("done" | "gave_up") => engine.ended(&seen.run),
            // Some of what was missed may have been an end.
            Some("lagged") => {
                let fired = self.fired().await;
                let open = |id: &str| fired.iter().any(|it| it.open && it.started() == Some(id));
                for id in engine.open().iter().filter(|id| !open(id)) {
                    engine.ended(id);
                }
            }
            _ => {}
        }
    }
}

/// Tell those who wait for a trigger that is gone, or another one by now.
fn let_go(engine: &Engine, waiting: &mut Waiting) {
    waiting.retain(|(trigger, key), all| {
        let waits = engine.waits(trigger, key);
        let gone = if waits {
            Vec::new()
        } else {
            std::mem::take(all)
        };
        for answer in gone {
            let text = "the trigger has just been changed";
            let refused = Refused::new(RefusedCode::NotNow, text, "try again");
            let _ = answer.send(Err(refused));
        }
        waits
    });
}

/// The run or the instance that the host's answer names.
fn started(answer: &Value) -> Option<&str> {
    let id = answer.get("run").or_else(|| answer.get("instance"));
    id.and_then(Value::as_str)
}

/// The triggers of a house that wait for files.
pub fn of_files(house: &House) -> impl Iterator<Item = (&Arc<str>, &definitions::FilesOn)> {
    let all = house.serve.triggers.iter();
    all.filter_map(|(name, trigger)| match &trigger.on {
        On::Files(files) => Some((name, files)),
        On::Time(_) | On::Http(_) => None,
    })
}
