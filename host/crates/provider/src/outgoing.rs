//! Requests that a guest makes: the client behind `wasi:http`.
//!
//! Whoever asks has put the request to policy; here its host's name is looked up once, the addresses are put to policy, and the connection goes to those and
//! to no others, so a name that changes its mind in between leads nowhere else. Nothing here follows a redirect, reads a proxy from the environment or keeps
//! a connection for another request. Secrets are looked up at the moment of use, and what comes back is searched for them.

mod answer;
mod lookup;
mod mask;
mod secrets;
mod upload;

pub use lookup::{Lookup, LookupFuture};

use crate::http::no_tls;
use answer::Answer;
use lookup::{Checked, SystemLookup, addresses_of};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Client, Method, Request, Url, redirect, retry};
use rustls_platform_verifier::BuilderVerifierExt;
use secrets::Secrets;
use std::error::Error as _;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::timeout;
use types::{Http, HttpError, HttpErrorKind, HttpFuture, HttpRequest, HttpResponse, HttpTimeouts};
use upload::Upload;

/// Longest wait for a connection where the guest asks for no shorter one. The call's own deadline mostly ends it sooner.
const CONNECT: Duration = Duration::from_secs(10);

/// The client that makes guests' requests. Nothing is set up before the first of them.
pub fn guest_http() -> Arc<dyn Http> {
    guest_http_with(Arc::<SystemLookup>::default())
}

/// The same, with names looked up by `lookup`.
pub fn guest_http_with(lookup: Arc<dyn Lookup>) -> Arc<dyn Http> {
    Arc::new(Outgoing(Arc::new(Shared {
        lookup,
        tls: OnceLock::new(),
    })))
}

struct Outgoing(Arc<Shared>);

struct Shared {
    lookup: Arc<dyn Lookup>,
    /// Loading the system's root certificates takes long; nobody pays for it before the first `https`.
    tls: OnceLock<rustls::ClientConfig>,
}

impl Http for Outgoing {
    fn send(&self, request: HttpRequest) -> HttpFuture {
        let shared = self.0.clone();
        Box::pin(async move {
            let secrets = Secrets::look_up(&request.conceal, request.secret.as_ref())?;
            let sent = shared.send(request, &secrets).await;
            sent.map_err(|error| HttpError {
                message: secrets.masked(error.message),
                ..error
            })
        })
    }
}

impl Shared {
    async fn send(
        &self,
        request: HttpRequest,
        secrets: &Secrets,
    ) -> Result<HttpResponse, HttpError> {
        let HttpRequest {
            method,
            url,
            headers,
            body,
            reach,
            secret,
            conceal: _,
            timeouts,
        } = request;
        let broken = |what: String| HttpError::new(HttpErrorKind::Broken, what);
        let url = Url::parse(&url).map_err(|error| broken(format!("the URL is none: {error}")))?;
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| broken("the method cannot be sent".into()))?;
        let connect = timeouts
            .connect
            .map_or(CONNECT, |wanted| wanted.min(CONNECT));
        let looking = addresses_of(&url, &*self.lookup, &*reach);
        let checked = timeout(connect, looking).await.map_err(|_| {
            HttpError::new(
                HttpErrorKind::Timeout,
                "looking the host's name up took too long",
            )
        })??;
        let client = self.client(&url, checked, connect)?;
        let mut request = Request::new(method, url);
        *request.headers_mut() = header_map(headers)?;
        if secrets.any() {
            // What is packed cannot be searched.
            let plain = HeaderValue::from_static("identity");
            request.headers_mut().insert(ACCEPT_ENCODING, plain);
        }
        if let Some(secret) = &secret {
            let name = HeaderName::try_from(&secret.header)
                .map_err(|_| broken("the secret's header has no name that can be sent".into()))?;
            request.headers_mut().insert(name, secrets.header(secret)?);
        }
        if let Some(body) = body {
            *request.body_mut() = Some(Body::wrap(Upload::new(body)));
        }
        let asking = client.execute(request);
        let response = match timeouts.first_byte {
            None => asking.await,
            Some(patience) => timeout(connect + patience, asking).await.map_err(|_| {
                HttpError::new(
                    HttpErrorKind::Timeout,
                    "the server has said nothing for too long",
                )
            })?,
        };
        let response = response.map_err(|error| in_words(&error))?;
        read(response.into(), secrets, timeouts)
    }

    /// A client for one request: it keeps no connection, so none is ever used for a host that policy was not asked about.
    fn client(&self, url: &Url, checked: Checked, connect: Duration) -> Result<Client, HttpError> {
        let tls = match url.scheme() {
            "https" => self.tls()?,
            _ => no_tls(),
        };
        Client::builder()
            .user_agent(concat!("charthouse/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(0)
            .tcp_nodelay(true)
            .connect_timeout(connect)
            .dns_resolver(Arc::new(checked))
            .build()
            .map_err(|error| in_words(&error))
    }

    fn tls(&self) -> Result<rustls::ClientConfig, HttpError> {
        if let Some(config) = self.tls.get() {
            return Ok(config.clone());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(|error| {
                let what = format!("TLS cannot be set up on this machine: {error}");
                HttpError::new(HttpErrorKind::Tls, what)
            })?
            .with_no_client_auth();
        Ok(self.tls.get_or_init(|| config).clone())
    }
}

fn header_map(pairs: Vec<(String, Vec<u8>)>) -> Result<HeaderMap, HttpError> {
    let unsendable = || HttpError::new(HttpErrorKind::Broken, "a header cannot be sent");
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::try_from(name).map_err(|_| unsendable())?;
        let value = HeaderValue::try_from(value).map_err(|_| unsendable())?;
        headers.try_append(name, value).map_err(|_| unsendable())?;
    }
    Ok(headers)
}

/// What came back, without the secrets.
fn read(
    response: http::Response<Body>,
    secrets: &Secrets,
    timeouts: HttpTimeouts,
) -> Result<HttpResponse, HttpError> {
    let (head, body) = response.into_parts();
    let packed = head
        .headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if packed && secrets.any() {
        return Err(HttpError::new(
            HttpErrorKind::Encoding,
            "the server packed its answer although it was asked not to, and a packed answer cannot be searched for secrets",
        ));
    }
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                secrets.masked_bytes(value.as_bytes()),
            )
        })
        .collect();
    Ok(HttpResponse {
        status: head.status.as_u16(),
        headers,
        body: Box::new(Answer::new(body, secrets.mask(), timeouts.between_bytes)),
    })
}

/// What went wrong, as far as a guest can act on it. The URL is left out: it is the guest's own.
fn in_words(error: &reqwest::Error) -> HttpError {
    let mut chain: Vec<&(dyn std::error::Error + 'static)> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        chain.push(cause);
        // An I/O error shows what it wraps in place of its own source.
        next = match cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    if let Some(own) = chain
        .iter()
        .find_map(|cause| cause.downcast_ref::<HttpError>())
    {
        return own.clone();
    }
    let last = chain
        .last()
        .map_or_else(|| "no reason given".to_owned(), |e| e.to_string());
    let tls = chain.iter().any(|cause| cause.is::<rustls::Error>());
    let (kind, what) = match () {
        () if tls => (HttpErrorKind::Tls, "the server cannot show who it is"),
        () if error.is_timeout() => (HttpErrorKind::Timeout, "it took too long"),
        () if error.is_connect() => (HttpErrorKind::Connect, "nobody answers there"),
        () => (
            HttpErrorKind::Broken,
            "the connection broke off, or what came is no HTTP",
        ),
    };
    HttpError::new(kind, format!("{what}: {last}"))
}
