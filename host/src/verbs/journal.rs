//! `journal`: the record of what happened, as a story or as it stands, and whether it is whole.

use crate::cli::JournalVerb;
use crate::exit::{Failure, NOT_SO};
use crate::{open, print};
use ::journal::{Record, RunSummary};
use serde_json::{Value, json};
use std::fmt::Write;

pub fn run(verb: &JournalVerb) -> Result<u8, Failure> {
    match verb {
        JournalVerb::Verify { house, json } => {
            let Some(journal) = open::journal_to_read(&house.house)? else {
                return nothing_yet(
                    json.then(|| json!({ "ok": true, "records": 0, "first_bad": null })),
                );
            };
            let verification = journal.verify()?;
            if *json {
                print::json(&json!({
                    "ok": verification.ok,
                    "records": verification.records,
                    "first_bad": verification.first_bad,
                }))?;
            } else {
                print::out(&match verification.first_bad {
                    None => format!(
                        "{} records, all as they were written\n",
                        verification.records
                    ),
                    Some(bad) => format!(
                        "{} records; record {bad} is the first that is not as it was written\n",
                        verification.records
                    ),
                })?;
            }
            Ok(if verification.ok { 0 } else { NOT_SO })
        }
        JournalVerb::Show {
            run: None,
            house,
            json,
        } => {
            let Some(journal) = open::journal_to_read(&house.house)? else {
                return match *json {
                    true => Ok(0),
                    false => nothing_yet(None),
                };
            };
            let runs = journal.runs()?;
            // A person may have added to memory before any agent ran.
            if runs.is_empty() && !json {
                return nothing_yet(None);
            }
            for run in &runs {
                if *json {
                    print::json(&json!({
                        "run": run.run, "first": run.first, "last": run.last, "records": run.records,
                    }))?;
                } else {
                    print::out(&summary(run))?;
                }
            }
            Ok(0)
        }
        JournalVerb::Show {
            run: Some(run),
            house,
            json,
        } => {
            let Some(journal) = open::journal_to_read(&house.house)? else {
                return Err(Failure::new(
                    NOT_SO,
                    format!("there is no run `{run}`: no agent has run in this house yet"),
                )
                .help("begin one: charthouse run AGENT"));
            };
            let run = journal.find_run(run)?;
            let mut first = None;
            for record in journal.records(&run)? {
                if *json {
                    print::json(&whole(&record))?;
                } else if record.kind != "item" {
                    // What is in the conversation was said, answered or returned: the story has it already.
                    let first = *first.get_or_insert(record.time.0);
                    print::out(&line(&record, first))?;
                }
            }
            Ok(0)
        }
    }
}

/// A house in which no agent has run: there is no record, so none is wrong.
fn nothing_yet(answer: Option<Value>) -> Result<u8, Failure> {
    match answer {
        Some(answer) => print::json(&answer)?,
        None => print::out("No agent has run in this house yet.\n")?,
    }
    Ok(0)
}

fn summary(run: &RunSummary) -> String {
    format!(
        "{}  {:>5} records  {:.1} s\n",
        run.run,
        run.records,
        (run.last.0 - run.first.0) as f64 / 1e3
    )
}

fn body(record: &Record) -> Value {
    serde_json::from_str(&record.body).unwrap_or_else(|_| record.body.clone().into())
}

fn whole(record: &Record) -> Value {
    json!({
        "seq": record.seq.0, "run": record.run, "time": record.time, "kind": record.kind,
        "body": body(record), "hash": record.hash,
    })
}

/// Most characters of somebody's text in a line of the story.
const EXCERPT: usize = 60;

