//! The daemon in front of a host that only keeps its books: over real sockets, folders and requests.

use super::*;
use crate::open::block_on_local as block_on;
use crate::world::SystemClock;
use runtime::host::{Answered, FireHow, Firings, Refused, RefusedCode, Watchers, Watching};
use serde_json::Value;
use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};

/// Keeps its books and does nothing.
#[derive(Clone, Default)]
struct Fake(Rc<Books>);

#[derive(Default)]
struct Books {
    asked: RefCell<Vec<Command>>,
    firings: RefCell<Firings>,
    open: RefCell<Vec<String>>,
    watchers: Watchers,
    /// What it refuses next.
    refuses: RefCell<Option<Refused>>,
}

impl Fake {
    fn do_it(&self, command: Command) -> Result<Value, Refused> {
        let books = &self.0;
        books.asked.borrow_mut().push(command.clone());
        if let Some(refused) = books.refuses.borrow().clone() {
            return Err(refused);
        }
        let is_open = |id: &str| books.open.borrow().iter().any(|open| open == id);
        Ok(match command {
            Command::Fired {} => json!({ "fired": books.firings.borrow().list(is_open) }),
            Command::Fire(fire) => {
                let mut firings = books.firings.borrow_mut();
                if let Some(answer) = firings.again(&fire) {
                    let mut answer = answer.clone();
                    answer["again"] = json!(true);
                    return Ok(answer);
                }
                let run = format!("{}-{}", fire.trigger, fire.key);
                let answer = match fire.how {
                    FireHow::Start => {
                        books.open.borrow_mut().push(run.clone());
                        json!({ "run": run })
                    }
                    FireHow::Hold | FireHow::Skip => json!({}),
                };
                firings.note(&fire, &answer);
                answer
            }
            Command::Health {} => json!({ "status": "ok" }),
            Command::Say { run, .. } if run == "nobody" => {
                let text = "there is no run `nobody`";
                return Err(Refused::new(RefusedCode::NoSuchRun, text, "list them"));
            }
            _ => json!({}),
        })
    }

    fn tell(&self, run: &str, event: Value) {
        self.0.watchers.tell(&run.into(), false, || event);
    }

    fn end(&self, run: &str) {
        self.0.open.borrow_mut().retain(|open| open != run);
        self.0.firings.borrow_mut().ended(run);
        self.tell(run, json!({ "type": "done", "status": "done" }));
    }

    /// What was started so far, by what it was told.
    fn prompts(&self) -> Vec<String> {
        let asked = self.0.asked.borrow();
        let fires = asked.iter().filter_map(|command| match command {
            Command::Fire(fire) if fire.how == FireHow::Start => fire.then.as_deref(),
            _ => None,
        });
        fires
            .map(|then| match then {
                Command::Start { prompt, .. } => prompt.clone().unwrap_or_default(),
                other => serde_json::to_string(other).unwrap(),
            })
            .collect()
    }

    async fn until(&self, done: impl Fn(&Fake) -> bool) {
        let soon = async {
            while !done(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(60), soon)
            .await
            .expect("it happens");
    }
}

impl Hosting for Fake {
    fn ask(&self, command: Command) -> Answered {
        let fake = self.clone();
        Box::pin(async move { fake.do_it(command) })
    }

    fn watch(&self, watch: Watch) -> Watching {
        self.0.watchers.watch(watch)
    }
}

/// A house with what `serve` says.
fn house(serve: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = directory.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let house = format!(
        "house: served\nstore: sqlite:.charthouse/journal.db\nproviders:\n  script: {{ kind: scripted, file: scripts/s.yaml }}\nserve:\n{serve}\n"
    );
    write("house.yaml", &house);
    write(
        "scripts/s.yaml",
        "script: s\nreplies:\n  - say: \"hello\"\n",
    );
    write(
        "agents/coder.yaml",
        "agent: coder\nversion: 1.0.0\nmodel: { provider: script, name: s, context_length: 8192, max_output: 512 }\ncognition: once\ncontext:\n  - { id: history, history: true, flexible: true, trim: oldest }\n",
    );
    write(
        "charts/once.yaml",
        "chart: once\nversion: 1.0.0\nkind: cognition\ninitial: work\nstates:\n  work: { invoke: turn, on: { turn.done: done, error: done } }\n  done: { type: final }\n",
    );
    directory
}

/// The daemon and whoever tests it, until the test is done.
fn serve<F: Future<Output = ()>>(directory: &Path, fake: &Fake, test: impl FnOnce() -> F) {
    let house = definitions::load(directory).map_err(|report| report.render(false));
    let (_publish, house) = watch::channel(Arc::new(house.unwrap()));
    block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let daemon = Daemon {
            hosting: Rc::new(fake.clone()),
            house,
            clock: clock.clone(),
            socket: Socket::bind(directory).unwrap(),
            signals: Interrupts::listen().unwrap(),
            log: Log::new(clock, false),
        };
        tokio::select! {
            biased;
            () = test() => {}
            ended = daemon.serve(std::future::pending()) => panic!("it ended: {ended:?}"),
        }
    })
    .unwrap();
}

