//! What the verbs share that ask a host: where it is, which run or instance is meant, and how an answer is shown.

use crate::cli::DevOption;
use crate::control::Client;
use crate::exit::{Failure, NOT_SO, USAGE};
use crate::open::{self, Hosted};
use crate::print;
use definitions::House;
use journal::Journal;
use runtime::control::Entrance;
use runtime::host::{Command, look};
use runtime::rfc3339;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;
use tokio::task::LocalSet;
use types::Timestamp;

/// Whoever hosts the house.
pub enum Host {
    /// A daemon.
    Daemon(Client),
    /// This process, for as long as the verb lasts.
    Here(Box<Here>),
    /// Nobody: what is asked is read from the record.
    Nobody(Box<Records>),
}

/// What a house is known by that nobody hosts.
pub struct Records {
    root: PathBuf,
    /// Its definitions, as they are released where it is controlled; nothing where they are not in order.
    house: Option<House>,
    /// Nothing before anybody has run in it.
    journal: Option<Journal>,
}

/// A host in this process.
pub struct Here {
    hosted: Hosted,
    local: LocalSet,
    runtime: Runtime,
}

impl Host {
    /// The daemon that serves the house in `directory`.
    ///
    /// # Errors
    /// When there is none.
    pub fn daemon(directory: &Path) -> Result<Client, Failure> {
        Client::connect(directory)?.ok_or_else(|| {
            Failure::new(NOT_SO, "no daemon serves this house").help(
                "start one: charthouse serve; or run an agent by itself: charthouse run AGENT",
            )
        })
    }

    /// The daemon that serves the house in `directory`, or else this process.
    ///
    /// # Errors
    /// When there is no daemon and another process has the house.
    pub fn any(directory: &Path) -> Result<Self, Failure> {
        Self::entering(directory, Entrance::Start)
    }

    /// The same for whoever administers the house: where drafts lie in it, what is released is used all the same, so that the drafts can be released.
    ///
    /// # Errors
    /// As [`Host::any`].
    pub fn administering(directory: &Path) -> Result<Self, Failure> {
        Self::entering(directory, Entrance::Administer)
    }

    /// The daemon that serves the house in `directory`, or else its record: for whoever only looks. No other process is in the way of that, and nothing is written.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn looking(directory: &Path) -> Result<Self, Failure> {
        if let Some(client) = Client::connect(directory)? {
            return Ok(Host::Daemon(client));
        }
        let (root, store) = open::store_of(directory)?;
        Ok(Host::Nobody(Box::new(Records {
            journal: open::store_to_read(&root, &store)?,
            house: open::released(directory).or_else(|| definitions::load(directory).ok()),
            root,
        })))
    }

    fn entering(directory: &Path, entrance: Entrance) -> Result<Self, Failure> {
        if let Some(client) = Client::connect(directory)? {
            return Ok(Host::Daemon(client));
        }
        let house = match open::house_with(directory, DevOption { dev: false }) {
            // Whoever administers a controlled house has to be able to mend what is not in order.
            Err(failure) if entrance == Entrance::Administer => {
                open::released(directory).ok_or(failure)?
            }
            found => found?,
        };
        let runtime = open::event_loop()?;
        let local = LocalSet::new();
        let hosted = local.block_on(&runtime, async { open::hosting(house, false, entrance) })?;
        Ok(Host::Here(Box::new(Here {
            hosted,
            local,
            runtime,
        })))
    }

    /// Ask it.
    ///
    /// # Errors
    /// What the host refuses, and that it has gone.
    pub fn ask(&mut self, command: Command) -> Result<Value, Failure> {
        match self {
            Host::Daemon(client) => Ok(client.ask(&command)??),
            Host::Here(here) => here.ask(command),
            Host::Nobody(records) => records.ask(&command),
        }
    }

    /// The verb is done: where this process is the host, it writes down where everything stands.
    ///
    /// # Errors
    /// When it could not.
    pub fn close(self) -> Result<(), Failure> {
        match self {
            Host::Daemon(_) | Host::Nobody(_) => Ok(()),
            Host::Here(mut here) => {
                let within_ms = Some(0);
                here.ask(Command::Shutdown { within_ms }).map(|_| ())
            }
        }
    }
}

impl Records {
    fn ask(&self, command: &Command) -> Result<Value, Failure> {
        match &self.journal {
            Some(journal) => Ok(look(journal, self.house.as_ref(), &self.root, command)?),
            None if *command == Command::WorkflowList {} => Ok(json!({ "instances": [] })),
            None => Err(Failure::new(
                NOT_SO,
                "there is no such instance: nothing has run in this house yet",
            )),
        }
    }
}

impl Here {
    fn ask(&mut self, command: Command) -> Result<Value, Failure> {
        let asked = self.hosted.hosting.ask(command);
        let turning = &mut self.hosted.turning;
        self.local.block_on(&self.runtime, async {
            tokio::select! {
                biased;
                answer = asked => Ok(answer?),
                ended = turning => {
                    ended?;
                    Err(Failure::new(NOT_SO, "the host ended before it answered"))
                }
            }
        })
    }
}

