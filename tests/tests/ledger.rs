//! The ledger of whole houses: it comes to what the journal says to the last cent, by every dimension, and what it says of energy says how it is known.

use charthouse_tests::{Answer, House, ModelServer, Plan, Said, copy, keys, plugins};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

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

/// A house with three files to survey, whose CPU is said to take 20 W.
fn surveyed() -> House {
    let house = House::init::<&str>(&[]);
    house.write("a.rs", "fn a() {}\n// TODO: one\n");
    let text = house.read("house.yaml");
    house.write(
        "house.yaml",
        &format!("{text}\npower: {{ cpu: {{ watts_busy: 20 }} }}\n"),
    );
    house.run(["run", "surveyor"]).expect(0);
    house.run(["run", "surveyor"]).expect(0);
    house
}

fn ledger(house: &House, more: &[&str]) -> Value {
    let mut arguments = vec!["ledger", "--json"];
    arguments.extend(more);
    house.run(arguments).expect(0).json()
}

/// Every cost record of the house, as the journal shows it.
fn costs(house: &House) -> Vec<Value> {
    let runs = house.run(["journal", "show", "--json"]).expect(0).lines();
    let mut costs = Vec::new();
    for run in runs {
        let shown = house.run(["journal", "show", run["run"].as_str().unwrap(), "--json"]);
        costs.extend(shown.expect(0).lines());
    }
    costs.retain(|record| record["kind"] == "cost");
    costs
}

fn whole(records: &[Value], pointer: &str) -> u64 {
    let fields = records
        .iter()
        .filter_map(|record| record.pointer(pointer)?.as_u64());
    fields.sum()
}

/// A sum of decimal texts, in millionths of millionths.
fn money<'a>(amounts: impl Iterator<Item = &'a str>) -> i128 {
    let amounts = amounts.map(|text| {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction:0<12}");
        digits.parse::<i128>().unwrap()
    });
    amounts.sum()
}

#[test]
fn a_run_reconciles_with_its_journal_by_every_dimension() {
    let house = surveyed();
    let costs = costs(&house);
    let total = ledger(&house, &[])["total"].clone();
    assert_eq!(total["calls"], costs.len());
    for (measure, field) in [
        ("/tokens/input", "/body/tokens/input"),
        ("/tokens/output", "/body/tokens/output"),
        ("/fuel", "/body/fuel"),
        ("/bytes/in", "/body/bytes_in"),
        ("/bytes/out", "/body/bytes_out"),
    ] {
        let sum = whole(&costs, field);
        assert!(sum > 0, "{field}");
        assert_eq!(total.pointer(measure).unwrap(), sum, "{measure}");
    }
    let micros = |pointer: &str| (total.pointer(pointer).unwrap().as_f64().unwrap() * 1e3).round();
    assert_eq!(micros("/wall_ms"), whole(&costs, "/body/wall_us") as f64);
    assert_eq!(micros("/cpu_ms"), whole(&costs, "/body/cpu_us") as f64);
    let usd = costs
        .iter()
        .map(|cost| cost["body"]["usd"].as_str().unwrap());
    assert_eq!(
        money(usd),
        money([total["usd"].as_str().unwrap()].into_iter())
    );
    // Every row of every breakdown is the sum of the records that belong to it.
    for dimension in DIMENSIONS {
        let report = ledger(&house, &["--by", dimension]);
        assert_eq!(report["total"], total, "{dimension}");
        let rows = report["rows"].as_array().unwrap();
        let calls: u64 = rows.iter().map(|row| row["calls"].as_u64().unwrap()).sum();
        assert_eq!(total["calls"], calls, "{dimension}");
    }
    let mut recounted: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for cost in &costs {
        let name = |field: &str| cost["body"][field].as_str().unwrap_or("(none)").to_owned();
        let row = recounted.entry((name("state"), name("tool"))).or_default();
        row.0 += 1;
        row.1 += cost["body"]["fuel"].as_u64().unwrap();
    }
    let by_two = ledger(&house, &["--by", "state,tool"]);
    let rows = by_two["rows"].as_array().unwrap();
    assert_eq!(rows.len(), recounted.len());
    for row in rows {
        let key = ["state", "tool"].map(|key| row[key].as_str().unwrap().to_owned());
        let (calls, fuel) = recounted[&key.clone().into()];
        assert_eq!(row["calls"], calls, "{key:?}");
        assert_eq!(row["fuel"].as_u64().unwrap_or(0), fuel, "{key:?}");
    }
}

