//! What can be typed after `replay`.

use super::HouseOption;
use clap::Args;

#[derive(Args)]
pub struct Replay {
    /// The run: its id, the beginning of one, or `latest`
    #[arg(value_name = "RUN", required_unless_present = "all")]
    pub run: Option<String>,
    /// Every run of the house
    #[arg(long, conflicts_with_all = ["run", "until", "payload", "plugins"])]
    pub all: bool,
    /// Show where the run stood after this record
    #[arg(long, value_name = "RECORD")]
    pub until: Option<u64>,
    /// Show what the last inference before that record was sent
    #[arg(long, requires = "until")]
    pub payload: bool,
    /// Call the components again as well, on copies of what they can write to
    #[arg(long, conflicts_with = "until")]
    pub plugins: bool,
    #[command(flatten)]
    pub house: HouseOption,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
