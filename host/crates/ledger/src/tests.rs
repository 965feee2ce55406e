//! What a report promises: its shape, its order, and that nothing is lost between its rows.

use super::*;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use types::{Cost, Currency, How, Joules, Paid, Purpose, Timestamp, Tokens};

fn model_call(agent: &str, state: &str, usd: Option<&str>, input: u64) -> Cost {
    Cost {
        agent: agent.into(),
        state: state.into(),
        model: Some("qwen3".into()),
        tokens: Tokens {
            input,
            cached: input / 2,
            cache_write: 0,
            output: 10,
            reasoning: 3,
        },
        usd: usd.map(|text| text.parse().unwrap()),
        wall_us: 1_500_000,
        ..Cost::default()
    }
}

fn tool_call(agent: &str, state: &str, tool: &str) -> Cost {
    Cost {
        tool: Some(tool.into()),
        model: None,
        tokens: Tokens::default(),
        wall_us: 42,
        ..model_call(agent, state, Some("0"), 0)
    }
}

/// A record of the journal: what the fold is given, and what a naive reader finds.
#[derive(Clone, Debug)]
struct Record {
    seq: u64,
    run: String,
    time: i64,
    cost: Cost,
}

impl Record {
    fn entry(&self) -> Entry<'_> {
        Entry {
            seq: self.seq,
            run: &self.run,
            time: Timestamp(self.time),
            cost: &self.cost,
        }
    }
}

fn records(costs: &[Cost]) -> Vec<Record> {
    let records = costs.iter().enumerate().map(|(n, cost)| Record {
        seq: n as u64,
        run: "r".into(),
        time: 0,
        cost: cost.clone(),
    });
    records.collect()
}

fn report(costs: &[Cost], by: &[Dimension]) -> Report {
    report_of(&records(costs), by)
}

fn report_of(records: &[Record], by: &[Dimension]) -> Report {
    let mut ledger = Ledger::by(by, Filter::default());
    for record in records {
        assert!(ledger.add(&record.entry()));
    }
    ledger.report()
}

