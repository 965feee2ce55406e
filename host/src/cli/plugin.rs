//! What can be typed after `plugin test`.

use super::{DevOption, HouseOption};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct PluginTest {
    /// A component's file, or the name of a plugin of the house
    pub component: String,
    /// Files of cases, or folders of them
    #[arg(value_name = "CASES", default_value = "cases.yaml")]
    pub cases: Vec<PathBuf>,
    /// The policy to call it under
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Run only the cases whose names have this in them
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    #[command(flatten)]
    pub house: HouseOption,
    #[command(flatten)]
    pub pins: DevOption,
    /// Print {"ok", "cases": […]}
    #[arg(long)]
    pub json: bool,
}
