//! What comes to a run from elsewhere and goes from it, what its host does with it, and what is kept for the house: in words.

use super::line::Words;
use super::words::{either, fields, list, value};
use crate::print::{BOLD, CYAN, DIM, GREEN, RED, YELLOW};
use crate::verbs::journal::told::Told;
use serde_json::Value;

/// What the host says to a run to which somebody speaks.
pub const SAYS: &str = "human.says";

/// `told` in words, where it is of this sort.
pub fn words(told: &Told) -> Option<Words> {
    let body = &told.body;
    Some(match told.kind() {
        "told" if !body["refused"].is_null() => {
            let head = format!("what record {} says is refused", value(&body["cause"]));
            Words::new(0, head).style(RED).tail(value(&body["refused"]))
        }
        "told" => heard(told),
        "sent" => {
            let head = format!("{} to {}", told.text("/event"), value(&body["to"]));
            let by = match told.text("/by") {
                "" => String::new(),
                by => format!(", by {}", in_words(by)),
            };
            Words::new(0, head + &by).tail(value(&body["data"]))
        }
        "bound" => {
            let head = format!("from now on it is {}", role(body));
            let states = list(&body["states"]);
            Words::new(0, head).style(CYAN).tail(states)
        }
        "unbound" => Words::new(0, format!("it is no longer {}", role(&body["was"]))).style(YELLOW),
        "offered" => Words::new(0, "a role is on offer").tail(fields(body)),
        "hand_in" => Words::new(0, "work is handed in").tail(fields(body)),
        "fired" => fired(told),
        "paused" => Words::new(0, "a person had it wait").style(YELLOW),
        "resumed" => Words::new(0, "a person had it go on").style(GREEN),
        "restarted" => {
            let failures = match told.number("/failures") {
                None => String::new(),
                Some(1) => " after a failure".into(),
                Some(failures) => format!(" after {failures} failures"),
            };
            let head = format!("the host begins its chart again{failures}");
            Words::new(0, head).style(YELLOW).tail(value(&body["why"]))
        }
        "gave_up" => {
            let head = format!(
                "the host begins it no more, it has failed {} times",
                value(&body["failures"])
            );
            Words::new(0, head).style(RED).tail(value(&body["why"]))
        }
        "snapshot" => Words::new(0, "all that its records come to so far").style(DIM),
        "texts" => Words::new(1, "texts that its contexts are made of").style(DIM),
        "plugin.described" => {
            let head = format!("{}: what it says of itself", told.text("/plugin"));
            Words::new(0, head).style(DIM)
        }
        "compacted" => {
            let head = format!(
                "the bodies of {} records from {} to {} were taken out ({})",
                value(&body["records"]),
                value(&body["from"]),
                value(&body["through"]),
                list(&body["kinds"]),
            );
            let archive = match told.text("/archive") {
                "" => "for good".to_owned(),
                archive => format!("into {archive}"),
            };
            Words::new(0, head).style(YELLOW).tail(archive)
        }
        "checkpoint" => {
            let head = format!(
                "the house signs the {} records up to {}",
                value(&body["records"]),
                value(&body["upto"]["seq"]),
            );
            Words::new(0, head).style(DIM)
        }
        "identity" => {
            let head = format!("whose a key is: {}", value(&body["who"]));
            Words::new(0, head).tail(value(&body["key"]))
        }
        "change.refused" => {
            let head = format!(
                "{} is not loaded at {}, it is not what is released",
                value(&body["item"]),
                told.text("/where"),
            );
            let open = match told.text("/open") {
                "" => String::new(),
                open => format!("{open} asks for a change of it"),
            };
            Words::new(0, head).style(RED).tail(open)
        }
        _ => return change(told),
    })
}

