//! Triggers by HTTP, and `GET /health`: nothing else is answered here, and nothing is told to whoever does not know a trigger's secret.
//!
//! A request is bounded in size and time, and answered when what it starts is on record: `202` with its run. Whoever gets no answer may send it again with the same
//! `Idempotency-Key` (or `X-GitHub-Delivery`): the host starts it once.

use super::engine::Came;
use super::log::Log;
use super::secret::Secret;
use super::watchman::{Arrival, What};
use bytes::Bytes;
use definitions::{House, HttpOn, On};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use runtime::host::{Command, Hosting, Refused, RefusedCode};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// The largest body that is read.
const BODY: usize = 1 << 20;
/// Connections at the same time.
const CONNECTIONS: usize = 128;
/// How long the head of a request may take, and the wait for the next on the same connection.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(20);
/// How long the host may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The longest key that a request may bring to be known by.
const LONGEST_KEY: usize = 200;
/// Headers by which a request that is sent twice is known.
const KEYS: [&str; 2] = ["idempotency-key", "x-github-delivery"];
/// It is said of a trigger at most this often that its requests are refused.
const COMPLAINTS: Duration = Duration::from_secs(10);
/// The pause before an address that cannot be listened at is tried again.
const AGAIN: Duration = Duration::from_secs(5);

type Answer = Response<Full<Bytes>>;

/// Whoever listens.
#[derive(Default)]
pub struct Requests {
    at: Option<SocketAddr>,
    task: Option<JoinHandle<()>>,
    triggers: Triggers,
}

/// What listens where: by path, the trigger and what its requests must be.
type Triggers = Rc<RefCell<HashMap<String, (Arc<str>, HttpOn)>>>;

impl Drop for Requests {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What a connection needs.
#[derive(Clone)]
struct Desk {
    triggers: Triggers,
    hosting: Rc<dyn Hosting>,
    arrivals: mpsc::Sender<Arrival>,
    log: Log,
    connections: Rc<Cell<usize>>,
    /// When it was last complained of the requests of each trigger.
    complained: Rc<RefCell<HashMap<Arc<str>, Instant>>>,
}

impl Requests {
    /// Listen where `house` says, for its triggers.
    pub fn serve(
        &mut self,
        house: &House,
        hosting: &Rc<dyn Hosting>,
        arrivals: &mpsc::Sender<Arrival>,
        log: &Log,
    ) {
        let all = house.serve.triggers.iter();
        let by_path = all.filter_map(|(name, trigger)| match &trigger.on {
            On::Http(http) => Some((http.path.value.to_string(), (name.clone(), http.clone()))),
            On::Time(_) | On::Files(_) => None,
        });
        *self.triggers.borrow_mut() = by_path.collect();
        let at = house.serve.http.as_ref().map(|address| address.value);
        if at == self.at {
            return;
        }
        if let Some(task) = self.task.take() {
            task.abort();
        }
        self.at = at;
        let desk = Desk {
            triggers: self.triggers.clone(),
            hosting: hosting.clone(),
            arrivals: arrivals.clone(),
            log: log.clone(),
            connections: Rc::default(),
            complained: Rc::default(),
        };
        self.task = at.map(|at| tokio::task::spawn_local(listen(at, desk)));
    }
}

async fn listen(at: SocketAddr, desk: Desk) {
    let mut complained = false;
    let listener = loop {
        match TcpListener::bind(at).await {
            Ok(listener) => break listener,
            Err(error) if !complained => {
                complained = true;
                let text = format!("cannot listen at {at}, and tries again: {error}");
                desk.log.trouble("http", &text);
            }
            Err(_) => {}
        }
        sleep(AGAIN).await;
    };
    let at = listener.local_addr().unwrap_or(at);
    desk.log.line("http", &format!("listening at http://{at}"));
    loop {
        match listener.accept().await {
            Ok((stream, _)) if desk.connections.get() < CONNECTIONS => {
                desk.connections.set(desk.connections.get() + 1);
                let desk = desk.clone();
                tokio::task::spawn_local(async move {
                    desk.clone().attend(stream).await;
                    desk.connections
                        .set(desk.connections.get().saturating_sub(1));
                });
            }
            // One too many: hung up at once, before it costs anything.
            Ok(_) => {}
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    }
}

impl Desk {
    async fn attend(self, stream: TcpStream) {
        let service =
            service_fn(|request| async { Ok::<_, Infallible>(self.answer(request).await) });
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(1 << 16)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        // A client that breaks off is the client's affair.
        drop(served);
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path();
        if path == "/health" {
            return self.health(request.method()).await;
        }
        let known = self.triggers.borrow().get(path).cloned();
        let Some((trigger, http)) = known else {
            return refuse(StatusCode::NOT_FOUND, "there is no such trigger");
        };
        if !http
            .methods
            .iter()
            .any(|known| known == request.method().as_str())
        {
            let mut answer = refuse(
                StatusCode::METHOD_NOT_ALLOWED,
                "this trigger takes another method",
            );
            if let Ok(allowed) = HeaderValue::from_str(&http.methods.join(", ")) {
                answer.headers_mut().insert(ALLOW, allowed);
            }
            return answer;
        }
        match self.started(trigger, &http, request).await {
            Ok(answer) | Err(answer) => answer,
        }
    }

    async fn health(&self, method: &Method) -> Answer {
        if method != Method::GET && method != Method::HEAD {
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "ask with GET");
        }
        // Whoever may ask need not know what runs here.
        match timeout(ANSWER_WITHIN, self.hosting.ask(Command::Health {})).await {
            Ok(Ok(health)) => {
                let status = health["status"].as_str().unwrap_or("ok");
                let code = match status {
                    "ok" => StatusCode::OK,
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                };
                say(code, &json!({ "status": status }))
            }
            Ok(Err(_)) | Err(_) => say(
                StatusCode::SERVICE_UNAVAILABLE,
                &json!({ "status": "failing" }),
            ),
        }
    }

    /// Say that requests of `trigger` are refused, but not as often as somebody may try.
    fn complain(&self, trigger: &Arc<str>, text: &str) {
        let mut complained = self.complained.borrow_mut();
        let last = complained.get(trigger);
        if last.is_none_or(|last| last.elapsed() >= COMPLAINTS) {
            complained.insert(trigger.clone(), Instant::now());
            self.log.trouble(trigger, text);
        }
    }

    async fn started(
        &self,
        trigger: Arc<str>,
        http: &HttpOn,
        request: Request<Incoming>,
    ) -> Result<Answer, Answer> {
        let (head, body) = request.into_parts();
        let headers = &head.headers;
        let secret = match &http.secret {
            Some(secret) => Some(Secret::look_up(secret).map_err(|why| {
                let text = format!("its secret cannot be looked up, so nobody can know it: {why}");
                self.complain(&trigger, &text);
                refuse(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the trigger has no secret to compare with",
                )
            })?),
            None if is_of_a_page(headers) => {
                let text = "this comes from a page in a browser, and the trigger has no secret";
                return Err(refuse(StatusCode::FORBIDDEN, text));
            }
            None => None,
        };
        let body = read(body).await?;
        if secret.is_some_and(|secret| !secret.is_known(headers, &body)) {
            self.complain(&trigger, "requests are refused that do not know its secret");
            return Err(refuse(
                StatusCode::UNAUTHORIZED,
                "the secret is missing or wrong",
            ));
        }
        let said = value(&body).ok_or_else(|| {
            let text = "a body is JSON or text in UTF-8";
            refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, text)
        })?;
        let came = Came {
            key: key(headers).ok_or_else(|| {
                let text = format!("a key is plain text of at most {LONGEST_KEY} characters");
                refuse(StatusCode::BAD_REQUEST, &text)
            })?,
            subject: String::new(),
            values: json!({
                "method": head.method.as_str(),
                "path": head.uri.path(),
                "query": query(head.uri.query().unwrap_or_default()),
                "body": said,
            }),
            insist: false,
        };
        let (answer, answered) = oneshot::channel();
        let what = What::Request(came, answer);
        let ending = || later(StatusCode::SERVICE_UNAVAILABLE, "the daemon is ending");
        let sent = self.arrivals.send(Arrival { trigger, what }).await;
        sent.map_err(|_| ending())?;
        match timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(Ok(value))) => Ok(say(StatusCode::ACCEPTED, &value)),
            Ok(Ok(Err(refused))) => Err(refused_by_host(&refused)),
            Ok(Err(_)) => Err(ending()),
            Err(_) => Err(later(
                StatusCode::GATEWAY_TIMEOUT,
                "the host has not answered in time",
            )),
        }
    }
}

