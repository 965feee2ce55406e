//! `chart test`: plays the scenarios of files, and adds up what they reached of each chart.

mod report;

use crate::cli::ChartTest;
use crate::exit::{DEFINITIONS, Failure, NOT_SO, USAGE};
use crate::print;
use crate::verbs::cases;
use chart::{Chart, Coverage, Outcome, Scenario};
use definitions::{ScenarioFile, load_scenarios};
use std::path::PathBuf;

const HELP: &str =
    "name scenario files or folders of them; `charthouse init` makes some in scenarios/";

/// All files, played.
struct Tested {
    files: Vec<PlayedFile>,
    /// One for each chart, in the order in which the files name them.
    charts: Vec<Covered>,
}

struct PlayedFile {
    path: String,
    chart: Chart,
    cases: Vec<(Scenario, Outcome)>,
}

/// What the cases of all files reached of one chart.
struct Covered {
    chart: Chart,
    path: String,
    coverage: Coverage,
}

pub fn run(options: &ChartTest) -> Result<u8, Failure> {
    let mut paths = Vec::new();
    for path in &options.cases {
        cases::find(path, HELP, &mut paths)?;
    }
    if paths.is_empty() {
        let message = format!(
            "there are no scenario files in {}",
            cases::shown(&options.cases)
        );
        return Err(Failure::new(USAGE, message)
            .help("a scenario file is a .yaml file that begins with `scenarios: NAME`"));
    }
    let Some(files) = cases::read(&paths, options.json, load_scenarios)? else {
        return Ok(DEFINITIONS);
    };
    let tested = play(files);
    match options.json {
        true => print::json(&report::json(&tested, options.min_coverage))?,
        false => {
            let paint = print::Paint::new(print::color_on_stdout());
            print::out(&report::text(&tested, options.min_coverage, paint))?;
        }
    }
    match tested.is_ok(options.min_coverage) {
        true => Ok(0),
        false => Ok(NOT_SO),
    }
}

impl Tested {
    fn is_ok(&self, minimum: Option<usize>) -> bool {
        self.failed() == 0 && self.charts.iter().all(|chart| chart.is_enough(minimum))
    }

    fn cases(&self) -> impl Iterator<Item = &(Scenario, Outcome)> {
        self.files.iter().flat_map(|file| &file.cases)
    }

    fn failed(&self) -> usize {
        self.cases()
            .filter(|(_, outcome)| outcome.failed.is_some())
            .count()
    }
}

impl Covered {
    fn is_enough(&self, minimum: Option<usize>) -> bool {
        let (states, transitions) = (self.coverage.states(), self.coverage.transitions());
        minimum.is_none_or(|least| states.percent() >= least && transitions.percent() >= least)
    }
}

fn play(files: Vec<(String, ScenarioFile)>) -> Tested {
    let mut tested = Tested {
        files: Vec::new(),
        charts: Vec::new(),
    };
    let mut real_paths: Vec<PathBuf> = Vec::new();
    for (path, file) in files {
        let chart = (*file.chart.chart).clone();
        let real = file
            .chart_path
            .canonicalize()
            .unwrap_or(file.chart_path.clone());
        let known = real_paths.iter().position(|path| *path == real);
        let index = known.unwrap_or_else(|| {
            real_paths.push(real);
            tested.charts.push(Covered {
                coverage: Coverage::none(&chart),
                chart: chart.clone(),
                path: file.chart_path.display().to_string(),
            });
            tested.charts.len() - 1
        });
        let played = file.cases.into_iter().map(|case| {
            let outcome = case.play(&chart);
            tested.charts[index].coverage.merge(&outcome.coverage);
            (case, outcome)
        });
        let cases = played.collect();
        tested.files.push(PlayedFile { path, chart, cases });
    }
    tested
}
