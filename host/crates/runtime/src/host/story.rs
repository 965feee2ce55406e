//! A change as it is told: to whoever asks, and to whoever is given work in it.

use super::Refused;
use super::candidate::{released, with_change};
use super::changes::store;
use super::house::Host;
use crate::workflow::{Instance, Out, Position, RoleAt, Taken, Who};
use change::{
    Change, ChangeNumber, Doing, HeldFile, ImpactRecord, InstanceFact, ItemId, Person, Register,
    RunFact,
};
use journal::Record;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use types::Value;

/// The longest text of differences that somebody who is given work is shown, in bytes: the rest is for `charthouse change show`.
const DIFF_BYTES_MAX: usize = 24 * 1024;
/// Workflows whose instances can be about a change.
const LINKED: [&str; 2] = ["nonconformance", "corrective-action"];

impl Host {
    /// All changes.
    pub(super) fn changes(&self) -> Result<Json, Refused> {
        let register = self.register().map_err(|why| store(&why))?;
        let now = self.now();
        let lines = register.changes().map(|change| {
            let mut line = in_a_line(change);
            line["awaits"] = json!(self.awaited(&register, change));
            line
        });
        Ok(json!({
            "changes": lines.collect::<Vec<_>>(),
            "baseline": register.baseline(),
            "emergencies": register.emergencies(now),
            "invalid": register.invalid().len(),
            "items": register.items().map(|(item, _)| item).collect::<Vec<_>>(),
        }))
    }

    /// One change, all of it.
    pub(super) fn change(&self, wanted: &str) -> Result<Json, Refused> {
        let register = self.register().map_err(|why| store(&why))?;
        let number = self.number(&register, wanted)?;
        let Some(change) = register.change(number) else {
            return Ok(Json::Null);
        };
        let mut shown = json!(change);
        for (key, value) in in_a_line(change).as_object().into_iter().flatten() {
            shown[key] = value.clone();
        }
        shown["requested"] = json!(change.requests.first());
        shown["differences"] = self.differences(&register, number);
        shown["components"] = self.components(change);
        shown["awaits"] = json!(self.awaited(&register, change));
        shown["linked"] = json!(self.linked(change));
        let invalid = register
            .invalid()
            .iter()
            .filter(|one| one.change == Some(number));
        let invalid = invalid
            .map(|one| json!({ "record": one.seq, "kind": one.kind, "why": one.rule.to_string() }));
        shown["invalid"] = invalid.collect();
        Ok(shown)
    }

    /// Where the components of the plugins lie that the change may touch.
    fn components(&self, change: &Change) -> Json {
        let house = self.definitions();
        let plugins = change.items.iter().filter_map(|item| match item {
            ItemId::Plugin(name) => Some(name),
            _ => None,
        });
        let paths = plugins.map(|name| {
            let mut all = house.plugins.iter();
            let known = all.find(|(known, _)| known.as_str() == &**name);
            let path = known.map(|(_, plugin)| {
                let path = &plugin.component.path;
                path.strip_prefix(&house.root)
                    .unwrap_or(path)
                    .display()
                    .to_string()
            });
            (
                name.to_string(),
                json!(path.unwrap_or_else(|| format!("plugins/{name}.wasm"))),
            )
        });
        Json::Object(paths.collect())
    }

    /// What differs between what is released and what the change has made; null where nothing is made.
    fn differences(&self, register: &Register, number: ChangeNumber) -> Json {
        super::differences::of(register, number, &self.definitions().root)
    }

    /// Who has to do what next, and how they do it.
    fn awaited(&self, register: &Register, change: &Change) -> Vec<Json> {
        let instances = self.0.instances.borrow();
        let Some(instance) = instances.get(&change.instance) else {
            return Vec::new();
        };
        let position: Position = instance.position();
        let mut all: Vec<Json> = position
            .roles
            .iter()
            .filter(|at| !at.states.is_empty() && self.has_part(register, &at.role))
            .map(|at| self.awaits(register, change, at))
            .collect();
        if position.needs_human {
            all.push(json!({
                "role": Json::Null, "what": "it went round too often: somebody has to look", "could": [],
                "command": format!("charthouse workflow event {} human.resumed --as NAME", change.instance),
            }));
        }
        all
    }

    /// Whether `role` has a part in the changes of this house: a seat that is not on its board has none.
    fn has_part(&self, register: &Register, role: &str) -> bool {
        let settings = register.settings(self.now());
        let is_seat = |settings: &change::Settings| settings.board.contains(role);
        super::acts::is_no_seat(role) || settings.is_ok_and(|settings| is_seat(&settings))
    }

