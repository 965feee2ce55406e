//! Sees to it that an input that never comes to an end is a finding too.

use crate::kept;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What the watch is told.
pub struct Told {
    began: Instant,
    /// When the input that runs now began, in milliseconds from `began` and one more; 0 while none runs.
    since: Arc<AtomicU64>,
}

impl Told {
    /// An input begins.
    pub fn begin(&self) {
        let since = self.began.elapsed().as_millis() as u64 + 1;
        self.since.store(since, Ordering::Relaxed);
    }

    /// It has ended.
    pub fn end(&self) {
        self.since.store(0, Ordering::Relaxed);
    }
}

/// Watch that no input takes longer than `patience`; one that does ends the process and is kept.
pub fn start(name: String, now: PathBuf, patience: Duration) -> Told {
    let told = Told {
        began: Instant::now(),
        since: Arc::default(),
    };
    let (began, since) = (told.began, told.since.clone());
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_millis(200));
            let since = since.load(Ordering::Relaxed);
            let taken = began.elapsed().as_millis() as u64 + 1;
            if since > 0 && u128::from(taken.saturating_sub(since)) > patience.as_millis() {
                kept(&name, &now, &format!("it took longer than {patience:?}"));
                std::process::exit(1);
            }
        }
    });
    told
}
