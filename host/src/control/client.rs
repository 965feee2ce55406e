//! The client's end of the control socket: blocking, because a verb does nothing else meanwhile.

use super::place;
use crate::exit::{Failure, NOT_SO, STORE, USAGE};
use runtime::host::{Command, Refused, Watch};
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// A connection to the daemon that serves a house.
pub struct Client {
    stream: BufReader<UnixStream>,
    path: PathBuf,
}

impl Client {
    /// Connect to whoever serves the house in `directory`; `None` where nobody does.
    ///
    /// # Errors
    /// When there is a socket that this user may not use, or that another user has put there.
    pub fn connect(directory: &Path) -> Result<Option<Self>, Failure> {
        let root = place::root(directory).map_err(|error| {
            Failure::new(
                USAGE,
                format!("there is no house {}: {error}", directory.display()),
            )
            .help("name a house with --house DIR, or make one: charthouse init DIR")
        })?;
        let path = place::find(&root);
        let stream = match UnixStream::connect(&path) {
            Ok(stream) => stream,
            // What a killed daemon left behind, or nothing at all.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::InvalidInput
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(unusable(&path, &error)),
        };
        check_owner(&path).map_err(|error| unusable(&path, &error))?;
        Ok(Some(Client {
            stream: BufReader::new(stream),
            path,
        }))
    }

    /// Ask something and wait for the answer.
    ///
    /// # Errors
    /// The outer one when the daemon went away before it answered, the inner one when it refuses.
    pub fn ask(&mut self, command: &Command) -> Result<Result<Value, Refused>, Failure> {
        let line = serde_json::to_value(command);
        self.send(&line.map_err(|error| self.gone(&error))?)?;
        loop {
            let mut answer = self.line()?.ok_or_else(|| self.gone(&"it hung up"))?;
            if let Some(refused) = answer.get_mut("error") {
                let refused = serde_json::from_value(refused.take());
                return refused.map(Err).map_err(|error| self.gone(&error));
            }
            if let Some(ok) = answer.get_mut("ok") {
                return Ok(Ok(ok.take()));
            }
        }
    }

    /// Watch what happens: each line goes to `see` until the daemon goes, or `see` has enough.
    ///
    /// # Errors
    /// As [`Client::ask`]; that the daemon ends is none.
    pub fn watch(
        &mut self,
        watch: &Watch,
        mut see: impl FnMut(Value) -> Result<bool, Failure>,
    ) -> Result<Result<(), Refused>, Failure> {
        let mut line = json!({ "do": "watch", "text": watch.text });
        if let Some(run) = &watch.run {
            line["run"] = Value::String(run.as_ref().into());
        }
        self.send(&line)?;
        while let Some(mut line) = self.line()? {
            if let Some(refused) = line.get_mut("error") {
                let refused = serde_json::from_value(refused.take());
                return refused.map(Err).map_err(|error| self.gone(&error));
            }
            if line.get("event").is_some() && !see(line)? {
                break;
            }
        }
        Ok(Ok(()))
    }

    fn send(&mut self, line: &Value) -> Result<(), Failure> {
        let text = format!("{line}\n");
        let written = self.stream.get_mut().write_all(text.as_bytes());
        // It may have said why before it hung up; that is read next.
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(self.gone(&error)),
            _ => Ok(()),
        }
    }

    /// The next line; `None` at the end.
    fn line(&mut self) -> Result<Option<Value>, Failure> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => Ok(None),
            Ok(_) => serde_json::from_str(&line)
                .map(Some)
                .map_err(|error| self.gone(&error)),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(None),
            Err(error) => Err(self.gone(&error)),
        }
    }

    fn gone(&self, why: &dyn std::fmt::Display) -> Failure {
        let text = format!(
            "the daemon at {} has not answered: {why}",
            self.path.display()
        );
        Failure::new(NOT_SO, text).help(
            "what it had recorded is not lost: see what it says, start it again (charthouse serve), and look with `charthouse agents list` or `charthouse workflow list`",
        )
    }
}

/// Somebody else's program may lie in wait where the socket was.
fn check_owner(path: &Path) -> io::Result<()> {
    let uid = std::fs::symlink_metadata(path)?.uid();
    match place::may_talk(uid) {
        true => Ok(()),
        false => Err(io::Error::other(format!("it belongs to the user {uid}"))),
    }
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    let text = format!(
        "the control socket {} cannot be used: {error}",
        path.display()
    );
    Failure::new(STORE, text)
        .help("only the user who serves the house and root may use it; `charthouse doctor` says who that is")
}
