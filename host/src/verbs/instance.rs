//! An instance of a workflow as `workflow show` tells a person: where it stands, who holds what, what was handed in; and in one line, as `workflow list` does.

use super::asked::cell;
use crate::print::shorten;
use runtime::rfc3339;
use serde_json::Value;
use std::fmt::Write;
use types::Timestamp;
use unicode_width::UnicodeWidthStr;

/// The answer to `workflow.show`, in a page.
pub fn text(answer: &Value) -> String {
    let name = match &answer["version"] {
        Value::Null => cell(&answer["chart"]),
        version => format!("{} {}", cell(&answer["workflow"]), cell(version)),
    };
    let mut text = format!(
        "{}: {name}, {}\n",
        cell(&answer["instance"]),
        standing(answer)
    );
    entry(&mut text, "input", &answer["input"]);
    entry(&mut text, "data", &answer["data"]);
    for (heading, asks) in below("asks", &answer["activities"]) {
        let question = match &asks["params"]["question"] {
            Value::Null => cell(&asks["activity"]),
            question => cell(question),
        };
        let _ = writeln!(
            text,
            "{heading:<10}{question} (in {})",
            cell(&asks["state"])
        );
    }
    if let Some(due) = answer["next_due"].as_i64() {
        let _ = writeln!(text, "{:<10}{}", "next due", rfc3339(Timestamp(due)));
    }
    if let Some(time) = answer["ended"]["time"].as_i64() {
        let _ = writeln!(text, "{:<10}{}", "ended", rfc3339(Timestamp(time)));
        entry(&mut text, "output", &answer["ended"]["output"]);
    }
    for (heading, role) in below("roles", &answer["roles"]) {
        let _ = writeln!(
            text,
            "{heading:<10}{}: {}",
            cell(&role["role"]),
            holder(role)
        );
    }
    for (heading, handed) in below("handed in", &answer["handed_in"]) {
        let _ = writeln!(text, "{heading:<10}{}", handed_in(handed));
    }
    text
}

/// What stands of each instance in a list.
pub const COLUMNS: [&str; 5] = ["instance", "chart", "status", "states", "roles"];
/// Columns of a line in a list.
const WIDTH: usize = 100;
/// What is left of states and of roles however long the rest is.
const SHORTEST: usize = 16;

/// The instances of a list, each to fit a line: of the roles those that are held or on offer, and the beginning of what is too long. `workflow show` has all of it.
pub fn in_short(instances: &Value) -> Value {
    let all = || instances.as_array().into_iter().flatten();
    let widest = |text: &dyn Fn(&Value) -> String, heading: &str| {
        let widths = all().map(|instance| text(instance).width());
        widths.chain([heading.len()]).max().unwrap_or(0)
    };
    let before: usize = COLUMNS[..3]
        .iter()
        .map(|key| widest(&|instance| cell(&instance[*key]), key) + 2)
        .sum();
    let states = |instance: &Value| cell(&instance["states"]);
    let room = WIDTH.saturating_sub(before);
    let of_states = widest(&states, "states").min((room / 2).max(SHORTEST));
    let of_roles = room.saturating_sub(of_states + 2).max(SHORTEST);
    let line = |instance: &Value| {
        let mut line = instance.clone();
        line["states"] = shorten(&states(instance), of_states).into();
        line["roles"] = shorten(&holders(&instance["roles"]), of_roles).into();
        line
    };
    all().map(line).collect()
}

/// Who holds which role, and which are on offer.
fn holders(roles: &Value) -> String {
    let holders = roles.as_array().into_iter().flatten().filter_map(|role| {
        let holder = &role["holder"];
        let who = match (&holder["agent"], &holder["human"]) {
            (Value::String(name), _) | (_, Value::String(name)) => name,
            _ if role["offered"] == true => "on offer",
            _ => return None,
        };
        Some(format!("{}: {who}", cell(&role["role"])))
    });
    let holders: Vec<String> = holders.collect();
    match holders.is_empty() {
        true => "-".into(),
        false => holders.join(", "),
    }
}

fn standing(answer: &Value) -> String {
    let status = cell(&answer["status"]);
    let mut standing = match &answer["configuration"] {
        Value::Array(states) if !states.is_empty() => {
            let states: Vec<String> = states.iter().map(cell).collect();
            format!("{status}, in {}", states.join(" + "))
        }
        _ => status,
    };
    if answer["needs_human"] == true {
        standing.push_str(", waits for a person");
    }
    standing
}

fn entry(text: &mut String, heading: &str, value: &Value) {
    let is_empty = match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(keys) => keys.is_empty(),
        _ => false,
    };
    if !is_empty {
        let _ = writeln!(text, "{heading:<10}{}", cell(value));
    }
}

