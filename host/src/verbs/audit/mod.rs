//! `audit`: the record as evidence, for whoever trusts nobody here.

mod anchor;
mod export;
mod verify;

use crate::cli::AuditVerb;
use crate::exit::{DEFINITIONS, Failure};
use crate::{open, print};
use ::audit::{AuditError, Outside, Verified};
use definitions::people_in;
use journal::Journal;
use sign::{KeyError, Keyring, People, PublicKey, Trusted};
use std::path::Path;

pub fn run(verb: &AuditVerb) -> Result<u8, Failure> {
    match verb {
        AuditVerb::Verify(asked) => verify::run(asked),
        AuditVerb::Anchor(asked) => anchor::run(asked),
        AuditVerb::Export(asked) => export::run(asked),
        AuditVerb::Review(asked) => {
            super::management_review::run(&open::house(&asked.house.house)?, asked)
        }
    }
}

/// Verify `journal` of the house in `root`. What lies there besides the journal may be anything: it only ever makes more to complain of.
fn verified(
    root: &Path,
    journal: &Journal,
    trusted: &[Trusted],
    anchor: Option<&::audit::Anchor>,
) -> Result<Verified, AuditError> {
    let now = std::fs::read(root.join("house.yaml")).ok();
    let people: People = now.and_then(|text| people_in(&text)).unwrap_or_default();
    let lies = std::fs::read_to_string(root.join(".charthouse/keys/house.pub")).ok();
    let lies = lies.and_then(|text| PublicKey::parse(&text).ok());
    let noted = ::audit::noted(&Keyring::of_house(root), journal);
    let outside = Outside {
        reads: &people_in,
        people: &people,
        house_key: lies.as_ref(),
        trusted,
        noted: noted.as_ref(),
        anchor,
    };
    ::audit::verify(journal, &outside)
}

/// The keys in the file `--trust`, if there is one.
fn trusted(path: Option<&Path>) -> Result<Vec<Trusted>, Failure> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    sign::trusted(&read("--trust", path)?)
        .map_err(|(line, why)| unreadable("--trust", path, line, &why))
}

/// A file that was named on the command line.
fn read(option: &str, path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|why| {
        Failure::new(
            crate::exit::USAGE,
            format!("{option} {}: {why}", path.display()),
        )
    })
}

/// A key of such a file that cannot be read.
fn unreadable(option: &str, path: &Path, line: usize, why: &KeyError) -> Failure {
    let at = match line {
        0 => String::new(),
        line => format!(":{line}"),
    };
    Failure::new(
        crate::exit::USAGE,
        format!("{option} {}{at}: {why}", path.display()),
    )
    .help(why.help())
}

/// The house in `directory`, whatever is wrong with what it does not need here.
fn house(directory: &Path) -> Result<definitions::House, Failure> {
    definitions::load(directory)
        .map_err(|report| Failure::report(DEFINITIONS, report.render(print::color_on_stderr())))
}
