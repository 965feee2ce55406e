//! From a host's name to the addresses that may be connected to. Each name is looked up once for each request, and what policy was shown is what is used.

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::future::{Future, ready};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};
use types::{HttpError, HttpErrorKind, HttpReach};
use url::Host;

/// The addresses of a name.
pub type LookupFuture = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Something that knows names.
pub trait Lookup: Send + Sync {
    /// The addresses of `name`.
    fn look_up(&self, name: &str) -> LookupFuture;
}

/// Most names that the system is asked for at once. It answers when it likes, and nobody can stop it.
const MOST_AT_ONCE: usize = 32;

/// The system's own resolver, each name on a thread of its own: the threads that a runtime lends for such things are waited for when it ends, and whoever
/// has given up on a name should not have to wait for it after all.
pub(super) struct SystemLookup {
    permits: Arc<Semaphore>,
}

impl Default for SystemLookup {
    fn default() -> Self {
        SystemLookup {
            permits: Arc::new(Semaphore::new(MOST_AT_ONCE)),
        }
    }
}

impl Lookup for SystemLookup {
    fn look_up(&self, name: &str) -> LookupFuture {
        let (name, permits) = (name.to_owned(), self.permits.clone());
        Box::pin(async move {
            let permit = permits.acquire_owned().await.map_err(io::Error::other)?;
            let (tell, told) = oneshot::channel();
            std::thread::Builder::new()
                .name("look up".into())
                .spawn(move || {
                    let found = (name.as_str(), 0).to_socket_addrs();
                    // Who asked may have gone.
                    let _ = tell.send(found);
                    drop(permit);
                })?;
            let found = told.await.map_err(io::Error::other)??;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The addresses that one request may go to.
#[derive(Debug)]
pub(super) struct Checked {
    host: String,
    addresses: Vec<SocketAddr>,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        // Whatever the client asks about, it learns of no address that was not checked.
        let known = name.as_str().eq_ignore_ascii_case(&self.host);
        let addresses = if known {
            self.addresses.clone()
        } else {
            Vec::new()
        };
        let addresses: Addrs = Box::new(addresses.into_iter());
        Box::pin(ready(Ok(addresses)))
    }
}

/// Look the host of `url` up, and keep of its addresses those that `reach` permits.
pub(super) async fn addresses_of(
    url: &Url,
    lookup: &dyn Lookup,
    reach: &dyn HttpReach,
) -> Result<Checked, HttpError> {
    let unknown = |what: String| HttpError::new(HttpErrorKind::Name, what);
    let (name, found) = match url.host() {
        None => return Err(unknown("the URL has no host".into())),
        Some(Host::Ipv4(address)) => (address.to_string(), vec![address.into()]),
        Some(Host::Ipv6(address)) => (address.to_string(), vec![address.into()]),
        // This machine by definition (RFC 6761), whatever a resolver says.
        Some(Host::Domain(name)) if is_localhost(name) => (
            name.to_owned(),
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        ),
        Some(Host::Domain(name)) => {
            let found = lookup.look_up(name).await;
            let found =
                found.map_err(|error| unknown(format!("`{name}` cannot be looked up: {error}")))?;
            (name.to_owned(), found)
        }
    };
    if found.is_empty() {
        return Err(unknown(format!("`{name}` has no address")));
    }
    let mut refused = None;
    let mut addresses = Vec::with_capacity(found.len());
    for address in found {
        match reach.permits(address) {
            Ok(()) => addresses.push(SocketAddr::new(address, 0)),
            Err(reason) => refused = refused.or(Some(reason)),
        }
    }
    match (addresses.is_empty(), refused) {
        (true, Some(reason)) => {
            let what = format!("`{name}` leads to an address that is refused: {reason}");
            Err(HttpError::new(HttpErrorKind::Denied, what))
        }
        _ => Ok(Checked {
            host: name,
            addresses,
        }),
    }
}

fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_knows_this_machine_and_no_name_that_cannot_be() {
        let system = SystemLookup::default();
        let found = system.look_up("localhost").await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback));
        // Longer than a part of a name may be, so nobody has to be asked.
        assert!(system.look_up(&"x".repeat(70)).await.is_err());
    }
}
