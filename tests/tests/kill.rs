//! A real process is killed, at every point that has a name and at moments that nobody chose, and goes on: nothing is lost, nothing is done twice that must not
//! be, and whatever is not known is said.

#[path = "kill/mod.rs"]
mod kill;

use charthouse_tests::{Answer, Asked, House, ModelServer, Plan, Said};
use kill::{Dice, Driven, Kill, POINTS, Story, forget, on_all};
use serde_json::{Value, json};
use std::sync::Mutex;

/// Houses that are tried at the same time.
const HOUSES: usize = 3;

/// How often the model has spoken in the conversation that it is asked about.
fn answers(asked: &Asked) -> usize {
    // A request whose sender was killed may have come without its end.
    let messages = asked.json["messages"].as_array();
    let own = |message: &&Value| message["role"] == "assistant";
    messages.into_iter().flatten().filter(own).count()
}

/// Requests that came whole.
fn asked_of(server: &ModelServer) -> usize {
    let whole = |asked: &&Asked| asked.json["messages"].is_array();
    server.asked().iter().filter(whole).count()
}

/// A model that makes calls of every sort, by how far its conversation is.
fn busy(asked: &Asked) -> Answer {
    let read = |said: Said| said.call("fs__read", json!({ "path": "/work/in.txt" }));
    let append = |said: Said, line: &str| {
        said.call(
            "hostile__append",
            json!({ "path": "/work/log.txt", "text": format!("{line}\n") }),
        )
    };
    let mark = |said: Said| said.call("signal", json!({ "event": "signal.mark" }));
    let mut said = match answers(asked) {
        0 => read(append(Said::text("First."), "line-a")),
        1 => {
            mark(Said::text("").call("fs__write", json!({ "path": "/work/out.txt", "text": "x" })))
        }
        2 => Said::text("I have thought."),
        3 => append(read(append(Said::text(""), "line-b")), "line-c"),
        4 => append(mark(Said::text("")), "line-d"),
        _ => Said::text("Done."),
    };
    said.usage = (100, 0, 10);
    Answer::Say(said)
}

