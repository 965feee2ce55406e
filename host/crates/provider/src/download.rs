//! One file from a server: as many bytes as may come and no more, to wherever they are written.
//!
//! What the file is for is not known here: whoever asks says how large it may be, which headers the server needs, and what is done with its bytes. Redirects are
//! followed here and not by the client, because each is looked at: none leads from an encrypted connection to an open one, and what was sent to authorise the
//! request goes to the server it was meant for and to no other.

use crate::Settings;
use crate::http::{Http, is_loopback};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue,
    LOCATION, WWW_AUTHENTICATE,
};
use reqwest::{Method, Request, Response, StatusCode, Url};
use std::error::Error;
use std::io::Write;
use std::time::Duration;
use tokio::time::timeout;

/// How long is waited.
struct Patience {
    /// Longest wait for a connection.
    connect: Duration,
    /// Longest wait for the next byte.
    idle: Duration,
    /// Longest time for the whole file.
    total: Duration,
}

/// The whole is as long as 40 MB, the largest component known, take over a line of 1 Mbit/s.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(10),
    idle: Duration::from_secs(30),
    total: Duration::from_secs(400),
};
/// Redirects that are followed: release pages and registries need two.
const MOST_REDIRECTS: usize = 5;
/// What is kept of a server's own words about a refusal.
const LONGEST_QUOTE: u64 = 400;

/// What to fetch.
#[derive(Clone, Copy, Debug)]
pub struct Download<'a> {
    /// An absolute `http` or `https` address.
    pub url: &'a str,
    /// The types that the server may answer with; empty for any.
    pub accept: &'a str,
    /// The value of `Authorization`, which is sent to this server and not to those that it redirects to.
    pub authorization: Option<&'a str>,
    /// The most bytes that may come.
    pub limit: u64,
}

/// A file that came whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Downloaded {
    /// How many bytes it has.
    pub size: u64,
    /// What the server says it is; empty where it says nothing.
    pub content_type: String,
}

