//! Adding, replacing, forgetting, and what is recalled first, each with the mistake that it guards against.

use crate::support::{NOW, Store, acting, ago, message, of, person, texts};
use charthouse_memory::{
    Author, Change, LONGEST_TEXT, Memory, MemoryError, MemoryId, NewMemory, RECORD_KIND, Whose,
};
use journal::{HOUSE_RUN, Journal, JournalError, NewRecord};
use types::{MemoryLayer, Provenance, Timestamp};

const FACTS: MemoryLayer = MemoryLayer::Facts;

fn bodies(store: &Store) -> Vec<String> {
    let records = store.journal.of_kind(RECORD_KIND).unwrap();
    records.into_iter().map(|record| record.body).collect()
}

#[test]
fn a_memory_comes_back_as_it_was_added() {
    let mut store = Store::new();
    let text = " \u{feff}Tea\r\n\tat four — \0 \"five\" \u{1b}[31m🫖\n";
    let new = NewMemory {
        layer: MemoryLayer::Skills,
        labels: vec!["untrusted".into()],
        weight: 0.1,
        ..of("coder", text)
    };
    let provenance = Provenance::Plugin {
        name: "dream".into(),
        generation: "abc".into(),
    };
    let author = Author {
        provenance: provenance.clone(),
        ..person()
    };
    let id = store.memory().add(&author, new).unwrap();
    let reader = Journal::open_read_only(&store.path()).unwrap();
    let remembered = Memory::of(&reader).get(id).unwrap();
    assert_eq!(&*remembered.text, text);
    assert_eq!(remembered.agent.as_deref(), Some("coder"));
    assert_eq!(remembered.layer, MemoryLayer::Skills);
    assert_eq!(remembered.time, NOW);
    assert_eq!(remembered.weight, 0.1);
    assert_eq!(remembered.provenance, provenance);
    assert_eq!(remembered.labels, ["untrusted".into()]);
    let listed = Memory::of(&reader).list(Whose::Everyone, MemoryLayer::Skills);
    assert_eq!(listed.unwrap(), [remembered]);
}

#[test]
fn every_change_is_a_record_that_tells_all() {
    let mut store = Store::new();
    let mut memory = store.memory();
    let id = memory.add(&person(), of("coder", "Tea at four")).unwrap();
    let author = acting("coder");
    memory
        .replace(&author, id, "Tea at five", vec!["checked".into()], 2.0)
        .unwrap();
    memory.forget(&author, id).unwrap();
    assert_eq!(
        bodies(&store),
        [
            r#"{"action":"add","id":1,"agent":"coder","layer":"facts","text":"Tea at four","weight":1.0,"provenance":"human"}"#,
            r#"{"action":"replace","id":1,"agent":"coder","layer":"facts","text":"Tea at five","weight":2.0,"provenance":{"model":"model"},"labels":["checked"]}"#,
            r#"{"action":"forget","id":1,"agent":"coder","layer":"facts","provenance":{"model":"model"}}"#,
        ]
    );
    let records = store.journal.of_kind(RECORD_KIND).unwrap();
    let runs: Vec<&str> = records.iter().map(|record| record.run.as_str()).collect();
    assert_eq!(runs, [HOUSE_RUN, "run-a", "run-a"]);
    assert!(store.journal.verify().unwrap().ok);
}

#[test]
fn a_replaced_memory_keeps_its_id_and_is_found_by_its_new_words_only() {
    let mut store = Store::new();
    let id = store.fact("The build needs cmake", 30);
    store.fact("Nothing of the sort", 0);
    store
        .memory()
        .replace(&person(), id, "The build needs ninja", vec![], 1.0)
        .unwrap();
    let remembered = store.read().get(id).unwrap();
    assert_eq!(
        (&*remembered.text, remembered.time),
        ("The build needs ninja", NOW)
    );
    assert_eq!(store.recall("ninja", 1), ["The build needs ninja"]);
    let scope = journal::MemoryScope {
        agent: "coder",
        layer: "facts",
    };
    assert_eq!(store.journal.memories_with(scope, "cmake").unwrap(), 0);
    assert_eq!(store.journal.memories_with(scope, "ninja").unwrap(), 1);
}

#[test]
fn forgetting_is_final_and_an_id_is_never_given_again() {
    let mut store = Store::new();
    let id = store.fact("Tea at four", 0);
    store.memory().forget(&person(), id).unwrap();
    let gone =
        format!("there is no memory {id}: `charthouse memory list` shows those that there are");
    assert_eq!(message(store.read().get(id)), gone);
    assert_eq!(message(store.memory().forget(&person(), id)), gone);
    let replaced = store.memory().replace(&person(), id, "x", vec![], 1.0);
    assert_eq!(message(replaced), gone);
    assert!(store.recall("tea", 9).is_empty());
    assert!(
        bodies(&store)[0].contains("Tea at four"),
        "in the record it stays"
    );
    assert!(store.fact("Tea at four", 0) > id);
    for id in [0, 99, u64::MAX] {
        let error = store.read().get(MemoryId(id)).unwrap_err();
        assert!(matches!(error, MemoryError::NoSuchMemory { .. }), "{error}");
    }
}

