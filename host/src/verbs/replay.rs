//! `replay`: a run executed again from its records, and where it stood at any of them.

use crate::cli::Replay;
use crate::exit::{Failure, NOT_SO};
use crate::{open, print};
use journal::PluginState;
use runtime::replay::{ComponentReport, ReplayReport, Replayed, Stand, Verdict};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use types::{Item, Payload, Role, State};

/// Longest of what is recorded and of what came that a line shows, in characters.
const EXCERPT: usize = 400;

pub fn run(options: &Replay) -> Result<u8, Failure> {
    let Some(journal) = open::journal_to_read(&options.house.house)? else {
        return Err(Failure::new(
            NOT_SO,
            "there is nothing to replay: no agent has run in this house yet",
        )
        .help("begin one: charthouse run AGENT"));
    };
    let Some(wanted) = &options.run else {
        return all(&journal, options.json);
    };
    let run = journal.find_run(wanted)?;
    if options.plugins {
        return with_plugins(&journal, &run, options);
    }
    let Replayed { report, stand } = runtime::replay::replay(&journal, &run, options.until)?;
    if options.until.is_some() {
        match options.json {
            true => print::json(&stand_json(&stand, &report, options.payload))?,
            false => print::out(&stand_text(&stand, &report, options.payload))?,
        }
        return Ok(0);
    }
    tell(&report, options.json)?;
    Ok(code(&report))
}

/// The same, with the components called again.
fn with_plugins(journal: &journal::Journal, run: &str, options: &Replay) -> Result<u8, Failure> {
    let house = &options.house.house;
    // A mount must be a real path, and copies become mounts.
    let own = house.canonicalize().unwrap_or_else(|_| house.clone());
    let own = own.join(".charthouse");
    let state: Arc<dyn State> = Arc::new(PluginState::new(journal.path()));
    let sandbox = open::sandbox(own.join("cache"), Some(state));
    let (report, components) = open::block_on(runtime::replay::replay_components(
        journal, run, &sandbox, &own,
    ))??;
    let (different, explained) = components.different();
    match options.json {
        true => {
            let mut body = report_json(&report);
            body["components"] = json!(components);
            print::json(&body)?;
        }
        false => print::out(&(report_text(&report) + &components_text(&components)))?,
    }
    let same = different + explained + components.not_called.len() == 0;
    Ok(if same { code(&report) } else { NOT_SO })
}

fn components_text(components: &ComponentReport) -> String {
    let (different, explained) = components.different();
    let same = components.calls.len() - different - explained;
    let mut text = format!(
        "  called again: {} calls, {same} came to the same for the same fuel\n",
        components.calls.len()
    );
    // Writing to a String cannot fail.
    for call in components.calls.iter().filter(|call| !call.same) {
        let _ = writeln!(
            text,
            "  record {}: {} came to something else{}\n    recorded: {} (fuel {})\n    came:     {} (fuel {})",
            call.record,
            call.tool,
            call.because
                .as_ref()
                .map_or_else(String::new, |why| format!("; {why}")),
            excerpt(&call.expected.answer),
            call.expected.fuel,
            excerpt(&call.came.answer),
            call.came.fuel,
        );
    }
    for skipped in &components.not_called {
        let _ = writeln!(
            text,
            "  not called again: {} calls, the first is record {}: {}",
            skipped.count, skipped.first, skipped.why
        );
    }
    for note in &components.notes {
        let _ = writeln!(text, "  {note}");
    }
    text
}

fn all(journal: &journal::Journal, json: bool) -> Result<u8, Failure> {
    let (mut codes, mut told) = (0, Ok(()));
    runtime::replay::replay_all(journal, |report| {
        codes = codes.max(code(&report));
        if told.is_ok() {
            told = tell(&report, json);
        }
    })?;
    told?;
    Ok(codes)
}

fn tell(report: &ReplayReport, json: bool) -> Result<(), Failure> {
    match json {
        true => print::json(&report_json(report)),
        false => print::out(&report_text(report)),
    }
}

fn code(report: &ReplayReport) -> u8 {
    match report.verdict() {
        Verdict::Identical => 0,
        Verdict::Different | Verdict::Incomplete => NOT_SO,
    }
}

fn report_json(report: &ReplayReport) -> Value {
    let mut body = json!(report);
    body["verdict"] = json!(report.verdict());
    body["identical"] = json!(report.verdict() == Verdict::Identical);
    body
}

