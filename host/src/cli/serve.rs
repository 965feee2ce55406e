//! What can be typed after `serve` and `doctor`.

use super::{DevOption, HouseOption};
use clap::Args;

#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    pub house: HouseOption,
    #[command(flatten)]
    pub pins: DevOption,
    /// End the daemon that serves the house: what is under way may finish first
    #[arg(long)]
    pub stop: bool,
    /// Print what happens as JSON lines
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Doctor {
    #[command(flatten)]
    pub house: HouseOption,
    /// Print a systemd user unit that serves the house, and say where to put it
    #[arg(long, conflicts_with = "json")]
    pub systemd: bool,
    /// Print {"ok", "checks": [{"name", "status", "what", "help"}]}
    #[arg(long)]
    pub json: bool,
}
