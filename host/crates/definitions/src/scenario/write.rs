//! Scenarios as YAML again, for sessions of the simulator that are kept. What is written reads back as the same.

use ::chart::{EFFECT_KINDS, EffectPattern, Expectation, Expected, Scenario, Step};
use std::fmt::Write;
use std::time::Duration;
use types::{Value, write_duration};

/// The text of a scenario file: its name, its chart's path relative to where it will lie, its cases.
pub fn scenarios_text(name: &str, chart: &str, cases: &[Scenario]) -> String {
    let mut out = format!("scenarios: {name}\nchart: {}\ncases:\n", quoted(chart));
    for case in cases {
        let _ = writeln!(out, "  - name: {}", quoted(&case.name));
        if let Some(doc) = &case.doc {
            let _ = writeln!(out, "    doc: {}", quoted(doc));
        }
        if case.steps.is_empty() {
            out.push_str("    steps: []\n");
            continue;
        }
        out.push_str("    steps:\n");
        for step in &case.steps {
            let _ = writeln!(out, "      - {}", written(step));
        }
    }
    out
}

fn written(step: &Step) -> String {
    let mut fields = Vec::new();
    if let Some(after) = step.after_ms {
        fields.push(format!("after: {}", time(after)));
    }
    if let Some(event) = &step.event {
        fields.push(format!("event: {}", quoted(event)));
    }
    if step.data != Value::Null {
        fields.push(format!("data: {}", step.data));
    }
    let conditions: Vec<String> = step.expected.iter().filter_map(condition).collect();
    if !conditions.is_empty() {
        fields.push(format!("expect: [{}]", conditions.join(", ")));
    }
    for (key, wanted) in [("in", true), ("not_in", false)] {
        let states = step.expected.iter().filter_map(|e| match &e.what {
            Expected::In(state) if wanted => Some(quoted(state)),
            Expected::NotIn(state) if !wanted => Some(quoted(state)),
            _ => None,
        });
        let states: Vec<String> = states.collect();
        if !states.is_empty() {
            fields.push(format!("{key}: [{}]", states.join(", ")));
        }
    }
    fields.extend(step.expected.iter().filter_map(other));
    if let ([], None, Some(event)) = (step.expected.as_slice(), step.after_ms, &step.event)
        && step.data == Value::Null
    {
        return quoted(event);
    }
    format!("{{ {} }}", fields.join(", "))
}

fn condition(expectation: &Expectation) -> Option<String> {
    match &expectation.what {
        Expected::Data(part) => Some(part.to_string()),
        Expected::Condition(condition) => Some(json(condition.text())),
        _ => None,
    }
}

fn other(expectation: &Expectation) -> Option<String> {
    let names = |names: &[std::sync::Arc<str>]| {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        format!("[{}]", names.join(", "))
    };
    Some(match &expectation.what {
        Expected::In(_) | Expected::NotIn(_) | Expected::Data(_) | Expected::Condition(_) => {
            return None;
        }
        Expected::Configuration(states) => format!("configuration: {}", names(states)),
        Expected::Effects(patterns) => {
            let patterns: Vec<String> = patterns.iter().map(effect).collect();
            format!("effects: [{}]", patterns.join(", "))
        }
        Expected::Open(signals) => format!("open: {}", names(signals)),
        Expected::Timers(timers) => {
            let timed = timers.iter().map(|(event, left)| match left {
                Some(left) => format!("{}: {}", quoted(event), time(*left)),
                None => quoted(event),
            });
            let list = timed.collect::<Vec<_>>().join(", ");
            match timers.iter().any(|(_, left)| left.is_some()) {
                true => format!("timers: {{ {list} }}"),
                false => format!("timers: [{list}]"),
            }
        }
        Expected::Running(activities) => format!("running: {}", names(activities)),
        Expected::Done(done) => format!("done: {done}"),
        Expected::Output(part) => format!("output: {part}"),
    })
}

fn effect(pattern: &EffectPattern) -> String {
    let kind = pattern.fields.get("type").and_then(Value::as_text);
    let kind = EFFECT_KINDS.iter().find(|known| Some(known.name) == kind);
    let (Value::Map(fields), Some(kind)) = (&pattern.fields, kind) else {
        return "{}".into();
    };
    let main = fields.get(kind.main).cloned().unwrap_or_default();
    let mut out = format!("{{ {}: {main}", kind.name);
    for (name, value) in fields.iter() {
        if &**name != "type" && &**name != kind.main {
            let _ = write!(out, ", {name}: {value}");
        }
    }
    out.push_str(" }");
    out
}

fn time(milliseconds: i64) -> String {
    write_duration(Duration::from_millis(
        u64::try_from(milliseconds).unwrap_or(0),
    ))
}

/// A name as it is where it can be nothing else in YAML; other text as JSON, which is YAML too.
fn quoted(text: &str) -> String {
    let mut parts = text.split(['.', '-', '_', '/']);
    let word = |part: &str| {
        part.chars().all(|c| c.is_ascii_alphanumeric())
            && !part.starts_with(|c: char| c.is_ascii_digit())
    };
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic()) && parts.all(word);
    let taken = ["true", "false", "null"].contains(&text.to_lowercase().as_str());
    match plain && !taken {
        true => text.to_owned(),
        false => json(text),
    }
}

fn json(text: &str) -> String {
    Value::text(text).to_string()
}
