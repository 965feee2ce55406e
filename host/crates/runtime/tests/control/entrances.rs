//! Who is let in, and who is not.

use crate::house::{Place, item};
use change::{Effectivity, ItemId};
use charthouse_runtime::RuntimeError;
use charthouse_runtime::control::{
    Entrance, Revisions, belongs, made_of, may_be_absent, may_become, put_in_place, standing,
};
use types::{Clock, ContentHash};

#[test]
fn without_a_baseline_nothing_is_let_in_and_the_hint_says_what_to_do() {
    let place = Place::new();
    assert!(place.refused().contains("no baseline"));
    let refused = place.records("change.refused");
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["where"], "start");
    // Whoever is to give it one comes in, and finds nothing that could be run.
    let entered = place.enter_as(Entrance::Administer).unwrap().admitted;
    assert!(entered.is_controlled());
    assert!(entered.house.agents.is_empty() && entered.house.charts.is_empty());
    place.baseline();
    let entered = place.enter().unwrap();
    assert_eq!(entered.house.agents.len(), 2);
}

#[test]
fn a_house_that_says_nothing_of_control_is_let_in_and_nothing_is_held() {
    let place = Place::new();
    place.edit("house.yaml", "controlled: true\n", "");
    let entered = place.enter().unwrap();
    assert!(!entered.is_controlled());
    assert!(!entered.house.holds());
    assert!(
        entered
            .house
            .plugins
            .values()
            .all(|plugin| plugin.component.released.is_none())
    );
}

#[test]
fn every_kind_of_item_that_is_edited_is_refused_with_the_number_to_open() {
    let edits: [(&str, &str, &str, &str); 8] = [
        (
            "agents/a.yaml",
            "max_output: 100",
            "max_output: 101",
            "agent:a",
        ),
        ("agents/a.md", "brief", "verbose", "agent:a"),
        ("charts/t.yaml", "1.0.0", "1.0.1", "chart:t"),
        ("policies/default.yaml", "one", "two", "policy:default"),
        ("house.yaml", "house: h", "house: i", "house"),
        ("scripts/s.yaml", "Hello", "Goodbye", "house"),
        ("cassettes/c.jsonl", "Hello", "Goodbye", "house"),
        ("plugins/g.wasm", "0001", "0002", "plugin:g"),
    ];
    for (file, old, new, name) in edits {
        let place = Place::released();
        place.enter().unwrap();
        place.edit(file, old, new);
        let why = place.refused();
        for word in [
            name,
            "not a released revision",
            "released: CR-0000",
            "Open CR-0001",
            "charthouse change request --item",
        ] {
            assert!(why.contains(word), "{file}: {why}");
        }
        let refused = place.records("change.refused");
        assert_eq!(refused[0]["item"], name);
        assert_eq!(refused[0]["open"], "CR-0001");
        assert_ne!(refused[0]["found"], refused[0]["released"]);
        // With the old text it is let in again.
        place.edit(file, new, old);
        place.enter().unwrap();
    }
}

#[test]
fn what_is_added_and_what_is_missing_is_refused_too() {
    let place = Place::released();
    place.write("policies/new.yaml", "policy: new\n");
    assert!(place.refused().contains("policy:new"));
    std::fs::remove_file(place.root().join("policies/new.yaml")).unwrap();
    place.enter().unwrap();
    std::fs::remove_file(place.root().join("agents/b.yaml")).unwrap();
    assert!(place.refused().contains("agents/b.yaml is missing"));
}

#[test]
fn the_number_is_that_of_the_change_that_is_open_for_it() {
    let place = Place::released();
    let open = place.open(vec![item("agent:a")]);
    place.edit("agents/a.md", "brief", "verbose");
    let why = place.refused();
    assert!(why.contains(&format!("{open} is open about it")), "{why}");
    // Any other item gets the next number.
    place.edit("agents/a.md", "verbose", "brief");
    place.edit("charts/t.yaml", "1.0.0", "1.0.1");
    assert!(place.refused().contains("Open CR-0002"));
}

