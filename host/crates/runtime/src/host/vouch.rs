//! Who did it: in a workflow that is signed nothing counts that nobody has signed, whichever way it comes.
//!
//! Everything that happens to an instance passes here: commands of this process, the control socket, what agents hand in, what was sent before the host died. A
//! person signs a statement that the host has made of what they asked for, and the same statement is made again when it comes back: what differs by a byte, was
//! used before, has been overtaken or comes from another history counts for nothing. What agents hand in the host signs, with a key that it keeps for that agent.
//!
//! Whether the act is allowed at all is judged elsewhere (`acts`).

use super::acts::{self, Acts};
use super::house::Host;
use super::{Command, Refused, Signed};
use crate::record::Kind;
use crate::workflow::{Beside, Happened, Instance, Sender, Via, Who, WorkflowError, Wrong};
use change::{Person, Register};
use definitions::ChartBundle;
use journal::RecordId;
use serde_json::{Value as Json, json};
use sign::{KeyError, People, Seen, SignatureError, Statement};
use std::sync::Arc;
use types::{ContentHash, Timestamp, Value};

/// For how long what was signed can be handed in.
const FRESH_MS: i64 = 24 * 60 * 60 * 1_000;
/// Kinds of records that something may begin with which is signed.
const BEGINS: [Kind; 3] = [
    Kind::ChangeRequested,
    Kind::ChangeEmergency,
    Kind::ChangeBaseline,
];
/// Workflows that are signed whatever their files say: who could take that away could do anything in the name of anybody.
const ALWAYS: [&str; 1] = [definitions::CHANGE_CONTROL];

/// Who does something, as far as that is said.
#[derive(Clone, Debug, Default)]
pub(super) struct Deed {
    /// Whether somebody asked for it, with a command; otherwise it comes of itself or from a run.
    asked: bool,
    /// The person who says that it is them.
    pub(super) by: Option<Arc<str>>,
    /// What that person has signed.
    signed: Option<Signed>,
}

impl Deed {
    /// A command of `by`.
    pub(super) fn of(by: Option<String>, signed: Option<Signed>) -> Self {
        Deed {
            asked: true,
            by: by.map(Arc::from),
            signed,
        }
    }

    /// What that person has signed.
    pub(super) fn signed(&self) -> Option<&Signed> {
        self.signed.as_ref()
    }
}

/// What happens, once it is known who does it and that they may.
#[derive(Default)]
pub(super) struct Vouched {
    /// What happens, as it is to be taken.
    pub happened: Vec<Happened>,
    /// What the host knows beside it.
    pub beside: Beside,
    /// What is recorded after it, in the same commit.
    pub records: Vec<(Kind, Json)>,
    /// Whose the keys are that were used for the first time: recorded before it.
    pub identities: Vec<(Kind, Json)>,
    /// What there is to say of it.
    pub said: Json,
    /// The register as it is then, where it is about a change.
    pub register: Option<Register>,
}

/// What is claimed by doing it: the statement, but for when it is made and what it has seen.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub statement: Statement,
    /// When the work that it ends came up, as timers count it.
    pub since: Option<i64>,
}

/// Whether an instance takes only what is signed.
pub(super) fn is_signed(instance: &Instance) -> bool {
    is_signed_workflow(instance.bundle())
}

pub(super) fn is_signed_workflow(bundle: &ChartBundle) -> bool {
    bundle.signed || ALWAYS.contains(&bundle.chart.name())
}

/// Who does what happens.
enum Doer {
    /// The host: nobody signs it.
    Host,
    /// A person of the house.
    Person(Arc<str>),
    /// An agent.
    Agent(Arc<str>),
}

