//! One record in words: what happened, who caused it, what it led to.

use super::line::{Tail, Words};
use crate::print::{BOLD, CYAN, DIM, GREEN, RED, YELLOW};
use crate::verbs::journal::known::{Known, SAID, SOMEBODY};
use crate::verbs::journal::told::{Lost, Told};
use crate::verbs::journal::when::Zone;
use serde_json::Value;
use std::fmt::Write;
use types::Timestamp;

/// What a story needs to tell of a record.
pub struct Teller<'a> {
    /// The clock it goes by.
    pub zone: &'a Zone,
    /// The run before this record, where that is known; where it is not, nobody is named.
    pub known: Option<&'a Known>,
    /// Nothing cut short.
    pub full: bool,
}

impl Teller<'_> {
    /// `told` in words.
    pub fn words(&self, told: &Told) -> Words {
        match &told.lost {
            Some(lost) => lost_words(lost),
            None => {
                let known = self.of_a_kind(told);
                known.unwrap_or_else(|| Words::new(0, fields(&told.body)))
            }
        }
    }

    /// The words that there are for its kind.
    fn of_a_kind(&self, told: &Told) -> Option<Words> {
        let own = super::work::words(told)
            .or_else(|| super::revised::words(told, self.full))
            .or_else(|| self.of_a_run(told));
        own.or_else(|| super::between::words(told))
    }

    fn of_a_run(&self, told: &Told) -> Option<Words> {
        let body = &told.body;
        Some(match told.kind() {
            "started" => started(told),
            // What the host says of a role may be long: the work itself.
            "said" if body["house"] == true => {
                Words::new(0, "the house").tail(told.text("/text").to_owned())
            }
            "said" => {
                let who = match self.known.map(|known| known.told_by.get(SAID)) {
                    Some(Some(who)) => who,
                    Some(None) => "a person",
                    None => SOMEBODY,
                };
                Words::new(0, format!("{who}: {}", told.text("/text"))).style(GREEN)
            }
            "item" => item(told),
            "guard" => guard(told),
            "interrupted" => Words::new(0, "a person stopped what was under way").style(YELLOW),
            "summary" => summary(told),
            "step" => self.step(told),
            "think" => self.think(told),
            "reply" => reply(told),
            "call" => call(told),
            "permission" => permission(told),
            "outcome" => outcome(told, self.full),
            "uncertain" => Words::new(
                2,
                format!(
                    "{} was under way when the host stopped; whether it took effect is not known",
                    told.text("/tool")
                ),
            )
            .style(RED)
            .tail(value(&body["arguments"])),
            "cost" => cost(told),
            "budget" => budget(told),
            "stopped" => Words::new(
                1,
                format!(
                    "{} {}: {}",
                    told.text("/activity"),
                    told.text("/invocation"),
                    told.text("/why")
                ),
            )
            .style(YELLOW),
            "clock" => clock(told),
            "memory" => memory(told),
            "definitions" => Words::new(0, files(told)),
            "reloaded" => Words::new(0, files(told)).style(CYAN),
            "not_reloaded" => Words::new(0, "what was saved is not used")
                .style(YELLOW)
                .tail(value(&body["why"])),
            "migrated" => Words::new(
                0,
                format!(
                    "{} → {}",
                    list(&body["migration"]["before"]),
                    list(&body["migration"]["after"])
                ),
            )
            .style(BOLD),
            "plugin.swapped" | "plugin.refused" | "plugin.quarantined" => {
                let why = value(&body["why"]);
                Words::new(0, format!("{}: {why}", told.text("/plugin"))).style(CYAN)
            }
            "rested" | "ended" => rest(told),
            _ => return None,
        })
    }

    fn step(&self, told: &Told) -> Words {
        let body = &told.body;
        let event = match &body["event"] {
            Value::Null => "(start)",
            event => event["name"].as_str().unwrap_or("?"),
        };
        let mut head = format!("{event} → {}", list(&body["configuration"]));
        if let Some(by) = self.cause(told, event) {
            let _ = write!(head, " ({by})");
        }
        for effect in told.list("/effects") {
            let text = |name: &str| value(&effect[name]);
            let _ = match effect["type"].as_str() {
                Some("invoke") => write!(head, "; begins {} {}", text("activity"), text("id")),
                Some("cancel_invoke") => write!(head, "; stops {}", text("id")),
                Some("schedule") => write!(
                    head,
                    "; {} due {}",
                    text("event"),
                    self.due(&effect["due"], told.record.time)
                ),
                Some("send") => write!(head, "; sends {} to {}", text("event"), text("target")),
                _ => Ok(()),
            };
        }
        let data = &body["event"]["data"];
        let words = Words::new(0, head).style(BOLD);
        if event.starts_with("error") {
            return words.style(RED).tail(value(&data["message"]));
        }
        match data {
            Value::Null => words,
            // What an activity came to has been told as its answers and outcomes.
            _ if event.ends_with(".done") => words,
            Value::Object(map) if map.len() == 1 => {
                words.tail(value(map.values().next().unwrap_or(&Value::Null)))
            }
            data => words.tail(value(data)),
        }
    }

    /// Who or what caused the event of a step.
    fn cause(&self, told: &Told, event: &str) -> Option<String> {
        if let Some(cause) = told.number("/cause") {
            return Some(format!("sent by record {cause}"));
        }
        let invocation = told.text("/invocation");
        if !invocation.is_empty() {
            return Some(format!("by {invocation}"));
        }
        if !told.body["due"].is_null() {
            return Some("by a timer".into());
        }
        let told_by = self.known.and_then(|known| known.told_by.get(event));
        if let Some(who) = told_by {
            return Some(format!("by {who}"));
        }
        match told.text("/from") {
            "" => {}
            from => return Some(format!("by {from}")),
        }
        if self.known.is_some() && event.starts_with("human.") {
            return Some("by a person".into());
        }
        let raised = self.known.is_some_and(|known| known.raised.contains(event));
        raised.then(|| "by the model".into())
    }

    fn due(&self, due: &Value, now: Timestamp) -> String {
        let Some(due) = due.as_i64().map(Timestamp) else {
            return value(due);
        };
        match self.zone.day(due) == self.zone.day(now) {
            true => self.zone.second(due),
            false => self.zone.full(due),
        }
    }

    fn think(&self, told: &Told) -> Words {
        let body = &told.body;
        let mut head = format!(
            "in {} asks {}, about {} tokens",
            told.text("/state"),
            told.text("/model"),
            value(&body["context"]["total"]),
        );
        if let Some(cached) = told.number("/context/cached").filter(|cached| *cached > 0) {
            let _ = write!(head, " ({cached} as before)");
        }
        let _ = write!(head, ", {} tools", value(&body["tools"]));
        let mut chunks = Vec::new();
        for chunk in told.list("/context/chunks") {
            let trimmed = chunk["trimmed"].as_u64().unwrap_or(0);
            let id = value(&chunk["id"]);
            if trimmed > 0 {
                let _ = write!(head, "; {id} trimmed by {trimmed}");
            }
            let note = match &chunk["note"] {
                Value::Null => String::new(),
                note => format!(" ({})", value(note)),
            };
            chunks.push(format!("{id} {}{note}", value(&chunk["tokens"])));
        }
        let words = Words::new(1, head).style(DIM);
        match self.full {
            true => words.tail(chunks.join(", ")),
            false => words,
        }
    }
}