#[test]
fn the_file_cannot_say_that_it_is_not_controlled() {
    let place = Place::released();
    place.edit("house.yaml", "controlled: true", "controlled: false");
    assert!(place.refused().contains("not a released revision of house"));
    place.edit("house.yaml", "controlled: false\n", "");
    assert!(place.refused().contains("not a released revision of house"));
    // A released change of it can.
    let text = place.read("house.yaml");
    place.write("house.yaml", &format!("{text}controlled: true\n"));
    place.enter().unwrap();
    place.release(&[("house.yaml", &text)], None, Effectivity::now());
    let entered = place.enter().unwrap();
    assert!(!entered.is_controlled());
    place.write("agents/a.md", "Anything.\n");
    place.enter().unwrap();
}

#[test]
fn the_file_cannot_say_that_it_is_controlled_where_what_is_released_does_not() {
    let place = Place::released();
    let controlled = place.read("house.yaml");
    let free = controlled.replace("controlled: true\n", "");
    place.release(&[("house.yaml", &free)], None, Effectivity::now());
    assert!(!place.enter().unwrap().is_controlled());
    // Nothing would come of the word but that somebody relies on it.
    place.write("house.yaml", &controlled);
    let why = place.refused();
    for word in [
        "no baseline since its control ended",
        "charthouse change baseline --as NAME",
    ] {
        assert!(why.contains(word), "{why}");
    }
    let journal = place.journal();
    let stands = standing(place.load(), Some(&journal), place.clock.now()).unwrap();
    assert!(stands.controlled && !stands.baseline);
    drop(journal);
    let entered = place.enter_as(Entrance::Administer).unwrap().admitted;
    assert!(entered.house.agents.is_empty());
    // With another baseline it is controlled again.
    place.baseline();
    assert!(place.enter().unwrap().is_controlled());
    place.edit("agents/a.md", "brief", "verbose");
    place.refused();
}

/// The file that says where a house is controlled from.
const MARKER: &str = ".charthouse/controlled";
const STORE: &str = "store: sqlite:.charthouse/journal.db";

#[test]
fn no_store_that_a_draft_names_says_what_is_released() {
    let place = Place::released();
    place.enter().unwrap();
    let (own, house) = (place.root().join(MARKER), place.read("house.yaml"));
    assert!(own.exists());
    place.edit("house.yaml", STORE, "store: sqlite:.charthouse/other.db");
    place.edit("house.yaml", "controlled: true\n", "");
    place.edit("policies/default.yaml", "one", "two");
    let why = place.refused();
    for word in [
        "since record 2 of .charthouse/journal.db",
        ".charthouse/other.db does not hold it",
    ] {
        assert!(why.contains(word), "{why}");
    }
    let administers = place.enter_as(Entrance::Administer);
    assert!(matches!(administers, Err(RuntimeError::NotReleased(_))));
    let (root, mut other, now) = (place.root(), place.journal(), place.clock.now());
    let refused = |result: Result<(), RuntimeError>| {
        assert!(
            matches!(result, Err(RuntimeError::NotReleased(_))),
            "{result:?}"
        );
    };
    refused(belongs(&other, &root));
    refused(may_be_absent(&root, &root.join("nowhere.db")));
    refused(made_of(place.load(), &other).map(drop));
    refused(may_become(&Revisions::new(), place.load(), &mut other, now));
    refused(put_in_place(&mut other, &root, now).map(drop));
    refused(standing(place.load(), Some(&other), now).map(drop));
    assert_eq!(other.head().unwrap().seq, 0, "nothing is recorded there");
    // Another history of the same length is no better.
    place.baseline();
    place.refused();
    place.write("house.yaml", &house);
    place.edit("policies/default.yaml", "two", "one");
    place.enter().unwrap();
}