/// Why no file came.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The address cannot be one.
    #[error("`{url}` {why}")]
    Address {
        /// As it was written.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no connection, or it broke.
    #[error("{url}: {why}")]
    Connection {
        /// Where to.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// Nothing came for too long, or not all of it in time.
    #[error("{url}: {why}")]
    Slow {
        /// Where from.
        url: String,
        /// What was waited for.
        why: String,
    },
    /// The server answers something else than the file.
    #[error("{url}: the server answers {status}{}", said(.message))]
    Refused {
        /// Where.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of what it says about it.
        message: String,
        /// How it wants to be authorised: its `WWW-Authenticate`.
        challenge: Option<String>,
    },
    /// It leads to where one must not go.
    #[error("{url}: {why}")]
    Redirect {
        /// Where.
        url: String,
        /// What is wrong with the place that it leads to.
        why: String,
    },
    /// There is more of it than there may be.
    #[error("{url}: the file is larger than the {limit} bytes it may have")]
    TooLarge {
        /// Where.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// The connection ended before the file did.
    #[error("{url}: the connection ended after {received} bytes, before the file was whole")]
    CutShort {
        /// Where.
        url: String,
        /// What had come.
        received: u64,
    },
    /// Its bytes could not be written.
    #[error("what {url} sends cannot be written: {source}")]
    Write {
        /// Where from.
        url: String,
        /// Why.
        source: std::io::Error,
    },
}

fn said(message: &str) -> String {
    match message.is_empty() {
        true => String::new(),
        false => format!(": {message}"),
    }
}

/// Fetch a file and write it to `into`, which holds a part of it when this fails.
///
/// # Errors
/// [`DownloadError`].
pub async fn download(
    what: &Download<'_>,
    into: &mut dyn Write,
) -> Result<Downloaded, DownloadError> {
    within(&PATIENCE, what, into).await
}

async fn within(
    patience: &Patience,
    what: &Download<'_>,
    into: &mut dyn Write,
) -> Result<Downloaded, DownloadError> {
    match timeout(patience.total, fetch(patience, what, into)).await {
        Ok(fetched) => fetched,
        Err(_) => Err(DownloadError::Slow {
            url: what.url.to_owned(),
            why: format!(
                "the file was not there after {} s",
                patience.total.as_secs_f64()
            ),
        }),
    }
}

async fn fetch(
    patience: &Patience,
    what: &Download<'_>,
    into: &mut dyn Write,
) -> Result<Downloaded, DownloadError> {
    let first = address(what.url)?;
    let mut url = first.clone();
    for _ in 0..=MOST_REDIRECTS {
        let authorization = what
            .authorization
            .filter(|_| url.origin() == first.origin());
        let response = ask(patience, &url, what, authorization).await?;
        if !response.status().is_redirection() {
            return read(patience, response, &url, what.limit, into).await;
        }
        url = follow(&url, response.headers())?;
    }
    Err(DownloadError::Redirect {
        url: what.url.to_owned(),
        why: format!("it redirects more than {MOST_REDIRECTS} times"),
    })
}

/// `text` as an address to ask at.
fn address(text: &str) -> Result<Url, DownloadError> {
    let wrong = |why: &str| DownloadError::Address {
        url: text.to_owned(),
        why: why.to_owned(),
    };
    let mut url = Url::parse(text).map_err(|error| wrong(&format!("is no address ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("is neither an http nor an https address"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "holds a user name or a password, which would be kept in house.lock",
        ));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Where a redirect of `url` leads.
fn follow(url: &Url, headers: &HeaderMap) -> Result<Url, DownloadError> {
    let wrong = |why: String| DownloadError::Redirect {
        url: url.to_string(),
        why,
    };
    let location = headers
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .ok_or_else(|| wrong("it redirects to nowhere".into()))?;
    let next = url
        .join(location)
        .map_err(|error| wrong(format!("it redirects to no address ({error})")))?;
    if !matches!(next.scheme(), "http" | "https") || !next.has_host() {
        return Err(wrong(format!("it redirects to `{}:`", next.scheme())));
    }
    if url.scheme() == "https" && next.scheme() == "http" {
        return Err(wrong(
            "it redirects from an encrypted connection to an open one".into(),
        ));
    }
    if is_loopback(&next) && !is_loopback(url) {
        return Err(wrong("it redirects to this machine itself".into()));
    }
    Ok(next)
}

async fn ask(
    patience: &Patience,
    url: &Url,
    what: &Download<'_>,
    authorization: Option<&str>,
) -> Result<Response, DownloadError> {
    let settings = Settings {
        connect_timeout: patience.connect,
        ..Settings::default()
    };
    let http = Http::new(url.clone(), settings);
    let client = http
        .client()
        .map_err(|error| broken(patience, url, &error))?;
    let mut request = Request::new(Method::GET, url.clone());
    let headers = request.headers_mut();
    // The very bytes: what is hashed is what the server has.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in [(ACCEPT, Some(what.accept)), (AUTHORIZATION, authorization)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let mut value =
                HeaderValue::from_str(value).map_err(|_| DownloadError::Connection {
                    url: url.to_string(),
                    why: format!("the header {name} would hold a character that no header has"),
                })?;
            value.set_sensitive(name == AUTHORIZATION);
            headers.insert(name, value);
        }
    }
    timeout(patience.connect + patience.idle, client.execute(request))
        .await
        .map_err(|_| silent(patience, url))?
        .map_err(|error| broken(patience, url, &error))
}

async fn read(
    patience: &Patience,
    mut response: Response,
    url: &Url,
    limit: u64,
    into: &mut dyn Write,
) -> Result<Downloaded, DownloadError> {
    let status = response.status();
    if status != StatusCode::OK {
        return Err(refused(response, url).await);
    }
    let encoding = header(response.headers(), CONTENT_ENCODING);
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        return Err(DownloadError::Connection {
            url: url.to_string(),
            why: format!("the server sends the file as `{encoding}`, though it was asked not to"),
        });
    }
    let too_large = || DownloadError::TooLarge {
        url: url.to_string(),
        limit,
    };
    if response
        .content_length()
        .is_some_and(|length| length > limit)
    {
        return Err(too_large());
    }
    let content_type = header(response.headers(), CONTENT_TYPE);
    let mut received = 0;
    loop {
        let chunk = timeout(patience.idle, response.chunk())
            .await
            .map_err(|_| silent(patience, url))?;
        // Whatever breaks now breaks a file that had begun.
        let chunk = chunk.map_err(|error| {
            tracing::debug!(%url, %error, "a download broke off");
            DownloadError::CutShort {
                url: url.to_string(),
                received,
            }
        })?;
        let Some(chunk) = chunk else { break };
        received += chunk.len() as u64;
        if received > limit {
            return Err(too_large());
        }
        into.write_all(&chunk)
            .map_err(|source| DownloadError::Write {
                url: url.to_string(),
                source,
            })?;
    }
    Ok(Downloaded {
        size: received,
        content_type,
    })
}

async fn refused(mut response: Response, url: &Url) -> DownloadError {
    let status = response.status().as_u16();
    let challenge = header(response.headers(), WWW_AUTHENTICATE);
    let mut said = Vec::new();
    // What it says is worth a moment and no more.
    while (said.len() as u64) < LONGEST_QUOTE
        && let Ok(Ok(Some(chunk))) = timeout(Duration::from_secs(2), response.chunk()).await
    {
        said.extend_from_slice(&chunk);
    }
    let text = String::from_utf8_lossy(&said);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    DownloadError::Refused {
        url: url.to_string(),
        status,
        message: line.chars().take(LONGEST_QUOTE as usize).collect(),
        challenge: Some(challenge).filter(|challenge| !challenge.is_empty()),
    }
}

fn header(headers: &HeaderMap, name: reqwest::header::HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

fn silent(patience: &Patience, url: &Url) -> DownloadError {
    DownloadError::Slow {
        url: url.to_string(),
        why: format!(
            "the server sent nothing for {} s",
            patience.idle.as_secs_f64()
        ),
    }
}

fn broken(patience: &Patience, url: &Url, error: &reqwest::Error) -> DownloadError {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let why = match error {
        error if error.is_builder() => format!(
            "a safe connection cannot be set up ({cause}): install the system's root certificates (usually the package `ca-certificates`)"
        ),
        error if error.is_timeout() => {
            format!("no connection within {} s", patience.connect.as_secs_f64())
        }
        _ => format!("no connection ({cause})"),
    };
    DownloadError::Connection {
        url: url.to_string(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_can_be_asked_at() {
        assert_eq!(
            address("https://x.org/a.wasm#part").unwrap().as_str(),
            "https://x.org/a.wasm"
        );
        for (text, word) in [
            ("x.wasm", "no address"),
            ("file:///etc/passwd", "neither"),
            ("https://me:secret@x.org/a.wasm", "password"),
        ] {
            let error = address(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_more_is_not_waited_for() {
        use std::io::Read;
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
        let short = Duration::from_millis(50);
        let long = Duration::from_secs(60);
        // A server that is silent at once, one that stops in the middle, and one that sends a byte now and then.
        for (said, trickle, idle, total, word) in [
            ("", false, short, long, "sent nothing for"),
            (head, false, short, long, "sent nothing for"),
            (head, true, long, short, "not there after 0.05 s"),
        ] {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}/x", listener.local_addr().unwrap());
            std::thread::spawn(move || {
                let (mut stream, _) = listener.accept()?;
                let mut request = [0; 4096];
                let _ = stream.read(&mut request)?;
                stream.write_all(said.as_bytes())?;
                if trickle {
                    loop {
                        stream.write_all(b"x")?;
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
                // Until the client goes away.
                stream.read(&mut request)
            });
            let patience = Patience {
                connect: short,
                idle,
                total,
            };
            let what = Download {
                url: &url,
                accept: "",
                authorization: None,
                limit: 1000,
            };
            let error = within(&patience, &what, &mut Vec::new()).await.unwrap_err();
            assert!(matches!(error, DownloadError::Slow { .. }), "{error}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn a_redirect_leads_to_no_weaker_place() {
        let lead = |from: &str, to: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_str(to).unwrap());
            follow(&Url::parse(from).unwrap(), &headers).map(|url| url.to_string())
        };
        assert_eq!(
            lead("https://x.org/a/b", "../c.wasm").unwrap(),
            "https://x.org/c.wasm"
        );
        assert!(lead("http://x.org/", "https://y.org/c").is_ok());
        for (from, to, word) in [
            ("https://x.org/", "http://x.org/", "open"),
            ("https://x.org/", "file:///etc/passwd", "`file:`"),
            ("http://x.org/", "http://127.0.0.1/x", "this machine"),
            ("http://x.org/", "http://[::1]/x", "this machine"),
            ("https://x.org/", "http://", "no address"),
        ] {
            let error = lead(from, to).unwrap_err().to_string();
            assert!(error.contains(word), "{from} {to}: {error}");
        }
        let nowhere = follow(&Url::parse("https://x.org").unwrap(), &HeaderMap::new());
        assert!(nowhere.unwrap_err().to_string().contains("nowhere"));
    }
}
