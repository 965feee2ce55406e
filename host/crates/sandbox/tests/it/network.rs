//! The network of a call: nothing without rules, what the rules allow with them, and limits on all of it.

use crate::common::{call_on, grant, load, sandbox, sandbox_with, text};
use policy::{Grant, Limits, NetLine, NetRule, SecretRule, UrlPattern, Verdict};
use serde_json::{Value, json};
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use types::{
    Bytes, CallErrorKind, Http, HttpBody, HttpError, HttpErrorKind, HttpFuture, HttpRequest,
    HttpResponse, HttpSecret, Outcome, Place, SecretRef,
};

/// What was asked, as far as a test wants to know it.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    line: String,
    headers: Vec<(String, String)>,
    body: String,
    secret: Option<HttpSecret>,
    hidden: Vec<SecretRef>,
}

type Said = Result<(u16, Vec<(String, String)>, Body), HttpError>;
type Answer = fn(&Asked) -> Said;

/// A client that reaches nobody.
struct Fake {
    asked: Mutex<Vec<Asked>>,
    answer: Answer,
}

impl Fake {
    fn new(answer: Answer) -> Arc<Self> {
        Arc::new(Fake {
            asked: Mutex::default(),
            answer,
        })
    }

    fn lines(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|asked| asked.line.clone()).collect()
    }
}

struct Client(Arc<Fake>);

impl Http for Client {
    fn send(&self, request: HttpRequest) -> HttpFuture {
        let fake = self.0.clone();
        Box::pin(async move {
            let mut body = Vec::new();
            if let Some(mut sent) = request.body {
                while let Some(chunk) = poll_fn(|context| sent.poll_chunk(context)).await {
                    body.extend_from_slice(&chunk?);
                }
            }
            let words = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            let headers = request.headers.into_iter();
            let asked = Asked {
                line: format!("{} {}", request.method, request.url),
                headers: headers.map(|(name, value)| (name, words(value))).collect(),
                body: words(body),
                secret: request.secret,
                hidden: request.conceal,
            };
            fake.asked.lock().unwrap().push(asked.clone());
            let (status, headers, body) = (fake.answer)(&asked)?;
            let headers = headers.into_iter();
            Ok(HttpResponse {
                status,
                headers: headers.map(|(n, v)| (n, v.into_bytes())).collect(),
                body: Box::new(body),
            })
        })
    }
}

/// Pieces of `size` bytes: so many of them, then the end, or silence.
struct Body {
    size: usize,
    left: usize,
    silent: bool,
}

impl HttpBody for Body {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<bytes::Bytes, HttpError>>> {
        match (self.left, self.silent) {
            (0, true) => Poll::Pending,
            (0, false) => Poll::Ready(None),
            _ => {
                self.left -= 1;
                Poll::Ready(Some(Ok(vec![b'x'; self.size].into())))
            }
        }
    }
}

const EMPTY: Body = Body {
    size: 0,
    left: 0,
    silent: false,
};

fn nothing(_: &Asked) -> Said {
    Ok((200, Vec::new(), EMPTY))
}

fn line(verdict: Verdict, pattern: &str, number: u32) -> NetLine {
    NetLine {
        rule: NetRule {
            verdict,
            pattern: UrlPattern::parse(pattern).unwrap(),
            methods: Vec::new(),
            addresses: Vec::new(),
            secret: None,
        },
        place: Place {
            file: "p.yaml".into(),
            line: number,
            column: 1,
        },
        layer: "test".into(),
    }
}

fn reaching(patterns: &[&str]) -> Grant {
    let lines = patterns.iter().zip(1..);
    Grant {
        net: lines
            .map(|(pattern, n)| line(Verdict::Allow, pattern, n))
            .collect(),
        ..grant()
    }
}

async fn fetch(fake: &Arc<Fake>, grant: &Grant, arguments: Value) -> Outcome {
    let sandbox = sandbox_with(Arc::new(Client(fake.clone())));
    let plugin = load(&sandbox, "web").await;
    call_on(&sandbox, &plugin, grant, "fetch", arguments).await
}

#[track_caller]
fn told(outcome: &Outcome) -> Value {
    serde_json::from_str(&text(outcome)).unwrap()
}

#[track_caller]
fn refused_with(outcome: &Outcome, code: &str, about: &str) {
    let told = told(outcome);
    let error = told["error"].as_str().unwrap_or_else(|| panic!("{told}"));
    assert!(error.contains(code), "{error}");
    let reasons: Vec<&str> = outcome.refused.iter().map(|r| r.reason.as_str()).collect();
    assert!(
        reasons.iter().any(|reason| reason.contains(about)),
        "`{about}` is not in {reasons:?}"
    );
}

