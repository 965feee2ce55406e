//! What can be named as the place where a component comes from.

use super::oci::Reference;
use crate::exit::{Failure, USAGE};
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// How `house.lock` names what came with the program.
const SHIPPED: &str = "charthouse ";

/// Where a component comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A file of this machine; absolute.
    Path(PathBuf),
    /// An `http` or `https` address.
    Url(String),
    /// An artefact in a registry.
    Oci(Reference),
    /// It came with this program, under the plugin's own name.
    Shipped,
}

impl Source {
    /// Read what was typed or recorded; paths count from `directory`.
    pub fn parse(text: &str, directory: &Path) -> Result<Self, Failure> {
        if text.starts_with(SHIPPED) {
            return Ok(Source::Shipped);
        }
        match text.split_once("://") {
            Some(("http" | "https", _)) => Ok(Source::Url(text.to_owned())),
            Some(("oci", rest)) => Reference::parse(rest).map(Source::Oci).map_err(|why| {
                Failure::new(USAGE, format!("`{text}` is no OCI reference: {why}"))
                    .help("write it as oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:DIGEST")
            }),
            Some(("file", path)) => Ok(Source::Path(directory.join(path))),
            Some((scheme, _)) => Err(Failure::new(
                USAGE,
                format!("nothing is fetched by `{scheme}:`"),
            )
            .help("name a file, an http or https address, or a registry's artefact as oci://HOST/REPOSITORY:TAG")),
            None => Ok(Source::Path(directory.join(text))),
        }
    }

    /// How a house calls the plugin unless it is told: after the last part of the name, without its version.
    pub fn plugin_name(&self) -> String {
        let last = match self {
            Source::Path(path) => path.file_name().unwrap_or_default().to_string_lossy(),
            Source::Url(url) => {
                let path = url.split(['?', '#']).next().unwrap_or_default();
                path.rsplit('/').next().unwrap_or_default().into()
            }
            Source::Oci(reference) => reference.last_part().into(),
            Source::Shipped => "".into(),
        };
        last.strip_suffix(".wasm").unwrap_or(&last).to_owned()
    }

    /// How `house.lock` of the house in `root` names it: a file of the house by its place in the house.
    pub fn recorded(&self, root: &Path) -> String {
        match self {
            Source::Path(path) => path
                .strip_prefix(root)
                .unwrap_or(path)
                .to_string_lossy()
                .into_owned(),
            Source::Shipped => format!("{SHIPPED}{}", env!("CARGO_PKG_VERSION")),
            other => other.to_string(),
        }
    }

    /// Whether somebody on the way could exchange the bytes unnoticed.
    pub fn is_open(&self) -> bool {
        let Source::Url(url) = self else {
            return false;
        };
        url.strip_prefix("http://")
            .is_some_and(|rest| !is_this_machine(host_of(rest)))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Path(path) => write!(f, "{}", path.display()),
            Source::Url(url) => f.write_str(url),
            Source::Oci(reference) => write!(f, "oci://{reference}"),
            Source::Shipped => write!(f, "{SHIPPED}{}", env!("CARGO_PKG_VERSION")),
        }
    }
}

/// The host and port in what stands behind `://`.
fn host_of(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Whether `host`, perhaps with a port, is the loopback.
pub fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Source {
        Source::parse(text, Path::new("/house")).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_source_is_told_by_its_beginning() {
        assert_eq!(parsed("a/x.wasm"), Source::Path("/house/a/x.wasm".into()));
        assert_eq!(parsed("/a/x.wasm"), Source::Path("/a/x.wasm".into()));
        assert!(matches!(parsed("https://x.org/a.wasm"), Source::Url(_)));
        assert!(matches!(parsed("oci://x.org/a:1"), Source::Oci(_)));
        assert_eq!(parsed("charthouse 0.0.1"), Source::Shipped);
        for text in ["ftp://x.org/a.wasm", "oci://a", "oci://x.org/A"] {
            assert!(Source::parse(text, Path::new("/")).is_err(), "{text}");
        }
    }

    #[test]
    fn the_name_is_the_last_part() {
        for (text, name) in [
            ("/a/greet.wasm", "greet"),
            ("https://x.org/v1/greet.wasm?download=1#x", "greet"),
            ("oci://x.org/tools/greet:1.2.0", "greet"),
            ("oci://127.0.0.1:5000/greet", "greet"),
        ] {
            assert_eq!(parsed(text).plugin_name(), name, "{text}");
        }
    }

    #[test]
    fn a_lock_names_files_of_the_house_by_their_place_in_it() {
        let root = Path::new("/house");
        for (text, recorded) in [
            ("plugins/x.wasm", "plugins/x.wasm"),
            ("/elsewhere/x.wasm", "/elsewhere/x.wasm"),
            ("oci://x.org/a", "oci://x.org/a:latest"),
        ] {
            assert_eq!(parsed(text).recorded(root), recorded);
            assert_eq!(
                parsed(recorded),
                parsed(text),
                "what is recorded is read as the same"
            );
        }
    }

    #[test]
    fn an_open_connection_is_one_to_another_machine() {
        for (text, open) in [
            ("http://x.org/a.wasm", true),
            ("http://127.0.0.1.x.org/a.wasm", true),
            ("http://127.0.0.1:8000/a.wasm", false),
            ("http://[::1]:8000/a.wasm", false),
            ("http://localhost/a.wasm", false),
            ("https://x.org/a.wasm", false),
        ] {
            assert_eq!(parsed(text).is_open(), open, "{text}");
        }
    }
}