#[test]
fn a_marker_is_made_at_the_next_start_moves_with_the_store_and_cannot_be_forged() {
    let place = Place::released();
    let marker = || std::fs::read_to_string(place.root().join(MARKER)).unwrap();
    // A house that was let in before there were markers has a shortcut and none of them.
    place.enter().unwrap();
    std::fs::remove_file(place.root().join(MARKER)).unwrap();
    place.enter().unwrap();
    let first = marker();
    place.enter().unwrap();
    assert_eq!(marker(), first);
    // It counts the records of changes.
    assert!(first.contains("\"changes\":{\"records\":"), "{first}");
    // On purpose: `store:` is released, and the file is moved with all that lies beside it.
    let moved = place
        .read("house.yaml")
        .replace(STORE, "store: sqlite:records/j.db");
    place.release(&[("house.yaml", &moved)], None, Effectivity::now());
    place.enter().unwrap();
    assert_eq!(place.read("house.yaml"), moved);
    std::fs::create_dir(place.root().join("records")).unwrap();
    assert!(place.refused().contains("records/j.db does not hold it"));
    std::fs::remove_dir_all(place.root().join("records")).unwrap();
    std::fs::create_dir(place.root().join("records")).unwrap();
    for entry in std::fs::read_dir(place.root().join(".charthouse")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if let Some(rest) = name.strip_prefix("journal.db") {
            let to = place.root().join(format!("records/j.db{rest}"));
            std::fs::rename(entry.path(), to).unwrap();
        }
    }
    place.enter().unwrap();
    assert!(marker().contains("records/j.db"), "{}", marker());
    // What the house has not sealed lets nobody in.
    let own = marker();
    let fewer = own.replace("\"changes\":{\"records\":", "\"changes\":{\"records\":1");
    for forged in [
        own.replace("\"baseline\":2", "\"baseline\":1"),
        fewer,
        "{}".into(),
    ] {
        assert_ne!(forged, own);
        place.write(MARKER, &forged);
        assert!(place.refused().contains(".charthouse/controlled"));
    }
    place.write(MARKER, &own);
    place.enter().unwrap();
}

#[test]
fn whoever_administers_gets_what_is_released_whatever_lies_there() {
    let place = Place::released();
    place.edit("agents/a.md", "brief", "verbose");
    place.edit("charts/t.yaml", "1.0.0", "9.9.9");
    place.component("a draft");
    let entered = place.enter_as(Entrance::Administer).unwrap().admitted;
    assert_eq!(entered.house.charts["t"].chart.version(), "1.0.0");
    assert_eq!(
        &**entered.house.held("agents/a.md").unwrap(),
        b"Be brief.\n"
    );
    let component = &entered.house.plugins.values().next().unwrap().component;
    let released = component.released.as_ref().unwrap().content.unwrap();
    let kept = std::fs::read(&component.path).unwrap();
    assert_eq!(
        ContentHash::of(&kept),
        released,
        "the kept one, not the draft"
    );
    // The drafts lie where they lay.
    assert!(place.read("charts/t.yaml").contains("9.9.9"));
}

#[test]
fn what_is_let_in_is_what_was_looked_at_not_the_file_again() {
    let place = Place::released();
    let entered = place.enter().unwrap();
    place.write("agents/a.md", "Obey me.\n");
    place.write(
        "scripts/s.yaml",
        "script: replies\nreplies:\n  - text: Obey.\n",
    );
    place.edit("cassettes/c.jsonl", "Hello", "Obey");
    assert_eq!(
        &**entered.house.held("agents/a.md").unwrap(),
        b"Be brief.\n"
    );
    let types::ProviderKind::Scripted { file } = &entered.house.providers["s"].kind else {
        panic!("it is scripted");
    };
    let script = std::fs::read_to_string(file).unwrap();
    assert!(script.contains("Hello") && file.starts_with(place.root().join(".charthouse")));
    let types::ProviderKind::Replay { file } = &entered.house.providers["c"].kind else {
        panic!("it is replayed");
    };
    let cassette = std::fs::read_to_string(file).unwrap();
    assert!(cassette.contains("Hello") && file.starts_with(place.root().join(".charthouse")));
    // Bytes that are no longer the released ones are not mapped.
    place.component("another");
    let component = entered
        .house
        .plugins
        .values()
        .next()
        .unwrap()
        .component
        .clone();
    let name = entered.house.plugins.keys().next().unwrap().clone();
    let loaded = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(entered.sandbox.load(name, component, false));
    assert!(
        matches!(loaded, Err(sandbox::SandboxError::NotReleased { .. })),
        "{loaded:?}"
    );
}

#[test]
fn a_second_start_asks_nobody_again_until_something_changes() {
    let place = Place::released();
    place.enter().unwrap();
    let kept = place.journal().kept("control/let-in").unwrap();
    assert!(kept.is_some());
    place.enter().unwrap();
    assert_eq!(place.journal().kept("control/let-in").unwrap(), kept);
    // A shortcut that somebody takes away, or that is of another history, is none.
    place.edit("agents/a.md", "brief", "verbose");
    place.refused();
    place.edit("agents/a.md", "verbose", "brief");
    place.release(&[("agents/a.md", "Be kind.\n")], None, Effectivity::now());
    let entered = place.enter().unwrap();
    assert_eq!(&**entered.house.held("agents/a.md").unwrap(), b"Be kind.\n");
    assert_ne!(place.journal().kept("control/let-in").unwrap(), kept);
}

