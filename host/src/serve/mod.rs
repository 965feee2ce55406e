//! The daemon's front end: who is let in, what fires when, and how it ends. What it fronts is a [`Hosting`] and nothing more.
//!
//! | room | what it knows |
//! |---|---|
//! | `socket`, `lines`, `door` | the control socket: commands in, answers and events out |
//! | `engine` | what fires when: pure |
//! | `triggers` | what the house says, as rules and commands |
//! | `watchman` | the task between the engine, the clock, folders, requests and the host |
//! | `folders`, `settling` | files that come |
//! | `http`, `secret` | requests that come |
//! | `notify` | systemd |
//! | `log` | what is said |

mod door;
mod engine;
mod folders;
mod http;
mod lines;
mod log;
mod notify;
mod secret;
mod settling;
mod socket;
#[cfg(test)]
mod tests;
mod triggers;
mod watchman;

use crate::exit::{Failure, NOT_SO};
use crate::interrupt::Interrupts;
use definitions::House;
use door::{Door, EndAsked};
use futures_util::StreamExt;
pub use log::Log;
use notify::Supervisor;
use runtime::host::{Command, Hosting, Watch};
use serde_json::json;
pub use socket::Socket;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval_at, timeout};
use types::Clock;
use watchman::Watchman;

/// How long what is under way may go on once the daemon is asked to end: systemd's own patience is 90 seconds.
pub const ENDING: Duration = Duration::from_secs(30);
/// How much longer than that the host may take to write down where it stands.
const WRITING: Duration = Duration::from_secs(15);

/// What a daemon is made of.
pub struct Daemon {
    /// The host.
    pub hosting: Rc<dyn Hosting>,
    /// The definitions, as the host publishes them.
    pub house: watch::Receiver<Arc<House>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The control socket.
    pub socket: Socket,
    /// Signals that end it.
    pub signals: Interrupts,
    /// Where is said what it does.
    pub log: Log,
}

/// How a daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As it was asked: all is finished or written down.
    Asked,
    /// At once, at a second signal or because the host did not end in time.
    AtOnce,
}

impl Daemon {
    /// Serve until asked to end, on this thread and within a `LocalSet`. `host` is what makes the host turn round: it ends when the host has ended, which without
    /// having been asked is a failure.
    ///
    /// # Errors
    /// Whatever ended the host.
    pub async fn serve(
        mut self,
        host: impl Future<Output = Result<(), Failure>>,
    ) -> Result<Ended, Failure> {
        let mut host = std::pin::pin!(host);
        let supervisor = Supervisor::of_environment();
        let mut watchdog = supervisor
            .watchdog
            .map(|period| interval_at(Instant::now(), period));
        let (end, mut ends) = mpsc::channel::<EndAsked>(1);
        let mut happens = self.hosting.watch(Watch::default());
        let mut door =
            std::pin::pin!(Door::new(self.hosting.clone(), end).open(&self.socket.listener));
        let watchman = Watchman {
            hosting: self.hosting.clone(),
            house: self.house.clone(),
            clock: self.clock.clone(),
            log: self.log.clone(),
        };
        let watchman = tokio::task::spawn_local(watchman.stand());
        let sealing = tokio::task::spawn_local(crate::sealed::as_it_goes_on(
            self.house.clone(),
            self.clock.clone(),
        ));
        let path = self.socket.path.display();
        self.log
            .line("serve", &format!("ready; control socket {path}"));
        supervisor.tell("READY=1");
        let asked = loop {
            tokio::select! {
                biased;
                ended = &mut host => {
                    supervisor.tell("STOPPING=1");
                    return Err(ended.err().unwrap_or_else(|| {
                        Failure::new(NOT_SO, "the host ended without having been asked")
                    }));
                }
                _ = self.signals.next() => break None,
                Some(asked) = ends.recv() => break Some(asked),
                () = &mut door => {}
                // Before what happens, of which there may always be more.
                () = tick(&mut watchdog) => supervisor.tell("WATCHDOG=1"),
                Some(seen) = happens.next() => self.log.seen(&seen),
            }
        };
        // From here on nothing fires.
        watchman.abort();
        sealing.abort();
        supervisor.tell("STOPPING=1");
        let within = asked
            .as_ref()
            .and_then(|asked| asked.within)
            .unwrap_or(ENDING);
        let seconds = within.as_secs();
        self.log.line(
            "serve",
            &format!(
                "ending: what is under way has {seconds} s to finish; once more ends it at once"
            ),
        );
        let within_ms = u64::try_from(within.as_millis()).ok();
        let mut ending = self.hosting.ask(Command::Shutdown { within_ms });
        let late = tokio::time::sleep(within + WRITING);
        tokio::pin!(late);
        let mut gone = false;
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut ending => break Some(answer),
                ended = &mut host, if !gone => match ended {
                    // The answer may still be on its way.
                    Ok(()) => gone = true,
                    Err(failure) => return Err(failure),
                },
                _ = self.signals.next() => break None,
                () = &mut late => break None,
                () = &mut door => {}
                () = tick(&mut watchdog) => supervisor.tell("WATCHDOG=1"),
                Some(seen) = happens.next() => self.log.seen(&seen),
            }
        };
        let Some(answer) = answer else {
            self.log.trouble(
                "serve",
                "ended at once; what was under way is taken up again at the next start",
            );
            return Ok(Ended::AtOnce);
        };
        let text = match &answer {
            Ok(_) => "ended; all is on record".to_owned(),
            Err(refused) => format!("ended: {refused}"),
        };
        if let Some(asked) = asked {
            // A moment for the answer to reach whoever asked.
            let _ = asked.answer.send(answer.map(|value| match value.is_null() {
                true => json!({}),
                false => value,
            }));
            let _ = timeout(Duration::from_millis(200), &mut door).await;
        }
        self.log.line("serve", &text);
        Ok(Ended::Asked)
    }
}

async fn tick(watchdog: &mut Option<tokio::time::Interval>) {
    match watchdog {
        Some(watchdog) => {
            watchdog.tick().await;
        }
        None => std::future::pending().await,
    }
}
