//! An answer's body on its way to a guest: without secrets, and not waited for longer than the guest asked.

use super::in_words;
use super::mask::Mask;
use bytes::Bytes;
use http_body::Body as _;
use reqwest::Body;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};
use types::{HttpBody, HttpError, HttpErrorKind};

pub(super) struct Answer {
    body: Pin<Box<Body>>,
    mask: Option<Mask>,
    patience: Option<(Duration, Pin<Box<Sleep>>)>,
    over: bool,
}

impl Answer {
    pub(super) fn new(body: Body, mask: Option<Mask>, patience: Option<Duration>) -> Self {
        Answer {
            body: Box::pin(body),
            mask,
            patience: patience.map(|wait| (wait, Box::pin(tokio::time::sleep(wait)))),
            over: false,
        }
    }

    /// Whether the server has said nothing for as long as the guest waits.
    fn is_too_slow(&mut self, context: &mut Context<'_>) -> bool {
        let Some((_, alarm)) = &mut self.patience else {
            return false;
        };
        alarm.as_mut().poll(context).is_ready()
    }

    fn heard(&mut self) {
        if let Some((wait, alarm)) = &mut self.patience {
            alarm.as_mut().reset(Instant::now() + *wait);
        }
    }

    fn fail(&mut self, error: HttpError) -> Poll<Option<Result<Bytes, HttpError>>> {
        self.over = true;
        Poll::Ready(Some(Err(error)))
    }
}

impl HttpBody for Answer {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, HttpError>>> {
        loop {
            if self.over {
                return Poll::Ready(None);
            }
            let frame = match self.body.as_mut().poll_frame(context) {
                Poll::Ready(frame) => frame,
                Poll::Pending if self.is_too_slow(context) => {
                    let what = "the server has said nothing more for too long";
                    return self.fail(HttpError::new(HttpErrorKind::Timeout, what));
                }
                Poll::Pending => return Poll::Pending,
            };
            self.heard();
            let piece = match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => piece,
                    // Trailers are left out: nobody has searched them.
                    Err(_) => continue,
                },
                Some(Err(error)) => return self.fail(in_words(&error)),
                None => {
                    self.over = true;
                    let rest = self.mask.as_mut().map(Mask::end).unwrap_or_default();
                    match rest.is_empty() {
                        true => return Poll::Ready(None),
                        false => return Poll::Ready(Some(Ok(rest.into()))),
                    }
                }
            };
            let piece = match &mut self.mask {
                Some(mask) => mask.push(&piece).into(),
                None => piece,
            };
            // An empty piece would read as an answer that has nothing to say yet.
            if !piece.is_empty() {
                return Poll::Ready(Some(Ok(piece)));
            }
        }
    }
}
