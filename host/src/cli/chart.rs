//! What can be typed after `chart`.

use super::HouseOption;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Subcommand)]
#[command(defer = true)]
pub enum ChartVerb {
    /// Try a chart out on a virtual clock: in conversation on a terminal, else with JSON lines
    ///
    /// On a terminal it shows where the chart is and what can happen next, and asks for an event. Otherwise, and with --events, each line of input is {"event":
    /// NAME, "data": …, "after_ms": N}, where `after_ms` counts from the line before, and each step is a line of output.
    #[command(
        after_help = "Examples:\n  charthouse chart run charts/cognition/deliberate.yaml\n  echo '{\"event\":\"turn.done\"}' | charthouse chart run charts/cognition/deliberate.yaml --events -"
    )]
    Run {
        /// The chart's file
        chart: PathBuf,
        /// Events as JSON lines; `-` is standard input
        #[arg(long, value_name = "FILE")]
        events: Option<PathBuf>,
    },
    /// Draw a chart: as SVG, as Mermaid or DOT for other tools, or as a tree
    ///
    /// Without --format the name of the output decides (.svg, .mmd, .dot); otherwise it is a tree.
    #[command(
        after_help = "Examples:\n  charthouse chart show charts/cognition/deliberate.yaml\n  charthouse chart show deliberate --at act -o deliberate.svg\n  charthouse chart show charts/workflows/implement-review.yaml --format mermaid"
    )]
    Show(ChartShow),
    /// Play scenarios and say which states and transitions they never reached
    ///
    /// A scenario file begins with `scenarios: NAME`, then has `chart: PATH` and `cases`, each with a `name` and `steps`. A step is an event (`turn.done`), a
    /// time (`+10m`), or a map of `event`, `data`, `after` and of what must be so afterwards: `in`, `not_in`, `configuration` (states), `expect` (values of the
    /// data, or a condition such as "data.rounds == 2 && In('act')"), `effects`, `running` (activities), `timers`, `open` (signals), `done`, `output`. `{ repeat:
    /// 3, steps: […] }` stands for its steps three times over. A session of `chart run` writes such a file with `save`.
    ///
    /// Exits with 1 where a case is not as expected or less is reached than --min-coverage asks for.
    #[command(
        after_help = "Examples:\n  charthouse chart test\n  charthouse chart test scenarios/deliberate.yaml --min-coverage 100\n  charthouse chart test scenarios --json"
    )]
    Test(ChartTest),
    /// Say what happens to a running instance when a chart is replaced by another version
    #[command(
        after_help = "Examples:\n  charthouse chart migrate --dry-run old.yaml new.yaml --at act\n  charthouse chart migrate --dry-run old.yaml new.yaml --at left2,right1 --json"
    )]
    Migrate(ChartMigrate),
}

#[derive(Args)]
pub struct ChartMigrate {
    /// The version that runs
    #[arg(value_name = "A")]
    pub from: PathBuf,
    /// The version that it is to become
    #[arg(value_name = "B")]
    pub to: PathBuf,
    /// The active states; where the chart begins by default
    #[arg(long, value_name = "CONFIG")]
    pub at: Vec<String>,
    /// Only say what would happen; the only way so far
    #[arg(long)]
    pub dry_run: bool,
    /// Print {"ok", "policy", "before", "after", "changes": […], "data", "effects": […]}
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct ChartShow {
    /// A chart's file, or the name of a chart of the house
    pub chart: PathBuf,
    /// What to draw it as
    #[arg(long, value_enum)]
    pub format: Option<ChartFormat>,
    /// The states to show as active; those around them and those entered with them are too
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub at: Vec<String>,
    /// Where to write it; standard output by default
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub house: HouseOption,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ChartFormat {
    /// A picture, light or dark as its viewer prefers
    Svg,
    /// stateDiagram-v2
    Mermaid,
    /// Graphviz
    Dot,
    /// Text for the terminal
    Tree,
}

#[derive(Args)]
pub struct ChartTest {
    /// Scenario files, or folders of them
    #[arg(value_name = "CASES", default_value = "scenarios")]
    pub cases: Vec<PathBuf>,
    /// Fail where less than this of the states or of the transitions of a chart is reached
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub min_coverage: Option<usize>,
    /// Print {"ok", "cases": […], "coverage": […]}
    #[arg(long)]
    pub json: bool,
}

/// A whole percentage, with or without its sign.
fn percent(text: &str) -> Result<usize, String> {
    let digits = text.strip_suffix('%').unwrap_or(text).trim_end();
    match digits.parse() {
        Ok(percent) if percent <= 100 => Ok(percent),
        _ => Err("write a whole number from 0 to 100, for instance `90`".into()),
    }
}
