//! Summing up what leaves the window, in a whole run: by the first-party plugin and the agent's own model, metered and booked on its own purpose.

use charthouse_tests::{Answer, Asked, House, ModelServer, Plan, Said, copy, plugins, until};
use serde_json::{Value, json};

/// Whether a request is the summary plugin's own: it offers no tools.
fn is_summing_up(asked: &Asked) -> bool {
    asked.json["tools"].is_null()
}

/// A model that reads `reads` files one after another, and sums up when asked to.
fn reads(reads: usize) -> impl Fn(&Asked) -> Answer + Send + 'static {
    let called = std::sync::atomic::AtomicUsize::new(0);
    move |asked: &Asked| {
        if is_summing_up(asked) {
            return Answer::Say(Said {
                usage: (1_000, 0, 100),
                ..Said::text("THE SUMMARY: files were read.")
            });
        }
        let n = called.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Answer::Say(match n < reads {
            true => {
                Said::text("").call("fs__read", json!({ "path": format!("/workspace/{n}.txt") }))
            }
            false => Said::text("All read."),
        })
    }
}

fn house(server: &ModelServer, summary: &str) -> House {
    let house = House::of(Plan {
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        policy: "{ tools: [{ allow: \"*\" }], mounts: { /workspace: { from: files, access: read-only } }, limits: { calls: 100/turn } }",
        agent: &format!("memory: {{ summary: {{ plugin: digest, {summary} }} }}\n"),
        house: "  digest: { component: plugins/digest.wasm, trusted: true }\nprices: { test-model: { from: 2026-01-01, input: 1, output: 10, per: 1M } }\n",
        ..Plan::default()
    });
    copy(
        &plugins().join("digest.wasm"),
        &house.root.join("plugins/digest.wasm"),
    );
    house.edit(
        "agents/tester.yaml",
        "context_length: 200000",
        "context_length: 16000",
    );
    house.edit("agents/tester.yaml", "budget: 40000", "budget: 8000");
    house.edit("agents/tester.yaml", "trim: oldest", "trim: summary");
    for n in 0..12 {
        house.write(
            &format!("files/{n}.txt"),
            &format!("file {n} has this line\n").repeat(180),
        );
    }
    house
}

#[test]
fn what_leaves_the_window_is_summed_up_and_stands_before_the_rest() {
    let server = ModelServer::start(reads(12));
    let house = house(&server, "at: 50%, budget: 5%");
    house
        .run(["run", "tester", "Read all files", "--json"])
        .expect(0);
    let asked = server.asked();
    let summing = asked.iter().filter(|asked| is_summing_up(asked)).count();
    assert!(summing >= 1, "the plugin asked the model");
    let last = asked.iter().rfind(|asked| !is_summing_up(asked)).unwrap();
    assert!(
        last.body.contains("THE SUMMARY: files were read."),
        "{}",
        last.body
    );
    assert!(
        last.body.contains("Read all files"),
        "the newest prompt stays"
    );
    assert!(
        !last.body.contains("file 0 has this line"),
        "what was summed up is not sent"
    );
    let ledger = house
        .run(["ledger", "--by", "purpose", "--json"])
        .expect(0)
        .json();
    let row = |purpose: &str| -> Value {
        let rows = ledger["rows"].as_array().unwrap();
        rows.iter()
            .find(|row| row["purpose"] == purpose)
            .cloned()
            .unwrap_or_default()
    };
    let booked = row("summary")["tokens"]["output"].as_u64().unwrap() / 100;
    // One may have been under way when the run ended.
    let begun = summing as u64;
    assert!(booked == begun || booked + 1 == begun, "{begun}: {ledger}");
    assert!(row("work")["calls"].as_u64().unwrap() > 12, "{ledger}");
    let summaries = house.journal("summary");
    assert!(
        summaries
            .iter()
            .any(|record| !record["body"]["summary"].is_null()),
        "{summaries:?}"
    );
    house.verify();
}

#[test]
fn what_a_killed_host_asked_for_a_summary_is_booked_once() {
    let model = reads(12);
    let hung = std::sync::atomic::AtomicBool::new(false);
    let server = ModelServer::start(move |asked| {
        let first = is_summing_up(asked) && !hung.swap(true, std::sync::atomic::Ordering::SeqCst);
        match first {
            true => Answer::Hang,
            false => model(asked),
        }
    });
    let house = house(&server, "at: 50%, budget: 5%");
    let mut child = house
        .command()
        .args(["run", "tester", "Read all files", "--json"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until("the plugin asks the model", || {
        server.asked().iter().any(is_summing_up)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let lost = || -> Vec<Value> {
        let mut costs = house.journal("cost");
        costs
            .retain(|cost| cost["body"]["purpose"] == "summary" && !cost["body"]["lost"].is_null());
        costs
    };
    assert!(lost().is_empty());
    for _ in 0..2 {
        house.run(["run", "--resume", "--json"]).expect(0);
        let booked = lost();
        assert_eq!(booked.len(), 1, "{booked:?}");
        let cost = &booked[0]["body"];
        assert!(cost["tokens"]["input"].as_u64().unwrap() > 1_000, "{cost}");
        assert_eq!(cost["estimated"], true);
    }
    house.verify();
}

#[test]
fn when_nothing_may_be_spent_on_it_an_extract_stands_in() {
    let server = ModelServer::start(reads(12));
    let house = house(&server, "at: 50%, budget: 5%, usd_per_day: 0");
    house
        .run(["run", "tester", "Read all files", "--json"])
        .expect(0);
    let asked = server.asked();
    assert!(
        asked.iter().all(|asked| !is_summing_up(asked)),
        "no model is asked"
    );
    let last = asked.last().unwrap();
    assert!(
        last.body.contains("An extract, not a summary"),
        "{}",
        last.body
    );
    // It is on record why, the chart was told, and the work went on.
    let refused = &house.journal("budget")[0]["body"];
    assert_eq!(refused["what"], "summary.usd_per_day");
    assert_eq!(refused["refused"], "an inference for a summary");
    let told = house
        .journal("step")
        .into_iter()
        .filter(|step| step["body"]["event"]["name"] == "budget.summary.exhausted");
    assert_eq!(told.count(), 1, "once");
    assert_eq!(house.journal("ended")[0]["body"]["status"], "done");
}

#[test]
fn a_plugin_that_cannot_sum_up_leaves_the_run_going() {
    let server = ModelServer::start(reads(12));
    let house = house(&server, "at: 50%, budget: 5%");
    house.edit("house.yaml", "plugins/digest.wasm", "plugins/search.wasm");
    let ran = house
        .run(["run", "tester", "Read all files", "--json"])
        .expect(0);
    assert!(ran.stdout.contains("not summed up"), "{}", ran.stdout);
    let thinks = house.journal("think");
    let told = thinks
        .iter()
        .any(|record| record["body"]["context"].to_string().contains("summed up"));
    assert!(
        told,
        "the account says what was lost: {}",
        thinks.last().unwrap()["body"]["context"]
    );
}
