//! A conversation of which only the end is held gives what the whole of it gives, or says that it needs more.

use crate::common::*;
use crate::promises::{World, worlds};
use crate::properties::{conversations, nonsense};
use crate::scaled::learnt;
use charthouse_context::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;
use types::*;

fn sum(items: &[HistoryItem]) -> u64 {
    items.iter().map(|entry| entry.tokens).sum()
}

/// What stands before `at`, counted in the plainest way.
fn before(items: &[HistoryItem], at: usize) -> (Before, Option<(usize, &HistoryItem)>) {
    let is_result = |entry: &&HistoryItem| matches!(*entry.item, Item::Result(_));
    let orphans = items[..at].iter().take_while(is_result).count();
    let mut prompt = None;
    for person in [false, true] {
        for (index, entry) in items[..at].iter().enumerate() {
            if let Item::Text { provenance, .. } = &*entry.item
                && (!person || *provenance == Provenance::Human)
            {
                prompt = Some((index, entry));
            }
        }
    }
    let before = Before {
        items: at,
        tokens: sum(&items[..at]),
        orphans,
        orphaned: sum(&items[..orphans]),
    };
    (before, prompt)
}

/// A factor of what was learnt, in percent.
fn factors() -> impl Strategy<Value = u64> {
    prop_oneof![Just(100u64), 60..200u64]
}

/// Some of what a person said was said by the host.
fn by_the_host(mut items: Vec<Item>, every: usize) -> Vec<Item> {
    let texts = items.iter_mut().filter_map(|item| match item {
        Item::Text { provenance, .. } => Some(provenance),
        _ => None,
    });
    texts
        .enumerate()
        .filter(|(at, _)| at % every != 0 || every == 5)
        .for_each(|(_, provenance)| *provenance = Provenance::House);
    items
}

fn talks() -> impl Strategy<Value = Vec<HistoryItem>> {
    let long = vec(conversations(), 0..5).prop_map(|talks| talks.concat());
    (prop_oneof![3 => long, 1 => nonsense()], 1..6usize)
        .prop_map(|(items, every)| measured(by_the_host(items, every)))
}

