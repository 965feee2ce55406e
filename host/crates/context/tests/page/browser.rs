//! A headless Chromium, spoken to in its DevTools protocol over two pipes: no port, no driver, no library.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Longer than any page here takes on a busy machine: a browser that hangs is ended, and the test with it.
const PATIENCE: Duration = Duration::from_secs(180);

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: File,
    from: BufReader<File>,
    folder: PathBuf,
    ended: Arc<AtomicBool>,
    session: Option<String>,
    last: u64,
    /// Errors that the page has caused: exceptions, and what the console calls an error.
    pub errors: Vec<String>,
}

/// Where test pages and pictures go.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The browser to use: `CHARTHOUSE_CHROMIUM`, or the first on the path.
fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHARTHOUSE_CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    found.into_iter().find(|program| program.is_file())
}

impl Browser {
    /// Start one; `None`, with a word to whoever reads the test's output, where there is none.
    pub fn start() -> Option<Browser> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let Some(program) = program() else {
            eprintln!(
                "skipped: no Chromium is installed; install one (Debian: apt-get install chromium) or name it in CHARTHOUSE_CHROMIUM"
            );
            return None;
        };
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = folder().join(format!("browser-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the browser");
        let (to, from) = (folder.join("to"), folder.join("from"));
        let made = Command::new("mkfifo").args([&to, &from]).status();
        assert!(
            made.expect("mkfifo runs").success(),
            "mkfifo makes the pipes"
        );
        // The browser reads commands from descriptor 3 and writes answers to 4; a shell is what puts them there.
        let child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<"$TO" 4>"$FROM""#])
            .arg(&program)
            .args([
                "--headless",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
            ])
            .arg(format!(
                "--user-data-dir={}",
                folder.join("profile").display()
            ))
            .env("TO", &to)
            .env("FROM", &from)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        let ended = Arc::new(AtomicBool::new(false));
        let (pid, over) = (child.id(), ended.clone());
        std::thread::spawn(move || {
            std::thread::sleep(PATIENCE);
            if !over.load(Ordering::SeqCst) {
                let _ = Command::new("kill").arg(pid.to_string()).status();
            }
        });
        let to = File::options()
            .write(true)
            .open(to)
            .expect("the browser listens");
        let from = BufReader::new(File::open(from).expect("the browser answers"));
        let mut browser = Browser {
            child,
            to,
            from,
            folder,
            ended,
            session: None,
            last: 0,
            errors: Vec::new(),
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach)["sessionId"].clone();
        browser.session = Some(session.as_str().expect("a session").to_owned());
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, json!({}));
        }
        // A page without the focus takes no keys.
        browser.call(
            "Emulation.setFocusEmulationEnabled",
            json!({"enabled": true}),
        );
        Some(browser)
    }

    /// Call a method of the protocol.
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let id = self.last;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).expect("the browser listens");
        loop {
            let answer = self.read();
            if answer["id"] == id {
                assert!(
                    answer.get("error").is_none(),
                    "{method}: {}",
                    answer["error"]
                );
                return answer["result"].clone();
            }
        }
    }

    /// The next message, remembered if it is an error of the page.
    fn read(&mut self) -> Value {
        let mut bytes = Vec::new();
        let read = self
            .from
            .read_until(0, &mut bytes)
            .expect("the browser answers");
        assert!(read > 0, "the browser has ended");
        bytes.pop();
        let message: Value = serde_json::from_slice(&bytes).expect("the browser speaks JSON");
        let entry = &message["params"]["entry"];
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.errors.push(message["params"].to_string()),
            Some("Log.entryAdded") if entry["level"] == "error" => {
                self.errors.push(entry.to_string())
            }
            _ => {}
        }
        message
    }

    /// Show `page` in a window of that size and scheme, and wait until it is there.
    pub fn show(&mut self, name: &str, page: &str, size: (u32, u32), scheme: &str) {
        let file = self.folder.join(format!("{name}.html"));
        fs::write(&file, page).expect("the page is written");
        let metrics =
            json!({"width": size.0, "height": size.1, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let media = json!({"media": "screen", "features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", media);
        self.call(
            "Page.navigate",
            json!({"url": format!("file://{}", file.display())}),
        );
        while self.read()["method"] != "Page.loadEventFired" {}
    }

    /// What a JavaScript expression comes to.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true});
        let result = self.call("Runtime.evaluate", parameters);
        assert!(
            result.get("exceptionDetails").is_none(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    /// Press a key.
    pub fn press(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "char", "keyUp"] {
            let text = if key == "Enter" && kind == "char" {
                "\r"
            } else {
                ""
            };
            if kind == "char" && text.is_empty() {
                continue;
            }
            let event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Move the pointer.
    pub fn point(&mut self, x: f64, y: f64) {
        self.call(
            "Input.dispatchMouseEvent",
            json!({"type": "mouseMoved", "x": x, "y": y}),
        );
    }

    /// Keep a picture of the whole page, or of the window alone.
    pub fn picture(&mut self, name: &str, whole: bool) {
        let parameters = json!({"format": "png", "captureBeyondViewport": whole});
        let data = self.call("Page.captureScreenshot", parameters);
        let bytes = STANDARD
            .decode(data["data"].as_str().expect("a picture"))
            .expect("base64");
        assert!(bytes.starts_with(b"\x89PNG"), "a PNG");
        fs::write(folder().join(format!("{name}.png")), bytes).expect("the picture is kept");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
