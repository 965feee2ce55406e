//! Lines that a person types: edited on a terminal, read as they are from a pipe.

use crate::print;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use std::io::{BufRead, IsTerminal};

/// What `/help` says.
const HELP: &str = "\
Type a message and press Enter; end a line with \\ to go on in the next.
  /help   this
  /quit   end the conversation (so do Ctrl-D and Ctrl-C)
While the agent works, Ctrl-C stops what it does; twice in a row ends the conversation.
";

/// Longest message that is taken, in bytes: more than any model's window holds is a mistake.
const LONGEST: u64 = 16 << 20;

/// What was typed.
pub enum Typed {
    /// A message.
    Line(String),
    /// Nobody will type any more.
    End,
    /// Nothing can be read, and why.
    Broken(String),
}

/// Where lines come from.
pub enum Lines {
    /// A person at a terminal.
    Terminal(Box<DefaultEditor>, String),
    /// A pipe or a file.
    Pipe,
}

impl Lines {
    /// Read from standard input; on a terminal the prompt names `agent`.
    pub fn open(agent: &str) -> Self {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Lines::Pipe;
        }
        match DefaultEditor::new() {
            Ok(editor) => Lines::Terminal(Box::new(editor), agent.to_owned()),
            Err(_) => Lines::Pipe,
        }
    }

    /// The next message, asked for under a line that says `status`.
    pub fn next(&mut self, status: &str) -> Typed {
        loop {
            let typed = match self {
                Lines::Terminal(editor, agent) => {
                    if !status.is_empty() {
                        print::err(&format!("{status}\n"));
                    }
                    edited(editor, agent)
                }
                Lines::Pipe => piped(),
            };
            match typed {
                Typed::Line(line) if line.trim().is_empty() => {}
                Typed::Line(line) if line.trim() == "/help" => print::err(HELP),
                Typed::Line(line) if matches!(line.trim(), "/quit" | "/exit") => return Typed::End,
                Typed::Line(line)
                    if line.starts_with('/') && !line.contains(char::is_whitespace) =>
                {
                    print::err(&format!(
                        "there is no `{}`; /help lists what there is\n",
                        line.trim()
                    ));
                }
                typed => return typed,
            }
        }
    }
}

fn edited(editor: &mut DefaultEditor, agent: &str) -> Typed {
    let mut whole = String::new();
    loop {
        let prompt = match whole.is_empty() {
            true => format!("{agent}> "),
            false => "… ".to_owned(),
        };
        match editor.readline(&prompt) {
            Ok(line) => match line.strip_suffix('\\') {
                Some(line) => {
                    whole.push_str(line);
                    whole.push('\n');
                }
                None => {
                    whole.push_str(&line);
                    let _ = editor.add_history_entry(&whole);
                    return Typed::Line(whole);
                }
            },
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Typed::End,
            Err(error) => return Typed::Broken(format!("the terminal cannot be read: {error}")),
        }
    }
}

fn piped() -> Typed {
    use std::io::Read;
    let mut bytes = Vec::new();
    let mut input = std::io::stdin().lock().take(LONGEST);
    match input.read_until(b'\n', &mut bytes) {
        Ok(0) => Typed::End,
        Ok(_) => {
            let text = String::from_utf8_lossy(&bytes);
            Typed::Line(text.trim_end_matches(['\n', '\r']).to_owned())
        }
        Err(error) => Typed::Broken(format!("standard input cannot be read: {error}")),
    }
}