/// A step of a change, with whoever took it.
fn change(told: &Told) -> Option<Words> {
    let body = &told.body;
    let by = told.text("/by");
    let (what, tail) = match told.kind() {
        "change.requested" => (
            format!(
                "{by} asks for {} ({})",
                told.text("/title"),
                told.text("/class")
            ),
            value(&body["reason"]),
        ),
        "change.assessed" => (
            format!("{by} judged what depends on it"),
            value(&body["notes"]),
        ),
        "change.reviewed" => (
            format!("{by} looked at it as {}", told.text("/role")),
            value(&body["findings"]),
        ),
        "change.voted" => (
            format!(
                "{by} votes {} as {}",
                told.text("/vote"),
                told.text("/role")
            ),
            value(&body["why"]),
        ),
        "change.ordered" => (
            format!("{by} says from when it counts"),
            value(&body["effectivity"]),
        ),
        "change.implemented" => (format!("{by} made what is asked for"), String::new()),
        "change.verified" => {
            let evidence = told.list("/evidence").iter();
            let evidence =
                evidence.map(|one| format!("{} {}", value(&one["what"]), value(&one["result"])));
            (
                format!("{by} looked at what was made: {}", told.text("/result")),
                evidence.collect::<Vec<_>>().join(", "),
            )
        }
        "change.released" => (format!("{by} released it"), String::new()),
        "change.effective" => (
            "what is released is in its place".into(),
            list(&body["items"]),
        ),
        "change.rejected" => (format!("rejected by {by}"), value(&body["why"])),
        "change.withdrawn" => (format!("{by} gave it up"), value(&body["why"])),
        "change.baseline" => (
            format!("{by} takes what is there as released"),
            String::new(),
        ),
        "change.emergency" => (
            format!("{by} put it in force before anybody looked at it"),
            value(&body["why"]),
        ),
        _ => return None,
    };
    let change = match told.text("/change") {
        "" => String::new(),
        change => format!("{change}: "),
    };
    Some(Words::new(0, change + &what).style(CYAN).tail(tail))
}

/// What somebody else says to the run.
fn heard(told: &Told) -> Words {
    let who = who_says(told).unwrap_or_else(|| "the host".into());
    let head = match told.text("/event") {
        SAYS => format!("{who} speaks to it"),
        event => format!("{event} from {who}"),
    };
    let from = match told.number("/cause") {
        Some(cause) => format!(" (record {cause})"),
        None => String::new(),
    };
    Words::new(0, head + &from).style(CYAN)
}

/// Who says to a run what the record `told` (of the kind `told` or `started`) takes.
pub fn who_says(told: &Told) -> Option<String> {
    if let Some(by) = &told.by {
        return Some(in_words(by));
    }
    match told.text("/from") {
        "" => None,
        "human" => Some("a person".into()),
        ::journal::HOUSE_RUN => Some("the house".into()),
        run => Some(format!("the run {run}")),
    }
}

/// Who had the house say something, as its record has it: `person`, `trigger:NAME`, `keep`.
fn in_words(by: &str) -> String {
    match (by, by.strip_prefix("trigger:")) {
        ("person", _) => "a person".into(),
        ("keep", _) => "the house, which keeps it up".into(),
        (_, Some(trigger)) => format!("the trigger {trigger}"),
        (by, None) => by.to_owned(),
    }
}

/// A role in a workflow, as the binding of an agent's run has it.
fn role(binding: &Value) -> String {
    format!(
        "{} in {} ({})",
        value(&binding["role"]),
        value(&binding["workflow"]),
        value(&binding["instance"])
    )
}

fn fired(told: &Told) -> Words {
    let fire = &told.body["fire"];
    let trigger = format!("the trigger {}", value(&fire["trigger"]));
    let answer = &told.body["answer"];
    let begun = either(&answer["run"], &answer["instance"]);
    let then = value(&fire["then"]["do"]);
    let words = match fire["how"].as_str() {
        Some("hold") => Words::new(0, format!("{trigger} waits for what it began before")),
        Some("skip") => Words::new(0, format!("{trigger} is passed over")),
        _ if begun.is_empty() => Words::new(0, format!("{trigger}: {then}")),
        _ => Words::new(0, format!("{trigger} begins {begun}")),
    };
    words.style(BOLD).tail(value(&fire["subject"]))
}
