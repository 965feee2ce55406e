//! `audit export`: a bundle for somebody who trusts nobody here.

use super::{house, trusted, verified};
use crate::cli::AuditExport;
use crate::exit::{Failure, NOT_SO};
use crate::verbs::change::Made;
use crate::verbs::journal::since;
use crate::world::{SystemClock, SystemRng};
use crate::{open, print};
use ::audit::{AuditError, Piece, Selection, Tells, export};
use change::{Comparison, Moment, Tone};
use definitions::people_in;
use serde_json::json;
use sign::Keyring;
use types::Clock;

pub fn run(asked: &AuditExport) -> Result<u8, Failure> {
    let now = SystemClock::new().now();
    let trusted = trusted(asked.trust.as_deref())?;
    let since = asked
        .since
        .as_deref()
        .map(|text| since(text, asked.utc, now));
    if open::journal_to_read(&asked.house.house)?.is_none() {
        return Err(AuditError::Nothing.into());
    }
    let house = house(&asked.house.house)?;
    let mut journal = open::journal(&house)?;
    let ring = Keyring::of_house(&house.root);
    // The report says what the house itself finds, so that nobody is handed what does not hold without being told.
    ::audit::make(&mut journal, &ring, &house.name, &SystemRng, now)?;
    let found = verified(&house.root, &journal, &trusted, None)?;
    let made = Made::of(&journal, &house.root)?;
    let tells = Tells {
        differences: &|number, seq| made.differs(number, seq).map(|found| pieces(&found)),
        instant: &|text| Moment::parse(text).ok().map(|moment| moment.time()),
        now,
    };
    let selection = Selection {
        change: asked.change.clone(),
        since: since.transpose()?,
    };
    let done = export(
        &mut journal,
        &asked.output,
        &selection,
        &house.name,
        &ring,
        &people_in,
        &tells,
        &found,
        &SystemRng,
    )?;
    if asked.json {
        print::json(&json!({
            "out": asked.output, "ok": found.ok, "records": done.records, "bodies": done.bodies, "changes": done.changes, "files": done.files, "key": done.key,
        }))?;
    } else {
        let changes = match done.changes.is_empty() {
            true => "no change".to_owned(),
            false => done.changes.join(", "),
        };
        print::out(&format!(
            "{}: {} records, {} of them in full; {changes}\nsigned with {}; verify with `charthouse-auditor {}`, read report.html there\n",
            asked.output.display(),
            done.records,
            done.bodies,
            done.key,
            asked.output.display()
        ))?;
        if let Some(why) = &found.why {
            print::err(&format!(
                "warning: not all of it holds, and the bundle says so: {why}\n"
            ));
        }
    }
    Ok(if found.ok { 0 } else { NOT_SO })
}

/// Columns of the report's page.
const WIDTH: usize = 96;

/// `found` as text, in pieces. The text itself has no control characters: they mark where a piece begins.
fn pieces(found: &Comparison) -> Vec<Piece> {
    const TONES: [&str; 7] = ["", "title", "added", "removed", "widens", "narrows", "dim"];
    let mark = |tone: usize| char::from(u8::try_from(tone).unwrap_or(0) + 1);
    let styled = |tone: Tone, text: &str| {
        let tone = match tone {
            Tone::Plain => 0,
            Tone::Title => 1,
            Tone::Added => 2,
            Tone::Removed => 3,
            Tone::Widens => 4,
            Tone::Narrows => 5,
            Tone::Dim => 6,
        };
        format!("{}{text}{}", mark(tone), mark(0))
    };
    let text = found.text(WIDTH, &styled);
    let mut pieces = Vec::new();
    let mut piece = Piece {
        tone: "",
        text: String::new(),
    };
    for c in text.chars() {
        match (0..TONES.len()).find(|tone| mark(*tone) == c) {
            None => piece.text.push(c),
            Some(tone) => {
                let next = Piece {
                    tone: TONES[tone],
                    text: String::new(),
                };
                pieces.push(std::mem::replace(&mut piece, next));
            }
        }
    }
    pieces.push(piece);
    pieces.retain(|piece| !piece.text.is_empty());
    pieces
}