#[tokio::test]
async fn without_rules_requests_and_sockets_are_refused_and_written_down() {
    let fake = Fake::new(nothing);
    let outcome = fetch(&fake, &grant(), json!({"url": "https://a.example/x"})).await;
    refused_with(&outcome, "HttpRequestDenied", "no network");
    assert_eq!(outcome.refused[0].subject, "GET https://a.example/x");

    for grant in [grant(), reaching(&["*"])] {
        let sandbox = sandbox_with(Arc::new(Client(fake.clone())));
        let plugin = load(&sandbox, "net").await;
        for (tool, operation) in [("connect", "create socket"), ("resolve", "look up")] {
            let address = match tool {
                "connect" => "127.0.0.1:80",
                _ => "a.example:80",
            };
            let arguments = json!({"address": address});
            let outcome = call_on(&sandbox, &plugin, &grant, tool, arguments).await;
            let failure = outcome.result.unwrap_err();
            assert_eq!(failure.kind, CallErrorKind::Failed, "{failure}");
            let refusal = &outcome.refused[0];
            assert_eq!(refusal.operation, operation, "{refusal:?}");
            assert!(refusal.reason.contains("no sockets"), "{refusal:?}");
        }
    }
    assert_eq!(fake.lines().len(), 0);
}

#[tokio::test]
async fn a_host_without_a_client_makes_no_request() {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "web").await;
    let arguments = json!({"url": "https://a.example/"});
    let outcome = call_on(&sandbox, &plugin, &reaching(&["*"]), "fetch", arguments).await;
    refused_with(&outcome, "HttpRequestDenied", "makes no requests");
}

#[tokio::test]
async fn what_a_rule_allows_is_asked_in_its_only_form() {
    let fake = Fake::new(|_| {
        let headers = vec![
            ("x-kind".into(), "test".into()),
            ("connection".into(), "x".into()),
        ];
        let body = Body {
            size: 5,
            left: 2,
            silent: false,
        };
        Ok((201, headers, body))
    });
    let arguments = json!({
        "url": "http://A.example.:80/%7euser/../b?q=1", "method": "POST", "body": "hello",
        "headers": [{"name": "X-One", "value": "1"}],
    });
    let outcome = fetch(&fake, &reaching(&["http://a.example/**"]), arguments).await;
    let told = told(&outcome);
    assert_eq!(
        (&told["status"], &told["body"]),
        (&json!(201), &json!("xxxxxxxxxx"))
    );
    assert_eq!(
        told["headers"],
        json!([["x-kind", "test"]]),
        "the connection's headers are the host's"
    );
    assert_eq!(outcome.refused, []);
    assert_eq!(outcome.log, ["net: POST http://a.example/b answered 201"]);
    let asked = fake.asked.lock().unwrap().remove(0);
    assert_eq!(asked.line, "POST http://a.example/b?q=1");
    assert_eq!(asked.headers, [("x-one".to_owned(), "1".to_owned())]);
    assert_eq!(asked.body, "hello");
}

#[tokio::test]
async fn what_no_rule_allows_is_refused_and_the_rule_is_named() {
    let fake = Fake::new(nothing);
    let mut grant = reaching(&["https://a.example/**", "http://127.0.0.1:8080/**"]);
    grant
        .net
        .push(line(Verdict::Deny, "https://a.example/admin/**", 7));
    grant
        .net_ceiling
        .push(line(Verdict::Deny, "https://a.example/closed/**", 9));
    for (url, about) in [
        (
            "https://b.example/",
            "no `net` rule allows GET https://b.example/",
        ),
        ("https://a.example/admin/x", "p.yaml:7"),
        ("https://a.example/x/%2e%2e/admin/x", "p.yaml:7"),
        ("https://a.example//admin;v=1/x", "p.yaml:7"),
        ("https://a.example/x%2F..%2Fadmin", "dot segment"),
        ("https://a.example/closed/x", "p.yaml:9"),
        ("http://a.example/", "no `net` rule allows"),
        ("https://a.example:8443/", "no `net` rule allows"),
        ("http://127.0.0.1/", "no `net` rule allows"),
        ("http://[::ffff:127.0.0.1]:8081/", "no `net` rule allows"),
        ("https://a.example@b.example/", "user before its host"),
    ] {
        let outcome = fetch(&fake, &grant, json!({"url": url})).await;
        refused_with(&outcome, "HttpRequestDenied", about);
    }
    let mut methods = reaching(&["https://a.example/**"]);
    methods.net[0].rule.methods = vec!["GET".into()];
    let outcome = fetch(
        &fake,
        &methods,
        json!({"url": "https://a.example/", "method": "DELETE"}),
    )
    .await;
    refused_with(&outcome, "HttpRequestDenied", "DELETE https://a.example/");
    for (method, about) in [
        ("TRACE", "never sent"),
        ("CONNECT", "never sent"),
        ("get", "upper case"),
    ] {
        let arguments = json!({"url": "https://a.example/", "method": method});
        let outcome = fetch(&fake, &reaching(&["*"]), arguments).await;
        refused_with(&outcome, "HttpRequestDenied", about);
    }
    let outcome = fetch(
        &fake,
        &reaching(&["http://*:*/**"]),
        json!({"url": "http://127.1:99/"}),
    )
    .await;
    refused_with(
        &outcome,
        "HttpRequestDenied",
        "127.0.0.1 is a loopback address",
    );
    assert_eq!(fake.lines().len(), 0);
}

