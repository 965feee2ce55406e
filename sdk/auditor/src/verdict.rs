//! All of it together: what holds, what does not, and what nobody can tell from the bundle alone.

use crate::bundle::{self, Bundle};
use crate::chain::{Chain, Record};
use crate::figures::Figures;
use crate::handed;
use crate::keys::Keys;
use crate::moment;
use crate::rules::Rules;
use crate::runs::Runs;
use crate::ssh;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Kinds of records whose bodies may never be left out.
const EVIDENCE: [&str; 4] = ["checkpoint", "compacted", "cost", "identity"];
/// How much of what is wrong is told.
const MOST_TOLD: usize = 100;

/// What came of it.
#[derive(Default)]
pub struct Verdict {
    /// What does not hold, the first first.
    pub bad: Vec<String>,
    records: u64,
    checkpoints: u64,
    signed_through: u64,
    signatures: u64,
    key: Option<String>,
    is_given: bool,
    anchored: Option<u64>,
    notes: Vec<String>,
    /// What is against the rules of changes, for programs.
    rules: Vec<Value>,
    /// Each change, for programs.
    changes: Vec<Value>,
    /// How many changes are in force.
    released: usize,
    /// Whether runs used what was released.
    runs: Runs,
}

/// Look at the bundle in `folder`. An error is what cannot be read, or what was given and makes no sense.
pub fn of(folder: &Path, key: Option<&str>, anchor: Option<&str>) -> Result<Verdict, String> {
    let mut keys = Keys::given(key)?;
    let anchor: Option<Value> = anchor
        .map(|text| serde_json::from_str(text).map_err(|why| format!("--anchor: {why}")))
        .transpose()?;
    let mut bundle = Bundle::read(folder)?;
    let (lines, people) = (
        bundle.text("records.jsonl"),
        bundle.text("keys/people.json"),
    );
    let (figures, report) = (bundle.text("figures.json"), bundle.text("report.html"));
    let selection = &bundle.manifest["selection"];
    let is_whole = selection["change"].is_null() && selection["since"].is_null();
    let mut walk = Walk {
        rules: Rules::of(is_whole),
        ..Walk::default()
    };
    walk.verdict.bad.append(&mut bundle.bad);
    walk.records(&lines, &mut keys, &bundle);
    if let Err(why) = keys.agree(&people) {
        walk.bad(format!("keys/people.json: {why}"));
    }
    let in_dollars = bundle.manifest["format"] == bundle::FIRST;
    walk.figures(&figures, &report, in_dollars);
    walk.rules(&bundle);
    walk.house(&keys, &bundle);
    if let Some(anchor) = anchor {
        walk.anchor(&anchor, &keys);
    }
    Ok(walk.end())
}

#[derive(Default)]
struct Walk {
    verdict: Verdict,
    hashes: Vec<String>,
    figures: Figures,
    rules: Rules,
    /// Whether the house has signed whose key an agent's is.
    signs_identities: bool,
    /// How many agents' keys it has not signed.
    unsigned_identities: u64,
    /// When the last record was written.
    last: i64,
    /// Statements, and the kinds of records that they stand in, and when.
    used: BTreeMap<String, BTreeMap<String, i64>>,
    /// Whether the chain held to its end, so that what is computed from it says something.
    is_whole: bool,
    /// Files of signatures that records account for.
    expected: BTreeSet<String>,
}

impl Walk {
    fn bad(&mut self, what: String) {
        if self.verdict.bad.len() < MOST_TOLD {
            self.verdict.bad.push(what);
        }
    }

