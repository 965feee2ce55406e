//! What expressions mean, as tables: text, then the value or a piece of the complaint.

use super::*;
use crate::queue::{EventKind, Queued};
use crate::set::StateSet;
use crate::{Mode, StateId};
use std::collections::HashMap;
use std::sync::Arc;
use types::Value;

struct World {
    data: DataNames,
    values: Vec<Value>,
    states: HashMap<Arc<str>, StateId>,
    active: StateSet,
    event: Queued,
}

fn world() -> World {
    let entries = [
        ("n", Value::Int(3)),
        ("x", Value::Float(1.5)),
        ("t", Value::text("héllo")),
        ("l", Value::list([1, 2, 3].map(Value::Int))),
        (
            "m",
            Value::map([
                ("a", Value::Int(1)),
                ("deep", Value::map([("b", Value::text("c"))])),
            ]),
        ),
        ("yes", Value::Bool(true)),
        ("any", Value::Null),
    ];
    let kind = |value: &Value| match value {
        Value::Null => Type::Dynamic,
        value => Type::of(value),
    };
    let mut active = StateSet::with_room(3);
    active.insert(StateId::new(1));
    World {
        data: entries
            .iter()
            .map(|(name, value)| {
                (
                    (*name).into(),
                    DataName {
                        kind: kind(value),
                        maybe: false,
                    },
                )
            })
            .collect(),
        values: entries.into_iter().map(|(_, value)| value).collect(),
        states: [("review", 1), ("done", 2)]
            .map(|(id, n)| (id.into(), StateId::new(n)))
            .into(),
        active,
        event: Queued::new(
            EventKind::External,
            "turn.done".into(),
            Value::map([("ok", Value::Bool(true)), ("k", Value::Int(2))]),
            77,
        ),
    }
}

impl World {
    fn compile(&self, text: &str, mode: Mode) -> Result<(Expr, Type), Vec<Problem>> {
        compile(
            text,
            &Names {
                mode,
                data: &self.data,
                states: &self.states,
            },
        )
    }

    fn scope<'a>(&'a self, text: &'a Arc<str>, loose: bool) -> Scope<'a> {
        Scope {
            data: &self.values,
            missing: &[],
            active: &self.active,
            event: Some((&self.event).into()),
            now: 77,
            session: text,
            name: text,
            loose,
            locals: None,
        }
    }

    /// The value as JSON, or `load:` or `run:` with the complaint.
    fn answer(&self, text: &str, mode: Mode) -> String {
        let (expr, _) = match self.compile(text, mode) {
            Ok(compiled) => compiled,
            Err(problems) => {
                let all = problems
                    .iter()
                    .map(|p| format!("{} {}", p.offset, p.message));
                return format!("load: {}", all.collect::<Vec<_>>().join("; "));
            }
        };
        let name = "here".into();
        let scope = self.scope(&name, mode == Mode::Deferred);
        match expr.evaluate(&scope) {
            Ok(value) => value.to_string(),
            Err(error) => format!("run: {error}"),
        }
    }
}

#[track_caller]
fn check(mode: Mode, cases: &[(&str, &str)]) {
    let world = world();
    for (text, expected) in cases {
        assert_eq!(&world.answer(text, mode), expected, "{text}");
    }
}

