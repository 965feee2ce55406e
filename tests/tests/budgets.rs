//! Budgets as they hold in whole runs: every limit is reached and stops the next call and nothing under way, charts hear of it, agents share what the house
//! sets, and whoever looks finds the figures and the line that says so.

use charthouse_tests::{Answer, Asked, House, ModelServer, Plan, Said, Told};
use serde_json::{Value, json};

/// A dollar for a million tokens in, and nothing for those out.
const PRICES: &str = "prices: { test-model: { from: 2020-01-01, input: 1.00, output: 0, per: 1M, currency: USD } }\n";
/// A thousand joules for those.
const POWER: &str =
    "power: { models: { test-model: { joules_per_token: { input: 0.001, output: 0 } } } }\n";
const TURN: &str = "initial: work\nstates:\n  work: { invoke: turn, on: { turn.done: done } }\n  done: { type: final }\n";

/// A server at which every answer costs a dollar, takes a million tokens, and wants one more tool call.
fn dear() -> ModelServer {
    ModelServer::start(|_: &Asked| {
        let said = Said::text("Once more.").call("hostile__echo", json!({ "text": "x" }));
        Answer::Say(Said {
            usage: (1_000_000, 0, 0),
            ..said
        })
    })
}

fn provider(server: &ModelServer) -> String {
    format!("{{ kind: openai, base_url: \"{}\" }}", server.url)
}

fn house(server: &ModelServer, chart: &str, agent: &str, more: &str) -> House {
    House::of(Plan {
        chart,
        agent,
        house: &format!("{PRICES}{POWER}{more}"),
        provider: &provider(server),
        ..Plan::default()
    })
}

/// The line of `file` that has `words` in it, as `file:line`.
fn at(house: &House, file: &str, words: &str) -> String {
    let text = house.read(file);
    let line = text.lines().position(|line| line.contains(words)).unwrap();
    format!("{file}:{}", line + 1)
}

/// The records of `kind` of all runs.
fn all(house: &House, kind: &str) -> Vec<Value> {
    let runs = house.run(["journal", "show", "--json"]).expect(0).lines();
    let mut found = Vec::new();
    for run in runs {
        let id = run["run"].as_str().unwrap();
        let records = house.run(["journal", "show", id, "--json"]).expect(0);
        found.extend(
            records
                .lines()
                .into_iter()
                .filter(|one| one["kind"] == kind),
        );
    }
    found
}

fn usd(costs: &[Value]) -> f64 {
    let usd = |cost: &Value| cost["body"]["usd"].as_str()?.parse::<f64>().ok();
    costs.iter().filter_map(usd).sum()
}

/// Each limit, with how often the model is asked before it is reached, and whether another run finds it reached too.
#[test]
fn every_limit_of_an_agent_and_of_the_house_stops_the_next_call() {
    // Two answers of a dollar and a million tokens each; a call of a tool after each answer.
    let limits = [
        ("usd", "1.50", 2),
        ("tokens", "1500k", 2),
        ("calls", "3", 2),
        // A millijoule a token.
        ("joules", "1.5kJ", 2),
    ];
    for (measure, most, asked) in limits {
        for window in ["run", "day", "month"] {
            let key = format!("{measure}_per_{window}");
            let limit = format!("{key}: {most}");
            let written = [
                (
                    format!("budget: {{ {limit} }}\n"),
                    String::new(),
                    "agent tester",
                ),
                (
                    String::new(),
                    format!("budgets: {{ {limit} }}\n"),
                    "the house",
                ),
                (
                    String::new(),
                    format!("budgets: {{ agents: {{ tester: {{ {limit} }} }} }}\n"),
                    "agent tester",
                ),
                (
                    format!("budget: {{ work: {{ {limit} }} }}\n"),
                    String::new(),
                    "agent tester",
                ),
            ];
            for (agent, more, of) in written {
                let server = dear();
                let house = house(&server, TURN, &agent, &more);
                let what = format!("{agent}{more}");
                let told = Told::of(&house, 1).ended("budget");
                assert_eq!(server.asked().len(), asked, "{what}");
                let file = match agent.is_empty() {
                    true => "house.yaml",
                    false => "agents/tester.yaml",
                };
                let place = at(&house, file, &limit);
                let cause = told.done["cause"]["message"].as_str().unwrap();
                assert!(
                    cause.contains(&place) && cause.contains(&key),
                    "{what}: {cause}"
                );
                let records = house.journal("budget");
                let last = &records.last().unwrap()["body"];
                assert_eq!(last["of"], of, "{what}");
                assert_eq!(last["at"], place.as_str());
                assert!(last["what"].as_str().unwrap().ends_with(&key));
                assert_eq!(last["refused"], "an inference");
                // What was admitted came to its end and was booked.
                assert_eq!(house.journal("reply").len(), asked);
                // Another run.
                Told::of(&house, 1).ended("budget");
                let again = if window == "run" { asked } else { 0 };
                assert_eq!(server.asked().len(), asked + again, "{what}");
                house.verify();
            }
        }
    }
}

