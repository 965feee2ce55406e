//! How many files guests may hold open together: the process has only so many, and needs some itself for its journal, its connections and its
//! children.
//!
//! Nothing is counted. Operating systems give a new file the lowest free number, so a high number means that the process is nearly out of them,
//! whoever holds them: a file that keeps living in a stream after its descriptor was dropped counts as well.

use rustix::fd::{AsRawFd, RawFd};
use std::sync::OnceLock;

/// Numbers kept for the host itself.
const RESERVED: u64 = 256;

/// Whether the file just opened is one too many.
pub(crate) fn too_many(file: &impl AsRawFd) -> bool {
    file.as_raw_fd() >= for_guests()
}

/// The first number that no guest gets.
fn for_guests() -> RawFd {
    static FIRST: OnceLock<RawFd> = OnceLock::new();
    *FIRST.get_or_init(|| {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        first_kept(limit.unwrap_or(u64::MAX))
    })
}

fn first_kept(limit: u64) -> RawFd {
    let kept = RESERVED.min(limit / 2);
    RawFd::try_from(limit - kept).unwrap_or(RawFd::MAX)
}

#[cfg(test)]
mod tests {
    use super::first_kept;

    #[test]
    fn the_host_keeps_some_whatever_the_limit_is() {
        assert_eq!(first_kept(1_024), 768);
        assert_eq!(first_kept(100), 50);
        assert_eq!(first_kept(0), 0);
        assert_eq!(first_kept(u64::MAX), i32::MAX);
    }
}
