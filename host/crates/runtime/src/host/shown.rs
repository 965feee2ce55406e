//! Instances of workflows as they are shown: by the host that has them, or out of the journal alone where nobody hosts the house. Nothing here changes anything,
//! so that a copy of a house can be looked at that nobody may write to.

use super::house::store;
use super::instances::{meant, no_such_instance, read, refused};
use super::vouch::is_signed;
use super::{Command, Refused, RefusedCode, clock};
use crate::alive;
use crate::record::Kind;
use crate::workflow::{Instance, Position, WorkflowError};
use definitions::House;
use journal::Journal;
use serde_json::{Value as Json, json};
use std::ops::ControlFlow;
use std::path::Path;

/// What `workflow.list` and `workflow.show` answer out of `journal`, of the house in the directory `root`: as its instances stood when the last host of them left.
/// Versions of workflows are the `house`'s own, or those that are recorded.
///
/// # Errors
/// When there is no such instance, the journal cannot be read, or something else is asked.
pub fn look(
    journal: &Journal,
    house: Option<&House>,
    root: &Path,
    command: &Command,
) -> Result<Json, Refused> {
    command.check()?;
    let alive = alive::instances(journal).map_err(|error| store(&error.into()))?;
    let instance = |id: &str| -> Result<Result<Instance, WorkflowError>, Refused> {
        let found = read(journal, house, root, id).map_err(|error| store(&error))?;
        Ok(found.map(|(instance, _, _)| instance))
    };
    match command {
        Command::WorkflowList {} => {
            let mut lines = Vec::new();
            for (id, alive) in &alive {
                lines.push(match instance(id)? {
                    Ok(instance) => in_a_line(&instance),
                    Err(_) => damaged_in_a_line(id, &alive.of),
                });
            }
            Ok(json!({ "instances": lines }))
        }
        Command::WorkflowShow { instance: wanted } => match meant(wanted, alive.keys())? {
            Some(id) => {
                let instance = instance(&id)?.map_err(damaged)?;
                let ahead = clock::kept(journal).map_err(|error| store(&error))?;
                Ok(in_full(journal, &instance, ahead))
            }
            None => past(journal, house, root, wanted),
        },
        _ => Err(Refused::new(
            RefusedCode::NotNow,
            "nobody hosts this house, and this is no question",
            "ask whoever does: charthouse serve",
        )),
    }
}

/// An instance in `workflow.list`.
pub(super) fn in_a_line(instance: &Instance) -> Json {
    let position = instance.position();
    json!({
        "instance": position.instance, "chart": position.workflow, "version": position.version,
        "status": status(&position), "states": position.configuration, "roles": position.roles,
        "signed": is_signed(instance),
    })
}

/// One in `workflow.list` that cannot be read.
pub(super) fn damaged_in_a_line(id: &str, workflow: &str) -> Json {
    json!({ "instance": id, "chart": workflow, "status": "damaged", "states": [], "roles": [] })
}

/// Why one cannot be shown that is not over.
fn damaged(error: WorkflowError) -> Refused {
    Refused {
        code: RefusedCode::Store,
        ..refused(error)
    }
}

/// An instance as `workflow.show` answers, with what its activities ask. Its timers are `ahead` of the calendar by so many milliseconds.
pub(super) fn in_full(journal: &Journal, instance: &Instance, ahead: i64) -> Json {
    let mut shown = shown(journal, instance);
    if let Some(due) = instance.next_due() {
        shown["next_due"] = due.saturating_sub(ahead).into();
    }
    for activity in shown["activities"].as_array_mut().into_iter().flatten() {
        let invocation = activity["id"].as_str().unwrap_or_default();
        activity["params"] = asked_with(journal, instance.id(), invocation);
    }
    shown
}

/// One that is over: what its records say of its end.
pub(super) fn past(
    journal: &Journal,
    house: Option<&House>,
    root: &Path,
    wanted: &str,
) -> Result<Json, Refused> {
    let id = journal
        .find_run(wanted)
        .map_err(|_| no_such_instance(wanted))?;
    let body = |kind: Kind| -> Option<Json> {
        let record = journal.newest(&id, kind.name()).ok()??;
        let mut body: Json = serde_json::from_str(&record.body).ok()?;
        // By the calendar.
        body["time"] = record.time.0.into();
        Some(body)
    };
    let started = body(Kind::Started).filter(|started| started["workflow"].is_object());
    let started = started.ok_or_else(|| no_such_instance(wanted))?;
    let found = read(journal, house, root, &id);
    let Some(ended) = body(Kind::Ended) else {
        return Err(match found.map_err(|error| store(&error))? {
            Ok(_) => no_such_instance(wanted),
            Err(error) => damaged(error),
        });
    };
    if let Ok(Ok((instance, _, _))) = found {
        let mut shown = shown(journal, &instance);
        shown["status"] = ended["status"].clone();
        shown["ended"] = ended;
        return Ok(shown);
    }
    // Its chart or its records cannot be read any more.
    Ok(json!({
        "instance": id, "chart": started["workflow"]["name"], "status": ended["status"], "ended": ended, "states": [],
        "input": started["input"],
    }))
}

/// With what the activity `invocation` of the instance `id` was begun: a question, for instance.
fn asked_with(journal: &Journal, id: &str, invocation: &str) -> Json {
    let mut found = Json::Null;
    let _ = journal.tail(id, |record| {
        let body: Json = serde_json::from_str(&record.body).unwrap_or_default();
        let mut effects = body["effects"].as_array().into_iter().flatten();
        let begun =
            effects.rfind(|effect| effect["type"] == "invoke" && effect["id"] == invocation);
        match begun {
            Some(effect) => {
                found = effect["params"].clone();
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        }
    });
    found
}

fn shown(journal: &Journal, instance: &Instance) -> Json {
    let position = instance.position();
    let mut shown = serde_json::to_value(&position).unwrap_or_default();
    shown["status"] = status(&position).into();
    shown["chart"] = json!(position.workflow);
    shown["states"] = json!(position.configuration);
    shown["input"] = json!(instance.input());
    shown["handed_in"] = handed_in(journal, instance);
    shown
}

/// What was handed in, each at the time of its record: what an instance knows itself goes by its timers, which may be ahead of the calendar.
fn handed_in(journal: &Journal, instance: &Instance) -> Json {
    let mut handed = json!(instance.handed());
    let mut newest_first = handed.as_array_mut().into_iter().flatten().rev().peekable();
    let _ = journal.tail(instance.id(), |record| {
        let Some(next) = newest_first.peek_mut() else {
            return ControlFlow::Break(());
        };
        let kind = Kind::named(&record.kind);
        if matches!(kind, Some(Kind::HandIn | Kind::Unbound)) {
            let body: Json = serde_json::from_str(&record.body).unwrap_or_default();
            let says = kind == Some(Kind::HandIn) || !body["notes"].is_null();
            if says && body["role"] == next["role"] && body["time"] == next["time"] {
                next["time"] = record.time.0.into();
                newest_first.next();
            }
        }
        ControlFlow::Continue(())
    });
    handed
}

/// Where an instance stands, in a word.
fn status(position: &Position) -> &'static str {
    match (&position.ended, position.needs_human) {
        (Some(ended), _) => ended.status.name(),
        (None, true) => "needs_human",
        (None, false) => "open",
    }
}
