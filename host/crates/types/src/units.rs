//! Quantities as people write them: `10m`, `64MiB`, `2G`, `4%`, `500kJ`.
//!
//! A number without its unit is refused wherever a unit is expected: `deadline: 5` could be seconds or milliseconds, and the author of
//! the file is the only one who knows.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A quantity that could not be read; the text says what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UnitError {
    /// What is wrong.
    pub message: String,
    /// How to write it instead.
    pub help: &'static str,
}

/// A length of time, written with its unit (`250ms`, `5s`, `10m`, `6h`, `2d`, `1w`; terms may follow each other: `1h30m`).
pub type Span = Duration;

const DURATION_HELP: &str =
    "write a number with its unit: ms, s, m, h, d or w, for instance `10m` or `1h30m`";
const BYTES_HELP: &str =
    "write a number with its unit: B, KiB, MiB, GiB (or kB, MB, GB), for instance `64MiB`";
const COUNT_HELP: &str =
    "write a whole number, or one with k, M, G or T, for instance `500000` or `2G`";
const PERCENT_HELP: &str = "write a number from 0 to 100 and `%`, for instance `4%`";
const ENERGY_HELP: &str =
    "write a number with its unit: J, kJ, MJ, Wh or kWh, for instance `500kJ`";

fn error(message: String, help: &'static str) -> UnitError {
    UnitError { message, help }
}

/// Split `text` into its leading decimal number and the rest.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(text.len());
    let digits = text[..end].replace('_', "");
    let number: f64 = digits.parse().ok()?;
    Some((number, &text[end..]))
}

/// Parse a length of time such as `10m`, `1h30m` or `250ms`.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(error("the duration is empty".into(), DURATION_HELP));
    }
    let mut total_ms = 0f64;
    while !rest.is_empty() {
        let (number, tail) = number_and_unit(rest)
            .ok_or_else(|| error(format!("`{text}` is not a duration"), DURATION_HELP))?;
        let tail = tail.trim_start();
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c.is_whitespace())
            .unwrap_or(tail.len());
        let factor = match &tail[..end] {
            "ms" => 1.0,
            "s" => 1e3,
            "m" | "min" => 60e3,
            "h" => 3_600e3,
            "d" => 86_400e3,
            "w" => 604_800e3,
            "" => {
                return Err(error(
                    format!("the duration `{text}` has no unit"),
                    DURATION_HELP,
                ));
            }
            unit => {
                return Err(error(
                    format!("`{unit}` is not a unit of time (in `{text}`)"),
                    DURATION_HELP,
                ));
            }
        };
        total_ms += number * factor;
        rest = tail[end..].trim_start();
    }
    // A century is more than any timer needs, and keeps sums of two far from overflow.
    if total_ms > 100.0 * 366.0 * 86_400e3 {
        return Err(error(
            format!("the duration `{text}` is longer than a century"),
            DURATION_HELP,
        ));
    }
    Ok(Duration::from_millis(total_ms.round() as u64))
}

/// A length of time as people write it: `10m`, `1h30m`, `250ms`. Reads back as the same whole number of milliseconds.
pub fn write_duration(span: Duration) -> String {
    let mut rest = span.as_millis();
    let mut text = String::new();
    for (unit, length) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ] {
        if rest >= length {
            text.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// An amount of memory or of data.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// Parse `64MiB`, `256KiB`, `10MB`, `512B`.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = number_and_unit(text.trim())
            .ok_or_else(|| error(format!("`{text}` is not a size"), BYTES_HELP))?;
        let factor: f64 = match unit.trim() {
            "B" => 1.0,
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            "GiB" => 1024.0 * 1024.0 * 1024.0,
            "kB" | "KB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "" => return Err(error(format!("the size `{text}` has no unit"), BYTES_HELP)),
            unit => {
                return Err(error(
                    format!("`{unit}` is not a unit of size (in `{text}`)"),
                    BYTES_HELP,
                ));
            }
        };
        let bytes = number * factor;
        if bytes > (1u64 << 53) as f64 {
            return Err(error(format!("the size `{text}` is too large"), BYTES_HELP));
        }
        Ok(Bytes(bytes.round() as u64))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        for (unit, size) in UNITS {
            if self.0 >= size && self.0.is_multiple_of(size) {
                return write!(f, "{}{unit}", self.0 / size);
            }
        }
        for (unit, size) in UNITS {
            if self.0 >= size {
                return write!(f, "{:.1}{unit}", self.0 as f64 / size as f64);
            }
        }
        write!(f, "{}B", self.0)
    }
}