#[test]
fn the_json_is_the_contract() {
    let costs = [
        model_call("coder", "act", Some("0.0100"), 100),
        model_call("coder", "act", None, 50),
        tool_call("coder", "act", "fs.read"),
    ];
    let json = |dimension| serde_json::to_string(&report(&costs, &[dimension])).unwrap();
    let row = concat!(
        r#""calls":3,"tokens":{"input":150,"cached":75,"output":20,"reasoning":6},"usd":"0.01","unpriced":1,"#,
        r#""wall_ms":3000.042,"joules":{"value":null,"how":"not measured"}}"#
    );
    assert_eq!(
        json(Dimension::Agent),
        format!(r#"{{"rows":[{{"agent":"coder",{row}],"total":{{{row}}}"#)
    );
    assert_eq!(
        json(Dimension::Tool),
        format!(
            r#"{{"rows":[{{"tool":"(none)","calls":2,"tokens":{{"input":150,"cached":75,"output":20,"reasoning":6}},"usd":"0.01","unpriced":1,"wall_ms":3000,"joules":{{"value":null,"how":"not measured"}}}},{{"tool":"fs.read","calls":1,"tokens":{{"input":0,"cached":0,"output":0,"reasoning":0}},"usd":"0","wall_ms":0.042,"joules":{{"value":null,"how":"not measured"}}}}],"total":{{{row}}}"#
        )
    );
    assert_eq!(
        serde_json::to_string(&report(&[], &[Dimension::Model])).unwrap(),
        r#"{"rows":[],"total":{"calls":0,"tokens":{"input":0,"cached":0,"output":0,"reasoning":0},"usd":"0","wall_ms":0,"joules":{"value":null,"how":"not measured"}}}"#
    );
}

#[test]
fn several_dimensions_are_as_many_keys_and_measures_that_are_there_are_told() {
    let cost = Cost {
        version: Some("1.2.0".into()),
        plugin: Some("fs".into()),
        generation: Some("0123456789ab".into()),
        cpu_us: 1_500,
        fuel: 7,
        bytes_in: 3,
        bytes_out: 4,
        joules: Some(Joules::of(0.5, How::Measured)),
        ..tool_call("coder", "act", "fs.read")
    };
    let report = report(
        &[cost, tool_call("coder", "act", "fs.read")],
        &[Dimension::Version, Dimension::Generation],
    );
    let row = &serde_json::to_value(&report).unwrap()["rows"][1];
    assert_eq!(row["version"], "coder 1.2.0");
    assert_eq!(row["generation"], "fs@0123456789ab");
    assert_eq!(row["cpu_ms"], 1.5);
    assert_eq!(row["fuel"], 7);
    assert_eq!(row["bytes"], json!({ "in": 3, "out": 4 }));
    assert_eq!(row["joules"], json!({ "value": 0.5, "how": "measured" }));
    assert_eq!(row.get("unmeasured"), None);
    let total = serde_json::to_value(&report.total).unwrap();
    assert_eq!(total["unmeasured"], 1, "one of the two has no figure");
}

#[test]
fn amounts_of_other_currencies_are_kept_apart_unless_a_rate_made_dollars_of_them() {
    let euro = Currency::parse("EUR").unwrap();
    let paid = |amount: &str, rate: Option<&str>| Cost {
        paid: Some(Paid {
            amount: amount.parse().unwrap(),
            currency: euro,
            rate: rate.map(|rate| rate.parse().unwrap()),
        }),
        ..model_call("a", "s", rate.map(|_| "1.10"), 1)
    };
    let report = report(
        &[
            paid("1", Some("1.10")),
            paid("0.30", None),
            paid("0.20", None),
        ],
        &[Dimension::Agent],
    );
    let total = serde_json::to_value(&report.total).unwrap();
    assert_eq!(total["usd"], "1.1");
    assert_eq!(total["other_currencies"], json!({ "EUR": "0.5" }));
    assert_eq!(total.get("unpriced"), None, "its price is known");
    let table = report.render();
    assert!(
        table.contains("+ and EUR 0.5, which no rate turns into dollars"),
        "{table}"
    );
    assert!(report.csv().contains("EUR 0.5"));
}

#[test]
fn the_dearest_comes_first_then_tokens_then_calls_then_the_name() {
    let costs = [
        model_call("b", "few tokens", Some("0.01"), 10),
        model_call("b", "many tokens", Some("0.010"), 900),
        model_call("b", "dear", Some("2"), 1),
        tool_call("b", "z", "x"),
        tool_call("b", "y", "x"),
        tool_call("b", "two calls", "x"),
        tool_call("b", "two calls", "x"),
    ];
    let report = report(&costs, &[Dimension::State]);
    let names: Vec<&str> = report.rows.iter().map(|row| &*row.names[0]).collect();
    assert_eq!(
        names,
        ["dear", "many tokens", "few tokens", "two calls", "y", "z"]
    );
}

#[test]
fn days_come_in_their_order() {
    let mut records = records(&[
        model_call("a", "s", Some("1"), 1),
        model_call("a", "s", Some("9"), 1),
    ]);
    records[1].time = 86_400_000;
    let report = report_of(&records, &[Dimension::Day]);
    let days: Vec<&str> = report.rows.iter().map(|row| &*row.names[0]).collect();
    assert_eq!(days, ["1970-01-01", "1970-01-02"]);
}

#[test]
fn the_table_for_people() {
    let mut costs = vec![
        model_call("surveyor", "orient", Some("0.0123456"), 1_234),
        model_call(
            "surveyor",
            "orient.with.a.name.that.is.much.too.long.to.be.shown",
            None,
            5_600_000,
        ),
        tool_call("surveyor", "act\u{1b}[0m", "fs.read"),
    ];
    let expected = "\
state                             calls  input  cached  output      USD   time
──────────────────────────────────────────────────────────────────────────────
orient                                1  1,234     617      10   0.0123  1.5 s
…at.is.much.too.long.to.be.shown      1  5.60M   2.80M      10  0.0000*  1.5 s
act?[0m                               1      0       0       0   0.0000  42 µs
──────────────────────────────────────────────────────────────────────────────
total                                 3  5.60M   2.80M      20  0.0123*  3.0 s
* without 1 model call of unknown price: add the model under `prices` in house.yaml
";
    assert_eq!(report(&costs, &[Dimension::State]).render(), expected);
    costs.truncate(1);
    let priced = report(&costs, &[Dimension::State]).render();
    assert!(!priced.contains('*'), "{priced}");
    assert_eq!(
        report(&[], &[Dimension::Agent]).render(),
        "Nothing has been spent yet.\n"
    );
    costs[0].joules = Some(Joules::of(1.25, How::Estimated));
    let energy = report(&costs, &[Dimension::State, Dimension::Purpose]).render();
    assert!(energy.contains("~1.25 J"), "{energy}");
    assert!(energy.ends_with("energy: estimated\n"), "{energy}");
}

#[test]
fn a_record_that_nobody_can_read_is_told_and_in_no_sum() {
    let mut ledger = Ledger::by(&[Dimension::Agent], Filter::default());
    ledger.add_unreadable();
    let report = ledger.report();
    assert!(report.render().contains("1 cost record is in no sum"));
    assert_eq!(serde_json::to_value(&report).unwrap()["unreadable"], 1);
}

#[test]
fn what_is_asked_for_is_what_counts() {
    let mut records = records(&[
        model_call("a", "s", Some("1"), 1),
        model_call("b", "s", Some("2"), 1),
        tool_call("a", "s", "fs.read"),
        tool_call("c", "s", "fs.read"),
    ]);
    for (n, record) in records.iter_mut().enumerate() {
        record.time = n as i64 * 10;
    }
    let asked = |filter: &Filter| -> Vec<u64> {
        let counted = records
            .iter()
            .filter(|record| filter.admits(&record.entry()));
        counted.map(|record| record.seq).collect()
    };
    let only = |only: &[(Dimension, &str)]| Filter {
        only: only.iter().map(|(d, v)| (*d, (*v).to_owned())).collect(),
        ..Filter::default()
    };
    assert_eq!(asked(&only(&[(Dimension::Agent, "a")])), [0, 2]);
    let either = [(Dimension::Agent, "a"), (Dimension::Agent, "b")];
    assert_eq!(asked(&only(&either)), [0, 1, 2]);
    let both = [(Dimension::Agent, "a"), (Dimension::Tool, "fs.read")];
    assert_eq!(asked(&only(&both)), [2]);
    assert_eq!(asked(&only(&[(Dimension::Tool, NONE)])), [0, 1]);
    let between = Filter {
        since: Some(Timestamp(10)),
        until: Some(Timestamp(30)),
        ..Filter::default()
    };
    assert_eq!(asked(&between), [1, 2], "the end does not count");
}

#[test]
fn a_comparison_weighs_what_came_of_it_against_what_all_of_it_cost() {
    let mut cases = Cases::default();
    let step = |state: &str| json!({ "configuration": [state], "opened": [{ "state": state }] });
    let hand_in = |state: &str| json!({ "state": state, "outcome": "x" });
    let mut at = 0;
    for (id, rounds, end) in [
        ("good", 1, "accepted"),
        ("slow", 2, "accepted"),
        ("bad", 1, "rejected"),
    ] {
        let mut take = |kind: &str, body: Value| {
            at += 1_000;
            cases.take(id, Timestamp(at), kind, &body);
        };
        take(
            "started",
            json!({ "workflow": { "name": "w", "version": "1" } }),
        );
        for _ in 0..rounds {
            for state in ["implement", "review"] {
                take("step", step(state));
                take("hand_in", hand_in(state));
            }
        }
        take("step", json!({ "configuration": [end] }));
        take("ended", json!({ "status": "done" }));
    }
    let spent = |version: &str, instance: &str, usd: &str| Cost {
        version: Some(version.into()),
        instance: Some(instance.into()),
        ..model_call("coder", "s", Some(usd), 1)
    };
    let costs = [
        spent("1", "slow", "0.30"),
        spent("1", "bad", "0.10"),
        spent("2", "good", "0.05"),
        spent("2", "good", "0.02"),
        spent("2", "of another house", "9"),
        model_call("coder", "s", Some("9"), 1),
    ];
    let mut comparison = Comparison::by(Dimension::Version, Some("w".into()), Filter::default());
    for record in records(&costs) {
        comparison.add(&record.entry(), &cases);
    }
    let comparison = comparison.rate(&cases, &Accepted::Usual);
    let [two, one] = &comparison.rows[..] else {
        panic!("{:?}", comparison.rows);
    };
    assert_eq!((&*two.name, &*one.name), ("coder 2", "coder 1"));
    assert_eq!(
        (two.first_pass_yield(), one.first_pass_yield()),
        (Some(1.0), Some(0.0))
    );
    assert_eq!((one.accepted, one.ended, one.rework), (1, 2, 1));
    assert_eq!(
        (one.median_cycle_ms(), two.median_cycle_ms()),
        (Some(10_000), Some(6_000))
    );
    assert_eq!(one.usd_per_accepted(), Some("0.4".parse().unwrap()));
    assert_eq!(two.usd_per_accepted(), Some("0.07".parse().unwrap()));
    let table = comparison.render();
    assert!(
        table.contains("coder 1: accepted 1×, rejected 1×"),
        "{table}"
    );
    assert!(
        table.lines().all(|line| line.chars().count() <= 100),
        "{table}"
    );
    let json = serde_json::to_value(&comparison).unwrap();
    assert_eq!(json["rows"][0]["usd_per_accepted"], "0.07");
    // What people did by themselves is on the workflow's account too.
    let by_hand = Comparison::by(Dimension::Workflow, None, Filter::default());
    let by_hand = by_hand.rate(&cases, &Accepted::Usual);
    assert_eq!(
        (&*by_hand.rows[0].name, by_hand.rows[0].instances),
        ("w 1", 3)
    );
}

#[test]
fn a_comparison_says_what_its_marks_mean_and_carries_them_on() {
    let mut cases = Cases::default();
    let began = json!({ "workflow": { "name": "w", "version": "1" } });
    for (kind, body) in [
        ("started", began),
        ("step", json!({ "configuration": ["accepted"] })),
        ("ended", json!({ "status": "done" })),
    ] {
        cases.take("i", Timestamp(0), kind, &body);
    }
    let on_it = |cost: Cost| Cost {
        instance: Some("i".into()),
        ..cost
    };
    let euro = types::Paid {
        amount: Decimal::ONE,
        currency: Currency::parse("EUR").unwrap(),
        rate: None,
    };
    let costs = [
        on_it(model_call("a", "s", Some("0.5"), 1)),
        on_it(model_call("a", "s", None, 1)),
        on_it(Cost {
            paid: Some(euro),
            ..model_call("a", "s", None, 1)
        }),
    ];
    let mut comparison = Comparison::by(Dimension::Agent, None, Filter::default());
    for record in records(&costs) {
        comparison.add(&record.entry(), &cases);
    }
    comparison.unreadable = 2;
    let table = comparison.rate(&cases, &Accepted::Usual).render();
    assert_eq!(table.matches("0.5000*+").count(), 2, "{table}");
    for note in [
        "* without 1 model call",
        "+ and EUR 1,",
        "! 2 cost records are in no sum",
    ] {
        assert!(table.contains(note), "no `{note}` in {table}");
    }
}

#[test]
fn what_nobody_reported_is_counted_with_what_it_cost() {
    let guessed = Cost {
        estimated: true,
        ..model_call("a", "s", Some("0.25"), 10)
    };
    let report = report(
        &[model_call("a", "s", Some("1"), 10), guessed],
        &[Dimension::Agent],
    );
    let json = serde_json::to_value(&report).unwrap();
    let estimated = json!({ "calls": 1, "usd": "0.25" });
    assert_eq!(json["rows"][0]["estimated"], estimated);
    assert_eq!(json["total"]["estimated"], estimated);
    let csv = report.csv();
    assert!(csv.contains(",estimated,estimated_usd\r\n"), "{csv}");
    assert!(csv.ends_with(",1,0.25\r\n"), "{csv}");
    let table = report.render();
    let note = "tokens of 1 model call are estimated, because nobody reported them: USD 0.2500";
    assert!(table.contains(note), "{table}");
}

#[test]
fn dimensions_are_read_as_they_are_written() {
    for dimension in Dimension::ALL {
        assert_eq!(dimension.as_str().parse(), Ok(dimension));
    }
    assert_eq!(
        "agents".parse::<Dimension>().unwrap_err().to_string(),
        "`agents` is nothing that costs are counted by: use one of agent, version, revision, role, workflow, instance, state, tool, plugin, generation, model, provider, run, purpose, day"
    );
}

fn any_cost() -> impl Strategy<Value = Cost> {
    let name = || prop::sample::select(vec!["a", "b", "", "(none)", "=1", "a\u{1f}b"]);
    let maybe = move || prop::option::of(name());
    let amount = || prop_oneof![Just(0u64), 0..1_000_000u64, Just(u64::MAX / 64)];
    let usd = prop::option::of((-1_000_000i64..1_000_000_000, 0u32..20));
    let paid = prop::option::of((0i64..1_000_000_000, 0u32..15, any::<bool>()));
    let purpose = prop::sample::select(Purpose::ALL.to_vec());
    let joules = prop::option::of((
        0u64..1_000_000_000,
        prop::sample::select(vec![How::Measured, How::Reported, How::Estimated]),
    ));
    let names = (
        name(),
        maybe(),
        maybe(),
        maybe(),
        maybe(),
        name(),
        name(),
        maybe(),
        any::<bool>(),
    );
    let amounts = (amount(), amount(), amount(), amount(), amount());
    (names, purpose, amounts, (usd, paid), joules).prop_map(
        |(names, purpose, amounts, (usd, paid), joules)| {
            let (agent, version, workflow, role, plugin, state, what, by, is_model) = names;
            let (input, output, wall_us, cpu_us, bytes_in) = amounts;
            Cost {
                agent: agent.into(),
                version: version.map(Into::into),
                workflow: workflow.map(Into::into),
                instance: workflow.map(Into::into),
                role: role.map(Into::into),
                state: state.into(),
                tool: (!is_model).then(|| what.into()),
                plugin: plugin.map(Into::into),
                generation: by.map(Into::into),
                model: is_model.then(|| what.into()),
                provider: by.filter(|_| is_model).map(Into::into),
                purpose,
                tokens: Tokens {
                    input,
                    cached: input / 3,
                    cache_write: input / 7,
                    output,
                    reasoning: output / 2,
                },
                usd: usd.map(|(digits, decimals)| Decimal::new(digits, decimals)),
                paid: paid
                    .filter(|_| is_model)
                    .map(|(digits, decimals, yen)| Paid {
                        amount: Decimal::new(digits, decimals),
                        currency: Currency::parse(if yen { "JPY" } else { "EUR" }).unwrap(),
                        rate: None,
                    }),
                wall_us,
                cpu_us,
                fuel: cpu_us / 2,
                bytes_in,
                bytes_out: bytes_in / 5,
                joules: joules.map(|(micro, how)| Joules { micro, how }),
                ..Cost::default()
            }
        },
    )
}

fn any_records(most: usize) -> impl Strategy<Value = Vec<Record>> {
    let record = (
        any_cost(),
        prop::sample::select(vec!["r1", "r2"]),
        0i64..400_000_000,
    );
    prop::collection::vec(record, 0..most).prop_map(|records| {
        let records = records.into_iter().enumerate();
        let records = records.map(|(n, (cost, run, time))| Record {
            seq: n as u64 + 1,
            run: run.into(),
            time,
            cost,
        });
        records.collect()
    })
}

fn any_dimensions() -> impl Strategy<Value = Vec<Dimension>> {
    prop::sample::subsequence(Dimension::ALL.to_vec(), 0..=4).prop_shuffle()
}

/// The sum of a field of the records' JSON, added up by somebody who knows nothing of the ledger.
fn naive(bodies: &[Value], pointer: &str) -> u64 {
    let fields = bodies
        .iter()
        .filter_map(|body| body.pointer(pointer)?.as_u64());
    fields.sum()
}

proptest! {
    #[test]
    fn the_rows_of_any_dimensions_add_up_to_the_same_total(
        records in any_records(40), by in any_dimensions()
    ) {
        let whole = report_of(&records, &[]).total;
        let report = report_of(&records, &by);
        let mut sum = Totals::default();
        report.rows.iter().for_each(|row| sum.add(&row.totals));
        prop_assert_eq!(&sum, &report.total);
        prop_assert_eq!(&sum, &whole);
        prop_assert_eq!(sum.calls, records.len() as u64);
        let names: std::collections::BTreeSet<_> = report.rows.iter().map(|row| &row.names).collect();
        prop_assert_eq!(names.len(), report.rows.len(), "each has one row");
    }

    #[test]
    fn a_naive_recount_of_the_journals_json_comes_to_the_same(records in any_records(40)) {
        let bodies: Vec<Value> = records
            .iter()
            .map(|record| serde_json::from_str(&serde_json::to_string(&record.cost).unwrap()).unwrap())
            .collect();
        let total = report_of(&records, &[Dimension::Day, Dimension::Agent]).total;
        prop_assert_eq!(total.tokens.input, naive(&bodies, "/tokens/input"));
        prop_assert_eq!(total.tokens.cached, naive(&bodies, "/tokens/cached"));
        prop_assert_eq!(total.tokens.cache_write, naive(&bodies, "/tokens/cache_write"));
        prop_assert_eq!(total.tokens.output, naive(&bodies, "/tokens/output"));
        prop_assert_eq!(total.wall_us, naive(&bodies, "/wall_us"));
        prop_assert_eq!(total.cpu_us, naive(&bodies, "/cpu_us"));
        prop_assert_eq!(total.fuel, naive(&bodies, "/fuel"));
        prop_assert_eq!(total.bytes_in, naive(&bodies, "/bytes_in"));
        prop_assert_eq!(total.bytes_out, naive(&bodies, "/bytes_out"));
        let mut usd = Decimal::ZERO;
        let mut others: BTreeMap<String, Decimal> = BTreeMap::new();
        let (mut unpriced, mut joules, mut weakest) = (0, 0.0, None);
        for body in &bodies {
            let amount = |pointer: &str| -> Option<Decimal> {
                Some(body.pointer(pointer)?.as_str()?.parse::<Decimal>().unwrap().round_dp(12))
            };
            match (amount("/usd"), amount("/paid/amount")) {
                (Some(dollars), _) => usd += dollars,
                (None, Some(other)) => {
                    let currency = body["paid"]["currency"].as_str().unwrap().to_owned();
                    *others.entry(currency).or_default() += other;
                }
                (None, None) => unpriced += u64::from(body.get("model").is_some()),
            }
            if let Some(energy) = body.get("joules") {
                joules += energy["value"].as_f64().unwrap();
                let rank = ["measured", "reported", "estimated"].iter().position(|how| energy["how"] == *how);
                weakest = weakest.max(rank);
            }
        }
        prop_assert_eq!(total.usd, usd);
        prop_assert_eq!(total.unpriced, unpriced);
        let told: BTreeMap<String, Decimal> =
            total.other.iter().map(|(currency, amount)| (currency.to_string(), *amount)).collect();
        prop_assert_eq!(told, others);
        let value = total.joules.map_or(0.0, Joules::value);
        prop_assert!((value - joules).abs() <= 1e-6 * (1.0 + joules), "{} {}", value, joules);
        prop_assert_eq!(total.joules.map(|joules| joules.how as usize), weakest);
    }

    #[test]
    fn the_order_of_the_records_does_not_matter(records in any_records(20), by in any_dimensions()) {
        let reversed: Vec<Record> = records.iter().rev().cloned().collect();
        prop_assert_eq!(report_of(&records, &by), report_of(&reversed, &by));
    }

    #[test]
    fn what_two_filters_split_comes_to_the_same_together(records in any_records(30), at in 0i64..400_000_000) {
        let split = |since, until| {
            let mut ledger = Ledger::by(&[], Filter { since, until, only: Vec::new() });
            records.iter().for_each(|record| { ledger.add(&record.entry()); });
            ledger.total()
        };
        let mut both = split(None, Some(Timestamp(at)));
        both.add(&split(Some(Timestamp(at)), None));
        prop_assert_eq!(both, report_of(&records, &[]).total);
    }

    #[test]
    fn a_table_fits_its_columns(records in any_records(20), two in any::<bool>()) {
        let by = [Dimension::Agent, Dimension::Purpose];
        let table = report_of(&records, &by[..=usize::from(two)]).render();
        let rule = |line: &&str| line.starts_with('─');
        // What follows the total are notes in words.
        let lines: Vec<&str> = table.lines().collect();
        let end = lines.iter().rposition(rule).map_or(0, |rule| rule + 2);
        let widths: Vec<usize> = lines[..end].iter().map(|line| line.chars().count()).collect();
        prop_assert!(widths.iter().all(|width| *width <= 110), "{}", table);
        prop_assert!(widths.iter().all(|width| *width == widths[0]), "{}", table);
    }

    #[test]
    fn a_spreadsheet_finds_as_many_cells_in_each_line_and_no_formula(records in any_records(20)) {
        let report = report_of(&records, &[Dimension::Agent, Dimension::State]);
        let text = report.csv();
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        prop_assert_eq!(lines.len(), report.rows.len() + 1);
        for line in lines {
            let cells = cells_of(line);
            prop_assert_eq!(cells.len(), 22, "{}", line);
            for cell in cells {
                let number = cell.parse::<f64>().is_ok();
                prop_assert!(number || !cell.starts_with(['=', '+', '-', '@']), "{}", cell);
            }
        }
    }
}

/// A line as RFC 4180 reads it.
fn cells_of(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match (c, quoted) {
            ('"', _) => quoted = !quoted,
            (',', false) => cells.push(String::new()),
            (c, _) => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}
