//! A controlled house, the people who change it, and what they do in one line each.

use crate::common::{self, sandbox, write};
use change::Revision::Absent;
use change::{
    Baseline, Body, ChangeNumber, Class, Edits, Effectivity, Emergency, Evidence, EvidenceKind,
    FileRecord, ImpactRecord, Implemented, ItemId, Moment, Ordered, Person, Rejected, Released,
    Requested, RevisionRecord, Signed, Verdict, Verified, Vote, Voted, candidate_hash,
};
use charthouse_runtime::control::{Entered, Entrance, baseline, enter, register, store};
use charthouse_runtime::{Admitted, RuntimeError, Services};
use definitions::House;
use journal::{Journal, NewRecord};
use sandbox::Sandbox;
use serde_json::Value as Json;
use sign::{Seen, Signer, Statement};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use types::{Clock, ContentHash, PluginName, Rng, Timestamp};

/// Who there is, each with the roles that they have.
const PEOPLE: [(&str, &str); 5] = [
    ("ada", "requester, implementer"),
    ("bob", "engineering, assessor, emergency"),
    ("cyd", "quality, verifier"),
    ("dan", "releaser"),
    ("eve", "operations"),
];
pub const START: i64 = 1_795_000_000_000;

/// A clock whose hands are moved.
pub struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.now().0.unsigned_abs())
    }
}

/// Never the same twice.
struct Counting(AtomicU8);

impl Rng for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

/// A house on the disk, with its people.
pub struct Place {
    directory: TempDir,
    pub clock: Arc<Hands>,
    rng: Arc<Counting>,
    sandbox: Arc<Sandbox>,
    keys: BTreeMap<&'static str, Signer>,
}

/// The bytes of a component that has nothing in it but `mark`.
fn component_of(mark: &str) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    let size = u8::try_from(5 + mark.len()).unwrap();
    bytes.extend([0, size, 4]);
    bytes.extend(b"mark");
    bytes.extend(mark.as_bytes());
    bytes
}

fn agent(name: &str) -> String {
    format!(
        "agent: {name}\nversion: 1.0.0\nmodel: {{ provider: p, name: m, context_length: 10000, max_output: 100 }}\ncognition: t\n\
         context:\n  - {{ id: charter, role: system, file: {name}.md }}\n  - {{ id: history, history: true, flexible: true, trim: oldest }}\n\
         policy: {{ tools: [{{ allow: \"*\" }}] }}\n"
    )
}

