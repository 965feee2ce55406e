//! The JSON of a record of memory, and how the index follows from it.
//!
//! There is one way from records to the index, [`follow`]: a change goes it once, when its record has just been written, and [`rebuild`] goes it for all
//! records again.

use crate::words::Words;
use crate::{MemoryError, MemoryId, Remembered};
use journal::{Journal, MemoryRow, MemoryScope, MemoryWriter, RecordId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::{Label, MemoryLayer, Provenance, Timestamp};

/// The kind of the records of memory.
pub const RECORD_KIND: &str = "memory";

/// What a record of memory tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(crate) enum Told {
    /// There is a new memory.
    Add(Kept),
    /// A memory is another from now on.
    Replace(Kept),
    /// A memory is no more. What it said stands in an earlier record.
    Forget {
        /// The memory.
        id: MemoryId,
        /// Whose it was.
        agent: Option<Arc<str>>,
        /// Its layer.
        layer: MemoryLayer,
        /// Who or what forgot it.
        provenance: Provenance,
    },
}

/// A memory as its record keeps it; its time is the record's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) id: MemoryId,
    pub(crate) agent: Option<Arc<str>>,
    pub(crate) layer: MemoryLayer,
    pub(crate) text: Arc<str>,
    pub(crate) weight: f64,
    pub(crate) provenance: Provenance,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) labels: Vec<Label>,
}

impl Told {
    pub(crate) fn id(&self) -> MemoryId {
        match self {
            Told::Add(kept) | Told::Replace(kept) => kept.id,
            Told::Forget { id, .. } => *id,
        }
    }

    pub(crate) fn to_json(&self) -> String {
        // Texts, numbers and lists of them: there is no key that JSON could not have.
        serde_json::to_string(self).expect("a memory can be written as JSON")
    }

    fn read(record: RecordId, body: &str) -> Result<Self, MemoryError> {
        serde_json::from_str(body).map_err(|error| bad(record, error))
    }
}

impl Kept {
    fn scope(&self) -> MemoryScope<'_> {
        scope(self.agent.as_deref(), self.layer)
    }
}

/// The scope of what `agent` remembers in `layer`; without an agent that of the house.
pub(crate) fn scope(agent: Option<&str>, layer: MemoryLayer) -> MemoryScope<'_> {
    MemoryScope {
        agent: agent.unwrap_or(""),
        layer: layer.name(),
    }
}

/// The memory that the record of `row` keeps.
pub(crate) fn read(journal: &Journal, row: &MemoryRow) -> Result<Remembered, MemoryError> {
    let body = journal.record(row.record)?.map(|record| record.body);
    let kept = kept(row, body)?;
    Ok(Remembered {
        id: kept.id,
        agent: kept.agent,
        layer: kept.layer,
        text: kept.text,
        time: row.time,
        weight: kept.weight,
        provenance: kept.provenance,
        labels: kept.labels,
    })
}

/// The memory `id` as it is at this point of a change.
pub(crate) fn current(
    writer: &MemoryWriter<'_>,
    id: MemoryId,
) -> Result<Option<Kept>, MemoryError> {
    let Some(row) = writer.row(id.0)? else {
        return Ok(None);
    };
    let body = writer.body(row.record)?;
    kept(&row, body).map(Some)
}

fn kept(row: &MemoryRow, body: Option<String>) -> Result<Kept, MemoryError> {
    let body = body.ok_or_else(|| bad(row.record, "it is missing"))?;
    match Told::read(row.record, &body)? {
        Told::Add(kept) | Told::Replace(kept) if kept.id.0 == row.id => Ok(kept),
        other => Err(bad(
            row.record,
            format!("it is about memory {} and not {}", other.id(), row.id),
        )),
    }
}

/// Change the index as the record `record` with the body `body` tells.
pub(crate) fn follow(
    writer: &mut MemoryWriter<'_>,
    record: RecordId,
    time: Timestamp,
    body: &str,
) -> Result<(), MemoryError> {
    let told = Told::read(record, body)?;
    let before = current(writer, told.id())?;
    match (told, before) {
        (Told::Add(kept), None) => put(writer, record, time, &kept),
        (Told::Replace(kept), Some(old)) => {
            remove(writer, &old)?;
            put(writer, record, time, &kept)
        }
        (Told::Forget { .. }, Some(old)) => remove(writer, &old),
        (Told::Add(kept), Some(_)) => Err(bad(
            record,
            format!("it adds memory {}, which was there already", kept.id),
        )),
        (Told::Replace(Kept { id, .. }) | Told::Forget { id, .. }, None) => Err(bad(
            record,
            format!("it changes memory {id}, which was not there"),
        )),
    }
}

fn put(
    writer: &mut MemoryWriter<'_>,
    record: RecordId,
    time: Timestamp,
    kept: &Kept,
) -> Result<(), MemoryError> {
    let words = Words::of(&kept.text);
    let row = MemoryRow {
        id: kept.id.0,
        record,
        time,
        weight: kept.weight,
        words: words.total(),
    };
    Ok(writer.put(kept.scope(), &row, words.counted())?)
}

fn remove(writer: &mut MemoryWriter<'_>, old: &Kept) -> Result<(), MemoryError> {
    let words = Words::of(&old.text);
    let words = words.counted().map(|(word, _)| word);
    Ok(writer.remove(old.scope(), old.id.0, words)?)
}

/// Make the index anew from the records, in one commit.
pub(crate) fn rebuild(journal: &mut Journal) -> Result<u64, MemoryError> {
    journal.change_memories(|writer| {
        writer.clear()?;
        writer.each(RECORD_KIND, |writer, record, time, body| {
            follow(writer, record, time, &body)
        })?;
        Ok(writer.count()?)
    })
}

fn bad(record: RecordId, why: impl ToString) -> MemoryError {
    MemoryError::BadRecord {
        record: record.0,
        why: why.to_string(),
    }
}
