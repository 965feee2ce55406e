//! Scripts against payloads: what they answer, and what they say when they cannot.

use super::*;
use types::{ModelParameters, Provenance, ProviderKind, Role, ToolResult, ToolSchema};

const SURVEY: &str = r#"
script: survey
doc: Counts, then writes.
replies:
  - when: "called('search.count') == 0"
    text: "{{ prompt }}: {{ tools | join(', ') }}"
    calls:
      - { tool: search.count, arguments: { path: /workspace, by: language, deep: true, limit: 5 } }
      - tool: fs.list
  - when: "last.failed"
    text: "It failed: {{ last.text }}"
  - when: "called('fs.write') == 0"
    calls:
      - tool: fs.write
        arguments:
          path: /out/n.md
          text: |
            {% for row in result('search.count', 0).json.rows %}
            - {{ row.language | code }}: {{ row.files | thousands }}
            {% endfor %}
            {{ results | length }}
          count: "{{ result('search.count', -1).json.rows[0].files }}"
          nested: [{ a: "{{ turn }}" }, "{{ turn }}{{ turn }}", null]
  - text: "done {{ results_of('fs.list') | length }} {{ results[0].arguments.by }}"
"#;

fn scripted(source: &str) -> Result<Scripted, Vec<String>> {
    let environment = filters::environment();
    match Script::parse(source, "s.yaml", &environment) {
        Ok(script) => Ok(Scripted {
            script,
            environment,
        }),
        Err(findings) => Err(findings.iter().map(line_of).collect()),
    }
}

fn payload(items: Vec<Item>) -> Payload {
    Payload {
        items: items.into_iter().map(Arc::new).collect(),
        tools: vec![
            ToolSchema {
                name: "fs.read".into(),
                description: "Reads.".into(),
                parameters: Arc::new(serde_json::json!({})),
            },
            ToolSchema {
                name: "signal".into(),
                description: "Raises.".into(),
                parameters: Arc::new(
                    serde_json::json!({"properties": {"event": {"enum": ["signal.flawed"]}}}),
                ),
            },
        ],
        parameters: ModelParameters {
            provider: "script".into(),
            name: "any".into(),
            context_length: 1000,
            max_output: 100,
            temperature: None,
            reasoning: None,
        },
        breakpoints: vec![],
    }
}

fn said(text: &str, provenance: Provenance) -> Item {
    Item::Text {
        role: Role::User,
        text: text.into(),
        provenance,
        labels: vec![],
    }
}

fn assistant(reply: &Reply) -> Item {
    Item::Assistant {
        text: (&reply.text).into(),
        reasoning: None,
        calls: reply.calls.clone(),
        provenance: Provenance::Model(reply.model.clone()),
    }
}

fn result(call: &ToolCall, text: &str, failed: bool) -> Item {
    Item::Result(ToolResult {
        call: call.id.clone(),
        name: call.name.clone(),
        text: text.into(),
        failed,
        provenance: Provenance::House,
        labels: vec![],
    })
}

#[test]
fn a_script_plays_a_whole_conversation() {
    let model = scripted(SURVEY).unwrap();
    let mut items = vec![
        said("Survey it", Provenance::Human),
        said("state: orient", Provenance::House),
    ];
    let first = model.answer(&payload(items.clone()), &mut ()).unwrap();
    assert_eq!(&*first.text, "Survey it: fs.read, signal");
    assert_eq!(first.stop, StopReason::ToolCalls);
    assert_eq!(
        first.calls[0].arguments,
        r#"{"path":"/workspace","by":"language","deep":true,"limit":5}"#
    );
    assert_eq!(
        (
            &*first.calls[0].id,
            &*first.calls[1].id,
            first.calls[1].arguments.to_string()
        ),
        ("call_0_0", "call_0_1", "{}".to_owned())
    );

    items.push(assistant(&first));
    let counted = "Counted.\n{\"rows\":[{\"language\":\"C|C++\",\"files\":12345}]}";
    items.push(result(&first.calls[0], counted, false));
    items.push(result(&first.calls[1], "a b", false));
    let second = model.answer(&payload(items.clone()), &mut ()).unwrap();
    let arguments: serde_json::Value =
        serde_json::from_str(&second.calls[0].arguments.plain()).unwrap();
    assert_eq!(
        arguments,
        serde_json::json!({
            "path": "/out/n.md", "text": "- `C\\|C++`: 12,345\n2\n", "count": 12345, "nested": [{"a": 1}, "11", null],
        })
    );
    assert_eq!(&*second.calls[0].id, "call_1_0");

    items.push(assistant(&second));
    items.push(result(&second.calls[0], "written", false));
    let third = model.answer(&payload(items.clone()), &mut ()).unwrap();
    assert_eq!(
        (&*third.text, third.stop.clone()),
        ("done 1 language", StopReason::End)
    );
    // A pure function of the payload: asked again, it says the same.
    assert_eq!(
        model.answer(&payload(items.clone()), &mut ()).unwrap(),
        third
    );

    items.pop();
    items.push(result(&second.calls[0], "no such mount", true));
    let failed = model.answer(&payload(items), &mut ()).unwrap();
    assert_eq!(&*failed.text, "It failed: no such mount");
}

