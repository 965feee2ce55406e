//! Pictures of charts as people write them: in no shipped chart, and in none of forty states, does anything overlap.

use chart::draw::{Options, picture, svg};
use charthouse_definitions::{ChartBundle, load_chart};
use std::path::{Path, PathBuf};

fn load(path: &Path) -> ChartBundle {
    let (bundle, _) = load_chart(path).unwrap_or_else(|report| panic!("{}", report.render(false)));
    bundle
}

/// The charts that are shipped.
fn shipped() -> Vec<PathBuf> {
    let charts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../charts");
    let folders = ["cognition", "workflows"].map(|folder| charts.join(folder));
    let files = folders.iter().flat_map(|folder| {
        let entries = std::fs::read_dir(folder).expect("a folder of charts");
        entries.map(|entry| entry.expect("a chart").path())
    });
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .filter(|path| std::fs::read_to_string(path).is_ok_and(|text| text.starts_with("chart:")))
        .collect();
    files.sort();
    files
}

fn options(bundle: &ChartBundle) -> Options {
    let states = bundle.chart.states();
    let roles = states.filter_map(|(id, _)| Some((id, vec![bundle.role_of(id)?.to_string()])));
    Options {
        about: bundle.doc.clone(),
        notes: roles.collect(),
        ..Options::default()
    }
}

/// Nothing overlaps, and it fits a page.
fn check(path: &Path) {
    let bundle = load(path);
    let picture = picture(&bundle.chart, &options(&bundle));
    let faults = picture.faults();
    assert!(faults.is_empty(), "{}: {faults:#?}", path.display());
    let (width, height) = (picture.width, picture.height);
    assert!(
        width < 4 * height && height < 4 * width,
        "{}: {width} x {height}",
        path.display()
    );
}

#[test]
fn nothing_overlaps_in_the_shipped_charts() {
    let shipped = shipped();
    assert!(shipped.len() >= 2, "{shipped:?}");
    shipped.iter().for_each(|path| check(path));
}

#[test]
fn nothing_overlaps_in_a_chart_of_forty_states() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drawing/release-train.yaml");
    check(&path);
    assert!(load(&path).chart.states().count() >= 40);
}

#[test]
fn a_workflow_shows_its_roles() {
    let charts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../charts");
    let bundle = load(&charts.join("workflows/implement-review.yaml"));
    let text = svg(&bundle.chart, &options(&bundle));
    assert!(text.contains(">implementer</text>"), "{text}");
    assert!(text.contains("three rounds at most"));
}
