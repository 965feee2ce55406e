//! Streams of a staged file. They never wait: what they read and write is a file of the host's own, or one that was looked at when it was opened.

use super::content::{Content, lock};
use bytes::Bytes;
use std::io;
use std::sync::{Arc, Mutex};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

/// Most bytes that one read or write carries.
const CHUNK: usize = 64 << 10;

/// Reading from some place on.
pub(crate) struct StagedInput {
    pub(crate) content: Arc<Mutex<Content>>,
    pub(crate) position: u64,
}

#[wasmtime_wasi::async_trait]
impl Pollable for StagedInput {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi::async_trait]
impl InputStream for StagedInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let bytes = lock(&self.content)
            .read(size.min(CHUNK), self.position)
            .map_err(failed)?;
        if bytes.is_empty() {
            return Err(StreamError::Closed);
        }
        self.position += bytes.len() as u64;
        Ok(bytes.into())
    }
}

/// Writing from some place on, or at the end whatever others write.
pub(crate) struct StagedOutput {
    pub(crate) content: Arc<Mutex<Content>>,
    pub(crate) position: Option<u64>,
}

#[wasmtime_wasi::async_trait]
impl Pollable for StagedOutput {
    async fn ready(&mut self) {}
}

impl OutputStream for StagedOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut content = lock(&self.content);
        let at = match self.position {
            Some(at) => at,
            None => content.size().map_err(failed)?,
        };
        content.write(&bytes, at).map_err(failed)?;
        if let Some(position) = &mut self.position {
            *position += bytes.len() as u64;
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}

fn failed(error: io::Error) -> StreamError {
    StreamError::LastOperationFailed(error.into())
}
