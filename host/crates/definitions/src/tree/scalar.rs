//! YAML 1.2's core schema: what type a plain scalar has. `yes`, `no`, `on` and `off`, which older YAML took for truth values, are text.

use super::Typed;

/// The type of the plain scalar `text`.
pub(super) fn typed(text: &str) -> Typed {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Typed::Null,
        "true" | "True" | "TRUE" => Typed::Bool(true),
        "false" | "False" | "FALSE" => Typed::Bool(false),
        _ => number(text).unwrap_or(Typed::Text),
    }
}

fn number(text: &str) -> Option<Typed> {
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => {
            return Some(Typed::Float(f64::NEG_INFINITY));
        }
        ".inf" | ".Inf" | ".INF" => return Some(Typed::Float(f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if unsigned == text => return Some(Typed::Float(f64::NAN)),
        _ => {}
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits(unsigned) {
        // A whole number beyond 64 bits keeps its magnitude; whoever needs a whole number says that it is too large.
        return Some(match text.parse() {
            Ok(n) => Typed::Int(n),
            Err(_) => Typed::Float(text.parse().ok()?),
        });
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent_fits = exponent.is_none_or(|e| digits(e.strip_prefix(['-', '+']).unwrap_or(e)));
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    (exponent_fits && mantissa_fits)
        .then(|| text.parse().ok().map(Typed::Float))
        .flatten()
}

fn radix(digits: &str, radix: u32) -> Option<Typed> {
    let fits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    fits.then(|| i64::from_str_radix(digits, radix).map_or(Typed::Float(f64::MAX), Typed::Int))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema_and_nothing_of_yaml_1_1() {
        for (text, expected) in [
            ("", Typed::Null),
            ("~", Typed::Null),
            ("null", Typed::Null),
            ("true", Typed::Bool(true)),
            ("False", Typed::Bool(false)),
            ("on", Typed::Text),
            ("yes", Typed::Text),
            ("no", Typed::Text),
            ("12", Typed::Int(12)),
            ("-7", Typed::Int(-7)),
            ("0o17", Typed::Int(15)),
            ("0xff", Typed::Int(255)),
            ("017", Typed::Int(17)),
            ("1_000", Typed::Text),
            ("1.5", Typed::Float(1.5)),
            (".5", Typed::Float(0.5)),
            ("5.", Typed::Float(5.0)),
            ("1e3", Typed::Float(1000.0)),
            ("-.inf", Typed::Float(f64::NEG_INFINITY)),
            ("1:30", Typed::Text),
            ("1.0.0", Typed::Text),
            ("2026-01-01", Typed::Text),
            ("10m", Typed::Text),
            ("inf", Typed::Text),
            ("nan", Typed::Text),
            ("-", Typed::Text),
            (".", Typed::Text),
            ("e5", Typed::Text),
            ("0x", Typed::Text),
            ("1e", Typed::Text),
        ] {
            assert_eq!(typed(text), expected, "{text}");
        }
        assert_eq!(typed("99999999999999999999"), Typed::Float(1e20));
    }
}
