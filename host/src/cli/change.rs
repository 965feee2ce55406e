//! What can be typed after `change`.

use super::HouseOption;
use super::agents::At;
use super::signing::As;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Subcommand)]
#[command(defer = true)]
pub enum ChangeVerb {
    /// Ask for a change; with a number, ask anew for one that was sent back
    #[command(
        after_help = "Examples:\n  charthouse change request --as ada --item policy:default --title \"Let coder read /data\" --reason \"It has to see the measurements\"\n  charthouse change request CR-0007 --as ada --item policy:default --title \"Let coder read /data/2026\" --reason \"Less, as quality asked\""
    )]
    Request(ChangeRequest),
    /// Say what depends on a change; the house lists it, you judge it
    #[command(
        after_help = "Example:\n  charthouse change assess CR-0007 --as bob --notes \"Only coder reads it\""
    )]
    Assess {
        /// The change
        change: String,
        /// Your judgement
        #[arg(long, value_name = "TEXT")]
        notes: Option<String>,
        /// Send it back: the notes say what is missing
        #[arg(long, requires = "notes")]
        returned: bool,
        #[command(flatten)]
        who: As,
        #[command(flatten)]
        at: At,
    },
    /// Say what you have found, before you vote
    #[command(
        after_help = "Example:\n  charthouse change review CR-0007 --as bob --findings \"The mount is wider than it needs to be\""
    )]
    Review {
        /// The change
        change: String,
        /// What you have found
        #[arg(long, value_name = "TEXT")]
        findings: String,
        /// Your seat on the board, where you have several
        #[arg(long, value_name = "ROLE")]
        role: Option<String>,
        #[command(flatten)]
        who: As,
        #[command(flatten)]
        at: At,
    },
    /// Vote for a change
    #[command(
        after_help = "Example:\n  charthouse change approve CR-0007 --as bob --why \"It is what we need\""
    )]
    Approve(ChangeVote),
    /// Vote against a change: it goes back to whoever asked for it
    #[command(
        after_help = "Example:\n  charthouse change reject CR-0007 --as bob --why \"It opens all of /data\""
    )]
    Reject(ChangeVote),
    /// Say from when a change is to count, and for whom
    #[command(
        after_help = "Example:\n  charthouse change order CR-0007 --as eve --effectivity 2026-12-01 --agents coder"
    )]
    Order {
        /// The change
        change: String,
        /// From when: now, next-run, or a date
        #[arg(long, value_name = "WHEN")]
        effectivity: String,
        /// For these agents only
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        agents: Vec<String>,
        #[command(flatten)]
        who: As,
        #[command(flatten)]
        at: At,
    },
    /// Hand in the new revision; nothing is changed by it yet
    ///
    /// With --from, the items of the change are taken as that folder has them, for instance from the house itself (`--from .`), where drafts may lie: nothing else
    /// counts there.
    #[command(
        after_help = "Examples:\n  charthouse change implement CR-0007 --as ada --from .\n  charthouse change implement CR-0007 --as ada --file policies/default.yaml=draft.yaml\n  charthouse change implement CR-0007 --as ada --remove policies/old.yaml"
    )]
    Implement {
        /// The change
        change: String,
        #[command(flatten)]
        files: ChangeFiles,
        /// It cannot be done: it goes back to whoever asked for it, with this reason
        #[arg(long, value_name = "WHY", conflicts_with_all = ["from", "file", "remove"])]
        impossible: Option<String>,
        /// What others should know
        #[arg(long, value_name = "TEXT")]
        notes: Option<String>,
        #[command(flatten)]
        who: As,
        #[command(flatten)]
        at: At,
    },
    /// Show, with evidence, whether the new revision does what was approved
    ///
    /// The house always checks the definitions as they would be. Where anything fails, the change goes back to be made again.
    #[command(
        after_help = "Examples:\n  charthouse change verify CR-0007 --as bob --run-scenarios --notes \"Read and tried\"\n  charthouse change verify CR-0007 --as bob --evidence report.html --ledger before-after.csv\n  charthouse change verify CR-0007 --as bob --failed --notes \"coder cannot write any more\""
    )]
    Verify(Box<ChangeVerify>),
    /// Release what was verified
    #[command(
        after_help = "Examples:\n  charthouse change release CR-0007 --as eve --effectivity now\n  charthouse change release CR-0007 --as eve --effectivity next-run --agents coder,reviewer"
    )]
    Release {
        /// The change
        change: String,
        /// From when: now, next-run, or a date; not needed where it was ordered
        #[arg(long, value_name = "WHEN", conflicts_with = "returned")]
        effectivity: Option<String>,
        /// For these agents only
        #[arg(
            long,
            value_name = "NAMES",
            value_delimiter = ',',
            requires = "effectivity"
        )]
        agents: Vec<String>,
        /// Do not release it: it goes back to be made again, with this reason
        #[arg(long, value_name = "WHY")]
        returned: Option<String>,
        /// What others should know
        #[arg(long, value_name = "TEXT", conflicts_with = "returned")]
        notes: Option<String>,
        #[command(flatten)]
        who: As,
        #[command(flatten)]
        at: At,
    },
    /// Give up a change that is not released
    #[command(
        after_help = "Example:\n  charthouse change withdraw CR-0007 --as ada --why \"Not needed any more\""
    )]
    Withdraw {
        /// The change
        change: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        who: As,
        #[command(flatten)]
        at: At,
    },
    /// Put something in force at once; others have to approve it afterwards
    #[command(
        after_help = "Example:\n  charthouse change emergency --as bob --item policy:default --title \"Close the network\" --why \"It leaks\" --file policies/default.yaml=closed.yaml"
    )]
    Emergency {
        /// What is changed: house, agent:NAME, chart:NAME, policy:NAME or plugin:NAME
        #[arg(long = "item", value_name = "ITEM", required = true)]
        items: Vec<String>,
        /// What it is called
        #[arg(long, value_name = "TEXT")]
        title: String,
        /// Why it cannot wait
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        files: ChangeFiles,
        #[command(flatten)]
        who: As,
        #[command(flatten)]
        at: At,
    },
    /// Take the house as it is as released: what control begins with
    #[command(after_help = "Example:\n  charthouse change baseline --as ada")]
    Baseline {
        #[command(flatten)]
        who: As,
        #[command(flatten)]
        at: At,
    },
    /// Put the released files back in their places, and drafts aside
    #[command(
        after_help = "Examples:\n  charthouse change restore\n  charthouse change restore policy:default"
    )]
    Restore {
        /// Only these items
        items: Vec<String>,
        #[command(flatten)]
        at: At,
    },
    /// Show what a change makes, or two revisions of an item, side by side and by what they mean
    ///
    /// States, transitions, rules, people; and what agents may do otherwise, in red where it is more. Without --to an item is compared with what lies in the
    /// house.
    #[command(
        after_help = "Examples:\n  charthouse change diff CR-0007\n  charthouse change diff policy:default\n  charthouse change diff agent:coder --from CR-0003 --to CR-0007 --json\n  charthouse change diff chart:review --file review.yaml"
    )]
    Diff(ChangeDiff),
    /// Tell one change from its request to its evidence, and what is awaited next
    #[command(
        after_help = "Examples:\n  charthouse change show CR-0007\n  charthouse change show CR-0007 --json"
    )]
    Show {
        /// The change
        change: String,
        #[command(flatten)]
        at: At,
    },
    /// List the released revisions of an item: who released each and why, by what evidence, from when and for whom it counts
    #[command(
        after_help = "Examples:\n  charthouse change history agent:coder\n  charthouse change history policy:default --json"
    )]
    History {
        /// house, agent:NAME, chart:NAME, policy:NAME or plugin:NAME
        item: String,
        #[command(flatten)]
        at: At,
    },
    /// List changes
    #[command(
        after_help = "Examples:\n  charthouse change list\n  charthouse change list --open\n  charthouse change list --item policy:default --json"
    )]
    List {
        /// Only those that are not over
        #[arg(long)]
        open: bool,
        /// Only those that stand so, for instance approved or verified
        #[arg(long, value_name = "WORD")]
        status: Option<String>,
        /// Only those of this item
        #[arg(long, value_name = "ITEM")]
        item: Option<String>,
        /// Only those that this person or agent has had a hand in
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Args)]
pub struct ChangeDiff {
    /// A change, or an item: house, agent:NAME, chart:NAME, policy:NAME, plugin:NAME
    #[arg(value_name = "ITEM|CR-0001")]
    pub what: String,
    /// The revision before: the first digits of its hash, or its change; what is released by default
    #[arg(long, value_name = "REV")]
    pub from: Option<String>,
    /// The revision after
    #[arg(long, value_name = "REV", conflicts_with = "file")]
    pub to: Option<String>,
    /// A file in the place of the item's own
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub house: HouseOption,
}