#[test]
fn an_expense_says_on_whose_account_it_is() {
    let house = surveyed();
    let costs = costs(&house);
    let call = costs
        .iter()
        .find(|cost| cost["body"]["tool"] == "fs.write")
        .unwrap();
    let body = &call["body"];
    assert_eq!(body["agent"], "surveyor");
    assert_eq!(body["version"], "1.0.0");
    assert_eq!(body["revision"].as_str().unwrap().len(), 12);
    assert_eq!(body["plugin"], "fs");
    assert_eq!(body["purpose"], "work");
    let fs_plugin = house.run(["plugin", "list", "--json"]).expect(0).stdout;
    let generation = body["generation"].as_str().unwrap();
    assert!(fs_plugin.contains(generation), "{generation}: {fs_plugin}");
    for field in ["cpu_us", "fuel", "bytes_in", "bytes_out", "wall_us"] {
        assert!(body[field].as_u64().unwrap() > 0, "{field}: {body}");
    }
    assert_eq!(body["joules"]["how"], "estimated");
    let joules = body["joules"]["value"].as_f64().unwrap();
    let expected = body["cpu_us"].as_f64().unwrap() * 20.0 / 1e6;
    assert!((joules - expected).abs() <= 2e-6, "{joules} {expected}");
    let think = costs
        .iter()
        .find(|cost| cost["body"]["model"].is_string())
        .unwrap();
    assert_eq!(think["body"]["provider"], "script");
    assert!(think["body"]["bytes_in"].as_u64().unwrap() > 0);
    assert!(think["body"].get("plugin").is_none());
}

#[test]
fn every_cent_is_found_in_the_journal_by_its_number() {
    let house = surveyed();
    let listed = house
        .run(["ledger", "--records", "--run", "latest", "--json"])
        .expect(0)
        .lines();
    let of_run: BTreeSet<&str> = listed
        .iter()
        .map(|one| one["run"].as_str().unwrap())
        .collect();
    assert_eq!(of_run.len(), 1);
    let costs = costs(&house);
    for one in &listed {
        let record = costs.iter().find(|cost| cost["seq"] == one["seq"]).unwrap();
        assert_eq!(record["run"], one["run"]);
        for (key, value) in record["body"].as_object().unwrap() {
            assert_eq!(&one[key], value, "{key}");
        }
    }
    let number = listed[0]["seq"].to_string();
    let why = house.run(["journal", "why", &number]).expect(0).stdout;
    assert!(why.contains("surveyor"), "{why}");
    let text = house
        .run(["ledger", "--records", "--run", "latest"])
        .expect(0)
        .stdout;
    assert_eq!(text.lines().count(), listed.len() + 1);
    assert!(text.contains("journal why"), "{text}");
    let csv = house.run(["ledger", "--records", "--csv"]).expect(0).stdout;
    assert_eq!(csv.matches("\r\n").count(), costs.len() + 1);
    assert!(csv.starts_with("record,run,time_ms,day,agent,"), "{csv}");
}

#[test]
fn what_is_asked_for_is_what_is_counted() {
    let house = surveyed();
    let all = ledger(&house, &[])["total"]["calls"].as_u64().unwrap();
    let calls = |more: &[&str]| ledger(&house, more)["total"]["calls"].as_u64().unwrap();
    let of_tools = ledger(&house, &["--by", "tool"]);
    for row in of_tools["rows"].as_array().unwrap() {
        let tool = row["tool"].as_str().unwrap();
        assert_eq!(
            calls(&["--tool", tool]),
            row["calls"].as_u64().unwrap(),
            "{tool}"
        );
    }
    assert_eq!(calls(&["--agent", "surveyor"]), all);
    assert_eq!(calls(&["--agent", "nobody"]), 0);
    assert_eq!(calls(&["--run", "latest"]), all / 2);
    assert_eq!(calls(&["--purpose", "work", "--purpose", "summary"]), all);
    assert_eq!(calls(&["--purpose", "overhead"]), 0);
    assert_eq!(calls(&["--since", "1h"]), all);
    assert_eq!(calls(&["--until", "1h"]), 0);
    assert_eq!(
        calls(&["--since", "2020-01-01", "--until", "2020-12-31"]),
        0
    );
    let today = ledger(&house, &["--by", "day"])["rows"][0]["day"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        calls(&["--since", &today, "--until", &today]),
        all,
        "a day counts to its end"
    );
    for (wrong, words) in [
        (&["--since", "soon"][..], "is no time"),
        (
            &["--since", "2026-01-02", "--until", "2026-01-01"],
            "nothing lies between",
        ),
        (&["--by", "agent,weather"], "weather"),
        (&["--purpose", "fun"], "is no purpose"),
        (&["--csv", "--json"], "--csv"),
        (&["--records", "--by", "tool"], "--by"),
        (&["--accepted", "done"], "--compare"),
    ] {
        let mut arguments = vec!["ledger"];
        arguments.extend(wrong);
        house.run(arguments).expect(2).complains(&[words]);
    }
    house
        .run(["ledger", "--run", "1999"])
        .expect(1)
        .complains(&["there is no run `1999`"]);
}

