//! How much of the network one call uses: requests, open answers, bytes either way.

use super::Notes;
use policy::Limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use types::Bytes;

/// Most answers that a call may have open at once. Each holds a connection and what has arrived of it and was not read.
const MOST_OPEN: u32 = 16;

/// What a call may still use; clones count together.
#[derive(Clone)]
pub(crate) struct Meter(Arc<Counts>);

struct Counts {
    requests: AtomicU32,
    open: AtomicU32,
    sent: AtomicU64,
    received: AtomicU64,
    most_requests: u32,
    most_sent: u64,
    most_received: u64,
    notes: Notes,
}

impl Meter {
    pub(crate) fn new(limits: &Limits, notes: Notes) -> Self {
        Meter(Arc::new(Counts {
            requests: AtomicU32::new(0),
            open: AtomicU32::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            most_requests: limits.requests,
            most_sent: limits.sent.0,
            most_received: limits.received.0,
            notes,
        }))
    }

    pub(crate) fn notes(&self) -> &Notes {
        &self.0.notes
    }

    /// How many bytes were sent and how many came.
    pub(crate) fn used(&self) -> (u64, u64) {
        (self.0.sent.load(Relaxed), self.0.received.load(Relaxed))
    }

    /// Begin a request, or say why there may be no more.
    pub(crate) fn begin(&self) -> Result<Open, String> {
        let counts = &self.0;
        if counts.requests.fetch_add(1, Relaxed) >= counts.most_requests {
            return Err(format!(
                "the call has made all of its {} requests; ask for less, or raise `limits: {{ requests: … }}`",
                counts.most_requests
            ));
        }
        if counts.open.fetch_add(1, Relaxed) >= MOST_OPEN {
            counts.open.fetch_sub(1, Relaxed);
            return Err(format!(
                "the call has {MOST_OPEN} answers open at once; read one to its end, or drop it, before asking again"
            ));
        }
        Ok(Open(self.clone()))
    }

    /// Count `bytes` that are sent, or say that they may not be.
    pub(crate) fn sent(&self, bytes: usize) -> Result<(), String> {
        let most = self.0.most_sent;
        match count(&self.0.sent, bytes, most) {
            true => Ok(()),
            false => Err(format!(
                "the call has sent more than its limit of {}; send less, or raise `limits: {{ sent: … }}`",
                Bytes(most)
            )),
        }
    }

    /// Count `bytes` that have come, or say that they may not be passed on.
    pub(crate) fn received(&self, bytes: usize) -> Result<(), String> {
        let most = self.0.most_received;
        match count(&self.0.received, bytes, most) {
            true => Ok(()),
            false => Err(format!(
                "the call has received more than its limit of {}; ask for less, or raise `limits: {{ received: … }}`",
                Bytes(most)
            )),
        }
    }
}

/// Whether `bytes` more are within `most`; what is refused is not counted.
fn count(counter: &AtomicU64, bytes: usize, most: u64) -> bool {
    let more = |used: u64| used.checked_add(bytes as u64).filter(|used| *used <= most);
    counter.fetch_update(Relaxed, Relaxed, more).is_ok()
}

/// One request that is under way, until it is dropped.
pub(crate) struct Open(Meter);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(requests: u32, bytes: u64) -> Meter {
        let limits = Limits {
            requests,
            sent: Bytes(bytes),
            received: Bytes(bytes),
            ..Limits::default()
        };
        Meter::new(&limits, Notes::default())
    }

    #[test]
    fn each_limit_is_hit_and_names_itself() {
        let limited = meter(2, 10);
        let first = limited.begin().ok();
        assert!(first.is_some() && limited.begin().is_ok());
        assert!(limited.begin().err().unwrap().contains("2 requests"));
        assert!(limited.sent(10).is_ok());
        assert!(limited.sent(1).unwrap_err().contains("`limits: { sent"));
        assert!(limited.received(4).is_ok() && limited.received(6).is_ok());
        assert!(limited.received(1).unwrap_err().contains("received"));
        assert_eq!(limited.used(), (10, 10), "what was refused is not booked");
    }

    #[test]
    fn an_answer_that_is_dropped_makes_room() {
        let limited = meter(1_000, 0);
        let mut open: Vec<Open> = (0..MOST_OPEN)
            .filter_map(|_| limited.begin().ok())
            .collect();
        assert_eq!(open.len(), MOST_OPEN as usize);
        assert!(limited.begin().err().unwrap().contains("open at once"));
        open.pop();
        assert!(limited.begin().is_ok());
    }
}
