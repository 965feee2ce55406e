//! What can be typed after `agents`.

use super::HouseOption;
use clap::{Args, Subcommand};

#[derive(Subcommand)]
#[command(defer = true)]
pub enum AgentsVerb {
    /// List the runs that the daemon hosts
    #[command(after_help = "Example:\n  charthouse agents list --json")]
    List {
        #[command(flatten)]
        at: At,
    },
    /// Start a run of an agent, or go on with one
    #[command(
        after_help = "Examples:\n  charthouse agents start coder \"Fix the failing test\"\n  charthouse agents start coder --resume 20261120-1104\n  charthouse agents start reviewer --instance i-20261120-1104 --role reviewer"
    )]
    Start {
        /// The agent's name
        agent: String,
        /// What to say to it first
        prompt: Option<String>,
        /// Go on with this run, by its id
        #[arg(long, value_name = "RUN")]
        resume: Option<String>,
        /// Bind it to this instance of a workflow from the start
        #[arg(long, value_name = "ID", requires = "role", conflicts_with = "resume")]
        instance: Option<String>,
        /// The role that it takes there
        #[arg(long, value_name = "ROLE", requires = "instance")]
        role: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// End a run for good, and what it has begun; what is under way is stopped
    #[command(after_help = "Example:\n  charthouse agents stop coder")]
    Stop {
        #[command(flatten)]
        run: RunOption,
        #[command(flatten)]
        at: At,
    },
    /// Have a run wait; what is under way is stopped, and begun anew when it is resumed
    #[command(after_help = "Example:\n  charthouse agents pause coder")]
    Pause {
        #[command(flatten)]
        run: RunOption,
        #[command(flatten)]
        at: At,
    },
    /// Go on with a run that was paused, or given up because it kept crashing
    #[command(after_help = "Example:\n  charthouse agents resume coder")]
    Resume {
        #[command(flatten)]
        run: RunOption,
        #[command(flatten)]
        at: At,
    },
    /// Say something to a run
    #[command(after_help = "Example:\n  charthouse agents say coder \"Look at the tests first\"")]
    Say {
        #[command(flatten)]
        run: RunOption,
        /// What to say
        text: String,
        #[command(flatten)]
        at: At,
    },
    /// Raise an event in a run's chart
    #[command(
        after_help = "Example:\n  charthouse agents signal coder signal.flawed --data '{\"why\":\"tests\"}'"
    )]
    Signal {
        #[command(flatten)]
        run: RunOption,
        /// The event's name
        event: String,
        /// What it carries, as JSON
        #[arg(long, value_name = "JSON")]
        data: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Answer what a run asks a person
    #[command(after_help = "Example:\n  charthouse agents answer coder \"yes, the second one\"")]
    Answer {
        #[command(flatten)]
        run: RunOption,
        /// The answer
        text: String,
        #[command(flatten)]
        at: At,
    },
    /// Show what happens, until Ctrl-C
    #[command(
        after_help = "Examples:\n  charthouse agents watch\n  charthouse agents watch coder --text\n  charthouse agents watch --json | jq .event.type"
    )]
    Watch {
        /// Only this run: its id, the beginning of one, or the name of an agent with one run
        run: Option<String>,
        /// What models say too, as it streams by
        #[arg(long)]
        text: bool,
        #[command(flatten)]
        at: At,
    },
}

// Which run.
#[derive(Args)]
pub struct RunOption {
    /// The run's id, the beginning of one, or the name of an agent with one run
    pub run: String,
}

// Which house, and how to print.
#[derive(Args)]
pub struct At {
    #[command(flatten)]
    pub house: HouseOption,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
}
