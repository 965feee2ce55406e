//! What a network rule is about: a pattern of URLs, read once when the policy is loaded, so that a rule that exists is one that can be matched.

use super::target::{Host, Scheme, canonical_path};
use crate::pattern::matches;
use serde::{Serialize, Serializer};
use std::fmt;

/// The patterns that a person writes to mean every address.
const EVERYTHING: [&str; 2] = ["*", "**"];

/// `https://*.example.com:8443/repos/**`.
///
/// - Host: a name, an address, `*` (any name), or a name with `*` in it. A `*.` at its beginning stands for one label or more; elsewhere `*` stands for a part
///   of one label.
/// - Port: a number or `*`; without one the scheme's own.
/// - Path: `*` stands for a part of one segment, a segment `**` for any number of segments. Without a path every path of the host is meant.
/// - `*` alone is every URL there is.
///
/// Queries are not part of a pattern: whoever may ask for a path may ask with any query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPattern {
    written: String,
    /// `None` is everything.
    parts: Option<Parts>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    scheme: Scheme,
    host: HostPattern,
    /// `None` is any.
    port: Option<u16>,
    /// Segments; `None` is every path.
    path: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    /// Any name, and any address that is nobody's own.
    Any,
    /// This one.
    Exactly(Host),
    /// Labels from the left; the flag says that more labels may stand before them.
    Labels { deeper: bool, labels: Vec<String> },
}

/// Why a text is no pattern of URLs, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UrlPatternError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

fn wrong<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, UrlPatternError> {
    Err(UrlPatternError {
        message: message.into(),
        help: help.into(),
    })
}

impl UrlPattern {
    /// Read a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it and what to write instead.
    pub fn parse(written: &str) -> Result<Self, UrlPatternError> {
        let pattern = |parts| UrlPattern {
            written: written.to_owned(),
            parts,
        };
        if EVERYTHING.contains(&written) {
            return Ok(pattern(None));
        }
        let strange = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
        let (scheme, rest) = match written.split_once("://") {
            Some(("https", rest)) if !written.contains(strange) => (Scheme::Https, rest),
            Some(("http", rest)) if !written.contains(strange) => (Scheme::Http, rest),
            _ => {
                return wrong(
                    "it does not begin with `https://` or `http://`, or holds white space or a backslash",
                    "begin it with `https://` and leave out white space, for instance `https://api.github.com/repos/**`",
                );
            }
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => (&rest[..at], Some(&rest[at..])),
            None => (rest, None),
        };
        if rest.contains(['?', '#']) {
            return wrong(
                "it has a query or a fragment",
                "a rule is about a path, whatever the query; leave out what follows `?` or `#`",
            );
        }
        let (host, port) = authority_parts(authority, scheme)?;
        let path = path.map(segments).transpose()?;
        Ok(pattern(Some(Parts {
            scheme,
            host,
            port,
            path,
        })))
    }

    /// Whether it is about every URL.
    pub fn is_everything(&self) -> bool {
        self.parts.is_none()
    }

    /// Whether it is about every host.
    pub fn is_any_host(&self) -> bool {
        self.parts
            .as_ref()
            .is_none_or(|parts| parts.host == HostPattern::Any)
    }

    /// Whether what it is about goes over the wire in the clear.
    pub fn is_clear(&self) -> bool {
        self.parts
            .as_ref()
            .is_none_or(|parts| parts.scheme == Scheme::Http)
    }

    /// Whether it names this machine, so that nothing leaves it.
    pub fn is_this_machine(&self) -> bool {
        self.host().is_some_and(|host| match host {
            Host::Address(address) => address.is_loopback(),
            name => name.is_localhost(),
        })
    }

    /// The one host that it names, if it names one.
    pub fn host(&self) -> Option<&Host> {
        match &self.parts.as_ref()?.host {
            HostPattern::Exactly(host) => Some(host),
            _ => None,
        }
    }

    /// Whether it is about `path` on the server `scheme`, `host` and `port`.
    pub(crate) fn is_about(&self, scheme: Scheme, host: &Host, port: u16, path: &str) -> bool {
        let Some(parts) = &self.parts else {
            return true;
        };
        parts.scheme == scheme
            && parts.port.is_none_or(|wanted| wanted == port)
            && parts.host.is_about(host)
            && parts
                .path
                .as_ref()
                .is_none_or(|pattern| path_matches(pattern, path))
    }
}

impl HostPattern {
    fn is_about(&self, host: &Host) -> bool {
        match (self, host) {
            (HostPattern::Any, _) => true,
            (HostPattern::Exactly(wanted), host) => wanted == host,
            (HostPattern::Labels { deeper, labels }, Host::Name(name)) => {
                let found: Vec<&str> = name.split('.').collect();
                let fits = match deeper {
                    true => found.len() > labels.len(),
                    false => found.len() == labels.len(),
                };
                let tail = found.len().saturating_sub(labels.len());
                let mut pairs = labels.iter().zip(&found[tail..]);
                fits && pairs.all(|(pattern, label)| matches(pattern, label))
            }
            (HostPattern::Labels { .. }, _) => false,
        }
    }
}

