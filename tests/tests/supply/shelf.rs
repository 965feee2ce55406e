//! A server on the loopback from which components are fetched: plain files, redirects, broken answers, and an OCI registry.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the server does with a request for a path.
#[derive(Clone)]
pub enum Shelved {
    /// Send these bytes.
    File(Vec<u8>),
    /// Announce all of these bytes, and send the first half of them.
    Half(Vec<u8>),
    /// Announce so many bytes, and begin to send them.
    Endless(u64),
    /// Send bytes without saying how many there will be, and never stop.
    Unannounced,
    /// Lead elsewhere.
    To(String),
    /// Answer with a status.
    Status(u16),
}

/// What was asked for: the path, and the `Authorization` that came with it.
pub type Asked = (String, Option<String>);

#[derive(Default)]
struct Inside {
    files: BTreeMap<String, Shelved>,
    /// The token without which nothing below `/v2/` is given out, where there is one.
    token: Option<String>,
    asked: Vec<Asked>,
}

/// A running server. It ends with the test's process.
pub struct Shelf {
    /// `HOST:PORT`.
    pub host: String,
    inside: Arc<Mutex<Inside>>,
}

impl Shelf {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
        let host = listener
            .local_addr()
            .expect("it has an address")
            .to_string();
        let inside = Arc::new(Mutex::new(Inside::default()));
        let (shared, own_host) = (inside.clone(), host.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, host) = (shared.clone(), own_host.clone());
                // A client that goes away is the test's affair, not the server's.
                std::thread::spawn(move || drop(serve(stream, &shared, &host)));
            }
        });
        Shelf { host, inside }
    }

    /// Put something at `path`; its address.
    pub fn put(&self, path: &str, what: Shelved) -> String {
        self.inside.lock().unwrap().files.insert(path.into(), what);
        format!("http://{}{path}", self.host)
    }

    /// Put a file at `path`; its address.
    pub fn file(&self, path: &str, bytes: &[u8]) -> String {
        self.put(path, Shelved::File(bytes.to_owned()))
    }

    /// Give out nothing of the registry to anybody without this token.
    pub fn demand(&self, token: &str) {
        self.inside.lock().unwrap().token = Some(token.into());
    }

    /// Everything that was asked for.
    pub fn asked(&self) -> Vec<Asked> {
        self.inside.lock().unwrap().asked.clone()
    }

    /// Push a component as an artefact, as `wkg` does; `more` goes into its manifest. The reference, and the manifest's digest.
    pub fn push(
        &self,
        repository: &str,
        tag: &str,
        component: &[u8],
        more: Value,
    ) -> (String, String) {
        let digest = digest(component);
        self.file(&format!("/v2/{repository}/blobs/{digest}"), component);
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.wasm.config.v0+json", "digest": self::digest(b"{}"), "size": 2 },
            "layers": [{ "mediaType": "application/wasm", "digest": digest, "size": component.len() }],
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            manifest[key] = value.clone();
        }
        let digest = self.manifest(repository, tag, &manifest);
        (format!("oci://{}/{repository}:{tag}", self.host), digest)
    }

    /// Put a manifest under a tag and under its digest, which comes back.
    pub fn manifest(&self, repository: &str, tag: &str, manifest: &Value) -> String {
        let bytes = manifest.to_string().into_bytes();
        let digest = digest(&bytes);
        for name in [tag, &digest] {
            self.file(&format!("/v2/{repository}/manifests/{name}"), &bytes);
        }
        digest
    }
}

/// `sha256:…` of some bytes.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256(bytes))
}

/// The same without what stands before it.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn serve(stream: TcpStream, inside: &Mutex<Inside>, host: &str) -> std::io::Result<()> {
    let (path, authorization) = receive(&stream)?;
    let answer = {
        let mut inside = inside.lock().unwrap();
        inside.asked.push((path.clone(), authorization.clone()));
        let (address, query) = path.split_once('?').unwrap_or((&path, ""));
        match &inside.token {
            Some(token) if address == "/token" && query.contains("scope=repository%3A") => Some(
                Shelved::File(json!({ "token": token }).to_string().into_bytes()),
            ),
            Some(token)
                if path.starts_with("/v2/") && authorization != Some(format!("Bearer {token}")) =>
            {
                Some(Shelved::Status(401))
            }
            _ => inside.files.get(address).cloned(),
        }
    };
    respond(stream, answer.unwrap_or(Shelved::Status(404)), host)
}

fn receive(stream: &TcpStream) -> std::io::Result<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut authorization = None;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        match header.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = Some(value.to_owned());
            }
            Some(_) => {}
            None => return Ok((path, authorization)),
        }
    }
}

fn respond(mut stream: TcpStream, what: Shelved, host: &str) -> std::io::Result<()> {
    let head = |length: u64| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/wasm\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
    };
    match what {
        Shelved::File(bytes) => {
            stream.write_all(head(bytes.len() as u64).as_bytes())?;
            stream.write_all(&bytes)
        }
        Shelved::Half(bytes) => {
            stream.write_all(head(bytes.len() as u64).as_bytes())?;
            stream.write_all(&bytes[..bytes.len() / 2])
        }
        Shelved::Endless(length) => {
            stream.write_all(head(length).as_bytes())?;
            // Until the client has had enough.
            stream.read(&mut [0; 1]).map(drop)
        }
        Shelved::Unannounced => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            loop {
                stream.write_all(&[0; 1 << 16])?;
            }
        }
        Shelved::To(place) => stream.write_all(
            format!("HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes(),
        ),
        Shelved::Status(status) => stream.write_all(
            format!(
                "HTTP/1.1 {status} No\r\nWWW-Authenticate: Bearer realm=\"http://{host}/token\",service=\"shelf\"\r\nContent-Length: 9\r\nConnection: close\r\n\r\nno such\n."
            )
            .as_bytes(),
        ),
    }
}
