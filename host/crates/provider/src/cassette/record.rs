//! Any model, with everything it is asked and answers put on a cassette.

use super::hide::Hide;
use super::mark::{Mark, Marks, excerpt};
use super::tape::{Tape, check_header};
use super::{Answer, Exchange, FORMAT, Header, Heard, Said};
use crate::secret::Key;
use serde::Serialize;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;
use types::{
    Finding, Model, ModelError, ModelErrorKind, ModelFuture, ModelSink, Payload, ProviderConfig,
    ProviderKind, Reply, SecretRef,
};

/// A model whose exchanges are recorded. An exchange that is cancelled before it ends is not: nobody knows what would have come.
pub struct Recorded {
    inner: Arc<dyn Model>,
    provider: Arc<str>,
    key: Option<SecretRef>,
    file: PathBuf,
    /// Opened at the first exchange.
    opened: Mutex<Option<Opened>>,
}

impl Recorded {
    /// `inner`, which `config` describes, recorded into `file`. Nothing is opened yet.
    ///
    /// # Errors
    /// [`ModelErrorKind::Rejected`] when the cassette is the one that is being played.
    pub fn new(
        inner: Arc<dyn Model>,
        config: &ProviderConfig,
        file: &Path,
    ) -> Result<Self, ModelError> {
        let provider = config.name.clone();
        let key = match &config.kind {
            ProviderKind::Http { key, .. } => key.clone(),
            ProviderKind::Replay { file: played } if played == file => {
                return Err(ModelError::new(
                    ModelErrorKind::Rejected,
                    format!(
                        "provider `{provider}` plays the cassette {} and would record into it too: name another file in its `record`",
                        file.display()
                    ),
                ));
            }
            ProviderKind::Replay { .. } | ProviderKind::Scripted { .. } => None,
        };
        Ok(Recorded {
            inner,
            provider,
            key,
            file: file.to_owned(),
            opened: Mutex::new(None),
        })
    }

    async fn answer(
        &self,
        payload: &Payload,
        sink: &mut dyn ModelSink,
    ) -> Result<Reply, ModelError> {
        // Before anything is spent: a run that should be recorded and cannot be is not started.
        self.with_file(|_| Ok(()))
            .map_err(|trouble| self.unusable(&trouble))?;
        // Without a key that can be looked up the request fails too, and there is nothing to hide.
        let key = self
            .key
            .as_ref()
            .and_then(|secret| Key::look_up(secret, &self.provider).ok());
        let mut listening = Listening {
            inner: sink,
            heard: Vec::new(),
        };
        let began = Instant::now();
        let answer = self.inner.complete(payload, &mut listening).await;
        let took_ms = began.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        let heard = listening.heard;
        let hide = Hide::new(key.as_ref());
        let recorded =
            self.with_file(|opened| opened.append(payload, &hide, heard, answer.clone(), took_ms));
        if let Err(trouble) = recorded {
            // The answer is there and paid for: better a gap on the cassette than one in the run.
            let line = self.unusable(&trouble).message;
            tracing::warn!(provider = %self.provider, "{line}");
            sink.note(&format!("not recorded: {line}"));
        }
        answer
    }

    fn with_file(&self, work: impl FnOnce(&mut Opened) -> io::Result<()>) -> Result<(), Trouble> {
        let mut slot = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            *slot = Some(Opened::open(&self.file, &self.provider)?);
        }
        slot.as_mut()
            .map_or(Ok(()), |opened| opened.locked(work))
            .map_err(Trouble::Io)
    }

    fn unusable(&self, trouble: &Trouble) -> ModelError {
        let (provider, file) = (&self.provider, self.file.display());
        let text = match trouble {
            Trouble::Io(error) => format!(
                "what provider `{provider}` answers cannot be recorded in {file} ({error}): make room and the right to write there, or \
                 change or remove its `record` in house.yaml"
            ),
            Trouble::Foreign(finding) => format!(
                "what provider `{provider}` answers cannot be recorded: {}: {}: name another file in its `record`, or move this one away",
                finding.place, finding.message
            ),
        };
        ModelError::new(ModelErrorKind::Rejected, text)
    }
}

impl Model for Recorded {
    fn complete<'a>(
        &'a self,
        payload: &'a Payload,
        sink: &'a mut dyn ModelSink,
    ) -> ModelFuture<'a> {
        Box::pin(self.answer(payload, sink))
    }
}

/// Why a cassette cannot be written.
enum Trouble {
    Io(io::Error),
    /// The file is there and is something else.
    Foreign(Finding),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Io(error)
    }
}

/// A cassette that is being recorded, and what of payloads it holds already.
struct Opened {
    file: File,
    conversations: HashSet<Mark>,
    tools: HashSet<Mark>,
}

