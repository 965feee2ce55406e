//! `run`: one agent, from its chart's beginning or from where a run of it stopped, until it ends or stands still.

use crate::asking::Asking;
use crate::cli::Run;
use crate::exit::{Failure, USAGE, exit_code};
use crate::interrupt::Interrupts;
use crate::permission::{Pending, permit};
use crate::progress::Progress;
use crate::run_of::{agent_of, run_of, unfinished};
use crate::terminal::{GiveBack, Terminal};
use crate::{asking, open, print, watch};
use futures_util::stream;
use journal::Journal;
use runtime::control::Entrance;
use runtime::host::{Host, Mode};
use runtime::{Observer, Permit, RunEvent, RunRequest, SharedJournal};
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use tokio::task::LocalSet;

pub fn run(options: &Run) -> Result<u8, Failure> {
    let house = open::house_with(&options.house.house, options.pins)?;
    let mut journal = open::journal(&house)?;
    let (agent, resume) = which(&journal, options)?;
    let _house = open::take(&journal, &format!("charthouse run {agent}"))?;
    let asking = Asking {
        agent: agent.clone(),
        provider: options.provider.clone(),
        model: options.model.clone(),
    };
    let reloads = watch::reloads(&house);
    let services = open::admitted(house, &mut journal, Entrance::Start)?.admitted;
    let asked = asking.open(&services.house)?;
    let store = services.house.store.clone();
    let progress = (!options.json).then(|| Arc::new(Progress::new()));
    // Where the events are for a program, or nobody sits at a terminal, nobody answers.
    let terminal = progress.as_ref().and_then(|_| Terminal::open());
    let give_back = GiveBack(terminal.as_ref().map(Terminal::modes));
    let permit = progress
        .clone()
        .zip(terminal)
        .map(|(progress, terminal)| asking_at(terminal, progress, services.house.root.clone()));
    let request = RunRequest {
        agent,
        prompt: options.prompt.clone(),
        asked,
        ask: asking.again(),
        inbox: None,
        permit,
        resume,
        hosted: None,
    };
    let unheard = Arc::new(Mutex::new(None));
    let observer: Observer = match progress.clone() {
        Some(progress) => Arc::new(move |event: &RunEvent| progress.see(event)),
        None => {
            let unheard = unheard.clone();
            // A reader that has gone away does not stop the run; whatever it missed is in the journal.
            Arc::new(move |event: &RunEvent| {
                if let Err(failure) = print::json(event)
                    && let Ok(mut first) = unheard.lock()
                {
                    first.get_or_insert(failure);
                }
            })
        }
    };
    let host = Host::new(
        services,
        SharedJournal::new(journal),
        asking::whom(),
        Mode::Foreground,
    )?;
    let bind = options.bind.as_deref().zip(options.role.as_deref());
    let end = open::block_on(LocalSet::new().run_until(async {
        let turning = host.clone();
        tokio::task::spawn_local(async move { turning.turn(Box::pin(stream::pending())).await });
        let mut interrupts = Interrupts::listen()?;
        let interrupted = async move {
            interrupts.next().await;
        };
        let run = host.foreground(request, bind, observer, reloads, interrupted);
        Ok::<_, Failure>(run.await?)
    }))??;
    give_back.now();
    if let Some(progress) = progress {
        progress.finish(&end, &store);
    }
    match unheard.lock().map(|mut first| first.take()) {
        Ok(Some(failure)) => Err(failure),
        _ => Ok(exit_code(&end)),
    }
}

/// The agent that is meant, and the run to go on with.
fn which(journal: &Journal, options: &Run) -> Result<(String, Option<String>), Failure> {
    match (&options.agent, &options.resume) {
        (Some(agent), None) => Ok((agent.clone(), None)),
        (Some(agent), Some(run)) => Ok((agent.clone(), Some(run_of(journal, agent, run)?))),
        (None, Some(run)) => {
            let run = match run.as_str() {
                "latest" => unfinished(journal)?,
                run => journal.find_run(run)?,
            };
            Ok((agent_of(journal, &run)?, Some(run)))
        }
        (None, None) => Err(Failure::new(USAGE, "no agent is named")
            .help("name one: charthouse run AGENT; or go on with a run: charthouse run --resume")),
    }
}

/// Ask at `terminal`, on a thread of its own, whether calls may be made that a person must allow.
fn asking_at(mut terminal: Terminal, progress: Arc<Progress>, house: PathBuf) -> Permit {
    let printer = terminal.printer();
    let (questions, asked) = channel::<Pending>();
    std::thread::spawn(move || {
        for question in asked {
            let answer = question.put_to(&mut terminal, &house);
            print::take_terminal_back();
            question.reply(answer);
        }
    });
    permit(move |pending| {
        progress.make_room();
        print::lend_terminal(printer.clone());
        // Whoever asked hears of it: the question is dropped, which is a no.
        let _ = questions.send(pending);
    })
}
