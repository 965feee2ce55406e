//! Context maps as their users see them: cases, properties, and the picture.

mod cases;
mod common;
mod properties;
mod summaries;
