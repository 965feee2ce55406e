//! The house signs how far its record has come. From then on nobody without its key can change, remove or move anything before, however many hashes they make anew.

use crate::anchor::Anchor;
use crate::error::AuditError;
use journal::{GENESIS, HOUSE_RUN, Head, Journal, NewRecord, Record, RecordId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sign::{
    KeyError, Keyring, PublicKey, Seen, SignatureError, Signer, Statement, canonical, verify_bytes,
};
use std::collections::BTreeSet;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use types::{ContentHash, Rng, Timestamp};

/// The kind of the records that say how far it had come.
pub const CHECKPOINT: &str = "checkpoint";
/// The kind of the records that say whose a key is.
pub const IDENTITY: &str = "identity";
/// After which releases a checkpoint is due.
const RELEASED: &str = "change.released";

/// How often somebody who goes on writing signs: by default after 1,000 records, and what there is after an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every {
    /// After so many records.
    pub records: u64,
    /// After so many milliseconds, if there is anything to be signed.
    pub ms: i64,
}

impl Default for Every {
    fn default() -> Self {
        Every {
            records: 1_000,
            ms: 60 * 60 * 1_000,
        }
    }
}

/// How far the record had come, as the house signed it: the body of a record of the kind [`CHECKPOINT`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The last record that it covers.
    pub upto: Upto,
    /// How many records that are.
    pub records: u64,
    /// When, in RFC 3339.
    pub time: String,
    /// The house's name.
    pub house: String,
    /// The fingerprint of the house's key.
    pub key: String,
    /// The signature over [`Checkpoint::text`].
    pub signature: String,
}

/// A record by number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upto {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: ContentHash,
}

impl Checkpoint {
    /// What is signed: canonical JSON.
    pub fn text(&self) -> String {
        canonical(&json!({
            "act": CHECKPOINT, "hash": self.upto.hash, "house": self.house, "records": self.records, "seq": self.upto.seq, "time": self.time,
        }))
    }

    /// Whether `key` signed it.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SignatureError> {
        verify_bytes(self.text().as_bytes(), &self.signature, key)?;
        match self.key == key.fingerprint() {
            true => Ok(()),
            false => Err(SignatureError::OtherKey {
                found: key.fingerprint(),
                said: self.key.clone(),
            }),
        }
    }
}

/// Sign the record up to its end, if anything was recorded since the last time and it follows on what the house has signed last. The house's key is made when it is first
/// needed, and put on record with its first checkpoint. Agents' keys that it has made itself, and that an older version put on record without its signature, are put
/// there with it.
///
/// # Errors
/// [`AuditError::Broken`] where the record does not hold since it was signed last; when the key cannot be used, is lost or is another than is on record, and when
/// nothing can be written.
pub fn make(
    journal: &mut Journal,
    ring: &Keyring,
    house: &str,
    rng: &dyn Rng,
    now: Timestamp,
) -> Result<Option<Checkpoint>, AuditError> {
    // What others append meanwhile is signed the next time, when it was looked at.
    let head = journal.head()?;
    let known = follows(journal, ring)?;
    let ends_signed = match journal.record(RecordId(head.seq))? {
        Some(last) => last.kind == CHECKPOINT,
        None => true,
    };
    let unsigned = unsigned_agents(journal, ring)?;
    if ends_signed && unsigned.is_empty() {
        return Ok(None);
    }
    let key = ring.house(house, &known, rng)?.signer;
    sign(journal, ring, house, &key, head, now, &unsigned).map(Some)
}

