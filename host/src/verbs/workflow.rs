//! `workflow`: instances of workflows. Each verb is one command: to the daemon where one serves the house, else to a host in this process.

use super::asked::{Host, json_of, object_of, show, table, which};
use super::instance;
use super::signing::{self, Asked};
use crate::cli::{At, Signing, WorkflowVerb};
use crate::exit::Failure;
use runtime::host::{Command, Signed};
use serde_json::Value;

pub fn run(verb: &WorkflowVerb) -> Result<u8, Failure> {
    match verb {
        WorkflowVerb::List { at } => {
            let none = "No instances. Begin one: charthouse workflow start CHART";
            let host = Host::looking(&at.house.house)?;
            one(host, at, Command::WorkflowList {}, |answer| {
                let lines = instance::in_short(&answer["instances"]);
                table(&lines, &instance::COLUMNS, none)
            })
        }
        WorkflowVerb::Start { chart, input, at } => {
            let command = Command::WorkflowStart {
                chart: chart.clone(),
                input: object_of("--input", input.as_deref())?,
            };
            one(Host::any(&at.house.house)?, at, command, |answer| {
                let instance = answer["instance"].as_str().unwrap_or("?");
                format!("Begun: {instance}. See it: charthouse workflow show {instance}\n")
            })
        }
        WorkflowVerb::Show { instance, at } => {
            let mut host = Host::looking(&at.house.house)?;
            let instance = find(&mut host, instance)?;
            one(host, at, Command::WorkflowShow { instance }, instance::text)
        }
        WorkflowVerb::Bind {
            instance,
            role,
            agent,
            human,
            by,
            signing,
            at,
        } => {
            let who = agent.as_ref().or(human.as_ref()).cloned();
            let text = format!("{} is {role} now.\n", who.unwrap_or_default());
            signed(
                at,
                instance,
                signing,
                |instance, signed| Command::WorkflowBind {
                    instance,
                    agent: agent.clone(),
                    human: human.clone(),
                    role: role.clone(),
                    by: by.clone(),
                    signed,
                },
                |_| text.clone(),
            )
        }
        WorkflowVerb::Detach {
            instance,
            role,
            notes,
            by,
            signing,
            at,
        } => signed(
            at,
            instance,
            signing,
            |instance, signed| Command::WorkflowDetach {
                instance,
                role: role.clone(),
                notes: notes.clone(),
                by: by.clone(),
                signed,
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
            signing,
            at,
        } => {
            let artefacts = object_of("--artefacts", artefacts.as_deref())?;
            signed(
                at,
                instance,
                signing,
                |instance, signed| Command::WorkflowHandIn {
                    instance,
                    role: role.clone(),
                    by: by.clone(),
                    outcome: outcome.clone(),
                    notes: notes.clone(),
                    artefacts: artefacts.clone(),
                    signed,
                },
                |_| format!("Handed in as {role}: {outcome}.\n"),
            )
        }
        WorkflowVerb::Event {
            instance,
            event,
            data,
            by,
            signing,
            at,
        } => {
            let data = json_of("--data", data.as_deref())?;
            signed(
                at,
                instance,
                signing,
                |instance, signed| Command::WorkflowEvent {
                    instance,
                    event: event.clone(),
                    data: data.clone(),
                    by: by.clone(),
                    signed,
                },
                |_| format!("Raised: {event}.\n"),
            )
        }
        WorkflowVerb::Answer {
            instance,
            text,
            by,
            signing,
            at,
        } => signed(
            at,
            instance,
            signing,
            |run, signed| Command::Answer {
                run,
                text: text.clone(),
                by: by.clone(),
                signed,
            },
            |_| "Answered.\n".to_owned(),
        ),
    }
}

/// One command.
fn one(
    mut host: Host,
    at: &At,
    command: Command,
    text: impl Fn(&Value) -> String,
) -> Result<u8, Failure> {
    let answer = host.ask(command);
    // What was refused is the better thing to say.
    let closed = host.close();
    let answer = answer?;
    closed?;
    show(at.json, &answer, text)
}

/// One command about one instance, signed where the workflow is.
fn signed(
    at: &At,
    wanted: &str,
    signing: &Signing,
    command: impl Fn(String, Option<Signed>) -> Command,
    text: impl Fn(&Value) -> String,
) -> Result<u8, Failure> {
    let mut host = Host::any(&at.house.house)?;
    let asked = find_signed(&mut host, wanted).and_then(|(instance, is_signed)| match is_signed {
        true => signing::ask(&mut host, signing, |signed| {
            command(instance.clone(), signed)
        }),
        false => host.ask(command(instance, None)).map(Asked::Answer),
    });
    let closed = host.close();
    let asked = asked?;
    closed?;
    match asked {
        Asked::Answer(answer) => show(at.json, &answer, text),
        Asked::Printed => Ok(0),
    }
}

fn find(host: &mut Host, wanted: &str) -> Result<String, Failure> {
    find_signed(host, wanted).map(|(instance, _)| instance)
}

/// The instance that is meant, and whether its workflow is signed.
fn find_signed(host: &mut Host, wanted: &str) -> Result<(String, bool), Failure> {
    let instances = host.ask(Command::WorkflowList {})?;
    let instances = &instances["instances"];
    let instance = which(instances, "instance", "chart", wanted)?;
    let mut all = instances.as_array().into_iter().flatten();
    let is_signed = all.any(|one| one["instance"] == *instance && one["signed"] == true);
    Ok((instance, is_signed))
}
