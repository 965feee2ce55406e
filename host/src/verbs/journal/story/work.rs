//! What happens to an instance of a workflow, in words: roles on offer, held and given up, and what was handed in.

use super::line::Words;
use super::words::{either, fields, value};
use crate::print::{BOLD, CYAN, GREEN, YELLOW};
use crate::verbs::journal::told::Told;
use serde_json::Value;

/// `told` in words, where it is of this sort.
pub fn words(told: &Told) -> Option<Words> {
    let body = &told.body;
    let role = told.text("/role");
    Some(match told.kind() {
        "started" if !body["workflow"]["name"].is_null() => {
            let name = value(&body["workflow"]["name"]);
            let head = format!("{name} {}", value(&body["workflow"]["version"]));
            Words::new(0, head).style(BOLD).tail(value(&body["input"]))
        }
        "offered" if !role.is_empty() => {
            let states = told.list("/states").iter().map(value);
            let states = states.collect::<Vec<_>>().join(" + ");
            Words::new(0, format!("whoever fits can be {role} in {states}")).style(YELLOW)
        }
        "bound" if !body["who"].is_null() => {
            Words::new(0, format!("{} is {role}", who(&body["who"]))).style(CYAN)
        }
        "unbound" if !body["who"].is_null() => {
            let words = Words::new(0, format!("{} is no longer {role}", who(&body["who"])));
            words
                .style(YELLOW)
                .tail(either(&body["notes"], &body["why"]))
        }
        "hand_in" if !body["by"].is_null() => {
            let head = format!("{} as {role}: {}", who(&body["by"]), told.text("/outcome"));
            Words::new(0, head).style(GREEN).tail(value(&body["notes"]))
        }
        "sent" if told.text("/event").starts_with("work.") => {
            let head = format!("{} to {}", told.text("/event"), value(&body["to"]));
            Words::new(0, head).tail(task(&body["data"]))
        }
        _ => return None,
    })
}

/// An agent or a person by name.
fn who(who: &Value) -> String {
    match (&who["agent"], &who["human"]) {
        (Value::String(name), _) | (_, Value::String(name)) => name.clone(),
        _ => fields(who),
    }
}

/// What a letter about work says, in short: the work itself stands in the workflow's own records.
fn task(data: &Value) -> String {
    match (&data["role"], &data["why"]) {
        (_, Value::String(why)) => why.clone(),
        (Value::String(role), _) => format!("as {role}, in {}", value(&data["state"])),
        _ => value(data),
    }
}
