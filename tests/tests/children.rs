//! Child agents and what bounds them: money that was allowed to them, and a parent that wants them no more.

use charthouse_tests::{Answer, Asked, House, ModelServer, Plan, Said};
use serde_json::{Value, json};

const PRICES: &str = "prices: { test-model: { from: 2020-01-01, input: 1.00, output: 2.00, per: 1M, currency: USD } }\n";

/// A parent whose chart is `chart`, and a helper with the chart `help`, who ask a server at which every answer costs a dollar.
fn house(chart: &str, help: &str) -> (House, ModelServer) {
    let server = ModelServer::start(|_: &Asked| {
        let said = Said::text("Once more.").call("fs__list", json!({ "path": "/" }));
        Answer::Say(Said {
            usage: (1_000_000, 0, 0),
            ..said
        })
    });
    let provider = server.provider();
    let house = House::of(Plan {
        chart,
        agent: "children: { depth: 1 }\n",
        house: PRICES,
        provider: &provider,
        ..Plan::default()
    });
    house.another("helper", help);
    house.edit("agents/helper.yaml", "children: { depth: 1 }\n", "");
    (house, server)
}

/// How each run ended, by its agent.
fn ended(house: &House) -> Vec<(String, Value)> {
    let runs = house.run(["journal", "show", "--json"]).expect(0).lines();
    let mut ended = Vec::new();
    for run in runs {
        let id = run["run"].as_str().unwrap();
        let records = house
            .run(["journal", "show", id, "--json"])
            .expect(0)
            .lines();
        let agent = records
            .iter()
            .find_map(|record| record["body"]["agent"]["name"].as_str());
        let last = records.iter().rfind(|record| record["kind"] == "ended");
        if let (Some(agent), Some(last)) = (agent, last) {
            ended.push((agent.to_owned(), last["body"]["status"].clone()));
        }
    }
    ended.sort_by(|one, other| one.0.cmp(&other.0));
    ended
}

#[test]
fn a_child_that_has_cost_what_it_may_is_over_and_its_parent_hears_of_it() {
    let (house, server) = house(
        "initial: ask\nstates:\n  ask:\n    invoke: { activity: agent, params: { agent: helper, prompt: Look., budget: { usd: 0.50 } } }\n    on: { agent.done: wrong, error.agent: done }\n  wrong: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n",
        "initial: work\nstates:\n  work: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n",
    );
    house.run(["run", "tester", "--json"]).expect(0);
    assert_eq!(
        ended(&house),
        [
            ("helper".into(), json!("budget")),
            ("tester".into(), json!("done"))
        ]
    );
    // It is looked before each inference: one was made, and no other.
    assert_eq!(server.asked().len(), 1);
    house.verify();
}

#[test]
fn a_child_whose_parent_has_gone_on_is_stopped() {
    let (house, _server) = house(
        "initial: ask\nstates:\n  ask:\n    invoke: { activity: agent, params: { agent: helper } }\n    on: { agent.done: done, error.agent: done }\n    after: { 300ms: later }\n  later: { after: { 500ms: done } }\n  done: { type: final }\n",
        "initial: rest\nstates:\n  rest: { after: { 1h: done } }\n  done: { type: final }\n",
    );
    house.run(["run", "tester", "--json"]).expect(0);
    assert_eq!(
        ended(&house),
        [
            ("helper".into(), json!("cancelled")),
            ("tester".into(), json!("done"))
        ]
    );
    house.verify();
}
