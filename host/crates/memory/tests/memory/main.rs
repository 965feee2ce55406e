//! What a caller of this part is promised.

mod cases;
mod properties;
mod support;