impl Host {
    /// See to it that what is to happen in `instance` is signed where it has to be, by whom it says, and that they may do it.
    ///
    /// # Errors
    /// Why it does not count.
    pub(super) fn vouch(
        &self,
        instance: &Instance,
        happened: Vec<Happened>,
        deed: &Deed,
        now: i64,
    ) -> Result<Vouched, WorkflowError> {
        if !is_signed(instance) {
            return Ok(Vouched {
                happened,
                ..Vouched::default()
            });
        }
        let unsigned = |why: String, help: &str| WorkflowError::NotSigned {
            chart: instance.bundle().chart.name().to_owned(),
            why,
            help: help.to_owned(),
        };
        let people = self.people(now)?;
        let doer = self.doer(instance, &happened, deed, &people)?;
        let judged = self.judge(instance, happened, &doer, now)?;
        let (signed, identities) = match &doer {
            Doer::Host => {
                // Whoever it gives work to is to read what the change is about.
                let register = self.register().ok();
                return Ok(Vouched {
                    register,
                    ..judged.unsigned()
                });
            }
            Doer::Person(name) => {
                let signed = deed.signed.as_ref().ok_or_else(|| {
                    unsigned(
                        format!("`{name}` has not signed it"),
                        "sign it with --key FILE, or with --print-statement and --signature FILE",
                    )
                })?;
                let signed = self.check_signature(&people, &judged.claim, signed, now);
                (
                    signed.map_err(|bad| unsigned(bad.why, &bad.help))?,
                    Vec::new(),
                )
            }
            Doer::Agent(name) => {
                let statement = self
                    .statement_of(&judged.claim, now)
                    .map_err(|why| unsigned(why, "mend the store, then hand in again"))?;
                let signed = self.sign_as_agent(name, &statement, now);
                signed.map_err(|bad| unsigned(bad.why, &bad.help))?
            }
        };
        let bodies = judged.acts.signed(&signed)?;
        let register = match bodies.is_empty() {
            true => self.register().ok(),
            false => Some(self.may_all(instance.id(), &identities, &bodies, now)?),
        };
        Ok(Vouched {
            happened: judged.happened,
            beside: Beside {
                signed: Some(json!(signed)),
                known: judged.known,
            },
            records: bodies.iter().map(acts::record).collect(),
            identities,
            said: judged.said,
            register,
        })
    }

    /// Sign `statement` with the key of `agent`; with whose key it is, where the house has not signed that yet, and whose the house's, where nobody has said it.
    fn sign_as_agent(
        &self,
        agent: &str,
        statement: &Statement,
        now: i64,
    ) -> Result<(sign::Signed, Vec<(Kind, Json)>), Bad> {
        let (house, services) = (self.definitions(), self.0.services.borrow());
        let ring = sign::Keyring::of_house(&house.root);
        let key = ring.agent(agent, &*services.rng)?;
        let who = format!("agent:{agent}");
        let register = self.register()?;
        let mut identities = Vec::new();
        if !crate::control::is_key_of(&register, &house.root, &who, key.signer.public()) {
            let on_record = crate::control::keys_of_house(&register);
            let own = ring.house(&house.name, &on_record, &*services.rng)?.signer;
            let mut known = register.identities().iter();
            if known.all(|known| known.who != "house") {
                let identity = json!({ "who": "house", "key": own.public().to_string() });
                identities.push((Kind::Identity, identity));
            }
            let public = key.signer.public().to_string();
            let seen = statement.seen.clone();
            let said = Statement::of_identity(&who, &public, &house.name, seen, moment(now));
            let signed = own.sign(&said);
            let identity = json!({ "who": who, "key": public, "signed": signed });
            identities.push((Kind::Identity, identity));
        }
        Ok((key.signer.sign(statement), identities))
    }

    /// Who there is, for whoever judges what is signed.
    fn people(&self, now: i64) -> Result<People, WorkflowError> {
        let house = self.definitions();
        let people = crate::control::people(&self.0.journal.borrow(), &house, Timestamp(now));
        people.map_err(|error| acts::unfit(Wrong::Store, error.to_string(), "mend the store"))
    }

    /// Who does it, by how it came; a person only where they are one of the house and may.
    fn doer(
        &self,
        instance: &Instance,
        happened: &[Happened],
        deed: &Deed,
        people: &People,
    ) -> Result<Doer, WorkflowError> {
        let unsigned = |why: &str, help: &str| WorkflowError::NotSigned {
            chart: instance.bundle().chart.name().to_owned(),
            why: why.to_owned(),
            help: help.to_owned(),
        };
        let mut doer = Doer::Host;
        for one in happened {
            let needs_person = match one {
                Happened::Due | Happened::Moved { .. } | Happened::Cancelled { .. } => deed.asked,
                Happened::Bind { via, who, role } => {
                    self.may_be_given(instance, role, who, people)?;
                    !matches!(via, Via::Offer)
                }
                Happened::Detach { via, .. } => {
                    !matches!(via, Via::Failure | Via::Chart | Via::Reload)
                }
                Happened::TakeOver { who, role, .. } => {
                    self.may_be_given(instance, role, who, people)?;
                    true
                }
                Happened::Activity { .. } => deed.asked,
                Happened::Event { from, .. } => matches!(from, Sender::Human { .. }) || deed.asked,
                Happened::HandIn {
                    role,
                    by: Who::Agent { agent, .. },
                    ..
                } if !deed.asked => {
                    // It may have been taken from it since it was given.
                    self.takes(agent, role)?;
                    doer = Doer::Agent(agent.clone());
                    false
                }
                Happened::HandIn { by, .. } => {
                    let is_them =
                        matches!(by, Who::Human { name } if deed.by.as_ref() == Some(name));
                    if !is_them {
                        return Err(unsigned(
                            "it is handed in in the name of somebody else",
                            "whoever did the work hands it in",
                        ));
                    }
                    true
                }
            };
            if !needs_person {
                continue;
            }
            let Some(name) = &deed.by else {
                return Err(unsigned(
                    "nobody says that it is them",
                    "say who you are with --as NAME, and sign it with --key FILE",
                ));
            };
            if people.get(name).is_none() {
                let known: Vec<&str> = people.0.keys().map(|name| &**name).collect();
                return Err(unsigned(
                    &format!("`{name}` is not one of the people of this house"),
                    &match known.is_empty() {
                        true => {
                            "it has none: list them with their keys under `people` in house.yaml"
                                .to_owned()
                        }
                        false => format!(
                            "they are {}; add others under `people` in house.yaml",
                            known.join(", ")
                        ),
                    },
                ));
            }
            doer = Doer::Person(name.clone());
        }
        Ok(doer)
    }