/// One record as a line that fits a terminal.
fn line(record: &Record, first: i64) -> String {
    let body = body(record);
    let mut text = format!(
        "{:>9.3}  {:<8} ",
        (record.time.0 - first) as f64 / 1e3,
        record.kind
    );
    // Writing to a String cannot fail.
    let _ = match record.kind.as_str() {
        "started" => write!(
            text,
            "{} {} thinks by {} {}, asks {}",
            word(&body["agent"]["name"]),
            word(&body["agent"]["version"]),
            word(&body["chart"]["name"]),
            word(&body["chart"]["version"]),
            word(&body["provider"]),
        ),
        "said" => write!(text, "{}", excerpt(&body["text"])),
        "step" => write!(
            text,
            "{} → {}",
            match &body["event"] {
                Value::Null => "(start)",
                event => event["name"].as_str().unwrap_or("?"),
            },
            list(&body["configuration"]),
        ),
        "think" => write!(
            text,
            "#{} in {}: about {} tokens, {} tools",
            body["effect"],
            word(&body["state"]),
            body["context"]["total"],
            body["tools"],
        ),
        "reply" if !body["error"].is_null() => {
            write!(
                text,
                "#{} failed: {}",
                body["effect"],
                excerpt(&body["error"]["message"])
            )
        }
        "reply" => write!(
            text,
            "#{} {} calls, {} tokens out: {}",
            body["effect"],
            body["reply"]["calls"].as_array().map_or(0, Vec::len),
            body["reply"]["usage"]["output"],
            excerpt(&body["reply"]["text"]),
        ),
        "call" => write!(
            text,
            "#{} {} {}",
            body["effect"],
            word(&body["tool"]),
            excerpt(&body["arguments"])
        ),
        "outcome" if !body["outcome"]["result"]["Err"].is_null() => write!(
            text,
            "#{} {} {}: {}",
            body["effect"],
            word(&body["tool"]),
            word(&body["outcome"]["result"]["Err"]["kind"]),
            excerpt(&body["outcome"]["result"]["Err"]["message"])
        ),
        "outcome" if !body["event"].is_null() => {
            write!(text, "{} {}", word(&body["tool"]), word(&body["event"]))
        }
        "outcome" => write!(
            text,
            "#{} {} ok, {} µs, fuel {}",
            body["effect"],
            word(&body["tool"]),
            body["outcome"]["wall_us"],
            body["outcome"]["fuel"]
        ),
        "cost" => write!(
            text,
            "{}: {} in, {} out, {} USD",
            word(if body["tool"].is_null() {
                &body["model"]
            } else {
                &body["tool"]
            }),
            body["tokens"]["input"],
            body["tokens"]["output"],
            word(&body["usd"])
        ),
        "memory" => write!(
            text,
            "{} {} {} of {}: {}",
            word(&body["action"]),
            word(&body["layer"]),
            body["id"],
            body["agent"].as_str().unwrap_or("the house"),
            excerpt(&body["text"])
        ),
        "reloaded" => {
            let files = body["files"].as_array().into_iter().flatten();
            let files: Vec<String> = files.map(|change| word(&change["file"])).collect();
            write!(text, "{}", excerpt(&files.join(", ").into()))
        }
        "not_reloaded" => write!(text, "{}", excerpt(&body["why"])),
        "plugin.swapped" | "plugin.refused" | "plugin.quarantined" => {
            write!(text, "{}: {}", word(&body["plugin"]), line_of(&body["why"]))
        }
        "migrated" => write!(
            text,
            "{} → {}",
            list(&body["migration"]["before"]),
            list(&body["migration"]["after"]),
        ),
        "guard" => {
            let opinions = body["opinions"].as_array().into_iter().flatten();
            let opinions: Vec<String> = opinions
                .map(|opinion| format!("{} {}", word(&opinion["guard"]), word(&opinion["verdict"])))
                .collect();
            write!(text, "{}: {}", word(&body["subject"]), opinions.join(", "))
        }
        "summary" if body["summary"].is_null() => write!(text, "none: {}", excerpt(&body["why"])),
        "summary" => write!(
            text,
            "the first {} items: {}",
            body["summary"]["upto"],
            excerpt(&body["summary"]["text"])
        ),
        "interrupted" => write!(text, "by a person"),
        "rested" => write!(
            text,
            "{} {}",
            word(&body["status"]),
            excerpt(&body["cause"]["message"])
        ),
        "ended" => write!(
            text,
            "{} {}",
            word(&body["status"]),
            excerpt(&body["cause"]["message"])
        ),
        _ => write!(text, "{}", excerpt(&body)),
    };
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "unknown".into(),
        other => other.to_string(),
    }
}

fn list(value: &Value) -> String {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(word)
        .collect::<Vec<_>>()
        .join(", ")
}

/// A text as one line, whole: why a plugin was exchanged or refused is not to be cut.
fn line_of(value: &Value) -> String {
    let text = word(value);
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn excerpt(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        value => word(value),
    };
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
