//! A house of a few files, people with keys that cannot be forged here, and the acts of a change in one line each.

use change::{
    At, Audience, Baseline, BaselineRecord, Body, Candidate, CandidateError, ChangeNumber, Class,
    Edits, Effectivity, Emergency, Evidence, EvidenceKind, FileRecord, Files, Identity,
    ImpactRecord, Implemented, ItemId, Moment, Ordered, Outside, Person, PersonSettings, Proposal,
    Question, Register, Rejected, Released, Requested, Revision, Rule, Settings, Signed, Signer,
    Taken, Verdict, Verified, Vote, Voted, Withdrawn, items_of,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use types::{ContentHash, PluginName, Timestamp};

/// The files of a house with two agents that think alike and one that does not.
pub fn files() -> Files {
    let agent = |name: &str, chart: &str| {
        format!(
            "agent: {name}\nmodel: {{ provider: script, name: m, context_length: 1000, max_output: 100 }}\ncognition: {chart}\n\
             context:\n  - {{ id: charter, role: system, file: ../texts/{name}.md }}\n  - {{ id: history, history: true, flexible: true, trim: oldest }}\n"
        )
    };
    let chart = |name: &str| {
        format!(
            "chart: {name}\ninitial: work\nstates:\n  work: {{ invoke: turn, on: {{ turn.done: done }} }}\n  done: {{ type: final }}\n"
        )
    };
    [
        (
            "house.yaml",
            "house: h\nproviders: { script: { kind: scripted, file: scripts/s.yaml } }\ndefaults: { policy: default }\n".to_owned(),
        ),
        ("scripts/s.yaml", "replies: [{ text: hello }]\n".to_owned()),
        ("agents/coder.yaml", agent("coder", "think")),
        ("agents/checker.yaml", agent("checker", "think")),
        ("agents/lone.yaml", agent("lone", "other")),
        ("texts/coder.md", "You write code.\n".to_owned()),
        ("texts/checker.md", "You check code.\n".to_owned()),
        ("texts/lone.md", "You are alone.\n".to_owned()),
        ("charts/think.yaml", chart("think")),
        ("charts/other.yaml", chart("other")),
        ("policies/default.yaml", "policy: default\ntools: [{ deny: \"*\" }]\n".to_owned()),
        ("policies/spare.yaml", "policy: spare\ntools: [{ allow: \"fs.read\" }]\n".to_owned()),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), text.into_bytes()))
    .collect()
}

/// People by what their names say, and signatures that are right where they say who made them.
pub struct World;

impl Outside for World {
    fn signer(&self, signed: &Signed, _: &Settings, _: &[Identity]) -> Result<Signer, String> {
        let name = signed
            .signature
            .strip_prefix("made by ")
            .ok_or("it is forged")?;
        // Eve has Ada's key.
        let key = match name {
            "human:eve" => "human:ada",
            name => name,
        };
        Ok(Signer {
            who: Person::parse(name)?,
            key: key.into(),
        })
    }

    /// All of them, unless a line of its definition says which: no workflow of this house has any.
    fn roles(&self, agent: &str, files: &Files) -> Result<BTreeSet<Arc<str>>, String> {
        let text = files.get(&format!("agents/{agent}.yaml"));
        let text = String::from_utf8_lossy(text.map_or(&[], Vec::as_slice));
        let said = text.lines().find_map(|line| line.strip_prefix("# takes "));
        let all = "requester assessor quality implementer verifier releaser emergency";
        Ok(said.unwrap_or(all).split(' ').map(Arc::from).collect())
    }

    fn settings(&self, files: &Files) -> Result<Settings, String> {
        let house = files.get("house.yaml").ok_or("there is no house.yaml")?;
        let text = String::from_utf8_lossy(house);
        if text.contains("# broken") {
            return Err("it is broken".into());
        }
        let person = |roles: Option<&[&str]>| PersonSettings {
            keys: Vec::new(),
            roles: roles.map(|roles| roles.iter().map(|role| Arc::from(*role)).collect()),
        };
        // Whoever writes this would decide alone, with a friend.
        let is_seized = text.contains("# seized");
        Ok(Settings {
            controlled: !text.contains("# open"),
            quorum: if is_seized { 1 } else { 2 },
            people: [
                ("ada", None),
                ("bob", None),
                ("cyd", None),
                ("dan", None),
                ("eve", None),
                ("fay", Some(&["requester", "quality"][..])),
                ("zoe", None),
            ]
            .into_iter()
            .filter(|(name, _)| match is_seized {
                true => ["ada", "zoe"].contains(name),
                false => *name != "zoe",
            })
            .map(|(name, roles)| (Arc::from(name), person(roles)))
            .collect(),
            ..Settings::default()
        })
    }
}

