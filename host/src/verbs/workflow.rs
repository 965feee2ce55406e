//! `workflow`: instances of workflows. Each verb is one command: to the daemon where one serves the house, else to a host in this process.

use super::asked::{Host, json_of, show, table, which};
use super::instance;
use crate::cli::{At, WorkflowVerb};
use crate::exit::Failure;
use runtime::host::Command;
use serde_json::Value;

pub fn run(verb: &WorkflowVerb) -> Result<u8, Failure> {
    match verb {
        WorkflowVerb::List { at } => {
            let keys = ["instance", "chart", "status", "states", "roles"];
            let none = "No instances. Begin one: charthouse workflow start CHART";
            one(at, Command::WorkflowList {}, |answer| {
                table(&answer["instances"], &keys, none)
            })
        }
        WorkflowVerb::Start { chart, input, at } => {
            let command = Command::WorkflowStart {
                chart: chart.clone(),
                input: json_of("--input", input.as_deref())?,
            };
            one(at, command, |answer| {
                let instance = answer["instance"].as_str().unwrap_or("?");
                format!("Begun: {instance}. See it: charthouse workflow show {instance}\n")
            })
        }
        WorkflowVerb::Show { instance, at } => of(
            at,
            instance,
            |instance| Command::WorkflowShow { instance },
            instance::text,
        ),
        WorkflowVerb::Bind {
            instance,
            role,
            agent,
            human,
            at,
        } => {
            let who = agent.as_ref().or(human.as_ref()).cloned();
            let text = format!("{} is {role} now.\n", who.unwrap_or_default());
            of(
                at,
                instance,
                |instance| Command::WorkflowBind {
                    instance,
                    agent: agent.clone(),
                    human: human.clone(),
                    role: role.clone(),
                },
                |_| text.clone(),
            )
        }
        WorkflowVerb::Detach {
            instance,
            role,
            notes,
            at,
        } => of(
            at,
            instance,
            |instance| Command::WorkflowDetach {
                instance,
                role: role.clone(),
                notes: notes.clone(),
            },
            |_| format!("Nobody is {role} now.\n"),
        ),
        WorkflowVerb::HandIn {
            instance,
            role,
            by,
            outcome,
            notes,
            artefacts,
            at,
        } => {
            let artefacts = json_of("--artefacts", artefacts.as_deref())?;
            of(
                at,
                instance,
                |instance| Command::WorkflowHandIn {
                    instance,
                    role: role.clone(),
                    by: by.clone(),
                    outcome: outcome.clone(),
                    notes: notes.clone(),
                    artefacts: artefacts.clone(),
                },
                |_| format!("Handed in as {role}: {outcome}.\n"),
            )
        }
        WorkflowVerb::Event {
            instance,
            event,
            data,
            at,
        } => {
            let data = json_of("--data", data.as_deref())?;
            of(
                at,
                instance,
                |instance| Command::WorkflowEvent {
                    instance,
                    event: event.clone(),
                    data: data.clone(),
                },
                |_| format!("Raised: {event}.\n"),
            )
        }
        WorkflowVerb::Answer { instance, text, at } => of(
            at,
            instance,
            |run| Command::Answer {
                run,
                text: text.clone(),
            },
            |_| "Answered.\n".to_owned(),
        ),
    }
}

/// One command.
fn one(at: &At, command: Command, text: impl Fn(&Value) -> String) -> Result<u8, Failure> {
    let mut host = Host::any(&at.house.house)?;
    let answer = host.ask(command);
    // What was refused is the better thing to say.
    let closed = host.close();
    let answer = answer?;
    closed?;
    show(at.json, &answer, text)
}

/// One command about one instance.
fn of(
    at: &At,
    wanted: &str,
    command: impl Fn(String) -> Command,
    text: impl Fn(&Value) -> String,
) -> Result<u8, Failure> {
    let mut host = Host::any(&at.house.house)?;
    let answer = find(&mut host, wanted).and_then(|instance| host.ask(command(instance)));
    let closed = host.close();
    let answer = answer?;
    closed?;
    show(at.json, &answer, text)
}

fn find(host: &mut Host, wanted: &str) -> Result<String, Failure> {
    let instances = host.ask(Command::WorkflowList {})?;
    which(&instances["instances"], "instance", "chart", wanted)
}
