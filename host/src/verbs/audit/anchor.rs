//! `audit anchor`: a checkpoint for somebody else to keep.

use super::house;
use crate::cli::AuditAnchor;
use crate::exit::{Failure, STORE};
use crate::world::{SystemClock, SystemRng};
use crate::{open, print};
use ::audit::{Anchor, AuditError};
use serde_json::json;
use sign::{KeyError, Keyring};
use types::Clock;

pub fn run(asked: &AuditAnchor) -> Result<u8, Failure> {
    let (root, store) = open::store_of(&asked.house.house)?;
    if !store.exists() {
        runtime::control::may_be_absent(&root, &store)?;
        return Err(AuditError::Nothing.into());
    }
    let house = house(&asked.house.house)?;
    let mut journal = match asked.new_key {
        // What is sealed with the key that is lost cannot be held against another.
        true => open::journal_to_seal(&house)?,
        false => open::journal(&house)?,
    };
    let ring = Keyring::of_house(&house.root);
    let now = SystemClock::new().now();
    if asked.new_key {
        let begun = ::audit::begin_new_key(&mut journal, &ring, &house.name, &SystemRng, now);
        // A kill may have come between the record and the seal.
        if let (Err(AuditError::KeyIsThere), Ok(Some(key))) = (&begun, ring.house_if_any()) {
            runtime::control::seal_anew(&house.root, &key)?;
        }
        let key = begun?;
        runtime::control::seal_anew(&house.root, &key)?;
        print::err(&format!(
            "the house signs with a new key from now on, {}: it is on record, and `audit verify` and charthouse-auditor refuse it unless they are given both keys \
             (docs/audit.md, \"A key that is lost\")\n",
            key.public().fingerprint()
        ));
    }
    ::audit::make(&mut journal, &ring, &house.name, &SystemRng, now)?;
    let Some((_, _, last)) = ::audit::last(&journal)? else {
        return Err(AuditError::Nothing.into());
    };
    let signer = ring.house_if_any().map_err(AuditError::from)?;
    let signer = signer.filter(|signer| signer.public().fingerprint() == last.key);
    let Some(signer) = signer else {
        return Err(AuditError::Key(KeyError::File {
            path: ring.place_of_house(),
            why: format!(
                "the key {} that signed the last checkpoint is not there",
                last.key
            ),
        })
        .into());
    };
    let upto = last.upto;
    let anchor = json!(Anchor::of(last, signer.public()));
    let Some(path) = &asked.output else {
        print::json(&anchor)?;
        return Ok(0);
    };
    std::fs::write(path, format!("{anchor}\n"))
        .map_err(|why| Failure::new(STORE, format!("cannot write {}: {why}", path.display())))?;
    print::out(&format!(
        "record {} ({}), signed with {}\nkeep {} where nobody who can write to this house can write; verify with --anchor\n",
        upto.seq,
        upto.hash,
        signer.public().fingerprint(),
        path.display()
    ))?;
    Ok(0)
}
