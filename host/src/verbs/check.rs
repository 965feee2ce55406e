//! `check`: every mistake of a house at once.

use crate::cli::Check;
use crate::exit::{DEFINITIONS, Failure};
use crate::print;
use definitions::{House, Report};
use std::path::Path;
use types::ProviderKind;

pub fn run(options: &Check) -> Result<u8, Failure> {
    let (report, summary) = match definitions::load(&options.directory) {
        Ok(house) => {
            let report = with_scripts(&house);
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
        Err(report) => (report, String::new()),
    };
    let ok = report.is_ok();
    if options.json {
        print::json(&report.to_json())?;
    } else {
        print::err(&report.render(print::color_on_stderr()));
        if ok {
            print::out(&summary)?;
        }
    }
    Ok(if ok { 0 } else { DEFINITIONS })
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The house's warnings, and what is wrong with the scripts and cassettes that its providers play.
fn with_scripts(house: &House) -> Report {
    let mut findings = Vec::new();
    for provider in house.providers.values() {
        let shown = |file: &Path| {
            let inside = file.strip_prefix(&house.root).unwrap_or(file);
            inside.to_string_lossy().into_owned()
        };
        match &provider.kind {
            ProviderKind::Scripted { file } => {
                findings.extend(provider::check_script(file, &shown(file)));
            }
            ProviderKind::Replay { file } => {
                findings.extend(provider::check_cassette(file, &shown(file)));
            }
            ProviderKind::Http { .. } => {}
        }
    }
    house.report().with(findings)
}
