//! `wasi:http/outgoing-handler`: each request is put to policy, and what policy allows is made by the injected client.

use super::Notes;
use super::body::{Received, Sent};
use super::meter::{Meter, Open};
use super::refusing::NO_NETWORK;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use policy::{Grant, NetRules, Reach, SecretRule, Target};
use std::future::{Future, ready};
use std::sync::Arc;
use types::{Http, HttpBody, HttpError, HttpErrorKind, HttpRequest, HttpSecret, HttpTimeouts};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody,
    WasiHttpHooks,
};

/// Most bytes of an answer's headers, names and values.
const ANSWER_HEADERS_MAX: usize = 64 << 10;
/// Headers that are the host's beside those of the connection: how a body is framed and packed, and who passes a request on.
const HOSTS_OWN: [&str; 6] = [
    "te",
    "trailer",
    "expect",
    "accept-encoding",
    "x-http-method-override",
    "x-http-method",
];

/// A request that came to nothing, or an answer and whatever is still to be done for it (nothing).
type Answered = Result<(Response<WasiBody>, Beside), Error>;
type Beside = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// What `wasi:http` asks of its host during one call.
pub(super) struct Hooks {
    granted: Option<Granted>,
    notes: Notes,
}

/// The network of a call that has one.
struct Granted {
    rules: NetRules,
    http: Option<Arc<dyn Http>>,
    meter: Meter,
}

impl Hooks {
    pub(super) fn new(grant: &Grant, http: Option<Arc<dyn Http>>, notes: Notes) -> Self {
        let granted = grant.net_rules().map(|rules| Granted {
            rules,
            http,
            meter: Meter::new(&grant.limits, notes.clone()),
        });
        Hooks { granted, notes }
    }

    /// How many bytes were sent and how many came.
    pub(super) fn used(&self) -> (u64, u64) {
        let granted = self.granted.as_ref();
        granted.map_or((0, 0), |granted| granted.meter.used())
    }

    /// Put `request` to policy and make it ready to be sent.
    fn admit(
        &self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Admitted, Error> {
        let (head, body) = request.into_parts();
        let method = head.method.as_str();
        let url = head.uri.to_string();
        let as_asked = || format!("{method} {}", url.split(['?', '#']).next().unwrap_or(&url));
        let refuse = |subject: &str, reason: &str| {
            self.notes.refused("request", subject, reason);
            Error::HttpRequestDenied
        };
        let Some(granted) = &self.granted else {
            return Err(refuse(&as_asked(), NO_NETWORK));
        };
        let decision = granted.rules.may_request(method, &url);
        let subject = match &decision.target {
            Some(target) => target.to_string(),
            None => as_asked(),
        };
        let Some(target) = decision.target.filter(|_| decision.allowed) else {
            return Err(refuse(&subject, &decision.reason));
        };
        let Some(http) = granted.http.clone() else {
            return Err(refuse(&subject, "this host makes no requests"));
        };
        let open = granted.begin(target.url(), &head.headers, &subject)?;
        let granting = (&target, decision.reach, decision.secret);
        Ok(Admitted {
            http,
            request: granted.request(granting, head.headers, body, &subject, options),
            subject,
            meter: granted.meter.clone(),
            open,
        })
    }
}

impl Granted {
    /// Count a request and its head.
    fn begin(&self, url: &str, headers: &HeaderMap, subject: &str) -> Result<Open, Error> {
        let notes = self.meter.notes();
        let open = self.meter.begin().map_err(|reason| {
            notes.refused("request", subject, reason);
            Error::ConnectionLimitReached
        })?;
        let size = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len());
        self.meter
            .sent(url.len() + size.sum::<usize>())
            .map_err(|reason| {
                notes.refused("send", subject, reason);
                Error::HttpRequestBodySize(None)
            })?;
        Ok(open)
    }

    /// The request to `target`, which policy has allowed.
    fn request(
        &self,
        (target, reach, secret): (&Target, Reach, Option<SecretRule>),
        headers: HeaderMap,
        body: WasiBody,
        subject: &str,
        options: Option<RequestOptions>,
    ) -> HttpRequest {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_owned()));
        let body = (!body.is_end_stream()).then(|| {
            Box::new(Sent {
                body,
                meter: self.meter.clone(),
                subject: subject.to_owned(),
            }) as Box<dyn HttpBody>
        });
        let options = options.unwrap_or_default();
        HttpRequest {
            method: target.method().to_owned(),
            url: target.url().to_owned(),
            headers: headers.collect(),
            body,
            reach: Arc::new(reach),
            secret: secret.map(|secret| HttpSecret {
                header: secret.header,
                from: secret.from,
                prefix: secret.prefix,
            }),
            conceal: self.rules.secrets(),
            timeouts: HttpTimeouts {
                connect: options.connect_timeout,
                first_byte: options.first_byte_timeout,
                between_bytes: options.between_bytes_timeout,
            },
        }
    }
}

