//! A memory plugin that proposes one change of each kind: it adds a fact that says what the model answered, replaces the first entry by its
//! upper-case self and forgets the last one.

use charthouse_sdk::{
    Change, Entry, Failure, Layer, MemoryPlugin, Snapshot, export_memory, model, state,
};

struct Memory;

impl MemoryPlugin for Memory {
    fn consolidate(snapshot: Snapshot) -> Result<Vec<Change>, Failure> {
        let answer = model::complete(&model::Request {
            system: "Answer with one word.".to_owned(),
            prompt: format!("How many entries are there of {}?", snapshot.entries.len()),
            max_output: 16,
        });
        let heard = match answer {
            Ok(text) => format!("the model said: {text}"),
            Err(Failure::Denied(message)) => format!("the model was denied: {message}"),
            Err(failure) => format!("the model failed: {}", failure.message()),
        };
        let runs = match state::get_json::<u64>("runs") {
            Ok(runs) => runs.unwrap_or(0) + 1,
            Err(failure) => return Err(failure),
        };
        state::set_json("runs", &runs)?;

        let mut changes = vec![Change::Add(Entry::new(
            Layer::Fact,
            format!("{heard} (run {runs} at {})", snapshot.now),
        ))];
        let mut entries = snapshot.entries.into_iter();
        if let Some(first) = entries.next() {
            changes.push(Change::Replace(Entry {
                text: first.text.to_uppercase(),
                ..first
            }));
        }
        if let Some(last) = entries.next_back() {
            changes.push(Change::Forget(last.id));
        }
        Ok(changes)
    }
}

export_memory!(Memory);
