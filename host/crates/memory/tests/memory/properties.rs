//! Whatever is done to memory: the index says what the records say, ranking is one ranking however much of it is asked for, and what is forgotten is gone.

use crate::support::{NOW, Store, ago, of, person, texts};
use charthouse_memory::{Author, Change, MemoryId, NewMemory, RECORD_KIND, Remembered, Whose};
use journal::{MemoryRow, MemoryScope, Posting};
use proptest::prelude::*;
use std::collections::BTreeSet;
use types::{MemoryLayer, Timestamp};

const AGENTS: [&str; 3] = ["", "coder", "surveyor"];
const WORDS: [&str; 8] = ["tea", "Tea", "cup", "the", "東京", "é", "7", "\u{0}"];

/// Something to do to memory. Which memory is meant is a number, counted among those that have ever been.
#[derive(Clone, Debug)]
enum Step {
    Add {
        agent: usize,
        layer: usize,
        text: String,
        weight: f64,
        days: i64,
    },
    Replace {
        which: usize,
        text: String,
        weight: f64,
    },
    Forget {
        which: usize,
    },
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::collection::vec(prop::sample::select(&WORDS[..]), 1..12)
            .prop_map(|words| format!("tea {}", words.join(" "))),
        ".{1,40}".prop_map(|text| format!("{text}.")),
    ]
}

fn weight() -> impl Strategy<Value = f64> {
    prop_oneof![Just(1.0), 0.0..10.0]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3usize, 0..3usize, text(), weight(), 0..900i64).prop_map(|(agent, layer, text, weight, days)| {
            Step::Add { agent, layer, text, weight, days }
        }),
        1 => (0..40usize, text(), weight()).prop_map(|(which, text, weight)| Step::Replace { which, text, weight }),
        1 => (0..40usize).prop_map(|which| Step::Forget { which }),
    ]
}

fn query() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::collection::vec(prop::sample::select(&WORDS[..]), 0..6)
            .prop_map(|words| words.join(" ")),
        ".{0,20}",
    ]
}

/// Do all `steps`. The answer is every id ever given, and those that were forgotten.
fn play(store: &mut Store, steps: &[Step]) -> (Vec<MemoryId>, BTreeSet<MemoryId>) {
    let (mut given, mut forgotten) = (Vec::new(), BTreeSet::new());
    for step in steps {
        let (author, change) = match step.clone() {
            Step::Add {
                agent,
                layer,
                text,
                weight,
                days,
            } => {
                let new = NewMemory {
                    layer: MemoryLayer::ALL[layer],
                    weight,
                    ..of(AGENTS[agent], &text)
                };
                (ago(days), Change::Add(new))
            }
            Step::Replace { .. } | Step::Forget { .. } if given.is_empty() => continue,
            Step::Replace {
                which,
                text,
                weight,
            } => {
                let id = given[which % given.len()];
                let labels = vec!["again".into()];
                let change = Change::Replace {
                    id,
                    text,
                    labels,
                    weight,
                };
                (person(), change)
            }
            Step::Forget { which } => (person(), Change::Forget(given[which % given.len()])),
        };
        let there = !matches!(change, Change::Replace { id, .. } | Change::Forget(id) if forgotten.contains(&id));
        let done = store.memory().apply(&author, std::slice::from_ref(&change));
        assert_eq!(done.is_ok(), there, "{change:?}: {done:?}");
        match change {
            Change::Add(_) => given.extend(done.unwrap()),
            Change::Forget(id) => {
                forgotten.insert(id);
            }
            Change::Replace { .. } => {}
        }
    }
    (given, forgotten)
}

type Index = Vec<(String, String, Vec<MemoryRow>, Vec<(String, Vec<Posting>)>)>;

/// All that the index holds, as far as `words` go.
fn index(store: &Store, words: &BTreeSet<String>) -> Index {
    let scopes = store.journal.memory_scopes().unwrap();
    scopes
        .into_iter()
        .map(|(agent, layer)| {
            let scope = MemoryScope {
                agent: &agent,
                layer: &layer,
            };
            let rows = store.journal.memory_rows(scope).unwrap();
            let postings = words
                .iter()
                .map(|word| (word.clone(), store.journal.postings(scope, word).unwrap()))
                .collect();
            (agent.clone(), layer.clone(), rows, postings)
        })
        .collect()
}

