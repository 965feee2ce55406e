//! What energy takes by what a house states: watts of a busy core, joules of a token. Nothing is measured here; a meter of the machine is somebody else's.

use crate::{How, Joules, Tokens};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where Linux shows the energy meters of the CPU.
pub const POWERCAP: &str = "/sys/class/powercap";

/// What a house states of its power.
#[derive(Clone, Debug, PartialEq)]
pub struct Power {
    /// Watts of the machine while nothing runs: taken off what a meter says, because no run caused them.
    pub watts_idle: Option<f64>,
    /// Watts that one busy core adds, for where nothing is measured.
    pub watts_busy: Option<f64>,
    /// The directory with the energy meters of the CPU.
    pub meter: PathBuf,
    /// By model.
    pub models: BTreeMap<Arc<str>, PerToken>,
    /// What a data centre takes for each joule that reaches its machines (power usage effectiveness): of the models' figures.
    pub pue: f64,
}

/// What a model's tokens take, in joules each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerToken {
    /// A token of input.
    pub input: f64,
    /// A token of input that the provider had cached.
    pub cached: f64,
    /// A token of output.
    pub output: f64,
}

impl Default for Power {
    fn default() -> Self {
        Power {
            watts_idle: None,
            watts_busy: None,
            meter: POWERCAP.into(),
            models: BTreeMap::new(),
            pue: 1.0,
        }
    }
}

impl Power {
    /// What so much CPU time takes, by what is stated of the CPU.
    pub fn of_cpu(&self, cpu: Duration) -> Option<Joules> {
        let watts = self.watts_busy?;
        Some(Joules::of(watts * cpu.as_secs_f64(), How::Estimated))
    }

    /// What an inference of `model` takes where it runs, by what is stated of the model.
    pub fn of_tokens(&self, model: &str, tokens: &Tokens) -> Option<Joules> {
        let each = self.models.get(model)?;
        let cached = tokens.cached.min(tokens.input);
        let joules = (tokens.input - cached) as f64 * each.input
            + cached as f64 * each.cached
            + tokens.output as f64 * each.output;
        Some(Joules::of(joules * self.pue, How::Estimated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stated_is_worked_out_and_what_is_not_is_nothing() {
        let power = Power {
            watts_busy: Some(15.0),
            pue: 1.5,
            models: [(
                "m".into(),
                PerToken {
                    input: 0.01,
                    cached: 0.001,
                    output: 0.4,
                },
            )]
            .into(),
            ..Power::default()
        };
        let half = Duration::from_millis(500);
        assert_eq!(power.of_cpu(half), Some(Joules::of(7.5, How::Estimated)));
        assert_eq!(Power::default().of_cpu(half), None);
        let tokens = Tokens {
            input: 1_000,
            cached: 400,
            output: 10,
            ..Tokens::default()
        };
        // (600 × 0.01 + 400 × 0.001 + 10 × 0.4) × 1.5
        let expected = Joules::of(15.6, How::Estimated);
        assert_eq!(power.of_tokens("m", &tokens), Some(expected));
        assert_eq!(power.of_tokens("another", &tokens), None);
    }
}
