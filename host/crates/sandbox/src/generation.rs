//! Generations: which component a plugin's name stands for now, which it stood for before, and how one takes another's place.
//!
//! A [`Slot`] is a plugin's place. Whoever makes a call takes the generation that holds the place at that moment and keeps it until the call is over, so a
//! generation can be exchanged at any time: nobody waits and no call fails. What leaves keeps what is known of it (it may be brought back) and loses its
//! code with the last call under way.
//!
//! Nothing here reads a file or decides when to swap; [`crate::swap`] makes a generation ready and asks for its place.

use crate::plugin::Plugin;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use types::{ContentHash, PluginName};

/// Crashes in a row after which a generation is quarantined, unless the house says otherwise. One crash may be the fault of its arguments, and a model that
/// repeats a call with the same mistake does so two or three times; five without one answer between them are the fault of the code.
pub const TRAPS_UNTIL_QUARANTINE: u32 = 5;

/// Generations that are listed after they have left. Older ones are forgotten once their code is gone.
const LISTED: usize = 16;

/// One generation of a plugin in its place.
#[derive(Debug)]
pub struct Generation {
    /// Counted from 1 in the life of this process.
    pub number: u64,
    /// What it is.
    pub plugin: Arc<Plugin>,
}

impl Generation {
    /// Its content.
    pub fn hash(&self) -> ContentHash {
        self.plugin.info().hash
    }

    /// The generation as it is shown and journalled.
    pub fn name(&self) -> GenerationName {
        GenerationName {
            number: self.number,
            hash: self.hash(),
        }
    }
}

/// A generation by number and content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GenerationName {
    /// Counted from 1 in the life of one process.
    pub number: u64,
    /// Its content.
    pub hash: ContentHash,
}

/// How a generation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has the place: new calls go to it.
    Current,
    /// It has left, and calls are under way in it.
    Draining,
    /// It would be brought back if the current one failed.
    LastGood,
    /// It crashed too often and is not taken again.
    Quarantined,
    /// It has left, and its code is gone.
    Gone,
}

/// A generation that took another's place.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What had the place.
    pub from: Arc<Generation>,
    /// What has it now.
    pub to: Arc<Generation>,
}

/// A generation that crashed too often.
#[derive(Clone, Debug)]
pub struct Quarantine {
    /// Which.
    pub generation: Arc<Generation>,
    /// Its crashes since it last answered.
    pub traps: u32,
    /// The generation that was brought back; `None` where there is none, and the one that crashes goes on.
    pub back: Option<Arc<Generation>>,
}

/// Why no earlier generation takes the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the plugin `{0}` has no earlier generation that worked; put another component in its place"
)]
pub struct NothingToGoBackTo(pub PluginName);

/// The place of one plugin.
#[derive(Debug)]
pub struct Slot {
    name: PluginName,
    /// Written for as long as a pointer takes to change.
    current: RwLock<Arc<Generation>>,
    book: Mutex<Book>,
}

/// What is known of generations that are not current.
#[derive(Debug)]
struct Book {
    next: u64,
    last_good: Option<Arc<Generation>>,
    quarantined: BTreeSet<ContentHash>,
    left: Vec<Left>,
    /// The crashes of a generation that nothing can replace are told of once each time the limit is reached anew.
    told: Option<(u64, u32)>,
    /// Whether nothing that was there before may come back.
    held: bool,
}

/// A generation that has left.
#[derive(Debug)]
struct Left {
    name: GenerationName,
    code: Option<Weak<dyn Send + Sync>>,
}

impl Slot {
    /// The place of `plugin`, its first generation.
    pub fn new(plugin: Arc<Plugin>) -> Self {
        Slot {
            name: plugin.name().clone(),
            current: RwLock::new(Arc::new(Generation { number: 1, plugin })),
            book: Mutex::new(Book {
                next: 2,
                last_good: None,
                quarantined: BTreeSet::new(),
                left: Vec::new(),
                told: None,
                held: false,
            }),
        }
    }

    /// Whose place it is.
    pub fn name(&self) -> &PluginName {
        &self.name
    }

    /// The generation that has the place. Never waits for a swap.
    pub fn current(&self) -> Arc<Generation> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    /// With `held`, nothing that had the place before may come back by itself: which content a plugin has is decided elsewhere.
    pub fn hold(&self, held: bool) {
        self.book().held = held;
    }

    /// Give the place to `plugin`. Calls that begin after this go to it; calls under way end where they began.
    pub fn publish(&self, plugin: Arc<Plugin>) -> Exchange {
        let mut book = self.book();
        let to = Arc::new(Generation {
            number: book.next,
            plugin,
        });
        book.next += 1;
        let from = self.exchange(to.clone());
        // What never answered a call is worth going back to only where nothing that did is left.
        if from.plugin.health.has_answered() || book.last_good.is_none() {
            book.last_good = Some(from.clone());
        }
        book.leave(&from);
        Exchange { from, to }
    }

    /// See [`crate::Sandbox::rollback`].
    pub(crate) fn rollback(&self) -> Result<Exchange, NothingToGoBackTo> {
        let mut book = self.book();
        self.go_back(&mut book)
            .ok_or_else(|| NothingToGoBackTo(self.name.clone()))
    }

