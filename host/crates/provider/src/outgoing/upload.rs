//! A guest's body in the form that the client sends.

use bytes::Bytes;
use http_body::{Body, Frame};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use types::{HttpBody, HttpError};

/// The client wants what can be shared between threads; nobody shares this, so the lock is never waited for.
pub(super) struct Upload(Mutex<Box<dyn HttpBody>>);

impl Upload {
    pub(super) fn new(body: Box<dyn HttpBody>) -> Self {
        Upload(Mutex::new(body))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let body = self.get_mut().0.get_mut();
        let body = body.unwrap_or_else(|broken| broken.into_inner());
        body.poll_chunk(context)
            .map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}