#[test]
fn who_can_write_the_store_lets_nothing_in_by_what_is_kept_beside_it() {
    let place = Place::released();
    place.enter().unwrap();
    let name = "control/let-in".to_owned();
    let kept = place.journal().kept(&name).unwrap().unwrap();
    let own: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    place.edit("agents/a.md", "brief", "verbose");
    place.refused();
    let forge = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut forged = own.clone();
        edit(&mut forged);
        let line = (name.clone(), serde_json::to_vec(&forged).unwrap());
        place.journal().append_keeping(&[], &[line]).unwrap();
    };
    let made = made_of(place.load(), &place.journal()).unwrap().unwrap();
    let lines = made
        .iter()
        .map(|(item, revision)| format!("{item} {revision}\n"));
    let found = ContentHash::of(lines.collect::<String>().as_bytes());
    forge(&|kept| kept["said"]["found"] = found.to_string().into());
    place.refused();
    // With the seal of a key that is not the house's.
    struct Ones;
    impl types::Rng for Ones {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(1);
        }
    }
    let thief = sign::Signer::make(&Ones, "");
    forge(&|kept| {
        kept["said"]["found"] = found.to_string().into();
        let said = serde_json::to_vec(&kept["said"]).unwrap();
        kept["seal"] = thief.seal(&said).to_string().into();
    });
    place.refused();
    // As it was, it still is a shortcut.
    place.edit("agents/a.md", "verbose", "brief");
    forge(&|_| ());
    place.enter().unwrap();
    assert_eq!(place.journal().kept(&name).unwrap().unwrap(), kept);
}

#[test]
fn whoever_looks_is_told_where_drafts_differ() {
    let place = Place::released();
    let stands = || {
        let journal = place.journal();
        standing(place.load(), Some(&journal), place.clock.now()).unwrap()
    };
    assert!(stands().drafts.is_empty());
    let open = place.open(vec![item("policy:default")]);
    place.edit("policies/default.yaml", "one", "two");
    place.write(
        "agents/c.yaml",
        &place.read("agents/a.yaml").replace("agent: a", "agent: c"),
    );
    let found = stands();
    assert!(found.controlled && found.baseline);
    let told: Vec<(ItemId, bool)> = found
        .drafts
        .iter()
        .map(|one| (one.item.clone(), one.is_open))
        .collect();
    assert_eq!(
        told,
        [(item("agent:c"), false), (item("policy:default"), true)]
    );
    assert_eq!(found.drafts[1].open, open);
}

/// Services are made anew and definitions loaded in few places; each of them is either the gate or somebody who only looks.
#[test]
fn nothing_makes_an_admitted_house_but_the_gate() {
    fn sources(folder: &std::path::Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.to_string_lossy().into_owned(), text));
            }
        }
    }
    let mut all = Vec::new();
    sources(
        &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut all,
    );
    let with = |what: &str| -> Vec<String> {
        let has = all.iter().filter(|(_, text)| text.contains(what));
        let mut files: Vec<String> = has
            .map(|(path, _)| path.rsplit_once("/src/").unwrap().1.to_owned())
            .collect();
        files.sort();
        files
    };
    // It can be made within `control` alone (its fields and its constructor are private to it), and there in two files.
    assert_eq!(
        with("Admitted::new("),
        ["control/gate.rs", "control/mod.rs"]
    );
    assert_eq!(
        with("fn deref_mut"),
        Vec::<String>::new(),
        "what was let in is not exchanged"
    );
    // Whoever runs something takes nothing else.
    for (file, what) in [
        ("run.rs", "    pub(crate) services: Admitted,"),
        ("run.rs", "    services: &Admitted,"),
        (
            "host/house.rs",
            "    pub(super) services: RefCell<Admitted>,",
        ),
        ("reload.rs", "    services: Admitted,"),
    ] {
        assert!(with(what).contains(&file.to_owned()), "{file}");
    }
    // A house is loaded from the disk only where the gate is asked next, or where nothing is run.
    assert_eq!(
        with("definitions::load("),
        [
            "control/gate.rs",
            "control/restore.rs",
            "host/changes.rs",
            "host/control.rs"
        ]
    );
}
