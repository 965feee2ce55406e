//! A server on this machine that speaks as much HTTP as a client can tell, and misbehaves on demand.
//!
//! Every answer is written by hand in bytes, because the tests are about bytes: where they are cut, and where they end.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the server does after it has read one request.
#[derive(Clone)]
pub enum Answer {
    /// Write these bytes in pieces of the given size, each flushed, then close.
    Pieces(Vec<u8>, usize),
    /// Write these bytes, then keep the connection open and say nothing.
    Hang(Vec<u8>),
    /// Write the first bytes, then the second ones again and again.
    Drip(Vec<u8>, Vec<u8>),
}

/// A running server.
pub struct Server {
    /// Where it is: `http://127.0.0.1:PORT/v1`.
    pub base_url: String,
    requests: Arc<Mutex<Vec<String>>>,
    hung_up: Arc<Notify>,
}

impl Server {
    /// A server that gives `answers` to the connections it gets, one each, and the last one to all that follow.
    pub async fn start(answers: Vec<Answer>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let hung_up = Arc::new(Notify::new());
        let (seen, left) = (requests.clone(), hung_up.clone());
        tokio::spawn(async move {
            let mut answers = answers.into_iter();
            let mut answer = answers.next().unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, answer.clone(), seen.clone(), left.clone()));
                answer = answers.next().unwrap_or(answer);
            }
        });
        Server {
            base_url,
            requests,
            hung_up,
        }
    }

    /// The requests so far, head and body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The JSON body of the n-th request.
    pub fn body(&self, n: usize) -> serde_json::Value {
        let requests = self.requests();
        let (_, body) = requests[n].split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    /// Returns when a client has closed a connection that the server left hanging.
    pub async fn client_hung_up(&self) {
        self.hung_up.notified().await;
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Answer,
    requests: Arc<Mutex<Vec<String>>>,
    hung_up: Arc<Notify>,
) {
    stream.set_nodelay(true).unwrap();
    let Some(request) = read_request(&mut stream).await else {
        return;
    };
    requests.lock().unwrap().push(request);
    match answer {
        Answer::Pieces(bytes, size) => {
            for piece in bytes.chunks(size) {
                if stream.write_all(piece).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
                // Lets the client read this piece before the next one comes, so that the cuts really arrive as cuts.
                tokio::task::yield_now().await;
            }
            let _ = stream.shutdown().await;
            // Closing with unread bytes would reset the connection and could take the answer with it.
            let _ = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut [0; 1])).await;
        }
        Answer::Drip(bytes, drop) => {
            stream.write_all(&bytes).await.unwrap();
            while stream.write_all(&drop).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            hung_up.notify_one();
        }
        Answer::Hang(bytes) => {
            stream.write_all(&bytes).await.unwrap();
            stream.flush().await.unwrap();
            // Ends when the client closes, in whichever way.
            let _ = stream.read(&mut [0; 1]).await;
            hung_up.notify_one();
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).await.ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length:")?
                        .trim()
                        .parse::<usize>()
                        .ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
    }
}

/// An answer with `status`, further header lines and `body`; the body ends where the connection does.
pub fn answer(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
    for header in headers {
        text += header;
        text += "\r\n";
    }
    text += "\r\n";
    text += body;
    text.into_bytes()
}

/// A stream of events with these data, each line ended by `end`.
pub fn events(end: &str, data: &[&str]) -> String {
    data.iter()
        .map(|data| format!("data: {data}{end}{end}"))
        .collect()
}
