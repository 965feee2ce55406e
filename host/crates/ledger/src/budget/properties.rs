//! What budgets promise, for whatever is asked in whatever order, and that every limit is one.

use super::*;
use proptest::prelude::*;
use rust_decimal::Decimal;
use types::{LOW, Limit, Measure, Place, Purpose, Timestamp, Window};

const DAY: i64 = 86_400_000;

fn line(whose: Whose, measure: Measure, window: Window, most: u64) -> Line {
    Line {
        within: match window {
            Window::Run => Some("r".into()),
            Window::Instance => Some("i".into()),
            Window::Day | Window::Month => None,
        },
        whose,
        limit: Limit {
            measure,
            window,
            purpose: None,
            most: most.into(),
            low: LOW,
            place: Place::new("agents/a.yaml", 7, 3),
        },
    }
}

fn all(n: u64) -> Sum {
    Sum {
        usd: n.into(),
        tokens: n,
        joules: n.into(),
        calls: n,
        unpriced: 0,
    }
}

fn entry(run: &str, agent: &str, time: i64, sum: Sum) -> Entry {
    Entry {
        run: run.into(),
        time: Timestamp(time),
        expense: Expense {
            account: Account {
                agent: agent.into(),
                workflow: Some("w".into()),
                role: Some("maker".into()),
                purpose: Purpose::Work,
            },
            instance: Some("i".into()),
            sum,
        },
    }
}

fn expected(sure: u64, at_most: u64) -> Expected {
    Expected {
        sure: all(sure),
        at_most: all(at_most),
        unpriced: None,
    }
}

fn everybody() -> Vec<Whose> {
    vec![
        Whose::House,
        Whose::Agent("a".into()),
        Whose::Workflow("w".into()),
        Whose::Role {
            workflow: "w".into(),
            role: "maker".into(),
        },
        Whose::Given,
    ]
}

#[test]
fn what_has_no_price_is_refused_where_money_is_limited_and_nowhere_else() {
    let unpriced = Expected {
        unpriced: Some("m".into()),
        ..Expected::default()
    };
    let books = Books::default();
    for (key, measure) in [
        ("tokens", Measure::Tokens),
        ("calls", Measure::Calls),
        ("usd", Measure::Usd),
    ] {
        let lines = [line(Whose::House, measure, Window::Day, 5)];
        match books.admit(&lines, &unpriced, Timestamp(0)) {
            Admission::Exhausted(exhausted) => {
                assert_eq!(
                    (measure, exhausted.unpriced.as_deref()),
                    (Measure::Usd, Some("m"))
                );
            }
            Admission::Granted { .. } => assert_ne!(measure, Measure::Usd, "{key}"),
            Admission::Busy => panic!("nothing is under way"),
        }
        let stated = books.admit(&lines, &Expected::default(), Timestamp(0));
        assert!(matches!(stated, Admission::Granted { .. }), "{key}");
    }
}

#[test]
fn every_limit_of_everybody_is_reached_and_says_which_it_is() {
    for whose in everybody() {
        for measure in Measure::ALL {
            for window in [Window::Run, Window::Instance, Window::Day, Window::Month] {
                let line = line(whose.clone(), measure, window, 10);
                let lines = [line.clone()];
                let mut books = Books::default();
                let now = Timestamp(40 * DAY);
                books.book(entry("r", "a", now.0, all(7)));
                let granted = Admission::Granted { low: vec![] };
                assert_eq!(books.admit(&lines, &expected(1, 1), now), granted);
                books.book(entry("r.1", "a", now.0, all(1)));
                let low = Admission::Granted {
                    low: lines.to_vec(),
                };
                assert_eq!(books.admit(&lines, &expected(2, 2), now), low, "{line:?}");
                let refused = books.admit(&lines, &expected(3, 3), now);
                let Admission::Exhausted(refused) = refused else {
                    panic!("{line:?} lets 8 + 3 pass: {refused:?}");
                };
                assert_eq!(refused.spent, 8.into());
                assert_eq!(refused.expected, 3.into());
                assert_eq!(refused.line.at(), "agents/a.yaml:7");
                books.book(entry("r", "a", now.0, all(2)));
                let reached = books.admit(&lines, &Expected::default(), now);
                assert!(matches!(reached, Admission::Exhausted(_)), "{line:?}");
            }
        }
    }
}

#[test]
fn a_limit_counts_its_own_and_no_others() {
    let mut books = Books::default();
    let mut other = entry("other", "b", 0, all(100));
    other.expense.account.workflow = Some("v".into());
    other.expense.instance = Some("j".into());
    books.book(other.clone());
    books.begin(other);
    for whose in everybody().into_iter().skip(1) {
        for window in [Window::Run, Window::Instance, Window::Day] {
            if whose == Whose::Given && window == Window::Day {
                continue;
            }
            let lines = [line(whose.clone(), Measure::Usd, window, 10)];
            let granted = books.admit(&lines, &expected(10, 10), Timestamp(0));
            assert_eq!(granted, Admission::Granted { low: vec![] }, "{lines:?}");
        }
    }
    let house = [line(Whose::House, Measure::Usd, Window::Day, 10)];
    let said = books.admit(&house, &Expected::default(), Timestamp(0));
    assert!(matches!(said, Admission::Exhausted(_)));
    let mut summary = house;
    summary[0].limit.purpose = Some(Purpose::Summary);
    let granted = books.admit(&summary, &expected(10, 10), Timestamp(0));
    assert_eq!(granted, Admission::Granted { low: vec![] });
}

