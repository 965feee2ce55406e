//! Context maps as their users see them: cases, properties, and the picture.

mod bad_input;
mod cases;
mod common;
mod promises;
mod properties;
mod runs;
mod sections;
mod summaries;
