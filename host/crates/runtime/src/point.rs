//! Instants at which a test can have the process killed, by name: `CHARTHOUSE_KILL_AT=committed:7` kills it the seventh time it gets there.
//!
//! Only in builds with debug assertions; in others nothing of this is left. A kill is a real SIGKILL of the own process: nothing is flushed and no destructor
//! runs, as when the power goes.

/// Where a process can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(debug_assertions), allow(dead_code))]
pub(crate) enum Point {
    /// Records are about to be written.
    Commit,
    /// They are on the disk, and nothing that they announce has begun.
    Committed,
    /// An effect begins.
    Begin,
    /// An effect has come back, and nothing of that is recorded.
    Back,
    /// A snapshot is about to be recorded.
    Snapshot,
    /// An event from another run has come, and is not recorded.
    Deliver,
    /// A run is being taken up again: it has read its records and written none.
    Resume,
    /// A run has ended, and that is not recorded.
    End,
    /// A released file lies beside its place, and is about to get there.
    Place,
}

#[cfg(debug_assertions)]
impl Point {
    fn name(self) -> &'static str {
        match self {
            Point::Commit => "commit",
            Point::Committed => "committed",
            Point::Begin => "begin",
            Point::Back => "back",
            Point::Snapshot => "snapshot",
            Point::Deliver => "deliver",
            Point::Resume => "resume",
            Point::End => "end",
            Point::Place => "place",
        }
    }
}

/// The process has got to `point`.
#[cfg(debug_assertions)]
pub(crate) fn reach(point: Point) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("CHARTHOUSE_KILL_AT").ok()?;
        let (name, count) = text.split_once(':')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    if let Some((name, count)) = wanted
        && name == point.name()
        && COUNT.fetch_add(1, Ordering::Relaxed) + 1 == *count
    {
        let own = rustix::process::getpid();
        // Nothing runs after it; where it fails, the test sees that the process lives.
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
        std::thread::park();
    }
}

/// Nothing, in a build for use.
#[cfg(not(debug_assertions))]
pub(crate) fn reach(_: Point) {}

/// How many records lie between two snapshots: `usual`, or as a test wants it with `CHARTHOUSE_SNAPSHOT_EVERY=3`.
#[cfg(debug_assertions)]
pub(crate) fn between_snapshots(usual: usize) -> usize {
    use std::sync::OnceLock;
    static WANTED: OnceLock<Option<usize>> = OnceLock::new();
    let wanted = || {
        std::env::var("CHARTHOUSE_SNAPSHOT_EVERY")
            .ok()?
            .parse()
            .ok()
    };
    WANTED.get_or_init(wanted).unwrap_or(usual)
}

/// As usual, in a build for use.
#[cfg(not(debug_assertions))]
pub(crate) fn between_snapshots(usual: usize) -> usize {
    usual
}
