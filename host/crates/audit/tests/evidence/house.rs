//! A house with a journal: three people, two agents' keys, and a change from its request to its release.

use charthouse_audit::{Anchor, Outside, Verified, last, make, noted, verify};
use journal::{HOUSE_RUN, Journal, NewRecord, RecordId, Which};
use serde_json::{Value, json};
use sign::{Keyring, People, Person, PublicKey, Seen, Signer, Statement, Trusted};
use tempfile::TempDir;
use types::{ContentHash, Rng, Timestamp};

pub struct Seed(pub u8);

impl Rng for Seed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

pub fn person(seed: u8) -> Signer {
    Signer::make(&Seed(seed), "")
}

/// Texts of these tests are lines `NAME KEY`; what is YAML is somebody else's business.
pub fn reads(text: &[u8]) -> Option<People> {
    let text = std::str::from_utf8(text).ok()?;
    let one = |line: &str| {
        let (name, key) = line.split_once(' ')?;
        let keys = vec![PublicKey::parse(key).ok()?];
        Some((name.into(), Person { keys, roles: None }))
    };
    text.lines().map(one).collect::<Option<_>>().map(People)
}

pub fn house_yaml(people: &[(&str, u8)]) -> String {
    let line = |(name, seed): &(&str, u8)| format!("{name} {}\n", person(*seed).public());
    people.iter().map(line).collect()
}

pub struct House {
    /// Kept for as long as what lies in it is used.
    pub _folder: TempDir,
    pub journal: Journal,
    pub ring: Keyring,
    pub now: i64,
}

pub const INSTANCE: &str = "i-1";