fn lost_words(lost: &Lost) -> Words {
    match lost {
        Lost::Compacted(hash) => {
            let hash: String = hash.chars().take(12).collect();
            Words::new(0, format!("what it said was compacted away (hash {hash}…)")).style(DIM)
        }
        Lost::Unreadable => Words::new(
            0,
            "what it says cannot be read; `charthouse journal verify` tells whether it was changed",
        )
        .style(RED),
    }
}

fn started(told: &Told) -> Words {
    let name = |what: &str| {
        let name = value(&told.body[what]["name"]);
        format!("{name} {}", value(&told.body[what]["version"]))
    };
    if told.body["agent"]["name"].is_null() {
        return Words::new(0, fields(&told.body)).style(BOLD);
    }
    let mut head = format!("{} thinks by {}", name("agent"), name("chart"));
    let (model, provider) = (told.text("/model"), told.text("/provider"));
    if !provider.is_empty() {
        let _ = match model.is_empty() {
            true => write!(head, ", asks {provider}"),
            false => write!(head, ", asks {model} at {provider}"),
        };
    }
    if told.body["resumed"] == true {
        head.push_str("; goes on with what was there");
    }
    Words::new(0, head).style(BOLD)
}

fn item(told: &Told) -> Words {
    let item = &told.body["item"];
    let what = match item["type"].as_str() {
        Some("text") => format!("{} says", value(&item["role"])),
        Some("assistant") => "the model says".into(),
        Some("result") => format!("{} answers", value(&item["name"])),
        _ => value(&item["type"]),
    };
    Words::new(1, what).style(DIM).tail(value(&item["text"]))
}