/// Any page may have a browser send requests to this machine. It says so.
fn is_of_a_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    headers.contains_key("origin") || site.is_some_and(|site| site != b"none")
}

async fn read(body: Incoming) -> Result<Bytes, Answer> {
    let limited = Limited::new(body, BODY).collect();
    match timeout(BODY_WITHIN, limited).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let text = format!("a body has at most {BODY} bytes");
            Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, &text))
        }
        Ok(Err(_)) => Err(refuse(StatusCode::BAD_REQUEST, "the body breaks off")),
        Err(_) => Err(refuse(
            StatusCode::REQUEST_TIMEOUT,
            "the body takes too long",
        )),
    }
}

/// What a body says: JSON where it is JSON, else the text; `None` where it is neither.
fn value(body: &Bytes) -> Option<Value> {
    if body.is_empty() {
        return Some(Value::Null);
    }
    let text = std::str::from_utf8(body).ok()?;
    let json = serde_json::from_str(text);
    Some(json.unwrap_or_else(|_| Value::String(text.to_owned())))
}

/// The parts of a query, each as text; of those with the same name the last.
fn query(text: &str) -> Value {
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect::<serde_json::Map<String, Value>>()
        .into()
}

/// What tells a request from every other; `None` where what it brings cannot do that.
fn key(headers: &HeaderMap) -> Option<String> {
    let Some(given) = KEYS.iter().find_map(|name| headers.get(*name)) else {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        return Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    };
    let given = given.to_str().ok()?.trim();
    (!given.is_empty() && given.len() <= LONGEST_KEY).then(|| format!("given:{given}"))
}

fn refused_by_host(refused: &Refused) -> Answer {
    let status = match refused.code {
        RefusedCode::Limit
        | RefusedCode::Ending
        | RefusedCode::Store
        | RefusedCode::NotNow
        | RefusedCode::Taken => return later(StatusCode::SERVICE_UNAVAILABLE, &refused.message),
        RefusedCode::Denied => StatusCode::FORBIDDEN,
        RefusedCode::Definitions => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    refuse(status, &refused.message)
}

fn later(status: StatusCode, message: &str) -> Answer {
    let mut answer = refuse(status, message);
    let seconds = HeaderValue::from_static("10");
    answer.headers_mut().insert(RETRY_AFTER, seconds);
    answer
}

fn refuse(status: StatusCode, message: &str) -> Answer {
    say(status, &json!({ "error": message }))
}

fn say(status: StatusCode, value: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(format!("{value}\n"))));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