fn authority_parts(
    authority: &str,
    scheme: Scheme,
) -> Result<(HostPattern, Option<u16>), UrlPatternError> {
    if authority.contains('@') {
        return wrong(
            "it has a user before the host",
            "leave out what stands before `@`; to send credentials write `secret: { header: …, from: … }`",
        );
    }
    if authority.starts_with('[') && !authority.contains(']') {
        return wrong(
            "its host begins with `[` and has no `]`",
            "write an IPv6 address in brackets, for instance `http://[fd00::5]:8080/**`",
        );
    }
    // The colons of an IPv6 address stand in brackets.
    let after_host = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[after_host..].split_once(':') {
        Some((rest, port)) => (&authority[..after_host + rest.len()], Some(port)),
        None => (authority, None),
    };
    let port = match port {
        None => Some(scheme.port()),
        Some("*") => None,
        Some(number) => match number.parse() {
            Ok(0) | Err(_) => {
                return wrong(
                    "its port is no port",
                    "write a number from 1 to 65535, or `*` for any",
                );
            }
            Ok(number) => Some(number),
        },
    };
    Ok((host_pattern(host)?, port))
}

fn host_pattern(host: &str) -> Result<HostPattern, UrlPatternError> {
    const HELP: &str = "write a name such as `api.github.com`, `*.example.com` for all names below it, an address, or `*` for any";
    if host == "*" {
        return Ok(HostPattern::Any);
    }
    if !host.contains('*') {
        return match Host::parse(host) {
            Ok(host) => Ok(HostPattern::Exactly(host)),
            Err(why) => wrong(format!("its host cannot be one: {why}"), HELP),
        };
    }
    let lower = host.to_ascii_lowercase();
    let (deeper, rest) = match lower.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, lower.as_str()),
    };
    let label_is_fine = |label: &str| {
        !label.is_empty()
            && !label.contains("**")
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'*'))
    };
    if !rest.split('.').all(label_is_fine) {
        return wrong(
            "its host is no pattern of names",
            format!("{HELP}; letters beyond ASCII are written as in `xn--bcher-kva.example`"),
        );
    }
    let numeric = |label: &str| label.bytes().all(|b| b.is_ascii_digit() || b == b'*');
    if lower.split('.').all(numeric) && lower.contains(|c: char| c.is_ascii_digit()) {
        return wrong(
            "an address cannot have a `*` in it",
            "write the whole address, or a name with `addresses: [10.0.0.0/8]` beside it",
        );
    }
    Ok(HostPattern::Labels {
        deeper,
        labels: rest.split('.').map(str::to_owned).collect(),
    })
}

fn segments(path: &str) -> Result<Vec<String>, UrlPatternError> {
    let canonical = match canonical_path(path) {
        Ok(canonical) => canonical,
        Err(why) => {
            return wrong(
                format!("its path cannot be one: {why}"),
                "write the path as the server knows it, for instance `/repos/**`",
            );
        }
    };
    let segments: Vec<String> = canonical[1..].split('/').map(str::to_owned).collect();
    let mixed = segments
        .iter()
        .find(|segment| segment.contains("**") && *segment != "**");
    if let Some(mixed) = mixed {
        return wrong(
            format!("`{mixed}` mixes `**` with other characters"),
            "`**` stands between slashes and means any number of segments; within one segment write `*`",
        );
    }
    Ok(segments)
}