#[derive(Args)]
pub struct ChangeRequest {
    /// The change that was sent back; none for a new one
    pub change: Option<String>,
    /// What is to be changed: house, agent:NAME, chart:NAME, policy:NAME or plugin:NAME
    #[arg(long = "item", value_name = "ITEM", required = true)]
    pub items: Vec<String>,
    /// What it is called
    #[arg(long, value_name = "TEXT")]
    pub title: String,
    /// Why it is wanted
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// How weighty it is
    #[arg(long, value_enum, default_value_t = ChangeClass::Minor)]
    pub class: ChangeClass,
    /// What it has to do with: a nonconformance, an issue
    #[arg(long = "link", value_name = "TEXT")]
    pub links: Vec<String>,
    #[command(flatten)]
    pub who: As,
    #[command(flatten)]
    pub at: At,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ChangeClass {
    /// Form, fit and function stay
    Minor,
    /// They do not
    Major,
}

#[derive(Args)]
pub struct ChangeVote {
    /// The change
    pub change: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Your seat on the board, where you have several
    #[arg(long, value_name = "ROLE")]
    pub role: Option<String>,
    #[command(flatten)]
    pub who: As,
    #[command(flatten)]
    pub at: At,
}

// Where the new revision comes from.
#[derive(Args)]
pub struct ChangeFiles {
    /// The folder of a house that has the items as they are to be
    #[arg(long, value_name = "DIR", conflicts_with_all = ["file", "remove"])]
    pub from: Option<PathBuf>,
    /// A file of the house, and the file whose content it is to have
    #[arg(long, value_name = "PATH=FILE")]
    pub file: Vec<String>,
    /// A file of the house that is to go
    #[arg(long, value_name = "PATH")]
    pub remove: Vec<String>,
}

#[derive(Args)]
pub struct ChangeVerify {
    /// The change
    pub change: String,
    /// A file that shows it: its hash goes on record
    #[arg(long, value_name = "FILE")]
    pub evidence: Vec<PathBuf>,
    /// Play the scenarios of the charts that it affects
    #[arg(long)]
    pub run_scenarios: bool,
    /// The report of a conformance suite
    #[arg(long, value_name = "FILE")]
    pub conformance: Vec<PathBuf>,
    /// Run its components beside those in use, on the last calls on record
    #[arg(long)]
    pub shadow: bool,
    /// A comparison of the ledger before and after
    #[arg(long, value_name = "FILE")]
    pub ledger: Vec<PathBuf>,
    /// What you have looked at
    #[arg(long, value_name = "TEXT")]
    pub notes: Option<String>,
    /// It does not do what was approved
    #[arg(long, requires = "notes")]
    pub failed: bool,
    #[command(flatten)]
    pub who: As,
    #[command(flatten)]
    pub at: At,
}
