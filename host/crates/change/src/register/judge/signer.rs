//! Who signs, and by which settings of the house that is judged: those that are released at that instant. What was put in force in an emergency is not among them
//! until others have approved it: nobody is judged by rules that they have just made.

use super::has_role;
use crate::item::ItemId;
use crate::person::Person;
use crate::record::{BaselineRecord, Body};
use crate::register::change::Change;
use crate::register::held::{Audience, Standing};
use crate::register::rule::Rule;
use crate::register::{At, HeldFile, Register};
use crate::settings::{Files, Settings, Signer};
use crate::statement;
use std::sync::Arc;
use types::Timestamp;

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
        let mut all = self.history(&ItemId::House).iter().rev();
        let house = all.find(|one| one.counts_for(&audience) && !self.awaits_approval(one));
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

    /// Whether it was put in force in an emergency that nobody else has approved yet.
    fn awaits_approval(&self, standing: &Standing) -> bool {
        let change = self.change(standing.change);
        standing.emergency && change.is_some_and(Change::is_open_emergency)
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
        statement::agrees(body, &signed.statement, at.seq, self.is_bound).map_err(wrong)?;
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
        let signer = self
            .outside
            .signer(signed, settings, &self.identities)
            .map_err(wrong)?;
        if signer.who != *by {
            return Err(wrong(format!("the key is that of {}", signer.who)));
        }
        if let Some(role) = statement::role_of(&signed.statement) {
            has_role(settings, by, &role)?;
        }
        Ok(signer)
    }

    pub(super) fn listed(&self, settings: &Settings, who: &Person) -> Result<(), Rule> {
        match who {
            Person::Human(name) if !settings.people.contains_key(name) => {
                Err(Rule::Stranger { who: who.clone() })
            }
            _ => Ok(()),
        }
    }
}
