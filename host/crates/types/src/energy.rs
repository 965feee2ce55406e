//! Energy as it is booked: an amount that adds up exactly, and how it came to be known. It knows no meter and no model; whoever has one makes these.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MICRO: f64 = 1e6;

/// How a figure of energy came to be known, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A meter of this machine says so, and the share of it is by CPU time.
    Measured,
    /// Whoever used it said so.
    Reported,
    /// It was worked out from what `power:` in house.yaml states.
    Estimated,
}

impl How {
    /// The word used in records and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Measured => "measured",
            How::Reported => "reported",
            How::Estimated => "estimated",
        }
    }
}

/// An amount of energy and how it is known: `{"value": 1.25, "how": "estimated"}` in joules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joules {
    /// Millionths of a joule, whole, so that sums do not depend on their order.
    pub micro: u64,
    /// How it is known.
    pub how: How,
}

impl Joules {
    /// So many joules; what no number can be is nothing, and what is beyond any number the largest.
    pub fn of(joules: f64, how: How) -> Self {
        // `as` saturates and takes what is no number as nothing.
        let micro = (joules * MICRO).round() as u64;
        Joules { micro, how }
    }

    /// Both together, marked by the weaker of the two.
    pub fn plus(self, other: Joules) -> Joules {
        Joules {
            micro: self.micro.saturating_add(other.micro),
            how: self.how.max(other.how),
        }
    }

    /// Both together, where there are both.
    pub fn sum(one: Option<Joules>, other: Option<Joules>) -> Option<Joules> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.plus(other)),
            (one, other) => one.or(other),
        }
    }

    /// In joules.
    pub fn value(self) -> f64 {
        self.micro as f64 / MICRO
    }
}

#[derive(Serialize, Deserialize)]
struct Written {
    value: f64,
    how: How,
}

impl Serialize for Joules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (value, how) = (self.value(), self.how);
        Written { value, how }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Joules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        Ok(Joules::of(written.value, written.how))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_marked_by_its_weakest_and_misses_nothing() {
        let measured = Joules::of(1.5, How::Measured);
        let reported = Joules::of(0.25, How::Reported);
        let estimated = Joules::of(2.0, How::Estimated);
        assert_eq!(measured.plus(reported), Joules::of(1.75, How::Reported));
        assert_eq!(
            estimated.plus(measured).plus(reported),
            Joules::of(3.75, How::Estimated)
        );
        assert_eq!(Joules::sum(None, Some(measured)), Some(measured));
        assert_eq!(Joules::sum(None, None), None);
    }

    #[test]
    fn what_is_written_reads_back_and_nonsense_is_no_amount() {
        for micro in [0, 1, 7, 999_999, 1_234_567, 2_251_799_813_685_247] {
            let how = How::Reported;
            let joules = Joules { micro, how };
            let text = serde_json::to_string(&joules).unwrap();
            assert_eq!(serde_json::from_str::<Joules>(&text).unwrap(), joules);
        }
        assert_eq!(
            serde_json::to_string(&Joules::of(0.25, How::Measured)).unwrap(),
            r#"{"value":0.25,"how":"measured"}"#
        );
        for nonsense in [f64::NAN, -1.0, f64::NEG_INFINITY] {
            assert_eq!(Joules::of(nonsense, How::Measured).micro, 0);
        }
        assert_eq!(Joules::of(f64::INFINITY, How::Measured).micro, u64::MAX);
    }
}
