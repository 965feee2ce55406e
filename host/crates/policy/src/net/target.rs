//! Where a request really goes: a URL brought into one form, which is then both what rules are matched against and what is sent.
//!
//! Two programs that read one URL differently are how such checks are walked around. So what can be read in two ways is refused (users before the host,
//! backslashes, dot segments that are still hidden in escapes), and where servers are known to differ (doubled slashes, escaped slashes, path
//! parameters) a request needs every reading of its path to be allowed.

use super::pattern::UrlPattern;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::Url;

/// Longest URL that is looked at; servers take no longer ones.
const LONGEST: usize = 8_192;
/// How often a path may be escaped over and over before it is refused as it stands.
const DEEPEST_ESCAPES: usize = 4;

/// The schemes that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// The port that goes without saying.
    pub fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// A server's name or address, each in its only form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Lower case, ASCII (punycode where it has to be), no dot at its end.
    Name(String),
    /// An address; an IPv4 address that is written as IPv6 is IPv4.
    Address(IpAddr),
}

impl Host {
    /// Read a host as it stands in a URL, an IPv6 address in brackets.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.contains('%') {
            return Err("it has an escape in it".into());
        }
        match url::Host::parse(text) {
            Ok(host) => Host::of(host),
            Err(error) => Err(error.to_string()),
        }
    }

    fn of<S: AsRef<str>>(host: url::Host<S>) -> Result<Self, String> {
        match host {
            url::Host::Ipv4(address) => Ok(Host::Address(address.into())),
            url::Host::Ipv6(address) => Ok(Host::Address(plain(address.into()))),
            url::Host::Domain(name) => {
                let name = name.as_ref();
                let name = name.strip_suffix('.').unwrap_or(name);
                if name.split('.').any(str::is_empty) {
                    return Err("it has an empty part in its name".into());
                }
                Ok(Host::Name(name.to_owned()))
            }
        }
    }

    /// Whether it is a name of this machine by definition (RFC 6761).
    pub fn is_localhost(&self) -> bool {
        matches!(self, Host::Name(name) if name == "localhost" || name.ends_with(".localhost"))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(IpAddr::V4(address)) => address.fmt(f),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// `address`, as IPv4 where it is one in the clothes of IPv6.
pub(super) fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six
            .to_ipv4_mapped()
            .map_or(address, |four: Ipv4Addr| four.into()),
        IpAddr::V4(_) => address,
    }
}

/// A request's method and URL, normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    method: String,
    url: Url,
    scheme: Scheme,
    host: Host,
    port: u16,
    /// Every way in which a server may read the path; the first is the one that is sent.
    readings: Vec<String>,
}

impl Target {
    /// Read `method` and `url`.
    ///
    /// # Errors
    /// Says in words for the guest what is wrong with them.
    pub fn parse(method: &str, url: &str) -> Result<Self, String> {
        check_method(method)?;
        if url.len() > LONGEST {
            return Err(format!("the URL is longer than {LONGEST} bytes"));
        }
        if url.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err("the URL has white space, a control character or a backslash in it".into());
        }
        let (_, rest) = url
            .split_once("://")
            .ok_or("the URL does not begin with `https://` or `http://`")?;
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        if authority.contains('@') {
            return Err("the URL has a user before its host".into());
        }
        if authority.is_empty() || authority.contains('%') {
            return Err("the URL has no host, or one with an escape in it".into());
        }
        let mut url =
            Url::parse(url).map_err(|error| format!("the URL cannot be read: {error}"))?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return Err(format!("`{other}` is no scheme for requests")),
        };
        let host = url.host().ok_or("the URL has no host")?;
        let host = Host::of(host).map_err(|why| format!("the URL's host cannot be one: {why}"))?;
        let port = url.port().unwrap_or(scheme.port());
        if port == 0 {
            return Err("the URL's port is 0".into());
        }
        let path = canonical_path(url.path())
            .map_err(|why| format!("the URL's path is refused: {why}"))?;
        let unsettable = |_| "the URL's host cannot be written".to_owned();
        match &host {
            Host::Name(name) => url
                .set_host(Some(name))
                .map_err(|error| unsettable(error.to_string()))?,
            Host::Address(address) => url
                .set_ip_host(*address)
                .map_err(|()| unsettable(String::new()))?,
        }
        url.set_path(&path);
        url.set_fragment(None);
        Ok(Target {
            method: method.to_owned(),
            scheme,
            host,
            port,
            readings: readings(&path),
            url,
        })
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The URL as it is to be sent.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The server.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is sent over TLS.
    pub fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::Https
    }

    pub(super) fn readings(&self) -> &[String] {
        &self.readings
    }

    /// Whether `pattern` is about this reading of the path.
    pub(super) fn reads(&self, pattern: &UrlPattern, reading: &str) -> bool {
        pattern.is_about(self.scheme, &self.host, self.port, reading)
    }

    #[cfg(test)]
    pub(super) fn is_in(&self, pattern: &UrlPattern) -> bool {
        self.reads(pattern, &self.readings[0])
    }
}

