//! JSON lines in, JSON lines out.

use crate::exit::{Failure, NOT_SO, USAGE};
use crate::print;
use chart::{Chart, InputLine, Line, Simulation};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Feed the events of the file `events` (`-` is standard input) to `chart`.
pub fn run(chart: &Chart, events: &Path) -> Result<u8, Failure> {
    let input = open(events)?;
    let (mut simulation, first) = Simulation::start(chart);
    if !show(&[first])? {
        return Ok(NOT_SO);
    }
    for (index, line) in input.lines().enumerate() {
        let line = line.map_err(|error| {
            Failure::new(
                USAGE,
                format!("cannot read line {} of the events: {error}", index + 1),
            )
        })?;
        let parsed =
            InputLine::parse(&line, index + 1).map_err(|error| Failure::new(USAGE, error))?;
        if let Some(input) = parsed
            && !show(&simulation.feed(&input))?
        {
            return Ok(NOT_SO);
        }
    }
    Ok(0)
}

fn open(events: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if events.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    match std::fs::File::open(events) {
        Ok(file) => Ok(Box::new(BufReader::new(file))),
        Err(error) => Err(Failure::new(
            USAGE,
            format!("cannot read {}: {error}", events.display()),
        )
        .help("give a file of JSON lines such as {\"event\":\"turn.done\"}, or `-` for standard input")),
    }
}

/// Print `lines`; false after an error, which is always the last.
fn show(lines: &[Line]) -> Result<bool, Failure> {
    for line in lines {
        print::json(line)?;
    }
    Ok(!lines.iter().any(|line| matches!(line, Line::Error { .. })))
}