/// Begin a new key of the house, or begin to use another that was put in its place, because the one on record is lost: it is put on record at once, with a checkpoint.
/// Whoever verifies is told, and has to be given both keys from outside.
///
/// # Errors
/// [`AuditError::KeyIsThere`] where the one on record is there; and as [`make`].
pub fn begin_new_key(
    journal: &mut Journal,
    ring: &Keyring,
    house: &str,
    rng: &dyn Rng,
    now: Timestamp,
) -> Result<Signer, AuditError> {
    let known = of_house(journal)?;
    match ring.house(house, &known, rng) {
        Err(KeyError::Lost { .. } | KeyError::OtherThanKnown { .. }) => {}
        Ok(_) => return Err(AuditError::KeyIsThere),
        Err(error) => return Err(error.into()),
    }
    let head = journal.head()?;
    follows(journal, ring)?;
    let key = ring.new_house(house, rng)?.signer;
    sign(journal, ring, house, &key, head, now, &BTreeSet::new())?;
    Ok(key)
}

/// Refuse to sign behind a record that does not hold: what would be signed then is what somebody made of it. Only what stands behind the last checkpoint is read.
/// What comes back are the keys that are on record as the house's.
fn follows(journal: &Journal, ring: &Keyring) -> Result<Vec<PublicKey>, AuditError> {
    // Another process may make the first checkpoint meanwhile: the key that it brings stands before it, so whoever has read the one finds the other.
    let last = last(journal)?;
    let known = of_house(journal)?;
    let (from, hash) = match last {
        None => (0, GENESIS),
        Some((seq, _, last)) => {
            let key = known.iter().find(|key| key.fingerprint() == last.key);
            if key.is_none_or(|key| last.verify(key).is_err()) {
                return Err(AuditError::broken(seq.0, "the house did not sign it"));
            }
            (last.upto.seq, last.upto.hash)
        }
    };
    if let Some(bad) = journal.first_bad_from(from, hash)? {
        return Err(AuditError::broken(
            bad,
            "it is not as it was written, or it is missing",
        ));
    }
    // What the house has signed last is noted beside its key too, so that a journal of which the end is gone, the checkpoint with it, is not taken for whole.
    let Some(noted) = noted(ring, journal) else {
        return Ok(known);
    };
    let upto = noted.checkpoint.upto;
    let there = journal.record(RecordId(upto.seq))?;
    let is_ours = noted
        .key()
        .is_ok_and(|key| known.is_empty() || known.iter().any(|known| known.is(&key)));
    match is_ours && there.is_some_and(|there| there.hash == upto.hash) {
        true => Ok(known),
        false => Err(AuditError::Gone {
            record: upto.seq,
            noted: ring.place_of_signed(journal.path()),
        }),
    }
}

/// What the house has signed last of `journal`, as it is noted beside its key; nothing where no note is there that makes sense.
pub fn noted(ring: &Keyring, journal: &Journal) -> Option<Anchor> {
    let text = std::fs::read_to_string(ring.place_of_signed(journal.path())).ok()?;
    Anchor::parse(&text).ok()
}

/// Note in `place`, beside the key of the house, what was signed with it. One that says too little, or is not there, does no harm.
fn note(place: PathBuf, signed: &Checkpoint, key: &Signer) {
    let part = place.with_extension(format!("part-{}", std::process::id()));
    let text = format!("{}\n", json!(Anchor::of(signed.clone(), key.public())));
    // After a power loss it is the one before or this one, and never an empty file.
    let written = std::fs::File::create(&part).and_then(|mut file| {
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
    });
    let _ = written.and_then(|()| std::fs::rename(&part, place));
}