fn guard(told: &Told) -> Words {
    let said = |opinion: &Value| {
        let why = match &opinion["why"] {
            Value::Null => String::new(),
            why => format!(" ({})", value(why)),
        };
        format!(
            "{} {}{why}",
            value(&opinion["guard"]),
            value(&opinion["verdict"])
        )
    };
    let opinions: Vec<String> = told.list("/opinions").iter().map(said).collect();
    Words::new(
        1,
        format!("{}: {}", told.text("/subject"), opinions.join(", ")),
    )
    .style(YELLOW)
}

fn summary(told: &Told) -> Words {
    let summary = &told.body["summary"];
    if summary.is_null() {
        return Words::new(1, "none")
            .style(YELLOW)
            .tail(value(&told.body["why"]));
    }
    Words::new(1, format!("of the first {} items", value(&summary["upto"])))
        .tail(value(&summary["text"]))
}

fn reply(told: &Told) -> Words {
    let error = &told.body["error"];
    if !error.is_null() {
        let mut head = format!("failed, {}", value(&error["kind"]));
        if let Some(status) = error["status"].as_u64() {
            let _ = write!(head, " (HTTP {status})");
        }
        return Words::new(1, head)
            .style(RED)
            .tail(value(&error["message"]));
    }
    let reply = &told.body["reply"];
    let usage = &reply["usage"];
    let calls = told.list("/reply/calls").len();
    let mut head = match calls {
        0 => String::new(),
        1 => "1 call, ".into(),
        calls => format!("{calls} calls, "),
    };
    let _ = write!(head, "{} tokens in", value(&usage["input"]));
    if let Some(cached) = usage["cached"].as_u64().filter(|cached| *cached > 0) {
        let _ = write!(head, " ({cached} cached)");
    }
    let _ = write!(head, ", {} out", value(&usage["output"]));
    match reply["stop"].as_str() {
        Some("length") => head.push_str(", cut off at its limit"),
        Some("filter") => head.push_str(", refused"),
        _ => {}
    }
    Words::new(1, head).tail(value(&reply["text"]))
}

fn call(told: &Told) -> Words {
    let body = &told.body;
    let chunk = match &body["chunk"] {
        Value::Null => String::new(),
        chunk => format!(" for the chunk {}", value(chunk)),
    };
    let asks = match body["asks"] == true {
        true => " (a person is asked first)",
        false => "",
    };
    let head = format!("{}{chunk}{asks}", told.text("/tool"));
    let words = Words::new(2, head).style(CYAN);
    match &body["arguments"] {
        Value::Null => words,
        arguments => words.beside(value(arguments)),
    }
}

