//! One client of the control socket: a command is a line, its answer is a line.
//!
//! Each client has a task of its own. What waits for a slow one waits in that task's bounded queue, so nobody holds up the host or another client.

use super::lines::{LONGEST, Line, Lines};
use crate::control::place;
use futures_util::StreamExt;
use runtime::host::{Command, Hosting, Refused, RefusedCode, Seen, Watch, Watching};
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream, unix::OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

/// Clients at the same time.
const CLIENTS: usize = 64;
/// How long a client may take none of what it is told.
const STUCK: Duration = Duration::from_secs(600);
/// The pause after the system had no room for a connection.
const NO_ROOM: Duration = Duration::from_millis(200);

/// Somebody asks the daemon to end; whoever ends it sends the answer.
pub struct EndAsked {
    /// For how long what is under way may go on.
    pub within: Option<Duration>,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Value, Refused>>,
}

/// What clients can reach.
#[derive(Clone)]
pub struct Door {
    /// The host.
    pub hosting: Rc<dyn Hosting>,
    /// Where a request to end goes.
    pub end: mpsc::Sender<EndAsked>,
    clients: Rc<Cell<usize>>,
}

/// A client's place among [`CLIENTS`].
struct Place(Rc<Cell<usize>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Door {
    /// The way in to `hosting`.
    pub fn new(hosting: Rc<dyn Hosting>, end: mpsc::Sender<EndAsked>) -> Self {
        Door {
            hosting,
            end,
            clients: Rc::default(),
        }
    }

    /// Let clients in, for as long as this is waited for; those that are in stay so until they go.
    pub async fn open(self, listener: &UnixListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => self.let_in(stream),
                Err(_) => sleep(NO_ROOM).await,
            }
        }
    }

    fn let_in(&self, stream: UnixStream) {
        // The socket's permissions say the same, but not everywhere do they hold.
        let known = stream
            .peer_cred()
            .is_ok_and(|peer| place::may_talk(peer.uid()));
        if !known {
            return;
        }
        self.clients.set(self.clients.get() + 1);
        let place = Place(self.clients.clone());
        if self.clients.get() > CLIENTS {
            let text = format!("{CLIENTS} clients are connected already");
            let help = "end some of those that watch, and try again";
            let refused = answer(None, Err(Refused::new(RefusedCode::Limit, text, help)));
            // A buffer that is new has room for a line.
            let _ = stream.try_write(refused.as_bytes());
            return;
        }
        let door = self.clone();
        tokio::task::spawn_local(async move {
            let _place = place;
            // A client that breaks off is the client's affair.
            let _ = door.attend(stream).await;
        });
    }

    async fn attend(&self, stream: UnixStream) -> std::io::Result<()> {
        let (reader, mut writer) = stream.into_split();
        let mut lines = Lines::new(reader);
        let mut watching: Option<Watching> = None;
        loop {
            let happened = async {
                match &mut watching {
                    Some(watching) => watching.next().await,
                    None => std::future::pending().await,
                }
            };
            let text = tokio::select! {
                line = lines.next() => match line? {
                    Line::Whole(line) if line.trim_ascii().is_empty() => continue,
                    Line::Whole(line) => {
                        let said = self.hear(&line, &mut watching).await;
                        lines.patient = watching.is_some();
                        lines.wait_anew();
                        said
                    }
                    Line::TooLong => {
                        lines.wait_anew();
                        answer(None, Err(too_long()))
                    }
                    Line::Silent | Line::End => return Ok(()),
                },
                seen = happened => match seen {
                    Some(seen) => told(&seen),
                    None => return Ok(()),
                },
            };
            tell(&mut writer, &text).await?;
        }
    }

    /// Do what a line asks; the line that answers it.
    async fn hear(&self, line: &[u8], watching: &mut Option<Watching>) -> String {
        let mut object: Map<String, Value> = match serde_json::from_slice(line) {
            Ok(object) => object,
            Err(error) => {
                let text = format!("this line is no JSON object: {error}");
                let help = "a command is one JSON object on one line, such as {\"do\":\"list\"}";
                return answer(None, Err(Refused::new(RefusedCode::BadCommand, text, help)));
            }
        };
        let id = object.shift_remove("id");
        if object.get("do").and_then(Value::as_str) == Some("watch") {
            object.shift_remove("do");
            return answer(id, self.watch(object, watching));
        }
        let said = match Command::parse(Value::Object(object)) {
            Ok(Command::Shutdown { within_ms }) => self.end(within_ms).await,
            Ok(command) => self.ask(command).await,
            Err(refused) => Err(refused),
        };
        answer(id, said)
    }

    fn watch(
        &self,
        keys: Map<String, Value>,
        watching: &mut Option<Watching>,
    ) -> Result<Value, Refused> {
        let watch: Watch = serde_json::from_value(Value::Object(keys)).map_err(|error| {
            let text = format!("the command `watch` cannot be read: {error}");
            let help = "it has the keys `run` and `text`, and needs neither";
            Refused::new(RefusedCode::BadCommand, text, help)
        })?;
        *watching = Some(self.hosting.watch(watch));
        Ok(json!({ "watching": true }))
    }

    /// Ask the host, in a task of its own: what was begun does not depend on whether this client stays.
    async fn ask(&self, command: Command) -> Result<Value, Refused> {
        let asked = tokio::task::spawn_local(self.hosting.ask(command)).await;
        asked.unwrap_or_else(|error| {
            let help = "`charthouse journal show` says what was done";
            Err(Refused::new(
                RefusedCode::Other,
                format!("the host broke off: {error}"),
                help,
            ))
        })
    }

    async fn end(&self, within_ms: Option<u64>) -> Result<Value, Refused> {
        let (answer, answered) = oneshot::channel();
        let ending = || Refused::new(RefusedCode::Ending, "the daemon is ending", "wait for it");
        let asked = EndAsked {
            within: within_ms.map(Duration::from_millis),
            answer,
        };
        self.end.send(asked).await.map_err(|_| ending())?;
        answered.await.unwrap_or_else(|_| Err(ending()))
    }
}

fn too_long() -> Refused {
    let text = format!("this line is longer than {LONGEST} bytes");
    let help = "put what is long into a file that the agent can read, and name the file";
    Refused::new(RefusedCode::Limit, text, help)
}

/// The line that answers a command.
fn answer(id: Option<Value>, said: Result<Value, Refused>) -> String {
    let mut line = Map::new();
    if let Some(id) = id {
        line.insert("id".into(), id);
    }
    match said {
        Ok(value) => line.insert("ok".into(), value),
        Err(refused) => line.insert("error".into(), json!(refused)),
    };
    format!("{}\n", Value::Object(line))
}

fn told(seen: &Seen) -> String {
    format!("{}\n", seen.to_line())
}

async fn tell(writer: &mut OwnedWriteHalf, text: &str) -> std::io::Result<()> {
    timeout(STUCK, writer.write_all(text.as_bytes()))
        .await
        .map_err(std::io::Error::from)?
}
