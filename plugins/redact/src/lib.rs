//! First-party plugin `redact`: a guard that puts `[redacted: KIND]` in the place of keys, tokens and passwords.
//!
//! It sees every item once on its way to a model or from it, in a fresh instance each time, so nothing is compiled when it starts and every
//! detector walks the text once: no patterns that backtrack, no look-back or look-ahead without a bound. What it takes for a secret has a
//! shape that nothing else has, or stands where only a secret stands; prose, code, hashes and pictures pass. So it is a net, not a wall: a
//! password in the middle of a sentence passes too, and what must not be read at all is for policy to hide.
//!
//! Read in this order: `text` (one text from what is found to what is answered), then the detectors: `tokens` with its table `shapes`,
//! `header` (credentials of HTTP), `url`, `pem`, `assign` with `key` and `value`. `chance` tells what is random from what is written by a
//! person; `class` knows bytes; `json` keeps JSON valid.

mod assign;
mod chance;
mod class;
mod header;
mod json;
mod key;
mod pem;
mod shapes;
mod text;
mod tokens;
mod url;
mod value;

#[cfg(test)]
mod tests;

use charthouse_sdk::{GuardPlugin, Subject, Verdict, export_guard, log};

struct Redact;

impl GuardPlugin for Redact {
    fn inspect(subject: Subject) -> Verdict {
        match text::redact(&subject.text) {
            None => Verdict::Pass,
            Some(redacted) => {
                log::info(format!("from {}: {}", subject.provenance, redacted.told()));
                Verdict::Redact(redacted.text)
            }
        }
    }
}

export_guard!(Redact);
