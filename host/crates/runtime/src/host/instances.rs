//! The instances of workflows: each takes one thing after another, records what follows, and only then says it to others.

mod jobs;
mod reading;
mod roles;
mod writing;

pub(super) use reading::read;

use super::vouch::Deed;
use super::{Refused, RefusedCode};
use crate::Binding;
use crate::workflow::{Happened, Instance, WorkflowError};
use serde_json::Value as Json;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::oneshot;

/// All instances that are not over.
#[derive(Default)]
pub(super) struct Instances {
    seats: BTreeMap<Arc<str>, Seat>,
    /// Those that could not be read at the start, with their workflows.
    pub(super) damaged: BTreeMap<Arc<str>, String>,
    /// Which agents were given work, the last one at the end.
    given: Vec<Arc<str>>,
}

struct Seat {
    instance: Instance,
    /// The last letter that it has taken.
    heard: u64,
    /// Records since its last snapshot.
    tail: usize,
    jobs: VecDeque<Job>,
    busy: bool,
}

/// Something that happens to an instance, and who waits for what comes of it.
struct Job {
    /// One thing, or several that go into one commit.
    happened: Vec<Happened>,
    /// Who does it, as far as that is said.
    deed: Deed,
    cause: Option<u64>,
    done: Option<oneshot::Sender<Result<Json, Refused>>>,
}

impl Job {
    /// Something that nobody waits for.
    fn of(happened: Happened, cause: Option<u64>) -> Self {
        Job {
            happened: vec![happened],
            deed: Deed::default(),
            cause,
            done: None,
        }
    }
}

impl Instances {
    pub(super) fn has(&self, id: &str) -> bool {
        self.seats.contains_key(id)
    }

    pub(super) fn has_taken(&self, id: &str, seq: u64) -> bool {
        self.seats.get(id).is_some_and(|seat| seat.heard >= seq)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Instance> {
        self.seats.get(id).map(|seat| &seat.instance)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Instance> {
        self.seats.values().map(|seat| &seat.instance)
    }

    pub(super) fn next_due(&self) -> Option<i64> {
        let free = self.seats.values().filter(|seat| !seat.busy);
        free.filter_map(|seat| seat.instance.next_due()).min()
    }

    pub(super) fn due(&self, now: i64) -> Vec<Arc<str>> {
        let due =
            |seat: &Seat| !seat.busy && seat.instance.next_due().is_some_and(|due| due <= now);
        let due = self.seats.iter().filter(|(_, seat)| due(seat));
        due.map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn binding_of(&self, run: &str) -> Option<Binding> {
        let mut bindings = self.all().filter_map(|instance| instance.binding(run));
        bindings.next()
    }
}

/// What each run that holds a role of `instance` is bound to.
fn bindings(instance: &Instance) -> BTreeMap<Arc<str>, Binding> {
    let position = instance.position();
    let runs = position.roles.iter().filter_map(|role| {
        let run = role.holder.as_ref()?.run()?;
        Some((run.clone(), instance.binding(run)?))
    });
    runs.collect()
}

/// The one of `ids` that is `wanted`, or the only one that begins with it.
pub(super) fn meant<'i>(
    wanted: &str,
    ids: impl Iterator<Item = &'i Arc<str>>,
) -> Result<Option<Arc<str>>, Refused> {
    let begin: Vec<&Arc<str>> = ids
        .filter(|id| !wanted.is_empty() && id.starts_with(wanted))
        .collect();
    let exact = begin.iter().find(|id| ****id == *wanted);
    match (exact, &begin[..]) {
        (Some(id), _) | (None, [id]) => Ok(Some((*id).clone())),
        (None, []) => Ok(None),
        (None, [first, second, ..]) => Err(Refused::new(
            RefusedCode::BadCommand,
            format!("`{wanted}` can be more than one instance: {first}, {second} …"),
            "write more of the id",
        )),
    }
}

/// There is no such instance here.
pub(super) fn no_such_instance(id: &str) -> Refused {
    Refused::new(
        RefusedCode::NoSuchInstance,
        format!("there is no instance `{id}`, or it is over"),
        "`charthouse workflow list` lists those that are not",
    )
}

/// What an instance refuses, for whoever asked.
pub(super) fn refused(error: WorkflowError) -> Refused {
    let code = match (error.code(), &error) {
        (_, WorkflowError::UnknownRole { .. }) => RefusedCode::NoSuchRole,
        (_, WorkflowError::Held { .. }) => RefusedCode::Taken,
        ("refused", _) => RefusedCode::Denied,
        ("not_found", _) => RefusedCode::NoSuchInstance,
        ("invalid", _) => RefusedCode::BadCommand,
        ("damaged", _) => RefusedCode::Store,
        ("definitions", _) => RefusedCode::Definitions,
        _ => RefusedCode::NotNow,
    };
    let text = error.to_string();
    match text.rsplit_once("; ") {
        Some((message, help)) => Refused::new(code, message, help),
        None => Refused::new(code, text, ""),
    }
}
