//! Plays a case's script on a virtual clock and compares where the chart is after each line with where it should be.

use crate::convert::fields;
use crate::player::Player;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value as Json;
use types::Value;

/// How many timers a run to the end may take before it counts as endless.
const TIMERS_MAX: usize = 100_000;

/// Refuse a script that is not of the format.
pub fn check(script: &Json) -> Result<()> {
    let lines = script.as_array().context("the case has no script")?;
    ensure!(!lines.is_empty(), "the script is empty");
    for (number, line) in lines.iter().enumerate() {
        check_line(line, number == 0)
            .with_context(|| format!("line {} of the script", number + 1))?;
    }
    Ok(())
}

fn check_line(line: &Json, first: bool) -> Result<()> {
    let known = ["event", "data", "after_ms", "expect", "expect_final"];
    fields(line, "a line", &known)?;
    match &line["event"] {
        Json::Null => {}
        Json::String(_) if !first => {}
        Json::String(name) => bail!("the first line is the start, and it has the event `{name}`"),
        other => bail!("`event` is {other}, and must be a text or null"),
    }
    let after = &line["after_ms"];
    ensure!(
        after.is_null() || after.as_i64().is_some_and(|ms| ms >= 0),
        "`after_ms` is {after}, and must be a number of milliseconds"
    );
    match (&line["expect"], &line["expect_final"]) {
        (Json::Null, Json::String(_)) => Ok(()),
        (Json::String(error), Json::Null) if error == "error" => Ok(()),
        (Json::Array(states), Json::Null) if states.iter().all(Json::is_string) => Ok(()),
        (Json::Null, Json::Null) => bail!("the line expects nothing"),
        _ => bail!("a line expects a list of states, `error`, or one final state"),
    }
}

/// Play `script`, which has been checked.
pub fn run(player: &mut dyn Player, script: &Json) -> Result<()> {
    let mut clock = Clock { player, now: 0 };
    for (number, line) in script.as_array().into_iter().flatten().enumerate() {
        let name = line["event"].as_str().unwrap_or("the start");
        clock
            .play(line, number == 0)
            .with_context(|| format!("line {} of the script ({name})", number + 1))?;
    }
    Ok(())
}

struct Clock<'p> {
    player: &'p mut dyn Player,
    now: i64,
}

impl Clock<'_> {
    fn play(&mut self, line: &Json, first: bool) -> Result<()> {
        let result = self.happen(line, first);
        if line["expect"] == "error" {
            ensure!(
                result.is_err(),
                "expected an error, got {}",
                self.configuration()
            );
            return Ok(());
        }
        result.map_err(anyhow::Error::msg)?;
        if let Some(last) = line["expect_final"].as_str() {
            self.run_to_the_end()?;
            return self.compare(vec![last.to_owned()]);
        }
        let expected = line["expect"].as_array().into_iter().flatten();
        let mut expected: Vec<String> = expected
            .filter_map(|s| s.as_str().map(str::to_owned))
            .collect();
        expected.sort();
        self.compare(expected)
    }

    fn happen(&mut self, line: &Json, first: bool) -> Result<(), String> {
        if first {
            self.player.start()?;
        }
        self.advance(line["after_ms"].as_i64().unwrap_or(0))?;
        match line["event"].as_str() {
            Some(name) => self
                .player
                .event(name, Value::from(&line["data"]), self.now),
            None => Ok(()),
        }
    }

    /// Let `milliseconds` pass and everything happen that is due by then.
    fn advance(&mut self, milliseconds: i64) -> Result<(), String> {
        let until = self.now.saturating_add(milliseconds);
        for _ in 0..TIMERS_MAX {
            match self.player.next_due().filter(|due| *due <= until) {
                Some(due) => {
                    self.now = self.now.max(due);
                    self.player.fire(self.now)?;
                }
                None => {
                    self.now = until;
                    return Ok(());
                }
            }
        }
        Err(format!("more than {TIMERS_MAX} timers fired"))
    }

    fn run_to_the_end(&mut self) -> Result<()> {
        for _ in 0..TIMERS_MAX {
            let Some(due) = self.player.next_due() else {
                return Ok(());
            };
            self.advance((due - self.now).max(0))
                .map_err(anyhow::Error::msg)?;
        }
        bail!("the chart does not end: {}", self.configuration());
    }

    fn configuration(&self) -> String {
        format!("[{}]", self.player.leaves().join(", "))
    }

    fn compare(&self, expected: Vec<String>) -> Result<()> {
        ensure!(
            self.player.leaves() == expected,
            "expected [{}], got {}",
            expected.join(", "),
            self.configuration()
        );
        Ok(())
    }
}
