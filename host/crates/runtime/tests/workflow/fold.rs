//! Random happenings over several charts: every prefix of the records folds to the instance as it was, byte for byte, and what must always hold holds.

use super::charts::{BUSY, SIDE_BY_SIDE, chart, implement_review};
use super::stage::Stage;
use charthouse_runtime::workflow::{Addressee, Happened, Sender, Via, Who};
use definitions::ChartBundle;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{Event, Value};

#[derive(Clone, Debug)]
enum Move {
    Bind(usize, usize),
    Detach(usize, usize),
    TakeOver(usize, usize),
    HandIn(usize, usize, usize, usize),
    Say(usize),
    Wait,
    Answer,
    Reload(usize),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (0..3usize, 0..5usize).prop_map(|(role, who)| Move::Bind(role, who)),
        1 => (0..3usize, 0..4usize).prop_map(|(role, via)| Move::Detach(role, via)),
        1 => (0..3usize, 0..5usize).prop_map(|(role, who)| Move::TakeOver(role, who)),
        6 => (0..3usize, 0..4usize, 0..3usize, 0..3usize).prop_map(|(r, s, o, n)| Move::HandIn(r, s, o, n)),
        2 => (0..4usize).prop_map(Move::Say),
        2 => Just(Move::Wait),
        1 => Just(Move::Answer),
        1 => (0..3usize).prop_map(Move::Reload),
    ];
    prop::collection::vec(one, 0..40)
}

fn people() -> [Who; 5] {
    [
        Who::agent("coder", "r1"),
        Who::agent("coder", "r2"),
        Who::agent("reviewer", "r3"),
        Who::agent("editor", "r4"),
        Who::human("ada"),
    ]
}

/// The happening that a move means for the instance as it stands; `None` where it means none.
fn happening(stage: &mut Stage, a_move: &Move, versions: &[Arc<ChartBundle>]) -> Option<Happened> {
    let roles: Vec<Arc<str>> = stage.instance.bundle().roles.keys().cloned().collect();
    let role = |n: usize| roles[n % roles.len()].clone();
    let who = |n: usize| people()[n].clone();
    Some(match *a_move {
        Move::Bind(r, w) => Happened::Bind {
            role: role(r),
            who: who(w),
            via: Via::Offer,
        },
        Move::Detach(r, via) => Happened::Detach {
            role: role(r),
            who: None,
            via: [Via::Chart, Via::Command, Via::Failure, Via::Failure][via],
            why: "so".into(),
            notes: (via == 2).then(|| "left notes".into()),
        },
        Move::TakeOver(r, w) => Happened::TakeOver {
            role: role(r),
            who: who(w),
            notes: Some("over".into()),
        },
        Move::HandIn(r, state, outcome, notes) => {
            let position = stage.instance.position();
            let at = position.roles.iter().find(|at| at.role == role(r))?;
            Happened::HandIn {
                role: role(r),
                state: at.states.get(state).cloned(),
                by: at.holder.clone()?,
                outcome: ["accepted", "rejected", "again"][outcome].into(),
                notes: (notes > 0).then(|| "ü".repeat(notes * 300).into()),
                artefacts: match notes {
                    0 => Value::Null,
                    1 => Value::map([("x", Value::Float(0.1)), ("n", Value::Int(i64::MIN))]),
                    _ => Value::list([Value::Float(f64::INFINITY), Value::from("a\u{0}b")]),
                },
            }
        }
        Move::Say(n) => Happened::Event {
            event: Event::new(
                ["human.resumed", "human.paused", "human.stopped", "hurry"][n],
                Value::Null,
                0,
            ),
            from: Sender::Human { name: "ada".into() },
        },
        Move::Wait => {
            stage.now = stage.instance.next_due()?;
            Happened::Due
        }
        Move::Answer => Happened::Activity {
            id: stage.instance.activities().first()?.id.clone(),
            event: Event::new("ask.done", Value::map([("text", Value::from("yes"))]), 0),
        },
        Move::Reload(n) => Happened::Moved {
            to: versions[n % versions.len()].clone(),
        },
    })
}

/// What holds whatever happens.
fn check(stage: &Stage) {
    let position = stage.instance.position();
    let bundle = stage.instance.bundle();
    for at in &position.roles {
        let held = |role: &Arc<str>| {
            let other = position.roles.iter().find(|other| other.role == *role);
            other.map(|other| other.held.clone()).unwrap_or_default()
        };
        if let Some(holder) = &at.holder {
            assert!(at.held.contains(&holder.person()));
            for never in &bundle.roles[&at.role].never {
                assert!(!held(never).contains(&holder.person()), "{position:#?}");
            }
        }
        // There is work for a role exactly where one of its states is active, and it is on offer exactly where nobody holds it.
        for (id, info) in bundle.chart.states() {
            let active = stage.instance.chart().is_active(&bundle.chart, &info.id)
                && position.ended.is_none();
            if bundle.role_of(id) == Some(&at.role) {
                assert_eq!(at.states.contains(&info.id), active);
            }
        }
        let on_offer = stage.instance.on_offer().contains(&at.role);
        assert_eq!(on_offer, at.offered);
    }
    if position.ended.is_some() {
        assert!(position.roles.iter().all(|at| at.holder.is_none()));
        assert_eq!(position.next_due, None);
    }
}

