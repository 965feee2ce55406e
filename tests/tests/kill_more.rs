//! What a run keeps when its process is killed: its timers, its budget, what a person was asked and said; and who has the house.

#[path = "kill/mod.rs"]
#[allow(dead_code)]
mod kill;

use charthouse_tests::{Answer, House, ModelServer, Plan, Ran, Said};
use kill::{Driven, Kill, Story, forget, words};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

const WAITS: &str = "initial: wait\nstates:\n  wait: { after: { 700ms: work } }\n  work: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n";

/// A timer has its time once and for all: a process that is killed and another that goes on do not give it a new one, and it fires once.
#[test]
fn a_timer_keeps_its_time() {
    let house = House::of(Plan {
        chart: WAITS,
        ..Plan::default()
    });
    for sleeps in [false, true] {
        forget(&house);
        let driven = Driven::new(&house);
        if sleeps {
            let begun = kill::start(
                house_command(&house, &driven.begin),
                Some(&Kill::At("committed", 1)),
            );
            assert!(begun.is_none());
            // Until it is due, with nobody there.
            std::thread::sleep(std::time::Duration::from_millis(800));
            let (killed, ran) = driven.drive(&[Kill::At("committed", 1), Kill::At("commit", 2)]);
            assert_eq!(killed, 2);
            ran.expect(0);
        } else {
            let kills = [
                Kill::At("committed", 1),
                Kill::At("committed", 1),
                Kill::At("end", 1),
            ];
            let (killed, ran) = driven.drive(&kills);
            assert_eq!(killed, 3);
            ran.expect(0);
        }
        let story = Story::of(&house, "latest");
        story.holds();
        let steps = story.kind("step");
        let scheduled: Vec<&Value> = steps
            .iter()
            .flat_map(|step| step["effects"].as_array().into_iter().flatten())
            .filter(|effect| effect["type"] == "schedule")
            .collect();
        assert_eq!(scheduled.len(), 1, "it is set once: {steps:#?}");
        let due = scheduled[0]["due"].as_i64().unwrap();
        assert_eq!(due, steps[0]["time"].as_i64().unwrap() + 700);
        let fired: Vec<_> = steps
            .iter()
            .filter(|step| step["due"].is_object())
            .collect();
        assert_eq!(fired.len(), 1, "and fires once");
        assert_eq!(fired[0]["due"]["due"], due);
        assert!(fired[0]["time"].as_i64().unwrap() >= due);
        assert_eq!(story.ended()["status"], "done");
    }
}

fn house_command(house: &House, arguments: &[String]) -> std::process::Command {
    let mut command = house.command();
    command.args(arguments);
    command
}

#[test]
fn what_was_spent_is_spent_after_every_kill() {
    let server = ModelServer::start(|_| {
        let mut said = Said::text("Again.").call("hostile__echo", json!({ "text": "x" }));
        said.usage = (1_000_000, 0, 100_000);
        Answer::Say(said)
    });
    let house = House::of(Plan {
        agent: "budget: { usd_per_day: 3.00 }\n",
        house: "prices: { test-model: { from: 2020-01-01, input: 1.00, output: 2.00, per: 1M, currency: USD } }\n",
        provider: &server.provider(),
        ..Plan::default()
    });
    for point in ["committed", "begin", "back", "commit"] {
        for n in [2, 3, 4, 6] {
            forget(&house);
            let (_, ran) = Driven::new(&house).drive(&[Kill::At(point, n), Kill::At(point, 3)]);
            assert_eq!(ran.code, Some(1), "{point}:{n} {}", ran.stdout);
            let story = Story::of(&house, "latest");
            story.holds();
            assert_eq!(story.kind("ended")[0]["status"], "budget", "{point}:{n}");
            // Nobody was asked once it was spent, whoever had been killed before.
            let mut spent = 0.0;
            for record in &story.records {
                if record["kind"] == "think" {
                    assert!(spent < 3.0, "{point}:{n}: ${spent} were spent");
                }
                let usd = record["body"]["usd"]
                    .as_str()
                    .filter(|_| record["kind"] == "cost");
                spent += usd.map_or(0.0, |usd| usd.parse::<f64>().unwrap());
            }
            assert!(spent >= 3.0);
        }
    }
}

