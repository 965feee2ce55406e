//! What the daemon says of what it does: a line for each thing, with its time, for a person or as JSON.

use super::engine::Firing;
use crate::print::{self, behind};
use runtime::host::{FireHow, Refused, SINCE, Seen};
use runtime::rfc3339;
use serde_json::{Value, json};
use std::sync::Arc;
use types::Clock;

/// The longest line for a person.
const LONGEST: usize = 400;

/// Where it is said.
#[derive(Clone)]
pub struct Log {
    clock: Arc<dyn Clock>,
    json: bool,
}

impl Log {
    /// Plain lines on standard error, or JSON lines on standard output.
    pub fn new(clock: Arc<dyn Clock>, json: bool) -> Self {
        Log { clock, json }
    }

    /// Something that is as it should be, said by `who`.
    pub fn line(&self, who: &str, text: &str) {
        self.say(who, "log", text);
    }

    /// Something to look into.
    pub fn trouble(&self, who: &str, text: &str) {
        self.say(who, "trouble", text);
    }

    /// A trigger has fired.
    pub fn fired(&self, firing: &Firing, answer: &Result<Value, Refused>) {
        if firing.subject == SINCE && answer.is_ok() {
            return;
        }
        let about = match firing.subject.as_str() {
            "" => String::new(),
            subject => format!(" for {subject}"),
        };
        match (answer, firing.how) {
            (Ok(answer), _) if answer["again"] == json!(true) => {
                self.line(&firing.trigger, &format!("has come before{about}"));
            }
            (Ok(answer), FireHow::Start) => {
                let id = answer.get("run").or_else(|| answer.get("instance"));
                let id = id.and_then(Value::as_str).unwrap_or("nothing");
                self.line(&firing.trigger, &format!("started {id}{about}"));
            }
            (Ok(_), FireHow::Hold) => {
                self.line(
                    &firing.trigger,
                    &format!("waits{about}: the one before is under way"),
                );
            }
            (Ok(_), FireHow::Skip) => {
                let due = rfc3339(firing.due);
                self.line(&firing.trigger, &format!("left out{about}: was due {due}"));
            }
            (Err(refused), _) => {
                self.trouble(&firing.trigger, &format!("not started{about}: {refused}"));
            }
        }
    }

    /// Something happened in the host.
    pub fn seen(&self, seen: &Seen) {
        if self.json {
            let mut line = seen.to_line();
            line["time"] = json!(rfc3339(self.clock.now()));
            // A reader that has gone away does not stop the daemon; whatever it missed is in the journal.
            let _ = print::json(&line);
            return;
        }
        let (event, who) = (&*seen.event, &*seen.run);
        let who = if who.is_empty() { "host" } else { who };
        if let Some(text) = words(event) {
            self.line(who, &text);
        }
    }

    /// What is printed is written by a thread from now on: whoever stops reading it stops nothing else.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn stand_behind(&self) -> std::io::Result<()> {
        let clock = self.clock.clone();
        behind::begin_err(Box::new(move |lost| {
            let time = rfc3339(clock.now());
            format!("{time} serve ! {lost} lines left out: nobody read those before\n")
        }))?;
        if !self.json {
            return Ok(());
        }
        let clock = self.clock.clone();
        behind::begin_out(Box::new(move |lost| {
            let event = json!({ "type": "lagged", "lost": lost });
            let line = json!({ "time": rfc3339(clock.now()), "event": event });
            format!("{line}\n")
        }))
    }

    fn say(&self, who: &str, kind: &str, text: &str) {
        let time = rfc3339(self.clock.now());
        if self.json {
            let _ = print::json(&json!({
                "time": time,
                "event": { "type": kind, "source": who, "message": text },
            }));
            return;
        }
        let mark = if kind == "trouble" { "! " } else { "" };
        let mut line: String = print::plain(text)
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(LONGEST)
            .collect();
        if text.chars().nth(LONGEST).is_some() {
            line.push('…');
        }
        print::err(&format!("{time} {} {mark}{line}\n", print::plain(who)));
    }
}

/// An event as a person wants to read it; `None` where the journal is the place to read it.
fn words(event: &Value) -> Option<String> {
    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let list = |key: &str| {
        let items = event[key].as_array().into_iter().flatten();
        let items: Vec<&str> = items.filter_map(Value::as_str).collect();
        items.join(", ")
    };
    let cause = event["cause"]["message"].as_str();
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    Some(match event["type"].as_str()? {
        "started" => format!("{} begins", text("agent")),
        "state" => format!("in {}", list("configuration")),
        "call" => format!("calls {}", text("tool")),
        "outcome" if event["ok"] == json!(false) => {
            format!("{} failed: {}", text("tool"), text("error"))
        }
        "reply" => format!(
            "the model answered: {} calls, {} tokens",
            event["calls"], event["usage"]["output"]
        ),
        "rest" => format!("rests, {}{cause}", text("status")),
        "done" => format!("over, {}{cause}", text("status")),
        "ask" => "asks a person; `charthouse agents list` shows what".to_owned(),
        "log" | "note" => format!("{}: {}", text("source"), text("message")),
        "guard" => format!("{}: {} {}", text("guard"), text("verdict"), text("subject")),
        "reloaded" => format!("definitions exchanged: {}", list("changes")),
        "not_reloaded" => format!("definitions not exchanged: {}", text("why")),
        "plugin.swapped" | "plugin.refused" | "plugin.quarantined" => {
            format!("{}: {}", text("plugin"), text("why"))
        }
        "lagged" => format!("{} events not shown, see the journal", event["lost"]),
        "paused" | "resumed" | "restarted" | "gave_up" | "bound" | "unbound" | "hand_in"
        | "offered" | "uncertain" => {
            let mut rest = event.clone();
            if let Some(object) = rest.as_object_mut() {
                object.shift_remove("type");
            }
            format!("{} {rest}", text("type"))
        }
        _ => return None,
    })
}
