//! `memory`: what agents remember, and a person's hand in it.

use crate::cli::{HouseOption, MemoryAdd, MemoryList, MemoryVerb};
use crate::exit::{Failure, USAGE};
use crate::world::SystemClock;
use crate::{open, print};
use ::memory::{Author, LONGEST_TEXT, Memory, MemoryError, MemoryId, NewMemory, Remembered, Whose};
use definitions::House;
use journal::{HOUSE_RUN, Journal};
use runtime::RuntimeError;
use serde_json::json;
use std::io::Read;
use std::time::Duration;
use types::{Clock, MemoryLayer, Provenance, Timestamp, write_duration};

/// The most that a person may have a memory weigh: a thousand ordinary ones. More says nothing more, and makes everything else count for nothing.
const HEAVIEST: f64 = 1_000.0;

/// What stands for the whole house where an agent is named.
const EVERYONE: &str = "*";

pub fn run(verb: &MemoryVerb) -> Result<u8, Failure> {
    match verb {
        MemoryVerb::List(options) => list(options),
        MemoryVerb::Add(options) => add(options),
        MemoryVerb::Forget { id, house } => forget(*id, house),
        MemoryVerb::Rebuild { house } => rebuild(house),
    }
}

fn list(options: &MemoryList) -> Result<u8, Failure> {
    let journal = open::journal_to_read(&options.house.house)?;
    let memory = journal.as_ref().map(Memory::of);
    let now = SystemClock::new().now();
    let whose = match options.agent.as_deref() {
        None => Whose::Everyone,
        Some(EVERYONE) => Whose::House,
        Some(agent) => {
            // What an agent remembers outlives its definition.
            let knows = memory.as_ref().map_or(Ok(false), |m| m.knows(agent))?;
            if !knows {
                require_agent(&open::house(&options.house.house)?, agent)?;
            }
            Whose::Agent(agent)
        }
    };
    let mut found = Vec::new();
    let layers = MemoryLayer::ALL.into_iter();
    for layer in layers.filter(|layer| options.layer.is_none_or(|only| only == *layer)) {
        let Some(memory) = &memory else { break };
        found.extend(match &options.query {
            Some(query) => memory.select(whose, layer, query, options.most, now)?,
            None => memory.list(whose, layer)?,
        });
    }
    match options.json {
        true => print::json(&json!({ "memories": found }))?,
        false => print::out(&table(&found, now))?,
    }
    Ok(0)
}

fn add(options: &MemoryAdd) -> Result<u8, Failure> {
    let house = open::house(&options.house.house)?;
    let agent = match options.agent.as_str() {
        EVERYONE => None,
        agent => {
            require_agent(&house, agent)?;
            Some(agent.into())
        }
    };
    let text = match options.text.as_str() {
        "-" => from_standard_input()?,
        text => text.to_owned(),
    };
    let new = NewMemory {
        agent,
        layer: options.layer,
        text,
        labels: Vec::new(),
        weight: options.weight,
    };
    // Before the journal is opened: a mistake begins none.
    check_weight(new.weight)?;
    new.check()?;
    let id = Memory::of(&mut open::journal(&house)?).add(&person(), new)?;
    match options.json {
        true => print::json(&json!({ "id": id }))?,
        false => print::out(&format!("Remembered as {id}.\n"))?,
    }
    Ok(0)
}

/// What is not a number lies outside too.
fn check_weight(weight: f64) -> Result<(), Failure> {
    if (0.0..=HEAVIEST).contains(&weight) {
        return Ok(());
    }
    let message = format!("a memory cannot weigh {}", shown_weight(weight));
    let help = format!("write a number from 0 to {HEAVIEST}, where 1 is usual");
    Err(Failure::new(USAGE, message).help(help))
}

/// A weight in a few characters, whatever it is.
fn shown_weight(weight: f64) -> String {
    match weight.abs() >= 1e6 {
        true => format!("{weight:e}"),
        false => weight.to_string(),
    }
}