#[test]
fn a_spreadsheet_gets_its_rows_and_no_formula() {
    let house = House::of(Plan {
        replies: "  - when: \"turn == 0\"\n    calls: [{ tool: \"=cmd\", arguments: { text: hello } }, { tool: hostile.echo, arguments: { text: hi } }]\n  - text: Seen.\n",
        ..Plan::default()
    });
    house.run(["run", "tester"]).expect(0);
    let csv = house
        .run(["ledger", "--by", "tool,state", "--csv"])
        .expect(0)
        .stdout;
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert!(
        lines[0].starts_with("tool,state,calls,tokens_input,"),
        "{csv}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("hostile.echo,work,1,0,")),
        "{csv}"
    );
    let cells = lines[0].split(',').count();
    assert!(
        lines.iter().all(|line| line.split(',').count() == cells),
        "{csv}"
    );
    assert!(!csv.lines().any(|line| line.starts_with('=')), "{csv}");
}

/// The model of houses that tests make.
const MODEL: &str = "test-model";

/// A house that asks one server.
fn served(server: &ModelServer, more: &str) -> House {
    House::of(Plan {
        provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
        house: more,
        ..Plan::default()
    })
}

fn model(joules: Option<f64>) -> ModelServer {
    ModelServer::start(move |_| {
        Answer::Say(Said {
            usage: (1_000_000, 0, 1_000),
            joules,
            ..Said::text("Done.")
        })
    })
}

#[test]
fn a_price_in_another_currency_is_converted_by_the_rate_of_the_day_or_kept_apart() {
    let server = model(None);
    let house = served(&server, "");
    let plain = house.read("house.yaml");
    let priced = format!(
        "{plain}prices: {{ {MODEL}: {{ from: 2026-01-01, input: 0.20, output: 0, currency: EUR }} }}\n"
    );
    house.write("house.yaml", &priced);
    house
        .run(["check"])
        .expect(0)
        .complains(&["no rate says what one is worth"]);
    house.run(["run", "tester", "Go"]).expect(0);
    let total = ledger(&house, &[])["total"].clone();
    assert_eq!(total["usd"], "0");
    assert_eq!(total["other_currencies"], json!({ "EUR": "0.2" }));
    assert!(total.get("unpriced").is_none(), "{total}");
    let rates =
        "exchange: { EUR: [{ from: 2025-01-01, usd: 1.50 }, { from: 2026-01-01, usd: 1.10 }] }\n";
    house.write("house.yaml", &format!("{priced}{rates}"));
    house.run(["run", "tester", "Go"]).expect(0);
    let total = ledger(&house, &[])["total"].clone();
    assert_eq!(total["usd"], "0.22");
    assert_eq!(total["other_currencies"], json!({ "EUR": "0.2" }));
    let paid = &house.journal("cost")[0]["body"]["paid"];
    assert_eq!(
        paid,
        &json!({ "amount": "0.2", "currency": "EUR", "rate": "1.10" })
    );
    let table = house.run(["ledger"]).expect(0).stdout;
    assert!(table.contains("+ and EUR 0.2"), "{table}");
}

#[test]
fn energy_is_reported_by_the_provider_or_worked_out_from_what_is_stated() {
    let power = format!(
        "power: {{ models: {{ {MODEL}: {{ joules_per_token: {{ input: 0.001, output: 0.5 }} }} }}, pue: 1.5 }}\n"
    );
    let how = |server: &ModelServer| {
        let house = served(server, &power);
        house.run(["run", "tester", "Go"]).expect(0);
        ledger(&house, &[])["total"]["joules"].clone()
    };
    // (1,000,000 × 0.001 + 1,000 × 0.5) × 1.5
    assert_eq!(
        how(&model(None)),
        json!({ "value": 2250.0, "how": "estimated" })
    );
    assert_eq!(
        how(&model(Some(12.5))),
        json!({ "value": 12.5, "how": "reported" })
    );
    let house = served(&model(None), "");
    house.run(["run", "tester", "Go"]).expect(0);
    let joules = &ledger(&house, &[])["total"]["joules"];
    assert_eq!(keys(joules), ["value", "how"]);
    assert_eq!(joules["how"], "not measured");
}

