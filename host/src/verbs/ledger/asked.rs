//! What was asked of the ledger, in its own words.

use crate::cli::{By, Compared, Ledger as Options};
use crate::exit::{Failure, USAGE};
use crate::verbs::journal::when::Zone;
use crate::world::SystemClock;
use ::journal::Journal;
use ::ledger::{Dimension, Filter};
use types::{Clock, Timestamp};

/// Which costs count.
///
/// # Errors
/// For what is no time, an end before its beginning, and a run that is not there.
pub fn filter(options: &Options, journal: Option<&Journal>) -> Result<Filter, Failure> {
    let now = SystemClock::new().now();
    // As budgets are: by days of UTC.
    let zone = Zone::new(true);
    let read = |option: &str, text: &Option<String>| -> Result<_, Failure> {
        let Some(text) = text else { return Ok(None) };
        Ok(Some(zone.before(zone.read(option, text, now)?, now)))
    };
    let since = read("--since", &options.since)?.map(|span| Timestamp(span.from));
    let until = read("--until", &options.until)?.map(|span| Timestamp(span.until));
    if let (Some(since), Some(until)) = (since, until)
        && until <= since
    {
        return Err(Failure::new(
            USAGE,
            "--until is before --since: nothing lies between them",
        )
        .help("write the earlier one after --since"));
    }
    Ok(Filter {
        since,
        until,
        only: only(options, journal)?,
    })
}

fn only(options: &Options, journal: Option<&Journal>) -> Result<Vec<(Dimension, String)>, Failure> {
    let only = &options.only;
    // Of a house without records there is nothing to find.
    let found = |ids: &[String]| -> Result<Vec<String>, Failure> {
        let found = ids.iter().map(|id| match journal {
            Some(journal) => journal.find_run(id),
            None => Ok(id.clone()),
        });
        Ok(found.collect::<Result<_, _>>()?)
    };
    let (runs, instances) = (found(&only.run)?, found(&only.instance)?);
    let purposes: Vec<String> = only
        .purpose
        .iter()
        .map(|purpose| purpose.as_str().to_owned())
        .collect();
    let named = [
        (Dimension::Agent, &only.agent),
        (Dimension::Run, &runs),
        (Dimension::Workflow, &only.workflow),
        (Dimension::Instance, &instances),
        (Dimension::Role, &only.role),
        (Dimension::State, &only.state),
        (Dimension::Tool, &only.tool),
        (Dimension::Plugin, &only.plugin),
        (Dimension::Model, &only.model),
        (Dimension::Provider, &only.provider),
        (Dimension::Purpose, &purposes),
    ];
    let all = named
        .into_iter()
        .flat_map(|(dimension, names)| names.iter().map(move |name| (dimension, name.clone())));
    Ok(all.collect())
}

/// The one workflow that is compared on, which is then asked of the instances and not of the costs.
pub fn workflow(options: &Options, mut filter: Filter) -> (Option<String>, Filter) {
    match &options.only.workflow[..] {
        [one] => {
            filter
                .only
                .retain(|(dimension, _)| *dimension != Dimension::Workflow);
            (Some(one.clone()), filter)
        }
        _ => (None, filter),
    }
}

/// What to group by, each once.
pub fn dimensions(by: &[By]) -> Vec<Dimension> {
    let mut dimensions: Vec<Dimension> = Vec::new();
    for by in by {
        let dimension = dimension(*by);
        if !dimensions.contains(&dimension) {
            dimensions.push(dimension);
        }
    }
    dimensions
}

fn dimension(by: By) -> Dimension {
    match by {
        By::Agent => Dimension::Agent,
        By::Version => Dimension::Version,
        By::Revision => Dimension::Revision,
        By::Role => Dimension::Role,
        By::Workflow => Dimension::Workflow,
        By::Instance => Dimension::Instance,
        By::State => Dimension::State,
        By::Tool => Dimension::Tool,
        By::Plugin => Dimension::Plugin,
        By::Generation => Dimension::Generation,
        By::Model => Dimension::Model,
        By::Provider => Dimension::Provider,
        By::Run => Dimension::Run,
        By::Purpose => Dimension::Purpose,
        By::Day => Dimension::Day,
    }
}

/// What to compare.
pub fn compared(by: Compared) -> Dimension {
    match by {
        Compared::Agent => Dimension::Agent,
        Compared::Version => Dimension::Version,
        Compared::Revision => Dimension::Revision,
        Compared::Model => Dimension::Model,
        Compared::Provider => Dimension::Provider,
        Compared::Role => Dimension::Role,
        Compared::Workflow => Dimension::Workflow,
    }
}
