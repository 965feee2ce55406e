//! What a provider's own counts teach about an estimate.
//!
//! One factor for each model: how many tokens its provider counted for a raw unit of ours. It is the weighted median of the last replies, so that neither an
//! outlier nor a server that is wrong now and then moves it, and it moves only when it is off by more than a payload's noise: each move changes the room
//! that trimming works in, and with it may move the cut and throw away what the provider has cached.

use crate::{Estimator, Scale};
use serde::{Deserialize, Serialize};
use types::{Item, Text, ToolCall, ToolSchema};

/// Replies that the factor is taken from. A run's payloads are much alike and the newest says most of the next; sixteen outvote seven that are wrong.
const WINDOW: usize = 16;

/// So many replies of the window must stand behind a factor that is lower than the one in use, or far higher: one odd report moves nothing far.
const ENOUGH: usize = 3;

/// Up to here, in thousandths, a single reply raises the factor: a count that is too large trims a little early, one that is too small gets a payload refused.
/// What is refused is made anew with less, so beyond this there is no haste.
const MODEST: u32 = 1_300;

/// A factor whose predictions are off by more than so many millionths of what is reported lowers no count: such a server does not count tokens.
const HOPELESS: u64 = 500_000;

/// Nor does one where so many of the reports that were taken come on one that was absurd, or fewer.
const ABSURD: u64 = 3;

/// A longer payload says no more than one of so many units: otherwise one wrong count of a long one would outvote fifteen right ones.
const HEAVIEST: u64 = 4_096;

/// How far, in thousandths of itself, the factor may be off before it is moved.
const TOLERANCE: u32 = 25;

/// The factor moves in steps of so many thousandths.
const STEP: u32 = 10;

/// Smaller payloads teach nothing: a provider's fixed frame of some ten tokens would be most of what they show.
const SMALLEST: u64 = 64;

/// What was learnt of one model, with one way of counting. Keep one for each model and each counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calibration {
    /// The factor that was found, in thousandths.
    factor: u32,
    /// The newest replies: raw units and reported tokens.
    window: Vec<(u64, u64)>,
    samples: u64,
    ignored: u64,
    /// Predictions made after the first reply, and their relative errors, in millionths.
    predictions: u64,
    error_sum: u64,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// It counts.
    Taken,
    /// It cannot be a count of these tokens, or of too few to say anything.
    Ignored,
}

/// A calibration in figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationReport {
    /// Replies that it was learnt from.
    pub samples: u64,
    /// Replies whose counts were absurd.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ignored: u64,
    /// Tokens of the provider for a raw unit of the estimator.
    pub factor: f64,
    /// Mean relative error of its predictions so far, `0.021` for 2.1 %; unknown before the second reply.
    pub error: Option<f64>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Default for Calibration {
    fn default() -> Self {
        Calibration {
            factor: Scale::ONE.thousandths(),
            window: Vec::new(),
            samples: 0,
            ignored: 0,
            predictions: 0,
            error_sum: 0,
        }
    }
}

impl Calibration {
    /// Nothing learnt yet.
    pub fn new() -> Self {
        Calibration::default()
    }

    /// A provider has counted `reported` input tokens (cached ones included) for a payload of `raw` units.
    pub fn learn(&mut self, raw: u64, reported: u64) -> Learned {
        if raw < SMALLEST {
            return Learned::Ignored;
        }
        let bounds = Scale::LEAST.tokens(raw)..=Scale::MOST.tokens(raw);
        if !bounds.contains(&reported) {
            self.ignored = self.ignored.saturating_add(1);
            return Learned::Ignored;
        }
        if self.samples > 0 {
            let off = self.found().tokens(raw).abs_diff(reported);
            // The ratio is bounded, so this is at most 25 million.
            let off = u128::from(off) * 1_000_000 / u128::from(reported);
            self.error_sum = self.error_sum.saturating_add(off as u64);
            self.predictions = self.predictions.saturating_add(1);
        }
        self.samples = self.samples.saturating_add(1);
        self.window.push((raw, reported));
        let surplus = self.window.len().saturating_sub(WINDOW);
        self.window.drain(..surplus);
        self.settle();
        Learned::Taken
    }

    /// The factor to count with now: the one that was found, but nothing below 1 from a server that does not seem to count tokens.
    pub fn scale(&self) -> Scale {
        match self.is_trusted() {
            true => self.found(),
            false => self.found().max(Scale::ONE),
        }
    }

    fn found(&self) -> Scale {
        Scale::of_thousandths(self.factor)
    }

    /// Whether its predictions come true, more or less, and absurd reports are rare. The predictions are those of the factor that was found, trusted or not:
    /// so one that proves right comes to be trusted.
    fn is_trusted(&self) -> bool {
        let error = self.error_sum.checked_div(self.predictions).unwrap_or(0);
        error <= HOPELESS && self.ignored.saturating_mul(ABSURD) <= self.samples
    }

