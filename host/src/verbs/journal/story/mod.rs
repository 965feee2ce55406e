//! The story: a line for each thing that happened, what an answer cost beside the answer.

mod between;
mod line;
mod revised;
mod words;
mod work;

pub use between::{SAYS, who_says};
pub use line::{Layout, Words, one_line};
pub use words::Teller;

use super::known::{Known, money};
use super::told::Told;
use super::when::Zone;
use crate::print::Paint;
use rust_decimal::Decimal;
use std::fmt::Write;
use types::Timestamp;

/// A finished line and the day it stands on.
pub struct Line {
    /// `2026-11-21`
    pub day: String,
    /// Without its end.
    pub text: String,
}

/// An answer whose costs may follow.
struct Held {
    seq: u64,
    time: Timestamp,
    run: String,
    whose: Option<String>,
    words: Words,
    usd: Option<Decimal>,
    unpriced: bool,
}

/// Tells records as they come.
pub struct Story<'a> {
    pub zone: &'a Zone,
    pub paint: Paint,
    pub full: bool,
    /// Each cost has a line of its own.
    pub costs: bool,
    /// Whether records of many runs come.
    pub many: bool,
    held: Option<Held>,
}

impl<'a> Story<'a> {
    /// A story that has not begun.
    pub fn new(zone: &'a Zone, full: bool, costs: bool, many: bool) -> Self {
        Story {
            zone,
            paint: Paint::new(crate::print::color_on_stdout()),
            full,
            costs,
            many,
            held: None,
        }
    }

    fn layout(&self) -> Layout<'a> {
        Layout {
            zone: self.zone,
            paint: self.paint,
            full: self.full,
        }
    }

    /// Whether an answer is held whose costs may follow.
    pub fn waits(&self) -> bool {
        self.held.is_some()
    }

    /// Whether the cost `told` belongs to the answer that is told at the moment; it then stands there.
    pub fn takes(&mut self, told: &Told) -> bool {
        let Some(held) = &mut self.held else {
            return false;
        };
        if self.costs
            || told.kind() != "cost"
            || held.run != told.record.run
            || told.text("/model").is_empty()
        {
            return false;
        }
        match money(told) {
            Some(usd) => held.usd = held.usd.unwrap_or_default().checked_add(usd),
            None => held.unpriced = true,
        }
        true
    }

    /// Tell of the next record; `known` is its run before it.
    pub fn tell(&mut self, told: &Told, known: &Known) -> Vec<Line> {
        let mut lines: Vec<Line> = self.rest().into_iter().collect();
        let teller = Teller {
            zone: self.zone,
            known: Some(known),
            full: self.full,
        };
        let mut words = teller.words(told);
        let whose = self.many.then(|| whose(told, known));
        if told.kind() == "cost" && self.costs {
            let mut so_far = Known {
                spent: known.spent,
                unpriced: known.unpriced,
                ..Known::default()
            };
            so_far.see(told);
            let least = if so_far.unpriced { "at least " } else { "" };
            let _ = write!(
                words.head,
                "; {least}{} USD so far",
                so_far.spent.normalize()
            );
        }
        let (seq, time) = (told.seq(), told.record.time);
        if told.kind() == "reply" && !self.costs {
            self.held = Some(Held {
                seq,
                time,
                run: told.record.run.clone(),
                whose,
                words,
                usd: None,
                unpriced: false,
            });
            return lines;
        }
        lines.push(Line {
            day: self.zone.day(time),
            text: self
                .layout()
                .line(seq, time, whose.as_deref(), told.kind(), &words),
        });
        lines
    }

    /// The answer that is still held, if one is.
    pub fn rest(&mut self) -> Option<Line> {
        let mut held = self.held.take()?;
        let head = &mut held.words.head;
        let _ = match (held.usd, held.unpriced) {
            (Some(usd), false) => write!(head, ", {} USD", usd.normalize()),
            (_, true) => write!(head, ", price not known"),
            (None, false) => Ok(()),
        };
        let layout = self.layout();
        Some(Line {
            day: self.zone.day(held.time),
            text: layout.line(
                held.seq,
                held.time,
                held.whose.as_deref(),
                "reply",
                &held.words,
            ),
        })
    }
}

/// Whose record it is: the agent, and the end of its run's id, which tells runs of one second apart.
fn whose(told: &Told, known: &Known) -> String {
    let run = &told.record.run;
    if run == ::journal::HOUSE_RUN {
        return "house".into();
    }
    let end = run.rsplit('-').next().unwrap_or(run);
    let end: String = end.chars().take(8).collect();
    match known.agent.as_str() {
        "" => run.clone(),
        agent => {
            let agent: String = agent.chars().take(19 - end.len()).collect();
            format!("{agent} {end}")
        }
    }
}
