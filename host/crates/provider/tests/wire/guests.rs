//! The client that makes guests' requests, against servers on this machine: where a connection may go, what is sent, and what is hidden of what comes back.

use crate::server::{Answer, Server, answer};
use bytes::Bytes;
use charthouse_provider::{Lookup, LookupFuture, guest_http, guest_http_with};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use types::{
    Http, HttpBody, HttpError, HttpErrorKind, HttpReach, HttpRequest, HttpResponse, HttpSecret,
    HttpTimeouts, SecretRef,
};

const SECRET: &str = "ghp_0123/456789+abcdef";

/// Permits these addresses alone.
struct Only(Vec<IpAddr>);

impl HttpReach for Only {
    fn permits(&self, address: IpAddr) -> Result<(), String> {
        match self.0.contains(&address) {
            true => Ok(()),
            false => Err(format!("{address} is nobody's")),
        }
    }
}

/// Answers each look-up with the next of these, and counts them.
#[derive(Default)]
struct Names {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    fn of(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers
            .iter()
            .map(|addresses| addresses.iter().map(|a| a.parse().unwrap()).collect());
        Arc::new(Names {
            answers: Mutex::new(answers.collect()),
            asked: Mutex::default(),
        })
    }
}

impl Lookup for Names {
    fn look_up(&self, name: &str) -> LookupFuture {
        self.asked.lock().unwrap().push(name.to_owned());
        let next = self.answers.lock().unwrap().pop_front();
        Box::pin(async move { next.ok_or_else(|| std::io::Error::other("no such name")) })
    }
}

fn get(url: &str) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url: url.into(),
        headers: Vec::new(),
        body: None,
        reach: Arc::new(Only(vec!["127.0.0.1".parse().unwrap()])),
        secret: None,
        conceal: Vec::new(),
        timeouts: HttpTimeouts::default(),
    }
}

fn with_secret(url: &str, directory: &Path) -> HttpRequest {
    let path = directory.join("token");
    std::fs::write(&path, format!("{SECRET}\n")).unwrap();
    let from = SecretRef::File(path);
    HttpRequest {
        secret: Some(HttpSecret {
            header: "X-Api-Key".into(),
            from: from.clone(),
            prefix: "Key ".into(),
        }),
        conceal: vec![from],
        ..get(url)
    }
}

async fn read(response: &mut HttpResponse) -> Result<String, HttpError> {
    let mut text = Vec::new();
    while let Some(chunk) = std::future::poll_fn(|context| response.body.poll_chunk(context)).await
    {
        text.extend_from_slice(&chunk?);
    }
    Ok(String::from_utf8(text).unwrap())
}

async fn refused(http: &dyn Http, request: HttpRequest, kind: HttpErrorKind, about: &str) {
    match http.send(request).await {
        Ok(response) => panic!("answered {}", response.status),
        Err(error) => {
            assert_eq!(error.kind, kind, "{error}");
            assert!(
                error.message.contains(about),
                "`{about}` is not in: {error}"
            );
        }
    }
}

fn port(server: &Server) -> &str {
    let address = server.base_url.split('/').nth(2).unwrap();
    address.split(':').nth(1).unwrap()
}

