//! Context maps as their users see them: cases, properties, and the picture.

mod bad_input;
mod cases;
mod common;
mod promises;
mod properties;
mod runs;
mod scaled;
mod sections;
mod shapes;
mod summaries;
mod windows;
