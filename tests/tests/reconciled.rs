//! A run with everything in it (a child, a summary, calls, cached input, an inference that is stopped): every breakdown of the ledger comes to one total, the total is what
//! the model's server reported at the prices of the house, and each line leads back to its record and to what it came of.

use charthouse_tests::{Answer, Asked, House, ModelServer, Plan, Said, auditor, copy, plugins};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

const DIMENSIONS: [&str; 15] = [
    "agent",
    "version",
    "revision",
    "role",
    "workflow",
    "instance",
    "state",
    "tool",
    "plugin",
    "generation",
    "model",
    "provider",
    "run",
    "purpose",
    "day",
];

const CHART: &str = "initial: ask
states:
  ask: { invoke: { activity: agent, params: { agent: helper, prompt: Look. } }, on: { agent.done: read, error: done } }
  read: { invoke: turn, on: { turn.done: slow } }
  slow: { invoke: turn, after: { 2s: done } }
  done: { type: final }
";

const HELP: &str = "initial: work
states:
  work: { invoke: turn, on: { turn.done: done } }
  done: { type: final }
";

/// How many files the parent reads: more than its window holds.
const FILES: usize = 12;

/// A model that reads all files, is then silent, sums up when it is asked to, and helps with one call.
fn model() -> ModelServer {
    let (read, helped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    ModelServer::start(move |asked: &Asked| {
        let next = |count: &AtomicUsize| count.fetch_add(1, Ordering::SeqCst);
        let reads = |n: usize| {
            let path = format!("/workspace/{n}.txt");
            Said::text("").call("fs__read", json!({ "path": path }))
        };
        if asked.json["tools"].is_null() {
            let usage = (1_000, 0, 100);
            return Answer::Say(Said {
                usage,
                ..Said::text("THE SUMMARY: files were read.")
            });
        }
        if asked.body.contains("Look.") {
            let usage = (700, 70, 7);
            let said = match next(&helped) {
                0 => reads(0),
                _ => Said::text("Seen."),
            };
            return Answer::Say(Said { usage, ..said });
        }
        match next(&read) {
            n if n < FILES => Answer::Say(Said {
                usage: (2_000 + n as u64, 900, 30),
                ..reads(n)
            }),
            n if n == FILES => Answer::Say(Said {
                usage: (2_100, 901, 31),
                ..Said::text("All read.")
            }),
            _ => Answer::Hang,
        }
    })
}

fn house(server: &ModelServer) -> House {
    let house = House::of(Plan {
        chart: CHART,
        provider: &server.provider(),
        policy: "{ tools: [{ allow: \"*\" }], mounts: { /workspace: { from: files, access: read-only } }, limits: { calls: 100/turn } }",
        agent: "memory: { summary: { plugin: digest, at: 50%, budget: 5% } }\nchildren: { depth: 1 }\n",
        house: "  digest: { component: plugins/digest.wasm, trusted: true }\nprices: { test-model: { from: 2026-01-01, input: 1, cached: 0.1, output: 10, per: 1M } }\npower: { cpu: { watts_busy: 20 } }\n",
        ..Plan::default()
    });
    let digest = "plugins/digest.wasm";
    copy(&plugins().join("digest.wasm"), &house.root.join(digest));
    for (from, to) in [
        ("context_length: 200000", "context_length: 16000"),
        ("budget: 40000", "budget: 8000"),
        ("trim: oldest", "trim: summary"),
    ] {
        house.edit("agents/tester.yaml", from, to);
    }
    house.another("helper", HELP);
    house.edit("agents/helper.yaml", "children: { depth: 1 }\n", "");
    for n in 0..FILES {
        let text = format!("file {n} has this line\n").repeat(180);
        house.write(&format!("files/{n}.txt"), &text);
    }
    house
}

/// Dollars as text, in millionths of millionths.
fn exact(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<12}").parse().unwrap()
}

fn usd(of: &Value) -> i128 {
    exact(of["usd"].as_str().unwrap())
}

