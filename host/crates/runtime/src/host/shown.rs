//! Instances of workflows as they are shown: by the host that has them, or out of the journal alone where nobody hosts the house. Nothing here changes anything,
//! so that a copy of a house can be looked at that nobody may write to.

use super::house::store;
use super::instances::{no_such_instance, read};
use super::vouch::is_signed;
use super::{Command, Refused, RefusedCode};
use crate::alive;
use crate::record::Kind;
use crate::workflow::{Instance, Position};
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
    let alive = alive::instances(journal).map_err(|error| store(&error.into()))?;
    let instance = |id: &str| -> Result<Option<Instance>, Refused> {
        let found = read(journal, house, root, id).map_err(|error| store(&error))?;
        Ok(found.ok().map(|(instance, _, _)| instance))
    };
    match command {
        Command::WorkflowList {} => {
            let mut lines = Vec::new();
            for id in alive.keys() {
                lines.extend(instance(id)?.as_ref().map(in_a_line));
            }
            Ok(json!({ "instances": lines }))
        }
        Command::WorkflowShow { instance: wanted } => {
            let exact = alive.keys().find(|id| ***id == **wanted);
            let begins = || alive.keys().find(|id| id.starts_with(wanted.as_str()));
            match exact.or_else(begins) {
                Some(id) => match instance(id)? {
                    Some(instance) => Ok(in_full(journal, &instance)),
                    None => Err(no_such_instance(wanted)),
                },
                None => past(journal, house, root, wanted),
            }
        }
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

/// An instance as `workflow.show` answers, with what its activities ask.
pub(super) fn in_full(journal: &Journal, instance: &Instance) -> Json {
    let mut shown = shown(instance);
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
        serde_json::from_str(&record.body).ok()
    };
    let started = body(Kind::Started).filter(|started| started["workflow"].is_object());
    let (Some(started), Some(ended)) = (started, body(Kind::Ended)) else {
        return Err(no_such_instance(wanted));
    };
    if let Ok(Ok((instance, _, _))) = read(journal, house, root, &id) {
        let mut shown = shown(&instance);
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

fn shown(instance: &Instance) -> Json {
    let position = instance.position();
    let mut shown = serde_json::to_value(&position).unwrap_or_default();
    shown["status"] = status(&position).into();
    shown["chart"] = json!(position.workflow);
    shown["states"] = json!(position.configuration);
    shown["input"] = json!(instance.input());
    shown["handed_in"] = json!(instance.handed());
    shown
}

/// Where an instance stands, in a word.
fn status(position: &Position) -> &'static str {
    match (&position.ended, position.needs_human) {
        (Some(ended), _) => ended.status.name(),
        (None, true) => "needs_human",
        (None, false) => "open",
    }
}
