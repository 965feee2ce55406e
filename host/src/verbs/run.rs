//! `run`: one agent, from its chart's beginning until it ends or stands still.

use crate::cli::Run;
use crate::exit::{DENIED, Failure, NOT_SO, PROVIDER, USAGE};
use crate::progress::Progress;
use crate::{open, print, watch};
use definitions::House;
use runtime::{Ask, Asked, CauseKind, Observer, RunEnd, RunEvent, RunRequest, Status};
use std::sync::{Arc, Mutex};
use types::{ContentHash, ModelError, ProviderConfig, ProviderKind};

pub fn run(options: &Run) -> Result<u8, Failure> {
    let house = open::house(&options.house.house)?;
    let provider = provider(&house, options)?;
    let asked = asked(provider, options, identity(provider))
        .map_err(|error| Failure::new(PROVIDER, error))?;
    let mut journal = open::journal(&house)?;
    let store = house.store.clone();
    let reloads = watch::reloads(&house);
    let services = open::services(house);
    let request = RunRequest {
        agent: options.agent.clone(),
        prompt: options.prompt.clone(),
        asked,
        ask: ask_again(options.clone()),
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
        let interrupted = interrupted();
        runtime::run(
            &services,
            &mut journal,
            request,
            observer,
            reloads,
            interrupted,
        )
        .await
    })??;
    if let Some(progress) = progress {
        progress.finish(&end, &store);
    }
    match unheard.lock().map(|mut first| first.take()) {
        Ok(Some(failure)) => Err(failure),
        _ => Ok(exit_code(&end)),
    }
}

/// The model behind `provider`, opened.
fn asked(
    provider: &ProviderConfig,
    options: &Run,
    identity: ContentHash,
) -> Result<Asked, ModelError> {
    let named = options.model.as_deref().map(Arc::from);
    Ok(Asked {
        model: provider::open(provider, &provider::Settings::default())?,
        provider: provider.name.clone(),
        model_name: named.or_else(|| provider.model.clone()),
        free: matches!(provider.kind, ProviderKind::Scripted { .. }),
        identity,
    })
}

/// What a model is made of: its provider's definition, and the script where it is one.
fn identity(provider: &ProviderConfig) -> ContentHash {
    let mut bytes = format!("{provider:?}").into_bytes();
    if let ProviderKind::Scripted { file } = &provider.kind {
        bytes.extend(std::fs::read(file).unwrap_or_default());
    }
    ContentHash::of(&bytes)
}

/// Whom to ask once definitions have changed; what the command line says stays.
fn ask_again(options: Run) -> Ask {
    Box::new(move |house, before| {
        let provider = provider(house, &options).map_err(|failure| failure.message().to_owned())?;
        let identity = identity(provider);
        if identity == before.identity {
            return Ok(None);
        }
        let asked = asked(provider, &options, identity).map_err(|error| error.to_string())?;
        Ok(Some(asked))
    })
}

/// The provider to ask: named on the command line, or the agent's own.
fn provider<'a>(house: &'a House, options: &Run) -> Result<&'a ProviderConfig, Failure> {
    let name = match &options.provider {
        Some(name) => name.as_str(),
        None => match house.agents.get(options.agent.as_str()) {
            Some(agent) => &agent.model.provider,
            None => {
                let known: Vec<&str> = house.agents.keys().map(|name| &**name).collect();
                return Err(Failure::new(
                    USAGE,
                    format!("there is no agent `{}` in this house", options.agent),
                )
                .help(format!("it has {}", known.join(", "))));
            }
        },
    };
    house.providers.get(name).ok_or_else(|| {
        let known: Vec<&str> = house.providers.keys().map(|name| &**name).collect();
        Failure::new(USAGE, format!("the house has no provider `{name}`")).help(format!(
            "it has {}; add others under `providers` in house.yaml",
            known.join(", ")
        ))
    })
}

/// Completes when the person presses Ctrl-C or the system asks the program to end. It listens from now on, not from when it is first waited for: a signal
/// on the way there would kill the program, and the record would not say that it was stopped.
fn interrupted() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = signal(SignalKind::interrupt());
    let terminate = signal(SignalKind::terminate());
    async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

fn exit_code(end: &RunEnd) -> u8 {
    match (end.status, &end.cause) {
        (Status::Done, _) => 0,
        (Status::Waiting, None) => 0,
        (_, Some(cause)) if cause.kind == CauseKind::Provider => PROVIDER,
        (_, Some(cause)) if cause.kind == CauseKind::Denied => DENIED,
        _ => NOT_SO,
    }
}
