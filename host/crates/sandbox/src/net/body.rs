//! Bodies on their way through: what a guest sends becomes what the client sends, and back, each byte counted.

use super::meter::{Meter, Open};
use bytes::Bytes;
use http_body::{Body, Frame};
use std::pin::Pin;
use std::task::{Context, Poll};
use types::{HttpBody, HttpError, HttpErrorKind};
use wasmtime_wasi_http::{Error, WasiBody};

/// What a guest sends. Trailers are left out: hardly a server reads them, and some that do take them for headers.
pub(crate) struct Sent {
    pub(crate) body: WasiBody,
    pub(crate) meter: Meter,
    /// The request, for the words of a refusal.
    pub(crate) subject: String,
}

impl HttpBody for Sent {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, HttpError>>> {
        loop {
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(_))) => {
                    let error =
                        HttpError::new(HttpErrorKind::Broken, "the guest broke off its request");
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            if let Err(reason) = self.meter.sent(bytes.len()) {
                self.meter
                    .notes()
                    .refused("send", &self.subject, reason.as_str());
                return Poll::Ready(Some(Err(HttpError::new(HttpErrorKind::Limit, reason))));
            }
            return Poll::Ready(Some(Ok(bytes)));
        }
    }
}

/// What a guest receives.
pub(crate) struct Received {
    pub(crate) body: Box<dyn HttpBody>,
    pub(crate) meter: Meter,
    pub(crate) subject: String,
    /// Until the guest lets go of the answer.
    pub(crate) _open: Open,
    pub(crate) over: bool,
}

impl Body for Received {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if this.over {
            return Poll::Ready(None);
        }
        let chunk = match this.body.poll_chunk(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => {
                this.over = true;
                return Poll::Ready(None);
            }
            Poll::Ready(Some(chunk)) => chunk,
        };
        let failed = match chunk {
            Ok(bytes) => match this.meter.received(bytes.len()) {
                Ok(()) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Err(reason) => {
                    this.meter.notes().refused("receive", &this.subject, reason);
                    Error::HttpResponseBodySize(None)
                }
            },
            Err(error) => super::outgoing::in_code(&error),
        };
        this.over = true;
        Poll::Ready(Some(Err(failed)))
    }
}
