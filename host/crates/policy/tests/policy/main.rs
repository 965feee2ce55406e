//! The resolver as its users see it: cases, properties, and the text of its explanations.

mod commands;
mod common;
mod contained;
mod net;
mod properties;
mod resolve;
