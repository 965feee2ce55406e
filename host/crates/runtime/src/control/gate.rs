//! The gate itself: a house comes in, and what may be run of it comes out, or why nothing may.
//!
//! Starts, reloads, resumptions and exchanges of components all ask here, and here `change::Register::admit` is asked: nobody else is. A house that is not controlled
//! costs one look into the journal; one that is controlled and as it was at the last start costs a hash of its texts and a few looks more.

use super::admitted::{Admitted, Plain};
use super::book::Book;
use super::found::{Found, content, content_now, hash_of, must_be, of_plugin};
use super::kept::Kept;
use super::marker::{self, begun};
use super::place::{place_by, record};
use super::refused::NotReleased;
use super::{Entered, Entrance, Revisions, Whom};
use crate::record::Kind;
use crate::{RuntimeError, Services};
use change::{ItemId, Question, Reason, Refusal, Register, Revision, Where};
use definitions::House;
use journal::{Journal, NewRecord};
use sign::{Keyring, PublicKey};
use std::path::Path;
use std::sync::Arc;
use types::{ContentHash, PluginName, Timestamp};

/// Let the house of `services` in, for a process that has taken it. What was released meanwhile is put in place first.
///
/// # Errors
/// [`RuntimeError::NotReleased`], which is on record then; and whatever is wrong with the journal.
pub fn enter(
    services: Services,
    journal: &mut Journal,
    entrance: Entrance,
) -> Result<Entered, RuntimeError> {
    let says = services.house.controlled.is_some();
    let begun = begun(journal, &services.house.root)?;
    if !says && begun.is_none() {
        return Ok(Entered::of(Admitted::new(services, None)));
    }
    let now = services.clock.now();
    let (services, found) = look(services);
    let ring = Keyring::of_house(&found.house.root);
    if let Some(marked) = begun.and_then(|begun| begun.marked)
        && marked.has_as_many(journal)?
        && let Some(plain) = Kept::holds(journal, &ring, found.hash(), now)?
    {
        return Ok(Entered::of(finished(&services, found)?.known(plain)));
    }
    let root = found.house.root.clone();
    let mut book = Book::read(journal, &root)?;
    let placing = place_by(&book.register, &root, now)?;
    record(journal, &placing, now)?;
    book.refresh(journal)?;
    let found = match placing.has_changed() {
        true => look_again(&services, &found.house)?,
        false => found,
    };
    let entered = judge(&book, &services, found, now, entrance);
    let (admitted, keep) = match entered {
        Ok(judged) => judged,
        Err(RuntimeError::NotReleased(refused)) => {
            tell(journal, &refused, Where::Start, now)?;
            return Err(RuntimeError::NotReleased(refused));
        }
        Err(error) => return Err(error),
    };
    if let Some(found) = keep {
        let due = book.next_due(now);
        // Without a key nothing is kept, and the next start is as long.
        let known = keys_of_house(&book.register);
        if let Ok(key) = ring.house(&admitted.house.name, &known, &*admitted.rng)
            && let Some(line) =
                Kept::line(journal, &key.signer, found, due, admitted.plain().is_some())?
        {
            journal.append_keeping(&[], &[line])?;
        }
    }
    let mut notes = emergencies_of(&book.register, now);
    // Without it this start is what it is; the next one tries again.
    notes.extend(mark_by(&book.register, journal, &admitted));
    Ok(Entered {
        notes,
        placed: placing.placed,
        admitted,
    })
}

/// The keys that are on record as the house's, the newest last: no other is its key.
pub(crate) fn keys_of_house(register: &Register) -> Vec<PublicKey> {
    let known = register.identities().iter();
    let own = known.filter(|known| known.who == "house");
    own.filter_map(|known| PublicKey::parse(&known.key).ok())
        .collect()
}

