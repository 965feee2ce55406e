//! A cassette in a model's place: the same payload gets the answer that was recorded for it.

use super::hide::Hide;
use super::mark::{Marks, excerpt};
use super::tape::{Tape, Track};
use super::{Answer, Exchange, Heard};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use types::{Finding, Model, ModelError, ModelErrorKind, ModelFuture, ModelSink, Payload, Reply};

/// Plays a cassette. An exchange is played once; a payload that was recorded twice gets the two answers in their order.
pub struct Replayed {
    provider: Arc<str>,
    file: PathBuf,
    /// Read at the first request.
    tape: Mutex<Option<Tape>>,
}

impl Replayed {
    /// The cassette in `file`. Nothing is read yet.
    pub fn new(provider: Arc<str>, file: PathBuf) -> Self {
        Replayed {
            provider,
            file,
            tape: Mutex::new(None),
        }
    }

    fn answer(&self, payload: &Payload, sink: &mut dyn ModelSink) -> Result<Reply, ModelError> {
        let Exchange { heard, answer, .. } = self.next(payload)?;
        for stretch in heard {
            match stretch {
                Heard::Text(text) => text.split_inclusive('\n').for_each(|line| sink.text(line)),
                Heard::Reasoning(text) => text
                    .split_inclusive('\n')
                    .for_each(|line| sink.reasoning(line)),
            }
        }
        match answer {
            Answer::Reply(reply) => Ok(reply),
            Answer::Error(error) => Err(error),
        }
    }

    fn next(&self, payload: &Payload) -> Result<Exchange, ModelError> {
        let hide = Hide::only_headers();
        let marks = Marks::of(payload, &hide);
        let mut slot = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            *slot = Some(self.load()?);
        }
        slot.as_mut()
            .and_then(|tape| {
                let found = tape.find(&marks, &payload.parameters)?;
                tape.tracks[found].exchange.take()
            })
            .ok_or_else(|| {
                let why = slot
                    .as_ref()
                    .map_or_else(String::new, |tape| why_not(tape, &marks, payload, &hide));
                ModelError::new(
                    ModelErrorKind::NoReply,
                    format!(
                        "provider `{}`: the cassette {} has no answer for this payload ({}): {why}",
                        self.provider,
                        self.file.display(),
                        counted(payload.items.len(), "item"),
                    ),
                )
            })
    }

    fn load(&self) -> Result<Tape, ModelError> {
        Tape::load(&self.file, &self.file.to_string_lossy()).map_err(|findings| {
            let lines: Vec<String> = findings.iter().map(line_of).collect();
            ModelError::new(
                ModelErrorKind::Rejected,
                format!(
                    "the cassette of provider `{}` cannot be played:\n{}",
                    self.provider,
                    lines.join("\n")
                ),
            )
        })
    }
}

impl Model for Replayed {
    fn complete<'a>(
        &'a self,
        payload: &'a Payload,
        sink: &'a mut dyn ModelSink,
    ) -> ModelFuture<'a> {
        Box::pin(async move { self.answer(payload, sink) })
    }
}

fn line_of(finding: &Finding) -> String {
    format!("{}: {} ({})", finding.place, finding.message, finding.help)
}

/// Which exchange comes nearest, and where the payloads part.
fn why_not(tape: &Tape, marks: &Marks, payload: &Payload, hide: &Hide<'_>) -> String {
    // The one that shares most of the conversation; of those the one whose length differs least, then one that was not played yet.
    let nearest = tape.tracks.iter().enumerate().map(|(n, track)| {
        let recorded = tape.conversation(track.conversation);
        let same = recorded
            .iter()
            .zip(&marks.items)
            .take_while(|(recorded, asked)| recorded == asked)
            .count();
        let order = (
            same,
            std::cmp::Reverse(recorded.len().abs_diff(marks.items.len())),
            track.tools == marks.tools,
            track.exchange.is_some(),
            std::cmp::Reverse(n),
        );
        (order, track, recorded)
    });
    let Some(((same, .., std::cmp::Reverse(n)), track, recorded)) =
        nearest.max_by_key(|(order, ..)| *order)
    else {
        return "it holds no exchange: record one first".to_owned();
    };
    let says = |index: usize| {
        let mark = recorded.get(index)?;
        Some(tape.steps.get(mark)?.says.as_str())
    };
    let part = match (says(same), payload.items.get(same)) {
        (None, None) if track.tools != marks.tools => tools_part(tape, track, payload),
        (None, None) => return played(n, track),
        (Some(recorded), Some(item)) => {
            let asked = excerpt(item, hide);
            let within = if asked == recorded {
                ", further in than these excerpts show"
            } else {
                ""
            };
            format!(
                "item {} differs{within}: recorded is `{recorded}`, asked was `{asked}`",
                same + 1
            )
        }
        (Some(recorded), None) => format!(
            "asked was no more, but recorded is item {} too: `{recorded}`",
            same + 1
        ),
        (None, Some(item)) => format!(
            "recorded is no more, but asked was item {} too: `{}`",
            same + 1,
            excerpt(item, hide)
        ),
    };
    format!(
        "nearest is exchange {} (line {}), {}; {part}. Record the run anew where the change was meant",
        n + 1,
        track.line,
        match same {
            0 => "which begins otherwise".to_owned(),
            1 => "of which the first item is the same".to_owned(),
            _ => format!("of which the first {same} items are the same"),
        },
    )
}

fn played(n: usize, track: &Track) -> String {
    format!(
        "exchange {} (line {}) was recorded for it and has been played already, and an exchange is played once. Record the run anew if it is \
         to ask once more",
        n + 1,
        track.line
    )
}

fn tools_part(tape: &Tape, track: &Track, payload: &Payload) -> String {
    let recorded = tape.offered.get(&track.tools).cloned().unwrap_or_default();
    let offered: Vec<&str> = payload.tools.iter().map(|tool| &*tool.name).collect();
    if recorded == offered {
        return format!(
            "the tools have the same names ({}), but not the same descriptions or parameters",
            offered.join(", ")
        );
    }
    format!(
        "the tools differ: recorded are [{}], offered were [{}]",
        recorded.join(", "),
        offered.join(", ")
    )
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