/// What is needed for `world` in a window of `room`, strictly and with the reserve.
fn needed(world: &World, room: u64, scale: Scale, summary: Option<&Summary>) -> Needed {
    let model = model(room + 50, 50);
    Needed::of(&world.map(&world.order()), [(&model, scale)], summary)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn whatever_is_held_gives_the_same_or_says_that_it_needs_more(
        world in worlds(), items in talks(), room in 1..2_500u64, at in any::<prop::sample::Index>(), factor in factors(),
    ) {
        let mut world = world;
        world.items = items;
        let calibration = learnt(factor);
        let plain: &dyn Estimator = &BytesEstimate;
        let calibrated = Calibrated::new(&BytesEstimate, &calibration);
        let estimator = if factor == 100 { plain } else { &calibrated };
        let whole = world.with(&world.order(), room, &world.said(), estimator);
        let needs_more = matches!(whole, Err(AssembleError::NeedsMore { .. }));
        prop_assert!(!needs_more);
        let at = at.index(world.items.len() + 1);
        let (before, prompt) = before(&world.items, at);
        let said = Said { before, prompt, items: &world.items[at..], ..world.said() };
        let held = world.with(&world.order(), room, &said, estimator);
        if let Err(AssembleError::NeedsMore { needed: wanted }) = held {
            // It never says so where what it asks for is there, nor where what one was told to hold is.
            let mut history = History::from(world.items[..at].to_vec());
            let mark = history.mark();
            prop_assert_eq!(mark.all, before);
            history = History::after(mark, prompt.map(|(_, entry)| entry.clone()));
            world.items[at..].iter().for_each(|entry| history.push(entry.clone()));
            prop_assert!(!history.meets(&wanted), "{wanted}");
            prop_assert!(!history.meets(&needed(&world, room, estimator.scale(), said.summary)));
        } else {
            prop_assert_eq!(held, whole);
        }
    }

    #[test]
    fn what_is_needed_suffices_and_is_read_back_page_by_page(
        world in worlds(), items in talks(), room in 1..1_000u64, at in any::<prop::sample::Index>(), page in 1..20usize, factor in factors(),
    ) {
        let mut world = world;
        world.items = items;
        let calibration = learnt(factor);
        let estimator = Calibrated::new(&BytesEstimate, &calibration);
        let whole = world.with(&world.order(), room, &world.said(), &estimator);
        let at = at.index(world.items.len() + 1);
        let mark = History::from(world.items[..at].to_vec()).mark();
        let written = serde_json::to_string(&mark).unwrap();
        let mark: Mark = serde_json::from_str(&written).unwrap();
        let mut history = History::after(mark, mark.prompt.map(|at| world.items[at].clone()));
        world.items[at..].iter().for_each(|entry| history.push(entry.clone()));
        let needed = needed(&world, room, estimator.scale(), world.summary.as_ref());
        while !history.meets(&needed) {
            let start = history.start();
            history.give_back(world.items[start.saturating_sub(page)..start].to_vec());
        }
        let said = history.said(world.summary.as_ref(), 2);
        prop_assert_eq!(world.with(&world.order(), room, &said, &estimator), whole);
        prop_assert_eq!(history.mark(), History::from(world.items.clone()).mark());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_window_that_slides_gives_what_the_whole_gives(
        world in worlds(), items in vec(conversations(), 1..6), every in 1..6usize,
        rooms in vec(50..700u64, 1..4), delay in 0..3usize, factors in vec(factors(), 1..4),
    ) {
        let items = measured(by_the_host(items.concat(), every));
        let mut world = world;
        world.summary = None;
        let mut history = History::default();
        let mut sent: Option<Shape> = None;
        let mut under_way: Option<(usize, Summary)> = None;
        let estimators: Vec<Calibration> = factors.iter().map(|factor| learnt(*factor)).collect();
        for (turn, item) in items.iter().enumerate() {
            history.push(item.clone());
            world.items.clear();
            world.items.extend_from_slice(&items[..=turn]);
            if let Some((_, summary)) = under_way.take_if(|(due, _)| *due <= turn) {
                world.summary = Some(summary);
            }
            let estimator = Calibrated::new(&BytesEstimate, &estimators[turn * estimators.len() / items.len()]);
            let room = rooms[turn * rooms.len() / items.len()];
            let needed = needed(&world, room, estimator.scale(), world.summary.as_ref());
            if !history.meets(&needed) {
                // A larger window, or another counting: all that has ever been said is there again.
                let start = history.start();
                history.give_back(items[..start].to_vec());
            }
            let whole = world.with(&world.order(), room, &world.said(), &estimator);
            let held = world.with(&world.order(), room, &history.said(world.summary.as_ref(), 2), &estimator);
            prop_assert_eq!(&held, &whole);
            prop_assert_eq!(history.len(), turn + 1);
            prop_assert_eq!(history.last(), items.get(turn));
            if let (Ok(mut held), Ok(mut whole)) = (held, whole) {
                if let Some(earlier) = &sent {
                    let one = held.follow(earlier, |range| history.tokens_of(range));
                    let other = whole.follow(earlier, |range| sum(&items[range]));
                    prop_assert_eq!(one, other);
                    prop_assert_eq!(&held, &whole);
                }
                if let Some(wanted) = held.summary.filter(|_| under_way.is_none()) {
                    let covered = world.summary.as_ref().map_or(0, |summary| summary.upto);
                    prop_assert_eq!(history.get(covered..wanted.upto), items.get(covered..wanted.upto));
                    let summary = Summary::measured("In short.", wanted.upto, Provenance::House, Vec::new(), &BytesEstimate);
                    under_way = Some((turn + delay, summary));
                }
                sent = Some(held.shape);
            }
            history.forget_before(&needed);
            prop_assert!(history.meets(&needed));
            prop_assert_eq!(history.mark(), History::from(world.items.clone()).mark());
        }
    }
}

/// A month's talk: what is held depends on the window, not on how long it went on.
#[test]
fn what_is_held_does_not_grow_with_the_conversation() {
    let needed = Needed {
        tokens: 4_001,
        from: usize::MAX,
    };
    let mut history = History::default();
    let (mut most, mut told) = (0, 0);
    for turn in 0..10_000 {
        let id = format!("call_{turn}");
        let prompt = (turn == 0).then(|| human("Carry on until I say so."));
        let items = [assistant("", &[&id]), result(&id, &"r".repeat(200))];
        for item in measured(prompt.into_iter().chain(items)) {
            told += item.tokens;
            history.push(item);
        }
        history.forget_before(&needed);
        most = most.max(sum(history.items()));
    }
    assert!(most < 5_200, "{most}");
    assert_eq!(history.len(), 20_001);
    let mark = history.mark();
    assert_eq!((mark.all.items, mark.all.tokens), (20_001, told));
    assert_eq!(mark.prompt, Some(0));
    let (at, prompt) = history.said(None, 0).prompt.unwrap();
    assert_eq!((at, &*prompt.item), (0, &human("Carry on until I say so.")));
    assert_eq!(history.get(0..1), None);
    assert_eq!(history.tokens_of(0..1), prompt.tokens);
}

#[test]
fn a_call_that_nothing_has_answered_is_not_forgotten() {
    let mut history = History::default();
    let items = [human("Do."), assistant("", &["a"])];
    let words = (0..500).map(|n| human(&format!("{n}: are you still there?")));
    for item in measured(items.into_iter().chain(words)) {
        history.push(item);
        history.forget_before(&Needed::NOTHING);
    }
    assert_eq!(history.start(), 1);
}

#[test]
fn numbers_that_cannot_be_are_no_panic() {
    let items = measured([human("Go."), assistant("", &["a"]), result("a", "x")]);
    for before in [
        Before {
            items: 1,
            tokens: 0,
            orphans: 9,
            orphaned: 9,
        },
        Before {
            items: 7,
            tokens: u64::MAX,
            orphans: 3,
            orphaned: u64::MAX,
        },
    ] {
        let mut history = History::after(
            Mark {
                all: before,
                prompt: Some(90),
                by_person: true,
            },
            Some(items[0].clone()),
        );
        items.iter().for_each(|item| history.push(item.clone()));
        let plan = plan(
            &ContextMap {
                chunks: vec![self::history()],
                ..ContextMap::default()
            },
            &SlotChunks::default(),
            &model(1_000, 100),
        );
        let said = history.said(None, 0);
        let _ = plan.assemble(&Gathered::new(), &said, &Tools::default(), &BytesEstimate);
        history.give_back([&items[..]; 5].concat());
        history.forget_before(&Needed::NOTHING);
        let _: Arc<Item> = history.last().unwrap().item.clone();
    }
}
