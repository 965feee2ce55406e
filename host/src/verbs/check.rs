//! `check`: every mistake of a house at once.

use crate::cli::{Check, DevOption};
use crate::exit::{DEFINITIONS, Failure};
use crate::print;
use crate::world::SystemClock;
use definitions::{House, Report};
use journal::{Journal, JournalError};
use runtime::RuntimeError;
use runtime::control::standing;
use sandbox::SandboxError;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use types::{Clock, Finding, Place, ProviderKind, Timestamp};

pub fn run(options: &Check) -> Result<u8, Failure> {
    let (report, summary) = match definitions::load(&options.directory) {
        Ok(house) => {
            let report = with_scripts(&house)
                .with(house.missing())
                .with(pins(&house, options.pins))
                .with(no_components(&house))
                .with(control(&house))
                .with(not_yet_priced(&house, SystemClock::new().now()))
                .with_lines_of(&house.root);
            let summary = format!(
                "{}: {}, {}, {}, {}: no errors\n",
                house.name,
                count(house.agents.len(), "agent", "agents"),
                count(house.charts.len(), "chart", "charts"),
                count(house.policies.len(), "policy", "policies"),
                count(house.plugins.len(), "plugin", "plugins"),
            );
            (report, summary)
        }
        Err(report) => {
            let scripts = definitions::scripts_in(&options.directory);
            let report = scripts.iter().fold(report, |report, (file, shown)| {
                report.join(script(file, shown))
            });
            (report, String::new())
        }
    };
    let report = report.join(definitions::check_beside(&options.directory));
    let ok = report.is_ok();
    if options.json {
        print::json(&report.to_json())?;
    } else {
        print::err(&report.render(print::color_on_stderr()));
        if ok && !summary.is_empty() {
            print::out(&summary)?;
        }
    }
    Ok(if ok { 0 } else { DEFINITIONS })
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Components that are not the pinned ones, or not signed as they must be: no run would use them.
fn pins(house: &House, pins: DevOption) -> Vec<Finding> {
    let refused = house.plugins.values().filter_map(|plugin| {
        let error = sandbox::admit(&plugin.component).err()?;
        let lenient = pins.dev && matches!(error, SandboxError::NotPinned { .. });
        let finding = match lenient {
            true => Finding::warning,
            false => Finding::error,
        };
        let (message, help) = error.parts();
        Some(finding(&plugin.place, message, help))
    });
    refused.collect()
}

/// Components that are none, by how they begin: whether one works, only a call tells.
fn no_components(house: &House) -> Vec<Finding> {
    let none = house.plugins.values().filter_map(|plugin| {
        let path = &plugin.component.path;
        let mut beginning = [0; 4];
        // What cannot be read is said elsewhere; what is shorter is none.
        let mut file = File::open(path).ok()?;
        if file.read_exact(&mut beginning).is_ok() && beginning == *b"\0asm" {
            return None;
        }
        let inside = path.strip_prefix(&house.root).unwrap_or(path);
        Some(Finding::warning(
            &plugin.place,
            format!("`{}` is no WebAssembly: every call of its tools would fail", inside.display()),
            "name the .wasm file that a build made; `charthouse plugin inspect FILE` says what is in one",
        ))
    });
    none.collect()
}

/// Prices of models that agents ask, which do not count yet at `now`: until they do, nobody knows what a call costs.
fn not_yet_priced(house: &House, now: Timestamp) -> Vec<Finding> {
    let asked = |name: &str| {
        let mut agents = house.agents.values();
        agents.any(|agent| {
            let mut models = std::iter::once(&agent.model).chain(&agent.fallback);
            models.any(|model| {
                let provider = house.providers.get(&model.provider);
                // Scripts and cassettes cost nothing, whatever they call their model.
                let billed = provider.filter(|one| matches!(one.kind, ProviderKind::Http { .. }));
                billed.is_some_and(|one| one.model.as_deref().unwrap_or(&model.name) == name)
            })
        })
    };
    let later = house.priced.iter().filter_map(|model| {
        let prices = house.prices.get(&model.value)?;
        let first = prices.first().filter(|first| first.from > now)?;
        asked(&model.value).then(|| {
            Finding::warning(
                &model.place,
                format!(
                    "the price of `{}` counts from {} on: what is asked before has no price, and is refused where money is limited",
                    print::plain(&model.value),
                    change::day(first.from)
                ),
                "write another with an earlier `from`, or an earlier one here",
            )
        })
    });
    later.collect()
}

/// Where drafts lie in the house that are not released, and what is in force without having been approved. Drafts are worked on: they are no mistake here.
fn control(house: &House) -> Vec<Finding> {
    let at = |file: &str| Place::new(file, 1, 1);
    let journal = match Journal::open_read_only(&house.store) {
        Ok(journal) => Some(journal),
        Err(JournalError::Missing { .. }) => None,
        // What is wrong with it, `doctor` says.
        Err(_) => return Vec::new(),
    };
    let now = SystemClock::new().now();
    let stands = match standing(house.clone(), journal.as_ref(), now) {
        Ok(stands) => stands,
        Err(RuntimeError::NotReleased(refused)) => {
            let message = format!("no run begins: {refused}");
            return vec![Finding::warning(&at("house.yaml"), message, refused.help())];
        }
        Err(_) => return Vec::new(),
    };
    let begin = (stands.controlled && !stands.baseline).then(|| {
        Finding::warning(
            &at("house.yaml"),
            "this house is to be controlled and has no baseline: nothing in it can be run",
            "charthouse change baseline --as NAME",
        )
    });
    let drafts = stands.drafts.iter().map(|draft| {
        let message = format!("{draft}");
        Finding::warning(&at(&draft.file), message, draft.hint())
    });
    let emergencies = stands.emergencies.iter().map(|line| {
        Finding::warning(
            &at("house.yaml"),
            line,
            "have others of the board approve it, or reject it",
        )
    });
    begin.into_iter().chain(drafts).chain(emergencies).collect()
}

/// The house's warnings, and what is wrong with the scripts and cassettes that its providers play.
fn with_scripts(house: &House) -> Report {
    let mut report = house.report();
    for provider in house.providers.values() {
        let shown = |file: &Path| {
            let inside = file.strip_prefix(&house.root).unwrap_or(file);
            inside.to_string_lossy().into_owned()
        };
        report = match &provider.kind {
            ProviderKind::Scripted { file } => report.join(script(file, &shown(file))),
            ProviderKind::Replay { file } => {
                report.with(provider::check_cassette(file, &shown(file)))
            }
            ProviderKind::Http { .. } => report,
        };
    }
    report
}

/// What is wrong with the script in `file`, which is called `shown`.
fn script(file: &Path, shown: &str) -> Report {
    let judge = || provider::check_script(file, shown);
    definitions::check_yaml(file, shown, SCRIPT, judge)
}

/// How a script begins.
const SCRIPT: &str = "begin it with `script: NAME`, then `replies: [{ text: Hello. }]`";
