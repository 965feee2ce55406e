//! What a report promises: its shape, its order, and that nothing is lost between its rows.

use super::*;
use proptest::prelude::*;
use rust_decimal::Decimal;
use types::Tokens;

fn model_call(agent: &str, state: &str, usd: Option<&str>, input: u64) -> Cost {
    Cost {
        agent: agent.into(),
        workflow: None,
        state: state.into(),
        tool: None,
        model: Some("qwen3".into()),
        purpose: Purpose::Work,
        tokens: Tokens {
            input,
            cached: input / 2,
            cache_write: 0,
            output: 10,
            reasoning: 3,
        },
        expected_cached: 0,
        usd: usd.map(|text| text.parse().unwrap()),
        wall_us: 1_500_000,
        fuel: 0,
        estimated: false,
        ..Cost::default()
    }
}

fn tool_call(agent: &str, state: &str, tool: &str) -> Cost {
    Cost {
        tool: Some(tool.into()),
        model: None,
        tokens: Tokens::default(),
        wall_us: 42,
        fuel: 1_000,
        estimated: false,
        ..model_call(agent, state, None, 0)
    }
}

fn ledger(costs: &[Cost]) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.extend(costs);
    ledger
}

#[test]
fn the_json_is_the_contract() {
    let ledger = ledger(&[
        model_call("coder", "act", Some("0.0100"), 100),
        model_call("coder", "act", None, 50),
        tool_call("coder", "act", "fs.read"),
    ]);
    let json = |dimension| serde_json::to_string(&ledger.report(dimension)).unwrap();
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
        serde_json::to_string(&Ledger::default().report(Dimension::Model)).unwrap(),
        r#"{"rows":[],"total":{"calls":0,"tokens":{"input":0,"cached":0,"output":0,"reasoning":0},"usd":"0","wall_ms":0,"joules":{"value":null,"how":"not measured"}}}"#
    );
}

#[test]
fn the_dearest_comes_first_then_tokens_then_calls_then_the_name() {
    let ledger = ledger(&[
        model_call("b", "few tokens", Some("0.01"), 10),
        model_call("b", "many tokens", Some("0.010"), 900),
        model_call("b", "dear", Some("2"), 1),
        tool_call("b", "z", "x"),
        tool_call("b", "y", "x"),
        tool_call("b", "two calls", "x"),
        tool_call("b", "two calls", "x"),
    ]);
    let report = ledger.report(Dimension::State);
    let names: Vec<&str> = report.rows.iter().map(|row| &*row.name).collect();
    assert_eq!(
        names,
        ["dear", "many tokens", "few tokens", "two calls", "y", "z"]
    );
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
    assert_eq!(ledger(&costs).report(Dimension::State).render(), expected);
    costs.truncate(1);
    assert!(
        !ledger(&costs)
            .report(Dimension::State)
            .render()
            .contains('*')
    );
    assert_eq!(
        Ledger::default().report(Dimension::Agent).render(),
        "Nothing has been spent yet.\n"
    );
}

#[test]
fn dimensions_are_read_as_they_are_written() {
    for dimension in Dimension::ALL {
        assert_eq!(dimension.as_str().parse(), Ok(dimension));
    }
    assert_eq!(
        "agents".parse::<Dimension>().unwrap_err().to_string(),
        "`agents` is nothing that costs are counted by: use one of agent, workflow, state, tool, purpose, model"
    );
}

fn any_cost() -> impl Strategy<Value = Cost> {
    let name = || prop::sample::select(vec!["a", "b", "", "(none)"]);
    let amount = prop_oneof![Just(0u64), 0..1_000_000u64, Just(u64::MAX)];
    let usd = prop::option::of((-1_000_000i64..1_000_000_000, 0u32..20));
    let purpose = prop::sample::select(vec![
        Purpose::Work,
        Purpose::Consolidation,
        Purpose::Summary,
        Purpose::Improvement,
    ]);
    let names = (
        name(),
        prop::option::of(name()),
        name(),
        name(),
        any::<bool>(),
    );
    (
        names,
        purpose,
        (amount.clone(), amount.clone(), amount),
        usd,
    )
        .prop_map(
            |((agent, workflow, state, what, is_model), purpose, (input, output, wall_us), usd)| {
                Cost {
                    agent: agent.into(),
                    workflow: workflow.map(Into::into),
                    state: state.into(),
                    tool: (!is_model).then(|| what.into()),
                    model: is_model.then(|| what.into()),
                    purpose,
                    tokens: Tokens {
                        input,
                        cached: input / 3,
                        cache_write: 0,
                        output,
                        reasoning: output / 2,
                    },
                    expected_cached: 0,
                    usd: usd.map(|(digits, decimals)| Decimal::new(digits, decimals)),
                    wall_us,
                    fuel: 0,
                    estimated: false,
                    ..Cost::default()
                }
            },
        )
}

proptest! {
    #[test]
    fn the_rows_of_every_dimension_add_up_to_the_same_total(costs in prop::collection::vec(any_cost(), 0..40)) {
        let ledger = ledger(&costs);
        for dimension in Dimension::ALL {
            let report = ledger.report(dimension);
            let mut sum = Totals::default();
            report.rows.iter().for_each(|row| sum.add(&row.totals));
            prop_assert_eq!(sum, report.total);
            prop_assert_eq!(report.total.calls, costs.len() as u64);
        }
    }

    #[test]
    fn the_order_of_the_records_does_not_matter(costs in prop::collection::vec(any_cost(), 0..20)) {
        let reversed: Vec<Cost> = costs.iter().rev().cloned().collect();
        prop_assert_eq!(ledger(&costs), ledger(&reversed));
    }

    #[test]
    fn a_table_fits_its_columns(costs in prop::collection::vec(any_cost(), 0..20)) {
        for line in ledger(&costs).report(Dimension::Agent).render().lines() {
            prop_assert!(line.chars().count() <= 100, "{}", line);
        }
    }
}
