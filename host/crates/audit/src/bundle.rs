//! What is handed to somebody who trusts nobody here: the whole chain, the signatures, the keys, a report, and a manifest that the house signs.
//!
//! Bodies outside of what was asked for are left out as their hashes, which is all that the chain covers, so that it still verifies. Evidence (changes, identities,
//! checkpoints, costs, what was taken out) is never left out.

use crate::anchor::Anchor;
use crate::checkpoint::{self, Checkpoint};
use crate::error::AuditError;
use crate::figures::Figures;
use crate::people::Reads;
use crate::report::{Report, Tells};
use crate::verify::Verified;
use journal::{Journal, Record, Which, is_evidence};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sign::{Keyring, People, PublicKey, canonical};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use types::{ContentHash, Rng, Timestamp};

/// What a bundle calls itself.
const FORMAT: &str = "charthouse audit bundle 2";

/// What is always there besides the evidence: which definitions there were, and which a run used, so that whoever has the bundle can see whether they were released.
const OF_RUNS: [&str; 3] = ["definitions", "started", "reloaded"];

/// Whose bodies are in it, besides the evidence.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only of what has to do with this change: its instance.
    pub change: Option<String>,
    /// Only of records from this time on.
    pub since: Option<Timestamp>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// How many records.
    pub records: u64,
    /// How many of them with their bodies.
    pub bodies: u64,
    /// The changes that the report tells of.
    pub changes: Vec<String>,
    /// The files, by name.
    pub files: Vec<String>,
    /// The fingerprint of the key that signed the manifest.
    pub key: String,
}

/// Write the bundle of `journal` into the directory `out`, which must not be there yet. `verified` is what was found before; the report says it, and what `tells` tells. The record is signed up
/// to its end first.
///
/// # Errors
/// When nothing is on record, the key cannot be used, or something cannot be written.
#[allow(
    clippy::too_many_arguments,
    reason = "each is another part of the outside world"
)]
pub fn export(
    journal: &mut Journal,
    out: &Path,
    selection: &Selection,
    house: &str,
    ring: &Keyring,
    reads: Reads<'_>,
    tells: &Tells<'_>,
    verified: &Verified,
    rng: &dyn Rng,
) -> Result<Exported, AuditError> {
    let now = tells.now;
    checkpoint::make(journal, ring, house, rng, now)?;
    let Some((_, _, last)) = checkpoint::last(journal)? else {
        return Err(AuditError::Nothing);
    };
    let signer = ring
        .house(house, &checkpoint::of_house(journal)?, rng)?
        .signer;
    let instances = instances(journal, selection.change.as_deref())?;
    let part = beside(out);
    if out.symlink_metadata().is_ok() {
        return Err(AuditError::There(out.to_owned()));
    }
    let _ = std::fs::remove_dir_all(&part);
    let mut bundle = Bundle::begin(&part)?;
    let wanted = Wanted {
        instances,
        since: selection.since,
        all: selection.change.is_none() && selection.since.is_none(),
    };
    let told = bundle.records(journal, &wanted, selection, reads)?;
    bundle.keys(signer.public(), &told.people)?;
    let anchor = Anchor::of(last.clone(), signer.public());
    bundle.put("anchor.json", pretty(&json!(anchor)).as_bytes())?;
    let figures = pretty(&told.figures.value());
    bundle.put("figures.json", figures.as_bytes())?;
    let report = told.report.html(
        &about(house, &last, verified, now),
        &told.figures.value(),
        &ContentHash::of(figures.as_bytes()),
        tells,
    );
    bundle.put("report.html", report.as_bytes())?;
    bundle.put(
        "README.txt",
        readme(house, &signer.public().fingerprint()).as_bytes(),
    )?;
    let manifest = json!({
        "format": FORMAT, "house": house, "made": types::rfc3339(now), "key": signer.public().to_string(), "records": told.records, "bodies": told.bodies,
        "head": { "seq": told.records, "hash": told.head }, "link_2_from": journal.head()?.link_2_from,
        "selection": { "change": selection.change, "since": selection.since.map(types::rfc3339) },
        "files": bundle.files.iter().map(|(name, file)| (name.clone(), json!({ "bytes": file.bytes, "blake3": file.blake3, "sha256": file.sha256 })))
            .collect::<serde_json::Map<_, _>>(),
    });
    let manifest = pretty(&manifest);
    let files: Vec<String> = bundle
        .files
        .keys()
        .cloned()
        .chain(["manifest.json".into(), "manifest.json.sig".into()])
        .collect();
    bundle.put("manifest.json", manifest.as_bytes())?;
    bundle.put(
        "manifest.json.sig",
        signer.sign_bytes(manifest.as_bytes()).as_bytes(),
    )?;
    std::fs::rename(&part, out).map_err(|why| failed(out, &why))?;
    Ok(Exported {
        records: told.records,
        bodies: told.bodies,
        changes: told.figures.changes().map(str::to_owned).collect(),
        files,
        key: signer.public().fingerprint(),
    })
}

