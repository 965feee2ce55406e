//! Templates: what they can say, what they cannot reach, and the bounds they run into.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn place() -> Place {
    Place::new("agents/coder.yaml", 7, 9)
}

fn values() -> serde_json::Value {
    json!({
        "agent": { "name": "coder", "version": "1.0.0", "doc": "Codes." },
        "model": { "provider": "local", "name": "qwen", "context_length": 4096 },
        "states": ["act", "watch"],
        "data": { "rounds": 2, "goal": "ship </charter>" },
        "now": "2026-11-20T10:00:00Z",
        "date": "2026-11-20",
        "tools": ["fs.read"],
        "prompt": "Go on.",
    })
}

fn render(source: &str) -> Result<String, TemplateError> {
    render_template(source, "hello", &place(), &values())
}

fn complaint(source: &str) -> String {
    render(source).unwrap_err().to_string()
}

fn findings(source: &str) -> Vec<String> {
    check_template(source, "hello", &place())
        .into_iter()
        .map(|finding| format!("{}: {}; {}", finding.place, finding.message, finding.help))
        .collect()
}

#[test]
fn a_template_is_filled_with_what_there_is_and_nothing_is_escaped() {
    let source = "{{ agent.name }} on {{ date }}:\n{% for state in states %}\n- {{ state }}\n{% endfor %}\n{{ data.goal }}\n";
    assert_eq!(
        render(source).unwrap(),
        "coder on 2026-11-20:\n- act\n- watch\nship </charter>\n"
    );
    let html = render_template("{{ data.goal }}", "page.html", &place(), &values());
    assert_eq!(html.unwrap(), "ship </charter>");
    for (name, _) in TEMPLATE_NAMES {
        assert!(render(&format!("{{{{ {name} }}}}")).is_ok(), "{name}");
    }
    assert_eq!(findings(source), [""; 0]);
}

#[test]
fn a_name_that_is_not_there_is_named_with_its_place_and_those_that_are() {
    assert_eq!(
        complaint("Hello\n  {{ agent.name }} {{ data.round }}"),
        "agents/coder.yaml:8:31: template `hello`: `data.round` is not there; `data` has goal, rounds; \
         ask with `is defined` first if it need not be there"
    );
    assert_eq!(
        complaint("{{ nothing }}"),
        "agents/coder.yaml:7:12: template `hello`: `nothing` is not there; \
         there are agent, data, date, model, now, prompt, states, tools; \
         ask with `is defined` first if it need not be there"
    );
    assert_eq!(
        render("{% if data.round is defined %}{{ data.round }}{% endif %}.").unwrap(),
        "."
    );
    assert!(complaint("{% set x = {} %}\n{{ x.y }}").starts_with("agents/coder.yaml:8:9: "));
}

#[test]
fn slips_of_the_pen_are_found_before_a_run_gets_there() {
    assert_eq!(
        findings("{{ agnet.name }} {# agnet #}\n{{ model.size + range(3)|length }} {{ data.any }}"),
        [
            "agents/coder.yaml:7:12: `agnet` is not a name that a template knows; \
             known are agent, data, date, model, now, prompt, states, tools",
            "agents/coder.yaml:8:12: `model.size` is not a name that a template knows; \
             `model` has provider, name, context_length",
        ]
    );
    assert_eq!(
        findings("one\n{% if %}"),
        ["agents/coder.yaml:8:9: syntax error: unexpected end of block; "]
    );
}