#[tokio::test]
async fn a_guest_smuggles_no_header_and_no_second_request() {
    let fake = Fake::new(nothing);
    let grant = reaching(&["http://a.example/**"]);
    for (name, value, refused) in [
        ("Host", "b.example", "Forbidden"),
        ("host", "b.example", "Forbidden"),
        ("Transfer-Encoding", "chunked", "Forbidden"),
        ("transfer_encoding", "chunked", "Forbidden"),
        ("Connection", "upgrade", "Forbidden"),
        ("X-HTTP-Method-Override", "DELETE", "Forbidden"),
        ("x", "1\r\nHost: b.example", "InvalidSyntax"),
        ("x", "1\nHost: b.example", "InvalidSyntax"),
        ("x\r\nHost", "b.example", "InvalidSyntax"),
        ("x: y", "z", "InvalidSyntax"),
        ("content-length", "+5", "InvalidSyntax"),
    ] {
        let headers = json!([{"name": name, "value": value}]);
        let arguments = json!({"url": "http://a.example/", "headers": headers});
        let told = told(&fetch(&fake, &grant, arguments).await);
        let error = told["error"]
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {told}"));
        assert!(error.contains(refused), "{name}: {error}");
    }
    for url in [
        "http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\nGET /",
        "http://a.example\r\n/",
        "http://a.example /",
        "gopher://a.example/",
        "http:///x",
    ] {
        let told = told(&fetch(&fake, &grant, json!({"url": url})).await);
        assert!(told["error"].is_string(), "{url}: {told}");
    }
    assert_eq!(fake.lines().len(), 0);
}

#[tokio::test]
async fn every_hop_of_a_redirect_is_put_to_policy() {
    let fake = Fake::new(|asked| {
        let to = match asked.line.as_str() {
            "GET https://a.example/" => "https://a.example/2",
            _ => "http://169.254.169.254/latest/meta-data/",
        };
        Ok((302, vec![("location".into(), to.into())], EMPTY))
    });
    let grant = reaching(&["*"]);
    let outcome = fetch(
        &fake,
        &grant,
        json!({"url": "https://a.example/", "follow": true}),
    )
    .await;
    refused_with(&outcome, "HttpRequestDenied", "a cloud's metadata service");
    assert_eq!(
        fake.lines(),
        ["GET https://a.example/", "GET https://a.example/2"]
    );
}

#[tokio::test]
async fn a_secret_goes_only_where_its_rule_says_and_all_are_hidden() {
    let fake = Fake::new(nothing);
    let mut grant = reaching(&["https://b.example/**", "https://a.example/**"]);
    let from = SecretRef::Env("TOKEN".into());
    grant.net[1].rule.secret = Some(SecretRule {
        header: "Authorization".into(),
        from: from.clone(),
        prefix: "Bearer ".into(),
    });
    for url in ["https://a.example/x", "https://b.example/x"] {
        fetch(&fake, &grant, json!({"url": url})).await;
    }
    let asked = fake.asked.lock().unwrap().clone();
    let secret = asked[0].secret.clone().unwrap();
    assert_eq!(
        (secret.header.as_str(), secret.from),
        ("Authorization", from.clone())
    );
    assert_eq!(asked[1].secret, None);
    assert!(asked.iter().all(|asked| asked.hidden == [from.clone()]));
}

fn limited(limits: Limits) -> Grant {
    Grant {
        limits,
        ..reaching(&["https://a.example/**"])
    }
}

