//! From a file's text to its outline: which scanner a language takes.
//!
//! The scanners are not parsers. They read tokens (so that comments and strings cannot fool them) and recognise how definitions begin; what they do not
//! recognise they pass over. Nothing here knows of files, budgets or ranks.

mod braces;
mod heads;
mod indented;
mod markup;
mod prefix;

use crate::languages::{Language, Shape};
use crate::outline::{Collector, Outline};

/// The outline of `text`.
pub fn scan(text: &str, language: &'static Language) -> Outline {
    let mut collector = Collector::new(language.family);
    match language.shape {
        Shape::Braces => braces::scan(text, language, &mut collector),
        Shape::Indented => indented::scan(text, language, &mut collector),
        Shape::Flat => indented::scan_flat(text, language, &mut collector),
        Shape::Markdown => markup::markdown(text, &mut collector),
        Shape::Toml => markup::toml(text, language, &mut collector),
        Shape::Yaml => markup::yaml(text, &mut collector),
    }
    collector.finish()
}

#[cfg(test)]
mod tests;
