//! Whether all of it still holds: the chain, every checkpoint, every signature, and what is kept outside.

use crate::agrees;
use crate::anchor::Anchor;
use crate::checkpoint::{CHECKPOINT, Checkpoint, IDENTITY};
use crate::error::AuditError;
use crate::people::{Reads, Signers};
use journal::{EVIDENCE, Journal, Record, Which, is_evidence};
use serde::Serialize;
use serde_json::Value;
use sign::{People, PublicKey, Signed, Trusted};
use std::collections::{BTreeSet, HashMap};
use types::{ContentHash, Timestamp};

/// What does not come from the journal.
pub struct Outside<'a> {
    /// Reads the people out of the text of a `house.yaml`.
    pub reads: Reads<'a>,
    /// The people as `house.yaml` has them today.
    pub people: &'a People,
    /// The public key that lies in the house, if any does.
    pub house_key: Option<&'a PublicKey>,
    /// Keys that somebody from outside vouches for; where there are any, the house's must be among them.
    pub trusted: &'a [Trusted],
    /// What the house has signed last, as it is noted beside its key.
    pub noted: Option<&'a Anchor>,
    /// A checkpoint that was kept outside.
    pub anchor: Option<&'a Anchor>,
}

/// A record that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bad {
    /// Its number; 0 where it is about no record.
    pub record: u64,
    /// What is wrong with it.
    pub what: String,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Whether all holds.
    pub ok: bool,
    /// How many records there are.
    pub records: u64,
    /// The number of the first one that does not hold.
    pub first_bad: Option<u64>,
    /// What is wrong with it.
    pub why: Option<String>,
    /// Everything that was found, by record; at most a hundred.
    pub bad: Vec<Bad>,
    /// How many checkpoints hold.
    pub checkpoints: u64,
    /// The last record that a checkpoint covers.
    pub signed_through: u64,
    /// How many records no checkpoint covers yet. The chain alone holds these.
    pub unsigned: u64,
    /// How many signatures of people and agents hold.
    pub signatures: u64,
    /// Who signed.
    pub signers: BTreeSet<String>,
    /// The fingerprint of the house's key.
    pub house_key: Option<String>,
    /// Whether somebody from outside vouches for that key.
    pub trusted: bool,
    /// The record up to which an anchor from outside proves it.
    pub anchored: Option<u64>,
    /// How many bodies were taken out.
    pub compacted: u64,
    /// What is not wrong and should be known.
    pub notes: Vec<String>,
}

/// How much of what is wrong is told.
const MOST_TOLD: usize = 100;

/// Verify all of `journal`.
///
/// # Errors
/// When it cannot be read at all.
pub fn verify(journal: &Journal, outside: &Outside<'_>) -> Result<Verified, AuditError> {
    let chain = journal.verify()?;
    let mut walk = Walk {
        signers: Signers::new(outside.reads, outside.people, outside.trusted),
        hashes: Vec::new(),
        uncovered: Vec::new(),
        signs_identities: false,
        is_bound: false,
        unsigned_identities: 0,
        used: HashMap::new(),
        found: Verified {
            records: chain.records,
            compacted: chain.compacted,
            ..Verified::default()
        },
    };
    let broken = chain.first_bad.unwrap_or(u64::MAX);
    if let Some(bad) = chain.first_bad {
        let what = match bad > chain.records {
            true => "it is missing: the journal had come further than this",
            false => "it is not as it was written, or one is missing, moved or too many before it",
        };
        walk.bad(bad, what);
    }
    let read = journal.each(Which::All, |record| {
        // Behind a break everything may be anybody's.
        if record.seq.0 < broken {
            walk.look(&record);
        }
        Ok::<_, AuditError>(())
    });
    if let Err(error) = read
        && chain.ok
    {
        return Err(error);
    }
    walk.end(outside, chain.ok);
    // Where the head cannot be read either, the chain is what has to be told of.
    if journal.lacks_witness().unwrap_or(false) {
        let path = journal.path().display();
        let what = format!(
            "{path}-head, which says how far the journal had come, is not there or says nothing: what is cut off behind the last checkpoint is not missed"
        );
        walk.found.notes.push(what);
    }
    Ok(walk.found)
}

struct Walk<'a> {
    signers: Signers<'a>,
    /// The hash of every record so far.
    hashes: Vec<ContentHash>,
    /// Records that no checkpoint covers so far, besides checkpoints and the keys that came with them.
    uncovered: Vec<u64>,
    /// Whether the house has signed whose key an agent's is.
    signs_identities: bool,
    /// Whether statements say what is asked for, ordered or put in force.
    is_bound: bool,
    /// How many agents' keys it has not signed.
    unsigned_identities: u64,
    /// Under which kinds each statement was used, and when.
    used: HashMap<ContentHash, HashMap<String, Timestamp>>,
    found: Verified,
}