#[test]
fn a_model_without_a_price_is_not_asked_where_money_is_limited() {
    let with = |agent: &str, prices: &str, provider: &str| {
        House::of(Plan {
            chart: TURN,
            agent,
            house: prices,
            provider,
            ..Plan::default()
        })
    };
    // Nobody is there; whoever is refused does not come to know.
    let far = "{ kind: openai, base_url: \"https://models.invalid/v1\", retries: 0 }";
    let limited = "budget: { usd_per_day: 5.00 }\n";
    let house = with(limited, "", far);
    let place = at(&house, "agents/tester.yaml", "usd_per_day");
    // It is told before, where the budget stands, and when the call is to be made.
    let warned = house.run(["check", "--json"]).expect(0).json();
    let warning = &warned["warnings"][0];
    assert_eq!(warning["file"], "agents/tester.yaml", "{warned}");
    assert!(
        warning["message"]
            .as_str()
            .unwrap()
            .contains("`test-model`")
    );
    let told = Told::of(&house, 1).ended("budget");
    let cause = told.done["cause"]["message"].as_str().unwrap();
    for words in ["`test-model`", "prices", "input: 0", &place] {
        assert!(cause.contains(words), "{words}: {cause}");
    }
    assert_eq!(house.journal("cost"), [] as [Value; 0]);
    // A price that is nothing is one; one in a currency that nobody can change into dollars is none.
    let price = "prices: { test-model: { from: 2020-01-01, input: 0, output: 0 } }\n";
    let house = with(limited, price, far);
    assert_eq!(
        house.run(["check", "--json"]).expect(0).json()["warnings"],
        json!([])
    );
    Told::of(&house, 5).ended("failed");
    let euros = price.replace("output: 0", "output: 0, currency: EUR");
    Told::of(&with(limited, &euros, far), 1).ended("budget");
    // Where money is not limited nobody asks for a price.
    Told::of(&with("budget: { tokens_per_day: 5M }\n", "", far), 5).ended("failed");
    // And nobody sends a bill for what is on this machine.
    let server = ModelServer::start(|_: &Asked| Answer::Say(Said::text("Done.")));
    let house = with(limited, "", &provider(&server));
    assert_eq!(
        house.run(["check", "--json"]).expect(0).json()["warnings"],
        json!([])
    );
    Told::of(&house, 0).ended("done");
    assert_eq!(server.asked().len(), 1);
}

