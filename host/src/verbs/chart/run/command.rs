//! What a person types in a session, read.

use std::path::PathBuf;
use types::{Value, parse_duration};

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// The event with this number in the list.
    Number(usize, Value),
    /// An event by its name; one that the chart does not know only where `sure`.
    Event {
        name: String,
        data: Value,
        sure: bool,
    },
    /// Let milliseconds pass.
    Wait(i64),
    /// Let the next timer fire.
    Next,
    /// Take the last step back.
    Back,
    /// Begin anew.
    Restart,
    /// Look again.
    Look,
    /// Write the session as a scenario file, over an existing one only where `over`.
    Save { file: PathBuf, over: bool },
    /// Write the events of the session as JSON lines.
    Events { file: PathBuf, over: bool },
    /// Say what can be typed.
    Help,
    /// End.
    Quit,
}

/// What can be typed.
pub const HELP: &str = "  3                      the event with this number in the list
  3 {\"changed\":true}     the same, with data (JSON)
  turn.done {…}          an event by its name
  event NAME {…}         any event, even one that is called like a word below
  +10m                   let time pass; timers fire on the way
  next                   let time pass until the next timer fires
  back                   take the last step back
  restart                begin anew
  look, or nothing       see where the chart is
  save FILE              write a scenario file of this session, for `charthouse chart test`
  events FILE            write its events as JSON lines, for `charthouse chart run --events FILE`
                         (`save! FILE` and `events! FILE` write over a file that exists)
  quit, or Ctrl-D        end
";

/// Read a line. The error says what was wrong with it.
pub fn parse(line: &str) -> Result<Command, String> {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    if let Some(time) = word.strip_prefix('+') {
        let span = parse_duration(line.strip_prefix('+').unwrap_or(time))
            .map_err(|error| format!("{error}; {}", error.help))?;
        return Ok(Command::Wait(
            i64::try_from(span.as_millis()).unwrap_or(i64::MAX),
        ));
    }
    if let Ok(number) = word.parse() {
        return Ok(Command::Number(number, json(rest)?));
    }
    let alone = |command: Command| match rest {
        "" => Ok(command),
        _ => Err(format!(
            "`{word}` takes nothing after it; an event of that name is `event {word} {rest}`"
        )),
    };
    match word {
        "" | "look" => alone(Command::Look),
        "next" => alone(Command::Next),
        "back" | "undo" => alone(Command::Back),
        "restart" => alone(Command::Restart),
        "help" | "?" => alone(Command::Help),
        "quit" | "exit" => alone(Command::Quit),
        "save" | "save!" => file(word, rest).map(|(file, over)| Command::Save { file, over }),
        "events" | "events!" => file(word, rest).map(|(file, over)| Command::Events { file, over }),
        "event" => {
            let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            if name.is_empty() {
                return Err("`event` needs a name, for instance `event turn.done`".into());
            }
            event(name, rest.trim(), true)
        }
        name => event(name, rest, false),
    }
}

fn event(name: &str, data: &str, sure: bool) -> Result<Command, String> {
    if name.starts_with(['{', '[', '"', '\'']) {
        return Err(format!(
            "`{name}` is no event: the event comes first, then its data, as in `turn.done {{\"changed\":true}}`"
        ));
    }
    Ok(Command::Event {
        name: name.to_owned(),
        data: json(data)?,
        sure,
    })
}

fn file(word: &str, rest: &str) -> Result<(PathBuf, bool), String> {
    match rest {
        "" => Err(format!("`{word}` needs the name of a file")),
        file => Ok((file.into(), word.ends_with('!'))),
    }
}

fn json(text: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|error| {
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        format!(
            "the data is not JSON: {what} (column {} of `{text}`); write for instance {{\"changed\":true}}",
            error.column()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_typed_is_understood() {
        let changed = Value::map([("changed", Value::Bool(true))]);
        let event = |name: &str, data: &Value, sure| Command::Event {
            name: name.into(),
            data: data.clone(),
            sure,
        };
        for (line, command) in [
            ("  3 ", Command::Number(3, Value::Null)),
            (
                r#"3 {"changed": true}"#,
                Command::Number(3, changed.clone()),
            ),
            ("turn.done", event("turn.done", &Value::Null, false)),
            (
                r#"turn.done {"changed":true}"#,
                event("turn.done", &changed, false),
            ),
            ("event next", event("next", &Value::Null, true)),
            ("+10m", Command::Wait(600_000)),
            ("+1h 30m", Command::Wait(5_400_000)),
            ("", Command::Look),
            ("next", Command::Next),
            ("undo", Command::Back),
            (
                "save a b.yaml",
                Command::Save {
                    file: "a b.yaml".into(),
                    over: false,
                },
            ),
            (
                "events! e",
                Command::Events {
                    file: "e".into(),
                    over: true,
                },
            ),
        ] {
            assert_eq!(parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_explained() {
        for (line, complaint) in [
            (
                "turn.done {changed: true}",
                "the data is not JSON: key must be a string (column 2",
            ),
            ("3 x", "the data is not JSON"),
            ("+10", "the duration `10` has no unit"),
            ("+", "the duration is empty"),
            (
                "next 3",
                "`next` takes nothing after it; an event of that name is `event next 3`",
            ),
            ("save", "`save` needs the name of a file"),
            ("event", "`event` needs a name"),
            (r#"{"event":"x"}"#, "is no event: the event comes first"),
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.contains(complaint), "{line}: {error}");
        }
    }
}
