//! Requests to the outside that somebody else makes for a guest: what is asked, what comes back, and how it can fail.
//!
//! Whoever asks has decided already that the request may be made; whoever answers looks the host's name up, asks [`HttpReach`] of every address, and
//! connects to no other. Redirects are answers like others: nobody here follows one.

use crate::SecretRef;
use bytes::Bytes;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// A future that a trait object can return.
pub type HttpFuture = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send>>;

/// Something that makes requests.
pub trait Http: Send + Sync {
    /// Make `request`, once. Dropping the future, or the response's body, closes the connection.
    fn send(&self, request: HttpRequest) -> HttpFuture;
}

/// Which addresses the host's name may lead to.
pub trait HttpReach: Send + Sync {
    /// Whether `address` may be connected to.
    ///
    /// # Errors
    /// Says why not.
    fn permits(&self, address: IpAddr) -> Result<(), String>;
}

/// A body that comes in pieces.
pub trait HttpBody: Send {
    /// The next piece; `None` at the end. After an error there is no more.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, HttpError>>>;
}

/// A request that may be made.
pub struct HttpRequest {
    /// The method, in upper case.
    pub method: String,
    /// The URL in its only form.
    pub url: String,
    /// Headers in order. The host's own (`Host`, those of the connection) are not among them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What is sent with it.
    pub body: Option<Box<dyn HttpBody>>,
    /// Asked of every address before anything is connected.
    pub reach: Arc<dyn HttpReach>,
    /// A header to add, in the place of any that has the same name.
    pub secret: Option<HttpSecret>,
    /// Secrets that must not be in anything that comes back, `secret` among them.
    pub conceal: Vec<SecretRef>,
    /// How long to wait. Who asks may stop waiting at any time.
    pub timeouts: HttpTimeouts,
}

/// A header whose value nobody but the server sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSecret {
    /// Its name.
    pub header: String,
    /// Where the value is.
    pub from: SecretRef,
    /// What stands before it.
    pub prefix: String,
}

/// How long to wait for what; `None` is for as long as the caller does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HttpTimeouts {
    /// For a connection.
    pub connect: Option<Duration>,
    /// For the head of the answer.
    pub first_byte: Option<Duration>,
    /// For each next piece of its body.
    pub between_bytes: Option<Duration>,
}

/// What came back.
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Box<dyn HttpBody>,
}

/// Sorts of failures, as far as a guest can act on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpErrorKind {
    /// Policy does not let the request go where it leads.
    Denied,
    /// The name has no address.
    Name,
    /// Nobody answers there.
    Connect,
    /// The other side cannot show who it is, or speaks no TLS that is spoken here.
    Tls,
    /// It took too long.
    Timeout,
    /// A limit of the call is reached.
    Limit,
    /// The secret that goes with the request cannot be had.
    Secret,
    /// The answer is in a form that cannot be searched for secrets.
    Encoding,
    /// What came back is no answer, or broke off.
    Broken,
}

/// A request that came to nothing, in words that hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HttpError {
    /// What sort of failure it is.
    pub kind: HttpErrorKind,
    /// What happened.
    pub message: String,
}

impl HttpError {
    /// A failure.
    pub fn new(kind: HttpErrorKind, message: impl Into<String>) -> Self {
        HttpError {
            kind,
            message: message.into(),
        }
    }
}
