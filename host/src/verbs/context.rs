//! `context`: what the model sees, as a picture or as JSON, and where two requests part.

use crate::cli::{ContextDiff, ContextShow, ContextVerb};
use crate::exit::{Failure, NOT_SO, USAGE};
use crate::run_of::run_of;
use crate::{open, print};
use context::{MapReport, Scale};
use runtime::{Looking, Turn, Turns};
use serde_json::json;

/// Text for people fits this.
const WIDTH: usize = 100;

pub fn run(verb: &ContextVerb) -> Result<u8, Failure> {
    match verb {
        ContextVerb::Show(options) => show(options),
        ContextVerb::Diff(options) => diff(options),
    }
}

fn show(options: &ContextShow) -> Result<u8, Failure> {
    let (report, title) = match &options.run {
        Some(run) => sent(options, run)?,
        None => would_be_sent(options)?,
    };
    if let Some(file) = &options.html {
        std::fs::write(file, report.html(&title)).map_err(|error| {
            Failure::new(
                USAGE,
                format!(
                    "the picture cannot be written to {}: {error}",
                    file.display()
                ),
            )
        })?;
    }
    if options.json {
        print::json(&report)?;
    } else if options.html.is_none() {
        print::out(&report.render(WIDTH))?;
    }
    Ok(0)
}

/// What the agent would be sent if it thought now.
fn would_be_sent(options: &ContextShow) -> Result<(MapReport, String), Failure> {
    let services = open::services(open::house(&options.house.house)?);
    let house = &services.house;
    let journal = open::store_to_read(&house.root, &house.store)?;
    let looking = Looking {
        agent: options.agent.clone(),
        state: options.state.clone(),
        prompt: options.prompt.clone(),
    };
    let looked = runtime::look(&services, journal.as_ref(), &looking);
    let assembled = open::block_on(looked)??;
    let title = match &options.state {
        Some(state) => format!("{} in {state}", options.agent),
        None => options.agent.clone(),
    };
    Ok((assembled.report, title))
}

/// What a run has sent.
fn sent(options: &ContextShow, run: &str) -> Result<(MapReport, String), Failure> {
    let (run, read) = turns(&options.house.house, run, Some(&options.agent))?;
    let number = options.turn.unwrap_or(read.turns.len());
    let turn = take(&run, read.turns, number)?;
    let title = format!(
        "{}, run {run}, request {number}, in {}",
        options.agent, turn.state
    );
    Ok((turn.report, title))
}

/// What a run has sent: of `agent`, whose latest is meant by `latest` then.
fn turns(
    house: &std::path::Path,
    run: &str,
    agent: Option<&str>,
) -> Result<(String, Turns), Failure> {
    let Some(journal) = open::journal_to_read(house)? else {
        return Err(Failure::new(
            NOT_SO,
            format!("there is no run `{run}`: no agent has run in this house yet"),
        )
        .help("begin one: charthouse run AGENT"));
    };
    let run = match agent {
        Some(agent) => run_of(&journal, agent, run)?,
        None => journal.find_run(run)?,
    };
    let read = runtime::turns(&journal, &run)?;
    Ok((run, read))
}

fn take(run: &str, turns: Vec<Turn>, number: usize) -> Result<Turn, Failure> {
    let count = turns.len();
    let mut found = turns.into_iter().filter(|turn| turn.number == number);
    found.next().ok_or_else(|| {
        let what = match count {
            0 => format!("the run {run} has sent no request"),
            1 => format!("the run {run} has sent one request: there is no request {number}"),
            _ => format!(
                "the run {run} has sent the requests 1 to {count}: there is no request {number}"
            ),
        };
        Failure::new(NOT_SO, what)
    })
}

fn diff(options: &ContextDiff) -> Result<u8, Failure> {
    let (run, read) = turns(&options.house.house, &options.run, None)?;
    let Turns { turns, items } = read;
    let mut wanted: Vec<Turn> = turns;
    let later = wanted
        .iter()
        .position(|turn| turn.number == options.later)
        .map(|at| wanted.remove(at));
    let later = match later {
        Some(later) => later,
        None => take(&run, wanted.split_off(0), options.later)?,
    };
    let earlier = match options.earlier == options.later {
        true => {
            return Err(Failure::new(
                USAGE,
                format!("request {} is the same as itself", options.earlier),
            )
            .help("name two requests of the run: charthouse context diff 3 4"));
        }
        false => take(&run, wanted, options.earlier)?,
    };
    let tokens_of = |range: std::ops::Range<usize>| {
        let items = items.get(range).unwrap_or_default();
        items.iter().map(|item| item.tokens).sum()
    };
    // The account is in the provider's tokens as they were known then; the shapes are as they were counted.
    let known = later.report.calibration.as_ref();
    let scale = known.map_or(Scale::ONE, |known| {
        Scale::of_thousandths((known.factor * 1e3).round() as u32)
    });
    let shared = later.shape.shared(&earlier.shape, tokens_of).scaled(scale);
    if options.json {
        print::json(&json!({
            "run": run, "earlier": options.earlier, "later": options.later,
            "total": later.report.total, "shared": shared.tokens,
            "sent_anew": later.report.total.saturating_sub(shared.tokens),
            "parts_at": shared.parts_at,
        }))?;
    } else {
        print::out(&shared.render(WIDTH))?;
    }
    Ok(0)
}