    /// Whether `role` of a signed workflow can be given to `who`: to a person who may hold it, to an agent whose definition says that it takes it and who may do its work
    /// there, and to no run that somebody else has begun.
    fn may_be_given(
        &self,
        instance: &Instance,
        role: &Arc<str>,
        who: &Who,
        people: &People,
    ) -> Result<(), WorkflowError> {
        let forbidden = |why: String, help: String| Err(WorkflowError::Forbidden { why, help });
        match who {
            Who::Human { name } => {
                let person = people.get(name);
                let may = person.is_some_and(|person| person.may_act_as(role));
                match may {
                    true => Ok(()),
                    false => forbidden(
                        format!("`{name}` does not have the role `{role}` in this house"),
                        "`people` in house.yaml says who may hold which role".to_owned(),
                    ),
                }
            }
            Who::Agent { agent, run } => {
                self.takes(agent, role)?;
                if let Some(rule) = self.why_not_act(instance, role, agent) {
                    return Err(acts::forbidden(&rule));
                }
                if self.0.agents.borrow().has(run) || !self.is_unbegun(run) {
                    return forbidden(
                        format!("the run {run} of `{agent}` has been told things before"),
                        "name the agent and not the run: it gets a run of its own".to_owned(),
                    );
                }
                Ok(())
            }
        }
    }

    /// That `agent` takes `role` by its definition as it is now.
    fn takes(&self, agent: &str, role: &str) -> Result<(), WorkflowError> {
        let house = self.definitions();
        let takes = house.agents.get(agent).is_some_and(|agent| {
            let mut roles = agent.roles.iter();
            roles.any(|takes| *takes.value == *role)
        });
        takes.then_some(()).ok_or_else(|| WorkflowError::Forbidden {
            why: format!("the agent `{agent}` does not take the role `{role}`"),
            help: format!("its definition would have to say `roles: [{role}]`"),
        })
    }

    /// What `happened` claims, judged where the workflow is that of changes.
    fn judge(
        &self,
        instance: &Instance,
        happened: Vec<Happened>,
        doer: &Doer,
        now: i64,
    ) -> Result<Judged, WorkflowError> {
        let mut claim = Claim::in_house(&self.definitions().name);
        claim.take(instance, happened.last());
        match self.0.instances.borrow().has(instance.id()) {
            true => claim.statement.instance = instance.id().to_string(),
            // It begins with this: it has no id that anybody could have signed.
            false => claim.since = None,
        }
        let who = match doer {
            Doer::Host => None,
            Doer::Person(name) => Some(Person::Human(name.clone())),
            Doer::Agent(name) => Some(Person::Agent(name.clone())),
        };
        let mut judged = Judged::of(claim, happened);
        let Some(who) = who else {
            return Ok(judged);
        };
        judged.claim.statement.by = who.to_string();
        match self.is_change_control(instance) {
            true => self.judge_act(instance, judged, &who, now),
            false => Ok(judged),
        }
    }

    /// Have something on record that a signer can have seen: the definitions, where there is nothing yet.
    pub(super) async fn begin_history(&self) -> Result<(), Refused> {
        let head = self.0.journal.borrow().head();
        let store = |error: &dyn std::fmt::Display| super::changes::store(&error.to_string());
        if head.map_err(|error| store(&error))?.seq > 0 {
            return Ok(());
        }
        let house = self.definitions();
        let (records, known) = crate::materials::news_of(&self.0.journal.borrow(), &house);
        self.record(records, known, None).await.map(drop)
    }

