//! A guest's standard streams. Of a plugin's output the last few kilobytes are kept for the operator and the rest is forgotten; a command's output
//! is its answer, and is kept whole up to the call's limit. Nothing blocks and nothing grows, whatever a guest writes.

use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// Enough for a panic message with a backtrace.
const KEPT: usize = 4 << 10;
/// Most that a command writes at once.
const CHUNK: usize = 64 << 10;

/// What a guest's standard streams and its command line are.
#[derive(Clone, Default)]
pub(crate) struct Stdio {
    /// The end of what is written, for the log and for messages.
    pub(crate) tail: Tail,
    /// A command's name and arguments.
    pub(crate) args: Vec<String>,
    /// What a command reads before the end.
    pub(crate) stdin: Bytes,
    /// Where a command's output is kept whole.
    pub(crate) captured: Option<Captured>,
    /// The mount that a command begins in, and its name.
    pub(crate) here: Option<(usize, String)>,
}

impl Stdio {
    /// Connect them.
    pub(crate) fn connect(&self, wasi: &mut WasiCtxBuilder) {
        let Some(captured) = &self.captured else {
            wasi.stdout(self.tail.clone()).stderr(self.tail.clone());
            return;
        };
        let stream = |written: fn(&mut Written) -> &mut Vec<u8>| Capture {
            captured: captured.clone(),
            written,
            tail: self.tail.clone(),
        };
        wasi.args(&self.args)
            .stdin(MemoryInputPipe::new(self.stdin.clone()))
            .stdout(stream(|written| &mut written.out))
            .stderr(stream(|written| &mut written.err));
        if let Some((_, name)) = &self.here {
            wasi.initial_cwd(name);
        }
    }
}

/// A command's output: both streams, within one limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Captured(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    out: Vec<u8>,
    err: Vec<u8>,
    room: u64,
    overflowed: bool,
}

impl Captured {
    /// Room for `limit` bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Captured(Arc::new(Mutex::new(Written {
            room: limit,
            ..Written::default()
        })))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    /// Standard output and standard error. What is taken is no longer there.
    pub(crate) fn written(&self) -> (Vec<u8>, Vec<u8>) {
        let mut written = self.lock();
        (
            std::mem::take(&mut written.out),
            std::mem::take(&mut written.err),
        )
    }

    /// Whether more was written than there was room for.
    pub(crate) fn overflowed(&self) -> bool {
        self.lock().overflowed
    }
}

/// One of a command's output streams.
#[derive(Clone)]
struct Capture {
    captured: Captured,
    written: fn(&mut Written) -> &mut Vec<u8>,
    tail: Tail,
}

impl Capture {
    /// Keep `bytes`; a command that writes more than it may is stopped there and then.
    fn push(&self, bytes: &[u8]) -> io::Result<()> {
        let mut written = self.captured.lock();
        match written.room.checked_sub(bytes.len() as u64) {
            Some(room) => written.room = room,
            None => {
                written.overflowed = true;
                return Err(io::Error::other("the output limit is reached"));
            }
        }
        (self.written)(&mut written).extend_from_slice(bytes);
        self.tail.push(bytes);
        Ok(())
    }
}

impl IsTerminal for Capture {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Capture {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Capture {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes)
            .map_err(|error| StreamError::Trap(error.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Capture {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Capture {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.push(bytes).map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The end of what was written.
#[derive(Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        let bytes = &bytes[bytes.len().saturating_sub(KEPT)..];
        let excess = (kept.len() + bytes.len()).saturating_sub(KEPT);
        kept.drain(..excess);
        kept.extend(bytes);
    }

    /// Lines of what was kept.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut kept = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        String::from_utf8_lossy(kept.make_contiguous())
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(str::to_owned)
            .collect()
    }
}

impl IsTerminal for Tail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Tail {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Tail {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(KEPT)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Tail {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Tail {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_flood_is_kept() {
        let tail = Tail::default();
        for _ in 0..1_000 {
            tail.push(&[b'x'; 100]);
        }
        tail.push(b"\nthe end\n");
        let lines = tail.lines();
        assert_eq!(lines.last().map(String::as_str), Some("the end"));
        assert!(lines.iter().map(String::len).sum::<usize>() <= KEPT);
    }
}
