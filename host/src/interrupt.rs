//! Signals by which a person or the system stops the program.

use crate::exit::{Failure, USAGE};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// The system asks the program to end.
    Terminate,
}

/// Listens from the moment it is made, not from when it is first waited for: a signal on the way there would kill the program, and the record would not say
/// that it was stopped.
pub struct Interrupts {
    interrupt: Stream,
    terminate: Stream,
}

impl Interrupts {
    /// Begin to listen.
    pub fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(USAGE, format!("signals cannot be listened to: {error}"))
            })
        };
        Ok(Interrupts {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// The next signal.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}