/// A request that may be made.
struct Admitted {
    http: Arc<dyn Http>,
    request: HttpRequest,
    subject: String,
    meter: Meter,
    open: Open,
}

impl Admitted {
    async fn send(self) -> Answered {
        let Admitted {
            http,
            request,
            subject,
            meter,
            open,
        } = self;
        let answer = http.send(request).await.map_err(|error| {
            if is_refusal(error.kind) {
                meter
                    .notes()
                    .refused("request", &subject, error.message.as_str());
            }
            in_code(&error)
        })?;
        let headers = headers_of(answer.headers)?;
        let status = StatusCode::from_u16(answer.status).map_err(|_| Error::HttpProtocolError)?;
        let size = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len());
        if let Err(reason) = meter.received(size.sum()) {
            meter.notes().refused("receive", &subject, reason);
            return Err(Error::HttpResponseBodySize(None));
        }
        meter.notes().answered(&subject, answer.status);
        let body = Received {
            body: answer.body,
            meter,
            subject,
            _open: open,
            over: false,
        };
        let mut response = Response::new(body.boxed_unsync());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        let nothing: Beside = Box::new(ready(Ok(())));
        Ok((response, nothing))
    }
}

fn headers_of(pairs: Vec<(String, Vec<u8>)>) -> Result<HeaderMap, Error> {
    let size: usize = pairs
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > ANSWER_HEADERS_MAX {
        return Err(Error::HttpResponseHeaderSectionSize(
            u32::try_from(size).ok(),
        ));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::try_from(name).map_err(|_| Error::HttpProtocolError)?;
        let value = HeaderValue::try_from(value).map_err(|_| Error::HttpProtocolError)?;
        headers
            .try_append(name, value)
            .map_err(|_| Error::HttpResponseHeaderSectionSize(None))?;
    }
    Ok(headers)
}

/// What the operator and the model are told in words, beside the code that the guest gets.
fn is_refusal(kind: HttpErrorKind) -> bool {
    matches!(
        kind,
        HttpErrorKind::Denied
            | HttpErrorKind::Limit
            | HttpErrorKind::Secret
            | HttpErrorKind::Encoding
    )
}

/// The nearest of WASI's codes, most of which carry no text.
pub(super) fn in_code(error: &HttpError) -> Error {
    match error.kind {
        HttpErrorKind::Denied => Error::DestinationIpProhibited,
        HttpErrorKind::Name => Error::DnsError {
            rcode: Some(error.message.clone()),
            info_code: None,
        },
        HttpErrorKind::Connect => Error::ConnectionRefused,
        HttpErrorKind::Tls => Error::TlsProtocolError,
        HttpErrorKind::Timeout => Error::HttpResponseTimeout,
        HttpErrorKind::Limit => Error::ConnectionLimitReached,
        HttpErrorKind::Secret => Error::ConfigurationError,
        HttpErrorKind::Encoding => Error::HttpResponseContentCoding(None),
        HttpErrorKind::Broken => Error::HttpResponseIncomplete,
    }
}

/// Whether a guest may not set `name`, nor see it in an answer. Some servers take `_` for `-`.
fn is_hosts_own(name: &HeaderName) -> bool {
    let plain = name.as_str().replace('_', "-");
    DEFAULT_FORBIDDEN_HEADERS
        .iter()
        .map(HeaderName::as_str)
        .chain(HOSTS_OWN)
        .any(|own| own == plain)
        || (name.as_str().contains('_') && plain == "content-length")
}

impl WasiHttpHooks for Hooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_hosts_own)
    }

    /// The client writes it, from the URL that policy has looked at.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Beside,
    ) -> Box<dyn Future<Output = Answered> + Send> {
        match self.admit(request, options) {
            Ok(admitted) => Box::new(admitted.send()),
            Err(error) => Box::new(ready(Err(error))),
        }
    }

    /// A guest writes as much at once as fits into the memory that the host sets aside for it.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        64 << 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_connection_are_the_hosts_own_however_they_are_spelled() {
        for name in [
            "host",
            "connection",
            "transfer-encoding",
            "transfer_encoding",
            "content_length",
            "te",
            "expect",
            "accept-encoding",
            "x-http-method-override",
            "proxy-authorization",
            "upgrade",
        ] {
            assert!(is_hosts_own(&HeaderName::from_static(name)), "{name}");
        }
        for name in [
            "authorization",
            "content-length",
            "accept",
            "cookie",
            "x-host",
        ] {
            assert!(!is_hosts_own(&HeaderName::from_static(name)), "{name}");
        }
    }
}