/// Who has which work by what was sent alone is who has it by what the instance says: nobody is left with work that is gone, or hears of the same twice.
fn check_told(stage: &Stage) {
    let mut open: BTreeMap<u64, String> = BTreeMap::new();
    let mut handed = None;
    for (kind, body) in &stage.records {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let work = body["data"]["work"].as_u64();
        match (*kind, body["event"].as_str()) {
            ("sent", Some("work.assigned")) => {
                let to = body["to"].as_str().unwrap().to_owned();
                let before = open.insert(work.unwrap(), to);
                assert_eq!(before, None, "given twice");
            }
            ("sent", Some("work.withdrawn")) => {
                let had = open.remove(&work.unwrap());
                assert_eq!(had.as_deref(), body["to"].as_str(), "taken from another");
            }
            ("hand_in", _) => handed = body["work"].as_u64(),
            ("step", _) => {
                let closed = body["closed"].as_array().into_iter().flatten();
                for work in closed.filter(|work| work.as_u64() == handed) {
                    open.remove(&work.as_u64().unwrap());
                }
            }
            // Whoever gives a role up, or is gone, needs not hear of it.
            ("unbound", _) if matches!(body["by"].as_str(), Some("chart" | "failure")) => {
                let run = &body["who"]["run"];
                let human = || format!("human:{}", body["who"]["human"].as_str().unwrap());
                let who = run.as_str().map_or_else(human, str::to_owned);
                let role = body["role"].as_str().unwrap();
                let of_role = |work: &u64| role_of(stage, *work).is_some_and(|of| of == role);
                open.retain(|work, to| *to != who || !of_role(work));
            }
            _ => {}
        }
    }
    let mut told: Vec<String> = open.into_values().collect();
    let work = people().into_iter().flat_map(|who| {
        let work = stage.instance.work_of(&who);
        work.into_iter()
            .map(move |_| Addressee::from(&who).to_string())
    });
    let mut has: Vec<String> = work.collect();
    told.sort();
    has.sort();
    assert_eq!(told, has, "{:#?}", stage.records);
}

/// The role of the work of this number, by the record of how it began.
fn role_of(stage: &Stage, work: u64) -> Option<String> {
    stage.records.iter().find_map(|(_, body)| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let opened = body["opened"].as_array()?;
        let found = opened.iter().find(|opened| opened["work"] == work)?;
        Some(found["role"].as_str()?.to_owned())
    })
}

fn play(versions: &[Arc<ChartBundle>], moves: &[Move]) {
    let mut stage = Stage::begin(&versions[0]);
    check(&stage);
    for (n, a_move) in moves.iter().enumerate() {
        let Some(happened) = happening(&mut stage, a_move, versions) else {
            continue;
        };
        let cause = (n % 5 == 0).then_some(n as u64);
        // Refusals change nothing, which the stage looks after.
        let _ = stage.take_because(happened, cause);
        check(&stage);
    }
    check_told(&stage);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_shipped_workflow_folds(moves in moves()) {
        play(&[implement_review()], &moves);
    }

    #[test]
    fn regions_and_versions_fold(moves in moves()) {
        let versions = [
            chart(SIDE_BY_SIDE),
            chart(&SIDE_BY_SIDE.replace("1.0.0", "1.1.0").replace("tester: { never: writer }", "tester: { never: [writer, editor] }")),
            chart(&SIDE_BY_SIDE.replace("1.0.0", "2.0.0").replace("pictures", "images").replace("rounds: 0", "rounds: 0, more: 1").replace("editor: {}", "editor: { never: writer }")),
        ];
        play(&versions, &moves);
    }

    #[test]
    fn timers_history_and_questions_fold(moves in moves()) {
        let versions = [
            chart(BUSY),
            chart(&BUSY.replace("1.0.0", "2.0.0").replace("after: { 2h: asking }", "after: { 3h: asking }")),
chart(&BUSY.replace("1.0.0", "3.0.0").replace("role: boss", "doc: Whoever is asked.").replace(", boss: {}", "").replace("[worker, boss]", "worker")),
        ];
        play(&versions, &moves);
    }
}