/// A powercap directory whose counter runs, past its end too.
struct Meter {
    directory: tempfile::TempDir,
    over: Arc<AtomicBool>,
}

impl Meter {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let zone = directory.path().join("intel-rapl:0");
        fs::create_dir(&zone).unwrap();
        fs::write(zone.join("name"), "package-0\n").unwrap();
        fs::write(zone.join("max_energy_range_uj"), "500000\n").unwrap();
        let show = |zone: &Path, micro: u64| {
            // Whoever reads finds a whole number, as with the kernel's own.
            let next = zone.join("next");
            fs::write(&next, format!("{}\n", micro % 500_000)).unwrap();
            fs::rename(next, zone.join("energy_uj")).unwrap();
        };
        show(&zone, 499_000);
        let over = Arc::new(AtomicBool::new(false));
        let told = over.clone();
        thread::spawn(move || {
            let mut micro = 499_000;
            while !told.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_micros(500));
                micro += 10_000;
                show(&zone, micro);
            }
        });
        Meter { directory, over }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn energy_is_measured_where_the_machine_has_a_meter() {
    let meter = Meter::start();
    let house = House::init::<&str>(&[]);
    let text = house.read("house.yaml");
    let power = format!("power: {{ meter: {} }}\n", meter.directory.path().display());
    house.write("house.yaml", &format!("{text}\n{power}"));
    // On a busy machine the made-up meter may stand still for as long as a run takes.
    let measured = (0..20).any(|_| {
        house.run(["run", "surveyor"]).expect(0);
        let total = ledger(&house, &[])["total"].clone();
        assert_eq!(total["joules"]["how"], "measured", "{total}");
        total["joules"]["value"].as_f64().unwrap() > 0.0
    });
    assert!(measured);
    let table = house.run(["ledger"]).expect(0).stdout;
    assert!(table.contains("energy: measured"), "{table}");
}

/// An agent that hands in as `outcome` whatever it is asked for.
fn with_agent(house: &House, name: &str, outcome: &str, artefacts: &str) {
    house.write(
        &format!("scripts/{name}.yaml"),
        &format!(
            "script: {name}\nreplies:\n  - when: \"'hand_in' in tools\"\n    calls: [{{ tool: hand_in, arguments: {{ outcome: {outcome}, artefacts: {artefacts} }} }}]\n  - text: Nothing to hand in.\n"
        ),
    );
    house.write(
        &format!("agents/{name}.yaml"),
        &format!(
            "agent: {name}\nversion: 2.0.0\nmodel: {{ provider: {name}, name: scripted, context_length: 100000, max_output: 1000 }}\n\
             cognition: react\ncontext:\n  - {{ id: tools, role: system, tools: declared, budget: 8000, trim: never }}\n\
             \x20 - {{ id: history, history: true, flexible: true, trim: oldest }}\n\
             \x20 - {{ id: workflow, role: user, slot: workflow, budget: 1000, trim: tail }}\n"
        ),
    );
    house.edit(
        "house.yaml",
        "providers:\n",
        &format!("providers:\n  {name}: {{ kind: scripted, file: scripts/{name}.yaml }}\n"),
    );
}