impl fmt::Display for Target {
    /// Method and URL without the query, which may be long and is not what rules are about.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_str();
        let end = url.find('?').unwrap_or(url.len());
        write!(f, "{} {}", self.method, &url[..end])
    }
}

/// Methods are case-sensitive by the standard and not so with every server, and two of them are not about a resource at all.
fn check_method(method: &str) -> Result<(), String> {
    let fits = !method.is_empty()
        && method.len() <= 32
        && method
            .bytes()
            .all(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_'));
    if !fits {
        return Err("the method is not written in upper case".into());
    }
    if matches!(method, "CONNECT" | "TRACE" | "TRACK") {
        return Err(format!(
            "{method} asks a server to pass the request on or to show it, and is never sent"
        ));
    }
    Ok(())
}

/// `path` with every escape that need not be one undone and the others in upper case.
pub(super) fn canonical_path(path: &str) -> Result<String, String> {
    let mut canonical = String::with_capacity(path.len());
    let bytes = path.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        at += 1;
        let (byte, escaped) = match byte {
            b'%' => match bytes.get(at..at + 2).and_then(hex) {
                Some(byte) => {
                    at += 2;
                    (byte, true)
                }
                None => return Err("it has a `%` that begins no escape".into()),
            },
            byte => (byte, false),
        };
        let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if unreserved || (!escaped && byte.is_ascii_graphic()) {
            canonical.push(char::from(byte));
        } else {
            canonical.push_str(&format!("%{byte:02X}"));
        }
    }
    check_hidden(&canonical)?;
    if !canonical.starts_with('/') {
        canonical.insert(0, '/');
    }
    Ok(canonical)
}

fn hex(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)
}

/// Refuse a path that leads elsewhere once somebody undoes its escapes again.
fn check_hidden(path: &str) -> Result<(), String> {
    let mut text = path.as_bytes().to_vec();
    for _ in 0..=DEEPEST_ESCAPES {
        if text.iter().any(|byte| byte.is_ascii_control()) {
            return Err("it has a control character in an escape".into());
        }
        let dots = |segment: &[u8]| {
            let name = segment.split(|byte| *byte == b';').next();
            matches!(name, Some(b"." | b".."))
        };
        if text.split(|byte| matches!(byte, b'/' | b'\\')).any(dots) {
            return Err("it has a dot segment, which leads elsewhere".into());
        }
        let decoded = decode(&text);
        if decoded == text {
            return Ok(());
        }
        text = decoded;
    }
    Err("it is escaped over and over".into())
}

fn decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match text.get(at + 1..at + 3).and_then(hex) {
            Some(byte) if text[at] == b'%' => {
                decoded.push(byte);
                at += 3;
            }
            _ => {
                decoded.push(text[at]);
                at += 1;
            }
        }
    }
    decoded
}

/// Every way in which servers are known to read `path`, which is canonical; itself first.
fn readings(path: &str) -> Vec<String> {
    type Reading = fn(&str) -> String;
    let ways: [Reading; 3] = [
        |path| path.replace("%2F", "/").replace("%5C", "/"),
        |path| {
            let names = path.split('/').map(|s| s.split(';').next().unwrap_or(s));
            names.collect::<Vec<_>>().join("/")
        },
        |path| {
            let mut path = path.to_owned();
            while path.contains("//") {
                path = path.replace("//", "/");
            }
            path
        },
    ];
    let mut readings = vec![path.to_owned()];
    for way in ways {
        for index in 0..readings.len() {
            let other = way(&readings[index]);
            if !readings.contains(&other) {
                readings.push(other);
            }
        }
    }
    readings
}

