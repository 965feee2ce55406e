//! What can be typed to exchange a plugin's component.

use super::HouseOption;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct PluginSwap {
    /// The plugin, by its name in the house
    pub name: String,
    /// The component that takes its place
    pub file: PathBuf,
    /// Take it though its answers differ, where house.yaml says `promote: shadow`
    #[arg(long)]
    pub at_once: bool,
    #[command(flatten)]
    pub house: HouseOption,
    /// Print {"swapped", "plugin", "from", "to"}, or why not
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct PluginRollback {
    /// The plugin, by its name in the house
    pub name: String,
    #[command(flatten)]
    pub house: HouseOption,
    /// Print {"plugin", "from", "to"}
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct PluginShadow {
    /// The plugin, by its name in the house
    pub name: String,
    /// The component that may take its place
    pub file: PathBuf,
    /// How many recorded calls to answer again
    #[arg(long, value_name = "N", default_value_t = runtime::CALLS_TO_SHADOW)]
    pub last: usize,
    #[command(flatten)]
    pub house: HouseOption,
    /// Print both answers of every call
    #[arg(long)]
    pub json: bool,
}
