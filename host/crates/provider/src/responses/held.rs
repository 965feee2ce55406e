//! What the server holds: for each conversation the last answer it gave, so that the next turn sends only what came after it.
//!
//! Conversations have no names. A payload goes on from an answer when it begins with everything that was sent for it, then has that answer, then
//! something new. Of the items only hashes are kept (and weak pointers, which make it cheap to see that an item is still the same one): a conversation
//! that has ended keeps no text in memory.

use super::encode::held_form;
use std::cell::OnceCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use types::{ContentHash, Item, Provenance, Reply};

/// How many conversations are remembered; the one that was quiet for longest goes first. It costs a longer request, nothing else.
const MOST_CONVERSATIONS: usize = 256;

/// After so many misses in a row a server is not asked to hold anything any more. One restart makes one miss for each conversation that was open, and
/// the first success begins the count anew.
const MOST_MISSED: u32 = 8;

/// What a request can leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// The response it goes on from.
    pub id: Arc<str>,
    /// How many items of the conversation the server has.
    pub items: usize,
}

/// An item that the server has.
#[derive(Clone)]
struct Print {
    item: Weak<Item>,
    hash: ContentHash,
}

struct Conversation {
    id: Arc<str>,
    /// What was sent and what was answered.
    prints: Vec<Print>,
}

/// The conversations that the server holds, the latest last.
#[derive(Default)]
pub struct Memory {
    conversations: Mutex<VecDeque<Conversation>>,
    /// How often in a row the server did not have what it should hold.
    missed: AtomicU32,
}

impl Memory {
    /// From where the server holds `items`; the longest where it is several.
    pub fn continuation(&self, items: &[Arc<Item>]) -> Option<Continuation> {
        let hashes: Vec<OnceCell<ContentHash>> = vec![OnceCell::new(); items.len()];
        let is_same = |print: &Print, at: usize| {
            // A weak pointer keeps its place taken, so that no other item can come to stand there.
            print.item.as_ptr() == Arc::as_ptr(&items[at])
                || print.hash == *hashes[at].get_or_init(|| hash(&items[at]))
        };
        let conversations = self.lock();
        conversations
            .iter()
            .filter(|held| held.prints.len() < items.len())
            .filter(|held| {
                let mut prints = held.prints.iter().enumerate();
                prints.all(|(at, print)| is_same(print, at))
            })
            .max_by_key(|held| held.prints.len())
            .map(|held| Continuation {
                id: held.id.clone(),
                items: held.prints.len(),
            })
    }

    /// The server has given `answer` to `items`, and calls it `id`. What that went on from is not needed any more.
    pub fn remember(
        &self,
        items: &[Arc<Item>],
        from: Option<&Continuation>,
        answer: &Item,
        id: Arc<str>,
    ) {
        if from.is_some() {
            self.missed.store(0, Relaxed);
        }
        let mut conversations = self.lock();
        let before = from
            .and_then(|from| conversations.iter().position(|held| held.id == from.id))
            .and_then(|at| conversations.remove(at));
        let known = before.map_or_else(Vec::new, |before| before.prints);
        let print = |(at, item): (usize, &Arc<Item>)| Print {
            item: Arc::downgrade(item),
            hash: match known.get(at) {
                Some(print) => print.hash,
                None => hash(item),
            },
        };
        let mut prints: Vec<Print> = items.iter().enumerate().map(print).collect();
        prints.push(Print {
            item: Weak::new(),
            hash: hash(answer),
        });
        if conversations.len() == MOST_CONVERSATIONS {
            conversations.pop_front();
        }
        conversations.push_back(Conversation { id, prints });
    }

    /// The server does not have the response `id` any more.
    pub fn forget(&self, id: &str) {
        self.missed.fetch_add(1, Relaxed);
        self.lock().retain(|held| *held.id != *id);
    }

    /// The server cannot hold a conversation at all.
    pub fn give_up(&self) {
        self.missed.store(MOST_MISSED, Relaxed);
    }

    /// Whether the server has missed so often in a row that asking it costs more than it saves.
    pub fn is_of_no_use(&self) -> bool {
        self.missed.load(Relaxed) >= MOST_MISSED
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Conversation>> {
        self.conversations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A conversation that the server is to hold.
pub struct Holding<'a> {
    /// Where that is remembered.
    pub memory: &'a Memory,
    /// The whole of it, as far as it was asked.
    pub conversation: &'a [Arc<Item>],
    /// From where the server held it.
    pub continuation: Option<&'a Continuation>,
}

impl Holding<'_> {
    /// The server has given `reply`, and calls it `id`.
    pub fn remember(&self, reply: &Reply, id: &Arc<str>) {
        let answer = Item::Assistant {
            text: (&*reply.text).into(),
            reasoning: None,
            calls: reply.calls.clone(),
            provenance: Provenance::House,
        };
        self.memory
            .remember(self.conversation, self.continuation, &answer, id.clone());
    }
}

fn hash(item: &Item) -> ContentHash {
    ContentHash::of(&held_form(item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{Provenance, Reasoning, Role};

    fn say(text: &str) -> Arc<Item> {
        Arc::new(Item::Text {
            role: Role::User,
            text: text.into(),
            provenance: Provenance::Human,
            labels: vec![],
        })
    }

    fn answer(text: &str) -> Arc<Item> {
        Arc::new(Item::Assistant {
            text: text.into(),
            reasoning: Some(Reasoning::text("hm")),
            calls: vec![],
            provenance: Provenance::House,
        })
    }

    fn held(id: &str, items: usize) -> Option<Continuation> {
        Some(Continuation {
            id: id.into(),
            items,
        })
    }

    #[test]
    fn a_payload_goes_on_from_the_longest_that_it_begins_with() {
        let memory = Memory::default();
        let first = [say("a")];
        memory.remember(&first, None, &answer("A"), "r1".into());
        let next = [first[0].clone(), answer("A"), say("b")];
        assert_eq!(memory.continuation(&next), held("r1", 2));
        // The same words in other memory, and nothing new, and something else.
        assert_eq!(
            memory.continuation(&[say("a"), answer("A"), say("c")]),
            held("r1", 2)
        );
        for other in [
            vec![say("a"), answer("A")],
            vec![say("a"), say("A"), say("b")],
            vec![say("x"), answer("A"), say("b")],
            vec![say("a"), answer("B"), say("b")],
            vec![answer("A"), say("a"), say("b")],
        ] {
            assert_eq!(memory.continuation(&other), None);
        }
        let from = memory.continuation(&next);
        memory.remember(&next, from.as_ref(), &answer("B"), "r2".into());
        let longer = [&next[..], &[answer("B"), say("c")]].concat();
        assert_eq!(memory.continuation(&longer), held("r2", 4));
        assert_eq!(memory.continuation(&next), None, "r1 was replaced");
        memory.forget("r2");
        assert_eq!(memory.continuation(&longer), None);
    }

    #[test]
    fn only_so_many_are_remembered_and_no_text_with_them() {
        let memory = Memory::default();
        let first = say("first");
        for n in 0..=MOST_CONVERSATIONS {
            let items = [if n == 0 {
                first.clone()
            } else {
                say(&n.to_string())
            }];
            memory.remember(&items, None, &answer(""), n.to_string().into());
        }
        assert_eq!(Arc::strong_count(&first), 1);
        assert_eq!(memory.continuation(&[first, answer(""), say("x")]), None);
        let second = [say("1"), answer(""), say("x")];
        assert_eq!(memory.continuation(&second), held("1", 2));
    }
}
