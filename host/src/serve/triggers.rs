//! What the house says of triggers, as rules for the engine and commands for the host. No task and no clock here.

use super::engine::{Firing, Missed, Next, Overlap, Rule, When};
use definitions::{On, ServeDef, Starts, Trigger};
use runtime::host::{Command, Fire, FireHow, Refused, RefusedCode};
use runtime::rfc3339;
use serde_json::{Map, Value, json};
use std::rc::Rc;
use types::Timestamp;

/// The rules by which the triggers of a house fire.
pub fn rules(serve: &ServeDef) -> Vec<Rule> {
    serve.triggers.values().map(rule).collect()
}

fn rule(trigger: &Trigger) -> Rule {
    Rule {
        name: trigger.name.clone(),
        when: match &trigger.on {
            On::Time(schedule) => {
                let words = schedule.to_string().into();
                let schedule = schedule.clone();
                let next: Next = Rc::new(move |time| schedule.next_after(time));
                When::Times {
                    schedule: words,
                    next,
                    missed: match trigger.missed {
                        definitions::Missed::Once => Missed::Once,
                        definitions::Missed::Skip => Missed::Skip,
                        definitions::Missed::All => Missed::All,
                    },
                }
            }
            On::Files(_) => When::Files,
            On::Http(_) => When::Request,
        },
        overlap: match trigger.overlap {
            definitions::Overlap::Skip => Overlap::Skip,
            definitions::Overlap::Queue => Overlap::Queue,
            definitions::Overlap::Parallel => Overlap::Parallel,
        },
    }
}

/// What the host is asked about `firing` of a `trigger`.
///
/// # Errors
/// When a prompt or an input cannot be filled from what came.
pub fn fire(trigger: &Trigger, firing: &Firing) -> Result<Fire, Refused> {
    let then = match (&firing.then, firing.how) {
        (Some(then), _) => Some(then.clone()),
        (None, FireHow::Skip) => None,
        (None, FireHow::Start | FireHow::Hold) => {
            let values = values(trigger, firing.due, &firing.values);
            Some(Box::new(then(trigger, &values)?))
        }
    };
    Ok(Fire {
        trigger: trigger.name.to_string(),
        key: firing.key.clone(),
        subject: firing.subject.clone(),
        due: firing.due.0,
        schedule: firing.schedule.as_deref().map(str::to_owned),
        how: firing.how,
        then,
    })
}

/// What `trigger` is in templates: what every trigger has, and what came.
fn values(trigger: &Trigger, due: Timestamp, came: &Value) -> Value {
    let mut values = Map::new();
    values.insert("name".into(), json!(trigger.name));
    values.insert("kind".into(), json!(trigger.on.kind()));
    values.insert("due".into(), json!(rfc3339(due)));
    values.extend(came.as_object().cloned().unwrap_or_default());
    Value::Object(values)
}

fn then(trigger: &Trigger, values: &Value) -> Result<Command, Refused> {
    let cannot = |error: &dyn std::fmt::Display| {
        let text = format!(
            "what the trigger `{}` starts cannot be told: {error}",
            trigger.name
        );
        let help = "a template can name only what came: test for what may be absent, as in `{{ trigger.body.x | default(\"\") }}`";
        Refused::new(RefusedCode::Definitions, text, help)
    };
    Ok(match &trigger.starts {
        Starts::Agent { agent, prompt } => Command::Start {
            agent: agent.to_string(),
            prompt: match prompt {
                Some(prompt) => Some(prompt.fill(values).map_err(|error| cannot(&error))?),
                None => None,
            },
            instance: None,
            role: None,
            resume: None,
        },
        Starts::Workflow { chart, input } => Command::WorkflowStart {
            chart: chart.to_string(),
            input: match input.is_empty() {
                true => None,
                false => Some(input.fill(values).map_err(|error| cannot(&error))?),
            },
        },
    })
}

/// Whether what the host refused may be asked again later.
pub fn may_pass(refused: &Refused) -> bool {
    match refused.code {
        RefusedCode::NotNow
        | RefusedCode::Taken
        | RefusedCode::Limit
        | RefusedCode::Provider
        | RefusedCode::Store
        | RefusedCode::Ending
        | RefusedCode::Other => true,
        RefusedCode::BadCommand
        | RefusedCode::NoSuchRun
        | RefusedCode::NoSuchAgent
        | RefusedCode::NoSuchChart
        | RefusedCode::NoSuchInstance
        | RefusedCode::NoSuchRole
        | RefusedCode::Denied
        | RefusedCode::Definitions => false,
    }
}
