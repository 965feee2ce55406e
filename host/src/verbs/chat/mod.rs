//! `chat`: a conversation with an agent on the terminal.
//!
//! The run itself is the one that `run` starts, with an open inbox: where it comes to rest, a line is asked for. Nothing is decided here; a line is a message
//! for the chart, Ctrl-C a request to stop what is under way.

mod lines;

use crate::asking::Asking;
use crate::cli::Chat;
use crate::exit::{Failure, NOT_SO, exit_code};
use crate::interrupt::{Interrupts, Signal};
use crate::permission::{Pending, permit};
use crate::progress::Progress;
use crate::run_of::run_of;
use crate::terminal::GiveBack;
use crate::{asking, open, print, watch};
use futures_util::{Stream, StreamExt, stream};
use lines::{Lines, Typed};
use runtime::control::Entrance;
use runtime::host::{Host, Mode};
use runtime::{Inbox, Message, Observer, Permit, RunEvent, RunRequest, SharedJournal};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// Two Ctrl-C within this time end the conversation, whatever is under way.
const TWICE: Duration = Duration::from_millis(1_500);

pub fn run(options: &Chat) -> Result<u8, Failure> {
    let house = open::house_with(&options.house.house, options.pins)?;
    let asking = Asking {
        agent: options.agent.clone(),
        provider: options.provider.clone(),
        model: options.model.clone(),
    };
    let mut journal = open::journal(&house)?;
    let resume = match &options.resume {
        Some(run) => Some(run_of(&journal, &options.agent, run)?),
        None => None,
    };
    let _house = open::take(&journal, &format!("charthouse chat {}", options.agent))?;
    let reloads = watch::reloads(&house);
    let services = open::admitted(house, &mut journal, Entrance::Start)?.admitted;
    let asked = asking.open(&services.house)?;
    let store = services.house.store.clone();

    let progress = Arc::new(Progress::new());
    let lines = Lines::open(&options.agent);
    let terminal = GiveBack(lines.modes());
    let broken = Broken::default();
    let host = Host::new(
        services.clone(),
        SharedJournal::new(journal),
        asking::whom(),
        Mode::Foreground,
    )?;
    let end = open::block_on(LocalSet::new().run_until(async {
        // Before the first prompt: a signal that came to it would leave the terminal as the editor of lines wants it.
        let mut signals = match &terminal.0 {
            Some(_) => Interrupts::listen_at_terminal()?,
            None => Interrupts::listen()?,
        };
        let (ask, mut inbox) = conversation(lines, services.house.root.clone(), broken.clone());
        ask.next(String::new());
        // Nothing is begun, and nothing is spent, before somebody has spoken.
        let first = tokio::select! {
            message = inbox.next() => message,
            signal = signals.next() => match signal {
                Signal::Interrupt => None,
                Signal::Terminate => {
                    return Err(Failure::new(NOT_SO, "stopped before anything was said"));
                }
            },
        };
        let Some(Message::Said(first)) = first else {
            return Ok(None);
        };
        // Not before: what a run was told while it was stopped is handed out once, to those that are here then.
        let turning = host.clone();
        tokio::task::spawn_local(async move { turning.turn(Box::pin(stream::pending())).await });
        let permit = ask.permit(&progress);
        let observer: Observer = {
            let progress = progress.clone();
            Arc::new(move |event: &RunEvent| {
                progress.see(event);
                if let RunEvent::Rest { status, usd, .. } = event {
                    ask.next(progress.status_line(*status, usd.as_deref().unwrap_or("?")));
                }
            })
        };
        let (interrupts, cancelled) = interrupts(signals);
        let request = RunRequest {
            agent: options.agent.clone(),
            prompt: Some(first),
            asked,
            ask: asking.again(),
            inbox: Some(both(inbox, interrupts)),
            permit,
            resume,
            hosted: None,
        };
        let run = host.foreground(request, None, observer, reloads, cancelled);
        Ok::<_, Failure>(Some(run.await?))
    }))??;
    terminal.now();
    if let Some(end) = &end {
        progress.finish(end, &store);
        print::err(&format!(
            "go on with it: charthouse chat {} --resume {}\n",
            options.agent, end.run
        ));
    }
    let broken = broken.lock().map(|mut why| why.take());
    match (end, broken.unwrap_or_default()) {
        (_, Some(why)) => Err(Failure::new(NOT_SO, why)),
        (Some(end), None) => Ok(exit_code(&end)),
        (None, None) => {
            print::err("Nothing was said, so nothing was begun.\n");
            Ok(0)
        }
    }
}