fn count(of: &Value, pointer: &str) -> u64 {
    of.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// The cost records of all runs, and of the house's own.
fn costs(house: &House) -> Vec<Value> {
    let runs = house.run(["journal", "show", "--json"]).expect(0).lines();
    let names = runs.iter().map(|run| run["run"].as_str().unwrap());
    let all = names.chain(["house"]).flat_map(|run| {
        let shown = house.run(["journal", "show", run, "--json"]).expect(0);
        shown.lines()
    });
    all.filter(|record| record["kind"] == "cost").collect()
}

#[test]
fn every_breakdown_comes_to_one_total_and_each_cent_to_a_record() {
    let server = model();
    let house = house(&server);
    house.run(["run", "tester", "Read all files"]).expect(0);
    let ledger = |by: &str| {
        let report = house.run(["ledger", "--by", by, "--json"]).expect(0);
        report.json()
    };
    let costs = costs(&house);
    let total = ledger("agent")["total"].clone();

    // Everything is in it.
    let of = |by: &str, name: &str| {
        let rows = ledger(by);
        let rows = rows["rows"].as_array().unwrap().iter();
        let mut found = rows.filter(|row| row[by] == name);
        found
            .next()
            .cloned()
            .unwrap_or_else(|| panic!("{by} {name}"))
    };
    assert!(usd(&of("agent", "helper")) > 0);
    assert!(usd(&of("purpose", "summary")) > 0);
    assert!(count(&of("tool", "fs.read"), "/calls") > FILES as u64);
    assert!(count(&total, "/tokens/cached") > 0, "{total}");
    let stopped: Vec<&Value> = costs
        .iter()
        .filter(|cost| cost["body"]["estimated"] == true)
        .collect();
    let in_slow = |cost: &&&Value| cost["body"]["state"] == "slow";
    assert!(stopped.iter().any(|cost| in_slow(&cost)), "{stopped:?}");

    // Each record costs what its tokens cost, and the sum of them is the total.
    for cost in &costs {
        let body = &cost["body"];
        let (input, cached) = (count(body, "/tokens/input"), count(body, "/tokens/cached"));
        let output = count(body, "/tokens/output");
        let price = (input - cached) * 1_000_000 + cached * 100_000 + output * 10_000_000;
        assert_eq!(usd(body), i128::from(price), "{body}");
        // Exactly one of the two was paid for.
        assert!(body["model"].is_string() != body["tool"].is_string());
    }
    let sum = |pointer: &str| -> u64 {
        let all = costs.iter().map(|cost| &cost["body"]);
        all.map(|body| count(body, pointer)).sum()
    };
    let money: i128 = costs.iter().map(|cost| usd(&cost["body"])).sum();
    assert_eq!(usd(&total), money);
    assert_eq!(total["calls"], costs.len());
    for (measure, field) in [
        ("/tokens/input", "/tokens/input"),
        ("/tokens/cached", "/tokens/cached"),
        ("/tokens/output", "/tokens/output"),
        ("/fuel", "/fuel"),
        ("/bytes/in", "/bytes_in"),
        ("/bytes/out", "/bytes_out"),
    ] {
        assert_eq!(count(&total, measure), sum(field), "{measure}");
    }
    // Of what came to its end the server reported each token.
    let reported = |field: &str| -> u64 {
        let all = costs.iter().map(|cost| &cost["body"]);
        let ended = all.filter(|body| body["estimated"] != true);
        ended.map(|body| count(body, field)).sum()
    };
    let read: u64 = (0..FILES as u64).map(|n| 2_000 + n).sum();
    let summaries = costs.iter().filter(|cost| {
        let body = &cost["body"];
        body["purpose"] == "summary" && body["model"].is_string() && body["estimated"] != true
    });
    let summaries = summaries.count() as u64;
    assert_eq!(
        reported("/tokens/input"),
        read + 2_100 + 2 * 700 + summaries * 1_000
    );
    assert_eq!(
        reported("/tokens/cached"),
        FILES as u64 * 900 + 901 + 2 * 70
    );

    // Every dimension.
    for by in DIMENSIONS {
        let report = ledger(by);
        assert_eq!(report["total"], total, "{by}");
        let rows = report["rows"].as_array().unwrap();
        assert_eq!(rows.iter().map(usd).sum::<i128>(), money, "{by}");
        for pointer in [
            "/calls",
            "/estimated",
            "/tokens/input",
            "/tokens/cached",
            "/tokens/output",
            "/fuel",
            "/bytes/in",
            "/bytes/out",
        ] {
            let all: u64 = rows.iter().map(|row| count(row, pointer)).sum();
            assert_eq!(all, count(&total, pointer), "{by} {pointer}");
        }
    }

    // Each line is a record, and each record tells what it came of.
    let listed = house
        .run(["ledger", "--records", "--json"])
        .expect(0)
        .lines();
    assert_eq!(listed.len(), costs.len());
    for line in &listed {
        let record = costs.iter().find(|cost| cost["seq"] == line["seq"]);
        let record = record.unwrap_or_else(|| panic!("{line} is no record"));
        assert_eq!(usd(line), usd(&record["body"]), "{line}");
        let why = house.run(["journal", "why", &record["seq"].to_string()]);
        let why = why.expect(0).stdout;
        assert!(why.contains('↑'), "it came of nothing: {why}");
    }

    // What an auditor is handed says the same.
    house.run(["audit", "export", "bundle"]).expect(0);
    auditor(&house.root.join("bundle"), &[]).expect(0);
    let figures: Value = serde_json::from_str(&house.read("bundle/figures.json")).unwrap();
    assert_eq!(usd(&figures["costs"]["total"]), money);
    for sums in figures["costs"]["by"].as_object().unwrap().values() {
        let sums = sums.as_object().unwrap().values();
        assert_eq!(sums.map(usd).sum::<i128>(), money);
    }
    house.verify();
}
