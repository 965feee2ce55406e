//! `journal`: what can be asked of the record.

use super::HouseOption;
use clap::{Args, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

#[derive(Subcommand)]
#[command(defer = true)]
pub enum JournalVerb {
    /// Tell what happened: in a run, at a time, or in the whole house; without anything, list the runs
    ///
    /// Filters can be combined. With a run they look into that run; without one they go over all runs of the house. Each line begins with the record's number,
    /// and `journal why NUMBER` walks back from there to the beginning.
    ///
    /// A TIME is 03:12 or 03:12:05 (the last time the clock said so), 2026-11-21, 2026-11-21T03:12, the same with Z or an offset such as +01:00, or 2h (30m, 3d)
    /// for so long ago. It stands for the whole of the minute, second or day that it names. Times are local unless --utc is given, and the story says which.
    #[command(
        after_help = "Examples:\n  charthouse journal show --at 03:12\n  charthouse journal show latest\n  charthouse journal show latest --at 03:12\n  charthouse journal show --around 2026-11-21T03:12 --for 10m --utc\n  charthouse journal show --since 2h --agent coder --tool 'fs.*'\n  charthouse journal show latest --kind call,outcome --grep denied --full\n  charthouse journal show --follow\n  charthouse journal show 20261120-1104 --json"
    )]
    Show(Box<JournalShow>),
    /// Say why a record is there: what caused it, what caused that, back to the beginning
    #[command(
        after_help = "Examples:\n  charthouse journal why 29\n  charthouse journal why 29 --full\n  charthouse journal why 29 --json"
    )]
    Why(JournalWhy),
    /// Write records for other programs: as JSON lines, or as OpenTelemetry spans
    ///
    /// `jsonl` is every record to the byte, with what is needed to check the chain without charthouse. `otlp` is OTLP/JSON with the GenAI conventions, one trace a
    /// run, in lines of at most 512 spans that a collector takes at /v1/traces. Both are written as they are read, whatever the journal's size.
    #[command(
        after_help = "Examples:\n  charthouse journal export -o journal.jsonl\n  charthouse journal export latest --format otlp -o trace.jsonl\n  charthouse journal export --since 2026-11-01 | gzip > november.jsonl.gz"
    )]
    Export(JournalExport),
    /// Check that no record was changed, removed or added
    #[command(after_help = "Example:\n  charthouse journal verify --json")]
    Verify {
        #[command(flatten)]
        house: HouseOption,
        /// Look also at the bodies in this folder of archives
        #[arg(long, value_name = "DIR")]
        archive: Option<PathBuf>,
        /// Say times in UTC
        #[arg(long)]
        utc: bool,
        /// Print {"ok", "records", "first_bad"}
        #[arg(long)]
        json: bool,
    },
    /// Take the large bodies of runs that ended long ago out of the journal; the chain goes on over them
    ///
    /// Bodies of the conversation, answers, outcomes, payload accounts and snapshots go to .charthouse/archive, whose lines `journal verify --archive` checks
    /// against the chain. Costs, memories, steps, calls and everything small stay, and so does all evidence: changes, signatures, checkpoints. `retention` in house.yaml
    /// says how long each kind is kept at least, and no option goes below that.
    #[command(
        after_help = "Examples:\n  charthouse journal compact --dry-run\n  charthouse journal compact\n  charthouse journal compact --older-than 90d --anew\n  charthouse journal verify --archive .charthouse/archive"
    )]
    Compact(JournalCompact),
}

#[derive(Args)]
pub struct JournalCompact {
    /// Runs that ended longer ago than this; what `retention` in house.yaml says of each kind, and 30d of the others, if that is longer
    #[arg(long, value_name = "TIME")]
    pub older_than: Option<String>,
    /// Only say what would be taken out
    #[arg(long)]
    pub dry_run: bool,
    /// Keep no archive: the bodies are gone for good
    #[arg(long)]
    pub discard: bool,
    /// Write the whole file anew, which gives all the room back; it takes as much room again while it lasts
    #[arg(long)]
    pub anew: bool,
    #[command(flatten)]
    pub house: HouseOption,
    /// Print {"records", "bytes", "archives", "freed", …}
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct JournalShow {
    /// A run's id or the beginning of one, or `latest`
    pub run: Option<String>,
    #[command(flatten)]
    pub house: HouseOption,
    #[command(flatten)]
    pub filters: Filters,
    /// Go on with new records as they come, until interrupted
    #[arg(long, short, conflicts_with_all = ["at", "around", "until"])]
    pub follow: bool,
    /// Nothing cut short: texts, arguments and answers as they are
    #[arg(long)]
    pub full: bool,
    /// A line for each cost, with what it comes to so far
    #[arg(long)]
    pub costs: bool,
    /// Say why this record is there, as `journal why` does
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["follow", "costs"])]
    pub why: Option<u64>,
    /// Take and say times in UTC instead of local time
    #[arg(long)]
    pub utc: bool,
    /// Print records as JSON lines
    #[arg(long)]
    pub json: bool,
}

// Which records.
#[derive(Args, Default)]
pub struct Filters {
    /// What stood and what happened at this time
    #[arg(long, value_name = "TIME", conflicts_with_all = ["around", "since", "until"])]
    pub at: Option<String>,
    /// From 5 minutes before this time to 5 minutes after
    #[arg(long, value_name = "TIME", conflicts_with_all = ["since", "until"])]
    pub around: Option<String>,
    /// How long: on each side of --around, after --at and --since
    #[arg(long = "for", value_name = "TIME", conflicts_with = "until")]
    pub length: Option<String>,
    /// From this time on
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Up to and with this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Of this agent
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Of these kinds
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// About this tool; `fs.*` is every tool of fs
    #[arg(long, value_name = "TOOL")]
    pub tool: Option<String>,
    /// While the agent was in this state
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,
    /// With this text somewhere in them, in small or capital letters
    #[arg(long, value_name = "TEXT")]
    pub grep: Option<String>,
    /// Only the last so many of them
    #[arg(long, value_name = "N")]
    pub last: Option<NonZeroUsize>,
}

#[derive(Args)]
pub struct JournalWhy {
    /// A record's number, as `journal show` has it at the beginning of a line
    #[arg(value_name = "NUMBER")]
    pub record: u64,
    #[command(flatten)]
    pub house: HouseOption,
    /// Every link of the chain, and nothing cut short
    #[arg(long)]
    pub full: bool,
    /// Say times in UTC instead of local time
    #[arg(long)]
    pub utc: bool,
    /// Print the records of the chain as JSON lines, each with `because`
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct JournalExport {
    /// A run's id or the beginning of one, or `latest`; all of the house by default
    pub run: Option<String>,
    #[command(flatten)]
    pub house: HouseOption,
    /// What to write
    #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
    pub format: ExportFormat,
    /// Where to write it; standard output by default
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// From this time on
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Up to and with this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Take times as UTC instead of local time
    #[arg(long)]
    pub utc: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Every record as it was written, with its hash and that of the record before
    Jsonl,
    /// OpenTelemetry's OTLP/JSON with the GenAI conventions
    Otlp,
}
