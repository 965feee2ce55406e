//! The map as an HTML page: what stands in it, and how it is in a browser.

mod browser;
mod contrast;
mod in_browser;
mod sample;
mod structure;
