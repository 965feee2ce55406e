//! How everything here is measured: beside its floor, in turns, and as a median.
//!
//! A machine that other people use drifts: its clock rate, its caches and its neighbours change from second to second. So a figure and its floor are taken
//! alternately, a short while each, many times over, and what is reported is the median of each and the median of the ratios of neighbours.
//!
//! The benches inside the crates (`host/crates/*/benches`) include this very file by its path and print each [`Figure`] as a line of JSON, which
//! `cargo xtask bench` collects. A crate of its own would be an arrow between parts, for a hundred lines.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, Instant};

/// One line of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// The median, in `unit`.
    pub value: f64,
    /// `ns`, `µs`, `ms`, `bytes`, `MiB`.
    pub unit: String,
    /// What it is held against.
    pub floor: Option<Floor>,
    /// What DESIGN §7 asks for.
    pub goal: Option<Goal>,
    /// A sentence on what the figure is made of, or on what costs the rest.
    pub note: String,
}

/// What a figure cannot be quicker than, measured in the same run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Floor {
    /// What the floor does.
    pub what: String,
    /// Its median, in the figure's unit.
    pub value: f64,
    /// The median of the ratios of neighbouring measurements.
    pub ratio: f64,
}

/// A goal.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// At most so many times the floor.
    Times(f64),
    /// At most so much, in the figure's unit.
    AtMost(f64),
}

impl fmt::Display for Figure {
    /// The line of JSON that a bench prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&line)
    }
}

/// Two things measured in turns.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    /// One operation of the first, in nanoseconds.
    pub subject: f64,
    /// One operation of the second, in nanoseconds.
    pub floor: f64,
    /// The first over the second.
    pub ratio: f64,
}

/// Measure `subject` against `floor`: `rounds` times each, in turns, and each time `calls` operations in a row, which the closures perform themselves.
///
/// The turns swap places from round to round, so that neither always comes after the other. One round before the first is thrown away.
pub fn compare(
    rounds: usize,
    calls: u32,
    mut subject: impl FnMut(u32),
    mut floor: impl FnMut(u32),
) -> Compared {
    let mut pairs = Vec::with_capacity(rounds);
    for round in 0..=rounds {
        let pair = if round % 2 == 0 {
            let first = time(calls, &mut subject);
            (first, time(calls, &mut floor))
        } else {
            let first = time(calls, &mut floor);
            (time(calls, &mut subject), first)
        };
        if round > 0 {
            pairs.push(pair);
        }
    }
    Compared {
        subject: median(pairs.iter().map(|pair| pair.0)),
        floor: median(pairs.iter().map(|pair| pair.1)),
        ratio: median(pairs.iter().map(|pair| pair.0 / pair.1)),
    }
}

/// Nanoseconds for one of `calls` operations.
fn time(calls: u32, work: &mut impl FnMut(u32)) -> f64 {
    let started = Instant::now();
    work(calls);
    nanoseconds(started.elapsed()) / f64::from(calls)
}

/// A time as a number.
pub fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// The middle one; 0 of nothing.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}