#[test]
fn usage_is_an_estimate_and_the_text_is_streamed() {
    #[derive(Default)]
    struct Heard(Vec<String>);
    impl ModelSink for Heard {
        fn text(&mut self, delta: &str) {
            self.0.push(delta.to_owned());
        }
        fn reasoning(&mut self, _: &str) {}
    }
    let model = scripted("script: s\nreplies: [{ text: \"one\\ntwo\" }]").unwrap();
    let mut heard = Heard::default();
    let reply = model.answer(&payload(vec![]), &mut heard).unwrap();
    assert_eq!(heard.0, ["one\n", "two"]);
    assert_eq!((reply.usage.output, reply.usage.reported), (2, false));
    assert!(reply.usage.input > 0);
}

#[test]
fn signals_on_offer_can_be_asked_for() {
    let model =
        scripted("script: s\nreplies: [{ when: \"'signal.flawed' in signals\", text: raise }]")
            .unwrap();
    assert_eq!(
        &*model.answer(&payload(vec![]), &mut ()).unwrap().text,
        "raise"
    );
}

#[test]
fn a_missing_reply_says_what_the_script_saw() {
    let model = scripted("script: s\nreplies: [{ when: \"turn > 5\", text: x }]").unwrap();
    let error = model
        .answer(&payload(vec![said("Go on", Provenance::Human)]), &mut ())
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::NoReply);
    assert_eq!(
        error.message,
        "script `s` (s.yaml) has no reply for this payload: turn 0, prompt `Go on`, calls so far: none. Add a reply whose `when` holds \
         here, or end the list with one that has no `when`"
    );
}

#[test]
fn a_failure_while_playing_names_the_reply_and_the_line() {
    for (source, expected) in [
        (
            "script: s\nreplies:\n  - text: |\n      fine\n      {{ last.json.rows }}\n",
            "script `s`, reply 1: s.yaml:5:1: undefined value",
        ),
        (
            "script: s\nreplies:\n  - when: \"turn == 7\"\n    text: no\n  - when: \"result('x', 0).json\"\n    text: no\n",
            "script `s`, reply 2: s.yaml:5:11: undefined value",
        ),
        (
            "script: s\nreplies:\n  - calls:\n      - tool: fs.read\n        arguments:\n          path: \"{{ 'x' | nope }}\"\n",
            "script `s`, reply 1: s.yaml:6:17: unknown filter",
        ),
        (
            "script: s\nreplies:\n  - calls: [{ tool: a.b, arguments: { n: \"{{ result('x', 0) }}\" } }]\n",
            "script `s`, reply 1: s.yaml:3:42: undefined value: `result('x', 0)` is not there",
        ),
    ] {
        let error = scripted(source)
            .unwrap()
            .answer(&payload(vec![]), &mut ())
            .unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::NoReply);
        assert!(
            error.message.starts_with(expected),
            "{}\nexpected {expected}",
            error.message
        );
    }
}

