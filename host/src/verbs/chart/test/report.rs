//! What `chart test` prints: for people, and as JSON.

use super::{Covered, PlayedFile, Tested};
use crate::print::{BOLD, GREEN, Paint, RED, YELLOW, plain};
use crate::verbs::chart::words::arrow;
use chart::{Chart, Failed, Scenario, Share, TransitionId};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;
use types::{Place, write_duration};

/// The report for people.
pub fn text(tested: &Tested, minimum: Option<usize>, paint: Paint) -> String {
    let mut out = String::new();
    for file in &tested.files {
        let _ = writeln!(out, "{}", paint.with(BOLD, &file.path));
        for (case, outcome) in &file.cases {
            match &outcome.failed {
                None => {
                    let _ = writeln!(
                        out,
                        "  {}      {}",
                        paint.with(GREEN, "ok"),
                        plain(&case.name)
                    );
                }
                Some(failed) => {
                    let _ = writeln!(
                        out,
                        "  {}  {}",
                        paint.with(RED, "failed"),
                        plain(&case.name)
                    );
                    failure(&mut out, &file.chart, failed);
                }
            }
        }
    }
    for covered in &tested.charts {
        let _ = writeln!(
            out,
            "\n{} {}",
            paint.with(BOLD, covered.chart.name()),
            covered.path
        );
        let (states, transitions) = (covered.coverage.states(), covered.coverage.transitions());
        for (what, share) in [("states", states), ("transitions", transitions)] {
            let percent = format!("{:>3} %", share.percent());
            let style = if share.reached == share.total {
                GREEN
            } else {
                YELLOW
            };
            let percent = paint.with(style, &percent);
            let _ = writeln!(
                out,
                "  {what:<12} {percent}  {}/{}",
                share.reached, share.total
            );
        }
        never(&mut out, covered);
    }
    let cases = tested.cases().count();
    let failed = tested.failed();
    let _ = write!(
        out,
        "\n{cases} {}, ",
        if cases == 1 { "case" } else { "cases" }
    );
    let _ = match failed {
        0 => writeln!(out, "{}", paint.with(GREEN, "all as expected")),
        _ => writeln!(out, "{}", paint.with(RED, &format!("{failed} failed"))),
    };
    for covered in tested.charts.iter().filter(|c| !c.is_enough(minimum)) {
        let least = minimum.unwrap_or(0);
        let less = format!("{} is covered less than {least} %", covered.chart.name());
        let _ = writeln!(out, "{}", paint.with(RED, &less));
    }
    out
}

fn failure(out: &mut String, chart: &Chart, failed: &Failed) {
    let what = match (&failed.event, failed.step) {
        (_, 0) => "the start".to_owned(),
        (Some(event), step) => format!("step {step}, {event}"),
        (None, step) => format!("step {step}"),
    };
    let _ = writeln!(
        out,
        "    {}: {what}, at {}",
        failed.place,
        time(failed.time)
    );
    for mismatch in &failed.mismatches {
        let _ = writeln!(out, "      expected  {}", plain(&mismatch.expected));
        let _ = writeln!(out, "      but       {}", plain(&mismatch.actual));
    }
    match failed.path.len() {
        0 => out.push_str("      no transition was taken before\n"),
        _ => out.push_str("      how it got there:\n"),
    }
    for moved in &failed.path {
        let event = plain(moved.event.as_deref().unwrap_or("(start)"));
        let place = chart.transition(moved.transition).place().clone();
        let arrow = arrow(chart, moved.transition);
        let _ = writeln!(
            out,
            "        {:>6}  {event}: {arrow}  {place}",
            time(moved.time)
        );
    }
}

fn never(out: &mut String, covered: &Covered) {
    let chart = &covered.chart;
    let states = covered.coverage.unreached_states().map(|state| {
        let info = chart.state(state);
        (format!("state {}", info.id), &info.place)
    });
    let transitions = covered.coverage.unreached_transitions().map(|id| {
        let what = format!("transition {}", described(chart, id));
        (what, chart.transition(id).place())
    });
    let lines: Vec<(String, &Place)> = states.chain(transitions).collect();
    if !lines.is_empty() {
        out.push_str("  never reached:\n");
    }
    for (what, place) in lines {
        let _ = writeln!(out, "    {place}: {}", plain(&what));
    }
}