/// A large whole number such as an amount of fuel: `2G` is two thousand million.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Count(pub u64);

impl Count {
    /// Parse `500000`, `20k`, `1M`, `2G`, `1T`.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = number_and_unit(text.trim())
            .ok_or_else(|| error(format!("`{text}` is not a number"), COUNT_HELP))?;
        let factor = match unit {
            "" => 1.0,
            "k" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            "T" => 1e12,
            unit => {
                return Err(error(
                    format!("`{unit}` is not a multiple (in `{text}`)"),
                    COUNT_HELP,
                ));
            }
        };
        let count = number * factor;
        if count > (1u64 << 53) as f64 || count.fract() != 0.0 {
            return Err(error(
                format!("`{text}` is not a whole number that can be counted"),
                COUNT_HELP,
            ));
        }
        Ok(Count(count as u64))
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, size) in [
            ("T", 1_000_000_000_000),
            ("G", 1_000_000_000),
            ("M", 1_000_000),
            ("k", 1_000),
        ] {
            if self.0 >= size && self.0.is_multiple_of(size) {
                return write!(f, "{}{unit}", self.0 / size);
            }
        }
        write!(f, "{}", self.0)
    }
}

/// A share from 0 to 100 %, kept in hundredths of a percent so that it compares exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(pub u32);

impl Percent {
    /// Parse `4%` or `12.5%`.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let number = text
            .trim()
            .strip_suffix('%')
            .and_then(number_and_unit)
            .filter(|(number, rest)| rest.trim().is_empty() && *number <= 100.0)
            .map(|(number, _)| number)
            .ok_or_else(|| error(format!("`{text}` is not a percentage"), PERCENT_HELP))?;
        Ok(Percent((number * 100.0).round() as u32))
    }

    /// This share of `whole`, rounded down.
    pub fn of(self, whole: u64) -> u64 {
        (u128::from(whole) * u128::from(self.0) / 10_000) as u64
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / 100.0)
    }
}

/// An amount of energy, in millijoules so that it adds up exactly.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Energy(pub u64);

impl Energy {
    /// Parse `500kJ`, `20J`, `1.5kWh`.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = number_and_unit(text.trim())
            .ok_or_else(|| error(format!("`{text}` is not an energy"), ENERGY_HELP))?;
        let joules = match unit.trim() {
            "J" => 1.0,
            "kJ" => 1e3,
            "MJ" => 1e6,
            "Wh" => 3_600.0,
            "kWh" => 3_600e3,
            "" => {
                return Err(error(
                    format!("the energy `{text}` has no unit"),
                    ENERGY_HELP,
                ));
            }
            unit => {
                return Err(error(
                    format!("`{unit}` is not a unit of energy (in `{text}`)"),
                    ENERGY_HELP,
                ));
            }
        };
        Ok(Energy((number * joules * 1e3).round() as u64))
    }
}

impl fmt::Display for Energy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}J", self.0 as f64 / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_written() {
        for (text, ms) in [
            ("250ms", 250),
            ("5s", 5_000),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("1.5s", 1_500),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text).unwrap().as_millis(), ms, "{text}");
        }
    }

    #[test]
    fn a_length_of_time_is_written_as_people_do() {
        for (milliseconds, text) in [
            (600_000, "10m"),
            (5_400_000, "1h30m"),
            (250, "250ms"),
            (172_800_000, "2d"),
            (0, "0s"),
        ] {
            assert_eq!(write_duration(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn a_quantity_without_its_unit_is_refused() {
        for text in ["5", "", "5 parsecs", "-5s", "m", "1e3s", "9999999w"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for text in ["64", "64 MIB", "MiB", "99999999999GiB"] {
            assert!(Bytes::parse(text).is_err(), "{text}");
        }
        for text in ["101%", "4", "-1%", "%"] {
            assert!(Percent::parse(text).is_err(), "{text}");
        }
        assert!(Count::parse("2g").is_err());
        assert!(Count::parse("0.5").is_err());
        assert!(Energy::parse("5 calories").is_err());
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        for text in ["64MiB", "1GiB", "256KiB", "12B"] {
            assert_eq!(Bytes::parse(text).unwrap().to_string(), text);
        }
        for text in ["2G", "500k", "7"] {
            assert_eq!(Count::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Percent::parse("12.5%").unwrap().to_string(), "12.5%");
        assert_eq!(Percent::parse("12.5%").unwrap().of(1_000), 125);
    }
}
