//! Charts by themselves: one file per verb. Nothing here runs an agent.

mod migrate;
mod run;
mod show;
mod test;
mod words;

use crate::cli::ChartVerb;
use crate::exit::Failure;

pub fn run(verb: &ChartVerb) -> Result<u8, Failure> {
    match verb {
        ChartVerb::Run { chart, events } => run::run(chart, events.as_deref()),
        ChartVerb::Migrate(options) => migrate::run(options),
        ChartVerb::Show(options) => show::run(options),
        ChartVerb::Test(options) => test::run(options),
    }
}
