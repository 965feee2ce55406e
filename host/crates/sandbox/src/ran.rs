//! What one run of a guest came to, whatever the guest was asked: an answer for the caller beside an outcome for the journal.

use crate::files::Settled;
use std::time::Duration;
use types::{CallError, Outcome, Refusal};

/// What ran, before it is put into words for its caller.
pub(crate) struct Ran<R> {
    pub(crate) result: Result<R, CallError>,
    pub(crate) refused: Vec<Refusal>,
    pub(crate) log: Vec<String>,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) fuel: u64,
    pub(crate) memory: u64,
    /// Bytes that it sent over the network itself, and bytes that came.
    pub(crate) network: (u64, u64),
    /// What it changed in staged mounts, until it is known how the call ended.
    pub(crate) settled: Settled,
}

impl<R> Ran<R> {
    /// What `read` makes of the answer, and beside it the outcome as it is journalled, which holds nothing of the answer.
    pub(crate) fn read<T>(
        self,
        read: impl FnOnce(R) -> Result<T, CallError>,
    ) -> (Result<T, CallError>, Outcome) {
        let mut answer = self.result.and_then(read);
        let staged = match &answer {
            Ok(_) => {
                let (staged, committed) = self.settled.commit();
                if let Err(error) = committed {
                    answer = Err(error);
                }
                staged
            }
            Err(_) => self.settled.drop_all("the call did not succeed"),
        };
        let outcome = Outcome {
            result: match &answer {
                Ok(_) => Ok(Vec::new()),
                Err(error) => Err(error.clone()),
            },
            refused: self.refused,
            staged,
            log: self.log,
            wall_us: self.wall.as_micros() as u64,
            cpu_us: self.cpu.as_micros() as u64,
            fuel: self.fuel,
            memory: self.memory,
            sent: self.network.0,
            received: self.network.1,
        };
        (answer, outcome)
    }
}
