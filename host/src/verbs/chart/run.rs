//! `chart run`: a chart by itself on a virtual clock. Activities are listed, not performed. On a terminal it is a conversation; everywhere else it
//! reads and writes JSON lines.

mod command;
mod lines;
mod record;
mod screen;
mod session;
mod story;
#[cfg(test)]
mod tests;

use crate::exit::{DEFINITIONS, Failure, NOT_SO};
use crate::print;
use std::io::IsTerminal;
use std::path::Path;

pub fn run(chart: &Path, events: Option<&Path>) -> Result<u8, Failure> {
    let (bundle, warnings) = definitions::load_chart(chart)
        .map_err(|report| Failure::report(DEFINITIONS, report.render(print::color_on_stderr())))?;
    print::err(&warnings.render(print::color_on_stderr()));
    let talk = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if events.is_some() || !talk {
        return lines::run(&bundle.chart, events.unwrap_or(Path::new("-")));
    }
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let paint = print::Paint::new(print::color_on_stdout());
    match session::talk(&bundle, chart, paint, &mut input, &mut output) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(NOT_SO, format!("the session ended: {error}")))
        }
        _ => Ok(0),
    }
}
