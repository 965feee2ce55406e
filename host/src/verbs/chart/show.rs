//! `chart show`: a chart as a picture, as text for other tools, or as a tree.

use crate::cli::{ChartFormat, ChartShow};
use crate::exit::{DEFINITIONS, Failure, USAGE};
use crate::{open, print};
use chart::draw::{self, TreeStyle};
use definitions::ChartBundle;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

/// How wide text for people is where the terminal does not say.
const COLUMNS: usize = 100;

pub fn run(options: &ChartShow) -> Result<u8, Failure> {
    let bundle = find(&options.chart, &options.house.house)?;
    let chart = &bundle.chart;
    let at: Vec<&str> = options.at.iter().map(|name| name.trim()).collect();
    let active =
        draw::active(chart, &at).map_err(|error| Failure::new(USAGE, &error).help(error.help()))?;
    let notes = chart.states().filter_map(|(state, _)| {
        let role = bundle.role_of(state)?;
        Some((state, vec![role.to_string()]))
    });
    let shown = draw::Options {
        about: bundle.doc.clone(),
        active,
        notes: notes.collect(),
    };
    let text = match options
        .format
        .unwrap_or_else(|| by_name(options.output.as_deref()))
    {
        ChartFormat::Svg => draw::svg(chart, &shown),
        ChartFormat::Mermaid => draw::mermaid(chart, &shown),
        ChartFormat::Dot => draw::dot(chart, &shown),
        ChartFormat::Tree => draw::tree(chart, &shown, style(options.output.is_none())),
    };
    match &options.output {
        None => print::out(&text)?,
        Some(file) => std::fs::write(file, text).map_err(|error| {
            Failure::new(USAGE, format!("cannot write {}: {error}", file.display()))
                .help("name a file in a directory that exists and that you may write to")
        })?,
    }
    Ok(0)
}

/// The format that the name of a file asks for.
fn by_name(file: Option<&Path>) -> ChartFormat {
    match file.and_then(Path::extension).and_then(|e| e.to_str()) {
        Some("svg") => ChartFormat::Svg,
        Some("mmd" | "mermaid") => ChartFormat::Mermaid,
        Some("dot" | "gv") => ChartFormat::Dot,
        _ => ChartFormat::Tree,
    }
}

fn style(to_terminal: bool) -> TreeStyle {
    let terminal = to_terminal && std::io::stdout().is_terminal();
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    TreeStyle {
        color: terminal && !plain,
        columns: COLUMNS,
    }
}

/// The chart in the file `chart` or, where there is none, the one of that name in the house.
fn find(chart: &Path, house: &Path) -> Result<Arc<ChartBundle>, Failure> {
    let name = chart
        .to_str()
        .filter(|text| !chart.exists() && !text.contains(['/', '\\']) && !text.ends_with(".yaml"));
    let Some(name) = name else {
        let (bundle, warnings) = definitions::load_chart(chart).map_err(|report| {
            Failure::report(DEFINITIONS, report.render(print::color_on_stderr()))
        })?;
        print::err(&warnings.render(print::color_on_stderr()));
        return Ok(Arc::new(bundle));
    };
    if !house.join("house.yaml").exists() {
        let message = format!(
            "there is no file `{name}`, and no house in {}",
            house.display()
        );
        return Err(Failure::new(USAGE, message)
            .help("name a chart's file, or a chart of the house that `--house DIR` names"));
    }
    let house = open::house(house)?;
    house.charts.get(name).cloned().ok_or_else(|| {
        let known: Vec<&str> = house.charts.keys().map(|name| &**name).collect();
        let message = format!("there is no file `{name}`, and the house has no chart of that name");
        Failure::new(USAGE, message).help(format!("its charts are: {}", known.join(", ")))
    })
}
