//! What systemd wants to know of a service (sd_notify(3)): that it is ready, that it is ending, that it still turns round. Without systemd nothing is said.

use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Whoever started the daemon, where that wants to know.
pub struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants to hear that the daemon turns round.
    pub watchdog: Option<Duration>,
}

impl Supervisor {
    /// As the environment says.
    pub fn of_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let pid = variable("WATCHDOG_PID").and_then(|pid| pid.parse::<u32>().ok());
        let period = variable("WATCHDOG_USEC").and_then(|text| text.parse().ok());
        Supervisor {
            socket: variable("NOTIFY_SOCKET").and_then(|name| open(&name)),
            watchdog: period
                .filter(|_| pid.is_none_or(|pid| pid == std::process::id()))
                .map(|microseconds: u64| Duration::from_micros(microseconds / 2)),
        }
    }

    /// Say so. One who does not listen is no reason to fail.
    pub fn tell(&self, state: &str) {
        if let Some((socket, address)) = &self.socket {
            let _ = socket.send_to_addr(state.as_bytes(), address);
        }
    }
}

/// A socket and whom to send to: a path, or with `@` before it a name that has none.
fn open(name: &str) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix('@') {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name).ok()?
        }
        _ => SocketAddr::from_pathname(name).ok()?,
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    Some((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_arrives() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let hears = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor {
            socket: open(path.to_str().unwrap()),
            watchdog: None,
        };
        supervisor.tell("READY=1");
        let mut text = [0; 32];
        let length = hears.recv(&mut text).unwrap();
        assert_eq!(&text[..length], b"READY=1");
        drop(hears);
        supervisor.tell("STOPPING=1");
    }
}