/// Sign up to `head` with `key`, the house's from now on, and whose the keys of `agents` are.
fn sign(
    journal: &mut Journal,
    ring: &Keyring,
    house: &str,
    key: &Signer,
    head: Head,
    now: Timestamp,
    agents: &BTreeSet<(String, String)>,
) -> Result<Checkpoint, AuditError> {
    let mut made = Checkpoint {
        upto: Upto {
            seq: head.seq,
            hash: head.hash,
        },
        records: head.seq,
        time: types::rfc3339(now),
        house: house.to_owned(),
        key: key.public().fingerprint(),
        signature: String::new(),
    };
    made.signature = key.sign_bytes(made.text().as_bytes());
    let identity = json!({ "who": "house", "key": key.public().to_string() }).to_string();
    let body = json!(made).to_string();
    let record = |kind, body| NewRecord {
        run: HOUSE_RUN,
        time: now,
        kind,
        body,
    };
    let signed: Vec<String> = agents
        .iter()
        .map(|(who, public)| {
            let (seq, hash) = (head.seq, head.hash);
            let time = types::rfc3339(now);
            let said = Statement::of_identity(who, public, house, Seen { hash, seq }, time);
            json!({ "who": who, "key": public, "signed": key.sign(&said) }).to_string()
        })
        .collect();
    let mut records: Vec<NewRecord<'_>> = signed
        .iter()
        .map(|body| record(IDENTITY, body.as_str()))
        .collect();
    records.push(record(CHECKPOINT, body.as_str()));
    let known = of_house(journal)?;
    if !known.iter().any(|known| known.is(key.public())) {
        records.insert(0, record(IDENTITY, identity.as_str()));
    }
    journal.append(&records)?;
    note(ring.place_of_signed(journal.path()), &made, key);
    Ok(made)
}

/// The last checkpoint, with the number of its record.
///
/// # Errors
/// When reading fails.
pub fn last(journal: &Journal) -> Result<Option<(RecordId, Timestamp, Checkpoint)>, AuditError> {
    let mut found = None;
    journal.latest_first(CHECKPOINT, |seq, time, body| {
        found = serde_json::from_str(body)
            .ok()
            .map(|checkpoint| (seq, time, checkpoint));
        match found {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    })?;
    Ok(found)
}

/// Whether somebody who goes on writing should sign now: so many records or so much time as `every` says, or a release since the last checkpoint.
///
/// # Errors
/// When reading fails.
pub fn is_due(journal: &Journal, now: Timestamp, every: Every) -> Result<bool, AuditError> {
    let head = journal.head()?.seq;
    let (signed, at) = last(journal)?.map_or((0, None), |(seq, time, _)| (seq.0, Some(time)));
    if head <= signed {
        return Ok(false);
    }
    let first = journal.record(RecordId(signed + 1))?;
    let since = at.or(first.map(|record| record.time)).unwrap_or(now);
    // A clock that was set back must not keep it from being signed.
    let is_late = now.0.abs_diff(since.0) >= every.ms.unsigned_abs();
    let mut released = 0;
    journal.latest_first(RELEASED, |seq, _, _| {
        released = seq.0;
        ControlFlow::Break(())
    })?;
    Ok(is_late || head - signed >= every.records || released > signed)
}

/// Agents with their keys, which the house has, and has not signed that they are theirs.
fn unsigned_agents(
    journal: &Journal,
    ring: &Keyring,
) -> Result<BTreeSet<(String, String)>, AuditError> {
    let (mut unsigned, mut signed) = (BTreeSet::new(), BTreeSet::new());
    for record in journal.of_kind(IDENTITY)? {
        let body: Value = serde_json::from_str(&record.body).unwrap_or_default();
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let (who, key) = (text("who"), text("key"));
        let Some(agent) = who.strip_prefix("agent:") else {
            continue;
        };
        // Whether that signature holds is told by whoever verifies.
        if body["signed"]["by"] == "house" {
            signed.insert((who, key));
            continue;
        }
        let own = ring.agent_if_any(agent).ok().flatten();
        let public = PublicKey::parse(&key).ok();
        if own
            .zip(public)
            .is_some_and(|(own, key)| own.public().is(&key))
        {
            unsigned.insert((who, key));
        }
    }
    Ok(unsigned.difference(&signed).cloned().collect())
}

/// The keys that are on record as the house's, the newest last.
pub fn of_house(journal: &Journal) -> Result<Vec<PublicKey>, AuditError> {
    let key = |record: &Record| {
        let body: Value = serde_json::from_str(&record.body).ok()?;
        (body["who"] == "house")
            .then(|| PublicKey::parse(body["key"].as_str()?).ok())
            .flatten()
    };
    Ok(journal.of_kind(IDENTITY)?.iter().filter_map(key).collect())
}
