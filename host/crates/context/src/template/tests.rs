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