impl Walk<'_> {
    fn bad(&mut self, record: u64, what: impl Into<String>) {
        if self.found.bad.len() < MOST_TOLD {
            self.found.bad.push(Bad {
                record,
                what: what.into(),
            });
        }
    }

    fn look(&mut self, record: &Record) {
        let seq = record.seq.0;
        self.hashes.push(record.hash);
        if !matches!(record.kind.as_str(), CHECKPOINT | IDENTITY) {
            self.uncovered.push(seq);
        }
        if record.is_compacted() {
            if is_evidence(&record.kind) {
                let all = EVIDENCE.join(", ");
                self.bad(seq, format!("its body was taken out, and that of `{}` is kept for ever (so are all of {all})", record.kind));
            }
            return;
        }
        let Ok(body) = serde_json::from_str::<Value>(&record.body) else {
            return self.bad(seq, "its body is no JSON");
        };
        if let Err(what) = self.signers.before(record, &body) {
            self.bad(seq, what);
        }
        match record.kind.as_str() {
            CHECKPOINT => self.checkpoint(seq, &body),
            _ => self.signature(record, &body),
        }
        self.signers.after(record, &body);
    }

    fn checkpoint(&mut self, seq: u64, body: &Value) {
        let checkpoint: Checkpoint = match serde::Deserialize::deserialize(body) {
            Ok(checkpoint) => checkpoint,
            Err(why) => return self.bad(seq, format!("it is no checkpoint: {why}")),
        };
        let keys = self.signers.of_house();
        let key = keys.iter().find(|key| key.fingerprint() == checkpoint.key);
        let Some(key) = key.cloned() else {
            return self.bad(
                seq,
                format!(
                    "it is signed with {}, which does not count as the house's key",
                    checkpoint.key
                ),
            );
        };
        if let Err(why) = checkpoint.verify(&key) {
            return self.bad(seq, format!("its signature is refused: {why}"));
        }
        let upto = checkpoint.upto;
        if upto.seq >= seq || checkpoint.records != upto.seq {
            return self.bad(seq, "it covers records that were not there yet");
        }
        if self.hash_of(upto.seq) != Some(upto.hash) {
            return self.bad(
                seq,
                format!("the house signed another history: record {} had the hash {} when this was signed", upto.seq, upto.hash),
            );
        }
        self.found.checkpoints += 1;
        self.uncovered.retain(|uncovered| *uncovered > upto.seq);
        self.found.signed_through = self.found.signed_through.max(upto.seq);
        self.found.house_key = Some(key.fingerprint());
    }

    fn signature(&mut self, record: &Record, body: &Value) {
        let seq = record.seq.0;
        let signed = match &body["signed"] {
            Value::Null if agrees::must_be_signed(&record.kind) => {
                return self.bad(seq, "nobody has signed it");
            }
            // What other records call so is theirs.
            signed if signed["statement"].is_null() && !agrees::must_be_signed(&record.kind) => {
                return self.unsigned(record, body);
            }
            signed => signed,
        };
        let signed: Signed = match serde::Deserialize::deserialize(signed) {
            Ok(signed) => signed,
            Err(why) => return self.bad(seq, format!("its signature cannot be read: {why}")),
        };
        let said = match self.signers.verify(&signed) {
            Ok(said) => said,
            Err(why) => {
                return self.bad(
                    seq,
                    format!("the signature of {} is refused: {why}", signed.by),
                );
            }
        };
        if let Err(why) = agrees::check(&said, seq, &record.run, &record.kind, body, self.is_bound)
        {
            return self.bad(seq, why);
        }
        if said.seen.seq > 0 && self.hash_of(said.seen.seq) != Some(said.seen.hash) {
            return self.bad(seq, "it was signed for another history than this one");
        }
        let kinds = self
            .used
            .entry(ContentHash::of(signed.statement.as_bytes()))
            .or_default();
        let earlier = kinds.insert(record.kind.clone(), record.time);
        // One act may be several facts of a workflow, at once; of a change each is another act.
        let is_one_act = earlier == Some(record.time) && !agrees::must_be_signed(&record.kind);
        if earlier.is_some() && !is_one_act {
            return self.bad(
                seq,
                "the same statement stands in an earlier record of this kind: it was used twice",
            );
        }
        self.found.signatures += 1;
        self.signs_identities |= record.kind == IDENTITY;
        self.is_bound |= agrees::binds(&said, &record.kind, body);
        self.found.signers.insert(signed.by);
    }

    /// Nobody has to sign it. That the house signs whose key is an agent's came later than such keys.
    fn unsigned(&mut self, record: &Record, body: &Value) {
        let is_agent = body["who"]
            .as_str()
            .is_some_and(|who| who.starts_with("agent:"));
        if record.kind != IDENTITY || !is_agent {
            return;
        }
        if self.signs_identities {
            let what = "the house has not signed whose key it is, as it had begun to";
            return self.bad(record.seq.0, what);
        }
        self.unsigned_identities += 1;
    }

    /// The hash of record `seq`, as far as it was read.
    fn hash_of(&self, seq: u64) -> Option<ContentHash> {
        let place = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.hashes.get(place).copied()
    }

    fn end(&mut self, outside: &Outside<'_>, chain_holds: bool) {
        let last = self.hashes.len() as u64;
        self.found.unsigned = self.uncovered.len() as u64;
        let keys = self.signers.of_house().to_vec();
        if self.found.checkpoints == 0 && self.found.records > 0 && chain_holds {
            self.bad(
                0,
                "no record is signed: there is no checkpoint of the house",
            );
        }
        if let Some(lies) = outside.house_key
            && !keys.is_empty()
            && !keys.iter().any(|key| key.is(lies))
        {
            self.bad(
                0,
                format!(
                    "the key that lies in the house ({}) is not the one on record",
                    lies.fingerprint()
                ),
            );
        }
        self.trust(outside, &keys);
        match outside.noted {
            // Behind a break it cannot be looked for.
            Some(noted) if chain_holds => self.noted(noted, last, &keys),
            Some(_) => {}
            None if self.found.checkpoints > 0 => self.found.notes.push("beside the house's key it is not noted what it has signed last (.charthouse/keys/*.signed): the next checkpoint notes it. Until then a journal that was cut off before its last checkpoint is found by an anchor alone".into()),
            None => {}
        }
        if let Some(anchor) = outside.anchor {
            self.anchor(anchor, last, &keys);
        }
        let found = &mut self.found;
        found.bad.sort_by_key(|bad| match bad.record {
            0 => u64::MAX,
            record => record,
        });
        found.ok = found.bad.is_empty();
        found.first_bad = found
            .bad
            .first()
            .map(|bad| bad.record)
            .filter(|record| *record > 0);
        found.why = found.bad.first().map(|bad| bad.what.clone());
        if found.unsigned > 0 {
            found.notes.push(format!(
                "records that the chain alone holds, and no checkpoint covers yet: {}",
                found.unsigned
            ));
        }
        if self.unsigned_identities > 0 {
            found.notes.push(format!(
                "agents' keys that the house has not signed when it recorded them, as older versions did (the next checkpoint vouches for them): {}",
                self.unsigned_identities
            ));
        }
        if !found.trusted && found.checkpoints > 0 {
            found.notes.push("the house's key is taken from its own record: compare it with one that was kept elsewhere (--trust FILE)".into());
        }
        if found.anchored.is_none() {
            found.notes.push("whoever has the house and its key could have made another history: keep `charthouse audit anchor` elsewhere, and verify with --anchor FILE".into());
        }
    }

    fn trust(&mut self, outside: &Outside<'_>, keys: &[PublicKey]) {
        let mut of_house = outside
            .trusted
            .iter()
            .filter(|trusted| {
                trusted.principals.is_empty() || trusted.principals.iter().any(|who| who == "house")
            })
            .peekable();
        if of_house.peek().is_none() {
            return;
        }
        let all: Vec<&Trusted> = of_house.collect();
        let is_trusted = |key: &PublicKey| all.iter().any(|trusted| trusted.key.is(key));
        match keys.iter().find(|key| !is_trusted(key)) {
            Some(key) => self.bad(
                0,
                format!(
                    "the house's key on record ({}) is not the one that is trusted",
                    key.fingerprint()
                ),
            ),
            None if keys.is_empty() => self.bad(0, "no key of the house is on record"),
            None => self.found.trusted = true,
        }
    }

    /// What the house has signed last has to be there. Of a house whose key is on record no more (all of its record was exchanged) the key itself is told already.
    fn noted(&mut self, noted: &Anchor, last: u64, keys: &[PublicKey]) {
        let upto = noted.checkpoint.upto;
        let is_ours = noted
            .key()
            .is_ok_and(|key| keys.iter().any(|known| known.is(&key)));
        if upto.seq > last {
            let what = format!(
                "it is missing: the house has signed its record up to record {}, as is noted beside its key",
                upto.seq
            );
            self.bad(last + 1, what);
        } else if self.hash_of(upto.seq) != Some(upto.hash) {
            let what = "it is not the one that the house has signed last, as is noted beside its key: it, or something before it, is another";
            self.bad(upto.seq, what);
        } else if !is_ours {
            let what = "what is noted beside the house's key was signed with one that does not count as the house's";
            self.bad(0, what);
        }
    }

    fn anchor(&mut self, anchor: &Anchor, last: u64, keys: &[PublicKey]) {
        let upto = anchor.checkpoint.upto;
        let is_ours = anchor
            .key()
            .is_ok_and(|key| keys.iter().any(|known| known.is(&key)));
        if upto.seq > last {
            self.bad(
                last + 1,
                format!(
                    "it is missing: when the anchor was made there were {} records",
                    upto.seq
                ),
            );
        } else if self.hash_of(upto.seq) != Some(upto.hash) {
            self.bad(
                upto.seq,
                "it is not the one that was anchored: it, or something before it, is another",
            );
        } else if !is_ours {
            self.bad(
                0,
                "the anchor was signed with a key that does not count as the house's",
            );
        } else {
            self.found.anchored = Some(upto.seq);
        }
    }
}