#[test]
fn a_broken_script_is_refused_with_every_place() {
    for (source, expected) in [
        (
            "replies: []",
            vec![
                "s.yaml:1:1: this script has no `script`",
                "s.yaml:1:10: the script has no replies",
            ],
        ),
        (
            "script: s\nreplies: []",
            vec!["s.yaml:2:10: the script has no replies"],
        ),
        (
            "script: s\nreplies: [{ txt: x }]",
            vec!["s.yaml:2:13: unknown key `txt` in a reply (did you mean `text`?)"],
        ),
        (
            "script: s\nreply: []",
            vec![
                "s.yaml:1:1: this script has no `replies`",
                "s.yaml:2:1: unknown key `reply` in a script (the keys known here are",
            ],
        ),
        (
            "script: s\nreplies:\n  - when: \"true\"",
            vec!["s.yaml:3:5: this reply says nothing"],
        ),
        (
            "script: s\nreplies: [{ calls: [{ tool: \"\" }] }]",
            vec!["`tool` must be text, not an empty text"],
        ),
        (
            "script: s\nreplies: [{ calls: [{ tool: a.b, arguments: [1] }] }]",
            vec!["`arguments` is a list, not a map"],
        ),
        ("script: [", vec!["s.yaml:1:"]),
        (
            "script: s\nscript: t\nreplies: []",
            vec!["s.yaml:2:1: the key `script` stands here a second time"],
        ),
        (
            "script: s\nreplies:\n  - when: \"turn ==\"\n    text: \"{% if %}\"\n  - text: |\n      a\n      {{ promt }}\n    calls: [{ tool: a.b, arguments: { x: \"{{ y }}\" } }]",
            vec![
                "s.yaml:3:11: syntax error",
                "s.yaml:4:11: syntax error",
                "s.yaml:6:7: `promt` is not a name that a script knows (did you mean `prompt`?)",
                "s.yaml:8:42: `y` is not a name",
            ],
        ),
    ] {
        let findings = scripted(source).err().unwrap_or_default();
        assert_eq!(findings.len(), expected.len(), "{source}\n{findings:#?}");
        for (finding, expected) in findings.iter().zip(&expected) {
            assert!(finding.contains(expected), "{finding}\nexpected {expected}");
        }
    }
}

#[test]
fn names_that_a_template_makes_itself_are_known() {
    let source = "script: s\nreplies:\n  - text: \"{% set n = turn + 1 %}{% for r in range(n) %}{{ loop.index }}{{ r }}{% endfor %}{{ namespace(a=1).a }}\"";
    let reply = scripted(source)
        .unwrap()
        .answer(&payload(vec![]), &mut ())
        .unwrap();
    assert_eq!(&*reply.text, "101");
}

#[test]
fn files_are_checked_without_being_played() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.yaml");
    let missing = check_script(&file, "scripts/s.yaml");
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].place.to_string(), "scripts/s.yaml:1:1");
    std::fs::write(&file, SURVEY).unwrap();
    assert_eq!(check_script(&file, "scripts/s.yaml"), []);
    std::fs::write(&file, "script: s\nreplies: [{ text: \"{{ nope }}\" }]").unwrap();
    let config = ProviderConfig::new("script", ProviderKind::Scripted { file: file.clone() });
    let error = crate::open(&config, &crate::Settings::default())
        .err()
        .unwrap();
    assert!(
        error
            .message
            .contains("the script of provider `script` cannot be used")
            && error.message.contains("`nope`"),
        "{error}"
    );
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut source = String::from(
        "script: s\nreplies:\n  - calls:\n    - tool: a.b\n      arguments:\n        a0: &a0 [x,x,x,x,x,x,x,x,x]\n",
    );
    for n in 1..12 {
        let alias = format!("*a{}", n - 1);
        source += &format!("        a{n}: &a{n} [{}]\n", vec![alias; 9].join(","));
    }
    assert!(scripted(&source).is_err());
}

#[test]
fn a_script_that_is_given_work_again_begins_anew_and_no_call_has_the_name_of_another() {
    let model = scripted(
        "script: s\nsince: New work\nreplies:\n  - when: \"called('fs.read') == 0\"\n    calls: [{ tool: fs.read }]\n  - text: \"{{ turn }} {{ results | length }}\"",
    )
    .unwrap();
    let mut items = Vec::new();
    let mut names = Vec::new();
    for _ in 0..2 {
        items.push(said("New work: this.", Provenance::House));
        let asked = model.answer(&payload(items.clone()), &mut ()).unwrap();
        names.push(asked.calls[0].id.clone());
        items.push(assistant(&asked));
        items.push(result(&asked.calls[0], "read", false));
        let said = model.answer(&payload(items.clone()), &mut ()).unwrap();
        assert_eq!(&*said.text, "1 1");
        items.push(assistant(&said));
    }
    assert_ne!(names[0], names[1]);
    let wrong = scripted("script: s\nsince: \"\"\nreplies: [{ text: x }]")
        .err()
        .unwrap();
    assert!(wrong[0].contains("`since` is empty"), "{wrong:?}");
}