    fn awaits(&self, register: &Register, change: &Change, at: &RoleAt) -> Json {
        let (number, role) = (change.number, &at.role);
        let items: Vec<String> = change
            .items
            .iter()
            .map(|item| format!("--item {item}"))
            .collect();
        let (doing, what, command) = match &**role {
            "requester" => (
                Doing::Look,
                "say anew what is wanted, or give it up",
                format!(
                    "charthouse change request {number} --as NAME {} --title … --reason …",
                    items.join(" ")
                ),
            ),
            "assessor" => (
                Doing::Assess,
                "judge what depends on it",
                format!("charthouse change assess {number} --as NAME --notes …"),
            ),
            "implementer" => (
                Doing::Implement,
                "make the new revision",
                format!("charthouse change implement {number} --as NAME --from ."),
            ),
            "verifier" => (
                Doing::Verify,
                "verify it",
                format!("charthouse change verify {number} --as NAME --run-scenarios --notes …"),
            ),
            "releaser" => (
                Doing::Release,
                "release it",
                match &change.order {
                    Some(_) => format!("charthouse change release {number} --as NAME"),
                    None => {
                        format!("charthouse change release {number} --as NAME --effectivity now")
                    }
                },
            ),
            seat => (
                Doing::Vote(seat),
                "vote",
                format!("charthouse change approve {number} --as NAME --role {seat}"),
            ),
        };
        let could = match &at.holder {
            Some(holder) => vec![Person::from(holder.clone())],
            None => self.could(register, number, role, doing),
        };
        let one = match &could[..] {
            [Person::Human(name)] => command.replace("--as NAME", &format!("--as {name}")),
            _ => command,
        };
        json!({ "role": role, "what": what, "holder": at.holder, "could": could, "command": one })
    }

    /// Who could take a role now.
    fn could(
        &self,
        register: &Register,
        number: ChangeNumber,
        role: &str,
        doing: Doing<'_>,
    ) -> Vec<Person> {
        let Ok(settings) = register.settings(self.now()) else {
            return Vec::new();
        };
        let house = self.definitions();
        let people = settings.people.keys();
        let people = people.filter(|name| settings.may_hold(name, role));
        let people = people.map(|name| Person::Human(name.clone()));
        let takes = |agent: &&Arc<definitions::AgentDef>| {
            agent.roles.iter().any(|takes| *takes.value == *role)
        };
        let agents = house.agents.values().filter(takes);
        let agents = agents.map(|agent| Person::Agent(agent.name.clone()));
        let instances = self.0.instances.borrow();
        let instance = register
            .change(number)
            .and_then(|change| instances.get(&change.instance));
        let all = people.chain(agents).filter(|who| {
            let may = register.may_do(number, who, doing, self.now()).is_ok();
            let own = crate::workflow::Person::from(who.clone());
            may && instance.is_none_or(|instance| instance.may_hold(role, &own).is_ok())
        });
        all.collect()
    }

    /// Nonconformances and corrective actions that name the change, or that it names.
    fn linked(&self, change: &Change) -> Vec<Json> {
        let name = Json::from(change.number.to_string()).to_string();
        let instances = self.0.instances.borrow();
        let open = instances
            .all()
            .filter(|instance| LINKED.contains(&instance.bundle().chart.name()));
        let about = |instance: &&Instance| {
            let data = instance.position().data.to_string();
            let input = instance.input().to_json().to_string();
            let named = change.links.iter().any(|link| **link == **instance.id());
            named || data.contains(&name) || input.contains(&name)
        };
        let open = open.filter(about).map(|instance| {
            json!({ "instance": instance.id(), "workflow": instance.bundle().chart.name(), "status": "open",
                "states": instance.position().configuration })
        });
        let mut all: Vec<Json> = open.collect();
        let journal = self.0.journal.borrow();
        // Those that are over tell what they came to.
        let ended: Vec<Record> = journal.of_kind("ended").unwrap_or_default();
        for record in ended {
            let Ok(Some(started)) = journal.newest(&record.run, "started") else {
                continue;
            };
            let body: Json = serde_json::from_str(&started.body).unwrap_or_default();
            let workflow = body["workflow"]["name"].as_str().unwrap_or_default();
            let named = change.links.contains(&record.run);
            if LINKED.contains(&workflow)
                && (named || started.body.contains(&name) || record.body.contains(&name))
            {
                all.push(json!({ "instance": record.run, "workflow": workflow, "status": "over" }));
            }
        }
        all
    }

