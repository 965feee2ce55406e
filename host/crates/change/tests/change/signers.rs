//! Who signs, what a signature is bound to, and by which rules of the house both are judged.

use crate::rules::{EDIT, open_numbers, ordered};
use crate::story::*;
use change::{Body, Class, Effectivity, Rule, Vote, When};

#[test]
fn a_signature_counts_for_its_own_act_alone() {
    let (mut story, change) = ordered(&["policy:default"]);
    let on = story.implement(change, "human:ada", EDIT).unwrap();
    story.verify(change, "human:bob", on).unwrap();
    let good = sign(story.release_body(change, "human:cyd", on), story.seq);
    let with = |edit: &dyn Fn(&mut change::Signed)| {
        let mut body = good.clone();
        edit(signed_mut(&mut body).unwrap());
        story.clone().tell_as_it_is(body)
    };
    type Edit = (&'static str, fn(&mut change::Signed));
    let edits: [Edit; 8] = [
        ("forged", |signed| signed.signature = "nonsense".into()),
        ("somebody else's", |signed| {
            signed.signature = "made by human:bob".into()
        }),
        ("another's name", |signed| signed.by = human("bob")),
        ("another act", |signed| {
            signed.statement = signed.statement.replace("released", "reviewed")
        }),
        ("another change", |signed| {
            signed.statement = signed.statement.replace("CR-0001", "CR-0002")
        }),
        ("another candidate", |signed| {
            let other = types::ContentHash::of(b"other").to_string();
            let mut statement: serde_json::Value = serde_json::from_str(&signed.statement).unwrap();
            statement["on"] = other.into();
            signed.statement = statement.to_string();
        }),
        ("the future", |signed| {
            signed.statement = signed.statement.replace("\"seq\":", "\"seq\":9")
        }),
        ("no statement", |signed| signed.statement = "I agree".into()),
    ];
    for (what, edit) in edits {
        let refused = with(&edit);
        assert!(
            matches!(refused, Err(Rule::Signature(_))),
            "{what}: {refused:?}"
        );
    }
    story.tell_as_it_is(good).unwrap();
}

#[test]
fn a_statement_is_used_once() {
    let mut story = Story::new();
    let change = story.request("human:ada", &["policy:default"]).unwrap();
    let vote = Body::Voted(change::Voted {
        change,
        by: human("bob"),
        role: "quality".into(),
        vote: Vote::Approve,
        why: String::new(),
        signed: unsigned("human:bob"),
    });
    let vote = sign(vote, story.seq);
    story.tell_as_it_is(vote.clone()).unwrap();
    story.assess(change, "human:cyd").unwrap();
    // A new round: Bob may vote anew, and nobody may vote for him by what he signed before.
    assert!(matches!(
        story.tell_as_it_is(vote),
        Err(Rule::Reused { .. })
    ));
    story.approve(change, "human:bob").unwrap();
}

#[test]
fn an_agent_is_released_and_takes_the_roles_of_its_definition_then() {
    let text = |takes: &str| {
        String::from_utf8(files()["agents/lone.yaml"].clone()).unwrap() + "# takes " + takes + "\n"
    };
    let release = |story: &mut Story, takes: &str| {
        let text = text(takes);
        let edits = [("agents/lone.yaml", Some(&*text))];
        story.change(&["agent:lone"], &edits, Effectivity::now());
    };
    let mut story = Story::new();
    let change = story.request("human:ada", &["policy:spare"]).unwrap();
    assert!(matches!(
        story.approve(change, "agent:ghost"),
        Err(Rule::NoAgent(_))
    ));
    release(&mut story, "verifier");
    assert!(matches!(
        story.approve(change, "agent:lone"),
        Err(Rule::Role { .. })
    ));
    let now = types::Timestamp(story.now);
    let vote = change::Doing::Vote("quality");
    assert!(matches!(
        story.register.may_do(change, &agent("lone"), vote, now),
        Err(Rule::Role { .. })
    ));
    // What an emergency says of it counts for this once others have approved that.
    let seat = text("verifier quality");
    let urgent = story.register.next_number();
    story
        .emergency(urgent, "human:dan", &[("agents/lone.yaml", Some(&seat))])
        .unwrap();
    assert!(story.approve(change, "agent:lone").is_err());
    story.approve(urgent, "human:bob").unwrap();
    story.approve(urgent, "human:cyd").unwrap();
    story.approve(change, "agent:lone").unwrap();
    // It says in which role it does what it does.
    let vote = change::Voted {
        change,
        by: agent("checker"),
        role: "quality".into(),
        vote: Vote::Approve,
        why: String::new(),
        signed: unsigned("agent:checker"),
    };
    let mut vote = sign(Body::Voted(vote), story.seq);
    let signed = signed_mut(&mut vote).unwrap();
    signed.statement = signed.statement.replace("\"quality\"", "null");
    assert!(matches!(story.tell_as_it_is(vote), Err(Rule::Signature(_))));
}

#[test]
fn what_is_asked_for_ordered_and_put_in_force_is_what_was_signed() {
    let on = |body: &mut Body, on: serde_json::Value| {
        let signed = signed_mut(body).unwrap();
        let mut said: serde_json::Value = serde_json::from_str(&signed.statement).unwrap();
        said["on"] = on;
        signed.statement = said.to_string();
    };
    let order = |change, when| {
        Body::Ordered(change::Ordered {
            change,
            effectivity: Effectivity { when, agents: None },
            by: human("bob"),
            signed: unsigned("human:bob"),
        })
    };
    let mut story = Story::new();
    let change = story.request("human:ada", &["policy:default"]).unwrap();
    story.approve(change, "human:bob").unwrap();
    story.approve(change, "human:cyd").unwrap();
    // The signature of one order under another, and one that says of nothing what it orders.
    let signed = sign(order(change, When::Now), story.seq);
    let mut other = order(change, When::NextRun);
    *signed_mut(&mut other).unwrap() = signed.signed().unwrap().1.clone();
    let mut bare = signed.clone();
    on(&mut bare, serde_json::Value::Null);
    for body in [other, bare] {
        assert!(matches!(story.tell_as_it_is(body), Err(Rule::Signature(_))));
    }
    story.tell_as_it_is(signed).unwrap();
    let next = story.register.next_number();
    story.clone().emergency(next, "human:ada", EDIT).unwrap();
    let wider = story.candidate_of(&[item("policy:default")].into(), EDIT);
    let emergency = Body::Emergency(change::Emergency {
        change: next,
        by: human("ada"),
        why: "it burns".into(),
        revisions: wider.unwrap().revisions,
        due: change::Moment::at(types::Timestamp(story.now + 3_600_000)),
        signed: unsigned("human:ada"),
    });
    let mut emergency = sign(emergency, story.seq);
    on(
        &mut emergency,
        types::ContentHash::of(b"other").to_string().into(),
    );
    assert!(matches!(
        story.tell_as_it_is(emergency),
        Err(Rule::Signature(_))
    ));
    // What older versions had signed is read as they meant it.
    let mut old = Story::new();
    let mut asked = Body::Requested(change::Requested {
        change,
        instance: "i".into(),
        title: "a change".into(),
        reason: String::new(),
        class: Class::Minor,
        items: vec![item("policy:default")],
        by: human("ada"),
        links: Vec::new(),
        signed: unsigned("human:ada"),
    });
    asked = sign(asked, old.seq);
    on(&mut asked, serde_json::Value::Null);
    old.tell_as_it_is(asked).unwrap();
}

#[test]
fn from_when_and_for_whom_it_is_released_is_what_was_signed() {
    let made = |story: &mut Story, edits| {
        let change = story.request("human:ada", &["policy:default"]).unwrap();
        story.approve(change, "human:bob").unwrap();
        story.approve(change, "human:cyd").unwrap();
        let on = story.implement(change, "human:ada", edits).unwrap();
        story.verify(change, "human:dan", on).unwrap();
        (change, on)
    };
    let now = Effectivity::now();
    let some = Effectivity {
        agents: Some(vec!["coder".into()]),
        ..now.clone()
    };
    // Ordered and released in one breath, by one signature over what was handed in.
    let act = |story: &Story, (change, on), effectivity: &Effectivity, handed: Option<&str>| {
        let mut released = story.release_body(change, "human:dan", on);
        if let Body::Released(body) = &mut released {
            body.effectivity = effectivity.clone();
        }
        let mut released = sign(released, story.seq);
        let signed = signed_mut(&mut released).unwrap();
        let mut said: serde_json::Value = serde_json::from_str(&signed.statement).unwrap();
        said["artefacts"] =
            serde_json::json!(handed.map(|text| types::ContentHash::of(text.as_bytes())));
        signed.statement = said.to_string();
        let ordered = Body::Ordered(change::Ordered {
            change,
            effectivity: effectivity.clone(),
            by: human("dan"),
            signed: signed.clone(),
        });
        (ordered, released)
    };
    let says = |on: types::ContentHash, effectivity: &str| {
        format!(r#"{{"candidate":"{on}","effectivity":{effectivity}}}"#)
    };
    let (says_now, says_some) = (r#"{"when":"now"}"#, r#"{"agents":["coder"],"when":"now"}"#);
    // Older versions had signed what was handed in as it came, whatever else was in it.
    let mut story = Story::new();
    let first = made(&mut story, EDIT);
    let older = [
        (&now, r#"{"effectivity":{"when":"now"}}"#),
        (&now, r#"{"effectivity":"now","summary":"clerk may write"}"#),
        (
            &some,
            r#"{"effectivity":{"agents":["coder"],"when":"now"}}"#,
        ),
    ];
    for (effectivity, handed) in older {
        let mut story = story.clone();
        let (ordered, released) = act(&story, first, effectivity, Some(handed));
        story.tell_as_it_is(ordered).unwrap();
        story.tell_as_it_is(released).unwrap();
    }
    // Or nothing of it, where it was ordered before.
    for handed in [None, Some("{}"), Some(r#"{"effectivity":null}"#)] {
        let mut story = story.clone();
        story.order(first.0, "human:bob", now.clone()).unwrap();
        let (_, released) = act(&story, first, &now, handed);
        story.tell_as_it_is(released).unwrap();
    }
    // From the first that says it in the one way on, all have to.
    let (ordered, released) = act(&story, first, &now, Some(&says(first.1, says_now)));
    story.tell_as_it_is(ordered).unwrap();
    story.tell_as_it_is(released).unwrap();
    let other = "policy: default\ntools: [{ deny: \"fs.write\" }]\n";
    let next = made(&mut story, &[("policies/default.yaml", Some(other))]);
    for (effectivity, handed) in [
        (&some, Some(says(next.1, says_now))),
        (&now, Some(says(next.1, says_some))),
        (&now, Some(says(first.1, says_now))),
        (&now, Some(older[0].1.to_owned())),
        (&now, None),
    ] {
        let (ordered, released) = act(&story, next, effectivity, handed.as_deref());
        let found = story.clone().tell_as_it_is(ordered);
        assert!(matches!(found, Err(Rule::Signature(_))), "{found:?}");
        let mut before = story.clone();
        before
            .order(next.0, "human:bob", effectivity.clone())
            .unwrap();
        let found = before.tell_as_it_is(released);
        assert!(matches!(found, Err(Rule::Signature(_))), "{found:?}");
    }
    for (effectivity, said) in [(&now, says_now), (&some, says_some)] {
        let mut story = story.clone();
        let (ordered, released) = act(&story, next, effectivity, Some(&says(next.1, said)));
        story.tell_as_it_is(ordered).unwrap();
        story.tell_as_it_is(released).unwrap();
    }
}

#[test]
fn nobody_is_judged_by_rules_that_they_have_just_made() {
    let house = |mark: &str| String::from_utf8(files()["house.yaml"].clone()).unwrap() + mark;
    let mut story = Story::new();
    let change = story.register.next_number();
    let (seized, open) = (house("# seized\n"), house("# open\n"));
    story
        .emergency(change, "human:ada", &[("house.yaml", Some(&seized))])
        .unwrap();
    assert!(matches!(
        story.approve(change, "human:zoe"),
        Err(Rule::Stranger { .. })
    ));
    // One approval is not enough, whatever it would be then.
    story.approve(change, "human:bob").unwrap();
    assert_eq!(open_numbers(&story), [change]);
    let mut rejected = story.clone();
    rejected
        .vote(change, "human:cyd", "quality", Vote::Reject)
        .unwrap();
    rejected.reject(change).unwrap();
    assert_eq!(open_numbers(&rejected), []);
    // Once those who decided before have approved it, it counts.
    story.approve(change, "human:cyd").unwrap();
    let next = story.request("human:zoe", &["policy:default"]).unwrap();
    assert!(matches!(
        story.approve(next, "human:bob"),
        Err(Rule::Stranger { .. })
    ));

    let mut story = Story::new();
    let now = types::Timestamp(story.now + 10_000);
    let change = story.register.next_number();
    story
        .emergency(change, "human:ada", &[("house.yaml", Some(&open))])
        .unwrap();
    assert!(story.register.is_controlled(now, false));
    assert!(matches!(
        story.tell(baseline("human:ada")),
        Err(Rule::BaselineStands { .. })
    ));
    story.approve(change, "human:bob").unwrap();
    story.approve(change, "human:cyd").unwrap();
    assert!(!story.register.is_controlled(now, false));
}
