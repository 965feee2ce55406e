//! Whatever is tried by whomever in whatever order: nothing is released without all that a release needs.

use crate::story::*;
use change::{ChangeNumber, Class, Effectivity, ItemId, Person, Register, Verdict, Vote, When};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use types::ContentHash;

const PEOPLE: [&str; 8] = [
    "human:ada",
    "human:bob",
    "human:cyd",
    "human:dan",
    "human:eve",
    "agent:coder",
    "agent:checker",
    "agent:lone",
];
const ITEMS: [&str; 5] = [
    "policy:default",
    "policy:spare",
    "chart:other",
    "agent:coder",
    "house",
];

#[derive(Clone, Debug)]
enum Try {
    Request(usize, usize, bool),
    Assess(usize),
    Vote(usize, bool),
    Order(usize, u8),
    Implement(usize, u8),
    Verify(usize, bool, bool),
    Release(usize, bool),
    Withdraw(usize),
    Reject,
    Emergency(usize, usize, u8),
}

fn tries() -> impl Strategy<Value = Vec<(Try, u32)>> {
    let who = 0..PEOPLE.len();
    let one = prop_oneof![
        2 => (who.clone(), 0..ITEMS.len(), any::<bool>()).prop_map(|(a, b, c)| Try::Request(a, b, c)),
        1 => who.clone().prop_map(Try::Assess),
        6 => (who.clone(), prop::bool::weighted(0.9)).prop_map(|(a, b)| Try::Vote(a, b)),
        3 => (who.clone(), 0..4u8).prop_map(|(a, b)| Try::Order(a, b)),
        3 => (who.clone(), any::<u8>()).prop_map(|(a, b)| Try::Implement(a, b)),
        4 => (who.clone(), prop::bool::weighted(0.8), prop::bool::weighted(0.8)).prop_map(|(a, b, c)| Try::Verify(a, b, c)),
        4 => (who.clone(), prop::bool::weighted(0.9)).prop_map(|(a, b)| Try::Release(a, b)),
        1 => who.clone().prop_map(Try::Withdraw),
        1 => Just(Try::Reject),
        1 => (who, 0..ITEMS.len(), any::<u8>()).prop_map(|(a, b, c)| Try::Emergency(a, b, c)),
    ];
    prop::collection::vec((one, 1..3u32), 20..60)
}

fn edit(item: &ItemId, number: u8) -> (&'static str, String) {
    let text =
        |name: &str| String::from_utf8(files()[name].clone()).unwrap() + &format!("# {number}\n");
    let name = match item.to_string().as_str() {
        "policy:default" => "policies/default.yaml",
        "policy:spare" => "policies/spare.yaml",
        "chart:other" => "charts/other.yaml",
        "agent:coder" => "agents/coder.yaml",
        _ => "house.yaml",
    };
    (name, text(name))
}

/// Try it, and let whatever is refused be refused.
fn attempt(story: &mut Story, what: &Try, change: ChangeNumber) {
    let who = |index: usize| PEOPLE[index];
    let items: Vec<ItemId> = story
        .register
        .change(change)
        .map(|one| one.items.iter().cloned().collect())
        .unwrap_or_default();
    let made = story
        .register
        .change(change)
        .and_then(|one| Some(one.implementation()?.candidate));
    let on = made.unwrap_or(ContentHash::of(b"none"));
    match what {
        Try::Request(by, item, anew) => {
            let number = if *anew {
                change
            } else {
                story.register.next_number()
            };
            let _ = story.request_as(number, who(*by), &[ITEMS[*item]], Class::Minor);
        }
        Try::Assess(by) => drop(story.assess(change, who(*by))),
        Try::Vote(by, yes) => {
            let vote = if *yes { Vote::Approve } else { Vote::Reject };
            let _ = story.vote(change, who(*by), "quality", vote);
        }
        Try::Order(by, when) => {
            let effectivity = match when {
                0 => Effectivity {
                    when: When::NextRun,
                    agents: None,
                },
                1 => Effectivity {
                    when: When::Now,
                    agents: Some(vec![Arc::from("lone")]),
                },
                _ => Effectivity::now(),
            };
            let _ = story.order(change, who(*by), effectivity);
        }
        Try::Implement(by, number) => {
            let Some(item) = items.first() else { return };
            let (name, text) = edit(item, *number);
            if story.candidate(change, &[(name, Some(&text))]).is_ok() {
                let _ = story.implement(change, who(*by), &[(name, Some(&text))]);
            }
        }
        Try::Verify(by, passed, evidence) => {
            let result = if *passed {
                Verdict::Passed
            } else {
                Verdict::Failed
            };
            let _ = story.verify_as(change, who(*by), on, result, *evidence);
        }
        Try::Release(by, right) => {
            let on = if *right {
                on
            } else {
                ContentHash::of(b"other")
            };
            let _ = story.release(change, who(*by), on);
        }
        Try::Withdraw(by) => drop(story.withdraw(change, who(*by))),
        Try::Reject => drop(story.reject(change)),
        Try::Emergency(by, item, number) => {
            let (name, text) = edit(&crate::story::item(ITEMS[*item]), *number);
            let all = story
                .register
                .items()
                .map(|(item, _)| item.clone())
                .collect();
            if story.candidate_of(&all, &[(name, Some(&text))]).is_ok() {
                let next = story.register.next_number();
                let _ = story.emergency(next, who(*by), &[(name, Some(&text))]);
            }
        }
    }
}