#[test]
fn midnight_and_the_first_of_a_month_begin_anew() {
    let mut books = Books::default();
    // 1970-01-31, its last millisecond.
    let end = 31 * DAY - 1;
    books.book(entry("r", "a", end, all(10)));
    let is_reached = |books: &Books, window, time| {
        let lines = [line(Whose::House, Measure::Usd, window, 10)];
        let said = books.admit(&lines, &expected(1, 1), Timestamp(time));
        matches!(said, Admission::Exhausted(_))
    };
    assert!(is_reached(&books, Window::Day, end));
    assert!(!is_reached(&books, Window::Day, end + 1));
    assert!(is_reached(&books, Window::Month, end));
    assert!(!is_reached(&books, Window::Month, end + 1));
    assert!(is_reached(&books, Window::Run, end + 1));
    // A clock that is set back finds the day as it left it.
    books.book(entry("r", "a", end + 1, all(10)));
    assert!(is_reached(&books, Window::Day, end + 1));
    assert!(is_reached(&books, Window::Day, end));
}

#[test]
fn what_never_came_on_the_record_is_forgotten_with_its_run() {
    let mut books = Books::default();
    let lines = [line(Whose::House, Measure::Calls, Window::Day, 2)];
    books.book(entry("r", "a", 0, all(1)));
    books.book(entry("r", "a", 0, all(1)));
    let on_record = entry("r", "a", 0, all(1));
    books.settle("r", 1);
    books
        .settled
        .add(9, "r", on_record.time, &on_record.expense);
    books.begin(entry("r", "a", 0, all(1)));
    books.forget("r");
    let period = lines[0].period(Timestamp(0));
    assert_eq!(books.spent(&lines[0], &period).calls, 1);
    assert_eq!(books.settled.upto, 9);
    let granted = books.admit(&lines, &expected(1, 1), Timestamp(0));
    assert!(matches!(granted, Admission::Granted { .. }));
}

#[test]
fn what_a_component_asked_for_is_spent_before_it_is_booked_and_keeps_nobody_waiting() {
    let mut books = Books::default();
    let lines = [line(Whose::House, Measure::Usd, Window::Day, 10)];
    let ticket = books.begin(entry("r", "a", 0, all(9)));
    let said = books.admit(&lines, &expected(2, 2), Timestamp(0));
    assert_eq!(said, Admission::Busy, "it may come to less");
    books.came_to(ticket, all(9));
    let said = books.admit(&lines, &expected(2, 2), Timestamp(0));
    assert!(
        matches!(said, Admission::Exhausted(_)),
        "nothing will change that: {said:?}"
    );
    books.over(ticket);
    books.book(entry("r", "a", 0, all(9)));
    let period = lines[0].period(Timestamp(0));
    assert_eq!(
        books.spent(&lines[0], &period).usd,
        9.into(),
        "and not twice"
    );
}

proptest! {
    /// However calls overlap, whatever they come to: no more is ever spent than the limit and what the answer of one call may add.
    #[test]
    fn no_more_is_spent_than_the_limit_and_one_answer(
        most in 1u64..200,
        calls in prop::collection::vec((0u64..40, 0u64..40, 0u64..=100, 0usize..4), 1..80),
    ) {
        let lines = [
            line(Whose::House, Measure::Usd, Window::Day, most),
            line(Whose::House, Measure::Tokens, Window::Month, most),
        ];
        let mut books = Books::default();
        let mut under_way = Vec::new();
        let mut overshoot = 0;
        let mut seq = 0;
        let mut booked: Vec<(String, Entry)> = Vec::new();
        let mut finish = |books: &mut Books, (ticket, run, came_to): (u64, String, u64)| {
            books.over(ticket);
            let entry = entry(&run, &run, 0, all(came_to));
            books.book(entry.clone());
            booked.push((run.clone(), entry));
            seq += 1;
            if seq % 2 == 0 {
                // The first of its run goes on the record.
                let first = booked.iter().position(|(of, _)| *of == run).unwrap_or(0);
                let (_, entry) = booked.remove(first);
                books.settle(&run, 1);
                books.settled.add(seq, &run, entry.time, &entry.expense);
            }
        };
        for (n, (sure, extra, share, ends)) in calls.into_iter().enumerate() {
            let at_most = sure + extra;
            let admitted = books.admit(&lines, &expected(sure, at_most), Timestamp(0));
            if let Admission::Granted { .. } = admitted {
                overshoot = overshoot.max(extra);
                let run = format!("run{}", n % 3);
                let ticket = books.begin(entry(&run, &run, 0, all(at_most)));
                under_way.push((ticket, run, at_most * share / 100));
            } else if under_way.is_empty() {
                prop_assert!(admitted != Admission::Busy, "nobody would ever say that it may go on");
            }
            for _ in 0..ends {
                if let Some(call) = under_way.pop() {
                    finish(&mut books, call);
                }
            }
        }
        for call in under_way.drain(..) {
            finish(&mut books, call);
        }
        for line in &lines {
            let spent = books.spent(line, &line.period(Timestamp(0))).of(line.limit.measure);
            prop_assert!(spent <= Decimal::from(most + overshoot), "{spent} of {most} + {overshoot}");
        }
    }
}