    fn records(&mut self, lines: &str, keys: &mut Keys, bundle: &Bundle) {
        let mut chain = Chain::new(bundle.manifest["link_2_from"].as_u64().unwrap_or(1));
        for line in lines.split_terminator('\n') {
            let record = match chain.take(line) {
                Ok(record) => record,
                Err(why) => {
                    self.bad(format!("record {}: {why}", chain.records() + 1));
                    return;
                }
            };
            self.hashes.push(record.hash.clone());
            self.last = self.last.max(record.time);
            self.verdict.runs.take(&record, &self.rules);
            if let Err(why) = self.one(&record, keys, bundle) {
                self.bad(format!("record {}: {why}", record.seq));
            }
        }
        if !lines.is_empty() && !lines.ends_with('\n') {
            self.bad("records.jsonl: its last line is cut off".into());
        }
        self.verdict.records = chain.records();
        let head = &bundle.manifest["head"];
        if head["seq"] != chain.records() || head["hash"] != chain.head() {
            self.bad(format!(
                "records.jsonl: the house signed for {} records, and these are {}",
                head["seq"],
                chain.records()
            ));
            return;
        }
        let extra: Vec<&String> = bundle
            .files
            .keys()
            .filter(|name| name.starts_with("signatures/") && !self.expected.contains(*name))
            .collect();
        if let Some(name) = extra.first() {
            let what = format!("{name}: no record has that signature");
            self.bad(what);
        }
        self.is_whole = true;
    }

    fn one(&mut self, record: &Record, keys: &mut Keys, bundle: &Bundle) -> Result<(), String> {
        let is_change = record.kind.starts_with("change.");
        if !moment::is_likely(record.time) {
            return Err("it says that it was written at no time that could be meant".into());
        }
        self.figures
            .add(record.seq, &record.kind, record.body.as_ref())?;
        let Some(body) = &record.body else {
            return match is_change || EVIDENCE.contains(&record.kind.as_str()) {
                true => Err(format!(
                    "its body is left out, and `{}` is evidence",
                    record.kind
                )),
                false => Ok(()),
            };
        };
        // A baseline and an identity vouch for themselves.
        let is_own = matches!(record.kind.as_str(), "identity" | "change.baseline");
        if is_own {
            keys.take(&record.kind, body)?;
        }
        match record.kind.as_str() {
            "checkpoint" => self.checkpoint(record.seq, body, keys, bundle)?,
            _ => self.signed(record, body, keys, bundle)?,
        }
        if is_change {
            self.rules.take(record, body);
            let change = body["change"].as_str().unwrap_or_default();
            if self.rules.is_confirmed(change) {
                keys.confirmed(change);
            }
        }
        match is_own {
            true => Ok(()),
            false => keys.take(&record.kind, body),
        }
    }

    fn checkpoint(
        &mut self,
        seq: u64,
        body: &Value,
        keys: &Keys,
        bundle: &Bundle,
    ) -> Result<(), String> {
        let (covered, key) = checkpoint(body)?;
        self.beside(
            seq,
            &checkpoint_text(body),
            body["signature"].as_str().unwrap_or_default(),
            bundle,
        )?;
        if !keys.of_house().contains(&key) {
            return Err(format!(
                "{} is not on record as the house's key",
                key.fingerprint()
            ));
        }
        if covered >= seq {
            return Err("it covers records that were not there yet".into());
        }
        if self.hash(covered) != body["upto"]["hash"].as_str() {
            return Err(format!(
                "the house signed another history: record {covered} was another when this was signed"
            ));
        }
        self.verdict.checkpoints += 1;
        self.verdict.signed_through = self.verdict.signed_through.max(covered);
        Ok(())
    }