#[test]
fn an_agent_sees_its_own_memories_and_those_of_the_house() {
    let mut store = Store::new();
    for owner in ["", "coder", "surveyor"] {
        let text = format!("of `{owner}`");
        store.memory().add(&person(), of(owner, &text)).unwrap();
    }
    let seen = |whose| texts(&store.read().list(whose, FACTS).unwrap());
    assert_eq!(seen(Whose::Agent("coder")), ["of ``", "of `coder`"]);
    assert_eq!(seen(Whose::Agent("newcomer")), ["of ``"]);
    assert_eq!(seen(Whose::House), ["of ``"]);
    assert_eq!(seen(Whose::Everyone).len(), 3);
    assert_eq!(store.recall("surveyor", 9).len(), 2);
    let other_layer = store.read().list(Whose::Everyone, MemoryLayer::Episodes);
    assert_eq!(other_layer.unwrap(), []);
    assert!(store.read().knows("surveyor").unwrap());
    assert!(!store.read().knows("newcomer").unwrap());
}

#[test]
fn an_agent_changes_its_own_memories_only() {
    let mut store = Store::new();
    let own = store.fact("own", 0);
    let others = store.memory().add(&person(), of("surveyor", "x")).unwrap();
    let shared = store.memory().add(&person(), of("", "x")).unwrap();
    let mut memory = store.memory();
    let coder = acting("coder");
    memory.replace(&coder, own, "better", vec![], 1.0).unwrap();
    assert_eq!(
        message(memory.forget(&coder, others)),
        "the agent `coder` may not change what `surveyor` remembers: a change for an agent is one of its own memories"
    );
    assert!(message(memory.forget(&coder, shared)).contains("what the house remembers"));
    for owner in ["surveyor", ""] {
        let error = memory.add(&coder, of(owner, "x")).unwrap_err();
        assert!(matches!(error, MemoryError::NotItsOwn { .. }), "{error}");
    }
    assert_eq!(store.journal.verify().unwrap().records, 4);
}

#[test]
fn changes_are_made_together_or_not_at_all() {
    let mut store = Store::new();
    let old = store.fact("old", 0);
    let add = Change::Add(of("coder", "new"));
    let coder = acting("coder");
    let error = store.memory().apply(
        &coder,
        &[add.clone(), Change::Forget(old), Change::Forget(old)],
    );
    assert!(message(error).contains("there is no memory 1"));
    assert_eq!(store.recall("", 9), ["old"]);
    assert_eq!(bodies(&store).len(), 1);

    let ids = store
        .memory()
        .apply(&coder, &[add.clone(), Change::Forget(old), add])
        .unwrap();
    assert_eq!(ids, [MemoryId(2), old, MemoryId(4)]);
    assert_eq!(store.recall("", 9), ["new", "new"]);
    assert_eq!(store.memory().apply(&coder, &[]).unwrap(), []);
}

#[test]
fn what_is_no_memory_is_refused_and_leaves_no_record() {
    let mut store = Store::new();
    let mut memory = store.memory();
    for empty in ["", " \n\t", "\u{3000}"] {
        let error = memory.add(&person(), of("coder", empty)).unwrap_err();
        assert!(matches!(error, MemoryError::Empty), "{error}");
    }
    let long = "é".repeat(LONGEST_TEXT / 2);
    let id = memory.add(&person(), of("coder", &long)).unwrap();
    let longer = memory.replace(&person(), id, format!("{long}!"), vec![], 1.0);
    assert_eq!(
        message(longer),
        "the text is longer than the 65536 bytes of a memory: make several of it, or keep it in a file and remember where it lies"
    );
    for weight in [-0.1, f64::NAN, f64::INFINITY] {
        let new = NewMemory {
            weight,
            ..of("coder", "x")
        };
        assert!(message(memory.add(&person(), new)).contains("cannot weigh"));
    }
    let nameless = NewMemory {
        agent: Some("".into()),
        ..of("", "x")
    };
    assert!(message(memory.add(&person(), nameless)).contains("has no name"));
    assert_eq!(bodies(&store).len(), 1);
}

#[test]
fn the_better_match_comes_first() {
    let mut store = Store::new();
    for text in [
        "The deploy script is deploy.sh; run deploy with care",
        "Tests run with cargo nextest",
        "The release notes are written by hand before each deploy of the whole site and its many parts",
        "Ada prefers short answers",
    ] {
        store.fact(text, 0);
    }
    let first = |query: &str| store.recall(query, 1).remove(0);
    assert!(first("How do I DEPLOY?").starts_with("The deploy script"));
    assert!(first("release deploy").starts_with("The release notes"));
    assert!(first("which tests should run").starts_with("Tests run"));
    assert!(first("what does ada want").starts_with("Ada"));
    let all = store.recall("How do I deploy?", 9);
    assert_eq!(all.len(), 4, "what does not match is not left out");
    assert!(all[1].starts_with("The release notes"), "{all:?}");
}

