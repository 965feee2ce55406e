//! A server that plays a model: HTTP/1.1 on the loopback, chat completions streamed as server-sent events. What it answers a test decides
//! from what it was asked.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method, path and version.
    pub line: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: String,
    /// The body as JSON.
    pub json: Value,
}

impl Asked {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The conversation.
    #[track_caller]
    pub fn messages(&self) -> &[Value] {
        self.json["messages"]
            .as_array()
            .expect("a request has messages")
    }

    /// The calls of the conversation so far that were answered: name on the wire, arguments, answer; in the order of the answers.
    #[track_caller]
    pub fn results(&self) -> Vec<(String, Value, String)> {
        let mut calls: Vec<(&str, &str, Value)> = Vec::new();
        let mut results = Vec::new();
        for message in self.messages() {
            for call in message["tool_calls"].as_array().into_iter().flatten() {
                let text = call["function"]["arguments"]
                    .as_str()
                    .expect("arguments are text");
                let arguments = serde_json::from_str(text).expect("arguments are JSON in text");
                let name = call["function"]["name"]
                    .as_str()
                    .expect("a call has a name");
                calls.push((
                    call["id"].as_str().expect("a call has an id"),
                    name,
                    arguments,
                ));
            }
            if message["role"] == "tool" {
                let id = message["tool_call_id"]
                    .as_str()
                    .expect("a result names its call");
                let at = calls.iter().rposition(|(known, ..)| *known == id);
                let (_, name, arguments) =
                    calls[at.expect("a result names a call above it")].clone();
                let text = message["content"].as_str().expect("a result has text");
                results.push((name.to_owned(), arguments, text.to_owned()));
            }
        }
        results
    }
}

/// What the model says.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Its text.
    pub text: String,
    /// Its calls: name on the wire, and arguments.
    pub calls: Vec<(String, Value)>,
    /// `usage`: input, cached and output tokens.
    pub usage: (u64, u64, u64),
    /// What it says it took, in joules.
    pub joules: Option<f64>,
}

impl Said {
    /// Some text.
    pub fn text(text: impl Into<String>) -> Self {
        Said {
            text: text.into(),
            ..Said::default()
        }
    }

    /// One more call.
    pub fn call(mut self, name: &str, arguments: Value) -> Self {
        self.calls.push((name.to_owned(), arguments));
        self
    }
}

/// What the server does.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Stream what the model says.
    Say(Said),
    /// Stream it, but close the connection before the end.
    Cut(Said),
    /// Say nothing for as long as the client listens.
    Hang,
    /// Refuse with a status and a body.
    Refuse(u16, String),
}

/// A running server. It ends with the test's process.
pub struct ModelServer {
    /// For `base_url`.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl ModelServer {
    /// Answer every request with what `model` makes of it.
    pub fn start(model: impl Fn(&Asked) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let model = Arc::new(Mutex::new(model));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                // A client that is stopped may leave a connection behind that it never uses: nobody may have to wait for that one.
                let (model, log) = (model.clone(), log.clone());
                std::thread::spawn(move || {
                    // A client that goes away is the test's affair, not the server's.
                    let _ = serve(stream, number, &model, &log);
                });
            }
        });
        ModelServer {
            url: format!("http://{address}/v1"),
            asked,
        }
    }

    /// The entry of `providers` that asks it.
    pub fn provider(&self) -> String {
        format!("{{ kind: openai, base_url: \"{}\" }}", self.url)
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked
            .lock()
            .expect("no server thread has failed")
            .clone()
    }
}

/// A base URL at which nothing listens.
pub fn dead_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
    let address = listener.local_addr().expect("a listener has an address");
    format!("http://{address}/v1")
}

fn serve(
    stream: TcpStream,
    number: usize,
    model: &Mutex<impl Fn(&Asked) -> Answer>,
    log: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let asked = receive(&stream)?;
    log.lock()
        .expect("no server thread has failed")
        .push(asked.clone());
    let answer = {
        let model = model.lock().expect("no model has failed");
        model(&asked)
    };
    match answer {
        Answer::Say(said) => send_events(stream, &events(&said, number), said.joules, true),
        Answer::Cut(said) => {
            let events = events(&said, number);
            send_events(stream, &events[..events.len() / 2], None, false)
        }
        // Whatever comes now is the end of the connection.
        Answer::Hang => (&stream).read(&mut [0; 1]).map(drop),
        Answer::Refuse(status, body) => send(
            stream,
            &format!(
                "HTTP/1.1 {status} Refused\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            ),
        ),
    }
}

fn receive(stream: &TcpStream) -> std::io::Result<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let json = serde_json::from_str(&body).unwrap_or_default();
    Ok(Asked {
        line: line.trim_end().to_owned(),
        headers,
        body,
        json,
    })
}

/// What is said, as a stream of chunks: text and arguments in pieces that end anywhere, usage last.
fn events(said: &Said, number: usize) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        json!({"id": format!("chatcmpl-{number}"), "object": "chat.completion.chunk", "model": "played-1",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let mut all = vec![chunk(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    let text: Vec<char> = said.text.chars().collect();
    for piece in text.chunks(7) {
        let piece: String = piece.iter().collect();
        all.push(chunk(json!({ "content": piece }), Value::Null));
    }
    for (index, (name, arguments)) in said.calls.iter().enumerate() {
        let id = format!("call_{number}_{index}");
        let head = json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}});
        all.push(chunk(json!({ "tool_calls": [head] }), Value::Null));
        let text: Vec<char> = arguments.to_string().chars().collect();
        for piece in text.chunks(text.len().div_ceil(3).max(1)) {
            let piece: String = piece.iter().collect();
            let delta = json!({"index": index, "function": {"arguments": piece}});
            all.push(chunk(json!({ "tool_calls": [delta] }), Value::Null));
        }
    }
    let finish = if said.calls.is_empty() {
        "stop"
    } else {
        "tool_calls"
    };
    all.push(chunk(json!({}), json!(finish)));
    let (input, cached, output) = said.usage;
    all.push(
        json!({"id": format!("chatcmpl-{number}"), "choices": [], "usage": {
        "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": cached}}}),
    );
    let mut events: Vec<String> = all
        .iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect();
    events.push("data: [DONE]\n\n".to_owned());
    events
}

/// Send server-sent events as a chunked body whose chunks end anywhere, as they do on a real network.
fn send_events(
    mut stream: TcpStream,
    events: &[String],
    joules: Option<f64>,
    whole: bool,
) -> std::io::Result<()> {
    let energy = joules.map_or_else(String::new, |joules| {
        format!("X-Energy-Joules: {joules}\r\n")
    });
    stream.write_all(
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{energy}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    for piece in events.concat().as_bytes().chunks(777) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
        stream.write_all(piece)?;
        stream.write_all(b"\r\n")?;
        stream.flush()?;
    }
    if whole {
        stream.write_all(b"0\r\n\r\n")?;
    }
    Ok(())
}

fn send(mut stream: TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes())
}