fn permission(told: &Told) -> Words {
    let asked = told.body["asked"] != false;
    let (said, style) = match told.text("/answer") {
        "no" if asked => ("a person did not allow it", RED),
        "no" => ("nobody allowed it", RED),
        "run" if asked => ("a person allowed it for this run", GREEN),
        "always" if asked => ("a person allowed it from now on", GREEN),
        "once" if asked => ("a person allowed it once", GREEN),
        _ => ("allowed by an earlier answer", GREEN),
    };
    Words::new(2, format!("{}: {said}", value(&told.body["tool"]))).style(style)
}

fn outcome(told: &Told, full: bool) -> Words {
    let body = &told.body;
    let tool = told.text("/tool");
    if !body["event"].is_null() {
        let (raised, style) = match body["raised"] == true {
            true => ("raised", GREEN),
            false => ("not raised: no open state accepts it", RED),
        };
        return Words::new(2, format!("{tool} {} {raised}", told.text("/event"))).style(style);
    }
    if body["late"] == true {
        let head = format!("{tool} was late: its chunk is served as before or left out");
        return Words::new(2, head).style(YELLOW);
    }
    let outcome = &body["outcome"];
    let error = &outcome["result"]["Err"];
    if !error.is_null() {
        let mut head = format!("{tool} {}", value(&error["kind"]));
        if let Some(rule) = error["rule"].as_str() {
            let _ = write!(head, " by {rule}");
        }
        return Words::new(2, head)
            .style(RED)
            .tail(value(&error["message"]));
    }
    let mut head = format!(
        "{tool} ok, {}",
        microseconds(outcome["wall_us"].as_u64().unwrap_or(0))
    );
    for refusal in told.list("/outcome/refused") {
        let _ = write!(
            head,
            "; refused {} {}: {}",
            value(&refusal["operation"]),
            value(&refusal["subject"]),
            value(&refusal["reason"])
        );
    }
    let staged = told.list("/outcome/staged").len();
    if staged > 0 {
        let _ = write!(head, "; {staged} changes staged");
    }
    let parts: Vec<String> = told.list("/outcome/result/Ok").iter().map(part).collect();
    let mut tail = parts.join("\n");
    if full {
        for line in told.list("/outcome/log") {
            let _ = write!(tail, "\nlog: {}", value(line));
        }
    }
    Words::new(2, head).style(GREEN).tail(tail)
}

/// A part of an answer: `{"text": …}`, `{"json": …}` or something that is no text.
fn part(part: &Value) -> String {
    match part.as_object().and_then(|map| map.iter().next()) {
        Some((kind, inner)) if kind == "text" || kind == "json" => value(inner),
        Some((kind, _)) => format!("[{kind}]"),
        None => value(part),
    }
}

fn budget(told: &Told) -> Words {
    let of = told.text("/of");
    let limit = format!(
        "{} of {} by {} in {} ({})",
        told.text("/spent"),
        told.text("/limit"),
        told.text("/what"),
        told.text("/window"),
        told.text("/at")
    );
    let to = match told.text("/to") {
        to if to == told.record.run => String::new(),
        to => format!("; {to} is told"),
    };
    match told.text("/refused") {
        "" => Words::new(1, format!("{of} runs low: {limit}{to}")).style(YELLOW),
        refused => Words::new(
            1,
            format!("{refused} is not made, {of} has spent {limit}{to}"),
        )
        .style(RED),
    }
}

fn cost(told: &Told) -> Words {
    let body = &told.body;
    let what = match told.text("/tool") {
        "" => told.text("/model"),
        tool => tool,
    };
    let tokens = &body["tokens"];
    let mut head = format!("{what}: ");
    if told.text("/tool").is_empty() {
        let _ = write!(
            head,
            "{} in, {} out, ",
            value(&tokens["input"]),
            value(&tokens["output"])
        );
    }
    let _ = match body["usd"].as_str() {
        Some(usd) => write!(head, "{usd} USD"),
        None => write!(head, "price not known"),
    };
    let wall = body["wall_us"].as_u64().unwrap_or(0);
    let _ = write!(head, ", {}", microseconds(wall));
    if told.text("/purpose") != "work" {
        let _ = write!(head, ", for {}", told.text("/purpose"));
    }
    Words::new(2, head).style(DIM)
}

