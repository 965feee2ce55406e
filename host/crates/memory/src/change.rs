//! What can be done to memory, who may do it, and how it is committed.

use crate::record::{self, Kept, RECORD_KIND, Told};
use crate::{MemoryError, MemoryId};
use journal::{Journal, MemoryWriter, NewRecord};
use std::sync::Arc;
use types::{Label, MemoryLayer, Provenance, Timestamp};

/// Longest text of one memory, in bytes. What is longer is a document: it would fill a context map's chunk by itself, and belongs in a file.
pub const LONGEST_TEXT: usize = 64 * 1024;

/// Who changes memory, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Author<'a> {
    /// The run that the change is recorded in; [`journal::HOUSE_RUN`] outside of all runs.
    pub run: &'a str,
    /// The agent for whom it is made, which may change its own memories only. Without one every memory may be changed: that is for a person.
    pub agent: Option<&'a str>,
    /// Where the change comes from.
    pub provenance: Provenance,
    /// Now.
    pub time: Timestamp,
}

/// Something new to remember.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMemory {
    /// Whose it is; none for what the whole house shares.
    pub agent: Option<Arc<str>>,
    /// Its layer.
    pub layer: MemoryLayer,
    /// What is remembered; kept to the byte.
    pub text: String,
    /// Labels put on it.
    pub labels: Vec<Label>,
    /// How much it counts beside others, from 0 up; 1 is usual.
    pub weight: f64,
}

/// A change of memory.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Remember something new.
    Add(NewMemory),
    /// Put another text in the place of that of a memory, which keeps its id, its agent and its layer.
    Replace {
        /// The memory.
        id: MemoryId,
        /// What is remembered from now on.
        text: String,
        /// Labels put on it.
        labels: Vec<Label>,
        /// How much it counts.
        weight: f64,
    },
    /// Forget a memory.
    Forget(MemoryId),
}

/// Make `changes` in one commit.
pub(crate) fn apply(
    journal: &mut Journal,
    author: &Author<'_>,
    changes: &[Change],
) -> Result<Vec<MemoryId>, MemoryError> {
    changes.iter().try_for_each(check)?;
    journal.change_memories(|writer| {
        let mut ids = Vec::with_capacity(changes.len());
        for change in changes {
            let told = tell(writer, author, change)?;
            let record = writer.next()?;
            let body = told.to_json();
            writer.append(NewRecord {
                run: author.run,
                time: author.time,
                kind: RECORD_KIND,
                body: &body,
            })?;
            // Not from `told`: what is indexed is what the record says, as it will be read when the index is made anew.
            record::follow(writer, record, author.time, &body)?;
            ids.push(told.id());
        }
        Ok(ids)
    })
}

impl NewMemory {
    /// Refuse what can be refused without looking into the store.
    ///
    /// # Errors
    /// When the text is empty or too long, the weight no weight, or the agent's name empty.
    pub fn check(&self) -> Result<(), MemoryError> {
        if self.agent.as_deref() == Some("") {
            return Err(MemoryError::Nameless);
        }
        check_content(&self.text, self.weight)
    }
}

fn check(change: &Change) -> Result<(), MemoryError> {
    match change {
        Change::Add(new) => new.check(),
        Change::Replace { text, weight, .. } => check_content(text, *weight),
        Change::Forget(_) => Ok(()),
    }
}

fn check_content(text: &str, weight: f64) -> Result<(), MemoryError> {
    if text.trim().is_empty() {
        return Err(MemoryError::Empty);
    }
    if text.len() > LONGEST_TEXT {
        return Err(MemoryError::TooLong);
    }
    // What is not a number is no weight either.
    if !(weight.is_finite() && weight >= 0.0) {
        return Err(MemoryError::BadWeight { weight });
    }
    Ok(())
}

/// What the record of `change` is to tell.
fn tell(
    writer: &MemoryWriter<'_>,
    author: &Author<'_>,
    change: &Change,
) -> Result<Told, MemoryError> {
    let provenance = author.provenance.clone();
    match change {
        Change::Add(new) => {
            allow(author, new.agent.as_deref())?;
            Ok(Told::Add(Kept {
                id: MemoryId(writer.next()?.0),
                agent: new.agent.clone(),
                layer: new.layer,
                text: new.text.as_str().into(),
                weight: new.weight,
                labels: new.labels.clone(),
                provenance,
            }))
        }
        Change::Replace {
            id,
            text,
            labels,
            weight,
        } => {
            let old = mine(writer, author, *id)?;
            Ok(Told::Replace(Kept {
                text: text.as_str().into(),
                weight: *weight,
                labels: labels.clone(),
                provenance,
                ..old
            }))
        }
        Change::Forget(id) => {
            let old = mine(writer, author, *id)?;
            Ok(Told::Forget {
                id: *id,
                agent: old.agent,
                layer: old.layer,
                provenance,
            })
        }
    }
}

/// The memory `id`, if `author` may change it.
fn mine(writer: &MemoryWriter<'_>, author: &Author<'_>, id: MemoryId) -> Result<Kept, MemoryError> {
    let old = record::current(writer, id)?.ok_or(MemoryError::NoSuchMemory { id })?;
    allow(author, old.agent.as_deref())?;
    Ok(old)
}

fn allow(author: &Author<'_>, owner: Option<&str>) -> Result<(), MemoryError> {
    match author.agent {
        Some(agent) if owner != Some(agent) => Err(MemoryError::NotItsOwn {
            agent: agent.to_owned(),
            owner: owner.map(str::to_owned),
        }),
        _ => Ok(()),
    }
}