#[test]
fn what_came_of_the_work_is_set_against_what_it_cost() {
    let house = House::init::<&str>(&[]);
    with_agent(&house, "maker", "done", "{}");
    with_agent(&house, "strict", "rejected", "{ defects: [one, two] }");
    with_agent(&house, "kind", "accepted", "{}");
    house.edit(
        "charts/workflows/implement-review.yaml",
        "kind: workflow\n",
        "kind: workflow\npurpose: improvement\n",
    );
    let instance = |reviewers: &[&str]| {
        let begun = house
            .run(["workflow", "start", "implement-review", "--json"])
            .expect(0)
            .json();
        let id = begun["instance"].as_str().unwrap().to_owned();
        let work = |agent: &str, role: &str| {
            house
                .run(["run", agent, "--bind", &id, "--role", role])
                .expect(0);
            house.run(["workflow", "detach", &id, "--role", role]);
        };
        for reviewer in reviewers {
            work("maker", "implementer");
            work(reviewer, "reviewer");
        }
        id
    };
    let at_once = instance(&["kind"]);
    let reworked = instance(&["strict", "kind"]);
    let costs = ledger(&house, &["--by", "instance,role,workflow,version,purpose"]);
    let rows = costs["rows"].as_array().unwrap();
    for (id, role, version) in [
        (&at_once, "implementer", "maker 2.0.0"),
        (&reworked, "reviewer", "strict 2.0.0"),
        (&reworked, "reviewer", "kind 2.0.0"),
    ] {
        let row = rows.iter().find(|row| {
            row["instance"] == **id && row["role"] == role && row["version"] == version
        });
        let row = row.unwrap_or_else(|| panic!("{id} {role} {version}: {costs}"));
        assert_eq!(row["workflow"], "implement-review");
        assert_eq!(row["purpose"], "improvement");
    }
    let compared = |by: &str| {
        let arguments = [
            "ledger",
            "--compare",
            by,
            "--workflow",
            "implement-review",
            "--json",
        ];
        house.run(arguments).expect(0).json()
    };
    let by_agent = compared("agent");
    let row = |name: &str| {
        let rows = by_agent["rows"].as_array().unwrap();
        rows.iter()
            .find(|row| row["agent"] == name)
            .unwrap()
            .clone()
    };
    let maker = row("maker");
    assert_eq!(maker["instances"], 2, "{by_agent}");
    assert_eq!(maker["accepted"], 2);
    assert_eq!(maker["outcomes"], json!({ "accepted": 2 }));
    assert_eq!(maker["first_pass_yield"], 0.5);
    assert_eq!(
        (&maker["rework"], &maker["defects"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(maker["usd_per_accepted"], "0");
    assert!(maker["median_cycle_ms"].as_u64().is_some());
    assert_eq!(row("strict")["first_pass_yield"], 0.0);
    let of_workflow = &compared("workflow")["rows"][0];
    assert_eq!(of_workflow["workflow"], "implement-review 1.0.0");
    assert_eq!(
        of_workflow["calls"],
        ledger(&house, &["--workflow", "implement-review"])["total"]["calls"]
    );
    let table = house
        .run(["ledger", "--compare", "version"])
        .expect(0)
        .stdout;
    assert!(table.contains("maker 2.0.0: accepted 2×"), "{table}");
    assert!(
        table.lines().all(|line| line.chars().count() <= 100),
        "{table}"
    );
    let strict = [
        "ledger",
        "--compare",
        "agent",
        "--accepted",
        "released",
        "--json",
    ];
    let none = house.run(strict).expect(0).json();
    assert_eq!(none["rows"][0]["accepted"], 0);
}

#[test]
fn guards_are_what_the_house_spends_on_watching() {
    let house = House::of(Plan {
        agent: "guards: [redact]\n",
        house: "  redact: { component: plugins/redact.wasm, trusted: true }\n",
        ..Plan::default()
    });
    copy(
        &plugins().join("redact.wasm"),
        &house.root.join("plugins/redact.wasm"),
    );
    house.run(["run", "tester", "Go"]).expect(0);
    let report = ledger(&house, &["--by", "purpose,tool"]);
    let rows = report["rows"].as_array().unwrap();
    let watching = rows
        .iter()
        .find(|row| row["tool"] == "redact.inspect")
        .unwrap();
    assert_eq!(watching["purpose"], "overhead");
    assert!(watching["bytes"]["in"].as_u64().unwrap() > 0, "{watching}");
    assert!(rows.iter().any(|row| row["purpose"] == "work"), "{report}");
}

#[test]
fn the_cpu_time_of_a_command_is_that_of_its_processes() {
    let house = House::of(Plan {
        policy: "{ mounts: { /workspace: { from: . } }, exec: [{ allow: [sh, \"**\"], deadline: 60s }] }",
        replies: "  - when: \"turn == 0\"\n    calls: [{ tool: exec.run, arguments: { argv: [sh, -c, \"i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done\"] } }]\n  - text: Counted.\n",
        ..Plan::default()
    });
    house.run(["run", "tester", "Count"]).expect(0);
    let outcome = &house.journal("outcome")[0]["body"]["outcome"];
    if outcome.to_string().contains("it cannot confine them") {
        eprintln!("not looked at, for this machine confines no command: {outcome}");
        return;
    }
    let costs = house.journal("cost");
    let cost = costs
        .iter()
        .find(|cost| cost["body"]["tool"] == "exec.run")
        .unwrap();
    let body = &cost["body"];
    assert_eq!(
        (&body["plugin"], &body["generation"]),
        (&json!("exec"), &json!("native"))
    );
    // The kernel counts such time in hundredths of a second, and this takes longer on any machine.
    assert!(body["cpu_us"].as_u64().unwrap_or(0) >= 10_000, "{body}");
    assert!(body["bytes_in"].as_u64().unwrap() > 50, "{body}");
}
