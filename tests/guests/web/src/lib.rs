//! A tool plugin that makes requests by `wasi:http`. Tests choose every part of a request, also those that no honest plugin would send.

use charthouse_sdk::{Effect, Failure, Tool, ToolPlugin, arguments, export_tool};
use serde_json::{Value, json};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme, http_error_code,
};
use wasip2::io::streams::StreamError;

/// Most bytes of an answer that are repeated; the rest is counted.
const SHOWN: usize = 3_000;
/// Redirects that are followed.
const HOPS: usize = 5;

arguments! {
    struct Header {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    }
}

arguments! {
    struct Fetch {
        /// Where to, for instance `http://127.0.0.1:80/x`. What stands before `://` is the scheme, up to the next slash the authority; nothing is made nicer.
        url: String,
        /// The method.
        method: String = "GET".to_owned(),
        /// Headers.
        headers: Option<Vec<Header>>,
        /// What is sent.
        body: Option<String>,
        /// How often the body is sent.
        repeat: u64 = 1,
        /// Whether a redirect is followed.
        follow: bool = false,
        /// How often all of it is done.
        times: u64 = 1,
        /// Whether answers are kept open, unread.
        hold: bool = false,
        /// Milliseconds to wait for the head of an answer.
        first_byte: Option<u64>,
        /// Milliseconds to wait for more of it.
        between: Option<u64>,
    }
}

/// Fetch and tell what came of it, as JSON: `{status, headers, body, length}` or `{error}`.
fn fetch(arguments: Fetch) -> Result<String, Failure> {
    let mut held = Vec::new();
    let mut told = Vec::new();
    for _ in 0..arguments.times {
        told.push(match one(&arguments, &mut held) {
            Ok(answer) => answer,
            Err(error) => json!({ "error": error }),
        });
    }
    let told = match told.len() {
        1 => told.remove(0),
        _ => Value::Array(told),
    };
    Ok(told.to_string())
}

fn one(arguments: &Fetch, held: &mut Vec<IncomingResponse>) -> Result<Value, String> {
    let mut url = arguments.url.clone();
    for _ in 0..HOPS {
        let response = ask(arguments, &url)?;
        let status = response.status();
        let headers = response.headers().entries();
        let location = headers.iter().find(|(name, _)| name == "location");
        if let (true, Some((_, location))) = (arguments.follow && status / 100 == 3, location) {
            url = String::from_utf8_lossy(location).into_owned();
            continue;
        }
        if arguments.hold {
            held.push(response);
            return Ok(json!({ "status": status }));
        }
        let (body, length, error) = read(response);
        let headers: Vec<Value> = headers
            .iter()
            .map(|(name, value)| json!([name, String::from_utf8_lossy(value)]))
            .collect();
        let mut answer =
            json!({ "status": status, "headers": headers, "body": body, "length": length });
        if let Some(error) = error {
            answer["error"] = json!(error);
        }
        return Ok(answer);
    }
    Err("too many redirects".into())
}

fn ask(arguments: &Fetch, url: &str) -> Result<IncomingResponse, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let headers: Vec<(String, Vec<u8>)> = arguments
        .headers
        .iter()
        .flatten()
        .map(|header| (header.name.clone(), header.value.clone().into_bytes()))
        .collect();
    let fields = Fields::from_list(&headers).map_err(|error| format!("headers: {error:?}"))?;
    let request = OutgoingRequest::new(fields);
    let method = match arguments.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "TRACE" => Method::Trace,
        other => Method::Other(other.to_owned()),
    };
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let refused = |what: &'static str| move |()| format!("{what} is refused");
    request.set_method(&method).map_err(refused("the method"))?;
    request
        .set_scheme(Some(&scheme))
        .map_err(refused("the scheme"))?;
    request
        .set_authority(Some(authority))
        .map_err(refused("the authority"))?;
    request
        .set_path_with_query(Some(path))
        .map_err(refused("the path"))?;
    let options = RequestOptions::new();
    let nanoseconds = |wait: Option<u64>| wait.map(|wait| wait * 1_000_000);
    let _ = options.set_first_byte_timeout(nanoseconds(arguments.first_byte));
    let _ = options.set_between_bytes_timeout(nanoseconds(arguments.between));
    let body = match &arguments.body {
        None => None,
        Some(text) => {
            let body = request.body().map_err(refused("the body"))?;
            Some((body, text))
        }
    };
    let coming = handle(request, Some(options)).map_err(|error| in_words(&error))?;
    if let Some((body, text)) = body {
        // The server may answer before it has heard everything.
        let _ = send(body, text, arguments.repeat);
    }
    let pollable = coming.subscribe();
    loop {
        match coming.get() {
            Some(answer) => {
                return answer
                    .map_err(|()| "the answer was taken already".to_owned())?
                    .map_err(|error| in_words(&error));
            }
            None => pollable.block(),
        }
    }
}

fn send(body: OutgoingBody, text: &str, repeat: u64) -> Result<(), StreamError> {
    let stream = body.write().map_err(|()| StreamError::Closed)?;
    for _ in 0..repeat {
        for chunk in text.as_bytes().chunks(4_096) {
            stream.blocking_write_and_flush(chunk)?;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
    Ok(())
}

/// The beginning of the body, its length, and why it ended before its end.
fn read(response: IncomingResponse) -> (String, usize, Option<String>) {
    let mut shown = Vec::new();
    let mut length = 0;
    let Ok(body) = response.consume() else {
        return (String::new(), 0, Some("no body".into()));
    };
    let Ok(stream) = body.stream() else {
        return (String::new(), 0, Some("no stream".into()));
    };
    let error = loop {
        match stream.blocking_read(64 << 10) {
            Ok(bytes) => {
                length += bytes.len();
                let room = SHOWN.saturating_sub(shown.len()).min(bytes.len());
                shown.extend_from_slice(&bytes[..room]);
            }
            Err(StreamError::Closed) => break None,
            Err(StreamError::LastOperationFailed(error)) => {
                let code = http_error_code(&error);
                break Some(code.map_or_else(|| error.to_debug_string(), |code| in_words(&code)));
            }
        }
    };
    (String::from_utf8_lossy(&shown).into_owned(), length, error)
}

fn in_words(error: &ErrorCode) -> String {
    format!("{error:?}")
}

struct Web;

impl ToolPlugin for Web {
    fn tools() -> Vec<Tool> {
        vec![Tool::new("fetch", "Makes a request.", fetch).effect(Effect::Once)]
    }
}

export_tool!(Web);
