//! Exit codes, and the one place where an error is printed with what to do about it.

use crate::print;
use journal::JournalError;
use memory::MemoryError;
use runtime::host::{Refused, RefusedCode};
use runtime::{CauseKind, RunEnd, RuntimeError, Status};
use std::fmt::Display;

/// The thing asked about is not so.
pub const NOT_SO: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// Definitions are invalid.
pub const DEFINITIONS: u8 = 3;
/// Denied by policy.
pub const DENIED: u8 = 4;
/// The provider failed.
pub const PROVIDER: u8 = 5;
/// The store failed.
pub const STORE: u8 = 6;

/// What the way in which a run ended comes to.
pub fn exit_code(end: &RunEnd) -> u8 {
    match (end.status, &end.cause) {
        (Status::Done, _) => 0,
        (Status::Waiting, None) => 0,
        (_, Some(cause)) if cause.kind == CauseKind::Provider => PROVIDER,
        (_, Some(cause)) if cause.kind == CauseKind::Denied => DENIED,
        _ => NOT_SO,
    }
}

/// Why the program ends with a code other than 0.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// Whether the file of the journal is not as it was written, and that is why.
    pub of_the_journal: bool,
    message: String,
    help: Option<String>,
}

impl Failure {
    /// A failure with its code.
    pub fn new(code: u8, message: impl Display) -> Self {
        Failure {
            code,
            of_the_journal: false,
            message: message.to_string(),
            help: None,
        }
    }

    /// A report that is complete as it stands, such as that of invalid definitions.
    pub fn report(code: u8, text: String) -> Self {
        Failure {
            help: Some(String::new()),
            ..Failure::new(code, text)
        }
    }

    /// What went wrong, without what to do about it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same, with what to do next.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Tell the person.
    pub fn print(&self) {
        match self.help.as_deref() {
            Some("") => print::err(&self.message),
            Some(help) => print::err(&format!("error: {}\nhelp: {help}\n", self.message)),
            None => print::err(&format!("error: {}\n", self.message)),
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        let code = match &error {
            RuntimeError::UnknownAgent { .. }
            | RuntimeError::UnknownState { .. }
            | RuntimeError::OtherAgent { .. }
            | RuntimeError::OutsideOfRun { .. } => USAGE,
            RuntimeError::Incomplete { .. } => DEFINITIONS,
            RuntimeError::Plugin(_)
            | RuntimeError::Swap(_)
            | RuntimeError::Chart(_)
            | RuntimeError::Context(_) => NOT_SO,
            RuntimeError::Refused(refused) => return (**refused).clone().into(),
            RuntimeError::NotReleased(refused) => {
                let help = refused.help();
                return Failure::new(DENIED, refused).help(help);
            }
            RuntimeError::Place(_) => STORE,
            RuntimeError::NoSuchRun { .. } | RuntimeError::Compacted { .. } => NOT_SO,
            RuntimeError::Journal(error) => of_journal(error),
            RuntimeError::Damaged { .. } => STORE,
        };
        let of_the_journal = match &error {
            RuntimeError::Journal(error) => error.is_of_the_file(),
            error => matches!(error, RuntimeError::Damaged { .. }),
        };
        Failure {
            of_the_journal,
            ..Failure::new(code, error)
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Failure {
            of_the_journal: error.is_of_the_file(),
            ..Failure::new(of_journal(&error), error)
        }
    }
}

impl From<audit::AuditError> for Failure {
    fn from(error: audit::AuditError) -> Self {
        use audit::AuditError as Error;
        let code = match &error {
            Error::Journal(error) => of_journal(error),
            Error::There(_) | Error::NoAnchor { .. } => USAGE,
            Error::Nothing
            | Error::NoChange(_)
            | Error::Anchor(_)
            | Error::KeyIsThere
            | Error::Broken { .. }
            | Error::Gone { .. } => NOT_SO,
            Error::Key(_) | Error::File { .. } => STORE,
        };
        let help = error.help();
        let failure = Failure::new(code, error);
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

fn of_journal(error: &JournalError) -> u8 {
    match error {
        JournalError::NoSuchRun { .. } | JournalError::HouseTaken { .. } => NOT_SO,
        JournalError::AmbiguousRun { .. } => USAGE,
        _ => STORE,
    }
}

impl From<MemoryError> for Failure {
    fn from(error: MemoryError) -> Self {
        let code = match error {
            MemoryError::Journal(error) => return error.into(),
            MemoryError::NoSuchMemory { .. } | MemoryError::NotItsOwn { .. } => NOT_SO,
            MemoryError::BadRecord { .. } => STORE,
            MemoryError::Empty
            | MemoryError::TooLong
            | MemoryError::BadWeight { .. }
            | MemoryError::Nameless => USAGE,
        };
        Failure::new(code, error)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let code = match refused.code {
            RefusedCode::BadCommand | RefusedCode::NoSuchAgent | RefusedCode::NoSuchChart => USAGE,
            RefusedCode::Denied => DENIED,
            RefusedCode::Definitions => DEFINITIONS,
            RefusedCode::Provider => PROVIDER,
            RefusedCode::Store => STORE,
            RefusedCode::NoSuchRun
            | RefusedCode::NoSuchInstance
            | RefusedCode::NoSuchRole
            | RefusedCode::NotNow
            | RefusedCode::Taken
            | RefusedCode::Limit
            | RefusedCode::Ending
            | RefusedCode::Other => NOT_SO,
        };
        let failure = Failure::new(code, refused.message);
        match refused.help.is_empty() {
            true => failure,
            false => failure.help(refused.help),
        }
    }
}

impl From<sandbox::SandboxError> for Failure {
    fn from(error: sandbox::SandboxError) -> Self {
        Failure::new(NOT_SO, error)
    }
}