    fn signed(
        &mut self,
        record: &Record,
        body: &Value,
        keys: &Keys,
        bundle: &Bundle,
    ) -> Result<(), String> {
        let signed = &body["signed"];
        let must = record.kind.starts_with("change.")
            && !matches!(
                record.kind.as_str(),
                "change.effective" | "change.rejected" | "change.refused"
            );
        if !must && signed["statement"].is_null() {
            return self.unsigned(record, body);
        }
        let text = |key: &str| {
            signed[key]
                .as_str()
                .ok_or(format!("nobody has signed it: it has no `{key}`"))
        };
        let (statement, signature, by) = (text("statement")?, text("signature")?, text("by")?);
        self.beside(record.seq, statement, signature, bundle)?;
        let key = ssh::signer(statement.as_bytes(), signature)
            .map_err(|why| format!("the signature of {by}: {why}"))?;
        if text("key")? != key.fingerprint() {
            return Err(format!(
                "it says that it was signed with {}, and it was with {}",
                text("key")?,
                key.fingerprint()
            ));
        }
        keys.is_of(by, &key)?;
        let said: Value = serde_json::from_str(statement)
            .map_err(|why| format!("what was signed is no statement: {why}"))?;
        agrees(&said, by, record, body)?;
        if let Some((notes, artefacts)) = handed::of(&record.kind, &said, body) {
            handed::agrees(&said, notes, artefacts)?;
            self.rules.handed(statement, artefacts);
        }
        let seen = said["seen"]["seq"].as_u64().unwrap_or(0);
        if seen >= record.seq || (seen > 0 && self.hash(seen) != said["seen"]["hash"].as_str()) {
            return Err("it was signed for another history than this one".into());
        }
        let kinds = self.used.entry(statement.to_owned()).or_default();
        let earlier = kinds.insert(record.kind.clone(), record.time);
        // One act may be several facts of a workflow, at once.
        let is_one_act = !must && earlier == Some(record.time);
        if earlier.is_some() && !is_one_act {
            return Err("the same statement stands in an earlier record of this kind".into());
        }
        self.verdict.signatures += 1;
        self.signs_identities |= record.kind == "identity";
        Ok(())
    }

    /// Nobody has to sign it. That the house signs whose key is an agent's came later than such keys.
    fn unsigned(&mut self, record: &Record, body: &Value) -> Result<(), String> {
        let is_of_agent = |who: &str| record.kind == "identity" && who.starts_with("agent:");
        if !body["who"].as_str().is_some_and(is_of_agent) {
            return Ok(());
        }
        if self.signs_identities {
            return Err("the house has not signed whose key it is, as it had begun to".into());
        }
        self.unsigned_identities += 1;
        Ok(())
    }

    /// The files for `ssh-keygen` say the same.
    fn beside(
        &mut self,
        seq: u64,
        text: &str,
        signature: &str,
        bundle: &Bundle,
    ) -> Result<(), String> {
        let name = format!("signatures/{seq:08}.txt");
        for (name, expected) in [(name.clone(), text), (format!("{name}.sig"), signature)] {
            if bundle.files.get(&name).map(Vec::as_slice) != Some(expected.as_bytes()) {
                return Err(format!("{name} does not have what it has"));
            }
            self.expected.insert(name);
        }
        Ok(())
    }

    fn hash(&self, seq: u64) -> Option<&str> {
        let place = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.hashes.get(place).map(String::as_str)
    }

    fn figures(&mut self, figures: &str, report: &str, in_dollars: bool) {
        if !self.is_whole {
            return;
        }
        let said: Value = serde_json::from_str(figures).unwrap_or_default();
        if said != self.figures.value(in_dollars) {
            self.bad("figures.json: the records come to other figures".into());
        }
        let mark = format!(
            "<meta name=\"charthouse-figures\" content=\"{}\">",
            blake3::hash(figures.as_bytes())
        );
        if !report.contains(&mark) {
            self.bad("report.html: it was made of other figures".into());
        }
    }

    /// What was done about changes, now that all of it is known.
    fn rules(&mut self, bundle: &Bundle) {
        let made = bundle.manifest["made"].as_str().and_then(moment::parse);
        let mut rules = std::mem::take(&mut self.rules);
        rules.end(self.last.max(made.unwrap_or(self.last)));
        for finding in &rules.findings {
            self.bad(finding.text());
            self.verdict.rules.push(finding.json());
        }
        for change in &rules.open {
            let note = format!(
                "{change} is an emergency that nobody else has approved yet; its time has not come"
            );
            self.verdict.notes.push(note);
        }
        let runs = std::mem::take(&mut self.verdict.runs);
        for one in &runs.uncovered {
            self.bad(one.text());
        }
        self.verdict.notes.extend(runs.note());
        self.verdict.runs = runs;
        self.verdict.changes = rules.changes();
        self.verdict.released = rules.in_force();
    }

