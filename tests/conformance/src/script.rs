//! Plays a case's script on a virtual clock and compares where the chart is after each line with where it should be.

use anyhow::{Context, Result, bail, ensure};
use chart::{Chart, Effects, Snapshot, StepError, start, step};
use serde_json::Value as Json;
use types::{Event, Value};

/// How many timers a run to the end may take before it counts as endless.
const TIMERS_MAX: usize = 100_000;

/// Play `script` on `chart`.
pub fn run(chart: &Chart, script: &Json) -> Result<()> {
    let mut player = Player {
        chart,
        snapshot: None,
        effects: Effects::new(),
        now: 0,
    };
    let lines = script.as_array().context("the case has no script")?;
    ensure!(!lines.is_empty(), "the script is empty");
    for (number, line) in lines.iter().enumerate() {
        let name = line["event"].as_str().unwrap_or("the start");
        player
            .play(line)
            .with_context(|| format!("line {} of the script ({name})", number + 1))?;
    }
    Ok(())
}

struct Player<'c> {
    chart: &'c Chart,
    snapshot: Option<Snapshot>,
    effects: Effects,
    now: i64,
}

impl Player<'_> {
    fn play(&mut self, line: &Json) -> Result<()> {
        let result = self.happen(line);
        if line["expect"] == "error" {
            ensure!(
                result.is_err(),
                "expected an error, got {}",
                self.configuration()
            );
            return Ok(());
        }
        result?;
        if let Some(last) = line["expect_final"].as_str() {
            self.run_to_the_end()?;
            return self.compare(vec![last.to_owned()]);
        }
        let expected = line["expect"]
            .as_array()
            .context("the line expects nothing")?;
        let mut expected: Vec<String> = expected
            .iter()
            .map(|s| s.as_str().unwrap_or_default().to_owned())
            .collect();
        expected.sort();
        self.compare(expected)
    }

    fn happen(&mut self, line: &Json) -> Result<(), StepError> {
        let Some(_) = self.snapshot else {
            self.snapshot = Some(start(self.chart, self.now, &mut self.effects)?);
            return Ok(());
        };
        self.advance(line["after_ms"].as_i64().unwrap_or(0))?;
        if let (Some(name), Some(snapshot)) = (line["event"].as_str(), &mut self.snapshot) {
            let event = Event::new(name, Value::from(&line["data"]), self.now);
            step(self.chart, snapshot, &event, &mut self.effects)?;
        }
        Ok(())
    }

    /// Let `milliseconds` pass and everything happen that is due by then.
    fn advance(&mut self, milliseconds: i64) -> Result<(), StepError> {
        let until = self.now + milliseconds;
        while let Some(snapshot) = &mut self.snapshot {
            let Some(due) = snapshot.next_due().filter(|due| *due <= until) else {
                break;
            };
            self.now = self.now.max(due);
            let Some(due) = snapshot.take_due(self.now) else {
                break;
            };
            step(self.chart, snapshot, &due, &mut self.effects)?;
        }
        self.now = until;
        Ok(())
    }

    fn run_to_the_end(&mut self) -> Result<()> {
        for _ in 0..TIMERS_MAX {
            let next = self.snapshot.as_ref().and_then(Snapshot::next_due);
            let Some(due) = next else { return Ok(()) };
            self.advance((due - self.now).max(0))?;
        }
        bail!("the chart does not end: {}", self.configuration());
    }

    fn leaves(&self) -> Vec<&str> {
        self.snapshot
            .as_ref()
            .map(|s| s.leaves(self.chart))
            .unwrap_or_default()
    }

    fn configuration(&self) -> String {
        format!("[{}]", self.leaves().join(", "))
    }

    fn compare(&self, expected: Vec<String>) -> Result<()> {
        let actual = self.leaves();
        ensure!(
            actual == expected,
            "expected [{}], got {}",
            expected.join(", "),
            self.configuration()
        );
        Ok(())
    }
}