/// The instances of a change, and whatever else is recorded under their names.
fn instances(journal: &Journal, change: Option<&str>) -> Result<BTreeSet<String>, AuditError> {
    let Some(change) = change else {
        return Ok(BTreeSet::new());
    };
    let mut found = BTreeSet::new();
    let mut is_there = false;
    journal.each(Which::All, |record| {
        if record.kind.starts_with("change.")
            && let Ok(body) = serde_json::from_str::<Value>(&record.body)
            && body["change"] == change
        {
            is_there = true;
            if record.run != journal::HOUSE_RUN {
                found.insert(record.run);
            }
        }
        Ok::<_, AuditError>(())
    })?;
    match is_there {
        true => Ok(found),
        false => Err(AuditError::NoChange(change.to_owned())),
    }
}

struct Wanted {
    instances: BTreeSet<String>,
    since: Option<Timestamp>,
    all: bool,
}

impl Wanted {
    /// Whether the body of `record` is in the bundle. Of link 1 the chain covers the body itself.
    fn has(&self, record: &Record, link_2_from: u64) -> bool {
        if record.is_compacted() {
            return false;
        }
        self.all
            || record.seq.0 < link_2_from
            || is_evidence(&record.kind)
            || OF_RUNS.contains(&record.kind.as_str())
            || self.instances.contains(&record.run)
            || self.since.is_some_and(|since| record.time >= since)
    }
}

/// What was seen while the records were written.
struct ToldOf {
    records: u64,
    bodies: u64,
    head: ContentHash,
    figures: Figures,
    report: Report,
    people: Vec<Value>,
}

struct Written {
    bytes: u64,
    blake3: String,
    sha256: String,
}

struct Bundle {
    folder: PathBuf,
    files: BTreeMap<String, Written>,
}

impl Bundle {
    fn begin(folder: &Path) -> Result<Self, AuditError> {
        for part in ["keys", "signatures"] {
            let path = folder.join(part);
            std::fs::create_dir_all(&path).map_err(|why| failed(&path, &why))?;
        }
        Ok(Bundle {
            folder: folder.to_owned(),
            files: BTreeMap::new(),
        })
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), AuditError> {
        let mut file = self.open(name)?;
        file.write(bytes)?;
        self.close(file)
    }

    fn open(&self, name: &str) -> Result<Hashed, AuditError> {
        let path = self.folder.join(name);
        let file = File::create_new(&path).map_err(|why| failed(&path, &why))?;
        Ok(Hashed {
            name: name.to_owned(),
            path,
            file: BufWriter::new(file),
            bytes: 0,
            blake3: blake3::Hasher::new(),
            sha256: Sha256::new(),
        })
    }