pub fn human(name: &str) -> Person {
    Person::Human(name.into())
}

pub fn agent(name: &str) -> Person {
    Person::Agent(name.into())
}

pub fn item(text: &str) -> ItemId {
    ItemId::parse(text).unwrap()
}

/// A register and a clock.
#[derive(Clone)]
pub struct Story {
    pub register: Register,
    pub seq: u64,
    pub now: i64,
    pub records: Vec<(u64, i64, &'static str, serde_json::Value)>,
}

impl Story {
    /// Nothing has happened yet.
    pub fn empty() -> Self {
        Story {
            register: Register::new(Arc::new(World)),
            seq: 10,
            now: 1_000_000,
            records: Vec::new(),
        }
    }

    /// A house under control.
    pub fn new() -> Self {
        let mut story = Story::empty();
        story.tell(baseline("human:ada")).unwrap();
        story
    }

    /// Record `body` if that is allowed, signed by whom it names; and see that the register agrees with itself.
    pub fn tell(&mut self, body: Body) -> Result<(), Rule> {
        let body = sign(body, self.seq);
        self.tell_as_it_is(body)
    }

    pub fn tell_as_it_is(&mut self, body: Body) -> Result<(), Rule> {
        self.seq += 1;
        self.now += 1_000;
        let at = At {
            seq: self.seq,
            time: Timestamp(self.now),
            run: "run",
        };
        let before = self.register.may(&at, &body);
        let (kind, json) = (body.kind(), body.to_json());
        let taken = self.register.take(at, kind, &json);
        self.records.push((self.seq, self.now, kind, json));
        match (before, taken) {
            (Ok(()), Taken::Counted) => Ok(()),
            (Err(rule), Taken::Invalid(same)) => {
                assert_eq!(rule, same);
                Err(rule)
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn request(&mut self, who: &str, items: &[&str]) -> Result<ChangeNumber, Rule> {
        let number = self.register.next_number();
        self.request_as(number, who, items, Class::Minor)
    }

    pub fn request_as(
        &mut self,
        number: ChangeNumber,
        who: &str,
        items: &[&str],
        class: Class,
    ) -> Result<ChangeNumber, Rule> {
        self.tell(Body::Requested(Requested {
            change: number,
            instance: format!("i-{number}").into(),
            title: "a change".into(),
            reason: "it is needed".into(),
            class,
            items: items.iter().map(|text| item(text)).collect(),
            by: Person::parse(who).unwrap(),
            links: Vec::new(),
            signed: unsigned(who),
        }))?;
        Ok(number)
    }

    pub fn assess(&mut self, change: ChangeNumber, who: &str) -> Result<(), Rule> {
        self.tell(Body::Assessed(change::Assessed {
            change,
            by: Person::parse(who).unwrap(),
            impact: ImpactRecord::default(),
            notes: "harmless".into(),
            signed: unsigned(who),
        }))
    }

    pub fn vote(
        &mut self,
        change: ChangeNumber,
        who: &str,
        role: &str,
        vote: Vote,
    ) -> Result<(), Rule> {
        self.tell(Body::Voted(Voted {
            change,
            by: Person::parse(who).unwrap(),
            role: role.into(),
            vote,
            why: "I looked".into(),
            signed: unsigned(who),
        }))
    }

    pub fn approve(&mut self, change: ChangeNumber, who: &str) -> Result<(), Rule> {
        self.vote(change, who, "quality", Vote::Approve)
    }

    pub fn order(
        &mut self,
        change: ChangeNumber,
        who: &str,
        effectivity: Effectivity,
    ) -> Result<(), Rule> {
        self.tell(Body::Ordered(Ordered {
            change,
            effectivity,
            by: Person::parse(who).unwrap(),
            signed: unsigned(who),
        }))
    }

    /// What `edits` make of the released house.
    pub fn candidate(
        &self,
        change: ChangeNumber,
        edits: &[(&str, Option<&str>)],
    ) -> Result<Candidate, CandidateError> {
        let approved = self
            .register
            .change(change)
            .map(|change| change.items.clone());
        self.candidate_of(&approved.unwrap_or_default(), edits)
    }

    pub fn candidate_of(
        &self,
        approved: &BTreeSet<ItemId>,
        edits: &[(&str, Option<&str>)],
    ) -> Result<Candidate, CandidateError> {
        let head = self.register.files_at_head();
        let edits: Edits = edits
            .iter()
            .map(|(name, text)| {
                (
                    (*name).to_owned(),
                    text.map(|text| text.as_bytes().to_vec()),
                )
            })
            .collect();
        Candidate::of(&Proposal {
            root: Path::new("/house"),
            released: &head.files,
            plugins: &head.plugins,
            edits: &edits,
            components: &BTreeMap::new(),
            approved,
        })
    }

    pub fn implement(
        &mut self,
        change: ChangeNumber,
        who: &str,
        edits: &[(&str, Option<&str>)],
    ) -> Result<ContentHash, Rule> {
        let candidate = self.candidate(change, edits).unwrap();
        self.tell(Body::Implemented(Implemented {
            change,
            by: Person::parse(who).unwrap(),
            candidate: candidate.hash,
            revisions: candidate.revisions,
            signed: unsigned(who),
        }))?;
        Ok(candidate.hash)
    }

    pub fn verify(&mut self, change: ChangeNumber, who: &str, on: ContentHash) -> Result<(), Rule> {
        self.verify_as(change, who, on, Verdict::Passed, true)
    }

    pub fn verify_as(
        &mut self,
        change: ChangeNumber,
        who: &str,
        on: ContentHash,
        result: Verdict,
        evidence: bool,
    ) -> Result<(), Rule> {
        let evidence = evidence.then(|| Evidence {
            kind: EvidenceKind::Check,
            what: "charthouse check".into(),
            result: "in order".into(),
            hash: None,
        });
        self.tell(Body::Verified(Verified {
            change,
            by: Person::parse(who).unwrap(),
            on,
            result,
            evidence: evidence.into_iter().collect(),
            signed: unsigned(who),
        }))
    }

    pub fn release(
        &mut self,
        change: ChangeNumber,
        who: &str,
        on: ContentHash,
    ) -> Result<(), Rule> {
        let body = self.release_body(change, who, on);
        self.tell(body)
    }

    pub fn release_body(&self, change: ChangeNumber, who: &str, on: ContentHash) -> Body {
        let known = self.register.change(change);
        let made = known.and_then(|change| change.implementation());
        let ordered = known.and_then(|change| change.order.as_ref());
        Body::Released(Released {
            change,
            by: Person::parse(who).unwrap(),
            on,
            effectivity: ordered.map_or(Effectivity::now(), |(_, effectivity)| effectivity.clone()),
            revisions: made.map(|made| made.steps.clone()).unwrap_or_default(),
            signed: unsigned(who),
        })
    }

    pub fn withdraw(&mut self, change: ChangeNumber, who: &str) -> Result<(), Rule> {
        self.tell(Body::Withdrawn(Withdrawn {
            change,
            by: Person::parse(who).unwrap(),
            why: "no longer wanted".into(),
            signed: unsigned(who),
        }))
    }

    pub fn reject(&mut self, change: ChangeNumber) -> Result<(), Rule> {
        self.tell(Body::Rejected(Rejected {
            change,
            by: "change-control".into(),
            why: "the board rejected it".into(),
        }))
    }

    pub fn emergency(
        &mut self,
        change: ChangeNumber,
        who: &str,
        edits: &[(&str, Option<&str>)],
    ) -> Result<(), Rule> {
        let all = self
            .register
            .items()
            .map(|(item, _)| item.clone())
            .collect();
        let candidate = self.candidate_of(&all, edits).unwrap();
        let due = Moment::at(Timestamp(self.now + 3_600_000));
        self.tell(Body::Emergency(Emergency {
            change,
            by: Person::parse(who).unwrap(),
            why: "it burns".into(),
            revisions: candidate.revisions,
            due,
            signed: unsigned(who),
        }))
    }

    /// Everything up to the release, by the right people.
    pub fn change(
        &mut self,
        items: &[&str],
        edits: &[(&str, Option<&str>)],
        effectivity: Effectivity,
    ) -> ChangeNumber {
        let change = self.request("human:ada", items).unwrap();
        self.assess(change, "human:bob").unwrap();
        self.approve(change, "human:bob").unwrap();
        self.approve(change, "human:cyd").unwrap();
        self.order(change, "human:bob", effectivity).unwrap();
        let on = self.implement(change, "human:ada", edits).unwrap();
        self.verify(change, "human:bob", on).unwrap();
        self.release(change, "human:cyd", on).unwrap();
        change
    }

    /// What is found where the released house, as it is to lie on the disk, has `edits`.
    pub fn found(&self, edits: &[(&str, Option<&str>)]) -> BTreeMap<ItemId, Revision> {
        let mut files = self.register.files_in_place(Timestamp(self.now)).files;
        for (name, text) in edits {
            match text {
                Some(text) => files.insert((*name).to_owned(), text.as_bytes().to_vec()),
                None => files.remove(*name),
            };
        }
        revisions(&files)
    }

    pub fn audience<'a>(&self, agent: Option<&'a str>, began: Option<u64>) -> Audience<'a> {
        Audience {
            agent,
            began,
            now: Timestamp(self.now),
        }
    }

    /// Whether it may be loaded, with what is said where it may not.
    pub fn admit(
        &self,
        found: &BTreeMap<ItemId, Revision>,
        agent: Option<&str>,
        began: Option<u64>,
    ) -> Result<change::Admitted, Vec<String>> {
        let question = Question {
            found,
            whole: true,
            file_says_controlled: true,
            audience: self.audience(agent, began),
        };
        self.register
            .admit(&question)
            .map_err(|refusals| refusals.iter().map(ToString::to_string).collect())
    }
}

pub fn revisions(files: &Files) -> BTreeMap<ItemId, Revision> {
    let house = definitions::load_recorded(Path::new("/house"), files)
        .unwrap_or_else(|report| panic!("{}", report.render(false)));
    items_of(&house, &BTreeMap::<PluginName, ContentHash>::new()).revisions()
}

pub fn baseline(who: &str) -> Body {
    baseline_of(who, &files())
}

pub fn baseline_of(who: &str, files: &Files) -> Body {
    let house = definitions::load_recorded(Path::new("/house"), files)
        .unwrap_or_else(|report| panic!("{}", report.render(false)));
    let items = items_of(&house, &BTreeMap::new()).items;
    let revisions = items.into_iter().map(|(item, parts)| BaselineRecord {
        item,
        to: parts.revision,
        files: parts
            .files
            .iter()
            .map(|(file, hash)| FileRecord {
                file: file.clone(),
                hash: *hash,
                text: Some(String::from_utf8(files[&**file].clone()).unwrap()),
                stored: None,
            })
            .collect(),
    });
    Body::Baseline(Baseline {
        change: ChangeNumber::BASELINE,
        by: Person::parse(who).unwrap(),
        revisions: revisions.collect(),
        signed: unsigned(who),
    })
}

pub fn unsigned(who: &str) -> Signed {
    Signed {
        by: Person::parse(who).unwrap(),
        key: "SHA256:x".into(),
        statement: String::new(),
        signature: format!("made by {who}"),
    }
}

/// The role in which an agent says what `body` says; of a person it is left open.
fn role_of(body: &Body) -> Option<Arc<str>> {
    let (who, _) = body.signed()?;
    who.agent()?;
    let role = match body {
        Body::Voted(body) => return Some(body.role.clone()),
        Body::Assessed(_) => "assessor",
        Body::Implemented(_) => "implementer",
        Body::Verified(_) => "verifier",
        Body::Released(_) | Body::Ordered(_) | Body::Baseline(_) => "releaser",
        Body::Emergency(_) => "emergency",
        _ => "requester",
    };
    Some(role.into())
}

/// `body` with the statement that belongs to it.
pub fn sign(mut body: Body, seq: u64) -> Body {
    let statement = body.signed().map(|(by, _)| {
        json!({
            "act": "hand-in", "by": by, "change": body.change(), "outcome": body.words()[0], "on": body.on(),
            "seen": { "seq": seq, "hash": "x" }, "role": role_of(&body), "notes": "", "house": "h",
        })
        .to_string()
    });
    if let Some(statement) = statement
        && let Some(signed) = signed_mut(&mut body)
    {
        signed.statement = statement;
    }
    body
}

pub fn signed_mut(body: &mut Body) -> Option<&mut Signed> {
    Some(match body {
        Body::Requested(body) => &mut body.signed,
        Body::Assessed(body) => &mut body.signed,
        Body::Reviewed(body) => &mut body.signed,
        Body::Voted(body) => &mut body.signed,
        Body::Ordered(body) => &mut body.signed,
        Body::Implemented(body) => &mut body.signed,
        Body::Verified(body) => &mut body.signed,
        Body::Released(body) => &mut body.signed,
        Body::Withdrawn(body) => &mut body.signed,
        Body::Baseline(body) => &mut body.signed,
        Body::Emergency(body) => &mut body.signed,
        _ => return None,
    })
}
