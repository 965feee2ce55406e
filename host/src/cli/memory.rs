//! What can be typed after `memory`.

use super::HouseOption;
use ::memory::MemoryId;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use types::MemoryLayer;

#[derive(Subcommand)]
#[command(defer = true)]
pub enum MemoryVerb {
    /// List what is remembered; with a query, what an agent would be shown first
    ///
    /// An agent is shown its own memories and those that the house shares. Without AGENT all of the house are listed.
    #[command(
        after_help = "Examples:\n  charthouse memory list\n  charthouse memory list coder --layer facts\n  charthouse memory list coder --query \"how do I run the tests\" --json"
    )]
    List(MemoryList),
    /// Remember something for an agent
    ///
    /// The text is kept as it is, to the byte.
    #[command(
        after_help = "Examples:\n  charthouse memory add coder --layer facts \"The tests run with cargo nextest\"\n  charthouse memory add '*' --layer facts \"The release is on Friday\"\n  charthouse memory add coder --layer skills - < release.md"
    )]
    Add(MemoryAdd),
    /// Forget a memory; what it said stays in the journal
    #[command(after_help = "Example:\n  charthouse memory forget 17")]
    Forget {
        /// Its id, as `memory list` shows it
        id: MemoryId,
        #[command(flatten)]
        house: HouseOption,
    },
    /// Make the index of memories anew from the journal's records
    #[command(after_help = "Example:\n  charthouse memory rebuild")]
    Rebuild {
        #[command(flatten)]
        house: HouseOption,
    },
}

#[derive(Args)]
pub struct MemoryList {
    /// What this agent sees; everything by default
    pub agent: Option<String>,
    /// One layer; all by default
    #[arg(long, value_parser = layer())]
    pub layer: Option<MemoryLayer>,
    /// The most useful for this first, layer by layer; the oldest first by default
    #[arg(long, value_name = "TEXT")]
    pub query: Option<String>,
    /// How many of each layer a query shows
    #[arg(long, value_name = "N", default_value_t = 20, requires = "query")]
    pub most: usize,
    #[command(flatten)]
    pub house: HouseOption,
    /// Print {"memories": [{"id", "agent", "layer", "text", "time", "weight", "provenance", "labels"}]}
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct MemoryAdd {
    /// The agent; '*' for what the whole house shares
    pub agent: String,
    /// What it is to remember; `-` is standard input
    #[arg(allow_hyphen_values = true)]
    pub text: String,
    /// What happened, what is so, or how something is done
    #[arg(long, value_parser = layer())]
    pub layer: MemoryLayer,
    /// How much it counts beside others, from 0 to 1000
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    pub weight: f64,
    #[command(flatten)]
    pub house: HouseOption,
    /// Print {"id"}
    #[arg(long)]
    pub json: bool,
}

fn layer() -> impl TypedValueParser<Value = MemoryLayer> {
    PossibleValuesParser::new(MemoryLayer::ALL.map(MemoryLayer::name))
        .try_map(|word| word.parse::<MemoryLayer>())
}
