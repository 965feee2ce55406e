//! `agents`: what a daemon hosts. Nothing is decided here: each verb is one command over the control socket.

use super::asked::{Host, json_of, show, table, which};
use crate::cli::{AgentsVerb, At};
use crate::control::Client;
use crate::exit::{Failure, NOT_SO};
use crate::print;
use runtime::host::{Command, Watch};
use serde_json::Value;

pub fn run(verb: &AgentsVerb) -> Result<u8, Failure> {
    match verb {
        AgentsVerb::List { at } => {
            let answer = daemon(at)?.ask(&Command::List {})??;
            let keys = ["run", "agent", "status", "states", "next_due", "usd"];
            let none = "No runs. Start one: charthouse agents start AGENT";
            show(at.json, &answer, |answer| {
                let loud = answer["emergencies"].as_array().into_iter().flatten();
                let loud = loud
                    .filter_map(Value::as_str)
                    .map(|line| format!("{line}\n"));
                loud.collect::<String>() + &table(&answer["runs"], &keys, none)
            })
        }
        AgentsVerb::Start {
            agent,
            prompt,
            resume,
            instance,
            role,
            at,
        } => {
            let command = Command::Start {
                agent: agent.clone(),
                prompt: prompt.clone(),
                instance: instance.clone(),
                role: role.clone(),
                resume: resume.clone(),
            };
            let answer = daemon(at)?.ask(&command)??;
            show(at.json, &answer, |answer| {
                let run = answer["run"].as_str().unwrap_or("?");
                format!("Started {run}. See it: charthouse agents watch {run}\n")
            })
        }
        AgentsVerb::Stop { run, at } => of(at, &run.run, "Stopped", |run| Command::Stop { run }),
        AgentsVerb::Pause { run, at } => of(at, &run.run, "Paused", |run| Command::Pause { run }),
        AgentsVerb::Resume { run, at } => {
            of(at, &run.run, "Goes on:", |run| Command::Resume { run })
        }
        AgentsVerb::Say { run, text, at } => of(at, &run.run, "Said to", |run| Command::Say {
            run,
            text: text.clone(),
        }),
        AgentsVerb::Signal {
            run,
            event,
            data,
            at,
        } => {
            let data = json_of("--data", data.as_deref())?;
            of(at, &run.run, "Raised in", |run| Command::Signal {
                run,
                event: event.clone(),
                data: data.clone(),
            })
        }
        AgentsVerb::Answer { run, text, at } => {
            of(at, &run.run, "Answered", |run| Command::Answer {
                run,
                by: None,
                signed: None,
                text: text.clone(),
            })
        }
        AgentsVerb::Watch { run, text, at } => watch(run.as_deref(), *text, at),
    }
}

fn daemon(at: &At) -> Result<Client, Failure> {
    Host::daemon(&at.house.house)
}

/// One command about one run.
fn of(
    at: &At,
    wanted: &str,
    done: &str,
    command: impl Fn(String) -> Command,
) -> Result<u8, Failure> {
    let mut daemon = daemon(at)?;
    let run = find(&mut daemon, wanted)?;
    let answer = daemon.ask(&command(run.clone()))??;
    show(at.json, &answer, |_| format!("{done} {run}.\n"))
}

fn find(daemon: &mut Client, wanted: &str) -> Result<String, Failure> {
    let runs = daemon.ask(&Command::List {})??;
    which(&runs["runs"], "run", "agent", wanted)
}

fn watch(run: Option<&str>, text: bool, at: &At) -> Result<u8, Failure> {
    let mut daemon = daemon(at)?;
    let run = match run {
        Some(wanted) => Some(find(&mut daemon, wanted)?.into()),
        None => None,
    };
    let watch = Watch { run, text };
    daemon.watch(&watch, |line| {
        match at.json {
            true => print::json(&line)?,
            false => print::out(&shown(&line))?,
        }
        Ok(true)
    })??;
    Err(Failure::new(NOT_SO, "the daemon has ended").help("start it again: charthouse serve"))
}

/// An event on one line; text as it is.
fn shown(line: &Value) -> String {
    let event = &line["event"];
    let kind = event["type"].as_str().unwrap_or("?");
    if let ("text" | "reasoning", Some(text)) = (kind, event["text"].as_str()) {
        return print::plain(text).into_owned();
    }
    let who = line["run"].as_str().unwrap_or("host");
    let mut rest = event.clone();
    if let Some(keys) = rest.as_object_mut() {
        keys.shift_remove("type");
    }
    let rest = super::asked::cell(&rest);
    format!("{}\n", print::one_line(&format!("{who} {kind} {rest}")))
}