const ASKS: &str = "initial: question\ndata: { said: \"\" }\nstates:\n  \
    question: { invoke: { activity: ask, params: { question: Which one? } }, on: { ask.done: { target: work, actions: [{ assign: { said: event.data.text } }] } } }\n  \
    work: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n";

#[test]
fn what_a_person_was_asked_and_said_is_kept() {
    let house = House::of(Plan {
        chart: ASKS,
        ..Plan::default()
    });
    for point in [
        "commit",
        "committed",
        "begin",
        "back",
        "snapshot",
        "end",
        "resume",
    ] {
        for n in 1.. {
            forget(&house);
            let begin = words(&["run", "tester", "--json"]);
            let asked = Driven {
                begin,
                ..Driven::new(&house)
            };
            let (first, ran) = asked.drive(&[Kill::At(point, n)]);
            assert_eq!(
                ran.code,
                Some(0),
                "{point}:{n} {}{}",
                ran.stdout,
                ran.stderr
            );
            let run = Story::of(&house, "latest").records[0]["run"]
                .as_str()
                .unwrap()
                .to_owned();
            // The answer is given once; where the process is killed before it is on the record, it is given again.
            let answer = words(&["run", "tester", "The left one.", "--resume", &run, "--json"]);
            let mut second = 0;
            let mut kill = Some(Kill::At(point, n));
            loop {
                let said = |body: &Value| body["text"] == "The left one.";
                let heard = Story::of(&house, &run).kind("said").into_iter().any(said);
                let arguments = match heard {
                    true => words(&["run", "--resume", &run, "--json"]),
                    false => answer.clone(),
                };
                match kill::start(house_command(&house, &arguments), kill.take().as_ref()) {
                    None => second += 1,
                    Some(ran) => {
                        ran.expect(0);
                        break;
                    }
                }
            }
            let story = Story::of(&house, &run);
            story.holds();
            let ended = story.kind("ended").last().unwrap()["snapshot"]["data"].clone();
            assert_eq!(ended["said"], "The left one.", "{point}:{n}");
            assert_eq!(story.kind("said").len(), 1, "{point}:{n}");
            if first + second == 0 {
                break;
            }
        }
    }
}

/// A conversation whose process is killed while the model answers goes on with the next word.
#[test]
fn a_conversation_killed_in_the_middle_of_an_answer_goes_on() {
    let server =
        ModelServer::start(
            |asked| match asked.json["messages"].to_string().contains("second") {
                true => Answer::Say(Said::text("Here I am.")),
                false => Answer::Hang,
            },
        );
    let house = House::of(Plan {
        provider: &server.provider(),
        ..Plan::default()
    });
    let talk = |more: &[&str], typed: &str| {
        let mut child = house
            .command()
            .args(["chat", "tester"])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut keys = child.stdin.take().unwrap();
        keys.write_all(typed.as_bytes()).unwrap();
        (child, keys)
    };
    let (mut child, keys) = talk(&[], "first\n");
    let begun = std::time::Instant::now();
    while server.asked().is_empty() {
        assert!(begun.elapsed().as_secs() < 60, "nobody is asked");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // Somebody else is told who has the house; once that one is killed it is free at once.
    for second in [&["run", "tester"][..], &["workflow", "start", "x"]] {
        let refused = house.run(second);
        assert_ne!(refused.code, Some(0));
        let said = refused.stderr.contains("charthouse chat tester")
            && refused.stderr.contains(&child.id().to_string());
        assert!(said, "{second:?}: {}", refused.stderr);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(keys);
    house.verify();
    let (child, keys) = talk(&["--resume", "latest"], "second\n");
    drop(keys);
    let ran = Ran::from(child.wait_with_output().unwrap()).expect(0);
    assert!(ran.stdout.contains("Here I am."), "{}", ran.stdout);
    let story = Story::of(&house, "latest");
    story.holds();
    let texts: Vec<&str> = story.items().into_iter().map(Story::text).collect();
    assert_eq!(texts, ["first", "second", "Here I am."]);
    house.run(["journal", "show", "latest"]).expect(0);
    house.run(["journal", "why", "5"]).expect(0);
    house.verify();
}
