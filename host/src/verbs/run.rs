//! `run`: one agent, from its chart's beginning until it ends or stands still.

use crate::asking::Asking;
use crate::cli::Run;
use crate::exit::{Failure, exit_code};
use crate::interrupt::Interrupts;
use crate::progress::Progress;
use crate::{open, print, watch};
use runtime::{Observer, RunEvent, RunRequest};
use std::sync::{Arc, Mutex};

pub fn run(options: &Run) -> Result<u8, Failure> {
    let house = open::house_with(&options.house.house, options.pins)?;
    let asking = Asking {
        agent: options.agent.clone(),
        provider: options.provider.clone(),
        model: options.model.clone(),
    };
    let asked = asking.open(&house)?;
    let mut journal = open::journal(&house)?;
    let store = house.store.clone();
    let reloads = watch::reloads(&house);
    let services = open::services(house);
    let request = RunRequest {
        agent: options.agent.clone(),
        prompt: options.prompt.clone(),
        asked,
        ask: asking.again(),
        inbox: None,
        resume: None,
    };
    let progress = (!options.json).then(|| Arc::new(Progress::new()));
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
    let end = open::block_on(async {
        let mut interrupts = Interrupts::listen()?;
        let interrupted = async move {
            interrupts.next().await;
        };
        let run = runtime::run(
            &services,
            &mut journal,
            request,
            observer,
            reloads,
            interrupted,
        );
        Ok::<_, Failure>(run.await?)
    })??;
    if let Some(progress) = progress {
        progress.finish(&end, &store);
    }
    match unheard.lock().map(|mut first| first.take()) {
        Ok(Some(failure)) => Err(failure),
        _ => Ok(exit_code(&end)),
    }
}