const CHART: &str = "data: { uncertain: 0, marks: 0 }
initial: both
on: { tool.uncertain: { actions: [{ assign: { uncertain: data.uncertain + 1 } }] } }
states:
  both:
    type: parallel
    on: { done.state.both: turn }
    states:
      work:
        initial: look
        states:
          look:
            invoke: { activity: plugin, params: { tool: fs.read, arguments: { path: /work/in.txt } } }
            on: { plugin.done: think }
          think: { invoke: think, on: { think.done: [{ guard: event.data.calls > 0, target: act }, worked] } }
          act: { invoke: act, on: { act.done: think } }
          worked: { type: final }
      watch:
        initial: watching
        states:
          watching:
            on: { signal.mark: { actions: [{ assign: { marks: data.marks + 1 } }] } }
            always: { guard: In('worked'), target: watched }
          watched: { type: final }
  turn:
    invoke: turn
    on:
      signal.mark: { actions: [{ assign: { marks: data.marks + 1 } }] }
      turn.done: note
  note:
    invoke: { activity: plugin, params: { tool: hostile.append, arguments: { path: /work/log.txt, text: \"line-e\\n\" } } }
    on: { plugin.done: done, error.plugin: done }
  done: { type: final }
";

const POLICY: &str =
    "{ tools: [{ allow: \"*\" }], mounts: { /work: { from: work, access: read-write } } }";

fn busy_house() -> (House, ModelServer) {
    let server = ModelServer::start(busy);
    let house = House::of(Plan {
        chart: CHART,
        policy: POLICY,
        provider: &server.provider(),
        house: "prices: { test-model: { from: 2020-01-01, input: 1.00, output: 2.00, per: 1M, currency: USD } }\n",
        ..Plan::default()
    });
    house.edit(
        "agents/tester.yaml",
        "[fs, search, hostile]",
        "[fs, hostile]",
    );
    begin_anew(&house);
    (house, server)
}

fn begin_anew(house: &House) {
    forget(house);
    house.write("work/in.txt", "something\n");
    house.write("work/log.txt", "");
}

/// What a run that nobody killed comes to.
struct Expected {
    configuration: Value,
    outline: Vec<Value>,
}

fn undisturbed(house: &House) -> Expected {
    let (killed, ran) = Driven::new(house).drive(&[]);
    assert_eq!(killed, 0);
    ran.expect(0);
    let story = Story::of(house, "latest");
    story.holds();
    story.agrees_with(&house.read("work/log.txt"));
    assert_eq!(house.read("work/log.txt").lines().count(), 5);
    Expected {
        configuration: story.configuration(),
        outline: story.outline(),
    }
}

/// Kill a busy run as `kills` say and see that it comes to what it would have come to. How often it was killed.
fn try_kills(house: &House, server: &ModelServer, expected: &Expected, kills: &[Kill]) -> usize {
    begin_anew(house);
    let before = asked_of(server);
    let (killed, ran) = Driven::new(house).drive(kills);
    let told = format!("{kills:?}: {}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, Some(0), "{told}");
    let story = Story::of(house, "latest");
    let checked = std::panic::catch_unwind(|| {
        story.holds();
        story.agrees_with(&house.read("work/log.txt"));
        assert_eq!(story.configuration(), expected.configuration);
        assert_eq!(story.outline(), expected.outline);
        let ended = story.ended();
        let data = &ended["snapshot"]["data"];
        assert_eq!(data["marks"], 2, "{ended}");
        assert_eq!(data["uncertain"], story.kind("uncertain").len(), "{ended}");
    });
    if let Err(why) = checked {
        eprintln!("after {kills:?}:");
        for record in &story.records {
            let mut text = record.to_string();
            text.truncate(400);
            eprintln!("  {text}");
        }
        std::panic::resume_unwind(why);
    }
    let asked = asked_of(server) - before;
    let thought = story.kind("think").len();
    assert!(
        asked <= thought,
        "{asked} were asked and {thought} recorded"
    );
    assert!(
        asked + killed >= thought,
        "{thought} were recorded and {asked} asked"
    );
    Driven::new(house).verify();
    killed
}

#[test]
fn a_run_killed_at_any_point_and_again_while_it_goes_on_comes_to_the_same() {
    let (first, server) = busy_house();
    let expected = undisturbed(&first);
    drop(server);
    let houses: Vec<_> = (0..HOUSES).map(|_| busy_house()).collect();
    let total = Mutex::new(0_usize);
    on_all(houses, POINTS.to_vec(), |(house, server), point| {
        let mut dice = Dice(0x9e37_79b9 ^ point.len() as u64);
        for n in 1.. {
            let mut kills = vec![Kill::At(point, n)];
            if *point == "resume" {
                // It is reached where a run is taken up again.
                kills = vec![Kill::At("back", n), Kill::At("resume", 1)];
                if n > 12 {
                    break;
                }
            } else if n % 2 == 0 {
                let again = POINTS[dice.roll(8) as usize];
                kills.push(Kill::At(again, 1 + dice.roll(4) as u32));
            }
            let killed = try_kills(house, server, &expected, &kills);
            *total.lock().unwrap() += killed;
            if killed == 0 {
                // Nobody says anything to this run.
                assert!(n > 1 || *point == "deliver", "`{point}` is never reached");
                break;
            }
        }
    });
    eprintln!("{} processes were killed", total.lock().unwrap());
}

#[test]
fn a_run_killed_at_random_moments_comes_to_the_same() {
    let (house, server) = busy_house();
    let begun = std::time::Instant::now();
    let expected = undisturbed(&house);
    let whole = begun.elapsed().as_micros() as u64;
    let mut houses: Vec<_> = (1..HOUSES).map(|_| busy_house()).collect();
    houses.push((house, server));
    let seeds: Vec<u64> = (1..=60).collect();
    on_all(houses, seeds, |(house, server), seed| {
        let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let kills: Vec<Kill> = (0..3).map(|_| Kill::After(dice.roll(whole))).collect();
        try_kills(house, server, &expected, &kills);
    });
}

/// A house whose agent `tester` is asked what `model` answers.
fn house_of(
    model: impl Fn(&Asked) -> Answer + Send + 'static,
    plan: Plan<'_>,
) -> (House, ModelServer) {
    let server = ModelServer::start(model);
    let provider = server.provider();
    let house = House::of(Plan {
        provider: &provider,
        ..plan
    });
    house.edit(
        "agents/tester.yaml",
        "[fs, search, hostile]",
        "[fs, hostile]",
    );
    begin_anew(&house);
    (house, server)
}

/// Every kill at every point, one after another, until the process ends by itself: `job` says how often it was killed.
fn at_every_point<H: Send>(
    houses: Vec<H>,
    points: &[&'static str],
    job: impl Fn(&H, &Kill) -> usize + Sync,
) -> usize {
    let total = Mutex::new(0);
    on_all(houses, points.to_vec(), |house, point| {
        for n in 1.. {
            let killed = job(house, &Kill::At(point, n));
            *total.lock().unwrap() += killed;
            if killed == 0 {
                return;
            }
        }
    });
    total.into_inner().unwrap()
}

/// The runs of agents, the first one first.
fn runs(house: &House) -> Vec<String> {
    let listed = house.run(["journal", "show", "--json"]).expect(0).lines();
    let named = listed.iter().filter(|run| run["run"] != "house");
    named
        .map(|run| run["run"].as_str().unwrap().to_owned())
        .collect()
}

const WITH_CHILD: &str = "initial: hand-out
data: { found: \"\" }
states:
  hand-out:
    invoke: { activity: agent, params: { agent: helper, prompt: Look. } }
    on:
      agent.done: { target: working, actions: [{ assign: { found: string(event.data.text) } }] }
  working: { invoke: turn, on: { turn.done: done } }
  done: { type: final }
";

/// The helper looks, notes, waits a moment and is done; whoever began it says so.
fn helpful(asked: &Asked) -> Answer {
    let first = asked
        .messages()
        .iter()
        .find(|message| message["role"] == "user");
    let helps = first.is_some_and(|message| message["content"] == "Look.");
    let said = match (helps, answers(asked)) {
        (true, 0) => Said::text("").call(
            "hostile__append",
            json!({ "path": "/work/log.txt", "text": "line-h\n" }),
        ),
        (true, _) => Said::text("I have looked."),
        (false, _) => Said::text("It has looked."),
    };
    Answer::Say(said)
}

fn house_with_child() -> (House, ModelServer) {
    let (house, server) = house_of(
        helpful,
        Plan {
            chart: WITH_CHILD,
            policy: POLICY,
            agent: "children: { depth: 1 }\n",
            ..Plan::default()
        },
    );
    house.another(
        "helper",
        "initial: rest\nstates:\n  rest: { after: { 20ms: work } }\n  work: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n",
    );
    house.edit("agents/helper.yaml", "children: { depth: 1 }\n", "");
    (house, server)
}

#[test]
fn a_child_goes_on_with_the_run_that_began_it() {
    let houses: Vec<_> = (0..HOUSES).map(|_| house_with_child()).collect();
    let points = [
        "commit",
        "committed",
        "begin",
        "back",
        "snapshot",
        "deliver",
        "end",
    ];
    let killed = at_every_point(houses, &points, |(house, _), kill| {
        begin_anew(house);
        let (killed, ran) = Driven::new(house).drive(&[kill.clone(), Kill::At("committed", 4)]);
        assert_eq!(
            ran.code,
            Some(0),
            "{kill:?}: {}\n{}",
            ran.stdout,
            ran.stderr
        );
        let all = runs(house);
        assert_eq!(all.len(), 2, "{kill:?}: {all:?}");
        for run in &all {
            let story = Story::of(house, run);
            story.holds();
            story.ended();
            if run.contains('.') {
                story.agrees_with(&house.read("work/log.txt"));
            } else {
                assert_eq!(story.kind("told").len(), 1, "{kill:?}");
                assert_eq!(
                    story.ended()["snapshot"]["data"]["found"],
                    "I have looked.",
                    "{kill:?}"
                );
            }
        }
        Driven::new(house).verify();
        killed
    });
    assert!(killed > 20, "{killed}");
}

const WORKFLOW: &str = "chart: writing
version: 1.0.0
kind: workflow
roles: { author: {}, checker: { never: author } }
initial: write
states:
  write: { role: author, on: { role.done: check } }
  check: { role: checker, on: { role.done: written } }
  written: { type: final }
";

fn author(asked: &Asked) -> Answer {
    let note = json!({ "path": "/work/log.txt", "text": "line-w\n" });
    let work = json!({ "outcome": "done", "notes": "It is written." });
    Answer::Say(match answers(asked) {
        0 => Said::text("").call("hostile__append", note),
        1 => Said::text("Written.").call("hand_in", work),
        _ => Said::text("That was all."),
    })
}

fn house_with_workflow() -> (House, ModelServer) {
    let (house, server) = house_of(
        author,
        Plan {
            policy: POLICY,
            ..Plan::default()
        },
    );
    house.write("charts/writing.yaml", WORKFLOW);
    (house, server)
}

#[test]
fn a_workflow_moves_once_for_what_is_handed_in_once() {
    let houses: Vec<_> = (0..HOUSES).map(|_| house_with_workflow()).collect();
    let points = [
        "commit",
        "committed",
        "begin",
        "back",
        "snapshot",
        "deliver",
        "end",
    ];
    let killed = at_every_point(houses, &points, |(house, _), kill| {
        begin_anew(house);
        let started = house
            .run(["workflow", "start", "writing", "--json"])
            .expect(0)
            .json();
        let instance = started["instance"].as_str().unwrap().to_owned();
        let begin = [
            "run", "tester", "Go", "--bind", &instance, "--role", "author", "--json",
        ];
        let driven = Driven {
            begin: kill::words(&begin),
            ..Driven::new(house)
        };
        let (killed, ran) = driven.drive(&[kill.clone(), Kill::At("commit", 3)]);
        let told = format!("{kill:?}: {}\n{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, Some(0), "{told}");
        let workflow = Story::of(house, &instance);
        assert_eq!(workflow.kind("hand_in").len(), 1, "{told}");
        let shown = house.run(["workflow", "show", &instance, "--json"]);
        let shown = shown.expect(0).json();
        assert_eq!(shown["states"], json!(["check"]), "{told}\n{shown}");
        let run = runs(house)
            .into_iter()
            .find(|run| *run != instance)
            .unwrap();
        let story = Story::of(house, &run);
        story.holds();
        story.agrees_with(&house.read("work/log.txt"));
        driven.verify();
        killed
    });
    assert!(killed > 20, "{killed}");
}