#[test]
fn words_of_every_script_are_found_in_either_case() {
    let mut store = Store::new();
    for text in [
        "ÅNGSTRÖM ist klein",
        "東京都に住んでいます",
        "ЖУК ползёт",
        "unrelated",
    ] {
        store.fact(text, 0);
    }
    for (query, beginning) in [
        ("ångström", "ÅNG"),
        ("東京の天気", "東京都"),
        ("где жук?", "ЖУК"),
    ] {
        let found = store.recall(query, 1);
        assert!(found[0].starts_with(beginning), "{query}: {found:?}");
    }
}

#[test]
fn without_a_word_to_look_for_the_fresh_and_the_weighty_come_first() {
    let mut store = Store::new();
    store.fact("old", 400);
    store.fact("fresh", 1);
    let weighty = NewMemory {
        weight: 8.0,
        ..of("coder", "old and weighty")
    };
    store.memory().add(&ago(400), weighty).unwrap();
    let weightless = NewMemory {
        weight: 0.0,
        ..of("coder", "weightless")
    };
    store.memory().add(&person(), weightless).unwrap();
    for query in ["", "?!", "word that nobody used"] {
        assert_eq!(
            store.recall(query, 9),
            ["old and weighty", "fresh", "old", "weightless"]
        );
    }
    assert_eq!(store.recall("", 2), ["old and weighty", "fresh"]);
    assert!(store.recall("", 0).is_empty());
}

#[test]
fn a_good_match_outlasts_freshness() {
    let mut store = Store::new();
    store.fact("The garage code is on the blue card", 2_000);
    for n in 0..50 {
        store.fact(&format!("Small talk number {n}"), 0);
    }
    let found = store.recall("what was the garage code", 1);
    assert_eq!(found, ["The garage code is on the blue card"]);
}

#[test]
fn equally_useful_ones_stand_in_the_order_of_their_ids() {
    let mut store = Store::new();
    let ids: Vec<MemoryId> = (0..20).map(|_| store.fact("the same", 3)).collect();
    for query in ["", "same"] {
        for most in [1, 7, 20, 99] {
            let found = store
                .read()
                .select(Whose::Agent("coder"), FACTS, query, most, NOW)
                .unwrap();
            let found: Vec<MemoryId> = found.into_iter().map(|memory| memory.id).collect();
            assert_eq!(found, ids[..most.min(20)]);
        }
    }
}

#[test]
fn times_at_either_end_of_time_are_ranked_like_others() {
    let mut store = Store::new();
    for time in [i64::MIN, i64::MAX, 0, NOW.0] {
        let author = Author {
            time: Timestamp(time),
            ..person()
        };
        let text = format!("at {time}");
        store.memory().add(&author, of("coder", &text)).unwrap();
    }
    let found = store.recall("", 9);
    assert_eq!(
        found[..2],
        [format!("at {}", i64::MAX), format!("at {}", NOW.0)],
        "what is to come is as fresh as now"
    );
    for now in [i64::MIN, i64::MAX] {
        let found = store
            .read()
            .select(Whose::Everyone, FACTS, "at", 9, Timestamp(now));
        assert_eq!(found.unwrap().len(), 4);
    }
}

#[test]
fn a_record_that_tells_nonsense_stops_the_rebuilding_and_changes_nothing() {
    for (body, why) in [
        ("not JSON", "expected"),
        (r#"{"action":"dream","id":9}"#, "unknown variant"),
        (
            r#"{"action":"forget","id":9,"agent":null,"layer":"facts","provenance":"human"}"#,
            "changes memory 9, which was not there",
        ),
        (
            r#"{"action":"add","id":1,"agent":null,"layer":"facts","text":"x","weight":1.0,"provenance":"human"}"#,
            "adds memory 1, which was there already",
        ),
    ] {
        let mut store = Store::new();
        store.fact("kept", 0);
        let record = NewRecord {
            run: HOUSE_RUN,
            time: NOW,
            kind: RECORD_KIND,
            body,
        };
        store.journal.append(&[record]).unwrap();
        let error = message(store.memory().rebuild());
        assert!(error.starts_with("record 2 does not tell"), "{error}");
        assert!(error.contains(why), "{error}");
        assert_eq!(store.recall("kept", 9), ["kept"]);
    }
}

#[test]
fn a_store_that_may_only_be_read_cannot_be_changed() {
    let mut store = Store::new();
    let id = store.fact("Tea", 0);
    let mut journal = Journal::open_read_only(&store.path()).unwrap();
    let error = Memory::of(&mut journal).forget(&person(), id).unwrap_err();
    assert!(
        matches!(error, MemoryError::Journal(JournalError::ReadOnly { .. })),
        "{error}"
    );
    assert_eq!(Memory::of(&journal).get(id).unwrap().id, id);
}