impl Opened {
    /// Open `path`, or make it. What is recorded goes to its end.
    fn open(path: &Path, provider: &str) -> Result<Self, Trouble> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut opened = Opened {
            file: options.open(path)?,
            conversations: HashSet::new(),
            tools: HashSet::new(),
        };
        // Another process may be making the same cassette just now.
        opened.file.lock()?;
        let begun = opened.begin(path, provider);
        opened.file.unlock()?;
        begun.map(|()| opened)
    }

    fn begin(&mut self, path: &Path, provider: &str) -> Result<(), Trouble> {
        if self.file.metadata()?.len() == 0 {
            return Ok(self.write(&Header {
                cassette: FORMAT,
                by: concat!("charthouse ", env!("CARGO_PKG_VERSION")).to_owned(),
                provider: provider.to_owned(),
            })?);
        }
        let shown = path.to_string_lossy();
        let mut source = BufReader::new(&self.file);
        let mut header = String::new();
        source
            .by_ref()
            .take(1 << 16)
            .read_line(&mut header)
            .map_err(|error| match error.kind() {
                // Not even text.
                io::ErrorKind::InvalidData => {
                    check_header("?", &shown).map_or_else(Trouble::Foreign, |()| error.into())
                }
                _ => error.into(),
            })?;
        check_header(&header, &shown).map_err(Trouble::Foreign)?;
        self.cut_torn_line()?;
        (&self.file).seek(SeekFrom::Start(0))?;
        let tape = Tape::read(BufReader::new(&self.file), &shown)
            .map_err(|mut findings| Trouble::Foreign(findings.swap_remove(0)))?;
        self.conversations.extend(tape.steps.keys());
        self.tools.extend(tape.offered.keys());
        Ok(())
    }

    /// A host that was killed while it wrote leaves half a line, which no replay could use and which would spoil the next.
    fn cut_torn_line(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let mut end = length;
        let mut piece = vec![0; 1 << 16];
        while end > 0 {
            let size = end.min(piece.len() as u64);
            self.file.seek(SeekFrom::Start(end - size))?;
            let read = &mut piece[..usize::try_from(size).unwrap_or(0)];
            self.file.read_exact(read)?;
            if let Some(at) = read.iter().rposition(|byte| *byte == b'\n') {
                end = end - size + at as u64 + 1;
                break;
            }
            end -= size;
        }
        if end < length {
            tracing::warn!(
                bytes = length - end,
                "cutting off a line of the cassette that was never finished"
            );
            self.file.set_len(end)?;
        }
        Ok(())
    }

    fn locked(&mut self, work: impl FnOnce(&mut Opened) -> io::Result<()>) -> io::Result<()> {
        self.file.lock()?;
        let done = work(self);
        self.file.unlock()?;
        done
    }

    fn append(
        &mut self,
        payload: &Payload,
        hide: &Hide<'_>,
        heard: Vec<Heard>,
        answer: Result<Reply, ModelError>,
        took_ms: u64,
    ) -> io::Result<()> {
        let marks = Marks::of(payload, hide);
        // A conversation that is known is known from its beginning.
        let known = marks
            .items
            .iter()
            .take_while(|mark| self.conversations.contains(mark))
            .count();
        let said = |(mark, item): (&Mark, &Arc<types::Item>)| Said {
            mark: *mark,
            says: excerpt(item, hide),
        };
        let exchange = Exchange {
            follows: known.checked_sub(1).map(|last| marks.items[last]),
            items: marks
                .items
                .iter()
                .zip(&payload.items)
                .skip(known)
                .map(said)
                .collect(),
            tools: marks.tools,
            offered: (!self.tools.contains(&marks.tools)).then(|| {
                payload
                    .tools
                    .iter()
                    .map(|tool| hide.text(&tool.name).into_owned())
                    .collect()
            }),
            parameters: payload.parameters.clone(),
            asked: payload
                .items
                .last()
                .map_or_else(String::new, |item| excerpt(item, hide)),
            heard: hidden(&heard, hide)?,
            answer: hidden(&answer.map_or_else(Answer::Error, Answer::Reply), hide)?,
            took_ms,
        };
        self.write(&exchange)?;
        self.conversations.extend(marks.items);
        self.tools.insert(marks.tools);
        Ok(())
    }

    /// One line, whole or not at all.
    fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(&bytes).and_then(|()| self.file.flush());
        if written.is_err() {
            // Half a line would spoil the cassette; where even this fails, the next opening cuts it off.
            let _ = self.file.set_len(before);
        }
        written
    }
}

/// `value` without secrets in any of its texts.
fn hidden<T: Serialize + serde::de::DeserializeOwned>(value: &T, hide: &Hide<'_>) -> io::Result<T> {
    let mut json = serde_json::to_value(value)?;
    hide.value(&mut json);
    Ok(serde_json::from_value(json)?)
}

/// Passes on what is streamed and keeps it.
struct Listening<'a> {
    inner: &'a mut dyn ModelSink,
    heard: Vec<Heard>,
}

impl ModelSink for Listening<'_> {
    fn text(&mut self, delta: &str) {
        match self.heard.last_mut() {
            Some(Heard::Text(text)) => text.push_str(delta),
            _ => self.heard.push(Heard::Text(delta.to_owned())),
        }
        self.inner.text(delta);
    }

    fn reasoning(&mut self, delta: &str) {
        match self.heard.last_mut() {
            Some(Heard::Reasoning(text)) => text.push_str(delta),
            _ => self.heard.push(Heard::Reasoning(delta.to_owned())),
        }
        self.inner.reasoning(delta);
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
