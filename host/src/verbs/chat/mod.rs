//! `chat`: a conversation with an agent on the terminal.
//!
//! The run itself is the one that `run` starts, with an open inbox: where it comes to rest, a line is asked for. Nothing is decided here; a line is a message
//! for the chart, Ctrl-C a request to stop what is under way.

mod lines;

use crate::asking::Asking;
use crate::cli::Chat;
use crate::exit::{Failure, NOT_SO, USAGE};
use crate::interrupt::{Interrupts, Signal};
use crate::progress::Progress;
use crate::{open, print, watch};
use futures_util::{Stream, StreamExt, stream};
use lines::{Lines, Typed};
use runtime::{Inbox, Message, Observer, RunEvent, RunRequest, Status};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Two Ctrl-C within this time end the conversation, whatever is under way.
const TWICE: Duration = Duration::from_millis(1_500);

pub fn run(options: &Chat) -> Result<u8, Failure> {
    let house = open::house(&options.house.house)?;
    let asking = Asking {
        agent: options.agent.clone(),
        provider: options.provider.clone(),
        model: options.model.clone(),
    };
    let asked = asking.open(&house)?;
    let mut journal = open::journal(&house)?;
    let resume = match &options.resume {
        Some(run) => Some(journal.find_run(run)?),
        None => None,
    };
    let reloads = watch::reloads(&house);
    let services = open::services(house);

    let mut lines = Lines::open(&options.agent);
    // Nothing is begun, and nothing is spent, before somebody has spoken.
    let first = match lines.next("") {
        Typed::Line(line) => line,
        Typed::End => {
            print::err("Nothing was said, so nothing was begun.\n");
            return Ok(0);
        }
        Typed::Broken(why) => return Err(Failure::new(USAGE, why)),
    };

    let progress = Arc::new(Progress::new());
    let (ask, inbox) = conversation(lines, progress.clone());
    let observer: Observer = {
        let progress = progress.clone();
        Arc::new(move |event: &RunEvent| {
            progress.see(event);
            if let RunEvent::Rest { status, usd, .. } = event {
                // Nobody to ask any more: the conversation is ending.
                let _ = ask.send(progress.status_line(*status, usd.as_deref().unwrap_or("?")));
            }
        })
    };
    let store = services.house.store.clone();
    let end = open::block_on(async {
        let (interrupts, cancelled) = interrupts()?;
        let request = RunRequest {
            agent: options.agent.clone(),
            prompt: Some(first),
            asked,
            ask: asking.again(),
            inbox: Some(both(inbox, interrupts)),
            resume,
        };
        let run = runtime::run(
            &services,
            &mut journal,
            request,
            observer,
            reloads,
            cancelled,
        );
        Ok::<_, Failure>(run.await?)
    })??;
    progress.finish(&end, &store);
    print::err(&format!(
        "go on with it: charthouse chat {} --resume {}\n",
        options.agent, end.run
    ));
    Ok(match end.status {
        Status::Done | Status::Waiting | Status::Cancelled => 0,
        Status::Failed | Status::Budget => NOT_SO,
    })
}

/// A reader on a thread of its own, who asks for a line whenever the run comes to rest, and the inbox into which the lines go.
fn conversation(
    mut lines: Lines,
    progress: Arc<Progress>,
) -> (std::sync::mpsc::Sender<String>, Inbox) {
    let (ask, asked) = std::sync::mpsc::channel::<String>();
    let (said, heard) = mpsc::unbounded_channel::<Message>();
    std::thread::spawn(move || {
        // Each rest is one question; the sender goes when the run is over.
        while let Ok(status) = asked.recv() {
            progress.pause();
            match lines.next(&status) {
                Typed::Line(line) => {
                    if said.send(Message::Said(line)).is_err() {
                        return;
                    }
                }
                Typed::End => return,
                Typed::Broken(why) => {
                    print::err(&format!("{why}\n"));
                    return;
                }
            }
        }
    });
    (ask, receiving(heard))
}

fn receiving(receiver: mpsc::UnboundedReceiver<Message>) -> Inbox {
    Box::pin(stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|message| (message, receiver))
    }))
}

type Interrupting = (
    Pin<Box<dyn Stream<Item = Message>>>,
    Pin<Box<dyn Future<Output = ()>>>,
);

/// One Ctrl-C interrupts, two in a row or a request to terminate end.
fn interrupts() -> Result<Interrupting, Failure> {
    let (stop, stopped) = mpsc::unbounded_channel::<Message>();
    let mut signals = Interrupts::listen()?;
    let ended = async move {
        let mut last: Option<Instant> = None;
        while signals.next().await == Signal::Interrupt {
            if last.is_some_and(|last| last.elapsed() < TWICE) {
                return;
            }
            last = Some(Instant::now());
            // The run that would hear it is over.
            let _ = stop.send(Message::Interrupt);
        }
    };
    Ok((receiving(stopped), Box::pin(ended)))
}

/// Messages of both; it ends when nobody will type any more.
fn both(typed: Inbox, interrupts: Pin<Box<dyn Stream<Item = Message>>>) -> Inbox {
    let typed = typed
        .map(Some)
        .chain(stream::once(std::future::ready(None)));
    let all = stream::select(typed, interrupts.map(Some));
    Box::pin(
        all.take_while(|message| std::future::ready(message.is_some()))
            .filter_map(std::future::ready),
    )
}