fn report_text(report: &ReplayReport) -> String {
    let compared = report.compared;
    let counted = [
        (compared.steps, "step", "steps"),
        (compared.migrations, "migration", "migrations"),
        (compared.snapshots, "snapshot", "snapshots"),
        (compared.payloads, "payload", "payloads"),
        (compared.grants, "grant", "grants"),
        (compared.items, "item", "items"),
        (compared.texts, "text", "texts"),
    ];
    let counted = counted.into_iter().filter(|(count, ..)| *count > 0);
    let counted: Vec<String> = counted
        .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect();
    let made = match counted.is_empty() {
        true => "nothing".to_owned(),
        false => counted.join(", "),
    };
    let verdict = match report.verdict() {
        Verdict::Identical => "identical",
        Verdict::Different => "different",
        Verdict::Incomplete => "not proven",
    };
    let mut text = format!(
        "{}  {}  {} records: {verdict}\n  made again: {made}\n",
        report.run, report.agent, report.records
    );
    // Writing to a String cannot fail.
    for skipped in &report.not_compared {
        let (count, what) = (skipped.count, skipped.what);
        let _ = writeln!(
            text,
            "  cannot be replayed: {count} × {what}, the first is record {}: {}",
            skipped.first, skipped.why
        );
    }
    for difference in &report.differences {
        let chunk = difference.chunk.as_ref();
        let chunk = chunk.map_or_else(String::new, |chunk| format!(" in the chunk `{chunk}`"));
        let _ = writeln!(
            text,
            "  record {}: another {}{chunk}\n    recorded: {}\n    came:     {}",
            difference.record,
            difference.what,
            excerpt(&difference.expected),
            excerpt(&difference.came)
        );
    }
    if report.more > 0 {
        let _ = writeln!(text, "  and {} more", report.more);
    }
    text
}

fn stand_json(stand: &Stand, report: &ReplayReport, payload: bool) -> Value {
    let mut body = json!(stand);
    body["verdict"] = json!(report.verdict());
    if payload {
        body["payload"] = json!(stand.payload);
    }
    body
}

fn stand_text(stand: &Stand, report: &ReplayReport, payload: bool) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<13} {value}");
    };
    line("run", &report.run);
    line("record", &stand.record.to_string());
    line("time", &runtime::rfc3339(stand.time));
    let version = stand.version.as_deref().unwrap_or("");
    line("agent", format!("{} {version}", stand.agent).trim_end());
    line("chart", stand.chart.as_deref().unwrap_or("unknown"));
    line("states", &stand.configuration.join(", "));
    line("data", &stand.data.to_string());
    for timer in &stand.timers {
        let due = runtime::rfc3339(timer.due);
        line("timer", &format!("{} at {due}", timer.event));
    }
    for activity in &stand.activities {
        line(
            "activity",
            &format!("{} of {}", activity.activity, activity.state),
        );
    }
    for (effect, what) in &stand.under_way {
        line("under way", &format!("#{effect} {what}"));
    }
    line("conversation", &format!("{} items", stand.conversation));
    if let Some(prompt) = &stand.prompt {
        line("said last", &excerpt(prompt));
    }
    if let Some(bound) = &stand.bound {
        let states = bound.states.join(", ");
        line(
            "bound",
            &format!(
                "{} as {} in {} ({states})",
                bound.workflow, bound.role, bound.instance
            ),
        );
    }
    line("spent", &format!("{} USD", stand.spent));
    for (plugin, hash) in &stand.plugins {
        line(
            "plugin",
            &format!("{plugin} {}", hash.get(..12).unwrap_or(hash)),
        );
    }
    if payload {
        match (&stand.payload, stand.inference) {
            (Some(payload), Some(effect)) => {
                let _ = write!(
                    text,
                    "\nwhat inference #{effect} was sent:\n{}",
                    readable(payload)
                );
            }
            _ => text.push_str("\nno payload before this record can be made again\n"),
        }
    }
    text
}

/// A payload for a person: tools by name, then each item under a line that says whose it is.
fn readable(payload: &Payload) -> String {
    let tools: Vec<&str> = payload.tools.iter().map(|tool| &*tool.name).collect();
    let mut text = format!(
        "--- {} at {}, tools: {}\n",
        payload.parameters.name,
        payload.parameters.provider,
        match tools.is_empty() {
            true => "none".to_owned(),
            false => tools.join(", "),
        }
    );
    for item in &payload.items {
        // Writing to a String cannot fail.
        let _ = match &**item {
            Item::Text {
                role, text: said, ..
            } => {
                let role = match role {
                    Role::System => "system",
                    Role::User => "user",
                };
                write!(text, "--- {role}\n{}\n", safe(&said.plain()))
            }
            Item::Assistant {
                text: said, calls, ..
            } => {
                let calls = calls.iter().map(|call| {
                    format!("[calls {} {}]\n", call.name, safe(&call.arguments.plain()))
                });
                let calls: String = calls.collect();
                write!(text, "--- model\n{}\n{calls}", safe(&said.plain()))
            }
            Item::Result(result) => {
                let failed = if result.failed { ", failed" } else { "" };
                let plain = safe(&result.text.plain());
                write!(text, "--- {}{failed}\n{plain}\n", result.name)
            }
        };
    }
    text
}

/// A text that cannot do anything to a terminal.
fn safe(text: &str) -> String {
    let safe = |c: char| {
        if c.is_control() && c != '\n' && c != '\t' {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().map(safe).collect()
}

fn excerpt(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(EXCERPT)
        .collect();
    if text.chars().count() > EXCERPT {
        line.push('…');
    }
    line
}
