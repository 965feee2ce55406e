//! Which events may come in whose name. Nobody but the host says that work was handed in, that a timer ran out or that a person spoke.

use super::error::WorkflowError;
use super::happening::Sender;

/// The first words of events that the host alone raises, with what whoever wanted to say it does instead.
const RESERVED: [(&str, &str); 13] = [
    ("role", "hand in with `hand_in`, or detach"),
    ("work", "it follows from where the workflow goes"),
    (
        "human",
        "only a person can say it: `charthouse workflow event`",
    ),
    ("budget", "it follows from what was spent"),
    ("timer", "it follows from the chart's `after`"),
    ("done", "it follows from the chart's final states"),
    ("error", "send an event of your own name"),
    ("ask", "answer the question instead"),
    ("plugin", "send an event of your own name"),
    ("tool", "send an event of your own name"),
    ("turn", "send an event of your own name"),
    ("think", "send an event of your own name"),
    ("act", "send an event of your own name"),
];

/// Whether `from` may send an event of this name.
pub fn may_send(event: &str, from: &Sender) -> Result<(), WorkflowError> {
    let space = event.split('.').next().unwrap_or_default();
    let reserved = RESERVED.iter().find(|(word, _)| *word == space);
    let allowed = match from {
        Sender::Host => true,
        Sender::Human { .. } => space == "human" || reserved.is_none(),
        Sender::Chart { .. } => reserved.is_none(),
    };
    match reserved {
        Some((_, help)) if !allowed => Err(WorkflowError::Reserved {
            event: event.into(),
            space: space.to_owned(),
            help,
        }),
        _ => Ok(()),
    }
}