    fn house(&mut self, keys: &Keys, bundle: &Bundle) {
        let known = keys.of_house();
        if let Some(key) = bundle.key {
            self.verdict.key = Some(key.fingerprint());
            if !known.contains(&key) {
                self.bad("manifest.json.sig: the key that signed the manifest is not on record as the house's".into());
            }
        }
        for name in keys.strangers() {
            self.bad(format!(
                "--key: nobody on this record is called `{name}`; the house is `house`"
            ));
        }
        let given = keys.given_of_house();
        match given.is_empty() {
            true => self.verdict.notes.push(
                "the house's key is the one that the bundle brings: give the one that you have from elsewhere (--key FILE)".into(),
            ),
            false if known.is_empty() => self.bad("no key of the house is on record".into()),
            false => match known.iter().chain(&bundle.key).find(|key| !given.contains(key)) {
                Some(key) => self.bad(format!("the house's key {} is not the one that was given", key.fingerprint())),
                None => self.verdict.is_given = true,
            },
        }
        if self.verdict.checkpoints == 0 {
            self.bad("no checkpoint of the house holds".into());
        }
    }

    fn anchor(&mut self, anchor: &Value, keys: &Keys) {
        let body = &anchor["checkpoint"];
        let (covered, key) = match checkpoint(body) {
            Ok(found) => found,
            Err(why) => return self.bad(format!("the anchor: {why}")),
        };
        if !keys.of_house().contains(&key) {
            return self.bad(
                "the anchor was signed with a key that is not on record as the house's".into(),
            );
        }
        match self.hash(covered) == body["upto"]["hash"].as_str() {
            true => self.verdict.anchored = Some(covered),
            false if covered > self.verdict.records => self.bad(format!(
                "record {}: it is missing: when the anchor was made there were {covered} records",
                self.verdict.records + 1
            )),
            false => self.bad(format!(
                "record {covered}: it is not the one that was anchored"
            )),
        }
    }

    fn end(mut self) -> Verdict {
        if self.unsigned_identities > 0 {
            self.verdict.notes.push(format!(
                "whose key is whose was recorded of {} agents without a signature of the house, as older versions did: the next checkpoint vouches for it",
                self.unsigned_identities
            ));
        }
        if self.verdict.anchored.is_none() {
            self.verdict.notes.push("whoever had the house and its key could have made another history: an anchor from before rules that out (--anchor FILE)".into());
        }
        self.verdict
    }
}

/// What a checkpoint covers and which key signed it.
fn checkpoint(body: &Value) -> Result<(u64, ssh::Key), String> {
    let signature = body["signature"].as_str().ok_or("it is no checkpoint")?;
    let key = ssh::signer(checkpoint_text(body).as_bytes(), signature)?;
    if body["key"] != key.fingerprint() {
        return Err("it names another key than signed it".into());
    }
    let seq = body["upto"]["seq"].as_u64().ok_or("it covers nothing")?;
    match body["records"] == seq {
        true => Ok((seq, key)),
        false => Err("it counts other records than it covers".into()),
    }
}

/// What the house signs, with its keys in order.
fn checkpoint_text(body: &Value) -> String {
    let upto = &body["upto"];
    format!(
        "{{\"act\":\"checkpoint\",\"hash\":{},\"house\":{},\"records\":{},\"seq\":{},\"time\":{}}}",
        upto["hash"], body["house"], body["records"], upto["seq"], body["time"]
    )
}

