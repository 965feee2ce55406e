//! `plugin test`: runs cases against a component, one after the other, each in a directory and over a state of its own.
//!
//! A case comes to the same each time: the clock stands still at one instant, chance is seeded from the case's name, and nothing that is printed depends on how
//! long anything took.

mod case;
mod difference;
mod meets;
mod report;

use super::Named;
use crate::cli::PluginTest;
use crate::exit::{DEFINITIONS, Failure, NOT_SO, USAGE};
use crate::verbs::cases;
use crate::{open, print};
use definitions::load_plugin_tests;
use meets::Unmet;
use std::sync::Arc;
use types::{Outcome, Place};

const HELP: &str = "name files of cases, or folders of them; such a file begins with `tests: NAME`";

/// One case, run.
struct Tested {
    /// The file it stands in, as the command line names it.
    file: String,
    name: String,
    place: Place,
    tool: String,
    outcome: Outcome,
    unmet: Vec<Unmet>,
}

pub fn run(options: &PluginTest) -> Result<u8, Failure> {
    let mut paths = Vec::new();
    for path in &options.cases {
        cases::find(path, HELP, &mut paths)?;
    }
    if paths.is_empty() {
        let message = format!(
            "there are no files of cases in {}",
            cases::shown(&options.cases)
        );
        return Err(Failure::new(USAGE, message).help(HELP));
    }
    let Some(files) = cases::read(&paths, options.json, load_plugin_tests)? else {
        return Ok(DEFINITIONS);
    };
    let policy = options.policy.as_deref().map(super::policy_file);
    let policy = policy.transpose()?;
    let named = Named::find(&options.component, &options.house.house, options.pins)?;
    let state = Arc::new(case::CaseState::default());
    let sandbox = open::sandbox(named.cache.clone(), Some(state.clone()));
    let tested = open::block_on(async {
        let plugin = named.load(&sandbox).await?;
        let bench = case::Bench {
            sandbox: &sandbox,
            plugin: &plugin,
            state: &state,
            policy: policy.as_ref(),
            house: &options.house.house,
        };
        let mut tested = Vec::new();
        for (path, file) in &files {
            for case in &file.cases {
                if options
                    .only
                    .as_ref()
                    .is_none_or(|only| case.name.contains(only))
                {
                    tested.push(bench.run(path, file, case).await?);
                }
            }
        }
        Ok::<_, Failure>(tested)
    })??;
    if let Some(only) = options.only.as_ref().filter(|_| tested.is_empty()) {
        return Err(Failure::new(
            USAGE,
            format!("no case has `{only}` in its name"),
        ));
    }
    match options.json {
        true => print::json(&report::json(&tested))?,
        false => {
            let paint = print::Paint::new(print::color_on_stdout());
            print::out(&report::text(&tested, paint))?;
        }
    }
    match tested.iter().all(|case| case.unmet.is_empty()) {
        true => Ok(0),
        false => Ok(NOT_SO),
    }
}