/// The items of a list; the first stands beside the heading.
fn below<'a>(heading: &'a str, list: &'a Value) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let headings = std::iter::once(heading).chain(std::iter::repeat(""));
    headings.zip(list.as_array().into_iter().flatten())
}

fn holder(role: &Value) -> String {
    let holder = &role["holder"];
    let mut text = match (&holder["agent"], &holder["human"]) {
        (Value::String(agent), _) => format!("{agent} (run {})", cell(&holder["run"])),
        (_, Value::String(person)) => person.clone(),
        _ if role["offered"] == true => "on offer".into(),
        _ => "nobody".into(),
    };
    if role["states"].as_array().is_some_and(|s| !s.is_empty()) {
        let _ = write!(text, ", has work in {}", cell(&role["states"]));
    }
    text
}

fn handed_in(handed: &Value) -> String {
    let by = cell(&handed["by"]);
    let by = by
        .split_once(':')
        .map_or(by.as_str(), |(_, name)| name.trim());
    let mut text = format!(
        "{}  {by} as {}: {}",
        rfc3339(Timestamp(handed["time"].as_i64().unwrap_or(0))),
        cell(&handed["role"]),
        cell(&handed["outcome"]),
    );
    for words in [&handed["notes"], &handed["artefacts"]] {
        if !words.is_null() && words != "" {
            let _ = write!(text, "\n{:<12}{}", "", cell(words));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_of_a_list_fits_whatever_stands_in_it() {
        let role = |n: usize| json!({ "role": format!("role{n}"), "holder": { "human": "ada" }, "offered": false });
        let mut roles: Vec<Value> = vec![
            json!({ "role": "clerk", "holder": { "agent": "coder", "run": "20261121-073519-b626b793" }, "states": ["a"], "offered": false, "held": [] }),
            json!({ "role": "idle", "states": [], "offered": false }),
            json!({ "role": "open", "states": ["b"], "offered": true }),
        ];
        let few = json!([{ "instance": "i", "chart": "c", "status": "open", "states": ["a"], "roles": roles }]);
        let line = &in_short(&few)[0];
        assert_eq!(line["roles"], "clerk: coder, open: on offer");
        roles.extend((0..40).map(role));
        let many = json!([{
            "instance": "20261121-073519-b626b793", "chart": "change-control", "status": "needs_human",
            "states": ["assessment.one", "assessment.two", "assessment.three"], "roles": roles,
        }, { "instance": "20261121-073519-b626b794", "chart": "x", "status": "open", "states": [], "roles": [] }]);
        let text = super::super::asked::table(&in_short(&many), &COLUMNS, "none");
        assert!(text.lines().all(|line| line.width() <= WIDTH), "{text}");
        assert!(
            text.contains("clerk: coder, open") && text.contains('…'),
            "{text}"
        );
    }

    #[test]
    fn a_page_says_who_holds_what_and_what_was_handed_in() {
        let answer = json!({
            "instance": "2026-a1", "workflow": "implement-review", "version": "1.0.0", "configuration": ["review"],
            "data": { "rounds": 1 }, "activities": [], "needs_human": false, "next_due": null, "status": "open", "input": { "task": "it" },
            "roles": [
                { "role": "implementer", "holder": { "agent": "coder", "run": "2026-b1" }, "states": [], "offered": false },
                { "role": "reviewer", "holder": null, "states": ["review"], "offered": true },
                { "role": "owner", "holder": { "human": "ada" }, "states": [], "offered": false },
            ],
            "handed_in": [{
                "role": "implementer", "by": "agent:coder", "outcome": "done", "notes": "All of it.", "artefacts": null, "time": 0,
            }],
        });
        assert_eq!(
            text(&answer),
            "2026-a1: implement-review 1.0.0, open, in review\n\
             input     task: it\n\
             data      rounds: 1\n\
             roles     implementer: coder (run 2026-b1)\n\
             \x20         reviewer: on offer, has work in review\n\
             \x20         owner: ada\n\
             handed in 1970-01-01T00:00:00Z  coder as implementer: done\n\
             \x20           All of it.\n"
        );
        let asks = json!({
            "instance": "2026-a1", "chart": "c", "status": "open", "configuration": ["asking"],
            "activities": [{ "id": "a.1", "state": "asking", "activity": "ask", "params": { "question": "Which file?" } }],
        });
        assert_eq!(
            text(&asks),
            "2026-a1: c, open, in asking\nasks      Which file? (in asking)\n"
        );
        let over = json!({ "instance": "2026-a1", "chart": "implement-review", "status": "done", "states": [], "ended": { "time": 0 } });
        assert_eq!(
            text(&over),
            "2026-a1: implement-review, done\nended     1970-01-01T00:00:00Z\n"
        );
    }
}