    /// What a person signs who wants `of` done.
    pub(super) fn statement(&self, of: Command) -> Result<Json, Refused> {
        let now = self.now().0;
        let intent = self.intent(of)?;
        let claim = match &intent.within {
            super::intent::Within::House => self.baseline_claim(&intent.deed)?,
            super::intent::Within::Instance(id) => {
                let instances = self.0.instances.borrow();
                let found = instances.get(id).cloned();
                drop(instances);
                let instance = found.ok_or_else(|| super::instances::no_such_instance(id))?;
                self.claim_in(instance, intent.happened, &intent.deed, now)?
            }
            super::intent::Within::New { chart, input } => {
                let house = self.definitions();
                let bundle = self.workflow(&house, chart)?;
                let id = self.new_id();
                let (instance, _) = Instance::begin(&id, bundle, input.clone(), now)?;
                self.claim_in(instance, intent.happened, &intent.deed, now)?
            }
        };
        let statement = self.statement_of(&claim, now);
        let statement = statement.map_err(|why| {
            Refused::new(
                super::RefusedCode::Store,
                why,
                "mend the store, then ask again",
            )
        })?;
        Ok(json!({ "statement": statement.text() }))
    }

    /// What is claimed by what is to happen in `instance`, which is tried on this copy of it: nobody signs what would be refused.
    fn claim_in(
        &self,
        mut instance: Instance,
        happened: Vec<Happened>,
        deed: &Deed,
        now: i64,
    ) -> Result<Claim, WorkflowError> {
        let people = self.people(now)?;
        let doer = self.doer(&instance, &happened, deed, &people)?;
        let judged = self.judge(&instance, happened, &doer, now)?;
        for one in judged.happened {
            let beside = Beside {
                signed: None,
                known: judged.known.clone(),
            };
            instance.take_with(one, now, None, &beside)?;
        }
        Ok(judged.claim)
    }

    /// The statement of `claim`, made now.
    pub(super) fn statement_of(&self, claim: &Claim, now: i64) -> Result<Statement, String> {
        let head = self.0.journal.borrow().head();
        let head = head.map_err(|error| error.to_string())?;
        Ok(Statement {
            seen: Seen {
                hash: head.hash,
                seq: head.seq,
            },
            time: moment(now),
            ..claim.statement.clone()
        })
    }

    /// Whether `signed` is a signature for `claim` of the one who claims it, made of late in this history and not used before; as it is recorded.
    pub(super) fn check_signature(
        &self,
        people: &People,
        claim: &Claim,
        signed: &Signed,
        now: i64,
    ) -> Result<sign::Signed, Bad> {
        let signed = sign::Signed::of(&signed.statement, &signed.signature)?;
        let said = people.verify(&signed)?;
        said.must_be(&claim.statement)?;
        let (made, time) = (change::Moment::parse(&said.time)?.time().0, &said.time);
        if (now - made).abs() > FRESH_MS {
            return Err(format!("it was signed for {time}, and counts for a day").into());
        }
        if claim
            .since
            .is_some_and(|since| self.steady_at(made) < since)
        {
            return Err("the workflow has gone on since it was signed".into());
        }
        let seen = self.0.journal.borrow().record(RecordId(said.seen.seq));
        let seen = seen.map_err(|error| error.to_string())?;
        if seen.is_none_or(|record| record.hash != said.seen.hash) {
            return Err("it was signed for another history than this one".into());
        }
        match self.was_used(&said.instance, &signed.statement)? {
            Some(seq) => {
                Err(format!("this statement was used before, for the record {seq}").into())
            }
            None => Ok(signed),
        }
    }

    /// The record for which `statement` was used before, if it was.
    fn was_used(&self, instance: &str, statement: &str) -> Result<Option<u64>, String> {
        let journal = self.0.journal.borrow();
        // As it stands within a body.
        let quoted = Json::from(statement).to_string();
        let used = |records: Result<Vec<journal::Record>, journal::JournalError>| {
            let records = records.map_err(|error| error.to_string())?;
            let mut all = records.iter();
            let used = all.find(|record| record.body.contains(&quoted));
            Ok::<_, String>(used.map(|record| record.seq.0))
        };
        if !instance.is_empty() {
            return used(journal.records(instance));
        }
        // What begins something names no instance: it is the first record of a change, or a baseline.
        for kind in BEGINS {
            if let Some(seq) = used(journal.of_kind(kind.name()))? {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }

    /// The workflow `chart` of `house`.
    pub(super) fn workflow<'h>(
        &self,
        house: &'h definitions::House,
        chart: &str,
    ) -> Result<&'h Arc<ChartBundle>, Refused> {
        house.charts.get(chart).ok_or_else(|| {
            Refused::new(
                super::RefusedCode::NoSuchChart,
                format!("the house has no workflow `{chart}`"),
                "`charthouse init` writes it into charts/workflows of a new house: copy it from there",
            )
        })
    }
}