    fn go_back(&self, book: &mut Book) -> Option<Exchange> {
        if book.held {
            return None;
        }
        let back = book.last_good.take()?;
        back.plugin.bring_back();
        let from = self.exchange(back.clone());
        book.left.retain(|left| left.name.number != back.number);
        book.leave(&from);
        Some(Exchange { from, to: back })
    }

    /// Whether the current generation has crashed `limit` times since it last answered.
    pub(crate) fn crashes(&self, limit: u32) -> bool {
        limit > 0 && self.current().plugin.health.traps_in_a_row() >= limit
    }

    /// Forget the last good generation where its code is lost: `usable` says so.
    pub(crate) fn forget_good_unless(&self, usable: impl FnOnce(&Plugin) -> bool) {
        let good = self.book().last_good.clone();
        if let Some(good) = good
            && !usable(&good.plugin)
        {
            self.book().last_good = None;
        }
    }

    /// See [`crate::Sandbox::examine`].
    pub(crate) fn examine(&self, limit: u32) -> Option<Quarantine> {
        let mut book = self.book();
        if !self.crashes(limit) {
            return None;
        }
        let generation = self.current();
        let traps = generation.plugin.health.traps_in_a_row();
        match self.go_back(&mut book) {
            Some(Exchange { from, to }) => {
                book.quarantined.insert(from.hash());
                Some(Quarantine {
                    generation: from,
                    traps,
                    back: Some(to),
                })
            }
            // It goes on, and the operator hears of it again after as many more crashes.
            None => book
                .tells(generation.number, traps, limit)
                .then_some(Quarantine {
                    generation,
                    traps,
                    back: None,
                }),
        }
    }

    /// Whether the content `hash` crashed too often here.
    pub fn is_quarantined(&self, hash: ContentHash) -> bool {
        self.book().quarantined.contains(&hash)
    }

    /// Take what another process knows: contents that crashed too often, and a generation to go back to where this process has none.
    pub(crate) fn remember(
        &self,
        quarantined: impl IntoIterator<Item = ContentHash>,
        good: Option<Arc<Plugin>>,
    ) {
        let current = self.current().hash();
        let mut book = self.book();
        book.quarantined = quarantined.into_iter().collect();
        if let (None, Some(plugin)) = (&book.last_good, good)
            && plugin.info().hash != current
        {
            plugin.retire();
            let number = book.next;
            book.next += 1;
            book.last_good = Some(Arc::new(Generation { number, plugin }));
        }
    }

    /// Every generation that is known, the current one first.
    pub fn list(&self) -> Vec<(GenerationName, Standing)> {
        let current = self.current();
        let book = self.book();
        let mut list = vec![(current.name(), Standing::Current)];
        if let Some(good) = &book.last_good
            && !book.left.iter().any(|left| left.name.number == good.number)
        {
            list.push((good.name(), Standing::LastGood));
        }
        list.extend(book.left.iter().rev().map(|left| {
            let good = book.last_good.as_ref();
            let standing = if left.is_under_way() {
                Standing::Draining
            } else if book.quarantined.contains(&left.name.hash) {
                Standing::Quarantined
            } else if good.is_some_and(|good| good.number == left.name.number) {
                Standing::LastGood
            } else {
                Standing::Gone
            };
            (left.name, standing)
        }));
        list
    }

    fn exchange(&self, to: Arc<Generation>) -> Arc<Generation> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, to)
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Whether that the generation `number` has crashed `traps` times is to be told now.
    fn tells(&mut self, number: u64, traps: u32, limit: u32) -> bool {
        let due = match self.told {
            Some((of, told)) if of == number && traps >= told => told.saturating_add(limit),
            _ => limit,
        };
        let now = traps >= due;
        if now {
            self.told = Some((number, traps));
        }
        now
    }

    fn leave(&mut self, generation: &Generation) {
        let code = generation.plugin.code();
        generation.plugin.retire();
        self.left.push(Left {
            name: generation.name(),
            code,
        });
        let surplus = self.left.len().saturating_sub(LISTED);
        let mut dropped = 0;
        self.left.retain(|left| {
            let goes = dropped < surplus && !left.is_under_way();
            dropped += usize::from(goes);
            !goes
        });
    }
}

impl Left {
    fn is_under_way(&self) -> bool {
        self.code
            .as_ref()
            .is_some_and(|code| code.strong_count() > 0)
    }
}

/// The places of a house's plugins, by name.
#[derive(Debug, Default)]
pub(crate) struct Slots(Mutex<BTreeMap<PluginName, Arc<Slot>>>);

impl Slots {
    pub(crate) fn get(&self, name: &PluginName) -> Option<Arc<Slot>> {
        self.all().get(name).cloned()
    }

    /// The place of `plugin`: a new one, or the one that its name has, which `plugin` then takes.
    pub(crate) fn put(&self, plugin: Arc<Plugin>) -> Arc<Slot> {
        let mut all = self.all();
        match all.get(plugin.name()) {
            Some(slot) => {
                slot.publish(plugin);
                slot.clone()
            }
            None => {
                let name = plugin.name().clone();
                let slot = Arc::new(Slot::new(plugin));
                all.insert(name, slot.clone());
                slot
            }
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<PluginName, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
