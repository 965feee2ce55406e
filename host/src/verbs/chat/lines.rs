//! Lines that a person types: edited on a terminal, read as they are from a pipe.

use crate::print;
use crate::terminal::{Edited, Modes, Terminal};
use std::io::BufRead;
use std::sync::mpsc::Sender;

/// What `/help` says.
const HELP: &str = "\
Type a message and press Enter; end a line with \\ to go on in the next.
  /help   this
  /quit   end the conversation (so do Ctrl-D and Ctrl-C)
A message that begins with a slash and is no command: put a space before it.
While the agent works, Ctrl-C stops what it does; twice in a row ends the conversation.
";

/// Longest message that is taken, in bytes: more than any model's window holds is a mistake.
const LONGEST: u64 = 16 << 20;

/// What was typed.
pub enum Typed {
    /// A message.
    Line(String),
    /// Nothing, while somebody waits for the terminal.
    Nothing,
    /// Nobody will type any more.
    End,
    /// Nothing can be read, and why.
    Broken(String),
}

/// Where lines come from.
pub enum Lines {
    /// A person at a terminal.
    Terminal(Box<Terminal>, String),
    /// A pipe or a file.
    Pipe,
}

impl Lines {
    /// Read from standard input; on a terminal the prompt names `agent`.
    pub fn open(agent: &str) -> Self {
        match Terminal::open() {
            Some(terminal) => Lines::Terminal(Box::new(terminal), agent.to_owned()),
            None => Lines::Pipe,
        }
    }

    /// Who prints while a line is edited.
    pub fn printer(&self) -> Option<Sender<String>> {
        match self {
            Lines::Terminal(terminal, _) => Some(terminal.printer()),
            Lines::Pipe => None,
        }
    }

    /// A line is going to be edited: what is to be printed stands above it.
    pub fn lend(&self) {
        if let Some(printer) = self.printer() {
            print::lend_terminal(printer);
        }
    }

    /// The modes in which the terminal was found, if there is one.
    pub fn modes(&self) -> Option<Modes> {
        match self {
            Lines::Terminal(terminal, _) => Some(terminal.modes()),
            Lines::Pipe => None,
        }
    }

    /// The terminal, if there is one.
    pub fn terminal(&mut self) -> Option<&mut Terminal> {
        match self {
            Lines::Terminal(terminal, _) => Some(terminal),
            Lines::Pipe => None,
        }
    }

    /// The next message, asked for under a line that says `status`. An empty line is none, but lets whoever is `waiting` have the terminal.
    pub fn next(&mut self, status: &str, waiting: impl Fn() -> bool) -> Typed {
        if matches!(self, Lines::Terminal(..)) && !status.is_empty() {
            print::err_at_once(&format!("{status}\n"));
        }
        loop {
            let typed = match self {
                Lines::Terminal(terminal, agent) => edited(terminal, agent),
                Lines::Pipe => piped(&mut std::io::stdin().lock(), LONGEST),
            };
            let line = match typed {
                Typed::Line(line) if line.trim().is_empty() && waiting() => return Typed::Nothing,
                Typed::Line(line) if line.trim().is_empty() => continue,
                Typed::Line(line) => line,
                typed => return typed,
            };
            match command(&line) {
                None => return Typed::Line(line),
                Some(("/help", "")) => print::err_at_once(HELP),
                Some(("/quit" | "/exit", "")) => return Typed::End,
                Some((known @ ("/help" | "/quit" | "/exit"), _)) => {
                    print::err_at_once(&format!(
                        "`{known}` stands alone on its line; put a space before it to send the line as a message\n"
                    ));
                }
                Some((unknown, _)) => {
                    print::err_at_once(&format!(
                        "there is no `{}`; /help lists what there is; put a space before it to send the line as a message\n",
                        print::plain(unknown)
                    ));
                }
            }
        }
    }
}

/// The command of a line and what follows it. A path is none.
fn command(line: &str) -> Option<(&str, &str)> {
    let name = line.strip_prefix('/')?;
    let end = name.find(char::is_whitespace).unwrap_or(name.len());
    let is_command = name[..end]
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '?'));
    is_command.then(|| (&line[..=end], line[end + 1..].trim()))
}

fn edited(terminal: &mut Terminal, agent: &str) -> Typed {
    let mut whole = String::new();
    loop {
        let prompt = match whole.is_empty() {
            true => format!("{agent}> "),
            false => "… ".to_owned(),
        };
        match terminal.line(&prompt) {
            Edited::Line(line) => match line.strip_suffix('\\') {
                Some(line) => {
                    whole.push_str(line);
                    whole.push('\n');
                }
                None => {
                    whole.push_str(&line);
                    terminal.remember(&whole);
                    return Typed::Line(whole);
                }
            },
            Edited::NoText => {
                print::err_at_once(
                    "what was typed is not UTF-8, so it was not sent; type it again\n",
                );
                whole.clear();
            }
            Edited::End => return Typed::End,
            Edited::Broken(why) => return Typed::Broken(why),
        }
    }
}

/// The next line of `input` that is no longer than `longest` bytes. A longer one is refused as a whole: its parts are not what somebody wanted to say.
fn piped(input: &mut impl BufRead, longest: u64) -> Typed {
    loop {
        let mut bytes = Vec::new();
        // One more for the line's end.
        let read = std::io::Read::take(&mut *input, longest + 1).read_until(b'\n', &mut bytes);
        let over = match read {
            Ok(0) => return Typed::End,
            Ok(read) => read as u64 > longest && !bytes.ends_with(b"\n"),
            Err(error) => return unreadable(&error),
        };
        if !over {
            let text = String::from_utf8_lossy(&bytes);
            return Typed::Line(text.trim_end_matches(['\n', '\r']).to_owned());
        }
        drop(bytes);
        if let Err(error) = input.skip_until(b'\n') {
            return unreadable(&error);
        }
        print::err_at_once(&format!(
            "a line of more than {longest} bytes was not sent; put it into a file that the agent can read\n"
        ));
    }
}

fn unreadable(error: &std::io::Error) -> Typed {
    Typed::Broken(format!("standard input cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_words_and_paths_are_not() {
        assert_eq!(command("/quit"), Some(("/quit", "")));
        assert_eq!(command("/quit now "), Some(("/quit", "now")));
        assert_eq!(command("/\t"), Some(("/", "")));
        assert_eq!(command("/schließen\u{2003}ß"), Some(("/schließen", "ß")));
        for message in [
            "",
            " /quit",
            "quit",
            "/etc/passwd",
            "/etc/passwd: what is it?",
            "/a.txt",
        ] {
            assert_eq!(command(message), None, "{message}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_no_message_and_the_next_one_is() {
        let mut input: &[u8] = b"12345\n123456\nabc";
        assert!(matches!(piped(&mut input, 5), Typed::Line(line) if line == "12345"));
        assert!(matches!(piped(&mut input, 5), Typed::Line(line) if line == "abc"));
        assert!(matches!(piped(&mut input, 5), Typed::End));
        let mut input: &[u8] = b"1234567890";
        assert!(matches!(piped(&mut input, 5), Typed::End));
    }
}
