//! `serve`: the daemon.

use crate::cli::Serve;
use crate::control::{Client, place};
use crate::exit::{Failure, NOT_SO, STORE};
use crate::interrupt::Interrupts;
use crate::serve::{Daemon, Ended, Log, Socket};
use crate::world::SystemClock;
use crate::{open, print};
use runtime::control::Entrance;
use runtime::host::Command;
use std::sync::Arc;
use types::Clock;

pub fn run(options: &Serve) -> Result<u8, Failure> {
    if options.stop {
        return stop(options);
    }
    let house = open::house_with(&options.house.house, options.pins)?;
    let root = place::root(&house.root).map_err(|error| {
        let text = format!(
            "the house {} cannot be found: {error}",
            house.root.display()
        );
        Failure::new(STORE, text)
    })?;
    let ended = open::block_on_local(async {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let log = Log::new(clock, options.json);
        log.stand_behind().map_err(|error| {
            Failure::new(NOT_SO, format!("the log's threads do not start: {error}"))
        })?;
        // Before anything is begun: a signal on the way would end the program and leave things half done.
        let signals = Interrupts::listen()?;
        let hosted = open::hosting(house, true, Entrance::Start)?;
        // Once the house is taken: whatever socket is there belongs to nobody.
        let socket = Socket::bind(&root)?;
        let daemon = Daemon {
            hosting: hosted.hosting,
            house: hosted.house,
            clock: hosted.clock,
            socket,
            signals,
            log,
        };
        daemon.serve(hosted.turning).await
    })??;
    match ended {
        Ended::Asked => Ok(0),
        Ended::AtOnce => Ok(NOT_SO),
    }
}

/// Ask the daemon to end, and wait until it has.
fn stop(options: &Serve) -> Result<u8, Failure> {
    let Some(mut client) = Client::connect(&options.house.house)? else {
        return Err(Failure::new(NOT_SO, "no daemon serves this house")
            .help("`charthouse doctor` says who has it"));
    };
    let value = client.ask(&Command::Shutdown { within_ms: None })??;
    drop(client);
    open::wait_until_free(&options.house.house)?;
    match options.json {
        true => print::json(&value)?,
        false => print::out("The daemon has ended; all is on record.\n")?,
    }
    Ok(0)
}