impl House {
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(&folder.path().join("journal.db")).unwrap();
        let ring = Keyring::of_house(folder.path());
        House {
            _folder: folder,
            journal,
            ring,
            now: 1_000_000,
        }
    }

    pub fn record(&mut self, run: &str, kind: &str, body: &Value) -> u64 {
        self.now += 1_000;
        let new = NewRecord {
            run,
            time: Timestamp(self.now),
            kind,
            body: &body.to_string(),
        };
        self.journal.append(&[new]).unwrap()[0].0
    }

    pub fn checkpoint(&mut self) {
        let now = Timestamp(self.now);
        make(&mut self.journal, &self.ring, "h", &Seed(99), now).unwrap();
    }

    pub fn statement(&self, by: &str, outcome: &str, on: Option<ContentHash>) -> Statement {
        let head = self.journal.head().unwrap();
        Statement {
            act: "hand_in".into(),
            artefacts: None,
            by: by.into(),
            change: "CR-0001".into(),
            house: "h".into(),
            instance: String::new(),
            notes: Statement::hash_of_notes(""),
            on,
            outcome: outcome.into(),
            role: String::new(),
            seen: Seen {
                hash: head.hash,
                seq: head.seq,
            },
            time: "2026-11-21T07:00:00Z".into(),
        }
    }

    /// A record that `who` signs with the key `seed`.
    pub fn signed(
        &mut self,
        who: &str,
        seed: u8,
        kind: &str,
        outcome: &str,
        mut body: Value,
    ) -> u64 {
        let on = body
            .get("on")
            .or(body.get("candidate"))
            .and_then(Value::as_str);
        let mut statement = self.statement(who, outcome, on.and_then(ContentHash::parse));
        statement.change = body["change"].as_str().unwrap_or_default().into();
        body["by"] = who.into();
        body["signed"] = json!(person(seed).sign(&statement));
        self.record(INSTANCE, kind, &body)
    }

    /// Ada, Bob and Eve; a baseline; a change that goes through, with checkpoints between.
    pub fn with_a_change() -> Self {
        let mut house = House::empty();
        let text = house_yaml(&[("ada", 1), ("bob", 2), ("eve", 3)]);
        let file =
            json!({ "file": "house.yaml", "hash": ContentHash::of(text.as_bytes()), "text": text });
        let revisions = json!([{ "item": "house", "to": ContentHash::of(b"1"), "files": [file] }]);
        house.record("run-1", "started", &json!({ "agent": "coder" }));
        house.signed(
            "human:ada",
            1,
            "change.baseline",
            "baseline",
            json!({ "change": "CR-0000", "revisions": revisions }),
        );
        house.checkpoint();
        let candidate = ContentHash::of(b"candidate").to_string();
        let change = "CR-0001";
        house.record("run-1", "cost", &json!({ "agent": "coder", "model": "m", "purpose": "work", "usd": "0.125", "tokens": { "input": 10, "output": 2 }, "wall_us": 1500 }));
        house.signed("human:ada", 1, "change.requested", "requested", json!({ "change": change, "instance": INSTANCE, "title": "Wider", "reason": "it <b>needs</b> more", "class": "major", "items": ["policy:default"], "links": [] }));
        house.signed(
            "human:bob",
            2,
            "change.assessed",
            "assessed",
            json!({ "change": change, "impact": { "agents": ["coder"] }, "notes": "small" }),
        );
        house.signed(
            "human:bob",
            2,
            "change.voted",
            "approve",
            json!({ "change": change, "role": "quality", "vote": "approve", "why": "fine" }),
        );
        house.signed(
            "human:eve",
            3,
            "change.voted",
            "approve",
            json!({ "change": change, "role": "engineering", "vote": "approve", "why": "fine" }),
        );
        house.checkpoint();
        house.record(
            HOUSE_RUN,
            "identity",
            &json!({ "who": "agent:coder", "key": person(7).public().to_string() }),
        );
        house.signed(
            "agent:coder",
            7,
            "change.implemented",
            "implemented",
            json!({ "change": change, "candidate": candidate, "revisions": [] }),
        );
        house.signed("human:bob", 2, "change.verified", "passed", json!({ "change": change, "on": candidate, "result": "passed", "evidence": [{ "kind": "scenarios", "what": "all", "result": "12 of 12" }] }));
        house.signed("human:eve", 3, "change.released", "released", json!({ "change": change, "on": candidate, "effectivity": { "when": "now" }, "revisions": [] }));
        house.record("run-1", "ended", &json!({ "status": "done" }));
        house.checkpoint();
        house
    }

    pub fn key(&self) -> PublicKey {
        self.ring.house_if_any().unwrap().unwrap().public().clone()
    }

    pub fn anchor(&self) -> Anchor {
        Anchor::of(last(&self.journal).unwrap().unwrap().2, &self.key())
    }

    pub fn verify(&self) -> Verified {
        self.verify_with(&[], None)
    }

    pub fn verify_with(&self, trusted: &[Trusted], anchor: Option<&Anchor>) -> Verified {
        let noted = noted(&self.ring, &self.journal);
        let outside = Outside {
            reads: &reads,
            people: &People::default(),
            house_key: None,
            trusted,
            noted: noted.as_ref(),
            anchor,
        };
        verify(&self.journal, &outside).unwrap()
    }

    /// The same house with another history: each record goes through `change`, which gives what is to be there instead, and every hash is made anew.
    pub fn rewritten(
        &self,
        mut change: impl FnMut(u64, &str, Value) -> Vec<(String, Value)>,
    ) -> House {
        let mut other = House::empty();
        other.now = self.now;
        self.journal
            .each(Which::All, |record| {
                let body = serde_json::from_str(&record.body).unwrap();
                for (kind, body) in change(record.seq.0, &record.kind, body) {
                    let body = body.to_string();
                    let new = NewRecord {
                        run: &record.run,
                        time: record.time,
                        kind: &kind,
                        body: &body,
                    };
                    other.journal.append(&[new]).unwrap();
                }
                Ok::<_, journal::JournalError>(())
            })
            .unwrap();
        assert!(
            other.journal.verify().unwrap().ok,
            "its chain holds by itself"
        );
        other
    }

    pub fn body(&self, seq: u64) -> Value {
        let record = self.journal.record(RecordId(seq)).unwrap().unwrap();
        serde_json::from_str(&record.body).unwrap()
    }
}
