//! Candidates: judged whole, and nothing in them that nobody approved.

use crate::story::*;
use change::{Candidate, CandidateError, Edits, Files, Proposal};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn judged(approved: &[&str], edits: &[(&str, Option<&[u8]>)]) -> Result<Candidate, CandidateError> {
    let edits: Edits = edits
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.map(<[u8]>::to_vec)))
        .collect();
    let approved: BTreeSet<_> = approved.iter().map(|text| item(text)).collect();
    Candidate::of(&Proposal {
        root: Path::new("/house"),
        released: &files(),
        plugins: &BTreeMap::new(),
        edits: &edits,
        components: &BTreeMap::new(),
        approved: &approved,
    })
}

#[test]
fn it_is_what_it_makes_of_its_items() {
    let one = judged(
        &["agent:coder"],
        &[("texts/coder.md", Some(b"Write less.\n"))],
    )
    .unwrap();
    assert_eq!(one.revisions.len(), 1);
    assert_eq!(one.revisions[0].files.len(), 2);
    let same = judged(
        &["agent:coder", "policy:spare"],
        &[
            ("texts/coder.md", Some(b"Write less.\n")),
            ("policies/spare.yaml", Some(&files()["policies/spare.yaml"])),
        ],
    );
    assert_eq!(same.unwrap().hash, one.hash);
}

#[test]
fn names_that_lead_out_of_the_house_are_refused() {
    for name in [
        "../x.yaml",
        "/etc/x.yaml",
        "agents/../../x.yaml",
        ".charthouse/keys/house",
        "agents/./coder.yaml",
        "agents\\x.yaml",
    ] {
        let refused = judged(&["agent:coder"], &[(name, Some(b"x"))]);
        assert!(matches!(refused, Err(CandidateError::Name(_))), "{name}");
    }
    let refused = judged(
        &["agent:coder"],
        &[("agents/Coder.yaml", Some(b"agent: x\n"))],
    );
    assert!(matches!(refused, Err(CandidateError::Alike { .. })));
}

#[test]
fn only_what_belongs_to_an_approved_item_is_brought() {
    let refused = judged(&["agent:coder"], &[("texts/stray.md", Some(b"x"))]);
    assert!(matches!(refused, Err(CandidateError::Stray { .. })));
    let refused = judged(
        &["agent:coder"],
        &[("policies/default.yaml", Some(b"policy: default\n"))],
    );
    assert!(
        matches!(refused, Err(CandidateError::NotApproved { item: one }) if one == item("policy:default"))
    );
    // A new agent in the file of another is another agent.
    let refused = judged(
        &["agent:coder"],
        &[(
            "agents/new.yaml",
            Some(
                &String::from_utf8(files()["agents/coder.yaml"].clone())
                    .unwrap()
                    .replace("agent: coder", "agent: mole")
                    .into_bytes(),
            ),
        )],
    );
    assert!(
        matches!(refused, Err(CandidateError::NotApproved { item: one }) if one == item("agent:mole"))
    );
}

#[test]
fn a_text_of_two_items_needs_both_approved() {
    let mut released: Files = files();
    let lone = String::from_utf8(released["agents/lone.yaml"].clone()).unwrap();
    released.insert(
        "agents/lone.yaml".into(),
        lone.replace("lone.md", "coder.md").into_bytes(),
    );
    released.remove("texts/lone.md");
    let edits: Edits = [(
        "texts/coder.md".to_owned(),
        Some(b"Both of you.\n".to_vec()),
    )]
    .into();
    let judged = |approved: &[&str]| {
        Candidate::of(&Proposal {
            root: Path::new("/house"),
            released: &released,
            plugins: &BTreeMap::new(),
            edits: &edits,
            components: &BTreeMap::new(),
            approved: &approved.iter().map(|text| item(text)).collect(),
        })
    };
    assert!(matches!(
        judged(&["agent:coder"]),
        Err(CandidateError::NotApproved { .. })
    ));
    assert_eq!(
        judged(&["agent:coder", "agent:lone"])
            .unwrap()
            .revisions
            .len(),
        2
    );
}

#[test]
fn a_house_that_would_not_be_in_order_is_refused_whole() {
    let refused = judged(
        &["policy:default"],
        &[(
            "policies/default.yaml",
            Some(b"policy: default\ntoolz: []\n"),
        )],
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("did you mean `tools`?")
    );
    let refused = judged(&["chart:think"], &[("charts/think.yaml", None)]);
    assert!(matches!(refused, Err(CandidateError::Wrong(_))));
    let refused = judged(
        &["policy:default"],
        &[("policies/default.yaml", Some(b"policy: \xff\n"))],
    );
    assert!(matches!(refused, Err(CandidateError::NoText(_))));
    let refused = judged(
        &["policy:default"],
        &[(
            "policies/default.yaml",
            Some(&files()["policies/default.yaml"]),
        )],
    );
    assert!(matches!(refused, Err(CandidateError::Nothing)));
    // A text that nobody brings is missed although the house could be loaded without it.
    let coder = String::from_utf8(files()["agents/coder.yaml"].clone())
        .unwrap()
        .replace("coder.md", "none.md");
    let refused = judged(
        &["agent:coder"],
        &[("agents/coder.yaml", Some(coder.as_bytes()))],
    );
    assert!(matches!(refused, Err(CandidateError::Missing { .. })));
}

#[test]
fn the_order_of_files_changes_nothing_on_the_disk_or_in_a_record() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("the-order-of-files");
    if directory.exists() {
        std::fs::remove_dir_all(&directory).unwrap();
    }
    for (name, bytes) in files().into_iter().rev() {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let loaded = definitions::load(&directory).unwrap();
    let items = change::items_of(&loaded, &BTreeMap::new());
    assert_eq!(items.revisions(), revisions(&files()));
    assert!(items.items.values().all(|parts| parts.missing.is_empty()));
    let house: Vec<_> = items.items[&change::ItemId::House]
        .files
        .iter()
        .map(|(name, _)| &**name)
        .collect();
    assert_eq!(house, ["house.yaml", "scripts/s.yaml"]);
    assert_eq!(
        items.owners("texts/coder.md").collect::<Vec<_>>(),
        [&item("agent:coder")]
    );
}