/// Whether `path` is what the segments of `pattern` say. As in [`matches`], the last `**` is the only one that ever has to take more.
fn path_matches(pattern: &[String], path: &str) -> bool {
    let path: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let (mut p, mut s) = (0, 0);
    let mut resume: Option<(usize, usize)> = None;
    while s < path.len() {
        match pattern.get(p) {
            Some(segment) if segment == "**" => {
                resume = Some((p + 1, s));
                p += 1;
            }
            Some(segment) if matches(segment, path[s]) => {
                p += 1;
                s += 1;
            }
            _ => match resume {
                Some((after, taken)) => {
                    p = after;
                    s = taken + 1;
                    resume = Some((after, s));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|segment| segment == "**")
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Serialize for UrlPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::target::Target;

    #[track_caller]
    fn about(pattern: &str, url: &str) -> bool {
        let pattern = UrlPattern::parse(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
        let target = Target::parse("GET", url).unwrap_or_else(|e| panic!("{url}: {e}"));
        target.is_in(&pattern)
    }

    #[test]
    fn patterns_match_by_scheme_host_port_and_path() {
        for (pattern, url, expected) in [
            ("*", "http://a.example/x", true),
            ("**", "https://a.example:1/x", true),
            ("https://a.example/**", "https://a.example/", true),
            ("https://a.example", "https://a.example/x/y?q#f", true),
            ("https://a.example/", "https://a.example/", true),
            ("https://a.example/", "https://a.example/x", false),
            ("https://a.example/**", "http://a.example/", false),
            ("https://a.example/**", "https://a.example:8443/", false),
            ("https://a.example:*/**", "https://a.example:8443/", true),
            ("https://a.example:8443/**", "https://a.example:8443/", true),
            ("https://a.example:443/**", "https://a.example/", true),
            ("https://A.Example/**", "https://a.eXAMPLE./x", true),
            ("https://*.a.example/**", "https://x.a.example/", true),
            ("https://*.a.example/**", "https://x.y.a.example/", true),
            ("https://*.a.example/**", "https://a.example/", false),
            ("https://*.a.example/**", "https://xa.example/", false),
            ("https://*.a.example/**", "https://a.example.evil/", false),
            (
                "https://api-*.a.example/**",
                "https://api-1.a.example/",
                true,
            ),
            (
                "https://api-*.a.example/**",
                "https://api-1.x.a.example/",
                false,
            ),
            ("https://*/**", "https://x.example/", true),
            ("https://*/**", "http://x.example/", false),
            ("http://127.0.0.1:*/**", "http://127.0.0.1:9/x", true),
            ("http://127.0.0.1/**", "http://0x7f.1/x", true),
            ("http://127.0.0.1/**", "http://2130706433/x", true),
            ("http://127.0.0.1/**", "http://[::ffff:127.0.0.1]/x", true),
            ("http://[::1]:8080/**", "http://[0:0::1]:8080/x", true),
            (
                "https://bücher.example/**",
                "https://xn--bcher-kva.example/",
                true,
            ),
            (
                "https://xn--bcher-kva.example/**",
                "https://BÜCHER.example/",
                true,
            ),
            (
                "https://a.example/repos/**",
                "https://a.example/repos",
                true,
            ),
            (
                "https://a.example/repos/**",
                "https://a.example/repos/",
                true,
            ),
            (
                "https://a.example/repos/**",
                "https://a.example/repos/x/y",
                true,
            ),
            (
                "https://a.example/repos/**",
                "https://a.example/repository",
                false,
            ),
            (
                "https://a.example/repos/*",
                "https://a.example/repos/x",
                true,
            ),
            (
                "https://a.example/repos/*",
                "https://a.example/repos/x/y",
                false,
            ),
            ("https://a.example/*/x", "https://a.example/repos/x", true),
            ("https://a.example/**/x", "https://a.example/x", true),
            ("https://a.example/**/x", "https://a.example/a/b/x", true),
            ("https://a.example/**/x", "https://a.example/a/b/xy", false),
            (
                "https://a.example/v*.json",
                "https://a.example/v12.json",
                true,
            ),
            ("https://a.example/ü/*", "https://a.example/%C3%bc/x", true),
            ("https://a.example/a b", "", false),
        ] {
            if url.is_empty() {
                assert!(UrlPattern::parse(pattern).is_err(), "{pattern}");
                continue;
            }
            assert_eq!(about(pattern, url), expected, "{pattern} on {url}");
        }
    }

    #[test]
    fn what_cannot_be_matched_is_no_pattern() {
        for (written, about) in [
            ("", "https://"),
            ("api.github.com", "https://"),
            ("ftp://a.example/**", "https://"),
            ("https://", "host"),
            ("https:///x", "host"),
            ("https://user:pw@a.example/**", "user"),
            ("https://a.example:0/**", "port"),
            ("https://a.example:http/**", "port"),
            ("https://a.example:99999/**", "port"),
            ("https://a.example/x?y=*", "query"),
            ("https://a.example#x", "query"),
            ("https://a.example/x**", "mixes"),
            ("https://a.example/../x", "dot"),
            ("https://a..example/**", "host"),
            ("https://**.example/**", "names"),
            ("https://*.*/x y", "white space"),
            ("https://ü*.example/**", "names"),
            ("https://10.0.0.*/**", "address"),
            ("https://a.example\\x/**", "backslash"),
            ("https://[::1/**", "host"),
        ] {
            let error = UrlPattern::parse(written).expect_err(written);
            assert!(
                error.message.contains(about),
                "{written}: {}",
                error.message
            );
            assert!(!error.help.is_empty());
        }
    }

    #[test]
    fn a_pattern_made_to_backtrack_ends_at_once() {
        let pattern = format!("https://a.example{}/b", "/**/a".repeat(300));
        let url = format!("https://a.example{}", "/a".repeat(3_000));
        assert!(!about(&pattern, &url));
    }
}
