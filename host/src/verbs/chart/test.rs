//! `chart test`: plays the scenarios of files, and adds up what they reached of each chart.

mod report;

use crate::cli::ChartTest;
use crate::exit::{DEFINITIONS, Failure, NOT_SO, USAGE};
use crate::print;
use chart::{Chart, Coverage, Outcome, Scenario};
use definitions::{Report, ScenarioFile, load_scenarios};
use std::path::{Path, PathBuf};

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
        find(path, &mut paths)?;
    }
    if paths.is_empty() {
        let message = format!("there are no scenario files in {}", shown(&options.cases));
        return Err(Failure::new(USAGE, message)
            .help("a scenario file is a .yaml file that begins with `scenarios: NAME`"));
    }
    let (files, report) = load(&paths);
    if !report.is_ok() && options.json {
        print::json(&report.to_json())?;
        return Ok(DEFINITIONS);
    }
    let rendered = report.render(print::color_on_stderr());
    if !report.is_ok() {
        return Err(Failure::report(DEFINITIONS, rendered));
    }
    print::err(&rendered);
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

/// Read all files, so that one report holds all that is wrong with any of them.
fn load(paths: &[PathBuf]) -> (Vec<(String, ScenarioFile)>, Report) {
    let mut files = Vec::new();
    let mut all = Report::default();
    for path in paths {
        let report = match load_scenarios(path) {
            Ok((file, warnings)) => {
                files.push((path.display().to_string(), file));
                warnings
            }
            Err(report) => report,
        };
        all = all.join(report);
    }
    (files, all)
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

/// The scenario files that `path` means: itself, or what a folder holds.
fn find(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::new(USAGE, format!("cannot read {}: {error}", path.display())).help(
            "name scenario files or folders of them; `charthouse init` makes some in scenarios/",
        )
    };
    if !std::fs::metadata(path).map_err(cannot)?.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(path).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        // A linked folder may lead round in a circle.
        let is_folder = entry.file_type().map_err(cannot)?.is_dir();
        let path = entry.path();
        let is_yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && (is_folder || (is_yaml && path.is_file())) {
            inside.push(path);
        }
    }
    inside.sort();
    inside.iter().try_for_each(|path| find(path, found))
}

fn shown(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}