/// Mark the house of `services` as controlled by `journal`, of which `register` is, where control began. What keeps that from being done comes back in words.
fn mark_by(register: &Register, journal: &Journal, services: &Services) -> Option<String> {
    let seq = register.baseline()?.deed.seq;
    let house = &services.house;
    let known = keys_of_house(register);
    let key = Keyring::of_house(&house.root).house(&house.name, &known, &*services.rng);
    let marked = match key {
        Ok(key) => marker::mark(journal, &house.root, seq, &key.signer).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let why = marked.err()?;
    Some(format!(
        "warning: that this house is controlled cannot be marked in it: {why}"
    ))
}

/// The same for whoever has just recorded that control begins.
pub(crate) fn mark(services: &Services, journal: &Journal) -> Option<String> {
    match Book::read(journal, &services.house.root) {
        Ok(book) => mark_by(&book.register, journal, services),
        Err(error) => Some(error.to_string()),
    }
}

/// Have the marker count the records of changes that were written. What keeps that from being done comes back in words.
pub(crate) fn count(services: &Services, journal: &Journal) -> Option<String> {
    let house = &services.house;
    if !marker::is_marked(&house.root) {
        return None;
    }
    let counted = match Keyring::of_house(&house.root).house_if_any() {
        Ok(Some(key)) => marker::count(journal, &house.root, &key).map_err(|e| e.to_string()),
        Ok(None) => Err("the key of the house is not there".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    let why = counted.err()?;
    Some(format!(
        "warning: the records of changes cannot be counted: {why}"
    ))
}

/// What was found, as it is let in at a start; and its hash, where the next start need not ask again.
fn judge(
    book: &Book,
    services: &Services,
    found: Found,
    now: Timestamp,
    entrance: Entrance,
) -> Result<(Admitted, Option<ContentHash>), RuntimeError> {
    let register = &book.register;
    let whom = Whom::House;
    let hash = found.hash();
    let admitted = match register.admit(&question(&found, &whom, now)) {
        Ok(admitted) => admitted,
        Err(refusals) => match (entrance, register.baseline()) {
            (Entrance::Start, _) => return Err(NotReleased::of(refusals).into()),
            (Entrance::Administer, Some(_)) if register.is_controlled(now, false) => {
                return Ok((
                    assemble(register, services, &found.house, &whom, now)?,
                    None,
                ));
            }
            (Entrance::Administer, _) => {
                return Ok((nothing_to_run(services, found.house), None));
            }
        },
    };
    if !admitted.controlled {
        let services = with(services, found.house);
        return Ok((Admitted::new(services, None), None));
    }
    if !admitted.replace.is_empty() {
        let house = assemble(register, services, &found.house, &whom, now)?;
        return Ok((house, None));
    }
    // What is to be said loudly is said at every start.
    let keep = admitted.emergencies.is_empty().then_some(hash);
    Ok((finished(services, found)?.known(plain(book, now)), keep))
}

/// Whether nothing that was released is for some only, and nothing is in force without having been approved.
fn plain(book: &Book, now: Timestamp) -> Option<Plain> {
    let register = &book.register;
    let mut all = register.items().flat_map(|(_, all)| all);
    let for_all = all.all(|one| {
        one.effectivity.agents.is_none() && one.effectivity.when != change::When::NextRun
    });
    (for_all && register.emergencies(now).is_empty()).then(|| Plain {
        until: book.next_due(now),
    })
}

/// A house of which nothing is released yet: it can be given a baseline, and nothing in it can be run.
fn nothing_to_run(services: &Services, mut house: House) -> Admitted {
    house.agents.clear();
    house.charts.clear();
    house.policies.clear();
    house.plugins.clear();
    house.serve = definitions::ServeDef::default();
    Admitted::new(with(services, house), Some(Revisions::new()))
}

fn question<'q>(found: &'q Found, whom: &'q Whom, now: Timestamp) -> Question<'q> {
    Question {
        found: &found.revisions,
        whole: true,
        file_says_controlled: found.house.controlled.is_some(),
        audience: whom.audience(now),
    }
}

/// Hold what lies in the house of `services`.
fn look(services: Services) -> (Services, Found) {
    let house = House::clone(&services.house);
    let found = Found::of(house, content(&services));
    (services, found)
}

/// The same house as it lies on the disk by now.
fn look_again(services: &Services, before: &House) -> Result<Found, RuntimeError> {
    let mut house = definitions::load(&before.root)
        .map_err(|report| NotReleased::broken(report.render(false)))?;
    if before.is_lenient() {
        house.be_lenient();
    }
    Ok(Found::of(house, content(services)))
}

fn with(services: &Services, house: House) -> Services {
    Services {
        house: Arc::new(house),
        ..services.clone()
    }
}

fn finished(services: &Services, found: Found) -> Result<Admitted, RuntimeError> {
    let (house, revisions) = found.released().map_err(held)?;
    Ok(Admitted::new(with(services, house), Some(revisions)))
}

fn held(error: std::io::Error) -> RuntimeError {
    NotReleased::broken(format!("a script cannot be kept aside: {error}")).into()
}

/// The house of those revisions that count for `whom`, out of the records, whatever lies on the disk.
fn assemble(
    register: &Register,
    services: &Services,
    disk: &House,
    whom: &Whom,
    now: Timestamp,
) -> Result<Admitted, RuntimeError> {
    let files = register.files_for(&whom.audience(now));
    let mut texts = files.files;
    // What it pins is compared below with what counts.
    if let Ok(lock) = std::fs::read(disk.root.join("house.lock")) {
        texts.insert("house.lock".into(), lock);
    }
    let mut house = definitions::load_recorded(&disk.root, &texts)
        .map_err(|report| NotReleased::broken(report.render(false)))?;
    if disk.is_lenient() {
        house.be_lenient();
    }
    let scripts = house.controlled_files();
    house.hold(scripts);
    for (name, plugin) in &mut house.plugins {
        let content = files.plugins.get(name).copied();
        let component = &mut plugin.component;
        if let Some(content) = content
            && services.sandbox.content_of(&component.path) != Some(content)
        {
            // The lock pins what lies there; what counts for this run is kept by its content.
            component.pin = None;
            let stored = files.stored.values().find(|(hash, _)| *hash == content);
            let stored = stored.and_then(|(_, stored)| stored.as_deref());
            if let Some(kept) = super::place::component(&disk.root, stored, content) {
                component.path = kept;
            }
        }
        component.released = Some(must_be(name, content));
    }
    let found = Found {
        house,
        revisions: files.revisions,
    };
    let (house, revisions) = found.released().map_err(held)?;
    Ok(Admitted::new(with(services, house), Some(revisions)))
}

/// Put on record that something was refused.
pub(super) fn tell(
    journal: &mut Journal,
    refused: &NotReleased,
    place: Where,
    now: Timestamp,
) -> Result<(), RuntimeError> {
    for (run, body) in refused.records(place) {
        journal.append(&[NewRecord {
            run: &run,
            time: now,
            kind: Kind::ChangeRefused.name(),
            body: &body.to_string(),
        }])?;
    }
    Ok(())
}

/// What is in force without having been approved, in words.
pub(super) fn emergencies_of(register: &Register, now: Timestamp) -> Vec<String> {
    let open = register.emergencies(now).into_iter();
    open.map(|one| {
        let items: Vec<String> = one.items.iter().map(ToString::to_string).collect();
        let (change, by, due) = (one.change, &one.by, change::iso(one.due));
        let head = match one.overdue {
            true => format!("EMERGENCY OVERDUE: {change} should have been approved by {due}, and is in force all the same"),
            false => format!("EMERGENCY: {change} is in force and approved by nobody else; that is due by {due}"),
        };
        format!(
            "{head} ({by}: {}; {}): charthouse change show {change}",
            one.why.lines().next().unwrap_or_default(),
            items.join(", ")
        )
    })
    .collect()
}

impl Admitted {
    /// What counts for `whom`, who may have to use earlier revisions than this house has, or not yet what is for others.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(crate) fn for_whom(
        &self,
        journal: &Journal,
        whom: &Whom,
    ) -> Result<Admitted, RuntimeError> {
        let Some(own) = self.revisions() else {
            return Ok(self.clone());
        };
        if self.plain().is_some() {
            return Ok(self.clone());
        }
        let now = self.clock.now();
        self.with_book(journal, |book| {
            let wanted = wanted(&book.register, whom, now);
            match hash_of(own) == hash_of(&wanted) {
                true => Ok(self.clone()),
                false => assemble(&book.register, self, &self.house, whom, now)
                    .map(|admitted| admitted.with_book_of(self)),
            }
        })
    }

    /// Let in `house`, which was saved, in the place of this one.
    ///
    /// # Errors
    /// [`RuntimeError::NotReleased`]; this one goes on.
    pub(crate) fn again(
        &self,
        journal: &Journal,
        house: House,
        whom: &Whom,
    ) -> Result<Admitted, RuntimeError> {
        let says = house.controlled.is_some();
        let begun = begun(journal, &house.root)?;
        if !self.is_controlled() && !says && begun.is_none() {
            return Ok(Admitted::new(with(self, house), None));
        }
        let now = self.clock.now();
        let found = Found::of(house, content(self));
        self.with_book(journal, |book| {
            let register = &book.register;
            match register.admit(&question(&found, whom, now)) {
                Err(refusals) => Err(NotReleased::of(refusals).into()),
                Ok(admitted) if !admitted.controlled => {
                    Ok(Admitted::new(with(self, found.house), None))
                }
                Ok(admitted) if admitted.replace.is_empty() => {
                    Ok(finished(self, found)?.known(plain(book, now)))
                }
                Ok(_) => assemble(register, self, &found.house, whom, now),
            }
        })
        .map(|admitted| admitted.with_book_of(self))
    }

    /// Why the plugin `name` may not have this content; `None` where it may, or where nothing is controlled.
    pub(crate) fn why_not(
        &self,
        journal: &Journal,
        name: &PluginName,
        content: Option<ContentHash>,
        whom: &Whom,
    ) -> Result<Option<NotReleased>, RuntimeError> {
        if !self.is_controlled() {
            return Ok(None);
        }
        let now = self.clock.now();
        self.with_book(journal, |book| {
            let found = of_plugin(name, content);
            let refused = admit_part(&book.register, &found, whom, now).err();
            Ok(refused.map(NotReleased::of))
        })
    }

    /// What is in force without having been approved, in words.
    pub(crate) fn emergencies(&self, journal: &Journal) -> Vec<String> {
        if !self.is_controlled() || self.plain().is_some() {
            return Vec::new();
        }
        let now = self.clock.now();
        let lines = self.with_book(journal, |book| Ok(emergencies_of(&book.register, now)));
        lines.unwrap_or_default()
    }
}

/// The revisions that count for `whom`.
fn wanted(register: &Register, whom: &Whom, now: Timestamp) -> Revisions {
    let audience = whom.audience(now);
    let items = register.items().filter_map(|(item, all)| {
        let mut all = all.iter().rev();
        let counts = all.find(|standing| standing.counts_for(&audience))?;
        Some((item.clone(), counts.to))
    });
    items.filter(|(_, to)| *to != Revision::Absent).collect()
}

/// The same question about some items.
pub(super) fn admit_part(
    register: &Register,
    found: &Revisions,
    whom: &Whom,
    now: Timestamp,
) -> Result<(), Vec<Refusal>> {
    let question = Question {
        found,
        whole: false,
        file_says_controlled: true,
        audience: whom.audience(now),
    };
    // What is released for others, or for later runs, may lie there as well.
    register.admit(&question).map(drop)
}

/// `services` for whoever exchanges components by hand: each must have the content that is released, whatever lies there now.
///
/// # Errors
/// When the journal cannot be read.
pub(crate) fn by_hand(services: &Services, journal: &Journal) -> Result<Services, RuntimeError> {
    if begun(journal, &services.house.root)?.is_none() {
        return Ok(services.clone());
    }
    let now = services.clock.now();
    let register = Book::read(journal, &services.house.root)?.register;
    if !register.is_controlled(now, services.house.controlled.is_some()) {
        return Ok(services.clone());
    }
    let wanted = wanted(&register, &Whom::House, now);
    let mut house = House::clone(&services.house);
    for (name, plugin) in &mut house.plugins {
        let revision = wanted.get(&ItemId::Plugin(name.as_str().into()));
        let content = revision.and_then(|revision| revision.hash());
        plugin.component.released = Some(must_be(name, content));
    }
    Ok(with(services, house))
}

/// Why the plugin `name` may not have the content `found`, on record.
///
/// # Errors
/// When the journal cannot be read or written.
pub(crate) fn refuse_by_hand(
    services: &Services,
    journal: &mut Journal,
    name: &PluginName,
    found: ContentHash,
    place: Where,
) -> Result<Option<NotReleased>, RuntimeError> {
    let now = services.clock.now();
    let register = Book::read(journal, &services.house.root)?.register;
    let found = of_plugin(name, Some(found));
    let Err(refusals) = admit_part(&register, &found, &Whom::House, now) else {
        return Ok(None);
    };
    let refused = NotReleased::of(refusals);
    tell(journal, &refused, place, now)?;
    Ok(Some(refused))
}

/// Whether a house that somebody is changing with a verb may become what it is now: what is otherwise than `before` must be released.
///
/// # Errors
/// [`RuntimeError::NotReleased`], which is on record then; and whatever is wrong with the journal.
pub fn may_become(
    before: &Revisions,
    house: House,
    journal: &mut Journal,
    now: Timestamp,
) -> Result<(), RuntimeError> {
    marker::belongs(journal, &house.root)?;
    let register = Book::read(journal, &house.root)?.register;
    let says = house.controlled.is_some();
    if !register.is_controlled(now, says) {
        return Ok(());
    }
    let mut found = Found::of(house, content_now).revisions;
    for item in before.keys() {
        found.entry(item.clone()).or_insert(Revision::Absent);
    }
    found.retain(|item, revision| before.get(item) != Some(revision));
    match admit_part(&register, &found, &Whom::House, now) {
        Ok(()) => Ok(()),
        Err(refusals) => {
            let refused = NotReleased::of(refusals);
            tell(journal, &refused, Where::Add, now)?;
            Err(refused.into())
        }
    }
}

/// What a house that somebody is about to change is made of; `None` where nobody controls it.
///
/// # Errors
/// When the journal cannot be read.
pub fn made_of(house: House, journal: &Journal) -> Result<Option<Revisions>, RuntimeError> {
    match begun(journal, &house.root)? {
        Some(_) => Ok(Some(Found::of(house, content_now).revisions)),
        None => Ok(None),
    }
}

/// The house in the directory `root` as it is released, for those who mend what lies in it and is not in order; `None` where nobody controls it.
///
/// # Errors
/// When the journal cannot be read, or what is released not be put together.
pub fn released_house(
    journal: &Journal,
    root: &Path,
    now: Timestamp,
) -> Result<Option<House>, RuntimeError> {
    if begun(journal, root)?.is_none() {
        return Ok(None);
    }
    let register = Book::read(journal, root)?.register;
    if !register.is_controlled(now, false) {
        return Ok(None);
    }
    let files = register.files_for(&Whom::House.audience(now));
    match definitions::load_recorded(root, &files.files) {
        Ok(house) => Ok(Some(house)),
        Err(report) => Err(NotReleased::broken(report.render(false)).into()),
    }
}

/// The house of `services` as it counts for a run of `agent` that begins now, for whoever is told of it; and the items of it that lie there otherwise, released for others.
/// Where drafts lie, it is those that somebody wants to be told of.
///
/// # Errors
/// When the journal cannot be read, or what counts not be put together.
pub fn house_for(
    services: &Services,
    journal: &Journal,
    agent: &str,
) -> Result<(Arc<House>, Vec<ItemId>), RuntimeError> {
    let disk = || (services.house.clone(), Vec::new());
    let root = &services.house.root;
    if begun(journal, root)?.is_none() {
        return Ok(disk());
    }
    let now = services.clock.now();
    let register = Book::read(journal, root)?.register;
    let (services, found) = look(services.clone());
    // What has come into force since a host was there last is put in place by the next one, and counts until then too.
    let due = register.due(now);
    let is_due = |refusal: &Refusal| match refusal.reason {
        Reason::Superseded(by) => due.iter().any(|due| due.change == by),
        _ => false,
    };
    let in_order = match register.admit(&question(&found, &Whom::House, now)) {
        Ok(admitted) => admitted.controlled,
        Err(refusals) => refusals.iter().all(is_due),
    };
    if !in_order {
        return Ok(disk());
    }
    let whom = Whom::run(agent, None);
    let wanted = wanted(&register, &whom, now);
    let items = wanted.keys().chain(found.revisions.keys());
    let mut others: Vec<ItemId> = items
        .filter(|item| wanted.get(*item) != found.revisions.get(*item))
        .cloned()
        .collect();
    if others.is_empty() {
        return Ok(disk());
    }
    others.sort();
    others.dedup();
    others.retain(|item| !due.iter().any(|due| due.items.contains(item)));
    let admitted = assemble(&register, &services, &found.house, &whom, now)?;
    Ok((admitted.house.clone(), others))
}

/// The register of the house in the directory `root`, where records with `bodies` are about to be written: what their signers say they have seen can be looked up.
///
/// # Errors
/// When the journal cannot be read.
pub(crate) fn register_knowing(
    journal: &Journal,
    root: &Path,
    bodies: &[serde_json::Value],
) -> Result<Register, RuntimeError> {
    let book = Book::read(journal, root)?;
    for body in bodies {
        book.look_up(journal, body)?;
    }
    Ok(book.register)
}

/// The register of the house in the directory `root`, for whoever tells people of it.
///
/// # Errors
/// When the journal cannot be read.
pub fn register(journal: &Journal, root: &Path) -> Result<Register, RuntimeError> {
    Ok(Book::read(journal, root)?.register)
}
