//! `journal export`: the record for other programs, written as it is read.

mod jsonl;
mod otlp;
mod span;

use super::damaged;
use super::filter::since_until;
use super::paper::{Paper, unless_closed};
use super::when::Zone;
use crate::cli::{ExportFormat, JournalExport};
use crate::exit::{Failure, NOT_SO, USAGE};
use ::journal::{Journal, Which};
use std::path::Path;

pub fn run(asked: &JournalExport) -> Result<u8, Failure> {
    damaged::look_at(&asked.house.house, |journal| export(asked, journal))
}

fn export(asked: &JournalExport, journal: Option<&Journal>) -> Result<u8, Failure> {
    let zone = Zone::new(asked.utc);
    let now = super::now();
    let span = since_until(asked.since.as_deref(), asked.until.as_deref(), &zone, now)?;
    let Some(journal) = journal else {
        let failure = match &asked.run {
            Some(run) => format!("there is no run `{run}`: no agent has run in this house yet"),
            None => "there is nothing to export: no agent has run in this house yet".into(),
        };
        return Err(Failure::new(NOT_SO, failure).help("begin one: charthouse run AGENT"));
    };
    let run = match &asked.run {
        Some(run) => Some(journal.find_run(run)?),
        None => None,
    };
    let which = run.as_deref().map_or(Which::All, Which::Run);
    let mut paper = match &asked.output {
        Some(path) => {
            not_the_journal(path, journal)?;
            Paper::file(path)?
        }
        None => Paper::stdout(),
    };
    let written = match asked.format {
        ExportFormat::Jsonl => jsonl::write(journal, which, span, &mut paper),
        ExportFormat::Otlp => otlp::write(journal, which, span, &mut paper),
    };
    unless_closed(written.and_then(|()| paper.flush()))?;
    Ok(0)
}

/// Writing over the journal, or what belongs to it, would be its end.
fn not_the_journal(path: &Path, journal: &Journal) -> Result<(), Failure> {
    let whole = |path: &Path| {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // A link stands for what it leads to.
        let real = path.canonicalize().or_else(|_| {
            let folder = folder.canonicalize()?;
            Ok::<_, std::io::Error>(folder.join(path.file_name().unwrap_or_default()))
        });
        real.unwrap_or_else(|_| path.to_owned())
    };
    let (output, journal) = (whole(path), whole(journal.path()));
    let beside = output.parent() == journal.parent();
    let name = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    if output == journal || (beside && name(&output).starts_with(&name(&journal))) {
        return Err(Failure::new(
            USAGE,
            format!(
                "-o {}: that is the journal itself, or a file of it",
                path.display()
            ),
        )
        .help("write to another file, for instance -o export.jsonl"));
    }
    Ok(())
}
