//! The HTTP client, built when the first request needs it and not before.
//!
//! Loading the system's root certificates takes longer than everything else the host does at its start, so a server on plain `http` never
//! pays for it.

use crate::Settings;
use reqwest::{Client, Url, redirect};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

/// The variables that can send plain HTTP through a proxy.
const PROXY_VARIABLES: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

/// A client for one server.
pub struct Http {
    url: Url,
    settings: Settings,
    client: OnceLock<Client>,
}

impl Http {
    /// A client for requests to `url`; nothing is set up yet.
    pub fn new(url: Url, settings: Settings) -> Self {
        Http {
            url,
            settings,
            client: OnceLock::new(),
        }
    }

    /// Where requests go.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Patience.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the server is on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// The client.
    ///
    /// # Errors
    /// When TLS cannot be set up, for instance because the machine has no root certificates.
    pub fn client(&self) -> Result<&Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = self.build()?;
        Ok(self.client.get_or_init(|| client))
    }

    fn build(&self) -> Result<Client, reqwest::Error> {
        let mut builder = Client::builder()
            .user_agent(concat!("charthouse/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.settings.connect_timeout)
            // A redirect would carry the key to wherever the server points, and turns a POST into a GET.
            .redirect(redirect::Policy::none())
            .referer(false)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(4);
        let loopback = self.is_loopback();
        if loopback {
            // A proxy cannot reach this machine's own servers.
            builder = builder.no_proxy();
        }
        let proxied = !loopback
            && PROXY_VARIABLES
                .iter()
                .any(|name| std::env::var_os(name).is_some());
        builder = if self.url.scheme() == "http" && !proxied {
            builder.tls_backend_preconfigured(no_tls())
        } else {
            // Fails when the process has chosen a cryptography provider already, which is then the one in use.
            let _ = rustls::crypto::ring::default_provider().install_default();
            builder.tls_backend_rustls()
        };
        builder.build()
    }
}

/// The cheapest TLS configuration there is: it trusts nobody. Plain HTTP never looks at it, but the client insists on one.
pub(crate) fn no_tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .expect("the ring provider speaks rustls's default versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    config
}

/// Whether `url` is on this machine.
pub fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_told_from_others() {
        for (url, loopback) in [
            ("http://127.0.0.1:8080/v1", true),
            ("http://[::1]:8080/v1", true),
            ("http://localhost/v1", true),
            ("http://models.localhost/v1", true),
            ("http://192.168.1.5/v1", false),
            ("https://localhost.example.org/v1", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }

    #[test]
    fn both_kinds_of_client_can_be_built() {
        for url in ["http://127.0.0.1/v1", "https://example.org/v1"] {
            let http = Http::new(Url::parse(url).unwrap(), Settings::default());
            assert!(http.client().is_ok(), "{url}");
        }
    }
}