/// Every word that any record has, near enough: more words than are indexed do no harm.
fn words(store: &Store) -> BTreeSet<String> {
    let records = store.journal.of_kind(RECORD_KIND).unwrap();
    records
        .iter()
        .flat_map(|record| {
            record
                .body
                .to_lowercase()
                .split(|c: char| !c.is_alphanumeric())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .chain(WORDS.iter().map(|word| word.to_lowercase()))
        .collect()
}

fn everything(store: &Store) -> Vec<Vec<Remembered>> {
    MemoryLayer::ALL
        .iter()
        .map(|layer| store.read().list(Whose::Everyone, *layer).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn the_index_made_anew_is_the_index(steps in prop::collection::vec(step(), 0..25)) {
        let mut store = Store::new();
        play(&mut store, &steps);
        let words = words(&store);
        let (before, remembered) = (index(&store, &words), everything(&store));
        let count = store.memory().rebuild().unwrap();
        prop_assert_eq!(count, remembered.iter().map(Vec::len).sum::<usize>() as u64);
        prop_assert_eq!(index(&store, &words), before);
        prop_assert_eq!(everything(&store), remembered);
        prop_assert!(store.journal.verify().unwrap().ok);
    }

    #[test]
    fn what_is_forgotten_is_nowhere_but_in_the_record(steps in prop::collection::vec(step(), 0..25)) {
        let mut store = Store::new();
        let (given, forgotten) = play(&mut store, &steps);
        let left: BTreeSet<MemoryId> = everything(&store).concat().iter().map(|memory| memory.id).collect();
        for id in &given {
            prop_assert_eq!(left.contains(id), !forgotten.contains(id));
            prop_assert_eq!(store.read().get(*id).is_ok(), !forgotten.contains(id));
        }
        let words = words(&store);
        for (_, _, _, postings) in index(&store, &words) {
            for (word, postings) in postings {
                prop_assert!(postings.iter().all(|posting| left.contains(&MemoryId(posting.id))), "{}", word);
            }
        }
        // Each text that was ever remembered can still be read in the chain.
        let told: Vec<serde_json::Value> = store.journal.of_kind(RECORD_KIND).unwrap()
            .iter()
            .map(|record| serde_json::from_str(&record.body).unwrap())
            .collect();
        for step in &steps {
            if let Step::Add { text, .. } = step {
                prop_assert!(told.iter().any(|record| record["text"] == text.as_str()));
            }
        }
    }

    #[test]
    fn ranking_is_one_ranking_however_much_of_it_is_asked_for(
        steps in prop::collection::vec(step(), 0..25),
        query in query(),
        agent in 0..3usize,
    ) {
        let mut store = Store::new();
        play(&mut store, &steps);
        let whose = match AGENTS[agent] {
            "" => Whose::House,
            agent => Whose::Agent(agent),
        };
        for layer in MemoryLayer::ALL {
            let select = |most| store.read().select(whose, layer, &query, most, NOW).unwrap();
            let all = select(usize::MAX);
            for most in 0..=all.len() {
                prop_assert_eq!(&select(most), &all[..most]);
            }
            let mut sorted = all.clone();
            sorted.sort_by_key(|memory| memory.id);
            prop_assert_eq!(sorted, store.read().list(whose, layer).unwrap());
        }
    }

    #[test]
    fn what_others_remember_bears_on_no_ranking(
        steps in prop::collection::vec(step(), 0..20),
        others in prop::collection::vec(text(), 1..8),
        query in query(),
    ) {
        let mut store = Store::new();
        play(&mut store, &steps);
        let before = store.recall(&query, 99);
        for text in &others {
            store.memory().add(&person(), of("surveyor", text)).unwrap();
        }
        prop_assert_eq!(store.recall(&query, 99), before);
    }

    #[test]
    fn weighing_more_never_ranks_lower(
        mine in text(),
        others in prop::collection::vec((text(), weight(), 0..900i64), 0..10),
        query in query(),
        light in 0.0..5.0f64,
        more in 0.0..5.0f64,
    ) {
        let place = |weight: f64| {
            let mut store = Store::new();
            let id = store.memory().add(&ago(9), NewMemory { weight, ..of("coder", &mine) }).unwrap();
            for (text, weight, days) in &others {
                store.memory().add(&ago(*days), NewMemory { weight: *weight, ..of("coder", text) }).unwrap();
            }
            let found = store.read().select(Whose::Agent("coder"), MemoryLayer::Facts, &query, 99, NOW).unwrap();
            found.iter().position(|memory| memory.id == id).unwrap()
        };
        prop_assert!(place(light + more) <= place(light));
    }

    #[test]
    fn any_text_is_kept_and_any_query_and_time_are_answered(
        text in any::<String>(),
        query in any::<String>(),
        then in any::<i64>(),
        now in any::<i64>(),
    ) {
        let mut store = Store::new();
        let author = Author { time: Timestamp(then), ..person() };
        let added = store.memory().add(&author, of("coder", &text));
        prop_assert_eq!(added.is_err(), text.trim().is_empty());
        let found = store.read().select(Whose::Agent("coder"), MemoryLayer::Facts, &query, 9, Timestamp(now)).unwrap();
        let expected: Vec<String> = if added.is_ok() { vec![text] } else { vec![] };
        prop_assert_eq!(texts(&found), expected);
    }
}