#[test]
fn no_template_reaches_another_one() {
    for source in [
        "{% include 'secret' %}",
        "{% import 'x' as x %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
    ] {
        assert!(complaint(source).contains("stands alone"), "{source}");
        let found = findings(&format!("\n{source}"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("agents/coder.yaml:8:9: "), "{found:?}");
    }
    let harmless =
        "{% raw %}{% include 'x' %}{% endraw %}{# {% include 'x' %} #}{{ '{% include' }}";
    assert_eq!(findings(harmless), [""; 0]);
    assert_eq!(render(harmless).unwrap(), "{% include 'x' %}{% include");
}

#[test]
fn a_template_ends_and_writes_no_more_than_it_may() {
    let nested =
        "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}";
    assert!(complaint(nested).contains("does too much"));
    let recursive = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
    assert!(complaint(recursive).contains("recursion"));
    let large = "{{ 'x' * 90000000 }}";
    assert!(
        complaint(large).contains("may write 16MiB at most"),
        "{}",
        complaint(large)
    );
    assert!(complaint("{{ debug() }}").contains("agents/coder.yaml:7:"));
    assert!(!findings("{{ debug() }}").is_empty());
}

#[test]
fn what_is_written_at_length_is_refused_where_it_begins() {
    let long = format!("\n {{{{ '{}' }}}}", "x".repeat(5_000));
    assert_eq!(
        complaint(&long),
        "agents/coder.yaml:8:10: template `hello`: what begins here is longer than 2048 bytes, or never ends; \
         close it, or take it apart with `set`"
    );
    assert!(render(&"text {{ agent.name }}\n".repeat(1_000)).is_ok());
    assert!(
        render(&format!(
            "{{# {0} #}}{{% raw %}}{0}{{% endraw %}}",
            "{{ x".repeat(5_000)
        ))
        .is_ok()
    );
    assert_eq!(render("{{ {'a': {}} }}{{ '}}' }}").unwrap(), "{'a': {}}}}");
}

#[test]
fn no_depth_of_nesting_overflows_the_stack() {
    for (open, close) in [
        ("{{ ", " }}"),
        ("(", ")"),
        ("[", "]"),
        ("{% if 1 %}", "{% endif %}"),
        ("{% for x in states %}", "{% endfor %}"),
        ("not ", ""),
        ("-", ""),
        ("1 ~ ", ""),
        ("1 if 1 else ", ""),
        ("'}}' ~ ", ""),
        ("[{}] ~ ", ""),
    ] {
        let inside = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        for source in [inside.clone(), format!("{{{{ {inside} }}}}")] {
            let findings = check_template(&source, "deep", &place());
            let rendered = render_template(&source, "deep", &place(), &values());
            assert!(findings.is_empty() || rendered.is_err());
        }
    }
}

/// Bits of templates in any order.
fn sources() -> impl Strategy<Value = String> {
    let bit = prop::sample::select(vec![
        "{{", "}}", "{%", "%}", "{#", "#}", " ", "\n", "é", "agent", ".name", "data", ".x", "for",
        "if", "in", "set", "endfor", "endif", "raw", "endraw", "include", "'", "|", "upper", "(",
        ")", "-", "=", "1", "states", "macro", "x",
    ]);
    proptest::collection::vec(bit, 0..24).prop_map(|bits| bits.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_that_can_be_written_panics_and_complaints_point_into_it(source in sources()) {
        let lines = u32::try_from(source.split('\n').count()).unwrap();
        let inside = |at: &Place| (7..7 + lines.max(1)).contains(&at.line) && at.column >= 9;
        for finding in check_template(&source, "any", &place()) {
            prop_assert!(inside(&finding.place), "{finding:?}");
        }
        if let Err(error) = render_template(&source, "any", &place(), &values()) {
            prop_assert!(inside(&error.place), "{error}");
        }
    }
}

#[test]
fn filters_and_tests_that_there_are_not_are_found_before_a_run_gets_there() {
    assert_eq!(
        findings("Now:\n  {{ now | nofilter }} {{ now|upper|noother(1) }}"),
        [
            "agents/coder.yaml:8:20: there is no filter `nofilter`; among the filters are `default`, `join`, `length`, `lower`, `replace`, `sort`, `tojson`, `trim` and `upper`",
            "agents/coder.yaml:8:45: there is no filter `noother`; among the filters are `default`, `join`, `length`, `lower`, `replace`, `sort`, `tojson`, `trim` and `upper`",
        ]
    );
    for (wrong, name) in [
        ("{% if now is notest %}{% endif %}", "test `notest`"),
        ("{% if now is not notest %}{% endif %}", "test `notest`"),
        (
            "{%- filter nofilter -%}x{% endfilter %}",
            "filter `nofilter`",
        ),
        (
            "{{ 'a' if states | nofilter else 'b' }}",
            "filter `nofilter`",
        ),
        ("{{ nofunction(now) }}", "`nofunction` is not a name"),
    ] {
        let found = findings(wrong);
        assert!(
            found.len() == 1 && found[0].contains(name),
            "{wrong}: {found:?}"
        );
    }
    for right in [
        "{{ states | join(', ') | upper }}",
        "{{ now | default('x | nofilter') }}{# now | nofilter #}",
        "{% raw %}{{ now | nofilter }}{% endraw %} now | nofilter is notest",
        "{% if prompt is defined and now is not none and 1 is odd %}{{ 'it\\'s is notest' }}{% endif %}",
        "{% filter upper %}is notest{% endfilter %}",
        "{{ range(3) | list }}{% for s in states | sort(reverse=true) %}{{ s }}{% endfor %}",
        "{{ data.is }}{{ data['is'] }}",
    ] {
        assert_eq!(findings(right), [""; 0], "{right}");
    }
}

#[test]
fn no_filter_makes_more_of_little_than_a_template_may_write() {
    for source in [
        "{{ 'a' | indent(10000000000, true) }}",
        "{{ 'a' | indent(width=10000000000, first=true) }}",
        "{{ ['a'] | map('indent', 10000000000, true) | list }}",
        "{{ ('a\\n' * 1000000) | indent(1000) | length }}",
        "{{ ('a' * 10000000) | replace('a', 'b' * 10000) | length }}",
        "{{ ('a' * 10000000) | replace('', 'b' * 10000) | length }}",
        "{{ range(100000) | join('b' * 1000000) | length }}",
        "{{ (['a' * 10000000] * 1000) | join | length }}",
        "{{ '%10000000000d' | format(1) | length }}",
        "{{ '%*d' | format(10000000000, 1) | length }}",
        "{{ [1] | batch(10000000000, 1) | length }}",
        "{{ [1] | slice(10000000000, 1) | length }}",
        "{{ [[1]] | tojson(10000000000) | length }}",
        "{{ [[1]] | tojson(indent=10000000000) | length }}",
        "{{ ([1] * 90000000) | list | length }}",
        "{% set a = 'a' * 1000000 %}{% for i in range(100) %}{% set b %}{{ a }}{% endset %}{% endfor %}",
        "{% macro twice(x, n) %}{% if n %}{{ twice(x, n - 1) }}{{ twice(x, n - 1) }}{% endif %}{{ x }}{% endmacro %}{% set b = twice('a' * 1000000, 4) %}",
        "{{ range(1000000) | list }}",
    ] {
        let complaint = complaint(source);
        let limits = complaint.contains("most") || complaint.contains("too many");
        assert!(limits, "{source}: {complaint}");
    }
    for (source, expected) in [
        ("{{ '%5d%% 2026' | format(7) }}", "    7% 2026"),
        ("{{ 'a\\nb' | indent }}", "a\n    b"),
        ("{{ 'a\\nb' | indent(width=2, first=true) }}", "  a\n  b"),
        ("{{ 'aXb' | replace('X', '-') }}", "a-b"),
        ("{{ states | join(', ') }}", "act, watch"),
        ("{{ states | join }}", "actwatch"),
        ("{{ '%5d|%s' | format(7, 'x') }}", "    7|x"),
        (
            "{{ [1, 2, 3] | batch(2) | list | tojson }}",
            "[[1, 2], [3]]",
        ),
        (
            "{{ states | map('upper') | sort(reverse=true) | list }}",
            "['WATCH', 'ACT']",
        ),
        (
            "{{ [3, 1] | sort | unique | reverse | list | string }}",
            "[3, 1]",
        ),
    ] {
        assert_eq!(render(source).as_deref(), Ok(expected), "{source}");
    }
}