struct Client(BufReader<UnixStream>);

impl Client {
    async fn connect(directory: &Path) -> Self {
        let path = crate::control::place::find(directory);
        Client(BufReader::new(UnixStream::connect(path).await.unwrap()))
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn line(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap_or(Value::Null)
    }

    async fn ask(&mut self, text: &str) -> Value {
        self.send(&format!("{text}\n")).await;
        self.line().await
    }
}

#[test]
fn the_socket_is_the_owners_and_answers_every_line() {
    let directory = house("  most_running: 2");
    let fake = Fake::default();
    serve(directory.path(), &fake, || async {
        let socket = directory.path().join(".charthouse/control.sock");
        let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut client = Client::connect(directory.path()).await;
        assert_eq!(
            client
                .ask(r#"{"id":7,"do":"say","run":"a","text":"hi"}"#)
                .await,
            json!({"id": 7, "ok": {}})
        );
        let refused = client
            .ask(r#"{"do":"say","run":"nobody","text":"hi"}"#)
            .await;
        assert_eq!(refused["error"]["code"], "no_such_run");
        for bad in [
            "{",
            "[]",
            "7",
            r#"{"do":"dance"}"#,
            r#"{"do":"watch","rum":"a"}"#,
            "\u{0}",
        ] {
            let refused = client.ask(bad).await;
            assert_eq!(refused["error"]["code"], "bad_command", "{bad}: {refused}");
        }
        assert_eq!(client.ask(r#"{"do":"health"}"#).await["ok"]["status"], "ok");
        // Two at once, and none that is empty.
        client
            .send("\n{\"id\":1,\"do\":\"list\"}\n{\"id\":2,\"do\":\"list\"}\n")
            .await;
        assert_eq!(client.line().await["id"], 1);
        assert_eq!(client.line().await["id"], 2);
    });
    assert!(!directory.path().join(".charthouse/control.sock").exists());
}

#[test]
fn who_watches_hears_what_happens_and_one_who_does_not_read_holds_nobody_up() {
    let directory = house("  most_running: 2");
    let fake = Fake::default();
    serve(directory.path(), &fake, || async {
        let mut stuck = Client::connect(directory.path()).await;
        stuck.send("{\"do\":\"watch\"}\n").await;
        let mut client = Client::connect(directory.path()).await;
        let watching = client.ask(r#"{"do":"watch","run":"a"}"#).await;
        assert_eq!(watching, json!({"ok": {"watching": true}}));
        assert_eq!(stuck.line().await, json!({"ok": {"watching": true}}));
        for n in 0..100_000 {
            fake.tell(
                "b",
                json!({"type": "state", "configuration": ["x".repeat(100)], "n": n}),
            );
            if n % 1_000 == 0 {
                tokio::task::yield_now().await;
            }
        }
        fake.tell("a", json!({"type": "state", "configuration": ["act"]}));
        assert_eq!(
            client.line().await,
            json!({"run": "a", "event": {"type": "state", "configuration": ["act"]}})
        );
        assert_eq!(client.ask(r#"{"do":"health"}"#).await["ok"]["status"], "ok");
        // Once it reads again it is told that it missed something.
        loop {
            let line = stuck.line().await;
            if line["event"]["type"] == "lagged" {
                assert!(line["event"]["lost"].as_u64().unwrap() > 0);
                break;
            }
        }
    });
}

#[test]
fn too_many_clients_are_told_so_and_go() {
    let directory = house("  most_running: 2");
    let fake = Fake::default();
    serve(directory.path(), &fake, || async {
        let mut clients = Vec::new();
        for _ in 0..64 {
            let mut client = Client::connect(directory.path()).await;
            client.ask(r#"{"do":"list"}"#).await;
            clients.push(client);
        }
        let mut late = Client::connect(directory.path()).await;
        assert_eq!(late.line().await["error"]["code"], "limit");
        clients.pop();
        let gone = async {
            loop {
                let mut client = Client::connect(directory.path()).await;
                client.send("{\"do\":\"list\"}\n").await;
                if client.line().await.get("ok").is_some() {
                    return;
                }
            }
        };
        timeout(Duration::from_secs(60), gone).await.unwrap();
    });
}

#[test]
fn what_a_killed_daemon_left_is_replaced_and_a_living_one_is_not() {
    let directory = house("  most_running: 2");
    let path = directory.path().join(".charthouse/control.sock");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    block_on(async {
        let first = Socket::bind(directory.path()).unwrap();
        assert!(Socket::bind(directory.path()).is_err());
        drop(first);
        assert!(!path.exists());
    })
    .unwrap();
}

#[test]
fn a_house_with_a_long_path_has_its_socket_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let deep = directory.path().join("d".repeat(60)).join("e".repeat(60));
    std::fs::create_dir_all(&deep).unwrap();
    block_on(async {
        let socket = Socket::bind(&deep).unwrap();
        assert!(!socket.path.starts_with(&deep));
        assert_eq!(crate::control::place::find(&deep), socket.path);
        let mode = std::fs::metadata(&socket.path)
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        UnixStream::connect(&socket.path).await.unwrap();
        let path = socket.path.clone();
        drop(socket);
        assert!(!path.exists());
        assert!(!crate::control::place::note(&deep).exists());
    })
    .unwrap();
}

#[test]
fn a_client_can_end_it_and_hears_that_it_has_ended() {
    let directory = house("  most_running: 2");
    let fake = Fake::default();
    let house = definitions::load(directory.path()).unwrap();
    let (_publish, house) = watch::channel(Arc::new(house));
    block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let daemon = Daemon {
            hosting: Rc::new(fake.clone()),
            house,
            clock: clock.clone(),
            socket: Socket::bind(directory.path()).unwrap(),
            signals: Interrupts::listen().unwrap(),
            log: Log::new(clock, true),
        };
        let ask = async {
            let mut client = Client::connect(directory.path()).await;
            client.ask(r#"{"do":"shutdown","within_ms":5}"#).await
        };
        let (ended, answer) = tokio::join!(daemon.serve(std::future::pending()), ask);
        assert_eq!(ended.unwrap(), Ended::Asked);
        assert_eq!(answer, json!({"ok": {}}));
    })
    .unwrap();
    let asked = fake.0.asked.borrow();
    assert_eq!(
        asked.last(),
        Some(&Command::Shutdown { within_ms: Some(5) })
    );
}

#[test]
fn files_come_once_each_also_those_that_came_while_nobody_looked() {
    let directory = house(
        "  triggers:\n    mail: { files: \"inbox/**\", settle: 50ms, overlap: parallel, agent: coder, prompt: \"Read {{ trigger.path }}\" }",
    );
    let inbox = directory.path().join("inbox");
    std::fs::create_dir(&inbox).unwrap();
    let write = |name: &str, text: &str| std::fs::write(inbox.join(name), text).unwrap();
    write("before.md", "was there");
    // Times of files are coarser than the clock.
    std::thread::sleep(Duration::from_millis(50));
    let fake = Fake::default();
    serve(directory.path(), &fake, || async {
        fake.until(|fake| fake.0.firings.borrow().list(|_| false).len() == 1)
            .await;
        std::fs::create_dir(inbox.join("sub")).unwrap();
        write("a.md", "a");
        write("sub/b.md", "b");
        write(".hidden", "c");
        fake.until(|fake| fake.prompts().len() >= 2).await;
    });
    write("c.md", "while it was down");
    serve(directory.path(), &fake, || async {
        fake.until(|fake| fake.prompts().len() >= 3).await;
        write("a.md", "changed, and longer");
        fake.until(|fake| fake.prompts().len() >= 4).await;
    });
    let mut prompts = fake.prompts();
    prompts.sort();
    assert_eq!(
        prompts,
        [
            "Read inbox/a.md",
            "Read inbox/a.md",
            "Read inbox/c.md",
            "Read inbox/sub/b.md"
        ]
    );
}

/// A request, whole; its answer, whole.
async fn request(port: u16, head: &str, body: &str) -> String {
    let mut stream = loop {
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let length = body.len();
    let text =
        format!("{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

#[test]
fn requests_start_what_they_may() {
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let directory = house(&format!(
        "  http: 127.0.0.1:{port}\n  triggers:\n    build: {{ http: /hooks/build, secret: file:secret, agent: coder, prompt: \"Build {{{{ trigger.body.ref }}}} for {{{{ trigger.query.who }}}}\" }}\n    strict: {{ http: /hooks/strict, secret: file:secret, overlap: parallel, agent: coder, prompt: \"{{{{ trigger.body.ref }}}}\" }}\n    open: {{ http: /hooks/open, agent: coder, overlap: queue }}"
    ));
    std::fs::write(directory.path().join("secret"), "sesame\n").unwrap();
    let fake = Fake::default();
    serve(directory.path(), &fake, || async {
        let good = "POST /hooks/build?who=ada HTTP/1.1\r\nauthorization: Bearer sesame";
        let keyed = format!("{good}\r\nidempotency-key: k1");
        let body = "{\"ref\":\"main\"}";
        let answer = request(port, &keyed, body).await;
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
        assert!(answer.contains("{\"run\":\"build-given:k1\"}"), "{answer}");
        // Sent again it is the same one.
        let again = request(port, &keyed, body).await;
        assert!(
            again.starts_with("HTTP/1.1 202") && again.contains("build-given:k1"),
            "{again}"
        );
        assert_eq!(fake.prompts(), ["Build main for ada"]);
        assert_eq!(fake.0.open.borrow().len(), 1);
        // Another, while the first is under way.
        let other = format!("{good}\r\nidempotency-key: k2");
        for _ in 0..2 {
            let skipped = request(port, &other, body).await;
            assert!(skipped.contains("\"skipped\":true"), "{skipped}");
        }

        let strict = "POST /hooks/strict HTTP/1.1\r\nauthorization: Bearer sesame";
        for (head, body, status) in [
            ("POST /hooks/build HTTP/1.1", body, "401"),
            (
                "POST /hooks/build HTTP/1.1\r\nauthorization: Bearer sesam",
                body,
                "401",
            ),
            ("GET /hooks/build HTTP/1.1", "", "405"),
            ("POST /hooks/none HTTP/1.1", "", "404"),
            (
                "POST /hooks/open HTTP/1.1\r\norigin: http://evil.example",
                "",
                "403",
            ),
            (strict, "{}", "422"),
            (strict, "not json", "422"),
            ("GET /health HTTP/1.1", "", "200"),
        ] {
            let answer = request(port, head, body).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{head}: {answer}"
            );
        }
        let large = "x".repeat((1 << 20) + 1);
        let answer = request(port, good, &large).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

        // Queued: the second waits for the first.
        let open = "POST /hooks/open HTTP/1.1";
        let first = request(port, open, "").await;
        assert!(first.contains("\"run\":\"open-"), "{first}");
        let keyed = format!("{open}\r\nidempotency-key: k3");
        for _ in 0..2 {
            let second = request(port, &keyed, "").await;
            assert!(second.contains("{\"held\":true}"), "{second}");
        }
        let run = fake.0.open.borrow().last().cloned().unwrap();
        let before = fake.prompts().len();
        fake.end(&run);
        fake.until(|fake| fake.prompts().len() > before).await;

        // The host cannot: whoever asks is told to try again.
        *fake.0.refuses.borrow_mut() = Some(Refused::new(RefusedCode::Store, "disk full", ""));
        let later = request(port, strict, body).await;
        assert!(
            later.starts_with("HTTP/1.1 503") && later.contains("retry-after"),
            "{later}"
        );
    });
}

#[test]
fn a_schedule_fires_by_itself() {
    let directory = house(
        "  triggers:\n    beat: { every: 1s, overlap: parallel, agent: coder, prompt: \"Due {{ trigger.due }}\" }",
    );
    let fake = Fake::default();
    serve(directory.path(), &fake, || async {
        fake.until(|fake| fake.prompts().len() >= 2).await;
    });
    let prompts = fake.prompts();
    assert!(prompts[0].starts_with("Due 20"), "{prompts:?}");
    assert_ne!(prompts[0], prompts[1]);
}
