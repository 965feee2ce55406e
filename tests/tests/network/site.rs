//! A server on the loopback that answers in bytes which a test writes by hand.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::spawn;

/// A running server. It ends with the test's process.
pub struct Site {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Answer each request, given as text, by what `answer` writes; then close.
    pub fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let answer = Arc::new(answer);
        spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (log, answer) = (log.clone(), answer.clone());
                spawn(move || {
                    if let Some(request) = read(&mut stream) {
                        log.lock().unwrap().push(request.clone());
                        answer(&request, &mut stream);
                    }
                });
            }
        });
        Site { address, asked }
    }

    /// One that answers everything with `text`.
    pub fn saying(text: &str) -> Self {
        let text = text.to_owned();
        Site::start(move |_, stream| page(stream, &[], &text))
    }

    /// `http://127.0.0.1:PORT` and `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Write a page whose end is that of the connection. A client that has gone away is the test's affair.
pub fn page(stream: &mut TcpStream, headers: &[String], body: &str) {
    let mut text = "HTTP/1.1 200 OK\r\nconnection: close\r\n".to_owned();
    for header in headers {
        text += &format!("{header}\r\n");
    }
    let _ = stream.write_all(format!("{text}\r\n{body}").as_bytes());
}

fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let n = stream.read(&mut piece).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = match text.split_once("\r\n\r\n") {
            Some((head, body)) => (head.to_ascii_lowercase(), body),
            None => continue,
        };
        let is_whole = match head.split_once("content-length: ") {
            Some((_, rest)) => {
                let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
                body.len() >= number.parse().unwrap_or(0)
            }
            None => !head.contains("transfer-encoding: chunked") || body.ends_with("0\r\n\r\n"),
        };
        if is_whole {
            let (original, _) = text.split_once("\r\n\r\n")?;
            return Some(format!("{original}\r\n\r\n{body}"));
        }
    }
}