impl Place {
    /// One that says it is controlled, and has no baseline.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let rng = Arc::new(Counting(AtomicU8::new(1)));
        let keys: BTreeMap<&str, Signer> = PEOPLE
            .iter()
            .map(|(name, _)| (*name, Signer::make(&*rng, name)))
            .collect();
        let people: String = PEOPLE
            .iter()
            .map(|(name, roles)| {
                let key = keys[name].public();
                format!("  {name}: {{ key: \"{key}\", roles: [{roles}] }}\n")
            })
            .collect();
        let clock = Arc::new(Hands(AtomicI64::new(START)));
        let place = Place {
            sandbox: sandbox(directory.path(), clock.clone()),
            directory,
            clock,
            rng,
            keys,
        };
        let root = place.root();
        write(
            &root,
            "house.yaml",
            &format!(
                "house: h\nstore: sqlite:.charthouse/journal.db\nproviders:\n  p: {{ kind: openai, base_url: \"http://127.0.0.1:9/v1\" }}\n  s: {{ kind: scripted, file: scripts/s.yaml }}\n  c: {{ kind: replay, file: cassettes/c.jsonl }}\n\
                 plugins: {{ g: plugins/g.wasm }}\ndefaults: {{ policy: default }}\npeople:\n{people}controlled: true\n"
            ),
        );
        write(
            &root,
            "scripts/s.yaml",
            "script: replies\nreplies:\n  - text: Hello.\n",
        );
        // Nobody plays it.
        write(&root, "cassettes/c.jsonl", "{\"text\":\"Hello.\"}\n");
        for name in ["a", "b"] {
            write(&root, &format!("agents/{name}.yaml"), &agent(name));
            write(&root, &format!("agents/{name}.md"), "Be brief.\n");
        }
        write(
            &root,
            "charts/t.yaml",
            "chart: t\nversion: 1.0.0\nkind: cognition\ninitial: work\nstates:\n  work: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n",
        );
        write(
            &root,
            "charts/workflows/change-control.yaml",
            "chart: change-control\nversion: 1.0.0\nkind: workflow\nroles: { requester: {} }\ninitial: wanted\nstates:\n  wanted: { role: requester, on: { role.done: done } }\n  done: { type: final }\n",
        );
        write(
            &root,
            "policies/default.yaml",
            "policy: default\nenv: { A: one }\n",
        );
        place.component("generation0001");
        fs::create_dir_all(root.join(".charthouse")).unwrap();
        place
    }

    /// One whose baseline is on record.
    pub fn released() -> Self {
        let place = Place::new();
        place.baseline();
        place
    }

    pub fn root(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap()
    }

    pub fn write(&self, file: &str, text: &str) {
        write(&self.root(), file, text);
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub fn edit(&self, file: &str, old: &str, new: &str) {
        let text = self.read(file);
        assert!(text.contains(old), "`{old}` is not in {file}");
        self.write(file, &text.replace(old, new));
    }

    /// Have the plugin's component be one that is told from others by `mark`.
    pub fn component(&self, mark: &str) {
        let path = self.root().join("plugins/g.wasm");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, component_of(mark)).unwrap();
    }

    /// The journal that `house.yaml` names.
    pub fn journal(&self) -> Journal {
        Journal::open(&definitions::load_store(&self.root()).unwrap()).unwrap()
    }

    pub fn load(&self) -> House {
        common::load(&self.root())
    }

    pub fn services(&self, house: House) -> Services {
        Services {
            house: Arc::new(house),
            sandbox: self.sandbox.clone(),
            clock: self.clock.clone(),
            rng: self.rng.clone(),
            meter: Arc::new(()),
        }
    }

    pub fn enter_as(&self, entrance: Entrance) -> Result<Entered, RuntimeError> {
        enter(self.services(self.load()), &mut self.journal(), entrance)
    }

    pub fn enter(&self) -> Result<Admitted, RuntimeError> {
        self.enter_as(Entrance::Start)
            .map(|entered| entered.admitted)
    }

    /// Why it is not let in.
    #[track_caller]
    pub fn refused(&self) -> String {
        match self.enter() {
            Err(RuntimeError::NotReleased(refused)) => refused.to_string(),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it was let in"),
        }
    }

    pub fn pass(&self, milliseconds: i64) {
        self.clock.0.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// The bodies of the records of `kind`.
    pub fn records(&self, kind: &str) -> Vec<Json> {
        let records = self.journal().of_kind(kind).unwrap().into_iter();
        records
            .map(|record| serde_json::from_str(&record.body).unwrap())
            .collect()
    }

    /// Put `body` on record as what `by` signed.
    fn sign(&self, run: &str, by: &str, role: &str, make: impl Fn(Signed) -> Body) {
        let mut journal = self.journal();
        let blank = make(Signed {
            by: person(by),
            key: String::new(),
            statement: String::new(),
            signature: String::new(),
        });
        let head = journal.head().unwrap();
        if head.seq == 0 {
            let nobody = NewRecord {
                run: "house",
                time: self.clock.now(),
                kind: "said",
                body: "{}",
            };
            journal.append(&[nobody]).unwrap();
        }
        let head = journal.head().unwrap();
        let statement = Statement {
            act: blank.kind().into(),
            artefacts: None,
            by: person(by).to_string(),
            change: blank.change().unwrap_or(ChangeNumber::BASELINE).to_string(),
            house: "h".into(),
            instance: run.into(),
            notes: Statement::hash_of_notes(""),
            on: blank.on(),
            outcome: blank.words()[0].into(),
            role: role.into(),
            seen: Seen {
                hash: head.hash,
                seq: head.seq,
            },
            time: "2026-11-21T07:00:00Z".into(),
        };
        let signed = self.keys[by].sign(&statement);
        let body = make(Signed {
            by: person(by),
            key: signed.key,
            statement: signed.statement,
            signature: signed.signature,
        });
        self.put(run, &body);
    }

    /// Put `body` on record, and see that it counts.
    #[track_caller]
    pub fn put(&self, run: &str, body: &Body) {
        let mut journal = self.journal();
        let text = body.to_json().to_string();
        let record = NewRecord {
            run,
            time: self.clock.now(),
            kind: body.kind(),
            body: &text,
        };
        journal.append(&[record]).unwrap();
        let register = register(&journal, &self.root()).unwrap();
        let invalid: Vec<String> = register
            .invalid()
            .iter()
            .map(|one| one.rule.to_string())
            .collect();
        assert!(invalid.is_empty(), "{invalid:?}");
    }

    pub fn baseline(&self) {
        let revisions = baseline(self.load()).unwrap();
        self.sign("house", "dan", "", |signed| {
            Body::Baseline(Baseline {
                change: ChangeNumber::BASELINE,
                by: person("dan"),
                revisions: revisions.clone(),
                signed,
            })
        });
    }

    /// What the edits make of the items that they touch; a text that is empty takes its file away.
    fn revisions(&self, edits: &[(&str, &str)], component: Option<&str>) -> Vec<RevisionRecord> {
        let journal = self.journal();
        let register = register(&journal, &self.root()).unwrap();
        let released = register.files_in_place(self.clock.now());
        let edits: Edits = edits
            .iter()
            .map(|(file, text)| ((*file).to_owned(), Some(text.as_bytes().to_vec())))
            .collect();
        let mut files = released.files.clone();
        for (file, bytes) in edits {
            match bytes.filter(|bytes| !bytes.is_empty()) {
                Some(bytes) => files.insert(file, bytes),
                None => files.remove(&file),
            };
        }
        let after = definitions::load_recorded(&self.root(), &files).unwrap();
        let mut plugins = released.plugins.clone();
        let mut stored = BTreeMap::new();
        if let Some(mark) = component {
            let draft = self.root().join("draft.wasm");
            let bytes = component_of(mark);
            fs::write(&draft, &bytes).unwrap();
            let hash = ContentHash::of(&bytes);
            stored.insert(hash, store(&self.root(), &draft, hash).unwrap());
            plugins.insert(PluginName::parse("g").unwrap(), hash);
        }
        let items = change::items_of(&after, &plugins).items;
        let gone = register.items().filter(|(item, all)| {
            let is_there = all.last().is_some_and(|one| one.to != Absent);
            is_there && !items.contains_key(*item)
        });
        let mut revisions: Vec<RevisionRecord> = gone
            .map(|(item, all)| RevisionRecord {
                item: item.clone(),
                from: all.last().unwrap().to,
                to: Absent,
                files: Vec::new(),
            })
            .collect();
        for (item, parts) in items {
            let head = register.head(&item);
            let from = head.map_or(change::Revision::Absent, |head| head.to);
            if from == parts.revision {
                continue;
            }
            let of = |(file, hash): (Arc<str>, ContentHash)| FileRecord {
                text: files
                    .get(&*file)
                    .map(|bytes| String::from_utf8(bytes.clone()).unwrap()),
                stored: stored.get(&hash).cloned(),
                file,
                hash,
            };
            revisions.push(RevisionRecord {
                item,
                from,
                to: parts.revision,
                files: parts.files.into_iter().map(of).collect(),
            });
        }
        assert!(!revisions.is_empty(), "nothing is changed by that");
        revisions
    }

    /// Request, assessment, votes.
    pub fn open(&self, items: Vec<ItemId>) -> ChangeNumber {
        let number = register(&self.journal(), &self.root())
            .unwrap()
            .next_number();
        let run = format!("i-{number}");
        self.sign(&run, "ada", "requester", |signed| {
            Body::Requested(Requested {
                change: number,
                instance: run.as_str().into(),
                title: "Change it".into(),
                reason: "It has to be otherwise".into(),
                class: Class::Minor,
                items: items.clone(),
                by: person("ada"),
                links: Vec::new(),
                signed,
            })
        });
        self.sign(&run, "bob", "assessor", |signed| {
            Body::Assessed(change::Assessed {
                change: number,
                by: person("bob"),
                impact: ImpactRecord::default(),
                notes: "Fine".into(),
                signed,
            })
        });
        number
    }

    /// A change of texts, or of the component, from its request to its release.
    pub fn release(
        &self,
        edits: &[(&str, &str)],
        component: Option<&str>,
        effectivity: Effectivity,
    ) -> ChangeNumber {
        let revisions = self.revisions(edits, component);
        let items = revisions.iter().map(|one| one.item.clone()).collect();
        let number = self.open(items);
        let run = format!("i-{number}");
        for (who, role) in [("bob", "engineering"), ("cyd", "quality")] {
            self.vote(number, who, role, Vote::Approve);
        }
        self.sign(&run, "dan", "releaser", |signed| {
            Body::Ordered(Ordered {
                change: number,
                effectivity: effectivity.clone(),
                by: person("dan"),
                signed,
            })
        });
        let candidate = candidate_hash(&revisions);
        self.sign(&run, "ada", "implementer", |signed| {
            Body::Implemented(Implemented {
                change: number,
                by: person("ada"),
                candidate,
                revisions: revisions.clone(),
                signed,
            })
        });
        self.sign(&run, "cyd", "verifier", |signed| {
            Body::Verified(Verified {
                change: number,
                by: person("cyd"),
                on: candidate,
                result: Verdict::Passed,
                evidence: vec![Evidence {
                    kind: EvidenceKind::Statement,
                    what: "read".into(),
                    result: "as approved".into(),
                    hash: None,
                }],
                signed,
            })
        });
        self.sign(&run, "dan", "releaser", |signed| {
            Body::Released(Released {
                change: number,
                by: person("dan"),
                on: candidate,
                effectivity: effectivity.clone(),
                revisions: revisions.iter().map(RevisionRecord::step).collect(),
                signed,
            })
        });
        number
    }

    pub fn vote(&self, number: ChangeNumber, who: &str, role: &str, vote: Vote) {
        self.sign(&format!("i-{number}"), who, role, |signed| {
            Body::Voted(Voted {
                change: number,
                by: person(who),
                role: role.into(),
                vote,
                why: "Because".into(),
                signed,
            })
        });
    }

    /// In force at once.
    pub fn emergency(&self, edits: &[(&str, &str)], due: Timestamp) -> ChangeNumber {
        let revisions = self.revisions(edits, None);
        let number = register(&self.journal(), &self.root())
            .unwrap()
            .next_number();
        self.sign(&format!("i-{number}"), "bob", "emergency", |signed| {
            Body::Emergency(Emergency {
                change: number,
                by: person("bob"),
                why: "It leaks".into(),
                revisions: revisions.clone(),
                due: Moment::at(due),
                signed,
            })
        });
        number
    }

    pub fn reject(&self, number: ChangeNumber) {
        let body = Body::Rejected(Rejected {
            change: number,
            by: "change-control".into(),
            why: "No".into(),
        });
        self.put(&format!("i-{number}"), &body);
    }
}

fn person(name: &str) -> Person {
    Person::Human(name.into())
}

pub fn item(text: &str) -> ItemId {
    ItemId::parse(text).unwrap()
}