    /// It in figures; `None` before anything was learnt or refused.
    pub fn report(&self) -> Option<CalibrationReport> {
        if self.samples == 0 && self.ignored == 0 {
            return None;
        }
        let mean = self.error_sum.checked_div(self.predictions);
        Some(CalibrationReport {
            samples: self.samples,
            ignored: self.ignored,
            factor: self.scale().factor(),
            // In tenths of a percent: more than that is noise.
            error: mean.map(|millionths| (millionths.saturating_add(500) / 1_000) as f64 / 1e3),
        })
    }

    /// Move the factor if it is off by more than the tolerance.
    fn settle(&mut self) {
        let now = self.found().thousandths();
        let mut ratios: Vec<u32> = self.window.iter().map(|sample| ratio(*sample)).collect();
        ratios.sort_unstable();
        let lowest = ratios.get(ENOUGH - 1).copied().unwrap_or(now);
        let highest = ratios.iter().rev().nth(ENOUGH - 1).copied().unwrap_or(now);
        let found = self
            .median()
            .clamp(lowest.min(now), highest.max(now).max(MODEST));
        if found.abs_diff(now) * 1_000 <= now * TOLERANCE {
            return;
        }
        let rounded = (found + STEP / 2) / STEP * STEP;
        self.factor = Scale::of_thousandths(rounded).thousandths();
    }

    /// The median of the window's ratios, a short payload's with less weight: a provider's fixed frame is more of it.
    fn median(&self) -> u32 {
        let mut sorted = self.window.clone();
        sorted.sort_by_key(|sample| (ratio(*sample), sample.0));
        let weights = sorted.iter().map(|(raw, _)| (*raw).min(HEAVIEST));
        let half = weights.clone().sum::<u64>().div_ceil(2);
        let mut reached = 0;
        let middle = sorted.iter().zip(weights).find(|(_, weight)| {
            reached += weight;
            reached >= half
        });
        middle.map_or(self.factor, |(sample, _)| ratio(*sample))
    }
}

/// Reported tokens for a raw unit, in thousandths, within the bounds of a scale.
fn ratio((raw, reported): (u64, u64)) -> u32 {
    let ratio = u128::from(reported) * 1_000 / u128::from(raw.max(1));
    Scale::of_thousandths(u32::try_from(ratio).unwrap_or(u32::MAX)).thousandths()
}

/// An estimator with what was learnt about it. It measures in the estimator's own raw units; [`Plan::assemble`](crate::Plan::assemble) applies the factor.
pub struct Calibrated<'a> {
    inner: &'a dyn Estimator,
    scale: Scale,
    report: Option<CalibrationReport>,
    name: String,
}

impl<'a> Calibrated<'a> {
    /// `inner`, corrected by `calibration`.
    pub fn new(inner: &'a dyn Estimator, calibration: &Calibration) -> Self {
        Calibrated::of(inner, calibration.scale(), calibration.report())
    }

    /// `inner`, corrected as a payload's report says that it was: figures name the factor to the thousandth, which is all there is of it.
    pub fn recorded(inner: &'a dyn Estimator, figures: Option<CalibrationReport>) -> Self {
        let factor = figures.map_or(1.0, |figures| figures.factor);
        // A cast of a float saturates, and a scale has bounds.
        let scale = Scale::of_thousandths((factor * 1e3).round() as u32);
        Calibrated::of(inner, scale, figures)
    }

    fn of(inner: &'a dyn Estimator, scale: Scale, report: Option<CalibrationReport>) -> Self {
        let name = match &report {
            Some(report) if report.samples > 0 => format!("{}{}", inner.name(), learnt(report)),
            _ => inner.name().to_owned(),
        };
        Calibrated {
            inner,
            scale,
            report,
            name,
        }
    }
}

/// ` × 1.08, learnt from 12 replies, off by 2.1 %`
fn learnt(report: &CalibrationReport) -> String {
    let replies = match report.samples {
        1 => "1 reply".to_owned(),
        samples => format!("{samples} replies"),
    };
    let error = report.error.map_or_else(String::new, |error| {
        format!(", off by {:.1} %", error * 100.0)
    });
    format!(" × {:.2}, learnt from {replies}{error}", report.factor)
}

impl Estimator for Calibrated<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn tokens(&self, text: &str) -> u64 {
        self.inner.tokens(text)
    }

    fn text(&self, text: &Text) -> u64 {
        self.inner.text(text)
    }

    fn message(&self) -> u64 {
        self.inner.message()
    }

    fn item(&self, item: &Item) -> u64 {
        self.inner.item(item)
    }

    fn call(&self, call: &ToolCall) -> u64 {
        self.inner.call(call)
    }

    fn schema(&self, schema: &ToolSchema) -> u64 {
        self.inner.schema(schema)
    }

    fn scale(&self) -> Scale {
        self.scale
    }

    fn calibration(&self) -> Option<CalibrationReport> {
        self.report
    }
}

#[cfg(test)]
mod tests;
