//! `context show`: what the model sees, as a picture or as JSON.

use crate::cli::ContextVerb;
use crate::exit::Failure;
use crate::{open, print};
use runtime::Looking;

/// Text for people fits this.
const WIDTH: usize = 100;

pub fn run(verb: &ContextVerb) -> Result<u8, Failure> {
    let ContextVerb::Show {
        agent,
        prompt,
        state,
        house,
        json,
    } = verb;
    let services = open::services(open::house(&house.house)?);
    let looking = Looking {
        agent: agent.clone(),
        state: state.clone(),
        prompt: prompt.clone(),
    };
    let assembled = open::block_on(runtime::look(&services, &looking))??;
    if *json {
        print::json(&assembled.report)?;
    } else {
        print::out(&assembled.report.render(WIDTH))?;
    }
    Ok(0)
}