    fn close(&mut self, mut file: Hashed) -> Result<(), AuditError> {
        let done = file
            .file
            .flush()
            .and_then(|()| file.file.get_ref().sync_all());
        done.map_err(|why| failed(&file.path, &why))?;
        let sha256 = file.sha256.finalize();
        let written = Written {
            bytes: file.bytes,
            blake3: file.blake3.finalize().to_string(),
            sha256: sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        self.files.insert(file.name, written);
        Ok(())
    }

    /// All records, and each signature beside them.
    fn records(
        &mut self,
        journal: &Journal,
        wanted: &Wanted,
        selection: &Selection,
        reads: Reads<'_>,
    ) -> Result<ToldOf, AuditError> {
        let link_2_from = journal.head()?.link_2_from;
        let mut told = ToldOf {
            records: 0,
            bodies: 0,
            head: ContentHash::from_bytes([0; 32]),
            figures: Figures::default(),
            report: Report::new(selection.change.clone()),
            people: Vec::new(),
        };
        let mut lines = self.open("records.jsonl")?;
        journal.each(Which::All, |record| {
            let mut line = json!({
                "seq": record.seq, "run": record.run, "time": record.time, "kind": record.kind, "previous": told.head, "hash": record.hash,
            });
            let body = match wanted.has(&record, link_2_from) {
                true => {
                    line["body"] = record.body.as_str().into();
                    told.bodies += 1;
                    serde_json::from_str::<Value>(&record.body).ok()
                }
                false => {
                    line["body_hash"] = json!(record.body_hash());
                    None
                }
            };
            lines.write(format!("{line}\n").as_bytes())?;
            told.records += 1;
            told.head = record.hash;
            told.figures.add(record.seq.0, &record.kind, body.as_ref());
            if let Some(body) = &body {
                told.report.add(record.seq.0, record.time.0, &record.kind, body);
                told.people.extend(people_of(record.seq.0, body, reads));
                self.signature(record.seq.0, &record.kind, body)?;
            }
            Ok::<_, AuditError>(())
        })?;
        self.close(lines)?;
        Ok(told)
    }

    /// The statement and the signature of a record as files, for whoever wants to check one with `ssh-keygen`.
    fn signature(&mut self, seq: u64, kind: &str, body: &Value) -> Result<(), AuditError> {
        let checkpoint: Option<Checkpoint> = (kind == checkpoint::CHECKPOINT)
            .then(|| serde::Deserialize::deserialize(body).ok())
            .flatten();
        let (text, signature) = match &checkpoint {
            Some(checkpoint) => (checkpoint.text(), checkpoint.signature.clone()),
            None => {
                let signed = &body["signed"];
                let (Some(text), Some(signature)) =
                    (signed["statement"].as_str(), signed["signature"].as_str())
                else {
                    return Ok(());
                };
                (text.to_owned(), signature.to_owned())
            }
        };
        self.put(&format!("signatures/{seq:08}.txt"), text.as_bytes())?;
        self.put(
            &format!("signatures/{seq:08}.txt.sig"),
            signature.as_bytes(),
        )
    }

    /// Public keys, as OpenSSH reads them, and who had them when.
    fn keys(&mut self, house: &PublicKey, people: &[Value]) -> Result<(), AuditError> {
        self.put("keys/house.pub", format!("{house}\n").as_bytes())?;
        self.put("keys/people.json", pretty(&json!(people)).as_bytes())?;
        let mut lines = BTreeSet::from([format!("house {house}")]);
        for list in people {
            for (name, person) in list["people"].as_object().into_iter().flatten() {
                let keys = person["keys"].as_array().into_iter().flatten();
                lines
                    .extend(keys.filter_map(|key| Some(format!("human:{name} {}", key.as_str()?))));
            }
            if let (Some(who), Some(key)) = (list["who"].as_str(), list["key"].as_str()) {
                lines.insert(format!("{who} {key}"));
            }
        }
        let text: String = lines.into_iter().map(|line| line + "\n").collect();
        self.put("keys/allowed_signers", text.as_bytes())
    }
}

/// A file with what its manifest will say of it.
struct Hashed {
    name: String,
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    blake3: blake3::Hasher,
    sha256: Sha256,
}

impl Hashed {
    fn write(&mut self, bytes: &[u8]) -> Result<(), AuditError> {
        self.bytes += bytes.len() as u64;
        self.blake3.update(bytes);
        self.sha256.update(bytes);
        self.file
            .write_all(bytes)
            .map_err(|why| failed(&self.path, &why))
    }
}

/// The lists of people, and the keys, that a record brings: what a checker without YAML goes by, who can look for each key in the recorded text.
fn people_of(seq: u64, body: &Value, reads: Reads<'_>) -> Vec<Value> {
    let mut found = Vec::new();
    if let (Some(who), Some(key)) = (body["who"].as_str(), body["key"].as_str()) {
        found.push(json!({ "record": seq, "who": who, "key": key }));
    }
    let items = body["revisions"].as_array().into_iter().flatten();
    let of_items = items
        .filter(|revision| revision["item"] == "house")
        .flat_map(|revision| revision["files"].as_array().into_iter().flatten());
    let files = body["files"]
        .as_array()
        .into_iter()
        .flatten()
        .chain(of_items);
    for file in files {
        let is_house = file["file"] == "house.yaml" || file["name"] == "house.yaml";
        if let (true, Some(text)) = (is_house, file["text"].as_str())
            && let Some(people) = reads(text.as_bytes())
        {
            found.push(json!({ "record": seq, "hash": ContentHash::of(text.as_bytes()), "people": list(&people) }));
        }
    }
    found
}

fn list(people: &People) -> Value {
    let people = people.0.iter().map(|(name, person)| {
        let keys: Vec<String> = person.keys.iter().map(PublicKey::to_string).collect();
        (name.to_string(), json!({ "keys": keys, "roles": person.roles.as_ref().map(|roles| roles.iter().map(|role| role.to_string()).collect::<Vec<_>>()) }))
    });
    Value::Object(people.collect())
}

/// What the report says at its head.
fn about(
    house: &str,
    last: &Checkpoint,
    verified: &Verified,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    vec![
        ("House", house.to_owned()),
        ("Made", types::rfc3339(now)),
        (
            "Signed up to",
            format!("record {} ({})", last.upto.seq, last.upto.hash),
        ),
        ("Key of the house", last.key.clone()),
        (
            "Verified by the house itself",
            match verified.ok {
                true => format!(
                    "{} records, {} signatures, {} checkpoints: all hold",
                    verified.records, verified.signatures, verified.checkpoints
                ),
                false => format!(
                    "does NOT hold: {}",
                    verified
                        .why
                        .as_deref()
                        .unwrap_or("see charthouse audit verify")
                ),
            },
        ),
    ]
}

fn readme(house: &str, key: &str) -> String {
    format!(
        "This is a bundle of the records of the house \"{house}\", made with `charthouse audit export`.\n\
         \n\
         Verify all of it, with a program that shares no code with the one that made it:\n\
         \n    charthouse-auditor .                                (exit code 0: all holds; 1: something does not)\n    \
         charthouse-auditor . --key house.pub --anchor anchor.json\n\
         \n\
         The house's key is {key}. Whoever could write to the house could have made it: compare it with one that you were given\n\
         in another way (--key takes a .pub file or an allowed_signers file of OpenSSH), and keep an anchor (anchor.json here; `charthouse\n\
         audit anchor` makes one at any time): with an anchor from before, no other history passes for this one.\n\
         \n\
         Verify one signature by hand, with OpenSSH alone (NNNNNNNN is the number of a record, WHO the signer):\n\
         \n    ssh-keygen -Y verify -n charthouse -f keys/allowed_signers -I WHO -s signatures/NNNNNNNN.txt.sig < signatures/NNNNNNNN.txt\n\
         \n\
         manifest.json        every other file with its length and hashes; manifest.json.sig is the house's signature over it\n\
         records.jsonl        every record, a line each; docs/journal.md says what its hash covers. A record has its `body`, or the\n                     \
         hash of it (`body_hash`), where it was not asked for or was taken out\n\
         signatures/          what was signed (.txt) and the signature (.txt.sig), by number of the record\n\
         keys/                the house's key, OpenSSH's allowed_signers, and which record brought which keys (people.json)\n\
         figures.json         what the report says in numbers; computed from records.jsonl alone\n\
         report.html          the same for people; print it from a browser\n\
         anchor.json          the last checkpoint\n"
    )
}

fn pretty(value: &Value) -> String {
    // Sorted, so that the same bundle has the same bytes.
    let sorted: Value = serde_json::from_str(&canonical(value)).unwrap_or_default();
    format!(
        "{}\n",
        serde_json::to_string_pretty(&sorted).unwrap_or_default()
    )
}

fn beside(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(format!(".part-{}", std::process::id()));
    name.into()
}

fn failed(path: &Path, why: &std::io::Error) -> AuditError {
    AuditError::File {
        path: path.to_owned(),
        why: why.to_string(),
    }
}