/// What was found of what is to happen.
pub(super) struct Judged {
    pub claim: Claim,
    pub happened: Vec<Happened>,
    /// What the chart hears beside it.
    pub known: Vec<(&'static str, Value)>,
    /// What is recorded of the change, once it is signed.
    pub acts: Acts,
    pub said: Json,
}

impl Judged {
    fn of(claim: Claim, happened: Vec<Happened>) -> Self {
        Judged {
            claim,
            happened,
            known: Vec::new(),
            acts: Acts::default(),
            said: Json::Null,
        }
    }

    fn unsigned(self) -> Vouched {
        Vouched {
            happened: self.happened,
            ..Vouched::default()
        }
    }
}

/// What is wrong with a signature, and what to do about it.
#[derive(Debug)]
pub(super) struct Bad {
    pub why: String,
    pub help: String,
}

impl From<String> for Bad {
    fn from(why: String) -> Self {
        Bad {
            why,
            help: "ask for the statement anew, and sign that one".into(),
        }
    }
}

impl From<&str> for Bad {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

impl From<SignatureError> for Bad {
    fn from(error: SignatureError) -> Self {
        Bad {
            help: error.help(),
            why: error.to_string(),
        }
    }
}

impl From<KeyError> for Bad {
    fn from(error: KeyError) -> Self {
        Bad {
            help: error.help(),
            why: error.to_string(),
        }
    }
}

impl Claim {
    /// Nothing is claimed yet, in the house `house`.
    pub(super) fn in_house(house: &str) -> Self {
        let none = ContentHash::of(&[]);
        let statement = Statement {
            act: String::new(),
            artefacts: None,
            by: String::new(),
            change: String::new(),
            house: house.to_owned(),
            instance: String::new(),
            notes: Statement::hash_of_notes(""),
            on: None,
            outcome: String::new(),
            role: String::new(),
            seen: Seen { hash: none, seq: 0 },
            time: String::new(),
        };
        Claim {
            statement,
            since: None,
        }
    }

    /// What `happened` claims by itself, whatever workflow it is in.
    fn take(&mut self, instance: &Instance, happened: Option<&Happened>) {
        let said = &mut self.statement;
        let hash_of =
            |text: &Option<Arc<str>>| Statement::hash_of_notes(text.as_deref().unwrap_or_default());
        match happened {
            Some(Happened::HandIn {
                role,
                outcome,
                notes,
                artefacts,
                ..
            }) => {
                said.act = "hand_in".into();
                said.role = role.to_string();
                said.outcome = outcome.to_string();
                said.notes = hash_of(notes);
                said.artefacts = content(artefacts);
                self.since = instance.work_since(role);
            }
            Some(Happened::Event { event, .. }) => {
                said.act = event.name.to_string();
                said.artefacts = content(&event.data);
            }
            Some(Happened::Bind { role, who, .. } | Happened::TakeOver { role, who, .. }) => {
                // Whoever binds somebody need not have that role.
                said.act = format!("bind {role}");
                said.outcome = String::from(who.person());
            }
            Some(Happened::Detach { role, notes, .. }) => {
                said.act = format!("detach {role}");
                said.notes = hash_of(notes);
            }
            Some(Happened::Activity { id, event }) => {
                said.act = "answer".into();
                said.outcome = id.to_string();
                said.artefacts = content(&event.data);
            }
            _ => said.act = "nothing".into(),
        }
    }
}

/// The hash of `value` as canonical JSON; none where there is nothing.
pub(super) fn content(value: &Value) -> Option<ContentHash> {
    match value {
        Value::Null => None,
        value => Some(sign::canonical_hash(&value.to_json())),
    }
}

/// An instant to the millisecond.
fn moment(now: i64) -> String {
    let second = crate::rfc3339(Timestamp(now));
    format!(
        "{}.{:03}Z",
        second.trim_end_matches('Z'),
        now.rem_euclid(1_000)
    )
}
