//! A session as a file: as scenarios for `chart test`, or as events for `chart run --events`.

use chart::{Scenario, Step};
use definitions::scenarios_text;
use serde_json::json;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use types::{Marked, Place};

/// The scenario file that has `steps` as its only case.
pub fn scenario(chart: &Path, file: &Path, steps: &[Step]) -> String {
    let case = Scenario {
        name: Marked::new("a session".into(), Place::built_in("session")),
        doc: Some("Recorded with `charthouse chart run`; say in its name what it shows.".into()),
        steps: steps.to_vec(),
    };
    let name = file
        .file_stem()
        .map_or_else(String::new, |stem| name(&stem.to_string_lossy()));
    scenarios_text(&name, &relative(chart, file), &[case])
}

/// What can be the name of scenarios.
fn name(text: &str) -> String {
    let letter = |c: char| if c.is_alphanumeric() { c } else { '-' };
    let name: String = text.chars().map(letter).collect();
    match name.trim_matches('-') {
        "" => "session".into(),
        name => name.to_owned(),
    }
}

/// The path to `chart` from the folder that `file` lies in.
fn relative(chart: &Path, file: &Path) -> String {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => real(folder),
        _ => real(Path::new(".")),
    };
    let chart = real(chart);
    let (from, to): (Vec<Component>, Vec<Component>) =
        (folder.components().collect(), chart.components().collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[common..].iter().map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to[common..].iter().copied()).collect();
    path.to_string_lossy().into_owned()
}

/// `steps` as JSON lines, and how much time at the end no event follows.
pub fn events(steps: &[Step]) -> (String, i64) {
    let mut out = String::new();
    let mut passed: i64 = 0;
    for step in steps {
        passed = passed.saturating_add(step.after_ms.unwrap_or(0));
        if let Some(event) = &step.event {
            let mut line = json!({ "event": event });
            if step.data != types::Value::Null {
                line["data"] = step.data.to_json();
            }
            if passed > 0 {
                line["after_ms"] = json!(passed);
            }
            out.push_str(&format!("{line}\n"));
            passed = 0;
        }
    }
    (out, passed)
}

/// Write `text` to `file`; over an existing one only where `over`.
pub fn write(file: &Path, over: bool, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    match over {
        true => options.write(true).create(true).truncate(true),
        false => options.write(true).create_new(true),
    };
    options.open(file)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use types::Value;

    fn step(after_ms: Option<i64>, event: Option<&str>) -> Step {
        Step {
            place: Place::built_in("session"),
            after_ms,
            event: event.map(Arc::from),
            data: Value::Null,
            expected: Vec::new(),
        }
    }

    #[test]
    fn time_is_counted_from_the_event_before() {
        let steps = [
            step(Some(5), None),
            step(Some(10), Some("a")),
            step(None, Some("b")),
            step(Some(7), None),
        ];
        let (lines, left) = events(&steps);
        assert_eq!(
            lines,
            "{\"event\":\"a\",\"after_ms\":15}\n{\"event\":\"b\"}\n"
        );
        assert_eq!(left, 7);
    }

    #[test]
    fn the_chart_is_named_from_where_the_file_lies() {
        let place = tempfile::tempdir().unwrap();
        for folder in ["charts", "scenarios/deep"] {
            std::fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        let chart = place.path().join("charts/a.yaml");
        std::fs::write(&chart, "").unwrap();
        let at = |file: &str| relative(&chart, &place.path().join(file));
        assert_eq!(at("scenarios/deep/s.yaml"), "../../charts/a.yaml");
        assert_eq!(at("s.yaml"), "charts/a.yaml");
        assert_eq!(at("charts/s.yaml"), "a.yaml");
        assert_eq!(name("my session!"), "my-session");
        assert_eq!(name("."), "session");
    }
}
