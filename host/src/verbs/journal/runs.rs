//! The list of runs: whose, how each stands and where, what it cost, and when.

use super::known::{Known, Standing};
use super::paper::{Paper, Stop, unless_closed};
use super::story::one_line;
use super::told::Told;
use super::when::Zone;
use crate::exit::{Failure, NOT_SO};
use crate::print::{self, BOLD, DIM, GREEN, Paint, RED, YELLOW, shorten};
use ::journal::{Journal, RunSummary, Which};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use unicode_width::UnicodeWidthStr;

/// Kinds that say how a run stands and what it cost.
const KINDS: [&str; 8] = [
    "started", "rested", "ended", "paused", "resumed", "gave_up", "cost", "migrated",
];
/// Columns for states.
const STATES: usize = 20;
/// Columns for an agent.
const AGENT: usize = 14;

pub fn list(journal: &Journal, zone: &Zone, as_json: bool, full: bool) -> Result<u8, Failure> {
    let runs = journal.runs()?;
    if runs.is_empty() && !as_json {
        return match journal.damage().is_none() && journal.check_end().is_ok() {
            // A person may have added to memory before any agent ran.
            true => super::nothing_yet(None),
            // What is not there any more is none of what never was.
            false => Ok(NOT_SO),
        };
    }
    let known = match as_json && !full {
        true => BTreeMap::new(),
        false => known(journal)?,
    };
    let mut paper = Paper::stdout();
    let written = match as_json {
        true => write_json(&mut paper, &runs, &known, full),
        false => write(&mut paper, &runs, &known, zone),
    };
    unless_closed(written.and_then(|()| paper.flush()))?;
    Ok(0)
}

fn write_json(
    paper: &mut Paper,
    runs: &[RunSummary],
    known: &BTreeMap<String, Known>,
    full: bool,
) -> Result<(), Stop> {
    for run in runs {
        let mut line = json!({
            "run": run.run, "first": run.first, "last": run.last, "records": run.records,
        });
        if full {
            let nothing = Known::default();
            let known = known.get(&run.run).unwrap_or(&nothing);
            line["agent"] = known.agent.as_str().into();
            line["status"] = status(known).0.into();
            line["states"] = known.states.clone().into();
            line["usd"] =
                Value::from((!known.unpriced).then(|| known.spent.normalize().to_string()));
        }
        paper.line(&line.to_string())?;
    }
    Ok(())
}

fn write(
    paper: &mut Paper,
    runs: &[RunSummary],
    known: &BTreeMap<String, Known>,
    zone: &Zone,
) -> Result<(), Stop> {
    let paint = Paint::new(print::color_on_stdout());
    let heading = format!(
        "{:<24}  {:<AGENT$}  {:<9}  {:<STATES$}  {:>8}  {:<11}",
        "run", "agent", "status", "state", "USD", "began"
    );
    paper.line(&paint.with(BOLD, heading.trim_end()))?;
    let nothing = Known::default();
    for run in runs {
        let known = known.get(&run.run).unwrap_or(&nothing);
        let (word, style) = status(known);
        let usd = match known.unpriced {
            true => format!("≥{}", known.spent.round_dp(4).normalize()),
            false => known.spent.round_dp(4).normalize().to_string(),
        };
        let states = cut(&one_line(&known.states.join(" + ")), STATES);
        let line = format!(
            "{:<24}  {}  {}  {}  {:>8}  {}",
            run.run,
            cut(&one_line(&known.agent), AGENT),
            paint.with(style, &format!("{word:<9}")),
            states,
            usd,
            zone.short(run.first),
        );
        paper.line(line.trim_end())?;
    }
    let note = format!(
        "times are {}; what happened: charthouse journal show RUN",
        zone.name()
    );
    paper.line(&paint.with(DIM, &note))
}

/// `text` in exactly so many columns.
fn cut(text: &str, columns: usize) -> String {
    let shown = shorten(text, columns);
    let missing = columns.saturating_sub(shown.width());
    shown + &" ".repeat(missing)
}

/// How it stands in a word, and its style.
fn status(known: &Known) -> (&str, &'static str) {
    match &known.standing {
        // Whether a process has it now is not on record.
        Standing::Open => ("open", YELLOW),
        Standing::Paused => ("paused", YELLOW),
        Standing::GaveUp => ("gave up", RED),
        Standing::Rested(status) | Standing::Ended(status) => {
            let style = match status.as_str() {
                "done" => GREEN,
                "failed" => RED,
                _ => YELLOW,
            };
            (status, style)
        }
    }
}

/// What is known of every run, one kind after another: of steps only the last of a run is read.
fn known(journal: &Journal) -> Result<BTreeMap<String, Known>, Failure> {
    let mut last_step: BTreeMap<String, ::journal::Record> = BTreeMap::new();
    let mut standing: BTreeMap<String, (u64, Standing)> = BTreeMap::new();
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for kind in KINDS {
        journal.each(Which::Kind(kind), |record| {
            if kind == "migrated" {
                last_step.insert(record.run.clone(), record);
                return Ok(());
            }
            let told = Told::from(record);
            let run = told.record.run.clone();
            let of_run = known.entry(run.clone()).or_default();
            of_run.see(&told);
            if kind != "cost" {
                let latest = standing.entry(run).or_default();
                if told.seq() >= latest.0 {
                    *latest = (told.seq(), of_run.standing.clone());
                }
            }
            Ok::<_, Failure>(())
        })?;
    }
    journal.each(Which::Kind("step"), |record| {
        let later = last_step
            .get(&record.run)
            .is_none_or(|last| last.seq < record.seq);
        if later {
            last_step.insert(record.run.clone(), record);
        }
        Ok::<_, Failure>(())
    })?;
    for (run, record) in last_step {
        let of_run = known.entry(run.clone()).or_default();
        let told = Told::from(record);
        of_run.see(&told);
        let latest = standing.entry(run).or_default();
        if told.seq() >= latest.0 {
            *latest = (told.seq(), Standing::Open);
        }
    }
    for (run, (_, standing)) in standing {
        known.entry(run).or_default().standing = standing;
    }
    Ok(known)
}
