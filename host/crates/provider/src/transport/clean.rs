//! A sink that never lets the key through, however the pieces of a stream cut it.

use crate::secret::Key;
use types::ModelSink;

/// Stands before the front end's sink. What could be the beginning of the key is held back until the next piece shows whether it is.
pub(super) struct CleanSink<'a> {
    inner: &'a mut dyn ModelSink,
    key: Option<&'a Key>,
    text: String,
    reasoning: String,
}

impl<'a> CleanSink<'a> {
    pub(super) fn new(inner: &'a mut dyn ModelSink, key: Option<&'a Key>) -> Self {
        CleanSink {
            inner,
            key,
            text: String::new(),
            reasoning: String::new(),
        }
    }

    /// Nothing more comes: what was held back was no key after all.
    pub(super) fn end(self) {
        if !self.text.is_empty() {
            self.inner.text(&self.text);
        }
        if !self.reasoning.is_empty() {
            self.inner.reasoning(&self.reasoning);
        }
    }
}

/// Add `delta` to what is `held` and take out what may be shown now.
fn release(held: &mut String, delta: &str, key: &Key) -> String {
    held.push_str(delta);
    let clean = key.scrub_whole(held).into_owned();
    let keep = key.begins_at_the_end_of(&clean);
    let (show, hold) = clean.split_at(clean.len() - keep);
    let show = show.to_owned();
    *held = hold.to_owned();
    show
}

impl ModelSink for CleanSink<'_> {
    fn text(&mut self, delta: &str) {
        match self.key {
            None => self.inner.text(delta),
            Some(key) => match release(&mut self.text, delta, key) {
                show if show.is_empty() => {}
                show => self.inner.text(&show),
            },
        }
    }

    fn reasoning(&mut self, delta: &str) {
        match self.key {
            None => self.inner.reasoning(delta),
            Some(key) => match release(&mut self.reasoning, delta, key) {
                show if show.is_empty() => {}
                show => self.inner.reasoning(&show),
            },
        }
    }

    fn calls(&mut self, bytes: usize) {
        self.inner.calls(bytes);
    }

    fn note(&mut self, line: &str) {
        self.inner.note(line);
    }

    fn traffic(&mut self, sent: u64, received: u64) {
        self.inner.traffic(sent, received);
    }

    fn energy(&mut self, joules: f64) {
        self.inner.energy(joules);
    }
}