#[tokio::test]
async fn what_is_asked_is_sent_and_what_comes_is_passed_on() {
    let page = answer(
        "404 Not Found",
        &["x-kind: test", "content-length: 3"],
        "no.",
    );
    let server = Server::start(vec![Answer::Pieces(page, 4)]).await;
    let mut request = get(&format!("{}/a?b=c", server.base_url));
    request.headers = vec![
        ("x-one".into(), b"1".to_vec()),
        ("x-one".into(), b"2".to_vec()),
    ];
    let mut response = guest_http().send(request).await.unwrap();
    assert_eq!(response.status, 404);
    assert!(
        response
            .headers
            .contains(&("x-kind".into(), b"test".to_vec()))
    );
    assert_eq!(read(&mut response).await.unwrap(), "no.");
    let asked = server.requests().remove(0);
    assert!(asked.starts_with("GET /v1/a?b=c HTTP/1.1\r\n"), "{asked}");
    for line in [
        "x-one: 1",
        "x-one: 2",
        &format!("host: 127.0.0.1:{}", port(&server)),
    ] {
        assert!(asked.contains(line), "{asked}");
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_only_permitted_addresses_are_connected_to() {
    let server = Server::start(vec![Answer::Pieces(answer("200 OK", &[], "here"), 99)]).await;
    // The first address is refused, and a second look-up would lead elsewhere still.
    let names = Names::of(&[&["127.0.0.2", "127.0.0.1"], &["127.0.0.3"], &["10.0.0.1"]]);
    let http = guest_http_with(names.clone());
    let url = format!("http://rebound.example:{}/", port(&server));
    let mut response = http.send(get(&url)).await.unwrap();
    assert_eq!(read(&mut response).await.unwrap(), "here");
    assert_eq!(*names.asked.lock().unwrap(), ["rebound.example"]);
    assert!(server.requests()[0].contains(&format!("host: rebound.example:{}", port(&server))));
    let denied = HttpErrorKind::Denied;
    refused(&*http, get(&url), denied, "127.0.0.3 is nobody's").await;
    refused(&*http, get(&url), denied, "10.0.0.1 is nobody's").await;
    refused(&*http, get(&url), HttpErrorKind::Name, "no such name").await;
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_address_in_the_url_is_put_to_policy_as_well() {
    let http = guest_http_with(Names::of(&[]));
    for url in [
        "http://127.0.0.2:1/",
        "http://[::1]:1/",
        "http://169.254.169.254/",
    ] {
        refused(&*http, get(url), HttpErrorKind::Denied, "is nobody's").await;
    }
}

#[tokio::test]
async fn this_machine_is_never_looked_up() {
    let server = Server::start(vec![Answer::Pieces(answer("200 OK", &[], "here"), 99)]).await;
    let names = Names::of(&[]);
    let url = format!("http://a.localhost:{}/", port(&server));
    let response = guest_http_with(names.clone())
        .send(get(&url))
        .await
        .unwrap();
    assert_eq!(
        (response.status, names.asked.lock().unwrap().len()),
        (200, 0)
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nobody_follows_it() {
    let away = answer("302 Found", &["location: http://127.0.0.1:1/x"], "");
    let server = Server::start(vec![Answer::Pieces(away, 99)]).await;
    let response = guest_http().send(get(&server.base_url)).await.unwrap();
    assert_eq!(response.status, 302);
    let location = ("location".into(), b"http://127.0.0.1:1/x".to_vec());
    assert!(response.headers.contains(&location));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_secret_is_sent_and_never_comes_back_wherever_the_answer_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let body = format!("you sent {SECRET}, that is {SECRET}");
    let header = format!("x-echo: Key {SECRET}");
    for size in [1, 2, 7, 23, 4_096] {
        let page = answer("200 OK", &[&header], &body);
        let server = Server::start(vec![Answer::Pieces(page, size)]).await;
        let mut request = with_secret(&server.base_url, folder.path());
        request.headers = vec![
            ("x-api-key".into(), b"the guest's own".to_vec()),
            ("accept-encoding".into(), b"gzip".to_vec()),
        ];
        let mut response = guest_http().send(request).await.unwrap();
        let hidden = "*".repeat(SECRET.len());
        let echo = ("x-echo".into(), format!("Key {hidden}").into_bytes());
        assert!(response.headers.contains(&echo), "{:?}", response.headers);
        assert_eq!(
            read(&mut response).await.unwrap(),
            body.replace(SECRET, &hidden)
        );
        let asked = server.requests().remove(0);
        assert!(
            asked.contains(&format!("x-api-key: Key {SECRET}\r\n")),
            "{asked}"
        );
        assert!(!asked.contains("the guest's own"), "{asked}");
        assert!(asked.contains("accept-encoding: identity\r\n"), "{asked}");
    }
}

#[tokio::test]
async fn a_packed_answer_is_refused_where_secrets_could_be_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let page = answer("200 OK", &["content-encoding: gzip"], "packed");
    let server = Server::start(vec![Answer::Pieces(page, 99)]).await;
    let request = with_secret(&server.base_url, folder.path());
    refused(&*guest_http(), request, HttpErrorKind::Encoding, "packed").await;
    let mut response = guest_http().send(get(&server.base_url)).await.unwrap();
    assert_eq!(read(&mut response).await.unwrap(), "packed");
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_stops_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(vec![Answer::Pieces(answer("200 OK", &[], ""), 99)]).await;
    let with = |content: Option<&str>| {
        let request = with_secret(&server.base_url, folder.path());
        let path = folder.path().join("token");
        match content {
            None => std::fs::remove_file(path).unwrap(),
            Some(content) => std::fs::write(path, content).unwrap(),
        }
        request
    };
    let http = guest_http();
    refused(&*http, with(None), HttpErrorKind::Secret, "cannot be read").await;
    refused(
        &*http,
        with(Some("short\n")),
        HttpErrorKind::Secret,
        "fewer than 8",
    )
    .await;
    for broken in [
        "two lines\nof secret",
        "smuggled\r\nHost: evil.example",
        "schlüssel-lang",
    ] {
        refused(
            &*http,
            with(Some(broken)),
            HttpErrorKind::Secret,
            "no header can carry",
        )
        .await;
    }
    let mut unset = get(&server.base_url);
    unset.secret = Some(HttpSecret {
        header: "authorization".into(),
        from: SecretRef::Env("CHARTHOUSE_TEST_NO_SUCH_SECRET".into()),
        prefix: String::new(),
    });
    refused(
        &*http,
        unset,
        HttpErrorKind::Secret,
        "CHARTHOUSE_TEST_NO_SUCH_SECRET",
    )
    .await;
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn nobody_waits_longer_than_was_asked_and_who_stops_waiting_hangs_up() {
    let soon = Some(Duration::from_millis(50));
    let silent = Server::start(vec![Answer::Hang(Vec::new())]).await;
    let mut request = get(&silent.base_url);
    request.timeouts.first_byte = soon;
    // The connection may take its ten seconds, which on this machine it does not.
    request.timeouts.connect = soon;
    refused(&*guest_http(), request, HttpErrorKind::Timeout, "nothing").await;
    silent.client_hung_up().await;

    let halting = Server::start(vec![Answer::Hang(answer("200 OK", &[], "so far"))]).await;
    let mut request = get(&halting.base_url);
    request.timeouts.between_bytes = soon;
    let mut response = guest_http().send(request).await.unwrap();
    let error = read(&mut response).await.unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::Timeout, "{error}");
    drop(response);
    halting.client_hung_up().await;

    let endless = Server::start(vec![Answer::Drip(answer("200 OK", &[], ""), b".".to_vec())]).await;
    let response = guest_http().send(get(&endless.base_url)).await.unwrap();
    drop(response);
    endless.client_hung_up().await;
}

#[tokio::test]
async fn failures_have_their_kinds() {
    let http = guest_http();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let nobody = get(&format!("http://{address}/"));
    refused(&*http, nobody, HttpErrorKind::Connect, "nobody answers").await;
    let plain = Server::start(vec![Answer::Pieces(
        b"this is no HTTP\r\n\r\n".to_vec(),
        99,
    )])
    .await;
    refused(
        &*http,
        get(&plain.base_url),
        HttpErrorKind::Broken,
        "no HTTP",
    )
    .await;
    let no_tls = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", no_tls.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = no_tls.accept().unwrap();
        let _ = stream.write_all(b"this is no TLS\r\n\r\n");
    });
    refused(
        &*http,
        get(&url),
        HttpErrorKind::Tls,
        "cannot show who it is",
    )
    .await;
    let cut = answer("200 OK", &["content-length: 10"], "half");
    let cut = Server::start(vec![Answer::Pieces(cut, 99)]).await;
    let mut response = http.send(get(&cut.base_url)).await.unwrap();
    assert_eq!(
        read(&mut response).await.unwrap_err().kind,
        HttpErrorKind::Broken
    );
}

/// A body of these pieces, then of an error if there is one.
struct Pieces(VecDeque<Result<Bytes, HttpError>>);

impl HttpBody for Pieces {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, HttpError>>> {
        Poll::Ready(self.0.pop_front())
    }
}

#[tokio::test]
async fn a_body_is_sent_as_it_comes_and_its_own_failure_is_the_requests() {
    let page = Answer::Pieces(answer("200 OK", &[], ""), 99);
    let server = Server::start(vec![page]).await;
    let post = |pieces: Vec<Result<Bytes, HttpError>>| HttpRequest {
        method: "POST".into(),
        headers: vec![("content-length".into(), b"6".to_vec())],
        body: Some(Box::new(Pieces(pieces.into()))),
        ..get(&server.base_url)
    };
    let whole = post(vec![Ok("abc".into()), Ok("def".into())]);
    assert_eq!(guest_http().send(whole).await.unwrap().status, 200);
    assert!(server.requests()[0].ends_with("\r\n\r\nabcdef"));
    let too_much = HttpError::new(HttpErrorKind::Limit, "too much");
    let broken = post(vec![Ok("abc".into()), Err(too_much)]);
    refused(&*guest_http(), broken, HttpErrorKind::Limit, "too much").await;
}