/// The IPv4 address inside of an IPv6 one that a translator (NAT64, RFC 6052) would go on to.
pub(super) fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    ([a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0])
        .then(|| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_one_form_only() {
        for (url, sent) in [
            ("HTTP://A.Example", "http://a.example/"),
            ("http://a.example.:80/x", "http://a.example/x"),
            ("https://a.example:443/x#frag", "https://a.example/x"),
            (
                "https://a.example:8443?q=%2F..",
                "https://a.example:8443/?q=%2F..",
            ),
            ("http://0x7f.0.0.1/", "http://127.0.0.1/"),
            ("http://127.1./", "http://127.0.0.1/"),
            ("http://017700000001/", "http://127.0.0.1/"),
            ("http://[::ffff:7f00:1]:8/", "http://127.0.0.1:8/"),
            ("http://１２７.0.0.1/", "http://127.0.0.1/"),
            (
                "https://a.example/%7euser/%e2%82%ac",
                "https://a.example/~user/%E2%82%AC",
            ),
            ("https://a.example/a/../b/./c", "https://a.example/b/c"),
            ("https://a.example/a/%2e%2E/b", "https://a.example/b"),
            ("https://ex\u{e4}mple.org/", "https://xn--exmple-cua.org/"),
            ("https://a\u{3002}example/", "https://a.example/"),
        ] {
            let target = Target::parse("GET", url).unwrap_or_else(|e| panic!("{url}: {e}"));
            assert_eq!(target.url(), sent, "{url}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for url in [
            "",
            "a.example",
            "http:a.example/",
            "http:///a.example/",
            "ftp://a.example/",
            "file:///etc/passwd",
            "http://user@a.example/",
            "http://user:pw@a.example/",
            "http://@a.example/",
            "http://a.example\\@b.example/",
            "http://a.example\\x",
            "http:\\\\a.example/",
            "http://a.example /",
            "http://a.example/\r\nHost: b",
            "http://a.example/\tx",
            "http://a%2eexample/",
            "http://a..example/",
            "http://a.example../",
            "http://a.example:0/",
            "http://a.example:99999/",
            "http://[::1%25eth0]/",
            "http://[::1/",
            "http://a.example/x/..%2fadmin",
            "http://a.example/x/..%5cadmin",
            "http://a.example/x/%252e%252e/admin",
            "http://a.example/x/%25252e%25252e%25252fadmin",
            "http://a.example/x/..;/admin",
            "http://a.example/x/..;a=b/admin",
            "http://a.example/%00",
            "http://a.example/%0d%0aX: y",
            "http://a.example/%zz",
            "http://a.example/%",
        ] {
            assert!(Target::parse("GET", url).is_err(), "{url}");
        }
        let long = format!("http://a.example/{}", "x".repeat(LONGEST));
        assert!(Target::parse("GET", &long).is_err());
    }

    #[test]
    fn methods_are_words_in_upper_case_and_some_are_never_sent() {
        for method in [
            "get", "Get", "", "GET ", "CONNECT", "TRACE", "TRACK", "G\u{ca}T",
        ] {
            assert!(
                Target::parse(method, "http://a.example/").is_err(),
                "{method}"
            );
        }
        for method in ["GET", "PATCH", "PROPFIND", "M-SEARCH"] {
            assert!(
                Target::parse(method, "http://a.example/").is_ok(),
                "{method}"
            );
        }
    }

    #[test]
    fn every_reading_of_a_path_is_known() {
        let target = Target::parse("GET", "http://a.example//admin;x%2Fy").unwrap();
        for reading in ["//admin;x%2Fy", "//admin;x/y", "/admin", "/admin/y"] {
            assert!(
                target.readings().iter().any(|known| known == reading),
                "{reading} is not in {:?}",
                target.readings()
            );
        }
    }
}
