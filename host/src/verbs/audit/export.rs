//! `audit export`: a bundle for somebody who trusts nobody here.

use super::{house, verified};
use crate::cli::AuditExport;
use crate::exit::{Failure, NOT_SO};
use crate::verbs::journal::since;
use crate::world::{SystemClock, SystemRng};
use crate::{open, print};
use ::audit::{AuditError, Selection, export};
use definitions::people_in;
use serde_json::json;
use sign::Keyring;
use types::Clock;

pub fn run(asked: &AuditExport) -> Result<u8, Failure> {
    let now = SystemClock::new().now();
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
    let found = verified(&house.root, &journal, &[], None)?;
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
        &found,
        &SystemRng,
        now,
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