/// Whether what was signed is what is recorded.
fn agrees(said: &Value, by: &str, record: &Record, body: &Value) -> Result<(), String> {
    if said["by"] != by {
        return Err("its statement is by somebody else".into());
    }
    let instance = said["instance"].as_str().unwrap_or_default();
    if !instance.is_empty() && instance != record.run && record.run != "house" {
        return Err("it was signed for another instance".into());
    }
    if record.kind == "identity" {
        let whose = handed::hash(&json!({ "key": body["key"], "who": body["who"] }));
        let is_it = by == "house"
            && said["act"] == "identity"
            && said["outcome"] == body["who"]
            && said["artefacts"] == whose;
        return match is_it {
            true => Ok(()),
            false => Err("the house signed for another key, or for somebody else".into()),
        };
    }
    let Some(act) = record.kind.strip_prefix("change.") else {
        return Ok(());
    };
    if body["by"] != by || body["change"] != said["change"] {
        return Err("it was signed for another change, or by somebody else than it says".into());
    }
    let outcome = said["outcome"].as_str().unwrap_or_default();
    let word = if outcome.is_empty() {
        said["act"].as_str().unwrap_or_default()
    } else {
        outcome
    };
    let word = word
        .trim_start_matches("human.")
        .trim_start_matches("change.");
    let stem = match act {
        "voted" => body["vote"].as_str().unwrap_or("?"),
        "verified" => body["result"]
            .as_str()
            .unwrap_or("?")
            .trim_end_matches("ed"),
        other => other,
    };
    // `approve` and `approved`, `request` and `requested`: the same word.
    let root = |word: &str| word.trim_end_matches("ed").trim_end_matches('e').to_owned();
    let is_it = root(word) == root(stem)
        || (act == "ordered" && root(word) == "releas")
        || (act == "withdrawn" && word == "withdraw")
        // A finding of the assessor, the implementer or the releaser sends the change back.
        || (act == "reviewed" && matches!(word, "returned" | "impossible"))
        // What cannot wait is requested and put in force at once.
        || (act == "requested" && body["class"] == "emergency" && word == "emergency");
    if !is_it {
        return Err(format!("what was signed is `{word}`"));
    }
    let candidate = match act {
        "implemented" => &body["candidate"],
        "verified" | "released" => &body["on"],
        _ => &Value::Null,
    };
    if !candidate.is_null() && said["on"] != *candidate {
        return Err("it was signed for another candidate".into());
    }
    let role = said["role"].as_str().unwrap_or_default();
    if matches!(act, "voted" | "reviewed") && !role.is_empty() && body["role"] != role {
        return Err(format!("it was signed as {role}"));
    }
    Ok(())
}

impl Verdict {
    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "ok": self.bad.is_empty(), "bad": self.bad, "records": self.records, "checkpoints": self.checkpoints, "signed_through": self.signed_through,
            "signatures": self.signatures, "key": self.key, "key_given": self.is_given, "anchored": self.anchored, "notes": self.notes,
            "rules": self.rules, "changes": self.changes, "runs": self.runs.json(),
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = match self.bad.is_empty() {
            true => format!(
                "All holds: {} records, {} checkpoints (the last up to record {}), {} signatures.\n",
                self.records, self.checkpoints, self.signed_through, self.signatures
            ),
            false => "It does NOT hold:\n".to_owned(),
        };
        let shown = |line: &String| {
            line.chars()
                .map(|c| if c.is_control() { '\u{fffd}' } else { c })
                .collect::<String>()
        };
        if self.bad.is_empty() && !self.changes.is_empty() {
            text.push_str(&format!(
                "  {} changes, {} of them in force, each by the rules: roles, quorum, separation of duties, the content that was approved\n",
                self.changes.len(), self.released
            ));
        }
        if let (true, Some(runs)) = (self.bad.is_empty(), self.runs.text()) {
            text.push_str(&format!("{runs}\n"));
        }
        for bad in &self.bad {
            text.push_str(&format!("  {}\n", shown(bad)));
        }
        if let Some(key) = &self.key {
            let whose = if self.is_given {
                "the one that was given"
            } else {
                "as the bundle has it"
            };
            text.push_str(&format!("  key of the house: {key} ({whose})\n"));
        }
        if let Some(anchored) = self.anchored {
            text.push_str(&format!("  anchored up to record {anchored}\n"));
        }
        for note in &self.notes {
            text.push_str(&format!("note: {note}\n"));
        }
        text
    }
}