fn clock(told: &Told) -> Words {
    let time = std::time::Duration::from_millis(told.number("/set_back_ms").unwrap_or(0));
    let head = format!(
        "was set back by {}: timers go by the time that passes until it has caught up",
        types::write_duration(time)
    );
    Words::new(0, head).style(YELLOW)
}

fn memory(told: &Told) -> Words {
    let body = &told.body;
    let head = format!(
        "{} {} {} of {}: {}",
        told.text("/action"),
        told.text("/layer"),
        value(&body["id"]),
        body["agent"].as_str().unwrap_or("the house"),
        body["text"].as_str().unwrap_or_default(),
    );
    Words::new(0, head.trim_end_matches(": "))
}

fn files(told: &Told) -> String {
    let file = |change: &Value| value(&change["file"]);
    let files: Vec<String> = told.list("/files").iter().map(file).collect();
    files.join(", ")
}

fn rest(told: &Told) -> Words {
    let status = told.text("/status");
    let style = match status {
        "done" => GREEN,
        "failed" => RED,
        _ => YELLOW,
    };
    Words::new(0, status)
        .style(style)
        .tail(value(&told.body["cause"]["message"]))
}

/// A body whose kind is not known here: its fields, in their order.
pub(super) fn fields(body: &Value) -> String {
    let Some(map) = body.as_object() else {
        return value(body);
    };
    let field = |(name, inner): (&String, &Value)| match inner {
        Value::Null => None,
        inner => Some(format!("{name}: {}", value(inner))),
    };
    map.iter().filter_map(field).collect::<Vec<_>>().join(", ")
}

/// A value as a person reads it: a text as it is, anything else as JSON, nothing as nothing.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The first of the two that says something.
pub(super) fn either(first: &Value, second: &Value) -> String {
    match first.is_null() {
        true => value(second),
        false => value(first),
    }
}

/// Names, one after the other.
pub(super) fn list(list: &Value) -> String {
    let names: Vec<String> = list.as_array().into_iter().flatten().map(value).collect();
    names.join(" + ")
}

/// `8.3 ms`, `2.1 s`
fn microseconds(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

impl Words {
    /// The same with `tail` set off by a colon.
    pub(super) fn tail(mut self, tail: String) -> Self {
        if !tail.is_empty() {
            self.tail = Some(Tail {
                sep: ": ",
                text: tail,
            });
        }
        self
    }

    /// The same with `tail` beside it.
    fn beside(mut self, tail: String) -> Self {
        self.tail = Some(Tail {
            sep: " ",
            text: tail,
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::journal::kinds;
    use ::journal::{Journal, NewRecord};

    /// Whoever adds a kind of record says what a person reads of it, in the story and in its page.
    #[test]
    fn every_kind_that_is_written_has_words_and_stands_in_the_docs() {
        let page = include_str!("../../../../../docs/journal.md");
        let zone = Zone::new(true);
        let teller = Teller {
            zone: &zone,
            known: None,
            full: true,
        };
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&folder.path().join("journal.db")).unwrap();
        for kind in kinds::known() {
            let record = NewRecord {
                run: "a",
                time: Timestamp(0),
                kind,
                body: "{}",
            };
            journal.append(&[record]).unwrap();
        }
        for record in journal.records("a").unwrap() {
            let told = Told::from(record);
            let kind = told.kind();
            assert!(teller.of_a_kind(&told).is_some(), "`{kind}` has no words");
            assert!(
                page.contains(&format!("`{kind}`")),
                "docs/journal.md does not name `{kind}`"
            );
        }
    }
}
