//! The terminal: lines are edited on it, what is said meanwhile is printed above them, and it is given back as it was found.

use crate::print;
use rustix::process::getpgrp;
use rustix::termios::{
    OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetpgrp, tcsetattr,
};
use rustyline::config::Behavior;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{Config, Editor, ExternalPrinter};
use std::io::{ErrorKind, IsTerminal};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};

/// What came of a line.
pub enum Edited {
    /// It was typed.
    Line(String),
    /// Nobody will type any more.
    End,
    /// What was typed is no text.
    NoText,
    /// Nothing can be read, and why.
    Broken(String),
}

/// An editor of lines.
pub struct Terminal {
    editor: Editor<(), DefaultHistory>,
    printer: Sender<String>,
    modes: Modes,
}

impl Terminal {
    /// The terminal on standard input; `None` where there is none, or nobody would see what is asked.
    pub fn open() -> Option<Self> {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return None;
        }
        // Where the answers go to a file, the line that is typed must not.
        let behavior = match std::io::stdout().is_terminal() {
            true => Behavior::Stdio,
            false => Behavior::PreferTerm,
        };
        let modes = Modes::found()?;
        let config = Config::builder().behavior(behavior).build();
        let mut editor = Editor::with_config(config).ok()?;
        let printer = printing(editor.create_external_printer().ok());
        Some(Terminal {
            editor,
            printer,
            modes,
        })
    }

    /// Where to send what is to be printed while a line is edited.
    pub fn printer(&self) -> Sender<String> {
        self.printer.clone()
    }

    /// The modes in which the terminal was found.
    pub fn modes(&self) -> Modes {
        self.modes.clone()
    }

    /// The next line, after `prompt`.
    pub fn line(&mut self, prompt: &str) -> Edited {
        if !self.modes.set(Prompt::Open) {
            return Edited::End;
        }
        let typed = self.editor.readline(prompt);
        if !self.modes.set(Prompt::Closed) {
            return Edited::End;
        }
        match typed {
            Ok(line) => Edited::Line(line),
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => Edited::End,
            Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                // The rest of a line whose beginning is lost must not be taken for a message. Without an editor the whole line was read.
                if print::takes_controls() {
                    let _ = tcflush(std::io::stdin(), QueueSelector::IFlush);
                }
                Edited::NoText
            }
            Err(error) => Edited::Broken(format!("the terminal cannot be read: {error}")),
        }
    }

    /// Drop what was typed before anybody asked.
    pub fn forget_keys(&self) {
        let _ = tcflush(std::io::stdin(), QueueSelector::IFlush);
    }

    /// Let the arrow keys bring `line` back.
    pub fn remember(&mut self, line: &str) {
        // A history that does not take a line is no reason to stop.
        let _ = self.editor.add_history_entry(line);
    }
}

/// Prints on a thread of its own what comes while a line is edited: the editor takes it when it gets around to it, and nobody may have to wait for a person.
fn printing(mut printer: Option<impl ExternalPrinter + Send + 'static>) -> Sender<String> {
    let (sender, texts) = channel::<String>();
    std::thread::spawn(move || {
        for text in texts {
            let printed = match &mut printer {
                Some(printer) => printer.print(text.clone()).is_ok(),
                None => false,
            };
            if !printed {
                print::err_at_once(&text);
            }
        }
    });
    sender
}

/// The modes in which the terminal was found. A line is edited in others, and whoever edits it does not hear that the program ends.
#[derive(Clone)]
pub struct Modes {
    found: Termios,
    prompt: Arc<Mutex<Prompt>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Prompt {
    Closed,
    Open,
    /// The terminal has been given back.
    Never,
}

impl Modes {
    fn found() -> Option<Self> {
        Some(Modes {
            found: tcgetattr(std::io::stdin()).ok()?,
            prompt: Arc::new(Mutex::new(Prompt::Closed)),
        })
    }

    fn prompt(&self) -> MutexGuard<'_, Prompt> {
        self.prompt
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }

    /// Whether that may be: not once the terminal has been given back.
    fn set(&self, to: Prompt) -> bool {
        let mut prompt = self.prompt();
        if *prompt != Prompt::Never {
            *prompt = to;
        }
        *prompt == to
    }

    /// Give the terminal back.
    fn restore(&self) {
        print::take_terminal_back();
        let before = std::mem::replace(&mut *self.prompt(), Prompt::Never);
        // A terminal that has gone needs nothing any more, and in the background it is the shell's: whoever sets its modes from there is stopped.
        if tcgetpgrp(std::io::stdin()).ok() != Some(getpgrp()) {
            return;
        }
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.found);
        if before == Prompt::Open {
            // What is pasted is no longer marked, and the line that was being typed is left as it is.
            let marks = match print::takes_controls() {
                true => "\x1b[?2004l",
                false => "",
            };
            print::err_at_once(&format!("{marks}\n"));
        }
    }
}

/// Gives the terminal back, whichever way the conversation ends.
pub struct GiveBack(pub Option<Modes>);

impl GiveBack {
    /// Give it back now.
    pub fn now(&self) {
        if let Some(modes) = &self.0 {
            modes.restore();
        }
    }
}

impl Drop for GiveBack {
    fn drop(&mut self) {
        self.now();
    }
}