/// What `check` warns of: where, and what.
fn warnings(house: &House) -> Vec<(String, String)> {
    let found = house.run(["check", "--json"]).expect(0).json();
    let found = found["warnings"].as_array().unwrap().iter();
    let at = |one: &Value| {
        format!(
            "{}:{}:{}",
            one["file"].as_str().unwrap(),
            one["line"],
            one["column"]
        )
    };
    found
        .map(|one| (at(one), one["message"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn a_price_that_does_not_count_yet_is_told() {
    let far = "{ kind: openai, base_url: \"https://models.invalid/v1\", retries: 0 }";
    let later = "prices:\n  test-model: { from: 2100-01-01, input: 1, output: 1 }\n  other: { from: 2100-01-01, input: 1, output: 1 }\n";
    let house = House::of(Plan {
        chart: TURN,
        house: later,
        provider: far,
        ..Plan::default()
    });
    let told = warnings(&house);
    let scripted = "{ kind: scripted, file: script.yaml }";
    house.edit("house.yaml", far, scripted);
    let free = warnings(&house);
    assert!(
        free.iter().all(|(_, what)| !what.contains("counts from")),
        "a script costs nothing: {free:?}"
    );
    house.edit("house.yaml", scripted, far);
    let place = at(&house, "house.yaml", "test-model: {");
    let of_price: Vec<_> = told
        .iter()
        .filter(|(_, what)| what.contains("counts from 2100-01-01 on"))
        .collect();
    assert_eq!(of_price.len(), 1, "what nobody asks is left out: {told:?}");
    assert!(of_price[0].0.starts_with(&place), "{place}: {told:?}");
    house.edit(
        "house.yaml",
        "test-model: { from: 2100-01-01, input: 1, output: 1 }",
        "test-model: [{ from: 2100-01-01, input: 1, output: 1 }, { from: 2020-01-01, input: 2, output: 2 }]",
    );
    let told = warnings(&house);
    assert!(
        told.iter().all(|(_, what)| !what.contains("counts from")),
        "{told:?}"
    );
}

#[test]
fn money_that_is_limited_for_children_too_is_told() {
    let starts = "initial: ask\nstates:\n  ask: { invoke: { activity: agent, params: { agent: helper } }, on: { agent.done: done } }\n  done: { type: final }\n";
    let house = House::of(Plan {
        chart: starts,
        agent: "children: { usd: 5.00 }\nbudget: { usd_per_run: 2.00 }\n",
        house: "prices: { test-model: { from: 2020-01-01, input: 1, output: 1 } }\n",
        provider: "{ kind: openai, base_url: \"https://models.invalid/v1\", retries: 0 }",
        ..Plan::default()
    });
    house.another("helper", &starts.replace("agent: helper", "agent: deep"));
    house.another("deep", TURN);
    let own = "children: { usd: 5.00 }\nbudget: { usd_per_run: 2.00 }\n";
    house.edit("agents/helper.yaml", own, "children: { depth: 3 }\n");
    house.edit("agents/helper.yaml", "name: test-model", "name: dear-model");
    house.edit("agents/deep.yaml", own, "");
    house.edit("agents/deep.yaml", "name: test-model", "name: deep-model");
    let told = warnings(&house);
    let of_deep = |told: &[(String, String)]| {
        let mut of = told
            .iter()
            .filter(|(_, what)| what.contains("that this one starts"));
        of.any(|(_, what)| what.contains("`deep-model`"))
    };
    assert!(!of_deep(&told), "nobody starts it from there: {told:?}");
    house.edit("agents/tester.yaml", "usd: 5.00", "usd: 5.00, depth: 2");
    let deeper = warnings(&house);
    assert!(of_deep(&deeper), "{deeper:?}");
    let usd = at(&house, "agents/tester.yaml", "usd: 5.00");
    let run = at(&house, "agents/tester.yaml", "usd_per_run");
    let more = told.iter().any(|(place, what)| {
        place.starts_with(&usd)
            && what.contains("may cost $5 together")
            && what.contains("may cost $2")
            && what.contains(&run)
    });
    assert!(more, "{usd}: {told:?}");
    let unpriced = told.iter().any(|(place, what)| {
        place.starts_with(&run)
            && what.contains("that this one starts")
            && what.contains("`dear-model`")
    });
    assert!(unpriced, "{run}: {told:?}");
}

#[test]
fn a_model_reads_why_its_call_was_not_made_and_a_limit_holds_to_the_call() {
    let server = dear();
    let house = house(&server, TURN, "budget: { calls_per_run: 3 }\n", "");
    Told::of(&house, 1).ended("budget");
    // Think, call, think: the second call is refused, and so is the next inference.
    assert_eq!(house.journal("cost").len(), 3);
    let outcomes = house.journal("outcome");
    let refused = &outcomes[1]["body"]["outcome"]["result"]["Err"];
    assert_eq!(refused["kind"], "limit");
    assert_eq!(
        refused["rule"],
        at(&house, "agents/tester.yaml", "calls_per_run").as_str()
    );
    let refused: Vec<Value> = house
        .journal("budget")
        .into_iter()
        .map(|record| record["body"]["refused"].clone())
        .filter(|refused| !refused.is_null())
        .collect();
    let tool = json!("the call of hostile.echo");
    assert_eq!(refused, [tool, json!("an inference")]);
}

#[test]
fn what_is_sure_to_cost_too_much_is_not_begun() {
    let server = dear();
    // Some ten thousand tokens of schemas are sent: a cent.
    let house = house(&server, TURN, "budget: { usd_per_day: 0.000001 }\n", "");
    let told = Told::of(&house, 1).ended("budget");
    assert_eq!(server.asked().len(), 0);
    let cause = told.done["cause"]["message"].as_str().unwrap();
    assert!(cause.contains("has spent $0 of its $0.000001"), "{cause}");
    assert!(cause.contains("this would cost at least $0.0"), "{cause}");
}

const LISTENS: &str = "initial: work\ndata: { low: \"\", last: \"\" }\nstates:\n  \
    work:\n    invoke: turn\n    on:\n      turn.done: done\n      \
    budget.low: { actions: [{ assign: { low: \"event.data.what + ' ' + event.data.spent + ' of ' + event.data.limit\" } }] }\n      \
    budget.exhausted: { target: broke, actions: [{ assign: { last: event.data.spent } }] }\n  \
    broke: { tags: [needs-human] }\n  done: { type: final }\n";

#[test]
fn a_chart_hears_that_it_runs_low_once_and_then_that_it_is_spent() {
    let server = dear();
    let house = house(
        &server,
        LISTENS,
        "budget: { usd_per_day: 5.00, low: 40% }\n",
        "",
    );
    // A state handles it: the run waits for a person there, and is not ended for its budget.
    Told::of(&house, 1).ended("waiting");
    assert_eq!(server.asked().len(), 5);
    let steps = house.journal("step");
    let heard: Vec<&Value> = steps
        .iter()
        .map(|step| &step["body"]["event"])
        .filter(|event| event["name"].as_str().unwrap_or("").starts_with("budget"))
        .collect();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert_eq!(heard[0]["name"], "budget.low");
    assert_eq!(
        heard[0]["data"],
        json!({ "what": "usd_per_day", "of": "agent tester", "limit": "5", "spent": "2", "percent": 40, "window": heard[0]["data"]["window"] })
    );
    assert_eq!(heard[1]["name"], "budget.exhausted");
    assert_eq!(
        (&heard[1]["data"]["spent"], &heard[1]["data"]["percent"]),
        (&json!("5"), &json!(100))
    );
    assert_eq!(
        steps.last().unwrap()["body"]["configuration"],
        json!(["broke"])
    );
    // It stands in the story, with the line that says so and why.
    let place = at(&house, "agents/tester.yaml", "usd_per_day");
    let story = house.run(["journal", "show", "latest"]).expect(0).stdout;
    assert!(
        story.contains("agent tester runs low: 2 of 5 by usd_per_day"),
        "{story}"
    );
    assert!(
        story.contains("an inference is not made, agent tester has spent 5 of 5"),
        "{story}"
    );
    assert!(story.contains(&place), "{story}");
    // Another run of the same day is told again: its chart knows nothing of the first.
    Told::of(&house, 1).ended("waiting");
    let lows = all(&house, "budget");
    let lows = lows
        .iter()
        .filter(|one| one["body"]["event"] == "budget.low");
    assert_eq!(lows.count(), 2);
    assert_eq!(server.asked().len(), 5);
}

#[test]
fn a_call_of_the_charts_own_is_asked_for_too() {
    let chart = "initial: one\nstates:\n  one: { invoke: { activity: plugin, params: { tool: hostile.echo, arguments: { text: x } } }, on: { plugin.done: two, error: wrong } }\n  \
        two: { invoke: { activity: plugin, params: { tool: hostile.echo, arguments: { text: x } } }, on: { plugin.done: wrong, budget.exhausted: done } }\n  \
        wrong: { tags: [needs-human] }\n  done: { type: final }\n";
    let server = dear();
    let house = house(&server, chart, "budget: { calls_per_run: 1 }\n", "");
    Told::of(&house, 0).ended("done");
    assert_eq!(
        house.journal("call").len(),
        1,
        "what is not made is not recorded as made"
    );
    assert_eq!(house.journal("budget").len(), 2, "low, then refused");
}

#[test]
fn a_limit_that_is_raised_lets_a_run_go_on_with_what_it_spent_before() {
    let server = dear();
    let chart = "initial: work\nstates:\n  work: { invoke: turn, on: { turn.done: done, human.said: { target: work, reenter: true } } }\n  done: { type: final }\n";
    let house = house(&server, chart, "budget: { usd_per_run: 1.50 }\n", "");
    let run = Told::of(&house, 1).ended("budget").done["run"].clone();
    house.edit(
        "agents/tester.yaml",
        "usd_per_run: 1.50",
        "usd_per_run: 2.50",
    );
    let id = run.as_str().unwrap();
    let ran = house.run(["run", "tester", "Go on.", "--resume", id, "--json"]);
    let told = Told::read(&ran.expect(1)).ended("budget");
    assert_eq!(told.done["run"], run);
    assert_eq!(server.asked().len(), 3, "one more, and not three");
}

/// Two agents that are begun at the same time, beside each other.
const TWO: &str = "initial: both\ndata: { over: 0 }\nstates:\n  both:\n    type: parallel\n    states:\n      \
    left: { invoke: { activity: agent, params: { agent: one, prompt: Go. } } }\n      \
    right: { invoke: { activity: agent, params: { agent: two, prompt: Go. } } }\n    \
    on: { agent.done: done, error.agent: { actions: [{ assign: { over: data.over + 1 } }] } }\n    \
    always: { guard: data.over == 2, target: done }\n  done: { type: final }\n";

/// A server whose answers are as long as they may be: a dollar each, by [`LONG`].
fn wordy() -> ModelServer {
    ModelServer::start(|_: &Asked| {
        let said = Said::text("Once more.").call("hostile__echo", json!({ "text": "x" }));
        Answer::Say(Said {
            usage: (10, 0, 1_000),
            ..said
        })
    })
}

/// The agents' longest answer, of a thousand tokens, is a dollar.
const LONG: &str = "prices: { test-model: { from: 2020-01-01, input: 0, output: 1.00, per: 1k, currency: USD } }\n";

/// A house with the agents `one` and `two`, who do what the tester would.
fn two_agents(server: &ModelServer, agent: &str, more: &str) -> House {
    let house = house(server, TWO, "", more);
    house.edit("house.yaml", PRICES, LONG);
    let tester = house.read("agents/tester.yaml");
    for name in ["one", "two"] {
        let own = tester
            .replace("agent: tester", &format!("agent: {name}"))
            .replace("cognition: think", "cognition: help");
        house.write(&format!("agents/{name}.yaml"), &own);
    }
    house.write(
        "agents/tester.yaml",
        &format!("{tester}children: {{ depth: 1 }}\n{agent}"),
    );
    house.write(
        "charts/help.yaml",
        &format!("chart: help\nkind: cognition\n{TURN}"),
    );
    house
}

#[test]
fn agents_that_spend_at_the_same_time_share_what_the_house_may_spend() {
    let server = wordy();
    let house = two_agents(&server, "", "budgets: { usd_per_day: 4.50 }\n");
    house.run(["run", "tester", "--json"]);
    let costs = all(&house, "cost");
    let spent = usd(&costs);
    assert!(
        spent > 4.0 && spent <= 5.5,
        "$4.50 and at most one answer more: {spent}"
    );
    let by: std::collections::BTreeSet<&str> = costs
        .iter()
        .filter_map(|cost| cost["body"]["agent"].as_str())
        .collect();
    assert_eq!(
        by.into_iter().collect::<Vec<_>>(),
        ["one", "two"],
        "both were at it"
    );
    let ended: Vec<Value> = all(&house, "ended")
        .into_iter()
        .map(|record| record["body"]["status"].clone())
        .filter(|status| status == "budget")
        .collect();
    assert_eq!(ended.len(), 2, "neither goes on");
    house.verify();
}

#[test]
fn what_children_spend_counts_for_the_run_that_began_them() {
    let server = wordy();
    let house = two_agents(&server, "budget: { usd_per_run: 2.50 }\n", "");
    house.run(["run", "tester", "--json"]);
    let spent = usd(&all(&house, "cost"));
    assert!(spent > 2.0 && spent <= 3.5, "{spent}");
    let refused = all(&house, "budget");
    assert!(refused.iter().any(|record| {
        record["body"]["of"] == "agent tester" && record["body"]["what"] == "usd_per_run"
    }));
}

#[test]
fn a_workflow_and_a_role_hear_of_their_own_budgets() {
    for (workflow, role, of, what) in [
        (
            "budget: { usd_per_instance: 1.50, low: 50% }\n",
            "{}",
            "workflow make",
            "usd_per_instance",
        ),
        (
            "",
            "{ budget: { tokens_per_instance: 1500k, low: 50% } }",
            "role maker of make",
            "tokens_per_instance",
        ),
        (
            "",
            "{ budget: { calls_per_day: 3, low: 30% } }",
            "role maker of make",
            "calls_per_day",
        ),
        (
            "budget: { usd_per_month: 1.50, low: 50% }\n",
            "{}",
            "workflow make",
            "usd_per_month",
        ),
    ] {
        let server = dear();
        let house = house(&server, TURN, "", "");
        house.write(
            "charts/make.yaml",
            &format!(
                "chart: make\nkind: workflow\n{workflow}roles: {{ maker: {role} }}\ndata: {{ low: \"\" }}\ninitial: work\nstates:\n  \
                 work:\n    role: maker\n    on:\n      role.done: done\n      \
                 budget.low: {{ actions: [{{ assign: {{ low: event.data.of }} }}] }}\n      budget.exhausted: dear\n  \
                 dear: {{ tags: [needs-human] }}\n  done: {{ type: final }}\n"
            ),
        );
        let begun = house.run(["workflow", "start", "make", "--json"]).expect(0);
        let instance = begun.json()["instance"].as_str().unwrap().to_owned();
        house.run([
            "run", "tester", "--bind", &instance, "--role", "maker", "--json",
        ]);
        assert_eq!(server.asked().len(), 2, "{of}");
        let records = house
            .run(["journal", "show", &instance, "--json"])
            .expect(0)
            .lines();
        let events: Vec<&Value> = records
            .iter()
            .filter(|record| record["kind"] == "step")
            .map(|step| &step["body"]["event"])
            .filter(|event| event["name"].as_str().unwrap_or("").starts_with("budget"))
            .collect();
        let names: Vec<&Value> = events.iter().map(|event| &event["name"]).collect();
        assert_eq!(
            names,
            [&json!("budget.low"), &json!("budget.exhausted")],
            "{of}"
        );
        for event in &events {
            assert_eq!(event["data"]["of"], of);
            assert_eq!(event["data"]["what"], what);
            assert_eq!(event["data"]["agent"], "tester");
        }
        let shown = house
            .run(["workflow", "show", &instance, "--json"])
            .expect(0)
            .json();
        assert_eq!(shown["data"]["low"], of, "{shown}");
        let costs = house.journal("cost");
        assert!(costs.iter().all(|cost| {
            cost["body"]["instance"] == instance.as_str() && cost["body"]["role"] == "maker"
        }));
        let left = house
            .run(["ledger", "--budgets", "--json"])
            .expect(0)
            .json();
        let row = &left["budgets"][0];
        assert_eq!((&row["of"], &row["limit"]), (&json!(of), &json!(what)));
        assert_eq!(row["state"], "exhausted", "{row}");
        house.verify();
    }
}

#[test]
fn what_is_spent_and_left_is_shown_with_the_line_that_says_so() {
    let server = dear();
    let house = house(
        &server,
        TURN,
        "budget: { usd_per_day: 1.50, tokens_per_month: 4M, calls_per_run: 10 }\n",
        "budgets: { usd_per_month: 100, consolidation: { usd_per_day: 0.5 }, low: 1% }\n",
    );
    let none = house.run(["ledger", "--budgets"]).expect(0).stdout;
    assert!(none.contains("no run is up"), "{none}");
    Told::of(&house, 1).ended("budget");
    let shown = house
        .run(["ledger", "--budgets", "--json"])
        .expect(0)
        .json();
    let row = |limit: &str, of: &str| {
        let rows = shown["budgets"].as_array().unwrap();
        let found = rows
            .iter()
            .find(|row| row["limit"] == limit && row["of"] == of);
        found
            .unwrap_or_else(|| panic!("{limit} of {of}: {shown}"))
            .clone()
    };
    let day = row("usd_per_day", "agent tester");
    assert_eq!(
        (&day["spent"], &day["left"], &day["state"]),
        (&json!("2"), &json!("0"), &json!("exhausted"))
    );
    assert_eq!(
        day["at"],
        at(&house, "agents/tester.yaml", "usd_per_day").as_str()
    );
    let tokens = row("tokens_per_month", "agent tester");
    assert_eq!(
        (&tokens["spent"], &tokens["left"], &tokens["state"]),
        (&json!("2000000"), &json!("2000000"), &json!("ok"))
    );
    let whole = row("usd_per_month", "the house");
    assert_eq!(
        (&whole["left"], &whole["state"]),
        (&json!("98"), &json!("low"))
    );
    let purpose = row("consolidation.usd_per_day", "the house");
    assert_eq!(
        (&purpose["spent"], &purpose["state"]),
        (&json!("0"), &json!("ok"))
    );
    assert_eq!(row("calls_per_run", "agent tester")["state"], "none");
    let table = house.run(["ledger", "--budgets"]).expect(0).stdout;
    for words in [
        "agent tester",
        "usd_per_day",
        "$1.5",
        "2M tokens",
        "agents/tester.yaml:",
        "the house",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    assert!(
        table.lines().all(|line| line.chars().count() <= 120),
        "{table}"
    );
    house.run(["ledger", "--budgets", "--by", "tool"]).expect(2);
    let nothing = House::of(Plan::default());
    let said = nothing.run(["ledger", "--budgets"]).expect(0).stdout;
    assert!(said.contains("No budgets"), "{said}");
}

#[test]
fn a_line_of_the_house_for_one_purpose_stops_that_purpose_and_an_agent_whose_work_it_is() {
    let server = dear();
    let house = house(
        &server,
        LISTENS,
        "purpose: improvement\n",
        "budgets: { improvement: { usd_per_month: 1.50 }, work: { usd_per_day: 0 }, summary: { usd_per_day: 0 } }\n",
    );
    Told::of(&house, 1).ended("waiting");
    assert_eq!(
        server.asked().len(),
        2,
        "what may be spent on other things does not matter"
    );
    let shown = house
        .run(["ledger", "--budgets", "--json"])
        .expect(0)
        .json();
    let spent: Vec<(&str, &str)> = shown["budgets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["limit"].as_str().unwrap(),
                row["spent"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        spent,
        [
            ("work.usd_per_day", "0"),
            ("summary.usd_per_day", "0"),
            ("improvement.usd_per_month", "2")
        ]
    );
    let last = &house.journal("budget").pop().unwrap()["body"];
    assert_eq!(
        (&last["event"], &last["of"]),
        (&json!("budget.exhausted"), &json!("the house"))
    );
}