#[test]
fn values_and_operators() {
    check(
        Mode::Strict,
        &[
            ("1 + 2 * 3 - 4 / 2", "5"),
            ("-7 / 2", "-3"),
            ("-7 % 3", "-1"),
            ("(1 + 2) * 3", "9"),
            ("1.5 * 2", "3.0"),
            ("data.n + data.x", "4.5"),
            ("0x1f", "31"),
            ("1e3", "1000.0"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("'a' + \"b\\n\" + r'\\d'", r#""ab\n\\d""#),
            ("[1, 2] + [3,]", "[1,2,3]"),
            ("{'a': 1, 'b': [2]}", r#"{"a":1,"b":[2]}"#),
            ("data.m.deep.b", "\"c\""),
            ("data['n'] + data.m['a'] + data.l[2]", "7"),
            ("2 in data.l && !('z' in data.m) && 'a' in data.m", "true"),
            ("data.n > 2 ? 'many' : 'few'", "\"many\""),
            (
                "1 == 1.0 && 1 < 1.5 && 9007199254740993 > 9007199254740992.0",
                "true",
            ),
            (
                "'a' < 'b' && [1, 2] == [1, 2.0] && {'a': 1} != {'a': 2}",
                "true",
            ),
            (
                "event.name == 'turn.done' && event.data.ok && event.time == 77",
                "true",
            ),
            ("In('review') && !In('done')", "true"),
            ("data.any == null", "true"),
            ("!true || !!true", "true"),
        ],
    );
}

#[test]
fn functions() {
    check(
        Mode::Strict,
        &[
            ("size(data.t) + data.l.size() + size(data.m)", "10"),
            (
                "data.t.contains('llo') && data.t.startsWith('h') && data.t.endsWith('o')",
                "true",
            ),
            ("data.t.matches('^h.*o$') && matches(data.t, 'l+')", "true"),
            ("int('42') + int(2.9) + int(-2.9)", "42"),
            ("double('1.5') + double(1)", "2.5"),
            ("string(1) + string(1.5) + string(true)", "\"11.5true\""),
            ("duration('1h30m')", "5400000"),
            (
                "has(event.data.ok) && !has(event.data.nothing.below) && has(data.n)",
                "true",
            ),
            ("int('x')", "run: 'x' is not a whole number"),
            (
                "int(1e30)",
                "run: 1000000000000000000000000000000 does not fit into an int",
            ),
            ("duration('5')", "run: the duration `5` has no unit"),
        ],
    );
}

#[test]
fn what_goes_wrong_at_run_time_is_an_error_and_never_wraps() {
    check(
        Mode::Strict,
        &[
            (
                "9223372036854775807 + data.n",
                "run: the whole number would overflow 64 bits",
            ),
            ("data.n / 0", "run: division by zero"),
            ("data.n % 0", "run: division by zero"),
            ("data.x / 0.0", "run: `/` yields no finite number"),
            ("1e308 * 10.0", "run: `*` yields no finite number"),
            ("data.l[3]", "run: the index 3 is outside a list of 3"),
            ("data.l[-1]", "run: the index -1 is outside a list of 3"),
            ("event.data.none", "run: there is no entry `none`"),
            ("event.data.k.x", "run: `.x` needs a map, not int"),
            (
                "event.data.k && true",
                "run: a condition must be true or false, not int",
            ),
            ("event.data + 1", "run: `+` does not take map and int"),
            ("{'a': 1, 'a': 2}", "run: the key `a` stands twice in a map"),
        ],
    );
}

#[test]
fn an_error_does_not_matter_where_the_other_side_decides() {
    check(
        Mode::Strict,
        &[
            ("event.data.none || true", "true"),
            ("true || event.data.none", "true"),
            ("event.data.none && false", "false"),
            ("event.data.none || false", "run: there is no entry `none`"),
            ("event.data.none && true", "run: there is no entry `none`"),
            ("true ? 1 : event.data.none", "1"),
        ],
    );
}

#[test]
fn what_can_be_known_is_said_when_the_chart_loads() {
    check(
        Mode::Strict,
        &[
            ("data.rounds", "load: 5 the chart's data has no `rounds`"),
            ("n > 1", "load: 0 `n` is not a name here"),
            ("data.n + 'x'", "load: 0 `+` does not take int and string"),
            ("1 == 'x'", "load: 0 int and string can never be equal"),
            (
                "data.n && true",
                "load: 5 `&&` needs true or false, and this is int",
            ),
            ("In('revew')", "load: 3 there is no state `revew`"),
            (
                "In(data.t)",
                "load: 8 In() takes the id of a state as a text",
            ),
            ("event.changed", "load: 6 an event has no `changed`"),
            ("data", "load: 0 `data` is not a value by itself"),
            ("foo(1)", "load: 0 there is no function `foo`"),
            (
                "data.t.size(1)",
                "load: 7 size() takes 0 argument(s), not 1",
            ),
            (
                "contains(data.t, 'x')",
                "load: 0 there is no function `contains`",
            ),
            (
                "data.t.matches('(')",
                "load: 15 the pattern cannot be compiled: unclosed group",
            ),
            (
                "data.t.matches(data.t)",
                "load: 20 the pattern of matches() must be a fixed text",
            ),
            ("data.n.x", "load: 7 `.x` needs a map, and this is int"),
            (
                "data.a + data.b",
                "load: 5 the chart's data has no `a`; 14 the chart's data has no `b`",
            ),
            ("data.n >", "load: 8 a value is expected here, not the end"),
            ("data.n = 1", "load: 7 `=` means nothing here"),
            ("'abc", "load: 0 this text does not end"),
            ("1 2", "load: 2 `2` is not expected here"),
            ("10m", "load: 2 `m` cannot follow the number `10`"),
            ("", "load: 0 the expression is empty"),
            (
                "99999999999999999999",
                "load: 0 `99999999999999999999` is too large for a whole number of 64 bits",
            ),
        ],
    );
}

#[test]
fn suites_hear_of_it_when_it_is_evaluated() {
    check(
        Mode::Deferred,
        &[
            ("n + 1", "4"),
            ("nosuch > 1", "run: the chart's data has no `nosuch`"),
            ("foo.bar.baz", "run: the chart's data has no `foo`"),
            ("return", "run: the chart's data has no `return`"),
            ("= 1", "run: `=` means nothing here"),
            ("1 / 0", "run: division by zero"),
            (
                "defined(n) && !defined(nosuch) && !defined(_event.sendid)",
                "true",
            ),
            ("{p1: 'v1', 'p2': 2}", r#"{"p1":"v1","p2":2}"#),
            ("'b, x:' + n", "\"b, x:3\""),
            (
                "_event.name + _event.type + _sessionid",
                "\"turn.doneexternalhere\"",
            ),
            (
                "_ioprocessors['scxml'].location + _ioprocessors['http://www.w3.org/TR/scxml/#SCXMLEventProcessor'].location",
                "\"#_scxml_here#_scxml_here\"",
            ),
            ("In('nowhere')", "run: there is no state `nowhere`"),
            (
                "JSON.stringify(_event)",
                "run: there is no function `stringify`",
            ),
        ],
    );
}

#[test]
fn macros() {
    check(
        Mode::Strict,
        &[
            (
                "data.l.exists(x, x > 2) && !data.l.exists(x, x > 3)",
                "true",
            ),
            (
                "data.l.all(x, x > 0) && [].all(x, false) && ![].exists(x, true)",
                "true",
            ),
            (
                "data.l.exists_one(x, x == 2) && !data.l.exists_one(x, x > 1)",
                "true",
            ),
            ("data.l.filter(x, x % 2 == 1)", "[1,3]"),
            ("data.l.map(x, x * data.n)", "[3,6,9]"),
            ("data.l.map(x, x > 1, [x])", "[[2],[3]]"),
            ("data.m.map(k, k)", r#"["a","deep"]"#),
            ("data.l.map(x, data.l.filter(y, y < x))", "[[],[1],[1,2]]"),
            ("data.l.map(x, data.l.map(x, x)[0] + x)", "[2,3,4]"),
            ("data.l.exists(x, [1, 0].exists(y, x / y == 3))", "true"),
            ("[0, 1].all(x, 1 / x > 5)", "false"),
            ("[0, 1].exists(x, 1 / x > 5)", "run: division by zero"),
            ("[0].exists_one(x, 1 / x > 5)", "run: division by zero"),
            (
                "data.l.filter(x, has(event.data.ok) && x == event.data.k)",
                "[2]",
            ),
            ("event.data.list.map(x, x)", "run: there is no entry `list`"),
            ("event.data.k.map(x, x)", "run: map() does not take int"),
            ("data.n.map(x, x)", "load: 5 map() does not take int"),
            (
                "data.l.map(1, 2)",
                "load: 11 the first argument of map() is a name for the item",
            ),
            (
                "data.l.all(x)",
                "load: 7 all() takes a name and an expression, not 1 argument(s)",
            ),
            (
                "data.l.all(x, 1)",
                "load: 14 `all` needs true or false, and this is int",
            ),
            (
                "data.l.all(data, true)",
                "load: 11 `data` cannot be the name of an item",
            ),
            ("data.l.map(x, y)", "load: 14 `y` is not a name here"),
            ("data.l.map(x, x) == x", "load: 20 `x` is not a name here"),
            ("all(data.l, x)", "load: 0 there is no function `all`"),
        ],
    );
}

#[test]
fn macros_visit_a_bounded_number_of_items() {
    let ten = "[0,1,2,3,4,5,6,7,8,9]";
    let nested = |depth: usize| {
        let body = (0..depth).fold("1".to_owned(), |body, n| format!("{ten}.map(x{n}, {body})"));
        world().answer(&body, Mode::Strict)
    };
    assert!(nested(3).starts_with("[[[1"));
    assert!(
        nested(5).contains("visit more than 10000 items"),
        "{}",
        nested(5)
    );
}

#[test]
fn texts_are_cut_joined_and_converted() {
    check(
        Mode::Strict,
        &[
            ("'a,b,,c'.split(',')", r#"["a","b","","c"]"#),
            ("'hé'.split('')", r#"["h","é"]"#),
            ("['a', 'b'].join('-') + [].join('-')", "\"a-b\""),
            (
                "[1].join('-')",
                "run: join() takes a list of strings, and one item is int",
            ),
            (
                "'AbÉ'.lowerAscii() + 'abé'.upperAscii() + ' x '.trim()",
                "\"abÉABéx\"",
            ),
            ("bool('true') && !bool('0') && bool(true)", "true"),
            ("bool('yes')", "run: 'yes' is neither 'true' nor 'false'"),
            (
                "duration('1h') - duration('10m') > duration('49m') && event.time + duration('1s') == 1077",
                "true",
            ),
            ("b'x'", "load: 0 bytes do not exist here"),
            ("1u", "load: 1 `u` cannot follow the number `1`"),
            (
                "timestamp('2026-01-01T00:00:00Z')",
                "load: 0 there is no function `timestamp`",
            ),
        ],
    );
}

#[test]
fn depth_and_length_are_bounded() {
    let world = world();
    for (text, complaint) in [
        (
            format!("{}1{}", "(".repeat(200), ")".repeat(200)),
            "nests deeper",
        ),
        (format!("{}1", "-".repeat(2_000)), "nests deeper"),
        (format!("{}true", "!".repeat(2_000)), "nests deeper"),
        (format!("1{}", " + 1".repeat(200)), "nests deeper"),
        (
            format!("{}1{}", "[".repeat(200), "]".repeat(200)),
            "nests deeper",
        ),
        (format!("'{}'", "x".repeat(5_000)), "longer than"),
        (format!("data.n{}", ".a".repeat(150)), "nests deeper"),
        ("true ? 1 : ".repeat(200) + "1", "nests deeper"),
    ] {
        let answer = world.answer(&text, Mode::Strict);
        assert!(answer.contains(complaint), "{answer}");
    }
}

#[test]
fn a_value_that_doubles_is_refused_before_it_is_large() {
    let mut value = Value::list([Value::Int(1)]);
    let mut refused = false;
    for _ in 0..64 {
        value = Value::list([value.clone(), value]);
        refused |= weigh(&value).is_err();
    }
    assert!(refused);
    assert_eq!(weigh(&Value::list([Value::Int(1), Value::Null])), Ok(3));
}

/// A choice is no short cut's business: behind one, operands take the long way.
#[test]
fn short_cuts_say_what_the_long_way_says() {
    const OPERANDS: &str = "n; x; t; l; yes; any; m.a; m.deep.b; m.none; n.a; l[0]; l[9]; m['a']; 1; 2.5; 'c'; 'turn.done'; true; null; \
        [1, 2, 3]; 9223372036854775807; _event.name; _event.data; _event.data.ok; _event.data.none.below; size(l); size(m); size(n); \
        n + 1; n * 9223372036854775807; n % 2; n % 0";
    const OPERATORS: &[&str] = &["==", "!=", "<", "<=", ">", ">=", "in", "-", "*", "%"];
    let world = world();
    let name = "here".into();
    let scope = world.scope(&name, false);
    let compiled = |text: &str| world.compile(text, Mode::Deferred).expect("deferred").0;
    let same = |short: &str, long: &str| {
        let (short_cut, long_way) = (compiled(short), compiled(long));
        assert_eq!(short_cut.holds(&scope), long_way.holds(&scope), "{short}");
        let value = long_way.evaluate(&scope).ok().and_then(|v| v.as_int());
        let int = short_cut.int(&scope);
        assert!(int.is_none() || int == value, "{short}: {int:?} {value:?}");
    };
    for left in OPERANDS.split("; ") {
        same(left, &format!("(yes ? {left} : {left})"));
        same(
            &format!("has(({left}).a)"),
            &format!("has((yes ? {left} : {left}).a)"),
        );
        for right in OPERANDS.split("; ") {
            let hidden = |of: &str| format!("(yes ? {of} : {of})");
            for operator in OPERATORS {
                same(
                    &format!("({left}) {operator} ({right})"),
                    &format!("{} {operator} {}", hidden(left), hidden(right)),
                );
            }
            for method in ["contains", "startsWith", "endsWith"] {
                same(
                    &format!("({left}).{method}({right})"),
                    &format!("{}.{method}({})", hidden(left), hidden(right)),
                );
            }
        }
    }
}

proptest::proptest! {
    /// No text makes the compiler or the evaluation panic, in either mode.
    #[test]
    fn no_text_panics(text in r#"(data|event|\.|n|\[|\]|\(|\)|'|"|\\|[0-9]|\+|-|\*|/|%|&&|\|\||!|\?|:|,|\{|\}| |in|has|size|In|==|<|e|x){0,24}"#) {
        let world = world();
        world.answer(&text, Mode::Strict);
        world.answer(&text, Mode::Deferred);
    }

    /// A strict expression that loads is never of another type than it was said to be.
    #[test]
    fn types_hold(text in r"(1|2\.5|'t'|true|data\.n|data\.x|data\.t|data\.l|event\.time)( (\+|-|\*|<|==|&&) (1|2\.5|'t'|true|data\.n|data\.x|data\.t|data\.l)){0,3}") {
        let world = world();
        if let Ok((expr, kind)) = world.compile(&text, Mode::Strict) {
            let name = "here".into();
            if let Ok(value) = expr.evaluate(&world.scope(&name, false)) {
                proptest::prop_assert!(kind == Type::Dynamic || kind == Type::of(&value), "{text}: {kind:?} {value}");
            }
        }
    }
}
