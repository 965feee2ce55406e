//! Who signs, and by which settings of the house that is judged: those that are released at that instant. What was put in force in an emergency is not among them
//! until others have approved it: nobody is judged by rules that they have just made.

use crate::item::{ItemId, Revision};
use crate::person::Person;
use crate::record::{BaselineRecord, Body};
use crate::register::change::Change;
use crate::register::held::{Audience, Standing};
use crate::register::rule::Rule;
use crate::register::{At, HeldFile, Register};
use crate::settings::{Files, Settings, Signer};
use crate::statement;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use types::{ContentHash, Timestamp};

impl Register {
    /// What the house in force says of control, as far as others than whoever did it have approved it.
    pub(in crate::register) fn settings_at(&self, now: Timestamp) -> Result<Arc<Settings>, Rule> {
        if self.baseline.is_none() {
            return Err(Rule::NoBaseline);
        }
        let audience = Audience {
            agent: None,
            began: None,
            now,
        };
        let house = self.settled(&ItemId::House, &audience);
        let house = house.ok_or(Rule::Settings("house.yaml is not released".into()))?;
        if let Some(known) = self.known_settings.get(&house.to) {
            return known.clone().map_err(Rule::Settings);
        }
        let files = self.texts_of(&house.files);
        self.outside
            .settings(&files)
            .map(Arc::new)
            .map_err(Rule::Settings)
    }

    /// What counts of `item` for `audience`, but for what was put in force in an emergency that nobody else has approved yet.
    fn settled(&self, item: &ItemId, audience: &Audience<'_>) -> Option<&Standing> {
        let awaits_approval = |standing: &Standing| {
            let change = self.change(standing.change);
            standing.emergency && change.is_some_and(Change::is_open_emergency)
        };
        let mut all = self.history(item).iter().rev();
        all.find(|one| one.counts_for(audience) && !awaits_approval(one))
    }

    /// That `who` takes `role`: a person by what the house says of them, an agent by its definition as it counts for it then.
    pub(super) fn has_role(
        &self,
        settings: &Settings,
        who: &Person,
        role: &str,
        now: Timestamp,
    ) -> Result<(), Rule> {
        let takes = match who {
            Person::Human(name) => settings.may_hold(name, role),
            Person::Agent(name) => {
                let roles = self.roles_of(name, now);
                let roles = roles.map_err(|why| Rule::Roles {
                    who: who.clone(),
                    why,
                })?;
                roles.contains(role)
            }
        };
        takes.then_some(()).ok_or_else(|| Rule::Role {
            who: who.clone(),
            role: role.into(),
        })
    }

    fn roles_of(&self, agent: &str, now: Timestamp) -> Result<BTreeSet<Arc<str>>, String> {
        let audience = Audience {
            agent: Some(agent),
            began: None,
            now,
        };
        let items = self.held.items.keys();
        let house = items.filter_map(|item| Some((item, self.settled(item, &audience)?)));
        let files = self.collect(house).files;
        let hashes = files
            .iter()
            .map(|(name, bytes)| (&**name, ContentHash::of(bytes)));
        let key = (Arc::<str>::from(agent), Revision::of(hashes));
        let known = || self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known().get(&key) {
            return known.clone();
        }
        let found = self.outside.roles(agent, &files);
        known().insert(key, found.clone());
        found
    }

    pub(in crate::register) fn texts_of(&self, files: &[HeldFile]) -> Files {
        let text = |file: &HeldFile| {
            let text = self.held.texts.get(&file.hash)?;
            Some((file.file.to_string(), text.as_bytes().to_vec()))
        };
        files.iter().filter_map(text).collect()
    }

    pub(super) fn settings_of_baseline(
        &self,
        revisions: &[BaselineRecord],
    ) -> Result<Arc<Settings>, Rule> {
        let house = revisions
            .iter()
            .find(|revision| revision.item == ItemId::House);
        let house = house.ok_or(Rule::BaselineItems)?;
        let files = house.files.iter();
        let files = files.filter_map(|file| {
            Some((
                file.file.to_string(),
                file.text.as_ref()?.as_bytes().to_vec(),
            ))
        });
        self.outside
            .settings(&files.collect())
            .map(Arc::new)
            .map_err(Rule::Settings)
    }

    pub(super) fn signer(
        &self,
        settings: &Settings,
        at: &At<'_>,
        body: &Body,
    ) -> Result<Signer, Rule> {
        let (by, signed) = body
            .signed()
            .ok_or(Rule::Signature("there is none".into()))?;
        let wrong = Rule::Signature;
        if signed.by != *by {
            return Err(wrong(format!(
                "it is {}'s and the record is by {by}",
                signed.by
            )));
        }
        statement::agrees(body, &signed.statement, at.seq, self.bound).map_err(wrong)?;
        if let Some(seq) = self
            .statements
            .get(&crate::register::statement_key(body, signed))
        {
            return Err(Rule::Reused {
                who: by.clone(),
                seq: *seq,
            });
        }
        self.listed(settings, by)?;
        let role = statement::role_of(&signed.statement);
        // An agent does nothing but as a role that its definition names.
        if let (Person::Agent(_), None) = (by, &role) {
            return Err(wrong("it names no role".into()));
        }
        let signer = self
            .outside
            .signer(signed, settings, &self.identities)
            .map_err(wrong)?;
        if signer.who != *by {
            return Err(wrong(format!("the key is that of {}", signer.who)));
        }
        if let Some(role) = role {
            self.has_role(settings, by, &role, at.time)?;
        }
        Ok(signer)
    }

    pub(super) fn listed(&self, settings: &Settings, who: &Person) -> Result<(), Rule> {
        match who {
            Person::Human(name) if !settings.people.contains_key(name) => {
                Err(Rule::Stranger { who: who.clone() })
            }
            Person::Agent(name)
                if self.held.head_revision(&ItemId::Agent(name.clone())) == Revision::Absent =>
            {
                Err(Rule::NoAgent(name.clone()))
            }
            _ => Ok(()),
        }
    }
}