/// The one of `items` whose `id` is `wanted`, begins with it, or whose `name` is it; `wanted` itself where none is, for the host to say so.
///
/// # Errors
/// When several are meant.
pub fn which(items: &Value, id: &str, name: &str, wanted: &str) -> Result<String, Failure> {
    let ids = |matches: &dyn Fn(&Value) -> bool| -> Vec<String> {
        let items = items.as_array().into_iter().flatten();
        let found = items.filter(|item| matches(item));
        found
            .filter_map(|item| item[id].as_str().map(str::to_owned))
            .collect()
    };
    let exact = ids(&|item| item[id] == wanted);
    let meant = |id: &str| !wanted.is_empty() && id.starts_with(wanted);
    let begins = ids(&|item| item[id].as_str().is_some_and(meant));
    let named = ids(&|item| item[name] == wanted);
    for found in [exact, named, begins] {
        match found.as_slice() {
            [] => {}
            [one] => return Ok(one.clone()),
            several => {
                let text = format!("`{wanted}` may be any of {}", several.join(", "));
                return Err(Failure::new(USAGE, text).help("write more of the id"));
            }
        }
    }
    Ok(wanted.to_owned())
}

/// JSON from the command line.
///
/// # Errors
/// When it is none.
pub fn json_of(option: &str, text: Option<&str>) -> Result<Option<Value>, Failure> {
    let Some(text) = text else {
        return Ok(None);
    };
    serde_json::from_str(text).map(Some).map_err(|error| {
        Failure::new(USAGE, format!("{option} is no JSON: {error}")).help(format!(
            "write it in quotes: {option} '{{\"key\": \"value\"}}'"
        ))
    })
}

/// The same, of an option that takes names with their values.
///
/// # Errors
/// When it is no JSON, or something else.
pub fn object_of(option: &str, text: Option<&str>) -> Result<Option<Value>, Failure> {
    match json_of(option, text)? {
        Some(other) if !other.is_object() => Err(Failure::new(
            USAGE,
            format!("{option} takes names with their values, and this is {other}"),
        )
        .help(format!("write it so: {option} '{{\"key\": \"value\"}}'"))),
        value => Ok(value),
    }
}

/// The answer as JSON, or as `text` makes of it.
///
/// # Errors
/// When it cannot be written.
pub fn show(json: bool, answer: &Value, text: impl Fn(&Value) -> String) -> Result<u8, Failure> {
    match json {
        true => print::json(answer)?,
        false => print::out(&print::plain(&text(answer)))?,
    }
    Ok(0)
}

/// A table: of each item the values under `keys`, which are also the headings.
pub fn table(items: &Value, keys: &[&str], none: &str) -> String {
    let rows: Vec<Vec<String>> = items
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| keys.iter().map(|key| of_key(key, &item[*key])).collect())
        .collect();
    if rows.is_empty() {
        return format!("{none}\n");
    }
    let heading: Vec<String> = keys.iter().map(|key| key.replace('_', " ")).collect();
    let all = || std::iter::once(&heading).chain(&rows);
    let width = |column: usize| {
        let cells = all().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..keys.len()).map(width).collect();
    let mut text = String::new();
    for row in all() {
        let cells = row.iter().zip(&widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:<width$}  "))
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A value on one line; a time as people write it.
fn of_key(key: &str, value: &Value) -> String {
    match value.as_i64() {
        Some(time) if key.ends_with("due") => rfc3339(Timestamp(time)),
        _ => cell(value),
    }
}

/// A value on one line.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.replace(['\n', '\t'], " "),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(cell).collect();
            match items.is_empty() {
                true => "-".into(),
                false => items.join(", "),
            }
        }
        Value::Object(keys) => {
            let keys: Vec<String> = keys
                .iter()
                .map(|(key, value)| format!("{key}: {}", cell(value)))
                .collect();
            keys.join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_meant_by_its_id_its_beginning_or_its_agent() {
        let runs = json!([
            {"run": "2026-a1", "agent": "coder"},
            {"run": "2026-b1", "agent": "coder"},
            {"run": "2026-b12", "agent": "reviewer"},
        ]);
        let which = |wanted| which(&runs, "run", "agent", wanted);
        assert_eq!(which("2026-b1").unwrap(), "2026-b1");
        assert_eq!(which("2026-a").unwrap(), "2026-a1");
        assert_eq!(which("reviewer").unwrap(), "2026-b12");
        assert_eq!(which("nobody").unwrap(), "nobody");
        assert_eq!(which("coder").unwrap_err().code, USAGE);
        assert_eq!(which("2026").unwrap_err().code, USAGE);
    }

    #[test]
    fn a_table_shows_what_is_there() {
        let runs = json!([
            {"run": "a", "states": ["act", "check"], "usd": null},
            {"run": "bcd", "states": [], "usd": "0.1"},
        ]);
        assert_eq!(
            table(&runs, &["run", "states", "usd"], "none"),
            "run  states      usd\na    act, check  -\nbcd  -           0.1\n"
        );
        assert_eq!(table(&json!([]), &["run"], "No runs."), "No runs.\n");
    }
}