#[tokio::test]
async fn requests_are_counted_and_so_are_open_answers() {
    let fake = Fake::new(nothing);
    let grant = limited(Limits {
        requests: 3,
        ..Limits::default()
    });
    let outcome = fetch(
        &fake,
        &grant,
        json!({"url": "https://a.example/", "times": 4}),
    )
    .await;
    let all = told(&outcome);
    assert_eq!(all[2]["status"], 200);
    assert!(
        all[3]["error"]
            .as_str()
            .unwrap()
            .contains("ConnectionLimitReached")
    );
    assert!(outcome.refused[0].reason.contains("limits: { requests"));
    assert_eq!(fake.lines().len(), 3);

    let arguments = json!({"url": "https://a.example/", "times": 17, "hold": true});
    let outcome = fetch(&fake, &limited(Limits::default()), arguments).await;
    let all = told(&outcome);
    assert_eq!(all[15]["status"], 200);
    assert!(
        all[16]["error"]
            .as_str()
            .unwrap()
            .contains("ConnectionLimitReached")
    );
    assert!(outcome.refused[0].reason.contains("16 answers open"));
}

#[tokio::test]
async fn an_answer_beyond_its_limit_ends_there() {
    let fake = Fake::new(|_| {
        let body = Body {
            size: 10_000,
            left: usize::MAX,
            silent: false,
        };
        Ok((200, Vec::new(), body))
    });
    let grant = limited(Limits {
        received: Bytes(100_000),
        ..Limits::default()
    });
    let outcome = fetch(&fake, &grant, json!({"url": "https://a.example/"})).await;
    refused_with(&outcome, "body size exceeds limit", "limits: { received");
    assert_eq!(told(&outcome)["length"], 100_000);
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_not_sent() {
    let fake = Fake::new(nothing);
    let grant = limited(Limits {
        sent: Bytes(10_000),
        ..Limits::default()
    });
    let arguments = json!({"url": "https://a.example/", "method": "POST", "body": "x".repeat(1_000), "repeat": 11});
    let outcome = fetch(&fake, &grant, arguments).await;
    refused_with(&outcome, "ConnectionLimitReached", "limits: { sent");
    let url = format!("https://a.example/?{}", "x".repeat(1_000));
    let outcome = fetch(&fake, &grant, json!({"url": url, "times": 11})).await;
    assert!(
        outcome.refused[0].reason.contains("limits: { sent"),
        "what a URL carries out counts too"
    );
    assert_eq!(fake.lines().len(), 9);
}

#[tokio::test]
async fn a_server_that_says_nothing_more_is_waited_for_until_the_deadline_and_no_longer() {
    let fake = Fake::new(|_| {
        let body = Body {
            size: 10,
            left: 3,
            silent: true,
        };
        Ok((200, Vec::new(), body))
    });
    let grant = limited(Limits {
        deadline: Duration::from_millis(300),
        ..Limits::default()
    });
    let started = Instant::now();
    let outcome = fetch(&fake, &grant, json!({"url": "https://a.example/"})).await;
    assert_eq!(outcome.result.unwrap_err().kind, CallErrorKind::Limit);
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "it ended at all"
    );
}

#[tokio::test]
async fn failures_reach_the_guest_as_codes_and_refusals_the_operator_in_words() {
    let cases: [(Answer, &str, Option<&str>); 5] = [
        (
            |_| Err(HttpError::new(HttpErrorKind::Denied, "10.0.0.1 is private")),
            "DestinationIpProhibited",
            Some("10.0.0.1 is private"),
        ),
        (
            |_| Err(HttpError::new(HttpErrorKind::Name, "no such name")),
            "no such name",
            None,
        ),
        (
            |_| Err(HttpError::new(HttpErrorKind::Connect, "nobody")),
            "ConnectionRefused",
            None,
        ),
        (
            |_| {
                Err(HttpError::new(
                    HttpErrorKind::Secret,
                    "env:TOKEN is not set",
                ))
            },
            "ConfigurationError",
            Some("env:TOKEN is not set"),
        ),
        (
            |_| Ok((200, vec![("x".into(), "y".repeat(70_000))], EMPTY)),
            "HttpResponseHeaderSectionSize",
            None,
        ),
    ];
    for (answer, code, words) in cases {
        let outcome = fetch(
            &Fake::new(answer),
            &reaching(&["*"]),
            json!({"url": "https://a.example/"}),
        )
        .await;
        let told = told(&outcome);
        assert!(told["error"].as_str().unwrap().contains(code), "{told}");
        let reasons: Vec<&str> = outcome.refused.iter().map(|r| r.reason.as_str()).collect();
        assert_eq!(reasons, words.into_iter().collect::<Vec<_>>());
    }
}
