//! The conversation: a screen, a prompt, a line, over and over. It works on anything that reads and writes lines, terminals among them. Nothing that
//! is typed ends it but `quit` and the end of the input.

use super::command::{self, Command, HELP};
use super::story::Story;
use super::{record, screen};
use crate::print::{BOLD, Paint, RED, plain};
use definitions::ChartBundle;
use std::io::{BufRead, Result, Write};
use std::path::Path;
use types::Value;

/// Talk about `bundle`, whose file is `path`, until the input ends.
pub fn talk(
    bundle: &ChartBundle,
    path: &Path,
    paint: Paint,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> Result<()> {
    let mut session = Session {
        bundle,
        path,
        paint,
        story: Story::new(&bundle.chart),
    };
    write!(output, "{}", session.screen())?;
    writeln!(output, "Type a number, an event or `help`.")?;
    loop {
        write!(output, "{} ", paint.with(BOLD, ">"))?;
        output.flush()?;
        let mut line = Vec::new();
        if input.read_until(b'\n', &mut line)? == 0 {
            writeln!(output)?;
            return Ok(());
        }
        // What is no UTF-8 is no command either, and is shown for what it is.
        let line = String::from_utf8_lossy(&line);
        let command = command::parse(&plain(&line));
        if command == Ok(Command::Quit) {
            return Ok(());
        }
        match command.and_then(|command| session.obey(command)) {
            Ok(answer) => write!(output, "{answer}")?,
            Err(why) => writeln!(output, "{} {}", paint.with(RED, "?"), plain(&why))?,
        }
    }
}

struct Session<'s> {
    bundle: &'s ChartBundle,
    path: &'s Path,
    paint: Paint,
    story: Story,
}

impl Session<'_> {
    fn screen(&self) -> String {
        screen::render(self.bundle, &self.story, self.paint)
    }

    /// Do what was asked; the answer is what to show, the error what to tell.
    fn obey(&mut self, command: Command) -> std::result::Result<String, String> {
        match command {
            Command::Number(number, data) => {
                let event = self.numbered(number)?;
                self.event(&event, data)
            }
            Command::Event { name, data, sure } => {
                if !sure && !self.bundle.chart.hears(&name) {
                    return Err(self.unknown(&name));
                }
                self.event(&name, data)
            }
            Command::Wait(time) => self.pass(time),
            Command::Next => {
                let due = self.story.snapshot().and_then(chart::Snapshot::next_due);
                let due = due.ok_or("no timer is running")?;
                self.pass((due - self.story.now()).max(0))
            }
            Command::Back if self.story.back() => Ok(self.screen()),
            Command::Back => Err("this is the start; there is nothing to take back".into()),
            Command::Restart => {
                self.story = Story::new(&self.bundle.chart);
                Ok(self.screen())
            }
            Command::Look => Ok(self.screen()),
            Command::Save { file, over } => {
                let text = record::scenario(self.path, &file, &self.story.steps);
                self.keep(&file, over, &text)?;
                let file = file.display();
                Ok(format!(
                    "written to {file}; play it with `charthouse chart test {file}`\n"
                ))
            }
            Command::Events { file, over } => {
                let (text, left) = record::events(&self.story.steps);
                self.keep(&file, over, &text)?;
                let left = match left {
                    0 => String::new(),
                    left => format!(
                        "; the last {}, which no event follows, are not in it",
                        screen::time(left)
                    ),
                };
                Ok(format!("written to {}{left}\n", file.display()))
            }
            Command::Help => Ok(HELP.to_owned()),
            Command::Quit => Ok(String::new()),
        }
    }

    fn event(&mut self, name: &str, data: Value) -> std::result::Result<String, String> {
        self.can_go_on()?;
        self.story.happen(None, Some((name, data)));
        Ok(self.screen())
    }

    fn pass(&mut self, time: i64) -> std::result::Result<String, String> {
        self.can_go_on()?;
        self.story.happen(Some(time), None);
        Ok(self.screen())
    }

    fn can_go_on(&self) -> std::result::Result<(), String> {
        match self.story.snapshot() {
            None => Err("the chart cannot go on; `back` takes the last step back".into()),
            Some(snapshot) if snapshot.is_done() => Err(
                "the chart has ended; `back` takes the last step back, `restart` begins anew"
                    .into(),
            ),
            Some(_) => Ok(()),
        }
    }

    fn numbered(&self, number: usize) -> std::result::Result<String, String> {
        self.can_go_on()?;
        let events = screen::numbered(&self.bundle.chart, &self.story);
        let found = number.checked_sub(1).and_then(|index| events.get(index));
        found
            .map(|event| (*event).to_owned())
            .ok_or_else(|| match events.len() {
                0 => "no event has a number here; type the name of one, or `help`".into(),
                1 => "the list has one event only, number 1".into(),
                n => format!("the list has the numbers 1 to {n}"),
            })
    }

    fn unknown(&self, name: &str) -> String {
        let help = self.bundle.chart.suggest_event(name);
        let help = help.unwrap_or_else(|| "type `help` to see what there is".into());
        format!(
            "nothing in the chart listens to `{name}`: {help} (`event {name}` sends it all the same)"
        )
    }

    fn keep(&self, file: &Path, over: bool, text: &str) -> std::result::Result<(), String> {
        record::write(file, over, text).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => format!(
                "{} exists; write to another file, or over it with `!` after the command",
                file.display()
            ),
            _ => format!("cannot write {}: {error}", file.display()),
        })
    }
}
