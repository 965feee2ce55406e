//! `audit`: what can be asked of the record as evidence.

use super::HouseOption;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
#[command(defer = true)]
pub enum AuditVerb {
    /// Check the whole record: the chain, the house's checkpoints, every signature
    ///
    /// Finds what was edited, inserted, deleted, moved or cut off, also by somebody who made all hashes anew. Every signature is held against the people and keys of
    /// its own time. Exits with 1 where anything does not hold, and says which record is the first and what is wrong with it.
    #[command(
        after_help = "Examples:\n  charthouse audit verify\n  charthouse audit verify --trust ~/house.pub --anchor ~/anchor.json\n  charthouse audit verify --json"
    )]
    Verify(AuditVerify),
    /// Sign the record up to now, and print the checkpoint, to be kept elsewhere
    ///
    /// With it, no other history passes for this one, not even one made by somebody who has the house and its key.
    #[command(
        after_help = "Examples:\n  charthouse audit anchor -o /media/usb/anchor-2026-11.json\n  charthouse audit anchor | mail -s anchor auditor@example.com"
    )]
    Anchor(AuditAnchor),
    /// Write a bundle that a third party verifies with `charthouse-auditor`
    ///
    /// A directory with the whole chain, signatures, public keys, a manifest that the house signs, and a report to be read and printed. With --change or --since
    /// the bodies of other records are left out as their hashes; evidence (changes, checkpoints, costs) is always in it.
    #[command(
        after_help = "Examples:\n  charthouse audit export bundle\n  charthouse audit export cr-0001 --change CR-0001\n  charthouse audit export november --since 2026-11-01 && tar czf november.tgz november"
    )]
    Export(AuditExport),
    /// Write the management review of a period (ISO 9001, 9.3) out of the record, as Markdown
    ///
    /// Actions of earlier reviews, changes, nonconformances, processes, resources, plugins, risks. What the record does not hold is said to be missing.
    #[command(
        after_help = "Examples:\n  charthouse audit review --since 2026-01-01 --until 2026-07-01 > review-2026-1.md\n  charthouse audit review --json | jq .changes"
    )]
    Review(AuditReview),
}

#[derive(Args)]
pub struct AuditReview {
    /// The first day, or the first instant; the beginning of the record by default
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// The first day that is no part of it; now by default
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub house: HouseOption,
}

#[derive(Args)]
pub struct AuditVerify {
    #[command(flatten)]
    pub house: HouseOption,
    /// The house's public key, and people's, as somebody from outside has them: a .pub file, or OpenSSH's allowed_signers with the names `house` and `human:NAME`
    #[arg(long, value_name = "FILE")]
    pub trust: Option<PathBuf>,
    /// A checkpoint that was kept elsewhere
    #[arg(long, value_name = "FILE")]
    pub anchor: Option<PathBuf>,
    /// Print {"ok", "records", "first_bad", "why", …}
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct AuditAnchor {
    #[command(flatten)]
    pub house: HouseOption,
    /// Where to write it; standard output by default
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The house's key is lost for good: begin a new one. It is on record, and whoever verifies is told, and needs both keys from outside (--trust)
    #[arg(long)]
    pub new_key: bool,
}

#[derive(Args)]
pub struct AuditExport {
    /// The directory to make; it must not be there yet
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    #[command(flatten)]
    pub house: HouseOption,
    /// Only this change, and what was recorded in its workflow
    #[arg(long, value_name = "CR")]
    pub change: Option<String>,
    /// Bodies of records from this time on
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Take times as UTC instead of local time
    #[arg(long)]
    pub utc: bool,
    /// Keys as somebody from outside has them, as `audit verify` takes them: for what the report says of signatures, after `audit anchor --new-key`
    #[arg(long, value_name = "FILE")]
    pub trust: Option<PathBuf>,
    /// Print {"out", "records", "bodies", "changes", "files", "key"}
    #[arg(long)]
    pub json: bool,
}
