//! Every record to the byte, a line each, with what its hash covers: whoever has the lines can check the chain.

use crate::verbs::journal::paper::{Paper, Stop};
use crate::verbs::journal::when::Span;
use ::journal::{Journal, Record, RecordId, Which};
use serde::Serialize;
use types::ContentHash;

/// A line. `body` is the very text of the record, for the hash covers that and not what it means.
#[derive(Serialize)]
struct Line<'a> {
    seq: RecordId,
    run: &'a str,
    time: types::Timestamp,
    kind: &'a str,
    body: &'a str,
    /// The hash of the record before, in the whole journal; zeros before the first.
    previous: Option<ContentHash>,
    hash: ContentHash,
}

pub fn write(
    journal: &Journal,
    which: Which<'_>,
    span: Span,
    paper: &mut Paper,
) -> Result<(), Stop> {
    let mut last: Option<(u64, ContentHash)> = None;
    journal.each(which, |record: Record| {
        let seq = record.seq.0;
        if !span.has(record.time) {
            return Ok(());
        }
        let previous = match last {
            _ if seq <= 1 => Some(ContentHash::from_bytes([0; 32])),
            Some((before, hash)) if before + 1 == seq => Some(hash),
            // One that is missing or cannot be read has no hash to name.
            _ => journal
                .record(RecordId(seq - 1))
                .ok()
                .flatten()
                .map(|record| record.hash),
        };
        last = Some((seq, record.hash));
        let line = Line {
            seq: record.seq,
            run: &record.run,
            time: record.time,
            kind: &record.kind,
            body: &record.body,
            previous,
            hash: record.hash,
        };
        // Texts and numbers always serialise.
        paper.line(&serde_json::to_string(&line).unwrap_or_default())
    })
}
