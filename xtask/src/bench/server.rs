//! A model's server for measurements: it speaks chat completions over loopback, answers what it was told to answer, and says when each request came.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How much text one event of a long answer carries.
const EVENT_TEXT: usize = 4 << 10;

/// A request, as it came in.
pub struct Seen {
    /// When its first bytes were here.
    pub first_bytes: Instant,
    /// Its body.
    pub body: String,
}

/// What to answer.
#[derive(Clone)]
pub enum Answer {
    /// Text, and the calls of tools with their arguments.
    Say(String, Vec<(&'static str, Value)>),
    /// Nothing: the connection stays open and silent until the client leaves.
    Silence,
}

/// The server. It ends with the process.
pub struct Server {
    address: SocketAddr,
    seen: Receiver<Seen>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Server {
    /// Listen on a free port of this machine.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let answers = Arc::new(Mutex::new(VecDeque::new()));
        let (sender, seen) = channel();
        let shared = answers.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sender, answers) = (sender.clone(), shared.clone());
                thread::spawn(move || serve(stream, &sender, &answers));
            }
        });
        Ok(Server {
            address,
            seen,
            answers,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answer so from now on, one after the other; after the last, with the word `Done.`. Requests of earlier clients are forgotten.
    pub fn play(&self, answers: impl IntoIterator<Item = Answer>) {
        while self.seen.try_recv().is_ok() {}
        let mut queue = self.answers.lock().unwrap_or_else(|e| e.into_inner());
        queue.clear();
        queue.extend(answers);
    }

    /// The next request.
    pub fn next(&self) -> Result<Seen> {
        self.seen
            .recv_timeout(Duration::from_secs(30))
            .context("no request came within 30 s")
    }
}

fn serve(mut stream: TcpStream, seen: &Sender<Seen>, answers: &Mutex<VecDeque<Answer>>) {
    let _ = stream.set_nodelay(true);
    while let Some(request) = read_request(&mut stream) {
        if seen.send(request).is_err() {
            return;
        }
        let answer = answers
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .pop_front()
            .unwrap_or_else(|| Answer::Say("Done.".into(), Vec::new()));
        let written = match answer {
            Answer::Say(text, calls) => stream.write_all(response(&text, &calls).as_bytes()),
            Answer::Silence => stream.read(&mut [0; 1]).map(drop),
        };
        if written.is_err() {
            return;
        }
    }
}

/// One request with its body; `None` when the client has left (a bare connection, for instance, which is one of the floors).
fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    let mut first_bytes = None;
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        let first_bytes = *first_bytes.get_or_insert_with(Instant::now);
        bytes.extend_from_slice(&buffer[..read]);
        let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let length = content_length(&String::from_utf8_lossy(&bytes[..head]));
        if bytes.len() >= head + 4 + length {
            return Some(Seen {
                first_bytes,
                body: String::from_utf8_lossy(&bytes[head + 4..]).into_owned(),
            });
        }
    }
}

fn content_length(head: &str) -> usize {
    let field = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    field.unwrap_or(0)
}

/// A stream of events, sent in one piece: what is measured is the client.
fn response(text: &str, calls: &[(&str, Value)]) -> String {
    let mut events = String::new();
    let mut event = |delta: Value, finish: Option<&str>| {
        let chunk = json!({
            "id": "bench", "object": "chat.completion.chunk", "model": "bench",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        });
        events.push_str(&format!("data: {chunk}\n\n"));
    };
    event(json!({ "role": "assistant", "content": "" }), None);
    for piece in text.as_bytes().chunks(EVENT_TEXT) {
        event(json!({ "content": String::from_utf8_lossy(piece) }), None);
    }
    for (index, (name, arguments)) in calls.iter().enumerate() {
        let call = json!({
            "index": index, "id": format!("call_{index}"), "type": "function",
            "function": { "name": name, "arguments": arguments.to_string() },
        });
        event(json!({ "tool_calls": [call] }), None);
    }
    let finish = if calls.is_empty() {
        "stop"
    } else {
        "tool_calls"
    };
    event(json!({}), Some(finish));
    events.push_str(
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":20}}\n\ndata: [DONE]\n\n",
    );
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{events}",
        events.len()
    )
}
