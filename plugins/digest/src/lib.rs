//! First-party plugin `digest`: sums up what leaves the model's window, so that the next turn knows what the last ones came to.
//!
//! It asks the model it was granted, with one instruction and with what was said fenced in as material: a tool's answer cannot pass for an
//! instruction, for a turn of somebody else, or for the end of the material. What is too long for one request is folded part after part. Without a
//! model, or when the model fails, it answers a deterministic extract whose first line says so: a turn is never held up by a summary.
//!
//! Read in this order: `fold` (from a request to a summary), `instruction` and `fence` (what the model reads), `parts` (what one request holds),
//! `extract` with `paths` (what is left without a model); `tokens` counts.

mod extract;
mod fence;
mod fold;
mod instruction;
mod parts;
mod paths;
mod tokens;

use charthouse_sdk::{Failure, SummaryPlugin, SummaryRequest, export_summary, model};

struct Digest;

impl SummaryPlugin for Digest {
    fn summarise(request: SummaryRequest) -> Result<String, Failure> {
        fold::summarise(request, model::complete)
    }
}

export_summary!(Digest);