    /// Whoever is given work in a change is told of it: what it is about, what it bears on, what differs, what the house found out.
    pub(super) fn show_change(&self, instance: &Instance, register: &Register, taken: &mut Taken) {
        let Some(change) = register.change_of(instance.id()) else {
            return;
        };
        let mut told: Option<Json> = None;
        for out in &mut taken.out {
            let Out::Send {
                record,
                event,
                data,
                ..
            } = out
            else {
                continue;
            };
            if &**event != crate::bound::ASSIGNED {
                continue;
            }
            let told = told.get_or_insert_with(|| self.for_work(register, change));
            let mut all = data.to_json();
            all["change"] = told.clone();
            if let Some((_, body)) = taken.records.get_mut(*record) {
                body["data"] = all.clone();
            }
            *data = Value::from(&all);
        }
    }

    /// A change as whoever works on it is told.
    fn for_work(&self, register: &Register, change: &Change) -> Json {
        let mut left = DIFF_BYTES_MAX;
        let mut texts = Vec::new();
        let parts = match change.implementation() {
            Some(_) => with_change(register, change.number),
            None => released(register),
        };
        for item in &change.items {
            for file in files_of(register, change, item) {
                let Some(bytes) = parts.files.get(&*file) else {
                    continue;
                };
                let text = String::from_utf8_lossy(bytes);
                left = left.saturating_sub(text.len());
                match left {
                    0 => texts.push(json!({ "file": file, "item": item, "left_out": "too long to be shown here" })),
                    _ => texts.push(json!({ "file": file, "item": item, "text": text })),
                }
            }
        }
        let votes = change.votes.iter().map(|cast| {
            json!({ "by": cast.deed.who, "role": cast.role, "vote": cast.vote, "why": cast.why, "round": cast.round })
        });
        json!({
            "change": change.number, "title": change.title, "reason": change.reason, "class": change.class,
            "items": change.items, "status": change.stage().as_str(), "round": change.round,
            "requested_by": change.requested_by(),
            "impact": change.assessments.last().map(|one| &one.impact),
            "assessment": change.assessments.last().map(|one| &one.notes),
            "findings": change.findings.iter().map(|(deed, role, text)| json!({ "by": deed.who, "role": role, "found": text })).collect::<Vec<_>>(),
            "votes": votes.collect::<Vec<_>>(),
            "candidate": change.implementation().map(|made| made.candidate),
            "differences": self.differences(register, change.number),
            "verified": change.verification().map(|one| json!({ "by": one.deed.who, "result": one.result, "evidence": one.evidence })),
            "files": texts,
        })
    }

    /// What depends on the items of a change, by the definitions and by what is under way.
    pub(super) fn impact(
        &self,
        register: &Register,
        number: ChangeNumber,
    ) -> Result<ImpactRecord, String> {
        let root = &self.definitions().root;
        let agents = self.0.agents.borrow();
        let runs = agents.all().map(|(run, agent)| RunFact {
            run: run.clone(),
            agent: agent.agent.clone(),
        });
        let instances = self.0.instances.borrow();
        let instances = instances.all().map(|instance| InstanceFact {
            instance: instance.id().clone(),
            workflow: instance.bundle().chart.name().into(),
        });
        let (runs, instances): (Vec<_>, Vec<_>) = (runs.collect(), instances.collect());
        super::differences::impact(register, number, root, &runs, &instances)
    }
}

/// The files of an item, as the change makes it or as it is released.
fn files_of(register: &Register, change: &Change, item: &ItemId) -> Vec<Arc<str>> {
    let names = |files: &[HeldFile]| files.iter().map(|file| file.file.clone()).collect();
    let made = change
        .implementation()
        .and_then(|_| register.made(change.number, item));
    match (made, register.head(item)) {
        (Some(made), _) => names(made),
        (None, Some(head)) => names(&head.files),
        (None, None) => Vec::new(),
    }
}

/// What a list shows of a change.
fn in_a_line(change: &Change) -> Json {
    json!({
        "change": change.number, "title": change.title, "status": change.stage().as_str(), "class": change.class,
        "items": change.items, "instance": change.instance, "open": !change.stage().is_over() || change.is_open_emergency(),
        "requested_by": change.requested_by(), "requested_at": crate::rfc3339(change.requested_at()),
        "people": people(change),
    })
}

/// Everybody who has had a hand in it.
fn people(change: &Change) -> BTreeSet<String> {
    let by = change.history.iter().filter_map(|event| event.by.as_ref());
    by.map(ToString::to_string).collect()
}

impl From<Who> for Person {
    fn from(who: Who) -> Self {
        match who {
            Who::Agent { agent, .. } => Person::Agent(agent),
            Who::Human { name } => Person::Human(name),
        }
    }
}

impl From<Person> for crate::workflow::Person {
    fn from(person: Person) -> Self {
        match person {
            Person::Agent(name) => crate::workflow::Person::Agent(name),
            Person::Human(name) => crate::workflow::Person::Human(name),
        }
    }
}