/// Why nothing more could be read, if that is how the conversation ended.
type Broken = Arc<Mutex<Option<String>>>;

/// What whoever types is asked for.
enum Asked {
    /// The next line, under one that says this.
    Line(String),
    /// Whether a call may be made.
    Permission(Pending),
}

/// Asks whoever types.
#[derive(Clone)]
struct Asker {
    questions: std::sync::mpsc::Sender<Asked>,
    printer: Option<std::sync::mpsc::Sender<String>>,
    /// Calls that wait for an answer.
    waiting: Arc<AtomicUsize>,
}

impl Asker {
    /// Ask for the next line under one that says `status`. The terminal is lent from now on and not only once the prompt is there: nothing may come in between.
    fn next(&self, status: String) {
        if let Some(printer) = &self.printer {
            if print::terminal_is_lent() {
                // The run moved on by itself and rests again; the prompt is still there.
                return print::err(&format!("{status}\n"));
            }
            print::lend_terminal(printer.clone());
        }
        if self.questions.send(Asked::Line(status)).is_err() {
            // Nobody to ask any more: the conversation is ending.
            print::take_terminal_back();
        }
    }

    /// Where calls are allowed that a person must allow; only a terminal has a person at it.
    fn permit(&self, progress: &Arc<Progress>) -> Option<Permit> {
        let printer = self.printer.clone()?;
        let (asker, progress) = (self.clone(), progress.clone());
        Some(permit(move |pending| {
            if print::terminal_is_lent() {
                print::err("a call waits for your answer: send your line, or an empty one\n");
            } else {
                progress.make_room();
                print::lend_terminal(printer.clone());
            }
            asker.waiting.fetch_add(1, Ordering::Relaxed);
            // Whoever asked hears of it: the question is dropped, which is a no.
            let _ = asker.questions.send(Asked::Permission(pending));
        }))
    }
}

/// A reader on a thread of its own, who asks for a line whenever the run comes to rest and for an answer whenever a call needs one, and the inbox into which
/// the lines go.
fn conversation(mut lines: Lines, house: PathBuf, broken: Broken) -> (Asker, Inbox) {
    let (questions, asked) = std::sync::mpsc::channel::<Asked>();
    let (said, heard) = mpsc::unbounded_channel::<Message>();
    let waiting = Arc::new(AtomicUsize::new(0));
    let asker = Asker {
        questions,
        printer: lines.printer(),
        waiting: waiting.clone(),
    };
    std::thread::spawn(move || {
        let mut pending: VecDeque<Pending> = VecDeque::new();
        let mut line: Option<String> = None;
        loop {
            if pending.is_empty() && line.is_none() {
                // The sender goes when the run is over.
                match asked.recv() {
                    Ok(Asked::Line(status)) => line = Some(status),
                    Ok(Asked::Permission(question)) => pending.push_back(question),
                    Err(_) => return,
                }
            }
            for more in asked.try_iter() {
                match more {
                    Asked::Line(status) => line = Some(status),
                    Asked::Permission(question) => pending.push_back(question),
                }
            }
            if let Some(question) = pending.pop_front() {
                waiting.fetch_sub(1, Ordering::Relaxed);
                lines.lend();
                if let Some(terminal) = lines.terminal() {
                    let answer = question.put_to(terminal, &house);
                    // What follows from the answer may ask for a line at once.
                    print::take_terminal_back();
                    question.reply(answer);
                }
                continue;
            }
            let Some(status) = line.take() else {
                continue;
            };
            lines.lend();
            match lines.next(&status, || waiting.load(Ordering::Relaxed) > 0) {
                Typed::Line(typed) => {
                    // Whoever rested again meanwhile, as a timer came, has asked for this same line.
                    for more in asked.try_iter() {
                        if let Asked::Permission(question) = more {
                            pending.push_back(question);
                        }
                    }
                    print::take_terminal_back();
                    if said.send(Message::Said(typed)).is_err() {
                        return;
                    }
                }
                // The call that waits comes first, then the line is asked for again.
                Typed::Nothing => line = Some(status),
                Typed::End => return print::take_terminal_back(),
                Typed::Broken(why) => {
                    print::take_terminal_back();
                    if let Ok(mut broken) = broken.lock() {
                        *broken = Some(why);
                    }
                    return;
                }
            }
        }
    });
    (asker, receiving(heard))
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
fn interrupts(mut signals: Interrupts) -> Interrupting {
    let (stop, stopped) = mpsc::unbounded_channel::<Message>();
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
    (receiving(stopped), Box::pin(ended))
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
