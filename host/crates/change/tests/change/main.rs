//! Changes told as stories: who does what, what is refused, and what is released in the end.

extern crate charthouse_change as change;

mod bearing;
mod differences;
mod gate;
mod properties;
mod records;
mod reviewed;
mod rules;
mod signers;
mod story;
mod whole;
