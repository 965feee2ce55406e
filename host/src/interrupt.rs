//! Signals by which a person or the system stops the program.

use crate::exit::{Failure, USAGE};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// The system asks the program to end, or its terminal has gone.
    Terminate,
}

/// Listens from the moment it is made, not from when it is first waited for: a signal on the way there would kill the program, and the record would not say
/// that it was stopped.
pub struct Interrupts {
    interrupt: Stream,
    terminate: Stream,
    hangup: Option<Stream>,
}

impl Interrupts {
    /// Begin to listen.
    pub fn listen() -> Result<Self, Failure> {
        Ok(Interrupts {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: None,
        })
    }

    /// Begin to listen for the terminal's going away as well. Only for those who sit at it: a program under `nohup` is to outlive it.
    pub fn listen_at_terminal() -> Result<Self, Failure> {
        Ok(Interrupts {
            hangup: Some(listen(SignalKind::hangup())?),
            ..Interrupts::listen()?
        })
    }

    /// The next signal.
    pub async fn next(&mut self) -> Signal {
        let hung_up = async {
            match &mut self.hangup {
                Some(hangup) => {
                    hangup.recv().await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            () = hung_up => Signal::Terminate,
        }
    }
}

/// A file that may not grow any more is a refused write, which is told like a full disk, and not the end of the program. Before anything is written.
pub fn outlive_full_files() {
    // SAFETY: nothing runs when the signal comes, and no other thread is there yet that could set it otherwise.
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code)]
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

fn listen(kind: SignalKind) -> Result<Stream, Failure> {
    signal(kind).map_err(|error| {
        let text = format!("signals cannot be listened to: {error}");
        Failure::new(USAGE, text)
    })
}
