//! How much a text takes of the budget, estimated as the host does by default: 3.6 ASCII bytes a token, 2.5 bytes of anything else.
//!
//! The host trims the tail where its own measure of the day says more.

/// Shares of a token in which sums are exact: the common denominator of 1/3.6 and 1/2.5.
pub const UNITS: u64 = 90;
/// What a message costs beside its text.
pub const MESSAGE: u64 = 4;

/// The units of a text.
pub fn units(text: &str) -> u64 {
    let other = text.bytes().filter(|byte| !byte.is_ascii()).count() as u64;
    (text.len() as u64 - other) * 25 + other * 36
}