fn forget(id: MemoryId, house: &HouseOption) -> Result<u8, Failure> {
    let mut journal = journal_to_change(house)?.ok_or_else(|| MemoryError::NoSuchMemory { id })?;
    Memory::of(&mut journal).forget(&person(), id)?;
    print::out(&format!("Forgotten: {id}.\n"))?;
    Ok(0)
}

fn rebuild(house: &HouseOption) -> Result<u8, Failure> {
    let count = match journal_to_change(house)? {
        Some(mut journal) => Memory::of(&mut journal).rebuild()?,
        None => 0,
    };
    print::out(&format!("The index is made anew: {count} memories.\n"))?;
    Ok(0)
}

/// The journal of a house, where there is one. None is begun to find that nothing is in it.
fn journal_to_change(house: &HouseOption) -> Result<Option<Journal>, Failure> {
    match open::journal_to_read(&house.house)? {
        Some(found) => Ok(Some(Journal::open(found.path())?)),
        None => Ok(None),
    }
}

/// A person at the command line may change every memory.
fn person() -> Author<'static> {
    Author {
        run: HOUSE_RUN,
        agent: None,
        provenance: Provenance::Human,
        time: SystemClock::new().now(),
    }
}

fn require_agent(house: &House, agent: &str) -> Result<(), Failure> {
    if house.agents.contains_key(agent) {
        return Ok(());
    }
    let known: Vec<&str> = house.agents.keys().map(|known| &**known).collect();
    let known = match known.is_empty() {
        true => "none".to_owned(),
        false => known.join(", "),
    };
    let name = agent.to_owned();
    Err(RuntimeError::UnknownAgent { name, known }.into())
}

/// All of standard input, or as much of it as shows that it is too long.
fn from_standard_input() -> Result<String, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(
            USAGE,
            format!("cannot read the text from standard input: {why}"),
        )
    };
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(LONGEST_TEXT as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&error))?;
    if bytes.len() > LONGEST_TEXT {
        return Err(MemoryError::TooLong.into());
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to() + 1;
        failed(&format!("it is not UTF-8 from byte {at} on"))
            .help("save it as UTF-8, or convert it: iconv -t UTF-8")
    })
}

/// A line for each memory, and one more for each further line of its text.
fn table(memories: &[Remembered], now: Timestamp) -> String {
    if memories.is_empty() {
        return "Nothing is remembered.\n".to_owned();
    }
    let heading = ["id", "agent", "layer", "age", "weight"].map(str::to_owned);
    let rows: Vec<[String; 5]> = memories.iter().map(|memory| row(memory, now)).collect();
    let widths: [usize; 5] = std::array::from_fn(|column| {
        let cells = rows.iter().chain([&heading]);
        cells
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    let line = |cells: &[String; 5]| -> String {
        let cells = cells.iter().zip(widths);
        cells
            .map(|(cell, width)| format!("{cell:<width$}  "))
            .collect()
    };
    let paint = print::Paint::new(print::color_on_stdout());
    let mut text = paint.with(print::DIM, &format!("{}text", line(&heading)));
    text.push('\n');
    let indent = " ".repeat(line(&heading).chars().count());
    for (memory, row) in memories.iter().zip(&rows) {
        let mut before = line(row);
        for part in print::plain(&memory.text).trim_end().lines() {
            text.push_str(&before);
            text.push_str(part);
            text.push('\n');
            before.clone_from(&indent);
        }
    }
    text
}

fn row(memory: &Remembered, now: Timestamp) -> [String; 5] {
    [
        memory.id.to_string(),
        print::plain(memory.agent.as_deref().unwrap_or(EVERYONE)).replace(['\n', '\t'], " "),
        memory.layer.to_string(),
        age(memory.time, now),
        shown_weight(memory.weight),
    ]
}

/// How long ago `time` was, in the largest unit that it fills.
fn age(time: Timestamp, now: Timestamp) -> String {
    let seconds = u64::try_from(now.0.saturating_sub(time.0)).unwrap_or(0) / 1_000;
    let unit = [86_400, 3_600, 60, 1]
        .into_iter()
        .find(|unit| seconds >= *unit)
        .unwrap_or(1);
    write_duration(Duration::from_secs(seconds - seconds % unit))
}
