//! Budgets.

use super::{count, money, named, object, pattern, percent};
use crate::budget::{KEYS, Of, PURPOSES};
use serde_json::{Map, Value};
use types::{Measure, Purpose, Window};

/// The schema of a budget, as `of` has it.
pub(super) fn budget(of: Of, description: &str) -> Value {
    let mut keys: Map<String, Value> = KEYS
        .into_iter()
        .filter(|(_, _, window)| of.has(*window))
        .map(|(key, measure, window)| (key.to_owned(), limit(measure, window)))
        .collect();
    keys.insert(
        "low".into(),
        percent(
            "How much may be spent before charts hear `budget.low`; 80% by default.",
            "80%",
        ),
    );
    if of.has_purposes() {
        for (key, purpose) in PURPOSES {
            let description = match purpose {
                Purpose::Work => "What may be spent on its own tasks.",
                Purpose::Summary => "What may be spent on summing up.",
                Purpose::Consolidation => "What may be spent on putting memories in order.",
                Purpose::Improvement => "What may be spent on improving definitions.",
                Purpose::Overhead => "What may be spent on guards and trials of components.",
            };
            keys.insert(key.into(), budget(Of::Purpose, description));
        }
    }
    if of == Of::House {
        let part = budget(Of::Part, "What the agent may spend.");
        let agents = named("Agents by name, beside what their own files say.", part);
        keys.insert("agents".into(), agents);
    }
    let mut schema = object(of.what(), description, &[], []);
    schema["properties"] = keys.into();
    schema
}

fn limit(measure: Measure, window: Window) -> Value {
    let long = match window {
        Window::Run => "a run, with all that it begins",
        Window::Instance => "one instance",
        Window::Day => "a day, UTC",
        Window::Month => "a month, UTC",
    };
    match measure {
        Measure::Usd => money(&format!("US dollars in {long}.")),
        Measure::Tokens => count(&format!("Tokens sent and received in {long}."), "2M"),
        Measure::Joules => pattern(
            &format!("Energy in {long}."),
            "^\\s*[0-9_.]+\\s*(J|kJ|MJ|Wh|kWh)\\s*$",
            "500kJ",
        ),
        Measure::Calls => count(&format!("Model calls and tool calls in {long}."), "500"),
    }
}