/// `orient → act on turn.done, if data.rounds < 3`.
fn described(chart: &Chart, transition: TransitionId) -> String {
    let info = chart.transition(transition);
    let mut text = arrow(chart, transition);
    let events: Vec<&str> = info.events().collect();
    match events.is_empty() {
        true => text.push_str(", always"),
        false => text.push_str(&format!(" on {}", events.join(", "))),
    }
    if let Some(guard) = info.guard() {
        text.push_str(&format!(", if {guard}"));
    }
    text
}

fn time(milliseconds: i64) -> String {
    write_duration(Duration::from_millis(
        u64::try_from(milliseconds).unwrap_or(0),
    ))
}

/// The report for programs.
pub fn json(tested: &Tested, minimum: Option<usize>) -> Value {
    let cases: Vec<Value> = tested
        .files
        .iter()
        .flat_map(|file| {
            let case = |(case, outcome): &(Scenario, chart::Outcome)| {
                case_json(file, case, outcome.failed.as_ref())
            };
            file.cases.iter().map(case).collect::<Vec<_>>()
        })
        .collect();
    let coverage = tested.charts.iter();
    json!({
        "ok": tested.is_ok(minimum),
        "cases": cases,
        "coverage": coverage.map(|covered| coverage_json(covered, minimum)).collect::<Vec<_>>(),
    })
}

fn case_json(file: &PlayedFile, case: &Scenario, failed: Option<&Failed>) -> Value {
    json!({
        "name": *case.name,
        "chart": file.chart.name(),
        "file": file.path,
        "line": case.name.place.line,
        "column": case.name.place.column,
        "ok": failed.is_none(),
        "failure": failed.map(|failed| json!({
            "step": failed.step,
            "event": failed.event,
            "time_ms": failed.time,
            "line": failed.place.line,
            "column": failed.place.column,
            "mismatches": failed.mismatches.iter().map(|mismatch| json!({
                "line": mismatch.place.line,
                "column": mismatch.place.column,
                "expected": mismatch.expected,
                "actual": mismatch.actual,
            })).collect::<Vec<_>>(),
            "path": failed.path.iter().map(|moved| {
                let mut entry = transition_json(&file.chart, moved.transition);
                entry["event"] = json!(moved.event);
                entry["time_ms"] = json!(moved.time);
                entry
            }).collect::<Vec<_>>(),
        })),
    })
}

fn coverage_json(covered: &Covered, minimum: Option<usize>) -> Value {
    let (chart, coverage) = (&covered.chart, &covered.coverage);
    let share = |share: Share| json!({ "reached": share.reached, "total": share.total, "percent": share.percent() });
    let states = coverage.unreached_states().map(|state| {
        let info = chart.state(state);
        json!({ "id": info.id, "file": info.place.file, "line": info.place.line, "column": info.place.column })
    });
    let transitions = coverage.unreached_transitions();
    json!({
        "chart": chart.name(),
        "file": covered.path,
        "enough": covered.is_enough(minimum),
        "states": share(coverage.states()),
        "transitions": share(coverage.transitions()),
        "unreached": {
            "states": states.collect::<Vec<_>>(),
            "transitions": transitions.map(|id| {
                let mut entry = transition_json(chart, id);
                entry["events"] = chart.transition(id).events().collect();
                entry
            }).collect::<Vec<_>>(),
        },
    })
}

fn transition_json(chart: &Chart, id: TransitionId) -> Value {
    let info = chart.transition(id);
    let targets: Vec<&str> = info
        .targets()
        .iter()
        .map(|t| &*chart.state(*t).id)
        .collect();
    json!({
        "source": chart.state(info.source()).id,
        "targets": targets,
        "guard": info.guard(),
        "file": info.place().file,
        "line": info.place().line,
        "column": info.place().column,
    })
}