/// Told once more, by the records alone and by other means than the register's own rules.
fn check(story: &Story) {
    for change in story.register.changes() {
        let Some(release) = &change.release else {
            continue;
        };
        let made = change.implementations.last().unwrap();
        assert_eq!(release.on, made.candidate);
        let makers: BTreeSet<&Person> = change
            .requests
            .iter()
            .chain(change.implementations.iter().map(|one| &one.deed))
            .map(|deed| &deed.who)
            .collect();
        let keys = |deeds: &BTreeSet<&Person>| -> BTreeSet<String> {
            deeds
                .iter()
                .map(|who| who.to_string().replace("eve", "ada"))
                .collect()
        };
        let voters: BTreeSet<&Person> = change.approvals().map(|cast| &cast.deed.who).collect();
        assert!(keys(&voters).len() >= 2, "{change:?}");
        assert!(keys(&voters).is_disjoint(&keys(&makers)), "{change:?}");
        assert!(change.rejection().is_none());
        let verified = change.verification().unwrap();
        assert_eq!(
            (verified.result, verified.on),
            (Verdict::Passed, release.on)
        );
        assert!(!verified.evidence.is_empty());
        let deciders: BTreeSet<&Person> = [&verified.deed.who, &release.deed.who].into();
        assert!(keys(&deciders).is_disjoint(&keys(&makers)));
        assert_eq!(
            change.order.as_ref().map(|(_, effectivity)| effectivity),
            Some(&release.effectivity)
        );
        for person in voters.iter().chain(&deciders) {
            let Person::Agent(name) = person else {
                continue;
            };
            for item in &change.items {
                let governed = matches!(
                    (&**name, item.to_string().as_str()),
                    (_, "house" | "policy:default")
                        | ("coder", "agent:coder")
                        | ("lone", "chart:other")
                );
                assert!(!governed, "{person} {item}");
            }
        }
    }
    // Every revision that counts comes from a baseline, a release or an emergency of a person; and each follows on the one before it.
    for (item, all) in story.register.items() {
        let mut before = BTreeSet::from([change::Revision::Absent]);
        for one in all {
            let change = story.register.change(one.change);
            let released = change.is_none_or(|change| change.release.is_some());
            let urgent = change.is_some_and(|change| {
                let urgent = change.emergency.as_ref();
                urgent.is_some_and(|urgent| urgent.deed.who.agent().is_none())
            });
            assert!(released || (one.emergency && urgent), "{item} {one:?}");
            let closed = change
                .is_some_and(|change| change.withdrawn.is_some() || change.rejected.is_some());
            assert_eq!(one.taken_back, closed && one.emergency, "{item} {one:?}");
            assert!(before.contains(&one.from), "{item} {one:?}");
            before.insert(one.to);
        }
    }
}

fn fold(story: &Story) -> Register {
    let mut register = Register::new(Arc::new(World));
    for (seq, time, kind, body) in &story.records {
        let at = change::At {
            seq: *seq,
            time: types::Timestamp(*time),
            run: "run",
        };
        register.take(at, kind, body);
    }
    register
}

/// How often something was released at all, or the property would say nothing.
fn released(tries: &[(Try, u32)]) -> usize {
    let mut story = Story::new();
    for (what, change) in tries {
        attempt(&mut story, what, ChangeNumber::new(*change));
        check(&story);
    }
    let again = fold(&story);
    assert_eq!(format!("{again:?}"), format!("{:?}", story.register));
    story
        .register
        .changes()
        .filter(|change| change.release.is_some())
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_is_released_without_all_that_a_release_needs(tries in tries()) {
        released(&tries);
    }

    #[test]
    fn a_story_that_is_almost_right_is_released_only_if_it_is(
        swap in 0..8usize,
        who in 0..PEOPLE.len(),
        item in 0..ITEMS.len(),
    ) {
        // The right people, but for one.
        let mut by = [0, 1, 1, 2, 2, 0, 1, 2];
        by[swap] = who;
        let tries = [
            Try::Request(by[0], item, false), Try::Assess(by[1]), Try::Vote(by[2], true), Try::Vote(by[3], true),
            Try::Order(by[4], 3), Try::Implement(by[5], 1), Try::Verify(by[6], true, true), Try::Release(by[7], true),
        ];
        let tries: Vec<_> = tries.into_iter().map(|one| (one, 1)).collect();
        let count = released(&tries);
        let untouched = matches!(PEOPLE[who], "human:dan");
        prop_assert!(!untouched || count == 1, "{swap} {who}");
    }
}
